/*
 * sqlite_slots.h - slots in memory that processes share (sqlite_page.h), by which work that
 * waits at the gate is handed to whoever holds it: he does it in his own transaction, so that many
 * share one commit, and nobody is switched to for each. Here stands how a slot goes from hand to
 * hand; sqlite_handover.c says when.
 *
 * A slot has an owner, who posts a message and waits for its answer, and a taker, who holds the
 * gate. Either may die or be stopped at any point:
 *
 *   FREE      -> POSTED                                   the owner
 *   POSTED    -> TAKEN                                    a taker, in his transaction
 *             -> FREE                                     the owner goes another way, or is dead
 *   TAKEN     -> SEALED                                   the taker, just before he commits
 *             -> LEFT                                     the owner, who waits no longer: the taker
 *                                                         cannot seal it, and must not commit
 *   SEALED    -> DONE, COMMITTED                          the taker has committed
 *             -> LEFT                                     the owner, who will not know
 *   TAKEN, SEALED -> POSTED, REFUSED                      the taker has rolled back
 *   COMMITTED -> DURABLE, DONE                            his sync has ended, well or not
 *             -> FREE                                     the owner does not rely on it
 *   DONE, DURABLE, REFUSED -> FREE                        the owner
 *   LEFT      -> FREE                                     the taker
 *
 * Of a taker who died, TAKEN, SEALED and LEFT remain. Whoever holds the gate and the write lock
 * after him knows by the number of his transaction, which is written in it, whether it was
 * committed: sqlite_slots_resolve.
 */
#ifndef SQLITE_SLOTS_H
#define SQLITE_SLOTS_H

#include "sqlite_futex.h"

#include <stddef.h>

#define SQLITE_SLOTS_N   32   /* bits of a word */
#define SQLITE_SLOTS_MAX 1000 /* bytes of a message */

enum sqlite_slot_state {
  SLOT_FREE,
  SLOT_POSTED,
  SLOT_TAKEN,
  SLOT_SEALED,
  SLOT_COMMITTED,
  SLOT_DURABLE,
  SLOT_DONE,
  SLOT_REFUSED,
  SLOT_LEFT,
};

/* Which database: handles of a deleted one and of its successor may share a page. */
struct sqlite_slots_file {
  uint64_t device, inode; /* 0, 0: not known, and nothing is handed over */
};

struct sqlite_slot {
  pthread_mutex_t owner;
  /* The state, and above it, while it is COMMITTED, the low bits of the transaction's number. */
  _Atomic uint32_t word;
  uint32_t size;
  bool durable; /* the owner waits for the disk */
  struct sqlite_slots_file file;
  uint64_t batch; /* number of the transaction that took it */
  int64_t id;
  bool existing; /* the answer: these two */
  char message[SQLITE_SLOTS_MAX];
};

struct sqlite_slots {
  _Atomic uint32_t posted; /* slots that may be anything but FREE */
  _Atomic uint32_t turn; /* grows with each answer: what owners sleep on, each by its slot's bit */
  _Atomic int64_t syncing_ns; /* when the sync began that newcomers wait for; 0: none */
  _Atomic int64_t sync_ns;    /* what the last one took */
  _Atomic uint32_t together;  /* how many shared it */
  _Atomic uint64_t batches;   /* the last number that was given */
  struct sqlite_slot all[SQLITE_SLOTS_N];
};

/* What one transaction has taken; all zero when it has nothing. */
struct sqlite_slots_batch {
  uint64_t number;
  uint32_t taken;    /* slots */
  uint32_t unsynced; /* of them, COMMITTED */
  uint32_t wake;     /* whose owners were not told yet of what became of them */
  bool refused;      /* one could not be done: all are for their owners to do */
};

/* Makes it, in memory that nobody uses yet. `random` keeps its numbers apart from those of earlier
 * ones. */
bool sqlite_slots_init(struct sqlite_slots *slots, uint64_t random);

/* ---- the owner ---- */

/* Posts a message of at most SQLITE_SLOTS_MAX bytes; *hint (0 at first) is where to look for a
 * slot. NULL: there is none. */
struct sqlite_slot *sqlite_slots_post(struct sqlite_slots *slots, unsigned *hint,
                                      const struct sqlite_slots_file *file, bool durable,
                                      const void *message, size_t size);
enum sqlite_slot_state sqlite_slot_state(const struct sqlite_slot *slot);
/* Ends the ownership when the slot goes `from` one state `to` FREE or LEFT; false: it is not in
 * that one. */
bool sqlite_slots_leave(struct sqlite_slots *slots, struct sqlite_slot *slot,
                        enum sqlite_slot_state from, enum sqlite_slot_state to);
/* Sleeps while `turn` is what it was, for at most `ns`. */
void sqlite_slots_sleep(struct sqlite_slots *slots, const struct sqlite_slot *slot, uint32_t turn,
                        int64_t ns);

/* ---- the taker: with the gate, and the write lock ---- */

/* Whether a taker has died in the middle of his transaction. */
bool sqlite_slots_orphaned(struct sqlite_slots *slots, const struct sqlite_slots_file *file);
/* Ends what he has left, when the last such transaction that was committed is `committed`. */
void sqlite_slots_resolve(struct sqlite_slots *slots, const struct sqlite_slots_file *file,
                          uint64_t committed);
/* Takes the next message for this database; NULL: there is none. */
struct sqlite_slot *sqlite_slots_take(struct sqlite_slots *slots, struct sqlite_slots_batch *batch,
                                      const struct sqlite_slots_file *file);
/* Before the commit. False: it must be rolled back, since an owner has left. */
bool sqlite_slots_seal(struct sqlite_slots *slots, struct sqlite_slots_batch *batch);
/* After it, or after a rollback, while the gate is still held; `sync`: a sync follows. */
void sqlite_slots_end(struct sqlite_slots *slots, struct sqlite_slots_batch *batch, bool committed,
                      bool sync);
/* After that sync. */
void sqlite_slots_synced(struct sqlite_slots *slots, struct sqlite_slots_batch *batch,
                         bool durable);
/* Wakes those whose slots have changed so. */
void sqlite_slots_wake(struct sqlite_slots *slots, struct sqlite_slots_batch *batch);
/* How many messages nobody has taken. */
int sqlite_slots_waiting(struct sqlite_slots *slots);
/* Wakes one whose message nobody has taken, so that he tries the gate. */
void sqlite_slots_nudge(struct sqlite_slots *slots);

#endif
