/*
 * sqlite_gate.h - the gate: a lock in front of SQLite's write lock, in memory that processes share
 * (sqlite_page.h). SQLite waits for its lock by sleeping and trying again, longer each time, and
 * whoever comes at the right moment takes it: under load one process may wait for seconds.
 *
 * Those who wait stand in a queue, and only its head, the heir, looks at the lock (where he is
 * stopped or dead, the next acts for him). Until he is due,
 * whoever comes while the gate is open goes in: so one process that writes in a loop makes many
 * transactions, with all that it needs in its caches, and the others sleep. Then the heir is let in
 * before all, and the next in the queue becomes heir. (To hand over after each transaction costs
 * three quarters of the throughput.) An heir is due when he has waited for SQLITE_GATE_PATIENCE_NS
 * in all, yet not before those before him had a turn of SQLITE_GATE_TURN_NS: with few who wait,
 * turns are long, with many short.
 *
 * The gate promises nothing: SQLite's lock and its busy_timeout stand behind it. Its holder and its
 * heir may die at any point. No waiting is without a limit.
 */
#ifndef SQLITE_GATE_H
#define SQLITE_GATE_H

#include "sqlite_futex.h"

/* Measured with bench/run mixed on two processors: a hand-over costs some 0.2 ms of everybody's
 * time, so shorter turns cost throughput and longer ones waiting. */
#define SQLITE_GATE_PATIENCE_NS 5000000
#define SQLITE_GATE_TURN_NS     600000

struct sqlite_gate {
  pthread_mutex_t lock;
  pthread_mutex_t heir; /* held by the head of the queue */
  /* From this time on (of CLOCK_MONOTONIC; 0: never) newcomers step aside for the heir, for as long
   * as a living one should need. */
  _Atomic int64_t due_ns;
  _Atomic uint32_t heir_sleeps; /* the word that the heir sleeps on */
  _Atomic uint32_t first;       /* that those who go first sleep on, to become heir */
  _Atomic uint32_t queue;       /* that those in the queue sleep on, to become heir */
  _Atomic uint32_t closed; /* it was left by another thread than entered it: nobody uses it now */
};

/* What a handle that uses the gate remembers of it; all zero at first. */
struct sqlite_gate_visits {
  int64_t left_ns; /* when it left */
  int in_a_row;    /* how often it has come back at once */
};

/* Makes it, in memory that nobody uses yet. */
bool sqlite_gate_init(struct sqlite_gate *gate);
/* Waits for at most wait_ms (0: not at all), in the queue or, with `first`, before it. False: it is
 * not held, and the caller goes on without it: the time is over, or this thread holds it by another
 * handle, or the gate is out of order. */
bool sqlite_gate_enter(struct sqlite_gate *gate, struct sqlite_gate_visits *visits, int wait_ms,
                       bool first);
/* Whether it is out of order: no waiting helps. */
bool sqlite_gate_closed(struct sqlite_gate *gate);
/* Before it is left: the handle will not come back at once, as it seemed to, so somebody is woken.
 */
void sqlite_gate_pause(struct sqlite_gate_visits *visits);
/* Only by the thread that entered it. Whether who waits elsewhere for the gate to be open should be
 * told: nobody was woken here, and the handle is not known to come back at once. */
bool sqlite_gate_leave(struct sqlite_gate *gate, struct sqlite_gate_visits *visits);

#endif
