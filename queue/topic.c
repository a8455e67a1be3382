#include "topic.h"

static const char *const sources[] = {"rss",        "reddit", "trends", "autocomplete",
                                      "competitor", "manual", NULL};
static const char *const intents[] = {"informational", "commercial", "transactional",
                                      "navigational", NULL};
static const char *const statuses[] = {"discovered", "validated", "researched", "drafted",
                                       "published",  "archived",  NULL};

#define PRIORITY_DEFAULT 5
#define PRIORITY_MAX     10

static enum galley_rc check(struct galley *q, const struct galley_topic *topic) {
  enum galley_rc rc = content_check(q, &galley_topic_record, topic);
  if (rc == GALLEY_OK)
    rc = content_required(q, "topic: title", topic->title);
  if (rc == GALLEY_OK)
    rc = content_word(q, "topic: source", topic->source, sources);
  if (rc == GALLEY_OK)
    rc = content_word(q, "topic: intent", topic->intent, intents);
  if (rc == GALLEY_OK)
    rc = content_word(q, "topic: status", topic->status, statuses);
  if (rc == GALLEY_OK && (topic->priority < 0 || topic->priority > PRIORITY_MAX))
    rc = error_set(&q->error, GALLEY_INVALID, "topic: priority is %lld, and must be 1 to %d",
                   (long long)topic->priority, PRIORITY_MAX);
  return rc;
}

static int64_t first_of(int64_t a, int64_t b) {
  return a != 0 ? a : b;
}

/* Takes from `base` what was not handed in and may not be lost by that: what has a default, ids of
 * other systems, and a report, which was paid for. */
static struct galley_topic merge(const struct galley_topic *topic,
                                 const struct galley_topic *base) {
  struct galley_topic row = *topic;
  row.source = content_or(topic->source, base->source);
  row.language = content_or(topic->language, base->language);
  row.status = content_or(topic->status, base->status);
  row.priority = first_of(topic->priority, base->priority);
  row.discovered_at_ms = first_of(topic->discovered_at_ms, base->discovered_at_ms);
  row.published_at_ms = first_of(topic->published_at_ms, base->published_at_ms);
  row.notion_id = content_or(topic->notion_id, base->notion_id);
  row.cache_key = content_or(topic->cache_key, base->cache_key);
  if (!topic->research_report) {
    row.research_report = base->research_report;
    row.citations = content_or(topic->citations, base->citations);
    row.word_count = first_of(topic->word_count, base->word_count);
    row.researched_at_ms = first_of(topic->researched_at_ms, base->researched_at_ms);
    row.cost_usd_micros = first_of(topic->cost_usd_micros, base->cost_usd_micros);
  }
  return row;
}

enum galley_rc topic_insert(struct galley *q, const struct galley_topic *topic, int64_t *id) {
  enum galley_rc rc = check(q, topic);
  if (rc != GALLEY_OK)
    return rc;
  int64_t now_ms = handle_now_ms(q);
  const struct galley_topic defaults = {.source = "manual",
                                        .language = "und",
                                        .status = "discovered",
                                        .priority = PRIORITY_DEFAULT,
                                        .discovered_at_ms = now_ms};
  struct galley_topic row = merge(topic, &defaults);
  row.created_at_ms = first_of(topic->created_at_ms, now_ms);
  row.updated_at_ms = first_of(topic->updated_at_ms, now_ms);
  return content_insert(q, SQL_TOPIC_INSERT, &galley_topic_record, &row, id);
}

static enum galley_rc update(struct galley *q, const struct galley_topic *topic) {
  void *found = NULL;
  enum galley_rc rc = check(q, topic);
  if (rc == GALLEY_OK)
    rc = content_get(q, SQL_TOPIC_GET, &galley_topic_record, topic->id, &found);
  if (rc != GALLEY_OK)
    return rc;
  const struct galley_topic *old = found;
  struct galley_topic row = merge(topic, old);
  row.created_at_ms = old->created_at_ms;
  row.updated_at_ms = handle_now_ms(q);
  rc = content_update(q, SQL_TOPIC_UPDATE, &galley_topic_record, &row);
  galley_free(found);
  return rc;
}

enum galley_rc galley_topic_save(struct galley *q, const struct galley_topic *topic, int64_t *id) {
  enum galley_rc rc = tx_enter(q);
  if (rc != GALLEY_OK)
    return rc;
  *id = topic->id;
  return tx_leave(q, topic->id == 0 ? topic_insert(q, topic, id) : update(q, topic));
}

enum galley_rc galley_topic_get(struct galley *q, int64_t id, struct galley_topic **topic) {
  void *row;
  enum galley_rc rc = content_get(q, SQL_TOPIC_GET, &galley_topic_record, id, &row);
  *topic = row;
  return rc;
}

enum galley_rc galley_topics_by_status(struct galley *q, const char *status, int64_t limit,
                                       galley_row_fn *fn, void *arg) {
  const struct content_list list = {.sql = SQL_TOPICS_BY_STATUS,
                                    .record = &galley_topic_record,
                                    .by = CONTENT_BY_TEXT,
                                    .text = status,
                                    .limit = limit};
  return content_each_of(q, &list, "status", statuses, fn, arg);
}

enum galley_rc galley_topics_by_priority(struct galley *q, int64_t min_priority, int64_t limit,
                                         galley_row_fn *fn, void *arg) {
  const struct content_list list = {.sql = SQL_TOPICS_BY_PRIORITY,
                                    .record = &galley_topic_record,
                                    .by = CONTENT_BY_INT,
                                    .n = min_priority,
                                    .limit = limit};
  return content_each(q, &list, fn, arg);
}
