#include "schema.h"

#include "engine.h"
#include "point.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA_RECORD_MAX 256
#define SCHEMA_NAME_MAX   64 /* of a table, index or trigger of ours */

/* ---- what people have added ---- */

/* Whether any step makes an object of this name: "INDEX jobs_ready ON ...". */
static bool is_ours(const char *type, const char *name) {
  char words[SCHEMA_NAME_MAX + 16];
  int n = snprintf(words, sizeof words, "%s %s ", type, name);
  for (size_t i = 0; n < (int)sizeof words && i < schema_step_count; i++)
    if (strcasestr(schema_steps[i].sql, words))
      return true;
  return false;
}

static bool is_dropped(const struct schema_step *step, const char *table) {
  char words[SCHEMA_NAME_MAX + 16];
  int n = snprintf(words, sizeof words, "DROP TABLE %s;", table);
  return n < (int)sizeof words && strcasestr(step->sql, words);
}

static enum galley_rc print_added(struct galley *q, const struct schema_step *step, FILE *out) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, SQL_CHECK_SCHEMA, &s);
  if (rc != GALLEY_OK)
    return rc;
  while ((rc = stmt_row(q->db, s)) == GALLEY_OK) {
    const char *type = stmt_column_text(q->db, s, 0, NULL);
    const char *name = stmt_column_text(q->db, s, 1, NULL);
    const char *sql = stmt_column_text(q->db, s, 2, NULL); /* none of what SQLite makes itself */
    const char *table = stmt_column_text(q->db, s, 3, NULL);
    if (type && name && sql && table && strcmp(type, "table") != 0 && is_dropped(step, table) &&
        !is_ours(type, name))
      fprintf(out, "%s;\n", sql);
  }
  return rc == GALLEY_NONE ? GALLEY_OK : rc;
}

/* The indexes and triggers of others upon tables that the step makes anew, as a script. */
static enum galley_rc read_added(struct galley *q, const struct schema_step *step, char **script) {
  size_t size = 0;
  *script = NULL;
  FILE *out = open_memstream(script, &size);
  if (!out)
    return error_set(&q->error, GALLEY_NO_MEMORY, "no memory for a script");
  enum galley_rc rc = print_added(q, step, out);
  bool written = !ferror(out);
  if ((fclose(out) != 0 || !written) && rc == GALLEY_OK)
    rc = error_set(&q->error, GALLEY_NO_MEMORY, "no memory for a script");
  return rc;
}

static enum galley_rc run_step(struct galley *q, const struct schema_step *step) {
  char *added;
  enum galley_rc rc = read_added(q, step, &added);
  if (rc == GALLEY_OK)
    rc = q->db->engine->script(q->db, step->sql);
  if (rc == GALLEY_OK) {
    rc = q->db->engine->script(q->db, added);
    if (rc != GALLEY_OK)
      error_prefix(&q->error, "an index or trigger that is not galley's");
  }
  free(added);
  return rc;
}

/* ---- steps ---- */

static enum galley_rc apply(struct galley *q, const struct schema_step *step) {
  char record[SCHEMA_RECORD_MAX];
  snprintf(record, sizeof record,
           "INSERT INTO schema_steps(version, name, applied_at_ms) VALUES(%d, '%s', %lld)",
           step->version, step->name, (long long)handle_now_ms(q));
  enum galley_rc rc = run_step(q, step);
  if (rc == GALLEY_OK)
    rc = q->db->engine->script(q->db, record);
  if (rc == GALLEY_OK)
    rc = q->db->engine->set_version(q->db, step->version);
  if (rc != GALLEY_OK)
    return error_prefix(&q->error, "schema step %s", step->name);
  POINT(schema, stepped);
  return GALLEY_OK;
}

/* Reads the version again under the write lock: another process may have been quicker. */
static enum galley_rc apply_missing(struct galley *q) {
  int version = 0;
  enum galley_rc rc = q->db->engine->version(q->db, &version);
  for (size_t i = 0; rc == GALLEY_OK && i < schema_step_count; i++)
    if (schema_steps[i].version > version)
      rc = apply(q, &schema_steps[i]);
  return rc;
}

static enum galley_rc upgrade(struct galley *q) {
  enum galley_rc rc = tx_enter(q);
  if (rc != GALLEY_OK)
    return rc;
  POINT(schema, begun);
  rc = tx_leave(q, apply_missing(q));
  POINT(schema, committed);
  return rc;
}

enum galley_rc schema_upgrade(struct galley *q) {
  int version = 0;
  int newest = schema_steps[schema_step_count - 1].version;
  enum galley_rc rc = q->db->engine->version(q->db, &version);
  if (rc != GALLEY_OK)
    return rc;
  if (version > newest)
    return error_set(
        &q->error, GALLEY_NEWER,
        "%s has schema version %d, and this galley knows up to %d: use the galley that "
        "made it, or a newer one",
        q->path, version, newest);
  if (version == newest)
    return GALLEY_OK;
  if (q->db->readonly)
    return error_set(&q->error, GALLEY_INVALID,
                     "%s has schema version %d, and this galley needs %d: run galley init once to "
                     "bring it up to date",
                     q->path, version, newest);
  if (version == 0) /* nobody's tables refer to ours */
    return upgrade(q);
  rc = q->db->engine->rebuilding(q->db, true);
  if (rc == GALLEY_OK)
    rc = upgrade(q);
  return rc == GALLEY_OK ? q->db->engine->rebuilding(q->db, false) : rc;
}
