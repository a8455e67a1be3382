/*
 * handler.h - the seam for what a kind of job does. A handler is a small state machine on the loop:
 * it starts something, hears of its end, and finishes its task. It decides nothing about retries,
 * leases, deadlines or logging; those are written once, in the worker.
 */
#ifndef HANDLER_H
#define HANDLER_H

#include "config.h"
#include "http.h"
#include "loop.h"
#include "task.h"

/* What handlers may use. */
struct handler_env {
  const struct config *config;
  struct loop *loop;
  struct http *http;
  struct galley *reader; /* read-only handle: reads that take well under a turn */
  struct galley *writer; /* the worker's handle: outside `save` only for galley_topic_reserve */
};

struct handler {
  const char *kind;  /* NULL: serves the kinds that the configuration names */
  const char *about; /* one line for help and the manual */
  /* Begins the work; called once, on the loop. It ends by calling task_finish, now or later. */
  void (*start)(struct task *task);
  /* Stops what runs, at once; task_finish is not called any more. Not called after task_finish.
   * NULL: the work ends within start. */
  void (*stop)(struct task *task);
  /* The step that task_begin_step asked for is committed, and task->begin tells how it stands: NEW,
   * BEGUN or DONE. NULL: the handler begins none. */
  void (*begun)(struct task *task);
  /* Saves what was made, inside the transaction that settles (galley_save_fn; arg is the task). May
   * be called more than once, and must then write the same. NULL: nothing to save. */
  galley_save_fn *save;
  /* Releases task->state; called last, once. */
  void (*free)(struct task *task);
};

/* All handlers of kinds that galley brings, and the one for programs of a user's own. */
extern const struct handler *const handler_registry[];
extern const size_t handler_count;
extern const struct handler handler_exec;

/* The handler that serves a kind under this configuration; NULL: none. */
const struct handler *handler_find(const struct config *config, const char *kind);

#endif
