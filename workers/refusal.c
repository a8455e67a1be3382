#include "refusal.h"

#include <string.h>
#include <utf8proc.h>

/* The bytes of what begins like a character and is none: its first byte, and what would have
 * continued it. */
static size_t broken_length(const char *text) {
  size_t n = 1;
  while (n < 4 && ((unsigned char)text[n] & 0xC0) == 0x80)
    n++;
  return n;
}

void refusal_mend(char *sentence) {
  char *out = sentence;
  for (const char *in = sentence; *in != '\0';) {
    utf8proc_int32_t c;
    utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)in, -1, &c);
    size_t n = used > 0 ? (size_t)used : broken_length(in);
    if (used > 0)
      memmove(out, in, n);
    else
      *out = '?';
    out += used > 0 ? n : 1;
    in += n;
  }
  *out = '\0';
}
