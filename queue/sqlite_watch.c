/* Every commit of every program appends to the -wal file, so a watch on that file's name tells of
 * all of them. inotify takes the path and never opens the file, which closing would drop SQLite's
 * locks. */
#include "sqlite_db.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum galley_rc sqlite_watch_open(struct db *base, int *fd) {
  struct sqlite_db *db = sqlite_db_of(base);
  *fd = db->watch_fd;
  if (*fd >= 0 || !db->path)
    return GALLEY_OK;
  db->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (db->watch_fd < 0)
    return error_set(base->error, GALLEY_IO,
                     "inotify is not to be had: %s (see fs.inotify.max_user_instances)",
                     strerror(errno));
  char ignored[32];
  enum galley_rc rc = /* a read makes SQLite create the -wal file if it is not there */
      sqlite_engine_pragma_text(db->h, "SELECT count(*) FROM sqlite_schema", ignored,
                                sizeof ignored);
  if (rc != GALLEY_OK)
    return sqlite_error_set(db, db->h, sqlite3_extended_errcode(db->h), "reading");
  db->watch_wd = inotify_add_watch(db->watch_fd, db->wal_path, IN_MODIFY | IN_DELETE_SELF);
  if (db->watch_wd < 0)
    return error_set(base->error, GALLEY_IO,
                     "%s cannot be watched: %s (see fs.inotify.max_user_watches)", db->wal_path,
                     strerror(errno));
  *fd = db->watch_fd;
  return GALLEY_OK;
}

void sqlite_watch_clear(struct db *base) {
  struct sqlite_db *db = sqlite_db_of(base);
  char events[4096];
  if (db->watch_fd < 0)
    return;
  /* Bounded: equal events are merged by the kernel, so its queue holds few. */
  for (int i = 0; i < 16 && read(db->watch_fd, events, sizeof events) > 0; i++)
    continue;
}

void sqlite_watch_close(struct sqlite_db *db) {
  if (db->watch_fd >= 0)
    close(db->watch_fd);
  db->watch_fd = -1;
}
