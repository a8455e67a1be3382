/* Full-text search over documents. */
#include "content.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

#define SEARCH_WORDS_MAX 256  /* words of a query */
#define SEARCH_BYTES_MAX 8192 /* bytes of a query */

#define HIT_FIELD(name, type) {#name, GALLEY_##type, offsetof(struct galley_document, name)},

/* The columns of a document, then the rank. */
static const struct galley_field hit_fields[] = {
    {"id", GALLEY_ID, offsetof(struct galley_document, id)},
    DOCUMENT_FIELDS(HIT_FIELD){"rank", GALLEY_REAL, offsetof(struct galley_hit, rank)}};

static const struct galley_record hit_record = {.name = "hit",
                                                .table = "documents",
                                                .fields = hit_fields,
                                                .n_fields =
                                                    sizeof hit_fields / sizeof hit_fields[0],
                                                .size = sizeof(struct galley_hit)};

static const char *skip_to_word(const char *text) {
  while (*text) {
    int32_t character;
    size_t n = text_next(text, &character);
    if (text_classify(character) == TEXT_LETTER)
      return text;
    text += n;
  }
  return text;
}

static const char *skip_word(const char *text) {
  while (*text) {
    int32_t character;
    size_t n = text_next(text, &character);
    enum text_class class = text_classify(character);
    if (class != TEXT_LETTER && class != TEXT_MARK)
      return text;
    text += n;
  }
  return text;
}

/* Writes the words of a text as an FTS5 query, each a quoted string, which nothing in it can end: a
 * word has letters, numbers and marks only. They are not folded here: the index folds what it looks
 * for in its own way, and a ß that became ss would not be found. */
static size_t write_query(const char *text, const char *join, char *out) {
  size_t words = 0;
  while (*(text = skip_to_word(text)) && words < SEARCH_WORDS_MAX + 1) {
    const char *end = skip_word(text);
    if (words++ > 0)
      out = stpcpy(out, join);
    *out++ = '"';
    out = mempcpy(out, text, (size_t)(end - text));
    *out++ = '"';
    text = end;
  }
  *out = '\0';
  return words;
}

static enum galley_rc check(struct galley *q, const char *query) {
  enum galley_rc rc = content_required(q, "query", query);
  if (rc == GALLEY_OK && strlen(query) > SEARCH_BYTES_MAX)
    rc = error_set(&q->error, GALLEY_INVALID, "query has %zu bytes; it may have %d", strlen(query),
                   SEARCH_BYTES_MAX);
  if (rc == GALLEY_OK && !text_valid(query))
    rc = error_set(&q->error, GALLEY_INVALID, "query is not UTF-8");
  return rc;
}

static enum galley_rc make_query(struct galley *q, const struct galley_search *search,
                                 char **query) {
  const char *join = search->all ? " AND " : " OR ";
  enum galley_rc rc = check(q, search->query);
  if (rc != GALLEY_OK)
    return rc;
  size_t per_word = strlen(join) + 2;
  *query = malloc(strlen(search->query) + (SEARCH_WORDS_MAX + 1) * per_word + 1);
  if (!*query)
    return error_set(&q->error, GALLEY_NO_MEMORY, "no memory for a query");
  size_t words = write_query(search->query, join, *query);
  if (words == 0)
    return error_set(&q->error, GALLEY_INVALID, "query has no letter or number in it");
  if (words > SEARCH_WORDS_MAX)
    return error_set(&q->error, GALLEY_INVALID, "query has more than %d words", SEARCH_WORDS_MAX);
  return GALLEY_OK;
}

enum galley_rc galley_documents_search(struct galley *q, const struct galley_search *search,
                                       galley_row_fn *fn, void *arg) {
  struct stmt *stmt;
  char *query = NULL;
  enum galley_rc rc = make_query(q, search, &query);
  if (rc == GALLEY_OK)
    rc = db_stmt(q->db, SQL_DOCUMENTS_SEARCH, &stmt);
  if (rc == GALLEY_OK) {
    stmt_text(q->db, stmt, 1, query);
    stmt_text(q->db, stmt, 2, search->language);
    stmt_int(q->db, stmt, 3, content_limit(search->limit));
    rc = record_each(q->db, stmt, &hit_record, fn, arg);
  }
  free(query);
  return rc;
}
