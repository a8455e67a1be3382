/*
 * settle.h - ending one attempt, inside a transaction.
 */
#ifndef SETTLE_H
#define SETTLE_H

#include "handle.h"

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

/* Why an attempt ended that its own worker did not settle: it died, hangs, or left without a word
 * about this job. */
enum settle_loss { SETTLE_CRASHED, SETTLE_EXPIRED, SETTLE_LEFT };

/* How many of the first settlements only say "done", with nothing to save or to keep, by rising
 * ids: settle_done takes so many together. */
size_t settle_plain(const struct galley_settlement *settlements, size_t n);
/* Ends these n (of settle_plain, at most GALLEY_BATCH_MAX), each as settle_one does, in one
 * statement for each thing to write. Each one's rc is GALLEY_OK or GALLEY_LOST; what is returned is
 * about all. */
GALLEY_MUST_USE enum galley_rc settle_done(struct galley *q, struct galley_settlement *settlements,
                                           size_t n, struct settle_totals *totals);
/* Shows the fence, lets the settlement save, moves the job, leaves the attempt's row. GALLEY_LOST
 * when the fence is stale (nothing written). *save_failed tells that the failure came from `save`.
 */
GALLEY_MUST_USE enum galley_rc settle_one(struct galley *q, struct galley_settlement *settlement,
                                          struct settle_totals *totals, bool *save_failed);
/* Takes a running job back from its worker. */
GALLEY_MUST_USE enum galley_rc settle_lost(struct galley *q, int64_t job_id, int64_t fence,
                                           enum settle_loss loss, struct settle_totals *totals);
GALLEY_MUST_USE enum galley_rc settle_totals_write(struct galley *q, struct settle_totals *totals);
/* Counts a job that ended without an attempt. */
GALLEY_MUST_USE enum galley_rc settle_count_cancelled(struct galley *q, const char *kind);

#endif
