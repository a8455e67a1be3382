#include "error.h"

#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void error_clear(struct error *error) {
  error->rc = GALLEY_OK;
  error->text[0] = '\0';
}

/* A text cut by vsnprintf may end inside a UTF-8 character: drop the torn one. */
static void trim_torn(char *text, size_t len) {
  size_t end = len;
  while (end > 0 && ((unsigned char)text[end - 1] & 0xC0) == 0x80)
    end--;
  if (end == 0 || (unsigned char)text[end - 1] < 0xC0)
    return;
  unsigned char lead = (unsigned char)text[end - 1];
  size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (len - (end - 1) < need)
    text[end - 1] = '\0';
}

/* A parser's own sentence may quote half a character, and a path need not be UTF-8. */
static void mend(char *text) {
  int32_t character;
  for (size_t n; *text; text += n) {
    n = text_next(text, &character);
    if (character < 0)
      *text = '?';
  }
}

__attribute__((format(printf, 3, 0))) static void put(char *text, size_t size, const char *format,
                                                      va_list args) {
  int n = vsnprintf(text, size, format, args);
  if (n < 0)
    text[0] = '\0';
  else if ((size_t)n >= size)
    trim_torn(text, size - 1);
  mend(text);
}

enum galley_rc error_set(struct error *error, enum galley_rc rc, const char *format, ...) {
  char text[ERROR_TEXT_MAX]; /* an argument may be the old sentence itself */
  va_list args;
  va_start(args, format);
  put(text, sizeof text, format, args);
  va_end(args);
  memcpy(error->text, text, sizeof text);
  error->rc = rc;
  return rc;
}

enum galley_rc error_prefix(struct error *error, const char *format, ...) {
  char context[ERROR_TEXT_MAX / 2];
  va_list args;
  va_start(args, format);
  put(context, sizeof context, format, args);
  va_end(args);
  return error_set(error, error->rc, "%s: %s", context, error->text);
}
