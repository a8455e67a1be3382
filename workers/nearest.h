/*
 * nearest.h - "did you mean": the known name that a mistyped one is closest to.
 */
#ifndef NEAREST_H
#define NEAREST_H

#define NEAREST_NAME_MAX 64 /* bytes; longer names are never close to anything */

/* One search: offer every known name, then read `best`. */
struct nearest {
  const char *word; /* as typed; borrowed */
  const char *best; /* NULL: nothing is close; else the name offered, borrowed */
  int distance;     /* of best */
};

struct nearest nearest_start(const char *word);
/* Damerau-Levenshtein distance without regard to ASCII case; a name counts as close up to a third
 * of its length, and a word that begins a name counts as close to it. */
void nearest_offer(struct nearest *nearest, const char *name);

#endif
