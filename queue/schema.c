#include "schema.h"

#include "engine.h"
#include "point.h"

#include <stdio.h>

#define SCHEMA_RECORD_MAX 256

static enum galley_rc apply(struct galley *q, const struct schema_step *step) {
  char record[SCHEMA_RECORD_MAX];
  snprintf(record, sizeof record,
           "INSERT INTO schema_steps(version, name, applied_at_ms) VALUES(%d, '%s', %lld)",
           step->version, step->name, (long long)handle_now_ms(q));
  enum galley_rc rc = q->db->engine->script(q->db, step->sql);
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
  rc = tx_enter(q);
  if (rc != GALLEY_OK)
    return rc;
  POINT(schema, begun);
  rc = tx_leave(q, apply_missing(q));
  POINT(schema, committed);
  return rc;
}
