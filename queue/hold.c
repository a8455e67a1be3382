#include "hold.h"

#include "text.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static enum galley_rc lost(struct galley *q, int64_t job_id, int64_t fence) {
  return error_set(&q->error, GALLEY_LOST,
                   "job %" PRId64 " is not running its attempt of fence %" PRId64, job_id, fence);
}

enum galley_rc hold_show(struct galley *q, int64_t job_id, int64_t fence, const char *json,
                         struct hold_view *view) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, SQL_JOB_SHOWN, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, job_id);
  stmt_int(q->db, s, 2, fence);
  stmt_text(q->db, s, 3, json);
  rc = stmt_row(q->db, s);
  if (rc == GALLEY_NONE)
    return lost(q, job_id, fence);
  if (rc != GALLEY_OK)
    return rc;
  view->cancelled = stmt_column_int(q->db, s, 0) != 0;
  view->json = stmt_column_int(q->db, s, 1) != 0;
  stmt_reset(q->db, s);
  return GALLEY_OK;
}

enum galley_rc hold_check_json(struct galley *q, const struct hold_view *view, const char *what,
                               const char *json) {
  json_error_t error;
  if (view->json)
    return GALLEY_OK;
  json_t *value = json_loads(json, JSON_DECODE_ANY, &error);
  bool no_memory = value || !error.text[0];
  json_decref(value);
  if (no_memory)
    return error_set(&q->error, GALLEY_NO_MEMORY, "no memory to look at %s", what);
  return error_set(&q->error, GALLEY_INVALID, "%s is not valid JSON", what);
}

enum galley_rc hold_renew(struct galley *q, struct galley_hold *hold, int64_t lease_ms) {
  struct stmt *s;
  int64_t cancel = 0;
  enum galley_rc rc = db_stmt(q->db, SQL_JOB_RENEW, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, hold->job_id);
  stmt_int(q->db, s, 2, hold->fence);
  stmt_int(q->db, s, 3, handle_mono_ns(q) + lease_ms * 1000000);
  rc = stmt_value(q->db, s, &cancel);
  hold->lost = rc == GALLEY_NONE;
  hold->cancelled = cancel != 0;
  return rc == GALLEY_NONE ? GALLEY_OK : rc;
}

static enum galley_rc heartbeat(struct galley *q, struct galley_hold *hold, int64_t lease_ms) {
  if (lease_ms <= 0 || lease_ms > GALLEY_LEASE_MAX_MS)
    return error_set(&q->error, GALLEY_USAGE, "lease_ms is %" PRId64 ", and must be 1 to %" PRId64,
                     lease_ms, (int64_t)GALLEY_LEASE_MAX_MS);
  enum galley_rc rc = hold_renew(q, hold, lease_ms);
  return rc == GALLEY_OK && hold->lost ? lost(q, hold->job_id, hold->fence) : rc;
}

enum galley_rc galley_heartbeat(struct galley *q, struct galley_hold *hold, int64_t lease_ms) {
  hold->lost = hold->cancelled = false;
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, heartbeat(q, hold, lease_ms)) : rc;
}

static enum galley_rc save_progress(struct galley *q, int64_t job_id, int64_t fence,
                                    const char *json) {
  struct hold_view view;
  struct stmt *s;
  if (!json || strlen(json) > GALLEY_PROGRESS_MAX)
    return error_set(&q->error, GALLEY_INVALID, "progress has %zu bytes, and must have 1 to %d",
                     json ? strlen(json) : 0, GALLEY_PROGRESS_MAX);
  enum galley_rc rc = hold_show(q, job_id, fence, json, &view);
  if (rc != GALLEY_OK)
    return rc;
  if (!text_valid(json))
    return error_set(&q->error, GALLEY_INVALID, "progress is not UTF-8");
  rc = hold_check_json(q, &view, "progress", json);
  if (rc != GALLEY_OK)
    return rc;
  rc = db_stmt(q->db, SQL_PROGRESS_SAVE, &s);
  if (rc != GALLEY_OK)
    return rc;
  const struct galley_progress row = {
      .job_id = job_id, .fence = fence, .at_ms = handle_now_ms(q), .progress = json};
  record_bind(q->db, s, &galley_progress_record, 0, &row);
  return stmt_run(q->db, s, NULL);
}

enum galley_rc galley_progress(struct galley *q, int64_t job_id, int64_t fence, const char *json) {
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, save_progress(q, job_id, fence, json)) : rc;
}

enum galley_rc galley_progress_get(struct galley *q, int64_t job_id,
                                   struct galley_progress **progress) {
  struct stmt *s;
  void *row = NULL;
  enum galley_rc rc = db_stmt(q->db, SQL_PROGRESS_GET, &s);
  if (rc == GALLEY_OK) {
    stmt_int(q->db, s, 1, job_id);
    rc = record_one(q->db, s, &galley_progress_record, &row);
  }
  *progress = row;
  if (rc == GALLEY_NONE)
    return error_set(&q->error, rc, "job %" PRId64 " has told no progress", job_id);
  return rc;
}
