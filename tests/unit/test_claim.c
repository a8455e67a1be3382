/* What a claim takes, in which order, and what it leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "work.h"

#include <stdio.h>
#include <string.h>

static void released(struct galley_job **jobs, size_t n) {
  for (size_t i = 0; i < n; i++)
    galley_free(jobs[i]);
}

static int64_t with_priority(struct galley *q, const char *kind, int64_t priority) {
  const struct galley_spec spec = {.kind = kind, .priority = priority};
  return work_add(q, &spec);
}

static void a_claim_takes_the_oldest_first(void **state) {
  struct fixture *f = *state;
  const char *kinds[] = {"a"};
  struct galley_job *jobs[4];
  int64_t worker = work_join(f->q), ids[3];
  for (size_t i = 0; i < 3; i++)
    ids[i] = work_enqueue(f->q, "a");
  assert_int_equal(work_claim(f->q, worker, kinds, 1, 2, jobs), 2);
  assert_int_equal(jobs[0]->id, ids[0]);
  assert_int_equal(jobs[1]->id, ids[1]);
  assert_int_equal(work_claim(f->q, worker, kinds, 1, 4, jobs + 2), 1);
  assert_int_equal(jobs[2]->id, ids[2]);
  released(jobs, 3);
}

static void a_lower_priority_number_goes_first_over_all_kinds(void **state) {
  struct fixture *f = *state;
  const char *kinds[] = {"a", "b"};
  struct galley_job *jobs[5];
  int64_t worker = work_join(f->q), ids[5];
  ids[3] = with_priority(f->q, "a", 5);
  ids[1] = with_priority(f->q, "b", 0);
  ids[4] = with_priority(f->q, "b", GALLEY_PRIORITY_MAX);
  ids[2] = with_priority(f->q, "a", 0);
  ids[0] = ids[1];
  assert_int_equal(work_claim(f->q, worker, kinds, 2, 5, jobs), 4);
  for (size_t i = 0; i < 4; i++)
    assert_int_equal(jobs[i]->id, ids[i + 1]);
  released(jobs, 4);
}

static void a_claim_takes_only_the_kinds_it_names(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  work_enqueue(f->q, "mine.too");
  work_enqueue(f->q, "min");
  assert_null(work_claim_one(f->q, worker, "mine"));
  work_state(f->q, 1, "ready");
  work_state(f->q, 2, "ready");
}

static void a_claim_skips_what_is_scheduled_or_blocked_or_has_ended(void **state) {
  struct fixture *f = *state;
  const struct galley_spec later = {.kind = "a", .delay_ms = 1};
  int64_t worker = work_join(f->q);
  work_end(f->q, work_start(f->q, worker, "a"), GALLEY_DONE);
  work_end(f->q, work_start(f->q, worker, "a"), GALLEY_DEAD);
  work_end(f->q, work_start(f->q, worker, "a"), GALLEY_CANCELLED);
  work_add(f->q, &later);
  fixture_sql(f, "INSERT INTO jobs(kind,state) VALUES('a','blocked')");
  assert_null(work_claim_one(f->q, worker, "a"));
}

static void a_claim_promotes_what_is_due_and_takes_it(void **state) {
  struct fixture *f = *state;
  const struct galley_spec later = {.kind = "a", .delay_ms = 1000};
  int64_t worker = work_join(f->q), id = work_add(f->q, &later);
  f->now_ms += 999;
  assert_null(work_claim_one(f->q, worker, "a"));
  f->now_ms += 1;
  struct galley_job *job = work_claim_one(f->q, worker, "a");
  assert_non_null(job);
  assert_int_equal(job->id, id);
  galley_free(job);
}

static void a_claimed_job_shows_its_attempt(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  work_enqueue(f->q, "a");
  f->now_ms += 7;
  struct galley_job *job = work_claim_one(f->q, worker, "a");
  assert_string_equal(job->state, "running");
  assert_int_equal(job->attempt, 1);
  assert_int_equal(job->fence, 1);
  assert_int_equal(job->worker_id, worker);
  assert_int_equal(job->lease_mono_ns, f->mono_ns + WORK_LEASE_MS * INT64_C(1000000));
  assert_int_equal(job->started_at_ms, f->now_ms);
  assert_int_equal(job->finished_at_ms, 0);
  galley_free(job);
}

static void no_job_is_claimed_twice(void **state) {
  struct fixture *f = *state;
  struct galley *other = fixture_open(f, 0);
  const char *kinds[] = {"a"};
  struct galley_job *mine[3], *theirs[3];
  int64_t worker = work_join(f->q), another = work_join(other);
  for (int i = 0; i < 4; i++)
    work_enqueue(f->q, "a");
  assert_int_equal(work_claim(f->q, worker, kinds, 1, 3, mine), 3);
  assert_int_equal(work_claim(other, another, kinds, 1, 3, theirs), 1);
  for (size_t i = 0; i < 3; i++)
    assert_int_not_equal(mine[i]->id, theirs[0]->id);
  released(mine, 3);
  released(theirs, 1);
  galley_close(other);
}

static void a_kind_named_twice_is_claimed_once(void **state) {
  struct fixture *f = *state;
  const char *kinds[] = {"a", "b", "a"};
  struct galley_job *jobs[8];
  int64_t worker = work_join(f->q);
  for (int i = 0; i < 3; i++)
    work_enqueue(f->q, i == 1 ? "b" : "a");
  assert_int_equal(work_claim(f->q, worker, kinds, 3, 8, jobs), 3);
  released(jobs, 3);
}

static void a_turn_takes_its_limits_and_not_one_more(void **state) {
  struct fixture *f = *state;
  static const char *names[GALLEY_KINDS_MAX + 1];
  static char texts[GALLEY_KINDS_MAX + 1][8];
  static struct galley_job *jobs[GALLEY_BATCH_MAX + 1];
  static struct galley_spec specs[GALLEY_BATCH_MAX + 1];
  static struct galley_settlement settlements[GALLEY_BATCH_MAX + 1];
  static struct galley_hold holds[GALLEY_BATCH_MAX + 1];
  int64_t worker = work_join(f->q);
  for (size_t i = 0; i <= GALLEY_KINDS_MAX; i++) {
    snprintf(texts[i], sizeof texts[i], "k%zu", i);
    names[i] = texts[i];
  }
  for (size_t i = 0; i <= GALLEY_BATCH_MAX; i++)
    specs[i] = (struct galley_spec){.kind = "k63"};
  fixture_ok(f->q, galley_enqueue_many(f->q, specs, GALLEY_BATCH_MAX + 1, NULL, NULL));
  const struct galley_turn base = {.worker_id = worker, .kinds = names, .lease_ms = 1000};
  struct galley_turn turn = base;
  turn.jobs = jobs;
  turn.n_kinds = GALLEY_KINDS_MAX + 1;
  turn.max_jobs = 1;
  fixture_fails(f->q, galley_turn(f->q, &turn), GALLEY_USAGE, "at most 1024 jobs and 64 kinds");
  turn.n_kinds = GALLEY_KINDS_MAX;
  turn.max_jobs = GALLEY_BATCH_MAX + 1;
  fixture_fails(f->q, galley_turn(f->q, &turn), GALLEY_USAGE, "at most 1024 jobs");
  turn.max_jobs = GALLEY_BATCH_MAX;
  fixture_ok(f->q, galley_turn(f->q, &turn));
  assert_int_equal(turn.n_jobs, GALLEY_BATCH_MAX);
  for (size_t i = 0; i < GALLEY_BATCH_MAX; i++) {
    holds[i] = (struct galley_hold){.job_id = jobs[i]->id, .fence = jobs[i]->fence};
    settlements[i] = (struct galley_settlement){
        .job_id = jobs[i]->id, .fence = jobs[i]->fence, .outcome = GALLEY_DONE};
  }
  released(jobs, GALLEY_BATCH_MAX);
  turn = base;
  turn.holds = holds;
  turn.n_holds = GALLEY_BATCH_MAX + 1;
  fixture_fails(f->q, galley_turn(f->q, &turn), GALLEY_USAGE, "at most 1024 jobs");
  turn.n_holds = GALLEY_BATCH_MAX;
  fixture_ok(f->q, galley_turn(f->q, &turn));
  turn = base;
  turn.settlements = settlements;
  turn.n_settlements = GALLEY_BATCH_MAX + 1;
  fixture_fails(f->q, galley_turn(f->q, &turn), GALLEY_USAGE, "at most 1024 jobs");
  turn.n_settlements = GALLEY_BATCH_MAX;
  fixture_ok(f->q, galley_turn(f->q, &turn));
  assert_int_equal(work_count(f->q, "k63", "done"), GALLEY_BATCH_MAX);
}

static void a_claim_needs_a_worker_and_a_lease(void **state) {
  struct fixture *f = *state;
  const char *kinds[] = {"a"};
  struct galley_job *job;
  struct galley_turn turn = {
      .kinds = kinds, .n_kinds = 1, .max_jobs = 1, .lease_ms = 1000, .jobs = &job};
  fixture_fails(f->q, galley_turn(f->q, &turn), GALLEY_USAGE, "worker_id");
  turn.worker_id = work_join(f->q);
  turn.lease_ms = 0;
  fixture_fails(f->q, galley_turn(f->q, &turn), GALLEY_USAGE, "lease_ms");
}

static void a_turn_is_its_own_transaction(void **state) {
  struct fixture *f = *state;
  struct galley_turn turn = {.worker_id = 1};
  fixture_ok(f->q, galley_begin(f->q));
  fixture_fails(f->q, galley_turn(f->q, &turn), GALLEY_USAGE, "transaction");
  galley_rollback(f->q);
}

/* A worker that polls an empty queue must not write: the log's size tells. */
static void a_turn_with_nothing_to_do_writes_nothing(void **state) {
  struct fixture *f = *state;
  const struct galley_spec later = {.kind = "a", .delay_ms = 1};
  struct galley_wal before, after;
  int64_t worker = work_join(f->q);
  work_add(f->q, &later);
  work_enqueue(f->q, "b");
  fixture_ok(f->q, galley_wal_status(f->q, &before));
  for (int i = 0; i < 10; i++)
    assert_null(work_claim_one(f->q, worker, "a"));
  fixture_ok(f->q, galley_wal_status(f->q, &after));
  assert_int_equal(before.frames, after.frames);
}

/* ---- holds ---- */

static struct galley_hold renewed(struct galley *q, const struct galley_job *job) {
  struct galley_hold hold = {.job_id = job->id, .fence = job->fence};
  struct galley_turn turn = {.holds = &hold, .n_holds = 1, .lease_ms = 5000};
  fixture_ok(q, galley_turn(q, &turn));
  return hold;
}

static void a_renewal_moves_the_lease(void **state) {
  struct fixture *f = *state;
  struct galley_job *job = work_start(f->q, work_join(f->q), "a");
  f->mono_ns += 1000;
  struct galley_hold hold = renewed(f->q, job);
  assert_false(hold.lost);
  assert_false(hold.cancelled);
  struct galley_job *now = work_get(f->q, job->id);
  assert_int_equal(now->lease_mono_ns, f->mono_ns + INT64_C(5000000000));
  galley_free(now);
  galley_free(job);
}

static void a_renewal_tells_of_a_lost_lease_and_leaves_the_new_one(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  struct galley_job *job = work_start(f->q, worker, "a");
  struct galley_settlement back = {
      .job_id = job->id, .fence = job->fence, .outcome = GALLEY_RETURNED};
  fixture_ok(f->q, work_settle(f->q, &back));
  assert_true(renewed(f->q, job).lost);
  struct galley_job *again = work_claim_one(f->q, worker, "a");
  assert_int_equal(again->fence, job->fence + 1);
  assert_true(renewed(f->q, job).lost);
  assert_false(renewed(f->q, again).lost);
  galley_free(again);
  galley_free(job);
}

static void a_renewal_tells_of_a_request_to_cancel(void **state) {
  struct fixture *f = *state;
  struct galley_job *job = work_start(f->q, work_join(f->q), "a");
  bool running = false;
  fixture_ok(f->q, galley_cancel(f->q, job->id, &running));
  assert_true(running);
  struct galley_hold hold = renewed(f->q, job);
  assert_true(hold.cancelled);
  assert_false(hold.lost);
  work_end(f->q, job, GALLEY_CANCELLED);
}

/* ---- what a worker waits for ---- */

static struct galley_outlook look(struct galley *q, int64_t worker_id, const char *kind) {
  struct galley_outlook outlook;
  fixture_ok(q, galley_look(q, worker_id, &kind, 1, &outlook));
  return outlook;
}

static void the_outlook_of_an_empty_queue_is_empty(void **state) {
  struct fixture *f = *state;
  struct galley_outlook outlook = look(f->q, 0, "a");
  assert_false(outlook.ready);
  assert_false(outlook.cancel);
  assert_false(outlook.live);
  assert_int_equal(outlook.next_run_at_ms, 0);
  assert_int_equal(outlook.next_lease_mono_ns, 0);
}

static void the_outlook_sees_what_is_ready_of_its_kinds_only(void **state) {
  struct fixture *f = *state;
  work_enqueue(f->q, "b");
  assert_false(look(f->q, 0, "a").ready);
  assert_false(look(f->q, 0, "a").live);
  assert_true(look(f->q, 0, "b").ready);
  assert_true(look(f->q, 0, "b").live);
}

static void the_outlook_sees_the_next_time_and_when_it_has_come(void **state) {
  struct fixture *f = *state;
  const struct galley_spec later = {.kind = "a", .delay_ms = 70};
  const struct galley_spec soon = {.kind = "a", .delay_ms = 30};
  work_add(f->q, &later);
  work_add(f->q, &soon);
  struct galley_outlook outlook = look(f->q, 0, "a");
  assert_false(outlook.ready);
  assert_int_equal(outlook.next_run_at_ms, f->now_ms + 30);
  f->now_ms += 30;
  assert_true(look(f->q, 0, "a").ready);
}

static void the_outlook_sees_the_next_lease_and_a_request_to_cancel(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  struct galley_job *job = work_start(f->q, worker, "a");
  struct galley_outlook outlook = look(f->q, worker, "a");
  assert_int_equal(outlook.next_lease_mono_ns, job->lease_mono_ns);
  assert_true(outlook.live);
  assert_false(outlook.ready);
  assert_false(outlook.cancel);
  fixture_ok(f->q, galley_cancel(f->q, job->id, NULL));
  assert_true(look(f->q, worker, "a").cancel);
  assert_false(look(f->q, worker + 1, "a").cancel);
  galley_free(job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_claim_takes_the_oldest_first),
      TEST(a_lower_priority_number_goes_first_over_all_kinds),
      TEST(a_claim_takes_only_the_kinds_it_names),
      TEST(a_claim_skips_what_is_scheduled_or_blocked_or_has_ended),
      TEST(a_claim_promotes_what_is_due_and_takes_it),
      TEST(a_claimed_job_shows_its_attempt),
      TEST(no_job_is_claimed_twice),
      TEST(a_kind_named_twice_is_claimed_once),
      TEST(a_turn_takes_its_limits_and_not_one_more),
      TEST(a_claim_needs_a_worker_and_a_lease),
      TEST(a_turn_is_its_own_transaction),
      TEST(a_turn_with_nothing_to_do_writes_nothing),
      TEST(a_renewal_moves_the_lease),
      TEST(a_renewal_tells_of_a_lost_lease_and_leaves_the_new_one),
      TEST(a_renewal_tells_of_a_request_to_cancel),
      TEST(the_outlook_of_an_empty_queue_is_empty),
      TEST(the_outlook_sees_what_is_ready_of_its_kinds_only),
      TEST(the_outlook_sees_the_next_time_and_when_it_has_come),
      TEST(the_outlook_sees_the_next_lease_and_a_request_to_cancel),
  };
  return cmocka_run_group_tests_name("claim", tests, NULL, NULL);
}
