/*
 * lexicon.h - numbers the terms of a set of sources and counts in how many sentences and sources
 * each stands.
 */
#ifndef LEXICON_H
#define LEXICON_H

#include "arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lexicon_term {
  uint64_t hash;
  uint32_t sentences;   /* that hold it */
  uint32_t sources;     /* that hold it */
  uint32_t last_source; /* plus one: sources must be told of in order */
};
struct lexicon {
  struct lexicon_term *terms;
  uint32_t *slots; /* number of a term plus one; 0: free */
  size_t n, max, mask;
};

/* Room for `max` different terms, in the arena. */
bool lexicon_init(struct lexicon *lexicon, size_t max, struct arena *arena);
/* The number of the term with this hash, new or known; the lexicon must have room. */
uint32_t lexicon_number(struct lexicon *lexicon, uint64_t hash);
/* Counts one more sentence of `source` that holds the term. */
void lexicon_count(struct lexicon *lexicon, uint32_t term, uint32_t source);

#endif
