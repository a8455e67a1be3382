/* Two bugs of SQLite lose committed rows, and distributions mend them or not without a change of
 * the version number. So both are tried out: the order of events that loses rows is brought about
 * on small databases in a private folder, with plain connections and with galley's guards. */
#include "sqlite_db.h"
#include "sqlite_race.h"
#include "sqlite_vfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE 512

struct trial {
  struct sqlite_db *db; /* for its error */
  char dir[PATH_SIZE - 16];
  char path[PATH_SIZE];
  sqlite3 *writer;
  sqlite3 *checkpointer;
  sqlite3 *locker;
  bool entered; /* the gap was met */
};

static enum galley_rc fail(struct trial *trial, sqlite3 *h, int code, const char *doing) {
  return error_set(trial->db->base.error, GALLEY_IO, "the self-test in %s: %s: %s", trial->dir,
                   doing, h ? sqlite3_errmsg(h) : sqlite3_errstr(code));
}

static enum galley_rc run(struct trial *trial, sqlite3 *h, const char *sql) {
  int code = sqlite3_exec(h, sql, NULL, NULL, NULL);
  return code == SQLITE_OK ? GALLEY_OK : fail(trial, h, code, sql);
}

static enum galley_rc number(struct trial *trial, sqlite3 *h, const char *sql, int *out) {
  char text[64];
  if (sqlite_engine_pragma_text(h, sql, text, sizeof text) != GALLEY_OK)
    return fail(trial, h, sqlite3_errcode(h), sql);
  *out = (int)strtol(text, NULL, 10);
  return GALLEY_OK;
}

/* Nothing here has to survive the machine, so nothing waits for the disk. */
static enum galley_rc connect(struct trial *trial, bool guarded, sqlite3 **h) {
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  int code = guarded ? sqlite_vfs_open(trial->path, flags, h)
                     : sqlite3_open_v2(trial->path, h, flags | SQLITE_OPEN_NOMUTEX, NULL);
  if (code != SQLITE_OK)
    return fail(trial, *h, code, "opening");
  return run(trial, *h,
             "PRAGMA synchronous=OFF; PRAGMA page_size=4096; PRAGMA journal_mode=WAL;"
             "PRAGMA wal_autocheckpoint=0; PRAGMA temp_store=MEMORY");
}

static void disconnect(struct trial *trial) {
  sqlite3_close(trial->locker);
  sqlite3_close(trial->checkpointer);
  sqlite3_close(trial->writer);
  trial->locker = trial->checkpointer = trial->writer = NULL;
}

static void remove_files(const struct trial *trial) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
  for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
    char name[PATH_SIZE + 16];
    snprintf(name, sizeof name, "%s%s", trial->path, suffixes[i]);
    unlink(name);
  }
}

/* ---- a reset of the log inside a checkpoint ---- */

static enum galley_rc checkpoint(struct trial *trial) {
  int code =
      sqlite3_wal_checkpoint_v2(trial->checkpointer, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  return code == SQLITE_OK ? GALLEY_OK : fail(trial, trial->checkpointer, code, "checkpoint");
}

/* A commit by another process. Where the write lock is taken it is refused, and nothing was
 * acknowledged that could be lost. */
static void commit_in_gap(void *arg) {
  struct trial *trial = arg;
  sqlite3_exec(trial->writer, "UPDATE t SET v = zeroblob(1501) WHERE id = 1", NULL, NULL, NULL);
}

static enum galley_rc raced_checkpoint(struct trial *trial) {
  struct sqlite_race race = {.in_gap = commit_in_gap, .arg = trial};
  int code = sqlite_race_arm(&race, trial->checkpointer);
  if (code == SQLITE_NOTFOUND)
    return GALLEY_OK; /* not entered */
  if (code != SQLITE_OK)
    return fail(trial, trial->checkpointer, code, "looking for the file");
  enum galley_rc rc = checkpoint(trial);
  sqlite_race_disarm(&race);
  trial->entered = race.entered;
  return rc;
}

/* The second checkpoint leaves a log of some ten frames, all checkpointed, so that the next commit
 * begins it anew with one frame. The third finds nothing to do, but believes what it read before.
 */
static enum galley_rc reset_in_checkpoint(struct trial *trial, bool locked) {
  enum galley_rc rc =
      run(trial, trial->writer,
          "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB);"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)"
          " INSERT INTO t SELECT i, zeroblob(1500) FROM n");
  if (rc == GALLEY_OK)
    rc = checkpoint(trial);
  if (rc == GALLEY_OK)
    rc = run(trial, trial->writer, "UPDATE t SET v = zeroblob(1499)");
  if (rc == GALLEY_OK)
    rc = checkpoint(trial);
  if (rc == GALLEY_OK && locked)
    rc = run(trial, trial->locker, "BEGIN IMMEDIATE");
  if (rc == GALLEY_OK)
    rc = raced_checkpoint(trial);
  if (rc == GALLEY_OK && locked)
    rc = run(trial, trial->locker, "ROLLBACK");
  return rc == GALLEY_OK ? run(trial, trial->writer, "INSERT INTO t VALUES(1000, 'acknowledged')")
                         : rc;
}

/* What stands against it: each one alone must do. */
enum guard {
  GUARD_NONE,
  GUARD_WRITER,       /* the connection that writes is galley's */
  GUARD_CHECKPOINTER, /* the one that checkpoints is */
  GUARD_LOCK          /* the checkpoint runs under the write lock */
};

/* *lost: whether the last committed row is gone after all connections were closed. */
static enum galley_rc try_reset(struct trial *trial, enum guard guard, bool *lost) {
  int found = 0;
  enum galley_rc rc = connect(trial, guard == GUARD_WRITER, &trial->writer);
  if (rc == GALLEY_OK)
    rc = connect(trial, guard == GUARD_CHECKPOINTER, &trial->checkpointer);
  if (rc == GALLEY_OK)
    rc = connect(trial, false, &trial->locker);
  if (rc == GALLEY_OK)
    rc = reset_in_checkpoint(trial, guard == GUARD_LOCK);
  disconnect(trial);
  if (rc == GALLEY_OK)
    rc = connect(trial, false, &trial->writer);
  if (rc == GALLEY_OK)
    rc = number(trial, trial->writer, "SELECT count(*) FROM t WHERE id = 1000", &found);
  *lost = found != 1;
  disconnect(trial);
  remove_files(trial);
  return rc;
}

/* ---- frames without checksums ---- */

/* Pages that do not fit into the cache are written to the log early, one of them twice, some
 * hundred frames in. Then they are taken back, as a failing statement would, and two commits
 * follow. */
static enum galley_rc fail_and_commit(struct trial *trial) {
  enum galley_rc rc =
      run(trial, trial->writer,
          "PRAGMA cache_size=5;"
          "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB);"
          "CREATE TABLE more(id INTEGER PRIMARY KEY, v BLOB);"
          "BEGIN IMMEDIATE; SAVEPOINT large;"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100)"
          " INSERT INTO t SELECT i, zeroblob(3000) FROM n;"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)"
          " INSERT INTO more SELECT i, zeroblob(3000) FROM n;"
          "UPDATE t SET v = zeroblob(2999) WHERE id = 100;"
          "WITH RECURSIVE n(i) AS (SELECT 21 UNION ALL SELECT i + 1 FROM n WHERE i < 40)"
          " INSERT INTO more SELECT i, zeroblob(3000) FROM n;"
          "ROLLBACK TO large; RELEASE large;"
          "INSERT INTO t VALUES(1000, 'acknowledged'); COMMIT");
  return rc == GALLEY_OK ? run(trial, trial->writer, "INSERT INTO t VALUES(1001, 'acknowledged')")
                         : rc;
}

/* A close without a checkpoint leaves the files as a killed process does: the next to open them
 * recovers the log. */
static enum galley_rc try_recovery(struct trial *trial, bool guarded, bool *lost) {
  int found = 0;
  enum galley_rc rc = connect(trial, guarded, &trial->writer);
  if (rc == GALLEY_OK && guarded)
    rc = run(trial, trial->writer, "PRAGMA cache_spill=OFF");
  if (rc == GALLEY_OK)
    rc = fail_and_commit(trial);
  sqlite3_db_config(trial->writer, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  disconnect(trial);
  if (rc == GALLEY_OK)
    rc = connect(trial, false, &trial->writer);
  if (rc == GALLEY_OK)
    rc = number(trial, trial->writer, "SELECT count(*) FROM t WHERE id >= 1000", &found);
  *lost = found != 2;
  disconnect(trial);
  remove_files(trial);
  return rc;
}

/* ---- all of it ---- */

static enum galley_rc try_all(struct trial *trial, struct galley_selftest *result) {
  enum galley_rc rc = try_reset(trial, GUARD_NONE, &result->reset_loses);
  result->reset_tried = trial->entered;
  result->reset_guarded = true;
  for (enum guard guard = GUARD_WRITER; rc == GALLEY_OK && guard <= GUARD_LOCK; guard++) {
    bool lost = false;
    rc = try_reset(trial, guard, &lost);
    result->reset_guarded = result->reset_guarded && !lost;
  }
  bool spill_lost = false;
  if (rc == GALLEY_OK)
    rc = try_recovery(trial, false, &result->recovery_loses);
  if (rc == GALLEY_OK)
    rc = try_recovery(trial, true, &spill_lost);
  result->recovery_guarded = !spill_lost;
  return rc;
}

/* Where no trial can be made: 3.7.0 to 3.51.2, but for what was mended in older lines. */
static bool reset_loses_by_version(int version) {
  return version < 3051003 && version != 3044006 && version != 3050007;
}

enum galley_rc sqlite_selftest_run(struct db *base, struct galley_selftest *result) {
  struct trial trial = {.db = sqlite_db_of(base)};
  const char *tmp = getenv("TMPDIR");
  *result = (struct galley_selftest){.version = sqlite3_libversion()};
  int n = snprintf(trial.dir, sizeof trial.dir, "%s/galley-XXXXXX", tmp && *tmp ? tmp : "/tmp");
  if (n < 0 || (size_t)n >= sizeof trial.dir || !mkdtemp(trial.dir))
    return error_set(base->error, GALLEY_CANNOT_CREATE,
                     "no folder for the self-test can be made in %s: %s",
                     tmp && *tmp ? tmp : "/tmp", strerror(errno));
  snprintf(trial.path, sizeof trial.path, "%s/db", trial.dir);
  enum galley_rc rc = try_all(&trial, result);
  if (!result->reset_tried)
    result->reset_loses = reset_loses_by_version(sqlite3_libversion_number());
  rmdir(trial.dir);
  return rc;
}
