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
#define LOOK_NS 20000000
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
  if (!sqlite_slots_orphaned(slots_of(db)))
    return SQLITE_OK;
  int code = read_number(db, &committed);
  if (code == SQLITE_OK)
    sqlite_slots_resolve(slots_of(db), committed);
  return code;
}

enum galley_rc sqlite_handover_next(struct db *base, const void **message, size_t *size) {
  struct sqlite_db *db = sqlite_db_of(base);
  struct sqlite_slots_batch *batch = &db->handed.batch;
  if (!db->gate_held || atomic_load(&slots_of(db)->posted) == 0)
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
  if (db->handed.batch.taken == 0)
    return GALLEY_OK;
  int code = write_number(db);
  if (code != SQLITE_OK)
    return sqlite_error_set(db, db->h, code, "writing");
  if (!sqlite_slots_seal(slots_of(db), &db->handed.batch))
    return error_set(db->base.error, GALLEY_BUSY,
                     "%s: this process stood still in the middle of a transaction, for so long "
                     "that another one gave up what it had handed over: nothing was written, try "
                     "again",
                     db->path);
  POINT(handover, sealed);
  return GALLEY_OK;
}

void sqlite_handover_end(struct sqlite_db *db, bool committed) {
  if (!db->page)
    return;
  struct sqlite_slots *slots = slots_of(db);
  if (committed && db->full) {
    atomic_store(&slots->together, (uint32_t)__builtin_popcount(db->handed.batch.taken) + 1);
    atomic_store(&slots->syncing_ns, now_ns());
  }
  if (db->handed.batch.taken == 0)
    return;
  sqlite_slots_end(slots, &db->handed.batch, committed, db->full);
  POINT(handover, answered);
}

/* Whoever commits now would wait for the next sync. */
static bool is_syncing(struct sqlite_db *db) {
  int64_t since = atomic_load(&slots_of(db)->syncing_ns);
  return since != 0 && now_ns() - since < LOOK_NS;
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
  int64_t since = atomic_exchange(&slots->syncing_ns, 0);
  if (since != 0)
    atomic_store(&slots->sync_ns, now_ns() - since);
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
  if (!db->page || db->gate_held || db->gate_pass_by_ns != 0 || db->handed.file.inode == 0 ||
      sqlite_gate_closed(&db->page->gate))
    return false;
  if (!try_gate(db))
    return true;
  gather(db);
  return false;
}

/* OWN: the message was taken back, or refused. */
enum outcome { WAITING, OWN, ANSWERED, FAILED };

static enum outcome answered(struct sqlite_db *db, struct sqlite_slot *slot,
                             struct engine_answer *answer) {
  enum sqlite_slot_state state = sqlite_slot_state(slot);
  if (state == SLOT_REFUSED)
    return sqlite_slots_leave(slots_of(db), slot, state, SLOT_FREE) ? OWN : WAITING;
  if (state != SLOT_DONE && state != SLOT_DURABLE && state != SLOT_COMMITTED)
    return WAITING;
  *answer = (struct engine_answer){.id = slot->id, .existing = slot->existing};
  db->handed.durable = state == SLOT_DURABLE;
  if (state == SLOT_COMMITTED)
    return WAITING;
  return sqlite_slots_leave(slots_of(db), slot, state, SLOT_FREE) ? ANSWERED : WAITING;
}

/* With the gate: the message is taken back, or in the hand of one who has died. */
static enum outcome with_gate(struct sqlite_db *db, struct sqlite_slot *slot) {
  if (sqlite_slots_leave(slots_of(db), slot, SLOT_POSTED, SLOT_FREE))
    return OWN;
  if (sqlite_engine_begin(db) == SQLITE_OK)
    (void)resolve(db);
  sqlite_engine_rollback(db);
  if (sqlite_slots_leave(slots_of(db), slot, SLOT_POSTED, SLOT_FREE))
    return OWN;
  sqlite_share_leave(db);
  return WAITING;
}

/* Sealed by one who is stopped or dead, which the database can tell about unless it was in the
 * middle of his commit, which nobody can end but he. */
static enum outcome ask_database(struct sqlite_db *db, struct sqlite_slot *slot, bool over) {
  uint64_t number = slot->batch, committed = 0;
  db->waited_ms = db->busy_timeout_ms;
  int code = sqlite_engine_begin(db);
  if (code == SQLITE_OK)
    code = read_number(db, &committed);
  sqlite_engine_rollback(db);
  sqlite_share_leave(db);
  if (code != SQLITE_OK && !over)
    return WAITING;
  if (!sqlite_slots_leave(slots_of(db), slot, SLOT_SEALED, SLOT_LEFT))
    return WAITING;
  if (code == SQLITE_OK)
    return committed == number ? ANSWERED : OWN;
  error_set(db->base.error, GALLEY_IO,
            "%s: another process stands still in the middle of a commit, with which it commits "
            "this too: it is not known whether it was done",
            db->path);
  return FAILED;
}

static enum outcome give_up(struct sqlite_db *db, struct sqlite_slot *slot,
                            struct engine_answer *answer, int64_t over_ns) {
  struct sqlite_slots *slots = slots_of(db);
  sqlite_share_pass_by(db);
  if (sqlite_slots_leave(slots, slot, SLOT_POSTED, SLOT_FREE)) {
    db->waited_ms = db->busy_timeout_ms;
    return OWN;
  }
  if (sqlite_slots_leave(slots, slot, SLOT_TAKEN, SLOT_LEFT)) {
    sqlite_error_set(db, db->h, SQLITE_BUSY, "locking for a write");
    return FAILED;
  }
  if (sqlite_slot_state(slot) != SLOT_SEALED)
    return WAITING;
  *answer = (struct engine_answer){.id = slot->id, .existing = slot->existing};
  return ask_database(db, slot, over_ns > (int64_t)db->busy_timeout_ms * 1000000);
}

static enum outcome look(struct sqlite_db *db, struct sqlite_slot *slot,
                         struct engine_answer *answer, int64_t over_ns) {
  enum outcome outcome = answered(db, slot, answer);
  if (outcome != WAITING || sqlite_slot_state(slot) == SLOT_COMMITTED)
    return outcome;
  if (sqlite_gate_closed(&db->page->gate) &&
      sqlite_slots_leave(slots_of(db), slot, SLOT_POSTED, SLOT_FREE))
    return OWN;
  if (try_gate(db))
    outcome = with_gate(db, slot);
  return outcome == WAITING && over_ns >= 0 ? give_up(db, slot, answer, over_ns) : outcome;
}

static enum outcome wait_for_answer(struct sqlite_db *db, struct sqlite_slot *slot,
                                    struct engine_answer *answer) {
  struct sqlite_slots *slots = slots_of(db);
  int64_t end = now_ns() + (int64_t)db->busy_timeout_ms * 1000000;
  for (;;) {
    uint32_t turn = atomic_load(&slots->turn);
    enum outcome outcome = look(db, slot, answer, now_ns() - end);
    if (outcome != WAITING)
      return outcome;
    enum sqlite_slot_state state = sqlite_slot_state(slot);
    bool gate_may_open = state == SLOT_POSTED && !(db->full && is_syncing(db));
    sqlite_slots_sleep(slots, slot, turn, gate_may_open ? TRY_NS : LOOK_NS);
    if (state == SLOT_COMMITTED && atomic_load(&slots->turn) == turn &&
        sqlite_slots_leave(slots, slot, SLOT_COMMITTED, SLOT_FREE))
      return ANSWERED; /* whoever syncs has died, or the disk is slow: we sync, too */
  }
}

enum galley_rc sqlite_handover_send(struct db *base, const void *message, size_t size,
                                    struct engine_answer *answer) {
  struct sqlite_db *db = sqlite_db_of(base);
  struct sqlite_slot *slot = size <= SQLITE_SLOTS_MAX
                                 ? sqlite_slots_post(slots_of(db), &db->handed.hint,
                                                     &db->handed.file, db->full, message, size)
                                 : NULL;
  if (!slot)
    return GALLEY_NONE;
  POINT(handover, posted);
  enum outcome outcome = wait_for_answer(db, slot, answer);
  if (outcome == FAILED)
    return base->error->rc;
  if (outcome == ANSWERED)
    return db->full && !db->handed.durable ? sqlite_share_durable(db) : GALLEY_OK;
  if (db->gate_held)
    gather(db);
  return GALLEY_NONE;
}
