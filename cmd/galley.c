/* galley: the program's entry. What a word on the command line does stands in its own file. */
#include "command.h"
#include "help.h"
#include "standard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int dispatch(struct session *session, int argc, char **argv) {
  const struct option_set global = {session_options, session_option_count, session};
  struct option_line line = {
      .words = argv + 1, .n_words = argc > 0 ? (size_t)argc - 1 : 0, .stop_at_operand = true};
  if (!option_parse(&global, 1, &line))
    return session_misuse(session, "%s", line.error);
  if (session->version)
    return help_version();
  if (line.n_operands == 0)
    return session->help ? help_show(session, NULL)
                         : session_misuse(session, "a command is missing");
  const struct command *command = command_find(line.words[0]);
  if (command == NULL)
    return command_unknown(session, line.words[0]);
  return command_run(session, command, line.n_operands - 1, line.words + 1);
}

int main(int argc, char **argv) {
  struct session session = {0};
  standard_open();
  galley_process_init();
  int status = dispatch(&session, argc, argv);
  session_close(&session);
  errno = 0;
  if ((fflush(stdout) != 0 || ferror(stdout)) && status == 0)
    status = session_fail(&session, GALLEY_IO, "the output cannot be written: %s", strerror(errno));
  return status;
}
