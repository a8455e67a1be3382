#include "sqlite_db.h"

#include "point.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIDE_WORKERS 4096 /* offset of the workers' bytes; never grows the file */
#define SIDE_LINE    128  /* bytes of the line about the last checkpoint */
#define SIDE_BELL    128  /* offset of the byte that is written after a commit */

static int side_open(struct sqlite_db *db, int flags) {
  if (db->side_fd < 0 && db->side_path)
    db->side_fd = open(db->side_path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  return db->side_fd;
}

/* A new file gets its mode whatever the umask: SQLite gives the same to the files it makes. */
static int side_create(struct sqlite_db *db) {
  if (side_open(db, O_RDWR) >= 0 || errno != ENOENT)
    return db->side_fd;
  if (side_open(db, O_RDWR | O_CREAT | O_EXCL) >= 0) {
    POINT(side, made);
    (void)fchmod(db->side_fd, 0600); /* refused by file systems that know no modes */
    return db->side_fd;
  }
  return errno == EEXIST ? side_open(db, O_RDWR) : -1;
}

/* Under its name there may be another file by now, or none: somebody has tidied up. */
static bool is_named(const struct sqlite_db *db) {
  struct stat ours, named;
  return fstat(db->side_fd, &ours) != 0 ||
         (stat(db->side_path, &named) == 0 && named.st_dev == ours.st_dev &&
          named.st_ino == ours.st_ino);
}

int sqlite_side_file(struct sqlite_db *db) {
  return side_create(db);
}

enum galley_rc sqlite_side_make(struct sqlite_db *db) {
  if (side_create(db) >= 0)
    return GALLEY_OK;
  enum galley_rc rc = errno == ENOSPC || errno == EDQUOT ? GALLEY_FULL : GALLEY_CANNOT_CREATE;
  return error_set(db->base.error, rc, "%s cannot be made: %s", db->side_path, strerror(errno));
}

void sqlite_side_close(struct sqlite_db *db) {
  if (db->side_fd >= 0)
    close(db->side_fd);
  db->side_fd = -1;
}

/* Open file description locks belong to our descriptor, not to the process: two handles of one
 * process see each other, and the kernel drops them when the last descriptor goes. */
static int side_lock(const struct sqlite_db *db, int command, short type, int64_t worker_id,
                     struct flock *lock) {
  *lock = (struct flock){
      .l_type = type, .l_whence = SEEK_SET, .l_start = SIDE_WORKERS + (off_t)worker_id, .l_len = 1};
  return fcntl(db->side_fd, command, lock);
}

/* Ours stays what it is until the other one is locked as well. Not while the gate is held, which is
 * in ours; and not to a file that stands beside another database, or where there is none any more.
 */
void sqlite_side_follow(struct sqlite_db *db) {
  struct flock lock;
  int kept = db->side_fd;
  if (kept < 0 || db->gate_held || is_named(db) || sqlite_engine_moved(db))
    return;
  db->side_fd = -1;
  if (db->base.readonly) {
    close(kept); /* of which nothing is locked; the other one is opened as it is needed */
    return;
  }
  if (side_create(db) < 0 ||
      (db->held_worker != 0 && side_lock(db, F_OFD_SETLK, F_WRLCK, db->held_worker, &lock) != 0)) {
    sqlite_side_close(db);
    db->side_fd = kept;
    return;
  }
  int other = db->side_fd;
  db->side_fd = kept; /* which the page is of */
  sqlite_share_close(db);
  close(kept);
  db->side_fd = other;
  (void)sqlite_watch_side(db); /* else the log's own change tells */
}

enum galley_rc sqlite_side_hold(struct db *base, int64_t worker_id) {
  struct sqlite_db *db = sqlite_db_of(base);
  struct flock lock;
  db->held_worker = worker_id;
  if (!db->path)
    return GALLEY_OK;
  enum galley_rc rc = sqlite_side_make(db);
  if (rc != GALLEY_OK)
    return rc;
  if (side_lock(db, F_OFD_SETLK, F_WRLCK, worker_id, &lock) == 0)
    return GALLEY_OK;
  /* One whose join has failed rolls its row back, and then lets go of the lock. */
  enum galley_rc taken = errno == EAGAIN || errno == EACCES ? GALLEY_BUSY : GALLEY_IO;
  return error_set(base->error, taken, "%s: the lock of worker %" PRId64 " cannot be taken: %s",
                   db->side_path, worker_id, strerror(errno));
}

void sqlite_side_release(struct db *base, int64_t worker_id) {
  struct sqlite_db *db = sqlite_db_of(base);
  struct flock lock;
  db->held_worker = 0;
  if (db->side_fd >= 0)
    (void)side_lock(db, F_OFD_SETLK, F_UNLCK, worker_id, &lock); /* else it goes with the file */
}

enum galley_rc sqlite_side_alive(struct db *base, int64_t worker_id, bool *alive) {
  struct sqlite_db *db = sqlite_db_of(base);
  struct flock lock;
  *alive = db->held_worker == worker_id;
  if (*alive || !db->path)
    return GALLEY_OK;
  sqlite_side_follow(db);
  if (side_open(db, base->readonly ? O_RDONLY : O_RDWR) < 0) {
    if (errno == ENOENT)
      return GALLEY_OK; /* nobody ever was a worker here */
    return error_set(base->error, GALLEY_IO, "%s cannot be opened: %s", db->side_path,
                     strerror(errno));
  }
  if (side_lock(db, F_OFD_GETLK, F_WRLCK, worker_id, &lock) != 0)
    return error_set(base->error, GALLEY_IO, "%s: locks cannot be read: %s", db->side_path,
                     strerror(errno));
  *alive = lock.l_type != F_UNLCK;
  return GALLEY_OK;
}

void sqlite_side_checkpoint_write(struct sqlite_db *db, int64_t at_ms,
                                  const struct galley_wal *wal) {
  char line[SIDE_LINE];
  if (!db->side_path || side_create(db) < 0)
    return; /* for display only: not worth failing a commit that has happened */
  memset(line, ' ', sizeof line);
  int n = snprintf(line, sizeof line, "checkpoint %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64,
                   at_ms, wal->last_log, wal->last_checkpointed, wal->last_busy);
  if (n > 0 && n < (int)sizeof line)
    line[n] = ' ';
  line[sizeof line - 1] = '\n';
  if (pwrite(db->side_fd, line, sizeof line, 0) != (ssize_t)sizeof line)
    return;
}

void sqlite_side_checkpoint_read(struct sqlite_db *db, struct galley_wal *wal) {
  char line[SIDE_LINE + 1];
  if (!db->side_path || side_open(db, db->base.readonly ? O_RDONLY : O_RDWR) < 0)
    return;
  ssize_t n = pread(db->side_fd, line, SIDE_LINE, 0);
  if (n <= 0)
    return;
  line[n] = '\0';
  int64_t at_ms, log, done, busy;
  if (sscanf(line, "checkpoint %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64, &at_ms, &log, &done,
             &busy) != 4)
    return;
  wal->last_at_ms = at_ms;
  wal->last_log = log;
  wal->last_checkpointed = done;
  wal->last_busy = busy;
}

void sqlite_side_ring(struct sqlite_db *db) {
  if (!db->side_path || !sqlite_share_wake(db) || side_create(db) < 0)
    return; /* what is left: the log's own change, and the watchers' second look */
  if (pwrite(db->side_fd, "\n", 1, SIDE_BELL) != 1)
    return;
}
