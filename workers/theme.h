/*
 * theme.h - what the passages are about, beside the topic itself: a few phrases that several
 * passages share. The label comes first and the group second, so that every passage of a section
 * holds the words of its heading, continues one that does, or is near them (affinity.h).
 */
#ifndef THEME_H
#define THEME_H

#include "phrase.h"

#define THEME_MAX          8
#define THEME_PASSAGES_MIN 3 /* fewer are not a theme */
#define THEME_TITLED_MIN   2 /* when the words stand in a source's title */
#define THEME_NONE         (-1)

struct themes {
  size_t n;
  char *titles[THEME_MAX]; /* as in the sources, first letter in upper case; strongest first */
  int *of_passage;         /* a theme's place or THEME_NONE, for each passage */
};

/* At most `max` themes. Memory comes from the arena; false without. */
bool theme_find(struct themes *themes, const struct extract *extract, const struct subject *subject,
                const char *language, size_t max, struct arena *arena);

#endif
