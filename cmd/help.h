/*
 * help.h - help for people, made from the tables of commands, options and settings.
 */
#ifndef HELP_H
#define HELP_H

#include "command.h"

/* Of one command; NULL: the overview. Returns the exit status. */
int help_show(const struct session *session, const struct command *command);
int help_version(void);

#endif
