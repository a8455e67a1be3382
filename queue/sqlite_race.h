/*
 * sqlite_race.h - a way to stand in the gap in which the checkpoints of older SQLite lose commits:
 * for the self-test and the tests, on databases of their own.
 *
 * A checkpoint copies the header of the log, and then reads how many frames are checkpointed. When
 * the header has changed since this connection looked last, SQLite calls xUnfetch of the database's
 * file in between. A race puts a function in front of that call, and does there what another
 * process might do.
 */
#ifndef SQLITE_RACE_H
#define SQLITE_RACE_H

#include <sqlite3.h>
#include <stdbool.h>

struct sqlite_race {
  sqlite3_io_methods methods; /* first: while it is armed, the file's methods are these */
  const sqlite3_io_methods *before;
  sqlite3_file *file;
  void (*in_gap)(void *arg); /* called once; may use any connection but the checkpointing one */
  void *arg;
  bool entered;
};

/* Arms the next checkpoint that `h` runs. in_gap and arg are set by the caller, who keeps `race` in
 * its place until sqlite_race_disarm. SQLITE_NOTFOUND when there is no such call in this SQLite. */
int sqlite_race_arm(struct sqlite_race *race, sqlite3 *h);
void sqlite_race_disarm(struct sqlite_race *race);

#endif
