/*
 * content.h - what all parts of the content store do alike: check what comes in, read one row, read
 * a list. Every failure leaves a sentence in the handle that names the record and the field.
 */
#ifndef CONTENT_H
#define CONTENT_H

#include "handle.h"

/* The same bounds stand as CHECKs in schema/002_content.sql. */
#define CONTENT_LONG_MAX      4194304 /* bytes of a body, a report, a summary, a JSON value */
#define CONTENT_SHORT_MAX     8192    /* bytes of any other text */
#define CONTENT_LIMIT_DEFAULT 50      /* rows of a list */
#define CONTENT_LIMIT_MAX     100000

/* All texts of the record are UTF-8 within their bounds, all JSON is valid. */
GALLEY_MUST_USE enum galley_rc content_check(struct galley *q, const struct galley_record *record,
                                             const void *row);
/* `text`, or `other` when it is NULL or empty. */
const char *content_or(const char *text, const char *other);
/* A text that may not be missing or empty. */
GALLEY_MUST_USE enum galley_rc content_required(struct galley *q, const char *field,
                                                const char *value);
/* `value` is one of `words`, which end with NULL; a NULL value is for the caller's default. */
GALLEY_MUST_USE enum galley_rc content_word(struct galley *q, const char *field, const char *value,
                                            const char *const *words);
/* A row that `field` refers to by id: a statement that takes the id and has a row when it is there.
 * Id 0 refers to nothing and is well. */
GALLEY_MUST_USE enum galley_rc content_reference(struct galley *q, const char *field,
                                                 enum sql_id sql, int64_t id);

/* Statements of one parameter, the id. */
GALLEY_MUST_USE enum galley_rc content_get(struct galley *q, enum sql_id sql,
                                           const struct galley_record *record, int64_t id,
                                           void **row);
GALLEY_MUST_USE enum galley_rc content_touch(struct galley *q, enum sql_id sql, int64_t id,
                                             int64_t now_ms); /* ?2 */
/* Binds a row from its first member on and runs: an INSERT or upsert for the id it returns
 * (GALLEY_NONE when it returned none), an UPDATE by id. */
GALLEY_MUST_USE enum galley_rc content_insert(struct galley *q, enum sql_id sql,
                                              const struct galley_record *record, const void *row,
                                              int64_t *id);
GALLEY_MUST_USE enum galley_rc content_update(struct galley *q, enum sql_id sql,
                                              const struct galley_record *record, const void *row);

/* A list: its statement takes what the shape says, then the limit. */
struct content_list {
  enum sql_id sql;
  const struct galley_record *record;
  enum { CONTENT_ALL, CONTENT_BY_TEXT, CONTENT_BY_INT } by;
  const char *text;
  int64_t n;
  int64_t limit; /* up to 0: the default; never more than CONTENT_LIMIT_MAX */
};
GALLEY_MUST_USE enum galley_rc content_each(struct galley *q, const struct content_list *list,
                                            galley_row_fn *fn, void *arg);
/* The same by a text that must be given and be one of `words`, which end with NULL. */
GALLEY_MUST_USE enum galley_rc content_each_of(struct galley *q, const struct content_list *list,
                                               const char *field, const char *const *words,
                                               galley_row_fn *fn, void *arg);
int64_t content_limit(int64_t limit);

#endif
