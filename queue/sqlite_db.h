/*
 * sqlite_db.h - one SQLite connection, shared by the files of this engine. <sqlite3.h> is included
 * here and in no header outside the engine.
 */
#ifndef SQLITE_DB_H
#define SQLITE_DB_H

#include "engine.h"
#include "sqlite_page.h"

#include <sqlite3.h>

#define SQLITE_DB_APPLICATION_ID 0x67616c79 /* "galy": tells our files from other databases */

/* Of a handle that hands over, and takes what others have handed over. */
struct sqlite_handover {
  struct sqlite_slots_file file;
  struct sqlite_slots_batch batch; /* of the open transaction */
  struct sqlite_slot *slot;        /* the last of it */
  sqlite3_stmt *read, *write;      /* of the number; NULL until needed */
  unsigned hint;
  bool durable;          /* the last answer */
  int64_t syncing_ns;    /* when the sync of the last commit began, as the page was told */
  int64_t slow_until_ns; /* until then it takes nothing; 0: it does */
};

struct sqlite_db {
  struct db base; /* first: the engine's members cast */
  sqlite3 *h;
  /* Made as it is opened: a commit shall not wait for them, nor a rollback need memory. */
  sqlite3_stmt *begin, *commit, *rollback;
  char *path;      /* as SQLite resolved it; NULL for ":memory:" */
  char *wal_path;  /* NULL for ":memory:" */
  char *side_path; /* the file of ours beside the database: see sqlite_side.c */
  int busy_timeout_ms;
  bool full;             /* a commit waits for the disk: see sqlite_share.c */
  bool one_thread;       /* as in galley_env */
  bool damaged;          /* checkpointed > log was seen: no checkpoint any more, not at close */
  bool stopped_midway;   /* storage or memory failed a statement: see sqlite_engine.c, begin */
  int side_fd;           /* -1 until needed */
  int watch_fd;          /* inotify; -1 until needed */
  int watch_log;         /* number of the watch on the log within it; -1 while there is none */
  int64_t log_rang_ns;   /* monotonic time at which that one rang; looks go on for a while */
  int64_t held_worker;   /* for ":memory:", where the only handle is the only worker */
  sqlite3 *checkpointer; /* runs the checkpoint while `h` holds the write lock; NULL until needed */
  int wal_frames;        /* in the log after our last commit */
  int wal_next;          /* frames at which to try the next checkpoint */
  struct sqlite_page *page; /* NULL until the first write, or when there is none to be had */
  struct sqlite_sync *sync; /* in `page`, or our own; NULL until the first write */
  struct sqlite_sync own_sync;
  bool gate_held, checkpoint_held; /* by this handle, in the page */
  struct sqlite_handover handed;
  int waited_ms; /* of the busy time-out, before the write lock is asked for */
  struct sqlite_gate_visits gate_visits;
  int64_t gate_pass_by_ns; /* until then (CLOCK_MONOTONIC) the gate is not waited for */
};

static inline struct sqlite_db *sqlite_db_of(struct db *db) {
  return (struct sqlite_db *)db;
}

/* Turns SQLite's last code on `h` into ours and leaves the sentence. */
enum galley_rc sqlite_error_set(struct sqlite_db *db, sqlite3 *h, int code, const char *doing);

/* sqlite_engine.c: the settings that every connection of ours has, verified. */
enum galley_rc sqlite_engine_settings(struct sqlite_db *db, sqlite3 *h, bool readonly);
/* Takes the write lock; SQLite's code. */
int sqlite_engine_begin(struct sqlite_db *db);
/* Ends a transaction of `h` that is open, whatever it was for; it needs no memory, so that a lack
 * of memory does not leave the write lock taken. */
void sqlite_engine_rollback(struct sqlite_db *db);
/* Whether the database has lost its name since it was opened: deleted, renamed, replaced. */
bool sqlite_engine_moved(struct sqlite_db *db);
enum galley_rc sqlite_engine_pragma_text(sqlite3 *h, const char *sql, char *out, size_t size);
enum galley_rc sqlite_engine_pragmas(struct db *db, galley_row_fn *fn, void *arg);

/* sqlite_stmt.c */
enum galley_rc sqlite_stmt_prepare(struct db *db, const char *sql, struct stmt **stmt);
void sqlite_stmt_finalize(struct stmt *stmt);
void sqlite_stmt_bind_int(struct stmt *stmt, int i, int64_t value);
void sqlite_stmt_bind_real(struct stmt *stmt, int i, double value);
void sqlite_stmt_bind_text(struct stmt *stmt, int i, const char *value);
void sqlite_stmt_bind_null(struct stmt *stmt, int i);
enum galley_rc sqlite_stmt_step(struct db *db, struct stmt *stmt);
void sqlite_stmt_reset(struct stmt *stmt);
int64_t sqlite_stmt_changes(struct db *db);
int64_t sqlite_stmt_last_id(struct db *db);
int sqlite_stmt_columns(struct stmt *stmt);
const char *sqlite_stmt_column_name(struct stmt *stmt, int i);
int64_t sqlite_stmt_column_int(struct stmt *stmt, int i);
double sqlite_stmt_column_real(struct stmt *stmt, int i);
const char *sqlite_stmt_column_text(struct stmt *stmt, int i, size_t *len);

/* sqlite_side.c: a file of ours beside the database, <database>-galley. Byte SIDE_WORKERS + id is
 * locked (an open file description lock) by the process that is worker `id`; its first bytes tell
 * about the last checkpoint. It exists because closing any descriptor of the database itself would
 * drop SQLite's own locks. */
enum galley_rc sqlite_side_hold(struct db *db, int64_t worker_id);
void sqlite_side_release(struct db *db, int64_t worker_id);
enum galley_rc sqlite_side_alive(struct db *db, int64_t worker_id, bool *alive);
void sqlite_side_checkpoint_write(struct sqlite_db *db, int64_t at_ms,
                                  const struct galley_wal *wal);
void sqlite_side_checkpoint_read(struct sqlite_db *db, struct galley_wal *wal);
/* After a commit: touches the file, so that those who watch it look now. They watch the -wal file
 * too, but that one changes before the commit can be seen. */
void sqlite_side_ring(struct sqlite_db *db);
/* Makes the file (mode 0600) when it is missing. */
enum galley_rc sqlite_side_make(struct sqlite_db *db);
/* Its descriptor, for reading and writing, made or opened when it is not yet; -1 when it cannot. */
int sqlite_side_file(struct sqlite_db *db);
/* When the file was deleted or another one took its name, goes over to that one, made if need be,
 * with the lock of its worker: others would take it for dead. */
void sqlite_side_follow(struct sqlite_db *db);
void sqlite_side_close(struct sqlite_db *db);

/* sqlite_share.c: what the writing handles of a database share (sqlite_page.h). */
/* Before the write lock is asked for: waits at the gate, for at most wait_ms (0: not at all), in
 * the queue or, with `first`, before it, and goes on in any case. Nothing when it is held already.
 * How much of wait_ms is left. */
int sqlite_share_enter(struct sqlite_db *db, int wait_ms, bool first);
/* Nothing when it is not held. */
void sqlite_share_leave(struct sqlite_db *db);
/* Maps the page, if there is one to be had; the others do so by themselves. */
void sqlite_share_open(struct sqlite_db *db);
/* The gate was waited for in vain: its holder is stopped, or it is out of order. */
void sqlite_share_pass_by(struct sqlite_db *db);
/* Whether a checkpoint is this handle's to make: no other process is at one. */
bool sqlite_share_checkpoint_begin(struct sqlite_db *db);
/* Nothing when it was not. */
void sqlite_share_checkpoint_end(struct sqlite_db *db);
/* Says that this handle looks for changes and then sleeps: call it before the look. A commit after
 * that asks whether somebody does, and rings then. Yes, too, where nobody can say. */
void sqlite_share_sleep(struct sqlite_db *db);
bool sqlite_share_wake(struct sqlite_db *db);
/* After a commit, without the write lock: waits until the disk has it, and whatever was committed
 * before it. GALLEY_IO: it is not known to be there and never will be, though it can be seen. */
enum galley_rc sqlite_share_durable(struct sqlite_db *db);
/* With the write lock held: GALLEY_IO when a commit cannot be made durable, after a failed sync. */
enum galley_rc sqlite_share_inspect(struct sqlite_db *db);
/* Whether the log is broken: no commit can be made durable now. */
bool sqlite_share_broken(struct sqlite_db *db);
/* A sync has failed within SQLite. */
void sqlite_share_sync_failed(struct sqlite_db *db);
void sqlite_share_close(struct sqlite_db *db);

/* sqlite_handover.c: see engine.h for the first four. */
bool sqlite_handover_wanted(struct db *db);
enum galley_rc sqlite_handover_send(struct db *db, const void *message, size_t size,
                                    struct engine_answer *answer);
enum galley_rc sqlite_handover_next(struct db *db, const void **message, size_t *size);
void sqlite_handover_answer(struct db *db, const struct engine_answer *answer);
/* Before a commit; it must be rolled back when this fails. */
enum galley_rc sqlite_handover_seal(struct sqlite_db *db);
/* After a commit or a rollback, with the gate. */
void sqlite_handover_end(struct sqlite_db *db, bool committed);
/* After the gate was left; `open`: nobody who waits there was woken. */
void sqlite_handover_left(struct sqlite_db *db, bool open);
/* After the sync that follows a commit under durability full. */
void sqlite_handover_synced(struct sqlite_db *db, bool durable);
/* As the page was mapped. */
void sqlite_handover_open(struct sqlite_db *db);
void sqlite_handover_close(struct sqlite_db *db);

/* sqlite_watch.c */
enum galley_rc sqlite_watch_open(struct db *db, int *fd);
int64_t sqlite_watch_clear(struct db *db, int64_t mono_ns);
/* Of the side file, for who watches; whether it could be had. */
bool sqlite_watch_side(struct sqlite_db *db);
void sqlite_watch_close(struct sqlite_db *db);

/* sqlite_checkpoint.c */
void sqlite_checkpoint_hook(struct sqlite_db *db);
/* Copies what there is of the log into the database while others write, if that is much.
 * GALLEY_NONE: another process is at it. */
enum galley_rc sqlite_checkpoint_ahead(struct sqlite_db *db);
/* Whether the one below would make a checkpoint. */
bool sqlite_checkpoint_wanted(const struct sqlite_db *db);
/* After a commit, without the write lock and the gate: makes a checkpoint when the log is long
 * enough, and hardly waits for its turn unless the log has become far too long. Its failures are
 * left for the next call to meet, except damage. */
enum galley_rc sqlite_checkpoint_after_commit(struct sqlite_db *db);
/* With the write lock held, when nothing of the log can move but what a checkpoint has done:
 * GALLEY_CORRUPT when more frames are marked as checkpointed than there are. */
enum galley_rc sqlite_checkpoint_inspect(struct sqlite_db *db);
/* The same at any moment, when a reset that is going on may look like damage. */
bool sqlite_checkpoint_damaged(struct sqlite_db *db);
/* Of the log: changes when it is begun anew. */
uint32_t sqlite_checkpoint_generation(struct sqlite_db *db);
/* With the write lock held: whether all of the log is in the database, so that the next commit
 * begins it anew unless a reader still needs it. */
bool sqlite_checkpoint_complete(struct sqlite_db *db);
enum galley_rc sqlite_checkpoint_now(struct db *db, struct galley_wal *wal);
enum galley_rc sqlite_checkpoint_status(struct db *db, struct galley_wal *wal);

/* sqlite_backup.c */
enum galley_rc sqlite_backup_run(struct db *db, const char *path,
                                 struct galley_backup_report *report);

/* sqlite_words.c */
enum galley_rc sqlite_words_check(struct db *db, void (*differs)(void *arg, int64_t id), void *arg);

/* sqlite_selftest.c */
enum galley_rc sqlite_selftest_run(struct db *db, struct galley_selftest *result);

#endif
