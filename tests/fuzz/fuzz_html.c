/* libFuzzer target: HTML as plain text. */
#include "fuzz.h"
#include "html_text.h"
#include "strbuf.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 100000

static void check_plain(const char *text, size_t max) {
  size_t len = strlen(text);
  fuzz_check_text(text, max);
  assert(!strstr(text, "\n\n\n") && !strstr(text, "  ") && !strstr(text, " \n"));
  assert(len == 0 || (!strchr(" \n", text[0]) && !strchr(" \n", text[len - 1])));
  for (const char *c = text; *c; c++)
    assert((unsigned char)*c >= 0x20 || *c == '\n');
}

static void escape(struct strbuf *out, const char *text) {
  for (; *text; text++) {
    if (strchr("&<>\"'", *text))
      strbuf_printf(out, "&#%d;", *text);
    else if (*text == '\n')
      strbuf_puts(out, "<br>");
    else
      strbuf_putc(out, *text);
  }
}

/* What came out, as HTML, comes out again: entities are decoded once, and nothing is lost. */
static void check_again(const char *plain) {
  struct strbuf html = {0};
  escape(&html, plain);
  char *again = html_text(html.data ? html.data : "", html.len, ROOM);
  fuzz_check_same(plain, again);
  free(again);
  strbuf_fini(&html);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  size_t max = fuzz_byte(&input) * 4u;
  char *html = fuzz_rest(&input, NULL);
  fuzz_make_utf8(html);
  char *cut = html_text(html, strlen(html), max);
  char *whole = html_text(html, strlen(html), ROOM);
  assert(cut && whole);
  check_plain(cut, max);
  check_plain(whole, ROOM);
  check_again(whole);
  free(cut);
  free(whole);
  free(html);
  return 0;
}
