/*
 * enqueue_lines.h - `galley enqueue --stdin`: jobs as JSON Lines, one transaction for each chunk.
 */
#ifndef ENQUEUE_LINES_H
#define ENQUEUE_LINES_H

#include "session.h"

#define ENQUEUE_LINES_CHUNK_MAX 10000
/* Bytes of one line: a payload at its limit, and room for the other members. */
#define ENQUEUE_LINES_LINE_MAX (GALLEY_PAYLOAD_MAX + 65536)
/* A chunk ends early when its lines have this many bytes, so that memory stays bounded. */
#define ENQUEUE_LINES_CHUNK_BYTES (32 * 1024 * 1024)

/* Reads standard input to its end. The ids of a chunk are printed when its transaction has been
 * committed. Returns the exit status. */
int enqueue_lines(struct session *session, size_t chunk, bool any_kind);

#endif
