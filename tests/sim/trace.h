/*
 * trace.h - what happened in a run: a number that two equal runs share, and lines for people.
 */
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>
#include <stdint.h>

struct trace {
  uint64_t hash;
  bool verbose; /* lines go to standard output */
};

void trace_init(struct trace *trace, bool verbose);
/* Mixes a number in, silently. */
void trace_number(struct trace *trace, uint64_t number);
/* A line, which is mixed in whether it is printed or not. */
void trace_line(struct trace *trace, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
