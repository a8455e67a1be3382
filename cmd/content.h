/*
 * content.h - what the commands over the content store share: showing one row, and asking for it.
 */
#ifndef CONTENT_H
#define CONTENT_H

#include "output.h"
#include "session.h"

/* After a call that gets one row: says what failed (`noun` and `name` for a row that is not there),
 * or prints the row and, when `more` is not NULL, what it adds. Releases the row. */
struct content_more {
  /* Adds members to the open JSON object, or text below the record; NULL json: text. */
  enum galley_rc (*print)(struct session *session, const void *row, struct output_json *json);
};
int content_show(struct session *session, const struct galley_record *record, enum galley_rc rc,
                 void *row, const struct content_more *more);

#endif
