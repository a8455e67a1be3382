/*
 * markdown_text.h - plain text as inline Markdown source, and the marks of citation in it.
 */
#ifndef MARKDOWN_TEXT_H
#define MARKDOWN_TEXT_H

#include "strbuf.h"

#define MARKDOWN_MARK_MAX 999 /* largest number in a mark of citation */

enum markdown_text_flag {
  MARKDOWN_TEXT_MARKS = 1,  /* marks of citation stay marks; without it they are text */
  MARKDOWN_TEXT_HEADING = 2 /* the text stands in a heading */
};

/* Appends `len` bytes of plain text so that they render literally. Whether a line begins is seen
 * from what the buffer ends with. Flags or-ed. */
void markdown_text_escape(struct strbuf *out, const char *plain, size_t len, unsigned flags);
/* Appends [words](url), or <url> when words and URL are the same; the words are plain text. Only
 * the words when the URL is NULL or not linked. */
void markdown_text_link(struct strbuf *out, const char *words, const char *url);
/* Appends a URL as the destination of a link, with <> around it where it needs them. */
void markdown_text_destination(struct strbuf *out, const char *url);
/* Whether a link may lead there: http, https, mailto, or an address without a scheme. */
bool markdown_text_linked(const char *url);

/* The length of the mark "[12]" at `text`, and its number; 0 when there is none. */
size_t markdown_text_mark(const char *text, unsigned *number);
/* The same for every spelling that is read: "[12]", "[^12]", "[1, 3]". Up to `max` numbers. */
size_t markdown_text_marks(const char *text, unsigned *numbers, size_t max, size_t *n);

#endif
