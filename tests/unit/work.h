/*
 * work.h - short hands for tests that enqueue, claim and settle jobs through the public interface.
 * Each fails the test when a call that must work does not.
 */
#ifndef WORK_H
#define WORK_H

#include "galley.h"

#define WORK_LEASE_MS 60000

/* A worker of this handle. */
int64_t work_join(struct galley *q);
/* A job, by its kind alone or as the spec says. */
int64_t work_enqueue(struct galley *q, const char *kind);
int64_t work_add(struct galley *q, const struct galley_spec *spec);
/* Claims up to max jobs of these kinds into jobs[max]; how many. Each is released by the caller. */
size_t work_claim(struct galley *q, int64_t worker_id, const char *const *kinds, size_t n_kinds,
                  size_t max, struct galley_job **jobs);
/* Claims one job of one kind; NULL when there is none. */
struct galley_job *work_claim_one(struct galley *q, int64_t worker_id, const char *kind);
/* Enqueues and claims a job of this kind, which must be the first in its line. */
struct galley_job *work_start(struct galley *q, int64_t worker_id, const char *kind);
/* Settles in a turn that must work, and answers what became of the settlement. */
enum galley_rc work_settle(struct galley *q, struct galley_settlement *settlement);
/* Settles this claim, which must hold, and releases it. */
void work_end(struct galley *q, struct galley_job *job, enum galley_outcome outcome);

struct galley_job *work_get(struct galley *q, int64_t id);
/* Fails the test, naming the line, unless the job is in this state. */
#define work_state(q, id, state) work_state_at((q), (id), (state), __LINE__)
void work_state_at(struct galley *q, int64_t id, const char *state, int line);
/* Fails unless the outcomes of the job's attempts, oldest first, read like this: "retry done". */
#define work_attempts(q, id, outcomes) work_attempts_at((q), (id), (outcomes), __LINE__)
void work_attempts_at(struct galley *q, int64_t id, const char *outcomes, int line);
/* What galley_stats counts for a kind and state; 0 without a row. */
int64_t work_count(struct galley *q, const char *kind, const char *state);

#endif
