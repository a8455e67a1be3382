/*
 * citation.h - the sources that a report cites, by number.
 */
#ifndef CITATION_H
#define CITATION_H

#include "markdown.h"

#include <stdint.h>

#define CITATIONS_MAX 999 /* further ones are not read */

struct citation {
  unsigned n;
  char *title;             /* plain text; the URL when the source has no title */
  char *url;               /* NULL: none */
  int64_t published_at_ms; /* 0: unknown */
};

struct citations {
  struct citation *items; /* in the order of the source */
  size_t n;
};

/* From a topic's JSON array of {n, title, url, published_at_ms, document_id}. Entries without a
 * number or without title and URL are left out; JSON that is no such array gives none. False when
 * it is no JSON, and without memory. */
bool citations_of_json(const char *json, struct citations *out);
/* From the list items of a report's own section of sources. */
bool citations_of_blocks(const struct markdown_block *blocks, size_t n, struct citations *out);
void citations_fini(struct citations *citations);

/* NULL when no source has that number. */
const struct citation *citations_find(const struct citations *citations, unsigned n);

#endif
