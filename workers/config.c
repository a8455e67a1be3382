#include "config_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_FILE "/etc/galley/galley.ini"

struct load {
  struct config *config;
  const struct config_options *options;
  char *error;
  size_t error_len;
};

static enum galley_rc out_of_memory(const struct load *load) {
  snprintf(load->error, load->error_len, "out of memory while reading the configuration");
  return GALLEY_NO_MEMORY;
}

/* NULL for an empty variable too: an empty one counts as not set. */
static const char *env_text(const char *name) {
  const char *value = getenv(name);
  return value != NULL && value[0] != '\0' ? value : NULL;
}

static enum galley_rc load_defaults(const struct load *load) {
  for (size_t i = 0; i < config_setting_count; i++) {
    struct config_source source = {
        .where = "default", .error = load->error, .error_len = load->error_len};
    enum galley_rc rc =
        config_assign(load->config, &config_settings[i], config_settings[i].fallback, &source);
    assert(rc == GALLEY_OK || rc == GALLEY_NO_MEMORY);
    if (rc != GALLEY_OK)
      return rc;
  }
  return GALLEY_OK;
}

/* The first file that exists where nobody named one. NULL in *path: none. */
static enum galley_rc find_file(const struct load *load, char **path) {
  const char *home = env_text("HOME");
  char *own = NULL;
  *path = NULL;
  if (home != NULL && asprintf(&own, "%s/.config/galley/galley.ini", home) < 0)
    return out_of_memory(load);
  const char *const places[] = {"galley.ini", own, SYSTEM_FILE};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    if (places[i] == NULL || access(places[i], F_OK) != 0)
      continue;
    *path = strdup(places[i]);
    free(own);
    return *path == NULL ? out_of_memory(load) : GALLEY_OK;
  }
  free(own);
  return GALLEY_OK;
}

/* The absolute folder that holds `path`. NULL without memory. */
static char *folder_of(const char *path) {
  char *here = getcwd(NULL, 0);
  if (here == NULL)
    here = strdup("/");
  const char *slash = strrchr(path, '/');
  if (here == NULL || slash == NULL)
    return here;
  char *part = strndup(path, slash == path ? 1 : (size_t)(slash - path));
  char *folder = part != NULL ? config_path_join(here, part) : NULL;
  free(part);
  free(here);
  return folder;
}

static enum galley_rc cannot_read(const struct load *load, int reason) {
  snprintf(load->error, load->error_len, "%s: the configuration file cannot be read: %s",
           load->config->file, strerror(reason));
  return GALLEY_NO_INPUT;
}

static enum galley_rc load_file(const struct load *load) {
  const char *named = load->options->file;
  if (named == NULL)
    named = env_text("GALLEY_CONFIG");
  if (named != NULL) {
    load->config->file = strdup(named);
    if (load->config->file == NULL)
      return out_of_memory(load);
  } else {
    enum galley_rc rc = find_file(load, &load->config->file);
    if (rc != GALLEY_OK || load->config->file == NULL)
      return rc;
  }
  FILE *file = fopen(load->config->file, "re");
  if (file == NULL)
    return cannot_read(load, errno);
  struct stat about;
  if (fstat(fileno(file), &about) == 0 && S_ISDIR(about.st_mode)) {
    fclose(file);
    return cannot_read(load, EISDIR);
  }
  char *folder = folder_of(load->config->file);
  struct config_source source = {.where = load->config->file,
                                 .folder = folder,
                                 .error = load->error,
                                 .error_len = load->error_len};
  enum galley_rc rc =
      folder == NULL ? out_of_memory(load) : config_ini_read(load->config, file, &source);
  free(folder);
  fclose(file);
  return rc;
}

static enum galley_rc load_environment(const struct load *load) {
  for (size_t i = 0; i < config_setting_count; i++) {
    const struct config_setting *setting = &config_settings[i];
    char name[CONFIG_ENV_NAME_MAX];
    config_env_name(setting, false, name);
    const char *value = env_text(name);
    if (value == NULL && strcmp(setting->section, "galley") == 0) {
      config_env_name(setting, true, name);
      value = env_text(name);
    }
    if (value == NULL)
      continue;
    struct config_source source = {
        .where = name, .error = load->error, .error_len = load->error_len};
    enum galley_rc rc = config_assign(load->config, setting, value, &source);
    if (rc != GALLEY_OK)
      return rc;
  }
  return GALLEY_OK;
}

static enum galley_rc load_options(const struct load *load) {
  if (load->options->database == NULL)
    return GALLEY_OK;
  struct config_source source = {
      .where = "--database", .error = load->error, .error_len = load->error_len};
  return config_assign(load->config, &config_settings[0], load->options->database, &source);
}

/* Without any target posts go to a folder beside the database. */
static enum galley_rc load_default_target(const struct load *load) {
  struct config *config = load->config;
  if (config->n_targets > 0)
    return GALLEY_OK;
  char *folder = folder_of(config->database);
  if (folder == NULL)
    return out_of_memory(load);
  struct publish_target *site = &config->targets[config->n_targets++];
  site->name = strdup("site");
  site->type = strdup("folder");
  site->format = strdup("hugo");
  site->make = true;
  site->path = config_path_join(folder, "site/content/posts");
  free(folder);
  if (site->name == NULL || site->type == NULL || site->format == NULL || site->path == NULL)
    return out_of_memory(load);
  return GALLEY_OK;
}

enum galley_rc config_load(struct config *config, const struct config_options *options, char *error,
                           size_t error_len) {
  static enum galley_rc (*const layers[])(const struct load *) = {
      load_defaults, load_file, load_environment, load_options, load_default_target};
  const struct load load = {config, options, error, error_len};
  *config = (struct config){0};
  assert(strcmp(config_settings[0].name, "database") == 0);
  for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
    enum galley_rc rc = layers[i](&load);
    if (rc != GALLEY_OK)
      return rc;
  }
  return GALLEY_OK;
}

static void free_strings(void *base, const struct config_setting *table, size_t n,
                         const char *section) {
  for (size_t i = 0; i < n; i++) {
    enum config_type type = table[i].type;
    bool is_string = type == CONFIG_TEXT || type == CONFIG_PATH || type == CONFIG_CHOICE;
    if (is_string && (section == NULL || strcmp(table[i].section, section) == 0))
      free(config_string(base, &table[i]));
  }
}

void config_fini(struct config *config) {
  free_strings(config, config_settings, config_setting_count, NULL);
  for (size_t i = 0; i < config->n_targets; i++) {
    free_strings(&config->targets[i], config_named_settings, config_named_setting_count, "target");
    free((void *)config->targets[i].name);
  }
  for (size_t i = 0; i < config->n_programs; i++) {
    for (size_t j = 0; j < config->programs[i].argc; j++)
      free(config->programs[i].argv[j]);
    free(config->programs[i].directory);
    free(config->programs[i].kind);
  }
  free(config->file);
  *config = (struct config){0};
}

const struct publish_target *config_target(const struct config *config, const char *name) {
  for (size_t i = 0; i < config->n_targets; i++)
    if (strcmp(config->targets[i].name, name) == 0)
      return &config->targets[i];
  return NULL;
}

const struct config_program *config_program(const struct config *config, const char *kind) {
  for (size_t i = 0; i < config->n_programs; i++)
    if (strcmp(config->programs[i].kind, kind) == 0)
      return &config->programs[i];
  return NULL;
}
