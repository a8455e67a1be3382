/* Enqueues that are handed over among processes that are killed: a ledger of what was acknowledged
 * is compared with what is there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "hand.h"
#include "work.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PRODUCERS     4
#define MEMBERS       (PRODUCERS + 1) /* and a worker */
#define JOBS          500             /* of each producer, at most */
#define ACKS_PER_KILL 25
#define SLOTS         8

/* Between the processes; a killed one leaves it consistent, since each word stands alone. */
struct ledger {
  int n; /* jobs of each producer */
  unsigned flags[MEMBERS];
  _Atomic int told; /* jobs in all */
  _Atomic bool done[PRODUCERS], stop;
  _Atomic int64_t ids[PRODUCERS][JOBS]; /* as they were told; 0: not yet */
};

static void payload_of(int me, int i, char out[64]) {
  snprintf(out, 64, "{\"p\":%d,\"i\":%d}", me, i);
}

static void die(struct galley *q, const char *doing, enum galley_rc rc) {
  fprintf(stderr, "%s: %s: %s\n", doing, galley_rc_name(rc), galley_errmsg(q));
  _exit(9);
}

/* Goes on where one who was killed was. */
static void produce(struct fixture *f, struct ledger *ledger, int me) {
  struct galley *q = fixture_open(f, ledger->flags[me]);
  for (int i = 0; i < ledger->n; i++) {
    char payload[64];
    const struct galley_spec spec = {.kind = "work", .payload = payload};
    int64_t id;
    if (atomic_load(&ledger->ids[me][i]) != 0)
      continue;
    payload_of(me, i, payload);
    enum galley_rc rc = galley_enqueue(q, &spec, &id, NULL);
    if (rc != GALLEY_OK)
      die(q, "enqueue", rc);
    atomic_store(&ledger->ids[me][i], id);
    atomic_fetch_add(&ledger->told, 1);
  }
  atomic_store(&ledger->done[me], true);
  galley_close(q);
  _exit(0);
}

/* Settles in each turn what it has claimed in the one before. */
static void work(struct fixture *f, struct ledger *ledger) {
  static const char *const kinds[] = {"work"};
  struct galley *q = fixture_open(f, ledger->flags[PRODUCERS]);
  struct galley_settlement settlements[SLOTS];
  struct galley_job *jobs[SLOTS];
  struct galley_turn turn = {.kinds = kinds,
                             .n_kinds = 1,
                             .max_jobs = SLOTS,
                             .lease_ms = HAND_LONG_MS,
                             .settlements = settlements,
                             .jobs = jobs};
  enum galley_rc rc = galley_worker_join(q, "[\"work\"]", SLOTS, &turn.worker_id);
  if (rc == GALLEY_OK)
    rc = galley_recover(q, NULL);
  while (rc == GALLEY_OK && (turn.n_settlements > 0 || !atomic_load(&ledger->stop))) {
    turn.max_jobs = atomic_load(&ledger->stop) ? 0 : SLOTS;
    rc = galley_turn(q, &turn);
    for (size_t i = 0; rc == GALLEY_OK && i < turn.n_jobs; i++) {
      settlements[i] = (struct galley_settlement){
          .job_id = jobs[i]->id, .fence = jobs[i]->fence, .outcome = GALLEY_DONE};
      galley_free(jobs[i]);
    }
    turn.n_settlements = turn.n_jobs;
    if (turn.n_jobs == 0)
      usleep(1000);
  }
  if (rc == GALLEY_OK)
    rc = galley_worker_leave(q, turn.worker_id);
  if (rc != GALLEY_OK)
    die(q, "work", rc);
  galley_close(q);
  _exit(0);
}

static pid_t member_start(struct fixture *f, struct ledger *ledger, int member) {
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid != 0)
    return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (member < PRODUCERS)
    produce(f, ledger, member);
  work(f, ledger);
  _exit(8);
}

/* Whether one was. */
static bool kill_one(struct fixture *f, struct ledger *ledger, pid_t *pids, uint32_t *seed) {
  int status;
  *seed = *seed * 1664525u + 1013904223u;
  int member = (int)((*seed >> 8) % MEMBERS);
  if (member < PRODUCERS && atomic_load(&ledger->done[member]))
    return false;
  assert_int_equal(kill(pids[member], SIGKILL), 0);
  assert_int_equal(waitpid(pids[member], &status, 0), pids[member]);
  assert_true(WIFSIGNALED(status) || status == 0); /* it may just have gone by itself */
  pids[member] = member_start(f, ledger, member);
  return true;
}

static bool all_done(struct ledger *ledger) {
  int done = 0;
  for (int i = 0; i < PRODUCERS; i++)
    done += atomic_load(&ledger->done[i]);
  return done == PRODUCERS;
}

/* How many were killed, each after so many acknowledged jobs. */
static int run_all(struct fixture *f, struct ledger *ledger) {
  pid_t pids[MEMBERS];
  uint32_t seed = 1;
  int kills = 0, last = 0;
  for (int i = 0; i < MEMBERS; i++)
    pids[i] = member_start(f, ledger, i);
  for (int quiet = 0, told = 0; !all_done(ledger); usleep(1000)) {
    int now = atomic_load(&ledger->told);
    quiet = now == told ? quiet + 1 : 0;
    told = now;
    if (quiet > HAND_LOOKS)
      fail_msg("nothing was acknowledged for %d looks", HAND_LOOKS);
    if (now - last < ACKS_PER_KILL)
      continue;
    last = now;
    kills += kill_one(f, ledger, pids, &seed);
  }
  atomic_store(&ledger->stop, true);
  for (int i = 0, status; i < MEMBERS; i++) {
    assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
    assert_int_equal(status, 0);
  }
  return kills;
}

static void each_job_is_there_once(void **state, int n, const unsigned *flags) {
  struct fixture *f = *state;
  struct ledger *ledger =
      mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(ledger, MAP_FAILED);
  ledger->n = n;
  memcpy(ledger->flags, flags, sizeof ledger->flags);
  galley_close(f->q); /* a handle is not carried over fork() */
  f->q = NULL;
  int kills = run_all(f, ledger);
  f->q = fixture_open(f, 0);
  for (int me = 0; me < PRODUCERS; me++) {
    for (int i = 0; i < ledger->n; i++) {
      char payload[64];
      payload_of(me, i, payload);
      struct galley_job *job = work_get(f->q, atomic_load(&ledger->ids[me][i]));
      assert_string_equal(job->payload, payload);
      galley_free(job);
    }
  }
  assert_true(kills > 0);
  assert_in_range(fixture_number(f, "SELECT count(*) FROM jobs"), PRODUCERS * ledger->n,
                  PRODUCERS * ledger->n + kills);
  assert_true(hand_number(f) > 0);
  fixture_check(f->q);
  munmap(ledger, sizeof *ledger);
}

static void each_job_is_there_once_whoever_is_killed(void **state) {
  static const unsigned flags[MEMBERS] = {0};
  each_job_is_there_once(state, JOBS, flags);
}

static void each_job_is_there_once_whoever_is_killed_when_all_are_full(void **state) {
  static const unsigned flags[MEMBERS] = {GALLEY_OPEN_FULL, GALLEY_OPEN_FULL, GALLEY_OPEN_FULL,
                                          GALLEY_OPEN_FULL, GALLEY_OPEN_FULL};
  each_job_is_there_once(state, JOBS / 2, flags);
}

static void each_job_is_there_once_whoever_is_killed_when_some_are_full(void **state) {
  static const unsigned flags[MEMBERS] = {GALLEY_OPEN_FULL, 0, GALLEY_OPEN_FULL, 0, 0};
  each_job_is_there_once(state, JOBS / 2, flags);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
  const struct CMUnitTest tests[] = {
      TEST(each_job_is_there_once_whoever_is_killed),
      TEST(each_job_is_there_once_whoever_is_killed_when_all_are_full),
      TEST(each_job_is_there_once_whoever_is_killed_when_some_are_full),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
