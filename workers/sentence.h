/*
 * sentence.h - the sentences of a plain text. Knows the full stops of Latin, Cyrillic, Greek, CJK,
 * Arabic and Indic scripts, common abbreviations and ordinals, initials, decimals, and that a
 * quotation in CJK brackets or a remark in round ones is not cut.
 */
#ifndef SENTENCE_H
#define SENTENCE_H

#include <stdbool.h>
#include <stddef.h>

#define SENTENCE_BYTES_MAX   4096 /* a longer one is cut at a character, and is not whole */
#define SENTENCE_BRACKET_MAX 400  /* bytes after which an open bracket is taken as a slip */

struct sentence {
  size_t start, end; /* bytes in the text; neither begins nor ends with white space */
  size_t paragraph;  /* counted from 0 */
  bool whole;        /* ends with a full stop, question or exclamation mark; not with an ellipsis */
};

/* A walk over a borrowed text. A blank line parts paragraphs, and so does a line that starts with a
 * list mark ("- "), which is not part of the sentence. */
struct sentences {
  const char *text;
  size_t len, pos, paragraph;
  const char *language;
};

/* `language` is a primary tag and chooses the abbreviations; any string will do. */
void sentence_init(struct sentences *sentences, const char *text, size_t len, const char *language);
/* False at the end. */
bool sentence_next(struct sentences *sentences, struct sentence *sentence);

#endif
