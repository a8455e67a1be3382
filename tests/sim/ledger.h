/*
 * ledger.h - what the queue has acknowledged, kept outside of it, and the comparison of the two.
 *
 * Each enqueue carries a token in its payload, {"token":N}, which no other has. An entry knows when
 * its call began and when it was acknowledged: of two entries whose calls did not overlap, the
 * first was committed first. So after a power cut nothing that is there may have begun after
 * something that is lost was acknowledged: what is lost is a suffix.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include "galley.h"

#include <sqlite3.h>

#define LEDGER_JOBS_MAX 8192
#define LEDGER_ENDS_MAX 32768
#define LEDGER_IDS_MAX  16384 /* jobs with larger ids are not followed from claim to claim */
#define LEDGER_TEXT_MAX 256

struct ledger_job {
  int64_t id; /* 0: not acknowledged, or taken back by a power cut */
  int64_t begun, acknowledged;
  bool durable;
  int key; /* number of its unique key; 0: none */
  bool found;
};

struct ledger_claim { /* the newest of a job that its worker has heard of */
  int64_t fence, acknowledged;
};

struct ledger_end { /* of an attempt */
  int64_t job_id, fence;
  enum galley_outcome outcome;
  int64_t begun, acknowledged;
  bool durable;
  bool found;
};

struct ledger {
  struct ledger_job jobs[LEDGER_JOBS_MAX]; /* token N is jobs[N - 1] */
  size_t n_jobs;
  struct ledger_end ends[LEDGER_ENDS_MAX];
  size_t n_ends;
  struct ledger_claim claims[LEDGER_IDS_MAX]; /* by job */
  int64_t ticks;
  int64_t lost;                /* entries that power cuts took back */
  char error[LEDGER_TEXT_MAX]; /* the sentence of a comparison that failed */
};

/* A moment, later than all before. */
int64_t ledger_tick(struct ledger *ledger);
/* A new token; 0 when there are no more. The job shall have this key. */
int64_t ledger_ask(struct ledger *ledger);
void ledger_key(struct ledger *ledger, int64_t token, int key);
void ledger_acknowledge(struct ledger *ledger, int64_t token, int64_t id, int64_t begun,
                        bool durable);
/* False when the ledger is full. */
bool ledger_end(struct ledger *ledger, const struct galley_settlement *settlement, int64_t begun,
                bool durable);
void ledger_claim(struct ledger *ledger, int64_t job_id, int64_t fence);
/* Whether a claim with a newer fence had been heard of before `begun`. */
bool ledger_has_newer(const struct ledger *ledger, int64_t job_id, int64_t fence, int64_t begun);
/* A job id for somebody who picks one: 0 when there is none. */
int64_t ledger_any(const struct ledger *ledger, uint64_t number);

/* Compare with the database; false leaves a sentence in error. After a power cut what was lost is
 * struck out; at any other time nothing may be missing. */
bool ledger_survives(struct ledger *ledger, sqlite3 *h, bool power_cut);

#endif
