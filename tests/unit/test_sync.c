/* One sync for all who wait for the disk; and what a failed one means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "env.h"
#include "fixture.h"
#include "handle.h"
#include "sqlite_db.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMITTERS 8
#define LOOKS      60000 /* one a millisecond: for a state that must come */

/* A disk in shared memory: it says how often it was synced, holds up the first sync until it is
 * told to go on, and fails those of which the bit is set. */
struct disk {
  struct sqlite_sync sync;
  _Atomic int syncs;
  _Atomic int go_on;
  _Atomic unsigned fails; /* bit n: the n-th sync, from 0 */
  _Atomic uint32_t generation;
};

static int disk_sync(void *arg) {
  struct disk *disk = arg;
  int n = atomic_fetch_add(&disk->syncs, 1);
  while (n == 0 && !atomic_load(&disk->go_on))
    usleep(1000);
  return (int)(atomic_load(&disk->fails) >> n & 1);
}

static uint32_t disk_generation(void *arg) {
  return atomic_load(&((struct disk *)arg)->generation);
}

static struct sqlite_sync_log disk_log(struct disk *disk) {
  return (struct sqlite_sync_log){.sync = disk_sync, .generation = disk_generation, .arg = disk};
}

static int set_up(void **state) {
  struct disk *disk =
      mmap(NULL, sizeof *disk, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  *state = disk;
  return disk == MAP_FAILED || !sqlite_sync_init(&disk->sync, NULL);
}

static int tear_down(void **state) {
  return munmap(*state, sizeof(struct disk));
}

static bool reach(struct disk *disk) {
  const struct sqlite_sync_log log = disk_log(disk);
  return sqlite_sync_reach(&disk->sync, &log);
}

static pid_t committer(struct disk *disk) {
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0)
    _exit(reach(disk) ? 0 : 1);
  return pid;
}

/* Until it is so, which it must become. */
#define AWAIT(condition)                                                                           \
  do {                                                                                             \
    int looks = 0;                                                                                 \
    for (; !(condition) && looks < LOOKS; looks++)                                                 \
      usleep(1000);                                                                                \
    assert_true(looks < LOOKS);                                                                    \
  } while (0)

static bool ended_well(pid_t pid) {
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status) == 0;
}

/* One is in the first sync while the others have committed: pids[0] is that one. */
static void all_wait(struct disk *disk, pid_t *pids) {
  pids[0] = committer(disk);
  AWAIT(atomic_load(&disk->syncs) == 1);
  for (int i = 1; i < COMMITTERS; i++)
    pids[i] = committer(disk);
  AWAIT(atomic_load(&disk->sync.numbers) == COMMITTERS);
}

static void one_sync_serves_all_who_wait_but_none_that_came_while_it_ran(void **state) {
  struct disk *disk = *state;
  pid_t pids[COMMITTERS];
  all_wait(disk, pids);
  atomic_store(&disk->go_on, 1);
  for (int i = 0; i < COMMITTERS; i++)
    assert_true(ended_well(pids[i]));
  assert_int_equal(atomic_load(&disk->syncs), 2);
}

static void a_failed_sync_fails_all_that_it_covered_and_no_other(void **state) {
  struct disk *disk = *state;
  pid_t pids[COMMITTERS];
  atomic_store(&disk->fails, 2);
  all_wait(disk, pids);
  atomic_store(&disk->go_on, 1);
  assert_true(ended_well(pids[0]));
  for (int i = 1; i < COMMITTERS; i++)
    assert_false(ended_well(pids[i]));
  assert_int_equal(atomic_load(&disk->syncs), 2);
}

static void the_first_sync_may_fail(void **state) {
  struct disk *disk = *state;
  pid_t pids[COMMITTERS];
  atomic_store(&disk->fails, 1);
  all_wait(disk, pids);
  atomic_store(&disk->go_on, 1);
  for (int i = 0; i < COMMITTERS; i++) /* those behind lost frames are not to be recovered either */
    assert_false(ended_well(pids[i]));
  assert_int_equal(atomic_load(&disk->syncs), 1);
}

static void after_a_failed_sync_nothing_is_durable_until_the_log_begins_anew(void **state) {
  struct disk *disk = *state;
  const struct sqlite_sync_log log = disk_log(disk);
  atomic_store(&disk->go_on, 1);
  assert_true(reach(disk));
  assert_false(sqlite_sync_broken(&disk->sync, &log));
  atomic_store(&disk->fails, 2);
  assert_false(reach(disk));
  assert_true(sqlite_sync_broken(&disk->sync, &log));
  assert_false(reach(disk));
  assert_int_equal(atomic_load(&disk->syncs), 2); /* it is not even tried */
  atomic_fetch_add(&disk->generation, 1);
  assert_true(reach(disk));
  assert_false(sqlite_sync_broken(&disk->sync, &log));
  atomic_fetch_sub(&disk->generation, 1);
  assert_true(reach(disk));
}

static void a_sync_that_failed_elsewhere_fails_those_who_wait(void **state) {
  struct disk *disk = *state;
  const struct sqlite_sync_log log = disk_log(disk);
  pid_t pids[COMMITTERS];
  all_wait(disk, pids);
  sqlite_sync_fail(&disk->sync, &log);
  atomic_store(&disk->go_on, 1);
  for (int i = 0; i < COMMITTERS; i++)
    assert_false(ended_well(pids[i]));
  assert_int_equal(atomic_load(&disk->syncs), 1);
}

static void who_dies_while_syncing_neither_blocks_nor_lies(void **state) {
  struct disk *disk = *state;
  int status;
  pid_t pids[COMMITTERS];
  all_wait(disk, pids);
  assert_int_equal(atomic_load(&disk->sync.durable), 0);
  assert_int_equal(kill(pids[0], SIGKILL), 0);
  assert_int_equal(waitpid(pids[0], &status, 0), pids[0]);
  for (int i = 1; i < COMMITTERS; i++)
    assert_true(ended_well(pids[i]));
  assert_int_equal(atomic_load(&disk->syncs), 2);
  assert_int_equal(atomic_load(&disk->sync.durable), COMMITTERS);
}

static void who_stops_while_syncing_holds_nobody_up(void **state) {
  struct disk *disk = *state;
  pid_t stopped = committer(disk);
  AWAIT(atomic_load(&disk->syncs) == 1);
  assert_int_equal(kill(stopped, SIGSTOP), 0);
  assert_true(ended_well(committer(disk)));
  assert_int_equal(atomic_load(&disk->syncs), 2);
  atomic_store(&disk->go_on, 1);
  assert_int_equal(kill(stopped, SIGCONT), 0);
  assert_true(ended_well(stopped));
}

static void a_failure_is_known_to_later_users_until_the_machine_starts_again(void **state) {
  struct disk *disk = *state;
  const struct sqlite_sync_log log = disk_log(disk);
  struct sqlite_sync later;
  sqlite_sync_fail(&disk->sync, &log);
  struct sqlite_sync_failure *failure = &disk->sync.failure;
  assert_true(sqlite_sync_init(&later, failure));
  assert_true(sqlite_sync_broken(&later, &log));
  failure->boot_id[0] ^= 1;
  assert_true(sqlite_sync_init(&later, failure));
  assert_false(sqlite_sync_broken(&later, &log));
}

/* ---- the queue on it ---- */

/* The log's xSync of a handle, counted and failing as told. */
static struct {
  int (*real)(sqlite3_file *file, int flags);
  sqlite3_io_methods methods;
  struct disk *disk;
} patch;

static int patched_sync(sqlite3_file *file, int flags) {
  return disk_sync(patch.disk) ? SQLITE_IOERR_FSYNC : patch.real(file, flags);
}

static void patch_log(struct galley *q, struct disk *disk) {
  sqlite3_file *log;
  assert_int_equal(
      sqlite3_file_control(sqlite_db_of(q->db)->h, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log),
      SQLITE_OK);
  patch.disk = disk;
  if (log->pMethods == &patch.methods)
    return;
  patch.methods = *log->pMethods;
  patch.real = patch.methods.xSync;
  patch.methods.xSync = patched_sync;
  log->pMethods = &patch.methods;
}

static enum galley_rc enqueue(struct galley *q) {
  const struct galley_spec spec = {.kind = "work", .priority = -1};
  int64_t id;
  return galley_enqueue(q, &spec, &id, NULL);
}

static struct disk *new_disk(void) {
  void *disk;
  assert_int_equal(set_up(&disk), 0);
  return disk;
}

static void a_full_commit_is_one_sync_and_a_normal_one_none(void **state) {
  struct fixture *f = *state;
  struct disk *disk = new_disk();
  struct galley *full = fixture_open(f, GALLEY_OPEN_FULL);
  atomic_store(&disk->go_on, 1);
  fixture_ok(f->q, enqueue(f->q)); /* and the log's header is synced */
  fixture_ok(full, enqueue(full));
  patch_log(f->q, disk);
  fixture_ok(f->q, enqueue(f->q));
  assert_int_equal(atomic_load(&disk->syncs), 0);
  patch_log(full, disk);
  for (int i = 1; i < 4; i++) {
    fixture_ok(full, enqueue(full));
    assert_int_equal(atomic_load(&disk->syncs), i);
  }
  f->env.one_thread = true;
  struct galley *alone = fixture_open(f, GALLEY_OPEN_FULL);
  fixture_ok(alone, enqueue(alone));
  patch_log(alone, disk);
  fixture_ok(alone, enqueue(alone));
  assert_int_equal(atomic_load(&disk->syncs), 4);
  galley_close(alone);
  galley_close(full);
  munmap(disk, sizeof *disk);
}

static void enqueue_as_a_process(struct fixture *f, struct disk *disk) {
  struct galley *q = fixture_open(f, GALLEY_OPEN_FULL);
  patch_log(q, disk);
  enum galley_rc rc = enqueue(q);
  galley_close(q);
  _exit((int)rc);
}

static void processes_share_the_syncs_of_their_commits(void **state) {
  struct fixture *f = *state;
  struct disk *disk = new_disk();
  pid_t pids[COMMITTERS];
  fixture_ok(f->q, enqueue(f->q));
  int64_t rows = fixture_number(f, "SELECT count(*) FROM jobs");
  for (int i = 0; i < COMMITTERS; i++) {
    pids[i] = fork();
    if (pids[i] == 0)
      enqueue_as_a_process(f, disk);
    if (i == 0)
      AWAIT(atomic_load(&disk->syncs) == 1);
  }
  AWAIT(atomic_load(&sqlite_db_of(f->q->db)->sync->numbers) == COMMITTERS);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs"), rows + COMMITTERS);
  atomic_store(&disk->go_on, 1);
  for (int i = 0; i < COMMITTERS; i++)
    assert_true(ended_well(pids[i]));
  assert_int_equal(atomic_load(&disk->syncs), 2);
  munmap(disk, sizeof *disk);
}

static void a_failed_sync_stops_what_is_full_until_a_checkpoint(void **state) {
  struct fixture *f = *state;
  struct disk *disk = new_disk();
  struct galley *full = fixture_open(f, GALLEY_OPEN_FULL), *other;
  atomic_store(&disk->go_on, 1);
  atomic_store(&disk->fails, 1);
  fixture_ok(full, enqueue(full));
  patch_log(full, disk);
  enum galley_rc rc = enqueue(full);
  fixture_fails(full, rc, GALLEY_IO, "the disk did not confirm");
  assert_int_equal(galley_rc_class(rc), GALLEY_CLASS_STOP);
  int64_t rows = fixture_number(f, "SELECT count(*) FROM jobs");
  assert_int_equal(rows, 2); /* it can be seen, as the sentence says */
  for (int i = 0; i < 2; i++) {
    other = fixture_open(f, GALLEY_OPEN_FULL);
    fixture_fails(other, enqueue(other), GALLEY_IO, "galley checkpoint");
    galley_close(other);
    if (i == 1)
      break;
    galley_close(full); /* nor is it forgotten when all have gone */
    galley_close(f->q);
    f->q = fixture_open(f, 0);
  }
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs"), rows);
  fixture_ok(f->q, enqueue(f->q));
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  full = fixture_open(f, GALLEY_OPEN_FULL);
  fixture_ok(full, enqueue(full));
  galley_close(full);
  munmap(disk, sizeof *disk);
}

/* Where a new database has its name, those of the old one still meet the new ones at the page. */
static void a_commit_to_a_database_that_lost_its_name_is_not_confirmed(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "a"};
  char path[128];
  int64_t id;
  struct galley *old = fixture_open(f, GALLEY_OPEN_FULL);
  fixture_ok(old, galley_enqueue(old, &spec, &id, NULL));
  for (size_t i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s%s", f->path, (const char *[]){"", "-wal", "-shm"}[i]);
    assert_int_equal(unlink(path), 0);
  }
  enum galley_rc rc = galley_enqueue(old, &spec, &id, NULL);
  fixture_fails(old, rc, GALLEY_IO, "deleted or renamed");
  struct galley *new = fixture_open(f, GALLEY_OPEN_FULL | GALLEY_OPEN_CREATE);
  rc = galley_enqueue(old, &spec, &id, NULL);
  fixture_fails(old, rc, GALLEY_IO, "deleted or renamed");
  fixture_ok(new, galley_enqueue(new, &spec, &id, NULL));
  galley_close(old);
  galley_close(new);
}

int main(void) {
#define DISK_TEST(name)  cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define QUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
  const struct CMUnitTest tests[] = {
      DISK_TEST(one_sync_serves_all_who_wait_but_none_that_came_while_it_ran),
      DISK_TEST(a_failed_sync_fails_all_that_it_covered_and_no_other),
      DISK_TEST(the_first_sync_may_fail),
      DISK_TEST(after_a_failed_sync_nothing_is_durable_until_the_log_begins_anew),
      DISK_TEST(a_sync_that_failed_elsewhere_fails_those_who_wait),
      DISK_TEST(who_dies_while_syncing_neither_blocks_nor_lies),
      DISK_TEST(who_stops_while_syncing_holds_nobody_up),
      DISK_TEST(a_failure_is_known_to_later_users_until_the_machine_starts_again),
      QUEUE_TEST(a_full_commit_is_one_sync_and_a_normal_one_none),
      QUEUE_TEST(processes_share_the_syncs_of_their_commits),
      QUEUE_TEST(a_failed_sync_stops_what_is_full_until_a_checkpoint),
      QUEUE_TEST(a_commit_to_a_database_that_lost_its_name_is_not_confirmed),
  };
#undef DISK_TEST
#undef QUEUE_TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
