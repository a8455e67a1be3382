#include "task.h"

#include "clock.h"
#include "handler.h"
#include "log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- lists ---- */

static void list_add(struct task **list, struct task *task) {
  task->next = *list;
  task->previous = NULL;
  if (*list)
    (*list)->previous = task;
  *list = task;
}

static void list_remove(struct task **list, struct task *task) {
  if (task->previous)
    task->previous->next = task->next;
  else
    *list = task->next;
  if (task->next)
    task->next->previous = task->previous;
}

/* The first of a list, out of it; NULL when the list is empty. */
static struct task *list_take(struct task **list) {
  struct task *task = *list;
  if (task) {
    *list = task->next;
    if (task->next)
      task->next->previous = NULL;
  }
  return task;
}

/* ---- what a handler may ask ---- */

void *task_new_state(struct task *task, size_t size) {
  task->state = calloc(1, size);
  if (!task->state) {
    verdict_set(&task->verdict, GALLEY_RETRY, -1, "memory", "no memory for a %s job",
                task->job->kind);
    task_finish(task);
  }
  return task->state;
}

enum galley_rc task_set_result(struct task *task, json_t *json) {
  free(task->result);
  task->result = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  json_decref(json);
  return task->result ? GALLEY_OK : GALLEY_NO_MEMORY;
}

void task_begin_step(struct task *task) {
  assert(!task->finished && !task->beginning && task->handler->begun);
  galley_free(task->begin.step);
  task->begin.step = NULL;
  task->begin.job_id = task->job->id;
  task->begin.fence = task->job->fence;
  task->beginning = true;
  task->tasks->n_beginning++;
}

/* It waits for no step any more. */
static void begin_over(struct task *task) {
  if (task->beginning)
    task->tasks->n_beginning--;
  task->beginning = false;
}

void task_finish(struct task *task) {
  struct tasks *tasks = task->tasks;
  assert(!task->finished);
  task->finished = true;
  begin_over(task);
  loop_timer_stop(&task->deadline);
  list_remove(&tasks->running, task);
  list_add(&tasks->finished, task);
  tasks->n_running--;
  tasks->n_finished++;
}

void task_fail(struct task *task, enum galley_rc rc, const struct galley *q) {
  bool hopeless = rc == GALLEY_NONE || galley_rc_class(rc) == GALLEY_CLASS_CALLER;
  verdict_set(&task->verdict, hopeless ? GALLEY_DEAD : GALLEY_RETRY, -1, "data", "%s",
              galley_errmsg(q));
  task_finish(task);
}

/* ---- what the worker does with one ---- */

static void stop(struct task *task) {
  if (task->handler->stop)
    task->handler->stop(task);
}

void task_end(struct task *task, enum galley_outcome outcome, const char *error_class,
              const char *error) {
  stop(task);
  verdict_set(&task->verdict, outcome, -1, error_class, "%s", error);
  task_finish(task);
}

static void expired(struct loop_timer *timer) {
  struct task *task = timer->owner;
  char text[96];
  snprintf(text, sizeof text, "still running after its time-out of %" PRId64 " ms",
           task->job->timeout_ms);
  task_end(task, GALLEY_RETRY, "timeout", text);
}

void task_start(struct tasks *tasks, struct galley_job *job) {
  struct task *task = list_take(&tasks->spare);
  assert(task);
  tasks->n_spare--;
  task->job = job;
  task->handler = handler_find(tasks->env->config, job->kind);
  task->env = tasks->env;
  task->tasks = tasks;
  task->verdict = VERDICT_DONE;
  task->started_mono_ns = clock_mono_ns();
  task->deadline = (struct loop_timer){.fire = expired, .owner = task};
  list_add(&tasks->running, task);
  tasks->n_running++;
  log_event(LOG_LEVEL_DEBUG, "job.started", "job=%" PRId64 " kind=%s attempt=%" PRId64, job->id,
            job->kind, job->attempt);
  if (!loop_timer_start(tasks->env->loop, &task->deadline, job->timeout_ms)) {
    task_end(task, GALLEY_RETRY, "memory", "no memory for a deadline");
    return;
  }
  task->handler->start(task);
}

void task_take_step(struct task *task, const struct galley_begin *begin) {
  task->begin = *begin;
  begin_over(task);
}

static void free_task(struct task *task) {
  loop_timer_stop(&task->deadline);
  task->handler->free(task);
  galley_free(task->begin.step);
  free(task->result);
  galley_free(task->job);
  free(task);
}

/* ---- all of a worker ---- */

bool tasks_make_spares(struct tasks *tasks, size_t wanted) {
  while (tasks->n_spare < wanted) {
    struct task *task = calloc(1, sizeof *task);
    if (!task)
      return tasks->n_spare > 0;
    list_add(&tasks->spare, task);
    tasks->n_spare++;
  }
  return true;
}

struct task *tasks_find(const struct tasks *tasks, int64_t job_id, int64_t fence) {
  struct task *task = tasks->running;
  while (task && (task->job->id != job_id || task->job->fence != fence))
    task = task->next;
  return task;
}

void tasks_drop_settled(struct tasks *tasks) {
  struct task *task = list_take(&tasks->finished);
  assert(task);
  tasks->n_finished--;
  free_task(task);
}

void tasks_fini(struct tasks *tasks) {
  struct task *task;
  while ((task = list_take(&tasks->running))) {
    stop(task);
    free_task(task);
  }
  while ((task = list_take(&tasks->finished)))
    free_task(task);
  while ((task = list_take(&tasks->spare)))
    free(task);
}
