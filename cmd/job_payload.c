#include "job_payload.h"
#include "nearest.h"
#include "refusal.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX 8192 /* as the content store has it for a title */

enum shape { SHAPE_TEXT, SHAPE_LANGUAGE, SHAPE_ID, SHAPE_TARGET, SHAPE_TARGETS, SHAPE_DEPTH };

struct member {
  const char *kind;
  const char *name;
  enum shape shape;
  bool required;
  const char *instead; /* a member that takes the place of a required one; NULL */
};

static const struct member members[] = {
    {"collect", "feed_id", SHAPE_ID, true, NULL},
    {"research", "topic", SHAPE_TEXT, true, "topic_id"},
    {"research", "topic_id", SHAPE_ID, false, NULL},
    {"research", "language", SHAPE_LANGUAGE, false, NULL},
    {"research", "market", SHAPE_TEXT, false, NULL},
    {"research", "depth", SHAPE_DEPTH, false, NULL},
    {"research", "targets", SHAPE_TARGETS, false, NULL},
    {"write", "topic_id", SHAPE_ID, true, NULL},
    {"write", "language", SHAPE_LANGUAGE, false, NULL},
    {"write", "targets", SHAPE_TARGETS, false, NULL},
    {"publish", "post_id", SHAPE_ID, true, NULL},
    {"publish", "target", SHAPE_TARGET, true, NULL},
};

static const char *const builtin_kinds[] = {"collect", "research", "write", "publish"};
#define BUILTIN_COUNT (sizeof builtin_kinds / sizeof *builtin_kinds)

static bool refuse(char *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(char *error, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(error, JOB_PAYLOAD_ERROR_MAX, format, args);
  va_end(args);
  refusal_mend(error);
  return false;
}

static bool is_builtin(const char *kind) {
  for (size_t i = 0; i < BUILTIN_COUNT; i++)
    if (strcmp(builtin_kinds[i], kind) == 0)
      return true;
  return false;
}

bool job_payload_kind_known(const struct config *config, const char *kind) {
  return is_builtin(kind) || config_program(config, kind) != NULL;
}

void job_payload_kind_names(const struct config *config, char *out, size_t out_len) {
  size_t used = 0;
  for (size_t i = 0; i < BUILTIN_COUNT + config->n_programs && used < out_len; i++) {
    const char *name =
        i < BUILTIN_COUNT ? builtin_kinds[i] : config->programs[i - BUILTIN_COUNT].kind;
    int n = snprintf(out + used, out_len - used, "%s%s", i > 0 ? ", " : "", name);
    used += n > 0 ? (size_t)n : 0;
  }
}

json_t *job_payload_parse(const char *text, size_t len, char *error) {
  json_error_t problem;
  if (len > GALLEY_PAYLOAD_MAX) {
    refuse(error, "the payload has %zu bytes; at most %d are allowed", len, GALLEY_PAYLOAD_MAX);
    return NULL;
  }
  if (strspn(text, " \t\r\n") == len) {
    refuse(error, "the payload is empty; it must be JSON, as {}");
    return NULL;
  }
  json_t *payload = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &problem);
  if (payload == NULL)
    refuse(error, "the payload is not valid JSON: line %d, column %d: %s", problem.line,
           problem.column, problem.text);
  return payload;
}

static bool check_target(const struct config *config, const json_t *value, char *error) {
  const char *name = json_string_value(value);
  if (name == NULL || name[0] == '\0')
    return refuse(error, "a target must be the name of a target, in quotes");
  if (config_target(config, name) != NULL)
    return true;
  struct nearest near = nearest_start(name);
  for (size_t i = 0; i < config->n_targets; i++)
    nearest_offer(&near, config->targets[i].name);
  if (near.best != NULL)
    return refuse(error, "there is no target \"%.80s\"; did you mean %s?", name, near.best);
  return refuse(error, "there is no target \"%.80s\"; the configuration names the targets", name);
}

static bool check_targets(const struct config *config, const json_t *value, char *error) {
  if (!json_is_array(value))
    return refuse(error, "payload.targets must be a list of names of targets");
  for (size_t i = 0; i < json_array_size(value); i++)
    if (!check_target(config, json_array_get(value, i), error))
      return false;
  return true;
}

static bool check_depth(const json_t *value, char *error) {
  static const char *const depths[] = {"short", "standard", "deep"};
  for (size_t i = 0; json_is_string(value) && i < sizeof depths / sizeof *depths; i++)
    if (strcmp(json_string_value(value), depths[i]) == 0)
      return true;
  return refuse(error, "payload.depth must be one of: short, standard, deep");
}

/* What would end in a title or a line of the log, and means nothing there; line ends and tabs count
 * as spaces. UTF-8 has the control characters U+0080 to U+009F as C2 80 to C2 9F. */
static bool has_control(const char *text) {
  for (const char *c = text; *c != '\0'; c++) {
    bool space = *c == '\t' || *c == '\n' || *c == '\r';
    if ((iscntrl((unsigned char)*c) && !space) ||
        (c[0] == '\xc2' && (unsigned char)c[1] >= 0x80 && (unsigned char)c[1] <= 0x9f))
      return true;
  }
  return false;
}

static bool check_text(const char *name, const json_t *value, char *error) {
  const char *text = json_string_value(value);
  if (text == NULL || text[0] == '\0')
    return refuse(error, "payload.%s must be a text that is not empty", name);
  if (strlen(text) > TEXT_BYTES_MAX)
    return refuse(error, "payload.%s has %zu bytes; at most %d are allowed", name, strlen(text),
                  TEXT_BYTES_MAX);
  if (has_control(text))
    return refuse(error, "payload.%s holds a control character", name);
  char *folded = galley_text_fold(text);
  bool blank = folded != NULL && folded[0] == '\0';
  galley_free(folded);
  return !blank || refuse(error, "payload.%s holds nothing that can be read", name);
}

/* A primary tag of 2 to 8 letters, and what may follow it: en, de-AT, zh_Hant_TW. */
static bool check_language(const json_t *value, char *error) {
  const char *text = json_string_value(value);
  size_t len = text != NULL ? strcspn(text, "-_") : 0;
  bool good = len >= 2 && len <= 8;
  for (size_t i = 0; good && i < len; i++)
    good = isalpha((unsigned char)text[i]) != 0;
  for (size_t i = len; good && text[i] != '\0'; i++)
    good = isalnum((unsigned char)text[i]) || text[i] == '-' || text[i] == '_';
  return good || refuse(error, "payload.language must be a language tag, as en or de-AT");
}

static bool check_member(const struct config *config, const struct member *member,
                         const json_t *value, char *error) {
  switch (member->shape) {
  case SHAPE_TEXT:
    return check_text(member->name, value, error);
  case SHAPE_LANGUAGE:
    return check_language(value, error);
  case SHAPE_ID:
    return (json_is_integer(value) && json_integer_value(value) > 0) ||
           refuse(error, "payload.%s must be an id: a whole number from 1 up", member->name);
  case SHAPE_TARGET:
    return check_target(config, value, error);
  case SHAPE_TARGETS:
    return check_targets(config, value, error);
  case SHAPE_DEPTH:
    return check_depth(value, error);
  }
  return false;
}

bool job_payload_check(const struct config *config, const char *kind, const json_t *payload,
                       char *error) {
  if (!is_builtin(kind))
    return true;
  if (!json_is_object(payload))
    return refuse(error, "the payload of a %s job must be a JSON object", kind);
  for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
    if (strcmp(members[i].kind, kind) != 0)
      continue;
    const json_t *value = json_object_get(payload, members[i].name);
    bool replaced =
        members[i].instead != NULL && json_object_get(payload, members[i].instead) != NULL;
    if (value == NULL && members[i].required && !replaced)
      return refuse(error, "payload.%s is missing; a %s job needs it", members[i].name, kind);
    if (value != NULL && !check_member(config, &members[i], value, error))
      return false;
  }
  return true;
}

enum galley_rc job_payload_read(FILE *file, char **text, size_t *len, char *error) {
  *text = malloc(GALLEY_PAYLOAD_MAX + 2);
  if (*text == NULL) {
    refuse(error, "out of memory");
    return GALLEY_NO_MEMORY;
  }
  errno = 0;
  *len = fread(*text, 1, GALLEY_PAYLOAD_MAX + 1, file);
  (*text)[*len] = '\0';
  if (!ferror(file) && *len <= GALLEY_PAYLOAD_MAX)
    return GALLEY_OK;
  enum galley_rc rc = ferror(file) ? GALLEY_NO_INPUT : GALLEY_INVALID;
  if (rc == GALLEY_NO_INPUT)
    refuse(error, "the payload cannot be read: %s", strerror(errno));
  else
    refuse(error, "the payload has more than %d bytes", GALLEY_PAYLOAD_MAX);
  free(*text);
  *text = NULL;
  return rc;
}

/* ---- slices of valid JSON ---- */

static const char *skip_space(const char *at) {
  return at + strspn(at, " \t\r\n");
}

/* `at` is on the opening quote. */
static const char *skip_string(const char *at) {
  for (at++; *at != '"' && *at != '\0'; at++)
    if (*at == '\\' && at[1] != '\0')
      at++;
  return *at == '"' ? at + 1 : at;
}

static const char *skip_value(const char *at) {
  int depth = 0;
  do {
    if (*at == '"')
      at = skip_string(at);
    else if (*at == '{' || *at == '[')
      depth++, at++;
    else if (*at == '}' || *at == ']')
      depth--, at++;
    else if (depth > 0 && *at != '\0')
      at++;
    else
      at += strcspn(at, ",}] \t\r\n");
  } while (depth > 0 && *at != '\0');
  return at;
}

bool job_payload_slice(const char *object, const char **start, size_t *len) {
  static const char key[] = "\"payload\"";
  const char *at = skip_space(skip_space(object) + 1);
  while (*at == '"') {
    const char *name = at;
    at = skip_string(at);
    bool found = (size_t)(at - name) == sizeof key - 1 && strncmp(name, key, sizeof key - 1) == 0;
    at = skip_space(skip_space(at) + 1);
    const char *value = at;
    at = skip_value(at);
    if (found) {
      *start = value;
      *len = (size_t)(at - value);
      return true;
    }
    at = skip_space(at);
    at = *at == ',' ? skip_space(at + 1) : at;
  }
  return false;
}
