/* Two names are watched. The side file is touched after a commit of ours, when it can be seen, if
 * anybody has looked since the last time (sqlite_share.c; readers cannot say that they have). The
 * -wal file is written by every commit of every program, but before the commit can be seen: whoever
 * looks at once may look too early, and looks again later. That file would ring several times for
 * each commit of ours as well, so its watch goes after one event, and comes back some looks later.
 * inotify takes paths and never opens the files, which closing would drop
 * SQLite's locks. */
#include "sqlite_db.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* Looks after the log rang. From ECHO_WATCH on it may ring again; the last ones find what was in
 * the log by then and could not be seen, because its writer waited for the disk, which may take
 * long where many do. */
static const int64_t echo_ms[] = {2, 16, 128, 1000, 8000, 60000};
#define N_ECHOES   (sizeof echo_ms / sizeof echo_ms[0])
#define ECHO_WATCH 2

static enum galley_rc watch_failed(struct sqlite_db *db, const char *path) {
  return error_set(db->base.error, GALLEY_IO,
                   "%s cannot be watched: %s (see fs.inotify.max_user_watches)", path,
                   strerror(errno));
}

static bool watch_log(struct sqlite_db *db) {
  db->watch_log = inotify_add_watch(db->watch_fd, db->wal_path, IN_MODIFY | IN_ONESHOT);
  return db->watch_log >= 0;
}

/* Also of its deletion and of another name: see sqlite_side_follow. */
bool sqlite_watch_side(struct sqlite_db *db) {
  return db->watch_fd < 0 ||
         inotify_add_watch(db->watch_fd, db->side_path, IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF) >= 0;
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
  if (!watch_log(db))
    return watch_failed(db, db->wal_path);
  if (access(db->side_path, F_OK) == 0 && !sqlite_watch_side(db))
    return watch_failed(db, db->side_path);
  return GALLEY_OK;
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

/* Reads what has rung; whether the log is among it. Bounded: equal events are merged by the kernel,
 * so its queue holds few. */
static bool read_events(struct sqlite_db *db) {
  _Alignas(struct inotify_event) char events[4096];
  bool log = false;
  ssize_t n;
  for (int i = 0; i < 16 && (n = read(db->watch_fd, events, sizeof events)) > 0; i++) {
    for (ssize_t at = 0; at < n;) {
      const struct inotify_event *event = (const void *)(events + at);
      bool modified = event->wd == db->watch_log && (event->mask & IN_MODIFY) != 0;
      log = log || modified || (event->mask & IN_Q_OVERFLOW) != 0;
      at += (ssize_t)(sizeof *event + event->len);
    }
  }
  return log;
}

int64_t sqlite_watch_clear(struct db *base, int64_t mono_ns) {
  struct sqlite_db *db = sqlite_db_of(base);
  if (db->watch_fd < 0)
    return 0;
  if (read_events(db)) {
    db->watch_log = -1;
    db->log_rang_ns = mono_ns;
  }
  /* Afterwards: either the bell is asked for, or what it has told can still be read. */
  sqlite_share_sleep(db);
  if (db->log_rang_ns == 0)
    return 0;
  int64_t since_ms = (mono_ns - db->log_rang_ns) / 1000000;
  if (db->watch_log < 0 && since_ms >= echo_ms[ECHO_WATCH] && !watch_log(db))
    return echo_ms[ECHO_WATCH]; /* out of memory: try again */
  for (size_t i = 0; i < N_ECHOES; i++)
    if (since_ms < echo_ms[i])
      return echo_ms[i] - since_ms;
  db->log_rang_ns = 0;
  return 0;
}

void sqlite_watch_close(struct sqlite_db *db) {
  if (db->watch_fd >= 0)
    close(db->watch_fd);
  db->watch_fd = -1;
}
