/* The VFS "galley" is the default one in all but the lock of checkpoints: what files can do, what
 * they are called, where they lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "handle.h"
#include "sqlite_db.h"
#include "sqlite_vfs.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_THREADS 8

static sqlite3 *open_here(struct fixture *f, const char *name, int flags) {
  char path[160];
  sqlite3 *h;
  snprintf(path, sizeof path, "%s/%s", f->dir, name);
  assert_int_equal(sqlite_vfs_open(path, flags | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &h),
                   SQLITE_OK);
  return h;
}

static void run(sqlite3 *h, const char *sql) {
  if (sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(h));
}

static void assert_answer(sqlite3 *h, const char *sql, const char *expected) {
  char text[128];
  assert_int_equal(sqlite_engine_pragma_text(h, sql, text, sizeof text), GALLEY_OK);
  assert_string_equal(text, expected);
}

static const sqlite3_io_methods *methods_of(sqlite3 *h) {
  sqlite3_file *file = NULL;
  assert_int_equal(sqlite3_file_control(h, "main", SQLITE_FCNTL_FILE_POINTER, &file), SQLITE_OK);
  return file->pMethods;
}

static void assert_vfs(sqlite3 *h, const char *expected) {
  char *name = NULL;
  assert_int_equal(sqlite3_file_control(h, "main", SQLITE_FCNTL_VFSNAME, &name), SQLITE_OK);
  assert_string_equal(name, expected);
  sqlite3_free(name);
}

static sqlite3_io_methods old_methods;

/* A file of the first version, with what a file may leave out left out. */
static int open_old(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
  sqlite3_vfs *standard = sqlite3_vfs_find("unix");
  (void)vfs;
  int rc = standard->xOpen(standard, name, file, flags, out);
  if (rc == SQLITE_OK) {
    old_methods = *file->pMethods;
    old_methods.iVersion = 1;
    old_methods.xSectorSize = NULL;
    file->pMethods = &old_methods;
  }
  return rc;
}

static int over_old_vfs(void) {
  static sqlite3_vfs old;
  char path[] = "/tmp/galley-XXXXXX";
  sqlite3 *h = NULL;
  int fd = mkstemp(path);
  if (fd < 0 || close(fd) != 0 || sqlite3_vfs_find(SQLITE_VFS_NAME))
    return 1;
  old = *sqlite3_vfs_find("unix");
  old.iVersion = 1;
  old.zName = "old";
  old.xOpen = open_old;
  old.xDlOpen = NULL;
  if (sqlite3_vfs_register(&old, 1) != SQLITE_OK)
    return 1;
  int rc = sqlite_vfs_open(path, SQLITE_OPEN_READWRITE, &h);
  unlink(path);
  if (rc != SQLITE_OK)
    return 2;
  const sqlite3_vfs *vfs = sqlite3_vfs_find(SQLITE_VFS_NAME);
  if (!vfs || vfs->iVersion != 1 || vfs->xCurrentTimeInt64 || vfs->xSetSystemCall || vfs->xDlOpen)
    return 3;
  const sqlite3_io_methods *methods = methods_of(h);
  if (methods->iVersion != 1 || methods->xShmMap || methods->xFetch || methods->xSectorSize)
    return 4;
  return sqlite3_close(h) == SQLITE_OK ? 0 : 5;
}

/* Else SQLite would believe that it may use a log there. */
static int over_vfs_without_shared_memory(void) {
  sqlite3 *h = NULL;
  sqlite3_vfs *none = sqlite3_vfs_find("unix-none");
  if (!none || sqlite3_vfs_register(none, 1) != SQLITE_OK)
    return 1;
  char path[] = "/tmp/galley-XXXXXX";
  int fd = mkstemp(path);
  if (fd < 0 || close(fd) != 0)
    return 3;
  int rc = sqlite_vfs_open(path, SQLITE_OPEN_READWRITE, &h);
  bool lacking = rc == SQLITE_OK && !methods_of(h)->xShmMap && !methods_of(h)->xShmLock;
  sqlite3_close(h);
  unlink(path);
  return lacking ? 0 : 4;
}

/* In a child, since a process registers once; before all other tests, for the same reason. */
static void assert_in_child(int (*check)(void)) {
  int status;
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    signal(SIGSEGV, SIG_DFL);
    _exit(check());
  }
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 0);
}

static void members_that_the_default_lacks_are_lacking(void **state) {
  (void)state;
  assert_in_child(over_old_vfs);
}

static void file_without_shared_memory_does_not_seem_to_have_it(void **state) {
  (void)state;
  assert_in_child(over_vfs_without_shared_memory);
}

static void *open_in_thread(void *arg) {
  sqlite3 *h;
  bool *good = arg;
  *good = sqlite_vfs_open(":memory:", SQLITE_OPEN_READWRITE, &h) == SQLITE_OK;
  sqlite3_close(h);
  return NULL;
}

static void threads_may_open_first_at_once(void **state) {
  pthread_t threads[N_THREADS];
  bool good[N_THREADS];
  (void)state;
  assert_null(sqlite3_vfs_find(SQLITE_VFS_NAME));
  for (int i = 0; i < N_THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, open_in_thread, &good[i]), 0);
  for (int i = 0; i < N_THREADS; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(good[i]);
  }
  assert_non_null(sqlite3_vfs_find(SQLITE_VFS_NAME));
}

static void default_vfs_stays_the_default(void **state) {
  (void)state;
  assert_string_not_equal(sqlite3_vfs_find(NULL)->zName, SQLITE_VFS_NAME);
}

static void every_connection_of_a_handle_goes_through_it(void **state) {
  struct fixture *f = *state;
  char expected[64];
  snprintf(expected, sizeof expected, SQLITE_VFS_NAME "/%s", sqlite3_vfs_find(NULL)->zName);
  struct galley *reader = fixture_open(f, GALLEY_OPEN_READONLY);
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  assert_vfs(sqlite_db_of(f->q->db)->h, expected);
  assert_vfs(sqlite_db_of(f->q->db)->checkpointer, expected);
  assert_vfs(sqlite_db_of(reader->db)->h, expected);
  galley_close(reader);
}

static void file_can_do_what_the_real_one_can(void **state) {
  struct fixture *f = *state;
  char path[160];
  sqlite3 *plain, *h = open_here(f, "a.db", 0);
  snprintf(path, sizeof path, "%s/b.db", f->dir);
  assert_int_equal(sqlite3_open(path, &plain), SQLITE_OK);
  const sqlite3_io_methods *ours = methods_of(h), *theirs = methods_of(plain);
  assert_int_equal(ours->iVersion, theirs->iVersion < 3 ? theirs->iVersion : 3);
  assert_int_equal(ours->xShmMap != NULL, theirs->xShmMap != NULL);
  assert_int_equal(ours->xFetch != NULL, theirs->xFetch != NULL);
  assert_int_equal(ours->xSectorSize != NULL, theirs->xSectorSize != NULL);
  sqlite3_close(plain);
  sqlite3_close(h);
}

static void mapped_memory_works_through_it(void **state) {
  struct fixture *f = *state;
  sqlite3 *h = open_here(f, "m.db", 0);
  assert_answer(h, "PRAGMA mmap_size=4194304", "4194304");
  run(h, "CREATE TABLE t(v); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
         "WHERE i < 500) INSERT INTO t SELECT randomblob(900) FROM n");
  assert_answer(h, "SELECT count(*) FROM t WHERE length(v) = 900", "500");
  assert_answer(h, "PRAGMA integrity_check", "ok");
  sqlite3_close(h);
}

static void rollback_journals_and_vacuum_work_through_it(void **state) {
  struct fixture *f = *state;
  sqlite3 *h = open_here(f, "r.db", 0);
  run(h, "CREATE TABLE t(v); INSERT INTO t VALUES(1); BEGIN; INSERT INTO t VALUES(2); ROLLBACK;"
         "VACUUM");
  assert_answer(h, "SELECT count(*) FROM t", "1");
  assert_answer(h, "PRAGMA journal_mode=WAL", "wal");
  run(h, "INSERT INTO t VALUES(3)");
  assert_answer(h, "PRAGMA journal_mode=DELETE", "delete");
  assert_answer(h, "SELECT count(*) FROM t", "2");
  sqlite3_close(h);
}

static void failed_open_is_reported(void **state) {
  struct fixture *f = *state;
  char path[160];
  sqlite3 *h;
  snprintf(path, sizeof path, "%s/none/a.db", f->dir);
  assert_int_equal(sqlite_vfs_open(path, SQLITE_OPEN_READWRITE, &h) & 0xff, SQLITE_CANTOPEN);
  sqlite3_close(h);
}

/* Its parameter stands behind the name, in memory that the real VFS reads. */
static void new_file_gets_the_mode_of_another(void **state) {
  struct fixture *f = *state;
  char path[160], uri[400];
  struct stat st;
  sqlite3 *h;
  snprintf(path, sizeof path, "%s/pattern", f->dir);
  FILE *pattern = fopen(path, "we");
  assert_non_null(pattern);
  fclose(pattern);
  assert_int_equal(chmod(path, 0600), 0);
  snprintf(uri, sizeof uri, "file:%s/p.db?modeof=%s", f->dir, path);
  assert_int_equal(
      sqlite_vfs_open(uri, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, &h),
      SQLITE_OK);
  run(h, "PRAGMA journal_mode=WAL; CREATE TABLE t(v)");
  static const char *const names[] = {"p.db", "p.db-wal", "p.db-shm"};
  for (size_t i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
  }
  sqlite3_close(h);
}

/* It resets the log under the lock of checkpoints, which it took itself. */
static void truncating_checkpoint_works_through_it(void **state) {
  struct fixture *f = *state;
  sqlite3 *h = open_here(f, "t.db", 0);
  assert_answer(h, "PRAGMA journal_mode=WAL", "wal");
  for (int i = 0; i < 3; i++) {
    char path[160];
    struct stat st;
    run(h, "CREATE TABLE IF NOT EXISTS t(v); INSERT INTO t VALUES(1)");
    assert_answer(h, "PRAGMA wal_checkpoint(TRUNCATE)", "0");
    snprintf(path, sizeof path, "%s/t.db-wal", f->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0);
  }
  sqlite3_close(h);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(members_that_the_default_lacks_are_lacking),
      cmocka_unit_test(file_without_shared_memory_does_not_seem_to_have_it),
      cmocka_unit_test(threads_may_open_first_at_once),
      cmocka_unit_test(default_vfs_stays_the_default),
      cmocka_unit_test_setup_teardown(every_connection_of_a_handle_goes_through_it, fixture_set_up,
                                      fixture_tear_down),
      cmocka_unit_test_setup_teardown(file_can_do_what_the_real_one_can, fixture_set_up,
                                      fixture_tear_down),
      cmocka_unit_test_setup_teardown(mapped_memory_works_through_it, fixture_set_up,
                                      fixture_tear_down),
      cmocka_unit_test_setup_teardown(rollback_journals_and_vacuum_work_through_it, fixture_set_up,
                                      fixture_tear_down),
      cmocka_unit_test_setup_teardown(failed_open_is_reported, fixture_set_up, fixture_tear_down),
      cmocka_unit_test_setup_teardown(new_file_gets_the_mode_of_another, fixture_set_up,
                                      fixture_tear_down),
      cmocka_unit_test_setup_teardown(truncating_checkpoint_works_through_it, fixture_set_up,
                                      fixture_tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
