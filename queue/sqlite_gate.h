/*
 * sqlite_gate.h - the gate: a lock in front of SQLite's write lock, in memory that processes share
 * (sqlite_page.h). SQLite waits for its lock by sleeping and trying again, longer each time, and
 * whoever comes at the right moment takes it: under load one process may wait for seconds. Those
 * who wait at the gate are woken, and it is fair in the end: one who has waited for
 * SQLITE_GATE_PATIENCE_MS makes newcomers step aside. (A strict queue costs three quarters of the
 * throughput, since each hand-over is then a switch of processes.)
 *
 * The gate promises nothing: SQLite's lock and its busy_timeout stand behind it. Its holder may die
 * at any point. No waiting is without a limit.
 */
#ifndef SQLITE_GATE_H
#define SQLITE_GATE_H

#include "sqlite_futex.h"

#define SQLITE_GATE_PATIENCE_MS 5 /* a waiter who has waited longer is let in first */

struct sqlite_gate {
  pthread_mutex_t lock;
  /* Newcomers step aside until this time (milliseconds of CLOCK_MONOTONIC, low bits, never 0); 0:
   * nobody has waited for long. A time, so that one who dies does not leave it set. */
  _Atomic uint32_t aside_ms;
  _Atomic uint32_t queue;  /* whether some may sleep, on it */
  _Atomic uint32_t closed; /* it was left by another thread than entered it: nobody uses it now */
};

/* Makes it, in memory that nobody uses yet. */
bool sqlite_gate_init(struct sqlite_gate *gate);
/* Waits for at most wait_ms (0: not at all). False: it is not held, and the caller goes on without
 * it: the time is over, or this thread holds it by another handle, or the gate is out of order. */
bool sqlite_gate_enter(struct sqlite_gate *gate, int wait_ms);
/* Only by the thread that entered it. */
void sqlite_gate_leave(struct sqlite_gate *gate);

#endif
