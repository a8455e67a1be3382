#include "command.h"
#include "enqueue_lines.h"
#include "job_payload.h"
#include "row.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct enqueue_args {
  int64_t priority, delay_ms, at_ms, max_attempts, timeout_ms;
  const char *key, *payload_file;
  bool any_kind, durable, from_stdin;
  int64_t chunk;
  /* members of the payloads of built-in kinds */
  const char *topic, *language, *market, *depth, *target;
  int64_t topic_id, post_id, feed_id;
};

#define AT(member) offsetof(struct enqueue_args, member)
static const struct option_row options[] = {
    {.letter = 'p',
     .name = "priority",
     .type = OPTION_NUMBER,
     .argument = "N",
     .min = 0,
     .max = GALLEY_PRIORITY_MAX,
     .fallback = "1000",
     .about = "lower runs first",
     .offset = AT(priority)},
    {.name = "delay",
     .type = OPTION_DURATION,
     .argument = "DURATION",
     .max = INT64_C(315360000000),
     .about = "not before this long from now, as 90s, 5m, 12h, 7d",
     .offset = AT(delay_ms)},
    {.name = "at",
     .type = OPTION_TIME,
     .argument = "TIME",
     .min = 1,
     .max = INT64_C(253402300799999),
     .about = "not before this time: ISO 8601, or milliseconds since 1970",
     .offset = AT(at_ms)},
    {.name = "max-attempts",
     .type = OPTION_NUMBER,
     .argument = "N",
     .min = 1,
     .max = GALLEY_ATTEMPTS_MAX,
     .about = "attempts before the job is dead (default: 5, or what the kind says)",
     .offset = AT(max_attempts)},
    {.name = "timeout",
     .type = OPTION_DURATION,
     .argument = "DURATION",
     .min = 1,
     .max = INT64_C(604800000),
     .about = "what one attempt may take (default: 5m, or what the kind says)",
     .offset = AT(timeout_ms)},
    {.letter = 'k',
     .name = "key",
     .type = OPTION_TEXT,
     .argument = "TEXT",
     .about = "at most one live job has this key; its id is printed when it is there",
     .offset = AT(key)},
    {.name = "payload-file",
     .type = OPTION_TEXT,
     .argument = "FILE",
     .about = "read the payload from a file",
     .offset = AT(payload_file)},
    {.name = "any-kind",
     .type = OPTION_FLAG,
     .about = "enqueue a kind that neither galley nor the configuration knows",
     .offset = AT(any_kind)},
    {.name = "durable",
     .type = OPTION_FLAG,
     .about = "wait until the disk has it, so that a power cut cannot take it back",
     .offset = AT(durable)},
    {.name = "stdin",
     .type = OPTION_FLAG,
     .about = "read jobs from standard input as JSON Lines",
     .offset = AT(from_stdin)},
    {.name = "chunk",
     .type = OPTION_NUMBER,
     .argument = "N",
     .min = 1,
     .max = ENQUEUE_LINES_CHUNK_MAX,
     .fallback = "500",
     .about = "lines of --stdin in one transaction",
     .offset = AT(chunk)},
    {.name = "topic",
     .type = OPTION_TEXT,
     .argument = "TEXT",
     .about = "for research: what to research",
     .offset = AT(topic)},
    {.name = "language",
     .type = OPTION_TEXT,
     .argument = "TAG",
     .about = "for research and write: the language, as en",
     .offset = AT(language)},
    {.name = "market",
     .type = OPTION_TEXT,
     .argument = "TEXT",
     .about = "for research: the market",
     .offset = AT(market)},
    {.name = "depth",
     .type = OPTION_TEXT,
     .argument = "WORD",
     .about = "for research: short, standard or deep",
     .offset = AT(depth)},
    {.name = "topic-id",
     .type = OPTION_NUMBER,
     .argument = "ID",
     .min = 1,
     .max = INT64_MAX,
     .about = "for write: the researched topic; for research: instead of --topic",
     .offset = AT(topic_id)},
    {.name = "post-id",
     .type = OPTION_NUMBER,
     .argument = "ID",
     .min = 1,
     .max = INT64_MAX,
     .about = "for publish: the post",
     .offset = AT(post_id)},
    {.name = "target",
     .type = OPTION_TEXT,
     .argument = "NAME",
     .about = "for publish: the target, as configured",
     .offset = AT(target)},
    {.name = "feed-id",
     .type = OPTION_NUMBER,
     .argument = "ID",
     .min = 1,
     .max = INT64_MAX,
     .about = "for collect: the feed",
     .offset = AT(feed_id)},
};

/* Options that become members of a payload, and the kinds that have them. */
static const struct shorthand {
  const char *option;
  const char *member;
  const char *kinds;
  bool is_id;
  size_t offset;
} shorthands[] = {
    {"topic", "topic", " research ", false, AT(topic)},
    {"language", "language", " research write ", false, AT(language)},
    {"market", "market", " research ", false, AT(market)},
    {"depth", "depth", " research ", false, AT(depth)},
    {"topic-id", "topic_id", " research write ", true, AT(topic_id)},
    {"post-id", "post_id", " publish ", true, AT(post_id)},
    {"target", "target", " publish ", false, AT(target)},
    {"feed-id", "feed_id", " collect ", true, AT(feed_id)},
};
#define SHORTHAND_COUNT (sizeof shorthands / sizeof *shorthands)

static bool is_given(const struct shorthand *shorthand, const struct enqueue_args *args) {
  const char *at = (const char *)args + shorthand->offset;
  int64_t id = 0;
  const char *text = NULL;
  if (shorthand->is_id)
    memcpy(&id, at, sizeof id);
  else
    memcpy(&text, at, sizeof text);
  return id != 0 || text != NULL;
}

static bool has_shorthand(const struct enqueue_args *args) {
  for (size_t i = 0; i < SHORTHAND_COUNT; i++)
    if (is_given(&shorthands[i], args))
      return true;
  return false;
}

/* A new reference; NULL when the text is not UTF-8, or without memory. */
static json_t *shorthand_value(const struct shorthand *shorthand, const struct enqueue_args *args) {
  const char *at = (const char *)args + shorthand->offset;
  int64_t id;
  const char *text;
  if (shorthand->is_id) {
    memcpy(&id, at, sizeof id);
    return json_integer(id);
  }
  memcpy(&text, at, sizeof text);
  return json_string(text);
}

static int add_member(struct session *session, const struct shorthand *shorthand,
                      const struct enqueue_args *args, json_t *object) {
  json_t *value = shorthand_value(shorthand, args);
  if (value == NULL)
    return session_fail(session, GALLEY_INVALID, "--%s is not valid UTF-8", shorthand->option);
  if (json_object_set_new(object, shorthand->member, value) != 0)
    return session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  return 0;
}

/* The payload that the shorthand options describe. Not 0: refused. */
static int build_payload(struct session *session, const struct enqueue_args *args, const char *kind,
                         char **payload) {
  char wanted[GALLEY_KIND_MAX + 3];
  json_t *object = json_object();
  int status = 0;
  snprintf(wanted, sizeof wanted, " %.*s ", GALLEY_KIND_MAX, kind);
  for (size_t i = 0; status == 0 && i < SHORTHAND_COUNT; i++) {
    if (!is_given(&shorthands[i], args))
      continue;
    status = strstr(shorthands[i].kinds, wanted) != NULL
                 ? add_member(session, &shorthands[i], args, object)
                 : session_misuse(session, "--%s is not for %s jobs", shorthands[i].option, kind);
  }
  *payload = status == 0 ? json_dumps(object, JSON_COMPACT) : NULL;
  if (status == 0 && *payload == NULL)
    status = session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  json_decref(object);
  return status;
}

/* The payload from wherever the command line says it is; `text` NULL: no operand for it. */
static int get_payload(struct session *session, const struct enqueue_args *args, const char *kind,
                       const char *text, char **payload, size_t *len) {
  char error[JOB_PAYLOAD_ERROR_MAX];
  const char *name = args->payload_file;
  bool from_stdin =
      (text != NULL && strcmp(text, "-") == 0) || (name != NULL && strcmp(name, "-") == 0);
  if ((text != NULL) + (name != NULL) + has_shorthand(args) > 1)
    return session_misuse(session, "give the payload once: as PAYLOAD, with --payload-file, or in "
                                   "options such as --topic");
  if (text == NULL && name == NULL) {
    int status = build_payload(session, args, kind, payload);
    *len = status == 0 ? strlen(*payload) : 0;
    return status;
  }
  if (!from_stdin && name == NULL) {
    *payload = strdup(text);
    *len = strlen(text);
    return *payload != NULL ? 0 : session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  }
  FILE *file = from_stdin ? stdin : fopen(name, "re");
  if (file == NULL)
    return session_fail(session, GALLEY_NO_INPUT, "%s cannot be read: %s", name, strerror(errno));
  enum galley_rc rc = job_payload_read(file, payload, len, error);
  if (!from_stdin)
    fclose(file);
  return rc == GALLEY_OK
             ? 0
             : session_fail(session, rc, "%s: %s", from_stdin ? "standard input" : name, error);
}

static int check_payload(struct session *session, const char *kind, const char *text, size_t len) {
  char error[JOB_PAYLOAD_ERROR_MAX];
  json_t *payload = job_payload_parse(text, len, error);
  bool fine = payload != NULL && job_payload_check(&session->config, kind, payload, error);
  json_decref(payload);
  return fine ? 0 : session_fail(session, GALLEY_INVALID, "%s", error);
}

static int check_kind(struct session *session, const struct enqueue_args *args, const char *kind) {
  char names[400];
  if (args->any_kind || job_payload_kind_known(&session->config, kind))
    return 0;
  job_payload_kind_names(&session->config, names, sizeof names);
  return session_fail(
      session, GALLEY_INVALID,
      "the kind \"%.80s\" is not known; known are: %s. A [kind.%.64s] section makes "
      "it known, --any-kind enqueues it all the same",
      kind, names, kind);
}

static int enqueue(struct session *session, const struct enqueue_args *args, const char *kind,
                   const char *payload) {
  const struct config_program *program = config_program(&session->config, kind);
  struct galley_spec spec = {.kind = kind,
                             .payload = payload,
                             .priority = args->priority,
                             .run_at_ms = args->at_ms,
                             .delay_ms = args->delay_ms,
                             .max_attempts = args->max_attempts,
                             .timeout_ms = args->timeout_ms,
                             .unique_key = args->key};
  if (program != NULL && spec.max_attempts == 0)
    spec.max_attempts = program->max_attempts;
  if (program != NULL && spec.timeout_ms == 0)
    spec.timeout_ms = program->timeout_ms;
  int64_t id;
  bool existing = false;
  enum galley_rc rc = galley_enqueue(session->q, &spec, &id, &existing);
  if (rc != GALLEY_OK)
    return session_fail_open(session, rc);
  row_added(session, id, existing);
  if (existing)
    session_note(session, "job %" PRId64 " has this key and is still live; no other was enqueued",
                 id);
  return 0;
}

static int run_one(struct session *session, const struct enqueue_args *args, const char *kind,
                   const char *text) {
  char *payload = NULL;
  size_t len = 0;
  int status = session_configure(session);
  if (status == 0)
    status = check_kind(session, args, kind);
  if (status == 0)
    status = get_payload(session, args, kind, text, &payload, &len);
  if (status == 0)
    status = check_payload(session, kind, payload, len);
  if (status == 0)
    status = session_open(session, args->durable ? GALLEY_OPEN_FULL : 0);
  if (status == 0)
    status = enqueue(session, args, kind, payload);
  free(payload);
  return status;
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  const struct enqueue_args *args = values;
  if (args->at_ms > 0 && args->delay_ms > 0)
    return session_misuse(session, "--at and --delay exclude each other");
  if (!args->from_stdin && n == 0)
    return session_misuse(session, "enqueue needs a KIND");
  if (!args->from_stdin)
    return run_one(session, args, operands[0], n > 1 ? operands[1] : NULL);
  if (n > 0 || args->payload_file != NULL || has_shorthand(args))
    return session_misuse(session, "with --stdin, kinds and payloads stand in the lines");
  int status = session_open(session, args->durable ? GALLEY_OPEN_FULL : 0);
  return status != 0 ? status : enqueue_lines(session, (size_t)args->chunk, args->any_kind);
}

const struct command enqueue_command = {
    .name = "enqueue",
    .usage = "[OPTION...] KIND [PAYLOAD]",
    .about = "add a job and print its id",
    .details = "PAYLOAD is JSON; - reads it from standard input; without any it is {}. Built-in "
               "kinds have\n"
               "options that make the payload. Only the id is printed, once the job is committed.\n"
               "\n"
               "With --stdin each line is one job:\n"
               "  {\"kind\":…, \"payload\":…, \"priority\":…, \"delay_ms\":…, \"run_at_ms\":…,\n"
               "   \"max_attempts\":…, \"timeout_ms\":…, \"unique_key\":…}\n"
               "Only kind is needed. The ids of a chunk are printed after its transaction. A bad "
               "line ends\n"
               "it with status 65; nothing of its chunk or of later lines is enqueued.\n"
               "\n"
               "Examples:\n"
               "  galley enqueue research --topic \"heat pumps in old houses\" --language en\n"
               "  galley enqueue mail '{\"to\":\"a@example.org\"}' --delay 10m --key mail-42\n"
               "  galley enqueue collect --feed-id 3 --at 2026-07-30T06:00\n"
               "  produce-jobs | galley enqueue --stdin --durable\n",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .args_size = sizeof(struct enqueue_args),
    .min_operands = 0,
    .max_operands = 2,
    .run = run,
};
