/*
 * keyword.h - what a text is about, in a few terms: the topic itself, the names of its sections,
 * and the words and pairs of words that stand in it most often.
 */
#ifndef KEYWORD_H
#define KEYWORD_H

#include <stdbool.h>
#include <stddef.h>

#define KEYWORDS_MAX 10

struct keyword_source {
  const char *topic;
  const char *language;     /* primary tag */
  const char *const *names; /* of sections */
  size_t n_names;
  const char *const *texts; /* plain text */
  size_t n_texts;
};

struct keywords {
  char *items[KEYWORDS_MAX]; /* the primary one first */
  size_t n;
};

/* At least one keyword: the topic itself, unless it is too long for one and there are others. False
 * without memory. */
bool keywords_find(const struct keyword_source *source, struct keywords *out);
void keywords_fini(struct keywords *keywords);

/* "heat pumps" as "HeatPumps": letters and digits only, words begun in upper case. *tag is the
 * caller's, NULL when it is no hashtag (no letter, more than 3 words or 30 characters). False
 * without memory. */
bool keyword_hashtag(const char *keyword, char **tag);

#endif
