#include "handover.h"

#include "engine.h"
#include "enqueue.h"

#include <string.h>

#define TEXT_MAX 1024

/* A job as it is handed over: this, and behind it its texts, each with its zero byte. Programs of
 * different versions may meet: PAGE_VERSION of sqlite_page.c counts its changes. */
struct message {
  int64_t priority, run_at_ms, delay_ms, max_attempts, timeout_ms;
  bool has_payload, has_key;
};

struct letter {
  struct message head;
  char text[TEXT_MAX];
};

/* Behind what is there; 0: no room. */
static size_t append(char *out, size_t used, const char *text) {
  size_t len = strlen(text) + 1;
  if (len > TEXT_MAX - used)
    return 0;
  memcpy(out + used, text, len);
  return used + len;
}

static size_t encode(const struct galley_spec *spec, struct letter *letter) {
  letter->head = (struct message){.priority = spec->priority,
                                  .run_at_ms = spec->run_at_ms,
                                  .delay_ms = spec->delay_ms,
                                  .max_attempts = spec->max_attempts,
                                  .timeout_ms = spec->timeout_ms,
                                  .has_payload = spec->payload,
                                  .has_key = spec->unique_key};
  size_t used = append(letter->text, 0, spec->kind);
  if (used && spec->payload)
    used = append(letter->text, used, spec->payload);
  if (used && spec->unique_key)
    used = append(letter->text, used, spec->unique_key);
  return used ? offsetof(struct letter, text) + used : 0;
}

static const char *next_text(const struct letter *letter, size_t *used, bool has) {
  if (!has || *used >= TEXT_MAX)
    return NULL;
  const char *text = letter->text + *used;
  *used += strlen(text) + 1;
  return text;
}

static enum galley_rc enqueue(struct galley *q, const void *bytes, size_t size,
                              struct engine_answer *answer) {
  struct letter letter = {.text = ""};
  size_t used = 0;
  memcpy(&letter, bytes, size < sizeof letter ? size : sizeof letter);
  letter.text[TEXT_MAX - 1] = '\0';
  const char *kind = next_text(&letter, &used, true);
  const char *payload = next_text(&letter, &used, letter.head.has_payload);
  const char *key = next_text(&letter, &used, letter.head.has_key);
  const struct galley_spec spec = {.kind = kind,
                                   .payload = payload,
                                   .unique_key = key,
                                   .priority = letter.head.priority,
                                   .run_at_ms = letter.head.run_at_ms,
                                   .delay_ms = letter.head.delay_ms,
                                   .max_attempts = letter.head.max_attempts,
                                   .timeout_ms = letter.head.timeout_ms};
  return enqueue_one(q, &spec, &answer->id, &answer->existing);
}

bool handover_wanted(struct galley *q) {
  return q->db->engine->handover_wanted(q->db);
}

enum galley_rc handover_send(struct galley *q, const struct galley_spec *spec, int64_t *id,
                             bool *existing) {
  struct letter letter;
  struct engine_answer answer = {0};
  size_t size = encode(spec, &letter);
  if (size == 0)
    return GALLEY_NONE;
  enum galley_rc rc = q->db->engine->handover_send(q->db, &letter, size, &answer);
  if (rc == GALLEY_OK) {
    *id = answer.id;
    *existing = answer.existing;
  }
  return rc;
}

static bool serve(struct galley *q) {
  const struct engine *engine = q->db->engine;
  const void *bytes;
  size_t size;
  enum galley_rc rc;
  while ((rc = engine->handover_next(q->db, &bytes, &size)) == GALLEY_OK) {
    struct engine_answer answer = {0};
    rc = enqueue(q, bytes, size, &answer);
    engine->handover_answer(q->db, rc == GALLEY_OK ? &answer : NULL);
    if (rc != GALLEY_OK)
      break;
  }
  return rc == GALLEY_NONE;
}

enum galley_rc handover_enter(struct galley *q) {
  enum galley_rc rc = tx_enter(q);
  if (rc != GALLEY_OK || q->tx_depth > 1 || serve(q))
    return rc;
  galley_rollback(q);
  error_clear(&q->error);
  return tx_enter(q); /* whoever handed over does it, and meets the error */
}
