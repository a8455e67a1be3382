#include "round.h"

#include "clock.h"
#include "handler.h"
#include "log.h"

#include <inttypes.h>
#include <stdlib.h>

#define NS_PER_MS 1000000

bool round_init(struct round *round, size_t slots) {
  round->settlements = calloc(GALLEY_BATCH_MAX, sizeof *round->settlements);
  round->begins = calloc(slots, sizeof *round->begins);
  round->holds = calloc(slots, sizeof *round->holds);
  round->jobs = calloc(slots, sizeof *round->jobs);
  return round->settlements && round->begins && round->holds && round->jobs;
}

void round_fini(struct round *round) {
  free(round->settlements);
  free(round->begins);
  free(round->holds);
  free(round->jobs);
}

/* ---- settling ---- */

static void settlement_fill(struct galley_settlement *out, struct task *task) {
  bool done = task->verdict.outcome == GALLEY_DONE;
  *out =
      (struct galley_settlement){.job_id = task->job->id,
                                 .fence = task->job->fence,
                                 .outcome = task->verdict.outcome,
                                 .delay_ms = task->verdict.delay_ms,
                                 .result = task->result,
                                 .error_class = done ? NULL : task->verdict.error_class,
                                 .error = done ? NULL : task->verdict.error,
                                 .http_status = task->verdict.http_status,
                                 .save = done || task->save_on_failure ? task->handler->save : NULL,
                                 .save_arg = task};
}

static const char *outcome_name(const struct galley_settlement *settlement) {
  static const char *const names[] = {
      [GALLEY_DONE] = "done", [GALLEY_RETRY] = "failed",        [GALLEY_SNOOZE] = "snoozed",
      [GALLEY_DEAD] = "dead", [GALLEY_CANCELLED] = "cancelled", [GALLEY_RETURNED] = "returned"};
  return settlement->rc == GALLEY_OK ? names[settlement->outcome] : "failed";
}

static void settlement_log(const struct galley_settlement *settlement, const struct task *task) {
  char quoted[VERDICT_TEXT_MAX];
  int64_t ms = (clock_mono_ns() - task->started_mono_ns) / NS_PER_MS;
  if (settlement->rc == GALLEY_LOST) {
    log_event(LOG_LEVEL_WARN, "job.lost", "job=%" PRId64 " kind=%s attempt=%" PRId64 " ms=%" PRId64,
              task->job->id, task->job->kind, task->job->attempt, ms);
    return;
  }
  bool failed = settlement->outcome == GALLEY_DEAD || settlement->outcome == GALLEY_RETRY ||
                settlement->rc != GALLEY_OK;
  const char *error =
      settlement->rc == GALLEY_OK ? settlement->error : galley_rc_text(settlement->rc);
  log_event(failed ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "job.settled",
            "job=%" PRId64 " kind=%s attempt=%" PRId64 " outcome=%s ms=%" PRId64 "%s%s",
            task->job->id, task->job->kind, task->job->attempt, outcome_name(settlement), ms,
            error ? " error=" : "", error ? log_quote(quoted, sizeof quoted, error) : "");
}

static size_t fill_settlements(struct round *round) {
  size_t n = 0;
  for (struct task *task = round->tasks->finished; task && n < GALLEY_BATCH_MAX; task = task->next)
    settlement_fill(&round->settlements[n++], task);
  return n;
}

/* The settled tasks are the first n of the list, in its order. */
static void drop_settled(struct round *round, size_t n) {
  for (size_t i = 0; i < n; i++) {
    settlement_log(&round->settlements[i], round->tasks->finished);
    tasks_drop_settled(round->tasks);
  }
}

/* ---- leases ---- */

static size_t fill_holds(struct round *round) {
  size_t n = 0;
  for (struct task *task = round->tasks->running; task && n < GALLEY_BATCH_MAX; task = task->next)
    round->holds[n++] = (struct galley_hold){.job_id = task->job->id, .fence = task->job->fence};
  return n;
}

/* Settling finds the stale fence, writes nothing and says so in the log. */
static void end_lost(struct task *task) {
  task_end(task, GALLEY_RETURNED, "lost", "the lease was lost");
}

static void end_cancelled(struct task *task) {
  task_end(task, GALLEY_CANCELLED, "cancelled", "cancelled on request while it ran");
}

static void obey_holds(struct round *round, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const struct galley_hold *hold = &round->holds[i];
    struct task *task =
        hold->lost || hold->cancelled ? tasks_find(round->tasks, hold->job_id, hold->fence) : NULL;
    if (task && hold->lost)
      end_lost(task);
    else if (task)
      end_cancelled(task);
  }
}

/* ---- steps ---- */

static size_t fill_begins(struct round *round) {
  size_t n = 0;
  if (round->tasks->n_beginning == 0)
    return 0;
  for (struct task *task = round->tasks->running; task && n < GALLEY_BATCH_MAX; task = task->next)
    if (task->beginning)
      round->begins[n++] = task->begin;
  return n;
}

static void step_begun(struct task *task) {
  if (task->begin.rc == GALLEY_LOST)
    end_lost(task);
  else if (task->begin.rc != GALLEY_OK)
    task_end(task, GALLEY_DEAD, "data", galley_rc_text(task->begin.rc));
  else if (task->begin.begun == GALLEY_STEP_CANCELLED)
    end_cancelled(task);
  else
    task->handler->begun(task);
}

/* Those that ended meanwhile, by what their hold says, do not go on: nothing was done yet. */
static void obey_begins(struct round *round, size_t n) {
  for (size_t i = 0; i < n; i++) {
    struct galley_begin *begin = &round->begins[i];
    struct task *task = tasks_find(round->tasks, begin->job_id, begin->fence);
    if (!task) {
      galley_free(begin->step);
      continue;
    }
    task_take_step(task, begin);
    step_begun(task);
  }
}

/* ---- the turn ---- */

enum galley_rc round_run(struct round *round, size_t room, bool renew) {
  struct tasks *tasks = round->tasks;
  if (!tasks_make_spares(tasks, room))
    return GALLEY_NO_MEMORY;
  struct galley_turn turn = {.worker_id = round->worker_id,
                             .settlements = round->settlements,
                             .n_settlements = fill_settlements(round),
                             .begins = round->begins,
                             .n_begins = fill_begins(round),
                             .holds = round->holds,
                             .n_holds = renew ? fill_holds(round) : 0,
                             .kinds = (const char *const *)round->kinds->names,
                             .n_kinds = round->kinds->n,
                             .max_jobs = room < tasks->n_spare ? room : tasks->n_spare,
                             .lease_ms = round->lease_ms,
                             .jobs = round->jobs};
  enum galley_rc rc = galley_turn(round->writer, &turn);
  if (rc != GALLEY_OK)
    return rc;
  drop_settled(round, turn.n_settlements);
  obey_holds(round, turn.n_holds);
  obey_begins(round, turn.n_begins);
  for (size_t i = 0; i < turn.n_jobs; i++)
    task_start(tasks, round->jobs[i]);
  return GALLEY_OK;
}
