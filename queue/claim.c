#include "claim.h"

#include "id_list.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CLAIM_PROMOTE_MAX 1000 /* scheduled jobs made ready in one transaction */

struct candidate {
  int64_t priority, id;
};

static int by_order(const void *a, const void *b) {
  const struct candidate *x = a, *y = b;
  if (x->priority != y->priority)
    return x->priority < y->priority ? -1 : 1;
  return (x->id > y->id) - (x->id < y->id);
}

/* One integer from a statement that takes at most a kind; *found is false without a row. */
static enum galley_rc ask(struct galley *q, enum sql_id id, const char *kind, int64_t worker_id,
                          int64_t *value, bool *found) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, id, &s);
  if (rc != GALLEY_OK)
    return rc;
  if (kind)
    stmt_text(q->db, s, 1, kind);
  else if (worker_id)
    stmt_int(q->db, s, 1, worker_id);
  rc = stmt_value(q->db, s, value);
  *found = rc == GALLEY_OK;
  return rc == GALLEY_NONE ? GALLEY_OK : rc;
}

/* Whether a scheduled job of any kind is due. */
static enum galley_rc is_due(struct galley *q, bool *due) {
  int64_t run_at_ms = 0;
  enum galley_rc rc = ask(q, SQL_LOOK_SCHEDULED, NULL, 0, &run_at_ms, due);
  *due = *due && run_at_ms <= handle_now_ms(q);
  return rc;
}

/* Asked first: the other statement opens every index of the jobs. */
static enum galley_rc promote_due(struct galley *q) {
  struct stmt *s;
  bool due = false;
  enum galley_rc rc = is_due(q, &due);
  if (rc != GALLEY_OK || !due)
    return rc;
  rc = db_stmt(q->db, SQL_JOBS_DUE, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, handle_now_ms(q));
  stmt_int(q->db, s, 2, CLAIM_PROMOTE_MAX);
  return stmt_run(q->db, s, NULL);
}

static enum galley_rc front_of_kind(struct galley *q, const char *kind, size_t max,
                                    struct candidate *out, size_t *n) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, SQL_JOBS_FRONT, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_text(q->db, s, 1, kind);
  stmt_int(q->db, s, 2, (int64_t)max);
  while ((rc = stmt_row(q->db, s)) == GALLEY_OK)
    out[(*n)++] = (struct candidate){.id = stmt_column_int(q->db, s, 0),
                                     .priority = stmt_column_int(q->db, s, 1)};
  return rc == GALLEY_NONE ? GALLEY_OK : rc;
}

/* The first max_jobs of the candidates; a kind that was named twice has brought its jobs twice. */
static void choose(const struct candidate *candidates, size_t n, size_t max,
                   struct id_list *chosen) {
  id_list_clear(chosen);
  for (size_t i = 0; i < n && chosen->n < max; i++)
    if (i == 0 || candidates[i].id != candidates[i - 1].id)
      id_list_add(chosen, candidates[i].id);
}

/* A statement about the chosen jobs, which are its first parameter. One job has its own: to read a
 * list of one takes a sixth of a turn that settles and claims one. */
static enum galley_rc of_chosen(struct galley *q, enum sql_id one, enum sql_id many,
                                struct id_list *chosen, struct stmt **s) {
  enum galley_rc rc = db_stmt(q->db, chosen->n == 1 ? one : many, s);
  if (rc != GALLEY_OK)
    return rc;
  if (chosen->n == 1)
    stmt_int(q->db, *s, 1, chosen->first);
  else
    stmt_text(q->db, *s, 1, id_list_text(chosen));
  return GALLEY_OK;
}

static enum galley_rc take(struct galley *q, const struct galley_turn *turn,
                           struct id_list *chosen) {
  struct stmt *s;
  int64_t changed = 0;
  enum galley_rc rc = of_chosen(q, SQL_JOB_CLAIM, SQL_JOBS_CLAIM, chosen, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 2, turn->worker_id);
  stmt_int(q->db, s, 3, handle_mono_ns(q) + turn->lease_ms * 1000000);
  stmt_int(q->db, s, 4, handle_now_ms(q));
  rc = stmt_run(q->db, s, &changed);
  if (rc == GALLEY_OK && changed != (int64_t)chosen->n)
    return error_set(&q->error, GALLEY_INTERNAL, "%" PRId64 " of %zu ready jobs could be claimed",
                     changed, chosen->n);
  return rc;
}

static enum galley_rc read_taken(struct galley *q, struct galley_turn *turn,
                                 struct id_list *chosen) {
  struct stmt *s;
  void *row;
  enum galley_rc rc = of_chosen(q, SQL_JOB_GET, SQL_JOBS_OF_LIST, chosen, &s);
  if (rc != GALLEY_OK)
    return rc;
  while ((rc = stmt_row(q->db, s)) == GALLEY_OK) {
    rc = record_read(q->db, s, &galley_job_record, &row);
    if (rc != GALLEY_OK) {
      stmt_reset(q->db, s);
      return rc;
    }
    turn->jobs[turn->n_jobs++] = row;
  }
  return rc == GALLEY_NONE ? GALLEY_OK : rc;
}

enum galley_rc claim_jobs(struct galley *q, struct galley_turn *turn) {
  struct id_list chosen;
  size_t n = 0;
  enum galley_rc rc = promote_due(q);
  if (rc != GALLEY_OK)
    return rc;
  struct candidate *candidates = malloc(turn->n_kinds * turn->max_jobs * sizeof *candidates);
  if (!candidates)
    return error_set(&q->error, GALLEY_NO_MEMORY, "no memory for a claim");
  for (size_t i = 0; rc == GALLEY_OK && i < turn->n_kinds; i++)
    rc = front_of_kind(q, turn->kinds[i], turn->max_jobs, candidates, &n);
  if (turn->n_kinds > 1)
    qsort(candidates, n, sizeof *candidates, by_order);
  choose(candidates, n, turn->max_jobs, &chosen);
  free(candidates);
  if (rc == GALLEY_OK && chosen.n > 0)
    rc = take(q, turn, &chosen);
  if (rc == GALLEY_OK && chosen.n > 0)
    rc = read_taken(q, turn, &chosen);
  return rc;
}

enum galley_rc claim_possible(struct galley *q, const char *const *kinds, size_t n_kinds,
                              bool *possible) {
  int64_t ignored;
  enum galley_rc rc = GALLEY_OK;
  *possible = false;
  for (size_t i = 0; rc == GALLEY_OK && !*possible && i < n_kinds; i++)
    rc = ask(q, SQL_LOOK_READY, kinds[i], 0, &ignored, possible);
  return rc == GALLEY_OK && !*possible ? is_due(q, possible) : rc;
}

static enum galley_rc look_live(struct galley *q, const char *kind, bool *live) {
  static const enum sql_id asks[] = {SQL_LOOK_READY, SQL_LOOK_RUNNING_KIND};
  int64_t ignored;
  enum galley_rc rc = GALLEY_OK;
  for (size_t i = 0; rc == GALLEY_OK && !*live && i < sizeof asks / sizeof asks[0]; i++)
    rc = ask(q, asks[i], kind, 0, &ignored, live);
  return rc;
}

enum galley_rc galley_look(struct galley *q, int64_t worker_id, const char *const *kinds,
                           size_t n_kinds, struct galley_outlook *outlook) {
  bool found = false;
  int64_t ignored;
  memset(outlook, 0, sizeof *outlook);
  enum galley_rc rc = claim_possible(q, kinds, n_kinds, &outlook->ready);
  if (rc == GALLEY_OK)
    rc = ask(q, SQL_LOOK_SCHEDULED, NULL, 0, &outlook->next_run_at_ms, &found);
  if (rc == GALLEY_OK)
    rc = ask(q, SQL_LOOK_LEASE, NULL, 0, &outlook->next_lease_mono_ns, &found);
  if (rc == GALLEY_OK)
    rc = ask(q, SQL_WORKER_NEWEST, NULL, 0, &outlook->newest_worker, &found);
  if (rc == GALLEY_OK && worker_id)
    rc = ask(q, SQL_LOOK_CANCEL, NULL, worker_id, &ignored, &outlook->cancel);
  for (size_t i = 0; rc == GALLEY_OK && !outlook->live && i < n_kinds; i++)
    rc = look_live(q, kinds[i], &outlook->live);
  return rc;
}
