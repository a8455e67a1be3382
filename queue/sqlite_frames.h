/*
 * sqlite_frames.h - the frames that one transaction appends to the log, gathered so that they reach
 * the file in one write instead of two for each frame (its header, its page).
 *
 * They are in the file before SQLite hears that the frame of the commit was written: its header
 * tells which one that is ("WAL Format" in SQLite's documents). So nobody finds the commit in the
 * wal-index before the file has it, and an error of the file is an error of the commit. What does
 * not follow on the frames of the same transaction, as when SQLite writes one of them again, is
 * written at once.
 */
#ifndef SQLITE_FRAMES_H
#define SQLITE_FRAMES_H

#include <sqlite3.h>
#include <stdbool.h>

/* All zero at first. */
struct sqlite_frames {
  unsigned char *bytes; /* room, once there were any; owned */
  int n;                /* bytes that wait */
  sqlite3_int64 at;     /* where in the file they belong */
  sqlite3_int64 end;    /* of what this transaction has appended; 0: nothing yet; -1: nothing waits
                         * any more */
  bool commit;          /* the page that comes next ends the transaction */
  int failed;           /* SQLite's code, when frames that wait could not be written for a read */
};

/* As the xWrite of the log's file. */
int sqlite_frames_write(struct sqlite_frames *frames, sqlite3_file *file, const void *data, int n,
                        sqlite3_int64 at);
/* Writes what waits, before the file is read or asked for its size. SQLite takes a failure here
 * for the read's alone, so every call until the drop repeats it: the transaction cannot commit. */
int sqlite_frames_flush(struct sqlite_frames *frames, sqlite3_file *file);
/* The same before a sync; until the drop every write then goes to the file at once, since SQLite
 * may sync in the middle of a frame. */
int sqlite_frames_settle(struct sqlite_frames *frames, sqlite3_file *file);
/* The write lock goes to others: what still waits is of a transaction that was rolled back. */
void sqlite_frames_drop(struct sqlite_frames *frames);
void sqlite_frames_free(struct sqlite_frames *frames);

#endif
