/*
 * plan.h - which passages a report quotes, in which section and in which order, until it has the
 * words that were asked for or the sources have no more that is worth quoting. No sentence is
 * chosen twice, nor two that say the same.
 */
#ifndef PLAN_H
#define PLAN_H

#include "theme.h"

#define PLAN_SUMMARY_MAX  7
#define PLAN_SECTIONS_MAX (THEME_MAX + 1)

/* Sentences of one source that follow each other and are quoted together. */
struct plan_quote {
  size_t first, n; /* in extract->sentences */
  uint32_t source;
  int64_t words;
};

struct plan_section {
  const char *title; /* NULL: what belongs to no theme; always the last section */
  struct plan_quote *quotes;
  size_t n;
  int64_t words;
};

struct plan {
  struct plan_quote summary[PLAN_SUMMARY_MAX]; /* one sentence each */
  size_t n_summary;
  struct plan_section sections[PLAN_SECTIONS_MAX]; /* none is empty */
  size_t n_sections;
  int64_t words;
};

/* Memory comes from the arena; titles are borrowed from `themes`. False without memory. */
bool plan_make(struct plan *plan, const struct extract *extract, const struct themes *themes,
               int64_t target, struct arena *arena);

#endif
