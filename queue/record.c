#include "record.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 32 /* of a record: an assertion holds each to it */

#define RECORD_MEMBER(name, type) {#name, GALLEY_##type, offsetof(struct RECORD_STRUCT, name)},

#define RECORD(name, table, first, fields)                                                         \
  static const struct galley_field name##_fields[] = {                                             \
      {#first, GALLEY_ID, offsetof(struct RECORD_STRUCT, first)}, fields(RECORD_MEMBER)};          \
  const struct galley_record galley_##name##_record = {                                            \
      #name, table, name##_fields, sizeof name##_fields / sizeof name##_fields[0],                 \
      sizeof(struct RECORD_STRUCT)};

#define RECORD_STRUCT galley_job
RECORD(job, "jobs", id, JOB_FIELDS)
#undef RECORD_STRUCT
#define RECORD_STRUCT galley_attempt
RECORD(attempt, "job_attempts", job_id, ATTEMPT_FIELDS)
#undef RECORD_STRUCT
#define RECORD_STRUCT galley_step
RECORD(step, "job_steps", job_id, STEP_FIELDS)
#undef RECORD_STRUCT
#define RECORD_STRUCT galley_progress
RECORD(progress, "job_progress", job_id, PROGRESS_FIELDS)
#undef RECORD_STRUCT
#define RECORD_STRUCT galley_worker
RECORD(worker, "workers", id, WORKER_FIELDS)
#undef RECORD_STRUCT
#define RECORD_STRUCT galley_document
RECORD(document, "documents", id, DOCUMENT_FIELDS)
#undef RECORD_STRUCT
#define RECORD_STRUCT galley_topic
RECORD(topic, "topics", id, TOPIC_FIELDS)
#undef RECORD_STRUCT
#define RECORD_STRUCT galley_post
RECORD(post, "blog_posts", id, POST_FIELDS)
#undef RECORD_STRUCT
#define RECORD_STRUCT galley_social
RECORD(social, "social_posts", id, SOCIAL_FIELDS)
#undef RECORD_STRUCT
#define RECORD_STRUCT galley_publication
RECORD(publication, "publications", id, PUBLICATION_FIELDS)
#undef RECORD_STRUCT
#define RECORD_STRUCT galley_feed
RECORD(feed, "feeds", id, FEED_FIELDS)
#undef RECORD_STRUCT

static const struct galley_field count_fields[] = {
    {"kind", GALLEY_TEXT, offsetof(struct galley_count, kind)},
    {"state", GALLEY_TEXT, offsetof(struct galley_count, state)},
    {"n", GALLEY_INT, offsetof(struct galley_count, n)},
    {"oldest_ms", GALLEY_TIME, offsetof(struct galley_count, oldest_ms)},
    {"busy_ms", GALLEY_INT, offsetof(struct galley_count, busy_ms)},
    {"cost_usd_micros", GALLEY_INT, offsetof(struct galley_count, cost_usd_micros)}};
const struct galley_record galley_count_record = {"count", "totals", count_fields, 6,
                                                  sizeof(struct galley_count)};

static bool is_text(enum galley_type type) {
  return type == GALLEY_TEXT || type == GALLEY_JSON;
}

struct text {
  const char *start; /* borrowed from the statement until its next step */
  size_t len;
};

static size_t read_texts(struct db *db, struct stmt *stmt, const struct galley_record *record,
                         struct text *texts) {
  size_t size = 0;
  for (size_t i = 0; i < record->n_fields; i++) {
    if (!is_text(record->fields[i].type))
      continue;
    texts[i].start = stmt_column_text(db, stmt, (int)i, &texts[i].len);
    size += texts[i].start ? texts[i].len + 1 : 0;
  }
  return size;
}

enum galley_rc record_read(struct db *db, struct stmt *stmt, const struct galley_record *record,
                           void **row) {
  struct text texts[FIELDS_MAX];
  assert(record->n_fields <= FIELDS_MAX && stmt_columns(db, stmt) >= (int)record->n_fields);
  size_t size = read_texts(db, stmt, record, texts);
  char *base = malloc(record->size + size);
  *row = base;
  if (!base)
    return error_set(db->error, GALLEY_NO_MEMORY, "no memory for a row of %s", record->table);
  memset(base, 0, record->size);
  char *end = base + record->size;
  for (size_t i = 0; i < record->n_fields; i++) {
    char *member = base + record->fields[i].offset;
    if (is_text(record->fields[i].type)) {
      if (!texts[i].start && !stmt_column_text(db, stmt, (int)i, NULL))
        continue;
      if (!texts[i].start) { /* it is no NULL: there was no memory for it */
        free(base);
        *row = NULL;
        return error_set(db->error, GALLEY_NO_MEMORY, "no memory for a row of %s", record->table);
      }
      memcpy(end, texts[i].start, texts[i].len);
      end[texts[i].len] = '\0';
      const char *copy = end;
      memcpy(member, &copy, sizeof copy);
      end += texts[i].len + 1;
    } else if (record->fields[i].type == GALLEY_REAL) {
      memcpy(member, &(double){stmt_column_real(db, stmt, (int)i)}, sizeof(double));
    } else {
      memcpy(member, &(int64_t){stmt_column_int(db, stmt, (int)i)}, sizeof(int64_t));
    }
  }
  return GALLEY_OK;
}

enum galley_rc record_one(struct db *db, struct stmt *stmt, const struct galley_record *record,
                          void **row) {
  *row = NULL;
  enum galley_rc rc = stmt_row(db, stmt);
  if (rc != GALLEY_OK)
    return rc;
  rc = record_read(db, stmt, record, row);
  if (rc != GALLEY_OK) {
    stmt_reset(db, stmt);
    return rc;
  }
  rc = stmt_run(db, stmt, NULL); /* an UPDATE ... RETURNING has its effect at the end */
  if (rc != GALLEY_OK) {
    free(*row);
    *row = NULL;
  }
  return rc;
}

enum galley_rc record_each(struct db *db, struct stmt *stmt, const struct galley_record *record,
                           galley_row_fn *fn, void *arg) {
  enum galley_rc rc;
  bool more = true;
  while (more && (rc = stmt_row(db, stmt)) == GALLEY_OK) {
    void *row;
    rc = record_read(db, stmt, record, &row);
    if (rc != GALLEY_OK) {
      stmt_reset(db, stmt);
      return rc;
    }
    more = fn(arg, row);
    free(row);
  }
  if (!more) {
    stmt_reset(db, stmt);
    return GALLEY_OK;
  }
  return rc == GALLEY_NONE ? GALLEY_OK : rc;
}

static bool text_equal(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : a == b;
}

bool record_equal(const struct galley_record *record, const void *a, const void *b) {
  for (size_t i = 0; i < record->n_fields; i++) {
    const char *x = (const char *)a + record->fields[i].offset;
    const char *y = (const char *)b + record->fields[i].offset;
    if (is_text(record->fields[i].type)) {
      const char *texts[2];
      memcpy(&texts[0], x, sizeof texts[0]);
      memcpy(&texts[1], y, sizeof texts[1]);
      if (!text_equal(texts[0], texts[1]))
        return false;
    } else if (memcmp(x, y, sizeof(int64_t)) != 0) { /* numbers are all eight bytes */
      return false;
    }
  }
  return true;
}

void record_bind(struct db *db, struct stmt *stmt, const struct galley_record *record, size_t from,
                 const void *row) {
  for (size_t i = from; i < record->n_fields; i++) {
    const char *member = (const char *)row + record->fields[i].offset;
    int at = (int)(i - from) + 1;
    int64_t n;
    double real;
    const char *text;
    switch (record->fields[i].type) {
    case GALLEY_TEXT:
    case GALLEY_JSON:
      memcpy(&text, member, sizeof text);
      stmt_text(db, stmt, at, text);
      break;
    case GALLEY_REAL:
      memcpy(&real, member, sizeof real);
      stmt_real(db, stmt, at, real);
      break;
    case GALLEY_INT:
    case GALLEY_BOOL:
      memcpy(&n, member, sizeof n);
      stmt_int(db, stmt, at, n);
      break;
    case GALLEY_ID:
    case GALLEY_TIME:
      memcpy(&n, member, sizeof n);
      stmt_id(db, stmt, at, n);
      break;
    }
  }
}
