/*
 * prose.h - whether a sentence can stand in a report: not a fragment, not a call to subscribe, not
 * a line of links, numbers or code.
 */
#ifndef PROSE_H
#define PROSE_H

#include <stdbool.h>
#include <stddef.h>

#define PROSE_WORDS_MIN 3
#define PROSE_WORDS_MAX 60

struct prose {
  bool fit;    /* may be quoted at all; the rest is only set when it is */
  bool leans;  /* needs the sentence before it: "However, they ..." */
  bool person; /* the writer or the reader is spoken of: "we", "your" */
  bool question;
  bool quote;   /* holds a quotation */
  bool figures; /* holds a number */
};

/* `text` is one whole sentence; language is a primary tag. */
struct prose prose_judge(const char *text, size_t len, const char *language);

#endif
