/* Takers of what is handed over that stop or die, played on the page, and owners that die. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "hand.h"
#include "work.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* In the place of the C library's, for galley alone: its symbol is hidden. */
int clock_gettime(clockid_t id, struct timespec *out) {
  return hand_clock_gettime(id, out);
}

/* ---- takers that stop ---- */

static void what_is_taken_and_never_answered_is_busy_and_not_there(void **state) {
  struct fixture *f = *state;
  struct sqlite_slots_batch batch;
  struct hand_owner owner = {.f = f};
  hand_hold(f->q);
  hand_over(&owner, f->q);
  struct sqlite_slot *slot = hand_take(f->q, &batch);
  hand_clock_move(&owner.clock, HAND_BUSY_MS - 1);
  hand_clock_is_watched(&owner.clock);
  assert_int_equal(sqlite_slot_state(slot), SLOT_TAKEN);
  hand_clock_move(&owner.clock, 1);
  hand_fails(&owner, GALLEY_BUSY, "another process had its lock for longer than 2000 ms");
  assert_int_equal(sqlite_slot_state(slot), SLOT_LEFT);
  assert_false(sqlite_slots_seal(hand_slots(f->q), &batch));
  sqlite_slots_end(hand_slots(f->q), &batch, false, false);
  hand_nothing_is_left(f->q);
  hand_let_go(f->q);
  assert_int_equal(hand_jobs(f, "work"), 0);
}

/* A real one, whose clock hears nothing of the time that passes in the middle of his transaction.
 */
struct slow_taker {
  struct fixture *f;
  struct hand_owner *owner;
  struct sqlite_slots *slots;
};

static int64_t slow_now_ms(void *arg) {
  struct slow_taker *slow = arg;
  if (slow->owner && sqlite_slots_orphaned(slow->slots, &hand_db(slow->f->q)->handed.file)) {
    hand_clock_move(&slow->owner->clock, HAND_BUSY_MS);
    hand_fails(slow->owner, GALLEY_BUSY, "another process had its lock");
    slow->owner = NULL;
  }
  return slow->f->now_ms;
}

static void a_transaction_that_others_gave_up_is_not_committed(void **state) {
  struct fixture *f = *state;
  struct slow_taker slow = {.f = f, .slots = hand_slots(f->q)};
  const struct galley_env env = {
      .now_ms = slow_now_ms, .mono_ns = f->env.mono_ns, .random = f->env.random, .arg = &slow};
  struct galley *taker;
  const struct galley_options options = {.env = &env};
  const struct galley_spec spec = {.kind = "taker"};
  struct hand_clock clock = {.ns = HAND_BOOT_NS};
  struct hand_owner gone = {.f = f}, next = {.f = f}, later = {.f = f};
  int64_t id;
  enum galley_rc rc = galley_open(&taker, f->path, &options);
  fixture_ok(taker, rc);
  hand_clock_use(&clock);
  hand_hold(taker);
  hand_over(&gone, taker);
  slow.owner = &gone;
  fixture_fails(taker, galley_enqueue(taker, &spec, &id, NULL), GALLEY_BUSY, "took so long");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs"), 0);
  hand_nothing_is_left(f->q);
  hand_hold(taker);
  hand_over(&next, taker); /* it takes nothing for a while */
  fixture_ok(taker, galley_enqueue(taker, &spec, &id, NULL));
  hand_ok(&next);
  assert_int_equal(hand_number(f), 0);
  hand_clock_move(&clock, 5001);
  hand_hold(taker);
  hand_over(&later, taker);
  fixture_ok(taker, galley_enqueue(taker, &spec, &id, NULL));
  hand_ok(&later);
  assert_true(hand_number(f) > 0);
  hand_clock_use(NULL);
  galley_close(taker);
  assert_int_equal(hand_jobs(f, "work"), 2);
}

static void of_what_is_sealed_and_never_answered_the_database_tells(void **state) {
  struct fixture *f = *state;
  for (int committed = 0; committed < 2; committed++) {
    struct sqlite_slots_batch batch;
    const struct galley_spec spec = {.kind = committed ? "there" : "not"};
    struct hand_owner owner = {.f = f, .spec = &spec};
    hand_hold(f->q);
    hand_over(&owner, f->q);
    struct sqlite_slot *slot = hand_take(f->q, &batch);
    assert_true(sqlite_slots_seal(hand_slots(f->q), &batch));
    int64_t id = hand_commit(f, "there", batch.number + !committed);
    slot->id = id;
    slot->existing = true;
    hand_clock_move(&owner.clock, HAND_BUSY_MS);
    hand_ok(&owner);
    assert_int_equal(owner.id == id, committed);
    assert_int_equal(owner.existing, committed);
    sqlite_slots_end(hand_slots(f->q), &batch, committed, false);
    hand_let_go(f->q);
    hand_nothing_is_left(f->q);
  }
  assert_int_equal(hand_jobs(f, "there"), 2); /* one was another's */
  assert_int_equal(hand_jobs(f, "not"), 1);
}

/* The taker is stopped within COMMIT: SQLite's lock is his. */
static void who_stops_within_a_commit_leaves_his_owners_without_an_answer(void **state) {
  struct fixture *f = *state;
  for (int late = 0; late < 2; late++) {
    struct sqlite_slots_batch batch;
    struct hand_owner owner = {.f = f};
    sqlite3 *h = hand_raw_open(f);
    char sql[96];
    hand_hold(f->q);
    hand_over(&owner, f->q);
    struct sqlite_slot *slot = hand_take(f->q, &batch);
    assert_true(sqlite_slots_seal(hand_slots(f->q), &batch));
    slot->id = 4711;
    snprintf(sql, sizeof sql,
             "BEGIN IMMEDIATE; INSERT OR REPLACE INTO handovers VALUES(0,%" PRIu64 ")",
             batch.number);
    hand_raw_run(h, sql);
    hand_clock_move(&owner.clock, (1 + late) * HAND_BUSY_MS);
    if (!late)
      hand_clock_is_watched(&owner.clock);
    else
      hand_fails(&owner, GALLEY_IO, "not known whether it was done");
    hand_raw_run(h, "COMMIT");
    sqlite3_close(h);
    if (!late)
      hand_ok(&owner);
    assert_true(late || owner.id == 4711);
    sqlite_slots_end(hand_slots(f->q), &batch, true, false);
    hand_let_go(f->q);
    hand_nothing_is_left(f->q);
  }
}

static void what_is_never_taken_is_done_without_the_gate_when_the_time_is_over(void **state) {
  struct fixture *f = *state;
  struct galley *q = hand_open(f, 0);
  struct hand_owner owner = {.f = f, .q = q};
  hand_hold(f->q);
  hand_over(&owner, f->q);
  hand_clock_move(&owner.clock, 5);
  HAND_AWAIT(hand_is_queued(f->q));
  hand_nothing_is_left(f->q);
  hand_clock_move(&owner.clock, HAND_BUSY_MS);
  hand_ok(&owner);
  assert_true(hand_db(f->q)->gate_held);
  assert_true(hand_db(q)->gate_pass_by_ns > 0); /* and is not waited for again */
  hand_let_go(f->q);
  assert_int_equal(hand_jobs(f, "work"), 1);
  owner = (struct hand_owner){.f = f};
  hand_hold(f->q);
  hand_over(&owner, f->q);
  hand_clock_move(&owner.clock, HAND_BUSY_MS); /* in one step: he has no time left for the queue */
  hand_ok(&owner);
  hand_nothing_is_left(f->q);
  hand_let_go(f->q);
  assert_int_equal(hand_jobs(f, "work"), 2);
  galley_close(q);
}

/* ---- takers that die ---- */

/* A process that holds the gate, takes two messages as it gets a byte, and seals them or not. */
struct taker {
  pid_t pid;
  int to, from;
};

static void take_two(struct fixture *f, int in, int out, bool seal) {
  char path[128], byte = 't';
  struct sqlite_gate_visits visits = {.in_a_row = 0};
  struct sqlite_slots_batch batch = {.number = 0};
  snprintf(path, sizeof path, "%s-galley", f->path);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  struct sqlite_page *page = sqlite_page_map(fd);
  if (!page || !sqlite_gate_enter(&page->gate, &visits, HAND_LONG_MS, false) ||
      write(out, &byte, 1) != 1 || read(in, &byte, 1) != 1)
    _exit(1);
  for (int i = 0; i < 2; i++)
    if (!sqlite_slots_take(&page->slots, &batch, &hand_db(f->q)->handed.file))
      _exit(2);
  if (seal && !sqlite_slots_seal(&page->slots, &batch))
    _exit(3);
  if (write(out, &byte, 1) == 1)
    pause();
  _exit(4);
}

static void say(int fd) {
  assert_int_equal(write(fd, "x", 1), 1);
}

static void hear(int fd) {
  char byte;
  assert_int_equal(read(fd, &byte, 1), 1);
}

static struct taker taker_start(struct fixture *f, bool seal) {
  int to[2], from[2];
  hand_slots(f->q);
  assert_int_equal(pipe(to) | pipe(from), 0);
  struct taker taker = {.pid = fork(), .to = to[1], .from = from[0]};
  assert_true(taker.pid >= 0);
  if (taker.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    take_two(f, to[0], from[1], seal);
  }
  close(to[0]);
  close(from[1]);
  hear(taker.from);
  return taker;
}

static void taker_dies(struct taker *taker) {
  int status;
  assert_int_equal(kill(taker->pid, SIGKILL), 0);
  assert_int_equal(waitpid(taker->pid, &status, 0), taker->pid);
  assert_true(WIFSIGNALED(status));
  close(taker->to);
  close(taker->from);
}

static void what_a_dead_taker_has_not_committed_is_done_once(void **state) {
  struct fixture *f = *state;
  for (int turn = 0; turn < 4; turn++) {
    struct taker taker = taker_start(f, turn % 2);
    struct hand_owner owners[2];
    for (int i = 0; i < 2; i++) {
      owners[i] = (struct hand_owner){.f = f};
      hand_over(&owners[i], f->q);
    }
    say(taker.to);
    hear(taker.from);
    taker_dies(&taker);
    if (turn > 1)
      work_enqueue(f->q, "next");
    hand_ok(&owners[0]);
    hand_ok(&owners[1]);
    assert_int_not_equal(owners[0].id, owners[1].id);
    assert_int_equal(hand_jobs(f, "work"), 2 * (turn + 1));
    hand_nothing_is_left(f->q);
  }
}

static void what_a_dead_taker_has_committed_is_told(void **state) {
  struct fixture *f = *state;
  for (int turn = 0; turn < 2; turn++) {
    struct taker taker = taker_start(f, true);
    struct hand_owner owners[2];
    struct sqlite_slot *all = hand_slots(f->q)->all;
    for (int i = 0; i < 2; i++) {
      owners[i] = (struct hand_owner){.f = f};
      hand_over(&owners[i], f->q);
    }
    say(taker.to);
    hear(taker.from);
    for (int i = 0; i < 2; i++) {
      assert_int_equal(sqlite_slot_state(&all[i]), SLOT_SEALED);
      all[i].id = hand_commit(f, "work", all[i].batch);
    }
    int64_t ids = all[0].id + all[1].id;
    taker_dies(&taker);
    if (turn > 0)
      work_enqueue(f->q, "next");
    hand_ok(&owners[0]);
    hand_ok(&owners[1]);
    assert_int_not_equal(owners[0].id, owners[1].id);
    assert_int_equal(owners[0].id + owners[1].id, ids);
    assert_int_equal(hand_jobs(f, "work"), 2 * (turn + 1));
    hand_nothing_is_left(f->q);
  }
}

/* A process whose clock stands still: it is killed while its job waits for a taker. */
static void what_a_dead_owner_has_handed_over_is_not_done(void **state) {
  struct fixture *f = *state;
  int to[2];
  galley_close(f->q); /* a handle is not carried over fork() */
  assert_int_equal(pipe(to), 0);
  struct taker owner = {.pid = fork(), .to = to[1], .from = to[0]};
  assert_true(owner.pid >= 0);
  if (owner.pid == 0) {
    struct hand_owner self = {.f = f, .clock = {.ns = HAND_BOOT_NS}};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    hear(to[0]);
    hand_run(&self);
    _exit(1);
  }
  f->q = fixture_open(f, 0);
  hand_hold(f->q);
  say(owner.to);
  HAND_AWAIT(sqlite_slots_waiting(hand_slots(f->q)) == 1);
  taker_dies(&owner);
  work_enqueue(f->q, "taker");
  assert_int_equal(hand_jobs(f, "work"), 0);
  assert_int_equal(hand_number(f), 0);
  hand_nothing_is_left(f->q);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
  const struct CMUnitTest tests[] = {
      TEST(what_is_taken_and_never_answered_is_busy_and_not_there),
      TEST(a_transaction_that_others_gave_up_is_not_committed),
      TEST(of_what_is_sealed_and_never_answered_the_database_tells),
      TEST(who_stops_within_a_commit_leaves_his_owners_without_an_answer),
      TEST(what_is_never_taken_is_done_without_the_gate_when_the_time_is_over),
      TEST(what_a_dead_taker_has_not_committed_is_done_once),
      TEST(what_a_dead_taker_has_committed_is_told),
      TEST(what_a_dead_owner_has_handed_over_is_not_done),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
