/*
 * record.h - rows as structs. Each list below names the columns of a table and the members of its
 * struct after the first one, in one order; from it come the SELECT lists, the reader, and the
 * public descriptors.
 */
#ifndef RECORD_H
#define RECORD_H

#include "db.h"

/* Read as paragraphs, which the formatter would make into stairs. */
/* clang-format off */
#define JOB_FIELDS(F)                                                                              \
  F(kind, TEXT) F(payload, JSON) F(state, TEXT) F(priority, INT) F(run_at_ms, TIME)                \
  F(attempt, INT) F(max_attempts, INT) F(crashes, INT) F(timeout_ms, INT) F(unique_key, TEXT)      \
  F(fence, INT) F(worker_id, ID) F(lease_mono_ns, ID) F(result, JSON) F(cost_usd_micros, INT)      \
  F(error_class, TEXT) F(error, TEXT) F(parent_id, ID) F(workflow_id, ID) F(created_at_ms, TIME)   \
  F(started_at_ms, TIME) F(finished_at_ms, TIME)

#define ATTEMPT_FIELDS(F)                                                                          \
  F(fence, INT) F(attempt, INT) F(worker_id, ID) F(outcome, TEXT) F(error_class, TEXT)             \
  F(error, TEXT) F(http_status, ID) F(tokens_in, INT) F(tokens_out, INT) F(cost_usd_micros, INT)   \
  F(started_at_ms, TIME) F(ended_at_ms, TIME)

#define STEP_FIELDS(F)                                                                             \
  F(name, TEXT) F(idempotency_key, TEXT) F(intent, JSON) F(state, TEXT) F(fence, INT)              \
  F(result, JSON) F(began_at_ms, TIME) F(ended_at_ms, TIME)

#define PROGRESS_FIELDS(F) F(fence, INT) F(at_ms, TIME) F(progress, JSON)

#define WORKER_FIELDS(F)                                                                           \
  F(pid, INT) F(host, TEXT) F(boot_id, TEXT) F(kinds, JSON) F(slots, INT) F(started_at_ms, TIME)   \
  F(stopped_at_ms, TIME)

#define DOCUMENT_FIELDS(F)                                                                         \
  F(source, TEXT) F(source_url, TEXT) F(title, TEXT) F(content, TEXT) F(summary, TEXT)             \
  F(language, TEXT) F(domain, TEXT) F(market, TEXT) F(vertical, TEXT) F(content_hash, TEXT)        \
  F(canonical_url, TEXT) F(published_at_ms, TIME) F(fetched_at_ms, TIME) F(author, TEXT)           \
  F(entities, JSON) F(keywords, JSON) F(reliability_score, REAL) F(paywall, BOOL) F(status, TEXT)  \
  F(feed_id, ID) F(guid, TEXT)

#define TOPIC_FIELDS(F)                                                                            \
  F(title, TEXT) F(description, TEXT) F(cluster_label, TEXT) F(source, TEXT) F(source_url, TEXT)   \
  F(discovered_at_ms, TIME) F(domain, TEXT) F(market, TEXT) F(language, TEXT) F(intent, TEXT)      \
  F(engagement_score, REAL) F(trending_score, REAL) F(priority, INT) F(content_score, REAL)        \
  F(research_report, TEXT) F(citations, JSON) F(word_count, INT) F(minhash_signature, TEXT)        \
  F(status, TEXT) F(notion_id, TEXT) F(cache_key, TEXT) F(researched_at_ms, TIME)                  \
  F(cost_usd_micros, INT) F(created_at_ms, TIME) F(updated_at_ms, TIME) F(published_at_ms, TIME)

#define POST_FIELDS(F)                                                                             \
  F(slug, TEXT) F(title, TEXT) F(content, TEXT) F(excerpt, TEXT) F(meta_description, TEXT)         \
  F(keywords, JSON) F(primary_keyword, TEXT) F(word_count, INT) F(language, TEXT)                  \
  F(brand_voice, TEXT) F(target_audience, TEXT) F(hero_image_url, TEXT) F(hero_image_alt, TEXT)    \
  F(supporting_images, JSON) F(research_topic_id, ID) F(cluster_id, TEXT) F(cluster_role, TEXT)    \
  F(internal_links, JSON) F(notion_id, TEXT) F(notion_synced_at_ms, TIME) F(status, TEXT)          \
  F(created_at_ms, TIME) F(updated_at_ms, TIME) F(published_at_ms, TIME)

#define SOCIAL_FIELDS(F)                                                                           \
  F(blog_post_id, ID) F(platform, TEXT) F(content, TEXT) F(image_url, TEXT)                        \
  F(image_provider, TEXT) F(hashtags, JSON) F(character_count, INT) F(language, TEXT)              \
  F(notion_id, TEXT) F(notion_synced_at_ms, TIME) F(status, TEXT) F(scheduled_at_ms, TIME)         \
  F(created_at_ms, TIME) F(updated_at_ms, TIME) F(published_at_ms, TIME)

#define PUBLICATION_FIELDS(F)                                                                      \
  F(blog_post_id, ID) F(target, TEXT) F(remote_id, TEXT) F(remote_url, TEXT)                       \
  F(content_hash, TEXT) F(job_id, ID) F(created_at_ms, TIME) F(updated_at_ms, TIME)

#define FEED_FIELDS(F)                                                                             \
  F(url, TEXT) F(title, TEXT) F(language, TEXT) F(market, TEXT) F(etag, TEXT)                      \
  F(last_modified, TEXT) F(status, TEXT) F(error, TEXT) F(failures, INT) F(moved_count, INT)       \
  F(moved_to, TEXT) F(interval_ms, INT) F(next_fetch_at_ms, TIME) F(fetched_at_ms, TIME)           \
  F(created_at_ms, TIME)
/* clang-format on */

/* The SELECT lists. */
#define RECORD_COLUMN(name, type) ", " #name
#define JOB_COLUMNS               "id" JOB_FIELDS(RECORD_COLUMN)
#define ATTEMPT_COLUMNS           "job_id" ATTEMPT_FIELDS(RECORD_COLUMN)
#define STEP_COLUMNS              "job_id" STEP_FIELDS(RECORD_COLUMN)
#define PROGRESS_COLUMNS          "job_id" PROGRESS_FIELDS(RECORD_COLUMN)
#define WORKER_COLUMNS            "id" WORKER_FIELDS(RECORD_COLUMN)
#define DOCUMENT_COLUMNS          "id" DOCUMENT_FIELDS(RECORD_COLUMN)
#define TOPIC_COLUMNS             "id" TOPIC_FIELDS(RECORD_COLUMN)
#define POST_COLUMNS              "id" POST_FIELDS(RECORD_COLUMN)
#define SOCIAL_COLUMNS            "id" SOCIAL_FIELDS(RECORD_COLUMN)
#define PUBLICATION_COLUMNS       "id" PUBLICATION_FIELDS(RECORD_COLUMN)
#define FEED_COLUMNS              "id" FEED_FIELDS(RECORD_COLUMN)

/* Makes the struct of the current row (columns in the record's order from column 0): one
 * allocation, released with galley_free. */
GALLEY_MUST_USE enum galley_rc record_read(struct db *db, struct stmt *stmt,
                                           const struct galley_record *record, void **row);
/* Reads the one row of a bound statement and resets it; GALLEY_NONE without a row. */
GALLEY_MUST_USE enum galley_rc record_one(struct db *db, struct stmt *stmt,
                                          const struct galley_record *record, void **row);
/* Hands each row of a bound statement to fn, until the end or until fn says false. */
GALLEY_MUST_USE enum galley_rc record_each(struct db *db, struct stmt *stmt,
                                           const struct galley_record *record, galley_row_fn *fn,
                                           void *arg);
/* Whether two rows are the same, member by member. */
bool record_equal(const struct galley_record *record, const void *a, const void *b);
/* Binds the members from number `from` (0 is the first member) to parameters 1, 2, ... in order. */
void record_bind(struct db *db, struct stmt *stmt, const struct galley_record *record, size_t from,
                 const void *row);

#endif
