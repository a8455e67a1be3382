/*
 * task.h - one running attempt: the job in its handler's hands, until it is settled.
 *
 * It is running from its claim until it is finished, by its handler or from outside (its time is
 * over, the lease is lost, the worker stops), and then waits for the transaction that settles it.
 */
#ifndef TASK_H
#define TASK_H

#include "galley.h"
#include "loop.h"
#include "verdict.h"

#include <jansson.h>

struct handler;
struct handler_env;
struct tasks;

/* A claimed job that is worked on. */
struct task {
  struct galley_job *job; /* owned by the worker */
  const struct handler *handler;
  const struct handler_env *env;
  struct verdict verdict;    /* to be set before task_finish */
  char *result;              /* JSON, owned (malloc); NULL: none; see task_set_result */
  bool save_on_failure;      /* run `save` also when the verdict is not DONE */
  struct galley_begin begin; /* see task_begin_step */
  void *state;               /* the handler's; NULL before start */

  /* the worker's own: */
  struct tasks *tasks;
  struct loop_timer deadline;
  bool finished, beginning;
  int64_t started_mono_ns;
  struct task *next, *previous;
};

/* ---- what a handler may ask ---- */

/* Zeroed memory of `size` bytes as task->state; NULL: the task was finished, to be tried again. The
 * handler's `free` releases it. */
void *task_new_state(struct task *task, size_t size);
/* Replaces task->result by the text of `json`, which it takes. GALLEY_NO_MEMORY also for a NULL
 * json, so that json_pack can be passed straight in. */
GALLEY_MUST_USE enum galley_rc task_set_result(struct task *task, json_t *json);
/* Asks for the step that task->begin describes by name, key and intent, which must live until
 * `begun` is called, and by `anew`. It is written in the next turn: what it stands for may be done
 * only from `begun` on. */
void task_begin_step(struct task *task);
/* The work is over, with task->verdict (and task->result). The worker settles it at the end of this
 * turn of the loop. */
void task_finish(struct task *task);
/* Sets a verdict from a code of the library with the sentence of the handle, and finishes: missing
 * rows and bad data are dead, the rest is tried again. */
void task_fail(struct task *task, enum galley_rc rc, const struct galley *q);

/* ---- what the worker does with them ---- */

/* All tasks of a worker. One is in `running` from its claim until it is finished, then in
 * `finished` until the transaction that settles it has committed; nowhere else. n_running and
 * n_finished count them. */
struct tasks {
  const struct handler_env *env;
  struct task *running, *finished;
  size_t n_running, n_finished;
  struct task *spare; /* n_spare empty ones, for what the next turn claims */
  size_t n_spare;
  size_t n_beginning; /* of the running: those that wait for a step to be committed */
};

/* Before a claim: what is claimed can be begun, and does not wait for its lease to run out. False
 * without memory for a single one of `wanted`. */
bool tasks_make_spares(struct tasks *tasks, size_t wanted);
/* The running task of this attempt; NULL: none. By fence too: a worker that was stopped for longer
 * than its lease may have claimed a job again while it still has the attempt that lost it. */
struct task *tasks_find(const struct tasks *tasks, int64_t job_id, int64_t fence);
/* The first of the finished, of which there must be one, is settled: it goes. */
void tasks_drop_settled(struct tasks *tasks);
/* Drops what is left unsettled, as when storage failed: those jobs run again elsewhere. */
void tasks_fini(struct tasks *tasks);

/* Begins the work on a claimed job, which it takes. Needs a spare. */
void task_start(struct tasks *tasks, struct galley_job *job);
/* The step that it waits for has been answered by `begin`, whose step it takes. */
void task_take_step(struct task *task, const struct galley_begin *begin);
/* Ends a running task from outside with a verdict of the worker's. */
void task_end(struct task *task, enum galley_outcome outcome, const char *error_class,
              const char *error);

#endif
