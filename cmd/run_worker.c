#include "run_worker.h"
#include "point.h"
#include "worker_program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATUS_NOT_STARTED 127 /* as shells have it */

static void become_worker(const struct worker_program *program, bool verbose, pid_t parent,
                          const sigset_t *mask) {
  /* A group of its own: Ctrl-C is for the parent, which then tells the worker to stop. */
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent)
    _exit(STATUS_NOT_STARTED);
  sigprocmask(SIG_SETMASK, mask, NULL);
  if (!verbose && getenv("GALLEY_LOG_LEVEL") == NULL)
    setenv("GALLEY_GALLEY_LOG_LEVEL", "error", 0);
  execv(program->path, program->argv);
  fprintf(stderr, "galley: the worker program %s cannot be started: %s\n", program->path,
          strerror(errno));
  _exit(STATUS_NOT_STARTED);
}

bool run_worker_start(struct run_worker *worker, const struct session *session, int64_t processes,
                      bool verbose, const sigset_t *mask) {
  struct worker_program program;
  struct work_options options = {.processes = processes, .drain = true, .grace_ms = -1};
  pid_t parent = getpid();
  worker_program_make(&program, session, &options);
  fflush(NULL);
  pid_t pid = fork();
  if (pid < 0)
    return false;
  if (pid == 0)
    become_worker(&program, verbose, parent, mask);
  POINT(run, started);
  worker->pid = pid;
  worker->starts++;
  return true;
}

void run_worker_reap(struct run_worker *worker) {
  if (worker->pid > 0 && waitpid(worker->pid, &worker->status, WNOHANG) == worker->pid)
    worker->pid = 0;
}

void run_worker_stop(struct run_worker *worker) {
  if (worker->pid == 0)
    return;
  kill(worker->pid, SIGTERM);
  while (waitpid(worker->pid, &worker->status, 0) < 0 && errno == EINTR) {
  }
  worker->pid = 0;
}
