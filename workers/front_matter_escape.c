#include "front_matter.h"
#include "markdown.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OPENING_LEN 3 /* "{{<" and "{{%" */
#define WORD_JOINER "\xe2\x81\xa0"

/* Liquid runs before Markdown, in code as well as in text; an output of a string is what it leaves
 * behind as that string. */
void front_matter_liquid(struct strbuf *out, const char *body) {
  while (*body != '\0') {
    size_t n = strcspn(body, "{");
    strbuf_add(out, body, n);
    body += n;
    if (body[0] == '\0')
      break;
    if (body[1] != '{' && body[1] != '%') {
      strbuf_putc(out, *body++);
      continue;
    }
    strbuf_printf(out, "{{ \"{%c\" }}", body[1]);
    body += 2;
  }
}

static bool opens(const char *at) {
  return at[0] == '{' && at[1] == '{' && (at[2] == '<' || at[2] == '%');
}

/* The end of a shortcode that is closed: where ">}}" or "%}}" stands; NULL when it is not. */
static const char *closing(const char *opening) {
  const char *end = strstr(opening + OPENING_LEN, opening[2] == '<' ? ">}}" : "%}}");
  const char *next = strstr(opening + OPENING_LEN, "{{");
  while (next != NULL && !opens(next))
    next = strstr(next + 1, "{{");
  return end != NULL && (next == NULL || end < next) ? end : NULL;
}

/* Writes one opening and returns where to go on. Text can use a backslash, which Markdown takes
 * away. Code cannot; Hugo takes away the comment marks in {{</ * x * />}}, in code too. An opening
 * in code that is never closed has no such form: an invisible character parts it. */
static const char *add_opening(struct strbuf *out, const char *at, bool in_code) {
  if (!in_code) {
    strbuf_printf(out, "{{\\%c", at[2]);
    return at + OPENING_LEN;
  }
  const char *end = closing(at);
  if (end == NULL) {
    strbuf_printf(out, "{{" WORD_JOINER "%c", at[2]);
    return at + OPENING_LEN;
  }
  strbuf_printf(out, "{{%c/*", at[2]);
  strbuf_add(out, at + OPENING_LEN, (size_t)(end - at) - OPENING_LEN);
  strbuf_printf(out, "*/%c}}", at[2] == '<' ? '>' : '%');
  return end + OPENING_LEN;
}

static size_t find_openings(const char *body, size_t *offsets, size_t max) {
  size_t n = 0;
  for (const char *at = body; (at = strstr(at, "{{")) != NULL; at++)
    if (opens(at) && n++ < max)
      offsets[n - 1] = (size_t)(at - body);
  return n;
}

bool front_matter_shortcodes(struct strbuf *out, const char *body) {
  size_t n = find_openings(body, NULL, 0);
  if (n == 0) {
    strbuf_puts(out, body);
    return true;
  }
  size_t *offsets = calloc(n, sizeof *offsets);
  bool *in_code = calloc(n, sizeof *in_code);
  bool known = offsets != NULL && in_code != NULL;
  if (known) {
    (void)find_openings(body, offsets, n);
    known = markdown_in_code(body, offsets, n, in_code);
  }
  const char *at = body;
  for (size_t i = 0; known && i < n; i++) {
    const char *opening = body + offsets[i];
    if (opening < at) /* inside a shortcode that is written already */
      continue;
    strbuf_add(out, at, (size_t)(opening - at));
    at = add_opening(out, opening, in_code[i]);
  }
  if (known)
    strbuf_puts(out, at);
  free(offsets);
  free(in_code);
  return known;
}
