/*
 * output.h - how data reaches standard output: text that cannot command a terminal, and JSON.
 *
 * Everything in the database may come from a stranger's feed. Nothing here lets a control character
 * of it through: for people it becomes a space or U+FFFD, in JSON an escape.
 */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "galley.h"

#include <stdio.h>

/* ---- for people ---- */

/* Columns of the terminal on standard output; 0: it is none. */
int output_columns(void);
/* Whether `file` is a terminal that wants colour (NO_COLOR, TERM). */
bool output_colour(FILE *file);

/* One line: white space of all sorts becomes a space. */
void output_text(FILE *file, const char *text);
/* As it stands, with its line ends and tabs. */
void output_block(FILE *file, const char *text);
/* Columns that output_text takes on a terminal. */
int output_text_width(const char *text);
/* The first part of `text` that fits into `columns`, as one line; with an ellipsis when it was cut.
 * Owned by the caller (free); NULL without memory. */
char *output_text_cut(const char *text, int columns);

#define OUTPUT_TIME_MAX 40
/* Local time, ISO 8601 with its offset; "-" for 0. */
void output_time(int64_t ms, char out[OUTPUT_TIME_MAX]);
/* Local time without its offset, for columns: "2026-07-30 17:30:00"; "-" for 0. */
void output_moment(int64_t ms, char out[OUTPUT_TIME_MAX]);
#define OUTPUT_AMOUNT_MAX 40
/* "1.5s", "4m 10s", "2d 3h" */
void output_duration(int64_t ms, char out[OUTPUT_AMOUNT_MAX]);
/* Millionths of a dollar as "0.012300". */
void output_money(int64_t usd_micros, char out[OUTPUT_AMOUNT_MAX]);

/* The value of a field as a person reads it, one line, safe; "" for none. Units are told by the end
 * of the name (_ms, _usd_micros). Owned by the caller; NULL without memory. */
char *output_value(const struct galley_field *field, const void *row);
/* NULL when the record has no such field. */
const struct galley_field *output_field(const struct galley_record *record, const char *name);
int64_t output_integer(const struct galley_field *field, const void *row);
const char *output_string(const struct galley_field *field, const void *row);

/* ---- JSON: one object a line ---- */

struct output_json {
  FILE *file;
  bool comma; /* a value stands before the next one */
};

/* `name` is the key in an object, NULL in an array and at the top; bracket is '{' or '['. */
void output_json_open(struct output_json *json, const char *name, char bracket);
void output_json_close(struct output_json *json, char bracket); /* '}' or ']' */
void output_json_end(struct output_json *json);                 /* closes the object and the line */
void output_json_int(struct output_json *json, const char *name, int64_t value);
void output_json_bool(struct output_json *json, const char *name, bool value);
void output_json_text(struct output_json *json, const char *name,
                      const char *text); /* NULL: null */
/* `value` is valid JSON and is embedded as it stands, on one line. */
void output_json_raw(struct output_json *json, const char *name, const char *value);
/* Every field of the record, in its order, named as in the database. */
void output_json_fields(struct output_json *json, const struct galley_record *record,
                        const void *row);

#endif
