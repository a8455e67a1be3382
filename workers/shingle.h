/*
 * shingle.h - how much two texts share, by their runs of five words. A sketch keeps the smallest
 * SHINGLE_SKETCH_MAX hashes of a text's runs (bottom-k sampling, Broder 1997): exact for texts with
 * fewer runs than that, within about two per cent otherwise.
 */
#ifndef SHINGLE_H
#define SHINGLE_H

#include <stddef.h>
#include <stdint.h>

#define SHINGLE_WORDS      5
#define SHINGLE_SKETCH_MAX 512

/* One text. Zero it before the first word. */
struct shingle_sketch {
  uint64_t window[SHINGLE_WORDS];          /* hashes of the last words */
  uint64_t hashes[2 * SHINGLE_SKETCH_MAX]; /* after shingle_finish: ascending, distinct */
  size_t n;
  size_t words;
  uint64_t limit; /* nothing above it can be among the smallest; 0: none yet */
};

/* Adds the text's next word by its hash. */
void shingle_add(struct shingle_sketch *sketch, uint64_t word);
/* Call it once after the last word and before comparing. A text of fewer than five words is one
 * run. */
void shingle_finish(struct shingle_sketch *sketch);

/* What two finished sketches share: of all their runs (Jaccard), and of the first one's runs. Both
 * 0 when either is empty. */
struct shingle_likeness {
  double jaccard;
  double contained; /* share of a's runs that stand in b too */
};
struct shingle_likeness shingle_compare(const struct shingle_sketch *a,
                                        const struct shingle_sketch *b);

#endif
