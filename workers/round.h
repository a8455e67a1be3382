/*
 * round.h - one round of a worker: what goes into galley_turn and what comes out of it. The turn
 * settles what has finished, begins steps, renews leases and claims jobs in one transaction; the
 * round then drops what is settled, ends what was lost or cancelled, goes on with the steps and
 * starts the jobs.
 */
#ifndef ROUND_H
#define ROUND_H

#include "kind_list.h"
#include "task.h"

struct round {
  /* To be set before the first round; borrowed. */
  struct tasks *tasks;
  struct galley *writer;
  const struct kind_list *kinds;
  int64_t worker_id, lease_ms;

  /* Room for one turn, made once. */
  struct galley_settlement *settlements;
  struct galley_begin *begins;
  struct galley_hold *holds;
  struct galley_job **jobs;
};

/* Makes room for that many running tasks. False without memory. */
bool round_init(struct round *round, size_t slots);
void round_fini(struct round *round);

/* `room` is how many jobs may be claimed, with what runs no more than there are slots; `renew`
 * renews all leases. On any code but GALLEY_OK no task has begun or ended, and the next round tries
 * the same again. */
GALLEY_MUST_USE enum galley_rc round_run(struct round *round, size_t room, bool renew);

#endif
