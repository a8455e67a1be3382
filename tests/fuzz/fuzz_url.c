/* libFuzzer target: URLs. A line is resolved against the line before it. */
#include "fuzz.h"
#include "http_hop.h"
#include "url.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define URL_BYTES_MAX 8192

/* Nothing in it ends a line, a quote or a tag, and its form is final. */
static void check_canonical(const char *url) {
  assert(strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
  assert(strlen(url) <= URL_BYTES_MAX);
  assert(!strpbrk(url, " \t\r\n\"<>\\^`{|}#"));
  char *again = url_canonical(url);
  fuzz_check_same(url, again);
  free(again);
}

static void check_url(const char *text) {
  char *canonical = url_canonical(text);
  if (canonical) {
    check_canonical(canonical);
    char *host = url_host(text), *same = url_host(canonical);
    assert(host && *host);
    fuzz_check_same(host, same);
    free(host);
    free(same);
  }
  free(canonical);
}

static void check_resolve(const char *base, const char *reference) {
  char *resolved = url_resolve(base, reference);
  if (!resolved)
    return;
  assert(strlen(resolved) <= URL_BYTES_MAX);
  char *again = url_resolve(NULL, resolved);
  char *canonical = url_canonical(resolved);
  fuzz_check_same(resolved, again);
  assert(canonical);
  check_url(resolved);
  free(canonical);
  free(again);
  free(resolved);
}

/* What curl reads out of a URL, it reads out of its own spelling of it. */
static void check_hop(const char *text) {
  struct http_hop hop, again;
  enum http_failure failure = http_hop_init(&hop, text);
  if (failure != HTTP_OK) {
    assert(failure == HTTP_BAD_URL && !hop.url && !hop.host && !hop.origin);
    return;
  }
  assert(strlen(hop.url) <= HTTP_URL_MAX && *hop.host);
  failure = http_hop_init(&again, hop.url);
  assert(failure == HTTP_OK);
  fuzz_check_same(hop.origin, again.origin);
  assert(http_hop_same_origin(&hop, &again));
  http_hop_fini(&again);
  http_hop_fini(&hop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  char *base = fuzz_until(&input, '\n', NULL);
  char *reference = fuzz_rest(&input, NULL);
  check_url(base);
  check_hop(base);
  check_resolve(base, reference);
  free(base);
  free(reference);
  return 0;
}
