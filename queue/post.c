#include "content.h"
#include "slug.h"

#include <stdio.h>
#include <string.h>

static const char *const statuses[] = {"draft", "ready", "scheduled", "published", NULL};
static const char *const roles[] = {"standalone", "hub", "spoke", NULL};

#define SLUG_TRIES_MAX 10000 /* posts of one slug and language, numbered */

static enum galley_rc check(struct galley *q, const struct galley_post *post) {
  enum galley_rc rc = content_check(q, &galley_post_record, post);
  if (rc == GALLEY_OK)
    rc = content_required(q, "post: title", post->title);
  if (rc == GALLEY_OK)
    rc = content_required(q, "post: content", post->content);
  if (rc == GALLEY_OK)
    rc = content_word(q, "post: status", post->status, statuses);
  if (rc == GALLEY_OK)
    rc = content_word(q, "post: cluster_role", post->cluster_role, roles);
  if (rc == GALLEY_OK && post->word_count < 0)
    rc = error_set(&q->error, GALLEY_INVALID, "post: word_count is negative");
  if (rc == GALLEY_OK)
    rc = content_reference(q, "post: research_topic_id", SQL_TOPIC_EXISTS, post->research_topic_id);
  return rc;
}

static enum galley_rc slug_taken(struct galley *q, const char *slug, const char *language,
                                 bool *taken) {
  struct stmt *stmt;
  int64_t id;
  enum galley_rc rc = db_stmt(q->db, SQL_POST_ID_BY_SLUG, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_text(q->db, stmt, 1, slug);
  stmt_text(q->db, stmt, 2, language);
  rc = stmt_value(q->db, stmt, &id);
  *taken = rc == GALLEY_OK;
  return rc == GALLEY_NONE ? GALLEY_OK : rc;
}

/* A slug that no post of the language has: the wish itself, or numbered from 2 on. It stays free,
 * since this runs inside the transaction that takes it. */
static enum galley_rc free_slug(struct galley *q, const char *wish, const char *language,
                                char slug[GALLEY_SLUG_MAX + 1]) {
  char base[GALLEY_SLUG_MAX + 1];
  galley_slug(wish, base);
  memcpy(slug, base, sizeof base);
  for (int n = 2; n <= SLUG_TRIES_MAX + 1; n++) {
    bool taken;
    enum galley_rc rc = slug_taken(q, slug, language, &taken);
    if (rc != GALLEY_OK || !taken)
      return rc;
    char number[16];
    int digits = snprintf(number, sizeof number, "-%d", n);
    memcpy(slug, base, sizeof base);
    slug_cut(slug, GALLEY_SLUG_MAX - (size_t)digits);
    memcpy(slug + strlen(slug), number, (size_t)digits + 1);
  }
  return error_set(&q->error, GALLEY_INVALID, "post: %d posts have the slug \"%s\"; give another",
                   SLUG_TRIES_MAX, base);
}

static enum galley_rc find_old(struct galley *q, const struct galley_post *post,
                               const char *language, void **old) {
  struct stmt *stmt;
  *old = NULL;
  if (post->id != 0)
    return content_get(q, SQL_POST_GET, &galley_post_record, post->id, old);
  if (post->research_topic_id == 0)
    return GALLEY_NONE;
  enum galley_rc rc = db_stmt(q->db, SQL_POST_BY_TOPIC, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, stmt, 1, post->research_topic_id);
  stmt_text(q->db, stmt, 2, language);
  return record_one(q->db, stmt, &galley_post_record, old);
}

static enum galley_rc insert(struct galley *q, const struct galley_post *post, const char *language,
                             int64_t *id) {
  char slug[GALLEY_SLUG_MAX + 1];
  const char *wish = content_or(post->slug, post->title);
  enum galley_rc rc = free_slug(q, wish, language, slug);
  if (rc != GALLEY_OK)
    return rc;
  int64_t now_ms = handle_now_ms(q);
  struct galley_post row = *post;
  row.slug = slug;
  row.language = language;
  row.status = content_or(post->status, "draft");
  row.cluster_role = content_or(post->cluster_role, "standalone");
  row.created_at_ms = post->created_at_ms ? post->created_at_ms : now_ms;
  row.updated_at_ms = post->updated_at_ms ? post->updated_at_ms : now_ms;
  return content_insert(q, SQL_POST_INSERT, &galley_post_record, &row, id);
}

/* The address of a post never changes, nor does what is published become a draft again, nor are the
 * ids lost that it has elsewhere. */
static enum galley_rc update(struct galley *q, const struct galley_post *post,
                             const struct galley_post *old) {
  bool published = strcmp(old->status, "published") == 0;
  struct galley_post row = *post;
  row.id = old->id;
  row.slug = old->slug;
  row.language = content_or(post->language, old->language);
  row.status = published ? old->status : content_or(post->status, old->status);
  row.cluster_role = content_or(post->cluster_role, old->cluster_role);
  row.notion_id = content_or(post->notion_id, old->notion_id);
  if (post->notion_synced_at_ms == 0)
    row.notion_synced_at_ms = old->notion_synced_at_ms;
  if (old->published_at_ms != 0)
    row.published_at_ms = old->published_at_ms;
  row.created_at_ms = old->created_at_ms;
  row.updated_at_ms = old->updated_at_ms;
  if (record_equal(&galley_post_record, &row, old))
    return GALLEY_OK; /* saved again as it is: its date of change stays, and with it what is
                         published */
  row.updated_at_ms = handle_now_ms(q);
  return content_update(q, SQL_POST_UPDATE, &galley_post_record, &row);
}

static enum galley_rc save(struct galley *q, const struct galley_post *post, int64_t *id) {
  const char *language = content_or(post->language, "und");
  void *old = NULL;
  enum galley_rc rc = check(q, post);
  if (rc != GALLEY_OK)
    return rc;
  rc = find_old(q, post, language, &old);
  if (rc == GALLEY_OK) {
    *id = ((const struct galley_post *)old)->id;
    rc = update(q, post, old);
  } else if (rc == GALLEY_NONE && post->id == 0) {
    rc = insert(q, post, language, id);
  }
  galley_free(old);
  if (rc == GALLEY_OK && post->research_topic_id != 0)
    rc = content_touch(q, SQL_TOPIC_DRAFTED, post->research_topic_id, handle_now_ms(q));
  return rc;
}

enum galley_rc galley_post_save(struct galley *q, const struct galley_post *post, int64_t *id) {
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, save(q, post, id)) : rc;
}

enum galley_rc galley_post_get(struct galley *q, int64_t id, struct galley_post **post) {
  void *row;
  enum galley_rc rc = content_get(q, SQL_POST_GET, &galley_post_record, id, &row);
  *post = row;
  return rc;
}

static enum galley_rc posts_of_topic(struct galley *q, const struct content_list *list,
                                     galley_row_fn *fn, void *arg) {
  struct stmt *stmt;
  enum galley_rc rc = db_stmt(q->db, list->sql, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, stmt, 1, list->n);
  stmt_text(q->db, stmt, 2, list->text);
  stmt_int(q->db, stmt, 3, content_limit(list->limit));
  return record_each(q->db, stmt, list->record, fn, arg);
}

enum galley_rc galley_posts(struct galley *q, const char *status, int64_t topic_id, int64_t limit,
                            galley_row_fn *fn, void *arg) {
  const struct content_list list = {.sql = topic_id ? SQL_POSTS_OF_TOPIC
                                           : status ? SQL_POSTS_BY_STATUS
                                                    : SQL_POSTS_ANY,
                                    .record = &galley_post_record,
                                    .by = status ? CONTENT_BY_TEXT : CONTENT_ALL,
                                    .text = status,
                                    .n = topic_id,
                                    .limit = limit};
  enum galley_rc rc = content_word(q, "status", status, statuses);
  if (rc != GALLEY_OK)
    return rc;
  return topic_id ? posts_of_topic(q, &list, fn, arg) : content_each(q, &list, fn, arg);
}
