#include "worker.h"

#include "clock.h"
#include "handler.h"
#include "kind_list.h"
#include "log.h"
#include "round.h"
#include "wake.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RETRY_ROUND_MS 1000 /* after a round that storage refused for now */

struct worker {
  const struct config *config;
  const struct worker_options *options;
  struct handler_env env;
  struct kind_list kinds;
  int64_t id; /* in the table workers */
  size_t slots;
  struct tasks tasks;
  struct round round;
  struct wake wake;

  bool stopping;         /* claim nothing more */
  bool blocked;          /* storage refused: no round until `again` fires */
  bool unrecovered;      /* it refused to take back what a dead worker held */
  bool late;             /* the grace period is over: when storage refuses now, that is the end */
  enum galley_rc failed; /* storage cannot be trusted: stop without settling */

  struct loop_turn turn;
  struct loop_timer again;
  struct loop_timer grace;
  struct loop_signal term, interrupt;
};

/* ---- rounds ---- */

/* The sentence of a failure: memory also runs out where the handle knows nothing of it. */
static const char *failure_text(const struct worker *worker, enum galley_rc rc) {
  return rc == GALLEY_NO_MEMORY ? galley_rc_text(rc) : galley_errmsg(worker->env.writer);
}

static void storage_failed(struct worker *worker, enum galley_rc rc) {
  char quoted[VERDICT_TEXT_MAX];
  const char *error = log_quote(quoted, sizeof quoted, failure_text(worker, rc));
  if (galley_rc_class(rc) == GALLEY_CLASS_RETRY && !worker->late &&
      loop_timer_start(worker->env.loop, &worker->again, RETRY_ROUND_MS)) {
    log_event(LOG_LEVEL_WARN, "storage.refused", "code=%s error=%s", galley_rc_name(rc), error);
    worker->blocked = true;
    return;
  }
  log_event(LOG_LEVEL_ERROR, "storage.failed", "code=%s error=%s", galley_rc_name(rc), error);
  worker->failed = rc;
  loop_stop(worker->env.loop);
}

static size_t free_slots(const struct worker *worker) {
  size_t used = worker->tasks.n_running;
  return worker->stopping || used >= worker->slots ? 0 : worker->slots - used;
}

static bool round_needed(const struct worker *worker) {
  return worker->tasks.n_finished > 0 || worker->tasks.n_beginning > 0 ||
         (worker->wake.renew && worker->tasks.n_running > 0) ||
         (worker->wake.look && free_slots(worker) > 0);
}

/* False: storage refused. */
static bool run_round(struct worker *worker) {
  enum galley_rc rc = round_run(&worker->round, free_slots(worker), worker->wake.renew);
  if (rc != GALLEY_OK) {
    storage_failed(worker, rc);
    return false;
  }
  worker->wake.renew = false;
  worker->wake.look = false;
  return true;
}

/* Takes back what dead or hung workers held; what is ready then is claimed in the next round. */
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
  worker->wake.look = true;
}

static void run_again(struct loop_timer *timer) {
  struct worker *worker = timer->owner;
  worker->blocked = false;
  worker->wake.look = true;
  if (worker->unrecovered)
    recover(worker);
}

static void missed(void *owner) {
  recover(owner);
}

/* Whether a worker that drains has nothing more to wait for. */
static bool drained(const struct worker *worker, const struct galley_outlook *outlook) {
  int64_t horizon_ms = clock_wall_ms() + WORKER_DRAIN_HORIZON_MS;
  return worker->options->drain && !outlook->live &&
         worker->tasks.n_running + worker->tasks.n_finished == 0 &&
         (outlook->next_run_at_ms == 0 || outlook->next_run_at_ms > horizon_ms);
}

/* After the rounds: what is there to wait for? */
static void look_ahead(struct worker *worker) {
  struct wake *wake = &worker->wake;
  struct galley_outlook outlook;
  enum galley_rc rc = wake_look(wake, worker->id, &worker->kinds, &outlook);
  if (rc != GALLEY_OK) {
    storage_failed(worker, rc);
    return;
  }
  if (outlook.cancel)
    wake->renew = true; /* the renewal tells which one */
  if (outlook.ready && free_slots(worker) > 0)
    wake->look = true;
  else if (drained(worker, &outlook))
    worker->stopping = true;
  if (!wake_wait(wake, &outlook, worker->tasks.n_running > 0))
    storage_failed(worker, GALLEY_NO_MEMORY);
}

static void stop_when_empty(struct worker *worker) {
  if (worker->stopping && worker->tasks.n_running + worker->tasks.n_finished == 0)
    loop_stop(worker->env.loop);
}

/* The end of each turn of the loop. What handlers finish while they start is settled in the next
 * round at once; the rounds end, since each claims only into slots that are free. */
static void turn_end(struct loop_turn *turn) {
  struct worker *worker = turn->owner;
  struct wake *wake = &worker->wake;
  bool marked =
      wake->look || wake->renew || worker->tasks.n_finished + worker->tasks.n_beginning > 0;
  while (!worker->blocked && !worker->failed && round_needed(worker))
    if (!run_round(worker))
      return;
  if (marked && !worker->blocked && !worker->failed) {
    wake->look = false;
    look_ahead(worker);
    if (wake->look || wake->renew) /* found in the last moment: another turn, without waiting */
      wake_again(wake);
  }
  stop_when_empty(worker);
}

/* ---- stopping ---- */

static void grace_over(struct loop_timer *timer) {
  struct worker *worker = timer->owner;
  worker->late = true;
  while (worker->tasks.running)
    task_end(worker->tasks.running, GALLEY_RETURNED, "stopped", "the worker was told to stop");
}

static void told_to_stop(struct loop_signal *sig) {
  struct worker *worker = sig->owner;
  bool again = worker->stopping;
  worker->stopping = true;
  log_event(LOG_LEVEL_INFO, "worker.stopping", "signal=%d running=%zu grace_ms=%" PRId64,
            sig->signum, worker->tasks.n_running, again ? 0 : worker->config->grace_ms);
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
  worker->env.loop = loop_new();
  if (!round_init(&worker->round, worker->slots) || !worker->env.loop)
    return fail(error, error_len, GALLEY_NO_MEMORY, "no memory for a worker");
  const struct http_options options = {.user_agent = worker->config->user_agent,
                                       .connect_timeout_ms = worker->config->connect_timeout_ms,
                                       .allow_addresses = worker->config->allow_addresses};
  worker->env.http = http_new(worker->env.loop, &options, NULL);
  if (!worker->env.http)
    return fail(error, error_len, GALLEY_NO_MEMORY, "no memory for HTTP");
  return GALLEY_OK;
}

/* Gives the parts what they need of each other and of the store. */
static void join_parts(struct worker *worker) {
  worker->tasks.env = &worker->env;
  worker->round.tasks = &worker->tasks;
  worker->round.writer = worker->env.writer;
  worker->round.kinds = &worker->kinds;
  worker->round.worker_id = worker->id;
  worker->round.lease_ms = worker->config->lease_ms;
  worker->wake.writer = worker->env.writer;
  worker->wake.lease_ms = worker->config->lease_ms;
  worker->wake.missed = missed;
  worker->wake.owner = worker;
  worker->turn = (struct loop_turn){.end = turn_end, .owner = worker};
  worker->again = (struct loop_timer){.fire = run_again, .owner = worker};
  worker->grace = (struct loop_timer){.fire = grace_over, .owner = worker};
  worker->term = (struct loop_signal){.caught = told_to_stop, .owner = worker};
  worker->interrupt = (struct loop_signal){.caught = told_to_stop, .owner = worker};
}

static enum galley_rc listen_start(struct worker *worker, char *error, size_t error_len) {
  struct loop *loop = worker->env.loop;
  int fd = -1;
  join_parts(worker);
  enum galley_rc rc = galley_watch(worker->env.writer, &fd);
  if (rc != GALLEY_OK)
    return fail(error, error_len, rc, galley_errmsg(worker->env.writer));
  if (wake_start(&worker->wake, loop, fd) && loop_turn_start(loop, &worker->turn) &&
      loop_signal_start(loop, &worker->term, SIGTERM) &&
      loop_signal_start(loop, &worker->interrupt, SIGINT))
    return GALLEY_OK;
  return fail(error, error_len, GALLEY_NO_MEMORY, "no memory for a worker");
}

static void listen_stop(struct worker *worker) {
  wake_stop(&worker->wake);
  loop_turn_stop(&worker->turn);
  loop_signal_stop(&worker->term);
  loop_signal_stop(&worker->interrupt);
  loop_timer_stop(&worker->again);
  loop_timer_stop(&worker->grace);
}

static void worker_fini(struct worker *worker) {
  tasks_fini(&worker->tasks);
  listen_stop(worker);
  if (worker->env.http)
    http_free(worker->env.http);
  galley_close(worker->env.reader);
  galley_close(worker->env.writer);
  if (worker->env.loop)
    loop_free(worker->env.loop);
  kind_list_fini(&worker->kinds);
  round_fini(&worker->round);
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
    rc = listen_start(&worker, error, error_len);
  if (rc == GALLEY_OK)
    rc = work(&worker, error, error_len);
  worker_fini(&worker);
  return rc;
}
