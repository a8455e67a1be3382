#include "subject_peer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TTR_S       60
#define BODY_SIZE   256
#define BUFFER_SIZE (SUBJECT_BATCH_MAX * 512)

struct job {
  uint64_t id;
  char payload[BODY_SIZE];
};

struct handle {
  int fd;
  bool held; /* `wait` has reserved a job, which the next turn hands out */
  size_t n, out_len, in_len, in_at;
  struct job jobs[SUBJECT_BATCH_MAX];
  char out[BUFFER_SIZE], in[BUFFER_SIZE];
};

static _Noreturn void fail(const char *what, const char *detail) {
  fprintf(stderr, "bench: beanstalkd: %s: %s\n", what, detail);
  exit(1);
}

static void *subject_open(const char *path, enum subject_role role, bool full) {
  struct handle *h = calloc(1, sizeof *h);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  (void)role;
  (void)full;
  if (!h || strlen(path) >= sizeof address.sun_path)
    fail("opening", path);
  memcpy(address.sun_path, path, strlen(path));
  h->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (h->fd < 0 || connect(h->fd, (const struct sockaddr *)&address, sizeof address) != 0)
    fail("connecting", path);
  return h;
}

static void subject_close(void *handle) {
  struct handle *h = handle;
  close(h->fd);
  free(h);
}

/* ---- what is sent, and the lines and bodies that come back ---- */

__attribute__((format(printf, 2, 3))) static void say(struct handle *h, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int n = vsnprintf(h->out + h->out_len, sizeof h->out - h->out_len, format, args);
  va_end(args);
  if (n < 0 || (size_t)n >= sizeof h->out - h->out_len)
    fail("sending", "a batch is too long");
  h->out_len += (size_t)n;
}

static void flush(struct handle *h) {
  for (size_t at = 0; at < h->out_len;) {
    ssize_t n = send(h->fd, h->out + at, h->out_len - at, MSG_NOSIGNAL);
    if (n <= 0)
      fail("sending", "the connection is gone");
    at += (size_t)n;
  }
  h->out_len = 0;
}

static void fill(struct handle *h) {
  memmove(h->in, h->in + h->in_at, h->in_len - h->in_at);
  h->in_len -= h->in_at;
  h->in_at = 0;
  ssize_t n = recv(h->fd, h->in + h->in_len, sizeof h->in - h->in_len, 0);
  if (n <= 0)
    fail("receiving", "the connection is gone");
  h->in_len += (size_t)n;
}

/* The next `len` bytes, or with 0 the next line; with its CRLF, which becomes a NUL. */
static char *next(struct handle *h, size_t len) {
  for (;;) {
    char *begin = h->in + h->in_at;
    size_t there = h->in_len - h->in_at;
    char *end = memchr(begin, '\n', there);
    if (len > 0)
      end = there >= len + 2 ? begin + len + 1 : NULL;
    if (end) {
      h->in_at += (size_t)(end - begin) + 1;
      end[-1] = '\0';
      return begin;
    }
    fill(h);
  }
}

static void expect(struct handle *h, const char *word) {
  const char *line = next(h, 0);
  if (strncmp(line, word, strlen(word)) != 0)
    fail(word, line);
}

/* The answer to a reserve-with-timeout; false: nothing is ready. */
static bool reserved(struct handle *h, struct job *job) {
  size_t len;
  const char *line = next(h, 0);
  if (strcmp(line, "TIMED_OUT") == 0)
    return false;
  if (sscanf(line, "RESERVED %" SCNu64 " %zu", &job->id, &len) != 2 || len >= sizeof job->payload)
    fail("reserving", line);
  memcpy(job->payload, next(h, len), len + 1);
  return true;
}

/* ---- the subject ---- */

static void enqueue(void *handle, const char *payload, size_t n) {
  struct handle *h = handle;
  for (size_t i = 0; i < n; i++)
    say(h, "put 0 0 %d %zu\r\n%s\r\n", TTR_S, strlen(payload), payload);
  flush(h);
  for (size_t i = 0; i < n; i++)
    expect(h, "INSERTED");
}

static size_t turn(void *handle, size_t max, size_t *settled) {
  struct handle *h = handle;
  *settled = h->held ? 0 : h->n;
  if (h->held) {
    h->held = false;
    return h->n;
  }
  for (size_t i = 0; i < h->n; i++)
    say(h, "delete %" PRIu64 "\r\n", h->jobs[i].id);
  for (size_t i = 0; i < max; i++)
    say(h, "reserve-with-timeout 0\r\n");
  flush(h);
  for (size_t i = 0; i < h->n; i++)
    expect(h, "DELETED");
  h->n = 0;
  for (size_t i = 0; i < max; i++)
    if (reserved(h, &h->jobs[h->n]))
      h->n++;
  return h->n;
}

static const char *payload(void *handle, size_t i) {
  return ((struct handle *)handle)->jobs[i].payload;
}

static void wait_for_jobs(void *handle, int ms) {
  struct handle *h = handle;
  say(h, "reserve-with-timeout %d\r\n", (ms + 999) / 1000);
  flush(h);
  h->held = reserved(h, &h->jobs[0]);
  h->n = h->held;
}

const struct subject subject_beanstalkd = {
    .name = "beanstalkd",
    .open = subject_open,
    .close = subject_close,
    .enqueue = enqueue,
    .turn = turn,
    .payload = payload,
    .wait = wait_for_jobs,
};
