/*
 * job_step.h - the ledger of what jobs do outside the database, inside a transaction.
 */
#ifndef JOB_STEP_H
#define JOB_STEP_H

#include "handle.h"

/* As galley_step_begin, in a transaction that is open. A refusal (class CALLER or RESULT) has
 * written nothing, so that the others in the transaction need not fail with it. */
GALLEY_MUST_USE enum galley_rc job_step_begin(struct galley *q, struct galley_begin *begin);
/* A person has decided that what is begun and cannot be asked about may be done again. */
GALLEY_MUST_USE enum galley_rc job_step_forget_begun(struct galley *q, int64_t job_id);

#endif
