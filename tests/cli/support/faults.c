/* For LD_PRELOAD: a disk and a clock that a test turns while programs run, without a right to mount
 * or to set the time. What files are in the folder $FAULTS says:
 *
 *    slow      each sync takes 50 ms more, each write at an offset 1 ms
 *    readonly  nothing can be written, or opened for it, as after a remount (EROFS)
 *    full      nothing can be written (ENOSPC)
 *    clock     the seconds in it are added to the wall clock; the monotonic one is left alone
 *    die       a process that is made by fork alone is killed before it does anything
 *
 * Writes at an offset and syncs are those of databases; opening is refused below $FAULTS_DISK.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define SYNC_MS  50
#define WRITE_MS 1

static char *path_of(const char *name, char path[512]) {
  const char *folder = getenv("FAULTS");
  snprintf(path, 512, "%s/%s", folder ? folder : "/nonexistent", name);
  return path;
}

static int is_on(const char *name) {
  char path[512];
  int kept = errno, on = access(path_of(name, path), F_OK) == 0;
  errno = kept;
  return on;
}

/* The error with which the disk refuses to be written; 0: it does not. */
static int refusal(void) {
  return is_on("readonly") ? EROFS : is_on("full") ? ENOSPC : 0;
}

static void slow_down(int ms) {
  const struct timespec t = {.tv_nsec = (long)ms * 1000000};
  if (is_on("slow"))
    nanosleep(&t, NULL);
}

/* The function of libc that one of ours stands before. */
#define NEXT(name)                                                                                 \
  static __typeof__(&name) next;                                                                   \
  if (!next)                                                                                       \
  *(void **)&next = dlsym(RTLD_NEXT, #name)

#define REFUSE_IF(problem)                                                                         \
  do {                                                                                             \
    int refused = (problem);                                                                       \
    if (refused) {                                                                                 \
      errno = refused;                                                                             \
      return -1;                                                                                   \
    }                                                                                              \
  } while (0)

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at) {
  NEXT(pwrite);
  slow_down(WRITE_MS);
  REFUSE_IF(refusal());
  return next(fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at) {
  NEXT(pwrite64);
  slow_down(WRITE_MS);
  REFUSE_IF(refusal());
  return next(fd, bytes, n, at);
}

int ftruncate(int fd, off_t size) {
  NEXT(ftruncate);
  REFUSE_IF(refusal());
  return next(fd, size);
}

int ftruncate64(int fd, off64_t size) {
  NEXT(ftruncate64);
  REFUSE_IF(refusal());
  return next(fd, size);
}

int fsync(int fd) {
  NEXT(fsync);
  slow_down(SYNC_MS);
  return next(fd);
}

int fdatasync(int fd) {
  NEXT(fdatasync);
  slow_down(SYNC_MS);
  return next(fd);
}

/* A full disk lets a file be opened, and an empty one be made. */
static int open_refusal(const char *path, int flags) {
  const char *disk = getenv("FAULTS_DISK");
  if ((flags & O_ACCMODE) == O_RDONLY || !disk || strncmp(path, disk, strlen(disk)) != 0)
    return 0;
  return is_on("readonly") ? EROFS : 0;
}

int open(const char *path, int flags, ...) {
  NEXT(open);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  REFUSE_IF(open_refusal(path, flags));
  return next(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
  NEXT(open64);
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  REFUSE_IF(open_refusal(path, flags));
  return next(path, flags, mode);
}

/* ---- the clock ---- */

static time_t offset_seconds(void) {
  char path[512], text[32] = "";
  int kept = errno, fd = -1;
  static __typeof__(&open) real_open;
  if (!real_open)
    *(void **)&real_open = dlsym(RTLD_NEXT, "open");
  fd = real_open(path_of("clock", path), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    if (read(fd, text, sizeof text - 1) < 0)
      text[0] = '\0';
    close(fd);
  }
  errno = kept;
  return (time_t)strtoll(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *t) {
  NEXT(clock_gettime);
  int failed = next(clock, t);
  if (!failed && clock == CLOCK_REALTIME)
    t->tv_sec += offset_seconds();
  return failed;
}

int gettimeofday(struct timeval *restrict t, void *restrict zone) {
  NEXT(gettimeofday);
  int failed = next(t, zone);
  if (!failed)
    t->tv_sec += offset_seconds();
  return failed;
}

time_t time(time_t *t) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (t)
    *t = now.tv_sec;
  return now.tv_sec;
}

/* ---- processes ---- */

static void after_fork(void) {
  if (is_on("die"))
    raise(SIGKILL);
}

__attribute__((constructor)) static void begin(void) {
  pthread_atfork(NULL, NULL, after_fork);
}
