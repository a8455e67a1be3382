#include "file_write.h"

#include "point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP_TRIES  8    /* another writer renamed the file away while we waited for its lock */
#define WRITE_CALLS 4096 /* of write(2) for one file: each moves at least a byte, usually all */

struct sentence {
  char *text;
  size_t len;
};

__attribute__((format(printf, 3, 4))) static enum galley_rc
fail(const struct sentence *error, enum galley_rc rc, const char *format, ...) {
  if (error->len == 0)
    return rc;
  va_list args;
  va_start(args, format);
  (void)vsnprintf(error->text, error->len, format, args);
  va_end(args);
  return rc;
}

/* What an errno of the file system means for the caller. */
static enum galley_rc code_of(int number) {
  switch (number) {
  case EACCES:
  case EPERM:
  case EROFS:
    return GALLEY_DENIED;
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
    return GALLEY_FULL;
  case ENOENT:
  case EISDIR:
    return GALLEY_CANNOT_CREATE;
  case ELOOP:
  case ENOTDIR:
  case ENAMETOOLONG:
    return GALLEY_INVALID;
  case ENOMEM:
    return GALLEY_NO_MEMORY;
  default:
    return GALLEY_UNAVAILABLE;
  }
}

static const char *advice_of(enum galley_rc rc) {
  switch (rc) {
  case GALLEY_DENIED:
    return "; give this user the right to write there";
  case GALLEY_FULL:
    return "; make room";
  default:
    return "";
  }
}

static enum galley_rc fail_errno(const struct sentence *error, const char *doing,
                                 const char *path) {
  int number = errno;
  enum galley_rc rc = code_of(number);
  return fail(error, rc, "cannot %s %s: %s%s", doing, path, strerror(number), advice_of(rc));
}

/* ---- where the file belongs ---- */

/* The part of the path below the root; NULL when it does not begin with the root. */
static const char *relative(const char *root, const char *path) {
  size_t n = strlen(root);
  while (n > 0 && root[n - 1] == '/')
    n--;
  if (root[0] != '/' || strncmp(root, path, n) != 0 || path[n] != '/')
    return NULL;
  return path + n + 1;
}

static bool part_is_plain(const char *part, size_t len) {
  return len > 0 && !(len == 1 && part[0] == '.') && !(len == 2 && memcmp(part, "..", 2) == 0);
}

static enum galley_rc check_parts(const char *rest, const char *path,
                                  const struct sentence *error) {
  size_t depth = 0;
  for (const char *part = rest;; depth++) {
    size_t len = strcspn(part, "/");
    if (!part_is_plain(part, len))
      return fail(error, GALLEY_INVALID, "%s is not a plain path below its folder", path);
    if (depth > FILE_WRITE_DEPTH_MAX)
      return fail(error, GALLEY_INVALID, "%s has more than %d folders below its target", path,
                  FILE_WRITE_DEPTH_MAX);
    if (part[len] == '\0')
      return GALLEY_OK;
    part += len + 1;
  }
}

static enum galley_rc open_root(const char *root, int *fd, const struct sentence *error) {
  *fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (*fd >= 0)
    return GALLEY_OK;
  if (errno == ENOENT)
    return fail(error, GALLEY_CANNOT_CREATE,
                "the target folder %s does not exist; create it (mkdir -p) or correct the path in "
                "the configuration",
                root);
  if (errno == ENOTDIR)
    return fail(error, GALLEY_CANNOT_CREATE, "the target %s is not a folder", root);
  return fail_errno(error, "open the folder", root);
}

/* Opens the folder `name` in `parent`, making it when it is missing. Symbolic links are refused:
 * they could lead out of the root. */
static enum galley_rc enter(int parent, const char *name, int *fd, const struct file_write *file,
                            const struct sentence *error) {
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  *fd = openat(parent, name, flags);
  if (*fd < 0 && errno == ENOENT) {
    if (mkdirat(parent, name, 0755) != 0 && errno != EEXIST)
      return fail_errno(error, "make the folder of", file->path);
    POINT(folder, made);
    if (fsync(parent) != 0)
      return fail_errno(error, "sync the folders above", file->path);
    *fd = openat(parent, name, flags);
  }
  if (*fd >= 0)
    return GALLEY_OK;
  if (errno == ELOOP || errno == ENOTDIR)
    return fail(
        error, GALLEY_INVALID,
        "\"%s\" on the way to %s is a symbolic link or no folder; a target's subfolders must "
        "be real folders",
        name, file->path);
  return fail_errno(error, "open the folder of", file->path);
}

/* Walks from the root to the file's folder. On OK *dir is open and *name points into the path. */
static enum galley_rc open_parent(const struct file_write *file, int *dir, const char **name,
                                  const struct sentence *error) {
  const char *rest = relative(file->root, file->path);
  if (rest == NULL)
    return fail(error, GALLEY_INVALID, "%s is not below %s", file->path, file->root);
  enum galley_rc rc = check_parts(rest, file->path, error);
  if (rc == GALLEY_OK)
    rc = open_root(file->root, dir, error);
  if (rc != GALLEY_OK)
    return rc;
  for (const char *slash; (slash = strchr(rest, '/')) != NULL; rest = slash + 1) {
    char *part = strndup(rest, (size_t)(slash - rest));
    int next = -1;
    rc = part == NULL ? fail(error, GALLEY_NO_MEMORY, "out of memory")
                      : enter(*dir, part, &next, file, error);
    free(part);
    (void)close(*dir);
    *dir = next;
    if (rc != GALLEY_OK)
      return rc;
  }
  *name = rest;
  return GALLEY_OK;
}

/* ---- the same bytes already there ---- */

static bool read_equals(int fd, const char *bytes, size_t len) {
  char piece[8192];
  size_t done = 0;
  while (done < len) {
    ssize_t n = read(fd, piece, sizeof piece);
    if (n <= 0 || (size_t)n > len - done || memcmp(piece, bytes + done, (size_t)n) != 0)
      return false;
    done += (size_t)n;
  }
  return true;
}

/* Whether the file holds the bytes, on the disk too: the writer before us may have died before it
 * had synced the folder. */
static bool is_there(int dir, const char *name, const struct file_write *file) {
  int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return false;
  struct stat st;
  bool same = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == (off_t)file->len &&
              read_equals(fd, file->bytes, file->len) && fsync(fd) == 0 && fsync(dir) == 0;
  (void)close(fd);
  return same;
}

/* ---- the temporary file ---- */

/* Takes the lock of the temporary file without waiting. False with errno EAGAIN when somebody has
 * it, or when the file that was opened is no longer the one of that name. */
static bool lock_temp(int dir, const char *temp, int fd) {
  struct stat mine, named;
  if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &mine) != 0)
    return false;
  bool named_so = fstatat(dir, temp, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
                  mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
  if (named_so && S_ISREG(mine.st_mode) && mine.st_nlink == 1)
    return true;
  errno = named_so ? EEXIST : EAGAIN;
  return false;
}

/* Opens and empties the temporary file, alone. The lock, not the file's existence, tells that a
 * writer is alive: what a killed one left is taken over. */
static enum galley_rc open_temp(int dir, const char *temp, int *fd, const struct file_write *file,
                                const struct sentence *error) {
  for (int i = 0; i < TEMP_TRIES; i++) {
    *fd = openat(dir, temp, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
    if (*fd < 0)
      return fail_errno(error, "make a temporary file for", file->path);
    bool locked = lock_temp(dir, temp, *fd);
    if (locked && ftruncate(*fd, 0) == 0)
      return GALLEY_OK;
    enum galley_rc rc = GALLEY_OK;
    if (locked || (errno != EAGAIN && errno != EINTR))
      rc = fail_errno(error, "take the temporary file of", file->path);
    (void)close(*fd);
    if (rc != GALLEY_OK)
      return rc;
  }
  return fail(error, GALLEY_BUSY, "another process is writing %s just now", file->path);
}

static bool write_all(int fd, const char *bytes, size_t len) {
  for (int calls = 0; len > 0; calls++) {
    ssize_t n = write(fd, bytes, len);
    if (n < 0 && errno == EINTR && calls < WRITE_CALLS)
      continue;
    if (n < 0)
      return false;
    if (n == 0 || calls >= WRITE_CALLS) {
      errno = EIO;
      return false;
    }
    bytes += n;
    len -= (size_t)n;
  }
  return true;
}

/* From an empty temporary file to the finished one. On failure the temporary file is gone. */
static enum galley_rc fill_and_rename(int dir, const char *temp, const char *name, int fd,
                                      const struct file_write *file, const struct sentence *error) {
  enum galley_rc rc = GALLEY_OK;
  POINT(file, made);
  bool written = write_all(fd, file->bytes, file->len);
  POINT(file, written);
  if (!written || fsync(fd) != 0)
    rc = fail_errno(error, "write", file->path);
  POINT(file, synced);
  if (rc == GALLEY_OK && renameat(dir, temp, dir, name) != 0)
    rc = fail_errno(error, "rename the finished file to", file->path);
  if (rc != GALLEY_OK) {
    (void)unlinkat(dir, temp, 0);
    return rc;
  }
  POINT(file, renamed);
  if (fsync(dir) != 0)
    return fail_errno(error, "sync the folder of", file->path);
  return GALLEY_OK;
}

static enum galley_rc replace(int dir, const char *name, const struct file_write *file,
                              const struct sentence *error) {
  char *temp = NULL;
  if (asprintf(&temp, ".%s.galley-tmp", name) < 0)
    return fail(error, GALLEY_NO_MEMORY, "out of memory");
  int fd = -1;
  enum galley_rc rc = open_temp(dir, temp, &fd, file, error);
  if (rc == GALLEY_OK) {
    rc = fill_and_rename(dir, temp, name, fd, file, error);
    (void)close(fd);
  }
  free(temp);
  return rc;
}

enum galley_rc file_write(const struct file_write *file, char *error, size_t error_len) {
  const struct sentence sentence = {error, error_len};
  if (error_len > 0)
    error[0] = '\0';
  int dir = -1;
  const char *name = NULL;
  enum galley_rc rc = open_parent(file, &dir, &name, &sentence);
  if (rc == GALLEY_OK && !is_there(dir, name, file))
    rc = replace(dir, name, file, &sentence);
  if (dir >= 0)
    (void)close(dir);
  return rc;
}
