#include "markdown.h"
#include "markdown_text.h"

#include <string.h>

#define FENCE_MIN 3
#define WIDTH_MAX 12 /* of a list marker: "4294967295. " */

/* How far the text of each open list is indented. */
struct layout {
  size_t widths[MARKDOWN_DEPTH_MAX + 1];
};

static size_t indent_of(const struct layout *layout, unsigned depth) {
  size_t n = 0;
  for (unsigned d = 1; d <= depth; d++)
    n += layout->widths[d];
  return n;
}

static void begin_line(struct strbuf *out, const struct markdown_block *block, size_t indent) {
  if (block->quoted)
    strbuf_puts(out, "> ");
  for (size_t i = 0; i < indent; i++)
    strbuf_putc(out, ' ');
}

/* The block's own lines; the first one has been begun already. */
static void add_lines(struct strbuf *out, const struct markdown_block *block, size_t indent) {
  for (const char *line = block->text; *line != '\0';) {
    size_t len = strcspn(line, "\n");
    strbuf_add(out, line, len);
    line += len;
    if (*line == '\0')
      break;
    strbuf_putc(out, '\n');
    if (*++line != '\0')
      begin_line(out, block, indent);
  }
}

static void add_code(struct strbuf *out, const struct markdown_block *block, size_t indent) {
  size_t fence = FENCE_MIN;
  for (size_t i = 0, run = 0; block->text[i] != '\0'; i++) {
    run = block->text[i] == '`' ? run + 1 : 0;
    fence = run >= fence ? run + 1 : fence;
  }
  for (size_t i = 0; i < fence; i++)
    strbuf_putc(out, '`');
  if (block->language != NULL && strpbrk(block->language, "` \n") == NULL)
    strbuf_puts(out, block->language);
  strbuf_putc(out, '\n');
  if (block->text[0] != '\0') {
    begin_line(out, block, indent);
    add_lines(out, block, indent);
    if (out->len > 0 && out->data[out->len - 1] != '\n')
      strbuf_putc(out, '\n');
  }
  begin_line(out, block, indent);
  for (size_t i = 0; i < fence; i++)
    strbuf_putc(out, '`');
}

static void add_item(struct strbuf *out, const struct markdown_block *block,
                     struct layout *layout) {
  char marker[WIDTH_MAX + 1] = "- ";
  struct strbuf number = {0};
  if (block->ordered)
    strbuf_printf(&number, "%u. ", block->number);
  if (number.len > 0 && number.len <= WIDTH_MAX)
    memcpy(marker, number.data, number.len + 1);
  strbuf_fini(&number);
  begin_line(out, block, indent_of(layout, block->depth - 1));
  layout->widths[block->depth] = strlen(marker);
  strbuf_add(out, marker, strlen(marker) - (block->text[0] == '\0'));
  add_lines(out, block, indent_of(layout, block->depth));
}

static void add_block(struct strbuf *out, const struct markdown_block *block,
                      struct layout *layout) {
  if (block->kind == MARKDOWN_ITEM && block->depth > 0) {
    add_item(out, block, layout);
    return;
  }
  size_t indent = indent_of(layout, block->depth);
  begin_line(out, block, indent);
  switch (block->kind) {
  case MARKDOWN_HEADING:
    for (unsigned i = 0; i < block->level; i++)
      strbuf_putc(out, '#');
    strbuf_putc(out, ' ');
    add_lines(out, block, indent);
    break;
  case MARKDOWN_CODE:
    add_code(out, block, indent);
    break;
  case MARKDOWN_RULE:
    strbuf_puts(out, "***"); /* "---" would be front matter at the start of a file */
    break;
  default:
    add_lines(out, block, indent);
    break;
  }
}

/* Items of one list stand on neighbouring lines, everything else is parted by a blank line; but
 * what belongs to an item without text must follow its marker at once. */
static bool is_tight(const struct markdown_block *before, const struct markdown_block *block) {
  if (before->kind != MARKDOWN_ITEM || before->quoted != block->quoted)
    return false;
  if (block->kind != MARKDOWN_ITEM)
    return before->text[0] == '\0' && before->depth == block->depth;
  return before->depth != block->depth || before->ordered == block->ordered;
}

void markdown_write(struct strbuf *out, const struct markdown_block *blocks, size_t n) {
  struct layout layout = {{0}};
  for (size_t i = 0; i < n; i++) {
    bool tight = i > 0 && is_tight(&blocks[i - 1], &blocks[i]);
    if (i > 0 && blocks[i - 1].quoted && blocks[i].quoted && !tight)
      strbuf_puts(out, ">");
    if (out->len > 0 && !tight)
      strbuf_putc(out, '\n');
    add_block(out, &blocks[i], &layout);
    strbuf_putc(out, '\n');
  }
}
