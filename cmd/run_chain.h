/*
 * run_chain.h - the jobs that a run waits for: those of its workflow, and of the workflows that had
 * asked for the same next job before it did.
 */
#ifndef RUN_CHAIN_H
#define RUN_CHAIN_H

#include "session.h"

#define RUN_CHAIN_WORKFLOWS_MAX 16 /* that one chain is followed through */
#define RUN_CHAIN_NEXT_MAX      64 /* next jobs that are remembered of one workflow */

/* Hands each job (struct galley_job) to fn, workflow after workflow, each once. A done job's result
 * names the jobs that follow it in "next"; one of another workflow brings that workflow in. */
GALLEY_MUST_USE enum galley_rc run_chain_each(struct session *session, int64_t workflow_id,
                                              galley_row_fn *fn, void *arg);

#endif
