#include "db.h"

#include "engine.h"

#include <stdlib.h>

enum galley_rc db_stmt(struct db *db, enum sql_id id, struct stmt **stmt) {
  *stmt = db->stmts[id];
  if (*stmt) {
    db->engine->reset(*stmt);
    return GALLEY_OK;
  }
  const char *sql = db->engine->sql ? db->engine->sql[id] : NULL;
  enum galley_rc rc = db->engine->prepare(db, sql ? sql : sql_table[id].text, stmt);
  if (rc != GALLEY_OK) {
    *stmt = NULL;
    return error_prefix(db->error, "statement %s", sql_table[id].name);
  }
  db->stmts[id] = *stmt;
  return GALLEY_OK;
}

void stmt_int(struct db *db, struct stmt *stmt, int i, int64_t value) {
  db->engine->bind_int(stmt, i, value);
}

void stmt_id(struct db *db, struct stmt *stmt, int i, int64_t value) {
  if (value == 0)
    db->engine->bind_null(stmt, i);
  else
    db->engine->bind_int(stmt, i, value);
}

void stmt_real(struct db *db, struct stmt *stmt, int i, double value) {
  db->engine->bind_real(stmt, i, value);
}

void stmt_text(struct db *db, struct stmt *stmt, int i, const char *value) {
  if (value)
    db->engine->bind_text(stmt, i, value);
  else
    db->engine->bind_null(stmt, i);
}

enum galley_rc stmt_row(struct db *db, struct stmt *stmt) {
  enum galley_rc rc = db->engine->step(db, stmt);
  if (rc != GALLEY_OK)
    db->engine->reset(stmt);
  return rc;
}

enum galley_rc stmt_run(struct db *db, struct stmt *stmt, int64_t *changes) {
  enum galley_rc rc;
  do
    rc = db->engine->step(db, stmt);
  while (rc == GALLEY_OK);
  if (rc == GALLEY_NONE) {
    rc = GALLEY_OK;
    if (changes)
      *changes = db->engine->changes(db);
  }
  db->engine->reset(stmt);
  return rc;
}

enum galley_rc stmt_insert(struct db *db, struct stmt *stmt, int64_t *id) {
  int64_t changed = 0;
  enum galley_rc rc = stmt_run(db, stmt, &changed);
  if (rc != GALLEY_OK)
    return rc;
  if (changed == 0)
    return GALLEY_NONE;
  *id = db->engine->last_id(db);
  return GALLEY_OK;
}

enum galley_rc stmt_value(struct db *db, struct stmt *stmt, int64_t *value) {
  enum galley_rc rc = db->engine->step(db, stmt);
  if (rc == GALLEY_OK) {
    *value = db->engine->column_int(stmt, 0);
    rc = stmt_run(db, stmt, NULL); /* to the end: its effect is complete only there */
  } else {
    db->engine->reset(stmt);
  }
  return rc;
}

void stmt_reset(struct db *db, struct stmt *stmt) {
  db->engine->reset(stmt);
}

int64_t stmt_column_int(struct db *db, struct stmt *stmt, int i) {
  return db->engine->column_int(stmt, i);
}

double stmt_column_real(struct db *db, struct stmt *stmt, int i) {
  return db->engine->column_real(stmt, i);
}

const char *stmt_column_text(struct db *db, struct stmt *stmt, int i, size_t *len) {
  return db->engine->column_text(stmt, i, len);
}

int stmt_columns(struct db *db, struct stmt *stmt) {
  return db->engine->columns(stmt);
}

const char *stmt_column_name(struct db *db, struct stmt *stmt, int i) {
  return db->engine->column_name(stmt, i);
}

void db_close(struct db *db) {
  if (!db)
    return;
  for (size_t i = 0; i < SQL_COUNT; i++)
    if (db->stmts[i])
      db->engine->finalize(db->stmts[i]);
  db->engine->close(db);
}
