#include "sqlite_gate.h"

#include "env.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

/* How long newcomers step aside for one who waits, unless he says it again; he does so each
 * time that he looks. */
#define ASIDE_MS 20
#define SLICE_NS 1000000 /* after which a waiter looks whether his wake was lost */
#define MS       1000000 /* nanoseconds */

static int64_t now_ns(void) {
  return env_system.mono_ns(NULL);
}

bool sqlite_gate_init(struct sqlite_gate *gate) {
  atomic_init(&gate->aside_ms, 0);
  atomic_init(&gate->queue, 0);
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
    sqlite_futex_wake(&gate->aside_ms, INT_MAX);
}

static bool try_lock(struct sqlite_gate *gate) {
  return sqlite_futex_mutex_held(&gate->lock, pthread_mutex_trylock(&gate->lock), NULL);
}

/* Trying does not tell a thread that it has the lock itself; waiting, until a time that is over,
 * does. */
static bool is_ours(struct sqlite_gate *gate, bool *held) {
  const struct timespec past = {0};
  int code = pthread_mutex_timedlock(&gate->lock, &past);
  *held = sqlite_futex_mutex_held(&gate->lock, code, NULL);
  return code == EDEADLK;
}

/* `queue` is set before each try, so that whoever holds the lock now wakes one as he leaves; it
 * stays set when the try succeeds, since others may sleep. The wake of one who dies is lost, hence
 * the slices. (Not the mutex's own waiting: against a clock that nobody sets, the thread sanitizer
 * does not know it.) */
static bool wait_turn(struct sqlite_gate *gate, int64_t patience, int64_t end) {
  uint32_t marked = 0;
  bool held = false;
  for (int64_t now = now_ns(); now < end; now = now_ns()) {
    if (now >= patience)
      marked = mark(gate, now);
    atomic_store(&gate->queue, 1);
    held = try_lock(gate);
    if (held)
      break;
    sqlite_futex_wait(&gate->queue, 1, end - now < SLICE_NS ? end - now : SLICE_NS);
  }
  unmark(gate, marked);
  return held;
}

bool sqlite_gate_enter(struct sqlite_gate *gate, int wait_ms) {
  if (atomic_load(&gate->closed) != 0)
    return false;
  int64_t now = now_ns();
  if (wait_ms <= 0)
    return aside_ns(atomic_load(&gate->aside_ms), now) == 0 && try_lock(gate);
  int64_t end = now + (int64_t)wait_ms * MS;
  int64_t patience = now + SQLITE_GATE_PATIENCE_MS * MS;
  bool held;
  step_aside(gate, patience < end ? patience : end);
  if (try_lock(gate))
    return true;
  if (is_ours(gate, &held) || held)
    return held;
  return wait_turn(gate, patience, end);
}

void sqlite_gate_leave(struct sqlite_gate *gate) {
  if (pthread_mutex_unlock(&gate->lock) != 0)
    atomic_store(&gate->closed, 1);
  else if (atomic_exchange(&gate->queue, 0) != 0)
    sqlite_futex_wake(&gate->queue, 1);
}
