/*
 * text_flow.h - plain text as it is written: white space folded, paragraphs parted by a blank line,
 * a limit that cuts at a word and never inside a character. Zero-initialised but for max and
 * one_line; ended by text_flow_take or text_flow_fini.
 */
#ifndef TEXT_FLOW_H
#define TEXT_FLOW_H

#include "strbuf.h"

enum text_gap { TEXT_JOINED, TEXT_SPACE, TEXT_LINE, TEXT_PARAGRAPH };

struct text_flow {
  size_t max;       /* bytes kept */
  bool one_line;    /* every gap is a space */
  bool full;        /* max was reached: nothing more is taken */
  bool blank_parts; /* an empty line in the input parts paragraphs, as in plain text */
  enum text_gap gap;
  struct strbuf out;
};

/* Adds UTF-8 text. White space (the no-break and ideographic spaces too) folds into one space;
 * other control characters and soft hyphens go. */
void text_flow_add(struct text_flow *flow, const char *text, size_t len);
/* What stands between the text before and the text after; two lines make a paragraph. */
void text_flow_gap(struct text_flow *flow, enum text_gap gap);
/* The text, owned by the caller; NULL without memory. */
char *text_flow_take(struct text_flow *flow);
void text_flow_fini(struct text_flow *flow);

#endif
