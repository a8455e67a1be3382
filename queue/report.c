/* Topics as the cache of research: who may research one, and what came of it. */
#include "content.h"
#include "hold.h"
#include "topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_FIELDS 7

/* The fields folded and joined by tabs, which folding leaves in none of them. The topic stands
 * first, since it tells most. */
static enum galley_rc cache_key(struct galley *q, const struct galley_research_key *key,
                                char **out) {
  const struct {
    const char *name;
    const char *value;
  } fields[KEY_FIELDS] = {{"topic", key->topic},
                          {"language", key->language},
                          {"market", key->market},
                          {"depth", key->depth},
                          {"provider", key->provider},
                          {"model", key->model},
                          {"prompt_version", key->prompt_version}};
  char *text = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&text, &size);
  if (!stream)
    return error_set(&q->error, GALLEY_NO_MEMORY, "no memory for a cache key");
  enum galley_rc rc = GALLEY_OK;
  for (size_t i = 0; rc == GALLEY_OK && i < KEY_FIELDS; i++) {
    char *folded = galley_text_fold(fields[i].value ? fields[i].value : "");
    if (!folded)
      rc = error_set(&q->error, GALLEY_INVALID, "research key: %s is not UTF-8", fields[i].name);
    else if (i == 0 && !*folded)
      rc = error_set(&q->error, GALLEY_INVALID, "research key: topic is blank");
    else
      fprintf(stream, "%s%s", i ? "\t" : "", folded);
    galley_free(folded);
  }
  bool written = !ferror(stream);
  if ((fclose(stream) != 0 || !written) && rc == GALLEY_OK)
    rc = error_set(&q->error, GALLEY_NO_MEMORY, "no memory for a cache key");
  if (rc != GALLEY_OK) {
    free(text);
    return rc;
  }
  *out = text;
  return GALLEY_OK;
}

/* Whether this attempt of this job is running now. */
static enum galley_rc is_running(struct galley *q, int64_t job_id, int64_t fence, bool *running) {
  struct stmt *stmt;
  int64_t one;
  enum galley_rc rc = db_stmt(q->db, SQL_TOPIC_HOLDER, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, stmt, 1, job_id);
  stmt_int(q->db, stmt, 2, fence);
  rc = stmt_value(q->db, stmt, &one);
  *running = rc == GALLEY_OK;
  return rc == GALLEY_NONE ? GALLEY_OK : rc;
}

/* The topic of the key; made when it is missing. */
static enum galley_rc find_or_make(struct galley *q, const struct galley_research_key *key,
                                   const char *cache_key, int64_t *id) {
  struct stmt *stmt;
  enum galley_rc rc = db_stmt(q->db, SQL_TOPIC_ID_BY_KEY, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_text(q->db, stmt, 1, cache_key);
  rc = stmt_value(q->db, stmt, id);
  if (rc != GALLEY_NONE)
    return rc;
  const struct galley_topic topic = {.title = key->topic,
                                     .language = key->language,
                                     .market = key->market,
                                     .cache_key = cache_key};
  return topic_insert(q, &topic, id);
}

struct cache {
  bool has_report;
  int64_t researched_at_ms;
  int64_t job_id; /* of the reservation; 0: none */
  int64_t fence;
};

static enum galley_rc read_cache(struct galley *q, int64_t id, struct cache *cache) {
  struct stmt *stmt;
  enum galley_rc rc = db_stmt(q->db, SQL_TOPIC_CACHE, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, stmt, 1, id);
  rc = stmt_row(q->db, stmt);
  if (rc == GALLEY_NONE)
    return error_set(&q->error, GALLEY_INTERNAL, "topic %lld is not to be found", (long long)id);
  if (rc != GALLEY_OK)
    return rc;
  cache->has_report = stmt_column_int(q->db, stmt, 0) != 0;
  cache->researched_at_ms = stmt_column_int(q->db, stmt, 1);
  cache->job_id = stmt_column_int(q->db, stmt, 2);
  cache->fence = stmt_column_int(q->db, stmt, 3);
  stmt_reset(q->db, stmt);
  return GALLEY_OK;
}

static enum galley_rc write_reservation(struct galley *q, int64_t id, int64_t job_id,
                                        int64_t fence) {
  struct stmt *stmt;
  enum galley_rc rc = db_stmt(q->db, SQL_TOPIC_RESERVE, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, stmt, 1, id);
  stmt_int(q->db, stmt, 2, job_id);
  stmt_int(q->db, stmt, 3, fence);
  return stmt_run(q->db, stmt, NULL);
}

struct reservation {
  int64_t max_age_ms;
  int64_t job_id;
  int64_t fence;
};

static enum galley_rc reserve_topic(struct galley *q, int64_t id, const struct reservation *want,
                                    enum galley_reserved *reserved) {
  struct cache cache = {0};
  bool other = false;
  enum galley_rc rc = read_cache(q, id, &cache);
  if (rc != GALLEY_OK)
    return rc;
  if (want->max_age_ms > 0 && cache.has_report &&
      cache.researched_at_ms >= handle_now_ms(q) - want->max_age_ms) {
    *reserved = GALLEY_RESERVED_HIT;
    return GALLEY_OK;
  }
  if (cache.job_id != 0 && cache.job_id != want->job_id)
    rc = is_running(q, cache.job_id, cache.fence, &other);
  if (rc != GALLEY_OK)
    return rc;
  *reserved = other ? GALLEY_RESERVED_BUSY : GALLEY_RESERVED_MINE;
  return other ? GALLEY_OK : write_reservation(q, id, want->job_id, want->fence);
}

static enum galley_rc reserve(struct galley *q, const struct galley_research_key *key,
                              const struct reservation *want, int64_t *topic_id,
                              enum galley_reserved *reserved) {
  struct hold_view view;
  char *text = NULL;
  if (want->max_age_ms < 0)
    return error_set(&q->error, GALLEY_USAGE, "max_age_ms is negative");
  enum galley_rc rc = hold_show(q, want->job_id, want->fence, NULL, &view);
  if (rc == GALLEY_OK)
    rc = cache_key(q, key, &text);
  if (rc == GALLEY_OK)
    rc = find_or_make(q, key, text, topic_id);
  if (rc == GALLEY_OK)
    rc = reserve_topic(q, *topic_id, want, reserved);
  free(text);
  return rc;
}

enum galley_rc galley_topic_reserve(struct galley *q, const struct galley_research_key *key,
                                    int64_t max_age_ms, int64_t job_id, int64_t fence,
                                    int64_t *topic_id, enum galley_reserved *reserved) {
  const struct reservation want = {.max_age_ms = max_age_ms, .job_id = job_id, .fence = fence};
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, reserve(q, key, &want, topic_id, reserved)) : rc;
}

static enum galley_rc write_report(struct galley *q, int64_t topic_id,
                                   const struct galley_report *report) {
  struct stmt *stmt;
  int64_t changed = 0;
  const struct galley_topic texts = {.research_report = report->markdown,
                                     .citations = report->citations};
  enum galley_rc rc = content_required(q, "report: markdown", report->markdown);
  if (rc == GALLEY_OK)
    rc = content_check(q, &galley_topic_record, &texts);
  if (rc == GALLEY_OK)
    rc = db_stmt(q->db, SQL_TOPIC_REPORT, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, stmt, 1, topic_id);
  stmt_text(q->db, stmt, 2, report->markdown);
  stmt_text(q->db, stmt, 3, report->citations);
  stmt_int(q->db, stmt, 4, report->word_count);
  stmt_int(q->db, stmt, 5, report->cost_usd_micros);
  stmt_int(q->db, stmt, 6, handle_now_ms(q));
  rc = stmt_run(q->db, stmt, &changed);
  /* Not GALLEY_NONE: what was paid for has no place to go, and that must fail the transaction. */
  if (rc == GALLEY_OK && changed == 0)
    rc =
        error_set(&q->error, GALLEY_INVALID, "report: there is no topic %lld", (long long)topic_id);
  return rc;
}

enum galley_rc galley_topic_report(struct galley *q, int64_t topic_id,
                                   const struct galley_report *report) {
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, write_report(q, topic_id, report)) : rc;
}
