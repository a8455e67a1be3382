/* Makes system calls and allocations of galley's programs fail, for tests/fault, which loads it
 * with LD_PRELOAD:
 *
 *   FAULT=CLASS:N:ERRNO:once|always   the Nth call of a class fails with this number, or that and
 *                                     every one after it
 *   FAULT_PROGRAM=NAME                only in a program of this name, and not in what it forks
 *   FAULT_MARK=FILE                   gets the name of each call that was failed, a line each
 *
 * Counted are the calls of the program's own code, and those of the libraries that a class names:
 * SQLite's are failed elsewhere, under its own interfaces. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum class { FILES, PIPES, LOGS, PROCESSES, SOCKETS, KERNEL, EPOLL, WAITS, MEMORY, CLASS_COUNT };

/* Whose calls are counted, beside the program's own: parts of the names of libraries. */
static const struct {
  const char *name;
  const char *libraries[5];
} classes[CLASS_COUNT] = {
    [FILES] = {"file", {NULL}},
    [PIPES] = {"pipe", {NULL}},
    [LOGS] = {"log", {NULL}},
    [PROCESSES] = {"process", {NULL}},
    [SOCKETS] = {"socket", {"libcurl", NULL}},
    [KERNEL] = {"kernel", {"libcurl", "libev", NULL}},
    [EPOLL] = {"epoll", {"libev", NULL}},
    [WAITS] = {"wait", {"libev", NULL}},
    [MEMORY] = {"memory", {"libjansson", "libxml2", "libcurl", "libmd4c", NULL}},
};

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static enum class chosen = CLASS_COUNT;
static long left; /* calls until one fails, that one included; 0: every one from now on */
static int number;
static bool always;
static pid_t armed_pid; /* 0: not armed */
static const char *mark;
static const void *program_base;

/* ---- arming ---- */

static bool is_program(const char *name) {
  char path[4096];
  ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);
  if (len <= 0 || !name)
    return false;
  path[len] = '\0';
  const char *slash = strrchr(path, '/');
  return slash && strcmp(slash + 1, name) == 0;
}

static void arm(char *fault) {
  char *rest = NULL;
  const char *class = strtok_r(fault, ":", &rest), *n = strtok_r(NULL, ":", &rest);
  const char *error = strtok_r(NULL, ":", &rest), *how = strtok_r(NULL, ":", &rest);
  if (!class || !n || !error || !how)
    abort();
  for (int i = 0; i < CLASS_COUNT; i++)
    if (strcmp(class, classes[i].name) == 0)
      chosen = (enum class)i;
  left = strtol(n, NULL, 10);
  number = (int)strtol(error, NULL, 10);
  always = strcmp(how, "always") == 0;
  if (chosen == CLASS_COUNT || left <= 0 || number <= 0)
    abort();
}

__attribute__((constructor)) static void arm_from_environment(void) {
  Dl_info info;
  char *fault = getenv("FAULT");
  mark = getenv("FAULT_MARK");
  if (!fault || !mark || !is_program(getenv("FAULT_PROGRAM")))
    return;
  if (dladdr((void *)(uintptr_t)getauxval(AT_ENTRY), &info) == 0 || !(fault = strdup(fault)))
    abort();
  program_base = info.dli_fbase;
  arm(fault);
  free(fault);
  armed_pid = getpid();
}

/* ---- the decision ---- */

static bool is_counted(const void *caller) {
  Dl_info info;
  if (dladdr(caller, &info) == 0)
    return false;
  if (info.dli_fbase == program_base)
    return true;
  for (const char *const *name = classes[chosen].libraries; *name; name++)
    if (strstr(info.dli_fname, *name))
      return true;
  return false;
}

static void leave_mark(const char *call) {
  char line[64];
  int n = snprintf(line, sizeof line, "%s\n", call);
  long fd =
      syscall(SYS_openat, AT_FDCWD, mark, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, (mode_t)0600);
  if (fd >= 0 && n > 0)
    syscall(SYS_write, fd, line, (size_t)n);
  if (fd >= 0)
    syscall(SYS_close, fd);
}

/* Whether this call is to fail; errno is set then. */
static bool fails(enum class class, const char *call, const void *caller) {
  if (armed_pid == 0 || class != chosen || getpid() != armed_pid || !is_counted(caller))
    return false;
  if (left < 0 || (left > 0 && --left > 0))
    return false;
  left = always ? 0 : -1;
  leave_mark(call);
  errno = number;
  return true;
}

/* What a write goes to decides its class. */
static enum class class_of(int fd) {
  struct stat st; int saved_errno = errno;
  bool piped = armed_pid != 0 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
  errno = saved_errno;
  return fd == STDERR_FILENO ? LOGS
         : piped             ? PIPES
                             : FILES;
}

#define CALLER     __builtin_return_address(0)
#define NEXT(call) ((__typeof__(&call))(uintptr_t)dlsym(RTLD_NEXT, #call))
#define PASS(class, call, failed, ...)                                                             \
  do {                                                                                             \
    if (fails(class, #call, CALLER))                                                               \
      return failed;                                                                               \
    return NEXT(call)(__VA_ARGS__);                                                                \
  } while (0)

/* ---- files ---- */

int open(const char *path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
  va_end(args);
  PASS(FILES, open, -1, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
  va_end(args);
  PASS(FILES, openat, -1, dir, path, flags, mode);
}

FILE *fopen(const char *path, const char *how) {
  PASS(FILES, fopen, NULL, path, how);
}

ssize_t write(int fd, const void *bytes, size_t len) {
  PASS(class_of(fd), write, -1, fd, bytes, len);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at) {
  PASS(FILES, pwrite, -1, fd, bytes, len, at);
}

int fsync(int fd) {
  PASS(FILES, fsync, -1, fd);
}

int ftruncate(int fd, off_t len) {
  PASS(FILES, ftruncate, -1, fd, len);
}

int fchmod(int fd, mode_t mode) {
  PASS(FILES, fchmod, -1, fd, mode);
}

int flock(int fd, int operation);
int flock(int fd, int operation) {
  PASS(FILES, flock, -1, fd, operation);
}

int rename(const char *from, const char *to) {
  PASS(FILES, rename, -1, from, to);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to) {
  PASS(FILES, renameat, -1, from_dir, from, to_dir, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
  PASS(FILES, renameat2, -1, from_dir, from, to_dir, to, flags);
}

int link(const char *from, const char *to) {
  PASS(FILES, link, -1, from, to);
}

int unlink(const char *path) {
  PASS(FILES, unlink, -1, path);
}

int unlinkat(int dir, const char *path, int flags) {
  PASS(FILES, unlinkat, -1, dir, path, flags);
}

int mkdir(const char *path, mode_t mode) {
  PASS(FILES, mkdir, -1, path, mode);
}

int mkdirat(int dir, const char *path, mode_t mode) {
  PASS(FILES, mkdirat, -1, dir, path, mode);
}

/* ---- pipes ---- */

ssize_t read(int fd, void *bytes, size_t len) {
  PASS(class_of(fd) == PIPES ? PIPES : CLASS_COUNT, read, -1, fd, bytes, len);
}

/* ---- processes ---- */

pid_t fork(void) {
  return fails(PROCESSES, "fork", CALLER) ? -1 : NEXT(fork)();
}

int pipe2(int ends[2], int flags) {
  PASS(PROCESSES, pipe2, -1, ends, flags);
}

/* ---- sockets ---- */

int socket(int domain, int type, int protocol) {
  PASS(SOCKETS, socket, -1, domain, type, protocol);
}

int connect(int fd, __CONST_SOCKADDR_ARG address, socklen_t len) {
  PASS(SOCKETS, connect, -1, fd, address, len);
}

ssize_t send(int fd, const void *bytes, size_t len, int flags) {
  PASS(SOCKETS, send, -1, fd, bytes, len, flags);
}

ssize_t recv(int fd, void *bytes, size_t len, int flags) {
  PASS(SOCKETS, recv, -1, fd, bytes, len, flags);
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *len) {
  PASS(SOCKETS, getsockopt, -1, fd, level, name, value, len);
}

/* ---- what a loop is made of ---- */

int socketpair(int domain, int type, int protocol, int ends[2]) {
  PASS(KERNEL, socketpair, -1, domain, type, protocol, ends);
}

int epoll_create1(int flags) {
  PASS(KERNEL, epoll_create1, -1, flags);
}

int epoll_create(int size) {
  PASS(KERNEL, epoll_create, -1, size);
}

int epoll_ctl(int loop, int operation, int fd, struct epoll_event *event) {
  PASS(EPOLL, epoll_ctl, -1, loop, operation, fd, event);
}

int eventfd(unsigned count, int flags) {
  PASS(KERNEL, eventfd, -1, count, flags);
}

int pipe(int ends[2]) {
  PASS(KERNEL, pipe, -1, ends);
}

int timerfd_create(clockid_t clock, int flags) {
  PASS(KERNEL, timerfd_create, -1, clock, flags);
}

int signalfd(int fd, const sigset_t *mask, int flags) {
  PASS(KERNEL, signalfd, -1, fd, mask, flags);
}

int inotify_init1(int flags) {
  PASS(KERNEL, inotify_init1, -1, flags);
}

int inotify_add_watch(int fd, const char *path, uint32_t mask) {
  PASS(KERNEL, inotify_add_watch, -1, fd, path, mask);
}

int epoll_wait(int loop, struct epoll_event *events, int max, int timeout_ms) {
  PASS(WAITS, epoll_wait, -1, loop, events, max, timeout_ms);
}

/* ---- memory: straight to the C library, since dlsym itself may allocate ---- */

void *malloc(size_t size) {
  return fails(MEMORY, "malloc", CALLER) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
  return fails(MEMORY, "calloc", CALLER) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size) {
  return fails(MEMORY, "realloc", CALLER) ? NULL : __libc_realloc(old, size);
}

char *strndup(const char *text, size_t max) {
  size_t len = strnlen(text, max);
  char *copy = fails(MEMORY, "strndup", CALLER) ? NULL : __libc_malloc(len + 1);
  if (copy) {
    memcpy(copy, text, len);
    copy[len] = '\0';
  }
  return copy;
}

char *strdup(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = fails(MEMORY, "strdup", CALLER) ? NULL : __libc_malloc(size);
  return copy ? memcpy(copy, text, size) : NULL;
}

int vasprintf(char **out, const char *format, va_list args) {
  PASS(MEMORY, vasprintf, -1, out, format, args);
}

int asprintf(char **out, const char *format, ...) {
  if (fails(MEMORY, "asprintf", CALLER))
    return -1;
  va_list args;
  va_start(args, format);
  int n = NEXT(vasprintf)(out, format, args);
  va_end(args);
  return n;
}
