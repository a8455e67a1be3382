/* Opening and closing: which files are made, which are refused, and how a connection is set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "handle.h"
#include "schema.h"
#include "sqlite_db.h"
#include "work.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static enum galley_rc open_path(struct fixture *f, const char *path, unsigned flags,
                                struct galley **q) {
  const struct galley_options options = {.flags = flags, .env = &f->env, .busy_timeout_ms = 60000};
  return galley_open(q, path, &options);
}

static void refuses(struct fixture *f, const char *path, unsigned flags, enum galley_rc want,
                    const char *words) {
  struct galley *q = NULL;
  enum galley_rc rc = open_path(f, path, flags, &q);
  assert_non_null(q);
  fixture_fails(q, rc, want, words);
  galley_close(q);
}

static const char *beside(const struct fixture *f, const char *name, char out[128]) {
  snprintf(out, 128, "%s/%s", f->dir, name);
  return out;
}

/* The bytes of a file; to be freed. */
static char *contents(const char *path, size_t *len) {
  struct stat st;
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  assert_int_equal(fstat(fileno(file), &st), 0);
  char *bytes = malloc((size_t)st.st_size + 1);
  assert_non_null(bytes);
  *len = fread(bytes, 1, (size_t)st.st_size, file);
  fclose(file);
  return bytes;
}

static void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

static void raw(const char *path, const char *sql) {
  sqlite3 *h;
  assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
  if (sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(h));
  sqlite3_close(h);
}

/* ---- files ---- */

static void a_missing_file_is_none_and_is_not_made(void **state) {
  struct fixture *f = *state;
  char path[128];
  beside(f, "missing.db", path);
  refuses(f, path, 0, GALLEY_NONE, "galley init");
  refuses(f, path, GALLEY_OPEN_READONLY, GALLEY_NONE, path);
  refuses(f, path, GALLEY_OPEN_READONLY | GALLEY_OPEN_CREATE, GALLEY_NONE, path);
  assert_int_not_equal(access(path, F_OK), 0);
}

static void a_missing_folder_is_named(void **state) {
  struct fixture *f = *state;
  char path[128];
  beside(f, "no/such.db", path);
  refuses(f, path, GALLEY_OPEN_CREATE, GALLEY_CANNOT_CREATE, path);
  refuses(f, path, 0, GALLEY_NONE, path);
  refuses(f, "", GALLEY_OPEN_CREATE, GALLEY_USAGE, "no database was named");
  refuses(f, NULL, GALLEY_OPEN_CREATE, GALLEY_USAGE, "no database was named");
}

static int mode_of(const char *path, const char *suffix) {
  char name[160];
  struct stat st;
  snprintf(name, sizeof name, "%s%s", path, suffix);
  return stat(name, &st) == 0 ? (int)(st.st_mode & 0777) : -1;
}

static void files_are_for_their_owner_alone_whatever_the_umask(void **state) {
  static const mode_t masks[] = {0, 022, 077, 0277, 0777};
  struct fixture *f = *state;
  char path[128], name[32];
  for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
    struct galley *q;
    snprintf(name, sizeof name, "mask%zu.db", i);
    beside(f, name, path);
    mode_t old = umask(masks[i]);
    enum galley_rc rc = open_path(f, path, GALLEY_OPEN_CREATE, &q);
    if (rc == GALLEY_OK)
      work_enqueue(q, "a");
    umask(old);
    fixture_ok(q, rc);
    assert_int_equal(mode_of(path, ""), 0600);
    assert_int_equal(mode_of(path, "-wal"), 0600);
    assert_int_equal(mode_of(path, "-shm"), 0600);
    assert_int_equal(mode_of(path, "-galley"), 0600);
    galley_close(q);
  }
}

static void odd_names_are_names(void **state) {
  static const char *const names[] = {"with space.db",     "q?mode=memory", "100%41.db", "a#b.db",
                                      "\xc3\xa9t\xc3\xa9", ":memory:x",     "-dash.db",  "file:x"};
  struct fixture *f = *state;
  char path[128];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    struct galley *q;
    beside(f, names[i], path);
    enum galley_rc rc = open_path(f, path, GALLEY_OPEN_CREATE, &q);
    fixture_ok(q, rc);
    work_enqueue(q, "a");
    galley_close(q);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(mode_of(path, "-galley"), 0600);
  }
}

static void a_linked_name_is_the_same_database_with_the_same_workers(void **state) {
  struct fixture *f = *state;
  char link[128];
  struct galley *q;
  assert_int_equal(symlink(f->path, beside(f, "link.db", link)), 0);
  q = fixture_open_at(f, link, 0);
  struct galley_job *job = work_start(q, work_join(q), "a");
  int64_t n;
  fixture_ok(f->q, galley_recover(f->q, &n));
  assert_int_equal(n, 0);
  work_state(f->q, job->id, "running");
  galley_free(job);
  galley_close(q);
  assert_int_equal(mode_of(link, "-galley"), -1);
}

/* Made through it, the database would have other files beside it than when it is opened later. */
static void a_link_to_nothing_makes_no_database(void **state) {
  struct fixture *f = *state;
  char link[128], target[128];
  assert_int_equal(symlink(beside(f, "target.db", target), beside(f, "link.db", link)), 0);
  refuses(f, link, GALLEY_OPEN_CREATE, GALLEY_CANNOT_CREATE, "link");
  refuses(f, link, 0, GALLEY_NONE, "link");
  assert_int_not_equal(access(target, F_OK), 0);
}

static void what_was_committed_is_there_after_the_last_close(void **state) {
  struct fixture *f = *state;
  static const int64_t counts[] = {1, 300}; /* a log that is left, and one that is folded in */
  int64_t all = 0;
  for (size_t i = 0; i < 2; i++) {
    for (int64_t k = 0; k < counts[i]; k++, all++)
      work_enqueue(f->q, "a");
    galley_close(f->q);
    f->q = fixture_open(f, 0);
    assert_int_equal(work_count(f->q, "a", "ready"), all);
  }
}

/* ---- not ours ---- */

static void what_is_no_database_is_refused_and_unchanged(void **state) {
  struct fixture *f = *state;
  char path[128];
  size_t len;
  write_file(beside(f, "text.db", path), "This is a shopping list, and long enough to be one:\n"
                                         "apples, bread, coffee, dates, eggs, flour, grapes.\n");
  refuses(f, path, GALLEY_OPEN_CREATE, GALLEY_NOT_DATABASE, path);
  refuses(f, path, GALLEY_OPEN_READONLY, GALLEY_NOT_DATABASE, path);
  char *now = contents(path, &len);
  assert_int_equal(len, 103);
  free(now);
  refuses(f, f->dir, GALLEY_OPEN_CREATE, GALLEY_NOT_DATABASE, "");
}

static void another_programs_database_is_refused_and_unchanged(void **state) {
  static const char *const modes[] = {"DELETE", "WAL"};
  struct fixture *f = *state;
  char path[128], name[32];
  for (size_t i = 0; i < 2; i++) {
    char sql[160];
    size_t before_len, after_len;
    snprintf(name, sizeof name, "other%zu.db", i);
    snprintf(sql, sizeof sql, "PRAGMA journal_mode=%s; CREATE TABLE t(a); INSERT INTO t VALUES(1)",
             modes[i]);
    raw(beside(f, name, path), sql);
    char *before = contents(path, &before_len);
    refuses(f, path, GALLEY_OPEN_CREATE, GALLEY_NOT_DATABASE, "of another program");
    refuses(f, path, GALLEY_OPEN_READONLY, GALLEY_NOT_DATABASE, "of another program");
    char *after = contents(path, &after_len);
    assert_int_equal(before_len, after_len);
    assert_memory_equal(before, after, before_len);
    assert_int_equal(mode_of(path, "-galley"), -1);
    free(before);
    free(after);
  }
}

/* A log that another program left is its own to fold in. */
static void another_programs_log_is_left_as_it_is(void **state) {
  struct fixture *f = *state;
  char path[128], wal[160];
  sqlite3 *h;
  size_t before_len, after_len, wal_before, wal_after;
  assert_int_equal(sqlite3_open(beside(f, "other.db", path), &h), SQLITE_OK);
  sqlite3_db_config(h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  assert_int_equal(sqlite3_exec(h,
                                "PRAGMA journal_mode=WAL;PRAGMA wal_autocheckpoint=0;"
                                "CREATE TABLE t(a); INSERT INTO t VALUES(1)",
                                NULL, NULL, NULL),
                   SQLITE_OK);
  sqlite3_close(h);
  snprintf(wal, sizeof wal, "%s-wal", path);
  char *before = contents(path, &before_len), *log_before = contents(wal, &wal_before);
  assert_true(wal_before > 0);
  refuses(f, path, GALLEY_OPEN_CREATE, GALLEY_NOT_DATABASE, "of another program");
  char *after = contents(path, &after_len), *log_after = contents(wal, &wal_after);
  assert_int_equal(before_len, after_len);
  assert_memory_equal(before, after, before_len);
  assert_int_equal(wal_before, wal_after);
  assert_memory_equal(log_before, log_after, wal_before);
  free(before);
  free(after);
  free(log_before);
  free(log_after);
}

/* ---- the schema ---- */

static void a_newer_schema_is_refused(void **state) {
  struct fixture *f = *state;
  char sql[64];
  int newest = schema_steps[schema_step_count - 1].version;
  galley_close(f->q);
  f->q = NULL;
  snprintf(sql, sizeof sql, "PRAGMA user_version=%d", newest + 1);
  raw(f->path, sql);
  refuses(f, f->path, GALLEY_OPEN_CREATE, GALLEY_NEWER, "newer");
  refuses(f, f->path, GALLEY_OPEN_READONLY, GALLEY_NEWER, f->path);
  snprintf(sql, sizeof sql, "PRAGMA user_version=%d", newest);
  raw(f->path, sql);
  f->q = fixture_open(f, 0);
}

/* Makes the database as the program was when it had `steps` steps. */
static void make_old(const char *path, size_t steps) {
  char sql[64];
  raw(path, "PRAGMA journal_mode=WAL; PRAGMA application_id=1734438009");
  for (size_t i = 0; i < steps; i++)
    raw(path, schema_steps[i].sql);
  snprintf(sql, sizeof sql, "PRAGMA user_version=%d", schema_steps[steps - 1].version);
  raw(path, sql);
}

static void an_old_schema_is_brought_up_to_date_with_its_rows(void **state) {
  struct fixture *f = *state;
  char path[128];
  struct galley *q;
  assert_int_equal(SQLITE_DB_APPLICATION_ID, 1734438009);
  make_old(beside(f, "old.db", path), 1);
  raw(path, "INSERT INTO jobs(kind) VALUES('old')");
  refuses(f, path, GALLEY_OPEN_READONLY, GALLEY_INVALID, "run galley init once");
  q = fixture_open_at(f, path, 0);
  assert_int_equal(work_count(q, "old", "ready"), 1);
  const struct galley_topic topic = {.title = "New", .language = "en"};
  int64_t id;
  fixture_ok(q, galley_topic_save(q, &topic, &id));
  galley_close(q);
  q = fixture_open_at(f, path, GALLEY_OPEN_READONLY);
  galley_close(q);
}

/* Step 4 makes the tables of jobs and attempts anew. */
static void a_step_that_rebuilds_tables_keeps_every_value(void **state) {
  struct fixture *f = *state;
  char path[128];
  static const char dump[] =
      "SELECT json_group_array(json_array(id,kind,payload,state,priority,run_at_ms,attempt,"
      "max_attempts,crashes,timeout_ms,unique_key,fence,worker_id,lease_mono_ns,cancel_requested,"
      "result,cost_usd_micros,error_class,error,parent_id,workflow_id,created_at_ms,started_at_ms,"
      "finished_at_ms))||(SELECT "
      "json_group_array(json_array(job_id,fence,attempt,worker_id,outcome,"
      "error_class,error,http_status,tokens_in,tokens_out,cost_usd_micros,started_at_ms,ended_at_"
      "ms))"
      " FROM job_attempts) FROM jobs";
  make_old(beside(f, "old.db", path), 3);
  raw(path,
      "INSERT INTO jobs VALUES(7,'a','{\"n\":1}','running',3,4,1,6,2,700,'key',9,10,11,1,NULL,"
      "12,'class','words',5,6,13,14,NULL),(8,'b','[]','done',1,2,3,4,0,5,NULL,6,NULL,NULL,0,"
      "'true',7,NULL,NULL,NULL,NULL,8,9,10)");
  raw(path, "INSERT INTO jobs(kind,run_at_ms) VALUES('later',253402300799999)");
  raw(path, "INSERT INTO job_attempts VALUES(8,6,3,2,'done','c','e',200,1,2,3,4,5),"
            "(7,8,1,1,'retry',NULL,NULL,NULL,0,0,0,NULL,6)");
  struct fixture old = *f;
  int len = snprintf(old.path, sizeof old.path, "%s", path);
  assert_in_range(len, 1, sizeof old.path - 1);
  char *before = fixture_text(&old, dump);
  galley_close(fixture_open_at(f, path, 0));
  char *after = fixture_text(&old, dump);
  assert_string_equal(after, before);
  assert_int_equal(fixture_number(&old, "SELECT count(*) FROM jobs WHERE state='scheduled'"), 1);
  galley_free(before);
  galley_free(after);
}

static void each_schema_step_is_recorded_once(void **state) {
  struct fixture *f = *state;
  galley_close(fixture_open(f, GALLEY_OPEN_CREATE));
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM schema_steps"), schema_step_count);
  for (size_t i = 0; i < schema_step_count; i++)
    assert_int_equal(schema_steps[i].version, (int)i + 1);
}

/* ---- two at once ---- */

static int make_and_add(struct fixture *f, const char *path, int gate) {
  struct galley *q;
  char byte;
  if (read(gate, &byte, 1) != 0) /* the other end closes: all start together */
    return 1;
  enum galley_rc rc = open_path(f, path, GALLEY_OPEN_CREATE, &q);
  if (rc != GALLEY_OK) {
    fprintf(stderr, "%s: %s\n", galley_rc_name(rc), galley_errmsg(q));
    return 2;
  }
  const struct galley_spec spec = {.kind = "a"};
  int64_t id;
  rc = galley_enqueue(q, &spec, &id, NULL);
  galley_close(q);
  return rc == GALLEY_OK ? 0 : 3;
}

static void processes_may_make_the_database_at_once(void **state) {
  enum { ROUNDS = 8, PROCESSES = 4 };
  struct fixture *f = *state;
  for (int round = 0; round < ROUNDS; round++) {
    char path[128], name[32];
    int gate[2], status;
    snprintf(name, sizeof name, "race%d.db", round);
    beside(f, name, path);
    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < PROCESSES; i++) {
      pid_t pid = fork();
      assert_true(pid >= 0);
      if (pid == 0) {
        close(gate[1]);
        _exit(make_and_add(f, path, gate[0]));
      }
    }
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < PROCESSES; i++) {
      assert_true(wait(&status) > 0);
      assert_int_equal(status, 0);
    }
    struct galley *q;
    q = fixture_open_at(f, path, 0);
    assert_int_equal(work_count(q, "a", "ready"), PROCESSES);
    galley_close(q);
  }
}

/* ---- settings ---- */

static void asks(sqlite3 *h, const char *pragma, const char *want) {
  char sql[64];
  sqlite3_stmt *s;
  snprintf(sql, sizeof sql, "PRAGMA %s", pragma);
  assert_int_equal(sqlite3_prepare_v2(h, sql, -1, &s, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(s), SQLITE_ROW);
  if (strcmp((const char *)sqlite3_column_text(s, 0), want) != 0)
    fail_msg("%s is %s, expected %s", pragma, (const char *)sqlite3_column_text(s, 0), want);
  sqlite3_finalize(s);
}

static void every_connection_has_the_six_settings_and_the_guards(void **state) {
  static const unsigned flags[] = {0, GALLEY_OPEN_READONLY, GALLEY_OPEN_FULL};
  struct fixture *f = *state;
  for (size_t i = 0; i < 3; i++) {
    struct galley *q;
    const struct galley_options options = {.flags = flags[i]};
    enum galley_rc rc = galley_open(&q, f->path, &options);
    fixture_ok(q, rc);
    sqlite3 *h = sqlite_db_of(q->db)->h;
    asks(h, "journal_mode", "wal");
    asks(h, "busy_timeout", "5000");
    asks(h, "synchronous", "1"); /* of full too, which syncs by itself */
    asks(h, "cache_size", "-20000");
    asks(h, "foreign_keys", "1");
    asks(h, "temp_store", "2");
    asks(h, "mmap_size", "0");
    asks(h, "wal_autocheckpoint", "0");
    if (flags[i] != GALLEY_OPEN_READONLY) {
      asks(h, "cache_spill", "0");
      asks(h, "secure_delete", "0");
    }
    galley_close(q);
  }
}

static void the_checkpointing_connection_is_set_like_the_others(void **state) {
  struct fixture *f = *state;
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  sqlite3 *h = sqlite_db_of(f->q->db)->checkpointer;
  assert_non_null(h);
  asks(h, "wal_autocheckpoint", "0");
  asks(h, "cache_spill", "0");
  asks(h, "cache_size", "-20000");
  asks(h, "synchronous", "1");
}

struct shown {
  size_t n, first_six;
  bool all_ok;
};

static bool show(void *arg, const void *row) {
  static const char *const six[] = {"journal_mode", "busy_timeout", "synchronous",
                                    "cache_size",   "foreign_keys", "temp_store"};
  const struct galley_pragma *pragma = row;
  struct shown *shown = arg;
  shown->n++;
  shown->all_ok = shown->all_ok && pragma->ok && pragma->value[0];
  for (size_t i = 0; i < 6; i++)
    shown->first_six += strcmp(pragma->name, six[i]) == 0;
  return true;
}

static void the_settings_are_shown(void **state) {
  struct fixture *f = *state;
  struct shown shown = {.all_ok = true};
  fixture_ok(f->q, galley_pragmas(f->q, show, &shown));
  assert_int_equal(shown.first_six, 6);
  assert_true(shown.n > 6);
  assert_true(shown.all_ok);
}

static bool find_bad(void *arg, const void *row) {
  const struct galley_pragma *pragma = row;
  if (!pragma->ok)
    snprintf(arg, 32, "%s", pragma->name);
  return true;
}

static void a_setting_that_was_changed_is_shown_as_wrong(void **state) {
  struct fixture *f = *state;
  char name[32] = "";
  sqlite3_exec(sqlite_db_of(f->q->db)->h, "PRAGMA foreign_keys=OFF", NULL, NULL, NULL);
  fixture_ok(f->q, galley_pragmas(f->q, find_bad, name));
  assert_string_equal(name, "foreign_keys");
}

/* ---- reading only, and memory ---- */

static void a_reader_reads_and_is_denied_every_write(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "a"};
  const struct galley_topic topic = {.title = "T"};
  int64_t id = work_enqueue(f->q, "a");
  struct galley *q = fixture_open(f, GALLEY_OPEN_READONLY);
  work_state(q, id, "ready");
  assert_int_equal(work_count(q, "a", "ready"), 1);
  fixture_fails(q, galley_enqueue(q, &spec, &id, NULL), GALLEY_DENIED, "for reading only");
  fixture_fails(q, galley_begin(q), GALLEY_DENIED, "for reading only");
  fixture_fails(q, galley_cancel(q, 1, NULL), GALLEY_DENIED, "");
  fixture_fails(q, galley_retry(q, 1), GALLEY_DENIED, "");
  fixture_fails(q, galley_worker_join(q, "[]", 1, &id), GALLEY_DENIED, "");
  fixture_fails(q, galley_checkpoint(q, NULL), GALLEY_DENIED, "");
  fixture_fails(q, galley_topic_save(q, &topic, &id), GALLEY_DENIED, "");
  fixture_ok(q, galley_recover(q, NULL)); /* nothing to do: no write */
  work_enqueue(f->q, "a");
  assert_int_equal(work_count(q, "a", "ready"), 2);
  galley_close(q);
}

/* As the last one, too: the folder may be its only guest's. */
static void a_reader_alone_changes_nothing_in_the_database(void **state) {
  struct fixture *f = *state;
  size_t before_len, after_len;
  work_enqueue(f->q, "a");
  galley_close(f->q);
  char *before = contents(f->path, &before_len);
  struct galley *q = fixture_open(f, GALLEY_OPEN_READONLY);
  assert_int_equal(work_count(q, "a", "ready"), 1);
  galley_close(q);
  char *after = contents(f->path, &after_len);
  assert_int_equal(before_len, after_len);
  assert_memory_equal(before, after, before_len);
  free(before);
  free(after);
  f->q = fixture_open(f, 0);
}

static void memory_is_a_database_of_one_handle(void **state) {
  struct fixture *f = *state;
  struct galley *q, *other;
  struct galley_wal wal;
  int fd = 7;
  q = fixture_open_at(f, ":memory:", 0);
  other = fixture_open_at(f, ":memory:", GALLEY_OPEN_CREATE);
  work_end(q, work_start(q, work_join(q), "a"), GALLEY_DONE);
  assert_int_equal(work_count(q, "a", "done"), 1);
  assert_int_equal(work_count(other, "a", "done"), 0);
  fixture_ok(q, galley_watch(q, &fd));
  assert_int_equal(fd, -1);
  fixture_ok(q, galley_wal_status(q, &wal));
  assert_int_equal(wal.frames, 0);
  fixture_ok(q, galley_checkpoint(q, &wal));
  struct shown shown = {.all_ok = true};
  fixture_ok(q, galley_pragmas(q, show, &shown));
  galley_close(q);
  galley_close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_missing_file_is_none_and_is_not_made),
      TEST(a_missing_folder_is_named),
      TEST(files_are_for_their_owner_alone_whatever_the_umask),
      TEST(odd_names_are_names),
      TEST(a_linked_name_is_the_same_database_with_the_same_workers),
      TEST(a_link_to_nothing_makes_no_database),
      TEST(what_was_committed_is_there_after_the_last_close),
      TEST(what_is_no_database_is_refused_and_unchanged),
      TEST(another_programs_database_is_refused_and_unchanged),
      TEST(another_programs_log_is_left_as_it_is),
      TEST(a_newer_schema_is_refused),
      TEST(an_old_schema_is_brought_up_to_date_with_its_rows),
      TEST(a_step_that_rebuilds_tables_keeps_every_value),
      TEST(each_schema_step_is_recorded_once),
      TEST(processes_may_make_the_database_at_once),
      TEST(every_connection_has_the_six_settings_and_the_guards),
      TEST(the_checkpointing_connection_is_set_like_the_others),
      TEST(the_settings_are_shown),
      TEST(a_setting_that_was_changed_is_shown_as_wrong),
      TEST(a_reader_reads_and_is_denied_every_write),
      TEST(a_reader_alone_changes_nothing_in_the_database),
      TEST(memory_is_a_database_of_one_handle),
  };
  return cmocka_run_group_tests_name("open", tests, NULL, NULL);
}
