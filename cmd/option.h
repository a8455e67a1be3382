/*
 * option.h - options of a command line, from tables: one row gives letter, name, type, range and
 * text, and makes both the parser and the help.
 */
#ifndef OPTION_H
#define OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPTION_LIST_MAX 16 /* times that one list option may be given */

enum option_type {
  OPTION_FLAG,     /* bool; takes no argument */
  OPTION_TEXT,     /* const char *, from the command line itself */
  OPTION_LIST,     /* struct option_list; may be repeated */
  OPTION_NUMBER,   /* int64_t */
  OPTION_DURATION, /* int64_t, milliseconds; as config_parse_duration */
  OPTION_BYTES,    /* int64_t; as config_parse_bytes */
  OPTION_TIME      /* int64_t, milliseconds since 1970; as option_parse_time */
};

struct option_list {
  const char *items[OPTION_LIST_MAX];
  size_t n;
};

struct option_row {
  char letter; /* 0: none */
  const char *name;
  enum option_type type;
  const char *argument; /* "FILE", for help; NULL for flags */
  int64_t min, max;     /* of numbers, durations and sizes; 0, 0: any that is not negative */
  const char *fallback; /* parsed when the option is not given; NULL: see `absent` */
  int64_t absent;       /* the value of a number, duration or size that was not given */
  const char *about;
  size_t offset; /* of the value in the struct that the table is for */
};

struct option_set {
  const struct option_row *rows;
  size_t n;
  void *values; /* the struct */
};

struct option_line {
  char **words; /* in: the words to read; out: the operands come first */
  size_t n_words;
  bool stop_at_operand; /* read no further than the first operand */
  size_t n_operands;    /* out; with stop_at_operand: all from the first operand on */
  char error[320];      /* out, on failure: the sentence, UTF-8 */
};

/* Sets the fallbacks of a table. They are ours: one that cannot be parsed is a bug. */
void option_defaults(const struct option_set *set);
/* Reads the options of all sets (the first that knows a name has it) and moves the operands to the
 * front in their order. "--" ends the options; "-" is an operand. False: line->error tells why. */
bool option_parse(const struct option_set *sets, size_t n_sets, struct option_line *line);
/* One line for each row, aligned; what is too wide for `width` columns goes on in further lines. */
void option_print(const struct option_set *set, int width, FILE *out);
/* Milliseconds since 1970, or ISO 8601: 2026-07-30, 2026-07-30T12:00, with :SS, .mmm, and Z or
 * +HH:MM; without a zone it is local time. False when it is neither. */
bool option_parse_time(const char *text, int64_t *ms);

#endif
