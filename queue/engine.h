/*
 * engine.h - the seam to the database: what differs between SQLite and PostgreSQL, and nothing
 * else. Everything above it (states, rules, content, lists) is written once over these calls.
 * All members may block on the disk; begin may also wait for another writer. Failures leave their
 * sentence in db->error.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "db.h"

/* What came of a job that was handed over, as galley_enqueue says it. */
struct engine_answer {
  int64_t id;
  bool existing;
};

struct engine {
  const char *name;
  /* Texts that replace those of sql_table, by sql_id; a NULL entry keeps the common text. NULL:
   * none differ. */
  const char *const *sql;

  /* Makes the connection and verifies its settings. *db is set even on failure, to be closed. */
  enum galley_rc (*open)(struct db **db, const char *path, const struct galley_options *options,
                         struct error *error);
  void (*close)(struct db *db); /* after all statements were finalized */

  enum galley_rc (*begin)(struct db *db);  /* takes the write lock */
  enum galley_rc (*commit)(struct db *db); /* on failure the transaction is rolled back */
  void (*rollback)(struct db *db);         /* also when none is open */
  /* Handing over work to whoever is writing, who does it in his own transaction (handover.h). */
  /* Outside of transactions: whether somebody is writing. When not, this handle is the next to: its
   * `begin` must follow. */
  bool (*handover_wanted)(struct db *db);
  /* When it is: hands a message over, and returns when that was acted on and committed, as durably
   * as our own commits. GALLEY_NONE: it was not, nor will it be, and our own `begin` must follow.
   * GALLEY_BUSY: it was not, and the time is over. GALLEY_IO: it is not known. */
  enum galley_rc (*handover_send)(struct db *db, const void *message, size_t size,
                                  struct engine_answer *answer);
  /* Inside a transaction: the next message of others (borrowed until the next call), or
   * GALLEY_NONE. */
  enum galley_rc (*handover_next)(struct db *db, const void **message, size_t *size);
  /* What came of it; NULL: it failed, so that the transaction must be rolled back. */
  void (*handover_answer)(struct db *db, const struct engine_answer *answer);
  /* Several statements without parameters or rows: a schema step. */
  enum galley_rc (*script)(struct db *db, const char *sql);
  /* The schema's version as stored; 0 for an empty database. GALLEY_NOT_DATABASE for somebody
   * else's. */
  enum galley_rc (*version)(struct db *db, int *version);
  enum galley_rc (*set_version)(struct db *db, int version); /* inside a transaction */
  /* Outside of transactions: as long as it is on, a table can be dropped and made anew without
   * regard to what refers to it. */
  enum galley_rc (*rebuilding)(struct db *db, bool on);

  /* Statements; see db.h for what each does. */
  enum galley_rc (*prepare)(struct db *db, const char *sql, struct stmt **stmt);
  void (*finalize)(struct stmt *stmt);
  void (*bind_int)(struct stmt *stmt, int i, int64_t value);
  void (*bind_real)(struct stmt *stmt, int i, double value);
  void (*bind_text)(struct stmt *stmt, int i, const char *value);
  void (*bind_null)(struct stmt *stmt, int i);
  enum galley_rc (*step)(struct db *db, struct stmt *stmt); /* OK a row, NONE the end */
  void (*reset)(struct stmt *stmt);                         /* and forgets the bindings */
  int64_t (*changes)(struct db *db); /* rows changed by the last statement that ended */
  int64_t (*last_id)(struct db *db); /* of the row that the last INSERT made */
  int (*columns)(struct stmt *stmt);
  const char *(*column_name)(struct stmt *stmt, int i);
  int64_t (*column_int)(struct stmt *stmt, int i);
  double (*column_real)(struct stmt *stmt, int i);
  const char *(*column_text)(struct stmt *stmt, int i, size_t *len);

  /* A worker is alive while the process that called worker_hold lives and has not released it: the
   * kernel keeps the sign, not the clock. */
  enum galley_rc (*worker_hold)(struct db *db, int64_t worker_id);
  void (*worker_release)(struct db *db, int64_t worker_id);
  enum galley_rc (*worker_alive)(struct db *db, int64_t worker_id, bool *alive);

  /* A descriptor that tells of changes by others; -1 when there can be none. */
  enum galley_rc (*watch)(struct db *db, int *fd);
  int64_t (*watch_clear)(struct db *db, int64_t mono_ns); /* see galley.h */

  /* Maintenance; see galley.h. */
  enum galley_rc (*backup)(struct db *db, const char *path, struct galley_backup_report *report);
  enum galley_rc (*wal_status)(struct db *db, struct galley_wal *wal);
  enum galley_rc (*checkpoint)(struct db *db, struct galley_wal *wal);
  enum galley_rc (*pragmas)(struct db *db, galley_row_fn *fn, void *arg);
  enum galley_rc (*selftest)(struct db *db, struct galley_selftest *result);
  /* Inside a transaction: calls `differs` for each document of which the full-text index does not
   * have the words. */
  enum galley_rc (*check_words)(struct db *db, void (*differs)(void *arg, int64_t id), void *arg);
};

extern const struct engine sqlite_engine;

/* The engine that serves a path. */
const struct engine *engine_find(const char *path);

#endif
