/* libFuzzer target: slugs. */
#include "fuzz.h"
#include "galley.h"
#include "slug.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What may stand in a URL and name a file. */
static void check_slug(const char *slug, size_t max) {
  size_t len = strlen(slug);
  assert(len > 0);
  fuzz_check_text(slug, max);
  fuzz_check_harmless(slug, len, "");
  assert(slug[0] != '-' && slug[len - 1] != '-' && !strstr(slug, "--"));
  for (const char *c = slug; *c; c++)
    assert((unsigned char)*c >= 0x80 || strchr("abcdefghijklmnopqrstuvwxyz0123456789-", *c));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  size_t max = 4 + fuzz_byte(&input) % GALLEY_SLUG_MAX; /* a character always has room */
  char *text = fuzz_rest(&input, NULL);
  char slug[GALLEY_SLUG_MAX + 1], again[GALLEY_SLUG_MAX + 1];
  galley_slug(text, slug);
  check_slug(slug, GALLEY_SLUG_MAX);
  galley_slug(slug, again);
  fuzz_check_same(slug, again);
  slug_cut(slug, max);
  check_slug(slug, max);
  free(text);
  return 0;
}
