#include "command.h"
#include "init_sample.h"
#include "output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct init_args {
  bool no_config;
};

static const struct option_row options[] = {
    {.name = "no-config",
     .type = OPTION_FLAG,
     .about = "make no galley.ini",
     .offset = offsetof(struct init_args, no_config)},
};

struct made {
  const char *database, *config_file;
  bool database_new, config_new;
};

/* Where the sample goes: where the person said, else here, unless a file is in use already. */
static const char *sample_path(const struct session *session) {
  const char *named = session->config_file != NULL ? session->config_file : getenv("GALLEY_CONFIG");
  return named != NULL && named[0] != '\0' ? named : "galley.ini";
}

static void report(const struct session *session, const struct made *made) {
  if (session->json) {
    struct output_json json = {.file = stdout};
    output_json_open(&json, NULL, '{');
    output_json_text(&json, "database", made->database);
    output_json_bool(&json, "database_created", made->database_new);
    output_json_text(&json, "config", made->config_file);
    output_json_bool(&json, "config_created", made->config_new);
    output_json_end(&json);
    return;
  }
  fputs("database: ", stdout);
  output_text(stdout, made->database);
  puts(made->database_new ? " (created)" : " (was there)");
  if (made->config_file == NULL)
    return;
  fputs("settings: ", stdout);
  output_text(stdout, made->config_file);
  puts(made->config_new ? " (created)" : " (was there)");
}

/* The sample is written before the settings are read, so that a --config that is not there yet is
 * no error for this one command. */
static int write_sample(struct session *session, struct made *made) {
  const char *path = sample_path(session);
  if (access(path, F_OK) == 0)
    return 0;
  if (errno != ENOENT)
    return session_fail(session, GALLEY_CANNOT_CREATE, "%s cannot be made: %s", path,
                        strerror(errno));
  int problem = init_sample(path, session->database);
  if (problem == EEXIST && access(path, F_OK) == 0) /* another init made it at this moment */
    return 0;
  if (problem != 0)
    return session_fail(session,
                        problem == ENOSPC || problem == EDQUOT ? GALLEY_FULL : GALLEY_CANNOT_CREATE,
                        "%s cannot be made: %s", path, strerror(problem));
  made->config_new = true;
  return 0;
}

static bool uses_file_elsewhere(struct session *session, int *status) {
  bool named = session->config_file != NULL || getenv("GALLEY_CONFIG") != NULL;
  *status = named ? 0 : session_configure(session);
  return !named && *status == 0 && session->config.file != NULL;
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  const struct init_args *args = values;
  struct made made = {0};
  int status;
  (void)n;
  (void)operands;
  bool elsewhere = uses_file_elsewhere(session, &status);
  if (status == 0 && !elsewhere && !args->no_config) {
    status = write_sample(session, &made);
    session_close(session); /* the settings are read again, with the file that was made */
  }
  if (status == 0)
    status = session_configure(session);
  if (status == 0) {
    made.database = session->config.database;
    made.config_file = session->config.file;
    made.database_new = access(made.database, F_OK) != 0;
    status = session_open(session, GALLEY_OPEN_CREATE);
  }
  if (status == 0)
    report(session, &made);
  else if (made.config_new)
    unlink(sample_path(session)); /* it would point at a database that is not there */
  return status;
}

const struct command init_command = {
    .name = "init",
    .usage = "[--no-config]",
    .about = "make the database, and a galley.ini with every setting explained",
    .details =
        "What is there already stays as it is, so that a second run is safe. An older database\n"
        "is brought up to date.\n"
        "\n"
        "Examples:\n"
        "  galley init\n"
        "  galley --database /var/lib/galley/news.db init --no-config\n",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .args_size = sizeof(struct init_args),
    .run = run,
};
