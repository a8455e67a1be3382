#include "table.h"
#include "output.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define COLUMN_MIN 8 /* a flexible column is not cut below this */
#define GAP        2

struct table {
  const struct galley_record *record;
  const struct table_column *columns;
  const struct galley_field *fields[TABLE_COLUMNS_MAX];
  const struct galley_field *others[TABLE_COLUMNS_MAX]; /* NULL: the column has none */
  size_t n_columns;
  bool json;
  bool failed;    /* out of memory */
  char **cells;   /* n_rows * n_columns */
  size_t n_rows;  /* collected; counted only in JSON mode */
  size_t n_space; /* rows that cells has room for */
  int widths[TABLE_COLUMNS_MAX];
};

struct table *table_new(const struct session *session, const struct galley_record *record,
                        const struct table_column *columns, size_t n_columns) {
  struct table *table = calloc(1, sizeof *table);
  if (table == NULL)
    return NULL;
  assert(n_columns <= TABLE_COLUMNS_MAX);
  table->record = record;
  table->columns = columns;
  table->n_columns = n_columns;
  table->json = session->json;
  for (size_t i = 0; i < n_columns; i++) {
    table->fields[i] = output_field(record, columns[i].field);
    if (columns[i].otherwise != NULL)
      table->others[i] = output_field(record, columns[i].otherwise);
    table->widths[i] = output_text_width(columns[i].title);
    assert(table->fields[i] != NULL);
  }
  return table;
}

static bool make_room(struct table *table) {
  if (table->n_rows < table->n_space)
    return true;
  if (table->n_rows >= TABLE_ROWS_MAX)
    return false;
  size_t space = table->n_space == 0 ? 64 : table->n_space * 2;
  char **cells = realloc(table->cells, space * table->n_columns * sizeof *cells);
  if (cells == NULL)
    return false;
  table->cells = cells;
  table->n_space = space;
  return true;
}

/* Times without their offset, so that rows fit 80 columns. */
static char *value_of(const struct galley_field *field, const void *row) {
  char text[OUTPUT_TIME_MAX];
  if (field->type != GALLEY_TIME || output_integer(field, row) == 0)
    return output_value(field, row);
  output_moment(output_integer(field, row), text);
  return strdup(text);
}

static char *cell_of(const struct table *table, size_t i, const void *row) {
  char *value = value_of(table->fields[i], row);
  if (value == NULL || value[0] != '\0' || table->others[i] == NULL)
    return value;
  free(value);
  return value_of(table->others[i], row);
}

bool table_row(void *arg, const void *row) {
  struct table *table = arg;
  if (table->json) {
    struct output_json json = {.file = stdout};
    output_json_open(&json, NULL, '{');
    output_json_fields(&json, table->record, row);
    output_json_end(&json);
    table->n_rows++;
    return ferror(stdout) == 0;
  }
  if (!make_room(table)) {
    table->failed = true;
    return false;
  }
  char **cells = table->cells + table->n_rows++ * table->n_columns;
  for (size_t i = 0; i < table->n_columns; i++) {
    cells[i] = cell_of(table, i, row);
    if (cells[i] == NULL)
      table->failed = true;
    else if (output_text_width(cells[i]) > table->widths[i])
      table->widths[i] = output_text_width(cells[i]);
  }
  return !table->failed;
}

size_t table_count(const struct table *table) {
  return table->n_rows;
}

/* Takes what is too much from the widest flexible column, again and again. */
static void fit(struct table *table, int columns) {
  int total = -GAP;
  for (size_t i = 0; i < table->n_columns; i++)
    total += table->widths[i] + GAP;
  while (columns > 0 && total > columns) {
    int *widest = NULL;
    for (size_t i = 0; i < table->n_columns; i++)
      if (table->columns[i].flexible && table->widths[i] > COLUMN_MIN &&
          (widest == NULL || table->widths[i] > *widest))
        widest = &table->widths[i];
    if (widest == NULL)
      return;
    (*widest)--;
    total--;
  }
}

static const char *colour_of(const char *text) {
  static const char *const colours[][2] = {
      {"done", "\033[32m"}, {"dead", "\033[31m"}, {"running", "\033[36m"}, {"gone", "\033[31m"}};
  for (size_t i = 0; i < sizeof colours / sizeof *colours; i++)
    if (strcmp(text, colours[i][0]) == 0)
      return colours[i][1];
  return NULL;
}

static bool is_number(const struct galley_field *field) {
  return field->type == GALLEY_INT || field->type == GALLEY_ID || field->type == GALLEY_REAL;
}

/* `gap` is the white space owed to the cells before; it is printed only when something follows. */
static bool print_cell(const struct table *table, size_t i, const char *text, const char *colour,
                       int *gap) {
  char *cut = output_text_cut(text, table->widths[i]);
  if (cut == NULL)
    return false;
  int pad = table->widths[i] - output_text_width(cut);
  bool right = is_number(table->fields[i]);
  if (cut[0] != '\0') {
    printf("%*s", *gap + (right ? pad : 0), "");
    printf("%s%s%s", colour != NULL ? colour : "", cut, colour != NULL ? "\033[0m" : "");
    *gap = 0;
  }
  *gap += cut[0] == '\0' || !right ? pad + GAP : GAP;
  if (i + 1 == table->n_columns) {
    putchar('\n');
    *gap = 0;
  }
  free(cut);
  return true;
}

static void print_all(struct table *table) {
  bool colour = output_colour(stdout);
  int gap = 0;
  fit(table, output_columns());
  for (size_t i = 0; i < table->n_columns; i++)
    table->failed |=
        !print_cell(table, i, table->columns[i].title, colour ? "\033[1m" : NULL, &gap);
  for (size_t row = 0; row < table->n_rows; row++)
    for (size_t i = 0; i < table->n_columns; i++) {
      const char *text = table->cells[row * table->n_columns + i];
      table->failed |= !print_cell(table, i, text, colour ? colour_of(text) : NULL, &gap);
    }
}

int table_end(struct table *table) {
  if (!table->failed && !table->json && table->n_rows > 0)
    print_all(table);
  int status = table->failed ? galley_rc_exit(GALLEY_NO_MEMORY) : 0;
  for (size_t i = 0; !table->json && i < table->n_rows * table->n_columns; i++)
    free(table->cells[i]);
  free(table->cells);
  free(table);
  return status;
}

int table_finish(struct table *table, const struct session *session, enum galley_rc rc,
                 const char *what) {
  bool none = table->n_rows == 0;
  int status = table_end(table);
  if (rc != GALLEY_OK && rc != GALLEY_NONE)
    return session_fail_open(session, rc);
  if (status != 0)
    return session_fail(session, GALLEY_NO_MEMORY, "out of memory; ask for fewer with --limit");
  if (none && what != NULL)
    session_note(session, "no %s", what);
  return 0;
}
