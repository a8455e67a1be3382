/*
 * sqlite_sync.h - one sync of the log for all who wait for one, in memory that processes share
 * (sqlite_page.h). A commit that must be durable is written to the log without a sync; then it
 * takes a number here, and waits until a sync that began after that has ended well. Whoever finds
 * nobody syncing does it, for all numbers that were given until then.
 *
 * The one who syncs may die at any point: what he did counts only once he has said so here.
 *
 * A sync that failed is not tried again for those whom it should have covered, whatever a later one
 * says: the kernel may have dropped what it could not write, and forgets that it has. And as one
 * lost frame of the log hides all that come after it from a recovery, no later commit is durable
 * either until the log is begun anew, which SQLite does once all of it is in the database, synced.
 */
#ifndef SQLITE_SYNC_H
#define SQLITE_SYNC_H

#include "sqlite_futex.h"

struct sqlite_sync_failure {
  _Atomic uint64_t from, to; /* numbers above `from` up to `to` are not durable; to 0: none */
  /* A log has failed and was not seen to be begun anew: that of this generation, in this boot of
   * the machine (after another one the log holds what the disk has). */
  _Atomic uint32_t broken, generation;
  char boot_id[40];
};

struct sqlite_sync {
  pthread_mutex_t lock;     /* held by the one who syncs */
  _Atomic uint64_t numbers; /* given so far */
  _Atomic uint64_t durable; /* all up to here are, but for the failure's */
  _Atomic uint32_t turn;    /* grows with each result: what waiters sleep on */
  struct sqlite_sync_failure failure;
};

/* The log of the one who calls. */
struct sqlite_sync_log {
  int (*sync)(void *arg);            /* makes all durable that was written to it; 0 when it did */
  uint32_t (*generation)(void *arg); /* changes when the log is begun anew */
  void *arg;
};

/* Makes it, in memory that nobody uses yet; `known` (may be NULL) is what earlier users left. */
bool sqlite_sync_init(struct sqlite_sync *sync, const struct sqlite_sync_failure *known);
/* After a commit that is in the log: returns once it is durable (true), or when it is not known to
 * be and never will be (false). Blocks for as long as the disk does. */
bool sqlite_sync_reach(struct sqlite_sync *sync, const struct sqlite_sync_log *log);
/* Whether nothing that is written to the log now can be made durable. */
bool sqlite_sync_broken(struct sqlite_sync *sync, const struct sqlite_sync_log *log);
/* A sync of the log has failed that was not made here (by a checkpoint). */
void sqlite_sync_fail(struct sqlite_sync *sync, const struct sqlite_sync_log *log);

#endif
