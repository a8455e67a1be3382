#include "sqlite_frames.h"

#include <stdlib.h>
#include <string.h>

/* "WAL Format" in SQLite's documents. */
#define LOG_HEADER   32 /* bytes, at the begin of the file */
#define FRAME_HEADER 24 /* bytes, before each page */
#define FRAME_COMMIT 4  /* the word of it that is not 0 in the last frame of a transaction */

#define ROOM (64 * 1024)

int sqlite_frames_flush(struct sqlite_frames *frames, sqlite3_file *file) {
  int n = frames->n;
  frames->n = 0;
  return n > 0 ? file->pMethods->xWrite(file, frames->bytes, n, frames->at) : SQLITE_OK;
}

static bool has_room(struct sqlite_frames *frames) {
  if (!frames->bytes)
    frames->bytes = malloc(ROOM);
  return frames->bytes;
}

/* A write that cannot wait comes after those that do. */
static int write_through(struct sqlite_frames *frames, sqlite3_file *file, const void *data, int n,
                         sqlite3_int64 at) {
  int rc = sqlite_frames_flush(frames, file);
  return rc == SQLITE_OK ? file->pMethods->xWrite(file, data, n, at) : rc;
}

int sqlite_frames_write(struct sqlite_frames *frames, sqlite3_file *file, const void *data, int n,
                        sqlite3_int64 at) {
  static const unsigned char none[4];
  bool appends = frames->end > 0 ? at == frames->end : at >= LOG_HEADER && n == FRAME_HEADER;
  if (!appends || n > ROOM || !has_room(frames))
    return write_through(frames, file, data, n, at);
  int rc = n > ROOM - frames->n ? sqlite_frames_flush(frames, file) : SQLITE_OK;
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
  return last ? sqlite_frames_flush(frames, file) : SQLITE_OK;
}

void sqlite_frames_drop(struct sqlite_frames *frames) {
  frames->n = 0;
  frames->end = 0;
  frames->commit = false;
}

void sqlite_frames_free(struct sqlite_frames *frames) {
  free(frames->bytes);
  *frames = (struct sqlite_frames){0};
}
