#include "sqlite_frames.h"

#include <stdlib.h>
#include <string.h>

/* "WAL Format" in SQLite's documents. */
#define LOG_HEADER   32 /* bytes, at the begin of the file */
#define FRAME_HEADER 24 /* bytes, before each page */
#define FRAME_COMMIT 4  /* the word of it that is not 0 in the last frame of a transaction */

#define ROOM (64 * 1024)

static int write_waiting(struct sqlite_frames *frames, sqlite3_file *file) {
  int n = frames->n;
  frames->n = 0;
  int rc = n > 0 ? file->pMethods->xWrite(file, frames->bytes, n, frames->at) : SQLITE_OK;
  if (rc != SQLITE_OK)
    frames->end = -1;
  return rc;
}

int sqlite_frames_flush(struct sqlite_frames *frames, sqlite3_file *file) {
  if (frames->failed == SQLITE_OK)
    frames->failed = write_waiting(frames, file);
  return frames->failed;
}

int sqlite_frames_settle(struct sqlite_frames *frames, sqlite3_file *file) {
  if (frames->end > 0)
    frames->end = -1;
  return sqlite_frames_flush(frames, file);
}

static bool has_room(struct sqlite_frames *frames) {
  if (!frames->bytes)
    frames->bytes = malloc(ROOM);
  return frames->bytes;
}

/* Whether it follows on what the transaction has appended; it begins with a frame's header. */
static bool appends(const struct sqlite_frames *frames, int n, sqlite3_int64 at) {
  return frames->end == 0 ? at >= LOG_HEADER && n == FRAME_HEADER : at == frames->end;
}

/* A write that cannot wait comes after those that do. */
static int write_through(struct sqlite_frames *frames, sqlite3_file *file, const void *data, int n,
                         sqlite3_int64 at) {
  int rc = write_waiting(frames, file);
  return rc == SQLITE_OK ? file->pMethods->xWrite(file, data, n, at) : rc;
}

int sqlite_frames_write(struct sqlite_frames *frames, sqlite3_file *file, const void *data, int n,
                        sqlite3_int64 at) {
  static const unsigned char none[4];
  if (frames->failed != SQLITE_OK)
    return frames->failed;
  if (!appends(frames, n, at) || n > ROOM || !has_room(frames))
    return write_through(frames, file, data, n, at);
  int rc = n > ROOM - frames->n ? write_waiting(frames, file) : SQLITE_OK;
  if (rc != SQLITE_OK)
    return rc;
  if (frames->n == 0)
    frames->at = at;
  memcpy(frames->bytes + frames->n, data, (size_t)n);
  frames->n += n;
  frames->end = at + n;
  bool last = frames->commit;
  frames->commit =
      n == FRAME_HEADER && memcmp((const char *)data + FRAME_COMMIT, none, sizeof none) != 0;
  return last ? write_waiting(frames, file) : SQLITE_OK;
}

void sqlite_frames_drop(struct sqlite_frames *frames) {
  frames->n = frames->failed = 0;
  frames->end = 0;
  frames->commit = false;
}

void sqlite_frames_free(struct sqlite_frames *frames) {
  free(frames->bytes);
  *frames = (struct sqlite_frames){0};
}
