/* Random operations on every engine, beside a model in memory. A failure prints its seed; run it
 * again with GALLEY_SEED=<seed>, alone. Worker 0 of an engine does what people do as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "model.h"
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/valgrind.h>

#define WORKERS_MAX 3
#define CLAIM_MAX   6
#define HELD_MAX    64
#define SEEDS       12
#define SEEDS_FEW   2 /* under valgrind, where each takes half a minute */
#define STEPS       2000

static const char *const kinds[MODEL_KINDS] = {"alpha", "beta", "gamma"};

/* A database to run on. A death needs a file that others have open too. */
struct engine_row {
  const char *name;
  const char *path; /* NULL: a file of the fixture's */
  size_t workers;
};

static const struct engine_row engines[] = {{"memory", ":memory:", 1}, {"file", NULL, WORKERS_MAX}};

/* An attempt that somebody holds, or held: a stale one is tried too. */
struct held {
  int64_t id, fence;
};

struct run {
  struct fixture *f;
  const struct engine_row *engine;
  char path[128];
  uint64_t seed, random;
  struct model *model;
  struct galley *q[WORKERS_MAX];
  int64_t worker_id[WORKERS_MAX];
  struct held held[HELD_MAX];
  size_t n_held;
  int step;
};

/* xorshift64*: the numbers of a seed are the same everywhere. */
static uint64_t next(struct run *run) {
  run->random ^= run->random >> 12;
  run->random ^= run->random << 25;
  run->random ^= run->random >> 27;
  return run->random * UINT64_C(2685821657736338717);
}

static int64_t below(struct run *run, int64_t n) {
  return (int64_t)((next(run) >> 11) % (uint64_t)n);
}

__attribute__((format(printf, 2, 3), noreturn)) static void differ(const struct run *run,
                                                                   const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  fail_msg("engine %s, step %d: %s; again with GALLEY_SEED=%llu", run->engine->name, run->step,
           text, (unsigned long long)run->seed);
  abort();
}

static void works(const struct run *run, struct galley *q, enum galley_rc rc) {
  if (rc != GALLEY_OK)
    differ(run, "%s: %s", galley_rc_name(rc), galley_errmsg(q));
}

static struct galley *any(struct run *run) {
  return run->q[below(run, (int64_t)run->engine->workers)];
}

static int64_t any_id(struct run *run) {
  return 1 + below(run, run->model->n + 1); /* one past the last is nobody's */
}

static void start_worker(struct run *run, size_t i) {
  const struct galley_options options = {.flags = GALLEY_OPEN_CREATE, .env = &run->f->env};
  works(run, NULL, run->q[i] ? GALLEY_INTERNAL : GALLEY_OK);
  enum galley_rc rc = galley_open(&run->q[i], run->path, &options);
  works(run, run->q[i], rc);
  works(run, run->q[i], galley_worker_join(run->q[i], "[]", 4, &run->worker_id[i]));
}

/* ---- comparing ---- */

static void same(const struct run *run, int64_t id, const char *what, int64_t is, int64_t should) {
  if (is != should)
    differ(run, "job %lld: %s is %lld, should be %lld", (long long)id, what, (long long)is,
           (long long)should);
}

static bool compare_job(void *arg, const void *row) {
  const struct run *run = arg;
  const struct galley_job *job = row;
  const struct model_job *m = model_job(run->model, job->id);
  if (!m || strcmp(job->kind, kinds[m->kind]) != 0 || state_find(job->state) != m->state)
    differ(run, "job %lld is %s %s, should be %s", (long long)job->id, job->kind, job->state,
           m ? state_name(m->state) : "nothing");
  same(run, job->id, "priority", job->priority, m->priority);
  same(run, job->id, "run_at_ms", job->run_at_ms, m->run_at_ms);
  same(run, job->id, "attempt", job->attempt, m->attempt);
  same(run, job->id, "max_attempts", job->max_attempts, m->max_attempts);
  same(run, job->id, "crashes", job->crashes, m->crashes);
  same(run, job->id, "fence", job->fence, m->fence);
  same(run, job->id, "worker_id", job->worker_id, m->worker_id);
  same(run, job->id, "lease_mono_ns", job->lease_mono_ns, m->lease_mono_ns);
  return true;
}

static void compare_one(struct run *run, int64_t id) {
  struct galley_job *job;
  enum galley_rc rc = galley_job_get(run->q[0], id, &job);
  if (!model_job(run->model, id) && rc == GALLEY_NONE)
    return;
  works(run, run->q[0], rc);
  compare_job(run, job);
  galley_free(job);
}

static bool compare_count(void *arg, const void *row) {
  int64_t *counts = arg;
  const struct galley_count *count = row;
  for (int kind = 0; kind < MODEL_KINDS; kind++)
    if (strcmp(count->kind, kinds[kind]) == 0)
      counts[kind * STATE_COUNT + (int)state_find(count->state)] = count->n;
  return true;
}

static void compare_counts(struct run *run) {
  int64_t counts[MODEL_KINDS * STATE_COUNT] = {0};
  works(run, run->q[0], galley_stats(run->q[0], compare_count, counts));
  for (int kind = 0; kind < MODEL_KINDS; kind++)
    for (int state = 0; state < STATE_COUNT; state++) {
      int64_t should = model_count(run->model, kind, (enum state)state);
      if (counts[kind * STATE_COUNT + state] != should)
        differ(run, "%lld jobs of %s are %s, should be %lld",
               (long long)counts[kind * STATE_COUNT + state], kinds[kind],
               state_name((enum state)state), (long long)should);
    }
}

static void compare_all(struct run *run) {
  works(run, run->q[0], galley_jobs(run->q[0], NULL, NULL, 0, MODEL_JOBS_MAX, compare_job, run));
  compare_counts(run);
}

static bool keep_outcome(void *arg, const void *row) {
  static const char *const names[] = {"ddone",      "rretry",    "ssnooze",  "Ddead",
                                      "ccancelled", "Rreturned", "xcrashed", "eexpired"};
  const struct galley_attempt *attempt = row;
  char *text = arg;
  size_t len = strlen(text);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (len < MODEL_OUTCOMES_MAX && strcmp(attempt->outcome, names[i] + 1) == 0)
      text[len] = names[i][0];
  return true;
}

static void compare_attempts(struct run *run) {
  for (int64_t id = 1; id <= run->model->n; id++) {
    const struct model_job *job = model_job(run->model, id);
    char is[MODEL_OUTCOMES_MAX + 1] = "", should[MODEL_OUTCOMES_MAX + 1] = "";
    works(run, run->q[0], galley_attempts(run->q[0], id, keep_outcome, is));
    memcpy(should, job->outcomes, (size_t)job->n_outcomes);
    if (strcmp(is, should) != 0)
      differ(run, "job %lld: attempts are \"%s\", should be \"%s\"", (long long)id, is, should);
  }
}

/* ---- operations ---- */

static void enqueue(struct run *run) {
  static const char *const keys[MODEL_KEYS] = {NULL, "one", "two", "three"};
  const struct model_job m = {.kind = (int)below(run, MODEL_KINDS),
                              .key = (int)below(run, 12),
                              .priority = below(run, 4) * 100,
                              .max_attempts = 1 + below(run, 4)};
  struct model_job spec = m;
  spec.key = m.key < MODEL_KEYS ? m.key : 0;
  int64_t delay_ms = below(run, 3) ? 0 : below(run, 5000), id = 0;
  const struct galley_spec real = {.kind = kinds[spec.kind],
                                   .priority = spec.priority,
                                   .delay_ms = delay_ms,
                                   .max_attempts = spec.max_attempts,
                                   .unique_key = keys[spec.key]};
  int64_t before = run->model->n, should = model_enqueue(run->model, &spec, delay_ms);
  bool existing = false;
  struct galley *q = any(run);
  works(run, q, galley_enqueue(q, &real, &id, &existing));
  same(run, should, "id", id, should);
  same(run, id, "existing", existing, run->model->n == before);
  compare_one(run, id);
}

static void forget(struct run *run, size_t i) {
  run->held[i] = run->held[--run->n_held];
}

static void keep(struct run *run, const struct galley_job *job) {
  if (run->n_held == HELD_MAX)
    forget(run, (size_t)below(run, HELD_MAX));
  run->held[run->n_held++] = (struct held){job->id, job->fence};
}

static void settle_in_model(struct run *run, const struct galley_settlement *one) {
  bool ok = model_settle(run->model, one->job_id, one->fence, one->outcome, one->delay_ms);
  if (ok && model_job(run->model, one->job_id)->state == STATE_DEAD)
    model_job(run->model, one->job_id)->unknown = one->error_class != NULL;
  same(run, one->job_id, "settled", one->rc, ok ? GALLEY_OK : GALLEY_LOST);
}

static size_t choose_settlements(struct run *run, struct galley_settlement *out, size_t max) {
  size_t n = run->n_held ? (size_t)below(run, (int64_t)max + 1) : 0;
  for (size_t i = 0; i < n; i++) {
    size_t which = (size_t)below(run, (int64_t)run->n_held);
    out[i] = (struct galley_settlement){
        .job_id = run->held[which].id,
        .fence = run->held[which].fence,
        .outcome = (enum galley_outcome)below(run, GALLEY_RETURNED + 1),
        .delay_ms = below(run, 3) - 1 + (below(run, 2) ? below(run, 3000) : 0),
        .error_class = below(run, 2) ? GALLEY_ERROR_UNKNOWN : NULL};
    if (below(run, 8)) /* else it is kept, and stale from now on */
      forget(run, which);
    if (run->n_held == 0)
      return i + 1;
  }
  return n;
}

static void claim_in_model(struct run *run, const struct galley_turn *turn, unsigned mask) {
  for (size_t i = 0; i <= turn->n_jobs; i++) {
    if (i == turn->max_jobs)
      return;
    int64_t id = model_claim(run->model, mask, turn->worker_id, turn->lease_ms);
    int64_t is = i < turn->n_jobs ? turn->jobs[i]->id : 0;
    same(run, is, "claimed", is, id);
  }
}

/* A turn of a worker, of any mix. */
static void turn(struct run *run) {
  struct galley_settlement settlements[3];
  struct galley_hold holds[3];
  struct galley_job *jobs[CLAIM_MAX];
  const char *names[MODEL_KINDS];
  size_t w = (size_t)below(run, (int64_t)run->engine->workers);
  unsigned mask = (unsigned)below(run, 1 << MODEL_KINDS);
  struct galley_turn t = {.worker_id = run->worker_id[w],
                          .settlements = settlements,
                          .n_settlements = choose_settlements(run, settlements, 3),
                          .holds = holds,
                          .kinds = names,
                          .max_jobs = (size_t)below(run, CLAIM_MAX + 1),
                          .lease_ms = 1 + below(run, 20000),
                          .jobs = jobs};
  for (int kind = 0; kind < MODEL_KINDS; kind++)
    if (mask & (1u << kind))
      names[t.n_kinds++] = kinds[kind];
  for (; t.n_holds < 3 && run->n_held && below(run, 2); t.n_holds++) {
    const struct held *held = &run->held[below(run, (int64_t)run->n_held)];
    holds[t.n_holds] = (struct galley_hold){.job_id = held->id, .fence = held->fence};
  }
  works(run, run->q[w], galley_turn(run->q[w], &t));
  for (size_t i = 0; i < t.n_settlements; i++)
    settle_in_model(run, &settlements[i]);
  for (size_t i = 0; i < t.n_holds; i++) {
    const struct model_job *job = model_job(run->model, holds[i].job_id);
    bool ok = model_renew(run->model, holds[i].job_id, holds[i].fence, t.lease_ms);
    same(run, holds[i].job_id, "lost", holds[i].lost, !ok);
    same(run, holds[i].job_id, "cancelled", holds[i].cancelled, ok && job->cancel_requested);
  }
  if (mask && t.max_jobs)
    claim_in_model(run, &t, mask);
  for (size_t i = 0; i < t.n_jobs; i++) {
    compare_job(run, jobs[i]);
    keep(run, jobs[i]);
    galley_free(jobs[i]);
  }
  for (size_t i = 0; i < t.n_settlements; i++)
    compare_one(run, settlements[i].job_id);
}

/* ---- steps and progress ---- */

static const char *const step_names[MODEL_STEPS] = {"first", "second"};

struct steps {
  struct model_step steps[MODEL_STEPS];
};

static bool keep_step(void *arg, const void *row) {
  struct steps *out = arg;
  const struct galley_step *step = row;
  bool done = strcmp(step->state, "done") == 0;
  for (int i = 0; i < MODEL_STEPS; i++)
    if (strcmp(step->name, step_names[i]) == 0)
      out->steps[i] = (struct model_step){done ? MODEL_DONE : MODEL_BEGUN, step->fence,
                                          strtoll(done ? step->result : step->intent, NULL, 10)};
  return true;
}

static void compare_steps(struct run *run, int64_t id) {
  struct steps is = {0};
  const struct model_job *job = model_job(run->model, id);
  works(run, run->q[0], galley_steps(run->q[0], id, keep_step, &is));
  for (int i = 0; i < MODEL_STEPS; i++) {
    same(run, id, "state of a step", is.steps[i].state, job->steps[i].state);
    same(run, id, "fence of a step", is.steps[i].fence, job->steps[i].fence);
    same(run, id, "value of a step", is.steps[i].value, job->steps[i].value);
  }
}

static void compare_progress(struct run *run, int64_t id) {
  struct galley_progress *progress;
  const struct model_job *job = model_job(run->model, id);
  enum galley_rc rc = galley_progress_get(run->q[0], id, &progress);
  same(run, id, "whether progress was told", rc, job->progress_fence ? GALLEY_OK : GALLEY_NONE);
  if (rc == GALLEY_OK) {
    same(run, id, "progress", strtoll(progress->progress, NULL, 10), job->progress);
    same(run, id, "fence of the progress", progress->fence, job->progress_fence);
  }
  galley_free(progress);
}

static void begin(struct run *run, struct galley *q, const struct held *held) {
  int which = (int)below(run, MODEL_STEPS);
  char intent[24];
  struct model_step step = {.fence = held->fence, .value = below(run, 3)};
  snprintf(intent, sizeof intent, "%lld", (long long)step.value);
  struct galley_begin one = {.job_id = held->id,
                             .fence = held->fence,
                             .name = step_names[which],
                             .idempotency_key = "key",
                             .intent = intent,
                             .anew = below(run, 3) == 0};
  struct galley_turn turn = {.begins = &one, .n_begins = 1};
  bool holds = model_holds(run->model, held->id, held->fence);
  if (below(run, 2))
    works(run, q, galley_turn(q, &turn));
  else
    same(run, held->id, "begin", galley_step_begin(q, &one), holds ? GALLEY_OK : GALLEY_LOST);
  same(run, held->id, "rc of a begin", one.rc, holds ? GALLEY_OK : GALLEY_LOST);
  if (holds)
    same(run, held->id, "begun", one.begun,
         model_begin(run->model, held->id, which, &step, one.anew));
  galley_free(one.step);
}

static void end_step(struct run *run, struct galley *q, const struct held *held) {
  int which = (int)below(run, MODEL_STEPS);
  int64_t value = below(run, 2);
  const char *name = step_names[which];
  if (below(run, 3))
    same(run, held->id, "done", galley_step_done(q, held->id, held->fence, name, value ? "1" : "0"),
         model_done(run->model, held->id, held->fence, which, value));
  else
    same(run, held->id, "forget", galley_step_forget(q, held->id, held->fence, name),
         model_forget(run->model, held->id, held->fence, which));
}

static void tell_progress(struct run *run, struct galley *q, const struct held *held) {
  int64_t value = below(run, 100);
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)value);
  same(run, held->id, "progress", galley_progress(q, held->id, held->fence, text),
       model_progress(run->model, held->id, held->fence, value));
}

static void beat(struct run *run, struct galley *q, const struct held *held) {
  struct galley_hold hold = {.job_id = held->id, .fence = held->fence};
  int64_t lease_ms = 1 + below(run, 20000);
  enum galley_rc rc = galley_heartbeat(q, &hold, lease_ms);
  bool ok = model_renew(run->model, held->id, held->fence, lease_ms);
  same(run, held->id, "heartbeat", rc, ok ? GALLEY_OK : GALLEY_LOST);
  same(run, held->id, "lost by a heartbeat", hold.lost, !ok);
  same(run, held->id, "cancelled by a heartbeat", hold.cancelled,
       ok && model_job(run->model, held->id)->cancel_requested);
}

/* What an attempt writes outside of turns, be it stale or not. */
static void write_as_attempt(struct run *run) {
  static void (*const writes[])(struct run *, struct galley *, const struct held *) = {
      begin, begin, end_step, tell_progress, beat};
  if (run->n_held == 0)
    return;
  const struct held held = run->held[below(run, (int64_t)run->n_held)];
  writes[below(run, sizeof writes / sizeof writes[0])](run, any(run), &held);
  compare_one(run, held.id);
  compare_steps(run, held.id);
  compare_progress(run, held.id);
}

static void cancel(struct run *run) {
  struct galley *q = any(run);
  int64_t id = any_id(run);
  bool running = false;
  same(run, id, "cancel", galley_cancel(q, id, &running), model_cancel(run->model, id));
  const struct model_job *job = model_job(run->model, id);
  same(run, id, "running", running, job && job->state == STATE_RUNNING);
  compare_one(run, id);
}

static void retry(struct run *run) {
  struct galley *q = any(run);
  int64_t id = any_id(run);
  same(run, id, "retry", galley_retry(q, id), model_retry(run->model, id));
  compare_one(run, id);
}

static void pass_time(struct run *run) {
  int64_t ms = below(run, 4000);
  run->f->mono_ns += ms * 1000000;
  run->f->now_ms += below(run, 10) ? ms : -ms; /* now and then somebody sets the clock back */
  run->f->chance = next(run);
  run->model->now_ms = run->f->now_ms;
  run->model->mono_ns = run->f->mono_ns;
  run->model->chance = run->f->chance;
}

static void recover(struct run *run) {
  struct galley *q = any(run);
  int64_t n = -1;
  works(run, q, galley_recover(q, &n));
  same(run, 0, "recovered", n, model_expire(run->model));
}

static void leave(struct run *run) {
  size_t w = (size_t)below(run, (int64_t)run->engine->workers);
  struct galley *q = run->q[w];
  works(run, q, galley_worker_leave(q, run->worker_id[w]));
  model_leave(run->model, run->worker_id[w]);
  works(run, q, galley_worker_join(q, "[]", 4, &run->worker_id[w]));
}

/* The kernel drops a dead worker's lock; another one takes its jobs back. */
static void die(struct run *run) {
  if (run->engine->workers == 1)
    return;
  size_t w = 1 + (size_t)below(run, (int64_t)run->engine->workers - 1);
  int64_t n = -1;
  galley_close(run->q[w]);
  run->q[w] = NULL;
  works(run, run->q[0], galley_recover(run->q[0], &n));
  int64_t should = model_crash(run->model, run->worker_id[w]);
  same(run, 0, "recovered", n, should + model_expire(run->model));
  start_worker(run, w);
}

struct operation {
  void (*run)(struct run *run);
  int weight;
};

static const struct operation operations[] = {{enqueue, 30}, {turn, 50}, {write_as_attempt, 30},
                                              {cancel, 6},   {retry, 6}, {pass_time, 10},
                                              {recover, 4},  {leave, 1}, {die, 1}};

static void one_step(struct run *run) {
  int total = 0;
  for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
    total += operations[i].weight;
  int64_t at = below(run, total);
  for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
    if (at < operations[i].weight) {
      operations[i].run(run);
      return;
    }
    at -= operations[i].weight;
  }
}

static void run_seed(struct fixture *f, const struct engine_row *engine, uint64_t seed) {
  struct run run = {.f = f, .engine = engine, .seed = seed, .random = seed * 2 + 1};
  if (engine->path)
    snprintf(run.path, sizeof run.path, "%s", engine->path);
  else
    snprintf(run.path, sizeof run.path, "%s/seed%llu.db", f->dir, (unsigned long long)seed);
  run.model = calloc(1, sizeof *run.model);
  assert_non_null(run.model);
  pass_time(&run);
  for (size_t i = 0; i < engine->workers; i++)
    start_worker(&run, i);
  for (run.step = 1; run.step <= STEPS; run.step++) {
    one_step(&run);
    if (run.step % 10 == 0)
      compare_counts(&run);
    if (run.step % 50 == 0)
      compare_all(&run);
  }
  compare_all(&run);
  compare_attempts(&run);
  for (int64_t id = 1; id <= run.model->n; id++) {
    compare_steps(&run, id);
    compare_progress(&run, id);
  }
  fixture_check(run.q[0]);
  for (size_t i = 0; i < engine->workers; i++)
    galley_close(run.q[i]);
  free(run.model);
}

static void run_seeds(struct fixture *f, const struct engine_row *engine) {
  const char *wish = getenv("GALLEY_SEED");
  if (wish) {
    run_seed(f, engine, strtoull(wish, NULL, 10));
    return;
  }
  for (uint64_t seed = 1; seed <= (RUNNING_ON_VALGRIND ? SEEDS_FEW : SEEDS); seed++)
    run_seed(f, engine, seed);
}

static void memory_does_what_the_model_does(void **state) {
  run_seeds(*state, &engines[0]);
}

static void a_file_does_what_the_model_does(void **state) {
  run_seeds(*state, &engines[1]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(memory_does_what_the_model_does, fixture_set_up,
                                      fixture_tear_down),
      cmocka_unit_test_setup_teardown(a_file_does_what_the_model_does, fixture_set_up,
                                      fixture_tear_down),
  };
  return cmocka_run_group_tests_name("conformance", tests, NULL, NULL);
}
