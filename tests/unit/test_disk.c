/* The disk in memory tells the truth: what it keeps, what it loses and whom it lets wait. With
 * SQLite's careful settings nothing breaks on it; without them it does, so that a test which passes
 * on it says something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "disk.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <valgrind/valgrind.h>

#define SEEDS     20 /* power cuts for each setting of SQLite; under valgrind SEEDS_FEW */
#define SEEDS_FEW 6
#define BLOCK     512
#define N_BLOCKS  3

static struct disk *disk;
static char folder[64], path[96];

static int set_up(void **state) {
  const char *tmp = getenv("TMPDIR");
  (void)state;
  snprintf(folder, sizeof folder, "%s/galley-XXXXXX", tmp && strlen(tmp) < 32 ? tmp : "/tmp");
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/test.db", folder);
  disk = disk_new(1);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  disk_free(disk);
  return rmdir(folder); /* fails when a marker was left */
}

static int begin_anew(void **state) {
  (void)state;
  disk_reset(disk, 1);
  return 0;
}

static int new_process(void) {
  int process = disk_process(disk);
  disk_enter(disk, process);
  return process;
}

/* ---- one file, without SQLite ---- */

static sqlite3_file *file_open(const char *name, int flags) {
  sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
  sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);
  assert_non_null(file);
  assert_int_equal(vfs->xOpen(vfs, name, file, flags | SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
  return file;
}

static sqlite3_file *file_create(const char *name) {
  return file_open(name, SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB);
}

static void file_close(sqlite3_file *file) {
  assert_int_equal(file->pMethods->xClose(file), SQLITE_OK);
  free(file);
}

static void file_sync(sqlite3_file *file) {
  assert_int_equal(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
}

static int file_write(sqlite3_file *file, char letter, int n, sqlite3_int64 at) {
  char block[BLOCK * N_BLOCKS];
  memset(block, letter, sizeof block);
  return file->pMethods->xWrite(file, block, n, at);
}

static bool file_is_there(const char *name) {
  sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
  int there;
  assert_int_equal(vfs->xAccess(vfs, name, SQLITE_ACCESS_READWRITE, &there), SQLITE_OK);
  assert_int_equal(access(name, F_OK) == 0, there);
  return there != 0;
}

/* Three blocks reach the disk; new writes over each of them do not, one for each block or one for
 * all. A bit for each block that is new after the power cut. */
static unsigned cut_blocks(enum disk_loss loss, uint64_t seed, bool one_write) {
  unsigned found = 0;
  size_t size;
  disk_reset(disk, seed);
  new_process();
  sqlite3_file *file = file_create(path);
  assert_int_equal(file_write(file, 'o', BLOCK * N_BLOCKS, 0), SQLITE_OK);
  file_sync(file);
  for (int i = 0; i < (one_write ? 1 : N_BLOCKS); i++)
    assert_int_equal(file_write(file, 'n', one_write ? BLOCK * N_BLOCKS : BLOCK, BLOCK * i),
                     SQLITE_OK);
  disk_power_cut(disk, loss);
  file_close(file);
  const char *bytes = disk_bytes(disk, path, &size);
  assert_int_equal(size, BLOCK * N_BLOCKS);
  for (int i = 0; i < N_BLOCKS; i++) {
    assert_int_equal(bytes[BLOCK * i], bytes[BLOCK * i + BLOCK - 1]); /* no sector is torn */
    found |= (bytes[BLOCK * i] == 'n' ? 1u : 0u) << i;
  }
  return found;
}

/* Which of the eight outcomes a way of losing has, in many cuts: a bit for each. */
static unsigned outcomes(enum disk_loss loss, bool one_write) {
  unsigned seen = 0;
  for (uint64_t seed = 1; seed <= 400; seed++)
    seen |= 1u << cut_blocks(loss, seed, one_write);
  return seen;
}

static void a_power_cut_loses_unsynced_writes_in_the_way_asked_for(void **state) {
  (void)state;
  const unsigned nothing = 1u << 0, first = 1u << 1, first_two = 1u << 3, everything = 1u << 7;
  assert_int_equal(outcomes(DISK_KEEP_ALL, false), everything);
  assert_int_equal(outcomes(DISK_LOSE_ALL, false), nothing);
  assert_int_equal(outcomes(DISK_LOSE_SUFFIX, false), nothing | first | first_two | everything);
  assert_int_equal(outcomes(DISK_LOSE_ANY, false), 0xff);
  assert_int_equal(outcomes(DISK_TEAR, false), 0xff);
}

static void only_a_torn_write_is_there_in_part(void **state) {
  (void)state;
  const unsigned nothing = 1u << 0, everything = 1u << 7;
  assert_int_equal(outcomes(DISK_LOSE_SUFFIX, true), nothing | everything);
  assert_int_equal(outcomes(DISK_LOSE_ANY, true), nothing | everything);
  assert_int_equal(outcomes(DISK_TEAR, true), 0xff);
}

/* Sizes are lost and kept with what made them. */
static void a_power_cut_takes_growth_and_truncation_back(void **state) {
  (void)state;
  size_t size;
  new_process();
  sqlite3_file *file = file_create(path);
  assert_int_equal(file_write(file, 'o', 1000, 0), SQLITE_OK);
  file_sync(file);
  assert_int_equal(file->pMethods->xTruncate(file, 10), SQLITE_OK);
  assert_int_equal(file_write(file, 'n', 1000, 500), SQLITE_OK);
  const char *bytes = disk_bytes(disk, path, &size);
  assert_int_equal(size, 1500);
  assert_int_equal(bytes[9], 'o');
  assert_int_equal(bytes[10], 0);
  assert_int_equal(bytes[499], 0);
  assert_int_equal(bytes[500], 'n');
  disk_power_cut(disk, DISK_LOSE_ALL);
  file_close(file);
  bytes = disk_bytes(disk, path, &size);
  assert_int_equal(size, 1000);
  for (size_t i = 0; i < size; i++)
    assert_int_equal(bytes[i], 'o');
}

static void a_new_file_is_lost_until_its_first_sync(void **state) {
  (void)state;
  char other[128];
  snprintf(other, sizeof other, "%s-other", path);
  new_process();
  sqlite3_file *kept = file_create(path), *lost;
  file_sync(kept);
  lost = file_create(other);
  disk_power_cut(disk, DISK_LOSE_ALL);
  file_close(kept);
  file_close(lost);
  new_process();
  assert_true(file_is_there(path));
  assert_false(file_is_there(other));
}

static void a_deleted_file_may_come_back_until_its_folder_is_synced(void **state) {
  (void)state;
  sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
  for (int synced = 0; synced < 2; synced++) {
    size_t size;
    disk_reset(disk, 1);
    new_process();
    sqlite3_file *file = file_create(path);
    assert_int_equal(file_write(file, 'o', 700, 0), SQLITE_OK);
    file_sync(file);
    file_close(file);
    assert_int_equal(vfs->xDelete(vfs, path, synced), SQLITE_OK);
    assert_false(file_is_there(path));
    disk_power_cut(disk, DISK_LOSE_ALL);
    new_process();
    assert_int_equal(file_is_there(path), !synced);
    (void)disk_bytes(disk, path, &size);
    assert_int_equal(size, synced ? 0 : 700);
  }
}

static void a_log_that_is_made_anew_syncs_its_folder(void **state) {
  (void)state;
  sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
  size_t size;
  new_process();
  for (int i = 0; i < 2; i++) {
    sqlite3_file *log = file_open(path, SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL);
    assert_int_equal(file_write(log, 'o', 100 + i, 0), SQLITE_OK);
    file_sync(log);
    file_close(log);
    if (i == 0)
      assert_int_equal(vfs->xDelete(vfs, path, 0), SQLITE_OK);
  }
  disk_power_cut(disk, DISK_LOSE_ALL);
  (void)disk_bytes(disk, path, &size);
  assert_int_equal(size, 101);
}

static void the_real_file_shows_the_size(void **state) {
  (void)state;
  struct stat st;
  new_process();
  sqlite3_file *file = file_create(path);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_size, 0);
  assert_int_equal(file_write(file, 'x', 700, 0), SQLITE_OK);
  assert_int_equal(file->pMethods->xUnlock(file, SQLITE_LOCK_NONE), SQLITE_OK);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_size, 700);
  file_close(file);
}

/* A backup is made under one name and appears under another. */
static void a_file_has_all_the_names_that_the_real_one_has(void **state) {
  (void)state;
  char other[128];
  size_t size;
  snprintf(other, sizeof other, "%s-other", path);
  new_process();
  sqlite3_file *file = file_create(path);
  assert_int_equal(file_write(file, 'x', 700, 0), SQLITE_OK);
  file_close(file);
  assert_int_equal(link(path, other), 0);
  assert_int_equal(unlink(path), 0);
  assert_null(disk_bytes(disk, path, &size));
  assert_non_null(disk_bytes(disk, other, &size));
  assert_int_equal(size, 700);
  assert_int_equal(unlink(other), 0);
  file = file_create(other);
  (void)disk_bytes(disk, other, &size);
  assert_int_equal(size, 0);
  file_close(file);
}

/* ---- locks ---- */

static int lock(sqlite3_file *file, int level) {
  return file->pMethods->xLock(file, level);
}

static void unlock(sqlite3_file *file, int level) {
  assert_int_equal(file->pMethods->xUnlock(file, level), SQLITE_OK);
}

static void locks_hold(sqlite3_file *a, sqlite3_file *b) {
  int reserved;
  assert_int_equal(lock(a, SQLITE_LOCK_SHARED), SQLITE_OK);
  assert_int_equal(lock(b, SQLITE_LOCK_SHARED), SQLITE_OK);
  assert_int_equal(lock(a, SQLITE_LOCK_RESERVED), SQLITE_OK);
  assert_int_equal(lock(b, SQLITE_LOCK_RESERVED), SQLITE_BUSY);
  assert_int_equal(b->pMethods->xCheckReservedLock(b, &reserved), SQLITE_OK);
  assert_int_equal(reserved, 1);
  unlock(b, SQLITE_LOCK_NONE);
  assert_int_equal(lock(b, SQLITE_LOCK_SHARED), SQLITE_OK); /* beside a reserved one */
  assert_int_equal(lock(a, SQLITE_LOCK_EXCLUSIVE), SQLITE_BUSY);
  unlock(b, SQLITE_LOCK_NONE);
  assert_int_equal(lock(b, SQLITE_LOCK_SHARED), SQLITE_BUSY); /* the other waits for readers */
  assert_int_equal(lock(a, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
  assert_int_equal(lock(b, SQLITE_LOCK_SHARED), SQLITE_BUSY);
  unlock(a, SQLITE_LOCK_SHARED);
  assert_int_equal(lock(b, SQLITE_LOCK_SHARED), SQLITE_OK);
  assert_int_equal(lock(b, SQLITE_LOCK_EXCLUSIVE), SQLITE_BUSY);
  unlock(b, SQLITE_LOCK_NONE);
  unlock(a, SQLITE_LOCK_NONE);
}

static void locks_hold_between_processes_and_within_one(void **state) {
  (void)state;
  for (int processes = 1; processes <= 2; processes++) {
    new_process();
    sqlite3_file *a = file_create(path);
    if (processes == 2)
      new_process();
    sqlite3_file *b = file_create(path);
    locks_hold(a, b);
    file_close(a);
    file_close(b);
  }
}

static int shm_lock(sqlite3_file *file, int first, int n, int flags) {
  return file->pMethods->xShmLock(file, first, n, flags);
}

static void locks_of_the_wal_index_are_shared_or_exclusive(void **state) {
  (void)state;
  const int take = SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE,
            share = SQLITE_SHM_LOCK | SQLITE_SHM_SHARED;
  new_process();
  sqlite3_file *a = file_create(path);
  new_process();
  sqlite3_file *b = file_create(path);
  assert_int_equal(shm_lock(a, 4, 1, share), SQLITE_OK);
  assert_int_equal(shm_lock(b, 4, 1, share), SQLITE_OK);
  assert_int_equal(shm_lock(b, 3, 5, take), SQLITE_BUSY);
  assert_int_equal(shm_lock(b, 5, 3, take), SQLITE_OK);
  assert_int_equal(shm_lock(a, 6, 1, share), SQLITE_BUSY);
  assert_int_equal(shm_lock(b, 5, 3, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE), SQLITE_OK);
  assert_int_equal(shm_lock(a, 6, 1, share), SQLITE_OK);
  file_close(a);
  assert_int_equal(shm_lock(b, 4, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED), SQLITE_OK);
  assert_int_equal(shm_lock(b, 0, 8, take), SQLITE_OK); /* closing let go of the others */
  file_close(b);
}

/* ---- processes that die ---- */

static unsigned char volatile *map(sqlite3_file *file) {
  void volatile *region;
  assert_int_equal(file->pMethods->xShmMap(file, 0, 32768, 1, &region), SQLITE_OK);
  return region;
}

static void a_killed_process_holds_no_locks_and_does_nothing(void **state) {
  (void)state;
  char byte;
  void volatile *region;
  sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
  int killed = new_process();
  sqlite3_file *a = file_create(path);
  int living = new_process();
  sqlite3_file *b = file_create(path);
  assert_int_equal(file_write(a, 'x', 10, 0), SQLITE_OK);
  assert_int_equal(lock(a, SQLITE_LOCK_SHARED), SQLITE_OK);
  assert_int_equal(lock(a, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
  disk_kill(disk, killed);
  assert_false(disk_alive(disk, killed));
  assert_int_equal(lock(b, SQLITE_LOCK_SHARED), SQLITE_OK);
  assert_int_equal(file_write(a, 'y', 10, 0), SQLITE_IOERR_WRITE);
  assert_int_equal(a->pMethods->xRead(a, &byte, 1, 0), SQLITE_IOERR_READ);
  assert_int_equal(a->pMethods->xShmMap(a, 0, 32768, 1, &region), SQLITE_IOERR_SHMMAP);
  assert_int_equal(b->pMethods->xRead(b, &byte, 1, 0), SQLITE_OK);
  assert_int_equal(byte, 'x');
  disk_enter(disk, killed);
  assert_int_equal(vfs->xDelete(vfs, path, 1), SQLITE_IOERR_DELETE);
  disk_enter(disk, living);
  file_close(a);
  assert_int_equal(lock(b, SQLITE_LOCK_EXCLUSIVE), SQLITE_OK);
  file_close(b);
}

static void what_a_killed_process_still_writes_to_shared_memory_nobody_sees(void **state) {
  (void)state;
  int killed = new_process();
  sqlite3_file *a = file_create(path);
  new_process();
  sqlite3_file *b = file_create(path);
  map(a)[0] = 1;
  assert_int_equal(map(b)[0], 1);
  unsigned char volatile *dead = map(a);
  disk_kill(disk, killed);
  dead[0] = 2;
  assert_int_equal(dead[0], 2);
  assert_int_equal(map(b)[0], 1);
  file_close(a);
  assert_int_equal(map(b)[0], 1);
  file_close(b);
}

static void shared_memory_goes_with_the_last_that_has_it(void **state) {
  (void)state;
  int first = new_process();
  sqlite3_file *a = file_create(path);
  map(a)[0] = 1;
  disk_kill(disk, first);
  new_process();
  sqlite3_file *b = file_create(path);
  assert_int_equal(map(b)[0], 0);
  map(b)[0] = 1;
  assert_int_equal(b->pMethods->xShmUnmap(b, 0), SQLITE_OK);
  assert_int_equal(map(b)[0], 0);
  file_close(a);
  file_close(b);
}

/* ---- faults ---- */

static void a_fault_strikes_once_or_for_ever(void **state) {
  (void)state;
  const unsigned writes = 1u << DISK_WRITE;
  new_process();
  sqlite3_file *file = file_create(path);
  disk_fault(disk, writes, 2, DISK_FAIL, false);
  assert_int_equal(file_write(file, 'a', 1, 0), SQLITE_OK);
  file_sync(file);
  assert_int_equal(file_write(file, 'b', 1, 0), SQLITE_IOERR_WRITE);
  assert_int_equal(errno, EIO);
  assert_int_equal(file_write(file, 'c', 1, 1), SQLITE_OK);
  assert_int_equal(disk_struck(disk), 1);
  disk_fault(disk, writes, 1, DISK_FULL, true);
  assert_int_equal(file_write(file, 'd', 1, 5), SQLITE_FULL);
  assert_int_equal(errno, ENOSPC);
  assert_int_equal(file_write(file, 'e', 1, 5), SQLITE_FULL);
  assert_int_equal(disk_struck(disk), 2);
  disk_fault(disk, writes, 0, DISK_GO, false);
  assert_int_equal(disk_count(disk, writes), 5);
  assert_int_equal(disk_count(disk, writes | 1u << DISK_OPEN), 6);
  size_t size;
  const char *bytes = disk_bytes(disk, path, &size);
  assert_int_equal(bytes[0], 'a');
  assert_int_equal(bytes[1], 'c');
  file_close(file);
}

static void a_fault_passes_by_what_it_cannot_befall(void **state) {
  (void)state;
  new_process();
  sqlite3_file *file = file_create(path);
  assert_int_equal(lock(file, SQLITE_LOCK_SHARED), SQLITE_OK);
  disk_fault(disk, DISK_ALL_OPS, 1, DISK_FAIL, false);
  unlock(file, SQLITE_LOCK_NONE);
  assert_int_equal(disk_struck(disk), 0);
  assert_int_equal(lock(file, SQLITE_LOCK_SHARED), SQLITE_IOERR_LOCK);
  disk_fault(disk, DISK_ALL_OPS, 1, DISK_FULL, false);
  file_sync(file);
  assert_int_equal(file->pMethods->xTruncate(file, 0), SQLITE_OK);
  assert_int_equal(file_write(file, 'a', 1, 0), SQLITE_FULL);
  file_close(file);
}

struct watcher {
  int process;
  enum disk_op op;
  bool cut;
};

static enum disk_verdict strike(void *arg, int process, enum disk_op op, const char *name, int us) {
  struct watcher *watcher = arg;
  assert_string_equal(name, path);
  assert_int_equal(us, 0);
  watcher->process = process;
  watcher->op = op;
  if (watcher->cut)
    disk_power_cut(disk, DISK_LOSE_ALL);
  return watcher->cut ? DISK_GO : DISK_DIE;
}

static void the_hook_may_kill_or_cut_the_power_within_an_operation(void **state) {
  (void)state;
  for (int cut = 0; cut < 2; cut++) {
    struct watcher watcher = {.cut = cut};
    int process = new_process();
    sqlite3_file *file = file_create(path);
    disk_watch(disk, strike, &watcher);
    assert_int_equal(file_write(file, 'a', 1, 0), SQLITE_IOERR_WRITE);
    assert_int_equal(watcher.process, process);
    assert_int_equal(watcher.op, DISK_WRITE);
    assert_false(disk_alive(disk, process));
    disk_watch(disk, NULL, NULL);
    file_close(file);
  }
}

/* ---- SQLite on it ---- */

static sqlite3 *db_open(const char *settings) {
  sqlite3 *h;
  assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
  assert_int_equal(sqlite3_exec(h, settings, NULL, NULL, NULL), SQLITE_OK);
  return h;
}

static void db_run(sqlite3 *h, const char *sql) {
  if (sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(h));
}

static int64_t db_number(sqlite3 *h, const char *sql) {
  sqlite3_stmt *s;
  int64_t n = -1;
  if (sqlite3_prepare_v2(h, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
    n = sqlite3_column_int64(s, 0);
  sqlite3_finalize(s);
  return n;
}

static bool db_is_whole(sqlite3 *h) {
  sqlite3_stmt *s;
  bool whole = false;
  if (sqlite3_prepare_v2(h, "PRAGMA integrity_check", -1, &s, NULL) == SQLITE_OK &&
      sqlite3_step(s) == SQLITE_ROW)
    whole = strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
  sqlite3_finalize(s);
  return whole;
}

static void processes_see_the_commits_of_each_other(void **state) {
  (void)state;
  int one = new_process();
  sqlite3 *a = db_open("PRAGMA journal_mode=WAL; CREATE TABLE t(n); PRAGMA busy_timeout=1000");
  int other = new_process();
  sqlite3 *b = db_open("PRAGMA busy_timeout=1000");
  disk_enter(disk, one);
  db_run(a, "BEGIN IMMEDIATE; INSERT INTO t VALUES(1)");
  disk_enter(disk, other);
  uint64_t sleeps = disk_count(disk, 1u << DISK_SLEEP);
  assert_int_equal(sqlite3_exec(b, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_BUSY);
  assert_true(disk_count(disk, 1u << DISK_SLEEP) > sleeps);
  assert_int_equal(db_number(b, "SELECT count(*) FROM t"), 0);
  disk_enter(disk, one);
  db_run(a, "COMMIT");
  disk_enter(disk, other);
  assert_int_equal(db_number(b, "SELECT count(*) FROM t"), 1);
  disk_kill(disk, one);
  db_run(b, "INSERT INTO t VALUES(2)");
  sqlite3_close(a);
  assert_int_equal(db_number(b, "SELECT count(*) FROM t"), 2);
  sqlite3_close(b);
}

/* A process dies at each operation of a commit in turn; another has the database open, or opens it
 * after. */
static void a_kill_within_a_commit_leaves_all_of_it_or_nothing(void **state) {
  (void)state;
  int64_t seen[2] = {0};
  for (uint64_t n = 1; n < 200; n++) {
    disk_reset(disk, n);
    int reader = new_process();
    sqlite3 *b = db_open("PRAGMA journal_mode=WAL; CREATE TABLE t(n)");
    int writer = new_process();
    sqlite3 *a = db_open("PRAGMA synchronous=NORMAL");
    disk_fault(disk, DISK_ALL_OPS, n, DISK_DIE, false);
    bool done = sqlite3_exec(a,
                             "BEGIN; INSERT INTO t VALUES(zeroblob(9000)); INSERT INTO t "
                             "VALUES(2); COMMIT",
                             NULL, NULL, NULL) == SQLITE_OK;
    bool died = !disk_alive(disk, writer);
    disk_fault(disk, 0, 0, DISK_GO, false);
    disk_enter(disk, reader);
    int64_t rows = db_number(b, "SELECT count(*) FROM t");
    if (rows != 2 && (rows != 0 || done))
      fail_msg("operation %d: %d rows, done %d: %s", (int)n, (int)rows, done, sqlite3_errmsg(b));
    seen[rows == 2]++;
    db_run(b, "INSERT INTO t VALUES(3)");
    assert_true(db_is_whole(b));
    assert_int_equal(db_number(b, "SELECT count(*) FROM t"), rows + 1);
    sqlite3_close(a);
    sqlite3_close(b);
    if (!died)
      break;
  }
  assert_true(seen[0] > 5 && seen[1] > 1);
}

/* Rows 1, 2, 3, ... with ballast, each a commit, and what the settings say in between, until the
 * power goes at an operation that the seed chooses. Then what is found. */
struct trial {
  const char *settings, *between;
  enum disk_loss loss;
};

struct found {
  int corrupt, lost, uneven; /* of the acknowledged; rows missing before the last one */
};

static int run_rows(const struct trial *trial, uint64_t seed) {
  int done = 0;
  new_process();
  sqlite3 *h = db_open("PRAGMA page_size=1024; PRAGMA cache_size=20");
  db_run(h, trial->settings);
  db_run(h, "CREATE TABLE t(n INTEGER PRIMARY KEY, b); CREATE INDEX i ON t(b)");
  disk_power_cut(disk, DISK_KEEP_ALL);
  sqlite3_close(h);
  new_process();
  h = db_open(trial->settings);
  disk_fault(disk, DISK_ALL_OPS, 20 + seed * 7919 % 2000, DISK_DIE, false);
  while (done < 1000 && sqlite3_exec(h, "INSERT INTO t(b) VALUES(hex(randomblob(900)))", NULL, NULL,
                                     NULL) == SQLITE_OK)
    if (++done % 10 == 0)
      (void)sqlite3_exec(h, trial->between, NULL, NULL, NULL);
  disk_power_cut(disk, trial->loss);
  sqlite3_close(h);
  return done;
}

static unsigned n_seeds(void) {
  return RUNNING_ON_VALGRIND ? SEEDS_FEW : SEEDS;
}

static struct found cut_often(const struct trial *trial) {
  struct found found = {0};
  for (uint64_t seed = 1; seed <= n_seeds(); seed++) {
    disk_reset(disk, seed);
    int done = run_rows(trial, seed);
    new_process();
    sqlite3 *h;
    assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
    if (!db_is_whole(h)) {
      found.corrupt++;
    } else {
      int64_t rows = db_number(h, "SELECT count(*) FROM t");
      found.lost += rows < done;
      found.uneven += rows != db_number(h, "SELECT ifnull(max(n), 0) FROM t");
    }
    sqlite3_close(h);
  }
  return found;
}

static const enum disk_loss losses[] = {DISK_KEEP_ALL, DISK_LOSE_ALL, DISK_LOSE_SUFFIX,
                                        DISK_LOSE_ANY, DISK_TEAR};
#define N_LOSSES (sizeof losses / sizeof losses[0])

static void careful_settings_lose_nothing_to_a_power_cut(void **state) {
  (void)state;
  static const char *const careful[] = {
      "PRAGMA journal_mode=DELETE; PRAGMA synchronous=EXTRA",
      "PRAGMA journal_mode=TRUNCATE; PRAGMA synchronous=FULL",
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=30",
  };
  for (size_t i = 0; i < sizeof careful / sizeof careful[0]; i++)
    for (size_t j = 0; j < N_LOSSES; j++) {
      struct found found =
          cut_often(&(struct trial){.settings = careful[i], .between = "", .loss = losses[j]});
      if (found.corrupt || found.lost || found.uneven)
        fail_msg("%s, loss %d: %d corrupt, %d lost rows, %d have gaps", careful[i], losses[j],
                 found.corrupt, found.lost, found.uneven);
    }
}

static void wal_with_normal_loses_the_last_commits_and_never_corrupts(void **state) {
  (void)state;
  int lost = 0;
  for (size_t j = 0; j < N_LOSSES; j++) {
    struct found found = cut_often(
        &(struct trial){.settings = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA "
                                    "wal_autocheckpoint=30",
                        .between = "",
                        .loss = losses[j]});
    assert_int_equal(found.corrupt, 0);
    assert_int_equal(found.uneven, 0);
    assert_true(losses[j] != DISK_KEEP_ALL || found.lost == 0);
    lost += found.lost;
  }
  assert_true(lost > (int)n_seeds());
}

/* The journal's deletion is not synced: it may come back, and takes the last commit back. */
static void a_deleted_journal_with_full_may_lose_the_last_commit_only(void **state) {
  (void)state;
  struct found found =
      cut_often(&(struct trial){.settings = "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL",
                                .between = "",
                                .loss = DISK_LOSE_ALL});
  assert_int_equal(found.corrupt, 0);
  assert_int_equal(found.uneven, 0);
  assert_true(found.lost > (int)n_seeds() / 2);
}

/* The rig can fail: without syncs the same cuts destroy databases. */
static void without_syncs_reordered_writes_corrupt(void **state) {
  (void)state;
  static const char *const careless[] = {
      "PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF",
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA wal_autocheckpoint=30",
  };
  for (size_t i = 0; i < sizeof careless / sizeof careless[0]; i++) {
    struct trial trial = {.settings = careless[i], .between = "", .loss = DISK_LOSE_ANY};
    assert_true(cut_often(&trial).corrupt > (int)n_seeds() / 10);
    trial.loss = DISK_TEAR;
    assert_true(cut_often(&trial).corrupt > (int)n_seeds() / 10);
    trial.loss = DISK_KEEP_ALL;
    assert_int_equal(cut_often(&trial).corrupt, 0);
  }
}

static void a_seed_decides_everything(void **state) {
  (void)state;
  const struct trial trial = {.settings = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
                              .between = "PRAGMA wal_checkpoint",
                              .loss = DISK_TEAR};
  unsigned char *kept = NULL;
  size_t size = 0, again;
  for (int run = 0; run < 3; run++) {
    disk_reset(disk, run < 2 ? 42 : 43);
    run_rows(&trial, 5);
    const void *bytes = disk_bytes(disk, path, &again);
    assert_non_null(bytes);
    if (run == 0) {
      size = again;
      kept = malloc(size);
      assert_non_null(kept);
      memcpy(kept, bytes, size);
    } else {
      bool same = again == size && memcmp(kept, bytes, size) == 0;
      assert_int_equal(same, run == 1);
    }
  }
  free(kept);
}

static int64_t clock_of_the_test(void *arg) {
  return *(int64_t *)arg;
}

static void the_clock_can_be_set(void **state) {
  (void)state;
  int64_t now_ms = 1700000000000;
  disk_clock(disk, clock_of_the_test, &now_ms);
  new_process();
  sqlite3 *h = db_open("");
  assert_int_equal(db_number(h, "SELECT unixepoch('now')"), 1700000000);
  assert_int_equal(db_number(h, "SELECT julianday('now') * 10"), 24602634);
  sqlite3_close(h);
}

static void a_file_can_be_put_there(void **state) {
  (void)state;
  size_t size;
  new_process();
  sqlite3 *h = db_open("CREATE TABLE t(n); INSERT INTO t VALUES(5)");
  sqlite3_close(h);
  const void *bytes = disk_bytes(disk, path, &size);
  void *copy = malloc(size);
  assert_non_null(copy);
  memcpy(copy, bytes, size);
  disk_reset(disk, 2);
  assert_null(disk_bytes(disk, path, &size));
  disk_put(disk, path, copy, 8192);
  free(copy);
  disk_power_cut(disk, DISK_LOSE_ALL);
  new_process();
  h = db_open("");
  assert_int_equal(db_number(h, "SELECT n FROM t"), 5);
  sqlite3_close(h);
}

int main(void) {
  const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, begin_anew)
      TEST(a_power_cut_loses_unsynced_writes_in_the_way_asked_for),
      TEST(only_a_torn_write_is_there_in_part),
      TEST(a_power_cut_takes_growth_and_truncation_back),
      TEST(a_new_file_is_lost_until_its_first_sync),
      TEST(a_deleted_file_may_come_back_until_its_folder_is_synced),
      TEST(a_log_that_is_made_anew_syncs_its_folder),
      TEST(the_real_file_shows_the_size),
      TEST(a_file_has_all_the_names_that_the_real_one_has),
      TEST(locks_hold_between_processes_and_within_one),
      TEST(locks_of_the_wal_index_are_shared_or_exclusive),
      TEST(a_killed_process_holds_no_locks_and_does_nothing),
      TEST(what_a_killed_process_still_writes_to_shared_memory_nobody_sees),
      TEST(shared_memory_goes_with_the_last_that_has_it),
      TEST(a_fault_strikes_once_or_for_ever),
      TEST(a_fault_passes_by_what_it_cannot_befall),
      TEST(the_hook_may_kill_or_cut_the_power_within_an_operation),
      TEST(processes_see_the_commits_of_each_other),
      TEST(a_kill_within_a_commit_leaves_all_of_it_or_nothing),
      TEST(careful_settings_lose_nothing_to_a_power_cut),
      TEST(wal_with_normal_loses_the_last_commits_and_never_corrupts),
      TEST(a_deleted_journal_with_full_may_lose_the_last_commit_only),
      TEST(without_syncs_reordered_writes_corrupt),
      TEST(a_seed_decides_everything),
      TEST(the_clock_can_be_set),
      TEST(a_file_can_be_put_there),
#undef TEST
  };
  return cmocka_run_group_tests_name("disk", tests, set_up, tear_down);
}
