/*
 * db.h - one connection and its statements, the same for every engine. SQL is written once, in
 * sql_jobs.h and sql_content.h, with parameters ?1, ?2, ...; statements are prepared at first use
 * and kept until the connection closes.
 */
#ifndef DB_H
#define DB_H

#include "error.h"
#include "sql.h"

struct engine;
struct stmt; /* an engine's prepared statement */

struct db {
  const struct engine *engine;
  struct error *error; /* of the handle; every failure below leaves its sentence there */
  bool readonly;
  bool hurry; /* the commit is waited for: what can be left to the next one is */
  struct stmt *stmts[SQL_COUNT];
};

/* The statement, reset and without bindings. */
GALLEY_MUST_USE enum galley_rc db_stmt(struct db *db, enum sql_id id, struct stmt **stmt);

/* Bindings. A failed binding (memory) is reported by the next stmt_row. Text is borrowed until the
 * statement is reset; NULL binds NULL. stmt_id and stmt_time bind NULL for 0. */
void stmt_int(struct db *db, struct stmt *stmt, int i, int64_t value);
void stmt_id(struct db *db, struct stmt *stmt, int i, int64_t value);
void stmt_real(struct db *db, struct stmt *stmt, int i, double value);
void stmt_text(struct db *db, struct stmt *stmt, int i, const char *value);

/* Next row: GALLEY_OK with a row, GALLEY_NONE at the end, else a failure. In the last two cases the
 * statement is reset. */
GALLEY_MUST_USE enum galley_rc stmt_row(struct db *db, struct stmt *stmt);
/* Runs a statement for its effect, whatever rows it has; *changes (may be NULL) is how many rows it
 * changed. */
GALLEY_MUST_USE enum galley_rc stmt_run(struct db *db, struct stmt *stmt, int64_t *changes);
/* Runs an INSERT; *id is the row that it made. GALLEY_NONE when a conflict kept it from making one.
 */
GALLEY_MUST_USE enum galley_rc stmt_insert(struct db *db, struct stmt *stmt, int64_t *id);
/* Runs a statement for its one integer (first row, first column) and resets it; GALLEY_NONE without
 * a row. */
GALLEY_MUST_USE enum galley_rc stmt_value(struct db *db, struct stmt *stmt, int64_t *value);
void stmt_reset(struct db *db, struct stmt *stmt);

/* Columns of the current row, counted from 0. Text is borrowed until the next stmt_row or
 * stmt_reset. */
int64_t stmt_column_int(struct db *db, struct stmt *stmt, int i); /* 0 for NULL */
double stmt_column_real(struct db *db, struct stmt *stmt, int i);
const char *stmt_column_text(struct db *db, struct stmt *stmt, int i,
                             size_t *len); /* NULL for NULL */
int stmt_columns(struct db *db, struct stmt *stmt);
const char *stmt_column_name(struct db *db, struct stmt *stmt, int i);

void db_close(struct db *db); /* statements, connection and db itself; NULL is allowed */

#endif
