#include "content.h"

#include <string.h>

static const char *const statuses[] = {"new", "processed", "rejected", NULL};

#define RELIABILITY_DEFAULT 0.5

static enum galley_rc check(struct galley *q, const struct galley_document *doc) {
  enum galley_rc rc = content_check(q, &galley_document_record, doc);
  if (rc == GALLEY_OK)
    rc = content_required(q, "document: content_hash", doc->content_hash);
  if (rc == GALLEY_OK && strspn(doc->content_hash, "0123456789abcdef") != 64)
    rc = error_set(&q->error, GALLEY_INVALID,
                   "document: content_hash is not 64 digits of lower-case hex (SHA-256)");
  if (rc == GALLEY_OK && !(doc->title && *doc->title))
    rc = content_required(q, "document: content, and title too,", doc->content);
  if (rc == GALLEY_OK && !(doc->reliability_score >= 0 && doc->reliability_score <= 1))
    rc = error_set(&q->error, GALLEY_INVALID, "document: reliability_score is not from 0 to 1");
  if (rc == GALLEY_OK)
    rc = content_word(q, "document: status", doc->status, statuses);
  if (rc == GALLEY_OK)
    rc = content_reference(q, "document: feed_id", SQL_FEED_EXISTS, doc->feed_id);
  return rc;
}

/* As it will stand in the table: no column that has a default is empty. */
static struct galley_document complete(const struct galley *q, const struct galley_document *doc) {
  struct galley_document row = *doc;
  row.id = 0;
  row.source = content_or(doc->source, "manual");
  row.title = content_or(doc->title, "");
  row.content = content_or(doc->content, "");
  row.language = content_or(doc->language, "und");
  row.canonical_url = content_or(doc->canonical_url, NULL);
  row.guid = content_or(doc->guid, NULL);
  row.status = content_or(doc->status, "new");
  row.paywall = doc->paywall != 0;
  if (doc->reliability_score == 0)
    row.reliability_score = RELIABILITY_DEFAULT;
  if (doc->fetched_at_ms == 0)
    row.fetched_at_ms = handle_now_ms(q);
  return row;
}

/* A document that is there already. */
struct found {
  int64_t id; /* 0: none */
  bool same;  /* its hash is the new one's too */
};

static enum galley_rc find(struct galley *q, enum sql_id sql, const struct galley_document *row,
                           struct found *found) {
  struct stmt *stmt;
  int at = 1;
  enum galley_rc rc = db_stmt(q->db, sql, &stmt);
  if (rc != GALLEY_OK)
    return rc;
  if (sql == SQL_DOCUMENT_ID_BY_GUID)
    stmt_int(q->db, stmt, at++, row->feed_id);
  stmt_text(q->db, stmt, at,
            sql == SQL_DOCUMENT_ID_BY_GUID  ? row->guid
            : sql == SQL_DOCUMENT_ID_BY_URL ? row->canonical_url
                                            : row->content_hash);
  rc = stmt_row(q->db, stmt);
  if (rc != GALLEY_OK)
    return rc == GALLEY_NONE ? GALLEY_OK : rc;
  const char *hash = stmt_column_text(q->db, stmt, 1, NULL);
  found->id = stmt_column_int(q->db, stmt, 0);
  found->same = hash && strcmp(hash, row->content_hash) == 0;
  stmt_reset(q->db, stmt);
  return GALLEY_OK;
}

static enum galley_rc find_any(struct galley *q, const struct galley_document *row,
                               struct found *found) {
  enum galley_rc rc = GALLEY_OK;
  *found = (struct found){0};
  if (row->feed_id && row->guid)
    rc = find(q, SQL_DOCUMENT_ID_BY_GUID, row, found);
  if (rc == GALLEY_OK && found->id == 0 && row->canonical_url)
    rc = find(q, SQL_DOCUMENT_ID_BY_URL, row, found);
  if (rc == GALLEY_OK && found->id == 0)
    rc = find(q, SQL_DOCUMENT_ID_BY_HASH, row, found);
  return rc;
}

/* The document's text has changed at its source. Where it came from and how it is rated stay. */
static enum galley_rc rewrite(struct galley *q, int64_t id, const struct galley_document *new) {
  void *old = NULL;
  enum galley_rc rc = content_get(q, SQL_DOCUMENT_GET, &galley_document_record, id, &old);
  if (rc != GALLEY_OK)
    return rc;
  struct galley_document row = *(const struct galley_document *)old;
  row.title = new->title;
  row.content = new->content;
  row.summary = new->summary;
  row.language = new->language;
  row.content_hash = new->content_hash;
  if (new->published_at_ms != 0)
    row.published_at_ms = new->published_at_ms;
  row.fetched_at_ms = new->fetched_at_ms;
  row.author = new->author;
  row.entities = new->entities;
  row.keywords = new->keywords;
  row.status = "new";
  rc = content_update(q, SQL_DOCUMENT_UPDATE, &galley_document_record, &row);
  galley_free(old);
  return rc;
}

/* The unique indexes decide whether the document is new; only when they refuse it is the one that
 * is in the way looked for. */
static enum galley_rc save(struct galley *q, const struct galley_document *doc, int64_t *id,
                           bool *added) {
  struct found found;
  struct found twin = {0};
  enum galley_rc rc = check(q, doc);
  if (rc != GALLEY_OK)
    return rc;
  struct galley_document row = complete(q, doc);
  rc = content_insert(q, SQL_DOCUMENT_INSERT, &galley_document_record, &row, id);
  *added = rc == GALLEY_OK;
  if (rc != GALLEY_NONE)
    return rc;
  rc = find_any(q, &row, &found);
  if (rc != GALLEY_OK)
    return rc;
  if (found.id == 0)
    return error_set(&q->error, GALLEY_INTERNAL, "the document in the way is not to be found");
  *id = found.id;
  if (found.same)
    return GALLEY_OK;
  /* When a third document has the new text already, the old one keeps its own. */
  rc = find(q, SQL_DOCUMENT_ID_BY_HASH, &row, &twin);
  return rc == GALLEY_OK && twin.id == 0 ? rewrite(q, found.id, &row) : rc;
}

enum galley_rc galley_document_save(struct galley *q, const struct galley_document *doc,
                                    int64_t *id, bool *added) {
  bool ignored;
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, save(q, doc, id, added ? added : &ignored)) : rc;
}

enum galley_rc galley_document_get(struct galley *q, int64_t id, struct galley_document **doc) {
  void *row;
  enum galley_rc rc = content_get(q, SQL_DOCUMENT_GET, &galley_document_record, id, &row);
  *doc = row;
  return rc;
}

enum galley_rc galley_document_by_hash(struct galley *q, const char *content_hash,
                                       struct galley_document **doc) {
  struct stmt *stmt;
  void *row = NULL;
  enum galley_rc rc = db_stmt(q->db, SQL_DOCUMENT_BY_HASH, &stmt);
  if (rc == GALLEY_OK) {
    stmt_text(q->db, stmt, 1, content_hash);
    rc = record_one(q->db, stmt, &galley_document_record, &row);
  }
  *doc = row;
  if (rc == GALLEY_NONE)
    return error_set(&q->error, rc, "there is no document of this content hash");
  return rc;
}

enum galley_rc galley_documents_by_status(struct galley *q, const char *status, int64_t limit,
                                          galley_row_fn *fn, void *arg) {
  const struct content_list list = {.sql = SQL_DOCUMENTS_BY_STATUS,
                                    .record = &galley_document_record,
                                    .by = CONTENT_BY_TEXT,
                                    .text = status,
                                    .limit = limit};
  return content_each_of(q, &list, "status", statuses, fn, arg);
}

enum galley_rc galley_documents_by_language(struct galley *q, const char *language, int64_t limit,
                                            galley_row_fn *fn, void *arg) {
  const struct content_list list = {.sql = SQL_DOCUMENTS_BY_LANGUAGE,
                                    .record = &galley_document_record,
                                    .by = CONTENT_BY_TEXT,
                                    .text = language,
                                    .limit = limit};
  enum galley_rc rc = content_required(q, "language", language);
  return rc == GALLEY_OK ? content_each(q, &list, fn, arg) : rc;
}
