#include "worker.h"

#include "address.h"
#include "clock.h"
#include "handler.h"
#include "kind_list.h"
#include "log.h"
#include "peers.h"
#include "supervisor.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRY_TURN_MS  1000 /* after a turn that storage refused for now */
#define ECHO_FIRST_MS  2 /* after a change: look again, since a foreign commit rings too early; */
#define ECHO_LAST_MS   1000 /* and again, eight times later each time, until this */
#define ECHO_FACTOR    8
#define SAFETY_LOOK_MS 300000 /* between looks that nothing asked for */
#define NS_PER_MS      1000000

/* A worker. A task is in `running` from its claim until it is finished, then in `finished` until
 * the transaction that settles it has committed; nowhere else. n_running and n_finished count them.
 */
struct worker {
  const struct config *config;
  const struct worker_options *options;
  struct handler_env env;
  struct kind_list kinds;
  int64_t id; /* in the table workers */
  size_t slots;
  struct task *running, *finished;
  size_t n_running, n_finished;
  struct task *spare; /* n_spare empty ones, for what the next turn claims */
  size_t n_spare;
  size_t n_beginning; /* of the running: those that wait for a step to be committed */

  bool look;             /* something may be ready: claim in this turn */
  bool renew;            /* leases are due in this turn */
  bool stopping;         /* claim nothing more */
  bool blocked;          /* storage refused: no turn until `again` fires */
  bool unrecovered;      /* it refused to take back what a dead worker held */
  bool late;             /* the grace period is over: when storage refuses now, that is the end */
  enum galley_rc failed; /* storage cannot be trusted: stop without settling */

  struct loop_turn turn;
  struct loop_io watch;
  struct loop_timer due;     /* the next scheduled job, in wall time */
  struct loop_timer expiry;  /* the next lease that runs out, or the safety look */
  struct loop_timer renewal; /* a third of the lease */
  struct loop_timer echo;    /* the next look after a change; echo_ms is its wait */
  int64_t echo_ms;
  struct loop_timer again;
  struct loop_timer grace;
  struct loop_signal term, interrupt;
  struct peers *peers;   /* whose death is noticed at once */
  int64_t newest_worker; /* that the peers were updated for */

  /* Room for one turn, made once. */
  struct galley_settlement *settlements;
  struct galley_begin *begins;
  struct galley_hold *holds;
  struct galley_job **jobs;
};

/* ---- tasks ---- */

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

/* It waits for no step any more. */
static void task_begin_over(struct task *task) {
  if (task->beginning)
    task->worker->n_beginning--;
  task->beginning = false;
}

void task_begin_step(struct task *task) {
  assert(!task->finished && !task->beginning && task->handler->begun);
  galley_free(task->begin.step);
  task->begin.step = NULL;
  task->begin.job_id = task->job->id;
  task->begin.fence = task->job->fence;
  task->beginning = true;
  task->worker->n_beginning++;
}

void task_finish(struct task *task) {
  struct worker *worker = task->worker;
  assert(!task->finished);
  task->finished = true;
  task_begin_over(task);
  loop_timer_stop(&task->deadline);
  list_remove(&worker->running, task);
  list_add(&worker->finished, task);
  worker->n_running--;
  worker->n_finished++;
}

static void task_stop(struct task *task) {
  if (task->handler->stop)
    task->handler->stop(task);
}

/* Ends a running task from outside with a verdict of the worker's. */
static void task_end(struct task *task, enum galley_outcome outcome, const char *error_class,
                     const char *error) {
  task_stop(task);
  verdict_set(&task->verdict, outcome, -1, error_class, "%s", error);
  task_finish(task);
}

static void task_free(struct task *task) {
  loop_timer_stop(&task->deadline);
  task->handler->free(task);
  galley_free(task->begin.step);
  free(task->result);
  galley_free(task->job);
  free(task);
}

static void task_expired(struct loop_timer *timer) {
  struct task *task = timer->owner;
  char text[96];
  snprintf(text, sizeof text, "still running after its time-out of %" PRId64 " ms",
           task->job->timeout_ms);
  task_end(task, GALLEY_RETRY, "timeout", text);
}

/* Before a claim: what is claimed can be begun, and does not wait for its lease to run out. False
 * without memory for a single one. */
static bool make_spares(struct worker *worker, size_t wanted) {
  while (worker->n_spare < wanted) {
    struct task *task = calloc(1, sizeof *task);
    if (!task)
      return worker->n_spare > 0;
    list_add(&worker->spare, task);
    worker->n_spare++;
  }
  return true;
}

static void task_begin(struct worker *worker, struct galley_job *job) {
  struct task *task = list_take(&worker->spare);
  assert(task);
  worker->n_spare--;
  task->job = job;
  task->handler = handler_find(worker->config, job->kind);
  task->env = &worker->env;
  task->worker = worker;
  task->verdict = VERDICT_DONE;
  task->started_mono_ns = clock_mono_ns();
  task->deadline = (struct loop_timer){.fire = task_expired, .owner = task};
  list_add(&worker->running, task);
  worker->n_running++;
  log_event(LOG_LEVEL_DEBUG, "job.started", "job=%" PRId64 " kind=%s attempt=%" PRId64, job->id,
            job->kind, job->attempt);
  if (!loop_timer_start(worker->env.loop, &task->deadline, job->timeout_ms)) {
    task_end(task, GALLEY_RETRY, "memory", "no memory for a deadline");
    return;
  }
  task->handler->start(task);
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

static size_t fill_settlements(struct worker *worker) {
  size_t n = 0;
  for (struct task *task = worker->finished; task && n < GALLEY_BATCH_MAX; task = task->next)
    settlement_fill(&worker->settlements[n++], task);
  return n;
}

/* The settled tasks are the first n of the list, in its order. */
static void drop_settled(struct worker *worker, size_t n) {
  for (size_t i = 0; i < n; i++) {
    struct task *task = list_take(&worker->finished);
    settlement_log(&worker->settlements[i], task);
    worker->n_finished--;
    task_free(task);
  }
}

/* ---- leases ---- */

static size_t fill_holds(struct worker *worker) {
  size_t n = 0;
  if (!worker->renew)
    return 0;
  for (struct task *task = worker->running; task && n < GALLEY_BATCH_MAX; task = task->next)
    worker->holds[n++] = (struct galley_hold){.job_id = task->job->id, .fence = task->job->fence};
  return n;
}

/* By fence too: a worker that was stopped for longer than its lease may have claimed a job again
 * while it still has the attempt that lost it. */
static struct task *running_task(struct worker *worker, int64_t job_id, int64_t fence) {
  struct task *task = worker->running;
  while (task && (task->job->id != job_id || task->job->fence != fence))
    task = task->next;
  return task;
}

/* Settling finds the stale fence, writes nothing and says so in the log. */
static void end_lost(struct task *task) {
  task_end(task, GALLEY_RETURNED, "lost", "the lease was lost");
}

static void end_cancelled(struct task *task) {
  task_end(task, GALLEY_CANCELLED, "cancelled", "cancelled on request while it ran");
}

static void obey_holds(struct worker *worker, size_t n) {
  for (size_t i = 0; i < n; i++) {
    const struct galley_hold *hold = &worker->holds[i];
    struct task *task =
        hold->lost || hold->cancelled ? running_task(worker, hold->job_id, hold->fence) : NULL;
    if (task && hold->lost)
      end_lost(task);
    else if (task)
      end_cancelled(task);
  }
}

/* ---- steps ---- */

static size_t fill_begins(struct worker *worker) {
  size_t n = 0;
  if (worker->n_beginning == 0)
    return 0;
  for (struct task *task = worker->running; task && n < GALLEY_BATCH_MAX; task = task->next)
    if (task->beginning)
      worker->begins[n++] = task->begin;
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
static void obey_begins(struct worker *worker, size_t n) {
  for (size_t i = 0; i < n; i++) {
    struct galley_begin *begin = &worker->begins[i];
    struct task *task = running_task(worker, begin->job_id, begin->fence);
    if (!task) {
      galley_free(begin->step);
      continue;
    }
    task->begin = *begin;
    task_begin_over(task);
    step_begun(task);
  }
}

static void renewal_due(struct loop_timer *timer) {
  struct worker *worker = timer->owner;
  worker->renew = true;
}

/* ---- the turn ---- */

/* The sentence of a failure: memory also runs out where the handle knows nothing of it. */
static const char *failure_text(const struct worker *worker, enum galley_rc rc) {
  return rc == GALLEY_NO_MEMORY ? galley_rc_text(rc) : galley_errmsg(worker->env.writer);
}

static void storage_failed(struct worker *worker, enum galley_rc rc) {
  char quoted[VERDICT_TEXT_MAX];
  const char *error = log_quote(quoted, sizeof quoted, failure_text(worker, rc));
  if (galley_rc_class(rc) == GALLEY_CLASS_RETRY && !worker->late &&
      loop_timer_start(worker->env.loop, &worker->again, RETRY_TURN_MS)) {
    log_event(LOG_LEVEL_WARN, "storage.refused", "code=%s error=%s", galley_rc_name(rc), error);
    worker->blocked = true;
    return;
  }
  log_event(LOG_LEVEL_ERROR, "storage.failed", "code=%s error=%s", galley_rc_name(rc), error);
  worker->failed = rc;
  loop_stop(worker->env.loop);
}

static size_t free_slots(const struct worker *worker) {
  size_t used = worker->n_running;
  return worker->stopping || used >= worker->slots ? 0 : worker->slots - used;
}

static bool turn_needed(const struct worker *worker) {
  return worker->n_finished > 0 || worker->n_beginning > 0 ||
         (worker->renew && worker->n_running > 0) || (worker->look && free_slots(worker) > 0);
}

/* Settles, begins steps, renews and claims. False: storage refused. */
static bool run_turn(struct worker *worker) {
  size_t room = free_slots(worker);
  if (!make_spares(worker, room)) {
    storage_failed(worker, GALLEY_NO_MEMORY);
    return false;
  }
  struct galley_turn turn = {.worker_id = worker->id,
                             .settlements = worker->settlements,
                             .n_settlements = fill_settlements(worker),
                             .begins = worker->begins,
                             .n_begins = fill_begins(worker),
                             .holds = worker->holds,
                             .n_holds = fill_holds(worker),
                             .kinds = (const char *const *)worker->kinds.names,
                             .n_kinds = worker->kinds.n,
                             .max_jobs = room < worker->n_spare ? room : worker->n_spare,
                             .lease_ms = worker->config->lease_ms,
                             .jobs = worker->jobs};
  enum galley_rc rc = galley_turn(worker->env.writer, &turn);
  if (rc != GALLEY_OK) {
    storage_failed(worker, rc);
    return false;
  }
  worker->renew = false;
  worker->look = false;
  drop_settled(worker, turn.n_settlements);
  obey_holds(worker, turn.n_holds);
  obey_begins(worker, turn.n_begins);
  for (size_t i = 0; i < turn.n_jobs; i++)
    task_begin(worker, worker->jobs[i]);
  return true;
}

/* Takes back what dead or hung workers held; what is ready then is claimed in the next turn. */
static void recover(struct worker *worker) {
  int64_t n = 0;
  enum galley_rc rc = galley_recover(worker->env.writer, &n);
  worker->unrecovered = rc != GALLEY_OK;
  if (rc != GALLEY_OK) {
    storage_failed(worker, rc);
    return;
  }
  if (n > 0)
    log_event(LOG_LEVEL_WARN, "jobs.recovered", "jobs=%" PRId64, n);
  worker->look = true;
}

static void run_again(struct loop_timer *timer) {
  struct worker *worker = timer->owner;
  worker->blocked = false;
  worker->look = true;
  if (worker->unrecovered)
    recover(worker);
}

static void lease_ran_out(struct loop_timer *timer) {
  recover(timer->owner);
}

static void peer_died(void *owner) {
  recover(owner);
}

static void became_due(struct loop_timer *timer) {
  struct worker *worker = timer->owner;
  worker->look = true;
}

/* Whether a worker that drains has nothing more to wait for. */
static bool drained(const struct worker *worker, const struct galley_outlook *outlook) {
  int64_t horizon_ms = clock_wall_ms() + WORKER_DRAIN_HORIZON_MS;
  return worker->options->drain && !outlook->live && worker->n_running + worker->n_finished == 0 &&
         (outlook->next_run_at_ms == 0 || outlook->next_run_at_ms > horizon_ms);
}

static bool set_timers(struct worker *worker, const struct galley_outlook *outlook) {
  struct loop *loop = worker->env.loop;
  bool ok = true;
  if (outlook->next_run_at_ms > 0)
    ok = loop_timer_start_at(loop, &worker->due, outlook->next_run_at_ms);
  else
    loop_timer_stop(&worker->due);
  int64_t wait_ms = SAFETY_LOOK_MS;
  if (outlook->next_lease_mono_ns > 0) {
    int64_t left_ms = (outlook->next_lease_mono_ns - clock_mono_ns()) / NS_PER_MS + 1;
    wait_ms = left_ms < 1 ? 1 : left_ms < wait_ms ? left_ms : wait_ms;
  }
  ok = ok && loop_timer_start(loop, &worker->expiry, wait_ms);
  if (worker->n_running > 0 && !worker->renewal.impl)
    ok = ok && loop_timer_start(loop, &worker->renewal, worker->config->lease_ms / 3);
  return ok;
}

/* After a turn: what is there to wait for? Reads only. */
static void look_ahead(struct worker *worker) {
  struct galley_outlook outlook;
  galley_watch_clear(worker->env.writer);
  enum galley_rc rc =
      galley_look(worker->env.writer, worker->id, (const char *const *)worker->kinds.names,
                  worker->kinds.n, &outlook);
  if (rc != GALLEY_OK) {
    storage_failed(worker, rc);
    return;
  }
  if (outlook.newest_worker != worker->newest_worker) {
    worker->newest_worker = outlook.newest_worker;
    rc = peers_update(worker->peers, worker->env.writer);
    if (rc != GALLEY_OK) {
      storage_failed(worker, rc);
      return;
    }
  }
  if (outlook.cancel)
    worker->renew = true; /* the renewal tells which one */
  if (outlook.ready && free_slots(worker) > 0)
    worker->look = true;
  else if (drained(worker, &outlook))
    worker->stopping = true;
  if (!set_timers(worker, &outlook))
    storage_failed(worker, GALLEY_NO_MEMORY);
}

static void stop_when_empty(struct worker *worker) {
  if (worker->stopping && worker->n_running + worker->n_finished == 0)
    loop_stop(worker->env.loop);
}

static void echo_start(struct worker *worker, int64_t wait_ms) {
  worker->echo_ms = wait_ms;
  if (wait_ms <= ECHO_LAST_MS)
    (void)loop_timer_start(worker->env.loop, &worker->echo, wait_ms); /* else: the next change */
}

static void echoed(struct loop_timer *timer) {
  struct worker *worker = timer->owner;
  worker->look = true;
  echo_start(worker, worker->echo_ms * ECHO_FACTOR);
}

static void changed(struct loop_io *io, unsigned events) {
  struct worker *worker = io->owner;
  (void)events;
  galley_watch_clear(worker->env.writer);
  worker->look = true;
  echo_start(worker, ECHO_FIRST_MS);
}

/* The end of each turn of the loop. What handlers finish while they start is settled in the next
 * round at once; the rounds end, since each claims only into slots that are free. */
static void turn_end(struct loop_turn *turn) {
  struct worker *worker = turn->owner;
  bool marked = worker->look || worker->renew || worker->n_finished + worker->n_beginning > 0;
  while (!worker->blocked && !worker->failed && turn_needed(worker))
    if (!run_turn(worker))
      return;
  if (marked && !worker->blocked && !worker->failed) {
    worker->look = false;
    look_ahead(worker);
    if (worker->look || worker->renew) /* found in the last moment: another turn, without waiting */
      (void)loop_timer_start(worker->env.loop, &worker->due, 0);
  }
  stop_when_empty(worker);
}

/* ---- stopping ---- */

static void grace_over(struct loop_timer *timer) {
  struct worker *worker = timer->owner;
  worker->late = true;
  while (worker->running)
    task_end(worker->running, GALLEY_RETURNED, "stopped", "the worker was told to stop");
}

static void told_to_stop(struct loop_signal *sig) {
  struct worker *worker = sig->owner;
  bool again = worker->stopping;
  worker->stopping = true;
  log_event(LOG_LEVEL_INFO, "worker.stopping", "signal=%d running=%zu grace_ms=%" PRId64,
            sig->signum, worker->n_running, again ? 0 : worker->config->grace_ms);
  if (again || worker->config->grace_ms == 0 ||
      !loop_timer_start(worker->env.loop, &worker->grace, worker->config->grace_ms))
    grace_over(&worker->grace);
}

/* ---- setting up and taking down ---- */

static enum galley_rc fail(char *error, size_t error_len, enum galley_rc rc, const char *text) {
  snprintf(error, error_len, "%s", text);
  return rc;
}

static enum galley_rc open_store(struct worker *worker, char *error, size_t error_len) {
  const struct config *config = worker->config;
  struct galley_options options = {
      .flags = strcmp(config->durability, "full") == 0 ? GALLEY_OPEN_FULL : 0u,
      .crashes_max = config->crashes_max};
  enum galley_rc rc = galley_open(&worker->env.writer, config->database, &options);
  if (rc == GALLEY_NONE) /* for a program that needs it, a missing file is an error */
    rc = GALLEY_NO_INPUT;
  if (rc != GALLEY_OK)
    return fail(error, error_len, rc, galley_errmsg(worker->env.writer));
  options.flags = GALLEY_OPEN_READONLY;
  rc = galley_open(&worker->env.reader, config->database, &options);
  if (rc != GALLEY_OK)
    return fail(error, error_len, rc, galley_errmsg(worker->env.reader));
  rc = galley_worker_join(worker->env.writer, worker->kinds.json, (int64_t)worker->slots,
                          &worker->id);
  if (rc == GALLEY_OK)
    rc = galley_recover(worker->env.writer, NULL);
  return rc == GALLEY_OK ? rc : fail(error, error_len, rc, galley_errmsg(worker->env.writer));
}

static enum galley_rc make_room(struct worker *worker, char *error, size_t error_len) {
  worker->settlements = calloc(GALLEY_BATCH_MAX, sizeof *worker->settlements);
  worker->begins = calloc(worker->slots, sizeof *worker->begins);
  worker->holds = calloc(worker->slots, sizeof *worker->holds);
  worker->jobs = calloc(worker->slots, sizeof *worker->jobs);
  worker->env.loop = loop_new();
  if (!worker->settlements || !worker->begins || !worker->holds || !worker->jobs ||
      !worker->env.loop)
    return fail(error, error_len, GALLEY_NO_MEMORY, "no memory for a worker");
  const struct http_options options = {.user_agent = worker->config->user_agent,
                                       .connect_timeout_ms = worker->config->connect_timeout_ms,
                                       .allow_addresses = worker->config->allow_addresses};
  worker->env.http = http_new(worker->env.loop, &options, NULL);
  if (!worker->env.http)
    return fail(error, error_len, GALLEY_NO_MEMORY, "no memory for HTTP");
  return GALLEY_OK;
}

static void name_callbacks(struct worker *worker) {
  worker->turn = (struct loop_turn){.end = turn_end, .owner = worker};
  worker->watch = (struct loop_io){.ready = changed, .owner = worker};
  worker->due = (struct loop_timer){.fire = became_due, .owner = worker};
  worker->expiry = (struct loop_timer){.fire = lease_ran_out, .owner = worker};
  worker->renewal = (struct loop_timer){.fire = renewal_due, .owner = worker};
  worker->echo = (struct loop_timer){.fire = echoed, .owner = worker};
  worker->again = (struct loop_timer){.fire = run_again, .owner = worker};
  worker->grace = (struct loop_timer){.fire = grace_over, .owner = worker};
  worker->term = (struct loop_signal){.caught = told_to_stop, .owner = worker};
  worker->interrupt = (struct loop_signal){.caught = told_to_stop, .owner = worker};
}

static enum galley_rc watch_start(struct worker *worker, char *error, size_t error_len) {
  struct loop *loop = worker->env.loop;
  int fd = -1;
  name_callbacks(worker);
  worker->peers = peers_new(loop, peer_died, worker);
  if (!worker->peers)
    return fail(error, error_len, GALLEY_NO_MEMORY, "no memory for a worker");
  enum galley_rc rc = galley_watch(worker->env.writer, &fd);
  if (rc != GALLEY_OK)
    return fail(error, error_len, rc, galley_errmsg(worker->env.writer));
  if ((fd < 0 || loop_io_start(loop, &worker->watch, fd, LOOP_READ)) &&
      loop_turn_start(loop, &worker->turn) && loop_signal_start(loop, &worker->term, SIGTERM) &&
      loop_signal_start(loop, &worker->interrupt, SIGINT) &&
      loop_timer_start(loop, &worker->due, 0))
    return GALLEY_OK;
  return fail(error, error_len, GALLEY_NO_MEMORY, "no memory for a worker");
}

static void watch_stop(struct worker *worker) {
  peers_free(worker->peers);
  loop_io_stop(&worker->watch);
  loop_turn_stop(&worker->turn);
  loop_signal_stop(&worker->term);
  loop_signal_stop(&worker->interrupt);
  loop_timer_stop(&worker->due);
  loop_timer_stop(&worker->expiry);
  loop_timer_stop(&worker->renewal);
  loop_timer_stop(&worker->echo);
  loop_timer_stop(&worker->again);
  loop_timer_stop(&worker->grace);
}

/* Tasks that are left (storage failed) are dropped unsettled: their jobs run again elsewhere. */
static void drop_tasks(struct worker *worker) {
  struct task *task;
  while ((task = list_take(&worker->running))) {
    task_stop(task);
    task_free(task);
  }
  while ((task = list_take(&worker->finished)))
    task_free(task);
  while ((task = list_take(&worker->spare)))
    free(task);
}

static void worker_fini(struct worker *worker) {
  drop_tasks(worker);
  watch_stop(worker);
  if (worker->env.http)
    http_free(worker->env.http);
  galley_close(worker->env.reader);
  galley_close(worker->env.writer);
  if (worker->env.loop)
    loop_free(worker->env.loop);
  kind_list_fini(&worker->kinds);
  free(worker->settlements);
  free(worker->begins);
  free(worker->holds);
  free(worker->jobs);
}

static enum galley_rc work(struct worker *worker, char *error, size_t error_len) {
  log_event(LOG_LEVEL_INFO, "worker.started", "worker=%" PRId64 " pid=%d slots=%zu", worker->id,
            (int)getpid(), worker->slots);
  loop_run(worker->env.loop);
  if (worker->failed != GALLEY_OK)
    return fail(error, error_len, worker->failed, failure_text(worker, worker->failed));
  enum galley_rc rc = galley_worker_leave(worker->env.writer, worker->id);
  if (rc != GALLEY_OK)
    return fail(error, error_len, rc, galley_errmsg(worker->env.writer));
  log_event(LOG_LEVEL_INFO, "worker.stopped", "worker=%" PRId64, worker->id);
  return GALLEY_OK;
}

enum galley_rc worker_run(const struct config *config, const struct worker_options *options,
                          char *error, size_t error_len) {
  struct worker worker = {.config = config, .options = options};
  worker.slots = (size_t)(options->slots > 0 ? options->slots : config->slots);
  worker.env.config = config;
  enum galley_rc rc = kind_list_init(&worker.kinds, config, options->kinds, error, error_len)
                          ? GALLEY_OK
                          : GALLEY_INVALID;
  if (rc == GALLEY_OK)
    rc = make_room(&worker, error, error_len);
  if (rc == GALLEY_OK)
    rc = open_store(&worker, error, error_len);
  if (rc == GALLEY_OK)
    rc = watch_start(&worker, error, error_len);
  if (rc == GALLEY_OK)
    rc = work(&worker, error, error_len);
  worker_fini(&worker);
  return rc;
}

/* What only workers can tell of a configuration, told once and not by each process. */
static enum galley_rc check_addresses(const struct config *config, char *error, size_t error_len) {
  struct address_list list;
  const char *problem;
  if (address_list_parse(&list, config->allow_addresses, &problem))
    return GALLEY_OK;
  snprintf(error, error_len, "%s%shttp.allow_addresses: %s", config->file ? config->file : "",
           config->file ? ": " : "", problem);
  return GALLEY_INVALID;
}

enum galley_rc worker_main(const struct config *config, const struct worker_options *options,
                           char *error, size_t error_len) {
  enum log_level level = LOG_LEVEL_INFO;
  (void)log_level_parse(config->log_level, &level); /* the table of settings checked it */
  log_open(level);
  galley_process_init();
  enum galley_rc rc = check_addresses(config, error, error_len);
  if (rc != GALLEY_OK)
    return rc;
  int64_t processes = options->processes > 0 ? options->processes : config->processes;
  if (processes <= 1)
    return worker_run(config, options, error, error_len);
  return supervisor_run(config, options, (size_t)processes, error, error_len);
}
