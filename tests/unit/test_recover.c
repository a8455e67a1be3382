/* Workers that come, go, die and hang, and what becomes of their jobs. A handle that closes without
 * leaving is what the death of its process looks like: the kernel drops its lock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "work.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int64_t recovered(struct galley *q) {
  int64_t n = -1;
  fixture_ok(q, galley_recover(q, &n));
  return n;
}

/* A worker claims the next job of kind "a" and dies. */
static void die_at_work(struct fixture *f) {
  struct galley *q = fixture_open(f, 0);
  struct galley_job *job = work_claim_one(q, work_join(q), "a");
  assert_non_null(job);
  galley_free(job);
  galley_close(q);
}

static void a_dead_workers_job_is_ready_again_and_its_attempt_not_charged(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "a", .max_attempts = 1};
  int64_t id = work_add(f->q, &spec);
  die_at_work(f);
  work_state(f->q, id, "running");
  assert_int_equal(recovered(f->q), 1);
  struct galley_job *job = work_get(f->q, id);
  assert_string_equal(job->state, "ready");
  assert_int_equal(job->attempt, 0);
  assert_int_equal(job->crashes, 1);
  assert_string_equal(job->error_class, "crashed");
  assert_int_equal(job->worker_id, 0);
  galley_free(job);
  work_attempts(f->q, id, "crashed");
  assert_int_equal(recovered(f->q), 0);
}

static void the_third_crash_makes_a_job_dead(void **state) {
  struct fixture *f = *state;
  int64_t id = work_enqueue(f->q, "a");
  for (int crash = 1; crash <= GALLEY_CRASHES_MAX; crash++) {
    work_state(f->q, id, "ready");
    die_at_work(f);
    assert_int_equal(recovered(f->q), 1);
  }
  struct galley_job *job = work_get(f->q, id);
  assert_string_equal(job->state, "dead");
  assert_int_equal(job->crashes, GALLEY_CRASHES_MAX);
  assert_non_null(strstr(job->error, "poison"));
  galley_free(job);
  work_attempts(f->q, id, "crashed crashed crashed");
  assert_int_equal(work_count(f->q, "a", "dead"), 1);
}

static void the_handle_says_how_many_crashes_make_a_job_dead(void **state) {
  struct fixture *f = *state;
  struct galley *q;
  const struct galley_options options = {.env = &f->env, .crashes_max = GALLEY_CRASHES_MAX + 2};
  enum galley_rc rc = galley_open(&q, f->path, &options);
  fixture_ok(q, rc);
  int64_t id = work_enqueue(f->q, "a");
  for (int crash = 1; crash <= options.crashes_max; crash++) {
    work_state(f->q, id, "ready");
    die_at_work(f);
    assert_int_equal(recovered(q), 1);
  }
  work_state(f->q, id, "dead");
  galley_close(q);
}

static void crashes_are_counted_apart_from_retries(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "a", .max_attempts = 2};
  int64_t worker = work_join(f->q), id = work_add(f->q, &spec);
  die_at_work(f);
  recovered(f->q);
  struct galley_job *job = work_claim_one(f->q, worker, "a");
  assert_int_equal(job->attempt, 1);
  work_end(f->q, job, GALLEY_RETRY);
  fixture_ok(f->q, galley_retry(f->q, id));
  die_at_work(f);
  recovered(f->q);
  job = work_claim_one(f->q, worker, "a");
  assert_int_equal(job->attempt, 2);
  assert_int_equal(job->crashes, 2);
  work_end(f->q, job, GALLEY_DONE);
  work_attempts(f->q, id, "crashed retry crashed done");
}

static void what_a_living_worker_holds_is_left_alone(void **state) {
  struct fixture *f = *state;
  struct galley *other = fixture_open(f, 0);
  struct galley_job *mine = work_start(f->q, work_join(f->q), "a");
  struct galley_job *theirs = work_start(other, work_join(other), "a");
  assert_int_equal(recovered(f->q), 0);
  assert_int_equal(recovered(other), 0);
  work_state(f->q, mine->id, "running");
  work_state(f->q, theirs->id, "running");
  work_end(f->q, mine, GALLEY_DONE);
  work_end(other, theirs, GALLEY_DONE);
  galley_close(other);
}

static void recovering_with_nothing_to_do_writes_nothing(void **state) {
  struct fixture *f = *state;
  struct galley_wal before, after;
  struct galley_job *job = work_start(f->q, work_join(f->q), "a");
  fixture_ok(f->q, galley_wal_status(f->q, &before));
  assert_int_equal(recovered(f->q), 0);
  fixture_ok(f->q, galley_wal_status(f->q, &after));
  assert_int_equal(before.frames, after.frames);
  galley_free(job);
}

/* The lease is in time that stands still in a suspend; steps of the wall clock do nothing. */
static void a_lease_ends_by_monotonic_time_alone(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "a", .max_attempts = 2};
  int64_t worker = work_join(f->q), id = work_add(f->q, &spec);
  galley_free(work_claim_one(f->q, worker, "a"));
  f->now_ms += 1000000000;
  f->mono_ns += WORK_LEASE_MS * INT64_C(1000000);
  assert_int_equal(recovered(f->q), 0);
  f->mono_ns += 1;
  assert_int_equal(recovered(f->q), 1);
  struct galley_job *job = work_get(f->q, id);
  assert_string_equal(job->state, "ready");
  assert_int_equal(job->attempt, 1);
  assert_int_equal(job->crashes, 0);
  assert_string_equal(job->error_class, "expired");
  galley_free(job);
  work_attempts(f->q, id, "expired");
}

static void a_lease_that_ends_at_the_last_attempt_makes_a_job_dead(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "a", .max_attempts = 1};
  int64_t id = work_add(f->q, &spec);
  struct galley_job *job = work_claim_one(f->q, work_join(f->q), "a");
  f->mono_ns = job->lease_mono_ns + 1;
  assert_int_equal(recovered(f->q), 1);
  work_state(f->q, id, "dead");
  assert_int_equal(work_count(f->q, "a", "dead"), 1);
  struct galley_settlement late = {.job_id = job->id, .fence = job->fence, .outcome = GALLEY_DONE};
  assert_int_equal(work_settle(f->q, &late), GALLEY_LOST);
  work_state(f->q, id, "dead");
  galley_free(job);
}

static void a_worker_given_up_for_dead_saves_nothing(void **state) {
  struct fixture *f = *state;
  struct galley *hung = fixture_open(f, 0);
  struct galley_job *old = work_start(hung, work_join(hung), "a");
  f->mono_ns = old->lease_mono_ns + 1;
  assert_int_equal(recovered(f->q), 1);
  struct galley_job *new = work_claim_one(f->q, work_join(f->q), "a");
  assert_int_equal(new->id, old->id);
  struct galley_settlement late = {
      .job_id = old->id, .fence = old->fence, .outcome = GALLEY_DONE, .result = "\"late\""};
  assert_int_equal(work_settle(hung, &late), GALLEY_LOST);
  work_state(f->q, new->id, "running");
  galley_free(old);
  galley_close(hung);
  work_end(f->q, new, GALLEY_DONE);
}

static void a_request_to_cancel_outlives_the_worker(void **state) {
  struct fixture *f = *state;
  int64_t id = work_enqueue(f->q, "a");
  struct galley *q = fixture_open(f, 0);
  galley_free(work_claim_one(q, work_join(q), "a"));
  fixture_ok(f->q, galley_cancel(f->q, id, NULL));
  galley_close(q);
  assert_int_equal(recovered(f->q), 1);
  work_state(f->q, id, "cancelled");
  work_attempts(f->q, id, "crashed");
  assert_int_equal(work_count(f->q, "a", "cancelled"), 1);
}

static void more_jobs_than_one_batch_come_back(void **state) {
  struct fixture *f = *state;
  char sql[256];
  struct galley *q = fixture_open(f, 0);
  int64_t worker = work_join(q);
  snprintf(sql, sizeof sql,
           "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2500) INSERT INTO "
           "jobs(kind,state,attempt,fence,worker_id,lease_mono_ns) "
           "SELECT 'a','running',1,1,%lld,9000000000000000000 FROM n",
           (long long)worker);
  fixture_sql(f, sql);
  galley_close(q);
  assert_int_equal(recovered(f->q), 2500);
  assert_int_equal(work_count(f->q, "a", "ready"), 2500);
}

/* ---- the registry ---- */

static struct fixture_ids living(struct galley *q) {
  struct fixture_ids ids = {.n = 0};
  fixture_ok(q, galley_workers(q, fixture_keep_id, &ids));
  return ids;
}

static void living_workers_are_listed_whoever_asks(void **state) {
  struct fixture *f = *state;
  struct galley *other = fixture_open(f, 0), *reader = fixture_open(f, GALLEY_OPEN_READONLY);
  struct galley *handles[] = {f->q, other, reader};
  int64_t mine = work_join(f->q), theirs = work_join(other);
  assert_true(theirs > mine);
  for (size_t i = 0; i < 3; i++) {
    struct fixture_ids ids = living(handles[i]);
    assert_int_equal(ids.n, 2);
    assert_int_equal(ids.id[0], mine);
    assert_int_equal(ids.id[1], theirs);
  }
  galley_close(other);
  assert_int_equal(living(f->q).n, 1);
  assert_int_equal(living(reader).n, 1);
  fixture_ok(f->q, galley_worker_leave(f->q, mine));
  assert_int_equal(living(f->q).n, 0);
  assert_int_equal(living(reader).n, 0);
  galley_close(reader);
}

/* The file of the locks is deleted, or another one takes its name: the worker is told of it, and
 * the others, who have looked before or come now, must not take it for dead. */
static void a_worker_outlives_the_file_of_its_lock(void **state) {
  struct fixture *f = *state;
  char path[128], moved[128];
  snprintf(path, sizeof path, "%s-galley", f->path);
  snprintf(moved, sizeof moved, "%s-moved", f->path);
  struct galley *before = fixture_open(f, 0), *reader = fixture_open(f, GALLEY_OPEN_READONLY);
  struct pollfd watch = {.events = POLLIN};
  fixture_ok(f->q, galley_watch(f->q, &watch.fd));
  f->worker_id = work_join(f->q);
  galley_free(work_start(f->q, f->worker_id, "a"));
  for (int round = 0; round < 3; round++) {
    assert_int_equal(recovered(before), 0);
    assert_int_equal(living(reader).n, 1);
    galley_watch_clear(f->q);
    assert_int_equal(round == 1 ? rename(path, moved) : unlink(path), 0);
    assert_int_equal(poll(&watch, 1, 60000), 1);
    galley_watch_clear(f->q);
    struct galley *after = fixture_open(f, 0);
    assert_int_equal(recovered(before), 0);
    assert_int_equal(recovered(after), 0);
    assert_int_equal(living(reader).n, 1);
    work_enqueue(after, "b");
    galley_close(after);
    assert_int_equal(poll(&watch, 1, 60000), 1);
  }
  galley_close(f->q);
  f->q = NULL;
  assert_int_equal(recovered(before), 1);
  galley_close(before);
  galley_close(reader);
}

/* A new queue under the old names: the worker of the old one is none of its workers. */
static void a_worker_takes_no_lock_beside_another_database(void **state) {
  struct fixture *f = *state;
  static const char *const suffixes[] = {"", "-wal", "-shm", "-galley"};
  char path[128];
  int fd;
  fixture_ok(f->q, galley_watch(f->q, &fd));
  int64_t id = work_join(f->q);
  for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
    snprintf(path, sizeof path, "%s%s", f->path, suffixes[i]);
    assert_int_equal(unlink(path), 0);
  }
  galley_watch_clear(f->q);
  assert_int_not_equal(access(path, F_OK), 0);
  struct galley *other = fixture_open(f, GALLEY_OPEN_CREATE);
  galley_watch_clear(f->q);
  assert_int_equal(work_join(other), id);
  galley_close(other);
}

static bool check_worker(void *arg, const void *row) {
  const struct galley_worker *worker = row;
  const struct fixture *f = arg;
  assert_int_equal(worker->pid, getpid());
  assert_int_equal(worker->slots, 3);
  assert_string_equal(worker->kinds, "[\"a\"]");
  assert_int_equal(worker->started_at_ms, f->now_ms);
  assert_int_equal(worker->stopped_at_ms, 0);
  assert_int_equal(strlen(worker->boot_id), 36);
  assert_true(strlen(worker->host) > 0);
  return true;
}

static void a_worker_is_shown_as_it_joined(void **state) {
  struct fixture *f = *state;
  int64_t id;
  fixture_ok(f->q, galley_worker_join(f->q, "[\"a\"]", 3, &id));
  fixture_ok(f->q, galley_workers(f->q, check_worker, f));
}

/* Two of them would share one lock, and the first would look dead to its own handle. */
static void a_handle_is_one_worker(void **state) {
  struct fixture *f = *state;
  int64_t id, worker = work_join(f->q);
  fixture_fails(f->q, galley_worker_join(f->q, "[]", 1, &id), GALLEY_USAGE,
                "this handle is worker");
  assert_int_equal(living(f->q).n, 1);
  fixture_ok(f->q, galley_worker_leave(f->q, worker));
  work_join(f->q);
}

static void a_handle_leaves_for_itself_alone(void **state) {
  struct fixture *f = *state;
  struct galley *other = fixture_open(f, 0);
  int64_t theirs = work_join(other);
  fixture_fails(f->q, galley_worker_leave(f->q, theirs), GALLEY_USAGE, "is not worker");
  assert_int_equal(living(f->q).n, 1);
  galley_close(other);
}

/* Its row would not be there, and its lock would keep the next worker from the same id. */
static void a_worker_joins_outside_of_transactions(void **state) {
  struct fixture *f = *state;
  int64_t id;
  fixture_ok(f->q, galley_begin(f->q));
  fixture_fails(f->q, galley_worker_join(f->q, "[]", 1, &id), GALLEY_USAGE, "transaction");
  galley_rollback(f->q);
}

static void a_worker_that_could_not_join_holds_nothing(void **state) {
  struct fixture *f = *state;
  struct galley *other = fixture_open(f, 0);
  int64_t id;
  assert_int_equal(galley_worker_join(f->q, "not json", 1, &id), GALLEY_INVALID);
  assert_int_equal(living(f->q).n, 0);
  work_join(other);
  work_join(f->q);
  assert_int_equal(living(f->q).n, 2);
  galley_close(other);
}

/* Nobody would look for them: their worker has stopped, and is not dead. */
/* A join that fails rolls its row back before it lets go of the lock: between the two, the id and
 * the lock are not in one hand. */
static void a_worker_whose_lock_another_is_letting_go_of_joins_later(void **state) {
  struct fixture *f = *state;
  char side[128];
  int64_t id = 0;
  snprintf(side, sizeof side, "%s-galley", f->path);
  int fd = open(side, O_RDWR | O_CLOEXEC);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 4096 + 1, .l_len = 1};
  assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
  fixture_fails(f->q, galley_worker_join(f->q, "[]", 1, &id), GALLEY_BUSY, "worker 1");
  close(fd);
  fixture_ok(f->q, galley_worker_join(f->q, "[]", 1, &id));
  assert_int_equal(id, 1);
}

static void a_worker_that_leaves_hands_its_jobs_back(void **state) {
  struct fixture *f = *state;
  int64_t worker = work_join(f->q);
  struct galley_job *job = work_start(f->q, worker, "a");
  fixture_ok(f->q, galley_worker_leave(f->q, worker));
  struct galley_job *now = work_get(f->q, job->id);
  assert_string_equal(now->state, "ready");
  assert_int_equal(now->attempt, 0);
  assert_int_equal(now->crashes, 0);
  work_attempts(f->q, job->id, "returned");
  galley_free(now);
  galley_free(job);
}

static void an_id_of_a_worker_is_never_used_again(void **state) {
  struct fixture *f = *state;
  int64_t first = work_join(f->q);
  fixture_ok(f->q, galley_worker_leave(f->q, first));
  fixture_sql(f, "DELETE FROM workers");
  assert_true(work_join(f->q) > first);
}

static void old_workers_are_forgotten(void **state) {
  struct fixture *f = *state;
  fixture_sql(f, "WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1500) "
                 "INSERT INTO workers(pid,host,boot_id,kinds,slots,started_at_ms,stopped_at_ms) "
                 "SELECT 1,'h','b','[]',1,1,1 FROM n");
  work_join(f->q);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM workers"), 1001);
}

static void a_memory_database_has_its_own_worker(void **state) {
  struct fixture *f = *state;
  struct galley *q;
  const struct galley_options options = {.env = &f->env};
  enum galley_rc rc = galley_open(&q, ":memory:", &options);
  fixture_ok(q, rc);
  int64_t worker = work_join(q);
  struct galley_job *job = work_start(q, worker, "a");
  assert_int_equal(recovered(q), 0);
  assert_int_equal(living(q).n, 1);
  f->mono_ns = job->lease_mono_ns + 1;
  assert_int_equal(recovered(q), 1);
  galley_free(job);
  galley_close(q);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_dead_workers_job_is_ready_again_and_its_attempt_not_charged),
      TEST(the_third_crash_makes_a_job_dead),
      TEST(the_handle_says_how_many_crashes_make_a_job_dead),
      TEST(crashes_are_counted_apart_from_retries),
      TEST(what_a_living_worker_holds_is_left_alone),
      TEST(recovering_with_nothing_to_do_writes_nothing),
      TEST(a_lease_ends_by_monotonic_time_alone),
      TEST(a_lease_that_ends_at_the_last_attempt_makes_a_job_dead),
      TEST(a_worker_given_up_for_dead_saves_nothing),
      TEST(a_request_to_cancel_outlives_the_worker),
      TEST(more_jobs_than_one_batch_come_back),
      TEST(living_workers_are_listed_whoever_asks),
      TEST(a_worker_outlives_the_file_of_its_lock),
      TEST(a_worker_takes_no_lock_beside_another_database),
      TEST(a_worker_is_shown_as_it_joined),
      TEST(a_handle_is_one_worker),
      TEST(a_handle_leaves_for_itself_alone),
      TEST(a_worker_joins_outside_of_transactions),
      TEST(a_worker_that_could_not_join_holds_nothing),
      TEST(a_worker_whose_lock_another_is_letting_go_of_joins_later),
      TEST(a_worker_that_leaves_hands_its_jobs_back),
      TEST(an_id_of_a_worker_is_never_used_again),
      TEST(old_workers_are_forgotten),
      TEST(a_memory_database_has_its_own_worker),
  };
  return cmocka_run_group_tests_name("recover", tests, NULL, NULL);
}
