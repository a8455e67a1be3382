#include "content.h"

#include "text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static bool is_long(const struct galley_field *field) {
  static const char *const names[] = {"content", "summary", "description", "excerpt",
                                      "research_report"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(field->name, names[i]) == 0)
      return true;
  return field->type == GALLEY_JSON;
}

static enum galley_rc check_json(struct galley *q, const char *record, const char *field,
                                 const char *text) {
  json_error_t where;
  json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
  if (!value)
    return error_set(&q->error, GALLEY_INVALID, "%s: %s is not valid JSON: line %d, column %d: %s",
                     record, field, where.line, where.column, where.text);
  json_decref(value);
  return GALLEY_OK;
}

static enum galley_rc check_text(struct galley *q, const char *record,
                                 const struct galley_field *field, const char *text) {
  size_t max = is_long(field) ? CONTENT_LONG_MAX : CONTENT_SHORT_MAX;
  size_t len = strlen(text);
  if (len > max)
    return error_set(&q->error, GALLEY_INVALID, "%s: %s has %zu bytes; it may have %zu", record,
                     field->name, len, max);
  if (!text_valid(text))
    return error_set(&q->error, GALLEY_INVALID, "%s: %s is not UTF-8; convert it first", record,
                     field->name);
  return field->type == GALLEY_JSON ? check_json(q, record, field->name, text) : GALLEY_OK;
}

enum galley_rc content_check(struct galley *q, const struct galley_record *record,
                             const void *row) {
  for (size_t i = 0; i < record->n_fields; i++) {
    const struct galley_field *field = &record->fields[i];
    if (field->type != GALLEY_TEXT && field->type != GALLEY_JSON)
      continue;
    const char *text;
    memcpy(&text, (const char *)row + field->offset, sizeof text);
    enum galley_rc rc = text ? check_text(q, record->name, field, text) : GALLEY_OK;
    if (rc != GALLEY_OK)
      return rc;
  }
  return GALLEY_OK;
}

const char *content_or(const char *text, const char *other) {
  return text && *text ? text : other;
}

enum galley_rc content_required(struct galley *q, const char *field, const char *value) {
  if (value && *value)
    return GALLEY_OK;
  return error_set(&q->error, GALLEY_INVALID, "%s is missing", field);
}

enum galley_rc content_word(struct galley *q, const char *field, const char *value,
                            const char *const *words) {
  char list[256] = "";
  size_t len = 0;
  for (const char *const *word = words; *word; word++) {
    if (!value || strcmp(value, *word) == 0)
      return GALLEY_OK;
    int n = snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "", *word);
    if (n > 0 && (size_t)n < sizeof list - len)
      len += (size_t)n;
  }
  return error_set(&q->error, GALLEY_INVALID, "%s: \"%.64s\" is not one of %s", field, value, list);
}

enum galley_rc content_reference(struct galley *q, const char *field, enum sql_id sql, int64_t id) {
  if (id == 0)
    return GALLEY_OK;
  struct stmt *stmt;
  enum galley_rc rc = db_stmt(q->db, sql, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, stmt, 1, id);
  rc = stmt_row(q->db, stmt);
  stmt_reset(q->db, stmt);
  if (rc == GALLEY_NONE)
    return error_set(&q->error, GALLEY_INVALID, "%s: there is no %lld", field, (long long)id);
  return rc;
}

enum galley_rc content_get(struct galley *q, enum sql_id sql, const struct galley_record *record,
                           int64_t id, void **row) {
  struct stmt *stmt;
  *row = NULL;
  enum galley_rc rc = db_stmt(q->db, sql, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, stmt, 1, id);
  rc = record_one(q->db, stmt, record, row);
  if (rc == GALLEY_NONE)
    return error_set(&q->error, rc, "there is no %s %lld", record->name, (long long)id);
  return rc;
}

enum galley_rc content_touch(struct galley *q, enum sql_id sql, int64_t id, int64_t now_ms) {
  struct stmt *stmt;
  enum galley_rc rc = db_stmt(q->db, sql, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, stmt, 1, id);
  stmt_int(q->db, stmt, 2, now_ms);
  return stmt_run(q->db, stmt, NULL);
}

enum galley_rc content_insert(struct galley *q, enum sql_id sql, const struct galley_record *record,
                              const void *row, int64_t *id) {
  struct stmt *stmt;
  enum galley_rc rc = db_stmt(q->db, sql, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  record_bind(q->db, stmt, record, 0, row);
  return stmt_value(q->db, stmt, id);
}

enum galley_rc content_update(struct galley *q, enum sql_id sql, const struct galley_record *record,
                              const void *row) {
  struct stmt *stmt;
  enum galley_rc rc = db_stmt(q->db, sql, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  record_bind(q->db, stmt, record, 0, row);
  return stmt_run(q->db, stmt, NULL);
}

int64_t content_limit(int64_t limit) {
  if (limit <= 0)
    return CONTENT_LIMIT_DEFAULT;
  return limit < CONTENT_LIMIT_MAX ? limit : CONTENT_LIMIT_MAX;
}

enum galley_rc content_each(struct galley *q, const struct content_list *list, galley_row_fn *fn,
                            void *arg) {
  struct stmt *stmt;
  int at = 1;
  enum galley_rc rc = db_stmt(q->db, list->sql, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  if (list->by == CONTENT_BY_TEXT)
    stmt_text(q->db, stmt, at++, list->text);
  else if (list->by == CONTENT_BY_INT)
    stmt_int(q->db, stmt, at++, list->n);
  stmt_int(q->db, stmt, at, content_limit(list->limit));
  return record_each(q->db, stmt, list->record, fn, arg);
}

enum galley_rc content_each_of(struct galley *q, const struct content_list *list, const char *field,
                               const char *const *words, galley_row_fn *fn, void *arg) {
  enum galley_rc rc = content_required(q, field, list->text);
  if (rc == GALLEY_OK)
    rc = content_word(q, field, list->text, words);
  return rc == GALLEY_OK ? content_each(q, list, fn, arg) : rc;
}
