/*
 * histogram.h - latencies in nanoseconds, counted in buckets whose width is at most 1/32 of their
 * value (the layout of HdrHistogram: powers of two, each cut into equal parts), so that a p99.9 of
 * millions of values costs a few kilobytes. Has no pointers: it may lie in shared memory, one for
 * each process, to be added up afterwards.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PART_BITS 5 /* 32 parts of each power of two */
#define HISTOGRAM_BUCKETS                                                                          \
  ((40 - HISTOGRAM_PART_BITS) << HISTOGRAM_PART_BITS) /* to 2^39 ns: 9 min */

struct histogram {
  uint64_t n, max_ns;
  uint32_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, int64_t ns);
void histogram_merge(struct histogram *to, const struct histogram *from);
/* The value below which `part` (0 to 1) of all values lie, in milliseconds: the upper end of its
 * bucket, but never above the largest value. 0 without values. */
double histogram_ms(const struct histogram *histogram, double part);

#endif
