/* The slots by which work is handed to whoever holds the gate, alone in shared memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sqlite_slots.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_NS  INT64_C(120000000000)
#define LOOKS    60000 /* one a millisecond: for a state that must come */
#define N_STATES (SLOT_LEFT + 1)
#define SLEEPERS 3
#define ANSWER   4711
#define NO_BATCH 7 /* number of a transaction that took nothing */

static const struct sqlite_slots_file here = {1, 2}, there = {1, 3}, elsewhere = {2, 2};

static const char *const names[N_STATES] = {"FREE",    "POSTED", "TAKEN",   "SEALED", "COMMITTED",
                                            "DURABLE", "DONE",   "REFUSED", "LEFT"};

static void *share(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(memory, MAP_FAILED);
  return memory;
}

static int set_up(void **state) {
  struct sqlite_slots *slots = share(sizeof *slots);
  *state = slots;
  return !sqlite_slots_init(slots, 1000);
}

static int tear_down(void **state) {
  return munmap(*state, sizeof(struct sqlite_slots));
}

/* Until it is so, which it must become. */
#define AWAIT(condition)                                                                           \
  do {                                                                                             \
    int looks = 0;                                                                                 \
    for (; !(condition) && looks < LOOKS; looks++)                                                 \
      usleep(1000);                                                                                \
    assert_true(looks < LOOKS);                                                                    \
  } while (0)

/* A process that a failed test does not leave behind. */
static pid_t start(void) {
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0)
    prctl(PR_SET_PDEATHSIG, SIGKILL);
  return pid;
}

static void expect(const struct sqlite_slot *slot, enum sqlite_slot_state state, const char *what) {
  enum sqlite_slot_state is = sqlite_slot_state(slot);
  if (is != state)
    fail_msg("%s: %s, expected %s", what, names[is], names[state]);
}

static struct sqlite_slot *post_text(struct sqlite_slots *slots, unsigned at, const char *text) {
  struct sqlite_slot *slot = sqlite_slots_post(slots, &at, &here, true, text, strlen(text));
  assert_non_null(slot);
  assert_ptr_equal(slot, &slots->all[at]);
  return slot;
}

static struct sqlite_slot *post(struct sqlite_slots *slots, unsigned at) {
  struct sqlite_slot *slot = post_text(slots, at, "message");
  assert_ptr_equal(slot, &slots->all[at]);
  return slot;
}

static struct sqlite_slot *take(struct sqlite_slots *slots, struct sqlite_slots_batch *batch) {
  return sqlite_slots_take(slots, batch, &here);
}

static void leave(struct sqlite_slots *slots, struct sqlite_slot *slot, enum sqlite_slot_state to) {
  assert_true(sqlite_slots_leave(slots, slot, sqlite_slot_state(slot), to));
}

static void nothing_is_left(struct sqlite_slots *slots) {
  for (int i = 0; i < SQLITE_SLOTS_N; i++)
    expect(&slots->all[i], SLOT_FREE, "in the end");
  assert_int_equal(atomic_load(&slots->posted), 0);
  assert_int_equal(sqlite_slots_waiting(slots), 0);
  assert_false(sqlite_slots_orphaned(slots, &here));
}

/* ---- from state to state ---- */

/* What a taker does to a posted slot that brings it to this state, but that its owner leaves it. */
static void serve(struct sqlite_slots *slots, struct sqlite_slots_batch *batch,
                  enum sqlite_slot_state state) {
  if (state == SLOT_FREE || state == SLOT_POSTED)
    return;
  struct sqlite_slot *slot = take(slots, batch);
  assert_non_null(slot);
  slot->id = ANSWER;
  slot->existing = true;
  if (state == SLOT_TAKEN || state == SLOT_LEFT)
    return;
  assert_true(sqlite_slots_seal(slots, batch));
  if (state == SLOT_SEALED)
    return;
  batch->refused = state == SLOT_REFUSED;
  sqlite_slots_end(slots, batch, state != SLOT_REFUSED, state != SLOT_DONE);
  if (state == SLOT_DURABLE)
    sqlite_slots_synced(slots, batch, true);
}

/* Slot `at` in this state, as its owner and its taker bring it there; no other may be posted. */
static struct sqlite_slot *bring(struct sqlite_slots *slots, unsigned at,
                                 struct sqlite_slots_batch *batch, enum sqlite_slot_state state) {
  struct sqlite_slot *slot = &slots->all[at];
  *batch = (struct sqlite_slots_batch){.number = 0};
  if (state == SLOT_FREE)
    return slot;
  assert_ptr_equal(post(slots, at), slot);
  serve(slots, batch, state);
  if (state == SLOT_LEFT)
    assert_true(sqlite_slots_leave(slots, slot, SLOT_TAKEN, SLOT_LEFT));
  expect(slot, state, "brought");
  return slot;
}

/* Whatever it is in, its owner and its taker end it. */
static void finish(struct sqlite_slots *slots, struct sqlite_slot *slot,
                   struct sqlite_slots_batch *batch) {
  sqlite_slots_end(slots, batch, false, false);
  sqlite_slots_synced(slots, batch, true);
  sqlite_slots_resolve(slots, &here, NO_BATCH);
  if (sqlite_slot_state(slot) != SLOT_FREE)
    leave(slots, slot, SLOT_FREE);
  nothing_is_left(slots);
}

static void new_ones_are_free(void **state) {
  struct sqlite_slots *slots = *state;
  struct sqlite_slots_batch batch = {.number = 0};
  nothing_is_left(slots);
  assert_null(take(slots, &batch));
  assert_int_equal(batch.number, 0);
}

/* What an owner may do: from one state to another, when it is in that one. */
static void an_owner_leaves_only_what_is_in_the_state_that_he_knows(void **state) {
  struct sqlite_slots *slots = *state;
  static const enum sqlite_slot_state to[N_STATES] = {
      [SLOT_POSTED] = SLOT_FREE, [SLOT_COMMITTED] = SLOT_FREE, [SLOT_DURABLE] = SLOT_FREE,
      [SLOT_DONE] = SLOT_FREE,   [SLOT_REFUSED] = SLOT_FREE,   [SLOT_TAKEN] = SLOT_LEFT,
      [SLOT_SEALED] = SLOT_LEFT,
  };
  struct sqlite_slots_batch batch;
  for (enum sqlite_slot_state is = SLOT_FREE; is < N_STATES; is++) {
    for (enum sqlite_slot_state from = SLOT_POSTED; from < SLOT_LEFT; from++) {
      struct sqlite_slot *slot = bring(slots, 5, &batch, is);
      assert_int_equal(sqlite_slots_leave(slots, slot, from, to[from]), is == from);
      expect(slot, is == from ? to[from] : is, names[from]);
      if (is == from) { /* its mutex is left as well: it can be had, unless a taker has it */
        unsigned at = 5;
        struct sqlite_slot *next = sqlite_slots_post(slots, &at, &here, true, "", 0);
        assert_int_equal(next == slot, to[from] == SLOT_FREE);
        assert_true(sqlite_slots_leave(slots, next, SLOT_POSTED, SLOT_FREE));
      }
      finish(slots, slot, &batch);
    }
  }
}

enum action {
  TAKE,
  SEAL,
  COMMIT,
  COMMIT_SYNC,
  ROLL_BACK,
  REFUSE,
  SYNCED,
  SYNC_FAILED,
  RESOLVE,
  RESOLVE_COMMITTED,
  N_ACTIONS,
};

static const char *const actions[N_ACTIONS] = {
    "take",   "seal",   "commit",      "commit, and sync", "roll back",
    "refuse", "synced", "sync failed", "resolve",          "resolve as committed"};

static void act(struct sqlite_slots *slots, struct sqlite_slots_batch *batch, enum action action) {
  struct sqlite_slots_batch new = {.number = 0};
  switch (action) {
  case TAKE:
    (void)take(slots, &new);
    *batch = batch->taken || batch->unsynced ? *batch : new;
    return;
  case SEAL:
    (void)sqlite_slots_seal(slots, batch);
    return;
  case REFUSE:
    batch->refused = true;
    sqlite_slots_end(slots, batch, false, false);
    return;
  case COMMIT:
  case COMMIT_SYNC:
  case ROLL_BACK:
    sqlite_slots_end(slots, batch, action != ROLL_BACK, action == COMMIT_SYNC);
    return;
  case SYNCED:
  case SYNC_FAILED:
    sqlite_slots_synced(slots, batch, action == SYNCED);
    return;
  case RESOLVE:
  case RESOLVE_COMMITTED:
    sqlite_slots_resolve(slots, &here, action == RESOLVE ? NO_BATCH : batch->number);
    batch->taken = 0; /* he is dead */
    return;
  case N_ACTIONS:
    break;
  }
  fail();
}

/* What a taker makes of each state; 0 (FREE) stands for: it stays as it is. */
static const enum sqlite_slot_state becomes[N_STATES][N_ACTIONS] = {
    [SLOT_POSTED] = {[TAKE] = SLOT_TAKEN},
    [SLOT_TAKEN] = {[SEAL] = SLOT_SEALED,
                    [COMMIT] = SLOT_DONE,
                    [COMMIT_SYNC] = SLOT_COMMITTED,
                    [ROLL_BACK] = SLOT_POSTED,
                    [REFUSE] = SLOT_REFUSED,
                    [RESOLVE] = SLOT_POSTED,
                    [RESOLVE_COMMITTED] = SLOT_DONE},
    [SLOT_SEALED] = {[COMMIT] = SLOT_DONE,
                     [COMMIT_SYNC] = SLOT_COMMITTED,
                     [ROLL_BACK] = SLOT_POSTED,
                     [REFUSE] = SLOT_REFUSED,
                     [RESOLVE] = SLOT_POSTED,
                     [RESOLVE_COMMITTED] = SLOT_DONE},
    [SLOT_COMMITTED] = {[SYNCED] = SLOT_DURABLE, [SYNC_FAILED] = SLOT_DONE},
};

/* Of LEFT: whatever ends the transaction makes it FREE. */
static bool ends(enum action action) {
  return action == COMMIT || action == COMMIT_SYNC || action == ROLL_BACK || action == REFUSE ||
         action == RESOLVE || action == RESOLVE_COMMITTED;
}

static void a_taker_changes_only_what_he_has_in_hand(void **state) {
  struct sqlite_slots *slots = *state;
  struct sqlite_slots_batch batch;
  for (enum sqlite_slot_state is = SLOT_FREE; is < N_STATES; is++) {
    for (enum action action = TAKE; action < N_ACTIONS; action++) {
      char what[64];
      enum sqlite_slot_state to = becomes[is][action] ? becomes[is][action] : is;
      if (is == SLOT_LEFT && ends(action))
        to = SLOT_FREE;
      struct sqlite_slot *slot = bring(slots, 31, &batch, is);
      act(slots, &batch, action);
      snprintf(what, sizeof what, "%s %s", names[is], actions[action]);
      expect(slot, to, what);
      if (to == SLOT_DONE || to == SLOT_COMMITTED) {
        assert_int_equal(slot->id, ANSWER);
        assert_true(slot->existing);
      }
      finish(slots, slot, &batch);
    }
  }
}

static void who_does_not_wait_for_the_disk_is_told_before_the_sync(void **state) {
  struct sqlite_slots *slots = *state;
  struct sqlite_slots_batch batch = {.number = 0};
  unsigned at = 1;
  struct sqlite_slot *durable = post(slots, 0);
  struct sqlite_slot *normal = sqlite_slots_post(slots, &at, &here, false, "", 0);
  assert_non_null(take(slots, &batch));
  assert_non_null(take(slots, &batch));
  assert_true(sqlite_slots_seal(slots, &batch));
  sqlite_slots_end(slots, &batch, true, true);
  expect(normal, SLOT_DONE, "who does not wait");
  expect(durable, SLOT_COMMITTED, "who waits");
  assert_int_equal(batch.wake, 2);
  sqlite_slots_synced(slots, &batch, true);
  expect(durable, SLOT_DURABLE, "who waits");
  assert_int_equal(batch.wake, 3);
  leave(slots, durable, SLOT_FREE);
  leave(slots, normal, SLOT_FREE);
  nothing_is_left(slots);
}

static void what_is_refused_is_so_for_the_whole_transaction_and_for_no_later_one(void **state) {
  struct sqlite_slots *slots = *state;
  struct sqlite_slots_batch batch = {.number = 0};
  struct sqlite_slot *one = post(slots, 3), *other = post(slots, 4);
  assert_ptr_equal(take(slots, &batch), one);
  assert_ptr_equal(take(slots, &batch), other);
  batch.refused = true;
  sqlite_slots_end(slots, &batch, false, true);
  expect(one, SLOT_REFUSED, "one");
  expect(other, SLOT_REFUSED, "the other");
  leave(slots, one, SLOT_FREE);
  leave(slots, other, SLOT_FREE);
  post(slots, 3);
  assert_ptr_equal(take(slots, &batch), one);
  sqlite_slots_end(slots, &batch, false, true);
  expect(one, SLOT_POSTED, "in a later one");
  leave(slots, one, SLOT_FREE);
  nothing_is_left(slots);
}

/* ---- messages ---- */

static void a_message_may_be_as_long_as_the_limit_says(void **state) {
  struct sqlite_slots *slots = *state;
  static const size_t sizes[] = {0, 1, SQLITE_SLOTS_MAX - 1, SQLITE_SLOTS_MAX};
  unsigned char text[SQLITE_SLOTS_MAX];
  for (size_t i = 0; i < sizeof text; i++)
    text[i] = (unsigned char)(i * 7 + 1);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    struct sqlite_slots_batch batch = {.number = 0};
    unsigned at = 9;
    struct sqlite_slot kept[3];
    memcpy(kept, &slots->all[8], sizeof kept);
    struct sqlite_slot *slot = sqlite_slots_post(slots, &at, &here, true, text, sizes[i]);
    assert_ptr_equal(slot, &slots->all[9]);
    assert_memory_equal(&slots->all[8], &kept[0], sizeof kept[0]);
    assert_memory_equal(&slots->all[10], &kept[2], sizeof kept[2]);
    assert_ptr_equal(take(slots, &batch), slot);
    assert_int_equal(slot->size, sizes[i]);
    assert_memory_equal(slot->message, text, sizes[i]);
    finish(slots, slot, &batch);
  }
}

static void when_all_are_taken_there_is_none_until_one_is_left(void **state) {
  struct sqlite_slots *slots = *state;
  struct sqlite_slot *mine[SQLITE_SLOTS_N];
  unsigned hint = 20;
  for (int i = 0; i < SQLITE_SLOTS_N; i++) {
    mine[i] = sqlite_slots_post(slots, &hint, &here, false, &i, sizeof i);
    assert_non_null(mine[i]);
    assert_ptr_equal(mine[i], &slots->all[(20 + i) % SQLITE_SLOTS_N]);
    assert_int_equal(sqlite_slots_waiting(slots), i + 1);
  }
  assert_null(sqlite_slots_post(slots, &hint, &here, false, "", 0));
  assert_int_equal(atomic_load(&slots->posted), UINT32_MAX);
  leave(slots, mine[7], SLOT_FREE);
  assert_int_equal(sqlite_slots_waiting(slots), SQLITE_SLOTS_N - 1);
  assert_ptr_equal(sqlite_slots_post(slots, &hint, &here, false, "", 0), mine[7]);
  assert_null(sqlite_slots_post(slots, &hint, &here, false, "", 0));
  for (int i = 0; i < SQLITE_SLOTS_N; i++)
    leave(slots, mine[i], SLOT_FREE);
  nothing_is_left(slots);
}

static void a_transaction_takes_each_once_and_all_that_there_are(void **state) {
  struct sqlite_slots *slots = *state;
  struct sqlite_slots_batch batch = {.number = 0};
  uint32_t seen = 0;
  for (unsigned i = 0; i < SQLITE_SLOTS_N; i++)
    post(slots, i);
  for (struct sqlite_slot *slot; (slot = take(slots, &batch));)
    seen ^= 1u << (slot - slots->all);
  assert_int_equal(seen, UINT32_MAX);
  assert_int_equal(batch.taken, UINT32_MAX);
  assert_true(sqlite_slots_seal(slots, &batch));
  sqlite_slots_end(slots, &batch, true, false);
  assert_int_equal(batch.wake, UINT32_MAX);
  for (unsigned i = 0; i < SQLITE_SLOTS_N; i++)
    assert_true(sqlite_slots_leave(slots, &slots->all[i], SLOT_DONE, SLOT_FREE));
  nothing_is_left(slots);
}

static void a_message_for_another_database_stays_where_it_is(void **state) {
  struct sqlite_slots *slots = *state;
  const struct sqlite_slots_file *others[] = {&there, &elsewhere};
  for (size_t i = 0; i < 2; i++) {
    struct sqlite_slots_batch batch = {.number = 0};
    unsigned at = 0;
    struct sqlite_slot *other = sqlite_slots_post(slots, &at, others[i], true, "", 0);
    assert_null(take(slots, &batch));
    expect(other, SLOT_POSTED, "alone");
    assert_int_equal(batch.taken, 0);
    struct sqlite_slot *ours = post(slots, 1);
    assert_ptr_equal(take(slots, &batch), ours);
    assert_null(take(slots, &batch));
    expect(other, SLOT_POSTED, "before ours");
    assert_int_equal(batch.taken, 2);
    assert_true(sqlite_slots_seal(slots, &batch));
    sqlite_slots_end(slots, &batch, true, false);
    expect(other, SLOT_POSTED, "after the commit of ours");
    expect(ours, SLOT_DONE, "ours");
    batch = (struct sqlite_slots_batch){.number = 0};
    assert_ptr_equal(sqlite_slots_take(slots, &batch, others[i]), other);
    leave(slots, ours, SLOT_FREE);
    finish(slots, other, &batch);
  }
}

static void each_transaction_that_takes_has_a_number_of_its_own(void **state) {
  struct sqlite_slots *slots = *state;
  uint64_t last = 0;
  for (int i = 0; i < 100; i++) {
    struct sqlite_slots_batch batch;
    struct sqlite_slot *slot = bring(slots, 2, &batch, SLOT_TAKEN);
    assert_true(batch.number > last);
    assert_int_equal(slot->batch, batch.number);
    last = batch.number;
    finish(slots, slot, &batch);
  }
  struct sqlite_slots_batch batch;
  assert_true(sqlite_slots_init(slots, UINT64_MAX));
  bring(slots, 2, &batch, SLOT_TAKEN);
  assert_true(batch.number > last && batch.number < INT64_MAX); /* SQLite can hold it */
  finish(slots, &slots->all[2], &batch);
  assert_true(sqlite_slots_init(slots, 0));
  bring(slots, 2, &batch, SLOT_TAKEN);
  assert_true(batch.number > 0); /* else it would be that of no transaction */
  finish(slots, &slots->all[2], &batch);
}

/* ---- who leaves, and who dies ---- */

static void a_transaction_whose_owner_has_left_cannot_be_sealed(void **state) {
  struct sqlite_slots *slots = *state;
  for (unsigned left = 0; left < 3; left++) {
    struct sqlite_slots_batch batch = {.number = 0};
    for (unsigned i = 0; i < 3; i++)
      post(slots, i);
    for (unsigned i = 0; i < 3; i++)
      assert_non_null(take(slots, &batch));
    assert_true(sqlite_slots_leave(slots, &slots->all[left], SLOT_TAKEN, SLOT_LEFT));
    assert_false(sqlite_slots_seal(slots, &batch));
    sqlite_slots_end(slots, &batch, false, false);
    for (unsigned i = 0; i < 3; i++)
      expect(&slots->all[i], i == left ? SLOT_FREE : SLOT_POSTED, "after the rollback");
    assert_int_equal(atomic_load(&slots->posted), 7u & ~(1u << left));
    for (unsigned i = 0; i < 3; i++)
      if (i != left)
        leave(slots, &slots->all[i], SLOT_FREE);
    nothing_is_left(slots);
  }
}

static void who_leaves_what_is_sealed_stops_nobody(void **state) {
  struct sqlite_slots *slots = *state;
  struct sqlite_slots_batch batch = {.number = 0};
  struct sqlite_slot *one = post(slots, 0), *other = post(slots, 1);
  assert_non_null(take(slots, &batch));
  assert_non_null(take(slots, &batch));
  assert_true(sqlite_slots_seal(slots, &batch));
  assert_true(sqlite_slots_leave(slots, one, SLOT_SEALED, SLOT_LEFT));
  sqlite_slots_end(slots, &batch, true, true);
  expect(one, SLOT_FREE, "who has left");
  expect(other, SLOT_COMMITTED, "who stays");
  post(slots, 0);
  sqlite_slots_synced(slots, &batch, true);
  expect(one, SLOT_POSTED, "who came after him");
  expect(other, SLOT_DURABLE, "who stays");
  leave(slots, one, SLOT_FREE);
  leave(slots, other, SLOT_FREE);
  nothing_is_left(slots);
}

/* The owner went another way while the disk was waited for; what is in his slot by then is another
 * one's, in any state. */
static void a_sync_says_nothing_to_those_who_came_after_the_commit(void **state) {
  struct sqlite_slots *slots = *state;
  for (enum sqlite_slot_state is = SLOT_FREE; is < N_STATES; is++) {
    struct sqlite_slots_batch before, later;
    struct sqlite_slot *slot = bring(slots, 0, &before, SLOT_COMMITTED);
    assert_true(sqlite_slots_leave(slots, slot, SLOT_COMMITTED, SLOT_FREE));
    assert_ptr_equal(bring(slots, 0, &later, is), slot);
    sqlite_slots_synced(slots, &before, is % 2);
    expect(slot, is, "after the sync of an earlier one");
    assert_int_equal(before.unsynced, 0);
    finish(slots, slot, &later);
  }
}

/* A process that posts in slot `at` and lives until a byte comes. */
struct owner {
  pid_t pid;
  int to;
};

static struct owner owner_start(struct sqlite_slots *slots, unsigned at) {
  int to[2];
  char byte;
  assert_int_equal(pipe(to), 0);
  struct owner owner = {.pid = start(), .to = to[1]};
  if (owner.pid == 0) {
    struct sqlite_slot *slot = sqlite_slots_post(slots, &at, &here, true, "dead", 4);
    _exit(slot && read(to[0], &byte, 1) == 1 ? 0 : 1);
  }
  close(to[0]);
  AWAIT(sqlite_slots_waiting(slots) == 1);
  return owner;
}

static void owner_dies(struct owner *owner) {
  int status;
  assert_int_equal(write(owner->to, "x", 1), 1);
  assert_int_equal(waitpid(owner->pid, &status, 0), owner->pid);
  assert_int_equal(status, 0);
  close(owner->to);
}

static void the_slot_of_a_dead_owner_can_be_had_unless_a_taker_has_it(void **state) {
  struct sqlite_slots *slots = *state;
  for (enum sqlite_slot_state is = SLOT_POSTED; is < SLOT_LEFT; is++) {
    struct sqlite_slots_batch batch = {.number = 0};
    struct owner owner = owner_start(slots, 12);
    serve(slots, &batch, is);
    unsigned hint = 12;
    struct sqlite_slot *slot = sqlite_slots_post(slots, &hint, &here, true, "", 0);
    assert_ptr_equal(slot, &slots->all[13]); /* he lives */
    leave(slots, slot, SLOT_FREE);
    owner_dies(&owner);
    expect(&slots->all[12], is, "after his death");
    bool in_hand = is == SLOT_TAKEN || is == SLOT_SEALED;
    hint = 12;
    slot = sqlite_slots_post(slots, &hint, &here, true, "alive", 5);
    assert_ptr_equal(slot, &slots->all[in_hand ? 13 : 12]);
    expect(slot, SLOT_POSTED, "of the living");
    assert_memory_equal(slot->message, "alive", 5);
    leave(slots, slot, SLOT_FREE);
    if (in_hand) {
      expect(&slots->all[12], is, "in hand still");
      sqlite_slots_end(slots, &batch, is == SLOT_SEALED, true);
      post(slots, 12);
      leave(slots, &slots->all[12], SLOT_FREE);
    }
    sqlite_slots_synced(slots, &batch, true);
    nothing_is_left(slots);
  }
}

static void a_message_whose_owner_died_before_it_was_taken_is_dropped(void **state) {
  struct sqlite_slots *slots = *state;
  struct sqlite_slots_batch batch = {.number = 0};
  struct owner owner = owner_start(slots, 0);
  owner_dies(&owner);
  struct sqlite_slot *other = post(slots, 1);
  assert_ptr_equal(take(slots, &batch), other);
  assert_null(take(slots, &batch));
  expect(&slots->all[0], SLOT_FREE, "of the dead");
  assert_int_equal(atomic_load(&slots->posted), 2);
  leave(slots, post(slots, 0), SLOT_FREE);
  finish(slots, other, &batch);
}

/* Also when it was in hand once, of one who has rolled back. */
static void a_message_that_comes_back_to_a_dead_owner_is_dropped(void **state) {
  struct sqlite_slots *slots = *state;
  struct sqlite_slots_batch batch = {.number = 0};
  struct owner owner = owner_start(slots, 0);
  serve(slots, &batch, SLOT_SEALED);
  owner_dies(&owner);
  sqlite_slots_end(slots, &batch, false, false);
  expect(&slots->all[0], SLOT_POSTED, "rolled back");
  assert_null(take(slots, &batch));
  nothing_is_left(slots);
}

/* One transaction of three: sealed, the last left then; or taken only, and the last left. */
static void what_a_dead_taker_had_in_hand_is_as_the_database_says(void **state) {
  struct sqlite_slots *slots = *state;
  for (int turn = 0; turn < 4; turn++) {
    bool sealed = turn & 1, committed = turn == 3;
    struct sqlite_slots_batch batch = {.number = 0}, next = {.number = 0};
    for (unsigned i = 0; i < 3; i++)
      post(slots, i);
    assert_false(sqlite_slots_orphaned(slots, &here));
    for (int i = 0; i < 3; i++) {
      struct sqlite_slot *slot = take(slots, &batch);
      slot->id = ANSWER + i;
      slot->existing = i == 1;
    }
    if (sealed)
      assert_true(sqlite_slots_seal(slots, &batch));
    leave(slots, &slots->all[2], SLOT_LEFT);
    assert_true(sqlite_slots_orphaned(slots, &here));
    sqlite_slots_resolve(slots, &here, committed ? batch.number : batch.number - 1);
    assert_false(sqlite_slots_orphaned(slots, &here));
    for (int i = 0; i < 2; i++) {
      expect(&slots->all[i], committed ? SLOT_DONE : SLOT_POSTED, "resolved");
      assert_true(!committed || slots->all[i].id == ANSWER + i);
      assert_true(!committed || slots->all[i].existing == (i == 1));
    }
    expect(&slots->all[2], SLOT_FREE, "left");
    assert_int_equal(atomic_load(&slots->posted), 3);
    assert_int_equal(take(slots, &next) != NULL, !committed);
    assert_true(committed || next.number != batch.number);
    leave(slots, &slots->all[1], SLOT_FREE);
    finish(slots, &slots->all[0], &next);
  }
}

/* Whoever asks knows the numbers of his own database only. */
static void what_was_in_hand_of_another_database_is_not_resolved(void **state) {
  struct sqlite_slots *slots = *state;
  static const enum sqlite_slot_state in_hand[] = {SLOT_TAKEN, SLOT_SEALED, SLOT_LEFT};
  for (size_t i = 0; i < sizeof in_hand / sizeof in_hand[0]; i++) {
    struct sqlite_slots_batch batch;
    struct sqlite_slot *slot = bring(slots, 6, &batch, in_hand[i]);
    assert_false(sqlite_slots_orphaned(slots, &there));
    assert_false(sqlite_slots_orphaned(slots, &elsewhere));
    sqlite_slots_resolve(slots, &there, batch.number);
    sqlite_slots_resolve(slots, &elsewhere, NO_BATCH);
    expect(slot, in_hand[i], "after the others");
    assert_true(sqlite_slots_orphaned(slots, &here));
    finish(slots, slot, &batch);
  }
}

static void what_nobody_has_in_hand_is_not_resolved(void **state) {
  struct sqlite_slots *slots = *state;
  uint32_t turn = atomic_load(&slots->turn);
  for (enum sqlite_slot_state is = SLOT_FREE; is < N_STATES; is++) {
    struct sqlite_slots_batch batch;
    struct sqlite_slot *slot = bring(slots, 30, &batch, is);
    bool orphan = is == SLOT_TAKEN || is == SLOT_SEALED || is == SLOT_LEFT;
    assert_int_equal(sqlite_slots_orphaned(slots, &here), orphan);
    if (!orphan) {
      sqlite_slots_resolve(slots, &here, batch.number);
      expect(slot, is, "resolved");
      assert_int_equal(atomic_load(&slots->turn), turn);
    }
    finish(slots, slot, &batch);
    turn = atomic_load(&slots->turn);
  }
}

/* ---- who is woken ---- */

struct bedroom {
  _Atomic int hour; /* what it is now */
  _Atomic int up;   /* how many were woken */
  _Atomic int woken_at[SLEEPERS];
};

/* Fork: the kernel tells of a process whether it sleeps. Each sleeps as the owner of its slot. */
static pid_t sleeper(struct sqlite_slots *slots, struct bedroom *room, int i, uint32_t turn) {
  pid_t pid = start();
  if (pid == 0) {
    sqlite_slots_sleep(slots, &slots->all[i], turn, LONG_NS);
    atomic_store(&room->woken_at[i], atomic_load(&room->hour));
    atomic_fetch_add(&room->up, 1);
    _exit(0);
  }
  return pid;
}

static bool is_asleep(pid_t pid) {
  char path[64], line[512];
  snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
  FILE *file = fopen(path, "re");
  assert_non_null(file);
  bool read = fgets(line, sizeof line, file) != NULL;
  fclose(file);
  const char *name_end = read ? strrchr(line, ')') : NULL;
  return name_end && name_end[1] == ' ' && name_end[2] == 'S';
}

/* All sleep, on slots 0 to 2, which are posted. */
static struct bedroom *all_sleep(struct sqlite_slots *slots, pid_t *pids) {
  struct bedroom *room = share(sizeof *room);
  uint32_t turn = atomic_load(&slots->turn);
  atomic_store(&room->hour, 1);
  for (int i = 0; i < SLEEPERS; i++) {
    post(slots, (unsigned)i);
    pids[i] = sleeper(slots, room, i, turn);
  }
  for (int i = 0; i < SLEEPERS; i++)
    AWAIT(is_asleep(pids[i]));
  return room;
}

/* In another hour those who sleep still are woken, and all is over. */
static void all_get_up(struct sqlite_slots *slots, struct bedroom *room, const pid_t *pids) {
  struct sqlite_slots_batch batch = {.wake = UINT32_MAX};
  atomic_store(&room->hour, 2);
  sqlite_slots_wake(slots, &batch);
  for (int i = 0; i < SLEEPERS; i++) {
    int status;
    assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
    assert_int_equal(status, 0);
    leave(slots, &slots->all[i], SLOT_FREE);
  }
  nothing_is_left(slots);
}

static void a_nudge_wakes_one(void **state) {
  struct sqlite_slots *slots = *state;
  pid_t pids[SLEEPERS];
  int first = 0;
  struct bedroom *room = all_sleep(slots, pids);
  sqlite_slots_nudge(slots);
  AWAIT(atomic_load(&room->up) > 0);
  all_get_up(slots, room, pids);
  for (int i = 0; i < SLEEPERS; i++)
    first += atomic_load(&room->woken_at[i]) == 1;
  assert_int_equal(first, 1);
  munmap(room, sizeof *room);
}

static void a_nudge_wakes_one_whose_message_nobody_has_taken(void **state) {
  struct sqlite_slots *slots = *state;
  struct sqlite_slots_batch batch = {.number = 0};
  pid_t pids[SLEEPERS];
  struct bedroom *room = all_sleep(slots, pids);
  assert_ptr_equal(take(slots, &batch), &slots->all[0]);
  assert_ptr_equal(take(slots, &batch), &slots->all[1]);
  sqlite_slots_nudge(slots);
  AWAIT(atomic_load(&room->up) > 0);
  assert_int_equal(atomic_load(&room->woken_at[2]), 1);
  sqlite_slots_end(slots, &batch, true, false);
  all_get_up(slots, room, pids);
  assert_int_equal(atomic_load(&room->woken_at[0]), 2);
  assert_int_equal(atomic_load(&room->woken_at[1]), 2);
  munmap(room, sizeof *room);
}

static void those_are_woken_who_have_an_answer(void **state) {
  struct sqlite_slots *slots = *state;
  struct sqlite_slots_batch batch = {.number = 0};
  pid_t pids[SLEEPERS];
  struct bedroom *room = all_sleep(slots, pids);
  assert_ptr_equal(take(slots, &batch), &slots->all[0]);
  assert_ptr_equal(take(slots, &batch), &slots->all[1]);
  assert_true(sqlite_slots_seal(slots, &batch));
  sqlite_slots_end(slots, &batch, true, false);
  assert_int_equal(batch.wake, 3);
  sqlite_slots_wake(slots, &batch);
  assert_int_equal(batch.wake, 0);
  AWAIT(atomic_load(&room->up) >= 2);
  all_get_up(slots, room, pids);
  assert_int_equal(atomic_load(&room->woken_at[0]), 1);
  assert_int_equal(atomic_load(&room->woken_at[1]), 1);
  assert_int_equal(atomic_load(&room->woken_at[2]), 2);
  munmap(room, sizeof *room);
}

static void those_who_wait_for_the_disk_are_woken_after_the_sync(void **state) {
  struct sqlite_slots *slots = *state;
  struct sqlite_slots_batch batch = {.number = 0};
  pid_t pids[SLEEPERS];
  struct bedroom *room = all_sleep(slots, pids);
  while (take(slots, &batch))
    continue;
  assert_true(sqlite_slots_seal(slots, &batch));
  sqlite_slots_end(slots, &batch, true, true);
  sqlite_slots_wake(slots, &batch);
  for (int i = 0; i < SLEEPERS; i++)
    assert_true(is_asleep(pids[i]));
  sqlite_slots_synced(slots, &batch, true);
  sqlite_slots_wake(slots, &batch);
  AWAIT(atomic_load(&room->up) == SLEEPERS);
  all_get_up(slots, room, pids);
  munmap(room, sizeof *room);
}

static void what_a_dead_one_had_in_hand_wakes_its_owners_when_it_is_resolved(void **state) {
  struct sqlite_slots *slots = *state;
  struct sqlite_slots_batch batch = {.number = 0};
  pid_t pids[SLEEPERS];
  struct bedroom *room = all_sleep(slots, pids);
  assert_ptr_equal(take(slots, &batch), &slots->all[0]);
  sqlite_slots_resolve(slots, &here, NO_BATCH);
  AWAIT(atomic_load(&room->up) > 0);
  all_get_up(slots, room, pids);
  assert_int_equal(atomic_load(&room->woken_at[0]), 1);
  assert_int_equal(atomic_load(&room->woken_at[1]), 2);
  assert_int_equal(atomic_load(&room->woken_at[2]), 2);
  munmap(room, sizeof *room);
}

static void who_has_missed_a_turn_does_not_sleep(void **state) {
  struct sqlite_slots *slots = *state;
  uint32_t turn = atomic_load(&slots->turn);
  struct sqlite_slots_batch nobody = {.number = 0};
  struct sqlite_slot *slot = post(slots, 0);
  sqlite_slots_wake(slots, &nobody);
  assert_int_equal(atomic_load(&slots->turn), turn);
  sqlite_slots_nudge(slots);
  assert_int_not_equal(atomic_load(&slots->turn), turn);
  sqlite_slots_sleep(slots, slot, turn, LONG_NS);
  turn = atomic_load(&slots->turn);
  sqlite_slots_sleep(slots, slot, turn, 1000000); /* nor for longer than he asks */
  sqlite_slots_sleep(slots, slot, turn, 0);
  leave(slots, slot, SLOT_FREE);
  sqlite_slots_nudge(slots);
  assert_int_equal(atomic_load(&slots->turn), turn);
  nothing_is_left(slots);
}

/* ---- all at once ---- */

#define OWNERS   4
#define TAKERS   2
#define MESSAGES 1000 /* of each owner */
#define TRY_NS   1000000

/* A queue that is as simple as can be: a gate, a lock for writing, how often each message was done,
 * and the number of the last transaction. A transaction is written in one piece: nobody dies in it.
 */
struct model {
  struct sqlite_slots slots;
  pthread_mutex_t gate, lock;
  _Atomic uint64_t committed;
  _Atomic int ended, deaths, told;
  _Atomic int next[OWNERS]; /* how many messages of each are over */
  _Atomic int done[OWNERS * MESSAGES];
  bool abandoned[OWNERS * MESSAGES]; /* its owner has died */
};

static uint32_t chance(uint32_t *seed, uint32_t n) {
  *seed = *seed * 1664525u + 1013904223u;
  return (*seed >> 8) % n;
}

static bool try_mutex(pthread_mutex_t *mutex) {
  return sqlite_futex_mutex_held(mutex, pthread_mutex_trylock(mutex), NULL);
}

static void lock_mutex(pthread_mutex_t *mutex) {
  if (!sqlite_futex_mutex_held(mutex, pthread_mutex_lock(mutex), NULL))
    _exit(3);
}

enum outcome { WAITING, OWN, TOLD };

/* The database tells: when its lock can be had, the taker is not in the middle of writing. */
static enum outcome ask_database(struct model *model, struct sqlite_slot *slot) {
  uint64_t number = slot->batch;
  if (!try_mutex(&model->lock))
    return WAITING;
  uint64_t committed = atomic_load(&model->committed);
  pthread_mutex_unlock(&model->lock);
  if (!sqlite_slots_leave(&model->slots, slot, SLOT_SEALED, SLOT_LEFT))
    return WAITING;
  return number == committed ? TOLD : OWN;
}

static enum outcome try_gate(struct model *model, struct sqlite_slot *slot) {
  if (!try_mutex(&model->gate))
    return WAITING;
  bool own = sqlite_slots_leave(&model->slots, slot, SLOT_POSTED, SLOT_FREE);
  if (!own && sqlite_slots_orphaned(&model->slots, &here)) {
    lock_mutex(&model->lock);
    sqlite_slots_resolve(&model->slots, &here, atomic_load(&model->committed));
    pthread_mutex_unlock(&model->lock);
  }
  pthread_mutex_unlock(&model->gate);
  return own ? OWN : WAITING;
}

/* Waits, leaves now and then, and believes only the answer to its own message. */
static enum outcome look(struct model *model, struct sqlite_slot *slot, int message,
                         uint32_t *seed) {
  struct sqlite_slots *slots = &model->slots;
  enum sqlite_slot_state state = sqlite_slot_state(slot);
  switch (state) {
  case SLOT_DONE:
  case SLOT_DURABLE:
  case SLOT_COMMITTED:
    if (slot->id != message + ANSWER)
      _exit(4);
    if (state == SLOT_COMMITTED && chance(seed, 4) != 0)
      return WAITING;
    return sqlite_slots_leave(slots, slot, state, SLOT_FREE) ? TOLD : WAITING;
  case SLOT_REFUSED:
    return sqlite_slots_leave(slots, slot, state, SLOT_FREE) ? OWN : WAITING;
  case SLOT_TAKEN:
    if (chance(seed, 40) == 0 && sqlite_slots_leave(slots, slot, state, SLOT_LEFT))
      return OWN;
    break;
  case SLOT_SEALED:
    if (chance(seed, 10) == 0)
      return ask_database(model, slot);
    break;
  default:
    break;
  }
  return chance(seed, 4) == 0 ? try_gate(model, slot) : WAITING;
}

static void may_die(uint32_t *seed) {
  if (chance(seed, 200) == 0)
    _exit(9);
}

static enum outcome wait_for_answer(struct model *model, struct sqlite_slot *slot, int message,
                                    uint32_t *seed) {
  for (;;) {
    uint32_t turn = atomic_load(&model->slots.turn);
    enum outcome outcome = look(model, slot, message, seed);
    if (outcome != WAITING)
      return outcome;
    sqlite_slots_sleep(&model->slots, slot, turn, TRY_NS);
    may_die(seed);
  }
}

/* Goes on where one who has died was. */
static void own_messages(struct model *model, int me, uint32_t seed) {
  unsigned hint = 0;
  for (int i; (i = atomic_load(&model->next[me])) < MESSAGES;
       atomic_fetch_add(&model->next[me], 1)) {
    int message = me * MESSAGES + i;
    if (model->abandoned[message])
      continue;
    model->abandoned[message] = true;
    struct sqlite_slot *slot = sqlite_slots_post(&model->slots, &hint, &here, chance(&seed, 2) == 0,
                                                 &message, sizeof message);
    if (!slot)
      _exit(5);
    if (wait_for_answer(model, slot, message, &seed) == OWN)
      atomic_fetch_add(&model->done[message], 1);
    else
      atomic_fetch_add(&model->told, 1);
    model->abandoned[message] = false;
  }
  atomic_fetch_add(&model->ended, 1);
  _exit(0);
}

static int take_some(struct model *model, struct sqlite_slots_batch *batch, int *messages,
                     uint32_t *seed) {
  struct sqlite_slot *slot;
  int n = 0;
  while (chance(seed, 20) != 0 && (slot = take(&model->slots, batch))) {
    may_die(seed);
    memcpy(&messages[n], slot->message, sizeof messages[n]);
    slot->id = messages[n++] + ANSWER;
  }
  return n;
}

static void transact(struct model *model, uint32_t *seed) {
  struct sqlite_slots_batch batch = {.number = 0};
  int messages[SQLITE_SLOTS_N];
  lock_mutex(&model->gate);
  lock_mutex(&model->lock);
  if (sqlite_slots_orphaned(&model->slots, &here))
    sqlite_slots_resolve(&model->slots, &here, atomic_load(&model->committed));
  int n = take_some(model, &batch, messages, seed);
  batch.refused = chance(seed, 30) == 0;
  bool ok = !batch.refused && chance(seed, 30) != 0 && sqlite_slots_seal(&model->slots, &batch);
  may_die(seed);
  if (ok && n > 0) {
    for (int i = 0; i < n; i++)
      atomic_fetch_add(&model->done[messages[i]], 1);
    atomic_store(&model->committed, batch.number);
  }
  pthread_mutex_unlock(&model->lock);
  may_die(seed);
  sqlite_slots_end(&model->slots, &batch, ok, chance(seed, 2) == 0);
  may_die(seed);
  pthread_mutex_unlock(&model->gate);
  sqlite_slots_wake(&model->slots, &batch);
  may_die(seed);
  sqlite_slots_synced(&model->slots, &batch, chance(seed, 2) == 0);
  sqlite_slots_wake(&model->slots, &batch);
  sqlite_slots_nudge(&model->slots);
}

static void take_messages(struct model *model, uint32_t seed) {
  while (atomic_load(&model->ended) < OWNERS) {
    transact(model, &seed);
    if (sqlite_slots_waiting(&model->slots) == 0)
      usleep(100);
  }
  _exit(0);
}

/* Owners first, then takers. */
static pid_t member_start(struct model *model, int member, int life) {
  uint32_t seed = (uint32_t)(life * 16 + member);
  pid_t pid = start();
  if (pid != 0)
    return pid;
  if (member < OWNERS)
    own_messages(model, member, seed);
  take_messages(model, seed);
  _exit(6);
}

/* Who dies is replaced, until all are done. */
static void run_all(struct model *model) {
  pid_t pids[OWNERS + TAKERS];
  for (int i = 0; i < OWNERS + TAKERS; i++)
    pids[i] = member_start(model, i, 0);
  for (int running = OWNERS + TAKERS; running > 0;) {
    int status, i = 0;
    pid_t pid = wait(&status);
    while (i < OWNERS + TAKERS && pids[i] != pid)
      i++;
    assert_true(i < OWNERS + TAKERS);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 9) {
      pids[i] = member_start(model, i, 1 + atomic_fetch_add(&model->deaths, 1));
      continue;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    running--;
  }
}

/* What the dead have left is as good as new. */
static void all_can_be_had(struct sqlite_slots *slots) {
  for (unsigned i = 0; i < SQLITE_SLOTS_N; i++)
    post(slots, i);
  for (unsigned i = 0; i < SQLITE_SLOTS_N; i++)
    leave(slots, &slots->all[i], SLOT_FREE);
  nothing_is_left(slots);
}

static void each_message_is_done_once_whoever_leaves_or_dies(void **state) {
  struct model *model = share(sizeof *model);
  int abandoned = 0;
  (void)state;
  assert_true(sqlite_slots_init(&model->slots, 77));
  assert_true(sqlite_futex_mutex_init(&model->gate) && sqlite_futex_mutex_init(&model->lock));
  run_all(model);
  for (int i = 0; i < OWNERS * MESSAGES; i++) {
    int done = atomic_load(&model->done[i]);
    if (done > 1 || (done == 0 && !model->abandoned[i]))
      fail_msg("message %d was done %d times", i, done);
    abandoned += model->abandoned[i];
  }
  assert_in_range(abandoned, 1, atomic_load(&model->deaths));
  assert_true(atomic_load(&model->told) > 0);
  sqlite_slots_resolve(&model->slots, &here, atomic_load(&model->committed));
  all_can_be_had(&model->slots);
  munmap(model, sizeof *model);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(new_ones_are_free),
      TEST(an_owner_leaves_only_what_is_in_the_state_that_he_knows),
      TEST(a_taker_changes_only_what_he_has_in_hand),
      TEST(who_does_not_wait_for_the_disk_is_told_before_the_sync),
      TEST(what_is_refused_is_so_for_the_whole_transaction_and_for_no_later_one),
      TEST(a_message_may_be_as_long_as_the_limit_says),
      TEST(when_all_are_taken_there_is_none_until_one_is_left),
      TEST(a_transaction_takes_each_once_and_all_that_there_are),
      TEST(a_message_for_another_database_stays_where_it_is),
      TEST(each_transaction_that_takes_has_a_number_of_its_own),
      TEST(a_transaction_whose_owner_has_left_cannot_be_sealed),
      TEST(who_leaves_what_is_sealed_stops_nobody),
      TEST(a_sync_says_nothing_to_those_who_came_after_the_commit),
      TEST(the_slot_of_a_dead_owner_can_be_had_unless_a_taker_has_it),
      TEST(a_message_whose_owner_died_before_it_was_taken_is_dropped),
      TEST(a_message_that_comes_back_to_a_dead_owner_is_dropped),
      TEST(what_a_dead_taker_had_in_hand_is_as_the_database_says),
      TEST(what_was_in_hand_of_another_database_is_not_resolved),
      TEST(what_nobody_has_in_hand_is_not_resolved),
      TEST(a_nudge_wakes_one),
      TEST(a_nudge_wakes_one_whose_message_nobody_has_taken),
      TEST(those_are_woken_who_have_an_answer),
      TEST(those_who_wait_for_the_disk_are_woken_after_the_sync),
      TEST(what_a_dead_one_had_in_hand_wakes_its_owners_when_it_is_resolved),
      TEST(who_has_missed_a_turn_does_not_sleep),
      TEST(each_message_is_done_once_whoever_leaves_or_dies),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
