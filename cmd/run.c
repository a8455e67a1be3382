#include "command.h"
#include "job_payload.h"
#include "point.h"
#include "run_follow.h"
#include "run_result.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEY_TEXT_MAX 400 /* bytes of a topic that stand in its unique key */

struct run_args {
  const char *language, *market, *depth;
  struct option_list targets;
  int64_t processes, timeout_ms;
  bool no_work, verbose;
};

#define AT(member) offsetof(struct run_args, member)
static const struct option_row options[] = {
    {.letter = 'l',
     .name = "language",
     .type = OPTION_TEXT,
     .argument = "TAG",
     .fallback = "en",
     .about = "the language of the post",
     .offset = AT(language)},
    {.name = "market",
     .type = OPTION_TEXT,
     .argument = "TEXT",
     .about = "the market that it is for",
     .offset = AT(market)},
    {.name = "depth",
     .type = OPTION_TEXT,
     .argument = "WORD",
     .fallback = "standard",
     .about = "of the research: short, standard or deep",
     .offset = AT(depth)},
    {.letter = 't',
     .name = "target",
     .type = OPTION_LIST,
     .argument = "NAME",
     .about = "publish there only; may be repeated (otherwise: to every target)",
     .offset = AT(targets)},
    {.letter = 'p',
     .name = "processes",
     .type = OPTION_NUMBER,
     .argument = "N",
     .min = 1,
     .max = 64,
     .about = "of the worker that is started when none is alive",
     .offset = AT(processes)},
    {.name = "no-work",
     .type = OPTION_FLAG,
     .about = "start no worker; wait for one that runs elsewhere",
     .offset = AT(no_work)},
    {.name = "timeout",
     .type = OPTION_DURATION,
     .argument = "DURATION",
     .min = 1,
     .max = INT64_C(604800000),
     .about = "stop waiting after this long (status 75); the jobs stay",
     .offset = AT(timeout_ms)},
    {.letter = 'v',
     .name = "verbose",
     .type = OPTION_FLAG,
     .about = "tell every step, and show the worker's log",
     .offset = AT(verbose)},
};

static json_t *make_payload(const struct run_args *args, const char *topic) {
  json_t *payload = json_pack("{s:s, s:s, s:s, s:s*}", "topic", topic, "language", args->language,
                              "depth", args->depth, "market", args->market);
  json_t *targets = args->targets.n > 0 ? json_array() : NULL;
  for (size_t i = 0; i < args->targets.n; i++)
    json_array_append_new(targets, json_string(args->targets.items[i]));
  if (targets != NULL)
    json_object_set_new(payload, "targets", targets);
  return payload;
}

/* FNV-1a: tells long topics with the same beginning apart. */
static uint64_t hash_of(const char *text) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (; *text != '\0'; text++)
    hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
  return hash;
}

/* What makes two runs the same one. Everything that goes into the hash is in the text too, so far
 * as the key has room for it. */
static bool make_key(const struct run_args *args, const char *topic, char key[GALLEY_KEY_MAX + 1]) {
  char *folded = galley_text_fold(topic);
  char *all = NULL;
  char targets[512] = "";
  size_t used = 0;
  for (size_t i = 0; i < args->targets.n && used < sizeof targets; i++)
    used += (size_t)snprintf(targets + used, sizeof targets - used, ",%s", args->targets.items[i]);
  int len = folded == NULL ? -1
                           : asprintf(&all, "%s|%s|%s|%s|%s", folded, args->language, args->depth,
                                      args->market != NULL ? args->market : "", targets);
  galley_free(folded);
  if (len < 0)
    return false;
  snprintf(key, GALLEY_KEY_MAX + 1, "research:%016" PRIx64 ":%.*s", hash_of(all), KEY_TEXT_MAX,
           all);
  /* The cut may have parted a character. */
  while (strlen(key) > 0 && galley_text_graphemes(key) < 0)
    key[strlen(key) - 1] = '\0';
  free(all);
  return true;
}

static int enqueue(struct session *session, const char *payload, const char *key,
                   int64_t *workflow_id) {
  struct galley_spec spec = GALLEY_SPEC_INIT;
  struct galley_job *job = NULL;
  int64_t id = 0;
  bool existing = false;
  spec.kind = "research";
  spec.payload = payload;
  spec.unique_key = key;
  enum galley_rc rc = galley_enqueue(session->q, &spec, &id, &existing);
  if (rc == GALLEY_OK)
    rc = galley_job_get(session->q, id, &job);
  if (rc != GALLEY_OK)
    return session_fail_open(session, rc);
  *workflow_id = job->workflow_id != 0 ? job->workflow_id : id;
  galley_free(job);
  if (existing)
    session_note(session, "job %" PRId64 " is at it already; following it", id);
  return 0;
}

static int follow(struct session *session, const struct run_args *args, int64_t workflow_id) {
  struct run_follow follow = {.workflow_id = workflow_id,
                              .start_worker = !args->no_work,
                              .processes = args->processes,
                              .timeout_ms = args->timeout_ms,
                              .verbose = args->verbose};
  int status = run_follow(session, &follow);
  POINT(run, ended);
  if (status == 0)
    status = run_result(session, workflow_id);
  fflush(stdout);
  run_worker_stop(&follow.worker);
  return status;
}

static int check_topic(struct session *session, const char *topic) {
  if (galley_text_graphemes(topic) < 0)
    return session_fail(session, GALLEY_INVALID, "the topic is not valid UTF-8");
  if (topic[strspn(topic, " \t\r\n")] == '\0')
    return session_fail(session, GALLEY_INVALID, "the topic is empty");
  return 0;
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  const struct run_args *args = values;
  char error[JOB_PAYLOAD_ERROR_MAX], key[GALLEY_KEY_MAX + 1];
  int64_t workflow_id = 0;
  (void)n;
  int status = check_topic(session, operands[0]);
  if (status == 0)
    status = session_configure(session);
  if (status != 0)
    return status;
  json_t *payload = make_payload(args, operands[0]);
  if (!job_payload_check(&session->config, "research", payload, error)) {
    json_decref(payload);
    return session_fail(session, GALLEY_INVALID, "%s", error);
  }
  char *text = json_dumps(payload, JSON_COMPACT);
  json_decref(payload);
  if (text == NULL || !make_key(args, operands[0], key))
    status = session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  if (status == 0)
    status = session_open(session, 0);
  if (status == 0)
    status = enqueue(session, text, key, &workflow_id);
  free(text);
  POINT(run, enqueued);
  return status == 0 ? follow(session, args, workflow_id) : status;
}

const struct command run_command = {
    .name = "run",
    .usage = "[OPTION...] TOPIC",
    .about = "research a topic, write a post on it and publish it, now",
    .details =
        "Enqueues the research, starts a worker when none is alive, and waits for the whole "
        "chain.\n"
        "Prints \"published: PATH\" for each target. A fresh report is used again, and a post "
        "that\n"
        "is there is updated, so that a second run costs nothing and publishes nothing twice.\n"
        "Ctrl-C stops the waiting; the jobs stay in the queue.\n"
        "\n"
        "Examples:\n"
        "  galley run \"heat pumps in old houses\"\n"
        "  galley run --language de --target blog \"Wärmepumpen im Altbau\"\n",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .args_size = sizeof(struct run_args),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
