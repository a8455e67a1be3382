/*
 * run_result.h - what came of a workflow: where its posts were published, and what failed.
 */
#ifndef RUN_RESULT_H
#define RUN_RESULT_H

#include "session.h"

/* Prints a line for each publication on standard output and each failed job on standard error.
 * Returns the exit status: 0 when nothing failed. */
int run_result(struct session *session, int64_t workflow_id);

#endif
