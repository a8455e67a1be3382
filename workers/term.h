/*
 * term.h - the words of content of some texts, and the pairs of them that stand side by side,
 * counted. For each it is counted too how often it stands where nouns do, as there is no grammar
 * here to ask: behind an article or a preposition and in front of a word of grammar or a
 * punctuation mark, or capitalised inside a sentence.
 */
#ifndef TERM_H
#define TERM_H

#include "words.h"

#define TERMS_MAX 8192 /* different terms counted; further ones are not */

struct term {
  uint64_t hash;
  uint64_t stems[2];
  size_t n_stems; /* 1: a word; 2: a pair */
  uint32_t count;
  uint32_t nouns;      /* of these, where a noun would stand */
  bool capital;        /* stood with an upper-case letter only */
  const char *surface; /* within the text that was counted */
  size_t len;
};

struct terms {
  struct term *items;
  size_t n;
  uint16_t *slots; /* place plus one */
  const char *language;
};

/* False without memory; release with terms_fini in every case. The language is borrowed. */
bool terms_init(struct terms *terms, const char *language);
void terms_fini(struct terms *terms);
/* Counts a text, which is borrowed until terms_fini. */
void terms_add(struct terms *terms, const char *text);
/* The term with these stems, one or two; NULL when it was not counted. */
const struct term *terms_find(const struct terms *terms, const uint64_t *stems, size_t n);
/* Most frequent first, a pair counting twice; the same order on every machine. Ends counting. */
void terms_sort(struct terms *terms);

/* A walk over words of content. A whole run of Han characters is one word. */
struct term_word {
  struct word word;
  bool beside; /* the word before it is one of content too and stands next to it */
  bool opened; /* behind an article or a preposition, perhaps with one adjective in between */
};
bool term_next(struct words *words, const char *language, struct term_word *found);

#endif
