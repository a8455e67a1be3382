/* Jobs as people see and steer them: cancel, retry, lists, counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "work.h"

#include <stdio.h>
#include <string.h>

/* ---- cancel ---- */

static void what_waits_is_cancelled_at_once(void **state) {
  struct fixture *f = *state;
  const struct galley_spec later = {.kind = "a", .delay_ms = 10};
  int64_t ids[] = {work_enqueue(f->q, "a"), work_add(f->q, &later), 3};
  fixture_sql(f, "INSERT INTO jobs(kind,state) VALUES('a','blocked')");
  for (size_t i = 0; i < 3; i++) {
    bool running = true;
    f->now_ms++;
    fixture_ok(f->q, galley_cancel(f->q, ids[i], &running));
    assert_false(running);
    struct galley_job *job = work_get(f->q, ids[i]);
    assert_string_equal(job->state, "cancelled");
    assert_int_equal(job->finished_at_ms, f->now_ms);
    galley_free(job);
  }
  assert_int_equal(work_count(f->q, "a", "cancelled"), 3);
  assert_null(work_claim_one(f->q, work_join(f->q), "a"));
}

static void what_runs_is_asked_to_stop_and_runs_on(void **state) {
  struct fixture *f = *state;
  bool running = false;
  struct galley_job *job = work_start(f->q, work_join(f->q), "a");
  fixture_ok(f->q, galley_cancel(f->q, job->id, &running));
  assert_true(running);
  work_state(f->q, job->id, "running");
  fixture_ok(f->q, galley_cancel(f->q, job->id, &running)); /* asking twice is asking */
  assert_true(running);
  galley_free(job);
}

static void what_was_done_before_the_request_was_heard_is_done(void **state) {
  struct fixture *f = *state;
  struct galley_job *job = work_start(f->q, work_join(f->q), "a");
  int64_t id = job->id;
  fixture_ok(f->q, galley_cancel(f->q, id, NULL));
  work_end(f->q, job, GALLEY_DONE);
  work_state(f->q, id, "done");
}

/* The worker may fail, stop or sleep before it hears: the request stands. */
static void a_request_to_cancel_outlives_the_attempt(void **state) {
  static const enum galley_outcome outcomes[] = {GALLEY_RETRY, GALLEY_SNOOZE, GALLEY_RETURNED};
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
    struct galley_job *job = work_start(f->q, worker, "a");
    int64_t id = job->id;
    fixture_ok(f->q, galley_cancel(f->q, id, NULL));
    work_end(f->q, job, outcomes[i]);
    work_state(f->q, id, "cancelled");
    work_attempts(f->q, id, "cancelled");
    assert_null(work_claim_one(f->q, worker, "a"));
  }
  assert_int_equal(work_count(f->q, "a", "cancelled"), 3);
}

static void what_has_ended_cannot_be_cancelled(void **state) {
  static const enum galley_outcome ends[] = {GALLEY_DONE, GALLEY_DEAD, GALLEY_CANCELLED};
  static const char *const words[] = {"is done, and cannot be cancelled",
                                      "is dead, and cannot be cancelled",
                                      "is cancelled, and cannot be cancelled"};
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  for (size_t i = 0; i < 3; i++) {
    struct galley_job *job = work_start(f->q, worker, "a");
    int64_t id = job->id;
    work_end(f->q, job, ends[i]);
    fixture_fails(f->q, galley_cancel(f->q, id, NULL), GALLEY_STATE, words[i]);
  }
  fixture_fails(f->q, galley_cancel(f->q, 4711, NULL), GALLEY_NONE, "there is no job 4711");
}

/* ---- retry ---- */

static void what_is_dead_or_cancelled_is_ready_with_fresh_attempts(void **state) {
  static const enum galley_outcome ends[] = {GALLEY_DEAD, GALLEY_CANCELLED};
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  for (size_t i = 0; i < 2; i++) {
    struct galley_job *job = work_start(f->q, worker, "a");
    struct galley_settlement one = {.job_id = job->id,
                                    .fence = job->fence,
                                    .outcome = ends[i],
                                    .error = "why",
                                    .error_class = "word"};
    fixture_ok(f->q, work_settle(f->q, &one));
    f->now_ms += 10;
    fixture_ok(f->q, galley_retry(f->q, job->id));
    galley_free(job);
    job = work_get(f->q, one.job_id);
    assert_string_equal(job->state, "ready");
    assert_int_equal(job->attempt, 0);
    assert_int_equal(job->crashes, 0);
    assert_int_equal(job->run_at_ms, f->now_ms);
    assert_int_equal(job->finished_at_ms, 0);
    assert_null(job->error);
    assert_null(job->error_class);
    assert_int_equal(job->fence, 1);
    galley_free(job);
    job = work_claim_one(f->q, worker, "a");
    assert_int_equal(job->fence, 2);
    work_end(f->q, job, GALLEY_DONE);
  }
}

static void what_is_scheduled_is_ready_now_and_keeps_its_attempts(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  struct galley_job *job = work_start(f->q, worker, "a");
  int64_t id = job->id;
  work_end(f->q, job, GALLEY_RETRY);
  work_state(f->q, id, "scheduled");
  fixture_ok(f->q, galley_retry(f->q, id));
  job = work_get(f->q, id);
  assert_string_equal(job->state, "ready");
  assert_int_equal(job->run_at_ms, f->now_ms);
  assert_int_equal(job->attempt, 1);
  galley_free(job);
}

static void what_is_ready_or_runs_or_is_done_cannot_be_retried(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q), id = work_enqueue(f->q, "a");
  fixture_fails(f->q, galley_retry(f->q, id), GALLEY_STATE, "is ready, and cannot be retried");
  struct galley_job *job = work_claim_one(f->q, worker, "a");
  fixture_fails(f->q, galley_retry(f->q, id), GALLEY_STATE, "is running, and cannot be retried");
  work_end(f->q, job, GALLEY_DONE);
  fixture_fails(f->q, galley_retry(f->q, id), GALLEY_STATE, "is done, and cannot be retried");
  fixture_sql(f, "INSERT INTO jobs(kind,state) VALUES('a','blocked')");
  fixture_fails(f->q, galley_retry(f->q, id + 1), GALLEY_STATE, "is blocked, and");
  fixture_fails(f->q, galley_retry(f->q, 4711), GALLEY_NONE, "there is no job 4711");
}

static void a_retry_does_not_make_two_live_jobs_of_one_key(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "a", .unique_key = "k"};
  int64_t worker = work_join(f->q), old = work_add(f->q, &spec);
  work_end(f->q, work_claim_one(f->q, worker, "a"), GALLEY_DEAD);
  int64_t new = work_add(f->q, &spec);
  fixture_fails(f->q, galley_retry(f->q, old), GALLEY_STATE, "another live job has its unique key");
  work_state(f->q, old, "dead");
  fixture_ok(f->q, galley_cancel(f->q, new, NULL));
  fixture_ok(f->q, galley_retry(f->q, old));
  work_state(f->q, old, "ready");
}

/* ---- lists ---- */

static struct fixture_ids listed(struct galley *q, const char *kind, const char *job_state,
                                 int64_t before_id, int64_t limit) {
  struct fixture_ids ids = {.n = 0};
  fixture_ok(q, galley_jobs(q, kind, job_state, before_id, limit, fixture_keep_id, &ids));
  return ids;
}

/* One job in each state, twice over: a then b. */
static void one_of_each(struct fixture *f) {
  static const enum galley_outcome ends[] = {GALLEY_DONE, GALLEY_DEAD, GALLEY_CANCELLED};
  const char *kinds[] = {"a", "b"};
  int64_t worker = work_join(f->q);
  for (size_t k = 0; k < 2; k++) {
    const struct galley_spec later = {.kind = kinds[k], .delay_ms = 10};
    for (size_t i = 0; i < 3; i++)
      work_end(f->q, work_start(f->q, worker, kinds[k]), ends[i]);
    galley_free(work_start(f->q, worker, kinds[k]));
    work_add(f->q, &later);
    work_enqueue(f->q, kinds[k]);
    fixture_sql(f, k ? "INSERT INTO jobs(kind,state) VALUES('b','blocked')"
                     : "INSERT INTO jobs(kind,state) VALUES('a','blocked')");
  }
}

static void jobs_are_listed_newest_first_by_kind_and_state(void **state) {
  static const char *const states[] = {"done",      "dead",  "cancelled", "running",
                                       "scheduled", "ready", "blocked"};
  struct fixture *f = *state;
  one_of_each(f);
  for (int64_t i = 0; i < 7; i++) {
    struct fixture_ids ids = listed(f->q, NULL, states[i], 0, 0);
    assert_int_equal(ids.n, 2);
    assert_int_equal(ids.id[0], i + 8);
    assert_int_equal(ids.id[1], i + 1);
    ids = listed(f->q, "b", states[i], 0, 0);
    assert_int_equal(ids.n, 1);
    assert_int_equal(ids.id[0], i + 8);
    assert_int_equal(listed(f->q, NULL, states[i], i + 8, 0).n, 1);
    assert_int_equal(listed(f->q, NULL, states[i], 0, 1).n, 1);
    assert_int_equal(listed(f->q, "c", states[i], 0, 0).n, 0);
  }
  assert_int_equal(listed(f->q, NULL, NULL, 0, 0).n, 14);
  assert_int_equal(listed(f->q, "a", NULL, 0, 0).n, 7);
}

static void a_list_goes_on_below_the_last_id(void **state) {
  struct fixture *f = *state;
  for (int i = 0; i < 5; i++)
    work_enqueue(f->q, "a");
  struct fixture_ids page = listed(f->q, NULL, NULL, 0, 2);
  assert_int_equal(page.id[0], 5);
  assert_int_equal(page.id[1], 4);
  page = listed(f->q, NULL, NULL, page.id[1], 2);
  assert_int_equal(page.id[0], 3);
  page = listed(f->q, NULL, NULL, 2, 2);
  assert_int_equal(page.n, 1);
  assert_int_equal(page.id[0], 1);
}

static void a_list_stops_when_its_reader_says_so(void **state) {
  struct fixture *f = *state;
  struct fixture_ids ids = {.stop_after = 2};
  for (int i = 0; i < 5; i++)
    work_enqueue(f->q, "a");
  fixture_ok(f->q, galley_jobs(f->q, NULL, NULL, 0, 0, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 2);
}

static void a_state_that_is_none_is_refused(void **state) {
  struct fixture *f = *state;
  struct fixture_ids ids = {.n = 0};
  fixture_fails(f->q, galley_jobs(f->q, NULL, "finished", 0, 0, fixture_keep_id, &ids),
                GALLEY_USAGE, "there is no state \"finished\"");
}

static void a_job_that_is_not_there_is_none(void **state) {
  struct fixture *f = *state;
  struct galley_job *job = (struct galley_job *)8;
  fixture_fails(f->q, galley_job_get(f->q, 1, &job), GALLEY_NONE, "there is no job 1");
  assert_null(job);
}

static void a_workflow_is_listed_from_its_first_job(void **state) {
  struct fixture *f = *state;
  int64_t root = work_enqueue(f->q, "a");
  work_enqueue(f->q, "other");
  const struct galley_spec child = {.kind = "b", .parent_id = root};
  int64_t child_id = work_add(f->q, &child);
  const struct galley_spec grandchild = {.kind = "c", .parent_id = child_id};
  int64_t last = work_add(f->q, &grandchild);
  struct fixture_ids ids = {.n = 0};
  fixture_ok(f->q, galley_jobs_of_workflow(f->q, root, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 3);
  assert_int_equal(ids.id[0], root);
  assert_int_equal(ids.id[1], child_id);
  assert_int_equal(ids.id[2], last);
}

/* ---- counts ---- */

static void counts_are_of_each_kind_and_state(void **state) {
  static const char *const states[] = {"done",      "dead",  "cancelled", "running",
                                       "scheduled", "ready", "blocked"};
  struct fixture *f = *state;
  one_of_each(f);
  for (size_t i = 0; i < 7; i++) {
    assert_int_equal(work_count(f->q, "a", states[i]), 1);
    assert_int_equal(work_count(f->q, "b", states[i]), 1);
  }
  assert_int_equal(work_count(f->q, "a", "retry"), 0);
}

static bool keep_oldest(void *arg, const void *row) {
  const struct galley_count *count = row;
  if (strcmp(count->state, "ready") == 0)
    *(int64_t *)arg = count->oldest_ms;
  return true;
}

static void counts_tell_since_when_the_oldest_could_have_run(void **state) {
  struct fixture *f = *state;
  int64_t oldest = 0, first_ms = f->now_ms;
  work_enqueue(f->q, "a");
  f->now_ms += 100;
  work_enqueue(f->q, "a");
  fixture_ok(f->q, galley_stats(f->q, keep_oldest, &oldest));
  assert_int_equal(oldest, first_ms);
}

static bool stop_at_once(void *arg, const void *row) {
  (void)row;
  ++*(int *)arg;
  return false;
}

static void counts_stop_when_their_reader_says_so(void **state) {
  struct fixture *f = *state;
  int rows = 0;
  one_of_each(f);
  fixture_ok(f->q, galley_stats(f->q, stop_at_once, &rows));
  assert_int_equal(rows, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_waits_is_cancelled_at_once),
      TEST(what_runs_is_asked_to_stop_and_runs_on),
      TEST(what_was_done_before_the_request_was_heard_is_done),
      TEST(a_request_to_cancel_outlives_the_attempt),
      TEST(what_has_ended_cannot_be_cancelled),
      TEST(what_is_dead_or_cancelled_is_ready_with_fresh_attempts),
      TEST(what_is_scheduled_is_ready_now_and_keeps_its_attempts),
      TEST(what_is_ready_or_runs_or_is_done_cannot_be_retried),
      TEST(a_retry_does_not_make_two_live_jobs_of_one_key),
      TEST(jobs_are_listed_newest_first_by_kind_and_state),
      TEST(a_list_goes_on_below_the_last_id),
      TEST(a_list_stops_when_its_reader_says_so),
      TEST(a_state_that_is_none_is_refused),
      TEST(a_job_that_is_not_there_is_none),
      TEST(a_workflow_is_listed_from_its_first_job),
      TEST(counts_are_of_each_kind_and_state),
      TEST(counts_tell_since_when_the_oldest_could_have_run),
      TEST(counts_stop_when_their_reader_says_so),
  };
  return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}
