/*
 * row.h - one row of the database for a person or a program.
 */
#ifndef ROW_H
#define ROW_H

#include "output.h"
#include "session.h"

/* After a call that gets one row: says what failed, or prints the row and, when `more` is not NULL,
 * what it adds. Releases the row. Returns the exit status. */
struct row_more {
  /* Adds members to the open JSON object, or text below the record; NULL json: text. */
  enum galley_rc (*print)(struct session *session, const void *row, struct output_json *json);
};
int row_show(struct session *session, const struct galley_record *record, enum galley_rc rc,
             void *row, const struct row_more *more);
/* Tells the id of a row that was to be added; `existing`: it was there already. */
void row_added(const struct session *session, int64_t id, bool existing);

#endif
