#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hand.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#if defined(__SANITIZE_THREAD__)
/* That of gcc 12 does not know that pthread_mutex_timedlock holds what it has from a dead one. */
const char *__tsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void) {
  return "mutex:sqlite_gate_leave";
}
#endif

#define MS INT64_C(1000000)

/* ---- time ---- */

static _Thread_local struct hand_clock *own_clock;

int hand_clock_gettime(clockid_t id, struct timespec *out) {
  struct hand_clock *clock = own_clock;
  if (id != CLOCK_MONOTONIC || !clock)
    return (int)syscall(SYS_clock_gettime, id, out);
  if (atomic_load(&clock->reads) > 0 && atomic_fetch_sub(&clock->reads, 1) == 1)
    clock->at_read(clock->arg);
  atomic_fetch_add(&clock->total, 1);
  usleep(20); /* whoever waits for it to move lets others run */
  int64_t ns = atomic_load(&clock->ns);
  *out = (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
  return 0;
}

void hand_clock_use(struct hand_clock *clock) {
  own_clock = clock;
}

void hand_clock_is_watched(struct hand_clock *clock) {
  int before = atomic_load(&clock->total);
  HAND_AWAIT(atomic_load(&clock->total) > before + 50);
}

void hand_clock_move(struct hand_clock *clock, int64_t ms) {
  atomic_fetch_add(&clock->ns, ms * MS);
}

/* ---- the gate and the slots ---- */

struct sqlite_db *hand_db(struct galley *q) {
  return sqlite_db_of(q->db);
}

struct sqlite_slots *hand_slots(struct galley *q) {
  sqlite_share_open(hand_db(q));
  assert_non_null(hand_db(q)->page);
  return &hand_db(q)->page->slots;
}

void hand_hold(struct galley *q) {
  sqlite_share_enter(hand_db(q), HAND_LONG_MS, false);
  assert_true(hand_db(q)->gate_held);
}

void hand_let_go(struct galley *q) {
  sqlite_share_leave(hand_db(q));
}

bool hand_is_queued(struct galley *q) {
  pthread_mutex_t *heir = &hand_db(q)->page->gate.heir;
  int code = pthread_mutex_trylock(heir);
  if (code == 0)
    pthread_mutex_unlock(heir);
  return code == EBUSY;
}

void hand_nothing_is_left(struct galley *q) {
  struct sqlite_slots *slots = hand_slots(q);
  for (int i = 0; i < SQLITE_SLOTS_N; i++)
    assert_int_equal(sqlite_slot_state(&slots->all[i]), SLOT_FREE);
  assert_int_equal(atomic_load(&slots->posted), 0);
}

/* ---- owners ---- */

struct galley *hand_open(struct fixture *f, unsigned flags) {
  struct galley *q;
  const struct galley_options options = {
      .flags = flags, .env = &f->env, .busy_timeout_ms = HAND_BUSY_MS};
  enum galley_rc rc = galley_open(&q, f->path, &options);
  fixture_ok(q, rc);
  return q;
}

void *hand_run(void *arg) {
  static const struct galley_spec work = {.kind = "work", .priority = -1};
  struct hand_owner *owner = arg;
  struct galley *q = owner->q;
  if (!q)
    q = hand_open(owner->f, owner->flags);
  hand_clock_use(&owner->clock);
  owner->rc = galley_enqueue(q, owner->spec ? owner->spec : &work, &owner->id, &owner->existing);
  hand_clock_use(NULL);
  snprintf(owner->sentence, sizeof owner->sentence, "%s", galley_errmsg(q));
  if (!owner->q)
    galley_close(q);
  atomic_store(&owner->ended, true);
  return NULL;
}

void hand_begin(struct hand_owner *owner, struct fixture *f) {
  owner->f = f;
  owner->id = -1;
  atomic_store(&owner->clock.ns, HAND_BOOT_NS);
  assert_int_equal(pthread_create(&owner->thread, NULL, hand_run, owner), 0);
}

void hand_end(struct hand_owner *owner) {
  assert_int_equal(pthread_join(owner->thread, NULL), 0);
}

void hand_ok(struct hand_owner *owner) {
  hand_end(owner);
  if (owner->rc != GALLEY_OK)
    fail_msg("%s: %s", galley_rc_name(owner->rc), owner->sentence);
  assert_true(owner->id > 0);
}

void hand_fails(struct hand_owner *owner, enum galley_rc rc, const char *words) {
  hand_end(owner);
  if (owner->rc != rc || !strstr(owner->sentence, words))
    fail_msg("%s: %s", galley_rc_name(owner->rc), owner->sentence);
  assert_int_equal(owner->id, -1);
}

void hand_over(struct hand_owner *owner, struct galley *q) {
  int before = sqlite_slots_waiting(hand_slots(q));
  hand_begin(owner, owner->f);
  HAND_AWAIT(sqlite_slots_waiting(hand_slots(q)) == before + 1);
}

/* ---- what is taken ---- */

int64_t hand_jobs(struct fixture *f, const char *kind) {
  char sql[128];
  snprintf(sql, sizeof sql, "SELECT count(*) FROM jobs WHERE kind='%s'", kind);
  return fixture_number(f, sql);
}

int64_t hand_number(struct fixture *f) {
  return fixture_number(f, "SELECT coalesce(max(number),0) FROM handovers");
}

struct sqlite_slot *hand_take(struct galley *q, struct sqlite_slots_batch *batch) {
  *batch = (struct sqlite_slots_batch){.number = 0};
  struct sqlite_slot *slot = sqlite_slots_take(hand_slots(q), batch, &hand_db(q)->handed.file);
  assert_non_null(slot);
  return slot;
}

sqlite3 *hand_raw_open(struct fixture *f) {
  sqlite3 *h;
  assert_int_equal(sqlite3_open(f->path, &h), SQLITE_OK);
  return h;
}

void hand_raw_run(sqlite3 *h, const char *sql) {
  if (sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(h));
}

int64_t hand_raw_commit(sqlite3 *h, const char *kind, uint64_t batch) {
  char sql[160];
  snprintf(sql, sizeof sql,
           "BEGIN IMMEDIATE; INSERT OR REPLACE INTO handovers VALUES(0,%" PRIu64 ");"
           "INSERT INTO jobs(kind) VALUES('%s'); COMMIT",
           batch, kind);
  hand_raw_run(h, sql);
  return sqlite3_last_insert_rowid(h);
}

int64_t hand_commit(struct fixture *f, const char *kind, uint64_t batch) {
  sqlite3 *h = hand_raw_open(f);
  int64_t id = hand_raw_commit(h, kind, batch);
  sqlite3_close(h);
  return id;
}
