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
#define MODEL_KEYS         4 /* unique keys; key 0 is none */
#define MODEL_STEPS        2
#define MODEL_OUTCOMES_MAX 48 /* attempts of one job that are remembered */

enum model_step_state { MODEL_NONE, MODEL_BEGUN, MODEL_DONE };

struct model_step {
  enum model_step_state state;
  int64_t fence, value; /* value: of the intent, or of the result */
};

struct model_job {
  int kind, key;
  enum state state;
  int64_t priority, run_at_ms, attempt, max_attempts, crashes, fence, worker_id, lease_mono_ns;
  bool cancel_requested;
  char outcomes[MODEL_OUTCOMES_MAX]; /* first letters: d r s D c R x (crashed) e */
  int n_outcomes;
  struct model_step steps[MODEL_STEPS];
  int64_t progress, progress_fence; /* fence 0: none was told */
  bool unknown;                     /* dead with the outcome of a step unknown */
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
/* Whether this attempt is running. */
bool model_holds(struct model *m, int64_t id, int64_t fence);
/* The writes of a running attempt; GALLEY_LOST when the fence is stale (of model_begin: it is not
 * asked then). */
enum galley_rc model_progress(struct model *m, int64_t id, int64_t fence, int64_t value);
/* step->value is the intent, step->fence the fence; which step is the caller's number. */
enum galley_begun model_begin(struct model *m, int64_t id, int which, const struct model_step *step,
                              bool anew);
enum galley_rc model_done(struct model *m, int64_t id, int64_t fence, int step, int64_t value);
enum galley_rc model_forget(struct model *m, int64_t id, int64_t fence, int step);
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
