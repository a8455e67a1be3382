#include "histogram.h"

#include <stddef.h>

#define PARTS (1 << HISTOGRAM_PART_BITS)

/* Values below PARTS have buckets of their own; above, the highest bits after the first choose. */
static size_t bucket_of(uint64_t ns) {
  if (ns < PARTS)
    return (size_t)ns;
  int power = 63 - __builtin_clzll(ns);
  size_t part = (size_t)(ns >> (power - HISTOGRAM_PART_BITS)) - PARTS;
  size_t bucket = ((size_t)(power - HISTOGRAM_PART_BITS + 1) << HISTOGRAM_PART_BITS) + part;
  return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

static uint64_t bucket_end(size_t bucket) {
  if (bucket < PARTS)
    return bucket;
  int shift = (int)(bucket >> HISTOGRAM_PART_BITS) - 1;
  uint64_t part = bucket & (PARTS - 1);
  return ((PARTS + part + 1) << shift) - 1;
}

void histogram_add(struct histogram *histogram, int64_t ns) {
  uint64_t value = ns > 0 ? (uint64_t)ns : 0;
  histogram->n++;
  histogram->counts[bucket_of(value)]++;
  if (value > histogram->max_ns)
    histogram->max_ns = value;
}

void histogram_merge(struct histogram *to, const struct histogram *from) {
  to->n += from->n;
  if (from->max_ns > to->max_ns)
    to->max_ns = from->max_ns;
  for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
    to->counts[i] += from->counts[i];
}

double histogram_ms(const struct histogram *histogram, double part) {
  uint64_t wanted = (uint64_t)(part * (double)histogram->n), seen = 0;
  for (size_t i = 0; histogram->n > 0 && i < HISTOGRAM_BUCKETS; i++) {
    seen += histogram->counts[i];
    if (seen > wanted || seen == histogram->n) {
      uint64_t end = bucket_end(i);
      return (double)(end < histogram->max_ns ? end : histogram->max_ns) / 1e6;
    }
  }
  return 0;
}
