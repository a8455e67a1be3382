/*
 * command.h - the subcommands: one row each, from which dispatch, help and the lint test of the
 * manual come.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "option.h"
#include "session.h"

struct command {
  const char *name;
  const char *usage;   /* what follows the name: "[OPTION...] KIND [PAYLOAD]" */
  const char *about;   /* one line */
  const char *details; /* paragraphs and examples for `galley help NAME` */
  const struct option_row *options;
  size_t n_options;
  size_t args_size; /* of the struct that the options fill */
  size_t min_operands, max_operands;
  /* Does it. `args` holds the parsed options, `operands` is not NULL-terminated. Returns the exit
   * status; what went wrong has been said. */
  int (*run)(struct session *session, const void *args, size_t n, char **operands);
};

extern const struct command init_command, enqueue_command, run_command, work_command, list_command,
    show_command, retry_command, cancel_command, stats_command, topics_command, documents_command,
    posts_command, feed_command, backup_command, check_command, wal_command, checkpoint_command,
    doctor_command, help_command;

extern const struct command *const command_table[];
extern const size_t command_count;

/* NULL when there is none of that name. */
const struct command *command_find(const char *name);
/* Says that there is no such command, with the nearest one; returns 64. */
int command_unknown(const struct session *session, const char *name);
/* Parses the words after the command's name and runs it. */
int command_run(struct session *session, const struct command *command, size_t n, char **words);

#endif
