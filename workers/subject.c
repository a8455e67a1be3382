#include "subject.h"

#include <string.h>

/* Bytes from which a stem may match the beginning of a word, and any part of it. */
#define PREFIX_MIN 5
#define INSIDE_MIN 6

static void collect(struct subject *subject, const char *topic, const char *language, bool stops) {
  struct words words;
  struct word word;
  words_init(&words, topic, strlen(topic), language);
  while (subject->n < SUBJECT_WORDS_MAX && words_next(&words, &word)) {
    bool known = word.roles != 0 && !stops;
    for (size_t i = 0; i < subject->n; i++)
      known = known || subject->words[i].hash == word.stem;
    if (known)
      continue;
    struct subject_word *at = &subject->words[subject->n++];
    memcpy(at->stem, words.stem, sizeof at->stem);
    at->len = strlen(at->stem);
    at->hash = word.stem;
  }
}

void subject_init(struct subject *subject, const char *topic, const char *language) {
  subject->n = 0;
  collect(subject, topic, language, false);
  if (subject->n == 0)
    collect(subject, topic, language, true);
}

unsigned subject_match(const struct subject *subject, const struct words *words,
                       const struct word *word) {
  unsigned bits = 0;
  for (size_t i = 0; i < subject->n; i++) {
    const struct subject_word *at = &subject->words[i];
    bool same = at->hash == word->stem;
    if (!same && at->len >= PREFIX_MIN)
      same = strncmp(words->folded, at->stem, at->len) == 0;
    if (!same && at->len >= INSIDE_MIN)
      same = strstr(words->folded, at->stem) != NULL;
    if (same)
      bits |= 1U << i;
  }
  return bits;
}

double subject_share(const struct subject *subject, unsigned bits) {
  return subject->n == 0 ? 0.0 : (double)__builtin_popcount(bits) / (double)subject->n;
}
