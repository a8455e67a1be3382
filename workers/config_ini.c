#include "config_impl.h"
#include "nearest.h"

#include <ctype.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INI_LINE_BYTES   8192  /* of one line, its end included */
#define INI_LINES_MAX    10000 /* of the whole file */
#define INI_SECTION_MAX  49    /* libinih cuts longer section names without a word */
#define INI_SETTINGS_MAX 64    /* rows of the tables that `seen` has room for */

struct ini_read {
  struct config *config;
  FILE *file;
  struct config_source *source;
  enum galley_rc rc;
  int seen[INI_SETTINGS_MAX];               /* line that gave config_settings[i] */
  uint64_t target_seen[CONFIG_TARGETS_MAX]; /* bit i: config_named_settings[i] */
  uint64_t program_seen[CONFIG_PROGRAMS_MAX];
};

static const char *const builtin_kinds[] = {"collect", "research", "write", "publish"};

static bool plain_name(const char *name) {
  return name[0] != '\0' && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(name);
}

/* The part after "target." or "kind."; NULL when the section is not of that sort. */
static const char *name_within(const char *section, const char *sort) {
  size_t len = strlen(sort);
  return strncmp(section, sort, len) == 0 && section[len] == '.' ? section + len + 1 : NULL;
}

static enum galley_rc refuse_section(const struct ini_read *read, const char *section) {
  struct nearest near = nearest_start(section);
  for (size_t i = 0; i < config_setting_count; i++)
    nearest_offer(&near, config_settings[i].section);
  nearest_offer(&near, "target.NAME");
  nearest_offer(&near, "kind.NAME");
  if (section[0] == '\0')
    return config_refuse(read->source, "a setting stands before the first [section]");
  if (near.best != NULL)
    return config_refuse(read->source, "unknown section [%s]; did you mean [%s]?", section,
                         near.best);
  return config_refuse(read->source, "unknown section [%s]; `galley help settings` lists them",
                       section);
}

static enum galley_rc refuse_name(const struct ini_read *read, const struct config_setting *table,
                                  size_t n, const char *sort, const char *name) {
  struct nearest near = nearest_start(name);
  for (size_t i = 0; i < n; i++)
    if (strcmp(table[i].section, sort) == 0)
      nearest_offer(&near, table[i].name);
  if (near.best != NULL)
    return config_refuse(read->source, "unknown setting %s.%.80s; did you mean %s?", sort, name,
                         near.best);
  return config_refuse(read->source,
                       "unknown setting %s.%.80s; `galley help settings` lists what there is", sort,
                       name);
}

static enum galley_rc out_of_memory(const struct ini_read *read) {
  config_refuse(read->source, "out of memory");
  return GALLEY_NO_MEMORY;
}

/* The index of the target in the configuration, made when it is new. */
static enum galley_rc find_target(struct ini_read *read, const char *name, size_t *index) {
  struct config *config = read->config;
  for (*index = 0; *index < config->n_targets; (*index)++)
    if (strcmp(config->targets[*index].name, name) == 0)
      return GALLEY_OK;
  if (!plain_name(name))
    return config_refuse(read->source,
                         "a target's name is made of a-z, 0-9, '.', '_' and '-', not \"%s\"", name);
  if (config->n_targets == CONFIG_TARGETS_MAX)
    return config_refuse(read->source, "more than %d targets", CONFIG_TARGETS_MAX);
  char *copy = strdup(name);
  if (copy == NULL)
    return out_of_memory(read);
  config->targets[config->n_targets++] = (struct publish_target){.name = copy};
  return GALLEY_OK;
}

static enum galley_rc find_program(struct ini_read *read, const char *kind, size_t *index) {
  struct config *config = read->config;
  for (*index = 0; *index < config->n_programs; (*index)++)
    if (strcmp(config->programs[*index].kind, kind) == 0)
      return GALLEY_OK;
  if (!plain_name(kind))
    return config_refuse(read->source,
                         "a kind's name is made of a-z, 0-9, '.', '_' and '-', not \"%s\"", kind);
  for (size_t i = 0; i < sizeof builtin_kinds / sizeof *builtin_kinds; i++)
    if (strcmp(builtin_kinds[i], kind) == 0)
      return config_refuse(read->source, "the kind %s is built in; choose another name", kind);
  if (config->n_programs == CONFIG_PROGRAMS_MAX)
    return config_refuse(read->source, "more than %d kinds", CONFIG_PROGRAMS_MAX);
  char *copy = strdup(kind);
  if (copy == NULL)
    return out_of_memory(read);
  config->programs[config->n_programs++] = (struct config_program){.kind = copy, .argc = 1};
  return GALLEY_OK;
}

/* A program without a slash is looked for beside the file first, then in PATH as a shell does. */
static char *program_path(const char *folder, const char *name) {
  char *beside = config_path_join(folder, name);
  const char *path = getenv("PATH");
  if (beside == NULL || strchr(name, '/') != NULL || path == NULL || access(beside, X_OK) == 0)
    return beside;
  while (*path != '\0') {
    size_t len = strcspn(path, ":");
    char *candidate = NULL;
    if (len > 0 && asprintf(&candidate, "%.*s/%s", (int)len, path, name) < 0)
      break;
    if (candidate != NULL && candidate[0] == '/' && access(candidate, X_OK) == 0) {
      free(beside);
      return candidate;
    }
    free(candidate);
    path += len;
    path += *path == ':' ? 1 : 0;
  }
  return beside;
}

static enum galley_rc set_program(struct ini_read *read, struct config_program *program,
                                  const struct config_setting *setting, const char *value) {
  struct config_source *source = read->source;
  if (strcmp(setting->name, "argument") == 0) {
    if (program->argc > CONFIG_ARGUMENTS_MAX)
      return config_refuse(source, "more than %d arguments", CONFIG_ARGUMENTS_MAX);
    struct config_setting next = *setting;
    next.offset += program->argc * sizeof *program->argv;
    enum galley_rc rc = config_assign(program, &next, value, source);
    program->argc += rc == GALLEY_OK ? 1 : 0;
    return rc;
  }
  if (strcmp(setting->name, "program") != 0)
    return config_assign(program, setting, value, source);
  char *found = program_path(source->folder, value);
  if (found == NULL)
    return out_of_memory(read);
  enum galley_rc rc = config_assign(program, setting, value[0] == '\0' ? "" : found, source);
  free(found);
  return rc;
}

static enum galley_rc set_target(struct ini_read *read, struct publish_target *target,
                                 const struct config_setting *setting, const char *value) {
  if (strcmp(setting->name, "base_url") == 0 && strncmp(value, "http://", 7) != 0 &&
      strncmp(value, "https://", 8) != 0)
    return config_refuse(
        read->source, "target.base_url must begin with http:// or https://, not \"%.80s\"", value);
  return config_assign(target, setting, value, read->source);
}

static enum galley_rc set_named(struct ini_read *read, const char *sort, const char *name,
                                const char *key, const char *value) {
  size_t row = 0, index = 0;
  bool is_target = strcmp(sort, "target") == 0;
  enum galley_rc rc =
      is_target ? find_target(read, name, &index) : find_program(read, name, &index);
  if (rc != GALLEY_OK || key == NULL)
    return rc;
  while (row < config_named_setting_count &&
         (strcmp(config_named_settings[row].section, sort) != 0 ||
          strcmp(config_named_settings[row].name, key) != 0))
    row++;
  if (row == config_named_setting_count)
    return refuse_name(read, config_named_settings, row, sort, key);
  uint64_t *seen = is_target ? &read->target_seen[index] : &read->program_seen[index];
  if ((*seen & (UINT64_C(1) << row)) != 0 && strcmp(key, "argument") != 0)
    return config_refuse(read->source, "%s is set twice in [%s.%s]", key, sort, name);
  *seen |= UINT64_C(1) << row;
  const struct config_setting *setting = &config_named_settings[row];
  return is_target ? set_target(read, &read->config->targets[index], setting, value)
                   : set_program(read, &read->config->programs[index], setting, value);
}

static enum galley_rc set_plain(struct ini_read *read, const char *section, const char *key,
                                const char *value) {
  bool known = false;
  for (size_t i = 0; i < config_setting_count; i++) {
    const struct config_setting *setting = &config_settings[i];
    if (strcmp(setting->section, section) != 0)
      continue;
    known = true;
    if (key == NULL)
      return GALLEY_OK;
    if (strcmp(setting->name, key) != 0)
      continue;
    if (i < INI_SETTINGS_MAX && read->seen[i] != 0)
      return config_refuse(read->source, "%s.%s is set twice, first on line %d", section, key,
                           read->seen[i]);
    if (i < INI_SETTINGS_MAX)
      read->seen[i] = read->source->line;
    return config_assign(read->config, setting, value, read->source);
  }
  return known ? refuse_name(read, config_settings, config_setting_count, section, key)
               : refuse_section(read, section);
}

/* key NULL: only the section's own name is checked. */
static enum galley_rc set(struct ini_read *read, const char *section, const char *key,
                          const char *value) {
  const char *name = name_within(section, "target");
  if (name != NULL)
    return set_named(read, "target", name, key, value);
  name = name_within(section, "kind");
  if (name != NULL)
    return set_named(read, "kind", name, key, value);
  return set_plain(read, section, key, value);
}

static int take_setting(void *user, const char *section, const char *name, const char *value) {
  struct ini_read *read = user;
  read->rc = set(read, section, name, value);
  return read->rc == GALLEY_OK;
}

/* libinih reports a section only with its first setting, and cuts its name. So the line itself is
 * looked at: a mistyped section is an error even when nothing stands in it. */
static enum galley_rc check_section_line(struct ini_read *read, const char *line) {
  char section[INI_SECTION_MAX + 1];
  size_t len = strcspn(line, "]");
  if (line[len] == '\0')
    return GALLEY_OK; /* libinih refuses it */
  if (len > INI_SECTION_MAX)
    return config_refuse(read->source, "a section's name has at most %d bytes", INI_SECTION_MAX);
  memcpy(section, line, len);
  section[len] = '\0';
  return set(read, section, NULL, NULL);
}

/* In place of fgets: counts lines, and refuses what libinih would cut in silence. */
static char *read_line(char *line, int size, void *user) {
  struct ini_read *read = user;
  if (fgets(line, size, read->file) == NULL)
    return NULL;
  size_t len = strlen(line);
  if (++read->source->line > INI_LINES_MAX)
    read->rc = config_refuse(read->source, "more than %d lines", INI_LINES_MAX);
  else if ((len == 0 || line[len - 1] != '\n') && len + 1 < (size_t)size && !feof(read->file))
    read->rc = config_refuse(read->source, "the line holds a zero byte");
  else if (len + 1 == (size_t)size && line[len - 1] != '\n' && !feof(read->file))
    read->rc = config_refuse(read->source, "the line is longer than %d bytes", size - 2);
  const char *start = line;
  if (read->source->line == 1 && strncmp(start, "\xEF\xBB\xBF", 3) == 0)
    start += 3;
  while (isspace((unsigned char)*start))
    start++;
  if (read->rc == GALLEY_OK && *start == '[')
    read->rc = check_section_line(read, start + 1);
  return read->rc == GALLEY_OK ? line : NULL;
}

static enum galley_rc check_complete(struct ini_read *read) {
  read->source->line = 0;
  for (size_t i = 0; i < read->config->n_targets; i++)
    if (read->config->targets[i].path == NULL)
      return config_refuse(read->source, "[target.%s] needs a line: path = FOLDER",
                           read->config->targets[i].name);
  for (size_t i = 0; i < read->config->n_programs; i++)
    if (read->config->programs[i].argv[0] == NULL)
      return config_refuse(read->source, "[kind.%s] needs a line: program = PATH",
                           read->config->programs[i].kind);
  return GALLEY_OK;
}

/* A target says only what differs; the rest comes from the table. */
static enum galley_rc fill_targets(struct ini_read *read) {
  for (size_t i = 0; i < read->config->n_targets; i++)
    for (size_t row = 0; row < config_named_setting_count; row++) {
      const struct config_setting *setting = &config_named_settings[row];
      struct publish_target *target = &read->config->targets[i];
      if (strcmp(setting->section, "target") != 0 || setting->fallback == NULL ||
          config_string(target, setting) != NULL)
        continue;
      enum galley_rc rc = config_assign(target, setting, setting->fallback, read->source);
      if (rc != GALLEY_OK)
        return rc;
    }
  return GALLEY_OK;
}

enum galley_rc config_ini_read(struct config *config, FILE *file, struct config_source *source) {
  struct ini_read read = {.config = config, .file = file, .source = source};
  source->line = 0;
  ini_max_line = INI_LINE_BYTES;
  ini_allow_multiline = false; /* an indented line is a line of its own */
  ini_stop_on_first_error = true;
  int bad_line = ini_parse_stream(read_line, &read, take_setting, &read);
  if (read.rc != GALLEY_OK)
    return read.rc;
  if (ferror(file)) {
    config_refuse(source, "the file cannot be read");
    return GALLEY_NO_INPUT;
  }
  if (bad_line > 0) {
    source->line = bad_line;
    return config_refuse(source, "expected [section], name = value, or a comment");
  }
  if (bad_line < 0)
    return out_of_memory(&read);
  enum galley_rc rc = check_complete(&read);
  return rc == GALLEY_OK ? fill_targets(&read) : rc;
}
