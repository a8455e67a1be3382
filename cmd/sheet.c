#include "sheet.h"
#include "fold.h"
#include "output.h"

#include <stdlib.h>
#include <string.h>

#define NAME_COLUMN   18  /* width of the names */
#define LINE_TEXT_MAX 160 /* bytes; longer texts are printed as blocks */

/* Units that the values tell by themselves. */
static const char *const units[][2] = {{"_usd_micros", " USD"}, {"_ms", ""}};
#define N_UNITS (sizeof units / sizeof *units)

/* The row of `units` whose ending the column has; N_UNITS: none. */
static size_t unit_of(const char *column) {
  size_t len = strlen(column), i = 0;
  for (; i < N_UNITS; i++) {
    size_t end = strlen(units[i][0]);
    if (len > end && strcmp(column + len - end, units[i][0]) == 0)
      break;
  }
  return i;
}

void sheet_name(const char *column, char name[SHEET_NAME_MAX]) {
  size_t unit = unit_of(column);
  size_t len = strlen(column) - (unit < N_UNITS ? strlen(units[unit][0]) : 0);
  snprintf(name, SHEET_NAME_MAX, "%.*s", (int)len, column);
  for (char *at = name; (at = strchr(at, '_')) != NULL;)
    *at = ' ';
}

static bool is_text(const struct galley_field *field) {
  return field->type == GALLEY_TEXT || field->type == GALLEY_JSON;
}

static bool is_block(const struct galley_field *field, const void *row) {
  const char *text = is_text(field) ? output_string(field, row) : NULL;
  return text != NULL && (strchr(text, '\n') != NULL || strlen(text) > LINE_TEXT_MAX);
}

static void print_line(FILE *file, int width, const struct galley_field *field, const void *row) {
  char name[SHEET_NAME_MAX];
  char *value = output_value(field, row), *whole = NULL;
  size_t unit = is_text(field) ? N_UNITS : unit_of(field->name);
  sheet_name(field->name, name);
  if (value != NULL && value[0] != '\0' &&
      asprintf(&whole, "%s%s", value, unit < N_UNITS ? units[unit][1] : "") >= 0) {
    struct fold fold = {.width = width, .start = NAME_COLUMN + 1, .indent = NAME_COLUMN + 1};
    fprintf(file, "%-*s ", NAME_COLUMN, name);
    fold_text(file, &fold, whole);
    free(whole);
  }
  free(value);
}

static void print_block(FILE *file, int width, const struct galley_field *field, const void *row) {
  char name[SHEET_NAME_MAX];
  const char *text = output_string(field, row);
  sheet_name(field->name, name);
  fprintf(file, "\n%s:\n", name);
  if (width > 0)
    fold_lines(file, width, text);
  else
    output_block(file, text);
}

void sheet_print(FILE *file, int width, const struct galley_record *record, const void *row) {
  for (size_t i = 0; i < record->n_fields; i++)
    if (!is_block(&record->fields[i], row))
      print_line(file, width, &record->fields[i], row);
  for (size_t i = 0; i < record->n_fields; i++)
    if (is_block(&record->fields[i], row))
      print_block(file, width, &record->fields[i], row);
}
