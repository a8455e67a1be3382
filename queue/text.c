#include "text.h"

#include "galley.h"

#include <string.h>
#include <utf8proc.h>

size_t text_next(const char *text, int32_t *character) {
  if ((unsigned char)*text < 0x80) { /* most are, and payloads are long */
    *character = (unsigned char)*text;
    return 1;
  }
  /* UTF-8 stops at the first byte that is not a continuation, so the end of the text is never
   * passed. */
  utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, character);
  if (n > 0)
    return (size_t)n;
  *character = -1;
  return 1;
}

bool text_valid(const char *text) {
  while (*text) {
    int32_t character;
    text += text_next(text, &character);
    if (character < 0)
      return false;
  }
  return true;
}

enum text_class text_classify(int32_t character) {
  if (character < 0)
    return TEXT_OTHER;
  switch (utf8proc_category(character)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_NO:
    return TEXT_LETTER;
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ME:
    return TEXT_MARK;
  case UTF8PROC_CATEGORY_ZS:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
  case UTF8PROC_CATEGORY_CC:
    return TEXT_SPACE;
  default:
    return TEXT_OTHER;
  }
}

/* Runs of white space become one space, none at the ends; in place, since it only shrinks. */
static void fold_space(char *text) {
  char *out = text;
  bool gap = false;
  for (const char *in = text; *in;) {
    int32_t character;
    size_t n = text_next(in, &character);
    if (text_classify(character) == TEXT_SPACE) {
      gap = out > text;
    } else {
      if (gap)
        *out++ = ' ';
      gap = false;
      memmove(out, in, n);
      out += n;
    }
    in += n;
  }
  *out = '\0';
}

char *galley_text_fold(const char *text) {
  if (!text)
    return NULL;
  char *folded = (char *)utf8proc_NFKC_Casefold((const utf8proc_uint8_t *)text);
  if (folded)
    fold_space(folded);
  return folded;
}

int64_t galley_text_graphemes(const char *text) {
  int64_t n = 0;
  int32_t state = 0;
  int32_t before = -1;
  while (text && *text) {
    int32_t character;
    text += text_next(text, &character);
    if (character < 0)
      return -1;
    if (before < 0 || utf8proc_grapheme_break_stateful(before, character, &state))
      n++;
    before = character;
  }
  return n;
}
