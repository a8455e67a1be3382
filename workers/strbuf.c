#include "strbuf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP_FIRST 64

/* Makes room for `more` bytes and a NUL. */
static bool reserve(struct strbuf *buf, size_t more) {
  if (buf->failed)
    return false;
  if (more < buf->cap && buf->len < buf->cap - more)
    return true;
  size_t cap = buf->cap == 0 ? CAP_FIRST : buf->cap;
  while (cap <= buf->len || cap - buf->len <= more) {
    if (cap > SIZE_MAX / 2) {
      buf->failed = true;
      return false;
    }
    cap *= 2;
  }
  char *data = realloc(buf->data, cap);
  if (data == NULL) {
    buf->failed = true;
    return false;
  }
  buf->data = data;
  buf->cap = cap;
  return true;
}

void strbuf_add(struct strbuf *buf, const char *bytes, size_t len) {
  if (len == 0 || !reserve(buf, len))
    return;
  memcpy(buf->data + buf->len, bytes, len);
  buf->len += len;
  buf->data[buf->len] = '\0';
}

void strbuf_puts(struct strbuf *buf, const char *text) {
  strbuf_add(buf, text, strlen(text));
}

void strbuf_putc(struct strbuf *buf, char c) {
  strbuf_add(buf, &c, 1);
}

void strbuf_printf(struct strbuf *buf, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  assert(n >= 0);
  size_t len = (size_t)n;
  if (!reserve(buf, len))
    return;
  va_start(args, format);
  (void)vsnprintf(buf->data + buf->len, len + 1, format, args);
  va_end(args);
  buf->len += len;
}

void strbuf_truncate(struct strbuf *buf, size_t len) {
  if (len >= buf->len)
    return;
  buf->len = len;
  buf->data[len] = '\0';
}

char *strbuf_take(struct strbuf *buf) {
  char *text = NULL;
  if (!buf->failed)
    text = buf->data != NULL ? buf->data : calloc(1, 1);
  if (text == NULL)
    free(buf->data);
  *buf = (struct strbuf){0};
  return text;
}

void strbuf_fini(struct strbuf *buf) {
  free(buf->data);
  *buf = (struct strbuf){0};
}
