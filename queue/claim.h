/*
 * claim.h - taking ready jobs, inside a transaction, and looking whether there are any.
 */
#ifndef CLAIM_H
#define CLAIM_H

#include "handle.h"

/* Promotes scheduled jobs that are due, then claims up to turn->max_jobs of turn->kinds: lowest
 * priority number first, then lowest id, over all kinds together. Each kind is read at the front of
 * one index, so the cost does not depend on what waits behind. */
GALLEY_MUST_USE enum galley_rc claim_jobs(struct galley *q, struct galley_turn *turn);
/* Whether claim_jobs would find anything; without a write transaction. */
GALLEY_MUST_USE enum galley_rc claim_possible(struct galley *q, const char *const *kinds,
                                              size_t n_kinds, bool *possible);

#endif
