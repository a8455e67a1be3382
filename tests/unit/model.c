#include "model.h"

#include "backoff.h"

#include <assert.h>

struct model_job *model_job(struct model *m, int64_t id) {
  return id >= 1 && id <= m->n ? &m->jobs[id - 1] : NULL;
}

static void move(struct model *m, struct model_job *job, enum state to) {
  assert(state_may_move(job->state, to));
  job->state = to;
  if (state_ended(to))
    m->ended[job->kind][to]++;
}

static int64_t holder(const struct model *m, int key) {
  for (int64_t i = 0; key && i < m->n; i++)
    if (m->jobs[i].key == key && !state_ended(m->jobs[i].state))
      return i + 1;
  return 0;
}

int64_t model_enqueue(struct model *m, const struct model_job *spec, int64_t delay_ms) {
  int64_t taken = holder(m, spec->key);
  if (taken)
    return taken;
  assert(m->n < MODEL_JOBS_MAX);
  struct model_job *job = &m->jobs[m->n++];
  *job = *spec;
  job->run_at_ms = m->now_ms + delay_ms;
  job->state = delay_ms > 0 ? STATE_SCHEDULED : STATE_READY;
  return m->n;
}

/* Ends the attempt: where to, and after which wait (-1: as it was), unless a person has asked for
 * the end. */
static void end_attempt(struct model *m, struct model_job *job, enum state to, int64_t wait_ms,
                        char outcome) {
  if (job->n_outcomes < MODEL_OUTCOMES_MAX)
    job->outcomes[job->n_outcomes++] = outcome;
  if (job->cancel_requested && !state_ended(to))
    to = STATE_CANCELLED;
  else if (!state_ended(to) && wait_ms >= 0)
    job->run_at_ms = m->now_ms + wait_ms;
  job->cancel_requested = false;
  job->worker_id = 0;
  job->lease_mono_ns = 0;
  job->unknown = false;
  move(m, job, to);
}

static void wait(struct model *m, struct model_job *job, int64_t wait_ms, char outcome) {
  if (job->cancel_requested)
    outcome = 'c';
  if (wait_ms < 0)
    wait_ms = 0;
  end_attempt(m, job, wait_ms > 0 ? STATE_SCHEDULED : STATE_READY, wait_ms, outcome);
}

bool model_settle(struct model *m, int64_t id, int64_t fence, enum galley_outcome outcome,
                  int64_t delay_ms) {
  struct model_job *job = model_job(m, id);
  if (!job || job->state != STATE_RUNNING || job->fence != fence)
    return false;
  if (outcome == GALLEY_RETRY && job->attempt >= job->max_attempts)
    outcome = GALLEY_DEAD;
  if (outcome == GALLEY_RETRY && delay_ms < 0)
    delay_ms = backoff_ms(job->attempt, m->chance);
  if (outcome == GALLEY_SNOOZE || outcome == GALLEY_RETURNED)
    job->attempt--;
  switch (outcome) {
  case GALLEY_DONE:
    end_attempt(m, job, STATE_DONE, 0, 'd');
    break;
  case GALLEY_RETRY:
    wait(m, job, delay_ms, 'r');
    break;
  case GALLEY_SNOOZE:
    wait(m, job, delay_ms, 's');
    break;
  case GALLEY_DEAD:
    end_attempt(m, job, STATE_DEAD, 0, 'D');
    break;
  case GALLEY_CANCELLED:
    end_attempt(m, job, STATE_CANCELLED, 0, 'c');
    break;
  case GALLEY_RETURNED:
    end_attempt(m, job, STATE_READY, -1, job->cancel_requested ? 'c' : 'R');
    break;
  }
  return true;
}

bool model_holds(struct model *m, int64_t id, int64_t fence) {
  const struct model_job *job = model_job(m, id);
  return job && job->state == STATE_RUNNING && job->fence == fence;
}

enum galley_rc model_progress(struct model *m, int64_t id, int64_t fence, int64_t value) {
  struct model_job *job = model_job(m, id);
  if (!model_holds(m, id, fence))
    return GALLEY_LOST;
  job->progress = value;
  job->progress_fence = fence;
  return GALLEY_OK;
}

enum galley_begun model_begin(struct model *m, int64_t id, int which, const struct model_step *step,
                              bool anew) {
  struct model_job *job = model_job(m, id);
  struct model_step *now = &job->steps[which];
  if (job->cancel_requested)
    return GALLEY_STEP_CANCELLED;
  if (now->state == MODEL_DONE)
    return GALLEY_STEP_DONE;
  if (now->state == MODEL_BEGUN && !anew)
    return GALLEY_STEP_BEGUN;
  *now = *step;
  now->state = MODEL_BEGUN;
  return GALLEY_STEP_NEW;
}

enum galley_rc model_done(struct model *m, int64_t id, int64_t fence, int step, int64_t value) {
  if (!model_holds(m, id, fence))
    return GALLEY_LOST;
  struct model_step *now = &model_job(m, id)->steps[step];
  if (now->state == MODEL_NONE)
    return GALLEY_USAGE;
  if (now->state == MODEL_DONE)
    return now->value == value ? GALLEY_OK : GALLEY_STATE;
  *now = (struct model_step){MODEL_DONE, fence, value};
  return GALLEY_OK;
}

enum galley_rc model_forget(struct model *m, int64_t id, int64_t fence, int step) {
  if (!model_holds(m, id, fence))
    return GALLEY_LOST;
  struct model_step *now = &model_job(m, id)->steps[step];
  if (now->state != MODEL_BEGUN)
    return GALLEY_USAGE;
  *now = (struct model_step){MODEL_NONE, 0, 0};
  return GALLEY_OK;
}

bool model_renew(struct model *m, int64_t id, int64_t fence, int64_t lease_ms) {
  struct model_job *job = model_job(m, id);
  if (!job || job->state != STATE_RUNNING || job->fence != fence)
    return false;
  job->lease_mono_ns = m->mono_ns + lease_ms * 1000000;
  return true;
}

int64_t model_claim(struct model *m, unsigned kinds, int64_t worker_id, int64_t lease_ms) {
  struct model_job *best = NULL;
  for (int64_t i = 0; i < m->n; i++) {
    struct model_job *job = &m->jobs[i];
    if (job->state == STATE_SCHEDULED && job->run_at_ms <= m->now_ms)
      move(m, job, STATE_READY);
    if (job->state == STATE_READY && (kinds & (1u << job->kind)) &&
        (!best || job->priority < best->priority))
      best = job;
  }
  if (!best)
    return 0;
  move(m, best, STATE_RUNNING);
  best->attempt++;
  best->fence++;
  best->worker_id = worker_id;
  best->lease_mono_ns = m->mono_ns + lease_ms * 1000000;
  return best - m->jobs + 1;
}

enum galley_rc model_cancel(struct model *m, int64_t id) {
  struct model_job *job = model_job(m, id);
  if (!job)
    return GALLEY_NONE;
  if (state_ended(job->state))
    return GALLEY_STATE;
  if (job->state == STATE_RUNNING)
    job->cancel_requested = true;
  else
    move(m, job, STATE_CANCELLED);
  return GALLEY_OK;
}

enum galley_rc model_retry(struct model *m, int64_t id) {
  struct model_job *job = model_job(m, id);
  if (!job)
    return GALLEY_NONE;
  bool ended = job->state == STATE_DEAD || job->state == STATE_CANCELLED;
  if ((!ended && job->state != STATE_SCHEDULED) || (ended && holder(m, job->key)))
    return GALLEY_STATE;
  if (ended)
    job->attempt = job->crashes = 0;
  for (int i = 0; job->unknown && i < MODEL_STEPS; i++)
    if (job->steps[i].state == MODEL_BEGUN)
      job->steps[i] = (struct model_step){MODEL_NONE, 0, 0};
  job->unknown = false;
  job->run_at_ms = m->now_ms;
  move(m, job, STATE_READY);
  return GALLEY_OK;
}

int64_t model_crash(struct model *m, int64_t worker_id) {
  int64_t n = 0;
  for (int64_t i = 0; i < m->n; i++) {
    struct model_job *job = &m->jobs[i];
    if (job->state != STATE_RUNNING || job->worker_id != worker_id)
      continue;
    job->attempt--;
    job->crashes++;
    end_attempt(m, job, job->crashes >= GALLEY_CRASHES_MAX ? STATE_DEAD : STATE_READY, 0, 'x');
    n++;
  }
  return n;
}

void model_leave(struct model *m, int64_t worker_id) {
  for (int64_t i = 0; i < m->n; i++) {
    struct model_job *job = &m->jobs[i];
    if (job->state != STATE_RUNNING || job->worker_id != worker_id)
      continue;
    job->attempt--;
    end_attempt(m, job, STATE_READY, 0, 'R');
  }
}

int64_t model_expire(struct model *m) {
  int64_t n = 0;
  for (int64_t i = 0; i < m->n; i++) {
    struct model_job *job = &m->jobs[i];
    if (job->state != STATE_RUNNING || job->lease_mono_ns >= m->mono_ns)
      continue;
    end_attempt(m, job, job->attempt >= job->max_attempts ? STATE_DEAD : STATE_READY, 0, 'e');
    n++;
  }
  return n;
}

int64_t model_count(const struct model *m, int kind, enum state state) {
  int64_t n = 0;
  if (state_ended(state))
    return m->ended[kind][state];
  for (int64_t i = 0; i < m->n; i++)
    n += m->jobs[i].kind == kind && m->jobs[i].state == state;
  return n;
}
