/*
 * markdown.h - Markdown as a flat list of blocks, by md4c (CommonMark with tables, strike-through
 * and bare URLs). Each block holds its inline text twice: as clean Markdown source, rebuilt so that
 * it means the same in CommonMark, goldmark and kramdown, and as plain text.
 *
 * What rebuilding does: HTML becomes text, entities become their characters, links to anything but
 * http, https, mailto or a relative address keep their words only, a line break inside a paragraph
 * becomes a space. Marks of citation ([1], [1, 3], [^1]) become "[1]", "[1][3]", "[1]" in the
 * source, unescaped (every other bracket that is text is escaped), and are left out of the plain
 * text.
 */
#ifndef MARKDOWN_H
#define MARKDOWN_H

#include "strbuf.h"

#define MARKDOWN_MAX        (4 * 1024 * 1024) /* bytes of a document */
#define MARKDOWN_BLOCKS_MAX 100000
#define MARKDOWN_DEPTH_MAX  8 /* lists within lists; deeper ones are kept at this depth */

enum markdown_kind {
  MARKDOWN_HEADING,
  MARKDOWN_PARAGRAPH, /* with depth > 0: a further paragraph of the list item before it */
  MARKDOWN_ITEM,      /* a list item and its first paragraph, which may be empty */
  MARKDOWN_CODE,      /* text is verbatim and ends with a newline, unless it is empty */
  MARKDOWN_TABLE,     /* text is the whole table, a line per row */
  MARKDOWN_RULE
};

struct markdown_block {
  enum markdown_kind kind;
  unsigned level;  /* of a heading: 1..6 */
  unsigned depth;  /* of lists around it: 0 none */
  unsigned number; /* of an item of an ordered list; of a bullet: 0 */
  bool ordered;
  bool quoted;    /* inside a block quote */
  char *text;     /* Markdown source; never NULL */
  char *plain;    /* never NULL */
  char *language; /* of code; NULL when it does not say */
  char *url;      /* of the first link in it; NULL: none */
};

struct markdown {
  struct markdown_block *blocks;
  size_t n_blocks;
};

enum markdown_result { MARKDOWN_PARSED, MARKDOWN_TOO_LARGE, MARKDOWN_NO_MEMORY };

/* On MARKDOWN_PARSED *out is filled and the caller's (markdown_fini); otherwise it is empty. */
enum markdown_result markdown_parse(const char *source, struct markdown *out);
void markdown_fini(struct markdown *markdown);

/* Appends n blocks as Markdown, parted by blank lines. A blank line comes first unless the buffer
 * is empty; one newline ends it. */
void markdown_write(struct strbuf *out, const struct markdown_block *blocks, size_t n);

/* Whether the byte at each of n ascending offsets of `source` is code (of a block or inline). False
 * without memory or past MARKDOWN_MAX. */
bool markdown_in_code(const char *source, const size_t *offsets, size_t n, bool *in_code);

#endif
