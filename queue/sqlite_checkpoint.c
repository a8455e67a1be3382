/* The only checkpoint of galley: PASSIVE on a second connection, in two parts. The first copies
 * what there is while others write: sqlite_vfs.c keeps it from a log that was begun anew meanwhile,
 * by which SQLite before 3.51.3 (and without its back-ports) loses committed rows. The second
 * copies the rest, which is little by then, while the first connection holds the write lock: only
 * so is the whole log in the database at one moment, and the next writer begins it anew. Nobody can
 * do that without the write lock. */
#include "sqlite_db.h"
#include "sqlite_vfs.h"

#include "env.h"
#include "point.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Frames at which a committer tries to checkpoint. Below 1000, where a foreign program with
 * SQLite's default settings would begin to checkpoint by itself. */
#define CHECKPOINT_FRAMES 600
/* Frames at which it waits for the write lock rather than leave it to the next committer. */
#define CHECKPOINT_FRAMES_URGENT 2000

/* A worker does it before those who only enqueue, who are waited for. */
#define CHECKPOINT_FRAMES_PRODUCER 800
/* What is worth a first part, rather than to copy it with the write lock held. */
#define CHECKPOINT_FRAMES_BULK 64
/* How long the second part waits for its turn at the gate, after the first has made it short. */
#define CHECKPOINT_WAIT_MS 20

/* Words of the wal-index header (shared memory, "WAL-Index Format" in SQLite's documents). */
#define SHM_MX_FRAME 4  /* frames in the log */
#define SHM_SALT     8  /* another one in each log that is begun anew */
#define SHM_BACKFILL 24 /* of these, copied into the database */

/* Reads the wal-index through SQLite's own mapping: opening the -shm file would drop its locks. */
static const volatile uint32_t *index_words(struct sqlite_db *db) {
  sqlite3_file *file = NULL;
  void volatile *map = NULL;
  if (sqlite3_file_control(db->h, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
      !file->pMethods || file->pMethods->iVersion < 2 || !file->pMethods->xShmMap)
    return NULL;
  return file->pMethods->xShmMap(file, 0, 32768, 0, &map) == SQLITE_OK ? map : NULL;
}

static void read_index(struct sqlite_db *db, struct galley_wal *wal) {
  const volatile uint32_t *words = index_words(db);
  if (!words)
    return;
  wal->frames = words[SHM_MX_FRAME];
  wal->checkpointed = words[SHM_BACKFILL];
}

uint32_t sqlite_checkpoint_generation(struct sqlite_db *db) {
  const volatile uint32_t *words = index_words(db);
  return words ? words[SHM_SALT] : 0;
}

bool sqlite_checkpoint_complete(struct sqlite_db *db) {
  struct galley_wal wal = {0};
  read_index(db, &wal);
  return wal.frames == wal.checkpointed;
}

static enum galley_rc damage(struct sqlite_db *db, int64_t done, int64_t log) {
  db->damaged = true;
  return error_set(db->base.error, GALLEY_CORRUPT,
                   "%s: %" PRId64 " frames are marked as checkpointed of %" PRId64 " in the log: "
                   "another program's checkpoint has damaged the log. Stop every process with "
                   "SIGKILL and open it again; do not close it cleanly",
                   db->path, done, log);
}

enum galley_rc sqlite_checkpoint_inspect(struct sqlite_db *db) {
  struct galley_wal wal = {0};
  if (!db->path)
    return GALLEY_OK;
  read_index(db, &wal);
  return wal.checkpointed > wal.frames ? damage(db, wal.checkpointed, wal.frames) : GALLEY_OK;
}

bool sqlite_checkpoint_damaged(struct sqlite_db *db) {
  struct galley_wal wal = {0};
  read_index(db, &wal);
  return db->damaged || wal.checkpointed > wal.frames;
}

static int first_try(const struct sqlite_db *db) {
  return db->held_worker ? CHECKPOINT_FRAMES : CHECKPOINT_FRAMES_PRODUCER;
}

static int note_frames(void *arg, sqlite3 *h, const char *name, int frames) {
  struct sqlite_db *db = arg;
  (void)h;
  if (strcmp(name, "main") == 0) {
    if (frames < db->wal_frames)
      db->wal_next = first_try(db); /* the log began anew */
    db->wal_frames = frames;
  }
  return SQLITE_OK;
}

void sqlite_checkpoint_hook(struct sqlite_db *db) {
  db->wal_next = first_try(db);
  sqlite3_wal_hook(db->h, note_frames, db);
}

static enum galley_rc checkpointer_open(struct sqlite_db *db) {
  if (db->checkpointer)
    return GALLEY_OK;
  int code = sqlite_vfs_open(db->path, SQLITE_OPEN_READWRITE, &db->checkpointer);
  enum galley_rc rc = code == SQLITE_OK ? sqlite_engine_settings(db, db->checkpointer, false)
                                        : sqlite_error_set(db, db->checkpointer, code,
                                                           "opening for the checkpoint");
  if (rc != GALLEY_OK) {
    sqlite3_close(db->checkpointer);
    db->checkpointer = NULL;
  }
  return rc;
}

/* With the write lock held: BEGIN IMMEDIATE on a read-only connection succeeds without it, so ask.
 */
static int checkpoint_locked(struct sqlite_db *db, int *log, int *done) {
  if (sqlite3_txn_state(db->h, "main") != SQLITE_TXN_WRITE)
    return SQLITE_READONLY;
  return sqlite3_wal_checkpoint_v2(db->checkpointer, "main", SQLITE_CHECKPOINT_PASSIVE, log, done);
}

static enum galley_rc judge(struct sqlite_db *db, int code, int log, int done) {
  struct galley_wal wal = {
      .last_log = log, .last_checkpointed = done, .last_busy = code == SQLITE_BUSY || done < log};
  if (done > log)
    return damage(db, done, log);
  if (code == SQLITE_IOERR_FSYNC) /* of the log or the database: it does not say */
    sqlite_share_sync_failed(db);
  if (code != SQLITE_OK && code != SQLITE_BUSY)
    return sqlite_error_set(db, db->checkpointer, code, "the checkpoint");
  sqlite_side_checkpoint_write(db, env_system.now_ms(NULL), &wal);
  return GALLEY_OK;
}

/* The first part. NONE: another process is at it. */
static enum galley_rc bulk(struct sqlite_db *db) {
  int log = -1, done = -1;
  struct galley_wal wal = {0};
  read_index(db, &wal);
  if (wal.frames - wal.checkpointed < CHECKPOINT_FRAMES_BULK)
    return GALLEY_OK;
  int code =
      sqlite3_wal_checkpoint_v2(db->checkpointer, "main", SQLITE_CHECKPOINT_PASSIVE, &log, &done);
  POINT(checkpoint, ahead);
  if ((code & 0xff) == SQLITE_BUSY)
    return GALLEY_NONE;
  return judge(db, code, log, done);
}

/* The second part, at the head of the gate or without one. */
static enum galley_rc guarded(struct sqlite_db *db, int wait_ms) {
  int log = -1, done = -1;
  sqlite3_busy_timeout(db->h, wait_ms);
  int code = sqlite3_exec(db->h, "BEGIN IMMEDIATE", NULL, NULL, NULL);
  sqlite3_busy_timeout(db->h, db->busy_timeout_ms);
  if (code != SQLITE_OK)
    return sqlite_error_set(db, db->h, code, "locking for the checkpoint");
  POINT(checkpoint, locked);
  code = checkpoint_locked(db, &log, &done);
  POINT(checkpoint, copied);
  sqlite_engine_rollback(db);
  POINT(checkpoint, released);
  enum galley_rc rc = judge(db, code, log, done);
  POINT(checkpoint, noted);
  db->wal_next = (log < 0 ? db->wal_frames : log) +
                 first_try(db); /* or less, once a writer begins the log anew */
  return rc;
}

static enum galley_rc leave_it(struct sqlite_db *db) {
  db->wal_next = db->wal_frames + CHECKPOINT_FRAMES_BULK;
  return GALLEY_OK;
}

static enum galley_rc both_parts(struct sqlite_db *db, bool must) {
  enum galley_rc rc = sqlite_checkpoint_ahead(db);
  if (rc != GALLEY_OK && rc != GALLEY_NONE)
    return rc;
  if (rc == GALLEY_NONE && !must)
    return leave_it(db);
  bool briefly = !must && db->busy_timeout_ms > CHECKPOINT_WAIT_MS;
  int left_ms = sqlite_share_enter(db, briefly ? CHECKPOINT_WAIT_MS : db->busy_timeout_ms, true);
  rc = guarded(db, left_ms);
  sqlite_share_leave(db);
  return rc;
}

/* Where another process is at one already it is left to that one, unless it must be made. */
static enum galley_rc checkpoint(struct sqlite_db *db, bool must) {
  if (!sqlite_share_checkpoint_begin(db) && !must)
    return leave_it(db);
  enum galley_rc rc = both_parts(db, must);
  sqlite_share_checkpoint_end(db);
  return rc;
}

enum galley_rc sqlite_checkpoint_ahead(struct sqlite_db *db) {
  enum galley_rc rc = checkpointer_open(db);
  return rc == GALLEY_OK ? bulk(db) : rc;
}

bool sqlite_checkpoint_wanted(const struct sqlite_db *db) {
  return db->path && db->wal_frames >= db->wal_next &&
         (!db->base.hurry || db->wal_frames >= CHECKPOINT_FRAMES_URGENT);
}

enum galley_rc sqlite_checkpoint_after_commit(struct sqlite_db *db) {
  if (!sqlite_checkpoint_wanted(db))
    return GALLEY_OK;
  struct error kept = *db->base.error;
  enum galley_rc rc = checkpoint(db, db->wal_frames >= CHECKPOINT_FRAMES_URGENT);
  if (rc == GALLEY_CORRUPT)
    return rc;
  if (rc != GALLEY_OK)
    *db->base.error = kept; /* the commit stands; the next one tries again */
  return GALLEY_OK;
}

enum galley_rc sqlite_checkpoint_now(struct db *base, struct galley_wal *wal) {
  struct sqlite_db *db = sqlite_db_of(base);
  if (!db->path)
    return sqlite_checkpoint_status(base, wal);
  if (base->readonly)
    return error_set(base->error, GALLEY_DENIED, "%s was opened for reading only", db->path);
  enum galley_rc rc = checkpoint(db, true);
  if (rc != GALLEY_OK)
    return rc;
  return sqlite_checkpoint_status(base, wal);
}

enum galley_rc sqlite_checkpoint_status(struct db *base, struct galley_wal *wal) {
  struct sqlite_db *db = sqlite_db_of(base);
  char text[32];
  struct stat st;
  memset(wal, 0, sizeof *wal);
  enum galley_rc rc = sqlite_engine_pragma_text(db->h, "PRAGMA page_size", text, sizeof text);
  if (rc != GALLEY_OK)
    return sqlite_error_set(db, db->h, sqlite3_extended_errcode(db->h), "reading the page size");
  wal->page_size = strtoll(text, NULL, 10);
  if (!db->path)
    return GALLEY_OK;
  wal->bytes = stat(db->wal_path, &st) == 0 ? (int64_t)st.st_size : 0;
  /* Out of WAL mode, where only a reader can meet it, the mapping would be nobody's to release. */
  if (sqlite_engine_pragma_text(db->h, "PRAGMA journal_mode", text, sizeof text) == GALLEY_OK &&
      strcmp(text, "wal") == 0)
    read_index(db, wal);
  sqlite_side_checkpoint_read(db, wal);
  return GALLEY_OK;
}
