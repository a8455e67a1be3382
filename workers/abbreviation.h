/*
 * abbreviation.h - whether a full stop ends an abbreviation or a sentence.
 */
#ifndef ABBREVIATION_H
#define ABBREVIATION_H

#include <stddef.h>

enum abbreviation {
  ABBREVIATION_NONE,  /* the full stop ends a sentence */
  ABBREVIATION_INNER, /* something always follows: "Dr.", "No.", "z.B." */
  ABBREVIATION_EITHER /* may stand last as well: "etc.", "Inc.", "U.S.", initials, "3." in German */
};

/* `token` is what stands between the last white space and the full stop, without opening quotes and
 * brackets. */
enum abbreviation abbreviation_of(const char *language, const char *token, size_t len);

#endif
