/*
 * strbuf.h - a text that grows. A failed allocation is remembered and makes later calls do nothing,
 * so that a caller checks once at the end.
 */
#ifndef STRBUF_H
#define STRBUF_H

#include <stdbool.h>
#include <stddef.h>

struct strbuf {
  char *data; /* NUL-terminated; NULL while empty */
  size_t len; /* bytes, without the NUL */
  size_t cap;
  bool failed; /* no memory, at some time */
};

void strbuf_add(struct strbuf *buf, const char *bytes, size_t len);
void strbuf_puts(struct strbuf *buf, const char *text);
void strbuf_putc(struct strbuf *buf, char c);
void strbuf_printf(struct strbuf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Shortens to `len` bytes; longer than the text: no change. */
void strbuf_truncate(struct strbuf *buf, size_t len);
/* Hands the text to the caller (free); "" when nothing was added. NULL when anything failed. The
 * buffer is empty and usable again. */
char *strbuf_take(struct strbuf *buf);
void strbuf_fini(struct strbuf *buf);

#endif
