/* A database of schema version 2, as the first galley left it, under this one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "schema.h"
#include "work.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OLD_VERSION 2

/* Jobs in every state that a worker leaves behind, and content, written by the statements of then.
 */
static const char old_rows[] =
    "INSERT INTO jobs(id,kind,payload) VALUES(1,'work','{\"n\":1}');"
    "INSERT INTO jobs(id,kind,state,attempt,fence,worker_id,lease_mono_ns,started_at_ms) "
    "VALUES(2,'work','running',1,1,7,5000,1000);"
    "INSERT INTO jobs(id,kind,state,attempt,fence,result,finished_at_ms) "
    "VALUES(3,'work','done',1,1,'{\"ok\":true}',2000);"
    "INSERT INTO jobs(id,kind,state,attempt,fence,error_class,error,finished_at_ms,unique_key) "
    "VALUES(4,'work','dead',5,5,'http','status 500',3000,'key');"
    "INSERT INTO jobs(id,kind,state,run_at_ms,unique_key) VALUES(5,'work','scheduled',"
    "253402300799999,'key');"
    "INSERT INTO job_attempts VALUES(3,1,1,7,'done',NULL,NULL,NULL,0,0,0,1000,2000);"
    "INSERT INTO workers(id,pid,host,boot_id,kinds,slots,started_at_ms) "
    "VALUES(7,1,'h','b','[]',4,1000);"
    "INSERT INTO totals VALUES('work','done',1,1000,0);"
    "INSERT INTO topics(id,title) VALUES(1,'Heat pumps');"
    "INSERT INTO blog_posts(id,slug,title,content,research_topic_id) VALUES(1,'s','t','c',1);"
    "INSERT INTO documents(title,content) VALUES('Heat','pumps');";

static void run(sqlite3 *h, const char *sql) {
  if (sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail_msg("%.80s: %s", sql, sqlite3_errmsg(h));
}

/* Puts the database of the fixture back to what the steps of then made. */
static void make_old(struct fixture *f) {
  sqlite3 *h;
  char sql[256];
  int64_t id = fixture_number(f, "PRAGMA application_id");
  galley_close(f->q);
  f->q = NULL;
  snprintf(sql, sizeof sql, "%s/old.db", f->dir);
  memcpy(f->path, sql, sizeof f->path);
  assert_int_equal(sqlite3_open(f->path, &h), SQLITE_OK);
  run(h, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; BEGIN");
  for (int i = 0; i < OLD_VERSION; i++) {
    run(h, schema_steps[i].sql);
    snprintf(sql, sizeof sql, "INSERT INTO schema_steps VALUES(%d,'%s',1)", i + 1,
             schema_steps[i].name);
    run(h, sql);
  }
  snprintf(sql, sizeof sql, "PRAGMA application_id=%lld; PRAGMA user_version=%d", (long long)id,
           OLD_VERSION);
  run(h, sql);
  run(h, old_rows);
  run(h, "COMMIT");
  sqlite3_close(h);
}

static int64_t newest(void) {
  return schema_steps[schema_step_count - 1].version;
}

/* What is told of a job, to the letter. */
static char *jobs_of(struct fixture *f) {
  return fixture_text(
      f, "SELECT group_concat(quote(id)||quote(kind)||quote(payload)||quote(state)||quote(priority)"
         "||quote(run_at_ms)||quote(attempt)||quote(max_attempts)||quote(crashes)||"
         "quote(timeout_ms)||quote(unique_key)||quote(fence)||quote(worker_id)||"
         "quote(lease_mono_ns)||quote(cancel_requested)||quote(result)||quote(error_class)||"
         "quote(error)||quote(created_at_ms)||quote(started_at_ms)||quote(finished_at_ms),'\n') "
         "FROM (SELECT * FROM jobs ORDER BY id)");
}

static void check_old(struct fixture *f) {
  assert_int_equal(fixture_number(f, "PRAGMA user_version"), OLD_VERSION);
  assert_int_equal(fixture_number(f, "SELECT max(version) FROM schema_steps"), OLD_VERSION);
  assert_int_equal(fixture_number(f,
                                  "SELECT count(*) FROM sqlite_schema WHERE name IN ('job_steps',"
                                  "'job_progress')"),
                   0);
}

static void check_new(struct fixture *f) {
  assert_int_equal(fixture_number(f, "PRAGMA user_version"), newest());
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM schema_steps"), newest());
  char *whole = fixture_text(f, "PRAGMA integrity_check");
  assert_string_equal(whole, "ok");
  free(whole);
}

static void every_job_survives_to_the_letter(void **state) {
  struct fixture *f = *state;
  make_old(f);
  char *before = jobs_of(f);
  f->q = fixture_open(f, 0);
  check_new(f);
  char *after = jobs_of(f);
  assert_string_equal(before, after);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_attempts"), 1);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM documents_fts WHERE documents_fts "
                                     "MATCH 'pumps'"),
                   1);
  free(before);
  free(after);
}

/* The schema is the same by whichever way it was made. */
static void an_old_database_becomes_what_a_new_one_is(void **state) {
  struct fixture *f = *state;
  static const char schema[] = "SELECT group_concat(sql,';') FROM (SELECT sql FROM sqlite_schema "
                               "WHERE sql IS NOT NULL ORDER BY type,name)";
  char *fresh = fixture_text(f, schema);
  make_old(f);
  f->q = fixture_open(f, 0);
  char *moved = fixture_text(f, schema);
  assert_string_equal(fresh, moved);
  free(fresh);
  free(moved);
}

/* What people may have made beside and upon our tables: it is theirs, and an upgrade must neither
 * fail by it nor take it away. */
static const char additions[] =
    "CREATE INDEX by_result ON Jobs(result) WHERE result IS NOT NULL;"
    "CREATE INDEX by_class ON job_attempts(error_class);"
    "CREATE TRIGGER ended AFTER UPDATE OF state ON JOBS WHEN NEW.state='done' "
    "BEGIN INSERT INTO ended VALUES(NEW.id); END;"
    "CREATE TABLE ended(id INTEGER);"
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, job_id INTEGER);"
    "CREATE TRIGGER ordered AFTER INSERT ON orders "
    "BEGIN INSERT INTO jobs(kind) VALUES('ship'); END;"
    "CREATE VIEW waiting AS SELECT id FROM jobs WHERE state='ready';"
    "CREATE TABLE notes(job_id INTEGER REFERENCES jobs(id) ON DELETE CASCADE);"
    "CREATE TABLE marks(job_id INTEGER REFERENCES jobs(id) ON DELETE SET NULL);"
    "CREATE TABLE bills(job_id INTEGER NOT NULL REFERENCES jobs(id));"
    "INSERT INTO notes VALUES(1); INSERT INTO marks VALUES(1); INSERT INTO bills VALUES(1);";

static void add_own(struct fixture *f) {
  sqlite3 *h;
  assert_int_equal(sqlite3_open(f->path, &h), SQLITE_OK);
  run(h, additions);
  sqlite3_close(h);
}

static bool every_setting_holds(void *arg, const void *row) {
  const struct galley_pragma *pragma = row;
  if (!pragma->ok)
    fail_msg("%s is %s", pragma->name, pragma->value);
  ++*(int *)arg;
  return true;
}

static void what_people_have_added_stays(void **state) {
  struct fixture *f = *state;
  static const char schema[] = "SELECT group_concat(sql,';') FROM (SELECT sql FROM sqlite_schema "
                               "WHERE name IN ('by_result','by_class','ended','ordered','waiting',"
                               "'notes','marks','bills','orders') ORDER BY type,name)";
  int settings = 0;
  make_old(f);
  add_own(f);
  char *before = fixture_text(f, schema);
  f->q = fixture_open(f, 0);
  check_new(f);
  char *after = fixture_text(f, schema);
  assert_string_equal(before, after);
  assert_int_equal(fixture_number(f,
                                  "SELECT sum(job_id) FROM (SELECT job_id FROM notes UNION ALL "
                                  "SELECT job_id FROM marks UNION ALL SELECT job_id FROM bills)"),
                   3);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
  fixture_ok(f->q, galley_pragmas(f->q, every_setting_holds, &settings));
  assert_true(settings > 0);
  f->worker_id = work_join(f->q);
  work_end(f->q, work_claim_one(f->q, f->worker_id, "work"), GALLEY_DONE);
  assert_int_equal(fixture_number(f, "SELECT id FROM ended"), 1);
  fixture_sql(f, "INSERT INTO orders(id) VALUES(1)");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM waiting"), 1);
  free(before);
  free(after);
}

static void old_jobs_run_and_begin_steps(void **state) {
  struct fixture *f = *state;
  int64_t n;
  make_old(f);
  f->q = fixture_open(f, 0);
  f->worker_id = work_join(f->q);
  fixture_ok(f->q, galley_recover(f->q, &n)); /* the one that was running: its worker is dead */
  assert_int_equal(n, 1);
  for (int64_t id = 1; id <= 2; id++) {
    struct galley_job *job = work_claim_one(f->q, f->worker_id, "work");
    assert_non_null(job);
    assert_int_equal(job->id, id);
    struct galley_begin begin = {.job_id = job->id,
                                 .fence = job->fence,
                                 .name = "send",
                                 .idempotency_key = "k",
                                 .intent = "1"};
    fixture_ok(f->q, galley_step_begin(f->q, &begin));
    assert_int_equal(begin.begun, GALLEY_STEP_NEW);
    galley_free(begin.step);
    fixture_ok(f->q, galley_progress(f->q, job->id, job->fence, "1"));
    work_end(f->q, job, GALLEY_DONE);
  }
  work_state(f->q, 2, "done");
  assert_int_equal(fixture_number(f, "SELECT n FROM totals WHERE outcome='done'"), 3);
}

static void a_reader_of_an_old_database_is_told_what_to_do(void **state) {
  struct fixture *f = *state;
  struct galley *q;
  const struct galley_options options = {.flags = GALLEY_OPEN_READONLY};
  make_old(f);
  enum galley_rc rc = galley_open(&q, f->path, &options);
  fixture_fails(q, rc, GALLEY_INVALID, "run galley init once");
  galley_close(q);
  check_old(f);
}

/* Its second statement fails, so that the first must be taken back. */
static void a_step_that_fails_changes_nothing(void **state) {
  struct fixture *f = *state;
  struct galley *q;
  const struct galley_options options = {.env = &f->env};
  make_old(f);
  fixture_sql(f, "CREATE TABLE job_progress(foreigner TEXT)");
  char *before = jobs_of(f);
  enum galley_rc rc = galley_open(&q, f->path, &options);
  assert_int_not_equal(rc, GALLEY_OK);
  fixture_fails(q, rc, rc, "schema step 003_steps");
  galley_close(q);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM sqlite_schema WHERE name='job_steps'"),
                   0);
  assert_int_equal(fixture_number(f, "PRAGMA user_version"), OLD_VERSION);
  char *after = jobs_of(f);
  assert_string_equal(before, after);
  free(before);
  free(after);
  fixture_sql(f, "DROP TABLE job_progress");
  check_old(f);
  f->q = fixture_open(f, 0);
  check_new(f);
}

/* Each step asks once for the time, before its statements. */
static int64_t kill_at;

static int64_t now_or_never(void *arg) {
  (void)arg;
  if (--kill_at == 0)
    raise(SIGKILL);
  return 1700000000000;
}

static void killed_before_step(struct fixture *f, int64_t missing) {
  struct galley_env env = f->env;
  const struct galley_options options = {.env = &env};
  env.now_ms = now_or_never;
  kill_at = missing;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct galley *q;
    _exit(galley_open(&q, f->path, &options) == GALLEY_OK ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void a_death_between_two_steps_leaves_the_old_database(void **state) {
  struct fixture *f = *state;
  make_old(f);
  char *before = jobs_of(f);
  for (int64_t missing = 1; missing <= newest() - OLD_VERSION; missing++) {
    killed_before_step(f, missing);
    check_old(f);
    char *after = jobs_of(f);
    assert_string_equal(before, after);
    free(after);
  }
  f->q = fixture_open(f, 0);
  check_new(f);
  char *after = jobs_of(f);
  assert_string_equal(before, after);
  free(before);
  free(after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_job_survives_to_the_letter),
      TEST(an_old_database_becomes_what_a_new_one_is),
      TEST(what_people_have_added_stays),
      TEST(old_jobs_run_and_begin_steps),
      TEST(a_reader_of_an_old_database_is_told_what_to_do),
      TEST(a_step_that_fails_changes_nothing),
      TEST(a_death_between_two_steps_leaves_the_old_database),
  };
  return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
