#include "process.h"

#include "point.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utf8proc.h>

#define CHUNK_BYTES 65536 /* read or written at once, so that others get their turn */
#define DRAIN_MAX                                                                                  \
  (4 * 1024 * 1024)          /* bytes read after the end; a pipe holds 64 KiB unless enlarged */
#define OPEN_MAX_GUESS 65536 /* descriptors looked at where close_range is missing */
#define REPLACEMENT    "\xef\xbf\xbd" /* U+FFFD */

struct process {
  process_done_fn *done;
  void *owner;
  pid_t pid; /* and process group */
  struct loop_child child;
  struct loop_timer timer;
  struct loop_io input, output, error;
  int input_fd, output_fd, error_fd; /* our ends; -1: closed */
  int start_fd;                      /* gives errno when exec failed, and ends when it worked */
  enum process_end killed_for;       /* PROCESS_EXITED: not killed by us */
  char *input_bytes;
  size_t input_len, input_sent;
  char *output_bytes; /* output_max + 1 */
  size_t output_len, output_max;
  char *error_bytes; /* a ring: error_len bytes were written to it in all */
  size_t error_len, error_max;
  char *error_text; /* room for error_bytes as UTF-8 */
};

/* What the child needs after fork, where nothing may be allocated. */
struct launch {
  const char *const *argv;
  const char *directory;
  char **env;
  int in[2], out[2], err[2], start[2];
  pid_t parent;
};

/* ---- in the child ---- */

/* Everything but 0, 1, 2 is closed by exec. Descriptors of ours are opened so anyway; this is for
 * those that a library opened. */
static void close_others_on_exec(void) {
  if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
    return;
  for (int fd = 3; fd < OPEN_MAX_GUESS; fd++)
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void default_signals(void) {
  struct sigaction standard = {.sa_handler = SIG_DFL};
  for (int signum = 1; signum < NSIG; signum++)
    (void)sigaction(signum, &standard, NULL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* True when the program may be started. */
static bool child_prepare(const struct launch *launch) {
  setpgid(0, 0);
  /* When this worker dies its jobs run again at once; the program must not go on beside them. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != launch->parent)
    return false;
  default_signals();
  if (dup2(launch->in[0], STDIN_FILENO) < 0 || dup2(launch->out[1], STDOUT_FILENO) < 0 ||
      dup2(launch->err[1], STDERR_FILENO) < 0)
    return false;
  close_others_on_exec();
  return !launch->directory || chdir(launch->directory) == 0;
}

__attribute__((noreturn)) static void child_run(const struct launch *launch) {
  errno = 0;
  if (child_prepare(launch))
    execve(launch->argv[0], (char *const *)(uintptr_t)launch->argv, launch->env);
  int problem = errno;
  while (write(launch->start[1], &problem, sizeof problem) < 0 && errno == EINTR)
    continue;
  _exit(127);
}

/* ---- the end ---- */

static void close_fd(int *fd) {
  if (*fd >= 0)
    close(*fd);
  *fd = -1;
}

static void kill_group(const struct process *process) {
  (void)kill(-process->pid, SIGKILL);
}

static void kill_for(struct process *process, enum process_end reason) {
  if (process->killed_for == PROCESS_EXITED)
    process->killed_for = reason;
  kill_group(process);
}

static void process_free(struct process *process) {
  loop_child_stop(&process->child);
  loop_timer_stop(&process->timer);
  loop_io_stop(&process->input);
  loop_io_stop(&process->output);
  loop_io_stop(&process->error);
  close_fd(&process->input_fd);
  close_fd(&process->output_fd);
  close_fd(&process->error_fd);
  close_fd(&process->start_fd);
  free(process->input_bytes);
  free(process->output_bytes);
  free(process->error_bytes);
  free(process->error_text);
  free(process);
}

void process_cancel(struct process *process) {
  kill_group(process);
  process_free(process);
}

/* ---- standard input ---- */

static void input_close(struct process *process) {
  loop_io_stop(&process->input);
  close_fd(&process->input_fd);
}

/* A program may end, or close its input, without reading it: that is its own affair. */
static void input_ready(struct loop_io *io, unsigned events) {
  (void)events;
  struct process *process = io->owner;
  size_t left = process->input_len - process->input_sent;
  ssize_t n = write(process->input_fd, process->input_bytes + process->input_sent,
                    left < CHUNK_BYTES ? left : CHUNK_BYTES);
  if (n > 0)
    process->input_sent += (size_t)n;
  bool again = n < 0 && (errno == EAGAIN || errno == EINTR);
  if (process->input_sent == process->input_len || (n <= 0 && !again))
    input_close(process);
}

/* ---- standard output and error ---- */

/* One read of at most CHUNK_BYTES: bytes taken, 0 when there is nothing now, -1 at the end. */
static ssize_t read_some(int fd, char *chunk) {
  ssize_t n;
  do
    n = read(fd, chunk, CHUNK_BYTES);
  while (n < 0 && errno == EINTR);
  if (n > 0)
    return n;
  return n < 0 && errno == EAGAIN ? 0 : -1;
}

static ssize_t output_read(struct process *process) {
  char chunk[CHUNK_BYTES];
  ssize_t n = read_some(process->output_fd, chunk);
  if (n <= 0)
    return n;
  size_t room = process->output_max - process->output_len;
  if ((size_t)n > room) {
    kill_for(process, PROCESS_TOO_LARGE);
    return -1;
  }
  memcpy(process->output_bytes + process->output_len, chunk, (size_t)n);
  process->output_len += (size_t)n;
  return n;
}

static void error_keep(struct process *process, const char *bytes, size_t len) {
  if (len > process->error_max) {
    process->error_len += len - process->error_max;
    bytes += len - process->error_max;
    len = process->error_max;
  }
  while (len > 0) { /* never when nothing is to be kept */
    size_t at = process->error_len % process->error_max;
    size_t n = process->error_max - at < len ? process->error_max - at : len;
    memcpy(process->error_bytes + at, bytes, n);
    process->error_len += n;
    bytes += n;
    len -= n;
  }
}

static ssize_t error_read(struct process *process) {
  char chunk[CHUNK_BYTES];
  ssize_t n = read_some(process->error_fd, chunk);
  if (n > 0)
    error_keep(process, chunk, (size_t)n);
  return n;
}

static void output_ready(struct loop_io *io, unsigned events) {
  (void)events;
  struct process *process = io->owner;
  if (output_read(process) < 0) {
    loop_io_stop(&process->output);
    close_fd(&process->output_fd);
  }
}

static void error_ready(struct loop_io *io, unsigned events) {
  (void)events;
  struct process *process = io->owner;
  if (error_read(process) < 0) {
    loop_io_stop(&process->error);
    close_fd(&process->error_fd);
  }
}

/* What is left in a pipe after its writer died; somebody who left the group may go on writing. */
static void drain(struct process *process, int fd, ssize_t (*read_fn)(struct process *)) {
  ssize_t n = 1;
  for (size_t taken = 0; fd >= 0 && n > 0 && taken<DRAIN_MAX; taken += n> 0 ? (size_t)n : 0)
    n = read_fn(process);
}

/* The kept tail of standard error as UTF-8: whatever is not, and NUL, becomes U+FFFD; the rest of a
 * character that the cut halved is dropped. */
static const char *error_finish(struct process *process) {
  size_t max = process->error_max;
  size_t len = process->error_len < max ? process->error_len : max;
  size_t from = process->error_len - len;
  char *raw = process->error_text + 2 * max; /* the result grows behind what it reads */
  for (size_t i = 0; i < len; i++)
    raw[i] = process->error_bytes[(from + i) % max];
  size_t i = 0;
  while (from > 0 && i < len && i < 3 && ((unsigned char)raw[i] & 0xc0) == 0x80)
    i++;
  char *out = process->error_text;
  while (i < len) {
    utf8proc_int32_t point;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)raw + i, (utf8proc_ssize_t)(len - i), &point);
    bool good = n > 0 && point != 0;
    size_t used = good ? (size_t)n : 1;
    size_t made = good ? used : strlen(REPLACEMENT);
    memmove(out, good ? raw + i : REPLACEMENT, made);
    out += made;
    i += used;
  }
  *out = '\0';
  return process->error_text;
}

/* exec's errno, or 0 when the program was started. */
static int start_problem(const struct process *process) {
  int problem = 0;
  ssize_t n = read(process->start_fd, &problem, sizeof problem);
  if (n != (ssize_t)sizeof problem)
    return 0;
  return problem != 0 ? problem : ECANCELED;
}

static void reply_end(const struct process *process, int status, struct process_reply *reply) {
  reply->start_errno = start_problem(process);
  if (reply->start_errno != 0) {
    reply->end = PROCESS_NOT_STARTED;
  } else if (process->killed_for == PROCESS_TOO_LARGE) {
    reply->end = PROCESS_TOO_LARGE;
  } else if (WIFEXITED(status)) {
    reply->end = PROCESS_EXITED; /* even if it was just about to be killed */
    reply->exit_status = WEXITSTATUS(status);
  } else if (process->killed_for == PROCESS_TIMEOUT) {
    reply->end = PROCESS_TIMEOUT;
  } else {
    reply->end = PROCESS_SIGNALED;
    reply->signum = WTERMSIG(status);
  }
}

static void child_ended(struct loop_child *child, int status) {
  struct process *process = child->owner;
  /* The leader was reaped in this very turn, so its number cannot belong to somebody else yet. */
  kill_group(process);
  drain(process, process->output_fd, output_read);
  drain(process, process->error_fd, error_read);
  struct process_reply reply = {0};
  reply_end(process, status, &reply);
  process->output_bytes[process->output_len] = '\0';
  reply.output = process->output_bytes;
  reply.output_len = process->output_len;
  reply.output_max = process->output_max;
  reply.error = error_finish(process);
  process->done(process->owner, &reply);
  process_free(process);
}

static void timer_fired(struct loop_timer *timer) {
  kill_for(timer->owner, PROCESS_TIMEOUT);
}

/* ---- the start ---- */

/* A pipe whose ends are not 0, 1 or 2, so that the child's dup2 calls do not step on each other. */
static bool open_pipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC) != 0)
    return false;
  for (int i = 0; i < 2; i++) {
    if (ends[i] > STDERR_FILENO)
      continue;
    int moved = fcntl(ends[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (moved < 0)
      return false;
    close(ends[i]);
    ends[i] = moved;
  }
  return true;
}

static bool open_pipes(struct launch *launch) {
  if (!open_pipe(launch->in) || !open_pipe(launch->out) || !open_pipe(launch->err) ||
      !open_pipe(launch->start))
    return false;
  int ours[] = {launch->in[1], launch->out[0], launch->err[0], launch->start[0]};
  for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
    if (fcntl(ours[i], F_SETFL, O_NONBLOCK) != 0)
      return false;
  return true;
}

static void close_pipes(struct launch *launch) {
  int *pipes[] = {launch->in, launch->out, launch->err, launch->start};
  for (size_t i = 0; i < sizeof pipes / sizeof pipes[0]; i++) {
    close_fd(&pipes[i][0]);
    close_fd(&pipes[i][1]);
  }
}

static size_t count(const char *const *list) {
  size_t n = 0;
  while (list && list[n])
    n++;
  return n;
}

static bool same_name(const char *a, const char *b) {
  size_t len = strcspn(a, "=");
  return strncmp(a, b, len) == 0 && b[len] == '=';
}

/* This process's environment with `extra` laid over it: one block of pointers, borrowed strings. */
static char **make_env(const char *const *extra) {
  size_t n_extra = count(extra);
  size_t n_own = count((const char *const *)(uintptr_t)environ);
  char **env = calloc(n_own + n_extra + 1, sizeof *env);
  size_t n = 0;
  for (size_t i = 0; env && i < n_own; i++) {
    bool hidden = false;
    for (size_t j = 0; j < n_extra && !hidden; j++)
      hidden = same_name(extra[j], environ[i]);
    if (!hidden)
      env[n++] = environ[i];
  }
  for (size_t j = 0; env && j < n_extra; j++)
    env[n++] = (char *)(uintptr_t)extra[j];
  return env;
}

static struct process *process_new(const struct process_request *request) {
  struct process *process = calloc(1, sizeof *process);
  if (!process)
    return NULL;
  process->input_fd = process->output_fd = process->error_fd = process->start_fd = -1;
  process->killed_for = PROCESS_EXITED;
  process->input_len = request->input ? request->input_len : 0;
  process->output_max = request->output_max;
  process->error_max = request->error_max;
  process->input_bytes = malloc(process->input_len + 1);
  /* Pages that are not written to cost nothing, so the most that may come is taken at once. */
  process->output_bytes = malloc(process->output_max + 1);
  process->error_bytes = malloc(process->error_max + 1);
  process->error_text = malloc(3 * process->error_max + 1);
  if (!process->input_bytes || !process->output_bytes || !process->error_bytes ||
      !process->error_text) {
    process_free(process);
    return NULL;
  }
  if (process->input_len > 0)
    memcpy(process->input_bytes, request->input, process->input_len);
  return process;
}

/* No handler of ours may run in the child before its signals are reset. */
static pid_t fork_quietly(struct launch *launch) {
  sigset_t all, before;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &before);
  launch->parent = getpid();
  pid_t pid = fork();
  if (pid == 0)
    child_run(launch);
  sigprocmask(SIG_SETMASK, &before, NULL);
  return pid;
}

static bool start_child(struct process *process, const struct process_request *request) {
  struct launch launch = {
      .argv = request->argv,
      .directory = request->directory,
      .in = {-1, -1},
      .out = {-1, -1},
      .err = {-1, -1},
      .start = {-1, -1},
  };
  launch.env = make_env(request->env);
  bool ready = launch.env && open_pipes(&launch);
  POINT(exec, forking);
  pid_t pid = ready ? fork_quietly(&launch) : -1;
  POINT(exec, forked);
  free(launch.env);
  if (pid > 0) {
    (void)setpgid(pid, pid); /* here too, so that the group is there whoever runs first */
    process->pid = pid;
    process->input_fd = launch.in[1];
    process->output_fd = launch.out[0];
    process->error_fd = launch.err[0];
    process->start_fd = launch.start[0];
    launch.in[1] = launch.out[0] = launch.err[0] = launch.start[0] = -1;
  }
  close_pipes(&launch);
  return pid > 0;
}

static bool watch(struct process *process, struct loop *loop, int64_t timeout_ms) {
  process->child = (struct loop_child){.ended = child_ended, .owner = process};
  process->timer = (struct loop_timer){.fire = timer_fired, .owner = process};
  process->input = (struct loop_io){.ready = input_ready, .owner = process};
  process->output = (struct loop_io){.ready = output_ready, .owner = process};
  process->error = (struct loop_io){.ready = error_ready, .owner = process};
  if (process->input_len == 0)
    input_close(process);
  else if (!loop_io_start(loop, &process->input, process->input_fd, LOOP_WRITE))
    return false;
  return loop_io_start(loop, &process->output, process->output_fd, LOOP_READ) &&
         loop_io_start(loop, &process->error, process->error_fd, LOOP_READ) &&
         loop_timer_start(loop, &process->timer, timeout_ms) &&
         loop_child_start(loop, &process->child, process->pid);
}

struct process *process_start(struct loop *loop, const struct process_request *request,
                              process_done_fn *done, void *owner) {
  assert(request->argv && request->argv[0] && done);
  struct process *process = process_new(request);
  if (!process)
    return NULL;
  process->done = done;
  process->owner = owner;
  if (!start_child(process, request)) {
    process_free(process);
    return NULL;
  }
  if (!watch(process, loop, request->timeout_ms)) {
    process_cancel(process);
    return NULL;
  }
  return process;
}
