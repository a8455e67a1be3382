#include "settle.h"

#include "backoff.h"
#include "id_list.h"
#include "point.h"
#include "state.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SETTLE_WAIT_MAX_MS 315360000000 /* 10 years: a longer wait ends past the calendar */

/* The running job as the fence shows it. */
struct held {
  char kind[GALLEY_KIND_MAX + 1];
  int64_t attempt, max_attempts, crashes, worker_id, started_at_ms;
  bool cancel_requested;
};

/* Where the attempt leaves its job. */
struct move {
  enum state to;
  const char *outcome; /* of the attempt's row */
  int64_t run_at_ms;   /* 0: as it was */
  int64_t attempt, crashes;
  const char *error_class;
  const char *error;
};

static enum galley_rc hold(struct galley *q, int64_t job_id, int64_t fence, struct held *held) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, SQL_JOB_HELD, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, job_id);
  stmt_int(q->db, s, 2, fence);
  rc = stmt_row(q->db, s);
  if (rc == GALLEY_NONE)
    return GALLEY_LOST;
  if (rc != GALLEY_OK)
    return rc;
  snprintf(held->kind, sizeof held->kind, "%s", stmt_column_text(q->db, s, 0, NULL));
  held->attempt = stmt_column_int(q->db, s, 1);
  held->max_attempts = stmt_column_int(q->db, s, 2);
  held->crashes = stmt_column_int(q->db, s, 3);
  held->worker_id = stmt_column_int(q->db, s, 4);
  held->started_at_ms = stmt_column_int(q->db, s, 5);
  held->cancel_requested = stmt_column_int(q->db, s, 6) != 0;
  stmt_reset(q->db, s);
  return GALLEY_OK;
}

static struct move wait_until(const struct held *held, int64_t now_ms, int64_t delay_ms,
                              const char *outcome) {
  if (delay_ms > SETTLE_WAIT_MAX_MS)
    delay_ms = SETTLE_WAIT_MAX_MS;
  return (struct move){.to = delay_ms > 0 ? STATE_SCHEDULED : STATE_READY,
                       .outcome = outcome,
                       .run_at_ms = now_ms + (delay_ms > 0 ? delay_ms : 0),
                       .attempt = held->attempt,
                       .crashes = held->crashes};
}

static struct move end_in(const struct held *held, enum state to) {
  return (struct move){
      .to = to, .outcome = state_name(to), .attempt = held->attempt, .crashes = held->crashes};
}

/* Attempts that were not the job's fault are not charged. */
static void uncharge(struct move *move) {
  if (move->attempt > 0)
    move->attempt--;
}

/* A person has asked for the end, and the worker had not yet heard: there is no next attempt. */
static void obey_cancel(const struct held *held, struct move *move) {
  if (!held->cancel_requested || state_ended(move->to))
    return;
  move->to = STATE_CANCELLED;
  move->run_at_ms = 0;
}

static struct move decide(struct galley *q, const struct galley_settlement *settlement,
                          const struct held *held, int64_t now_ms) {
  struct move move = end_in(held, STATE_DEAD);
  int64_t delay_ms = settlement->delay_ms;
  switch (settlement->outcome) {
  case GALLEY_DONE:
    move = end_in(held, STATE_DONE);
    break;
  case GALLEY_RETRY:
    if (held->attempt >= held->max_attempts)
      break;
    if (delay_ms < 0)
      delay_ms = backoff_ms(held->attempt, handle_random(q));
    move = wait_until(held, now_ms, delay_ms, "retry");
    break;
  case GALLEY_SNOOZE:
    move = wait_until(held, now_ms, delay_ms, "snooze");
    uncharge(&move);
    break;
  case GALLEY_RETURNED:
    move = wait_until(held, now_ms, 0, "returned");
    move.run_at_ms = 0;
    uncharge(&move);
    break;
  case GALLEY_CANCELLED:
    move = end_in(held, STATE_CANCELLED);
    break;
  case GALLEY_DEAD:
    break;
  }
  obey_cancel(held, &move);
  if (move.to == STATE_CANCELLED)
    move.outcome = state_name(STATE_CANCELLED);
  move.error_class = settlement->error_class;
  move.error = settlement->error;
  return move;
}

static enum galley_rc write_move(struct galley *q, const struct galley_settlement *settlement,
                                 const struct move *move, int64_t now_ms, const char *result) {
  struct stmt *s;
  int64_t changed = 0;
  assert(state_may_move(STATE_RUNNING, move->to));
  enum galley_rc rc = db_stmt(q->db, SQL_JOB_SETTLE, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, settlement->job_id);
  stmt_int(q->db, s, 2, settlement->fence);
  stmt_text(q->db, s, 3, state_name(move->to));
  stmt_id(q->db, s, 4, move->run_at_ms);
  stmt_int(q->db, s, 5, move->attempt);
  stmt_int(q->db, s, 6, move->crashes);
  stmt_text(q->db, s, 7, result);
  stmt_int(q->db, s, 8, settlement->cost_usd_micros);
  stmt_text(q->db, s, 9, move->error_class);
  stmt_text(q->db, s, 10, move->error);
  stmt_id(q->db, s, 11, state_ended(move->to) ? now_ms : 0);
  rc = stmt_run(q->db, s, &changed);
  if (rc == GALLEY_OK && changed != 1)
    return error_set(&q->error, GALLEY_INTERNAL, "job %" PRId64 " moved under its own fence",
                     settlement->job_id);
  return rc;
}

static enum galley_rc write_attempt(struct galley *q, const struct galley_settlement *settlement,
                                    const struct held *held, const struct move *move,
                                    int64_t now_ms) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, SQL_ATTEMPT_INSERT, &s);
  if (rc != GALLEY_OK)
    return rc;
  const struct galley_attempt row = {.job_id = settlement->job_id,
                                     .fence = settlement->fence,
                                     .attempt = held->attempt,
                                     .worker_id = held->worker_id,
                                     .outcome = move->outcome,
                                     .error_class = move->error_class,
                                     .error = move->error,
                                     .http_status = settlement->http_status,
                                     .tokens_in = settlement->tokens_in,
                                     .tokens_out = settlement->tokens_out,
                                     .cost_usd_micros = settlement->cost_usd_micros,
                                     .started_at_ms = held->started_at_ms,
                                     .ended_at_ms = now_ms};
  record_bind(q->db, s, &galley_attempt_record, 0, &row);
  return stmt_run(q->db, s, NULL);
}

static enum galley_rc total_add(struct galley *q, struct settle_totals *totals,
                                const struct settle_total *one) {
  for (size_t i = 0; i < totals->n; i++) {
    struct settle_total *row = &totals->rows[i];
    if (row->outcome == one->outcome && strcmp(row->kind, one->kind) == 0) {
      row->n += one->n;
      row->busy_ms += one->busy_ms;
      row->cost_usd_micros += one->cost_usd_micros;
      return GALLEY_OK;
    }
  }
  if (totals->n == SETTLE_TOTALS_MAX) {
    enum galley_rc rc = settle_totals_write(q, totals);
    if (rc != GALLEY_OK)
      return rc;
  }
  totals->rows[totals->n++] = *one;
  return GALLEY_OK;
}

/* What has ended is counted by its end, which an attempt that crashed does not name. */
static enum galley_rc count(struct galley *q, const struct held *held, const struct move *move,
                            int64_t now_ms, int64_t cost_usd_micros, struct settle_totals *totals) {
  struct settle_total total = {
      .outcome = state_ended(move->to) ? state_name(move->to) : move->outcome,
      .n = 1,
      .busy_ms = now_ms > held->started_at_ms ? now_ms - held->started_at_ms : 0,
      .cost_usd_micros = cost_usd_micros};
  memcpy(total.kind, held->kind, sizeof total.kind);
  return total_add(q, totals, &total);
}

static enum galley_rc finish(struct galley *q, const struct galley_settlement *settlement,
                             const struct held *held, const struct move *move,
                             struct settle_totals *totals) {
  int64_t now_ms = handle_now_ms(q);
  const char *result = move->to == STATE_DONE ? settlement->result : NULL;
  enum galley_rc rc = write_move(q, settlement, move, now_ms, result);
  POINT(settle, moved);
  if (rc == GALLEY_OK)
    rc = write_attempt(q, settlement, held, move, now_ms);
  if (rc != GALLEY_OK)
    return rc;
  return count(q, held, move, now_ms, settlement->cost_usd_micros, totals);
}

/* An error's text is kept whole up to a limit, and never torn inside a character. */
static const char *bounded(const char *text, char *buf, size_t size) {
  if (!text || strlen(text) < size)
    return text;
  size_t len = size - 1;
  while (len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
    len--;
  memcpy(buf, text, len);
  buf[len] = '\0';
  return buf;
}

/* A save that met a failed call has failed, whatever it says; so has one that says NONE or LOST,
 * which are no errors elsewhere: what it wrote before is half a thing. */
static enum galley_rc save(struct galley *q, struct galley_settlement *settlement) {
  error_clear(&q->error);
  enum galley_rc rc = settlement->save(q, settlement->save_arg, &settlement->result);
  if (rc == GALLEY_OK)
    rc = q->tx_failed;
  if (rc == GALLEY_OK)
    return GALLEY_OK;
  if (q->error.rc != rc) /* it failed by itself, and left no sentence */
    error_set(&q->error, rc, "%s", galley_rc_text(rc));
  if (galley_rc_class(rc) == GALLEY_CLASS_RESULT)
    rc = error_set(&q->error, GALLEY_STATE, "%s", q->error.text);
  return rc;
}

enum galley_rc settle_one(struct galley *q, struct galley_settlement *settlement,
                          struct settle_totals *totals, bool *save_failed) {
  struct held held;
  char text[GALLEY_ERROR_MAX + 1];
  *save_failed = false;
  enum galley_rc rc = hold(q, settlement->job_id, settlement->fence, &held);
  if (rc != GALLEY_OK)
    return rc;
  struct galley_settlement bounded_copy = *settlement;
  if (settlement->save) {
    rc = save(q, &bounded_copy);
    POINT(settle, saved);
    if (rc != GALLEY_OK) {
      *save_failed = true;
      return rc;
    }
  }
  if (bounded_copy.result && strlen(bounded_copy.result) > GALLEY_PAYLOAD_MAX) {
    *save_failed = true;
    return error_set(&q->error, GALLEY_INVALID, "the result has %zu bytes, and the limit is %d",
                     strlen(bounded_copy.result), GALLEY_PAYLOAD_MAX);
  }
  bounded_copy.error = bounded(settlement->error, text, sizeof text);
  struct move move = decide(q, &bounded_copy, &held, handle_now_ms(q));
  rc = finish(q, &bounded_copy, &held, &move, totals);
  *save_failed = rc == GALLEY_INVALID; /* the settlement's own words: its result is not JSON */
  return rc;
}

/* ---- many that are only done ---- */

static bool is_plain(const struct galley_settlement *settlement) {
  return settlement->outcome == GALLEY_DONE && !settlement->save && !settlement->result &&
         !settlement->error && !settlement->error_class && settlement->http_status == 0 &&
         settlement->tokens_in == 0 && settlement->tokens_out == 0 &&
         settlement->cost_usd_micros == 0;
}

/* Rising ids, so that no attempt is among them twice. */
size_t settle_plain(const struct galley_settlement *settlements, size_t n) {
  size_t i = 0;
  while (i < n && is_plain(&settlements[i]) &&
         (i == 0 || settlements[i].job_id > settlements[i - 1].job_id))
    i++;
  return i;
}

/* Which of them still hold their jobs, into `held`, counted. Rows come in the order of the list. */
static enum galley_rc hold_all(struct galley *q, struct galley_settlement *settlements, size_t n,
                               struct id_list *list, int64_t now_ms, struct settle_totals *totals) {
  struct stmt *s;
  size_t i = 0;
  const struct move done = {.to = STATE_DONE};
  enum galley_rc rc = db_stmt(q->db, SQL_JOBS_HELD, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_text(q->db, s, 1, id_list_text(list));
  while ((rc = stmt_row(q->db, s)) == GALLEY_OK) {
    int64_t id = stmt_column_int(q->db, s, 0);
    while (i < n && settlements[i].job_id != id)
      settlements[i++].rc = GALLEY_LOST;
    assert(i < n);
    bool holds = stmt_column_int(q->db, s, 1) == settlements[i].fence;
    settlements[i++].rc = holds ? GALLEY_OK : GALLEY_LOST;
    if (!holds)
      continue;
    struct held held = {.started_at_ms = stmt_column_int(q->db, s, 3)};
    snprintf(held.kind, sizeof held.kind, "%s", stmt_column_text(q->db, s, 2, NULL));
    rc = count(q, &held, &done, now_ms, 0, totals);
    if (rc != GALLEY_OK) {
      stmt_reset(q->db, s);
      return rc;
    }
  }
  while (i < n)
    settlements[i++].rc = GALLEY_LOST;
  return rc == GALLEY_NONE ? GALLEY_OK : rc;
}

static enum galley_rc write_all(struct galley *q, enum sql_id id, struct id_list *list,
                                int64_t now_ms) {
  struct stmt *s;
  int64_t written = 0;
  enum galley_rc rc = db_stmt(q->db, id, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_text(q->db, s, 1, id_list_text(list));
  stmt_int(q->db, s, 2, now_ms);
  rc = stmt_run(q->db, s, &written);
  if (rc == GALLEY_OK && written != (int64_t)list->n)
    return error_set(&q->error, GALLEY_INTERNAL, "%s wrote %" PRId64 " rows for %zu jobs",
                     sql_table[id].name, written, list->n);
  return rc;
}

enum galley_rc settle_done(struct galley *q, struct galley_settlement *settlements, size_t n,
                           struct settle_totals *totals) {
  struct id_list list;
  int64_t now_ms = handle_now_ms(q); /* one moment for the jobs, their attempts and the totals */
  id_list_clear(&list);
  for (size_t i = 0; i < n; i++)
    id_list_add(&list, settlements[i].job_id);
  enum galley_rc rc = hold_all(q, settlements, n, &list, now_ms, totals);
  id_list_clear(&list);
  for (size_t i = 0; rc == GALLEY_OK && i < n; i++)
    if (settlements[i].rc == GALLEY_OK)
      id_list_add(&list, settlements[i].job_id);
  if (rc == GALLEY_OK && list.n > 0)
    rc = write_all(q, SQL_ATTEMPTS_DONE, &list, now_ms);
  if (rc == GALLEY_OK && list.n > 0)
    rc = write_all(q, SQL_JOBS_SETTLE_DONE, &list, now_ms);
  POINT(settle, moved);
  return rc;
}

/* ---- attempts that others end ---- */

/* A crash and a hang are the job's fault until it is known otherwise: the one is counted, the other
 * charged. */
static struct move lose(const struct galley *q, const struct held *held, enum settle_loss loss) {
  struct move move = wait_until(held, handle_now_ms(q), 0, NULL);
  switch (loss) {
  case SETTLE_CRASHED:
    if (held->crashes + 1 >= q->crashes_max)
      move = end_in(held, STATE_DEAD);
    move.outcome = "crashed";
    move.error = move.to == STATE_DEAD
                     ? "the worker died during this job too often: it kills its workers (poison)"
                     : "the worker died during this attempt";
    move.crashes++;
    uncharge(&move);
    break;
  case SETTLE_EXPIRED:
    if (held->attempt >= held->max_attempts)
      move = end_in(held, STATE_DEAD);
    move.outcome = "expired";
    move.error = "the worker did not renew its lease: it hangs, or was stopped";
    break;
  case SETTLE_LEFT:
    move.outcome = "returned";
    move.error = "the worker left during this attempt";
    uncharge(&move);
    break;
  }
  move.error_class = move.outcome;
  return move;
}

enum galley_rc settle_lost(struct galley *q, int64_t job_id, int64_t fence, enum settle_loss loss,
                           struct settle_totals *totals) {
  struct held held;
  enum galley_rc rc = hold(q, job_id, fence, &held);
  if (rc != GALLEY_OK)
    return rc;
  const struct galley_settlement settlement = {.job_id = job_id, .fence = fence};
  struct move move = lose(q, &held, loss);
  obey_cancel(&held, &move);
  return finish(q, &settlement, &held, &move, totals);
}

enum galley_rc settle_totals_write(struct galley *q, struct settle_totals *totals) {
  enum galley_rc rc = GALLEY_OK;
  for (size_t i = 0; rc == GALLEY_OK && i < totals->n; i++) {
    const struct settle_total *row = &totals->rows[i];
    struct stmt *s;
    rc = db_stmt(q->db, SQL_TOTAL_ADD, &s);
    if (rc != GALLEY_OK)
      return rc;
    stmt_text(q->db, s, 1, row->kind);
    stmt_text(q->db, s, 2, row->outcome);
    stmt_int(q->db, s, 3, row->n);
    stmt_int(q->db, s, 4, row->busy_ms);
    stmt_int(q->db, s, 5, row->cost_usd_micros);
    rc = stmt_run(q->db, s, NULL);
  }
  totals->n = 0;
  return rc;
}

enum galley_rc settle_count_cancelled(struct galley *q, const char *kind) {
  struct settle_totals totals = {.n = 1,
                                 .rows = {{.outcome = state_name(STATE_CANCELLED), .n = 1}}};
  snprintf(totals.rows[0].kind, sizeof totals.rows[0].kind, "%s", kind);
  return settle_totals_write(q, &totals);
}
