#include "command.h"
#include "output.h"

#include <inttypes.h>

static int cancel_one(struct session *session, int64_t id) {
  bool running = false;
  enum galley_rc rc = galley_cancel(session->q, id, &running);
  if (rc == GALLEY_NONE)
    return session_fail(session, rc, "there is no job %" PRId64, id);
  if (rc != GALLEY_OK)
    return session_fail_open(session, rc);
  if (session->json) {
    struct output_json json = {.file = stdout};
    output_json_open(&json, NULL, '{');
    output_json_int(&json, "id", id);
    output_json_text(&json, "state", running ? "running" : "cancelled");
    output_json_bool(&json, "cancel_requested", running);
    output_json_end(&json);
  } else {
    printf("%" PRId64 " %s\n", id, running ? "running, told to stop" : "cancelled");
  }
  return 0;
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  (void)values;
  return session_each_id(session, n, operands, cancel_one);
}

const struct command cancel_command = {
    .name = "cancel",
    .usage = "ID...",
    .about = "take jobs out of the queue, or ask running ones to stop",
    .details =
        "A waiting job is cancelled at once. A running one stops when its worker next renews its\n"
        "lease. A job that has ended is told on standard error, with status 1.\n"
        "\n"
        "Example:\n"
        "  galley cancel 42 43\n",
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .run = run,
};
