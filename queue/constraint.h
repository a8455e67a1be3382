/*
 * constraint.h - the CHECK constraints of a table, read from the CREATE TABLE of a schema step.
 *
 * SQLite's integrity_check knows that a row of a table breaks one, but neither which row nor which
 * constraint, and with a connection that was opened for reading it does not look. So galley_check
 * makes a query of them.
 */
#ifndef CONSTRAINT_H
#define CONSTRAINT_H

#include "error.h"

#define CONSTRAINT_NAME_MAX 128 /* bytes of a table's or a constraint's name */

struct constraint {
  char name[CONSTRAINT_NAME_MAX]; /* "check" when it was given none */
  const char *expression;         /* with its parentheses; points into the text */
  size_t len;
};

/* Reads the next constraint behind *sql and moves *sql past it; false when there is none. */
bool constraint_next(const char **sql, struct constraint *constraint);

/* A query over the table for the rows that break one: the row's id (`key`, an expression) and the
 * constraint's name. *query is NULL when the table has no constraint; to be freed. */
GALLEY_MUST_USE enum galley_rc constraint_query(struct error *error, const char *table,
                                                const char *key, const char *sql, char **query);

#endif
