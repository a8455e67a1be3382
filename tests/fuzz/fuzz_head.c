/* libFuzzer target: the header lines of a reply. */
#include "fuzz.h"
#include "http_head.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define AGE_MAX_MS INT64_C(2147483648000)

static void check_value(const char *text) {
  if (!text)
    return;
  assert(!strpbrk(text, "\n"));
  assert(*text == '\0' ||
         (!strchr(" \t\r\n", text[0]) && !strchr(" \t\r\n", text[strlen(text) - 1])));
}

static void check_head(const struct http_head *head) {
  check_value(head->content_type);
  check_value(head->etag);
  check_value(head->last_modified);
  check_value(head->location);
  assert(head->max_age_ms >= -1 && head->max_age_ms <= AGE_MAX_MS);
  assert(head->retry_after_ms >= -1 && head->retry_after_ms <= AGE_MAX_MS);
  assert(head->status >= 0 && head->status <= 999);
  assert(!http_head_redirects(head) || (head->location && *head->location));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  struct http_head head;
  size_t bytes = 0;
  http_head_init(&head);
  while (input.left > 0) {
    const char *start = input.at;
    free(fuzz_until(&input, '\n', NULL));
    size_t len = (size_t)(input.at - start);
    char *line = malloc(len);
    assert(line);
    memcpy(line, start, len);
    bytes += len;
    enum http_failure failure = http_head_line(&head, line, len);
    free(line);
    assert(head.bytes == bytes);
    assert(failure == (bytes > HTTP_HEADERS_MAX ? HTTP_TOO_LARGE : HTTP_OK));
    check_head(&head);
    if (failure != HTTP_OK)
      break;
  }
  http_head_fini(&head);
  return 0;
}
