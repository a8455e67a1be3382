/*
 * worker.h - a worker process: one thread, one loop, one write connection.
 *
 * Events only mark work. At the end of each turn of the loop that marked some, one transaction
 * settles what has finished, renews leases that are due, and fills the free slots (galley_turn); an
 * idle worker makes none. SIGTERM or SIGINT drain: nothing more is claimed, running jobs may finish
 * within the grace period and are handed back after it without being charged an attempt; a second
 * signal ends the grace period. A database that refuses (full disk, locked) is asked again until
 * then; after it the worker ends with what it could not settle, and those jobs run again. With
 * `drain` the worker stops by itself when nothing is left.
 */
#ifndef WORKER_H
#define WORKER_H

#include "config.h"

/* With `drain`, a job scheduled further ahead than this is not waited for. */
#define WORKER_DRAIN_HORIZON_MS 60000

struct worker_options {
  int64_t processes; /* 0: as configured */
  int64_t slots;     /* jobs at once in one process; 0: as configured */
  bool drain;
  const char *kinds; /* comma-separated; NULL: all that the configuration serves */
};

/* One worker, in this process, until it is told to stop or drained. On failure `error` holds the
 * sentence. */
GALLEY_MUST_USE enum galley_rc worker_run(const struct config *config,
                                          const struct worker_options *options, char *error,
                                          size_t error_len);

#endif
