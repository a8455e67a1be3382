#include "content.h"

/* The post is published; *topic_id is its topic's, or 0. */
static enum galley_rc publish_post(struct galley *q, int64_t id, int64_t now_ms,
                                   int64_t *topic_id) {
  struct stmt *stmt;
  enum galley_rc rc = db_stmt(q->db, SQL_POST_PUBLISHED, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, stmt, 1, id);
  stmt_int(q->db, stmt, 2, now_ms);
  rc = stmt_value(q->db, stmt, topic_id);
  if (rc == GALLEY_NONE)
    return error_set(&q->error, GALLEY_INVALID, "publication: blog_post_id: there is no %lld",
                     (long long)id);
  return rc;
}

static enum galley_rc check(struct galley *q, const struct galley_publication *publication) {
  enum galley_rc rc = content_check(q, &galley_publication_record, publication);
  if (rc == GALLEY_OK)
    rc = content_required(q, "publication: target", publication->target);
  if (rc == GALLEY_OK)
    rc = content_required(q, "publication: remote_id", publication->remote_id);
  return rc;
}

static enum galley_rc save(struct galley *q, const struct galley_publication *publication,
                           int64_t *id) {
  int64_t topic_id = 0;
  int64_t now_ms = handle_now_ms(q);
  struct galley_publication row = *publication;
  row.id = 0; /* the place decides which row it is */
  row.created_at_ms = publication->created_at_ms ? publication->created_at_ms : now_ms;
  row.updated_at_ms = now_ms;
  enum galley_rc rc = check(q, publication);
  if (rc == GALLEY_OK)
    rc = publish_post(q, publication->blog_post_id, now_ms, &topic_id);
  if (rc == GALLEY_OK)
    rc = content_insert(q, SQL_PUBLICATION_SAVE, &galley_publication_record, &row, id);
  if (rc == GALLEY_OK && topic_id != 0)
    rc = content_touch(q, SQL_TOPIC_PUBLISHED, topic_id, now_ms);
  return rc;
}

enum galley_rc galley_publication_save(struct galley *q,
                                       const struct galley_publication *publication, int64_t *id) {
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, save(q, publication, id)) : rc;
}

enum galley_rc galley_publication_get(struct galley *q, int64_t blog_post_id, const char *target,
                                      struct galley_publication **publication) {
  struct stmt *stmt;
  void *row = NULL;
  enum galley_rc rc = db_stmt(q->db, SQL_PUBLICATION_GET, &stmt);
  if (rc == GALLEY_OK) {
    stmt_int(q->db, stmt, 1, blog_post_id);
    stmt_text(q->db, stmt, 2, target);
    rc = record_one(q->db, stmt, &galley_publication_record, &row);
  }
  *publication = row;
  if (rc == GALLEY_NONE)
    return error_set(&q->error, rc, "post %lld is not published at \"%.64s\"",
                     (long long)blog_post_id, target ? target : "");
  return rc;
}

enum galley_rc galley_publications(struct galley *q, int64_t blog_post_id, int64_t limit,
                                   galley_row_fn *fn, void *arg) {
  const struct content_list list = {.sql = blog_post_id ? SQL_PUBLICATIONS_OF_POST
                                                        : SQL_PUBLICATIONS_ANY,
                                    .record = &galley_publication_record,
                                    .by = blog_post_id ? CONTENT_BY_INT : CONTENT_ALL,
                                    .n = blog_post_id,
                                    .limit = limit};
  return content_each(q, &list, fn, arg);
}
