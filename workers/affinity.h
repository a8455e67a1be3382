/*
 * affinity.h - finds a theme for passages that do not hold any theme's words but speak of the same
 * things: by their terms, and by what the rest of their source is about.
 */
#ifndef AFFINITY_H
#define AFFINITY_H

#include "theme.h"

#define AFFINITY_MIN 0.20 /* below it a passage stays without a theme */
#define AFFINITY_SHARE                                                                             \
  0.22 /* what counts the share of its source's passages that the theme has                        \
        */

/* Gives passages of THEME_NONE the theme they are nearest to. Cost grows with the words of all
 * passages times the themes. False without memory. */
bool affinity_assign(struct themes *themes, const struct extract *extract, struct arena *arena);

#endif
