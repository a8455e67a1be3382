/* SQLite: what the writing handles of a database share: the gate in front of the write lock, and
 * the syncs that make commits durable. Both are tried once, at the first write, and done without
 * when there is no page to be had (sqlite_page.h). */
#include "sqlite_db.h"

#include "env.h"
#include "point.h"

#include <stddef.h>

/* Who has waited in vain at the gate passes it by for so long: its holder is stopped, or it is out
 * of order. */
#define GATE_PASS_BY_NS 5000000000

void sqlite_share_open(struct sqlite_db *db) {
  if (db->sync)
    return;
  db->page = db->one_thread || !db->path ? NULL : sqlite_page_map(sqlite_side_file(db));
  db->sync = db->page ? &db->page->sync : &db->own_sync;
  if (!db->page && !sqlite_sync_init(&db->own_sync, NULL))
    db->sync = NULL; /* not with the mutexes of this system, which need nothing */
  if (db->page)
    sqlite_handover_open(db);
}

void sqlite_share_pass_by(struct sqlite_db *db) {
  db->gate_pass_by_ns = env_system.mono_ns(NULL) + GATE_PASS_BY_NS;
}

int sqlite_share_enter(struct sqlite_db *db, int wait_ms, bool first) {
  sqlite_share_open(db);
  if (!db->page || db->gate_held)
    return wait_ms;
  int64_t now = env_system.mono_ns(NULL);
  bool passing = now < db->gate_pass_by_ns;
  db->gate_held =
      sqlite_gate_enter(&db->page->gate, &db->gate_visits, passing ? 0 : wait_ms, first);
  POINT(gate, entered);
  int64_t ended = env_system.mono_ns(NULL);
  if (db->gate_held)
    db->gate_pass_by_ns = 0;
  int64_t left_ms = wait_ms - (ended - now) / 1000000;
  return left_ms > 0 ? (int)left_ms : 0;
}

void sqlite_share_leave(struct sqlite_db *db) {
  if (!db->gate_held)
    return;
  db->gate_held = false;
  sqlite_handover_left(db, sqlite_gate_leave(&db->page->gate, &db->gate_visits));
}

bool sqlite_share_checkpoint_begin(struct sqlite_db *db) {
  sqlite_share_open(db);
  if (!db->page)
    return true;
  pthread_mutex_t *mutex = &db->page->checkpoint;
  db->checkpoint_held = sqlite_futex_mutex_held(mutex, pthread_mutex_trylock(mutex), NULL);
  return db->checkpoint_held;
}

void sqlite_share_checkpoint_end(struct sqlite_db *db) {
  if (db->checkpoint_held)
    pthread_mutex_unlock(&db->page->checkpoint);
  db->checkpoint_held = false;
}

void sqlite_share_close(struct sqlite_db *db) {
  sqlite_share_leave(db);
  sqlite_page_unmap(db->page, db->side_fd);
  db->page = NULL;
  db->sync = NULL;
}

void sqlite_share_sleep(struct sqlite_db *db) {
  sqlite_side_follow(db);
  if (db->base.readonly)
    return;
  sqlite_share_open(db);
  if (db->page)
    atomic_store(&db->page->asleep, 1);
}

bool sqlite_share_wake(struct sqlite_db *db) {
  return !db->page || atomic_exchange(&db->page->asleep, 0) != 0;
}

/* ---- durable commits ---- */

/* Through SQLite's own file, so that it passes whatever VFS there is, and no descriptor of ours is
 * opened. SQLite asks the same of it, with the same flag, for a commit under synchronous=FULL. */
static int sync_log(void *arg) {
  struct sqlite_db *db = arg;
  sqlite3_file *log = NULL;
  int code = sqlite3_file_control(db->h, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (code == SQLITE_OK && (!log || !log->pMethods))
    code = SQLITE_IOERR_FSYNC;
  return code == SQLITE_OK ? log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) : code;
}

static uint32_t generation(void *arg) {
  return sqlite_checkpoint_generation(arg);
}

static struct sqlite_sync_log log_of(struct sqlite_db *db) {
  return (struct sqlite_sync_log){.sync = sync_log, .generation = generation, .arg = db};
}

enum galley_rc sqlite_share_durable(struct sqlite_db *db) {
  const struct sqlite_sync_log log = log_of(db);
  if (sqlite_engine_moved(db)) /* and those who wait for a sync here are of another one's log */
    return error_set(db->base.error, GALLEY_IO,
                     "%s was deleted or renamed while it was open here: what was committed is not "
                     "in what has its name now",
                     db->path);
  sqlite_share_open(db);
  if (!db->path || (db->sync && sqlite_sync_reach(db->sync, &log)))
    return GALLEY_OK;
  return error_set(db->base.error, GALLEY_IO,
                   "%s: the disk did not confirm its log: what was committed can be seen, but a "
                   "power cut may take it back. Look at the system's log",
                   db->wal_path);
}

bool sqlite_share_broken(struct sqlite_db *db) {
  const struct sqlite_sync_log log = log_of(db);
  sqlite_share_open(db);
  return db->path && db->sync && sqlite_sync_broken(db->sync, &log);
}

/* When all of the log is in the database, this commit may begin it anew, and is durable then. */
enum galley_rc sqlite_share_inspect(struct sqlite_db *db) {
  if (!sqlite_share_broken(db) || sqlite_checkpoint_complete(db))
    return GALLEY_OK;
  return error_set(db->base.error, GALLEY_IO,
                   "%s: the disk has failed to confirm its log, so that no commit is sure to be "
                   "kept: when the disk is sound again, galley checkpoint begins the log anew",
                   db->wal_path);
}

void sqlite_share_sync_failed(struct sqlite_db *db) {
  const struct sqlite_sync_log log = log_of(db);
  sqlite_share_open(db);
  if (db->sync)
    sqlite_sync_fail(db->sync, &log);
}
