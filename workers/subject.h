/*
 * subject.h - the words of a topic that say what it is about, and whether a text speaks of them.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include "words.h"

#define SUBJECT_WORDS_MAX 16 /* further words of a topic are not looked at */

struct subject_word {
  char stem[WORDS_FOLDED_MAX];
  size_t len;
  uint64_t hash;
};
struct subject {
  struct subject_word words[SUBJECT_WORDS_MAX];
  size_t n; /* 0 only when the topic has no word at all */
};

/* Takes the topic's words that are no stop words; all of them when it has no others. */
void subject_init(struct subject *subject, const char *topic, const char *language);
/* Which words of the subject `word` stands for, one bit each. It is the word that `words` gave
 * last. Long words are found inside compounds too ("Wärmepumpenstrom"). */
unsigned subject_match(const struct subject *subject, const struct words *words,
                       const struct word *word);
/* The share of the subject's words in a set of bits, 0..1. */
double subject_share(const struct subject *subject, unsigned bits);

#endif
