/*
 * work_options.h - the options of `galley work`, which are those of the program galley-worker.
 */
#ifndef WORK_OPTIONS_H
#define WORK_OPTIONS_H

#include "option.h"

struct work_options {
  int64_t processes, slots; /* 0: as configured */
  int64_t lease_ms;         /* 0: as configured */
  int64_t grace_ms;         /* -1: as configured */
  const char *kinds;        /* "research,write"; NULL: all */
  bool drain;
};

#define WORK_OPTION_COUNT 6
extern const struct option_row work_option_rows[WORK_OPTION_COUNT];

#endif
