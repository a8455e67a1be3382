#include "galley.h"

#include "engine.h"
#include "env.h"
#include "handle.h"
#include "schema.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define VERSION "0.1.0"

static enum galley_rc open_db(struct galley *q, const struct galley_options *options) {
  const struct engine *engine = engine_find(q->path);
  enum galley_rc rc = engine->open(&q->db, q->path, options, &q->error);
  if (rc != GALLEY_OK)
    return rc;
  q->db->error = &q->error;
  return schema_upgrade(q);
}

enum galley_rc galley_open(struct galley **out, const char *path,
                           const struct galley_options *options) {
  static const struct galley_options defaults;
  struct galley *q = calloc(1, sizeof *q);
  *out = q;
  if (!q)
    return GALLEY_NO_MEMORY;
  if (!options)
    options = &defaults;
  q->env = options->env ? *options->env : env_system;
  q->crashes_max = options->crashes_max > 0 ? options->crashes_max : GALLEY_CRASHES_MAX;
  if (!path || !*path)
    return error_set(&q->error, GALLEY_USAGE, "no database was named");
  q->path = strdup(path);
  if (!q->path)
    return error_set(&q->error, GALLEY_NO_MEMORY, "no memory for a handle");
  return open_db(q, options);
}

void galley_close(struct galley *q) {
  if (!q)
    return;
  if (q->tx_depth > 0)
    galley_rollback(q);
  db_close(q->db);
  free(q->path);
  free(q);
}

const char *galley_errmsg(const struct galley *q) {
  if (!q)
    return "no memory for a handle";
  return q->error.text[0] ? q->error.text : galley_rc_text(q->error.rc);
}

void galley_free(void *record) {
  free(record);
}

const char *galley_version(void) {
  return VERSION;
}

enum galley_rc tx_enter(struct galley *q) {
  if (q->tx_depth == 0) {
    enum galley_rc rc = q->db->readonly ? error_set(&q->error, GALLEY_DENIED,
                                                    "%s was opened for reading only", q->path)
                                        : q->db->engine->begin(q->db);
    if (rc != GALLEY_OK)
      return rc;
    q->tx_failed = GALLEY_OK;
  } else if (q->tx_failed != GALLEY_OK) {
    /* The engine may have rolled back by itself: what is written now would stand alone. */
    if (q->error.rc != q->tx_failed)
      error_set(&q->error, q->tx_failed, "a call before this one failed: only a rollback is left");
    return q->tx_failed;
  }
  q->tx_depth++;
  return GALLEY_OK;
}

enum galley_rc tx_leave(struct galley *q, enum galley_rc rc) {
  assert(q->tx_depth > 0);
  bool failed = rc != GALLEY_OK && galley_rc_class(rc) != GALLEY_CLASS_RESULT;
  if (failed && q->tx_failed == GALLEY_OK)
    q->tx_failed = rc;
  if (--q->tx_depth > 0)
    return rc;
  if (q->tx_failed != GALLEY_OK) {
    q->db->engine->rollback(q->db);
    return failed ? rc : q->tx_failed;
  }
  enum galley_rc committed = q->db->engine->commit(q->db);
  return committed != GALLEY_OK ? committed : rc;
}

enum galley_rc galley_begin(struct galley *q) {
  if (q->tx_depth > 0)
    return error_set(&q->error, GALLEY_USAGE, "a transaction is open already");
  return tx_enter(q);
}

enum galley_rc galley_commit(struct galley *q) {
  if (q->tx_depth == 0)
    return error_set(&q->error, GALLEY_USAGE, "no transaction is open");
  return tx_leave(q, GALLEY_OK);
}

void galley_rollback(struct galley *q) {
  if (q->tx_depth == 0)
    return;
  q->tx_depth = 0;
  q->db->engine->rollback(q->db);
}

int64_t handle_now_ms(const struct galley *q) {
  return q->env.now_ms(q->env.arg);
}

int64_t handle_mono_ns(const struct galley *q) {
  return q->env.mono_ns(q->env.arg);
}

uint64_t handle_random(const struct galley *q) {
  return q->env.random(q->env.arg);
}
