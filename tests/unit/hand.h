/*
 * hand.h - enqueues that are handed over to whoever holds the gate: owners in threads of their own,
 * under clocks that stand still, and by hand what a taker does. Each function fails the test when
 * what must work or must come does not.
 */
#ifndef HAND_H
#define HAND_H

#include "fixture.h"
#include "handle.h"
#include "sqlite_db.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#define HAND_LONG_MS 60000
#define HAND_BUSY_MS 2000       /* the busy time-out of owners */
#define HAND_BOOT_NS 1000000000 /* what a clock says at first */
#define HAND_LOOKS   60000      /* one a millisecond: for a state that must come */

/* Until it is so, which it must become. */
#define HAND_AWAIT(condition)                                                                      \
  do {                                                                                             \
    int looks = 0;                                                                                 \
    for (; !(condition) && looks < HAND_LOOKS; looks++)                                            \
      usleep(1000);                                                                                \
    assert_true(looks < HAND_LOOKS);                                                               \
  } while (0)

/* ---- time ---- */

/* A thread may have a clock that stands still until the test moves it, so that no wait of it ends
 * by itself. It is that of a machine that has just started: whatever it sleeps until is long past.
 * `at_read` is called, once, as it is read for the `reads`th time from now; `total` counts. */
struct hand_clock {
  _Atomic int64_t ns;
  _Atomic int reads, total;
  void (*at_read)(void *arg);
  void *arg;
};

/* What clock_gettime does in every program with owners, which defines it so: in the place of the C
 * library's, for galley alone, since the symbol is hidden. A thread without a clock of its own has
 * the system's. */
int hand_clock_gettime(clockid_t id, struct timespec *out);
/* From now on this thread has that clock; NULL: the system's. Borrowed until then. */
void hand_clock_use(struct hand_clock *clock);
/* Returns when its thread looks at it again and again. */
void hand_clock_is_watched(struct hand_clock *clock);
void hand_clock_move(struct hand_clock *clock, int64_t ms);

/* ---- the gate and the slots ---- */

struct sqlite_db *hand_db(struct galley *q);
struct sqlite_slots *hand_slots(struct galley *q);
/* The gate is held by this handle: its next transaction goes on with it, and leaves it. */
void hand_hold(struct galley *q);
void hand_let_go(struct galley *q);
/* Somebody stands at the head of the gate's queue. */
bool hand_is_queued(struct galley *q);
/* Fails unless all slots are free. */
void hand_nothing_is_left(struct galley *q);

/* ---- owners: who hands over ---- */

/* A thread with a handle of its own, or this one, that enqueues one job under a clock that stands
 * still. */
struct hand_owner {
  struct fixture *f;
  struct galley *q;
  unsigned flags;
  const struct galley_spec *spec; /* NULL: a job of kind "work" */
  struct hand_clock clock;
  pthread_t thread;
  _Atomic bool ended;
  enum galley_rc rc;
  int64_t id;
  bool existing;
  char sentence[512];
};

/* A handle as owners have it, to be closed by the test. */
struct galley *hand_open(struct fixture *f, unsigned flags);
/* What the thread does; arg is the owner, and NULL is returned. */
void *hand_run(void *arg);
void hand_begin(struct hand_owner *owner, struct fixture *f);
/* Begins, and returns when he has handed over, while q holds the gate; the others before him
 * have. His `f` is set. */
void hand_over(struct hand_owner *owner, struct galley *q);
/* Each waits for his end: however it is, with a job, and with rc and a sentence that holds
 * `words`. */
void hand_end(struct hand_owner *owner);
void hand_ok(struct hand_owner *owner);
void hand_fails(struct hand_owner *owner, enum galley_rc rc, const char *words);

/* ---- what is taken ---- */

/* How many jobs of this kind there are. */
int64_t hand_jobs(struct fixture *f, const char *kind);
/* That of the last transaction which took something; 0: none has. */
int64_t hand_number(struct fixture *f);
/* Takes the next message, as a taker of q's database would. */
struct sqlite_slot *hand_take(struct galley *q, struct sqlite_slots_batch *batch);
/* A connection of a played taker, to be closed by the test, and SQL on it that must work. */
sqlite3 *hand_raw_open(struct fixture *f);
void hand_raw_run(sqlite3 *h, const char *sql);
/* What his transaction commits, on h or a connection of its own: the number `batch`, and a job. The
 * job's id. */
int64_t hand_raw_commit(sqlite3 *h, const char *kind, uint64_t batch);
int64_t hand_commit(struct fixture *f, const char *kind, uint64_t batch);

#endif
