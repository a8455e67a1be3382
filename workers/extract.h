/*
 * extract.h - the sentences of the chosen sources, how much each says about the topic, and the
 * passages in which they may be quoted. A passage is one to three sentences that follow each other
 * in their source, of which the first stands on its own.
 */
#ifndef EXTRACT_H
#define EXTRACT_H

#include "lexicon.h"
#include "prose.h"
#include "sources.h"

#define EXTRACT_SENTENCES_MAX     20000 /* of all sources; further ones are not looked at */
#define EXTRACT_TERMS_MAX         64    /* different terms kept of one sentence */
#define EXTRACT_PASSAGE_SENTENCES 3
#define EXTRACT_PASSAGE_WORDS     90   /* a passage grows no further */
#define EXTRACT_PASSAGES_MAX      1500 /* the best are kept */

struct extract_sentence {
  uint32_t source; /* place in sources */
  uint32_t number; /* place in its source */
  size_t paragraph;
  size_t start, end; /* bytes in the source's text */
  uint32_t *terms;   /* ascending, distinct */
  size_t n_terms;
  unsigned subject; /* words of the topic that it names, as bits */
  int64_t words;
  struct prose prose;
  double length; /* of its vector of term weights */
  double score;  /* 0..1 */
};

struct extract_passage {
  size_t first, n; /* sentences */
  uint32_t source;
  int64_t words;
  double score;
};

struct extract {
  const struct sources *sources;
  struct extract_sentence *sentences; /* in the order of sources and of their texts */
  size_t n_sentences;
  struct extract_passage *passages; /* the best EXTRACT_PASSAGES_MAX, in the same order */
  size_t n_passages;
  struct lexicon lexicon;
  double *weights; /* by term */
  int64_t words;   /* in all passages: what could be quoted */
};

/* Reads and weighs all sources. Memory comes from the arena; the texts are borrowed. False without
 * memory. Its cost grows with the length of the sources, not with its square. */
bool extract_read(struct extract *extract, const struct sources *sources,
                  const struct subject *subject, const char *language, struct arena *arena);

/* How alike two sentences are: the cosine of their weighted terms, 0..1. */
double extract_likeness(const struct extract *extract, const struct extract_sentence *a,
                        const struct extract_sentence *b);
/* True when two sentences say the same in nearly the same words. */
bool extract_same(const struct extract_sentence *a, const struct extract_sentence *b);

#endif
