/*
 * handle.h - what is inside a `struct galley`, and the transactions that its functions join.
 */
#ifndef HANDLE_H
#define HANDLE_H

#include "db.h"
#include "record.h"

struct galley {
  struct db *db; /* NULL when opening failed */
  struct error error;
  struct galley_env env;
  char *path;
  int64_t crashes_max;      /* deaths of its worker that make a job dead */
  int64_t worker_id;        /* that this handle has joined as; 0: none */
  int tx_depth;             /* 0: no transaction is open */
  enum galley_rc tx_failed; /* first failure inside the open transaction: it can only roll back */
};

/* Begins a write transaction or joins the one that is open. */
GALLEY_MUST_USE enum galley_rc tx_enter(struct galley *q);
/* Leaves it with the result of the work: the outermost commits when all went well and rolls back
 * otherwise. Returns the first failure, or rc. Codes of class RESULT do not fail a transaction. */
GALLEY_MUST_USE enum galley_rc tx_leave(struct galley *q, enum galley_rc rc);

int64_t handle_now_ms(const struct galley *q);
int64_t handle_mono_ns(const struct galley *q);
uint64_t handle_random(const struct galley *q);

#endif
