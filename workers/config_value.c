#include "config_impl.h"
#include "refusal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct unit {
  const char *suffix;
  int64_t size;
};

enum galley_rc config_refuse(const struct config_source *source, const char *format, ...) {
  if (source->error_len == 0)
    return GALLEY_INVALID;
  int used = source->line > 0 ? snprintf(source->error, source->error_len, "%s:%d: ", source->where,
                                         source->line)
                              : snprintf(source->error, source->error_len, "%s: ", source->where);
  if (used < 0 || (size_t)used >= source->error_len)
    return GALLEY_INVALID;
  va_list args;
  va_start(args, format);
  vsnprintf(source->error + used, source->error_len - (size_t)used, format, args);
  va_end(args);
  refusal_mend(source->error);
  return GALLEY_INVALID;
}

/* Digits, then one of the suffixes. No sign, no white space, no overflow. */
static bool parse_amount(const char *text, const struct unit *units, size_t n_units, int64_t *out) {
  size_t digits = strspn(text, "0123456789");
  if (digits == 0)
    return false;
  errno = 0;
  int64_t amount = strtoll(text, NULL, 10);
  if (errno != 0)
    return false;
  for (size_t i = 0; i < n_units; i++) {
    if (strcmp(text + digits, units[i].suffix) != 0)
      continue;
    if (amount > INT64_MAX / units[i].size)
      return false;
    *out = amount * units[i].size;
    return true;
  }
  return false;
}

bool config_parse_duration(const char *text, int64_t *ms) {
  static const struct unit units[] = {
      {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
  };
  return parse_amount(text, units, sizeof units / sizeof *units, ms);
}

bool config_parse_bytes(const char *text, int64_t *bytes) {
  static const struct unit units[] = {
      {"", 1},        {"B", 1},         {"K", 1 << 10}, {"k", 1 << 10},   {"KiB", 1 << 10},
      {"M", 1 << 20}, {"MiB", 1 << 20}, {"G", 1 << 30}, {"GiB", 1 << 30},
  };
  return parse_amount(text, units, sizeof units / sizeof *units, bytes);
}

static bool parse_number(const char *text, int64_t *number) {
  static const struct unit units[] = {{"", 1}};
  return parse_amount(text, units, 1, number);
}

char *config_path_join(const char *folder, const char *path) {
  char *joined = NULL;
  if (path[0] == '/' || folder == NULL || strcmp(path, ":memory:") == 0)
    return strdup(path);
  while (strncmp(path, "./", 2) == 0 && path[2] != '\0')
    path += 2;
  const char *slash = folder[0] != '\0' && folder[strlen(folder) - 1] == '/' ? "" : "/";
  if (asprintf(&joined, "%s%s%s", folder, slash, path) < 0)
    return NULL;
  return joined;
}

char *config_string(const void *base, const struct config_setting *setting) {
  char *value;
  memcpy(&value, (const char *)base + setting->offset, sizeof value);
  return value;
}

static enum galley_rc store_string(void *base, const struct config_setting *setting, char *value,
                                   const struct config_source *source) {
  if (value == NULL) {
    config_refuse(source, "out of memory");
    return GALLEY_NO_MEMORY;
  }
  free(config_string(base, setting));
  memcpy((char *)base + setting->offset, &value, sizeof value);
  return GALLEY_OK;
}

static enum galley_rc assign_text(void *base, const struct config_setting *setting,
                                  const char *text, const struct config_source *source) {
  size_t len = strlen(text);
  if ((int64_t)len < setting->min)
    return config_refuse(source, "%s.%s must not be empty", setting->section, setting->name);
  if ((int64_t)len > setting->max)
    return config_refuse(source, "%s.%s has %zu bytes; at most %" PRId64 " are allowed",
                         setting->section, setting->name, len, setting->max);
  for (size_t i = 0; i < len; i++)
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
      return config_refuse(source, "%s.%s holds a control character (byte %zu)", setting->section,
                           setting->name, i + 1);
  char *value =
      setting->type == CONFIG_PATH ? config_path_join(source->folder, text) : strdup(text);
  return store_string(base, setting, value, source);
}

static enum galley_rc assign_choice(void *base, const struct config_setting *setting,
                                    const char *text, const struct config_source *source) {
  size_t len = strlen(text);
  for (const char *at = setting->choices; *at != '\0';) {
    size_t choice_len = strcspn(at, " ");
    if (choice_len == len && strncmp(at, text, len) == 0)
      return store_string(base, setting, strdup(text), source);
    at += choice_len;
    at += strspn(at, " ");
  }
  return config_refuse(source, "%s.%s cannot be \"%.80s\"; it is one of: %s", setting->section,
                       setting->name, text, setting->choices);
}

/* What a range looks like to a person, in the unit that the setting is written in. */
static void format_bound(enum config_type type, int64_t value, char *out, size_t out_len) {
  static const struct unit durations[] = {
      {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
  static const struct unit sizes[] = {{"M", 1 << 20}, {"K", 1 << 10}, {"", 1}};
  static const struct unit numbers[] = {{"", 1}};
  const struct unit *unit = numbers;
  if (type == CONFIG_DURATION)
    unit = durations;
  else if (type == CONFIG_BYTES)
    unit = sizes;
  while (unit->size > 1 && (value == 0 || value % unit->size != 0))
    unit++;
  snprintf(out, out_len, "%" PRId64 "%s", value / unit->size, unit->suffix);
}

static enum galley_rc assign_amount(void *base, const struct config_setting *setting,
                                    const char *text, const struct config_source *source) {
  static const struct {
    bool (*parse)(const char *, int64_t *);
    const char *wanted;
  } amounts[] = {
      [CONFIG_NUMBER] = {parse_number, "a whole number"},
      [CONFIG_DURATION] = {config_parse_duration, "a duration as 250ms, 30s, 5m, 12h or 7d"},
      [CONFIG_BYTES] = {config_parse_bytes, "a size as 4096, 512K or 10M"},
  };
  int64_t value;
  if (!amounts[setting->type].parse(text, &value))
    return config_refuse(source, "%s.%s must be %s, not \"%.80s\"", setting->section, setting->name,
                         amounts[setting->type].wanted, text);
  if (value < setting->min || value > setting->max) {
    char low[32], high[32];
    format_bound(setting->type, setting->min, low, sizeof low);
    format_bound(setting->type, setting->max, high, sizeof high);
    return config_refuse(source, "%s.%s is %.80s; it must be between %s and %s", setting->section,
                         setting->name, text, low, high);
  }
  memcpy((char *)base + setting->offset, &value, sizeof value);
  return GALLEY_OK;
}

enum galley_rc config_assign(void *base, const struct config_setting *setting, const char *text,
                             const struct config_source *source) {
  switch (setting->type) {
  case CONFIG_TEXT:
  case CONFIG_PATH:
    return assign_text(base, setting, text, source);
  case CONFIG_CHOICE:
    return assign_choice(base, setting, text, source);
  case CONFIG_NUMBER:
  case CONFIG_DURATION:
  case CONFIG_BYTES:
    return assign_amount(base, setting, text, source);
  }
  return GALLEY_INTERNAL;
}
