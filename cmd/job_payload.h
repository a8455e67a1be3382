/*
 * job_payload.h - what the payload of a job looks like before it is enqueued: valid JSON of bounded
 * size, of a kind that somebody serves, with the members that a built-in kind needs.
 */
#ifndef JOB_PAYLOAD_H
#define JOB_PAYLOAD_H

#include "config.h"

#include <jansson.h>
#include <stdio.h>

#define JOB_PAYLOAD_ERROR_MAX 512

/* Whether `kind` is built in or has its [kind.NAME]. */
bool job_payload_kind_known(const struct config *config, const char *kind);
/* "collect, research, write, publish, mail"; cut where out ends. */
void job_payload_kind_names(const struct config *config, char *out, size_t out_len);

/* Parses a payload. NULL: `error` (JOB_PAYLOAD_ERROR_MAX bytes) tells line and column. */
json_t *job_payload_parse(const char *text, size_t len, char *error);
/* Checks the members that a built-in kind needs; payloads of other kinds are their own affair.
 * False: `error` names the member. */
bool job_payload_check(const struct config *config, const char *kind, const json_t *payload,
                       char *error);
/* Reads a payload of at most GALLEY_PAYLOAD_MAX bytes, NUL-terminated past *len. On failure the
 * code is GALLEY_INVALID, GALLEY_NO_INPUT or GALLEY_NO_MEMORY, and `error` tells why. */
enum galley_rc job_payload_read(FILE *file, char **text, size_t *len, char *error);
/* The text of member "payload" within the text of a valid JSON object, as it was written. False
 * when its key is not written plainly. */
bool job_payload_slice(const char *object, const char **start, size_t *len);

#endif
