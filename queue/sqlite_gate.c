#include "sqlite_gate.h"

#include "env.h"

#include <errno.h>
#include <time.h>

/* How long newcomers step aside for one who waits, unless he says it again; he does so each
 * SQLITE_GATE_PATIENCE_MS. */
#define ASIDE_MS 4
#define MS       1000000 /* nanoseconds */

static int64_t now_ns(void) {
  return env_system.mono_ns(NULL);
}

bool sqlite_gate_init(struct sqlite_gate *gate) {
  atomic_init(&gate->aside_ms, 0);
  atomic_init(&gate->closed, 0);
  return sqlite_futex_mutex_init(&gate->lock);
}

/* Until then newcomers step aside; what is far away was left by a clock that has wrapped. */
static int64_t aside_ns(uint32_t until_ms, int64_t now) {
  int32_t left_ms = (int32_t)(until_ms - (uint32_t)(now / MS));
  return until_ms == 0 || left_ms <= 0 || left_ms > ASIDE_MS ? 0 : (int64_t)left_ms * MS;
}

/* Whoever steps aside becomes a waiter like the others at the end of his patience: while many wait
 * for long, the mark never goes away. */
static void step_aside(struct sqlite_gate *gate, int64_t end) {
  for (uint32_t until; (until = atomic_load(&gate->aside_ms)) != 0;) {
    int64_t now = now_ns();
    int64_t left = aside_ns(until, now);
    if (left == 0 || now >= end)
      return;
    sqlite_futex_wait(&gate->aside_ms, until, left < end - now ? left : end - now);
  }
}

static uint32_t mark(struct sqlite_gate *gate, int64_t now) {
  uint32_t until = (uint32_t)(now / MS) + ASIDE_MS;
  until += until == 0;
  atomic_store(&gate->aside_ms, until);
  return until;
}

static void unmark(struct sqlite_gate *gate, uint32_t until) {
  if (until != 0 && atomic_compare_exchange_strong(&gate->aside_ms, &until, 0))
    sqlite_futex_wake(&gate->aside_ms);
}

static int lock_until(struct sqlite_gate *gate, int64_t end) {
  const struct timespec at = {.tv_sec = (time_t)(end / 1000000000),
                              .tv_nsec = (long)(end % 1000000000)};
  return pthread_mutex_clocklock(&gate->lock, CLOCK_MONOTONIC, &at);
}

/* In slices of his patience, after each of which he says again that he waits. */
static bool wait_turn(struct sqlite_gate *gate, int64_t end) {
  uint32_t marked = 0;
  int code = ETIMEDOUT;
  for (int64_t now = now_ns(); code == ETIMEDOUT && now < end; now = now_ns()) {
    int64_t slice = now + SQLITE_GATE_PATIENCE_MS * MS;
    code = lock_until(gate, slice < end ? slice : end);
    if (code == ETIMEDOUT)
      marked = mark(gate, now_ns());
  }
  unmark(gate, marked);
  return sqlite_futex_mutex_held(&gate->lock, code, NULL);
}

static bool try_lock(struct sqlite_gate *gate) {
  return sqlite_futex_mutex_held(&gate->lock, pthread_mutex_trylock(&gate->lock), NULL);
}

bool sqlite_gate_enter(struct sqlite_gate *gate, int wait_ms) {
  if (atomic_load(&gate->closed) != 0)
    return false;
  int64_t now = now_ns();
  if (wait_ms <= 0)
    return aside_ns(atomic_load(&gate->aside_ms), now) == 0 && try_lock(gate);
  int64_t end = now + (int64_t)wait_ms * MS;
  int64_t patience = now + SQLITE_GATE_PATIENCE_MS * MS;
  step_aside(gate, patience < end ? patience : end);
  return try_lock(gate) || wait_turn(gate, end);
}

void sqlite_gate_leave(struct sqlite_gate *gate) {
  if (pthread_mutex_unlock(&gate->lock) != 0)
    atomic_store(&gate->closed, 1);
}
