/*
 * settle.h - ending one attempt, inside a transaction.
 */
#ifndef SETTLE_H
#define SETTLE_H

#include "handle.h"
#include "id_list.h"

/* What the totals of a batch add up to, so that they are written once a batch and not once a job.
 */
#define SETTLE_TOTALS_MAX 32
struct settle_total {
  char kind[GALLEY_KIND_MAX + 1];
  const char *outcome;
  int64_t n, busy_ms, cost_usd_micros;
};
struct settle_totals {
  struct settle_total rows[SETTLE_TOTALS_MAX];
  size_t n;
};

/* What the settlements of one transaction write together, by settle_batch_end. */
struct settle_batch {
  struct settle_totals totals;
  struct id_list done; /* jobs whose attempt's row says done, with nothing to keep; still running */
  int64_t done_at_ms;
};

/* Why an attempt ended that its own worker did not settle: it died, hangs, or left without a word
 * about this job. */
enum settle_loss { SETTLE_CRASHED, SETTLE_EXPIRED, SETTLE_LEFT };

void settle_batch_init(struct settle_batch *batch);
/* Shows the fence, lets the settlement save, moves the job (at the end of the batch, at the latest
 * before anything is saved), leaves the attempt's row. GALLEY_LOST when the fence is stale (nothing
 * written). *save_failed tells that the failure came from `save`. */
GALLEY_MUST_USE enum galley_rc settle_one(struct galley *q, struct galley_settlement *settlement,
                                          struct settle_batch *batch, bool *save_failed);
/* Takes a running job back from its worker. */
GALLEY_MUST_USE enum galley_rc settle_lost(struct galley *q, int64_t job_id, int64_t fence,
                                           enum settle_loss loss, struct settle_batch *batch);
/* Writes what is left of the batch, in its transaction. */
GALLEY_MUST_USE enum galley_rc settle_batch_end(struct galley *q, struct settle_batch *batch);
/* Counts a job that ended without an attempt. */
GALLEY_MUST_USE enum galley_rc settle_count_cancelled(struct galley *q, const char *kind);

#endif
