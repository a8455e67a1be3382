#include "markdown.h"
#include "markdown_text.h"

#include <libxml/HTMLparser.h>
#include <md4c.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define SPANS_MAX  32 /* links within images within links: deeper ones keep their words only */
#define ENTITY_MAX 48
#define ABORT      1 /* what a callback returns to end the parse */

/* A link or an image that is open. */
struct open_span {
  size_t text_at;
  size_t plain_at;
};

struct list {
  bool ordered;
  unsigned next; /* number of the next item */
};

struct parse {
  struct markdown *out;
  size_t cap;
  struct strbuf text;  /* of the open block, as source */
  struct strbuf plain; /* of the open block */
  struct strbuf run;   /* plain text that is not yet escaped: ends where a span begins or ends */
  struct strbuf code;  /* of an open code span */
  struct markdown_block open; /* its kind and place; the texts above become its own */
  bool is_open;
  bool in_code_span;
  bool in_table;
  bool pending_item; /* an item began and has no block yet */
  struct list lists[MARKDOWN_DEPTH_MAX + 1];
  unsigned depth; /* true depth; the index into lists is capped */
  unsigned quotes;
  struct open_span spans[SPANS_MAX];
  size_t n_spans;
  bool failed;    /* no memory, or too_large */
  bool too_large; /* more than MARKDOWN_BLOCKS_MAX */
};

static unsigned depth_of(const struct parse *p) {
  return p->depth < MARKDOWN_DEPTH_MAX ? p->depth : MARKDOWN_DEPTH_MAX;
}

/* ---- blocks ---- */

static void free_block(const struct markdown_block *block) {
  free(block->text);
  free(block->plain);
  free(block->language);
  free(block->url);
}

static void grow(struct parse *p) {
  size_t cap = p->cap == 0 ? 64 : p->cap * 2;
  struct markdown_block *blocks = realloc(p->out->blocks, cap * sizeof *blocks);
  if (blocks == NULL) {
    p->failed = true;
    return;
  }
  p->out->blocks = blocks;
  p->cap = cap;
}

static void add_block(struct parse *p, const struct markdown_block *block) {
  if (p->out->n_blocks == MARKDOWN_BLOCKS_MAX)
    p->too_large = p->failed = true;
  else if (p->out->n_blocks == p->cap)
    grow(p);
  if (p->failed)
    free_block(block);
  else
    p->out->blocks[p->out->n_blocks++] = *block;
}

static char *take_trimmed(struct strbuf *buf, bool front) {
  while (buf->len > 0 && strchr(" \n\t", buf->data[buf->len - 1]) != NULL)
    strbuf_truncate(buf, buf->len - 1);
  size_t n = front && buf->len > 0 ? strspn(buf->data, " \n\t") : 0;
  if (n > 0) {
    memmove(buf->data, buf->data + n, buf->len - n + 1);
    buf->len -= n;
  }
  return strbuf_take(buf);
}

/* Adds the run to plain text, without the marks of citation and the space before them. */
static void add_plain(struct strbuf *plain, const char *s) {
  while (*s != '\0') {
    unsigned numbers[16];
    size_t n = 0;
    size_t mark = markdown_text_marks(s, numbers, 16, &n);
    if (mark == 0) {
      strbuf_putc(plain, *s++);
      continue;
    }
    if (plain->len > 0 && plain->data[plain->len - 1] == ' ')
      strbuf_truncate(plain, plain->len - 1);
    s += mark;
  }
}

static void flush_run(struct parse *p) {
  if (p->run.len == 0)
    return;
  unsigned flags = p->n_spans == 0 ? MARKDOWN_TEXT_MARKS : 0;
  if (p->open.kind == MARKDOWN_HEADING)
    flags |= MARKDOWN_TEXT_HEADING;
  markdown_text_escape(&p->text, p->run.data, p->run.len, flags);
  if (p->n_spans == 0)
    add_plain(&p->plain, p->run.data);
  else
    strbuf_add(&p->plain, p->run.data, p->run.len);
  strbuf_truncate(&p->run, 0);
}

static void close_block(struct parse *p) {
  if (!p->is_open)
    return;
  flush_run(p);
  p->is_open = false;
  p->n_spans = 0;
  bool code = p->open.kind == MARKDOWN_CODE;
  p->failed = p->failed || p->text.failed || p->plain.failed || p->run.failed || p->code.failed;
  p->open.text = code ? strbuf_take(&p->text) : take_trimmed(&p->text, true);
  p->open.plain = take_trimmed(&p->plain, !code);
  if (p->open.text == NULL || p->open.plain == NULL)
    p->failed = true;
  add_block(p, &p->open);
  p->open = (struct markdown_block){0};
}

static void open_block(struct parse *p, enum markdown_kind kind) {
  close_block(p);
  if (p->pending_item && kind != MARKDOWN_PARAGRAPH) { /* the marker needs a line of its own */
    p->pending_item = false;
    open_block(p, MARKDOWN_ITEM);
    close_block(p);
  }
  if (p->pending_item)
    kind = MARKDOWN_ITEM;
  p->pending_item = false;
  p->open = (struct markdown_block){.kind = kind, .depth = depth_of(p), .quoted = p->quotes > 0};
  struct list *list = &p->lists[depth_of(p)];
  if (kind == MARKDOWN_ITEM) {
    p->open.ordered = list->ordered;
    p->open.number = list->ordered ? list->next : 0;
  }
  p->is_open = true;
}

static char *attribute(const MD_ATTRIBUTE *value);

static void enter_list(struct parse *p, bool ordered, unsigned start) {
  close_block(p);
  if (p->pending_item)
    open_block(p, MARKDOWN_PARAGRAPH);
  close_block(p);
  p->depth++;
  p->lists[depth_of(p)] = (struct list){.ordered = ordered, .next = start};
}

static void leave_item(struct parse *p) {
  close_block(p);
  p->pending_item = false;
  p->lists[depth_of(p)].next++;
}

static void enter_code(struct parse *p, const MD_BLOCK_CODE_DETAIL *code) {
  open_block(p, MARKDOWN_CODE);
  if (code->lang.size == 0)
    return;
  p->open.language = attribute(&code->lang);
  if (p->open.language == NULL)
    p->failed = true;
}

static void table_cell(struct parse *p) {
  strbuf_puts(&p->text, p->text.len == 0 || p->text.data[p->text.len - 1] == '\n' ? "| " : " | ");
}

static void table_head_end(struct parse *p) {
  size_t columns = 0;
  for (size_t i = 0; i + 1 < p->text.len; i++)
    if (p->text.data[i] == '|' && p->text.data[i + 1] == ' ')
      columns += i == 0 || p->text.data[i - 1] != '\\';
  for (size_t i = 0; i < columns; i++)
    strbuf_puts(&p->text, i == 0 ? "| ---" : " | ---");
  strbuf_puts(&p->text, " |\n");
}

static int enter_block(MD_BLOCKTYPE type, void *detail, void *arg) {
  struct parse *p = arg;
  switch (type) {
  case MD_BLOCK_QUOTE:
    close_block(p);
    p->quotes++;
    break;
  case MD_BLOCK_UL:
    enter_list(p, false, 0);
    break;
  case MD_BLOCK_OL:
    enter_list(p, true, ((const MD_BLOCK_OL_DETAIL *)detail)->start);
    break;
  case MD_BLOCK_LI:
    close_block(p);
    p->pending_item = true;
    break;
  case MD_BLOCK_HR:
    open_block(p, MARKDOWN_RULE);
    break;
  case MD_BLOCK_H:
    open_block(p, MARKDOWN_HEADING);
    p->open.level = ((const MD_BLOCK_H_DETAIL *)detail)->level;
    break;
  case MD_BLOCK_CODE:
    enter_code(p, detail);
    break;
  case MD_BLOCK_P:
    open_block(p, MARKDOWN_PARAGRAPH);
    break;
  case MD_BLOCK_TABLE:
    open_block(p, MARKDOWN_TABLE);
    p->in_table = true;
    break;
  case MD_BLOCK_TH:
  case MD_BLOCK_TD:
    table_cell(p);
    break;
  default:
    break;
  }
  return p->failed ? ABORT : 0;
}

static int leave_block(MD_BLOCKTYPE type, void *detail, void *arg) {
  (void)detail;
  struct parse *p = arg;
  switch (type) {
  case MD_BLOCK_QUOTE:
    close_block(p);
    p->quotes--;
    break;
  case MD_BLOCK_UL:
  case MD_BLOCK_OL:
    close_block(p);
    p->depth--;
    break;
  case MD_BLOCK_LI:
    leave_item(p);
    break;
  case MD_BLOCK_TH:
  case MD_BLOCK_TD:
    flush_run(p);
    strbuf_putc(&p->plain, ' ');
    break;
  case MD_BLOCK_TR:
    strbuf_puts(&p->text, " |\n");
    break;
  case MD_BLOCK_THEAD:
    table_head_end(p);
    break;
  case MD_BLOCK_TABLE:
    p->in_table = false;
    close_block(p);
    break;
  case MD_BLOCK_HR:
  case MD_BLOCK_H:
  case MD_BLOCK_CODE:
  case MD_BLOCK_P:
    close_block(p);
    break;
  default:
    break;
  }
  return p->failed ? ABORT : 0;
}

/* ---- spans ---- */

/* Adds a character reference as what it stands for; what is unknown stays as it is written. */
static void add_entity(struct strbuf *out, const char *text, size_t len) {
  char name[ENTITY_MAX + 1];
  unsigned long value = 0;
  if (len >= 3 && len <= ENTITY_MAX) {
    memcpy(name, text + 1, len - 2);
    name[len - 2] = '\0';
    if (name[0] == '#') {
      bool hex = name[1] == 'x' || name[1] == 'X';
      value = strtoul(name + (hex ? 2 : 1), NULL, hex ? 16 : 10);
    } else {
      const htmlEntityDesc *entity = htmlEntityLookup((const xmlChar *)name);
      value = entity != NULL ? entity->value : 0;
      if (entity == NULL && strcmp(name, "apos") == 0)
        value = '\'';
    }
  }
  bool is_character = value >= 0x20 && value <= 0x10ffff && (value < 0xd800 || value > 0xdfff);
  if (!is_character) {
    strbuf_add(out, text, len);
    return;
  }
  utf8proc_uint8_t utf8[4];
  strbuf_add(out, (const char *)utf8, (size_t)utf8proc_encode_char((utf8proc_int32_t)value, utf8));
}

static char *attribute(const MD_ATTRIBUTE *value) {
  struct strbuf out = {0};
  for (size_t i = 0; value->size > 0 && value->substr_offsets[i] < value->size; i++) {
    const char *from = value->text + value->substr_offsets[i];
    size_t len = value->substr_offsets[i + 1] - value->substr_offsets[i];
    if (value->substr_types[i] == MD_TEXT_ENTITY)
      add_entity(&out, from, len);
    else if (value->substr_types[i] != MD_TEXT_NULLCHAR)
      strbuf_add(&out, from, len);
  }
  return strbuf_take(&out);
}

/* Code between backticks that are longer than any run of backticks in it. */
static void end_code_span(struct parse *p) {
  size_t longest = 0;
  for (size_t i = 0, run = 0; i < p->code.len; i++) {
    run = p->code.data[i] == '`' ? run + 1 : 0;
    longest = run > longest ? run : longest;
  }
  const char *code = p->code.len > 0 ? p->code.data : "";
  bool pad = p->code.len > 0 && (code[0] == '`' || code[p->code.len - 1] == '`' ||
                                 (code[0] == ' ' && code[p->code.len - 1] == ' '));
  for (size_t i = 0; i <= longest; i++)
    strbuf_putc(&p->text, '`');
  strbuf_puts(&p->text, pad ? " " : "");
  strbuf_puts(&p->text, code); /* in a table, md4c leaves the backslash before '|' */
  strbuf_puts(&p->text, pad ? " " : "");
  for (size_t i = 0; i <= longest; i++)
    strbuf_putc(&p->text, '`');
  strbuf_puts(&p->plain, code);
  strbuf_truncate(&p->code, 0);
}

static void begin_link(struct parse *p, bool image) {
  if (p->n_spans++ >= SPANS_MAX)
    return;
  p->spans[p->n_spans - 1] = (struct open_span){p->text.len, p->plain.len};
  strbuf_puts(&p->text, image ? "![" : "[");
}

/* Takes the bracket away that begin_link had put before the words. */
static void unlink_words(struct parse *p, size_t at, bool image) {
  size_t n = image ? 2 : 1;
  if (p->text.failed)
    return;
  memmove(p->text.data + at, p->text.data + at + n, p->text.len - at - n + 1);
  p->text.len -= n;
}

/* "1", "^1" or "[1]": what a mark of citation that is a link already shows. */
static bool is_number(const char *s) {
  bool bracket = s[0] == '[';
  if (bracket || s[0] == '^')
    s++;
  size_t n = strspn(s, "0123456789");
  return n > 0 && n <= 3 && strcmp(s + n, bracket ? "]" : "") == 0;
}

static void finish_link(struct parse *p, const struct open_span *span, const char *url,
                        bool image) {
  const char *words = p->plain.len > span->plain_at ? p->plain.data + span->plain_at : "";
  if (!markdown_text_linked(url)) {
    unlink_words(p, span->text_at, image);
    return;
  }
  if (!image && strcmp(words, url) == 0) {
    strbuf_truncate(&p->text, span->text_at);
    markdown_text_link(&p->text, url, url);
  } else {
    strbuf_puts(&p->text, "](");
    markdown_text_destination(&p->text, url);
    strbuf_putc(&p->text, ')');
  }
  if (!image && p->open.url == NULL)
    p->open.url = strdup(url);
  if (!image && is_number(words)) {
    size_t at = span->plain_at;
    strbuf_truncate(&p->plain, at > 0 && p->plain.data[at - 1] == ' ' ? at - 1 : at);
  }
}

static void end_link(struct parse *p, const MD_ATTRIBUTE *href, bool image) {
  p->n_spans--;
  if (p->n_spans >= SPANS_MAX)
    return;
  char *url = attribute(href);
  if (url == NULL || p->text.failed || p->plain.failed)
    p->failed = true;
  else
    finish_link(p, &p->spans[p->n_spans], url, image);
  free(url);
}

static const char *emphasis_of(MD_SPANTYPE type) {
  switch (type) {
  case MD_SPAN_EM:
    return "*";
  case MD_SPAN_STRONG:
    return "**";
  case MD_SPAN_DEL:
    return "~~";
  default:
    return "";
  }
}

static int enter_span(MD_SPANTYPE type, void *detail, void *arg) {
  (void)detail;
  struct parse *p = arg;
  if (!p->is_open)
    open_block(p, MARKDOWN_PARAGRAPH);
  flush_run(p);
  if (type == MD_SPAN_CODE)
    p->in_code_span = true;
  else if (type == MD_SPAN_A || type == MD_SPAN_IMG)
    begin_link(p, type == MD_SPAN_IMG);
  else
    strbuf_puts(&p->text, emphasis_of(type));
  return p->failed ? ABORT : 0;
}

static int leave_span(MD_SPANTYPE type, void *detail, void *arg) {
  struct parse *p = arg;
  flush_run(p);
  if (type == MD_SPAN_CODE) {
    end_code_span(p);
    p->in_code_span = false;
  } else if (type == MD_SPAN_A) {
    end_link(p, &((const MD_SPAN_A_DETAIL *)detail)->href, false);
  } else if (type == MD_SPAN_IMG) {
    end_link(p, &((const MD_SPAN_IMG_DETAIL *)detail)->src, true);
  } else {
    strbuf_puts(&p->text, emphasis_of(type));
  }
  return p->failed ? ABORT : 0;
}

/* ---- text ---- */

static void add_code(struct parse *p, const char *text, size_t len) {
  if (p->in_code_span) {
    strbuf_add(&p->code, text, len);
    return;
  }
  strbuf_add(&p->text, text, len);
  strbuf_add(&p->plain, text, len);
}

static void add_break(struct parse *p) {
  flush_run(p);
  strbuf_puts(&p->text, p->in_table || p->open.kind == MARKDOWN_HEADING ? " " : "  \n");
  strbuf_putc(&p->plain, ' ');
}

static int add_text(MD_TEXTTYPE type, const MD_CHAR *text, MD_SIZE size, void *arg) {
  struct parse *p = arg;
  if (!p->is_open) /* of a tight list: md4c tells no paragraph there */
    open_block(p, MARKDOWN_PARAGRAPH);
  switch (type) {
  case MD_TEXT_CODE:
    add_code(p, text, size);
    break;
  case MD_TEXT_BR:
    add_break(p);
    break;
  case MD_TEXT_SOFTBR:
    strbuf_putc(p->in_code_span ? &p->code : &p->run, ' ');
    break;
  case MD_TEXT_NULLCHAR:
    strbuf_puts(&p->run, "\xef\xbf\xbd");
    break;
  case MD_TEXT_ENTITY:
    add_entity(&p->run, text, size);
    break;
  default:
    strbuf_add(&p->run, text, size);
    break;
  }
  return p->failed ? ABORT : 0;
}

/* ---- the whole ---- */

enum markdown_result markdown_parse(const char *source, struct markdown *out) {
  *out = (struct markdown){0};
  size_t len = strlen(source);
  if (len > MARKDOWN_MAX)
    return MARKDOWN_TOO_LARGE;
  struct parse p = {.out = out};
  const MD_PARSER parser = {
      .flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_PERMISSIVEURLAUTOLINKS |
               MD_FLAG_NOHTML | MD_FLAG_NOINDENTEDCODEBLOCKS,
      .enter_block = enter_block,
      .leave_block = leave_block,
      .enter_span = enter_span,
      .leave_span = leave_span,
      .text = add_text,
  };
  int rc = md_parse(source, (MD_SIZE)len, &parser, &p);
  if (rc == 0)
    close_block(&p);
  strbuf_fini(&p.text);
  strbuf_fini(&p.plain);
  strbuf_fini(&p.run);
  strbuf_fini(&p.code);
  free(p.open.language);
  free(p.open.url);
  if (rc == 0 && !p.failed)
    return MARKDOWN_PARSED;
  markdown_fini(out);
  return p.too_large ? MARKDOWN_TOO_LARGE : MARKDOWN_NO_MEMORY;
}

void markdown_fini(struct markdown *markdown) {
  for (size_t i = 0; i < markdown->n_blocks; i++)
    free_block(&markdown->blocks[i]);
  free(markdown->blocks);
  *markdown = (struct markdown){0};
}
