/*
 * process.h - a child program on the loop: no shell, its own process group, JSON in on standard
 * input, bounded output back. Descriptors and signal settings of this process are not inherited,
 * and the program is killed when the thread that started it ends, however that happens.
 */
#ifndef PROCESS_H
#define PROCESS_H

#include "loop.h"

#include <stddef.h>

struct process;

struct process_request {
  const char *const *argv; /* argv[0] is the program's path; NULL-terminated */
  const char *directory;   /* NULL: stay */
  const char *const *env;  /* extra NAME=VALUE, NULL-terminated; added to this process's own */
  const void *input;
  size_t input_len;
  size_t output_max;  /* bytes of standard output; past it the program is killed */
  size_t error_max;   /* bytes kept of the end of standard error */
  int64_t timeout_ms; /* then the whole group gets SIGKILL */
};

enum process_end {
  PROCESS_EXITED,
  PROCESS_SIGNALED, /* by somebody else */
  PROCESS_TIMEOUT,
  PROCESS_TOO_LARGE,
  PROCESS_NOT_STARTED /* not found, not executable: `start_errno` */
};

struct process_reply {
  enum process_end end;
  int exit_status;    /* of PROCESS_EXITED */
  int signum;         /* of PROCESS_SIGNALED */
  int start_errno;    /* of PROCESS_NOT_STARTED */
  const char *output; /* NUL-terminated past output_len; never NULL */
  size_t output_len;
  size_t output_max; /* of the request, for who must tell it */
  const char *error; /* the tail of standard error, valid UTF-8, NUL-terminated; never NULL */
};

typedef void process_done_fn(void *owner, const struct process_reply *reply);

/* Starts the program; everything in `request` is copied. NULL without memory or descriptors. `done`
 * is called exactly once, after the program ended and its output was read, unless cancelled; never
 * before this returns. A grandchild that keeps the pipes open does not hold it up: when the program
 * has ended, its group is killed. */
struct process *process_start(struct loop *loop, const struct process_request *request,
                              process_done_fn *done, void *owner);
/* Kills the group and forgets it; `done` is never called. */
void process_cancel(struct process *process);

#endif
