/* The frames of a transaction reach the log in one write, before its commit is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "sqlite_db.h"
#include "sqlite_frames.h"
#include "sqlite_vfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE   4096
#define HEADER 24
#define FRAME  (HEADER + PAGE)
#define BEGIN  32 /* of the first frame */
#define SIZE   (64 * FRAME)

/* A file in memory that counts what is written to it. */
struct file {
  sqlite3_file base;
  int writes, fail_at; /* the write that fails, from 1 */
  unsigned char bytes[SIZE];
};

static int file_write(sqlite3_file *base, const void *data, int n, sqlite3_int64 at) {
  struct file *file = (struct file *)base;
  if (++file->writes == file->fail_at)
    return SQLITE_FULL;
  assert_true(at >= 0 && at + n <= SIZE);
  memcpy(file->bytes + at, data, (size_t)n);
  return SQLITE_OK;
}

struct log {
  struct file file;
  struct sqlite_frames frames;
  unsigned char expected[SIZE];
};

static int set_up(void **state) {
  static const sqlite3_io_methods methods = {.iVersion = 1, .xWrite = file_write};
  struct log *log = calloc(1, sizeof *log);
  if (!log)
    return -1;
  log->file.base.pMethods = &methods;
  *state = log;
  return 0;
}

static int tear_down(void **state) {
  struct log *log = *state;
  sqlite_frames_free(&log->frames);
  free(log);
  return 0;
}

static int put(struct log *log, const void *data, int n, sqlite3_int64 at) {
  memcpy(log->expected + at, data, (size_t)n);
  return sqlite_frames_write(&log->frames, &log->file.base, data, n, at);
}

static int put_header(struct log *log, int number, bool commit) {
  unsigned char header[HEADER] = {0, 0, 0, (unsigned char)number};
  header[7] = commit;
  return put(log, header, HEADER, BEGIN + (sqlite3_int64)number * FRAME);
}

static int put_frame(struct log *log, int number, bool commit) {
  unsigned char page[PAGE];
  memset(page, number + 1, PAGE);
  int rc = put_header(log, number, commit);
  return rc == SQLITE_OK ? put(log, page, PAGE, BEGIN + (sqlite3_int64)number * FRAME + HEADER)
                         : rc;
}

static void assert_written(struct log *log, int writes) {
  assert_int_equal(log->file.writes, writes);
  assert_memory_equal(log->file.bytes, log->expected, SIZE);
}

static void frames_of_a_transaction_are_one_write(void **state) {
  struct log *log = *state;
  for (int number = 0; number < 9; number++) {
    assert_int_equal(log->file.writes, number / 3);
    assert_int_equal(put_frame(log, number, number % 3 == 2), SQLITE_OK);
    if (number % 3 == 2)
      assert_written(log, number / 3 + 1);
    if (number % 3 == 2)
      sqlite_frames_drop(&log->frames); /* the write lock is released */
  }
}

static void commit_that_keeps_the_lock_may_go_on(void **state) {
  struct log *log = *state;
  for (int number = 0; number < 6; number++)
    assert_int_equal(put_frame(log, number, number % 2), SQLITE_OK);
  assert_written(log, 3);
}

static void more_than_there_is_room_for_is_written_in_pieces(void **state) {
  struct log *log = *state;
  for (int number = 0; number < 50; number++)
    assert_int_equal(put_frame(log, number, number == 49), SQLITE_OK);
  assert_memory_equal(log->file.bytes, log->expected, SIZE);
  assert_in_range(log->file.writes, 2, 5);
}

static void header_of_the_log_does_not_wait(void **state) {
  struct log *log = *state;
  static const unsigned char header[BEGIN] = "header";
  assert_int_equal(put(log, header, BEGIN, 0), SQLITE_OK);
  assert_written(log, 1);
}

/* As SQLite does with the frames of a transaction that was too large for its cache: pages of them
 * are written again, then all their headers, without a page. */
static void what_is_written_again_does_not_wait(void **state) {
  struct log *log = *state;
  unsigned char page[PAGE] = "again";
  assert_int_equal(put_frame(log, 0, false), SQLITE_OK);
  assert_int_equal(put_frame(log, 1, false), SQLITE_OK);
  assert_int_equal(log->file.writes, 0);
  assert_int_equal(put(log, page, PAGE, BEGIN + HEADER), SQLITE_OK);
  assert_written(log, 2);
  assert_int_equal(put_frame(log, 2, true), SQLITE_OK);
  assert_written(log, 3);
  for (int number = 0; number < 3; number++)
    assert_int_equal(put_header(log, number, number == 2), SQLITE_OK);
  assert_written(log, 6);
}

static void what_waits_is_written_when_it_is_asked_for(void **state) {
  struct log *log = *state;
  assert_int_equal(put_frame(log, 0, false), SQLITE_OK);
  assert_int_equal(sqlite_frames_flush(&log->frames, &log->file.base), SQLITE_OK);
  assert_written(log, 1);
  assert_int_equal(sqlite_frames_flush(&log->frames, &log->file.base), SQLITE_OK);
  assert_int_equal(put_frame(log, 1, true), SQLITE_OK);
  assert_written(log, 2);
}

static void what_was_rolled_back_is_never_written(void **state) {
  struct log *log = *state;
  assert_int_equal(put_frame(log, 0, false), SQLITE_OK);
  assert_int_equal(put_header(log, 1, true), SQLITE_OK);
  sqlite_frames_drop(&log->frames);
  memset(log->expected, 0, SIZE);
  assert_int_equal(sqlite_frames_flush(&log->frames, &log->file.base), SQLITE_OK);
  assert_written(log, 0);
  for (int number = 5; number < 7; number++) /* others have written before it */
    assert_int_equal(put_frame(log, number, number == 6), SQLITE_OK);
  assert_written(log, 1);
}

static void failed_write_fails_the_commit_and_leaves_nothing(void **state) {
  struct log *log = *state;
  log->file.fail_at = 1;
  assert_int_equal(put_frame(log, 0, false), SQLITE_OK);
  assert_int_equal(put_frame(log, 1, true), SQLITE_FULL);
  sqlite_frames_drop(&log->frames);
  memset(log->expected, 0, SIZE);
  assert_int_equal(put_frame(log, 0, true), SQLITE_OK);
  assert_written(log, 2);
}

static void failed_write_fails_what_comes_behind_it(void **state) {
  struct log *log = *state;
  log->file.fail_at = 1;
  unsigned char page[PAGE] = {0};
  assert_int_equal(put_frame(log, 0, false), SQLITE_OK);
  assert_int_equal(put(log, page, PAGE, BEGIN + 9 * FRAME), SQLITE_FULL);
  assert_int_equal(log->file.writes, 1);
}

/* SQLite takes it for the failure of a read: the statement's, not the transaction's. */
static void write_that_fails_for_a_read_fails_all_until_the_end(void **state) {
  struct log *log = *state;
  log->file.fail_at = 1;
  assert_int_equal(put_frame(log, 0, false), SQLITE_OK);
  assert_int_equal(sqlite_frames_flush(&log->frames, &log->file.base), SQLITE_FULL);
  assert_int_equal(sqlite_frames_flush(&log->frames, &log->file.base), SQLITE_FULL);
  assert_int_equal(put_frame(log, 1, true), SQLITE_FULL);
  assert_int_equal(log->file.writes, 1);
  sqlite_frames_drop(&log->frames);
  memset(log->expected, 0, SIZE);
  assert_int_equal(put_frame(log, 0, true), SQLITE_OK);
  assert_written(log, 2);
}

/* Where a disk may damage what lies beside a write, SQLite syncs when it has written a part of the
 * last page. */
static void a_sync_in_the_middle_of_a_frame_ends_the_gathering(void **state) {
  struct log *log = *state;
  unsigned char page[PAGE];
  memset(page, 7, PAGE);
  assert_int_equal(put_header(log, 0, true), SQLITE_OK);
  assert_int_equal(put(log, page, 1000, BEGIN + HEADER), SQLITE_OK);
  assert_int_equal(sqlite_frames_settle(&log->frames, &log->file.base), SQLITE_OK);
  assert_int_equal(put(log, page + 1000, PAGE - 1000, BEGIN + HEADER + 1000), SQLITE_OK);
  assert_memory_equal(log->file.bytes, log->expected, SIZE);
  assert_int_equal(put_header(log, 1, true), SQLITE_OK);
  assert_memory_equal(log->file.bytes, log->expected, SIZE);
}

/* ---- through SQLite ---- */

static sqlite3 *open_here(struct fixture *f) {
  char path[160];
  sqlite3 *h;
  snprintf(path, sizeof path, "%s/frames.db", f->dir);
  assert_int_equal(sqlite_vfs_open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &h),
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

#define MANY                                                                                       \
  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) "                 \
  "INSERT INTO t SELECT hex(randomblob(500)) FROM n;"

/* Pages leave the cache for the log before the commit, are read from there, written there again,
 * and given up. */
static void transactions_larger_than_the_cache_work(void **state) {
  sqlite3 *h = open_here(*state), *other = open_here(*state);
  run(h, "PRAGMA journal_mode=WAL; PRAGMA cache_size=5; PRAGMA cache_spill=5; CREATE TABLE t(v)");
  for (int i = 0; i < 3; i++) {
    run(h, "BEGIN;" MANY "SAVEPOINT s;" MANY "ROLLBACK TO s; UPDATE t SET v=v||'x'; COMMIT");
    run(h, "BEGIN;" MANY "ROLLBACK");
    run(other, "INSERT INTO t VALUES('other')");
    run(h, "BEGIN; UPDATE t SET v=v||'y'; ROLLBACK");
    assert_answer(other, "PRAGMA integrity_check", "ok");
  }
  assert_answer(other, "SELECT count(*) || ' ' || count(nullif(v LIKE '%x', 0)) FROM t",
                "1203 1202");
  sqlite3_close(h);
  sqlite3_close(other);
}

/* Frames that still wait when their transaction is rolled back; by the time that this connection
 * asks for something of the log, another's stand in their place. */
static void what_one_rolls_back_does_not_reach_what_another_writes(void **state) {
  sqlite3 *h = open_here(*state), *other = open_here(*state);
  run(h,
      "PRAGMA journal_mode=WAL; PRAGMA cache_size=5; PRAGMA cache_spill=5; CREATE TABLE t(v);" MANY
      "PRAGMA wal_checkpoint(TRUNCATE); BEGIN; UPDATE t SET v=v||'x'; ROLLBACK");
  run(other, MANY MANY);
  assert_answer(h, "SELECT count(*) FROM t", "1200");
  sqlite3_close(other);
  other = open_here(*state);
  assert_answer(other, "PRAGMA integrity_check", "ok");
  assert_answer(other, "SELECT count(*) FROM t WHERE v LIKE '%x'", "0");
  sqlite3_close(h);
  sqlite3_close(other);
}

static void copy_file(struct fixture *f, const char *from, const char *to) {
  char path[160];
  static char bytes[2 * 1024 * 1024];
  snprintf(path, sizeof path, "%s/%s", f->dir, from);
  FILE *file = fopen(path, "rbe");
  assert_non_null(file);
  size_t n = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  assert_in_range(n, 1, sizeof bytes - 1);
  snprintf(path, sizeof path, "%s/%s", f->dir, to);
  file = fopen(path, "wbe");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, n, file), n);
  fclose(file);
}

/* What a process leaves that dies is what the next one finds. */
static void recovery_finds_each_commit(void **state) {
  struct fixture *f = *state;
  char path[160];
  sqlite3 *copy, *h = open_here(f);
  run(h, "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(v);" MANY
         "INSERT INTO t VALUES('last')");
  copy_file(f, "frames.db", "copy.db");
  copy_file(f, "frames.db-wal", "copy.db-wal");
  snprintf(path, sizeof path, "%s/copy.db", f->dir);
  assert_int_equal(sqlite3_open(path, &copy), SQLITE_OK);
  assert_answer(copy, "SELECT count(*) FROM t", "401");
  assert_answer(copy, "PRAGMA integrity_check", "ok");
  sqlite3_close(copy);
  sqlite3_close(h);
}

int main(void) {
#define LOG(test)  cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define TEST(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
  const struct CMUnitTest tests[] = {
      LOG(frames_of_a_transaction_are_one_write),
      LOG(commit_that_keeps_the_lock_may_go_on),
      LOG(more_than_there_is_room_for_is_written_in_pieces),
      LOG(header_of_the_log_does_not_wait),
      LOG(what_is_written_again_does_not_wait),
      LOG(what_waits_is_written_when_it_is_asked_for),
      LOG(what_was_rolled_back_is_never_written),
      LOG(failed_write_fails_the_commit_and_leaves_nothing),
      LOG(failed_write_fails_what_comes_behind_it),
      LOG(write_that_fails_for_a_read_fails_all_until_the_end),
      LOG(a_sync_in_the_middle_of_a_frame_ends_the_gathering),
      TEST(transactions_larger_than_the_cache_work),
      TEST(what_one_rolls_back_does_not_reach_what_another_writes),
      TEST(recovery_finds_each_commit),
  };
#undef TEST
#undef LOG
  return cmocka_run_group_tests(tests, NULL, NULL);
}
