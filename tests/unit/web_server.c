#include "web_server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#define HEAD_MAX 2048
#define CHUNK    65536

struct exchange {
  int fd;
  struct web_server_seen *seen;
  char method[16];
  char path[8192];  /* of the request */
  const char *rest; /* what follows the route in it */
  char request[WEB_SERVER_REQUEST_MAX];
};

/* ---- sending ---- */

static void send_bytes(int fd, const void *bytes, size_t len) {
  const char *at = bytes;
  while (len > 0) {
    ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
    if (n <= 0)
      _exit(0);
    at += n;
    len -= (size_t)n;
  }
}

static void send_text(int fd, const char *text) {
  send_bytes(fd, text, strlen(text));
}

static void reply(const struct exchange *ex, int status, const char *headers, const char *body) {
  char head[16384];
  bool bodiless = status == 304 || status == 204;
  int n = snprintf(head, sizeof head, "HTTP/1.1 %d Said So\r\n%s", status, headers);
  assert(n > 0 && (size_t)n < sizeof head);
  send_bytes(ex->fd, head, (size_t)n);
  if (!bodiless) {
    snprintf(head, sizeof head, "Content-Length: %zu\r\n", strlen(body));
    send_text(ex->fd, head);
  }
  send_text(ex->fd, "\r\n");
  if (!bodiless && strcmp(ex->method, "HEAD") != 0)
    send_text(ex->fd, body);
}

static void send_filler(int fd, size_t len) {
  static char filler[CHUNK];
  memset(filler, 'z', sizeof filler);
  for (; len > 0; len -= len < CHUNK ? len : CHUNK)
    send_bytes(fd, filler, len < CHUNK ? len : CHUNK);
}

/* ---- routes: true keeps the connection ---- */

static bool route_ok(struct exchange *ex) {
  reply(ex, 200, "Content-Type: text/plain; charset=utf-8\r\n", "hello");
  return true;
}

static bool route_echo(struct exchange *ex) {
  reply(ex, 200, "", ex->request);
  return true;
}

static bool route_status(struct exchange *ex) {
  reply(ex, (int)strtol(ex->rest, NULL, 10), "", "status");
  return true;
}

static bool route_feed(struct exchange *ex) {
  static const char headers[] = "eTaG:  W/\"a, b\"  \r\n"
                                "Last-Modified: Tue, 05 Mar 2024 10:00:00 GMT\r\n"
                                "Cache-Control: public, no-transform\r\n"
                                "Cache-Control: Max-Age = \"600\", must-revalidate\r\n"
                                "Content-Type: application/rss+xml\r\n";
  bool known = strstr(ex->request, "If-None-Match: W/\"a, b\"\r\n") != NULL;
  reply(ex, known ? 304 : 200, headers, "<rss/>");
  return true;
}

static void move(struct exchange *ex, int status, const char *where) {
  char location[9000];
  snprintf(location, sizeof location, "Location: %s\r\n", where);
  reply(ex, status, location, "moved");
}

static bool route_redirect(struct exchange *ex) {
  char *where = NULL;
  long status = strtol(ex->rest, &where, 10);
  /* a path keeps the slash that stands before it */
  move(ex, (int)status, strstr(where, "://") ? where + 1 : where);
  return true;
}

static bool route_countdown(struct exchange *ex) {
  char where[64];
  long n = strtol(ex->rest, NULL, 10);
  if (n <= 0)
    return route_ok(ex);
  snprintf(where, sizeof where, "/countdown/%ld", n - 1);
  move(ex, 302, where);
  return true;
}

static bool route_loop(struct exchange *ex) {
  move(ex, 301, "/loop");
  return true;
}

static bool route_bigmove(struct exchange *ex) {
  send_text(ex->fd, "HTTP/1.1 302 Found\r\nLocation: /");
  send_text(ex->fd, ex->rest);
  send_text(ex->fd, "\r\n\r\n");
  send_filler(ex->fd, SIZE_MAX); /* until the client has had enough */
  return false;
}

static bool route_sized(struct exchange *ex) {
  char head[HEAD_MAX];
  size_t n = strtoul(ex->rest, NULL, 10);
  snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n);
  send_text(ex->fd, head);
  send_filler(ex->fd, n);
  return true;
}

static bool route_open(struct exchange *ex) {
  send_text(ex->fd, "HTTP/1.1 200 OK\r\n\r\n");
  send_filler(ex->fd, strtoul(ex->rest, NULL, 10));
  return false;
}

static bool route_gzip(struct exchange *ex) {
  static char in[CHUNK];
  static unsigned char out[CHUNK];
  size_t left = strtoul(ex->rest, NULL, 10);
  z_stream stream = {0};
  int rc = deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
  assert(rc == Z_OK);
  send_text(ex->fd, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
  memset(in, 'z', sizeof in);
  do {
    size_t n = left < CHUNK ? left : CHUNK;
    left -= n;
    stream.next_in = (unsigned char *)in;
    stream.avail_in = (unsigned)n;
    do {
      stream.next_out = out;
      stream.avail_out = sizeof out;
      rc = deflate(&stream, left ? Z_NO_FLUSH : Z_FINISH);
      send_bytes(ex->fd, out, sizeof out - stream.avail_out);
    } while (stream.avail_out == 0);
  } while (rc != Z_STREAM_END);
  deflateEnd(&stream);
  return false;
}

static bool route_cut(struct exchange *ex) {
  send_text(ex->fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  return false;
}

static bool route_cutchunk(struct exchange *ex) {
  send_text(ex->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  return false;
}

static bool route_nothing(struct exchange *ex) {
  (void)ex;
  return false;
}

/* Until the client goes away. */
static bool route_hang(struct exchange *ex) {
  char byte;
  (void)!recv(ex->fd, &byte, 1, 0);
  return false;
}

static bool route_hangbody(struct exchange *ex) {
  send_text(ex->fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  return route_hang(ex);
}

static bool route_headers(struct exchange *ex) {
  send_text(ex->fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
  for (long left = strtol(ex->rest, NULL, 10); left > 0; left -= 100) {
    char line[128];
    snprintf(line, sizeof line, "X-Filler: %088d\r\n", 0); /* 100 bytes */
    send_text(ex->fd, line);
  }
  send_text(ex->fd, "\r\n");
  return true;
}

static bool route_longline(struct exchange *ex) {
  send_text(ex->fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Filler: ");
  send_filler(ex->fd, strtoul(ex->rest, NULL, 10));
  send_text(ex->fd, "\r\n\r\n");
  return true;
}

static bool route_header(struct exchange *ex) {
  char text[HEAD_MAX];
  size_t n = 0;
  for (const char *at = ex->rest; *at && n + 3 < sizeof text; at++) {
    unsigned byte;
    if (*at == '%' && sscanf(at + 1, "%2x", &byte) == 1) {
      text[n++] = (char)byte;
      at += 2;
    } else {
      text[n++] = *at;
    }
  }
  memcpy(text + n, "\r\n", 3);
  reply(ex, 200, text, "with header");
  return true;
}

static bool route_early(struct exchange *ex) {
  send_text(ex->fd, "HTTP/1.1 103 Early Hints\r\nETag: \"early\"\r\nLocation: /ok\r\n\r\n");
  reply(ex, 200, "Last-Modified: then\r\n", "late");
  return true;
}

static bool route_trailer(struct exchange *ex) {
  send_text(ex->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: ETag\r\n\r\n"
                    "4\r\nbody\r\n0\r\nETag: \"late\"\r\n\r\n");
  return true;
}

static const struct {
  const char *path;
  bool (*run)(struct exchange *ex);
} routes[] = {
    {"/ok", route_ok},
    {"/echo", route_echo},
    {"/status/", route_status},
    {"/feed", route_feed},
    {"/redirect/", route_redirect},
    {"/countdown/", route_countdown},
    {"/bigmove/", route_bigmove},
    {"/sized/", route_sized},
    {"/open/", route_open},
    {"/gzip/", route_gzip},
    {"/cutchunk", route_cutchunk},
    {"/cut", route_cut},
    {"/nothing", route_nothing},
    {"/hangbody", route_hangbody},
    {"/hang", route_hang},
    {"/headers/", route_headers},
    {"/longline/", route_longline},
    {"/header/", route_header},
    {"/early", route_early},
    {"/trailer", route_trailer},
    {"/loop", route_loop},
};

static bool respond(struct exchange *ex) {
  const char *path = ex->path;
  if (strncmp(path, "http://", 7) == 0) /* asked as a proxy */
    path = strchr(path + 7, '/') ? strchr(path + 7, '/') : "/";
  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
    if (strncmp(path, routes[i].path, strlen(routes[i].path)) == 0) {
      ex->rest = path + strlen(routes[i].path);
      return routes[i].run(ex);
    }
  reply(ex, 404, "", "no such route");
  return true;
}

/* ---- reading ---- */

/* The next request with its body; false when there is none. Anything that is not HTTP (a TLS
 * greeting) is answered with rubbish. */
static bool read_request(struct exchange *ex) {
  size_t len = 0;
  const char *body = NULL;
  size_t wanted = 0;
  while (!body || len - (size_t)(body - ex->request) < wanted) {
    if (len + 1 >= sizeof ex->request)
      return false;
    ssize_t n = recv(ex->fd, ex->request + len, sizeof ex->request - 1 - len, 0);
    if (n <= 0)
      return false;
    len += (size_t)n;
    ex->request[len] = '\0';
    if (!isupper((unsigned char)ex->request[0])) {
      send_text(ex->fd, "this is no TLS");
      return false;
    }
    const char *end = strstr(ex->request, "\r\n\r\n");
    const char *length = strcasestr(ex->request, "\r\nContent-Length:");
    if (end)
      body = end + 4;
    if (end && length && length < end)
      wanted = strtoul(length + 17, NULL, 10);
  }
  return sscanf(ex->request, "%15s %8191s", ex->method, ex->path) == 2;
}

static void serve(int fd, struct web_server_seen *seen) {
  static struct exchange ex;
  ex.fd = fd;
  ex.seen = seen;
  bool keep = true;
  while (keep && read_request(&ex)) {
    memcpy(seen->last, ex.request, sizeof seen->last);
    __atomic_add_fetch(&seen->requests, 1, __ATOMIC_SEQ_CST);
    keep = respond(&ex);
  }
}

static void accept_all(int listener, struct web_server_seen *seen) {
  signal(SIGCHLD, SIG_IGN);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
      continue;
    __atomic_add_fetch(&seen->connections, 1, __ATOMIC_SEQ_CST);
    if (fork() == 0) {
      close(listener);
      serve(fd, seen);
      _exit(0);
    }
    close(fd);
  }
}

/* ---- the server ---- */

void web_server_start(struct web_server *server) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_ANY)}};
  socklen_t len = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  assert(listener >= 0);
  int rc = bind(listener, (struct sockaddr *)&address, len);
  assert(rc == 0);
  rc = listen(listener, 128);
  assert(rc == 0);
  rc = getsockname(listener, (struct sockaddr *)&address, &len);
  assert(rc == 0);
  server->port = ntohs(address.sin_port);
  server->seen =
      mmap(NULL, sizeof *server->seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert(server->seen != MAP_FAILED);
  pid_t parent = getpid();
  server->pid = fork();
  assert(server->pid >= 0);
  if (server->pid == 0) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
      accept_all(listener, server->seen);
    _exit(0);
  }
  setpgid(server->pid, server->pid);
  close(listener);
}

void web_server_stop(struct web_server *server) {
  kill(-server->pid, SIGKILL);
  waitpid(server->pid, NULL, 0);
  munmap(server->seen, sizeof *server->seen);
}
