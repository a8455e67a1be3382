/* libFuzzer target: Markdown as blocks and back. What is written again holds no HTML, leads nowhere
 * that a link may not lead, and says the same. */
#include "fuzz.h"
#include "markdown.h"
#include "markdown_text.h"

#include <assert.h>
#include <md4c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- seen with HTML on, as a renderer may have it ----
 * Without bare URLs: with them md4c loses the backslash of "http://\<b>", which is no URL. */

static int see_block(MD_BLOCKTYPE type, void *detail, void *arg) {
  (void)detail;
  (void)arg;
  assert(type != MD_BLOCK_HTML);
  return 0;
}

static void check_destination(const MD_ATTRIBUTE *address) {
  char *text = strndup(address->text, address->size);
  assert(text);
  assert(address->size == 0 || markdown_text_linked(text));
  free(text);
}

static int see_span(MD_SPANTYPE type, void *detail, void *arg) {
  (void)arg;
  if (type == MD_SPAN_IMG)
    check_destination(&((const MD_SPAN_IMG_DETAIL *)detail)->src);
  if (type == MD_SPAN_A)
    check_destination(&((const MD_SPAN_A_DETAIL *)detail)->href);
  return 0;
}

static int see_text(MD_TEXTTYPE type, const MD_CHAR *text, MD_SIZE size, void *arg) {
  (void)text;
  (void)size;
  (void)arg;
  assert(type != MD_TEXT_HTML);
  return 0;
}

static int ignore_block(MD_BLOCKTYPE type, void *detail, void *arg) {
  (void)type;
  (void)detail;
  (void)arg;
  return 0;
}

static int ignore_span(MD_SPANTYPE type, void *detail, void *arg) {
  (void)type;
  (void)detail;
  (void)arg;
  return 0;
}

static void check_tame(const char *source) {
  const MD_PARSER parser = {.flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH,
                            .enter_block = see_block,
                            .leave_block = ignore_block,
                            .enter_span = see_span,
                            .leave_span = ignore_span,
                            .text = see_text};
  assert(md_parse(source, (MD_SIZE)strlen(source), &parser, NULL) == 0);
}

/* ---- */

static void check_block(const struct markdown_block *block) {
  assert(block->text && block->plain);
  fuzz_check_text(block->text, MARKDOWN_MAX);
  fuzz_check_text(block->plain, MARKDOWN_MAX);
  assert(block->depth <= MARKDOWN_DEPTH_MAX);
  assert(block->kind != MARKDOWN_HEADING || (block->level >= 1 && block->level <= 6));
  assert(block->kind != MARKDOWN_CODE || !*block->text ||
         block->text[strlen(block->text) - 1] == '\n');
  assert(!block->url || markdown_text_linked(block->url));
}

static char *rewrite(const char *source) {
  struct markdown markdown;
  struct strbuf out = {0};
  enum markdown_result result = markdown_parse(source, &markdown);
  assert(result == MARKDOWN_PARSED && markdown.n_blocks <= MARKDOWN_BLOCKS_MAX);
  for (size_t i = 0; i < markdown.n_blocks; i++)
    check_block(&markdown.blocks[i]);
  markdown_write(&out, markdown.blocks, markdown.n_blocks);
  markdown_fini(&markdown);
  assert(!out.failed);
  return out.data ? strbuf_take(&out) : strdup("");
}

/* Plain text in a paragraph of its own stands there to the letter. */
static void check_escape(const char *line) {
  struct markdown markdown;
  struct strbuf out = {0};
  strbuf_puts(&out, "Begin ");
  markdown_text_escape(&out, line, strlen(line), 0);
  strbuf_puts(&out, " end");
  assert(markdown_parse(out.data, &markdown) == MARKDOWN_PARSED);
  assert(markdown.n_blocks == 1 && markdown.blocks[0].kind == MARKDOWN_PARAGRAPH);
  check_tame(out.data);
  markdown_fini(&markdown);
  strbuf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  char *source = fuzz_rest(&input, NULL);
  fuzz_make_utf8(source);
  char *once = rewrite(source);
  check_tame(once);
  char *twice = rewrite(once);
  check_tame(twice);
  source[strcspn(source, "\r\n")] = '\0';
  check_escape(source);
  free(twice);
  free(once);
  free(source);
  return 0;
}
