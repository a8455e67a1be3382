/* Jobs as people see and steer them. */
#include "handle.h"
#include "job_step.h"
#include "settle.h"
#include "state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define JOB_LIST_MAX 100000

static enum galley_rc no_job(struct galley *q, int64_t id) {
  return error_set(&q->error, GALLEY_NONE, "there is no job %" PRId64, id);
}

enum galley_rc galley_job_get(struct galley *q, int64_t id, struct galley_job **job) {
  struct stmt *s;
  void *row = NULL;
  enum galley_rc rc = db_stmt(q->db, SQL_JOB_GET, &s);
  *job = NULL;
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, id);
  rc = record_one(q->db, s, &galley_job_record, &row);
  *job = row;
  return rc == GALLEY_NONE ? no_job(q, id) : rc;
}

enum galley_rc galley_jobs(struct galley *q, const char *kind, const char *state, int64_t before_id,
                           int64_t limit, galley_row_fn *fn, void *arg) {
  static const enum sql_id by_state[STATE_COUNT] = {
      [STATE_BLOCKED] = SQL_JOBS_BLOCKED,    [STATE_SCHEDULED] = SQL_JOBS_SCHEDULED,
      [STATE_READY] = SQL_JOBS_READY,        [STATE_RUNNING] = SQL_JOBS_RUNNING,
      [STATE_DONE] = SQL_JOBS_DONE,          [STATE_DEAD] = SQL_JOBS_DEAD,
      [STATE_CANCELLED] = SQL_JOBS_CANCELLED};
  struct stmt *s;
  enum state of = state ? state_find(state) : STATE_COUNT;
  if (state && of == STATE_COUNT)
    return error_set(&q->error, GALLEY_USAGE,
                     "there is no state \"%s\": blocked, scheduled, ready, running, done, dead, "
                     "cancelled",
                     state);
  enum galley_rc rc = db_stmt(q->db, state ? by_state[of] : SQL_JOBS_ANY, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_text(q->db, s, 1, kind);
  stmt_int(q->db, s, 2, before_id > 0 ? before_id : INT64_MAX);
  stmt_int(q->db, s, 3, limit <= 0 ? 50 : limit > JOB_LIST_MAX ? JOB_LIST_MAX : limit);
  return record_each(q->db, s, &galley_job_record, fn, arg);
}

static enum galley_rc list_of_id(struct galley *q, enum sql_id which, int64_t id,
                                 const struct galley_record *record, galley_row_fn *fn, void *arg) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, which, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, id);
  return record_each(q->db, s, record, fn, arg);
}

enum galley_rc galley_jobs_of_workflow(struct galley *q, int64_t workflow_id, galley_row_fn *fn,
                                       void *arg) {
  return list_of_id(q, SQL_JOBS_OF_WORKFLOW, workflow_id, &galley_job_record, fn, arg);
}

enum galley_rc galley_attempts(struct galley *q, int64_t job_id, galley_row_fn *fn, void *arg) {
  return list_of_id(q, SQL_ATTEMPTS, job_id, &galley_attempt_record, fn, arg);
}

/* Runs a guarded move of one job; *moved tells whether its state allowed it. */
static enum galley_rc move(struct galley *q, enum sql_id which, int64_t id, bool *moved) {
  struct stmt *s;
  int64_t changed = 0;
  enum galley_rc rc = db_stmt(q->db, which, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, id);
  if (which != SQL_JOB_CANCEL_RUNNING)
    stmt_int(q->db, s, 2, handle_now_ms(q));
  rc = stmt_run(q->db, s, &changed);
  *moved = rc == GALLEY_OK && changed > 0;
  return rc;
}

/* Nothing moved: says whether the job is missing or in the wrong state. */
static enum galley_rc explain(struct galley *q, int64_t id, const char *wish) {
  struct galley_job *job;
  enum galley_rc rc = galley_job_get(q, id, &job);
  if (rc != GALLEY_OK)
    return rc;
  rc = error_set(&q->error, GALLEY_STATE, "job %" PRId64 " is %s, and cannot be %s", id, job->state,
                 wish);
  galley_free(job);
  return rc;
}

static enum galley_rc cancel(struct galley *q, int64_t id, bool *running) {
  struct galley_job *job = NULL;
  bool moved = false;
  enum galley_rc rc = galley_job_get(q, id, &job);
  if (rc != GALLEY_OK)
    return rc;
  rc = move(q, SQL_JOB_CANCEL, id, &moved);
  if (rc == GALLEY_OK && moved)
    rc = settle_count_cancelled(q, job->kind);
  galley_free(job);
  if (rc != GALLEY_OK || moved)
    return rc;
  rc = move(q, SQL_JOB_CANCEL_RUNNING, id, running);
  return rc == GALLEY_OK && !*running ? explain(q, id, "cancelled") : rc;
}

enum galley_rc galley_cancel(struct galley *q, int64_t id, bool *running) {
  bool ignored;
  if (!running)
    running = &ignored;
  *running = false;
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, cancel(q, id, running)) : rc;
}

/* Asked before the move, which takes the error away. */
static enum galley_rc forget_unknown(struct galley *q, int64_t id) {
  struct galley_job *job;
  enum galley_rc rc = galley_job_get(q, id, &job);
  if (rc != GALLEY_OK)
    return rc;
  bool unknown = strcmp(job->state, "dead") == 0 && job->error_class &&
                 strcmp(job->error_class, GALLEY_ERROR_UNKNOWN) == 0;
  galley_free(job);
  return unknown ? job_step_forget_begun(q, id) : GALLEY_OK;
}

static enum galley_rc retry(struct galley *q, int64_t id) {
  bool moved = false;
  enum galley_rc rc = forget_unknown(q, id);
  if (rc != GALLEY_OK)
    return rc;
  rc = move(q, SQL_JOB_RETRY_ENDED, id, &moved);
  if (rc == GALLEY_INVALID) /* the only thing that can refuse it: jobs_unique */
    return error_set(&q->error, GALLEY_STATE,
                     "job %" PRId64 " cannot be retried: another live job has its unique key", id);
  if (rc == GALLEY_OK && !moved)
    rc = move(q, SQL_JOB_RETRY_SCHEDULED, id, &moved);
  return rc == GALLEY_OK && !moved ? explain(q, id, "retried") : rc;
}

enum galley_rc galley_retry(struct galley *q, int64_t id) {
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, retry(q, id)) : rc;
}

/* Two statements make one list: a reader that has stopped is not asked again. */
struct reader {
  galley_row_fn *fn;
  void *arg;
  bool stopped;
};

static bool read_count(void *arg, const void *row) {
  struct reader *reader = arg;
  reader->stopped = !reader->fn(reader->arg, row);
  return !reader->stopped;
}

static enum galley_rc counts(struct galley *q, enum sql_id which, struct reader *reader) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, which, &s);
  return rc == GALLEY_OK ? record_each(q->db, s, &galley_count_record, read_count, reader) : rc;
}

enum galley_rc galley_stats(struct galley *q, galley_row_fn *fn, void *arg) {
  struct reader reader = {.fn = fn, .arg = arg};
  enum galley_rc rc = counts(q, SQL_LIVE_COUNTS, &reader);
  return rc == GALLEY_OK && !reader.stopped ? counts(q, SQL_TOTALS, &reader) : rc;
}
