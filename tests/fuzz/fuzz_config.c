/* libFuzzer target: the configuration: an INI file, and after a zero byte a value of the
 * environment for the setting that the first byte chooses. */
#include "config.h"
#include "fuzz.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ERROR_SIZE 1024

int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc;
  (void)argv;
  clearenv();
  setenv("PATH", "/nonexistent", 1);
  return 0;
}

static enum galley_rc load(struct config *config, const char *text, size_t len, char *error) {
  char path[64];
  int fd = memfd_create("galley.ini", MFD_CLOEXEC);
  assert(fd >= 0 && write(fd, text, len) == (ssize_t)len);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  struct config_options options = {.file = path};
  error[0] = '\0';
  enum galley_rc rc = config_load(config, &options, error, ERROR_SIZE);
  close(fd);
  return rc;
}

/* ---- an accepted configuration, written out ---- */

static int64_t number_at(const void *base, const struct config_setting *setting) {
  int64_t value;
  memcpy(&value, (const char *)base + setting->offset, sizeof value);
  return value;
}

static const char *string_at(const void *base, const struct config_setting *setting) {
  const char *value;
  memcpy(&value, (const char *)base + setting->offset, sizeof value);
  return value;
}

static bool is_number(const struct config_setting *setting) {
  return setting->type == CONFIG_NUMBER || setting->type == CONFIG_DURATION ||
         setting->type == CONFIG_BYTES;
}

/* A path that is not absolute starts at the current folder, and would start at the file's. */
static bool is_movable(const struct config_setting *setting, const char *text) {
  return setting->type != CONFIG_PATH || text[0] == '/' || text[0] == ':';
}

static void write_setting(FILE *out, const void *base, const struct config_setting *setting) {
  if (is_number(setting))
    fprintf(out, "%s = %" PRId64 "\n", setting->name, number_at(base, setting));
  else if (string_at(base, setting) && is_movable(setting, string_at(base, setting)))
    fprintf(out, "%s = %s\n", setting->name, string_at(base, setting));
}

static void write_named(FILE *out, const char *sort, const char *name, const void *base) {
  fprintf(out, "[%s.%s]\n", sort, name);
  for (size_t i = 0; i < config_named_setting_count; i++)
    if (strcmp(config_named_settings[i].section, sort) == 0 &&
        strcmp(config_named_settings[i].name, "argument") != 0)
      write_setting(out, base, &config_named_settings[i]);
}

static void write_config(FILE *out, const struct config *config) {
  for (size_t i = 0; i < config_setting_count; i++) {
    fprintf(out, "[%s]\n", config_settings[i].section);
    write_setting(out, config, &config_settings[i]);
  }
  for (size_t i = 0; i < config->n_targets; i++)
    write_named(out, "target", config->targets[i].name, &config->targets[i]);
  for (size_t i = 0; i < config->n_programs; i++) {
    write_named(out, "kind", config->programs[i].kind, &config->programs[i]);
    for (size_t j = 1; j < config->programs[i].argc; j++)
      fprintf(out, "argument = %s\n", config->programs[i].argv[j]);
  }
}

static void check_same_setting(const void *a, const void *b, const struct config_setting *setting) {
  if (is_number(setting))
    assert(number_at(a, setting) == number_at(b, setting));
  else
    fuzz_check_same(string_at(a, setting), string_at(b, setting));
}

static void check_same_named(const char *sort, const void *a, const void *b) {
  for (size_t i = 0; i < config_named_setting_count; i++)
    if (strcmp(config_named_settings[i].section, sort) == 0)
      check_same_setting(a, b, &config_named_settings[i]);
}

static void check_same_config(const struct config *a, const struct config *b) {
  assert(a->n_targets == b->n_targets && a->n_programs == b->n_programs);
  for (size_t i = 0; i < config_setting_count; i++)
    check_same_setting(a, b, &config_settings[i]);
  for (size_t i = 0; i < a->n_targets; i++) {
    fuzz_check_same(a->targets[i].name, b->targets[i].name);
    check_same_named("target", &a->targets[i], &b->targets[i]);
  }
  for (size_t i = 0; i < a->n_programs; i++) {
    assert(a->programs[i].argc == b->programs[i].argc);
    for (size_t j = 0; j < a->programs[i].argc; j++)
      fuzz_check_same(a->programs[i].argv[j], b->programs[i].argv[j]);
    fuzz_check_same(a->programs[i].kind, b->programs[i].kind);
    check_same_named("kind", &a->programs[i], &b->programs[i]);
  }
}

/* Whatever the file left out has its default, and all is within its range. */
static void check_ranges(const struct config *config) {
  for (size_t i = 0; i < config_setting_count; i++) {
    const struct config_setting *setting = &config_settings[i];
    if (is_number(setting))
      assert(number_at(config, setting) >= setting->min &&
             number_at(config, setting) <= setting->max);
    else
      assert(string_at(config, setting));
  }
  assert(config->n_targets > 0 && config->n_targets <= CONFIG_TARGETS_MAX);
  for (size_t i = 0; i < config->n_targets; i++)
    assert(config->targets[i].path && config->targets[i].path[0] == '/');
}

static void check_accepted(const struct config *config) {
  static struct config again;
  char *text = NULL, error[ERROR_SIZE];
  size_t len;
  FILE *out = open_memstream(&text, &len);
  assert(out);
  check_ranges(config);
  write_config(out, config);
  fclose(out);
  enum galley_rc rc = load(&again, text, len, error);
  if (rc != GALLEY_OK)
    fprintf(stderr, "%s\nin:\n%s\n", error, text);
  assert(rc == GALLEY_OK);
  check_same_config(config, &again);
  config_fini(&again);
  free(text);
}

/* It names the file, or the variable, and what is wrong with it. */
static void check_refused(enum galley_rc rc, const char *error, const char *where) {
  assert(rc == GALLEY_INVALID);
  fuzz_check_sentence(error, ERROR_SIZE);
  assert(strncmp(error, where, strlen(where)) == 0);
  const char *colon = strchr(error, ':');
  assert(colon && strlen(colon) > 10);
}

static void check_amounts(const char *text) {
  int64_t value, again;
  char plain[32];
  if (config_parse_duration(text, &value)) {
    snprintf(plain, sizeof plain, "%" PRId64 "ms", value);
    assert(value >= 0 && config_parse_duration(plain, &again) && again == value);
  }
  if (config_parse_bytes(text, &value)) {
    snprintf(plain, sizeof plain, "%" PRId64, value);
    assert(value >= 0 && config_parse_bytes(plain, &again) && again == value);
  }
}

static void check_environment(const struct config_setting *setting, const char *value) {
  static struct config config;
  char name[CONFIG_ENV_NAME_MAX], error[ERROR_SIZE];
  config_env_name(setting, false, name);
  setenv(name, value, 1);
  enum galley_rc rc = load(&config, "", 0, error);
  if (rc == GALLEY_OK)
    check_ranges(&config);
  else if (fuzz_is_utf8(value))
    check_refused(rc, error, name);
  config_fini(&config);
  unsetenv(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct config config;
  struct fuzz_input input = fuzz_begin(data, size);
  char error[ERROR_SIZE];
  size_t len, row = fuzz_byte(&input) % config_setting_count;
  char *text = fuzz_until(&input, '\0', &len);
  char *value = fuzz_rest(&input, NULL);
  check_amounts(value);
  check_environment(&config_settings[row], value);
  enum galley_rc rc = load(&config, text, len, error);
  if (rc == GALLEY_OK)
    check_accepted(&config);
  else if (fuzz_is_utf8(text))
    check_refused(rc, error, "/proc/self/fd/");
  config_fini(&config);
  free(text);
  free(value);
  return 0;
}
