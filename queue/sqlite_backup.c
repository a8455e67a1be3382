/* Backup states: nothing is at `path` until the copy was made, checked and synced; a process that
 * dies before leaves `path.galley-tmp`, which the next backup to the same place replaces. */
#include "sqlite_db.h"
#include "sqlite_vfs.h"

#include "env.h"
#include "point.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKUP_STEP_PAGES 1024
#define BACKUP_PATH_MAX   4096

static const char *const counted[] = {"jobs",       "job_attempts", "documents",    "topics",
                                      "blog_posts", "social_posts", "publications", "feeds"};
#define N_COUNTED (sizeof counted / sizeof counted[0])

struct copy {
  struct sqlite_db *db;
  const char *path;
  char temp[BACKUP_PATH_MAX];
  int fd; /* of temp, locked while the copy is made; -1 */
  sqlite3 *target;
  int64_t rows[N_COUNTED]; /* as in the snapshot that was copied */
};

static enum galley_rc fail(struct copy *copy, enum galley_rc rc, const char *doing) {
  return error_set(copy->db->base.error, rc, "backup to %s: %s: %s", copy->path, doing,
                   strerror(errno));
}

/* The disk of the copy is not always the database's, so the sentence names both. */
static enum galley_rc sqlite_fail(struct copy *copy, sqlite3 *h, int code, const char *doing) {
  (void)sqlite_error_set(copy->db, h, code, doing);
  return error_prefix(copy->db->base.error, "backup to %s", copy->path);
}

static void close_temp(struct copy *copy) {
  if (copy->fd >= 0)
    close(copy->fd);
  copy->fd = -1;
}

/* Whether the file that was locked still has the name: the backup before may have just ended. */
static bool is_named(const struct copy *copy) {
  struct stat locked, named;
  return fstat(copy->fd, &locked) == 0 && lstat(copy->temp, &named) == 0 &&
         locked.st_ino == named.st_ino && locked.st_dev == named.st_dev;
}

/* What a backup that died after it had named its copy has left is that copy under a second name,
 * which only goes: to write to it would destroy a backup, wherever that was moved since. */
static bool is_finished(const struct copy *copy) {
  struct stat st;
  return fstat(copy->fd, &st) == 0 && st.st_nlink > 1;
}

/* What a backup that died has left is written anew; what one that lives is at is left alone. */
static enum galley_rc open_temp(struct copy *copy) {
  for (int tries = 0; tries < 2; tries++) {
    copy->fd = open(copy->temp, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (copy->fd < 0)
      return fail(copy, errno == ENOSPC ? GALLEY_FULL : GALLEY_CANNOT_CREATE, "cannot be made");
    if (flock(copy->fd, LOCK_EX | LOCK_NB) == 0 && is_named(copy)) {
      if (!is_finished(copy))
        return GALLEY_OK;
      unlink(copy->temp);
    }
    close_temp(copy);
  }
  return error_set(copy->db->base.error, GALLEY_BUSY, "another backup to %s is being made",
                   copy->path);
}

static enum galley_rc make_temp(struct copy *copy) {
  struct stat st;
  int n = snprintf(copy->temp, sizeof copy->temp, "%s.galley-tmp", copy->path);
  if (n < 0 || (size_t)n >= sizeof copy->temp)
    return error_set(copy->db->base.error, GALLEY_USAGE, "the backup's path is too long");
  if (lstat(copy->path, &st) == 0)
    return error_set(copy->db->base.error, GALLEY_CANNOT_CREATE,
                     "%s exists already: name a new file for each backup", copy->path);
  enum galley_rc rc = open_temp(copy);
  if (rc != GALLEY_OK)
    return rc;
  if (fchmod(copy->fd, 0600) != 0 || ftruncate(copy->fd, 0) != 0) {
    (void)fail(copy, GALLEY_CANNOT_CREATE, "cannot be made");
    close_temp(copy);
    return GALLEY_CANNOT_CREATE;
  }
  return GALLEY_OK;
}

static enum galley_rc count_rows(struct copy *copy, sqlite3 *h, int64_t rows[]) {
  for (size_t i = 0; i < N_COUNTED; i++) {
    char sql[64], text[32];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", counted[i]);
    enum galley_rc rc = sqlite_engine_pragma_text(h, sql, text, sizeof text);
    if (rc != GALLEY_OK)
      return sqlite_error_set(copy->db, h, sqlite3_extended_errcode(h), "counting for the backup");
    rows[i] = strtoll(text, NULL, 10);
  }
  return GALLEY_OK;
}

/* The source's read transaction stays open throughout: one snapshot, and writers go on. */
static enum galley_rc copy_pages(struct copy *copy) {
  sqlite3 *source = copy->db->h;
  int code = sqlite3_exec(source, "BEGIN", NULL, NULL, NULL);
  if (code != SQLITE_OK)
    return sqlite_error_set(copy->db, source, code, "reading for the backup");
  enum galley_rc rc = count_rows(copy, source, copy->rows);
  sqlite3_backup *backup =
      rc == GALLEY_OK ? sqlite3_backup_init(copy->target, "main", source, "main") : NULL;
  if (backup) {
    do {
      code = sqlite3_backup_step(backup, BACKUP_STEP_PAGES);
      POINT(backup, copying);
    } while (code == SQLITE_OK);
    if (code != SQLITE_DONE)
      rc = sqlite_fail(copy, NULL, code, "copying");
    sqlite3_backup_finish(backup);
  } else if (rc == GALLEY_OK) {
    rc = sqlite_fail(copy, copy->target, sqlite3_extended_errcode(copy->target), "starting");
  }
  sqlite_engine_rollback(copy->db);
  return rc;
}

/* The copy becomes one plain file (no -wal beside it), and is read whole. */
static enum galley_rc check(struct copy *copy) {
  char text[256];
  int64_t rows[N_COUNTED];
  if (sqlite_engine_pragma_text(copy->target, "PRAGMA journal_mode=DELETE", text, sizeof text) !=
          GALLEY_OK ||
      sqlite_engine_pragma_text(copy->target, "PRAGMA integrity_check(1)", text, sizeof text) !=
          GALLEY_OK)
    return sqlite_fail(copy, copy->target, sqlite3_extended_errcode(copy->target),
                       "checking the copy");
  if (strcmp(text, "ok") != 0)
    return error_set(copy->db->base.error, GALLEY_CORRUPT,
                     "backup to %s: the copy fails its integrity check: %s. Its disk failed, or "
                     "the database itself is damaged",
                     copy->path, text);
  enum galley_rc rc = count_rows(copy, copy->target, rows);
  for (size_t i = 0; rc == GALLEY_OK && i < N_COUNTED; i++)
    if (rows[i] != copy->rows[i])
      rc = error_set(copy->db->base.error, GALLEY_CORRUPT,
                     "backup to %s: the copy has %" PRId64 " rows in %s, the database %" PRId64,
                     copy->path, rows[i], counted[i], copy->rows[i]);
  return rc;
}

static enum galley_rc sync_folder(struct copy *copy) {
  char folder[BACKUP_PATH_MAX];
  snprintf(folder, sizeof folder, "%s", copy->path);
  int fd = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return fail(copy, GALLEY_IO, "its folder cannot be opened");
  int rc = fsync(fd);
  close(fd);
  return rc == 0 ? GALLEY_OK : fail(copy, GALLEY_IO, "its folder cannot be synced");
}

static enum galley_rc appear(struct copy *copy) {
  POINT(backup, checked);
  if (fsync(copy->fd) != 0)
    return fail(copy, GALLEY_IO, "the copy cannot be synced");
  POINT(backup, synced);
  if (link(copy->temp, copy->path) != 0) /* unlike rename, refuses to replace */
    return fail(copy, GALLEY_CANNOT_CREATE, "cannot be named");
  POINT(backup, named);
  unlink(copy->temp);
  POINT(backup, cleaned);
  return sync_folder(copy);
}

static enum galley_rc copy_all(struct copy *copy) {
  int code = sqlite_vfs_open(copy->temp, SQLITE_OPEN_READWRITE, &copy->target);
  if (code != SQLITE_OK)
    return sqlite_fail(copy, copy->target, code, "opening the copy");
  enum galley_rc rc = copy_pages(copy);
  return rc == GALLEY_OK ? check(copy) : rc;
}

enum galley_rc sqlite_backup_run(struct db *base, const char *path,
                                 struct galley_backup_report *report) {
  struct copy copy = {.db = sqlite_db_of(base), .path = path, .fd = -1};
  int64_t started_ms = env_system.mono_ns(NULL) / 1000000;
  struct stat st;
  enum galley_rc rc = make_temp(&copy);
  if (rc != GALLEY_OK)
    return rc;
  POINT(backup, made);
  rc = copy_all(&copy);
  sqlite3_close(copy.target);
  if (rc == GALLEY_OK)
    rc = appear(&copy);
  if (rc != GALLEY_OK)
    unlink(copy.temp);
  close_temp(&copy); /* not before SQLite has closed it: that would drop SQLite's locks */
  if (rc != GALLEY_OK)
    return rc;
  *report = (struct galley_backup_report){.bytes = stat(path, &st) == 0 ? (int64_t)st.st_size : 0,
                                          .jobs = copy.rows[0],
                                          .ms = env_system.mono_ns(NULL) / 1000000 - started_ms};
  return GALLEY_OK;
}
