/* SQLite: what is handed over to whoever holds the gate (the slots for it are sqlite_slots.c's). A
 * transaction that has taken messages writes its number into the table `handovers`, which tells
 * after the death of its process whether it was committed. */
#include "sqlite_db.h"

#include "env.h"
#include "point.h"

#include <sched.h>
#include <string.h>
#include <sys/stat.h>

/* How long an owner sleeps before he tries the gate by himself: who leaves it wakes one of them,
 * unless he dies, or will come back at once, as it seems. */
#define TRY_NS 2000000
/* The same while his message is in hand, or a sync goes on: only a death is to be noticed. */
#define LOOK_NS     20000000
#define SYNC_MAX_NS 2000000000
/* Whose own time is shorter does not wait for another's transaction, which could not be committed
 * after he has left. */
#define WAIT_MIN_MS 1000
/* After which he takes it back and stands in the queue of the gate, where he has a turn: those who
 * write may be such as take nothing. */
#define QUEUE_NS SQLITE_GATE_PATIENCE_NS
/* For how long one takes nothing whose transaction took so long that others gave up. */
#define SLOW_NS 5000000000
/* How long the first after a sync lets the others, who were woken with him, hand over their next:
 * half of what a sync takes, and at most so long. */
#define GATHER_MAX_NS 200000

static int64_t now_ns(void) {
  return env_system.mono_ns(NULL);
}

static struct sqlite_slots *slots_of(struct sqlite_db *db) {
  return &db->page->slots;
}

void sqlite_handover_open(struct sqlite_db *db) {
  struct stat st;
  if (db->path && stat(db->path, &st) == 0 && !sqlite_engine_moved(db))
    db->handed.file =
        (struct sqlite_slots_file){.device = (uint64_t)st.st_dev, .inode = (uint64_t)st.st_ino};
}

void sqlite_handover_close(struct sqlite_db *db) {
  sqlite3_finalize(db->handed.read);
  sqlite3_finalize(db->handed.write);
  db->handed.read = db->handed.write = NULL;
}

/* ---- the number ---- */

static int prepare(struct sqlite_db *db, const char *sql, sqlite3_stmt **stmt) {
  if (*stmt)
    return SQLITE_OK;
  return sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
}

static int read_number(struct sqlite_db *db, uint64_t *number) {
  int code = prepare(db, "SELECT number FROM handovers WHERE id=0", &db->handed.read);
  if (code != SQLITE_OK)
    return code;
  code = sqlite3_step(db->handed.read);
  *number = code == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(db->handed.read, 0) : 0;
  sqlite3_reset(db->handed.read);
  return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
}

static int write_number(struct sqlite_db *db) {
  int code =
      prepare(db, "INSERT OR REPLACE INTO handovers(id,number) VALUES(0,?1)", &db->handed.write);
  if (code == SQLITE_OK)
    code = sqlite3_bind_int64(db->handed.write, 1, (int64_t)db->handed.batch.number);
  if (code != SQLITE_OK)
    return code;
  code = sqlite3_step(db->handed.write);
  sqlite3_reset(db->handed.write);
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* ---- whoever holds the gate ---- */

/* With the write lock too: what is in somebody's hand now is in a dead one's. */
static int resolve(struct sqlite_db *db) {
  uint64_t committed;
  if (!sqlite_slots_orphaned(slots_of(db), &db->handed.file))
    return SQLITE_OK;
  int code = read_number(db, &committed);
  if (code == SQLITE_OK)
    sqlite_slots_resolve(slots_of(db), &db->handed.file, committed);
  return code;
}

enum galley_rc sqlite_handover_next(struct db *base, const void **message, size_t *size) {
  struct sqlite_db *db = sqlite_db_of(base);
  struct sqlite_slots_batch *batch = &db->handed.batch;
  if (!db->gate_held || atomic_load(&slots_of(db)->posted) == 0 ||
      (db->handed.slow_until_ns != 0 && now_ns() < db->handed.slow_until_ns))
    return GALLEY_NONE;
  if (batch->taken == 0) {
    int code = resolve(db);
    if (code != SQLITE_OK)
      return sqlite_error_set(db, db->h, code, "reading");
    batch->number = 0;
  }
  db->handed.slot = sqlite_slots_take(slots_of(db), batch, &db->handed.file);
  if (!db->handed.slot)
    return GALLEY_NONE;
  POINT(handover, taken);
  *message = db->handed.slot->message;
  *size = db->handed.slot->size;
  return GALLEY_OK;
}

void sqlite_handover_answer(struct db *base, const struct engine_answer *answer) {
  struct sqlite_db *db = sqlite_db_of(base);
  db->handed.batch.refused = !answer;
  if (!answer)
    return;
  db->handed.slot->id = answer->id;
  db->handed.slot->existing = answer->existing;
}

enum galley_rc sqlite_handover_seal(struct sqlite_db *db) {
  if (db->handed.batch.taken == 0 || sqlite3_get_autocommit(db->h))
    return GALLEY_OK; /* in the second case SQLite has rolled back, and the commit will fail */
  int code = write_number(db);
  if (code != SQLITE_OK)
    return sqlite_error_set(db, db->h, code, "writing");
  if (!sqlite_slots_seal(slots_of(db), &db->handed.batch)) {
    db->handed.slow_until_ns = now_ns() + SLOW_NS;
    return error_set(db->base.error, GALLEY_BUSY,
                     "%s: this transaction took so long that another process gave up what it had "
                     "handed over to it: nothing was written, try again",
                     db->path);
  }
  POINT(handover, sealed);
  return GALLEY_OK;
}

void sqlite_handover_end(struct sqlite_db *db, bool committed) {
  if (!db->page)
    return;
  struct sqlite_slots *slots = slots_of(db);
  if (committed && db->full) {
    atomic_store(&slots->together, (uint32_t)__builtin_popcount(db->handed.batch.taken) + 1);
    db->handed.syncing_ns = now_ns();
    atomic_store(&slots->syncing_ns, db->handed.syncing_ns);
  }
  if (db->handed.batch.taken == 0)
    return;
  sqlite_slots_end(slots, &db->handed.batch, committed, db->full);
  POINT(handover, answered);
}

/* Who syncs for longer is taken for dead, or stopped: he may wait for one sync and then make his.
 */
static int64_t sync_limit_ns(struct sqlite_db *db) {
  int64_t ns = 4 * atomic_load(&slots_of(db)->sync_ns);
  return ns < LOOK_NS ? LOOK_NS : ns < SYNC_MAX_NS ? ns : SYNC_MAX_NS;
}

/* Whoever commits now would wait for the next sync. */
static bool is_syncing(struct sqlite_db *db) {
  int64_t since = atomic_load(&slots_of(db)->syncing_ns), now = now_ns();
  return since != 0 && now >= since && now - since < sync_limit_ns(db);
}

void sqlite_handover_left(struct sqlite_db *db, bool open) {
  struct sqlite_slots *slots = slots_of(db);
  sqlite_slots_wake(slots, &db->handed.batch);
  if (open && atomic_load(&slots->posted) != 0 && !is_syncing(db))
    sqlite_slots_nudge(slots);
}

void sqlite_handover_synced(struct sqlite_db *db, bool durable) {
  if (!db->page)
    return;
  struct sqlite_slots *slots = slots_of(db);
  int64_t since = db->handed.syncing_ns; /* another may have begun one since */
  atomic_store(&slots->sync_ns, now_ns() - since);
  atomic_compare_exchange_strong(&slots->syncing_ns, &since, 0);
  sqlite_slots_synced(slots, &db->handed.batch, durable);
  sqlite_slots_wake(slots, &db->handed.batch);
  if (atomic_load(&slots->posted) != 0)
    sqlite_slots_nudge(slots);
}

/* ---- who finds it taken ---- */

static bool try_gate(struct sqlite_db *db) {
  if (db->full && is_syncing(db))
    return false;
  db->gate_held = sqlite_gate_enter(&db->page->gate, &db->gate_visits, 0, false);
  if (db->gate_held)
    POINT(gate, entered);
  return db->gate_held;
}

static void gather(struct sqlite_db *db) {
  struct sqlite_slots *slots = slots_of(db);
  int together = (int)atomic_load(&slots->together);
  if (!db->full || together < 2)
    return;
  int64_t wait_ns = atomic_load(&slots->sync_ns) / 2, end = now_ns();
  end += wait_ns < GATHER_MAX_NS ? wait_ns : GATHER_MAX_NS;
  while (sqlite_slots_waiting(slots) + 1 < together && now_ns() < end)
    sched_yield();
}

bool sqlite_handover_wanted(struct db *base) {
  struct sqlite_db *db = sqlite_db_of(base);
  if (base->readonly)
    return false;
  sqlite_share_open(db);
  if (!db->page || db->gate_held || db->busy_timeout_ms < WAIT_MIN_MS || db->gate_pass_by_ns != 0 ||
      db->handed.file.inode == 0 || sqlite_gate_closed(&db->page->gate) ||
      (db->full && sqlite_share_broken(db)))
    return false;
  if (!try_gate(db))
    return true;
  gather(db);
  return false;
}

/* OWN: the message was taken back, or refused. */
enum outcome { WAITING, OWN, ANSWERED, FAILED };

/* A message on its way. */
struct handing {
  struct sqlite_slot *slot;
  struct engine_answer *answer;
  int64_t began_ns, committed_ns; /* the second: when it was seen to be; 0: not yet */
};

static int64_t waited_ns(const struct handing *handing) {
  return now_ns() - handing->began_ns;
}

/* What was waited so far is not waited again for the gate and the write lock. */
static void count_wait(struct sqlite_db *db, const struct handing *handing) {
  int64_t ms = waited_ns(handing) / 1000000;
  db->waited_ms = ms < db->busy_timeout_ms ? (int)ms : db->busy_timeout_ms;
}

static bool leave(struct sqlite_db *db, const struct handing *handing, enum sqlite_slot_state from,
                  enum sqlite_slot_state to) {
  return sqlite_slots_leave(slots_of(db), handing->slot, from, to);
}

static void read_answer(const struct handing *handing) {
  *handing->answer =
      (struct engine_answer){.id = handing->slot->id, .existing = handing->slot->existing};
}

/* Whoever syncs may have died, or his disk is slow: then we sync, too. */
static enum outcome committed(struct sqlite_db *db, struct handing *handing) {
  if (handing->committed_ns == 0)
    handing->committed_ns = now_ns();
  read_answer(handing);
  bool over = now_ns() - handing->committed_ns >= sync_limit_ns(db);
  return over && leave(db, handing, SLOT_COMMITTED, SLOT_FREE) ? ANSWERED : WAITING;
}

static enum outcome answered(struct sqlite_db *db, struct handing *handing) {
  enum sqlite_slot_state state = sqlite_slot_state(handing->slot);
  if (state == SLOT_COMMITTED)
    return committed(db, handing);
  if (state == SLOT_REFUSED)
    return leave(db, handing, state, SLOT_FREE) ? OWN : WAITING;
  if (state != SLOT_DONE && state != SLOT_DURABLE)
    return WAITING;
  read_answer(handing);
  db->handed.durable = state == SLOT_DURABLE;
  return leave(db, handing, state, SLOT_FREE) ? ANSWERED : WAITING;
}

/* With the gate: the message is taken back, or in the hand of one who has died. */
static enum outcome with_gate(struct sqlite_db *db, const struct handing *handing) {
  if (leave(db, handing, SLOT_POSTED, SLOT_FREE))
    return OWN;
  count_wait(db, handing);
  if (sqlite_engine_begin(db) == SQLITE_OK)
    (void)resolve(db);
  sqlite_engine_rollback(db);
  if (leave(db, handing, SLOT_POSTED, SLOT_FREE))
    return OWN;
  sqlite_share_leave(db);
  return WAITING;
}

/* Sealed by one who is stopped or dead: the database tells what became of it, unless he is in the
 * middle of his commit, which nobody else can end. While we have the write lock nobody takes
 * anything, so the slot is his. */
static enum outcome ask_database(struct sqlite_db *db, const struct handing *handing) {
  uint64_t number = 0;
  enum outcome outcome = WAITING;
  count_wait(db, handing);
  int code = sqlite_engine_begin(db);
  if (code == SQLITE_OK)
    code = read_number(db, &number);
  if (code == SQLITE_OK) {
    bool done = handing->slot->batch == number;
    read_answer(handing);
    if (leave(db, handing, SLOT_SEALED, SLOT_LEFT))
      outcome = done ? ANSWERED : OWN;
  }
  sqlite_engine_rollback(db);
  sqlite_share_leave(db);
  if (code == SQLITE_OK || waited_ns(handing) < 2 * (int64_t)db->busy_timeout_ms * 1000000 ||
      !leave(db, handing, SLOT_SEALED, SLOT_LEFT))
    return outcome;
  error_set(db->base.error, GALLEY_IO,
            "%s: another process stands still in the middle of a commit, with which it commits "
            "this too: it is not known whether it was done",
            db->path);
  return FAILED;
}

static enum outcome give_up(struct sqlite_db *db, const struct handing *handing) {
  sqlite_share_pass_by(db);
  if (leave(db, handing, SLOT_POSTED, SLOT_FREE))
    return OWN;
  if (leave(db, handing, SLOT_TAKEN, SLOT_LEFT)) {
    error_set(db->base.error, GALLEY_BUSY,
              "%s: another process had its lock for longer than %d ms; try again, or look for it "
              "with fuser",
              db->path, db->busy_timeout_ms);
    return FAILED;
  }
  return sqlite_slot_state(handing->slot) == SLOT_SEALED ? ask_database(db, handing) : WAITING;
}

static enum outcome look(struct sqlite_db *db, struct handing *handing) {
  enum outcome outcome = answered(db, handing);
  if (outcome != WAITING || sqlite_slot_state(handing->slot) == SLOT_COMMITTED)
    return outcome;
  bool queue = waited_ns(handing) >= QUEUE_NS && !(db->full && is_syncing(db));
  if ((queue || sqlite_gate_closed(&db->page->gate)) && leave(db, handing, SLOT_POSTED, SLOT_FREE))
    return OWN;
  if (try_gate(db))
    outcome = with_gate(db, handing);
  bool over = waited_ns(handing) >= (int64_t)db->busy_timeout_ms * 1000000;
  return outcome == WAITING && over ? give_up(db, handing) : outcome;
}

static enum outcome wait_for_answer(struct sqlite_db *db, struct handing *handing) {
  struct sqlite_slots *slots = slots_of(db);
  for (;;) {
    uint32_t turn = atomic_load(&slots->turn);
    enum outcome outcome = look(db, handing);
    if (outcome != WAITING)
      return outcome;
    bool posted = sqlite_slot_state(handing->slot) == SLOT_POSTED;
    bool gate_may_open = posted && !(db->full && is_syncing(db));
    sqlite_slots_sleep(slots, handing->slot, turn, gate_may_open ? TRY_NS : LOOK_NS);
  }
}

enum galley_rc sqlite_handover_send(struct db *base, const void *message, size_t size,
                                    struct engine_answer *answer) {
  struct sqlite_db *db = sqlite_db_of(base);
  struct handing handing = {.answer = answer, .began_ns = now_ns()};
  if (size <= SQLITE_SLOTS_MAX)
    handing.slot = sqlite_slots_post(slots_of(db), &db->handed.hint, &db->handed.file, db->full,
                                     message, size);
  if (!handing.slot)
    return GALLEY_NONE;
  POINT(handover, posted);
  db->handed.durable = false;
  enum outcome outcome = wait_for_answer(db, &handing);
  if (outcome == FAILED)
    return base->error->rc;
  if (outcome == ANSWERED)
    return db->full && !db->handed.durable ? sqlite_share_durable(db) : GALLEY_OK;
  count_wait(db, &handing);
  if (db->gate_held)
    gather(db);
  return GALLEY_NONE;
}
