/*
 * error.h - the sentence that a handle keeps about its last failure.
 */
#ifndef ERROR_H
#define ERROR_H

#include "galley.h"

#define ERROR_TEXT_MAX 2048

struct error {
  enum galley_rc rc;
  char text[ERROR_TEXT_MAX];
};

void error_clear(struct error *error);
/* Replaces the sentence (printf-like, cut at a UTF-8 character) and returns rc, so that
 * `return error_set(...)` reads well. */
enum galley_rc error_set(struct error *error, enum galley_rc rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts context in front: "context: sentence". Returns the code kept. */
enum galley_rc error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
