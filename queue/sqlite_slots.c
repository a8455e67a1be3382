#include "sqlite_slots.h"

#include <limits.h>
#include <string.h>

#define STATE_BITS 4
#define STATE_MASK 15u

static uint32_t bit_of(const struct sqlite_slots *slots, const struct sqlite_slot *slot) {
  return 1u << (slot - slots->all);
}

static bool change(struct sqlite_slot *slot, uint32_t from, uint32_t to) {
  return atomic_compare_exchange_strong(&slot->word, &from, to);
}

bool sqlite_slots_init(struct sqlite_slots *slots, uint64_t random) {
  memset(slots, 0, sizeof *slots);
  atomic_init(&slots->batches, random >> 2); /* an SQLite integer, that will not overflow */
  bool ok = true;
  for (int i = 0; ok && i < SQLITE_SLOTS_N; i++)
    ok = sqlite_futex_mutex_init(&slots->all[i].owner);
  return ok;
}

/* ---- the owner ---- */

enum sqlite_slot_state sqlite_slot_state(const struct sqlite_slot *slot) {
  return (enum sqlite_slot_state)(atomic_load(&slot->word) & STATE_MASK);
}

/* A slot whose owner died may be in any state; what a taker has in hand is not to be had. */
static bool claim(struct sqlite_slot *slot) {
  if (!sqlite_futex_mutex_held(&slot->owner, pthread_mutex_trylock(&slot->owner), NULL))
    return false;
  uint32_t word = atomic_load(&slot->word), state = word & STATE_MASK;
  if (state != SLOT_TAKEN && state != SLOT_SEALED && state != SLOT_LEFT &&
      change(slot, word, SLOT_FREE))
    return true;
  pthread_mutex_unlock(&slot->owner);
  return false;
}

struct sqlite_slot *sqlite_slots_post(struct sqlite_slots *slots, unsigned *hint,
                                      const struct sqlite_slots_file *file, bool durable,
                                      const void *message, size_t size) {
  for (unsigned i = 0; i < SQLITE_SLOTS_N; i++) {
    unsigned at = (*hint + i) % SQLITE_SLOTS_N;
    struct sqlite_slot *slot = &slots->all[at];
    if (!claim(slot))
      continue;
    *hint = at;
    slot->file = *file;
    slot->durable = durable;
    slot->size = (uint32_t)size;
    memcpy(slot->message, message, size);
    atomic_store(&slot->word, SLOT_POSTED);
    atomic_fetch_or(&slots->posted, 1u << at);
    return slot;
  }
  return NULL;
}

bool sqlite_slots_leave(struct sqlite_slots *slots, struct sqlite_slot *slot,
                        enum sqlite_slot_state from, enum sqlite_slot_state to) {
  uint32_t word = atomic_load(&slot->word);
  if ((word & STATE_MASK) != from || !change(slot, word, to))
    return false;
  if (to == SLOT_FREE)
    atomic_fetch_and(&slots->posted, ~bit_of(slots, slot)); /* ours alone until the mutex is left */
  pthread_mutex_unlock(&slot->owner);
  return true;
}

void sqlite_slots_sleep(struct sqlite_slots *slots, const struct sqlite_slot *slot, uint32_t turn,
                        int64_t ns) {
  sqlite_futex_wait_bits(&slots->turn, turn, bit_of(slots, slot), ns);
}

/* ---- the taker ---- */

static bool same_file(const struct sqlite_slots_file *a, const struct sqlite_slots_file *b) {
  return a->device == b->device && a->inode == b->inode;
}

static bool is_orphan(const struct sqlite_slot *slot, const struct sqlite_slots_file *file) {
  enum sqlite_slot_state state = sqlite_slot_state(slot);
  return (state == SLOT_TAKEN || state == SLOT_SEALED || state == SLOT_LEFT) &&
         same_file(&slot->file, file);
}

bool sqlite_slots_orphaned(struct sqlite_slots *slots, const struct sqlite_slots_file *file) {
  uint32_t posted = atomic_load(&slots->posted);
  for (int i = 0; i < SQLITE_SLOTS_N && posted >> i; i++)
    if ((posted >> i & 1) && is_orphan(&slots->all[i], file))
      return true;
  return false;
}

/* The bit before the state: once it is FREE, another may post in it. */
static void free_left(struct sqlite_slots *slots, struct sqlite_slot *slot) {
  atomic_fetch_and(&slots->posted, ~bit_of(slots, slot));
  atomic_store(&slot->word, SLOT_FREE);
}

/* From what a transaction had in hand; an owner may leave meanwhile. */
static void give_back(struct sqlite_slots *slots, struct sqlite_slot *slot, uint32_t to) {
  if (!change(slot, SLOT_TAKEN, to) && !change(slot, SLOT_SEALED, to))
    free_left(slots, slot);
}

void sqlite_slots_resolve(struct sqlite_slots *slots, const struct sqlite_slots_file *file,
                          uint64_t committed) {
  struct sqlite_slots_batch batch = {.number = committed};
  for (int i = 0; i < SQLITE_SLOTS_N; i++) {
    struct sqlite_slot *slot = &slots->all[i];
    if (!is_orphan(slot, file))
      continue;
    give_back(slots, slot, slot->batch == committed ? SLOT_DONE : SLOT_POSTED);
    batch.wake |= 1u << i;
  }
  sqlite_slots_wake(slots, &batch);
}

/* Whose owner has died before anybody took it: for him nothing was done. */
static bool is_abandoned(struct sqlite_slots *slots, struct sqlite_slot *slot) {
  if (!sqlite_futex_mutex_held(&slot->owner, pthread_mutex_trylock(&slot->owner), NULL))
    return false;
  if (change(slot, SLOT_POSTED, SLOT_FREE))
    atomic_fetch_and(&slots->posted, ~bit_of(slots, slot));
  pthread_mutex_unlock(&slot->owner);
  return true;
}

struct sqlite_slot *sqlite_slots_take(struct sqlite_slots *slots, struct sqlite_slots_batch *batch,
                                      const struct sqlite_slots_file *file) {
  uint32_t posted = atomic_load(&slots->posted) & ~batch->taken;
  for (int i = 0; i < SQLITE_SLOTS_N && posted >> i; i++) {
    struct sqlite_slot *slot = &slots->all[i];
    if ((posted >> i & 1) == 0 || sqlite_slot_state(slot) != SLOT_POSTED ||
        is_abandoned(slots, slot))
      continue;
    if (batch->number == 0)
      batch->number = atomic_fetch_add(&slots->batches, 1) + 1;
    slot->batch = batch->number; /* before it is TAKEN: whoever comes after a death finds it */
    if (!change(slot, SLOT_POSTED, SLOT_TAKEN))
      continue;
    if (same_file(&slot->file, file)) {
      batch->taken |= 1u << i;
      return slot;
    }
    give_back(slots, slot, SLOT_POSTED);
  }
  return NULL;
}

bool sqlite_slots_seal(struct sqlite_slots *slots, struct sqlite_slots_batch *batch) {
  for (int i = 0; i < SQLITE_SLOTS_N && batch->taken >> i; i++)
    if ((batch->taken >> i & 1) && !change(&slots->all[i], SLOT_TAKEN, SLOT_SEALED))
      return false;
  return true;
}

static uint32_t committed_word(const struct sqlite_slots_batch *batch) {
  return (uint32_t)batch->number << STATE_BITS | SLOT_COMMITTED;
}

void sqlite_slots_end(struct sqlite_slots *slots, struct sqlite_slots_batch *batch, bool committed,
                      bool sync) {
  for (int i = 0; i < SQLITE_SLOTS_N && batch->taken >> i; i++) {
    struct sqlite_slot *slot = &slots->all[i];
    if ((batch->taken >> i & 1) == 0)
      continue;
    bool unsynced = committed && sync && slot->durable;
    if (unsynced)
      batch->unsynced |= 1u << i;
    else
      batch->wake |= 1u << i;
    give_back(slots, slot,
              unsynced         ? committed_word(batch)
              : committed      ? SLOT_DONE
              : batch->refused ? SLOT_REFUSED
                               : SLOT_POSTED);
  }
  batch->taken = 0;
  batch->refused = false;
}

/* One that is no longer what it was made was left by its owner, who syncs by himself. */
void sqlite_slots_synced(struct sqlite_slots *slots, struct sqlite_slots_batch *batch,
                         bool durable) {
  for (int i = 0; i < SQLITE_SLOTS_N && batch->unsynced >> i; i++)
    if ((batch->unsynced >> i & 1) &&
        change(&slots->all[i], committed_word(batch), durable ? SLOT_DURABLE : SLOT_DONE))
      batch->wake |= 1u << i;
  batch->unsynced = 0;
}

void sqlite_slots_wake(struct sqlite_slots *slots, struct sqlite_slots_batch *batch) {
  uint32_t wake = batch->wake;
  batch->wake = 0;
  if (wake == 0)
    return;
  atomic_fetch_add(&slots->turn, 1);
  sqlite_futex_wake_bits(&slots->turn, INT_MAX, wake);
}

static uint32_t waiting(struct sqlite_slots *slots) {
  uint32_t posted = atomic_load(&slots->posted), bits = 0;
  for (int i = 0; i < SQLITE_SLOTS_N && posted >> i; i++)
    if ((posted >> i & 1) && sqlite_slot_state(&slots->all[i]) == SLOT_POSTED)
      bits |= 1u << i;
  return bits;
}

int sqlite_slots_waiting(struct sqlite_slots *slots) {
  return __builtin_popcount(waiting(slots));
}

void sqlite_slots_nudge(struct sqlite_slots *slots) {
  uint32_t bits = waiting(slots);
  if (bits == 0)
    return;
  atomic_fetch_add(&slots->turn, 1);
  sqlite_futex_wake_bits(&slots->turn, 1, bits);
}
