/* The registry of worker processes, and taking back what dead ones held. */
#include "engine.h"
#include "env.h"
#include "point.h"
#include "settle.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKER_RECOVER_MAX 1000 /* jobs taken back in one transaction */
#define WORKER_LIST_MAX    4096 /* workers looked at */

static enum galley_rc insert(struct galley *q, const char *kinds, int64_t slots, int64_t *id) {
  struct stmt *s;
  char host[256] = "", boot_id[64];
  enum galley_rc rc = db_stmt(q->db, SQL_WORKER_INSERT, &s);
  if (rc != GALLEY_OK)
    return rc;
  if (gethostname(host, sizeof host - 1) != 0)
    snprintf(host, sizeof host, "localhost");
  env_boot_id(boot_id, sizeof boot_id);
  stmt_int(q->db, s, 1, getpid());
  stmt_text(q->db, s, 2, host);
  stmt_text(q->db, s, 3, boot_id);
  stmt_text(q->db, s, 4, kinds ? kinds : "[]");
  stmt_int(q->db, s, 5, slots);
  stmt_int(q->db, s, 6, handle_now_ms(q));
  return stmt_value(q->db, s, id);
}

static enum galley_rc prune(struct galley *q, int64_t newest) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, SQL_WORKERS_PRUNE, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, newest);
  return stmt_run(q->db, s, NULL);
}

static enum galley_rc join(struct galley *q, const char *kinds, int64_t slots, int64_t *worker_id) {
  enum galley_rc rc = insert(q, kinds, slots, worker_id);
  if (rc == GALLEY_OK)
    rc = prune(q, *worker_id);
  if (rc == GALLEY_OK) /* before the row can be seen: nobody meets a worker that looks dead */
    rc = q->db->engine->worker_hold(q->db, *worker_id);
  POINT(worker, held);
  return rc;
}

enum galley_rc galley_worker_join(struct galley *q, const char *kinds, int64_t slots,
                                  int64_t *worker_id) {
  *worker_id = 0;
  if (q->worker_id != 0)
    return error_set(&q->error, GALLEY_USAGE, "this handle is worker %" PRId64 " already",
                     q->worker_id);
  if (q->tx_depth > 0)
    return error_set(&q->error, GALLEY_USAGE, "a worker cannot join inside a transaction");
  enum galley_rc rc = tx_enter(q);
  if (rc != GALLEY_OK)
    return rc;
  rc = tx_leave(q, join(q, kinds, slots, worker_id));
  POINT(worker, joined);
  if (rc == GALLEY_OK) {
    q->worker_id = *worker_id;
    return rc;
  }
  /* The next worker gets the same id, and needs the lock. */
  q->db->engine->worker_release(q->db, *worker_id);
  *worker_id = 0;
  return rc;
}

static enum galley_rc mark_stopped(struct galley *q, int64_t worker_id) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, SQL_WORKER_STOP, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, worker_id);
  stmt_int(q->db, s, 2, handle_now_ms(q));
  return stmt_run(q->db, s, NULL);
}

/* A walk over the workers that are alive, for `fn`, or dead, into `ids`. */
struct workers {
  struct galley *q;
  enum galley_rc rc;
  bool want_alive;
  int64_t ids[WORKER_LIST_MAX];
  size_t n;
  galley_row_fn *fn;
  void *arg;
};

static bool sort_out(void *arg, const void *row) {
  struct workers *list = arg;
  const struct galley_worker *worker = row;
  bool alive;
  list->rc = list->q->db->engine->worker_alive(list->q->db, worker->id, &alive);
  if (list->rc != GALLEY_OK)
    return false;
  if (alive != list->want_alive)
    return true;
  if (list->fn)
    return list->fn(list->arg, row);
  list->ids[list->n++] = worker->id;
  return list->n < WORKER_LIST_MAX;
}

static enum galley_rc each_worker(struct workers *list) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(list->q->db, SQL_WORKERS_LIVE, &s);
  if (rc == GALLEY_OK)
    rc = record_each(list->q->db, s, &galley_worker_record, sort_out, list);
  return rc == GALLEY_OK ? list->rc : rc;
}

enum galley_rc galley_workers(struct galley *q, galley_row_fn *fn, void *arg) {
  struct workers *list = calloc(1, sizeof *list);
  if (!list)
    return error_set(&q->error, GALLEY_NO_MEMORY, "no memory for the list of workers");
  *list = (struct workers){.q = q, .want_alive = true, .fn = fn, .arg = arg};
  enum galley_rc rc = each_worker(list);
  free(list);
  return rc;
}

struct lost_job {
  int64_t id, fence;
};

/* The jobs of one worker, or with an expired lease; `parameter` is the statement's first. */
static enum galley_rc take_back(struct galley *q, enum settle_loss loss, int64_t parameter,
                                struct settle_totals *totals, int64_t *n) {
  enum sql_id which = loss == SETTLE_EXPIRED ? SQL_JOBS_EXPIRED : SQL_JOBS_OF_WORKER;
  struct stmt *s;
  struct lost_job jobs[WORKER_RECOVER_MAX];
  size_t found = 0;
  enum galley_rc rc = db_stmt(q->db, which, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, parameter);
  stmt_int(q->db, s, 2, WORKER_RECOVER_MAX);
  while (found < WORKER_RECOVER_MAX && (rc = stmt_row(q->db, s)) == GALLEY_OK)
    jobs[found++] = (struct lost_job){stmt_column_int(q->db, s, 0), stmt_column_int(q->db, s, 1)};
  stmt_reset(q->db, s);
  if (rc != GALLEY_OK && rc != GALLEY_NONE)
    return rc;
  rc = GALLEY_OK;
  for (size_t i = 0; rc == GALLEY_OK && i < found; i++)
    rc = settle_lost(q, jobs[i].id, jobs[i].fence, loss, totals);
  *n += (int64_t)found;
  return rc;
}

/* All jobs of a worker that is no more, and its row. */
static enum galley_rc strike_off(struct galley *q, int64_t worker_id, enum settle_loss loss,
                                 struct settle_totals *totals, int64_t *n) {
  enum galley_rc rc;
  int64_t before;
  do {
    before = *n;
    rc = take_back(q, loss, worker_id, totals, n);
  } while (rc == GALLEY_OK && *n - before == WORKER_RECOVER_MAX);
  return rc == GALLEY_OK ? mark_stopped(q, worker_id) : rc;
}

static enum galley_rc leave(struct galley *q, int64_t worker_id) {
  struct settle_totals totals = {.n = 0};
  int64_t ignored = 0;
  enum galley_rc rc = strike_off(q, worker_id, SETTLE_LEFT, &totals, &ignored);
  POINT(worker, leaving);
  return rc == GALLEY_OK ? settle_totals_write(q, &totals) : rc;
}

enum galley_rc galley_worker_leave(struct galley *q, int64_t worker_id) {
  if (worker_id == 0 || worker_id != q->worker_id)
    return error_set(&q->error, GALLEY_USAGE, "this handle is not worker %" PRId64, worker_id);
  enum galley_rc rc = tx_enter(q);
  if (rc != GALLEY_OK)
    return rc;
  rc = tx_leave(q, leave(q, worker_id));
  POINT(worker, left);
  if (rc == GALLEY_OK) {
    q->db->engine->worker_release(q->db, worker_id);
    q->worker_id = 0;
  }
  return rc;
}

static enum galley_rc recover_dead(struct galley *q, const struct workers *dead,
                                   struct settle_totals *totals, int64_t *n) {
  enum galley_rc rc = GALLEY_OK;
  for (size_t i = 0; rc == GALLEY_OK && i < dead->n; i++)
    rc = strike_off(q, dead->ids[i], SETTLE_CRASHED, totals, n);
  return rc;
}

static enum galley_rc lease_expired(struct galley *q, bool *expired) {
  struct stmt *s;
  int64_t lease_mono_ns = 0;
  enum galley_rc rc = db_stmt(q->db, SQL_LOOK_LEASE, &s);
  if (rc != GALLEY_OK)
    return rc;
  rc = stmt_value(q->db, s, &lease_mono_ns);
  *expired = rc == GALLEY_OK && lease_mono_ns < handle_mono_ns(q);
  return rc == GALLEY_NONE ? GALLEY_OK : rc;
}

static enum galley_rc recover_in_tx(struct galley *q, const struct workers *dead, int64_t *n) {
  struct settle_totals totals = {.n = 0};
  enum galley_rc rc = tx_enter(q);
  if (rc != GALLEY_OK)
    return rc;
  POINT(recover, begun);
  rc = recover_dead(q, dead, &totals, n);
  if (rc == GALLEY_OK)
    rc = take_back(q, SETTLE_EXPIRED, handle_mono_ns(q), &totals, n);
  if (rc == GALLEY_OK)
    rc = settle_totals_write(q, &totals);
  POINT(recover, taken);
  rc = tx_leave(q, rc);
  POINT(recover, committed);
  return rc;
}

enum galley_rc galley_recover(struct galley *q, int64_t *n) {
  bool expired = false;
  int64_t taken = 0;
  struct workers *dead = calloc(1, sizeof *dead);
  if (!dead)
    return error_set(&q->error, GALLEY_NO_MEMORY, "no memory for the list of workers");
  *dead = (struct workers){.q = q};
  enum galley_rc rc = each_worker(dead);
  if (rc == GALLEY_OK)
    rc = lease_expired(q, &expired);
  if (rc == GALLEY_OK && (dead->n > 0 || expired))
    rc = recover_in_tx(q, dead, &taken);
  free(dead);
  if (n)
    *n = rc == GALLEY_OK ? taken : 0;
  return rc;
}
