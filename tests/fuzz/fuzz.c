#include "fuzz.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

struct fuzz_input fuzz_begin(const uint8_t *data, size_t size) {
  return (struct fuzz_input){(const char *)data, size};
}

unsigned fuzz_byte(struct fuzz_input *input) {
  if (input->left == 0)
    return 0;
  input->left--;
  return (unsigned char)*input->at++;
}

static char *take(struct fuzz_input *input, size_t n) {
  char *text = malloc(n + 1);
  assert(text);
  if (n > 0)
    memcpy(text, input->at, n);
  text[n] = '\0';
  input->at += n;
  input->left -= n;
  return text;
}

char *fuzz_until(struct fuzz_input *input, char end, size_t *len) {
  const char *stop = input->left > 0 ? memchr(input->at, end, input->left) : NULL;
  size_t n = stop ? (size_t)(stop - input->at) : input->left;
  char *text = take(input, n);
  if (stop)
    (void)fuzz_byte(input);
  if (len)
    *len = n;
  return text;
}

char *fuzz_rest(struct fuzz_input *input, size_t *len) {
  if (len)
    *len = input->left;
  return take(input, input->left);
}

struct galley *fuzz_database(void) {
  static struct galley *q;
  const struct galley_options options = {.flags = GALLEY_OPEN_CREATE};
  if (!q)
    assert(galley_open(&q, ":memory:", &options) == GALLEY_OK);
  return q;
}

/* The next character of `text`, which has `len` bytes; -1 when it is not UTF-8. */
static utf8proc_int32_t next(const char *text, size_t len, size_t *used) {
  utf8proc_int32_t c;
  utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len, &c);
  *used = n > 0 ? (size_t)n : 1;
  return n > 0 ? c : -1;
}

bool fuzz_is_utf8(const char *text) {
  size_t len = strlen(text), used;
  for (size_t at = 0; at < len; at += used)
    if (next(text + at, len - at, &used) < 0)
      return false;
  return true;
}

void fuzz_make_utf8(char *text) {
  size_t len = strlen(text), used;
  for (size_t at = 0; at < len; at += used)
    if (next(text + at, len - at, &used) < 0)
      text[at] = '?';
}

void fuzz_check_text(const char *text, size_t max) {
  assert(!text || strlen(text) <= max);
  assert(!text || fuzz_is_utf8(text));
}

void fuzz_check_sentence(const char *text, size_t size) {
  assert(text && *text);
  fuzz_check_text(text, size - 1);
}

void fuzz_check_harmless(const char *text, size_t len, const char *allowed) {
  size_t used;
  for (size_t at = 0; at < len; at += used) {
    utf8proc_int32_t c = next(text + at, len - at, &used);
    assert(c > 0);
    bool control = c < 0x20 || (c >= 0x7F && c <= 0x9F);
    bool turns = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
    assert(!turns);
    assert(!control || (c < 0x7F && strchr(allowed, (int)c)));
  }
}

void fuzz_check_same(const char *a, const char *b) {
  assert(!a == !b);
  if (a && strcmp(a, b) != 0) {
    fprintf(stderr, "first:  \"%s\"\nsecond: \"%s\"\n", a, b);
    abort();
  }
}
