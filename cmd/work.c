#include "command.h"
#include "job_payload.h"
#include "worker_program.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TEXT_MAX 1024

/* What is ready, of kinds that the worker will not serve: "mail (3), sms (1)". */
struct unserved {
  const struct config *config;
  char text[TEXT_MAX];
  size_t len;
};

static bool find_unserved(void *arg, const void *row) {
  struct unserved *unserved = arg;
  const struct galley_count *count = row;
  size_t room = sizeof unserved->text - unserved->len;
  if (strcmp(count->state, "ready") != 0 || count->n == 0 ||
      job_payload_kind_known(unserved->config, count->kind))
    return true;
  int n = snprintf(unserved->text + unserved->len, room, "%s%s (%" PRId64 ")",
                   unserved->len > 0 ? ", " : "", count->kind, count->n);
  if (n < 0 || (size_t)n >= room) {
    unserved->text[unserved->len] = '\0';
    return false;
  }
  unserved->len += (size_t)n;
  return true;
}

/* Ready jobs that nobody claims are easily overlooked: a worker has nothing to say about kinds that
 * it does not know. A database that cannot be read is the worker's to tell. */
static void note_unserved(struct session *session) {
  struct unserved unserved = {.config = &session->config};
  struct galley *q = NULL;
  const struct galley_options read = {.flags = GALLEY_OPEN_READONLY};
  if (galley_open(&q, session->config.database, &read) == GALLEY_OK &&
      galley_stats(q, find_unserved, &unserved) == GALLEY_OK && unserved.len > 0)
    session_note(session,
                 "ready, but of a kind that is neither built in nor in the configuration: %s",
                 unserved.text);
  galley_close(q);
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  struct worker_program program;
  (void)n;
  (void)operands;
  int status = session_configure(session);
  if (status != 0)
    return status;
  note_unserved(session);
  worker_program_make(&program, session, values);
  fflush(stdout);
  execv(program.path, program.argv);
  return session_fail(session, GALLEY_NO_INPUT, "the worker program %s cannot be started: %s",
                      program.path, strerror(errno));
}

const struct command work_command = {
    .name = "work",
    .usage = "[OPTION...]",
    .about = "run jobs until told to stop",
    .details = "SIGTERM and SIGINT stop it: it finishes what it can within worker.grace and hands "
               "the rest\n"
               "back. It logs to standard error; galley(1) lists the events.\n"
               "\n"
               "Examples:\n"
               "  galley work --processes 4\n"
               "  galley work --drain             (do what there is, then stop)\n"
               "  galley work --kinds research,write\n",
    .options = work_option_rows,
    .n_options = WORK_OPTION_COUNT,
    .args_size = sizeof(struct work_options),
    .run = run,
};
