#include "markdown_text.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define MARK_DIGITS_MAX 3  /* as MARKDOWN_MARK_MAX has */
#define NUMBERS_MAX     16 /* numbers in one mark */
#define ENTITY_LEN_MAX  32 /* of a name between & and ; */
#define LIST_DIGITS_MAX 9  /* of the number of an ordered item, by CommonMark */

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* A letter or digit for the rules of emphasis: every byte of a character past ASCII counts. */
static bool is_word(char c) {
  return isalnum((unsigned char)c) != 0 || (unsigned char)c >= 0x80;
}

/* ---- marks of citation ---- */

static size_t read_number(const char *text, unsigned *number) {
  size_t n = 0;
  *number = 0;
  while (n <= MARK_DIGITS_MAX && is_digit(text[n]))
    *number = *number * 10 + (unsigned)(text[n++] - '0');
  return n <= MARK_DIGITS_MAX && *number > 0 ? n : 0;
}

size_t markdown_text_mark(const char *text, unsigned *number) {
  if (text[0] != '[')
    return 0;
  size_t n = read_number(text + 1, number);
  return n > 0 && text[1 + n] == ']' ? n + 2 : 0;
}

size_t markdown_text_marks(const char *text, unsigned *numbers, size_t max, size_t *n) {
  *n = 0;
  if (text[0] != '[')
    return 0;
  size_t at = text[1] == '^' ? 2 : 1;
  while (*n < max) {
    size_t len = read_number(text + at, &numbers[*n]);
    if (len == 0)
      return 0;
    (*n)++;
    at += len;
    if (text[at] == ']')
      return at + 1;
    if (text[at] != ',' && text[at] != ';')
      return 0;
    at += text[at + 1] == ' ' ? 2 : 1;
  }
  return 0;
}

/* ---- escaping ---- */

static bool looks_like_entity(const char *s, size_t len) {
  size_t i = 1;
  if (i < len && s[i] == '#')
    i++;
  size_t first = i;
  while (i < len && i < ENTITY_LEN_MAX && isalnum((unsigned char)s[i]))
    i++;
  return i > first && i < len && s[i] == ';';
}

/* Characters that have a meaning only where a line begins. */
static bool begins_block(const char *s, size_t len, size_t i) {
  if (strchr("#>+-=:", s[i]) != NULL)
    return true;
  if ((s[i] != '.' && s[i] != ')') || i == 0 || i > LIST_DIGITS_MAX)
    return false;
  for (size_t k = 0; k < i; k++)
    if (!is_digit(s[k]))
      return false;
  return i + 1 == len || s[i + 1] == ' ';
}

static bool needs_escape(const char *s, size_t len, size_t i, char before) {
  char next = i + 1 < len ? s[i + 1] : '\0';
  switch (s[i]) {
  case '\\':
  case '`':
  case '*':
  case '[':
  case ']':
  case '<':
  case '|':
    return true;
  case '_':
    return !is_word(before) || !is_word(next);
  case '~':
  case '$': /* kramdown's mathematics */
    return next == s[i] || before == s[i];
  case '{': /* kramdown's attribute lists */
    return next == ':';
  case '&':
    return looks_like_entity(s + i, len - i);
  default:
    return false;
  }
}

/* Where no block begins any more: past leading digits and one character. */
static size_t line_head(const char *s, size_t len) {
  size_t n = 0;
  while (n < len && n < LIST_DIGITS_MAX && is_digit(s[n]))
    n++;
  return n + 1;
}

void markdown_text_escape(struct strbuf *out, const char *plain, size_t len, unsigned flags) {
  bool line_start = out->len == 0 || out->data[out->len - 1] == '\n';
  size_t head = line_start ? line_head(plain, len) : 0;
  for (size_t i = 0; i < len;) {
    unsigned numbers[NUMBERS_MAX];
    size_t n = 0;
    size_t mark = 0;
    if (plain[i] == '[' && (flags & MARKDOWN_TEXT_MARKS) != 0)
      mark = markdown_text_marks(plain + i, numbers, NUMBERS_MAX, &n);
    for (size_t k = 0; mark > 0 && mark <= len - i && k < n; k++)
      strbuf_printf(out, "[%u]", numbers[k]);
    if (mark > 0 && mark <= len - i) {
      i += mark;
      continue;
    }
    char before = i > 0 ? plain[i - 1] : out->len > 0 ? out->data[out->len - 1] : '\0';
    bool closes = (flags & MARKDOWN_TEXT_HEADING) != 0 && plain[i] == '#' && before == ' ';
    if (closes || (i < head && begins_block(plain, len, i)) || needs_escape(plain, len, i, before))
      strbuf_putc(out, '\\');
    strbuf_putc(out, plain[i++]);
  }
}

/* ---- links ---- */

bool markdown_text_linked(const char *url) {
  static const char *const schemes[] = {"http://", "https://", "mailto:"};
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
    if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
      return true;
  size_t n = strcspn(url, ":/?#");
  return url[0] != '\0' && url[n] != ':';
}

void markdown_text_destination(struct strbuf *out, const char *url) {
  /* "<?" and "<!" may be taken for the beginning of HTML. */
  bool odd = url[0] == '?' || url[0] == '!';
  bool bare = odd || strpbrk(url, "()") == NULL;
  if (!bare)
    strbuf_putc(out, '<');
  for (const char *c = url; *c != '\0'; c++) {
    if ((unsigned char)*c <= ' ' || strchr("<>\\|`", *c) != NULL || *c == 0x7f ||
        (odd && (*c == '(' || *c == ')')))
      strbuf_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
    else
      strbuf_putc(out, *c);
  }
  if (!bare)
    strbuf_putc(out, '>');
}

void markdown_text_link(struct strbuf *out, const char *words, const char *url) {
  if (url == NULL || !markdown_text_linked(url)) {
    markdown_text_escape(out, words, strlen(words), 0);
    return;
  }
  if (strcmp(words, url) == 0 && strpbrk(url, " <>\\`|") == NULL && strstr(url, ":/") != NULL) {
    strbuf_printf(out, "<%s>", url);
    return;
  }
  strbuf_putc(out, '[');
  markdown_text_escape(out, words, strlen(words), 0);
  strbuf_puts(out, "](");
  markdown_text_destination(out, url);
  strbuf_putc(out, ')');
}
