#include "trace.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_BYTES 512

void trace_init(struct trace *trace, bool verbose) {
  *trace = (struct trace){.hash = 0xcbf29ce484222325, .verbose = verbose};
}

/* FNV-1a, a word at a time. */
void trace_number(struct trace *trace, uint64_t number) {
  trace->hash = (trace->hash ^ number) * 0x100000001b3;
  trace->hash ^= trace->hash >> 29;
}

void trace_line(struct trace *trace, const char *format, ...) {
  char line[LINE_MAX_BYTES];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  for (const char *p = line; *p; p++)
    trace_number(trace, (unsigned char)*p);
  if (trace->verbose)
    puts(line);
}
