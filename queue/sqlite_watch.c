/* Two names are watched. The side file is touched after a commit of ours, when it can be seen, if
 * anybody has looked since the last time (sqlite_share.c; readers cannot say that they have).
 * The -wal file is written by every commit of every program, but before the commit can be seen:
 * whoever looks at once may look too early, and looks again a moment later. inotify takes paths and
 * never opens the files, which closing would drop SQLite's locks. */
#include "sqlite_db.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static enum galley_rc watch_add(struct sqlite_db *db, const char *path) {
  if (inotify_add_watch(db->watch_fd, path, IN_MODIFY) >= 0)
    return GALLEY_OK;
  return error_set(db->base.error, GALLEY_IO,
                   "%s cannot be watched: %s (see fs.inotify.max_user_watches)", path,
                   strerror(errno));
}

static enum galley_rc watch_files(struct sqlite_db *db) {
  char ignored[32];
  enum galley_rc rc = db->base.readonly ? GALLEY_OK : sqlite_side_make(db);
  if (rc != GALLEY_OK)
    return rc;
  rc = /* a read makes SQLite create the -wal file if it is not there */
      sqlite_engine_pragma_text(db->h, "SELECT count(*) FROM sqlite_schema", ignored,
                                sizeof ignored);
  if (rc != GALLEY_OK)
    return sqlite_error_set(db, db->h, sqlite3_extended_errcode(db->h), "reading");
  rc = watch_add(db, db->wal_path);
  if (rc == GALLEY_OK && access(db->side_path, F_OK) == 0)
    rc = watch_add(db, db->side_path);
  return rc;
}

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
  enum galley_rc rc = watch_files(db);
  if (rc == GALLEY_OK)
    sqlite_share_sleep(db);
  else
    sqlite_watch_close(db);
  *fd = db->watch_fd;
  return rc;
}

void sqlite_watch_clear(struct db *base) {
  struct sqlite_db *db = sqlite_db_of(base);
  char events[4096];
  if (db->watch_fd < 0)
    return;
  /* Bounded: equal events are merged by the kernel, so its queue holds few. */
  for (int i = 0; i < 16 && read(db->watch_fd, events, sizeof events) > 0; i++)
    continue;
  /* Afterwards: either the bell is asked for, or what it has told can still be read. */
  sqlite_share_sleep(db);
}

void sqlite_watch_close(struct sqlite_db *db) {
  if (db->watch_fd >= 0)
    close(db->watch_fd);
  db->watch_fd = -1;
}
