#include "command.h"
#include "output.h"

#include <inttypes.h>

static int retry_one(struct session *session, int64_t id) {
  enum galley_rc rc = galley_retry(session->q, id);
  if (rc == GALLEY_NONE)
    return session_fail(session, rc, "there is no job %" PRId64, id);
  if (rc != GALLEY_OK)
    return session_fail_open(session, rc);
  if (session->json) {
    struct output_json json = {.file = stdout};
    output_json_open(&json, NULL, '{');
    output_json_int(&json, "id", id);
    output_json_text(&json, "state", "ready");
    output_json_end(&json);
  } else {
    printf("%" PRId64 " ready\n", id);
  }
  return 0;
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  (void)values;
  return session_each_id(session, n, operands, retry_one);
}

const struct command retry_command = {
    .name = "retry",
    .usage = "ID...",
    .about = "make dead or cancelled jobs ready again, and scheduled ones at once",
    .details =
        "A dead or cancelled job starts with fresh attempts. A job that cannot be retried is\n"
        "told on standard error and does not keep the others from it.\n"
        "\n"
        "Examples:\n"
        "  galley retry 42\n"
        "  galley retry $(galley list --state dead --json | jq .id)\n",
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .run = run,
};
