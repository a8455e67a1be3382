/* Producers and workers as processes of their own on one file, while workers are killed: every job
 * that was acknowledged is done once, and what was written says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "work.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS          4
#define PRODUCERS        2
#define JOBS             2500 /* of each producer */
#define BATCH            5
#define SLOTS            6
#define KILLS            30
#define TURNS_PER_KILL   20
#define QUIET_MS         60000 /* without a sign of any worker: something hangs */
#define WAL_BUDGET_BYTES 10485760

/* Between the processes; a killed one leaves it consistent, since each word stands alone. */
struct shared {
  atomic_int producers_done;
  atomic_llong acknowledged[PRODUCERS * JOBS]; /* ids; 0: not yet */
};

static struct shared *shared;
static int turns[2]; /* a pipe: 't' for each turn of a worker, 'x' as it goes */

static void die(struct galley *q, const char *doing, enum galley_rc rc) {
  fprintf(stderr, "%s: %s: %s\n", doing, galley_rc_name(rc), galley_errmsg(q));
  _exit(9);
}

static struct galley *open_path(const char *path) {
  struct galley *q;
  const struct galley_options options = {.busy_timeout_ms = QUIET_MS / 2};
  enum galley_rc rc = galley_open(&q, path, &options);
  if (rc != GALLEY_OK)
    die(q, "open", rc);
  return q;
}

/* ---- producers ---- */

static void produce(const char *path, int me) {
  struct galley *q = open_path(path);
  static const struct galley_spec specs[BATCH] = {{.kind = "work", .priority = 1},
                                                  {.kind = "work", .priority = 2},
                                                  {.kind = "work", .priority = 1},
                                                  {.kind = "work", .delay_ms = 1},
                                                  {.kind = "work", .max_attempts = 2}};
  for (int i = 0; i < JOBS;) {
    int64_t ids[BATCH];
    size_t n = 1 + (size_t)(i * 7 + me) % BATCH;
    if (n > (size_t)(JOBS - i))
      n = (size_t)(JOBS - i);
    enum galley_rc rc = galley_enqueue_many(q, specs, n, ids, NULL);
    if (rc != GALLEY_OK)
      die(q, "enqueue", rc);
    for (size_t k = 0; k < n; k++, i++)
      atomic_store(&shared->acknowledged[me * JOBS + i], (long long)ids[k]);
  }
  atomic_fetch_add(&shared->producers_done, 1);
  galley_close(q);
  _exit(0);
}

/* ---- workers ---- */

static enum galley_rc save_row(struct galley *q, void *arg, const char **result) {
  char title[32];
  int64_t id;
  (void)result;
  snprintf(title, sizeof title, "job %lld", (long long)((struct galley_job *)arg)->id);
  const struct galley_topic topic = {.title = title, .language = "en"};
  return galley_topic_save(q, &topic, &id);
}

/* Most are done; some fail or wait at first, as their id says. */
static struct galley_settlement finish(struct galley_job *job) {
  struct galley_settlement one = {
      .job_id = job->id, .fence = job->fence, .outcome = GALLEY_DONE, .save_arg = job};
  if (job->attempt == 1 && job->fence == 1 && job->id % 7 == 0)
    one.outcome = GALLEY_RETRY;
  else if (job->fence == 1 && job->id % 11 == 0)
    one.outcome = GALLEY_SNOOZE;
  else
    one.save = save_row;
  return one;
}

static void wait_for_change(struct galley *q, int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  if (poll(&p, 1, 100) < 0 && errno != EINTR) /* the time-out is for what is due */
    _exit(8);
  galley_watch_clear(q);
}

static bool all_done(struct galley *q, const char *const *kinds) {
  struct galley_outlook outlook;
  enum galley_rc rc = galley_look(q, 0, kinds, 1, &outlook);
  if (rc != GALLEY_OK)
    die(q, "look", rc);
  return !outlook.live && !outlook.ready && outlook.next_run_at_ms == 0;
}

static void say(char byte) {
  if (write(turns[1], &byte, 1) != 1)
    _exit(7);
}

/* Settles what it claimed in the turn before, and claims again. */
static void work(const char *path) {
  static const char *const kinds[] = {"work"};
  struct galley *q = open_path(path);
  struct galley_job *jobs[SLOTS], *claimed[SLOTS];
  struct galley_settlement settlements[SLOTS];
  struct galley_turn turn = {.kinds = kinds, .n_kinds = 1, .lease_ms = 600000, .jobs = claimed};
  size_t n = 0;
  int fd;
  enum galley_rc rc = galley_worker_join(q, "[\"work\"]", SLOTS, &turn.worker_id);
  if (rc == GALLEY_OK)
    rc = galley_recover(q, NULL);
  if (rc == GALLEY_OK)
    rc = galley_watch(q, &fd);
  if (rc != GALLEY_OK)
    die(q, "start", rc);
  for (bool last = false;;) {
    for (size_t i = 0; i < n; i++)
      settlements[i] = finish(jobs[i]);
    turn.settlements = settlements;
    turn.n_settlements = n;
    turn.max_jobs = SLOTS;
    rc = galley_turn(q, &turn);
    if (rc != GALLEY_OK)
      die(q, "turn", rc);
    for (size_t i = 0; i < n; i++) {
      if (settlements[i].rc != GALLEY_OK)
        die(q, "settle", settlements[i].rc);
      galley_free(jobs[i]);
    }
    n = turn.n_jobs;
    memcpy(jobs, claimed, n * sizeof jobs[0]);
    say('t');
    if (n > 0)
      continue;
    last = atomic_load(&shared->producers_done) == PRODUCERS;
    if (last && all_done(q, kinds))
      break;
    wait_for_change(q, fd);
  }
  rc = galley_worker_leave(q, turn.worker_id);
  if (rc != GALLEY_OK)
    die(q, "leave", rc);
  galley_close(q);
  say('x');
  _exit(0);
}

/* ---- the one who kills ---- */

static pid_t start(const char *path, int producer) {
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid != 0)
    return pid;
  if (producer >= 0)
    produce(path, producer);
  work(path);
  _exit(6);
}

static char next_sign(void) {
  struct pollfd p = {.fd = turns[0], .events = POLLIN};
  char byte;
  if (poll(&p, 1, QUIET_MS) != 1)
    fail_msg("no worker has moved for %d ms", QUIET_MS);
  assert_int_equal(read(turns[0], &byte, 1), 1);
  return byte;
}

static void kill_one(const char *path, pid_t *pids, unsigned which) {
  int status;
  pid_t *pid = &pids[which % WORKERS];
  assert_int_equal(kill(*pid, SIGKILL), 0);
  assert_int_equal(waitpid(*pid, &status, 0), *pid);
  assert_true(WIFSIGNALED(status) || status == 0); /* it may just have gone by itself */
  *pid = start(path, -1);
}

/* Kills one worker after each so many turns of all; the last ones live until all is done. */
static void run_all(const char *path) {
  pid_t workers[WORKERS], producers[PRODUCERS];
  int gone = 0, seen = 0, kills = 0, status;
  for (int i = 0; i < PRODUCERS; i++)
    producers[i] = start(path, i);
  for (int i = 0; i < WORKERS; i++)
    workers[i] = start(path, -1);
  while (gone < WORKERS) {
    gone += next_sign() == 'x';
    if (++seen % TURNS_PER_KILL == 0 && kills < KILLS && gone == 0)
      kill_one(path, workers, (unsigned)(++kills * 5));
  }
  for (int i = 0; i < WORKERS; i++) {
    assert_int_equal(waitpid(workers[i], &status, 0), workers[i]);
    assert_int_equal(status, 0);
  }
  for (int i = 0; i < PRODUCERS; i++) {
    assert_int_equal(waitpid(producers[i], &status, 0), producers[i]);
    assert_int_equal(status, 0);
  }
  assert_true(kills > KILLS / 2); /* how many fit in depends on how full the turns were */
}

static void no_sums_differ(struct fixture *f, const char *one, const char *other) {
  int64_t a = fixture_number(f, one), b = fixture_number(f, other);
  if (a != b)
    fail_msg("%lld: %s\n%lld: %s", (long long)a, one, (long long)b, other);
}

static void each_acknowledged_job_is_done_once_whatever_is_killed(void **state) {
  struct fixture *f = *state;
  struct galley_wal wal;
  galley_close(f->q); /* a handle is not carried over fork() */
  f->q = NULL;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_true(shared != MAP_FAILED);
  assert_int_equal(pipe(turns), 0);
  run_all(f->path);
  f->q = fixture_open(f, 0);
  for (size_t i = 0; i < (size_t)PRODUCERS * JOBS; i++) {
    struct galley_job *job = work_get(f->q, (int64_t)atomic_load(&shared->acknowledged[i]));
    bool poison = strcmp(job->state, "dead") == 0 && job->crashes == GALLEY_CRASHES_MAX;
    if (strcmp(job->state, "done") != 0 && !poison)
      fail_msg("job %lld is %s", (long long)job->id, job->state);
    galley_free(job);
  }
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs"), PRODUCERS * JOBS);
  no_sums_differ(f, "SELECT count(*) FROM topics", "SELECT count(*) FROM jobs WHERE state='done'");
  no_sums_differ(f, "SELECT count(DISTINCT title) FROM topics", "SELECT count(*) FROM topics");
  no_sums_differ(f, "SELECT count(*) FROM topics JOIN jobs ON title='job '||jobs.id",
                 "SELECT count(*) FROM topics");
  no_sums_differ(f, "SELECT count(*) FROM job_attempts", "SELECT sum(fence) FROM jobs");
  no_sums_differ(f, "SELECT sum(n) FROM totals WHERE outcome IN ('done','dead')",
                 "SELECT count(*) FROM jobs");
  assert_true(fixture_number(f, "SELECT count(*) FROM job_attempts WHERE outcome='crashed'") > 0);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM workers WHERE stopped_at_ms IS NULL"),
                   0);
  fixture_check(f->q);
  fixture_ok(f->q, galley_wal_status(f->q, &wal));
  assert_true(wal.checkpointed <= wal.frames);
  assert_true(wal.bytes < WAL_BUDGET_BYTES);
  close(turns[0]);
  close(turns[1]);
  assert_int_equal(munmap(shared, sizeof *shared), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_acknowledged_job_is_done_once_whatever_is_killed,
                                      fixture_set_up, fixture_tear_down),
  };
  return cmocka_run_group_tests_name("stress", tests, NULL, NULL);
}
