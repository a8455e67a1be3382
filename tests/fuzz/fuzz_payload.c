/* libFuzzer target: the payload of a job on its three ways in: the check of the command line, the
 * database's own, and what a handler reads. The first byte chooses the kind. */
#include "fuzz.h"
#include "job_payload.h"
#include "payload.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"mail", "collect", "research", "write", "publish"};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static const struct publish_target site = {.name = "site", .type = "folder", .path = "/nowhere"};
static struct config config;

/* In place of the worker's: here nothing is settled. */
void task_finish(struct task *task) {
  assert(!task->finished);
  task->finished = true;
}

/* ---- what a handler reads ---- */

static void check_dead(const struct task *task) {
  assert(task->finished && task->verdict.outcome == GALLEY_DEAD);
  fuzz_check_sentence(task->verdict.error, VERDICT_TEXT_MAX);
  assert(strncmp(task->verdict.error, "payload", 7) == 0);
}

/* What the handler of the kind asks of its payload; false when it was refused. */
static bool read_members(struct task *task, const json_t *payload, const char *kind) {
  const char *text;
  char language[9];
  int64_t id;
  if (strcmp(kind, "collect") == 0)
    return payload_id(task, payload, "feed_id", &id);
  if (strcmp(kind, "publish") == 0)
    return payload_id(task, payload, "post_id", &id) &&
           payload_text(task, payload, "target", NULL, &text);
  if (!payload_language(task, payload, "en", language))
    return false;
  fuzz_check_harmless(language, strlen(language), "");
  if (strcmp(kind, "write") == 0 || json_object_get(payload, "topic_id"))
    return payload_id(task, payload, "topic_id", &id);
  return payload_text(task, payload, "topic", NULL, &text) &&
         payload_text(task, payload, "market", "", &text) &&
         payload_text(task, payload, "depth", "standard", &text);
}

/* Whether a handler of the kind can read the payload; tells why not. */
static bool handler_reads(const char *kind, char *text) {
  struct galley_job job = {.kind = kind, .payload = text};
  struct task task = {.job = &job};
  json_t *payload = payload_object(&task);
  bool good = payload && read_members(&task, payload, kind);
  if (!good)
    check_dead(&task);
  json_decref(payload);
  return good;
}

/* ---- the database ---- */

/* Leaves nothing behind. */
static enum galley_rc enqueue(const char *kind, const char *text) {
  struct galley *q = fuzz_database();
  struct galley_spec spec = GALLEY_SPEC_INIT;
  spec.kind = kind;
  spec.payload = text;
  int64_t id = 0;
  enum galley_rc begun = galley_begin(q);
  assert(begun == GALLEY_OK);
  enum galley_rc rc = galley_enqueue(q, &spec, &id, NULL);
  assert(rc == GALLEY_OK || rc == GALLEY_INVALID);
  if (rc != GALLEY_OK) {
    fuzz_check_sentence(galley_errmsg(q), 2048);
    assert(strstr(galley_errmsg(q), "payload"));
  } else {
    struct galley_job *job;
    assert(galley_job_get(q, id, &job) == GALLEY_OK);
    fuzz_check_same(job->payload, text);
    galley_free(job);
  }
  galley_rollback(q);
  return rc;
}

/* What SQLite takes for JSON and jansson does not: a key twice, a character that does not exist, a
 * zero character, a number that no double holds. Nothing of it is a matter of syntax. */
static bool is_known_difference(const char *text) {
  json_error_t error;
  json_t *loose = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
  json_decref(loose);
  return loose || json_error_code(&error) == json_error_numeric_overflow ||
         (json_error_code(&error) == json_error_invalid_syntax && strstr(text, "\\u"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  const char *kind = kinds[fuzz_byte(&input) % KIND_COUNT];
  char *text = fuzz_rest(&input, NULL);
  char error[JOB_PAYLOAD_ERROR_MAX] = "";
  config.targets[0] = site;
  config.n_targets = 1;
  json_t *payload = job_payload_parse(text, strlen(text), error);
  enum galley_rc rc = enqueue("mail", text);
  if (payload)
    assert(rc == GALLEY_OK);
  else
    fuzz_check_sentence(error, sizeof error);
  assert(payload || rc == GALLEY_INVALID || is_known_difference(text));
  if (payload && job_payload_check(&config, kind, payload, error)) {
    assert(strcmp(kind, "mail") == 0 || handler_reads(kind, text));
  } else {
    fuzz_check_sentence(error, sizeof error);
    (void)handler_reads(kind, text);
    (void)enqueue(kind, text);
  }
  json_decref(payload);
  free(text);
  return 0;
}
