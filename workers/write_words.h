/*
 * write_words.h - the few phrases that the embedded writer adds to what a report says, by language.
 * They state counts, dates and names of sections, never anything about the topic.
 */
#ifndef WRITE_WORDS_H
#define WRITE_WORDS_H

#include "strbuf.h"

/* {a} and {b} stand for what write_words_add fills in. */
struct write_words {
  const char *language;    /* primary tag */
  const char *about_many;  /* {a} sources, topic {b} */
  const char *about_one;   /* topic {b} */
  const char *about;       /* topic {b}; how many sources is not known */
  const char *dated_many;  /* from day {a} to day {b} */
  const char *dated_one;   /* day {a}; a single source */
  const char *covers;      /* list of sections {a} */
  const char *and;         /* before the last of a list, with its spaces */
  const char *key_points;  /* heading */
  const char *sources;     /* heading */
  const char *few_sources; /* sentence */
};

/* Of a primary tag; English when the language has none of its own. */
const struct write_words *write_words_of(const char *language);

/* Appends a phrase with its {a} and {b}. */
void write_words_add(struct strbuf *out, const char *phrase, const char *a, const char *b);

#endif
