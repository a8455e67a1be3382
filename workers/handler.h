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
#include "verdict.h"

#include <jansson.h>

struct worker;

/* What handlers may use. */
struct handler_env {
  const struct config *config;
  struct loop *loop;
  struct http *http;
  struct galley *reader; /* read-only handle: reads that take well under a turn */
  struct galley *writer; /* the worker's handle: outside `save` only for galley_topic_reserve */
};

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
  struct worker *worker;
  struct loop_timer deadline;
  bool finished, beginning;
  int64_t started_mono_ns;
  struct task *next, *previous;
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

/* All handlers of kinds that galley brings, and the one for programs of a user's own. */
extern const struct handler *const handler_registry[];
extern const size_t handler_count;
extern const struct handler handler_exec;

/* The handler that serves a kind under this configuration; NULL: none. */
const struct handler *handler_find(const struct config *config, const char *kind);

#endif
