/*
 * hold.h - whether a job is still this attempt's: what every write of a worker shows inside its
 * transaction, before it writes.
 */
#ifndef HOLD_H
#define HOLD_H

#include "handle.h"

struct hold_view {
  bool cancelled; /* somebody asked to cancel the job */
  bool json;      /* the text handed in is JSON, as the CHECKs of the tables understand it */
};

/* GALLEY_LOST, with a sentence, when the job does not run its attempt of this fence. `json` may be
 * NULL; *view is set when the attempt holds. */
GALLEY_MUST_USE enum galley_rc hold_show(struct galley *q, int64_t job_id, int64_t fence,
                                         const char *json, struct hold_view *view);
/* GALLEY_INVALID, naming `what`, when the text that hold_show looked at is not JSON. SQLite says so
 * of any text when it has no memory to look: that is GALLEY_NO_MEMORY here, and no fault of the
 * text. */
GALLEY_MUST_USE enum galley_rc hold_check_json(struct galley *q, const struct hold_view *view,
                                               const char *what, const char *json);
/* Moves the lease to lease_ms from now and answers in *hold; a lost one is no failure. */
GALLEY_MUST_USE enum galley_rc hold_renew(struct galley *q, struct galley_hold *hold,
                                          int64_t lease_ms);

#endif
