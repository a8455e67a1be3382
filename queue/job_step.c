#include "job_step.h"

#include "hold.h"
#include "text.h"

#include <inttypes.h>
#include <string.h>

static enum galley_rc check_text(struct galley *q, const char *what, const char *text, size_t max) {
  size_t len = text ? strlen(text) : 0;
  if (len == 0 || len > max)
    return error_set(&q->error, GALLEY_INVALID, "%s has %zu bytes, and must have 1 to %zu", what,
                     len, max);
  if (!text_valid(text))
    return error_set(&q->error, GALLEY_INVALID, "%s is not UTF-8", what);
  return GALLEY_OK;
}

static enum galley_rc check_begin(struct galley *q, const struct galley_begin *begin) {
  enum galley_rc rc = check_text(q, "the name of a step", begin->name, GALLEY_STEP_NAME_MAX);
  if (rc == GALLEY_OK)
    rc = check_text(q, "the key of a step", begin->idempotency_key, GALLEY_KEY_MAX);
  if (rc == GALLEY_OK)
    rc = check_text(q, "the intent of a step", begin->intent, GALLEY_STEP_JSON_MAX);
  return rc;
}

/* Shows the fence, and that the JSON of the step (NULL: none) is JSON. */
static enum galley_rc show(struct galley *q, int64_t job_id, int64_t fence, const char *json,
                           struct hold_view *view) {
  enum galley_rc rc = hold_show(q, job_id, fence, json, view);
  return rc == GALLEY_OK && json ? hold_check_json(q, view, "intent or result of a step", json)
                                 : rc;
}

/* GALLEY_NONE: the job has no step of this name. */
static enum galley_rc read_step(struct galley *q, int64_t job_id, const char *name,
                                struct galley_step **step) {
  struct stmt *s;
  void *row = NULL;
  enum galley_rc rc = db_stmt(q->db, SQL_STEP_GET, &s);
  *step = NULL;
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, job_id);
  stmt_text(q->db, s, 2, name);
  rc = record_one(q->db, s, &galley_step_record, &row);
  *step = row;
  return rc;
}

static bool is_done(const struct galley_step *step) {
  return strcmp(step->state, "done") == 0;
}

static enum galley_rc delete_step(struct galley *q, int64_t job_id, const char *name,
                                  int64_t *changed) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, SQL_STEP_FORGET, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, job_id);
  stmt_text(q->db, s, 2, name);
  return stmt_run(q->db, s, changed);
}

static enum galley_rc check_room(struct galley *q, int64_t job_id) {
  struct stmt *s;
  int64_t n = 0;
  enum galley_rc rc = db_stmt(q->db, SQL_STEP_COUNT, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, job_id);
  rc = stmt_value(q->db, s, &n);
  if (rc == GALLEY_OK && n >= GALLEY_STEPS_MAX)
    return error_set(&q->error, GALLEY_INVALID,
                     "job %" PRId64 " has %" PRId64 " steps, and the limit is %d", job_id, n,
                     GALLEY_STEPS_MAX);
  return rc;
}

static enum galley_rc insert(struct galley *q, struct galley_begin *begin) {
  struct stmt *s;
  const struct galley_step row = {.job_id = begin->job_id,
                                  .name = begin->name,
                                  .idempotency_key = begin->idempotency_key,
                                  .intent = begin->intent,
                                  .state = "begun",
                                  .fence = begin->fence,
                                  .began_at_ms = handle_now_ms(q)};
  enum galley_rc rc = db_stmt(q->db, SQL_STEP_INSERT, &s);
  if (rc != GALLEY_OK)
    return rc;
  record_bind(q->db, s, &galley_step_record, 0, &row);
  rc = stmt_run(q->db, s, NULL);
  if (rc == GALLEY_INVALID) /* a CHECK that the checks above do not know of */
    return error_set(&q->error, GALLEY_INTERNAL, "%s", q->error.text);
  begin->begun = GALLEY_STEP_NEW;
  return rc == GALLEY_OK ? read_step(q, begin->job_id, begin->name, &begin->step) : rc;
}

enum galley_rc job_step_begin(struct galley *q, struct galley_begin *begin) {
  struct hold_view view = {0};
  begin->step = NULL;
  begin->begun = GALLEY_STEP_CANCELLED;
  enum galley_rc rc = check_begin(q, begin);
  if (rc == GALLEY_OK)
    rc = show(q, begin->job_id, begin->fence, begin->intent, &view);
  if (rc != GALLEY_OK || view.cancelled)
    return rc;
  rc = read_step(q, begin->job_id, begin->name, &begin->step);
  if (rc == GALLEY_NONE) {
    rc = check_room(q, begin->job_id);
    return rc == GALLEY_OK ? insert(q, begin) : rc;
  }
  if (rc != GALLEY_OK)
    return rc;
  begin->begun = is_done(begin->step) ? GALLEY_STEP_DONE : GALLEY_STEP_BEGUN;
  if (begin->begun == GALLEY_STEP_DONE || !begin->anew)
    return GALLEY_OK;
  galley_free(begin->step);
  begin->step = NULL;
  rc = delete_step(q, begin->job_id, begin->name, NULL);
  return rc == GALLEY_OK ? insert(q, begin) : rc;
}

enum galley_rc galley_step_begin(struct galley *q, struct galley_begin *begin) {
  enum galley_rc rc = tx_enter(q);
  begin->step = NULL;
  if (rc == GALLEY_OK)
    rc = tx_leave(q, job_step_begin(q, begin));
  begin->rc = rc;
  if (rc != GALLEY_OK) {
    galley_free(begin->step);
    begin->step = NULL;
  }
  return rc;
}

static bool same_text(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : a == b;
}

static enum galley_rc write_done(struct galley *q, const struct galley_step *step, int64_t fence,
                                 const char *result) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, SQL_STEP_DONE, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, step->job_id);
  stmt_text(q->db, s, 2, step->name);
  stmt_int(q->db, s, 3, fence);
  stmt_text(q->db, s, 4, result);
  stmt_int(q->db, s, 5, handle_now_ms(q));
  return stmt_run(q->db, s, NULL);
}

static enum galley_rc no_step(struct galley *q, int64_t job_id, const char *name) {
  return error_set(&q->error, GALLEY_USAGE, "job %" PRId64 " has not begun a step \"%.64s\"",
                   job_id, name);
}

static enum galley_rc done(struct galley *q, int64_t job_id, int64_t fence, const char *name,
                           const char *result) {
  struct hold_view view;
  struct galley_step *step = NULL;
  enum galley_rc rc = check_text(q, "the name of a step", name, GALLEY_STEP_NAME_MAX);
  if (rc == GALLEY_OK && result)
    rc = check_text(q, "the result of a step", result, GALLEY_STEP_JSON_MAX);
  if (rc == GALLEY_OK)
    rc = show(q, job_id, fence, result, &view);
  if (rc != GALLEY_OK)
    return rc;
  rc = read_step(q, job_id, name, &step);
  if (rc == GALLEY_NONE)
    return no_step(q, job_id, name);
  if (rc != GALLEY_OK)
    return rc;
  if (!is_done(step))
    rc = write_done(q, step, fence, result);
  else if (!same_text(step->result, result))
    rc = error_set(&q->error, GALLEY_STATE,
                   "step \"%.64s\" of job %" PRId64 " is done already, with another result", name,
                   job_id);
  galley_free(step);
  return rc;
}

enum galley_rc galley_step_done(struct galley *q, int64_t job_id, int64_t fence, const char *name,
                                const char *result) {
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, done(q, job_id, fence, name, result)) : rc;
}

static enum galley_rc forget(struct galley *q, int64_t job_id, int64_t fence, const char *name) {
  struct hold_view view;
  int64_t changed = 0;
  enum galley_rc rc = check_text(q, "the name of a step", name, GALLEY_STEP_NAME_MAX);
  if (rc == GALLEY_OK)
    rc = show(q, job_id, fence, NULL, &view);
  if (rc == GALLEY_OK)
    rc = delete_step(q, job_id, name, &changed);
  return rc == GALLEY_OK && changed == 0 ? no_step(q, job_id, name) : rc;
}

enum galley_rc galley_step_forget(struct galley *q, int64_t job_id, int64_t fence,
                                  const char *name) {
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, forget(q, job_id, fence, name)) : rc;
}

enum galley_rc job_step_forget_begun(struct galley *q, int64_t job_id) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, SQL_STEPS_FORGET, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, job_id);
  return stmt_run(q->db, s, NULL);
}

enum galley_rc galley_steps(struct galley *q, int64_t job_id, galley_row_fn *fn, void *arg) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, SQL_STEPS, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, job_id);
  return record_each(q->db, s, &galley_step_record, fn, arg);
}
