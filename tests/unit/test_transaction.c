/* Transactions around several calls, and storage that fails within: all or nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "handle.h"
#include "sqlite_db.h"
#include "work.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t jobs(void **state) {
  return fixture_number(*state, "SELECT count(*) FROM jobs");
}

static enum galley_rc enqueue_payload(struct galley *q, const char *payload) {
  const struct galley_spec spec = {.kind = "a", .payload = payload};
  int64_t id;
  return galley_enqueue(q, &spec, &id, NULL);
}

/* A payload of about `n` bytes; to be freed. */
static char *long_payload(size_t n) {
  char *text = malloc(n + 1);
  assert_non_null(text);
  memset(text, 'x', n);
  text[0] = text[n - 1] = '"';
  text[n] = '\0';
  return text;
}

static void calls_join_the_open_transaction(void **state) {
  struct fixture *f = *state;
  fixture_ok(f->q, galley_begin(f->q));
  work_enqueue(f->q, "a");
  fixture_topic(f, "A topic");
  assert_int_equal(jobs(state), 0); /* another connection does not see it yet */
  fixture_ok(f->q, galley_commit(f->q));
  assert_int_equal(jobs(state), 1);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM topics"), 1);
}

static void a_rollback_takes_all_back(void **state) {
  struct fixture *f = *state;
  fixture_ok(f->q, galley_begin(f->q));
  work_enqueue(f->q, "a");
  galley_rollback(f->q);
  assert_int_equal(jobs(state), 0);
  galley_rollback(f->q); /* allowed, and nothing */
  work_enqueue(f->q, "a");
  assert_int_equal(jobs(state), 1);
}

static void closing_rolls_back(void **state) {
  struct fixture *f = *state;
  struct galley *q = fixture_open(f, 0);
  fixture_ok(q, galley_begin(q));
  work_enqueue(q, "a");
  galley_close(q);
  assert_int_equal(jobs(state), 0);
}

static void transactions_do_not_nest(void **state) {
  struct fixture *f = *state;
  fixture_fails(f->q, galley_commit(f->q), GALLEY_USAGE, "no transaction is open");
  fixture_ok(f->q, galley_begin(f->q));
  fixture_fails(f->q, galley_begin(f->q), GALLEY_USAGE, "a transaction is open already");
  work_enqueue(f->q, "a");
  fixture_ok(f->q, galley_commit(f->q));
  assert_int_equal(jobs(state), 1);
}

static void a_failed_call_dooms_the_transaction(void **state) {
  struct fixture *f = *state;
  fixture_ok(f->q, galley_begin(f->q));
  work_enqueue(f->q, "a");
  fixture_fails(f->q, enqueue_payload(f->q, "{"), GALLEY_INVALID, "payload");
  assert_int_not_equal(enqueue_payload(f->q, "{}"), GALLEY_OK);
  assert_int_equal(galley_commit(f->q), GALLEY_INVALID);
  assert_int_equal(jobs(state), 0);
  work_enqueue(f->q, "a"); /* and the handle is as good as new */
  assert_int_equal(jobs(state), 1);
}

static void finding_nothing_does_not_doom_it(void **state) {
  struct fixture *f = *state;
  struct galley_job *job;
  fixture_ok(f->q, galley_begin(f->q));
  work_enqueue(f->q, "a");
  assert_int_equal(galley_job_get(f->q, 4711, &job), GALLEY_NONE);
  assert_int_equal(galley_cancel(f->q, 4711, NULL), GALLEY_NONE);
  fixture_ok(f->q, galley_commit(f->q));
  assert_int_equal(jobs(state), 1);
}

/* SQLite may end the transaction by itself when it fails; what is written after that would stand
 * alone, committed. */
static void nothing_is_written_after_a_storage_failure_in_a_transaction(void **state) {
  struct fixture *f = *state;
  sqlite3 *h = sqlite_db_of(f->q->db)->h;
  char *payload = long_payload(200000);
  work_enqueue(f->q, "a");
  fixture_ok(f->q, galley_begin(f->q));
  work_enqueue(f->q, "a");
  assert_int_equal(sqlite3_exec(h, "PRAGMA max_page_count=1", NULL, NULL, NULL), SQLITE_OK);
  fixture_fails(f->q, enqueue_payload(f->q, payload), GALLEY_FULL, "full");
  assert_int_equal(sqlite3_exec(h, "PRAGMA max_page_count=1000000", NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(enqueue_payload(f->q, "{}"), GALLEY_FULL);
  assert_int_equal(galley_commit(f->q), GALLEY_FULL);
  assert_int_equal(jobs(state), 1);
  fixture_ok(f->q, enqueue_payload(f->q, payload));
  assert_int_equal(jobs(state), 2);
  free(payload);
}

/* ---- a full disk: files may not grow past a limit, in a process of its own ---- */

static int fill_up(struct fixture *f) {
  const struct rlimit limit = {400000, 400000};
  char *payload = long_payload(50000);
  struct galley *q;
  int64_t kept = 0;
  enum galley_rc rc = GALLEY_OK;
  const struct galley_options options = {.env = &f->env};
  signal(SIGXFSZ, SIG_IGN);
  if (galley_open(&q, f->path, &options) != GALLEY_OK || setrlimit(RLIMIT_FSIZE, &limit) != 0)
    return 1;
  for (int i = 0; i < 100 && rc == GALLEY_OK; i++) {
    const struct galley_spec two[] = {{.kind = "a", .payload = payload}, {.kind = "b"}};
    rc = galley_enqueue_many(q, two, 2, NULL, NULL);
    kept += rc == GALLEY_OK;
  }
  if (rc != GALLEY_FULL || !strstr(galley_errmsg(q), "full"))
    return 2;
  if (kept == 0 || kept != work_count(q, "a", "ready") || kept != work_count(q, "b", "ready"))
    return 3;
  galley_close(q);
  free(payload);
  return 0;
}

static void a_full_disk_is_said_and_leaves_nothing_half_written(void **state) {
  struct fixture *f = *state;
  galley_close(f->q);
  f->q = NULL;
  pid_t child = fork();
  if (child == 0)
    _exit(fill_up(f));
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  f->q = fixture_open(f, 0);
  char *check = fixture_text(f, "PRAGMA integrity_check");
  assert_string_equal(check, "ok");
  galley_free(check);
  assert_int_equal(work_count(f->q, "a", "ready"), work_count(f->q, "b", "ready"));
  work_enqueue(f->q, "a"); /* there is room again */
}

/* ---- a foreign writer ---- */

static void a_foreign_writer_makes_the_database_busy(void **state) {
  struct fixture *f = *state;
  const struct galley_options options = {.busy_timeout_ms = 1, .env = &f->env};
  struct galley *q;
  sqlite3 *h;
  int64_t id;
  const struct galley_spec spec = {.kind = "a"};
  enum galley_rc rc = galley_open(&q, f->path, &options);
  fixture_ok(q, rc);
  assert_int_equal(sqlite3_open(f->path, &h), SQLITE_OK);
  assert_int_equal(sqlite3_exec(h, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  fixture_fails(q, galley_enqueue(q, &spec, &id, NULL), GALLEY_BUSY, "another program holds");
  assert_int_equal(galley_rc_class(GALLEY_BUSY), GALLEY_CLASS_RETRY);
  fixture_fails(q, galley_begin(q), GALLEY_BUSY, "");
  assert_int_equal(work_count(q, "a", "ready"), 0); /* a read does not wait */
  assert_int_equal(sqlite3_exec(h, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(h);
  work_enqueue(q, "a");
  galley_close(q);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(calls_join_the_open_transaction),
      TEST(a_rollback_takes_all_back),
      TEST(closing_rolls_back),
      TEST(transactions_do_not_nest),
      TEST(a_failed_call_dooms_the_transaction),
      TEST(finding_nothing_does_not_doom_it),
      TEST(nothing_is_written_after_a_storage_failure_in_a_transaction),
      TEST(a_full_disk_is_said_and_leaves_nothing_half_written),
      TEST(a_foreign_writer_makes_the_database_busy),
  };
  return cmocka_run_group_tests_name("transaction", tests, NULL, NULL);
}
