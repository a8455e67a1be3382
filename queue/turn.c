/* One transaction a turn: settle, renew, claim. Settlements of one turn share it; when what one of
 * them saves is refused, the transaction is rolled back and each is settled alone, so that only the
 * refused one fails. Steps are begun after what was settled, so that a job never begins one and
 * ends in one turn. */
#include "claim.h"
#include "handover.h"
#include "hold.h"
#include "job_step.h"
#include "point.h"
#include "settle.h"

#include <stdio.h>
#include <string.h>

static enum galley_rc settle_all(struct galley *q, struct galley_turn *turn, bool *save_failed) {
  struct settle_totals totals = {.n = 0};
  enum galley_rc rc = GALLEY_OK;
  for (size_t i = 0; rc == GALLEY_OK && i < turn->n_settlements;) {
    struct galley_settlement *one = &turn->settlements[i];
    size_t plain = settle_plain(one, turn->n_settlements - i);
    if (plain > 1) {
      rc = settle_done(q, one, plain, &totals);
      *save_failed = rc == GALLEY_INVALID; /* one of them, by a trigger that a person has added */
      i += plain;
      continue;
    }
    rc = settle_one(q, one, &totals, save_failed);
    one->rc = rc;
    if (rc == GALLEY_LOST)
      rc = GALLEY_OK;
    i++;
  }
  return rc == GALLEY_OK ? settle_totals_write(q, &totals) : rc;
}

static void drop_jobs(struct galley_turn *turn) {
  for (size_t i = 0; i < turn->n_jobs; i++)
    galley_free(turn->jobs[i]);
  turn->n_jobs = 0;
}

static void drop_steps(struct galley_turn *turn) {
  for (size_t i = 0; i < turn->n_begins; i++) {
    galley_free(turn->begins[i].step);
    turn->begins[i].step = NULL;
  }
}

/* A refused one has written nothing, and does not hold up the others. */
static enum galley_rc begin_steps(struct galley *q, struct galley_turn *turn) {
  for (size_t i = 0; i < turn->n_begins; i++) {
    enum galley_rc rc = job_step_begin(q, &turn->begins[i]);
    enum galley_class class = galley_rc_class(rc);
    turn->begins[i].rc = rc;
    if (class == GALLEY_CLASS_RETRY || class == GALLEY_CLASS_STOP)
      return rc;
  }
  return GALLEY_OK;
}

static enum galley_rc begin_renew_claim(struct galley *q, struct galley_turn *turn) {
  enum galley_rc rc = begin_steps(q, turn);
  for (size_t i = 0; rc == GALLEY_OK && i < turn->n_holds; i++)
    rc = hold_renew(q, &turn->holds[i], turn->lease_ms);
  if (rc == GALLEY_OK && turn->max_jobs > 0 && turn->n_kinds > 0)
    rc = claim_jobs(q, turn);
  return rc;
}

/* What settlements save may take long, and others wait for what they have handed over. */
static enum galley_rc enter(struct galley *q, const struct galley_turn *turn) {
  for (size_t i = 0; i < turn->n_settlements; i++)
    if (turn->settlements[i].save)
      return tx_enter(q);
  return handover_enter(q);
}

static enum galley_rc turn_together(struct galley *q, struct galley_turn *turn, bool *save_failed) {
  enum galley_rc rc = enter(q, turn);
  if (rc != GALLEY_OK)
    return rc;
  POINT(turn, begun);
  rc = settle_all(q, turn, save_failed);
  POINT(turn, settled);
  if (rc == GALLEY_OK)
    rc = begin_renew_claim(q, turn);
  POINT(turn, claimed);
  q->db->hurry = turn->n_settlements == 0 && turn->n_jobs > 0; /* its settlement comes next */
  rc = tx_leave(q, rc);
  q->db->hurry = false;
  POINT(turn, committed);
  if (rc != GALLEY_OK) {
    drop_jobs(turn);
    drop_steps(turn);
  }
  return rc;
}

/* Storage failures fail the turn, and are not held against the job whose save met them. */
static bool is_storage(enum galley_rc rc) {
  return galley_rc_class(rc) == GALLEY_CLASS_STOP || rc == GALLEY_FULL || rc == GALLEY_BUSY ||
         rc == GALLEY_NO_MEMORY;
}

static enum galley_rc settle_in_tx(struct galley *q, struct galley_settlement *one,
                                   bool *save_failed) {
  struct settle_totals totals = {.n = 0};
  enum galley_rc rc = tx_enter(q);
  if (rc != GALLEY_OK)
    return rc;
  rc = settle_one(q, one, &totals, save_failed);
  if (rc == GALLEY_OK)
    rc = settle_totals_write(q, &totals);
  return tx_leave(q, rc);
}

static enum galley_rc settle_alone(struct galley *q, struct galley_settlement *one) {
  bool save_failed = false;
  enum galley_rc rc = settle_in_tx(q, one, &save_failed);
  one->rc = rc;
  if (rc == GALLEY_OK || rc == GALLEY_LOST)
    return GALLEY_OK;
  if (!save_failed || is_storage(rc))
    return rc;
  char sentence[GALLEY_ERROR_MAX + 1];
  snprintf(sentence, sizeof sentence, "saving the result: %s", galley_errmsg(q));
  struct galley_settlement failed = *one;
  failed.outcome = rc == GALLEY_INVALID ? GALLEY_DEAD : GALLEY_RETRY;
  failed.delay_ms = -1;
  failed.save = NULL;
  failed.result = NULL;
  failed.error_class = "save";
  failed.error = sentence;
  enum galley_rc again = settle_in_tx(q, &failed, &save_failed);
  if (again == GALLEY_LOST)
    one->rc = GALLEY_LOST;
  return again == GALLEY_LOST ? GALLEY_OK : again;
}

/* What was settled before a storage failure stays settled: asked again, it answers LOST, and the
 * caller drops it as it would a stale one. */
static enum galley_rc turn_apart(struct galley *q, struct galley_turn *turn) {
  enum galley_rc rc = GALLEY_OK;
  for (size_t i = 0; rc == GALLEY_OK && i < turn->n_settlements; i++)
    rc = settle_alone(q, &turn->settlements[i]);
  if (rc != GALLEY_OK)
    return rc;
  struct galley_turn rest = *turn;
  bool ignored;
  rest.n_settlements = 0;
  rc = turn_together(q, &rest, &ignored);
  turn->n_jobs = rest.n_jobs;
  return rc;
}

static enum galley_rc check(struct galley *q, const struct galley_turn *turn) {
  if (turn->n_settlements > GALLEY_BATCH_MAX || turn->n_holds > GALLEY_BATCH_MAX ||
      turn->n_begins > GALLEY_BATCH_MAX || turn->max_jobs > GALLEY_BATCH_MAX ||
      turn->n_kinds > GALLEY_KINDS_MAX)
    return error_set(&q->error, GALLEY_USAGE, "a turn takes at most %d jobs and %d kinds",
                     GALLEY_BATCH_MAX, GALLEY_KINDS_MAX);
  if (turn->lease_ms <= 0 && (turn->max_jobs > 0 || turn->n_holds > 0))
    return error_set(&q->error, GALLEY_USAGE, "a claim needs a lease_ms above 0");
  if (turn->worker_id <= 0 && turn->max_jobs > 0)
    return error_set(&q->error, GALLEY_USAGE, "a claim needs a worker_id from galley_worker_join");
  if (q->tx_depth > 0)
    return error_set(&q->error, GALLEY_USAGE, "a turn is its own transaction");
  return GALLEY_OK;
}

enum galley_rc galley_turn(struct galley *q, struct galley_turn *turn) {
  bool possible = false, save_failed = false;
  turn->n_jobs = 0;
  for (size_t i = 0; i < turn->n_begins; i++)
    turn->begins[i].step = NULL;
  enum galley_rc rc = check(q, turn);
  if (rc == GALLEY_OK && turn->n_settlements + turn->n_holds + turn->n_begins == 0) {
    if (turn->max_jobs > 0)
      rc = claim_possible(q, turn->kinds, turn->n_kinds, &possible);
    if (!possible)
      return rc;
  }
  if (rc != GALLEY_OK)
    return rc;
  rc = turn_together(q, turn, &save_failed);
  if (rc != GALLEY_OK && save_failed && !is_storage(rc))
    rc = turn_apart(q, turn);
  return rc;
}
