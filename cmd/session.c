#include "session.h"
#include "command.h"
#include "output.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCE_MAX 4096

const struct option_row session_options[] = {
    {.letter = 'd',
     .name = "database",
     .type = OPTION_TEXT,
     .argument = "FILE",
     .about = "the database, instead of the configured one",
     .offset = offsetof(struct session, database)},
    {.letter = 'c',
     .name = "config",
     .type = OPTION_TEXT,
     .argument = "FILE",
     .about = "the configuration, instead of the first that is found",
     .offset = offsetof(struct session, config_file)},
    {.name = "json",
     .type = OPTION_FLAG,
     .about = "results as JSON, one object a line",
     .offset = offsetof(struct session, json)},
    {.letter = 'q',
     .name = "quiet",
     .type = OPTION_FLAG,
     .about = "no remarks on standard error; errors only",
     .offset = offsetof(struct session, quiet)},
    {.letter = 'h',
     .name = "help",
     .type = OPTION_FLAG,
     .about = "show help and stop",
     .offset = offsetof(struct session, help)},
    {.name = "version",
     .type = OPTION_FLAG,
     .about = "show the version and stop",
     .offset = offsetof(struct session, version)},
};
const size_t session_option_count = sizeof session_options / sizeof *session_options;

static void say(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

static void say(const char *format, va_list args) {
  char sentence[SENTENCE_MAX];
  vsnprintf(sentence, sizeof sentence, format, args);
  fflush(stdout); /* so that both streams on one terminal keep their order */
  fputs("galley: ", stderr);
  output_text(stderr, sentence);
  fputc('\n', stderr);
}

int session_fail(const struct session *session, enum galley_rc rc, const char *format, ...) {
  va_list args;
  (void)session;
  va_start(args, format);
  say(format, args);
  va_end(args);
  return galley_rc_exit(rc);
}

int session_fail_open(const struct session *session, enum galley_rc rc) {
  const char *sentence = session->q != NULL ? galley_errmsg(session->q) : "";
  return session_fail(session, rc, "%s", sentence[0] != '\0' ? sentence : galley_rc_text(rc));
}

int session_misuse(const struct session *session, const char *format, ...) {
  va_list args;
  va_start(args, format);
  say(format, args);
  va_end(args);
  if (session->command != NULL)
    fprintf(stderr, "See: galley help %s\n", session->command->name);
  else
    fputs("See: galley help\n", stderr);
  return galley_rc_exit(GALLEY_USAGE);
}

void session_note(const struct session *session, const char *format, ...) {
  va_list args;
  if (session->quiet)
    return;
  va_start(args, format);
  say(format, args);
  va_end(args);
}

int session_configure(struct session *session) {
  char error[1024];
  if (session->configured)
    return 0;
  struct config_options options = {.file = session->config_file, .database = session->database};
  enum galley_rc rc = config_load(&session->config, &options, error, sizeof error);
  session->configured = true;
  return rc == GALLEY_OK ? 0 : session_fail(session, rc, "%s", error);
}

int session_open(struct session *session, unsigned flags) {
  int status = session_configure(session);
  if (status != 0)
    return status;
  const char *path = session->config.database;
  if (strcmp(session->config.durability, "full") == 0 && (flags & GALLEY_OPEN_READONLY) == 0)
    flags |= GALLEY_OPEN_FULL;
  enum galley_rc rc = galley_open(&session->q, path, &(struct galley_options){.flags = flags});
  if (rc == GALLEY_NONE)
    return session_fail(session, GALLEY_NO_INPUT,
                        "there is no database %s; `galley init` makes it, --database names another",
                        path);
  return rc == GALLEY_OK ? 0 : session_fail_open(session, rc);
}

void session_close(struct session *session) {
  galley_close(session->q);
  session->q = NULL;
  if (session->configured)
    config_fini(&session->config);
  session->configured = false;
}

bool session_id(const struct session *session, const char *text, int64_t *id) {
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 18 || text[digits] != '\0' || strtoll(text, NULL, 10) == 0) {
    session_misuse(session, "an id is a whole number from 1 up, not \"%.80s\"", text);
    return false;
  }
  *id = strtoll(text, NULL, 10);
  return true;
}

int session_open_id(struct session *session, unsigned flags, const char *text, int64_t *id) {
  if (!session_id(session, text, id))
    return galley_rc_exit(GALLEY_USAGE);
  return session_open(session, flags);
}

int session_each_id(struct session *session, size_t n, char **operands,
                    int (*one)(struct session *session, int64_t id)) {
  int64_t id;
  for (size_t i = 0; i < n; i++)
    if (!session_id(session, operands[i], &id))
      return galley_rc_exit(GALLEY_USAGE);
  int status = session_open(session, 0);
  if (status != 0)
    return status;
  for (size_t i = 0; i < n && session_id(session, operands[i], &id); i++) {
    int failed = one(session, id);
    status = status == 0 ? failed : status;
  }
  return status;
}
