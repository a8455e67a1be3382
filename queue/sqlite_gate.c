#include "sqlite_gate.h"

#include "env.h"

#include <errno.h>
#include <time.h>

#define ASIDE_NS   20000000  /* how long newcomers step aside for an heir who does not come */
#define HEIR_NS    1000000   /* after which the heir looks whether his wake was lost */
#define QUEUE_NS   100000000 /* after which one in the queue looks whether the heir is dead */
#define AT_ONCE_NS 100000    /* who is back within it came back at once */
#define IN_A_ROW   2         /* who did so as often will do so again, and wakes nobody meanwhile */
#define MS         1000000   /* nanoseconds */

/* At the head of the queue, or not. The deputy acts for an heir who is stopped and keeps his place.
 */
enum place { NO_PLACE, HEIR, DEPUTY };

/* Of a word to sleep on. */
#define NOBODY   0
#define SLEEPING 1 /* somebody may sleep */
#define WOKEN    2 /* one of them is on its way */

static int64_t now_ns(void) {
  return env_system.mono_ns(NULL);
}

static int64_t least(int64_t a, int64_t b) {
  return a < b ? a : b;
}

bool sqlite_gate_init(struct sqlite_gate *gate) {
  atomic_init(&gate->due_ns, 0);
  atomic_init(&gate->heir_sleeps, NOBODY);
  atomic_init(&gate->first, NOBODY);
  atomic_init(&gate->queue, NOBODY);
  atomic_init(&gate->closed, 0);
  return sqlite_futex_mutex_init(&gate->lock) && sqlite_futex_mutex_init(&gate->heir);
}

/* Whether the heir, or who was woken to be it, has waited for long: then newcomers step aside. */
static bool is_due(struct sqlite_gate *gate, int64_t now) {
  int64_t due = atomic_load(&gate->due_ns);
  return due != 0 && now >= due && now - due < ASIDE_NS;
}

static bool try_mutex(pthread_mutex_t *mutex) {
  return sqlite_futex_mutex_held(mutex, pthread_mutex_trylock(mutex), NULL);
}

/* Trying need not tell a thread that it has the lock itself; waiting, until a time that is over,
 * does. */
static bool is_ours(struct sqlite_gate *gate, bool *held) {
  const struct timespec past = {0};
  int code = pthread_mutex_timedlock(&gate->lock, &past);
  *held = sqlite_futex_mutex_held(&gate->lock, code, NULL);
  return code == EDEADLK;
}

/* The word is set before each try, so that whoever holds the mutex now wakes one as he leaves; it
 * stays set when the try succeeds, since others may sleep. The wake of one who dies is lost, hence
 * the limits. (Not the mutex's own waiting: against a clock that nobody sets, the thread sanitizer
 * does not know it.) */
static bool try_or_sleep(pthread_mutex_t *mutex, _Atomic uint32_t *word, int64_t ns) {
  atomic_store(word, SLEEPING);
  if (try_mutex(mutex))
    return true;
  sqlite_futex_wait(word, SLEEPING, ns);
  return false;
}

static bool wake(_Atomic uint32_t *word) {
  return atomic_exchange(word, NOBODY) != NOBODY && sqlite_futex_wake(word, 1) > 0;
}

/* How long the heir lets others in before him, of whom one makes as many transactions as he can. */
static int64_t patience_ns(int64_t waited_ns) {
  int64_t left = SQLITE_GATE_PATIENCE_NS - waited_ns;
  return left > SQLITE_GATE_TURN_NS ? left : SQLITE_GATE_TURN_NS;
}

/* The next may become heir, and is due as he would say himself: he may be woken and not run, since
 * others have the processors. Who comes before the heir's place is free sees that another is on his
 * way; who looks while it becomes free finds the word changed, and looks again. */
static void pass_on(struct sqlite_gate *gate, enum place place, int64_t patience) {
  uint32_t woken = WOKEN;
  bool any = atomic_load(&gate->queue) != NOBODY;
  if (any)
    atomic_store(&gate->queue, WOKEN);
  atomic_store(&gate->due_ns, any && place == HEIR ? now_ns() + patience : 0);
  if (place == HEIR)
    pthread_mutex_unlock(&gate->heir);
  if (wake(&gate->first))
    return;
  any = atomic_exchange(&gate->queue, WOKEN) != NOBODY || any;
  if (any && sqlite_futex_wake(&gate->queue, 1) > 0)
    return;
  if (atomic_compare_exchange_strong(&gate->queue, &woken, NOBODY))
    atomic_store(&gate->due_ns, 0);
  sqlite_futex_wake(&gate->queue, 1); /* one who fell asleep between the two */
}

/* A living heir says again and again that he is due, once he is: one who does not is stopped, or
 * dead. 0: there is none, or he has not spoken yet. */
static bool is_heir_gone(int64_t due, int64_t now) {
  return due == 0 || now - due >= ASIDE_NS;
}

/* The kernel wakes in the order in which they fell asleep: so nobody tries before he has slept
 * when one who was woken is on his way. */
static enum place take_place(struct sqlite_gate *gate, bool first, int64_t end) {
  _Atomic uint32_t *word = first ? &gate->first : &gate->queue;
  bool slept = first;
  for (int64_t now = now_ns(); now < end; now = now_ns()) {
    int64_t due = atomic_load(&gate->due_ns), ns = least(first ? HEIR_NS : QUEUE_NS, end - now);
    if ((slept || due != 0) && is_heir_gone(due, now)) {
      atomic_store(word, SLEEPING);
      return try_mutex(&gate->heir) ? HEIR : DEPUTY;
    }
    if (!slept && atomic_load(word) == WOKEN)
      sqlite_futex_wait(word, WOKEN, ns);
    else if (try_or_sleep(&gate->heir, word, ns))
      return HEIR;
    slept = true;
  }
  /* It may have been woken as its time ended: then the wake is another's. */
  if (try_mutex(&gate->heir))
    pass_on(gate, HEIR, SQLITE_GATE_TURN_NS);
  return NO_PLACE;
}

/* What was said for him stands when it is sooner, and not of one who has died. */
static int64_t say_due(struct sqlite_gate *gate, int64_t now, int64_t patience) {
  int64_t said = atomic_load(&gate->due_ns);
  if (said != 0 && said <= now + patience && now - said < ASIDE_NS)
    return said;
  atomic_store(&gate->due_ns, now + patience);
  return now + patience;
}

static bool wait_at_head(struct sqlite_gate *gate, enum place place, int64_t patience, int64_t due,
                         int64_t end) {
  bool held = false;
  for (int64_t now = now_ns(); !held && now < end; now = now_ns()) {
    if (now >= due)
      atomic_store(&gate->due_ns, due = now);
    int64_t slice = now < due ? least(due - now, HEIR_NS) : HEIR_NS;
    held = try_or_sleep(&gate->lock, &gate->heir_sleeps, least(slice, end - now));
  }
  pass_on(gate, place, patience);
  return held;
}

static bool wait_turn(struct sqlite_gate *gate, bool first, int64_t end) {
  int64_t came = now_ns();
  enum place place = take_place(gate, first, end);
  if (place == NO_PLACE)
    return false;
  int64_t now = now_ns(), patience = patience_ns(now - came);
  int64_t due = say_due(gate, now, first ? 0 : patience);
  return wait_at_head(gate, place, patience, due, end);
}

bool sqlite_gate_closed(struct sqlite_gate *gate) {
  return atomic_load(&gate->closed) != 0;
}

bool sqlite_gate_enter(struct sqlite_gate *gate, struct sqlite_gate_visits *visits, int wait_ms,
                       bool first) {
  if (sqlite_gate_closed(gate))
    return false;
  bool held = false;
  int64_t now = now_ns(), end = now + (int64_t)wait_ms * MS;
  visits->in_a_row = now - visits->left_ns <= AT_ONCE_NS ? visits->in_a_row + 1 : 0;
  bool aside = is_due(gate, now);
  if (!aside && try_mutex(&gate->lock))
    return true;
  if (wait_ms <= 0 || is_ours(gate, &held))
    return false;
  if (held && !aside)
    return true;
  if (held)
    (void)sqlite_gate_leave(gate, visits);
  return wait_turn(gate, first, end);
}

void sqlite_gate_pause(struct sqlite_gate_visits *visits) {
  visits->in_a_row = 0;
}

bool sqlite_gate_leave(struct sqlite_gate *gate, struct sqlite_gate_visits *visits) {
  if (pthread_mutex_unlock(&gate->lock) != 0) {
    atomic_store(&gate->closed, 1);
    return true;
  }
  visits->left_ns = now_ns();
  return (visits->in_a_row < IN_A_ROW || is_due(gate, visits->left_ns)) &&
         !wake(&gate->heir_sleeps);
}
