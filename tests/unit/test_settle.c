/* Ending attempts: the fence, each outcome, what is saved with it, and what a failed save does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backoff.h"
#include "fixture.h"
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct galley_settlement settlement(const struct galley_job *job,
                                           enum galley_outcome outcome) {
  return (struct galley_settlement){
      .job_id = job->id, .fence = job->fence, .outcome = outcome, .delay_ms = -1};
}

static int64_t topics(void **state) {
  return fixture_number(*state, "SELECT count(*) FROM topics");
}

/* ---- things that save ---- */

static enum galley_rc save_topic(struct galley *q, void *arg, const char **result) {
  const struct galley_topic topic = {.title = arg, .language = "en"};
  int64_t id;
  (void)result;
  return galley_topic_save(q, &topic, &id);
}

static enum galley_rc save_topic_and_follow_up(struct galley *q, void *arg, const char **result) {
  const struct galley_spec next = {.kind = "next"};
  int64_t id;
  enum galley_rc rc = save_topic(q, arg, result);
  *result = "{\"saved\":true}";
  return rc == GALLEY_OK ? galley_enqueue(q, &next, &id, NULL) : rc;
}

static enum galley_rc save_what_is_refused(struct galley *q, void *arg, const char **result) {
  const struct galley_spec next = {.kind = "NOT A KIND"};
  int64_t id;
  enum galley_rc rc = save_topic(q, arg, result);
  return rc == GALLEY_OK ? galley_enqueue(q, &next, &id, NULL) : rc;
}

static enum galley_rc save_and_ignore_a_failure(struct galley *q, void *arg, const char **result) {
  enum galley_rc ignored = save_what_is_refused(q, arg, result);
  (void)ignored;
  return GALLEY_OK;
}

/* Fails with any code, after it has written. */
struct failing {
  enum galley_rc rc;
  int calls;
};

static enum galley_rc save_and_fail(struct galley *q, void *arg, const char **result) {
  struct failing *failing = arg;
  enum galley_rc rc = save_topic(q, (void *)(uintptr_t) "half", result);
  failing->calls++;
  return rc == GALLEY_OK ? failing->rc : rc;
}

static enum galley_rc count_calls(struct galley *q, void *arg, const char **result) {
  (void)q;
  (void)result;
  ++*(int *)arg;
  return GALLEY_OK;
}

/* ---- the fence ---- */

static void a_stale_fence_settles_nothing_and_does_not_save(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  struct galley_job *old = work_start(f->q, worker, "a");
  struct galley_settlement back = settlement(old, GALLEY_RETURNED);
  fixture_ok(f->q, work_settle(f->q, &back));
  struct galley_job *job = work_claim_one(f->q, worker, "a");
  int calls = 0;
  struct galley_settlement stale = settlement(old, GALLEY_DONE);
  stale.save = count_calls;
  stale.save_arg = &calls;
  assert_int_equal(work_settle(f->q, &stale), GALLEY_LOST);
  assert_int_equal(calls, 0);
  work_state(f->q, job->id, "running");
  work_attempts(f->q, job->id, "returned");
  galley_free(old);
  work_end(f->q, job, GALLEY_DONE);
}

static void an_attempt_settles_once(void **state) {
  struct fixture *f = *state;
  struct galley_job *job = work_start(f->q, work_join(f->q), "a");
  struct galley_settlement twice[] = {settlement(job, GALLEY_DONE), settlement(job, GALLEY_DEAD)};
  struct galley_turn turn = {.settlements = twice, .n_settlements = 2};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  assert_int_equal(twice[0].rc, GALLEY_OK);
  assert_int_equal(twice[1].rc, GALLEY_LOST);
  work_state(f->q, job->id, "done");
  struct galley_settlement later = settlement(job, GALLEY_RETRY);
  assert_int_equal(work_settle(f->q, &later), GALLEY_LOST);
  work_state(f->q, job->id, "done");
  galley_free(job);
}

/* Settlements that only say "done" are written together: the second of one attempt, and one that
 * saves, must find the first as settled as if each were written alone. */
static void an_attempt_that_is_only_done_settles_once(void **state) {
  struct fixture *f = *state;
  struct galley_job *job = work_start(f->q, work_join(f->q), "a");
  struct galley_settlement twice[] = {settlement(job, GALLEY_DONE), settlement(job, GALLEY_DONE)};
  struct galley_turn turn = {.settlements = twice, .n_settlements = 2};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  assert_int_equal(twice[0].rc, GALLEY_OK);
  assert_int_equal(twice[1].rc, GALLEY_LOST);
  work_state(f->q, job->id, "done");
  work_attempts(f->q, job->id, "done");
  assert_int_equal(work_count(f->q, "a", "done"), 1);
  galley_free(job);
}

static enum galley_rc save_a_job_of_the_same_key(struct galley *q, void *arg, const char **result) {
  const struct galley_spec next = {.kind = "next", .unique_key = "key"};
  bool *existing = arg;
  int64_t id;
  (void)result;
  return galley_enqueue(q, &next, &id, existing);
}

static void a_save_finds_the_jobs_settled_before_it_ended(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  const struct galley_spec spec = {.kind = "keyed", .unique_key = "key"};
  work_add(f->q, &spec);
  struct galley_job *keyed = work_claim_one(f->q, worker, "keyed");
  struct galley_job *saver = work_start(f->q, worker, "saver");
  bool existing = true;
  struct galley_settlement both[] = {settlement(keyed, GALLEY_DONE),
                                     settlement(saver, GALLEY_DONE)};
  both[1].save = save_a_job_of_the_same_key;
  both[1].save_arg = &existing;
  struct galley_turn turn = {.settlements = both, .n_settlements = 2};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  assert_int_equal(both[1].rc, GALLEY_OK);
  assert_false(existing);
  assert_int_equal(work_count(f->q, "next", "ready"), 1);
  galley_free(keyed);
  galley_free(saver);
}

/* ---- what foreign programs have done to the jobs ---- */

#define MANY 3

/* The first n ready jobs, run and settled in one turn. */
static void run_many(struct fixture *f, size_t n) {
  struct galley_settlement settlements[MANY];
  struct galley_job *jobs[MANY];
  static const char *const kind = "a";
  assert_int_equal(work_claim(f->q, f->worker_id, &kind, 1, n, jobs), n);
  for (size_t i = 0; i < n; i++)
    settlements[i] = settlement(jobs[i], GALLEY_DONE);
  struct galley_turn turn = {.settlements = settlements, .n_settlements = n};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  for (size_t i = 0; i < n; i++) {
    assert_int_equal(settlements[i].rc, GALLEY_OK);
    work_state(f->q, jobs[i]->id, "done");
    work_attempts(f->q, jobs[i]->id, "done");
    galley_free(jobs[i]);
  }
}

static void a_job_ends_under_the_number_of_one_that_was_deleted(void **state) {
  struct fixture *f = *state;
  f->worker_id = work_join(f->q);
  for (size_t n = 1; n <= MANY; n++) {
    for (size_t i = 0; i < n; i++)
      assert_int_equal(work_enqueue(f->q, "a"), i + 1);
    run_many(f, n);
    fixture_sql(f, "DELETE FROM jobs");
    assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_attempts"), 0);
  }
}

static void a_job_ends_whose_fence_was_set_back(void **state) {
  struct fixture *f = *state;
  f->worker_id = work_join(f->q);
  for (size_t i = 0; i < MANY; i++)
    work_enqueue(f->q, "a");
  run_many(f, MANY);
  for (size_t n = 1; n <= MANY; n++) {
    char sql[128];
    snprintf(sql, sizeof sql,
             "UPDATE jobs SET state='ready',attempt=0,fence=0,finished_at_ms=NULL WHERE id<=%zu",
             n);
    fixture_sql(f, sql);
    run_many(f, n);
  }
}

static void a_job_that_a_trigger_keeps_from_being_done_ends_and_no_other(void **state) {
  struct fixture *f = *state;
  struct galley_settlement settlements[MANY];
  struct galley_job *jobs[MANY];
  int64_t worker = work_join(f->q);
  fixture_sql(f, "CREATE TRIGGER theirs BEFORE UPDATE ON jobs WHEN NEW.state='done' AND NEW.id=2 "
                 "BEGIN SELECT RAISE(ABORT,'not this one'); END");
  for (size_t i = 0; i < MANY; i++) {
    jobs[i] = work_start(f->q, worker, "a");
    settlements[i] = settlement(jobs[i], GALLEY_DONE);
  }
  struct galley_turn turn = {.settlements = settlements, .n_settlements = MANY};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  for (size_t i = 0; i < MANY; i++) {
    assert_int_equal(settlements[i].rc, i == 1 ? GALLEY_INVALID : GALLEY_OK);
    work_state(f->q, jobs[i]->id, i == 1 ? "dead" : "done");
    galley_free(jobs[i]);
  }
}

static void a_fence_of_a_job_that_is_not_there_is_lost(void **state) {
  struct fixture *f = *state;
  struct galley_settlement one = {.job_id = 4711, .fence = 1, .outcome = GALLEY_DONE};
  assert_int_equal(work_settle(f->q, &one), GALLEY_LOST);
}

/* ---- outcomes ---- */

static void done_keeps_the_result_the_cost_and_the_times(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  struct galley_job *job = work_start(f->q, worker, "a");
  struct galley_settlement one = settlement(job, GALLEY_DONE);
  one.result = "{\"n\":1}";
  one.cost_usd_micros = 300;
  f->now_ms += 250;
  fixture_ok(f->q, work_settle(f->q, &one));
  struct galley_job *now = work_get(f->q, job->id);
  assert_string_equal(now->state, "done");
  assert_string_equal(now->result, "{\"n\":1}");
  assert_int_equal(now->cost_usd_micros, 300);
  assert_int_equal(now->attempt, 1);
  assert_int_equal(now->finished_at_ms, f->now_ms);
  assert_int_equal(now->started_at_ms, f->now_ms - 250);
  assert_int_equal(now->worker_id, 0);
  assert_int_equal(now->lease_mono_ns, 0);
  galley_free(now);
  galley_free(job);
}

static void what_an_attempt_saves_comes_with_its_follow_up_and_result(void **state) {
  struct fixture *f = *state;
  struct galley_job *job = work_start(f->q, work_join(f->q), "a");
  struct galley_settlement one = settlement(job, GALLEY_DONE);
  one.save = save_topic_and_follow_up;
  one.save_arg = (void *)(uintptr_t) "whole";
  fixture_ok(f->q, work_settle(f->q, &one));
  assert_int_equal(topics(state), 1);
  assert_int_equal(work_count(f->q, "next", "ready"), 1);
  struct galley_job *now = work_get(f->q, job->id);
  assert_string_equal(now->result, "{\"saved\":true}");
  galley_free(now);
  galley_free(job);
}

static void a_retry_waits_as_long_as_it_is_told(void **state) {
  struct fixture *f = *state;
  struct galley_job *job = work_start(f->q, work_join(f->q), "a");
  struct galley_settlement one = settlement(job, GALLEY_RETRY);
  one.delay_ms = 1234;
  one.error_class = "http";
  one.error = "it said no";
  one.http_status = 503;
  fixture_ok(f->q, work_settle(f->q, &one));
  struct galley_job *now = work_get(f->q, job->id);
  assert_string_equal(now->state, "scheduled");
  assert_int_equal(now->run_at_ms, f->now_ms + 1234);
  assert_int_equal(now->attempt, 1);
  assert_string_equal(now->error_class, "http");
  assert_string_equal(now->error, "it said no");
  assert_int_equal(now->finished_at_ms, 0);
  galley_free(now);
  galley_free(job);
}

static void a_retry_without_a_wait_is_ready_at_once(void **state) {
  struct fixture *f = *state;
  struct galley_job *job = work_start(f->q, work_join(f->q), "a");
  struct galley_settlement one = settlement(job, GALLEY_RETRY);
  one.delay_ms = 0;
  fixture_ok(f->q, work_settle(f->q, &one));
  work_state(f->q, job->id, "ready");
  galley_free(job);
}

/* The smallest and the largest random number give the ends of each attempt's range. */
static void a_retry_backs_off_within_the_bounds_of_its_attempt(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "a", .max_attempts = 20};
  int64_t worker = work_join(f->q), id = work_add(f->q, &spec), cap = BACKOFF_BASE_MS;
  for (int attempt = 1; attempt < 20; attempt++) {
    f->chance = attempt % 2 ? (uint64_t)(cap - BACKOFF_MIN_MS) : 0;
    work_end(f->q, work_claim_one(f->q, worker, "a"), GALLEY_RETRY);
    struct galley_job *job = work_get(f->q, id);
    assert_int_equal(job->attempt, attempt);
    assert_int_equal(job->run_at_ms - f->now_ms, attempt % 2 ? cap : BACKOFF_MIN_MS);
    f->now_ms = job->run_at_ms;
    galley_free(job);
    cap = cap * 2 > BACKOFF_CAP_MS ? BACKOFF_CAP_MS : cap * 2;
  }
}

static void backoff_never_leaves_its_range(void **state) {
  static const uint64_t chances[] = {0, 1, 499, 3500, 3501, UINT64_MAX, UINT64_MAX / 2, 1u << 31};
  (void)state;
  for (int64_t attempt = 0; attempt <= 2000; attempt++)
    for (size_t i = 0; i < sizeof chances / sizeof chances[0]; i++) {
      int64_t ms = backoff_ms(attempt, chances[i]);
      assert_in_range(ms, BACKOFF_MIN_MS, attempt <= 1 ? BACKOFF_BASE_MS : BACKOFF_CAP_MS);
    }
}

static void backoff_stops_growing_at_its_cap(void **state) {
  (void)state;
  for (int64_t attempt = 11; attempt < 2000; attempt += 7) {
    assert_int_equal(backoff_ms(attempt, BACKOFF_CAP_MS - BACKOFF_MIN_MS), BACKOFF_CAP_MS);
    assert_int_equal(backoff_ms(attempt, BACKOFF_CAP_MS - BACKOFF_MIN_MS + 1), BACKOFF_MIN_MS);
  }
}

static void a_job_is_dead_at_its_last_attempt_and_not_before(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "a", .max_attempts = 3};
  int64_t worker = work_join(f->q), id = work_add(f->q, &spec);
  for (int attempt = 1; attempt <= 3; attempt++) {
    struct galley_job *job = work_claim_one(f->q, worker, "a");
    assert_int_equal(job->attempt, attempt);
    struct galley_settlement one = settlement(job, GALLEY_RETRY);
    one.delay_ms = 0;
    one.error = "again";
    fixture_ok(f->q, work_settle(f->q, &one));
    work_state(f->q, id, attempt < 3 ? "ready" : "dead");
    galley_free(job);
  }
  struct galley_job *job = work_get(f->q, id);
  assert_int_equal(job->finished_at_ms, f->now_ms);
  assert_string_equal(job->error, "again");
  galley_free(job);
  work_attempts(f->q, id, "retry retry dead");
  assert_null(work_claim_one(f->q, worker, "a"));
}

static void a_snooze_is_not_charged(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "a", .max_attempts = 1};
  int64_t worker = work_join(f->q), id = work_add(f->q, &spec);
  for (int i = 0; i < 3; i++) {
    struct galley_job *job = work_claim_one(f->q, worker, "a");
    struct galley_settlement one = settlement(job, GALLEY_SNOOZE);
    one.delay_ms = 500;
    fixture_ok(f->q, work_settle(f->q, &one));
    galley_free(job);
    job = work_get(f->q, id);
    assert_string_equal(job->state, "scheduled");
    assert_int_equal(job->attempt, 0);
    assert_int_equal(job->run_at_ms, f->now_ms + 500);
    f->now_ms += 500;
    galley_free(job);
  }
  work_attempts(f->q, id, "snooze snooze snooze");
}

static void a_returned_job_is_ready_at_once_and_not_charged(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "a", .max_attempts = 1};
  int64_t worker = work_join(f->q), id = work_add(f->q, &spec);
  work_end(f->q, work_claim_one(f->q, worker, "a"), GALLEY_RETURNED);
  struct galley_job *job = work_get(f->q, id);
  assert_string_equal(job->state, "ready");
  assert_int_equal(job->attempt, 0);
  galley_free(job);
  work_end(f->q, work_claim_one(f->q, worker, "a"), GALLEY_DONE);
  work_attempts(f->q, id, "returned done");
}

static void dead_and_cancelled_end_a_job_with_attempts_left(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  struct galley_job *dead = work_start(f->q, worker, "a");
  struct galley_job *cancelled = work_start(f->q, worker, "a");
  int64_t ids[] = {dead->id, cancelled->id};
  work_end(f->q, dead, GALLEY_DEAD);
  work_end(f->q, cancelled, GALLEY_CANCELLED);
  work_state(f->q, ids[0], "dead");
  work_state(f->q, ids[1], "cancelled");
  work_attempts(f->q, ids[0], "dead");
  work_attempts(f->q, ids[1], "cancelled");
}

/* A wait that no calendar holds must not stop the turn, nor every job that settles with it. */
static void a_wait_is_bounded(void **state) {
  static const enum galley_outcome outcomes[] = {GALLEY_RETRY, GALLEY_SNOOZE};
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  for (size_t i = 0; i < 2; i++) {
    struct galley_job *job = work_start(f->q, worker, "a");
    struct galley_settlement one = settlement(job, outcomes[i]);
    one.delay_ms = INT64_MAX;
    fixture_ok(f->q, work_settle(f->q, &one));
    work_state(f->q, job->id, "scheduled");
    galley_free(job);
  }
}

static void a_long_error_is_cut_at_a_character(void **state) {
  struct fixture *f = *state;
  char text[GALLEY_ERROR_MAX + 8];
  struct galley_job *job = work_start(f->q, work_join(f->q), "a");
  memset(text, 'e', sizeof text);
  memcpy(text + GALLEY_ERROR_MAX - 1, "\xc3\xa9", 3); /* two bytes, the second past the limit */
  struct galley_settlement one = settlement(job, GALLEY_RETRY);
  one.error = text;
  fixture_ok(f->q, work_settle(f->q, &one));
  struct galley_job *now = work_get(f->q, job->id);
  assert_int_equal(strlen(now->error), GALLEY_ERROR_MAX - 1);
  galley_free(now);
  galley_free(job);
}

/* ---- attempts and totals ---- */

static bool keep_attempt(void *arg, const void *row) {
  struct galley_attempt *attempt = arg;
  *attempt = *(const struct galley_attempt *)row;
  assert_string_equal(attempt->outcome, "dead");
  assert_string_equal(attempt->error_class, "http");
  assert_string_equal(attempt->error, "gone");
  return true;
}

static void an_attempt_leaves_a_row_of_all_that_was_told(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  struct galley_job *job = work_start(f->q, worker, "a");
  struct galley_settlement one = settlement(job, GALLEY_DEAD);
  one.error_class = "http";
  one.error = "gone";
  one.http_status = 410;
  one.tokens_in = 11;
  one.tokens_out = 22;
  one.cost_usd_micros = 33;
  f->now_ms += 40;
  fixture_ok(f->q, work_settle(f->q, &one));
  struct galley_attempt row = {.job_id = 0};
  fixture_ok(f->q, galley_attempts(f->q, job->id, keep_attempt, &row));
  assert_int_equal(row.job_id, job->id);
  assert_int_equal(row.fence, job->fence);
  assert_int_equal(row.attempt, 1);
  assert_int_equal(row.worker_id, worker);
  assert_int_equal(row.http_status, 410);
  assert_int_equal(row.tokens_in, 11);
  assert_int_equal(row.tokens_out, 22);
  assert_int_equal(row.cost_usd_micros, 33);
  assert_int_equal(row.started_at_ms, f->now_ms - 40);
  assert_int_equal(row.ended_at_ms, f->now_ms);
  galley_free(job);
}

static void the_cost_of_attempts_adds_up_in_the_job(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q), id = work_enqueue(f->q, "a");
  for (int i = 1; i <= 3; i++) {
    struct galley_job *job = work_claim_one(f->q, worker, "a");
    struct galley_settlement one = settlement(job, i < 3 ? GALLEY_RETRY : GALLEY_DONE);
    one.delay_ms = 0;
    one.cost_usd_micros = i * 100;
    fixture_ok(f->q, work_settle(f->q, &one));
    galley_free(job);
  }
  struct galley_job *job = work_get(f->q, id);
  assert_int_equal(job->cost_usd_micros, 600);
  assert_null(job->error);
  galley_free(job);
}

struct total {
  int64_t n, busy_ms, cost_usd_micros;
};

static bool keep_done(void *arg, const void *row) {
  const struct galley_count *count = row;
  struct total *total = arg;
  if (strcmp(count->state, "done") == 0)
    *total = (struct total){count->n, count->busy_ms, count->cost_usd_micros};
  return true;
}

static void totals_count_what_ended_with_its_time_and_cost(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  for (int i = 1; i <= 2; i++) {
    struct galley_job *job = work_start(f->q, worker, "a");
    struct galley_settlement one = settlement(job, GALLEY_DONE);
    one.cost_usd_micros = 5;
    f->now_ms += 100;
    fixture_ok(f->q, work_settle(f->q, &one));
    galley_free(job);
  }
  struct total total = {0, 0, 0};
  fixture_ok(f->q, galley_stats(f->q, keep_done, &total));
  assert_int_equal(total.n, 2);
  assert_int_equal(total.busy_ms, 200);
  assert_int_equal(total.cost_usd_micros, 10);
}

/* More kinds in one turn than the totals are gathered for at once. */
static void totals_are_right_for_many_kinds_in_one_turn(void **state) {
  struct fixture *f = *state;
  struct galley_settlement all[80];
  char kind[16];
  int64_t worker = work_join(f->q);
  for (int i = 0; i < 80; i++) {
    snprintf(kind, sizeof kind, "k%d", i % 40);
    struct galley_job *job = work_start(f->q, worker, kind);
    all[i] = settlement(job, GALLEY_DONE);
    galley_free(job);
  }
  struct galley_turn turn = {.settlements = all, .n_settlements = 80};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  for (int i = 0; i < 40; i++) {
    snprintf(kind, sizeof kind, "k%d", i);
    assert_int_equal(work_count(f->q, kind, "done"), 2);
  }
}

/* ---- saves that fail ---- */

struct mixed {
  struct galley_job *good, *bad, *last;
  struct galley_settlement settlements[3];
};

/* A turn of three, of which the second cannot be saved, and which claims a fourth. */
static void turn_with_a_bad_one(struct fixture *f, struct mixed *m, galley_save_fn *save,
                                void *arg) {
  const char *kinds[] = {"b"};
  struct galley_job *claimed = NULL;
  int64_t worker = work_join(f->q);
  m->good = work_start(f->q, worker, "a");
  m->bad = work_start(f->q, worker, "a");
  m->last = work_start(f->q, worker, "a");
  work_enqueue(f->q, "b");
  struct galley_job *jobs[] = {m->good, m->bad, m->last};
  for (int i = 0; i < 3; i++) {
    m->settlements[i] = settlement(jobs[i], GALLEY_DONE);
    m->settlements[i].save = i == 1 ? save : save_topic;
    m->settlements[i].save_arg = i == 1 ? arg : (void *)(uintptr_t) "good";
  }
  struct galley_turn turn = {.worker_id = worker,
                             .settlements = m->settlements,
                             .n_settlements = 3,
                             .kinds = kinds,
                             .n_kinds = 1,
                             .max_jobs = 1,
                             .lease_ms = 1000,
                             .jobs = &claimed};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  assert_int_equal(turn.n_jobs, 1);
  galley_free(claimed);
  assert_int_equal(m->settlements[0].rc, GALLEY_OK);
  assert_int_equal(m->settlements[2].rc, GALLEY_OK);
  work_state(f->q, m->good->id, "done");
  work_state(f->q, m->last->id, "done");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM topics"), 2);
  assert_int_equal(work_count(f->q, "a", "done"), 2);
}

static void mixed_free(struct mixed *m) {
  galley_free(m->good);
  galley_free(m->bad);
  galley_free(m->last);
}

static void a_save_that_is_refused_ends_its_job_and_no_other(void **state) {
  struct fixture *f = *state;
  struct mixed m;
  turn_with_a_bad_one(f, &m, save_what_is_refused, (void *)(uintptr_t) "bad");
  assert_int_equal(m.settlements[1].rc, GALLEY_INVALID);
  struct galley_job *job = work_get(f->q, m.bad->id);
  assert_string_equal(job->state, "dead");
  assert_string_equal(job->error_class, "save");
  assert_non_null(strstr(job->error, "kind must be"));
  galley_free(job);
  assert_int_equal(work_count(f->q, "a", "dead"), 1);
  work_attempts(f->q, m.bad->id, "dead");
  mixed_free(&m);
}

/* A call that failed has doomed the transaction, whatever the save says of it. */
static void a_save_that_hides_a_failure_ends_its_job_and_no_other(void **state) {
  struct fixture *f = *state;
  struct mixed m;
  turn_with_a_bad_one(f, &m, save_and_ignore_a_failure, (void *)(uintptr_t) "bad");
  assert_int_equal(m.settlements[1].rc, GALLEY_INVALID);
  work_state(f->q, m.bad->id, "dead");
  mixed_free(&m);
}

/* NONE and LOST are no errors elsewhere, but what a save wrote before them is half a thing. */
static void a_save_that_finds_nothing_is_tried_again_and_leaves_nothing(void **state) {
  static const enum galley_rc codes[] = {GALLEY_NONE, GALLEY_LOST, GALLEY_UNAVAILABLE,
                                         GALLEY_STATE};
  struct fixture *f = *state;
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    struct mixed m;
    struct failing failing = {codes[i], 0};
    turn_with_a_bad_one(f, &m, save_and_fail, &failing);
    assert_true(m.settlements[1].rc != GALLEY_OK && m.settlements[1].rc != GALLEY_LOST);
    work_state(f->q, m.bad->id, "scheduled");
    work_attempts(f->q, m.bad->id, "retry");
    mixed_free(&m);
    fixture_tear_down(state);
    fixture_set_up(state);
    f = *state;
  }
}

static void a_result_that_is_not_json_ends_its_job_and_no_other(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  struct galley_job *bad = work_start(f->q, worker, "a"), *good = work_start(f->q, worker, "a");
  struct galley_settlement two[] = {settlement(bad, GALLEY_DONE), settlement(good, GALLEY_DONE)};
  two[0].result = "not json";
  struct galley_turn turn = {.settlements = two, .n_settlements = 2};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  assert_int_equal(two[0].rc, GALLEY_INVALID);
  assert_int_equal(two[1].rc, GALLEY_OK);
  struct galley_job *job = work_get(f->q, bad->id);
  assert_string_equal(job->state, "dead");
  assert_non_null(strstr(job->error, "result is not valid JSON"));
  galley_free(job);
  work_state(f->q, good->id, "done");
  galley_free(bad);
  galley_free(good);
}

static void a_result_has_at_most_a_mebibyte(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  char *text = malloc(GALLEY_PAYLOAD_MAX + 2);
  assert_non_null(text);
  memset(text, ' ', GALLEY_PAYLOAD_MAX + 1);
  memcpy(text, "{}", 2);
  text[GALLEY_PAYLOAD_MAX + 1] = '\0';
  for (int past = 1; past >= 0; past--) {
    struct galley_job *job = work_start(f->q, worker, "a");
    struct galley_settlement one = settlement(job, GALLEY_DONE);
    text[GALLEY_PAYLOAD_MAX + past] = '\0';
    one.result = text;
    assert_int_equal(work_settle(f->q, &one), past ? GALLEY_INVALID : GALLEY_OK);
    work_state(f->q, job->id, past ? "dead" : "done");
    galley_free(job);
  }
  free(text);
}

/* The store's failure is not the job's: nothing is settled, and the same turn works later. */
static void a_save_that_meets_a_storage_failure_settles_nothing(void **state) {
  static const enum galley_rc codes[] = {GALLEY_FULL, GALLEY_IO, GALLEY_BUSY, GALLEY_NO_MEMORY,
                                         GALLEY_CORRUPT};
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  struct galley_job *first = work_start(f->q, worker, "a"), *job = work_start(f->q, worker, "a");
  struct galley_settlement two[] = {settlement(first, GALLEY_DONE), settlement(job, GALLEY_DONE)};
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    struct failing failing = {codes[i], 0};
    two[1].save = save_and_fail;
    two[1].save_arg = &failing;
    struct galley_turn turn = {.settlements = two, .n_settlements = 2};
    assert_int_equal(galley_turn(f->q, &turn), codes[i]);
    assert_int_equal(failing.calls, 1);
    work_state(f->q, first->id, "running");
    work_state(f->q, job->id, "running");
    assert_int_equal(topics(state), 0);
  }
  two[1].save = NULL;
  struct galley_turn turn = {.settlements = two, .n_settlements = 2};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  work_state(f->q, first->id, "done");
  work_state(f->q, job->id, "done");
  galley_free(first);
  galley_free(job);
}

/* Also when another one of the turn was refused, and they are settled one by one. */
static void a_storage_failure_is_not_held_against_the_job_that_meets_it(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  struct failing failing = {GALLEY_FULL, 0};
  struct galley_job *bad = work_start(f->q, worker, "a"), *job = work_start(f->q, worker, "a");
  struct galley_settlement two[] = {settlement(bad, GALLEY_DONE), settlement(job, GALLEY_DONE)};
  two[0].save = save_what_is_refused;
  two[0].save_arg = (void *)(uintptr_t) "bad";
  two[1].save = save_and_fail;
  two[1].save_arg = &failing;
  struct galley_turn turn = {.settlements = two, .n_settlements = 2};
  assert_int_equal(galley_turn(f->q, &turn), GALLEY_FULL);
  assert_true(failing.calls > 0);
  work_state(f->q, job->id, "running");
  two[1].save = NULL;
  fixture_ok(f->q, galley_turn(f->q, &turn));
  work_state(f->q, bad->id, "dead");
  work_state(f->q, job->id, "done");
  work_attempts(f->q, job->id, "done");
  galley_free(bad);
  galley_free(job);
}

static void a_save_runs_whatever_the_outcome(void **state) {
  static const enum galley_outcome outcomes[] = {GALLEY_DONE, GALLEY_RETRY,     GALLEY_SNOOZE,
                                                 GALLEY_DEAD, GALLEY_CANCELLED, GALLEY_RETURNED};
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  int calls = 0;
  for (size_t i = 0; i < 6; i++) {
    char kind[8];
    snprintf(kind, sizeof kind, "k%zu", i);
    struct galley_job *job = work_start(f->q, worker, kind);
    struct galley_settlement one = settlement(job, outcomes[i]);
    one.save = count_calls;
    one.save_arg = &calls;
    fixture_ok(f->q, work_settle(f->q, &one));
    galley_free(job);
  }
  assert_int_equal(calls, 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

/* A clock that never says the same twice. */
static int64_t running_clock(void *arg) {
  struct fixture *f = arg;
  return f->now_ms += 7;
}

static void totals_tell_the_same_time_as_the_attempts_while_the_clock_runs(void **state) {
  struct fixture *f = *state;
  static const enum galley_outcome outcomes[] = {GALLEY_DONE, GALLEY_DONE, GALLEY_RETRY,
                                                 GALLEY_DEAD, GALLEY_DONE, GALLEY_DONE};
  struct galley_settlement settlements[6];
  struct galley_job *jobs[6];
  struct galley *q = NULL;
  struct galley_env env = f->env;
  env.now_ms = running_clock;
  const struct galley_options options = {.env = &env};
  enum galley_rc rc = galley_open(&q, f->path, &options);
  fixture_ok(q, rc);
  struct galley_turn turn = {.worker_id = work_join(q), .lease_ms = WORK_LEASE_MS};
  for (size_t i = 0; i < 6; i++) {
    jobs[i] = work_start(q, turn.worker_id, "work");
    settlements[i] = settlement(jobs[i], outcomes[i]);
  }
  turn.settlements = settlements;
  turn.n_settlements = 6;
  fixture_ok(q, galley_turn(q, &turn));
  for (size_t i = 0; i < 6; i++)
    galley_free(jobs[i]);
  galley_close(q);
  assert_int_equal(fixture_number(f, "SELECT sum(busy_ms) FROM totals"),
                   fixture_number(f, "SELECT sum(ended_at_ms-started_at_ms) FROM job_attempts"));
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs j JOIN job_attempts a ON "
                                     "a.job_id=j.id WHERE finished_at_ms<>ended_at_ms"),
                   0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_stale_fence_settles_nothing_and_does_not_save),
      TEST(an_attempt_settles_once),
      TEST(an_attempt_that_is_only_done_settles_once),
      TEST(a_save_finds_the_jobs_settled_before_it_ended),
      TEST(a_job_ends_under_the_number_of_one_that_was_deleted),
      TEST(a_job_ends_whose_fence_was_set_back),
      TEST(a_job_that_a_trigger_keeps_from_being_done_ends_and_no_other),
      TEST(a_fence_of_a_job_that_is_not_there_is_lost),
      TEST(done_keeps_the_result_the_cost_and_the_times),
      TEST(what_an_attempt_saves_comes_with_its_follow_up_and_result),
      TEST(a_retry_waits_as_long_as_it_is_told),
      TEST(a_retry_without_a_wait_is_ready_at_once),
      TEST(a_retry_backs_off_within_the_bounds_of_its_attempt),
      TEST(backoff_never_leaves_its_range),
      TEST(backoff_stops_growing_at_its_cap),
      TEST(a_job_is_dead_at_its_last_attempt_and_not_before),
      TEST(a_snooze_is_not_charged),
      TEST(a_returned_job_is_ready_at_once_and_not_charged),
      TEST(dead_and_cancelled_end_a_job_with_attempts_left),
      TEST(a_wait_is_bounded),
      TEST(a_long_error_is_cut_at_a_character),
      TEST(an_attempt_leaves_a_row_of_all_that_was_told),
      TEST(the_cost_of_attempts_adds_up_in_the_job),
      TEST(totals_count_what_ended_with_its_time_and_cost),
      TEST(totals_are_right_for_many_kinds_in_one_turn),
      TEST(a_save_that_is_refused_ends_its_job_and_no_other),
      TEST(a_save_that_hides_a_failure_ends_its_job_and_no_other),
      TEST(a_save_that_finds_nothing_is_tried_again_and_leaves_nothing),
      TEST(a_result_that_is_not_json_ends_its_job_and_no_other),
      TEST(a_result_has_at_most_a_mebibyte),
      TEST(a_save_that_meets_a_storage_failure_settles_nothing),
      TEST(a_storage_failure_is_not_held_against_the_job_that_meets_it),
      TEST(a_save_runs_whatever_the_outcome),
      TEST(totals_tell_the_same_time_as_the_attempts_while_the_clock_runs),
  };
  return cmocka_run_group_tests_name("settle", tests, NULL, NULL);
}
