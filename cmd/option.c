#include "option.h"
#include "config.h"
#include "fold.h"
#include "nearest.h"
#include "refusal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of the help: where the text begins, and where it does so below its option when that leaves less
 * than half of the line. */
#define LEFT_COLUMN        30
#define LEFT_COLUMN_NARROW 8

struct found {
  const struct option_row *row;
  char *values;
};

static bool refuse(struct option_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool refuse(struct option_line *line, const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsnprintf(line->error, sizeof line->error, format, args);
  va_end(args);
  refusal_mend(line->error);
  return false;
}

/* ---- values ---- */

static bool parse_number(const char *text, int64_t *out) {
  char *end;
  errno = 0;
  if (text[strspn(text, "-0123456789")] != '\0' || text[0] == '\0')
    return false;
  *out = strtoll(text, &end, 10);
  return *end == '\0' && end != text && errno == 0;
}

/* Exactly `n` digits at *at, which moves past them. */
static bool take_digits(const char **at, int n, int *out) {
  *out = 0;
  for (int i = 0; i < n; i++, (*at)++) {
    if (**at < '0' || **at > '9')
      return false;
    *out = *out * 10 + (**at - '0');
  }
  return true;
}

static bool take_clock(const char **at, struct tm *tm, int *ms) {
  *ms = 0;
  if (!take_digits(at, 2, &tm->tm_hour) || *(*at)++ != ':' || !take_digits(at, 2, &tm->tm_min))
    return false;
  if (**at == ':') {
    (*at)++;
    if (!take_digits(at, 2, &tm->tm_sec))
      return false;
    if (**at == '.') {
      (*at)++;
      if (!take_digits(at, 3, ms))
        return false;
    }
  }
  return tm->tm_hour <= 23 && tm->tm_min <= 59 && tm->tm_sec <= 59;
}

/* The zone's offset in seconds; *local when there is no zone. */
static bool take_zone(const char **at, bool *local, int *offset) {
  int hours, minutes;
  *offset = 0;
  *local = **at == '\0';
  if (*local)
    return true;
  char sign = *(*at)++;
  if (sign == 'Z')
    return **at == '\0';
  if ((sign != '+' && sign != '-') || !take_digits(at, 2, &hours))
    return false;
  if (**at == ':')
    (*at)++;
  if (!take_digits(at, 2, &minutes) || **at != '\0' || hours > 15 || minutes > 59)
    return false;
  *offset = (hours * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
  return true;
}

static bool parse_iso(const char *text, int64_t *out) {
  struct tm tm = {.tm_isdst = -1};
  int ms = 0, offset = 0;
  bool local = true;
  if (!take_digits(&text, 4, &tm.tm_year) || *text++ != '-' || !take_digits(&text, 2, &tm.tm_mon) ||
      *text++ != '-' || !take_digits(&text, 2, &tm.tm_mday))
    return false;
  if (*text == 'T' || *text == 't' || *text == ' ') {
    text++;
    if (!take_clock(&text, &tm, &ms) || !take_zone(&text, &local, &offset))
      return false;
  } else if (*text != '\0') {
    return false;
  }
  tm.tm_year -= 1900;
  tm.tm_mon -= 1;
  int year = tm.tm_year, month = tm.tm_mon, day = tm.tm_mday;
  time_t seconds = local ? mktime(&tm) : timegm(&tm);
  /* Both accept the 31st of February and mean the 3rd of March; a person does not. */
  if (tm.tm_year != year || tm.tm_mon != month || tm.tm_mday != day)
    return false;
  *out = ((int64_t)seconds - offset) * 1000 + ms;
  return *out >= 0;
}

bool option_parse_time(const char *text, int64_t *ms) {
  if (text[0] != '\0' && strspn(text, "0123456789") == strlen(text))
    return parse_number(text, ms);
  return parse_iso(text, ms);
}

static const struct {
  bool (*parse)(const char *, int64_t *);
  const char *wanted;
} amounts[] = {
    [OPTION_NUMBER] = {parse_number, "a whole number"},
    [OPTION_DURATION] = {config_parse_duration, "a duration as 250ms, 30s, 5m, 12h or 7d"},
    [OPTION_BYTES] = {config_parse_bytes, "a size as 4096, 512K or 10M"},
    [OPTION_TIME] = {option_parse_time,
                     "a time as 2026-07-30T12:00:00Z or milliseconds since 1970"},
};

static bool set_amount(struct found found, const char *text, struct option_line *line) {
  const struct option_row *row = found.row;
  int64_t value;
  int64_t max = row->min == 0 && row->max == 0 ? INT64_MAX : row->max;
  if (!amounts[row->type].parse(text, &value))
    return refuse(line, "--%s needs %s, not \"%.80s\"", row->name, amounts[row->type].wanted, text);
  if (value < row->min || value > max) {
    const char *unit = row->type == OPTION_DURATION ? " ms" : "";
    if (max == INT64_MAX)
      return refuse(line, "--%s is %.80s; it must be at least %" PRId64 "%s", row->name, text,
                    row->min, unit);
    return refuse(line, "--%s is %.80s; it must be between %" PRId64 "%s and %" PRId64 "%s",
                  row->name, text, row->min, unit, max, unit);
  }
  memcpy(found.values + row->offset, &value, sizeof value);
  return true;
}

static bool set_value(struct found found, const char *text, struct option_line *line) {
  const struct option_row *row = found.row;
  char *at = found.values + row->offset;
  switch (row->type) {
  case OPTION_FLAG:
    memcpy(at, &(bool){true}, sizeof(bool));
    return true;
  case OPTION_TEXT:
    memcpy(at, &text, sizeof text);
    return true;
  case OPTION_LIST: {
    struct option_list *list = (void *)at;
    if (list->n == OPTION_LIST_MAX)
      return refuse(line, "--%s is given more than %d times", row->name, OPTION_LIST_MAX);
    list->items[list->n++] = text;
    return true;
  }
  default:
    return set_amount(found, text, line);
  }
}

void option_defaults(const struct option_set *set) {
  for (size_t i = 0; i < set->n; i++) {
    struct option_line line = {.error = ""};
    if (set->rows[i].absent != 0)
      memcpy((char *)set->values + set->rows[i].offset, &set->rows[i].absent, sizeof(int64_t));
    if (set->rows[i].fallback == NULL)
      continue;
    bool fine = set_value((struct found){&set->rows[i], set->values}, set->rows[i].fallback, &line);
    assert(fine);
    (void)fine;
  }
}

/* ---- words ---- */

static struct found find(const struct option_set *sets, size_t n_sets, const char *name, size_t len,
                         char letter) {
  for (size_t s = 0; s < n_sets; s++)
    for (size_t i = 0; i < sets[s].n; i++) {
      const struct option_row *row = &sets[s].rows[i];
      bool same = name != NULL ? strlen(row->name) == len && strncmp(row->name, name, len) == 0
                               : row->letter == letter;
      if (same)
        return (struct found){row, sets[s].values};
    }
  return (struct found){0};
}

static bool refuse_unknown(const struct option_set *sets, size_t n_sets, const char *name,
                           size_t len, struct option_line *line) {
  char word[NEAREST_NAME_MAX + 1];
  snprintf(word, sizeof word, "%.*s", (int)(len < sizeof word ? len : sizeof word - 1), name);
  struct nearest near = nearest_start(word);
  for (size_t s = 0; s < n_sets; s++)
    for (size_t i = 0; i < sets[s].n; i++)
      nearest_offer(&near, sets[s].rows[i].name);
  if (near.best != NULL)
    return refuse(line, "unknown option --%s; did you mean --%s?", word, near.best);
  return refuse(line, "unknown option --%s", word);
}

/* --name, --name=value, --name value; *at moves over what was used. */
static bool take_long(const struct option_set *sets, size_t n_sets, struct option_line *line,
                      size_t *at) {
  const char *name = line->words[(*at)++] + 2;
  size_t len = strcspn(name, "=");
  struct found found = find(sets, n_sets, name, len, 0);
  if (found.row == NULL)
    return refuse_unknown(sets, n_sets, name, len, line);
  if (found.row->type == OPTION_FLAG)
    return name[len] == '=' ? refuse(line, "--%s takes no value", found.row->name)
                            : set_value(found, NULL, line);
  if (name[len] == '=')
    return set_value(found, name + len + 1, line);
  if (*at == line->n_words)
    return refuse(line, "--%s needs %s", found.row->name, found.row->argument);
  return set_value(found, line->words[(*at)++], line);
}

/* The letter may be one of several bytes. */
static bool refuse_letter(struct option_line *line, const char *letters) {
  int n = 1;
  while (n < 4 && ((unsigned char)letters[n] & 0xC0) == 0x80)
    n++;
  return refuse(line, "unknown option -%.*s", n, letters);
}

/* -x, -xy (flags), -xVALUE, -x VALUE. */
static bool take_short(const struct option_set *sets, size_t n_sets, struct option_line *line,
                       size_t *at) {
  const char *letters = line->words[(*at)++] + 1;
  for (; *letters != '\0'; letters++) {
    struct found found = find(sets, n_sets, NULL, 0, *letters);
    if (found.row == NULL)
      return refuse_letter(line, letters);
    if (found.row->type == OPTION_FLAG) {
      if (!set_value(found, NULL, line))
        return false;
      continue;
    }
    if (letters[1] != '\0')
      return set_value(found, letters + 1, line);
    if (*at == line->n_words)
      return refuse(line, "-%c needs %s", *letters, found.row->argument);
    return set_value(found, line->words[(*at)++], line);
  }
  return true;
}

/* Takes the rest as operands, as they stand. */
static bool take_rest(struct option_line *line, size_t at) {
  while (at < line->n_words)
    line->words[line->n_operands++] = line->words[at++];
  return true;
}

bool option_parse(const struct option_set *sets, size_t n_sets, struct option_line *line) {
  line->n_operands = 0;
  for (size_t at = 0; at < line->n_words;) {
    char *word = line->words[at];
    bool is_option = word[0] == '-' && word[1] != '\0';
    if (strcmp(word, "--") == 0)
      return take_rest(line, at + 1);
    if (!is_option && line->stop_at_operand)
      return take_rest(line, at);
    if (!is_option) {
      line->words[line->n_operands++] = word;
      at++;
    } else if (word[1] == '-' ? !take_long(sets, n_sets, line, &at)
                              : !take_short(sets, n_sets, line, &at)) {
      return false;
    }
  }
  return true;
}

/* ---- help ---- */

void option_print(const struct option_set *set, int width, FILE *out) {
  const int left_column = width < 2 * LEFT_COLUMN ? LEFT_COLUMN_NARROW : LEFT_COLUMN;
  const struct fold fold = {.width = width, .start = left_column, .indent = left_column};
  for (size_t i = 0; i < set->n; i++) {
    const struct option_row *row = &set->rows[i];
    char left[80], text[400];
    char letter[] = {'-', row->letter, ',', ' ', '\0'};
    snprintf(left, sizeof left, "  %s--%s%s%s", row->letter != 0 ? letter : "    ", row->name,
             row->argument != NULL ? " " : "", row->argument != NULL ? row->argument : "");
    if ((int)strlen(left) >= left_column)
      fprintf(out, "%s\n%*s", left, left_column, "");
    else
      fprintf(out, "%-*s", left_column, left);
    if (row->fallback != NULL)
      snprintf(text, sizeof text, "%s (default: %s)", row->about, row->fallback);
    else
      snprintf(text, sizeof text, "%s", row->about);
    fold_text(out, &fold, text);
  }
}
