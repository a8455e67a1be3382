/*
 * session.h - one run of the program: the global options, the settings, the open database, and how
 * it speaks to a person on standard error.
 */
#ifndef SESSION_H
#define SESSION_H

#include "config.h"
#include "galley.h"
#include "option.h"

struct command;

struct session {
  const char *database; /* as the options gave it; NULL */
  const char *config_file;
  bool json, quiet, help, version;
  const struct command *command; /* NULL before it is known */
  struct config config;
  bool configured;
  struct galley *q; /* NULL: not open */
};

extern const struct option_row session_options[];
extern const size_t session_option_count;

/* Each returns 0, or the exit status after it has printed why. */
int session_configure(struct session *session);
/* Configures and opens the database; flags as in enum galley_open_flag. */
int session_open(struct session *session, unsigned flags);
void session_close(struct session *session);

/* Print "galley: " and the sentence on standard error, control characters made harmless, and return
 * the exit status of rc. */
int session_fail(const struct session *session, enum galley_rc rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with the sentence of the open database. */
int session_fail_open(const struct session *session, enum galley_rc rc);
/* A wrong command line: the sentence, where the help is, 64. */
int session_misuse(const struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A remark on standard error; silent with --quiet. */
void session_note(const struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The operand as an id; false after session_misuse printed why. */
bool session_id(const struct session *session, const char *text, int64_t *id);
/* Takes the operand as an id and opens the database. Returns 0, or the exit status after it has
 * printed why. */
int session_open_id(struct session *session, unsigned flags, const char *text, int64_t *id);
/* Opens the database for writing and calls `one` for each operand, which must all be ids before the
 * first is touched. One that fails, and has said why, does not keep the others from it: the first
 * status that is not 0 is returned. */
int session_each_id(struct session *session, size_t n, char **operands,
                    int (*one)(struct session *session, int64_t id));

#endif
