#include "enqueue.h"

#include "handover.h"
#include "point.h"
#include "state.h"
#include "text.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define TIME_MAX_MS    253402300799999 /* the end of the year 9999 */
#define TIMEOUT_MAX_MS 604800000       /* 7 days */
#define DELAY_MAX_MS   315360000000    /* 10 years */

/* Kinds whose payload names a row that must be there. */
struct reference {
  const char *kind;
  const char *field;
  enum sql_id exists;
  const char *noun;
  bool required;
};

static const struct reference references[] = {
    {"collect", "feed_id", SQL_FEED_EXISTS, "feed", true},
    {"research", "topic_id", SQL_TOPIC_EXISTS, "topic", false},
    {"write", "topic_id", SQL_TOPIC_EXISTS, "topic", true},
    {"publish", "post_id", SQL_POST_EXISTS, "blog post", true},
};

static enum galley_rc invalid(struct galley *q, const char *field, const char *what) {
  return error_set(&q->error, GALLEY_INVALID, "%s %s", field, what);
}

static enum galley_rc check_reference(struct galley *q, const struct reference *reference,
                                      const json_t *value) {
  struct stmt *s;
  int64_t one;
  if (!value && !reference->required)
    return GALLEY_OK;
  if (!json_is_integer(value))
    return error_set(&q->error, GALLEY_INVALID, "payload.%s must be the id of a %s",
                     reference->field, reference->noun);
  enum galley_rc rc = db_stmt(q->db, reference->exists, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, json_integer_value(value));
  rc = stmt_value(q->db, s, &one);
  if (rc == GALLEY_NONE)
    return error_set(&q->error, GALLEY_INVALID, "payload.%s: there is no %s %" JSON_INTEGER_FORMAT,
                     reference->field, reference->noun, json_integer_value(value));
  return rc;
}

static enum galley_rc check_references(struct galley *q, const struct galley_spec *spec) {
  for (size_t i = 0; i < sizeof references / sizeof references[0]; i++) {
    if (strcmp(references[i].kind, spec->kind) != 0)
      continue;
    json_error_t error;
    json_t *payload = json_loads(spec->payload ? spec->payload : "{}", JSON_DECODE_ANY, &error);
    if (!payload && !error.text[0])
      return error_set(&q->error, GALLEY_NO_MEMORY, "no memory for a payload");
    if (!payload)
      return error_set(&q->error, GALLEY_INVALID,
                       "payload is not valid JSON: line %d, column %d: %s", error.line,
                       error.column, error.text);
    enum galley_rc rc =
        json_is_object(payload)
            ? check_reference(q, &references[i], json_object_get(payload, references[i].field))
            : invalid(q, "payload", "must be a JSON object");
    json_decref(payload);
    return rc;
  }
  return GALLEY_OK;
}

static enum galley_rc check_numbers(struct galley *q, const struct galley_spec *spec) {
  const struct {
    const char *field;
    int64_t value, min, max;
  } rules[] = {{"priority", spec->priority, -1, GALLEY_PRIORITY_MAX},
               {"run_at_ms", spec->run_at_ms, 0, TIME_MAX_MS},
               {"delay_ms", spec->delay_ms, 0, DELAY_MAX_MS},
               {"max_attempts", spec->max_attempts, 0, GALLEY_ATTEMPTS_MAX},
               {"timeout_ms", spec->timeout_ms, 0, TIMEOUT_MAX_MS}};
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (rules[i].value < rules[i].min || rules[i].value > rules[i].max)
      return error_set(&q->error, GALLEY_INVALID,
                       "%s is %" PRId64 ", and must be %" PRId64 " to %" PRId64, rules[i].field,
                       rules[i].value, rules[i].min < 0 ? 0 : rules[i].min, rules[i].max);
  return GALLEY_OK;
}

static enum galley_rc check(struct galley *q, const struct galley_spec *spec) {
  static const char kind_bytes[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
  size_t len = spec->kind ? strlen(spec->kind) : 0;
  if (len == 0 || len > GALLEY_KIND_MAX || strspn(spec->kind, kind_bytes) != len)
    return invalid(q, "kind", "must be 1 to 64 of a-z 0-9 . _ -");
  if (spec->payload && strlen(spec->payload) > GALLEY_PAYLOAD_MAX)
    return error_set(&q->error, GALLEY_INVALID, "payload has %zu bytes, and the limit is %d",
                     strlen(spec->payload), GALLEY_PAYLOAD_MAX);
  if (spec->payload && !text_valid(spec->payload))
    return invalid(q, "payload", "is not UTF-8");
  len = spec->unique_key ? strlen(spec->unique_key) : 1;
  if (len == 0 || len > GALLEY_KEY_MAX)
    return invalid(q, "unique_key", "must be 1 to 512 bytes");
  if (spec->unique_key && !text_valid(spec->unique_key))
    return invalid(q, "unique_key", "is not UTF-8");
  enum galley_rc rc = check_numbers(q, spec);
  return rc == GALLEY_OK ? check_references(q, spec) : rc;
}

static enum galley_rc workflow_of(struct galley *q, int64_t parent_id, int64_t *workflow_id) {
  struct stmt *s;
  *workflow_id = 0;
  if (parent_id == 0)
    return GALLEY_OK;
  enum galley_rc rc = db_stmt(q->db, SQL_JOB_WORKFLOW, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_int(q->db, s, 1, parent_id);
  rc = stmt_value(q->db, s, workflow_id);
  if (rc == GALLEY_NONE)
    return error_set(&q->error, GALLEY_INVALID, "parent_id: there is no job %" PRId64, parent_id);
  return rc;
}

static enum galley_rc existing_job(struct galley *q, const char *key, int64_t *id) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, SQL_JOB_BY_KEY, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_text(q->db, s, 1, key);
  rc = stmt_value(q->db, s, id);
  if (rc == GALLEY_NONE)
    return error_set(&q->error, GALLEY_INTERNAL, "the live job of key \"%s\" is not to be found",
                     key);
  return rc;
}

static enum galley_rc insert(struct galley *q, const struct galley_spec *spec, int64_t workflow_id,
                             int64_t *id) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(q->db, SQL_JOB_INSERT, &s);
  if (rc != GALLEY_OK)
    return rc;
  int64_t now_ms = handle_now_ms(q);
  int64_t run_at_ms = spec->run_at_ms > 0 ? spec->run_at_ms : now_ms + spec->delay_ms;
  enum state state = run_at_ms > now_ms ? STATE_SCHEDULED : STATE_READY;
  stmt_text(q->db, s, 1, spec->kind);
  stmt_text(q->db, s, 2, spec->payload ? spec->payload : "{}");
  stmt_text(q->db, s, 3, state_name(state));
  stmt_int(q->db, s, 4, spec->priority < 0 ? GALLEY_PRIORITY_DEFAULT : spec->priority);
  stmt_int(q->db, s, 5, run_at_ms);
  stmt_int(q->db, s, 6, spec->max_attempts ? spec->max_attempts : GALLEY_MAX_ATTEMPTS_DEFAULT);
  stmt_int(q->db, s, 7, spec->timeout_ms ? spec->timeout_ms : GALLEY_TIMEOUT_DEFAULT_MS);
  stmt_text(q->db, s, 8, spec->unique_key);
  stmt_id(q->db, s, 9, spec->parent_id);
  stmt_id(q->db, s, 10, workflow_id);
  stmt_int(q->db, s, 11, now_ms);
  return stmt_insert(q->db, s, id);
}

enum galley_rc enqueue_one(struct galley *q, const struct galley_spec *spec, int64_t *id,
                           bool *existing) {
  int64_t workflow_id;
  enum galley_rc rc = check(q, spec);
  if (rc == GALLEY_OK)
    rc = workflow_of(q, spec->parent_id, &workflow_id);
  if (rc == GALLEY_OK)
    rc = insert(q, spec, workflow_id, id);
  *existing = rc == GALLEY_NONE; /* the unique key is taken */
  return *existing ? existing_job(q, spec->unique_key, id) : rc;
}

static enum galley_rc leave(struct galley *q, enum galley_rc rc) {
  POINT(enqueue, inserted);
  rc = tx_leave(q, rc);
  POINT(enqueue, committed);
  return rc;
}

static bool is_reference(const char *kind) {
  for (size_t i = 0; i < sizeof references / sizeof references[0]; i++)
    if (strcmp(references[i].kind, kind) == 0)
      return true;
  return false;
}

static bool is_json(struct galley *q, const char *text) {
  struct stmt *s;
  int64_t valid = 0;
  if (!text)
    return true;
  if (db_stmt(q->db, SQL_JSON_VALID, &s) != GALLEY_OK)
    return false;
  stmt_text(q->db, s, 1, text);
  return stmt_value(q->db, s, &valid) == GALLEY_OK && valid != 0;
}

/* What refers to rows, or may not be valid, is for this handle to look at: a failed statement fails
 * the transaction of the one who makes it. */
static enum galley_rc hand_over(struct galley *q, const struct galley_spec *spec, int64_t *id,
                                bool *existing) {
  if (q->tx_depth > 0 || !handover_wanted(q))
    return GALLEY_NONE;
  if (!spec->kind || spec->parent_id != 0 || is_reference(spec->kind) ||
      check(q, spec) != GALLEY_OK || !is_json(q, spec->payload))
    return GALLEY_NONE;
  return handover_send(q, spec, id, existing);
}

enum galley_rc galley_enqueue(struct galley *q, const struct galley_spec *spec, int64_t *id,
                              bool *existing) {
  bool ignored;
  existing = existing ? existing : &ignored;
  enum galley_rc rc = hand_over(q, spec, id, existing);
  if (rc != GALLEY_NONE)
    return rc;
  rc = handover_enter(q);
  return rc == GALLEY_OK ? leave(q, enqueue_one(q, spec, id, existing)) : rc;
}

static enum galley_rc enqueue_all(struct galley *q, const struct galley_spec *specs, size_t n,
                                  int64_t *ids, size_t *i) {
  enum galley_rc rc = tx_enter(q);
  if (rc != GALLEY_OK)
    return rc;
  for (; rc == GALLEY_OK && *i < n; ++*i) {
    int64_t id;
    bool existing;
    rc = enqueue_one(q, &specs[*i], &id, &existing);
    if (rc == GALLEY_OK && ids)
      ids[*i] = id;
    if (rc != GALLEY_OK)
      break;
  }
  return leave(q, rc);
}

enum galley_rc galley_enqueue_many(struct galley *q, const struct galley_spec *specs, size_t n,
                                   int64_t *ids, size_t *bad) {
  size_t i = 0;
  int64_t id;
  enum galley_rc rc =
      n == 1 ? galley_enqueue(q, specs, ids ? ids : &id, NULL) : enqueue_all(q, specs, n, ids, &i);
  if (bad)
    *bad = rc == GALLEY_INVALID ? i : n;
  return rc;
}
