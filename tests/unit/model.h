/*
 * model.h - the queue as it should behave, in memory and in plain loops, for test_conformance. It
 * knows what a job may do, and nothing of SQL, indexes or transactions.
 */
#ifndef MODEL_H
#define MODEL_H

#include "galley.h"
#include "state.h"

#define MODEL_JOBS_MAX     8192
#define MODEL_KINDS        3
#define MODEL_KEYS         4  /* unique keys; key 0 is none */
#define MODEL_OUTCOMES_MAX 48 /* attempts of one job that are remembered */

struct model_job {
  int kind, key;
  enum state state;
  int64_t priority, run_at_ms, attempt, max_attempts, crashes, fence, worker_id, lease_mono_ns;
  bool cancel_requested;
  char outcomes[MODEL_OUTCOMES_MAX]; /* first letters: d r s D c R x (crashed) e */
  int n_outcomes;
};

struct model {
  struct model_job jobs[MODEL_JOBS_MAX]; /* by id - 1 */
  int64_t n;
  int64_t ended[MODEL_KINDS][STATE_COUNT]; /* the totals */
  int64_t now_ms, mono_ns;
  uint64_t chance;
};

struct model_job *model_job(struct model *m, int64_t id);
/* The id of the new job, or of the live one that has the key. */
int64_t model_enqueue(struct model *m, const struct model_job *spec, int64_t delay_ms);
/* False: the fence is stale. */
bool model_settle(struct model *m, int64_t id, int64_t fence, enum galley_outcome outcome,
                  int64_t delay_ms);
bool model_renew(struct model *m, int64_t id, int64_t fence, int64_t lease_ms);
/* Claims one job of the kinds in the mask, after what is due was made ready; its id, or 0. */
int64_t model_claim(struct model *m, unsigned kinds, int64_t worker_id, int64_t lease_ms);
enum galley_rc model_cancel(struct model *m, int64_t id);
enum galley_rc model_retry(struct model *m, int64_t id);
/* Takes back what a dead worker ran, what one that left ran, and what is past its lease; how many.
 */
int64_t model_crash(struct model *m, int64_t worker_id);
void model_leave(struct model *m, int64_t worker_id);
int64_t model_expire(struct model *m);
/* Live jobs of a kind in a state, or the jobs that ended in it. */
int64_t model_count(const struct model *m, int kind, enum state state);

#endif
