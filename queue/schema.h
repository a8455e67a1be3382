/*
 * schema.h - numbered steps that make and change the tables. Each is a file in schema/, embedded by
 * the build, applied once in its own transaction and recorded.
 */
#ifndef SCHEMA_H
#define SCHEMA_H

#include "handle.h"

struct schema_step {
  int version; /* 1, 2, 3, ... without gaps */
  const char *name;
  const char *sql;
};
extern const struct schema_step schema_steps[];
extern const size_t schema_step_count;

/* Brings the database to this program's version. GALLEY_NEWER when it is past it, GALLEY_INVALID
 * when steps are missing and the handle is read-only. Two processes may run it at once. */
GALLEY_MUST_USE enum galley_rc schema_upgrade(struct galley *q);

#endif
