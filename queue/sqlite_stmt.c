#include "sqlite_db.h"

#include <errno.h>
#include <stdlib.h>

struct stmt {
  sqlite3_stmt *s;
  int bad_binding; /* first failed binding, reported by the next step */
};

enum galley_rc sqlite_stmt_prepare(struct db *base, const char *sql, struct stmt **out) {
  struct sqlite_db *db = sqlite_db_of(base);
  struct stmt *stmt = calloc(1, sizeof *stmt);
  *out = stmt;
  if (!stmt)
    return error_set(base->error, GALLEY_NO_MEMORY, "no memory for a statement");
  int code = sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt->s, NULL);
  if (code == SQLITE_OK)
    return GALLEY_OK;
  free(stmt);
  *out = NULL;
  return sqlite_error_set(db, db->h, code, "preparing");
}

void sqlite_stmt_finalize(struct stmt *stmt) {
  sqlite3_finalize(stmt->s);
  free(stmt);
}

static void keep(struct stmt *stmt, int code) {
  if (code != SQLITE_OK && stmt->bad_binding == SQLITE_OK)
    stmt->bad_binding = code;
}

void sqlite_stmt_bind_int(struct stmt *stmt, int i, int64_t value) {
  keep(stmt, sqlite3_bind_int64(stmt->s, i, value));
}

void sqlite_stmt_bind_real(struct stmt *stmt, int i, double value) {
  keep(stmt, sqlite3_bind_double(stmt->s, i, value));
}

void sqlite_stmt_bind_text(struct stmt *stmt, int i, const char *value) {
  keep(stmt, sqlite3_bind_text(stmt->s, i, value, -1, SQLITE_STATIC));
}

void sqlite_stmt_bind_null(struct stmt *stmt, int i) {
  keep(stmt, sqlite3_bind_null(stmt->s, i));
}

enum galley_rc sqlite_stmt_step(struct db *base, struct stmt *stmt) {
  struct sqlite_db *db = sqlite_db_of(base);
  if (stmt->bad_binding != SQLITE_OK)
    return sqlite_error_set(db, db->h, stmt->bad_binding, "binding");
  errno = 0; /* see sqlite_error_set */
  int code = sqlite3_step(stmt->s);
  if (code == SQLITE_ROW)
    return GALLEY_OK;
  if (code == SQLITE_DONE)
    return GALLEY_NONE;
  return sqlite_error_set(db, db->h, code, sqlite3_stmt_readonly(stmt->s) ? "reading" : "writing");
}

void sqlite_stmt_reset(struct stmt *stmt) {
  sqlite3_reset(stmt->s); /* repeats the code of the last step, which was reported there */
  sqlite3_clear_bindings(stmt->s);
  stmt->bad_binding = SQLITE_OK;
}

int64_t sqlite_stmt_changes(struct db *db) {
  return sqlite3_changes64(sqlite_db_of(db)->h);
}

int64_t sqlite_stmt_last_id(struct db *db) {
  return sqlite3_last_insert_rowid(sqlite_db_of(db)->h);
}

int sqlite_stmt_columns(struct stmt *stmt) {
  return sqlite3_column_count(stmt->s);
}

const char *sqlite_stmt_column_name(struct stmt *stmt, int i) {
  return sqlite3_column_name(stmt->s, i);
}

int64_t sqlite_stmt_column_int(struct stmt *stmt, int i) {
  return sqlite3_column_int64(stmt->s, i);
}

double sqlite_stmt_column_real(struct stmt *stmt, int i) {
  return sqlite3_column_double(stmt->s, i);
}

const char *sqlite_stmt_column_text(struct stmt *stmt, int i, size_t *len) {
  const char *text = (const char *)sqlite3_column_text(stmt->s, i);
  if (len)
    *len = text ? (size_t)sqlite3_column_bytes(stmt->s, i) : 0;
  return text;
}
