#include "shingle.h"

#include "words.h"

#include <stdlib.h>
#include <string.h>

static int by_value(const void *left, const void *right) {
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

/* Sorts, drops repeats and all but the smallest hashes. */
static void shrink(struct shingle_sketch *sketch) {
  qsort(sketch->hashes, sketch->n, sizeof sketch->hashes[0], by_value);
  size_t kept = 0;
  for (size_t i = 0; i < sketch->n && kept < SHINGLE_SKETCH_MAX; i++)
    if (kept == 0 || sketch->hashes[i] != sketch->hashes[kept - 1])
      sketch->hashes[kept++] = sketch->hashes[i];
  sketch->n = kept;
  if (kept == SHINGLE_SKETCH_MAX)
    sketch->limit = sketch->hashes[kept - 1];
}

static void add_run(struct shingle_sketch *sketch, size_t words) {
  uint64_t run[SHINGLE_WORDS] = {0};
  for (size_t i = 0; i < words; i++)
    run[i] = sketch->window[(sketch->words - words + i) % SHINGLE_WORDS];
  uint64_t hash = words_hash(0, run, sizeof run);
  if (sketch->limit != 0 && hash >= sketch->limit)
    return;
  if (sketch->n == 2 * SHINGLE_SKETCH_MAX)
    shrink(sketch);
  sketch->hashes[sketch->n++] = hash;
}

void shingle_add(struct shingle_sketch *sketch, uint64_t word) {
  sketch->window[sketch->words++ % SHINGLE_WORDS] = word;
  if (sketch->words >= SHINGLE_WORDS)
    add_run(sketch, SHINGLE_WORDS);
}

void shingle_finish(struct shingle_sketch *sketch) {
  if (sketch->words > 0 && sketch->words < SHINGLE_WORDS)
    add_run(sketch, sketch->words);
  shrink(sketch);
}

struct shingle_likeness shingle_compare(const struct shingle_sketch *a,
                                        const struct shingle_sketch *b) {
  size_t i = 0, j = 0, all = 0, both = 0, of_a = 0;
  /* The smallest hashes of the union are a fair sample of it; beyond a full sketch's last hash
   * nothing is known of that text. */
  uint64_t known = UINT64_MAX;
  if (a->n == SHINGLE_SKETCH_MAX)
    known = a->hashes[a->n - 1];
  if (b->n == SHINGLE_SKETCH_MAX && b->hashes[b->n - 1] < known)
    known = b->hashes[b->n - 1];
  if (a->n == 0 || b->n == 0)
    return (struct shingle_likeness){0};
  while (i < a->n || j < b->n) {
    uint64_t left = i < a->n ? a->hashes[i] : UINT64_MAX;
    uint64_t right = j < b->n ? b->hashes[j] : UINT64_MAX;
    if (left > known && right > known)
      break;
    all++;
    both += left == right;
    of_a += left <= right;
    i += left <= right;
    j += right <= left;
  }
  return (struct shingle_likeness){
      .jaccard = all == 0 ? 0.0 : (double)both / (double)all,
      .contained = of_a == 0 ? 0.0 : (double)both / (double)of_a,
  };
}
