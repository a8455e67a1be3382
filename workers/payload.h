/*
 * payload.h - what a job's payload says, with an error that names the field.
 */
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include "handler.h"

#include <jansson.h>

/* The payload as an object, owned by the caller (json_decref). NULL: the task was given a dead
 * verdict and finished. */
json_t *payload_object(struct task *task);
/* A required id. False: the task was finished as dead, naming the field. */
bool payload_id(struct task *task, const json_t *payload, const char *field, int64_t *id);
/* A string, borrowed from the payload, or `fallback` when it is missing. False: it is not a string
 * or empty; the task was finished as dead. */
bool payload_text(struct task *task, const json_t *payload, const char *field, const char *fallback,
                  const char **text);
/* A language, as its primary tag in lower case in out[9]: "de-AT" becomes "de". */
bool payload_language(struct task *task, const json_t *payload, const char *fallback, char out[9]);

#endif
