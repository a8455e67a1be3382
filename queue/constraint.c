#include "constraint.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Past a comment or a quoted text that begins here; the same place when none does. */
static const char *skip_quoted(const char *at) {
  if (at[0] == '-' && at[1] == '-')
    return at + strcspn(at, "\n");
  if (*at != '\'' && *at != '"')
    return at;
  const char *end = strchr(at + 1, *at);
  return end ? end + 1 : at + strlen(at);
}

static size_t word_len(const char *at) {
  size_t len = 0;
  while (isalnum((unsigned char)at[len]) || at[len] == '_')
    len++;
  return len;
}

static bool is_word(const char *at, size_t len, const char *word) {
  return strlen(word) == len && strncmp(at, word, len) == 0;
}

/* The end of what begins with a parenthesis. */
static const char *skip_nested(const char *at) {
  int depth = 0;
  while (*at) {
    const char *past = skip_quoted(at);
    if (past != at) {
      at = past;
      continue;
    }
    depth += (*at == '(') - (*at == ')');
    at++;
    if (depth == 0)
      break;
  }
  return at;
}

static void take_name(struct constraint *constraint, const char *word, size_t len) {
  snprintf(constraint->name, sizeof constraint->name, "%.*s", (int)len, word);
}

/* Words are looked at one by one: CONSTRAINT is followed by a name, CHECK by the expression. */
bool constraint_next(const char **sql, struct constraint *constraint) {
  bool name_follows = false;
  take_name(constraint, "check", 5);
  for (const char *at = *sql; *at;) {
    const char *past = skip_quoted(at);
    size_t len = past == at ? word_len(at) : 0;
    if (len == 0) {
      at = past == at ? at + 1 : past;
      continue;
    }
    if (name_follows)
      take_name(constraint, at, len);
    name_follows = is_word(at, len, "CONSTRAINT");
    bool found = is_word(at, len, "CHECK");
    at += len;
    if (!found)
      continue;
    constraint->expression = at + strspn(at, " \n");
    *sql = skip_nested(constraint->expression);
    constraint->len = (size_t)(*sql - constraint->expression);
    return true;
  }
  return false;
}

/* A constraint holds unless it is false: NULL does not break it. */
static size_t print_cases(FILE *out, const char *sql) {
  struct constraint constraint;
  size_t n = 0;
  for (; constraint_next(&sql, &constraint); n++)
    fprintf(out, " WHEN NOT %.*s THEN '%s'", (int)constraint.len, constraint.expression,
            constraint.name);
  return n;
}

enum galley_rc constraint_query(struct error *error, const char *table, const char *key,
                                const char *sql, char **query) {
  size_t size = 0;
  *query = NULL;
  FILE *out = open_memstream(query, &size);
  if (!out)
    return error_set(error, GALLEY_NO_MEMORY, "no memory for a query");
  fprintf(out, "SELECT id,broken FROM (SELECT %s AS id,CASE", key);
  size_t n = print_cases(out, sql);
  fprintf(out, " END AS broken FROM %s NOT INDEXED) WHERE broken IS NOT NULL", table);
  bool written = !ferror(out);
  if (fclose(out) == 0 && written && n > 0)
    return GALLEY_OK;
  free(*query);
  *query = NULL;
  return n == 0 ? GALLEY_OK : error_set(error, GALLEY_NO_MEMORY, "no memory for a query");
}
