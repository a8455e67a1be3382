/*
 * config.h - settings: one table gives name, type, range, default and text, and makes the INI
 * parser, the range checks, the environment names, `galley help settings` and the galley.ini of
 * `galley init`; tests/lint sees to it that the manual and ops/galley.ini name every setting.
 * Order: defaults < INI file < environment (GALLEY_SECTION_NAME) < options.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "galley.h"
#include "stage.h"

#define CONFIG_TARGETS_MAX   16
#define CONFIG_PROGRAMS_MAX  64
#define CONFIG_ARGUMENTS_MAX 32

/* A kind of the user's own: [kind.NAME] */
struct config_program {
  char *kind;
  char *argv[CONFIG_ARGUMENTS_MAX + 2]; /* program, then each `argument` line; NULL-terminated */
  size_t argc;
  char *directory;
  int64_t timeout_ms;   /* 0: the job's own */
  int64_t max_attempts; /* 0: the default; used by galley enqueue */
};

struct config {
  /* [galley] */
  char *database;   /* "galley.db" */
  char *durability; /* normal full */
  char *log_level;  /* error warn info debug */
  /* [worker] */
  int64_t slots;       /* jobs at once in one process: 1..1024, 16 */
  int64_t processes;   /* 1..64, 1 */
  int64_t lease_ms;    /* 5000..3600000, 60000 */
  int64_t grace_ms;    /* 0..3600000, 25000 */
  int64_t crashes_max; /* deaths of its worker that make a job dead: 1..1000, 3 */
  /* [research] */
  char *research_provider;     /* embedded */
  int64_t research_max_age_ms; /* of a cached report: 0..10 years, 7 days */
  int64_t research_words;      /* 200..20000, 2000 */
  int64_t research_documents;  /* read for one report: 1..200, 40 */
  /* [write] */
  char *write_provider; /* embedded */
  /* [collect] */
  char *collect_provider;          /* feed */
  int64_t collect_timeout_ms;      /* 1000..600000, 60000 */
  int64_t collect_body_max;        /* bytes: 1024..104857600, 10485760 */
  int64_t collect_interval_min_ms; /* 60000.., 3600000 */
  /* [http] */
  char *user_agent;
  int64_t connect_timeout_ms; /* 100..120000, 15000 */
  char *allow_addresses;      /* "" */
  /* [target.NAME], [kind.NAME] */
  struct publish_target targets[CONFIG_TARGETS_MAX]; /* strings owned; paths absolute */
  size_t n_targets; /* without any: one target "site", folder, hugo, <database's
                       folder>/site/content/posts */
  struct config_program programs[CONFIG_PROGRAMS_MAX];
  size_t n_programs;
  char *file; /* the INI file that was read, NULL: none */
};

struct config_options {
  const char *file; /* NULL: $GALLEY_CONFIG, else ./galley.ini, else ~/.config/galley/galley.ini,
                       else /etc/galley/galley.ini, whichever exists first; none is fine */
  const char *database; /* over all; NULL: as configured */
};
/* Loads all layers. On failure `error` (size error_len) holds the sentence with file and line, and
 * the code is GALLEY_INVALID or GALLEY_NO_INPUT or GALLEY_NO_MEMORY. Release with config_fini in
 * every case. */
GALLEY_MUST_USE enum galley_rc config_load(struct config *config,
                                           const struct config_options *options, char *error,
                                           size_t error_len);
void config_fini(struct config *config);

const struct publish_target *config_target(const struct config *config, const char *name);
const struct config_program *config_program(const struct config *config, const char *kind);

/* One row of the table, for help and for the test that compares it with the manual. */
enum config_type {
  CONFIG_TEXT,
  CONFIG_PATH, /* in a file: relative to the file's folder */
  CONFIG_NUMBER,
  CONFIG_DURATION,
  CONFIG_BYTES,
  CONFIG_CHOICE
};
const char *config_type_name(enum config_type type); /* "duration" */
struct config_setting {
  const char *section;
  const char *name;
  enum config_type type;
  const char *fallback; /* as written in the file */
  int64_t min, max;     /* of numbers; durations in ms; of texts and paths: bytes */
  const char *choices;  /* "normal full" */
  const char *about;
  size_t offset;
};
extern const struct config_setting config_settings[];
extern const size_t config_setting_count;
/* What [target.NAME] and [kind.NAME] may hold: section is "target" or "kind", offset counts in
 * struct publish_target or struct config_program. `argument` may be repeated. */
extern const struct config_setting config_named_settings[];
extern const size_t config_named_setting_count;

#define CONFIG_ENV_NAME_MAX 96
/* GALLEY_SECTION_NAME, in upper case. Settings of [galley] have the short form GALLEY_NAME too. */
void config_env_name(const struct config_setting *setting, bool brief,
                     char name[CONFIG_ENV_NAME_MAX]);

/* Durations: "250ms", "30s", "5m", "12h", "7d", or a plain number of milliseconds ("0" too). Sizes:
 * "10M", "512K", or bytes. False when it is neither. */
bool config_parse_duration(const char *text, int64_t *ms);
bool config_parse_bytes(const char *text, int64_t *bytes);

#endif
