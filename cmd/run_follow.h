/*
 * run_follow.h - waits for all jobs of a workflow, shows how far they are, and sees to it that
 * somebody works on them.
 */
#ifndef RUN_FOLLOW_H
#define RUN_FOLLOW_H

#include "run_worker.h"
#include "session.h"

struct run_follow {
  int64_t workflow_id;
  bool start_worker;  /* when none is alive that serves the pipeline's kinds */
  int64_t processes;  /* of it; 0: as configured */
  int64_t timeout_ms; /* 0: none */
  bool verbose;
  struct run_worker worker;
};

/* Returns 0 once no job of the workflow is live, else the exit status after saying why it stopped
 * waiting. The worker it may have started still runs: run_worker_stop. */
int run_follow(struct session *session, struct run_follow *follow);

#endif
