/*
 * sql.h - every statement of the queue, by name. A row of the lists is SQL(NAME, index, text): the
 * index is what the statement relies on to read no more than it needs ("rowid" for the primary
 * key), and a test asks the engine for its plan and compares. An engine may replace a text by its
 * own (struct engine, `sql`).
 */
#ifndef SQL_H
#define SQL_H

#define SQL_NAME_ONLY(name, index, text) SQL_##name,
#define SQL_ALL(SQL)                                                                               \
  SQL_JOBS(SQL) SQL_CONTENT(SQL) SQL_CHECKS(SQL_CHECK_STATEMENT, SQL) SQL_CHECK_HELPERS(SQL)

#include "sql_check.h"
#include "sql_content.h"
#include "sql_jobs.h"

enum sql_id { SQL_ALL(SQL_NAME_ONLY) SQL_COUNT };

struct sql_row {
  const char *name;
  const char *index;
  const char *text;
};
extern const struct sql_row sql_table[SQL_COUNT];

#endif
