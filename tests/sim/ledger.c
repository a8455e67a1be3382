#include "ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int64_t ledger_tick(struct ledger *ledger) {
  return ++ledger->ticks;
}

int64_t ledger_ask(struct ledger *ledger) {
  return ledger->n_jobs < LEDGER_JOBS_MAX ? (int64_t)++ledger->n_jobs : 0;
}

void ledger_acknowledge(struct ledger *ledger, int64_t token, int64_t id, int64_t begun,
                        bool durable) {
  struct ledger_job *job = &ledger->jobs[token - 1];
  job->id = id;
  job->begun = begun;
  job->acknowledged = ledger_tick(ledger);
  job->durable = durable;
}

void ledger_key(struct ledger *ledger, int64_t token, int key) {
  ledger->jobs[token - 1].key = key;
}

void ledger_claim(struct ledger *ledger, int64_t job_id, int64_t fence) {
  if (job_id < LEDGER_IDS_MAX && fence > ledger->claims[job_id].fence)
    ledger->claims[job_id] = (struct ledger_claim){fence, ledger_tick(ledger)};
}

bool ledger_has_newer(const struct ledger *ledger, int64_t job_id, int64_t fence, int64_t begun) {
  return job_id < LEDGER_IDS_MAX && ledger->claims[job_id].fence > fence &&
         ledger->claims[job_id].acknowledged < begun;
}

bool ledger_end(struct ledger *ledger, const struct galley_settlement *settlement, int64_t begun,
                bool durable) {
  if (ledger->n_ends == LEDGER_ENDS_MAX)
    return false;
  ledger->ends[ledger->n_ends++] = (struct ledger_end){.job_id = settlement->job_id,
                                                       .fence = settlement->fence,
                                                       .outcome = settlement->outcome,
                                                       .begun = begun,
                                                       .acknowledged = ledger_tick(ledger),
                                                       .durable = durable};
  return true;
}

int64_t ledger_any(const struct ledger *ledger, uint64_t number) {
  return ledger->n_jobs > 0 ? ledger->jobs[number % ledger->n_jobs].id : 0;
}

__attribute__((format(printf, 2, 3))) static bool refuse(struct ledger *ledger, const char *format,
                                                         ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(ledger->error, sizeof ledger->error, format, args);
  va_end(args);
  return false;
}

/* ---- reading the database ---- */

static bool find_job(struct ledger *ledger, int64_t id, int64_t token, int key) {
  if (token < 1 || (size_t)token > ledger->n_jobs)
    return refuse(ledger, "job %" PRId64 " has token %" PRId64 ", which nobody gave it", id, token);
  struct ledger_job *job = &ledger->jobs[token - 1];
  if (job->found)
    return refuse(ledger, "job %" PRId64 " is the second with token %" PRId64, id, token);
  if (job->id != 0 && job->id != id)
    return refuse(ledger, "job %" PRId64 " was acknowledged under the id %" PRId64, id, job->id);
  if (job->key != key)
    return refuse(ledger, "job %" PRId64 " has key %d, and was to have %d", id, key, job->key);
  job->found = true;
  return true;
}

static bool find_jobs(struct ledger *ledger, sqlite3 *h) {
  sqlite3_stmt *s = NULL;
  bool good = true;
  int code = sqlite3_prepare_v2(
      h,
      "SELECT id, payload ->> '$.token', CAST(coalesce(substr(unique_key, 5), 0) AS INTEGER)"
      " FROM jobs WHERE parent_id IS NULL",
      -1, &s, NULL);
  while (code == SQLITE_OK && good && (code = sqlite3_step(s)) == SQLITE_ROW) {
    good = find_job(ledger, sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1),
                    sqlite3_column_int(s, 2));
    code = SQLITE_OK;
  }
  if (good && code != SQLITE_DONE)
    good = refuse(ledger, "the jobs cannot be read: code %d/%d", code, sqlite3_extended_errcode(h));
  sqlite3_finalize(s);
  return good;
}

/* What the attempt's row may say about an end that was asked for: somebody may have wanted the job
 * cancelled, and attempts may be spent. */
static bool fits(enum galley_outcome outcome, const char *row) {
  static const char *const rows[] = {
      [GALLEY_DONE] = "done",
      [GALLEY_RETRY] = "retry dead cancelled",
      [GALLEY_SNOOZE] = "snooze cancelled",
      [GALLEY_DEAD] = "dead",
      [GALLEY_CANCELLED] = "cancelled",
      [GALLEY_RETURNED] = "returned cancelled",
  };
  return strstr(rows[outcome], row) != NULL;
}

static bool find_ends(struct ledger *ledger, sqlite3 *h) {
  sqlite3_stmt *s = NULL;
  bool good = true;
  int code = sqlite3_prepare_v2(h, "SELECT outcome FROM job_attempts WHERE job_id=?1 AND fence=?2",
                                -1, &s, NULL);
  for (size_t i = 0; good && code == SQLITE_OK && i < ledger->n_ends; i++) {
    struct ledger_end *end = &ledger->ends[i];
    sqlite3_bind_int64(s, 1, end->job_id);
    sqlite3_bind_int64(s, 2, end->fence);
    int step = sqlite3_step(s);
    end->found = step == SQLITE_ROW;
    if (end->found && !fits(end->outcome, (const char *)sqlite3_column_text(s, 0)))
      good = refuse(ledger, "attempt %" PRId64 " of job %" PRId64 " did not end as acknowledged",
                    end->fence, end->job_id);
    else if (step != SQLITE_ROW && step != SQLITE_DONE)
      code = step;
    sqlite3_reset(s);
  }
  if (good && code != SQLITE_OK)
    good = refuse(ledger, "the attempts cannot be read: code %d/%d", code,
                  sqlite3_extended_errcode(h));
  sqlite3_finalize(s);
  return good;
}

static bool read_all(struct ledger *ledger, sqlite3 *h) {
  for (size_t i = 0; i < ledger->n_jobs; i++)
    ledger->jobs[i].found = false;
  return find_jobs(ledger, h) && find_ends(ledger, h);
}

/* ---- comparing ---- */

struct span {
  int64_t last_begun;         /* of what is there */
  int64_t first_acknowledged; /* of what is lost */
};

static void span_add(struct span *span, bool found, int64_t begun, int64_t acknowledged) {
  if (found && begun > span->last_begun)
    span->last_begun = begun;
  if (!found && acknowledged < span->first_acknowledged)
    span->first_acknowledged = acknowledged;
}

static bool compare_jobs(struct ledger *ledger, bool power_cut, struct span *span) {
  for (size_t i = 0; i < ledger->n_jobs; i++) {
    struct ledger_job *job = &ledger->jobs[i];
    if (job->id == 0)
      continue;
    if (!job->found && !(power_cut && !job->durable))
      return refuse(ledger, "job %" PRId64 " (token %" PRId64 ") was acknowledged, and is lost",
                    job->id, (int64_t)i + 1);
    span_add(span, job->found, job->begun, job->acknowledged);
    if (!job->found) {
      job->id = 0;
      ledger->lost++;
    }
  }
  return true;
}

static bool compare_ends(struct ledger *ledger, bool power_cut, struct span *span) {
  size_t kept = 0;
  for (size_t i = 0; i < ledger->n_ends; i++) {
    const struct ledger_end *end = &ledger->ends[i];
    if (!end->found && !(power_cut && !end->durable))
      return refuse(ledger, "the end of attempt %" PRId64 " of job %" PRId64 " is lost", end->fence,
                    end->job_id);
    span_add(span, end->found, end->begun, end->acknowledged);
    if (end->found)
      ledger->ends[kept++] = *end;
  }
  ledger->lost += (int64_t)(ledger->n_ends - kept);
  ledger->n_ends = kept;
  return true;
}

bool ledger_survives(struct ledger *ledger, sqlite3 *h, bool power_cut) {
  if (power_cut)
    memset(ledger->claims, 0, sizeof ledger->claims); /* fences may be given again */
  struct span span = {0, INT64_MAX};
  if (!read_all(ledger, h) || !compare_jobs(ledger, power_cut, &span) ||
      !compare_ends(ledger, power_cut, &span))
    return false;
  if (span.first_acknowledged < span.last_begun)
    return refuse(ledger,
                  "no suffix: what was acknowledged at %" PRId64 " is lost, what began at %" PRId64
                  " is there",
                  span.first_acknowledged, span.last_begun);
  return true;
}
