#include "command.h"
#include "help.h"
#include "nearest.h"

#include <stdlib.h>
#include <string.h>

const struct command *const command_table[] = {
    &init_command,      &enqueue_command,    &run_command,    &work_command,   &list_command,
    &show_command,      &retry_command,      &cancel_command, &stats_command,  &topics_command,
    &documents_command, &posts_command,      &feed_command,   &backup_command, &check_command,
    &wal_command,       &checkpoint_command, &doctor_command, &help_command,
};
const size_t command_count = sizeof command_table / sizeof *command_table;

const struct command *command_find(const char *name) {
  for (size_t i = 0; i < command_count; i++)
    if (strcmp(command_table[i]->name, name) == 0)
      return command_table[i];
  return NULL;
}

int command_unknown(const struct session *session, const char *name) {
  struct nearest near = nearest_start(name);
  for (size_t i = 0; i < command_count; i++)
    nearest_offer(&near, command_table[i]->name);
  if (near.best != NULL)
    return session_misuse(session, "there is no command %.80s; did you mean %s?", name, near.best);
  return session_misuse(session, "there is no command %.80s", name);
}

static int check_operands(const struct session *session, const struct command *command, size_t n) {
  if (n < command->min_operands)
    return session_misuse(session, "%s needs more: galley %s %s", command->name, command->name,
                          command->usage);
  if (n > command->max_operands)
    return session_misuse(session, "%s is given too much: galley %s %s", command->name,
                          command->name, command->usage);
  return 0;
}

int command_run(struct session *session, const struct command *command, size_t n, char **words) {
  session->command = command;
  void *args = calloc(1, command->args_size + 1);
  if (args == NULL)
    return session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  const struct option_set sets[] = {
      {command->options, command->n_options, args},
      {session_options, session_option_count, session},
  };
  struct option_line line = {.words = words, .n_words = n};
  option_defaults(&sets[0]);
  int status;
  if (!option_parse(sets, 2, &line))
    status = session_misuse(session, "%s", line.error);
  else if (session->help)
    status = help_show(session, command);
  else if (session->version)
    status = help_version();
  else
    status = check_operands(session, command, line.n_operands);
  if (status == 0 && !session->help && !session->version)
    status = command->run(session, args, line.n_operands, line.words);
  free(args);
  return status;
}
