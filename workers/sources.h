/*
 * sources.h - which of the collected documents a report is made from: those that speak of the topic
 * in the language asked for, the best first, near duplicates dropped, not too many of one site.
 */
#ifndef SOURCES_H
#define SOURCES_H

#include "arena.h"
#include "stage.h"
#include "subject.h"

#define SOURCES_HITS_MAX       400   /* further hits are not looked at */
#define SOURCES_TEXT_MAX       65536 /* bytes looked at of one document */
#define SOURCES_MIN            6     /* most sources of the shortest report */
#define SOURCES_MAX            40    /* and of the longest */
#define SOURCES_TARGET_WORDS   125   /* words of report for each source in between */
#define SOURCES_HOST_MAX       4     /* of one site, unless the others hold too little */
#define SOURCES_HALF_LIFE_DAYS 90    /* after which a document's recency counts half */

struct source {
  const struct galley_document *document; /* borrowed */
  const char *text;                       /* its content, or its summary when it has none */
  size_t len;
  const char *host; /* of its URL, without "www."; "" when it has none */
  int64_t words;
  double score; /* 0..1 from rank, recency, reliability and how much of the topic it names */
};

struct sources {
  struct source *items; /* best first */
  size_t n;
  size_t matching; /* documents that speak of the topic, before duplicates were dropped */
  int64_t words;   /* in the chosen ones */
};

/* Chooses for a report of `target` words; memory comes from the arena, and what it points to is
 * borrowed from `input`. False without memory. The same input gives the same choice. */
bool sources_pick(struct sources *sources, const struct research_input *input, int64_t target,
                  const struct subject *subject, struct arena *arena);

#endif
