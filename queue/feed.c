#include "content.h"

#include <string.h>
#include <strings.h>

static const char *const statuses[] = {"active", "gone", "paused", NULL};

#define INTERVAL_DEFAULT_MS 3600000 /* 1 hour */
#define INTERVAL_MIN_MS     1000
#define INTERVAL_MAX_MS     31536000000 /* 365 days */

static bool is_http(const char *url) {
  size_t scheme = strncasecmp(url, "http://", 7) == 0    ? 7
                  : strncasecmp(url, "https://", 8) == 0 ? 8
                                                         : 0;
  if (scheme == 0 || strchr("/?#", url[scheme]))
    return false;
  for (const char *c = url; *c; c++)
    if ((unsigned char)*c <= ' ' || *c == 0x7f)
      return false;
  return true;
}

static enum galley_rc check(struct galley *q, const struct galley_feed *feed) {
  enum galley_rc rc = content_check(q, &galley_feed_record, feed);
  if (rc == GALLEY_OK)
    rc = content_required(q, "feed: url", feed->url);
  if (rc == GALLEY_OK && !is_http(feed->url))
    rc = error_set(&q->error, GALLEY_INVALID,
                   "feed: url \"%.200s\" is not an http:// or https:// address", feed->url);
  if (rc == GALLEY_OK)
    rc = content_word(q, "feed: status", feed->status, statuses);
  if (rc == GALLEY_OK && feed->interval_ms != 0 &&
      (feed->interval_ms < INTERVAL_MIN_MS || feed->interval_ms > INTERVAL_MAX_MS))
    rc = error_set(&q->error, GALLEY_INVALID, "feed: interval_ms is %lld, and must be %d to %lld",
                   (long long)feed->interval_ms, INTERVAL_MIN_MS, (long long)INTERVAL_MAX_MS);
  return rc;
}

static enum galley_rc find(struct galley *q, const char *url, void **row) {
  struct stmt *stmt;
  *row = NULL;
  enum galley_rc rc = db_stmt(q->db, SQL_FEED_BY_URL, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_text(q->db, stmt, 1, url);
  return record_one(q->db, stmt, &galley_feed_record, row);
}

/* Changes the feed that has the URL. One that was gone starts anew. */
static enum galley_rc change(struct galley *q, const struct galley_feed *feed, int64_t *id) {
  void *found = NULL;
  enum galley_rc rc = find(q, feed->url, &found);
  if (rc == GALLEY_NONE)
    return error_set(&q->error, GALLEY_INTERNAL, "the feed in the way is not to be found");
  if (rc != GALLEY_OK)
    return rc;
  struct galley_feed row = *(const struct galley_feed *)found;
  *id = row.id;
  row.title = content_or(feed->title, row.title);
  row.language = content_or(feed->language, row.language);
  row.market = content_or(feed->market, row.market);
  if (strcmp(row.status, "gone") == 0) {
    row.status = "active";
    row.error = NULL;
    row.failures = 0;
    row.next_fetch_at_ms = 0;
  }
  rc = content_update(q, SQL_FEED_UPDATE, &galley_feed_record, &row);
  galley_free(found);
  return rc;
}

static enum galley_rc add(struct galley *q, const struct galley_feed *feed, int64_t *id,
                          bool *existing) {
  enum galley_rc rc = check(q, feed);
  if (rc != GALLEY_OK)
    return rc;
  struct galley_feed row = *feed;
  row.id = 0;
  row.status = content_or(feed->status, "active");
  row.interval_ms = feed->interval_ms ? feed->interval_ms : INTERVAL_DEFAULT_MS;
  row.created_at_ms = feed->created_at_ms ? feed->created_at_ms : handle_now_ms(q);
  rc = content_insert(q, SQL_FEED_INSERT, &galley_feed_record, &row, id);
  *existing = rc == GALLEY_NONE;
  return *existing ? change(q, feed, id) : rc;
}

enum galley_rc galley_feed_add(struct galley *q, const struct galley_feed *feed, int64_t *id,
                               bool *existing) {
  bool ignored;
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, add(q, feed, id, existing ? existing : &ignored)) : rc;
}

enum galley_rc galley_feed_get(struct galley *q, int64_t id, struct galley_feed **feed) {
  void *row;
  enum galley_rc rc = content_get(q, SQL_FEED_GET, &galley_feed_record, id, &row);
  *feed = row;
  return rc;
}

static enum galley_rc drop(struct galley *q, int64_t id) {
  struct stmt *stmt;
  int64_t changed = 0;
  enum galley_rc rc = db_stmt(q->db, SQL_FEED_DELETE, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, stmt, 1, id);
  rc = stmt_run(q->db, stmt, &changed);
  if (rc == GALLEY_OK && changed == 0)
    return error_set(&q->error, GALLEY_NONE, "there is no feed %lld", (long long)id);
  return rc;
}

enum galley_rc galley_feed_remove(struct galley *q, int64_t id) {
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, drop(q, id)) : rc;
}

/* The address may be new, as long as no other feed has it. */
static enum galley_rc check_url_is_free(struct galley *q, const struct galley_feed *feed) {
  void *found = NULL;
  enum galley_rc rc = find(q, feed->url, &found);
  if (rc != GALLEY_OK)
    return rc == GALLEY_NONE ? GALLEY_OK : rc;
  int64_t owner = ((const struct galley_feed *)found)->id;
  galley_free(found);
  if (owner == feed->id)
    return GALLEY_OK;
  return error_set(&q->error, GALLEY_INVALID, "feed %lld: url \"%.200s\" is that of feed %lld",
                   (long long)feed->id, feed->url, (long long)owner);
}

static enum galley_rc update(struct galley *q, const struct galley_feed *feed) {
  void *found = NULL;
  enum galley_rc rc = check(q, feed);
  if (rc == GALLEY_OK)
    rc = content_get(q, SQL_FEED_GET, &galley_feed_record, feed->id, &found);
  if (rc == GALLEY_OK)
    rc = check_url_is_free(q, feed);
  if (rc == GALLEY_OK) {
    const struct galley_feed *old = found;
    struct galley_feed row = *feed;
    row.created_at_ms = old->created_at_ms;
    row.status = content_or(feed->status, old->status);
    if (feed->interval_ms == 0)
      row.interval_ms = old->interval_ms;
    rc = content_update(q, SQL_FEED_UPDATE, &galley_feed_record, &row);
  }
  galley_free(found);
  return rc;
}

enum galley_rc galley_feed_update(struct galley *q, const struct galley_feed *feed) {
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, update(q, feed)) : rc;
}

enum galley_rc galley_feeds(struct galley *q, galley_row_fn *fn, void *arg) {
  const struct content_list list = {
      .sql = SQL_FEEDS, .record = &galley_feed_record, .limit = CONTENT_LIMIT_MAX};
  return content_each(q, &list, fn, arg);
}
