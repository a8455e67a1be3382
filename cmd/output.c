#include "output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <utf8proc.h>

#define REPLACEMENT    0xFFFD
#define COLUMNS_MAX    1000
#define FALLBACK_WIDTH 80

/* ---- characters ---- */

/* The next character; 0 at the end. Bytes that are not UTF-8 become U+FFFD one by one. */
static utf8proc_int32_t next_char(const char **at) {
  utf8proc_int32_t c;
  if (**at == '\0')
    return 0;
  utf8proc_ssize_t used = utf8proc_iterate((const utf8proc_uint8_t *)*at, -1, &c);
  *at += used > 0 ? used : 1;
  return used > 0 ? c : REPLACEMENT;
}

static bool is_control(utf8proc_int32_t c) {
  bool direction = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || direction;
}

static bool is_space(utf8proc_int32_t c) {
  return c == '\n' || c == '\t' || c == '\r' || c == 0x2028 || c == 0x2029 || c == 0x85;
}

static utf8proc_int32_t harmless(utf8proc_int32_t c) {
  if (is_space(c))
    return ' ';
  return is_control(c) ? REPLACEMENT : c;
}

static void put_char(FILE *file, utf8proc_int32_t c) {
  utf8proc_uint8_t bytes[4];
  utf8proc_ssize_t n = utf8proc_encode_char(c, bytes);
  fwrite(bytes, 1, (size_t)n, file);
}

/* ---- for people ---- */

int output_columns(void) {
  struct winsize size;
  if (!isatty(STDOUT_FILENO))
    return 0;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col < COLUMNS_MAX ? size.ws_col : COLUMNS_MAX;
  const char *columns = getenv("COLUMNS");
  long wished = columns != NULL ? strtol(columns, NULL, 10) : 0;
  return wished > 0 && wished < COLUMNS_MAX ? (int)wished : FALLBACK_WIDTH;
}

bool output_colour(FILE *file) {
  const char *no = getenv("NO_COLOR");
  const char *term = getenv("TERM");
  return (no == NULL || no[0] == '\0') && term != NULL && strcmp(term, "dumb") != 0 &&
         isatty(fileno(file));
}

void output_text(FILE *file, const char *text) {
  for (utf8proc_int32_t c; (c = next_char(&text)) != 0;)
    put_char(file, harmless(c));
}

void output_block(FILE *file, const char *text) {
  utf8proc_int32_t last = '\n';
  for (utf8proc_int32_t c; (c = next_char(&text)) != 0; last = c)
    put_char(file, c == '\n' || c == '\t' ? c : harmless(c));
  if (last != '\n')
    fputc('\n', file);
}

int output_text_width(const char *text) {
  int width = 0;
  for (utf8proc_int32_t c; (c = next_char(&text)) != 0;)
    width += utf8proc_charwidth(harmless(c));
  return width;
}

char *output_text_cut(const char *text, int columns) {
  char *out = NULL;
  size_t len = 0;
  FILE *file = open_memstream(&out, &len);
  if (file == NULL)
    return NULL;
  bool cut = output_text_width(text) > columns;
  int room = cut ? columns - 1 : columns;
  for (utf8proc_int32_t c; room >= 0 && (c = next_char(&text)) != 0;) {
    c = harmless(c);
    room -= utf8proc_charwidth(c);
    if (room >= 0)
      put_char(file, c);
  }
  if (cut)
    fputs("\xE2\x80\xA6", file);
  if (fclose(file) != 0) {
    free(out);
    return NULL;
  }
  return out;
}

void output_time(int64_t ms, char out[OUTPUT_TIME_MAX]) {
  time_t seconds = (time_t)(ms / 1000);
  struct tm tm;
  char zone[8];
  if (ms == 0 || localtime_r(&seconds, &tm) == NULL ||
      strftime(out, OUTPUT_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm) == 0 ||
      strftime(zone, sizeof zone, "%z", &tm) != 5) {
    snprintf(out, OUTPUT_TIME_MAX, "-");
    return;
  }
  size_t len = strlen(out);
  snprintf(out + len, OUTPUT_TIME_MAX - len, "%.3s:%s", zone, zone + 3);
}

void output_moment(int64_t ms, char out[OUTPUT_TIME_MAX]) {
  time_t seconds = (time_t)(ms / 1000);
  struct tm tm;
  if (ms == 0 || localtime_r(&seconds, &tm) == NULL ||
      strftime(out, OUTPUT_TIME_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
    snprintf(out, OUTPUT_TIME_MAX, "-");
}

void output_duration(int64_t ms, char out[OUTPUT_AMOUNT_MAX]) {
  int64_t s = ms / 1000;
  if (ms < 1000)
    snprintf(out, OUTPUT_AMOUNT_MAX, "%" PRId64 "ms", ms);
  else if (s < 60 && ms % 1000 >= 100)
    snprintf(out, OUTPUT_AMOUNT_MAX, "%" PRId64 ".%" PRId64 "s", s, ms % 1000 / 100);
  else if (s < 60)
    snprintf(out, OUTPUT_AMOUNT_MAX, "%" PRId64 "s", s);
  else if (s < 3600)
    snprintf(out, OUTPUT_AMOUNT_MAX, "%" PRId64 "m %" PRId64 "s", s / 60, s % 60);
  else if (s < 86400)
    snprintf(out, OUTPUT_AMOUNT_MAX, "%" PRId64 "h %" PRId64 "m", s / 3600, s / 60 % 60);
  else
    snprintf(out, OUTPUT_AMOUNT_MAX, "%" PRId64 "d %" PRId64 "h", s / 86400, s / 3600 % 24);
}

void output_money(int64_t usd_micros, char out[OUTPUT_AMOUNT_MAX]) {
  snprintf(out, OUTPUT_AMOUNT_MAX, "%" PRId64 ".%06" PRId64, usd_micros / 1000000,
           usd_micros % 1000000);
}

/* ---- fields ---- */

const struct galley_field *output_field(const struct galley_record *record, const char *name) {
  for (size_t i = 0; i < record->n_fields; i++)
    if (strcmp(record->fields[i].name, name) == 0)
      return &record->fields[i];
  return NULL;
}

int64_t output_integer(const struct galley_field *field, const void *row) {
  int64_t value;
  memcpy(&value, (const char *)row + field->offset, sizeof value);
  return value;
}

const char *output_string(const struct galley_field *field, const void *row) {
  const char *value;
  memcpy(&value, (const char *)row + field->offset, sizeof value);
  return value;
}

static double real_of(const struct galley_field *field, const void *row) {
  double value;
  memcpy(&value, (const char *)row + field->offset, sizeof value);
  return value;
}

static bool ends_with(const char *text, const char *end) {
  size_t len = strlen(text), end_len = strlen(end);
  return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void format_integer(const struct galley_field *field, int64_t value,
                           char out[OUTPUT_AMOUNT_MAX]) {
  if (ends_with(field->name, "_usd_micros"))
    output_money(value, out);
  else if (ends_with(field->name, "_ms"))
    output_duration(value, out);
  else
    snprintf(out, OUTPUT_AMOUNT_MAX, "%" PRId64, value);
}

char *output_value(const struct galley_field *field, const void *row) {
  char text[OUTPUT_AMOUNT_MAX] = "";
  const char *string;
  switch (field->type) {
  case GALLEY_TEXT:
  case GALLEY_JSON:
    string = output_string(field, row);
    return string == NULL ? strdup("") : output_text_cut(string, INT32_MAX);
  case GALLEY_REAL:
    snprintf(text, sizeof text, "%g", real_of(field, row));
    break;
  case GALLEY_BOOL:
    snprintf(text, sizeof text, "%s", output_integer(field, row) != 0 ? "yes" : "no");
    break;
  case GALLEY_TIME:
    if (output_integer(field, row) != 0)
      output_time(output_integer(field, row), text);
    break;
  case GALLEY_ID:
    if (output_integer(field, row) != 0)
      snprintf(text, sizeof text, "%" PRId64, output_integer(field, row));
    break;
  case GALLEY_INT:
    format_integer(field, output_integer(field, row), text);
    break;
  }
  return strdup(text);
}

/* ---- JSON ---- */

/* Text within quotes, or a whole JSON value: there a control character that is no white space can
 * only stand within a string, so that an escape means the same. */
static void put_escaped(FILE *file, const char *text, bool quoted) {
  for (utf8proc_int32_t c; (c = next_char(&text)) != 0;) {
    if (!quoted && is_space(c) && c < 0x80)
      fputc(' ', file);
    else if (quoted && (c == '"' || c == '\\'))
      fprintf(file, "\\%c", (char)c);
    else if (quoted && c == '\n')
      fputs("\\n", file);
    else if (is_control(c))
      fprintf(file, "\\u%04x", (unsigned)c);
    else
      put_char(file, c);
  }
}

static void put_name(struct output_json *json, const char *name) {
  if (json->comma)
    fputc(',', json->file);
  json->comma = true;
  if (name == NULL)
    return;
  fputc('"', json->file);
  put_escaped(json->file, name, true);
  fputs("\":", json->file);
}

void output_json_open(struct output_json *json, const char *name, char bracket) {
  put_name(json, name);
  fputc(bracket, json->file);
  json->comma = false;
}

void output_json_close(struct output_json *json, char bracket) {
  fputc(bracket, json->file);
  json->comma = true;
}

void output_json_end(struct output_json *json) {
  output_json_close(json, '}');
  fputc('\n', json->file);
  json->comma = false;
}

void output_json_int(struct output_json *json, const char *name, int64_t value) {
  put_name(json, name);
  fprintf(json->file, "%" PRId64, value);
}

void output_json_bool(struct output_json *json, const char *name, bool value) {
  put_name(json, name);
  fputs(value ? "true" : "false", json->file);
}

void output_json_text(struct output_json *json, const char *name, const char *text) {
  put_name(json, name);
  if (text == NULL) {
    fputs("null", json->file);
    return;
  }
  fputc('"', json->file);
  put_escaped(json->file, text, true);
  fputc('"', json->file);
}

void output_json_raw(struct output_json *json, const char *name, const char *value) {
  put_name(json, name);
  put_escaped(json->file, value == NULL ? "null" : value, false);
}

static void put_field(struct output_json *json, const struct galley_field *field, const void *row) {
  char real[32];
  switch (field->type) {
  case GALLEY_TEXT:
    output_json_text(json, field->name, output_string(field, row));
    return;
  case GALLEY_JSON:
    output_json_raw(json, field->name, output_string(field, row));
    return;
  case GALLEY_REAL:
    snprintf(real, sizeof real, "%.15g", real_of(field, row));
    output_json_raw(json, field->name, strpbrk(real, "in") != NULL ? NULL : real);
    return;
  case GALLEY_BOOL:
    output_json_bool(json, field->name, output_integer(field, row) != 0);
    return;
  case GALLEY_ID:
  case GALLEY_TIME:
    if (output_integer(field, row) == 0)
      output_json_raw(json, field->name, NULL);
    else
      output_json_int(json, field->name, output_integer(field, row));
    return;
  case GALLEY_INT:
    output_json_int(json, field->name, output_integer(field, row));
    return;
  }
}

void output_json_fields(struct output_json *json, const struct galley_record *record,
                        const void *row) {
  for (size_t i = 0; i < record->n_fields; i++)
    put_field(json, &record->fields[i], row);
}
