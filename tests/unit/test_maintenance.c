/* Backups, the write-ahead log and its checkpoints, and the descriptor that tells of changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "handle.h"
#include "sqlite_db.h"
#include "work.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAL_BUDGET_BYTES 10485760 /* the promise: 10 MB */

static const char *beside(const struct fixture *f, const char *name, char out[128]) {
  snprintf(out, 128, "%s/%s", f->dir, name);
  return out;
}

static int files_named(const struct fixture *f, const char *prefix) {
  DIR *dir = opendir(f->dir);
  struct dirent *entry;
  int n = 0;
  assert_non_null(dir);
  while ((entry = readdir(dir)))
    n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
  closedir(dir);
  return n;
}

/* ---- backup ---- */

static void a_backup_is_one_whole_database(void **state) {
  struct fixture *f = *state;
  char path[128];
  struct galley_backup_report report = {0};
  struct galley *copy;
  struct stat st;
  for (int i = 0; i < 3; i++)
    work_enqueue(f->q, "a");
  fixture_topic(f, "A topic");
  fixture_ok(f->q, galley_backup(f->q, beside(f, "copy.db", path), &report));
  assert_int_equal(report.jobs, 3);
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(report.bytes, st.st_size);
  assert_int_equal(st.st_mode & 0777, 0600);
  assert_int_equal(files_named(f, "copy.db"), 1); /* no log, no journal, no temporary file */
  work_enqueue(f->q, "a");
  const struct galley_options options = {.env = &f->env};
  enum galley_rc rc = galley_open(&copy, path, &options);
  fixture_ok(copy, rc);
  assert_int_equal(work_count(copy, "a", "ready"), 3);
  work_end(copy, work_claim_one(copy, work_join(copy), "a"), GALLEY_DONE);
  galley_close(copy);
  assert_int_equal(work_count(f->q, "a", "ready"), 4);
}

static void a_backup_never_replaces_a_file(void **state) {
  struct fixture *f = *state;
  char path[128], link[128];
  struct stat st;
  int fd = open(beside(f, "taken.db", path), O_WRONLY | O_CREAT | O_EXCL, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, "mine", 4), 4);
  close(fd);
  fixture_fails(f->q, galley_backup(f->q, path, NULL), GALLEY_CANNOT_CREATE, "exists already");
  assert_int_equal(stat(path, &st), 0);
  assert_int_equal(st.st_size, 4);
  assert_int_equal(symlink("nowhere", beside(f, "link.db", link)), 0);
  fixture_fails(f->q, galley_backup(f->q, link, NULL), GALLEY_CANNOT_CREATE, "exists already");
  fixture_fails(f->q, galley_backup(f->q, f->path, NULL), GALLEY_CANNOT_CREATE, "exists already");
  assert_int_equal(files_named(f, "taken.db"), 1);
}

static void a_backup_into_no_folder_leaves_nothing(void **state) {
  struct fixture *f = *state;
  char path[128];
  fixture_fails(f->q, galley_backup(f->q, beside(f, "no/copy.db", path), NULL),
                GALLEY_CANNOT_CREATE, path);
  work_enqueue(f->q, "a"); /* and the handle goes on */
}

/* In a process of a user that may not write there: the tests may run as root. */
static int backup_as_nobody(struct fixture *f, const char *folder) {
  char path[160];
  struct galley *q;
  const struct galley_options options = {.flags = GALLEY_OPEN_READONLY, .env = &f->env};
  if (galley_open(&q, f->path, &options) != GALLEY_OK)
    return 1;
  if (work_count(q, "a", "ready") != 1) /* has opened its files before the rights go */
    return 2;
  if (geteuid() == 0 && seteuid(65534) != 0)
    return 3;
  snprintf(path, sizeof path, "%s/copy.db", folder);
  enum galley_rc rc = galley_backup(q, path, NULL);
  bool said = rc == GALLEY_CANNOT_CREATE && strstr(galley_errmsg(q), path);
  galley_close(q);
  return said ? 0 : 4;
}

static void a_backup_into_a_folder_of_others_is_refused(void **state) {
  struct fixture *f = *state;
  char folder[128];
  int status;
  work_enqueue(f->q, "a");
  assert_int_equal(mkdir(beside(f, "shut", folder), 0500), 0);
  pid_t child = fork();
  if (child == 0)
    _exit(backup_as_nobody(f, folder));
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

static void a_backup_takes_over_what_a_dead_one_has_left(void **state) {
  struct fixture *f = *state;
  char path[128], name[160];
  static const char *const left[] = {"", "-journal", "-wal"};
  beside(f, "copy.db", path);
  for (size_t i = 0; i < 3; i++) {
    snprintf(name, sizeof name, "%s.galley-tmp%s", path, left[i]);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    for (int k = 0; k < 1000; k++)
      fputs("left by a process that died", file);
    fclose(file);
  }
  work_enqueue(f->q, "a");
  fixture_ok(f->q, galley_backup(f->q, path, NULL));
  assert_int_equal(files_named(f, "copy.db"), 1);
}

/* Else the first would give its name to the half of the second. */
static void two_backups_to_one_name_do_not_meet(void **state) {
  struct fixture *f = *state;
  char path[128], name[160];
  snprintf(name, sizeof name, "%s.galley-tmp", beside(f, "copy.db", path));
  int fd = open(name, O_RDWR | O_CREAT, 0600); /* as the other one holds it */
  assert_true(fd >= 0);
  assert_int_equal(flock(fd, LOCK_EX), 0);
  assert_int_equal(write(fd, "half", 4), 4);
  fixture_fails(f->q, galley_backup(f->q, path, NULL), GALLEY_BUSY, "another backup");
  assert_int_equal(lseek(fd, 0, SEEK_END), 4);
  close(fd);
  fixture_ok(f->q, galley_backup(f->q, path, NULL));
}

static void a_backup_is_not_made_inside_a_transaction(void **state) {
  struct fixture *f = *state;
  char path[128];
  fixture_ok(f->q, galley_begin(f->q));
  fixture_fails(f->q, galley_backup(f->q, beside(f, "copy.db", path), NULL), GALLEY_USAGE,
                "transaction");
  fixture_fails(f->q, galley_checkpoint(f->q, NULL), GALLEY_USAGE, "transaction");
  galley_rollback(f->q);
}

/* Writes pairs of rows for as long as it lives; each commit is whole. */
static void write_for_ever(struct fixture *f) {
  struct galley *q;
  const struct galley_options options = {.env = &f->env};
  if (galley_open(&q, f->path, &options) != GALLEY_OK)
    _exit(1);
  const struct galley_spec two[] = {{.kind = "left"}, {.kind = "right"}};
  while (galley_enqueue_many(q, two, 2, NULL, NULL) == GALLEY_OK)
    continue;
  _exit(2);
}

static void a_backup_beside_a_busy_writer_is_of_one_moment(void **state) {
  struct fixture *f = *state;
  int status;
  pid_t child = fork();
  if (child == 0)
    write_for_ever(f);
  for (int i = 0; i < 12; i++) {
    char path[128], name[32];
    struct galley *copy;
    const struct galley_options options = {.env = &f->env};
    snprintf(name, sizeof name, "copy%d.db", i);
    fixture_ok(f->q, galley_backup(f->q, beside(f, name, path), NULL));
    enum galley_rc rc = galley_open(&copy, path, &options);
    fixture_ok(copy, rc);
    assert_int_equal(work_count(copy, "left", "ready"), work_count(copy, "right", "ready"));
    galley_close(copy);
  }
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status)); /* it wrote to the end */
}

static void memory_and_readers_are_backed_up_too(void **state) {
  struct fixture *f = *state;
  char path[128];
  struct galley *q;
  struct galley_backup_report report;
  const struct galley_options options = {.env = &f->env};
  enum galley_rc rc = galley_open(&q, ":memory:", &options);
  fixture_ok(q, rc);
  work_enqueue(q, "a");
  fixture_ok(q, galley_backup(q, beside(f, "memory.db", path), &report));
  assert_int_equal(report.jobs, 1);
  galley_close(q);
  q = fixture_open(f, GALLEY_OPEN_READONLY);
  fixture_ok(q, galley_backup(q, beside(f, "reader.db", path), &report));
  assert_int_equal(report.jobs, 0);
  galley_close(q);
}

/* ---- the log ---- */

static void the_state_of_the_log_is_told(void **state) {
  struct fixture *f = *state;
  char path[128];
  struct galley_wal wal;
  struct stat st;
  work_enqueue(f->q, "a");
  fixture_ok(f->q, galley_wal_status(f->q, &wal));
  assert_int_equal(stat(beside(f, "test.db-wal", path), &st), 0);
  assert_int_equal(wal.bytes, st.st_size);
  assert_int_equal(wal.page_size, 2048);
  assert_int_equal(wal.bytes, 32 + wal.frames * (wal.page_size + 24));
  assert_int_equal(wal.last_at_ms, 0);
  struct galley *reader = fixture_open(f, GALLEY_OPEN_READONLY);
  struct galley_wal same;
  fixture_ok(reader, galley_wal_status(reader, &same));
  assert_int_equal(same.frames, wal.frames);
  galley_close(reader);
}

static void a_database_that_another_program_took_out_of_wal_mode_has_no_log(void **state) {
  struct fixture *f = *state;
  struct galley_wal wal;
  galley_close(f->q);
  fixture_sql(f, "PRAGMA journal_mode=DELETE");
  struct galley *reader = fixture_open(f, GALLEY_OPEN_READONLY);
  fixture_ok(reader, galley_wal_status(reader, &wal));
  assert_int_equal(wal.frames, 0);
  galley_close(reader);
  assert_int_equal(files_named(f, "test.db-shm"), 0); /* nor was one made by looking */
  f->q = fixture_open(f, 0);
}

static void a_checkpoint_folds_the_whole_log_in_and_says_so(void **state) {
  struct fixture *f = *state;
  struct galley_wal wal, told;
  work_enqueue(f->q, "a");
  fixture_ok(f->q, galley_checkpoint(f->q, &wal));
  assert_true(wal.frames > 0);
  assert_int_equal(wal.checkpointed, wal.frames);
  assert_int_equal(wal.last_log, wal.frames);
  assert_int_equal(wal.last_checkpointed, wal.frames);
  assert_int_equal(wal.last_busy, 0);
  assert_true(wal.last_at_ms > 0);
  struct galley *reader = fixture_open(f, GALLEY_OPEN_READONLY);
  fixture_ok(reader, galley_wal_status(reader, &told));
  assert_int_equal(told.last_at_ms, wal.last_at_ms);
  assert_int_equal(told.last_log, wal.last_log);
  galley_close(reader);
  work_enqueue(f->q, "a"); /* begins the log anew */
  fixture_ok(f->q, galley_wal_status(f->q, &told));
  assert_true(told.frames < wal.frames);
  assert_int_equal(told.checkpointed, 0);
}

static void a_reader_that_pins_the_log_is_told_of(void **state) {
  struct fixture *f = *state;
  struct galley_wal wal;
  sqlite3 *h;
  work_enqueue(f->q, "a");
  assert_int_equal(sqlite3_open(f->path, &h), SQLITE_OK);
  assert_int_equal(sqlite3_exec(h, "BEGIN; SELECT count(*) FROM jobs", NULL, NULL, NULL),
                   SQLITE_OK);
  work_enqueue(f->q, "a");
  fixture_ok(f->q, galley_checkpoint(f->q, &wal));
  assert_int_equal(wal.last_busy, 1);
  assert_true(wal.last_checkpointed < wal.last_log);
  sqlite3_close(h);
}

static void a_checkpoint_waits_for_the_write_lock_and_no_longer(void **state) {
  struct fixture *f = *state;
  const struct galley_options options = {.busy_timeout_ms = 1, .env = &f->env};
  struct galley *q;
  sqlite3 *h;
  enum galley_rc rc = galley_open(&q, f->path, &options);
  fixture_ok(q, rc);
  work_enqueue(q, "a");
  assert_int_equal(sqlite3_open(f->path, &h), SQLITE_OK);
  assert_int_equal(sqlite3_exec(h, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
  fixture_fails(q, galley_checkpoint(q, NULL), GALLEY_BUSY, "checkpoint");
  sqlite3_close(h);
  fixture_ok(q, galley_checkpoint(q, NULL));
  galley_close(q);
}

static void the_log_stays_within_its_budget_and_is_used_again(void **state) {
  struct fixture *f = *state;
  struct galley *other = fixture_open(f, 0);
  struct galley_wal wal;
  int64_t most = 0, least_frames = INT64_MAX, frames = 0;
  char *payload = malloc(20001);
  assert_non_null(payload);
  memset(payload, ' ', 20000);
  memcpy(payload, "{}", 2);
  payload[20000] = '\0';
  const struct galley_spec spec = {.kind = "a", .payload = payload};
  for (int i = 0; i < 1500; i++) { /* some 10,000 frames, or 40 MB */
    work_add(i % 2 ? f->q : other, &spec);
    fixture_ok(f->q, galley_wal_status(f->q, &wal));
    most = wal.bytes > most ? wal.bytes : most;
    if (wal.frames < frames && wal.frames < least_frames)
      least_frames = wal.frames;
    frames = wal.frames;
  }
  assert_true(most < WAL_BUDGET_BYTES);
  assert_true(least_frames < 100); /* it began anew */
  assert_true(wal.last_at_ms > 0);
  free(payload);
  galley_close(other);
}

/* The counters of a foreign checkpoint that has hit the bug of SQLite before 3.51.3. */
static void more_checkpointed_than_logged_is_damage(void **state) {
  struct fixture *f = *state;
  sqlite3_file *file;
  void volatile *map;
  const struct galley_spec spec = {.kind = "a"};
  int64_t id;
  struct galley *q = fixture_open(f, 0);
  work_enqueue(q, "a");
  assert_int_equal(
      sqlite3_file_control(sqlite_db_of(q->db)->h, "main", SQLITE_FCNTL_FILE_POINTER, &file),
      SQLITE_OK);
  assert_int_equal(file->pMethods->xShmMap(file, 0, 32768, 0, &map), SQLITE_OK);
  volatile uint32_t *words = map;
  uint32_t backfill = words[24];
  words[24] = words[4] + 5;
  fixture_fails(q, galley_enqueue(q, &spec, &id, NULL), GALLEY_CORRUPT, "has damaged the log");
  fixture_fails(q, galley_checkpoint(q, NULL), GALLEY_CORRUPT, "has damaged the log");
  assert_int_equal(galley_rc_class(GALLEY_CORRUPT), GALLEY_CLASS_STOP);
  words[24] = backfill;
  galley_close(q);
}

/* ---- the watch ---- */

static bool rings(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, 0) == 1;
}

static void a_commit_of_another_handle_rings(void **state) {
  struct fixture *f = *state;
  struct galley *other = fixture_open(f, 0);
  int fd, again;
  fixture_ok(f->q, galley_watch(f->q, &fd));
  fixture_ok(f->q, galley_watch(f->q, &again));
  assert_int_equal(fd, again);
  galley_watch_clear(f->q);
  assert_false(rings(fd));
  work_enqueue(other, "a");
  assert_true(rings(fd));
  galley_watch_clear(f->q);
  assert_false(rings(fd));
  galley_close(other);
}

static bool touched(int fd) {
  char events[4096];
  bool any = rings(fd);
  while (read(fd, events, sizeof events) > 0)
    continue;
  return any;
}

/* The log rings before a commit can be seen; this one does when it can, once for each look. */
static void a_commit_rings_the_bell_when_somebody_has_looked(void **state) {
  struct fixture *f = *state;
  struct galley *sleeper = fixture_open(f, 0);
  char path[128];
  int ignored, fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  assert_true(fd >= 0);
  work_enqueue(f->q, "a");
  assert_true(inotify_add_watch(fd, beside(f, "test.db-galley", path), IN_MODIFY) >= 0);
  work_enqueue(f->q, "a");
  assert_false(touched(fd));
  fixture_ok(sleeper, galley_watch(sleeper, &ignored));
  for (int i = 0; i < 3; i++) {
    work_enqueue(f->q, "a");
    assert_true(touched(fd));
    work_enqueue(f->q, "a");
    assert_false(touched(fd));
    galley_watch_clear(sleeper);
  }
  galley_close(sleeper);
  close(fd);
}

/* What rang before the look stays to be read, or is asked for again: in either order of the two. */
static void no_commit_after_a_look_goes_unnoticed(void **state) {
  struct fixture *f = *state;
  struct galley *sleepers[2] = {fixture_open(f, 0), fixture_open(f, 0)};
  int fds[2];
  for (int i = 0; i < 2; i++)
    fixture_ok(sleepers[i], galley_watch(sleepers[i], &fds[i]));
  for (int round = 0; round < 3; round++) {
    work_enqueue(f->q, "a");
    assert_true(rings(fds[0]) && rings(fds[1]));
    galley_watch_clear(sleepers[0]);
    work_enqueue(f->q, "a");
    assert_true(rings(fds[0]));
    galley_watch_clear(sleepers[1]);
    galley_watch_clear(sleepers[0]);
  }
  for (int i = 0; i < 2; i++)
    galley_close(sleepers[i]);
}

/* A look at each time that is asked for; how many until none is. The clock is the test's. */
static int looks(struct fixture *f) {
  int n = 0;
  for (int64_t ms; (ms = galley_watch_clear(f->q)) > 0; n++) {
    assert_in_range(ms, 1, 60000);
    f->mono_ns += ms * 1000000;
  }
  return n;
}

static void a_plain_insert_rings_and_is_looked_for_again(void **state) {
  struct fixture *f = *state;
  int fd;
  fixture_ok(f->q, galley_watch(f->q, &fd));
  assert_int_equal(looks(f), 0);
  for (int i = 0; i < 3; i++) {
    assert_false(rings(fd));
    fixture_sql(f, "INSERT INTO jobs(kind) VALUES('a')");
    assert_true(rings(fd));
    assert_true(looks(f) >= 3);
  }
}

/* It writes to the log, waits for the disk, and can be seen only then, when nothing rings. */
static void a_plain_insert_that_waits_for_the_disk_is_looked_for(void **state) {
  static const int64_t waits_ms[] = {1, 10, 100, 900, 5000, 50000};
  struct fixture *f = *state;
  int fd;
  fixture_ok(f->q, galley_watch(f->q, &fd));
  for (size_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
    fixture_sql(f, "INSERT INTO jobs(kind) VALUES('a')");
    int64_t seen_ns = f->mono_ns + waits_ms[i] * 1000000;
    looks(f);
    assert_true(f->mono_ns >= seen_ns);
  }
}

/* The log rings once; what comes while it is looked for is found by the looks, or rings again. */
static void a_plain_insert_during_the_looks_is_seen_within_a_second(void **state) {
  struct fixture *f = *state;
  int fd;
  fixture_ok(f->q, galley_watch(f->q, &fd));
  for (int before = 0; before < 5; before++) {
    fixture_sql(f, "INSERT INTO jobs(kind) VALUES('a')");
    for (int i = 0; i < before; i++)
      f->mono_ns += galley_watch_clear(f->q) * 1000000;
    fixture_sql(f, "INSERT INTO jobs(kind) VALUES('a')");
    assert_true(rings(fd) || galley_watch_clear(f->q) > 0);
    looks(f);
  }
}

static void a_plain_insert_rings_after_the_log_began_anew(void **state) {
  struct fixture *f = *state;
  int fd;
  fixture_ok(f->q, galley_watch(f->q, &fd));
  work_enqueue(f->q, "a");
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  looks(f);
  fixture_sql(f, "INSERT INTO jobs(kind) VALUES('a')");
  assert_true(rings(fd));
}

static void reading_does_not_ring(void **state) {
  struct fixture *f = *state;
  struct galley *other = fixture_open(f, GALLEY_OPEN_READONLY);
  int fd;
  work_enqueue(f->q, "a");
  fixture_ok(f->q, galley_watch(f->q, &fd));
  galley_watch_clear(f->q);
  assert_int_equal(work_count(other, "a", "ready"), 1);
  assert_int_equal(work_count(f->q, "a", "ready"), 1);
  assert_false(rings(fd));
  galley_close(other);
}

static void a_reader_may_watch(void **state) {
  struct fixture *f = *state;
  struct galley *reader = fixture_open(f, GALLEY_OPEN_READONLY);
  int fd;
  fixture_ok(reader, galley_watch(reader, &fd));
  galley_watch_clear(reader);
  work_enqueue(f->q, "a");
  assert_true(rings(fd));
  galley_close(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_backup_is_one_whole_database),
      TEST(a_backup_never_replaces_a_file),
      TEST(a_backup_into_no_folder_leaves_nothing),
      TEST(a_backup_into_a_folder_of_others_is_refused),
      TEST(a_backup_takes_over_what_a_dead_one_has_left),
      TEST(two_backups_to_one_name_do_not_meet),
      TEST(a_backup_is_not_made_inside_a_transaction),
      TEST(a_backup_beside_a_busy_writer_is_of_one_moment),
      TEST(memory_and_readers_are_backed_up_too),
      TEST(the_state_of_the_log_is_told),
      TEST(a_database_that_another_program_took_out_of_wal_mode_has_no_log),
      TEST(a_checkpoint_folds_the_whole_log_in_and_says_so),
      TEST(a_reader_that_pins_the_log_is_told_of),
      TEST(a_checkpoint_waits_for_the_write_lock_and_no_longer),
      TEST(the_log_stays_within_its_budget_and_is_used_again),
      TEST(more_checkpointed_than_logged_is_damage),
      TEST(a_commit_of_another_handle_rings),
      TEST(a_commit_rings_the_bell_when_somebody_has_looked),
      TEST(no_commit_after_a_look_goes_unnoticed),
      TEST(a_plain_insert_rings_and_is_looked_for_again),
      TEST(a_plain_insert_that_waits_for_the_disk_is_looked_for),
      TEST(a_plain_insert_during_the_looks_is_seen_within_a_second),
      TEST(a_plain_insert_rings_after_the_log_began_anew),
      TEST(reading_does_not_ring),
      TEST(a_reader_may_watch),
  };
  return cmocka_run_group_tests_name("maintenance", tests, NULL, NULL);
}
