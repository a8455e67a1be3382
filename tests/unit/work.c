#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "work.h"

#include "fixture.h"

#include <stdio.h>
#include <string.h>

int64_t work_join(struct galley *q) {
  int64_t worker_id;
  fixture_ok(q, galley_worker_join(q, "[]", 8, &worker_id));
  assert_true(worker_id > 0);
  return worker_id;
}

int64_t work_add(struct galley *q, const struct galley_spec *spec) {
  int64_t id = 0;
  fixture_ok(q, galley_enqueue(q, spec, &id, NULL));
  assert_true(id > 0);
  return id;
}

int64_t work_enqueue(struct galley *q, const char *kind) {
  const struct galley_spec spec = {.kind = kind, .priority = -1};
  return work_add(q, &spec);
}

size_t work_claim(struct galley *q, int64_t worker_id, const char *const *kinds, size_t n_kinds,
                  size_t max, struct galley_job **jobs) {
  struct galley_turn turn = {.worker_id = worker_id,
                             .kinds = kinds,
                             .n_kinds = n_kinds,
                             .max_jobs = max,
                             .lease_ms = WORK_LEASE_MS,
                             .jobs = jobs};
  fixture_ok(q, galley_turn(q, &turn));
  assert_true(turn.n_jobs <= max);
  return turn.n_jobs;
}

struct galley_job *work_claim_one(struct galley *q, int64_t worker_id, const char *kind) {
  struct galley_job *job = NULL;
  return work_claim(q, worker_id, &kind, 1, 1, &job) == 1 ? job : NULL;
}

struct galley_job *work_start(struct galley *q, int64_t worker_id, const char *kind) {
  int64_t id = work_enqueue(q, kind);
  struct galley_job *job = work_claim_one(q, worker_id, kind);
  assert_non_null(job);
  assert_int_equal(job->id, id);
  return job;
}

enum galley_rc work_settle(struct galley *q, struct galley_settlement *settlement) {
  struct galley_turn turn = {.settlements = settlement, .n_settlements = 1};
  fixture_ok(q, galley_turn(q, &turn));
  return settlement->rc;
}

void work_end(struct galley *q, struct galley_job *job, enum galley_outcome outcome) {
  struct galley_settlement settlement = {
      .job_id = job->id, .fence = job->fence, .outcome = outcome, .delay_ms = -1};
  fixture_ok(q, work_settle(q, &settlement));
  galley_free(job);
}

struct galley_job *work_get(struct galley *q, int64_t id) {
  struct galley_job *job;
  fixture_ok(q, galley_job_get(q, id, &job));
  return job;
}

void work_state_at(struct galley *q, int64_t id, const char *state, int line) {
  struct galley_job *job = work_get(q, id);
  if (strcmp(job->state, state) != 0)
    fail_msg("line %d: job %lld is %s, expected %s", line, (long long)id, job->state, state);
  galley_free(job);
}

static bool keep_outcome(void *arg, const void *row) {
  const struct galley_attempt *attempt = row;
  char *text = arg;
  size_t len = strlen(text);
  snprintf(text + len, 256 - len, "%s%s", len ? " " : "", attempt->outcome);
  return true;
}

void work_attempts_at(struct galley *q, int64_t id, const char *outcomes, int line) {
  char text[256] = "";
  fixture_ok(q, galley_attempts(q, id, keep_outcome, text));
  if (strcmp(text, outcomes) != 0)
    fail_msg("line %d: attempts of job %lld: \"%s\", expected \"%s\"", line, (long long)id, text,
             outcomes);
}

struct wanted {
  const char *kind, *state;
  int64_t n;
};

static bool find_count(void *arg, const void *row) {
  struct wanted *wanted = arg;
  const struct galley_count *count = row;
  if (strcmp(count->kind, wanted->kind) == 0 && strcmp(count->state, wanted->state) == 0)
    wanted->n = count->n;
  return true;
}

int64_t work_count(struct galley *q, const char *kind, const char *state) {
  struct wanted wanted = {.kind = kind, .state = state};
  fixture_ok(q, galley_stats(q, find_count, &wanted));
  return wanted.n;
}
