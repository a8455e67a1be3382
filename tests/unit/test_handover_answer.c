/* The answers to enqueues that were handed over: at whatever instant they come, and durable when
 * they have to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "hand.h"
#include "work.h"

#include <time.h>
#include <unistd.h>

#define CROWD 4

/* In the place of the C library's, for galley alone: its symbol is hidden. */
int clock_gettime(clockid_t id, struct timespec *out) {
  return hand_clock_gettime(id, out);
}

/* ---- at every instant ---- */

/* How often a commit was to be made durable. */
static uint64_t syncs_of(struct galley *q) {
  hand_slots(q);
  return atomic_load(&hand_db(q)->page->sync.numbers);
}

enum way { DONE, DURABLE, NOT_DURABLE, NO_SYNC, ROLLED_BACK, REFUSED, N_WAYS };

/* How a played taker ends, within the owner's thread: as it reads its clock. */
struct ending {
  struct sqlite_slots *slots;
  struct sqlite_slots_batch batch;
  enum way way;
};

static void end(void *arg) {
  struct ending *ending = arg;
  struct sqlite_slots *slots = ending->slots;
  enum way way = ending->way;
  ending->batch.refused = way == REFUSED;
  sqlite_slots_end(slots, &ending->batch, way < ROLLED_BACK, way != DONE);
  sqlite_slots_wake(slots, &ending->batch);
  if (way == DURABLE || way == NOT_DURABLE)
    sqlite_slots_synced(slots, &ending->batch, way == DURABLE);
  sqlite_slots_wake(slots, &ending->batch);
}

#define INSTANTS 12 /* more than a look of an owner has readings of the clock */

static void an_owner_hears_the_answer_at_whatever_instant_it_comes(void **state) {
  struct fixture *f = *state;
  struct galley *q = hand_open(f, GALLEY_OPEN_FULL);
  static const int syncs[N_WAYS] = {
      [DONE] = 1, [NOT_DURABLE] = 1, [NO_SYNC] = 1, [ROLLED_BACK] = 1, [REFUSED] = 1};
  for (enum way way = DONE; way < N_WAYS; way++) {
    for (int instant = 1; instant <= INSTANTS; instant++) {
      struct ending ending = {.slots = hand_slots(f->q), .way = way};
      struct hand_owner owner = {.f = f, .q = q, .clock = {.at_read = end, .arg = &ending}};
      uint64_t before = syncs_of(f->q);
      hand_hold(f->q);
      hand_over(&owner, f->q);
      struct sqlite_slot *slot = hand_take(f->q, &ending.batch);
      slot->id = 4711;
      assert_true(sqlite_slots_seal(ending.slots, &ending.batch));
      atomic_store(&owner.clock.reads, instant);
      HAND_AWAIT(atomic_load(&owner.clock.reads) == 0);
      if (way >= ROLLED_BACK)
        hand_let_go(f->q);
      for (int looks = 0; way == NO_SYNC && !atomic_load(&owner.ended) && looks < HAND_LOOKS;
           looks++) {
        hand_clock_move(&owner.clock, 100);
        usleep(1000);
      }
      hand_ok(&owner);
      assert_int_equal(owner.id == 4711, way < ROLLED_BACK);
      assert_int_equal(syncs_of(f->q) - before, syncs[way]);
      hand_let_go(f->q);
      hand_nothing_is_left(f->q);
    }
  }
  assert_int_equal(hand_jobs(f, "work"), 2 * INSTANTS);
  galley_close(q);
}

/* ---- durability full ---- */

static void full_owners_of_a_full_taker_share_his_sync(void **state) {
  struct fixture *f = *state;
  struct galley *taker = fixture_open(f, GALLEY_OPEN_FULL);
  struct hand_owner owners[CROWD];
  hand_hold(taker);
  for (int i = 0; i < CROWD; i++) {
    owners[i] = (struct hand_owner){.f = f, .flags = i == 0 ? 0 : GALLEY_OPEN_FULL};
    hand_over(&owners[i], taker);
  }
  uint64_t before = syncs_of(taker);
  work_enqueue(taker, "taker");
  for (int i = 0; i < CROWD; i++)
    hand_ok(&owners[i]);
  assert_int_equal(syncs_of(taker), before + 1);
  assert_int_equal(hand_jobs(f, "work"), CROWD);
  hand_nothing_is_left(f->q);
  galley_close(taker);
}

static void a_full_owner_of_a_normal_taker_syncs_by_himself(void **state) {
  struct fixture *f = *state;
  struct hand_owner owners[2] = {{.f = f, .flags = GALLEY_OPEN_FULL}, {.f = f}};
  hand_hold(f->q);
  hand_over(&owners[0], f->q);
  hand_over(&owners[1], f->q);
  uint64_t before = syncs_of(f->q);
  work_enqueue(f->q, "taker");
  hand_ok(&owners[0]);
  hand_ok(&owners[1]);
  assert_int_equal(syncs_of(f->q), before + 1);
  assert_true(hand_number(f) > 0);
}

/* That an earlier answer was durable says nothing of one that the database gave. */
static void what_the_database_tells_a_full_owner_is_synced(void **state) {
  struct fixture *f = *state;
  struct galley *q = hand_open(f, GALLEY_OPEN_FULL);
  for (int turn = 0; turn < 2; turn++) {
    struct ending ending = {.slots = hand_slots(f->q), .way = DURABLE};
    struct hand_owner owner = {.f = f, .q = q};
    hand_hold(f->q);
    hand_over(&owner, f->q);
    struct sqlite_slot *slot = hand_take(f->q, &ending.batch);
    assert_true(sqlite_slots_seal(ending.slots, &ending.batch));
    slot->id = hand_commit(f, "work", ending.batch.number);
    uint64_t before = syncs_of(f->q);
    if (turn == 0)
      end(&ending);
    else
      hand_clock_move(&owner.clock, HAND_BUSY_MS);
    hand_ok(&owner);
    assert_int_equal(syncs_of(f->q) - before, turn);
    end(&ending);
    hand_let_go(f->q);
    hand_nothing_is_left(f->q);
  }
  galley_close(q);
}

/* Others hand over and get their answers all the time. */
static void who_waits_for_a_sync_that_never_ends_syncs_by_himself(void **state) {
  struct fixture *f = *state;
  struct sqlite_slots_batch batch;
  struct hand_owner owner = {.f = f, .flags = GALLEY_OPEN_FULL};
  hand_hold(f->q);
  hand_over(&owner, f->q);
  struct sqlite_slot *slot = hand_take(f->q, &batch);
  slot->id = 4711;
  assert_true(sqlite_slots_seal(hand_slots(f->q), &batch));
  uint64_t before = syncs_of(f->q);
  sqlite_slots_end(hand_slots(f->q), &batch, true, true);
  hand_let_go(f->q);
  for (int looks = 0; !atomic_load(&owner.ended) && looks < HAND_LOOKS; looks++) {
    struct sqlite_slots_batch others = {.wake = UINT32_MAX};
    sqlite_slots_wake(hand_slots(f->q), &others);
    hand_clock_move(&owner.clock, 1);
    usleep(1000);
  }
  hand_ok(&owner);
  assert_int_equal(owner.id, 4711);
  assert_int_equal(syncs_of(f->q), before + 1);
  hand_nothing_is_left(f->q);
}

/* The xSync of logs that are patched: the n-th call of it is answered by `sync(n)`. */
static struct {
  sqlite3_io_methods methods;
  int (*sync)(int n);
  _Atomic int calls;
} patch;

static int patched_sync(sqlite3_file *file, int flags) {
  (void)file;
  (void)flags;
  return patch.sync(atomic_fetch_add(&patch.calls, 1));
}

static void patch_log(struct galley *q, int (*sync)(int n)) {
  sqlite3_file *log;
  work_enqueue(q, "first"); /* opens it */
  assert_int_equal(sqlite3_file_control(hand_db(q)->h, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log),
                   SQLITE_OK);
  patch.sync = sync;
  atomic_store(&patch.calls, 0);
  patch.methods = *log->pMethods;
  patch.methods.xSync = patched_sync;
  log->pMethods = &patch.methods;
}

static int failing_sync(int n) {
  (void)n;
  return SQLITE_IOERR_FSYNC;
}

static void a_failed_sync_fails_all_who_rely_on_it(void **state) {
  struct fixture *f = *state;
  struct galley *taker = fixture_open(f, GALLEY_OPEN_FULL);
  const struct galley_spec spec = {.kind = "taker"};
  struct hand_owner owners[] = {{.f = f, .flags = GALLEY_OPEN_FULL}, {.f = f}}, late = owners[0],
                    normal = owners[1];
  int64_t id = -1;
  patch_log(taker, failing_sync);
  hand_hold(taker);
  hand_over(&owners[0], taker);
  hand_over(&owners[1], taker);
  fixture_fails(taker, galley_enqueue(taker, &spec, &id, NULL), GALLEY_IO, "did not confirm");
  hand_fails(&owners[0], GALLEY_IO, "did not confirm");
  hand_ok(&owners[1]);
  assert_int_equal(hand_jobs(f, "work"), 2); /* it can be seen, as the sentence says */
  hand_hold(f->q); /* from now on a full one fails before anything is written */
  hand_begin(&late, f);
  HAND_AWAIT(hand_is_queued(f->q));
  assert_int_equal(sqlite_slots_waiting(hand_slots(f->q)), 0);
  hand_let_go(f->q);
  hand_fails(&late, GALLEY_IO, "galley checkpoint");
  assert_int_equal(hand_jobs(f, "work"), 2);
  hand_hold(f->q);
  hand_over(&normal, f->q);
  work_enqueue(f->q, "taker");
  hand_ok(&normal);
  hand_nothing_is_left(f->q);
  galley_close(taker);
}

static _Atomic int64_t *syncing_ns;
static struct hand_owner second;
static _Atomic int go_on;

/* During the first sync another process commits; its own takes until it may go on. */
static int overlapping_sync(int n) {
  int64_t first = atomic_load(syncing_ns);
  if (n == 0) {
    hand_begin(&second, second.f);
    while (atomic_load(syncing_ns) == first)
      usleep(1000);
  } else {
    while (!atomic_load(&go_on))
      usleep(1000);
  }
  return SQLITE_OK;
}

static void a_sync_that_another_has_begun_goes_on_after_ours(void **state) {
  struct fixture *f = *state;
  struct galley *q = fixture_open(f, GALLEY_OPEN_FULL), *other = hand_open(f, GALLEY_OPEN_FULL);
  syncing_ns = &hand_slots(q)->syncing_ns;
  second = (struct hand_owner){.f = f, .q = other};
  patch_log(other, overlapping_sync);
  patch_log(q, overlapping_sync);
  atomic_store(&go_on, 0);
  work_enqueue(q, "work");
  assert_true(atomic_load(syncing_ns) != 0);
  atomic_store(&go_on, 1);
  hand_ok(&second);
  assert_true(atomic_load(syncing_ns) == 0);
  galley_close(other);
  galley_close(q);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
  const struct CMUnitTest tests[] = {
      TEST(an_owner_hears_the_answer_at_whatever_instant_it_comes),
      TEST(full_owners_of_a_full_taker_share_his_sync),
      TEST(a_full_owner_of_a_normal_taker_syncs_by_himself),
      TEST(what_the_database_tells_a_full_owner_is_synced),
      TEST(who_waits_for_a_sync_that_never_ends_syncs_by_himself),
      TEST(a_failed_sync_fails_all_who_rely_on_it),
      TEST(a_sync_that_another_has_begun_goes_on_after_ours),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
