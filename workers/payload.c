#include "payload.h"

#include <ctype.h>
#include <string.h>

static void refuse(struct task *task, const char *field, const char *what) {
  verdict_set(&task->verdict, GALLEY_DEAD, 0, "data", "payload.%s %s", field, what);
  task_finish(task);
}

json_t *payload_object(struct task *task) {
  json_error_t error;
  json_t *payload = json_loads(task->job->payload, JSON_REJECT_DUPLICATES, &error);
  if (json_is_object(payload))
    return payload;
  if (payload)
    verdict_set(&task->verdict, GALLEY_DEAD, 0, "data", "payload must be a JSON object");
  else
    verdict_set(&task->verdict, GALLEY_DEAD, 0, "data", "payload: line %d, column %d: %s",
                error.line, error.column, error.text);
  json_decref(payload);
  task_finish(task);
  return NULL;
}

bool payload_id(struct task *task, const json_t *payload, const char *field, int64_t *id) {
  const json_t *value = json_object_get(payload, field);
  if (!json_is_integer(value) || json_integer_value(value) <= 0) {
    refuse(task, field, "must be an id, a whole number above 0");
    return false;
  }
  *id = json_integer_value(value);
  return true;
}

bool payload_text(struct task *task, const json_t *payload, const char *field, const char *fallback,
                  const char **text) {
  const json_t *value = json_object_get(payload, field);
  *text = fallback;
  if (!value || json_is_null(value)) {
    if (fallback)
      return true;
    refuse(task, field, "is missing");
    return false;
  }
  *text = json_string_value(value);
  if (*text && (**text || fallback))
    return true;
  refuse(task, field, "must be a text that is not empty");
  return false;
}

bool payload_language(struct task *task, const json_t *payload, const char *fallback, char out[9]) {
  const char *text;
  if (!payload_text(task, payload, "language", fallback, &text))
    return false;
  size_t len = strcspn(text, "-_");
  bool ok = len >= 2 && len <= 8;
  for (size_t i = 0; ok && i < len; i++) {
    ok = isalpha((unsigned char)text[i]) != 0;
    out[i] = (char)tolower((unsigned char)text[i]);
  }
  if (!ok) {
    refuse(task, "language", "must be a language tag such as \"en\" or \"de-AT\"");
    return false;
  }
  out[len] = '\0';
  return true;
}
