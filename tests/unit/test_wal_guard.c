/* The two bugs of older SQLite that lose committed rows: that plain connections meet them, and that
 * galley's do not. The orders of events are brought about one by one; only the last two tests let
 * processes run into each other as they may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "handle.h"
#include "sqlite_db.h"
#include "sqlite_race.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOG_FRAMES_MIN    10   /* of the log that a commit in the gap replaces with a shorter one */
#define STRESS_MS         5000 /* an unguarded queue breaks in 0.3 to 2.3 seconds */
#define STRESS_WRITERS    2
#define STRESS_HELPERS    2
#define SHELL_CHECKPOINTS 2000 /* of one shell */

/* ---- plain connections ---- */

static void run(sqlite3 *h, const char *sql) {
  if (sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(h));
}

static sqlite3 *plain_open(const char *path) {
  sqlite3 *h;
  assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
  sqlite3_wal_autocheckpoint(h, 0);
  run(h, "SELECT count(*) FROM jobs"); /* until it reads it does not know that there is a log */
  return h;
}

static int64_t ask(sqlite3 *h, const char *sql) {
  char text[64];
  if (sqlite_engine_pragma_text(h, sql, text, sizeof text) != GALLEY_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(h));
  return strtoll(text, NULL, 10);
}

/* Checkpoints all; returns the frames of the log, all of them checkpointed now. */
static int checkpoint_all(sqlite3 *h) {
  int log = -1, done = -1;
  assert_int_equal(sqlite3_wal_checkpoint_v2(h, "main", SQLITE_CHECKPOINT_PASSIVE, &log, &done),
                   SQLITE_OK);
  assert_int_equal(log, done);
  return log;
}

struct gap {
  void (*commit)(struct gap *gap);
  sqlite3 *h;
  struct galley *q;
  int code; /* of SQLite */
  enum galley_rc rc;
};

static void in_gap(void *arg) {
  struct gap *gap = arg;
  gap->commit(gap);
}

static void commit_plainly(struct gap *gap) {
  gap->code = sqlite3_exec(gap->h, "INSERT INTO jobs(kind) VALUES('gap')", NULL, NULL, NULL);
}

static void commit_by_galley(struct gap *gap) {
  const struct galley_spec spec = {.kind = "gap"};
  int64_t id;
  gap->rc = galley_enqueue(gap->q, &spec, &id, NULL);
}

/* Runs a checkpoint with the commit in its gap; false where this SQLite has no such gap. */
static bool raced(sqlite3 *checkpointer, void (*checkpoint)(void *), void *arg, struct gap *gap) {
  struct sqlite_race race = {.in_gap = in_gap, .arg = gap};
  int code = sqlite_race_arm(&race, checkpointer);
  if (code == SQLITE_NOTFOUND)
    return false;
  assert_int_equal(code, SQLITE_OK);
  checkpoint(arg);
  sqlite_race_disarm(&race);
  assert_true(race.entered);
  return true;
}

static void checkpoint_plainly(void *h) {
  sqlite3_wal_checkpoint_v2(h, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
}

static void checkpoint_by_galley(void *q) {
  fixture_ok(q, galley_checkpoint(q, NULL));
}

static struct galley_selftest selftest(struct fixture *f) {
  struct galley_selftest result;
  fixture_ok(f->q, galley_selftest(f->q, &result));
  return result;
}

static void enqueue(struct galley *q, const char *kind, int n) {
  const struct galley_spec spec = {.kind = kind};
  for (int i = 0; i < n; i++) {
    int64_t id;
    fixture_ok(q, galley_enqueue(q, &spec, &id, NULL));
  }
}

static void close_handle(struct fixture *f) {
  galley_close(f->q);
  f->q = NULL;
}

static void assert_sound(struct fixture *f) {
  char *text = fixture_text(f, "PRAGMA integrity_check");
  assert_string_equal(text, "ok");
  free(text);
}

/* What a race needs: a log all of which is checkpointed, so that the next commit begins it anew,
 * and that is longer than what comes then. */
static void prepare_log(struct fixture *f, sqlite3 *checkpointer) {
  checkpoint_all(checkpointer);
  enqueue(f->q, "fill", 20);
  assert_true(checkpoint_all(checkpointer) >= LOG_FRAMES_MIN);
}

/* ---- the reset of the log inside a checkpoint ---- */

static void plain_connections_lose_rows_exactly_when_the_self_test_says_so(void **state) {
  struct fixture *f = *state;
  struct galley_selftest told = selftest(f);
  sqlite3 *writer = plain_open(f->path), *checkpointer = plain_open(f->path);
  struct gap gap = {.commit = commit_plainly, .h = writer};
  prepare_log(f, checkpointer);
  if (!raced(checkpointer, checkpoint_plainly, checkpointer, &gap)) {
    assert_false(told.reset_tried);
    sqlite3_close(checkpointer);
    sqlite3_close(writer);
    skip();
  }
  assert_int_equal(gap.code, SQLITE_OK);
  run(writer, "INSERT INTO jobs(kind) VALUES('after')");
  close_handle(f);
  sqlite3_close(writer);
  sqlite3_close(checkpointer); /* the last: puts what it believes to be the log into the database */
  bool lost = fixture_number(f, "SELECT count(*) FROM jobs WHERE kind IN ('gap', 'after')") != 2;
  assert_true(told.reset_tried);
  assert_int_equal(lost, told.reset_loses);
}

static void commits_of_galley_survive_a_foreign_checkpoint(void **state) {
  struct fixture *f = *state;
  sqlite3 *checkpointer = plain_open(f->path);
  struct gap gap = {.commit = commit_by_galley, .q = f->q};
  struct galley_wal before, after;
  prepare_log(f, checkpointer);
  fixture_ok(f->q, galley_wal_status(f->q, &before));
  bool entered = raced(checkpointer, checkpoint_plainly, checkpointer, &gap);
  fixture_ok(f->q, galley_wal_status(f->q, &after));
  enqueue(f->q, "after", 3);
  close_handle(f);
  sqlite3_close(checkpointer);
  if (!entered)
    skip();
  assert_int_equal(gap.rc, GALLEY_OK);
  assert_true(after.frames > before.frames); /* appended, whatever this SQLite would have borne */
  assert_int_equal(after.checkpointed, before.checkpointed);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs WHERE kind IN ('gap', 'after')"),
                   4);
  assert_sound(f);
}

static void nobody_commits_inside_a_checkpoint_of_galley(void **state) {
  struct fixture *f = *state;
  sqlite3 *writer = plain_open(f->path);
  struct gap gap = {.commit = commit_plainly, .h = writer};
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  enqueue(f->q, "fill", 20);
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  bool entered = raced(sqlite_db_of(f->q->db)->checkpointer, checkpoint_by_galley, f->q, &gap);
  run(writer, "INSERT INTO jobs(kind) VALUES('after')");
  close_handle(f);
  sqlite3_close(writer);
  if (!entered)
    skip();
  assert_int_equal(gap.code, SQLITE_BUSY);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs WHERE kind = 'after'"), 1);
  assert_sound(f);
}

static void checkpoint_beside_writers(void *q) {
  enum galley_rc rc = sqlite_checkpoint_ahead(sqlite_db_of(((struct galley *)q)->db));
  assert_int_equal(rc, GALLEY_OK);
}

/* The part of a checkpoint that others may write beside, which another process has just made
 * superfluous: a foreign commit begins the log anew in its gap. */
static void a_foreign_reset_inside_a_checkpoint_of_galley_costs_nothing(void **state) {
  struct fixture *f = *state;
  sqlite3 *writer = plain_open(f->path);
  struct gap gap = {.commit = commit_plainly, .h = writer};
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  prepare_log(f, writer);
  sqlite3 *checkpointer = sqlite_db_of(f->q->db)->checkpointer;
  bool entered = raced(checkpointer, checkpoint_plainly, checkpointer, &gap);
  run(writer, "INSERT INTO jobs(kind) VALUES('after')");
  close_handle(f);
  sqlite3_close(writer);
  if (!entered)
    skip();
  assert_int_equal(gap.code, SQLITE_OK);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs WHERE kind IN ('gap', 'after')"),
                   2);
  assert_sound(f);
}

static void a_checkpoint_beside_writers_copies_and_keeps_the_log(void **state) {
  struct fixture *f = *state;
  struct galley_wal before, after;
  enqueue(f->q, "fill", 100);
  fixture_ok(f->q, galley_checkpoint(f->q, NULL)); /* opens the connection for it */
  enqueue(f->q, "fill", 100);
  fixture_ok(f->q, galley_wal_status(f->q, &before));
  assert_true(before.frames > before.checkpointed);
  fixture_ok(f->q, galley_begin(f->q)); /* others may write meanwhile, and may hold the lock */
  checkpoint_beside_writers(f->q);
  galley_rollback(f->q);
  fixture_ok(f->q, galley_wal_status(f->q, &after));
  assert_int_equal(after.frames, before.frames);
  assert_int_equal(after.checkpointed, before.frames);
}

/* Else the log would grow for ever. */
static void log_begins_anew_after_a_whole_checkpoint(void **state) {
  struct fixture *f = *state;
  struct galley_wal full, anew;
  for (int i = 0; i < 3; i++) {
    enqueue(f->q, "fill", 20);
    fixture_ok(f->q, galley_checkpoint(f->q, &full));
    assert_true(full.frames >= LOG_FRAMES_MIN);
    assert_int_equal(full.frames, full.checkpointed);
    enqueue(f->q, "fill", 1);
    fixture_ok(f->q, galley_wal_status(f->q, &anew));
    assert_true(anew.frames < LOG_FRAMES_MIN);
    assert_int_equal(anew.checkpointed, 0);
  }
}

/* The lock that a reset takes is given back, or no checkpoint would ever run again. */
/* A job that was waited for does not wait for the disk. */
static void a_claim_leaves_the_checkpoint_to_its_settlement(void **state) {
  static const char *const kinds[] = {"ring"};
  struct fixture *f = *state;
  struct galley *worker = fixture_open(f, 0);
  struct galley_job *job;
  struct galley_wal wal;
  struct galley_turn turn = {
      .kinds = kinds, .n_kinds = 1, .max_jobs = 1, .lease_ms = 60000, .jobs = &job};
  fixture_ok(worker, galley_worker_join(worker, "[\"ring\"]", 1, &turn.worker_id));
  fixture_ok(worker, galley_checkpoint(worker, NULL));
  do {
    enqueue(f->q, "ring", 1);
    fixture_ok(f->q, galley_wal_status(f->q, &wal));
  } while (wal.frames < 700 || wal.checkpointed > 0); /* 600 are enough for a worker */
  fixture_ok(worker, galley_turn(worker, &turn));
  assert_int_equal(turn.n_jobs, 1);
  fixture_ok(f->q, galley_wal_status(f->q, &wal));
  assert_int_equal(wal.checkpointed, 0);
  struct galley_settlement done = {.job_id = job->id, .fence = job->fence, .outcome = GALLEY_DONE};
  turn.settlements = &done;
  turn.n_settlements = 1;
  galley_free(job);
  fixture_ok(worker, galley_turn(worker, &turn));
  fixture_ok(f->q, galley_wal_status(f->q, &wal));
  assert_int_equal(wal.checkpointed, wal.frames);
  galley_free(job);
  galley_close(worker);
}

static void foreign_checkpoints_go_on_after_a_reset(void **state) {
  struct fixture *f = *state;
  sqlite3 *checkpointer = plain_open(f->path);
  for (int i = 0; i < 3; i++) {
    enqueue(f->q, "fill", 2);
    assert_true(checkpoint_all(checkpointer) > 0);
  }
  assert_int_equal(ask(checkpointer, "PRAGMA wal_checkpoint(TRUNCATE)"), 0);
  sqlite3_close(checkpointer);
}

static void checkpoint_of_a_reader_is_refused(void **state) {
  struct fixture *f = *state;
  struct galley *reader = fixture_open(f, GALLEY_OPEN_READONLY);
  fixture_fails(reader, galley_checkpoint(reader, NULL), GALLEY_DENIED, "reading only");
  galley_close(reader);
}

/* ---- a log that a foreign program has damaged ---- */

/* As that bug leaves it: more frames marked as checkpointed than there are. */
static void damage(sqlite3 *h) {
  sqlite3_file *file;
  void volatile *map;
  assert_int_equal(sqlite3_file_control(h, "main", SQLITE_FCNTL_FILE_POINTER, &file), SQLITE_OK);
  assert_int_equal(file->pMethods->xShmMap(file, 0, 32768, 0, &map), SQLITE_OK);
  volatile uint32_t *words = map;
  words[24] = words[4] + 1;
}

static void damaged_log_stops_checkpoints_writes_and_turns(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "late"};
  static const char *const kinds[] = {"fill"};
  struct galley_job *job = NULL;
  struct galley *other = fixture_open(f, 0), *third = fixture_open(f, 0);
  int64_t id, worker_id;
  fixture_ok(other, galley_worker_join(other, "[]", 1, &worker_id));
  enqueue(f->q, "fill", 3);
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  enqueue(f->q, "fill", 1);
  damage(sqlite_db_of(f->q->db)->h);
  fixture_fails(f->q, galley_checkpoint(f->q, NULL), GALLEY_CORRUPT,
                "another program's checkpoint");
  fixture_fails(third, galley_enqueue(third, &spec, &id, NULL), GALLEY_CORRUPT, "SIGKILL");
  struct galley_turn turn = {.worker_id = worker_id,
                             .kinds = kinds,
                             .n_kinds = 1,
                             .max_jobs = 1,
                             .lease_ms = 1000,
                             .jobs = &job};
  fixture_fails(other, galley_turn(other, &turn), GALLEY_CORRUPT, "damaged the log");
  assert_int_equal(galley_rc_class(GALLEY_CORRUPT), GALLEY_CLASS_STOP);
  galley_close(third);
  galley_close(other);
  close_handle(f);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs WHERE kind = 'late'"), 0);
}

/* `told`: the handle has met the damage before it closes. The log is long enough to be checkpointed
 * at a close, which would lose the rows that are in it alone. */
static void close_and_look(struct fixture *f, bool told) {
  enqueue(f->q, "fill", 200);
  damage(sqlite_db_of(f->q->db)->h);
  if (told)
    fixture_fails(f->q, galley_checkpoint(f->q, NULL), GALLEY_CORRUPT, "");
  close_handle(f);
  f->q = fixture_open(f, 0);
  enqueue(f->q, "fill", 1);
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  close_handle(f);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs"), 201);
  assert_sound(f);
}

static void close_after_damage_was_met_keeps_every_row(void **state) {
  close_and_look(*state, true);
}

static void close_before_damage_was_met_keeps_every_row(void **state) {
  close_and_look(*state, false);
}

static void close_by_a_plain_connection_makes_the_loss_final(void **state) {
  struct fixture *f = *state;
  sqlite3 *h = plain_open(f->path);
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  enqueue(f->q, "fill", 3);
  damage(h);
  close_handle(f);
  sqlite3_close(h);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs"), 0);
}

/* ---- frames without checksums ---- */

/* A statement that does not fit into the cache and fails at its last row, as a large enqueue that
 * meets a key; then two commits. */
static void fail_then_commit(sqlite3 *h) {
  run(h, "CREATE TABLE a(id INTEGER PRIMARY KEY, k INTEGER UNIQUE, v BLOB);"
         "PRAGMA cache_size=5; BEGIN IMMEDIATE");
  int code = sqlite3_exec(h,
                          "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
                          " INSERT INTO a SELECT i, CASE i WHEN 3000 THEN 1 ELSE i END,"
                          " zeroblob(400) FROM n",
                          NULL, NULL, NULL);
  assert_int_equal(code & 0xff, SQLITE_CONSTRAINT);
  run(h, "INSERT INTO jobs(kind) VALUES('kept'); COMMIT");
  run(h, "INSERT INTO jobs(kind) VALUES('kept')");
}

/* What a process that is killed leaves, and the first that comes after it finds. */
static int64_t kept_after_kill(struct fixture *f, sqlite3 *h) {
  sqlite3_db_config(h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  sqlite3_close(h);
  return fixture_number(f, "SELECT count(*) FROM jobs WHERE kind = 'kept'");
}

static void plain_connection_loses_commits_exactly_when_the_self_test_says_so(void **state) {
  struct fixture *f = *state;
  struct galley_selftest told = selftest(f);
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  close_handle(f);
  sqlite3 *h = plain_open(f->path);
  fail_then_commit(h);
  assert_int_equal(kept_after_kill(f, h) != 2, told.recovery_loses);
}

static void failed_statement_of_galley_costs_no_later_commit(void **state) {
  struct fixture *f = *state;
  fail_then_commit(sqlite_db_of(f->q->db)->h);
  close_handle(f); /* a short log: without a checkpoint */
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs WHERE kind = 'kept'"), 2);
  assert_sound(f);
}

/* Shows that it is cache_spill which saves it. */
static void handle_that_spills_loses_commits_where_plain_connections_do(void **state) {
  struct fixture *f = *state;
  struct galley_selftest told = selftest(f);
  run(sqlite_db_of(f->q->db)->h, "PRAGMA cache_spill=ON");
  fail_then_commit(sqlite_db_of(f->q->db)->h);
  close_handle(f);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs WHERE kind = 'kept'") != 2,
                   told.recovery_loses);
}

static void failed_call_dooms_its_whole_transaction(void **state) {
  struct fixture *f = *state;
  const struct galley_spec good = {.kind = "good"}, bad = {.kind = "bad kind"};
  int64_t id;
  fixture_ok(f->q, galley_begin(f->q));
  fixture_ok(f->q, galley_enqueue(f->q, &good, &id, NULL));
  fixture_fails(f->q, galley_enqueue(f->q, &bad, &id, NULL), GALLEY_INVALID, "kind");
  fixture_fails(f->q, galley_enqueue(f->q, &good, &id, NULL), GALLEY_INVALID, "kind");
  assert_int_equal(galley_commit(f->q), GALLEY_INVALID);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs"), 0);
}

/* ---- the self-test ---- */

static void self_test_tells_the_library_and_that_the_guards_hold(void **state) {
  struct fixture *f = *state;
  struct galley_selftest told = selftest(f);
  assert_string_equal(told.version, sqlite3_libversion());
  assert_true(told.reset_guarded);
  assert_true(told.recovery_guarded);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs"), 0);
}

static void self_test_leaves_no_files(void **state) {
  struct fixture *f = *state;
  char folder[sizeof f->dir + 8], *old = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
  snprintf(folder, sizeof folder, "%s/tmp", f->dir);
  assert_int_equal(mkdir(folder, 0700), 0);
  setenv("TMPDIR", folder, 1);
  selftest(f);
  assert_int_equal(rmdir(folder), 0); /* empty */
  struct galley_selftest result;
  fixture_fails(f->q, galley_selftest(f->q, &result), GALLEY_CANNOT_CREATE, folder);
  if (old)
    setenv("TMPDIR", old, 1);
  else
    unsetenv("TMPDIR");
  free(old);
}

static void self_test_runs_inside_a_transaction(void **state) {
  struct fixture *f = *state;
  fixture_ok(f->q, galley_begin(f->q));
  enqueue(f->q, "inside", 1);
  selftest(f);
  fixture_ok(f->q, galley_commit(f->q));
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs"), 1);
}

/* ---- processes that run into each other ---- */

struct shared {
  int64_t acknowledged[STRESS_WRITERS];
  int64_t checkpoints;
  int64_t deadline_ms;
};

static int64_t mono_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void pause_us(long us) {
  const struct timespec t = {.tv_nsec = us * 1000};
  nanosleep(&t, NULL);
}

/* At about 1 kHz, where races are most frequent. A write that is refused was not acknowledged. */
static int be_writer(const char *path, struct shared *shared, int n) {
  struct galley *q;
  const char *const kinds[STRESS_WRITERS] = {"w0", "w1"};
  const struct galley_spec spec = {.kind = kinds[n]};
  enum galley_rc rc = galley_open(&q, path, NULL);
  while (rc == GALLEY_OK && mono_ms() < shared->deadline_ms) {
    int64_t id;
    rc = galley_enqueue(q, &spec, &id, NULL);
    if (rc == GALLEY_OK)
      shared->acknowledged[n]++;
    else if (rc == GALLEY_BUSY)
      rc = GALLEY_OK;
    pause_us(500);
  }
  if (rc != GALLEY_OK)
    fprintf(stderr, "# writer: %s\n", galley_errmsg(q));
  galley_close(q);
  return rc == GALLEY_OK ? 0 : 1;
}

static int be_checkpointer(const char *path, struct shared *shared, int n) {
  struct galley *q;
  (void)n;
  enum galley_rc rc = galley_open(&q, path, NULL);
  while (rc == GALLEY_OK && mono_ms() < shared->deadline_ms) {
    rc = galley_checkpoint(q, NULL);
    if (rc == GALLEY_OK)
      __atomic_add_fetch(&shared->checkpoints, 1, __ATOMIC_RELAXED);
    else if (rc == GALLEY_BUSY)
      rc = GALLEY_OK;
    pause_us(50);
  }
  if (rc != GALLEY_OK)
    fprintf(stderr, "# checkpointer: %s\n", galley_errmsg(q));
  galley_close(q);
  return rc == GALLEY_OK ? 0 : 1;
}

static void feed_shell(const char *path, int n) {
  char script[160], output[160];
  snprintf(script, sizeof script, "%s.script", path);
  snprintf(output, sizeof output, "%s.shell%d", path, n);
  if (freopen(script, "r", stdin) && freopen(output, "w", stdout) && dup2(1, 2) == 2)
    execlp("sqlite3", "sqlite3", path, (char *)NULL);
  _exit(127);
}

/* Stock shells, one after the other; the last is killed with this process. */
static int be_shells(const char *path, struct shared *shared, int n) {
  int status;
  while (mono_ms() < shared->deadline_ms) {
    pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      feed_shell(path, n);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
      return 1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) /* 1: it met a lock as it began */
      __atomic_add_fetch(&shared->checkpoints, 1, __ATOMIC_RELAXED);
  }
  return 0;
}

typedef int role_fn(const char *path, struct shared *shared, int n);

/* It ends with the test, whatever becomes of that. */
static pid_t start(role_fn *role, struct fixture *f, struct shared *shared, int n) {
  fflush(NULL);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(role(f->path, shared, n));
  }
  return pid;
}

static bool ended_well(pid_t pid) {
  int status;
  return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Everything that was acknowledged is there, and nothing else. */
static void assert_all_there(struct fixture *f, const struct shared *shared) {
  for (int i = 0; i < STRESS_WRITERS; i++) {
    char sql[80];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM jobs WHERE kind = 'w%d'", i);
    assert_true(shared->acknowledged[i] > 0);
    assert_int_equal(fixture_number(f, sql), shared->acknowledged[i]);
  }
  assert_sound(f);
}

static void stress(struct fixture *f, role_fn *helper) {
  pid_t pids[STRESS_WRITERS + STRESS_HELPERS];
  int n_well = 0;
  close_handle(f); /* a connection must not be carried across fork */
  struct shared *shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(shared != MAP_FAILED);
  shared->deadline_ms = mono_ms() + STRESS_MS;
  for (int i = 0; i < STRESS_WRITERS; i++)
    pids[i] = start(be_writer, f, shared, i);
  for (int i = 0; i < STRESS_HELPERS; i++)
    pids[STRESS_WRITERS + i] = start(helper, f, shared, i);
  for (int i = 0; i < STRESS_WRITERS + STRESS_HELPERS; i++)
    n_well += ended_well(pids[i]);
  assert_int_equal(n_well, STRESS_WRITERS + STRESS_HELPERS);
  assert_all_there(f, shared);
  assert_true(shared->checkpoints > 0);
  munmap(shared, sizeof *shared);
}

static void processes_of_galley_lose_nothing(void **state) {
  stress(*state, be_checkpointer);
}

static void shells_that_checkpoint_cost_nothing(void **state) {
  struct fixture *f = *state;
  char path[160];
  if (access("/usr/bin/sqlite3", X_OK) != 0) {
    print_message("sqlite3 is not installed\n");
    skip();
  }
  snprintf(path, sizeof path, "%s.script", f->path);
  FILE *script = fopen(path, "we");
  assert_non_null(script);
  for (int i = 0; i < SHELL_CHECKPOINTS; i++)
    fputs("PRAGMA wal_checkpoint;\n", script);
  assert_int_equal(fclose(script), 0);
  stress(f, be_shells);
}

/* In memory: where each checkpoint waits for a disk, processes seldom run into each other. */
static int set_up_in_memory(void **state) {
  char *old = getenv("TMPDIR") ? strdup(getenv("TMPDIR")) : NULL;
  if (access("/dev/shm", W_OK | X_OK) == 0)
    setenv("TMPDIR", "/dev/shm", 1);
  int failed = fixture_set_up(state);
  if (old)
    setenv("TMPDIR", old, 1);
  else
    unsetenv("TMPDIR");
  free(old);
  return failed;
}

#define ON_DATABASE(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
#define IN_MEMORY(test)   cmocka_unit_test_setup_teardown(test, set_up_in_memory, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_DATABASE(plain_connections_lose_rows_exactly_when_the_self_test_says_so),
      ON_DATABASE(commits_of_galley_survive_a_foreign_checkpoint),
      ON_DATABASE(nobody_commits_inside_a_checkpoint_of_galley),
      ON_DATABASE(a_foreign_reset_inside_a_checkpoint_of_galley_costs_nothing),
      ON_DATABASE(a_checkpoint_beside_writers_copies_and_keeps_the_log),
      ON_DATABASE(a_claim_leaves_the_checkpoint_to_its_settlement),
      ON_DATABASE(log_begins_anew_after_a_whole_checkpoint),
      ON_DATABASE(foreign_checkpoints_go_on_after_a_reset),
      ON_DATABASE(checkpoint_of_a_reader_is_refused),
      ON_DATABASE(damaged_log_stops_checkpoints_writes_and_turns),
      ON_DATABASE(close_after_damage_was_met_keeps_every_row),
      ON_DATABASE(close_before_damage_was_met_keeps_every_row),
      ON_DATABASE(close_by_a_plain_connection_makes_the_loss_final),
      ON_DATABASE(plain_connection_loses_commits_exactly_when_the_self_test_says_so),
      ON_DATABASE(failed_statement_of_galley_costs_no_later_commit),
      ON_DATABASE(handle_that_spills_loses_commits_where_plain_connections_do),
      ON_DATABASE(failed_call_dooms_its_whole_transaction),
      ON_DATABASE(self_test_tells_the_library_and_that_the_guards_hold),
      ON_DATABASE(self_test_leaves_no_files),
      ON_DATABASE(self_test_runs_inside_a_transaction),
      IN_MEMORY(processes_of_galley_lose_nothing),
      IN_MEMORY(shells_that_checkpoint_cost_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
