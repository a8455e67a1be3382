#include "sqlite_sync.h"

#include "env.h"
#include "point.h"

#include <limits.h>
#include <string.h>

/* Between looks whether the one who syncs is still there: dying wakes nobody. */
#define LOOK_NS 20000000
/* Looks after which a waiter no longer relies on him (he may be stopped) and syncs by himself. */
#define LOOKS_MAX 100

enum fate { FATE_OPEN, FATE_DURABLE, FATE_FAILED };

bool sqlite_sync_init(struct sqlite_sync *sync, const struct sqlite_sync_failure *known) {
  memset(sync, 0, sizeof *sync);
  atomic_init(&sync->failure.from, UINT64_MAX);
  if (known && atomic_load(&known->broken) != 0) {
    char boot_id[sizeof known->boot_id];
    env_boot_id(boot_id, sizeof boot_id);
    if (strncmp(boot_id, known->boot_id, sizeof boot_id) == 0) {
      memcpy(sync->failure.boot_id, boot_id, sizeof boot_id);
      atomic_init(&sync->failure.generation, atomic_load(&known->generation));
      atomic_init(&sync->failure.broken, 1);
    }
  }
  return sqlite_futex_mutex_init(&sync->lock);
}

bool sqlite_sync_broken(struct sqlite_sync *sync, const struct sqlite_sync_log *log) {
  struct sqlite_sync_failure *failure = &sync->failure;
  if (atomic_load(&failure->broken) == 0)
    return false;
  if (atomic_load(&failure->generation) == log->generation(log->arg))
    return true;
  atomic_store(&failure->broken, 0);
  return false;
}

/* Not under the lock, which one who is stopped may hold: the range only grows. */
static void fail_up_to(struct sqlite_sync *sync, const struct sqlite_sync_log *log, uint64_t to) {
  struct sqlite_sync_failure *failure = &sync->failure;
  uint64_t from = atomic_load(&sync->durable);
  uint64_t seen = atomic_load(&failure->from);
  while (from < seen && !atomic_compare_exchange_weak(&failure->from, &seen, from))
    continue;
  seen = atomic_load(&failure->to);
  while (to > seen && !atomic_compare_exchange_weak(&failure->to, &seen, to))
    continue;
  env_boot_id(failure->boot_id, sizeof failure->boot_id);
  /* Read after the failure: when the log was begun anew meanwhile, what was lost is of the new one,
   * since all of the old one was in the database by then. */
  atomic_store(&failure->generation, log->generation(log->arg));
  atomic_store(&failure->broken, 1);
  atomic_fetch_add(&sync->turn, 1);
}

void sqlite_sync_fail(struct sqlite_sync *sync, const struct sqlite_sync_log *log) {
  fail_up_to(sync, log, atomic_load(&sync->numbers));
  sqlite_futex_wake(&sync->turn, INT_MAX);
}

static enum fate fate_of(struct sqlite_sync *sync, uint64_t number) {
  uint64_t durable = atomic_load(&sync->durable); /* before the failure, which may follow it */
  if (number > atomic_load(&sync->failure.from) && number <= atomic_load(&sync->failure.to))
    return FATE_FAILED;
  return number <= durable ? FATE_DURABLE : FATE_OPEN;
}

static bool sync_now(struct sqlite_sync *sync, const struct sqlite_sync_log *log) {
  return !sqlite_sync_broken(sync, log) && log->sync(log->arg) == 0 &&
         !sqlite_sync_broken(sync, log);
}

/* With the lock. One who died holding it has said nothing, so there is nothing to mend. */
static void sync_for_all(struct sqlite_sync *sync, const struct sqlite_sync_log *log) {
  uint64_t all = atomic_load(&sync->numbers);
  POINT(sync, locked);
  bool ok = sync_now(sync, log);
  POINT(sync, reached);
  if (ok) {
    atomic_store(&sync->durable, all);
    atomic_fetch_add(&sync->turn, 1);
  } else {
    fail_up_to(sync, log, all);
  }
}

/* Says it to nobody when it went well: those who wait will do as much. */
static bool sync_alone(struct sqlite_sync *sync, const struct sqlite_sync_log *log,
                       uint64_t number) {
  bool ok = sync_now(sync, log);
  if (!ok)
    sqlite_sync_fail(sync, log);
  return ok && fate_of(sync, number) != FATE_FAILED;
}

bool sqlite_sync_reach(struct sqlite_sync *sync, const struct sqlite_sync_log *log) {
  uint64_t number = atomic_fetch_add(&sync->numbers, 1) + 1;
  for (int looks = 0; looks < LOOKS_MAX;) {
    uint32_t turn = atomic_load(&sync->turn);
    enum fate fate = fate_of(sync, number);
    if (fate != FATE_OPEN)
      return fate == FATE_DURABLE;
    if (sqlite_futex_mutex_held(&sync->lock, pthread_mutex_trylock(&sync->lock), NULL)) {
      if (fate_of(sync, number) == FATE_OPEN)
        sync_for_all(sync, log);
      pthread_mutex_unlock(&sync->lock);
      sqlite_futex_wake(&sync->turn, INT_MAX);
    } else {
      sqlite_futex_wait(&sync->turn, turn, LOOK_NS);
      looks += atomic_load(&sync->turn) == turn;
    }
  }
  return sync_alone(sync, log, number);
}
