#include "command.h"
#include "worker_program.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int run(struct session *session, const void *values, size_t n, char **operands) {
  struct worker_program program;
  (void)n;
  (void)operands;
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
