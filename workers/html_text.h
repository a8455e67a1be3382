/*
 * html_text.h - plain text from a piece of HTML: tags stripped, entities decoded once, scripts and
 * styles dropped, block elements become paragraphs parted by a blank line, list items start with
 * "- ", white space folded. Malformed HTML gives what can be read.
 */
#ifndef HTML_TEXT_H
#define HTML_TEXT_H

#include <stddef.h>

/* `html` is UTF-8. At most max bytes of text, cut at a word and never inside a character. Owned by
 * the caller (free); NULL without memory. */
char *html_text(const char *html, size_t len, size_t max);

#endif
