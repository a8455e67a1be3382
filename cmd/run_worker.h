/*
 * run_worker.h - the worker that `galley run` starts when nobody else works: one child at a time,
 * which ends with its parent.
 */
#ifndef RUN_WORKER_H
#define RUN_WORKER_H

#include "session.h"

#include <signal.h>
#include <sys/types.h>

struct run_worker {
  pid_t pid;  /* 0: none runs */
  int starts; /* so far */
  int status; /* of the one that ended last, as from waitpid */
};

/* Starts `galley-worker --drain`. `mask` is the signal mask it gets; its log goes to standard
 * error, errors only unless verbose. False: errno tells why it could not fork; a program that
 * cannot be started ends with status 127. */
bool run_worker_start(struct run_worker *worker, const struct session *session, int64_t processes,
                      bool verbose, const sigset_t *mask);
/* Notices its end; does not wait. */
void run_worker_reap(struct run_worker *worker);
/* Tells it to stop, and waits for that. */
void run_worker_stop(struct run_worker *worker);

#endif
