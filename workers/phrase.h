/*
 * phrase.h - the noun phrases of one to three words in a set of passages: what sections can be
 * named after. There is no grammar here: a phrase counts as a noun where an article or a
 * preposition opens it and a function word or a punctuation mark follows it; in German where its
 * words are capitalised inside a sentence; in Han and Kana where it is a whole run of two to eight
 * characters.
 */
#ifndef PHRASE_H
#define PHRASE_H

#include "extract.h"

#define PHRASE_WORDS_MAX   3
#define PHRASE_MAX         60000 /* different phrases; further ones are not kept */
#define PHRASE_PASSAGE_MAX 256   /* different phrases kept of one passage */
#define PHRASE_RUN_MIN     2     /* characters of a run of Han or Kana */
#define PHRASE_RUN_MAX     8

struct phrase {
  uint64_t hash;
  uint64_t stems[PHRASE_WORDS_MAX];
  size_t n_words;
  uint32_t count;        /* occurrences */
  uint32_t nouns;        /* of these, where it looks like a noun phrase */
  uint32_t passages;     /* that hold it */
  uint32_t last_passage; /* plus one */
  uint64_t sources;      /* that hold it, one bit each */
  bool subject;          /* its last word is one of the topic's */
  const char *surface;   /* as it stands most often in the sources */
  size_t surface_len;
  uint64_t form; /* of the surface, for the vote */
  uint32_t votes;
};

struct phrases {
  struct phrase *items;
  size_t n;
  uint32_t *slots;
  uint32_t **of_passage; /* numbers of the phrases in each passage */
  uint32_t *n_of_passage;
};

/* Memory comes from the arena; surfaces point into the sources' texts. False without memory. */
bool phrase_collect(struct phrases *phrases, const struct extract *extract,
                    const struct subject *subject, const char *language, struct arena *arena);

#endif
