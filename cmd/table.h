/*
 * table.h - a list of records: aligned columns for people, one JSON object a line for programs.
 */
#ifndef TABLE_H
#define TABLE_H

#include "galley.h"
#include "session.h"

#define TABLE_COLUMNS_MAX 12
#define TABLE_ROWS_MAX    100000

/* The option of a list command that bounds it: an int64_t at this offset. */
#define TABLE_LIMIT(about_, offset_)                                                               \
  {                                                                                                \
    .letter = 'n', .name = "limit", .type = OPTION_NUMBER, .argument = "N", .min = 1,              \
    .max = TABLE_ROWS_MAX, .fallback = "50", .about = (about_), .offset = (offset_)                \
  }

struct table_column {
  const char *field; /* of the record */
  const char *title;
  bool flexible; /* may be cut where the terminal is narrow */
  /* Of the record: what is shown where `field` has no value, of the same type; NULL: nothing. */
  const char *otherwise;
};

struct table;

/* NULL without memory. Columns and record are borrowed until table_end. */
struct table *table_new(const struct session *session, const struct galley_record *record,
                        const struct table_column *columns, size_t n_columns);
/* A galley_row_fn: `table` is the struct table. JSON is printed at once, with all fields. */
bool table_row(void *table, const void *row);
size_t table_count(const struct table *table);
/* Prints what was collected and releases the table. Returns the exit status: 0, or 71 when memory
 * ran out on the way. */
int table_end(struct table *table);

/* The rest of a list command: ends the table, and reports rc of the list call when it failed.
 * `what` names the rows for the note that there are none; NULL: no note. */
int table_finish(struct table *table, const struct session *session, enum galley_rc rc,
                 const char *what);

#endif
