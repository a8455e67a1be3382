#include "enqueue_lines.h"
#include "job_payload.h"
#include "nearest.h"
#include "output.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MAX_MS INT64_C(604800000)
#define TIME_MAX_MS    INT64_C(253402300799999)
#define DELAY_MAX_MS   INT64_C(315360000000)

struct entry {
  json_t *object; /* keeps the strings of the spec */
  char *payload;
  size_t line;
};

struct lines {
  struct session *session;
  bool any_kind;
  char *text; /* of the line in hand */
  size_t line;
  struct galley_spec *specs;
  struct entry *entries;
  int64_t *ids;
  size_t n, capacity;
  size_t bytes;
  size_t n_enqueued; /* in the chunks before */
};

struct member {
  const char *name;
  json_type type;
  int64_t min, max;
  size_t offset;
};

#define AT(field) offsetof(struct galley_spec, field)
static const struct member members[] = {
    {"kind", JSON_STRING, 1, GALLEY_KIND_MAX, AT(kind)},
    {"payload", JSON_NULL, 0, 0, AT(payload)},
    {"priority", JSON_INTEGER, 0, GALLEY_PRIORITY_MAX, AT(priority)},
    {"delay_ms", JSON_INTEGER, 0, DELAY_MAX_MS, AT(delay_ms)},
    {"run_at_ms", JSON_INTEGER, 0, TIME_MAX_MS, AT(run_at_ms)},
    {"max_attempts", JSON_INTEGER, 1, GALLEY_ATTEMPTS_MAX, AT(max_attempts)},
    {"timeout_ms", JSON_INTEGER, 1, TIMEOUT_MAX_MS, AT(timeout_ms)},
    {"unique_key", JSON_STRING, 1, GALLEY_KEY_MAX, AT(unique_key)},
};
#define MEMBER_COUNT (sizeof members / sizeof *members)

static int refuse_line(const struct lines *lines, enum galley_rc rc, size_t line,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Says which line is wrong, and what has become of the others. */
static int refuse_line(const struct lines *lines, enum galley_rc rc, size_t line,
                       const char *format, ...) {
  char sentence[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(sentence, sizeof sentence, format, args);
  va_end(args);
  bool ends_in_question = sentence[0] != '\0' && sentence[strlen(sentence) - 1] == '?';
  return session_fail(
      lines->session, rc,
      "line %zu: %s%s %zu jobs of the lines before this chunk were enqueued, nothing "
      "of this chunk or after it",
      line, sentence, ends_in_question ? "" : ".", lines->n_enqueued);
}

static void forget_chunk(struct lines *lines) {
  for (size_t i = 0; i < lines->n; i++) {
    json_decref(lines->entries[i].object);
    free(lines->entries[i].payload);
  }
  lines->n = 0;
  lines->bytes = 0;
}

static int commit_chunk(struct lines *lines) {
  size_t bad = lines->n;
  if (lines->n == 0)
    return 0;
  enum galley_rc rc =
      galley_enqueue_many(lines->session->q, lines->specs, lines->n, lines->ids, &bad);
  if (rc != GALLEY_OK) {
    size_t line = lines->entries[bad < lines->n ? bad : 0].line;
    int status = refuse_line(lines, rc, line, "%s", galley_errmsg(lines->session->q));
    forget_chunk(lines);
    return status;
  }
  for (size_t i = 0; i < lines->n; i++) {
    struct output_json json = {.file = stdout};
    if (!lines->session->json) {
      printf("%" PRId64 "\n", lines->ids[i]);
      continue;
    }
    output_json_open(&json, NULL, '{');
    output_json_int(&json, "line", (int64_t)lines->entries[i].line);
    output_json_int(&json, "id", lines->ids[i]);
    output_json_end(&json);
  }
  lines->n_enqueued += lines->n;
  forget_chunk(lines);
  if (fflush(stdout) != 0)
    return session_fail(lines->session, GALLEY_IO,
                        "the ids cannot be written; %zu jobs are enqueued", lines->n_enqueued);
  return 0;
}

static const struct member *find_member(const char *name) {
  for (size_t i = 0; i < MEMBER_COUNT; i++)
    if (strcmp(members[i].name, name) == 0)
      return &members[i];
  return NULL;
}

static int refuse_unknown(const struct lines *lines, const char *name) {
  struct nearest near = nearest_start(name);
  for (size_t i = 0; i < MEMBER_COUNT; i++)
    nearest_offer(&near, members[i].name);
  return refuse_line(lines, GALLEY_INVALID, lines->line, "unknown field \"%.80s\"%s%s%s", name,
                     near.best != NULL ? "; did you mean \"" : "",
                     near.best != NULL ? near.best : "", near.best != NULL ? "\"?" : "");
}

static int set_member(const struct lines *lines, const struct member *member, const json_t *value,
                      struct galley_spec *spec) {
  char *at = (char *)spec + member->offset;
  if (member->type == JSON_INTEGER) {
    int64_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < member->min || number > member->max)
      return refuse_line(lines, GALLEY_INVALID, lines->line,
                         "field \"%s\" must be a whole number from %" PRId64 " to %" PRId64,
                         member->name, member->min, member->max);
    memcpy(at, &number, sizeof number);
    return 0;
  }
  const char *text = json_string_value(value);
  size_t len = text != NULL ? strlen(text) : 0;
  if (len < (size_t)member->min || len > (size_t)member->max)
    return refuse_line(lines, GALLEY_INVALID, lines->line,
                       "field \"%s\" must be a text of 1 to %" PRId64 " bytes", member->name,
                       member->max);
  memcpy(at, &text, sizeof text);
  return 0;
}

/* The payload as it was written, so that numbers keep their digits. */
static char *payload_text(const char *line, const json_t *payload) {
  const char *start;
  size_t len;
  if (job_payload_slice(line, &start, &len))
    return strndup(start, len);
  return json_dumps(payload, JSON_ENCODE_ANY | JSON_COMPACT);
}

static int take_payload(struct lines *lines, struct entry *entry, struct galley_spec *spec) {
  char error[JOB_PAYLOAD_ERROR_MAX];
  const json_t *payload = json_object_get(entry->object, "payload");
  json_t *none = payload == NULL ? json_object() : NULL;
  bool fine = job_payload_check(&lines->session->config, spec->kind,
                                payload != NULL ? payload : none, error);
  json_decref(none);
  if (!fine)
    return refuse_line(lines, GALLEY_INVALID, lines->line, "field \"payload\": %s", error);
  if (payload == NULL)
    return 0;
  entry->payload = payload_text(lines->text, payload);
  if (entry->payload == NULL)
    return refuse_line(lines, GALLEY_NO_MEMORY, lines->line, "out of memory");
  if (strlen(entry->payload) > GALLEY_PAYLOAD_MAX)
    return refuse_line(lines, GALLEY_INVALID, lines->line,
                       "field \"payload\" has more than %d bytes", GALLEY_PAYLOAD_MAX);
  spec->payload = entry->payload;
  return 0;
}

static int check_kind(const struct lines *lines, struct galley_spec *spec) {
  char names[400];
  const struct config *config = &lines->session->config;
  if (spec->kind == NULL)
    return refuse_line(lines, GALLEY_INVALID, lines->line, "field \"kind\" is missing");
  if (!lines->any_kind && !job_payload_kind_known(config, spec->kind)) {
    job_payload_kind_names(config, names, sizeof names);
    return refuse_line(
        lines, GALLEY_INVALID, lines->line,
        "field \"kind\": \"%s\" is not known (known: %s); --any-kind enqueues it all "
        "the same",
        spec->kind, names);
  }
  const struct config_program *program = config_program(config, spec->kind);
  if (program != NULL && spec->timeout_ms == 0)
    spec->timeout_ms = program->timeout_ms;
  if (program != NULL && spec->max_attempts == 0)
    spec->max_attempts = program->max_attempts;
  return 0;
}

static int take_object(struct lines *lines, struct entry *entry, struct galley_spec *spec) {
  const char *name;
  json_t *value;
  int status = 0;
  if (!json_is_object(entry->object))
    return refuse_line(lines, GALLEY_INVALID, lines->line,
                       "a job is a JSON object, as {\"kind\":…}");
  json_object_foreach(entry->object, name, value) {
    const struct member *member = find_member(name);
    if (member == NULL)
      return refuse_unknown(lines, name);
    if (member->type != JSON_NULL && !json_is_null(value))
      status = set_member(lines, member, value, spec);
    if (status != 0)
      return status;
  }
  if (spec->run_at_ms > 0 && spec->delay_ms > 0)
    return refuse_line(lines, GALLEY_INVALID, lines->line,
                       "fields \"run_at_ms\" and \"delay_ms\" exclude each other");
  status = check_kind(lines, spec);
  return status != 0 ? status : take_payload(lines, entry, spec);
}

static int take_line(struct lines *lines, size_t len) {
  json_error_t error;
  if (strspn(lines->text, " \t\r") == len)
    return 0;
  json_t *object = json_loadb(lines->text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
  if (object == NULL)
    return refuse_line(lines, GALLEY_INVALID, lines->line, "not valid JSON: column %d: %s",
                       error.column, error.text);
  size_t i = lines->n++;
  lines->entries[i] = (struct entry){.object = object, .line = lines->line};
  lines->specs[i] = (struct galley_spec)GALLEY_SPEC_INIT;
  lines->bytes += len;
  return take_object(lines, &lines->entries[i], &lines->specs[i]);
}

/* Reads a line without its end into lines->text. False at the end of the input; *len is past the
 * limit when the line is. */
static bool read_line(struct lines *lines, size_t *len) {
  int c;
  *len = 0;
  while ((c = getc_unlocked(stdin)) != EOF && c != '\n') {
    if (*len <= ENQUEUE_LINES_LINE_MAX)
      lines->text[*len] = (char)c;
    if (++*len > ENQUEUE_LINES_LINE_MAX)
      break;
  }
  lines->text[*len <= ENQUEUE_LINES_LINE_MAX ? *len : 0] = '\0';
  lines->line++;
  return c != EOF || *len > 0;
}

static int read_all(struct lines *lines) {
  size_t len;
  int status = 0;
  while (status == 0 && read_line(lines, &len)) {
    if (len > ENQUEUE_LINES_LINE_MAX)
      return refuse_line(lines, GALLEY_INVALID, lines->line, "the line has more than %d bytes",
                         ENQUEUE_LINES_LINE_MAX);
    status = take_line(lines, len);
    if (status == 0 && (lines->n == lines->capacity || lines->bytes > ENQUEUE_LINES_CHUNK_BYTES))
      status = commit_chunk(lines);
  }
  if (status == 0 && ferror(stdin))
    return refuse_line(lines, GALLEY_IO, lines->line, "standard input cannot be read");
  return status != 0 ? status : commit_chunk(lines);
}

int enqueue_lines(struct session *session, size_t chunk, bool any_kind) {
  struct lines lines = {.session = session,
                        .any_kind = any_kind,
                        .capacity = chunk,
                        .text = malloc(ENQUEUE_LINES_LINE_MAX + 1),
                        .specs = calloc(chunk, sizeof *lines.specs),
                        .entries = calloc(chunk, sizeof *lines.entries),
                        .ids = calloc(chunk, sizeof *lines.ids)};
  int status;
  if (lines.text == NULL || lines.specs == NULL || lines.entries == NULL || lines.ids == NULL)
    status = session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  else
    status = read_all(&lines);
  forget_chunk(&lines);
  free(lines.text);
  free(lines.specs);
  free(lines.entries);
  free(lines.ids);
  return status;
}
