/*
 * wording.h - what a report says in its own words, per language: headings and notices. Everything
 * else in it is quoted.
 */
#ifndef WORDING_H
#define WORDING_H

#include "strbuf.h"

#include <stdint.h>

struct wording {
  const char *language;
  const char *summary;
  const char *details; /* heading of the only section without a theme of its own */
  const char *further; /* heading of what belongs to no theme */
  const char *timeline;
  const char *sources;
  const char *untitled; /* stands for a source's missing title */
  const char *note;     /* {used} {matching} {date} */
  const char *few;      /* {used} {words} {target}; behind it: what to do */
};

/* The wording for a primary tag; English when there is none. Never NULL. */
const struct wording *wording_for(const char *language);

struct wording_values {
  int64_t used, matching, words, target;
  const char *date;
};
/* Appends a text with its {names} replaced by their values. */
void wording_add(struct strbuf *out, const char *text, const struct wording_values *values);

#endif
