/*
 * web_server.h - a web server of a test's own: a forked child on a loopback port, with a process
 * for each connection, that replies by path as well or as badly as a test needs.
 *
 *   /ok                 200 "hello", the connection is kept
 *   /echo               200 with the whole request as the body
 *   /status/N           N with the body "status"
 *   /feed               200 with ETag, Last-Modified, Cache-Control; 304 when they come back
 *   /redirect/N/WHERE   N to WHERE (an URL, or a path with its slash)
 *   /countdown/N        302 to N - 1, 200 at 0
 *   /loop               301 to itself
 *   /bigmove/WHERE      302 to WHERE with a body that never ends
 *   /sized/N, /open/N, /gzip/N  a body of N bytes: announced, ended by the connection, compressed
 *   /cut, /cutchunk     a body that ends too early
 *   /nothing            no reply at all, the connection is closed
 *   /hang, /hangbody    no reply, half a reply; then silence
 *   /headers/N, /longline/N  about N bytes of headers, in many lines or one
 *   /header/TEXT        200 with TEXT (percent-decoded) among its headers
 *   /early              a 103 with headers of its own before the 200
 *   /trailer            a chunked body, and an ETag after it
 */
#ifndef WEB_SERVER_H
#define WEB_SERVER_H

#include <stddef.h>
#include <sys/types.h>

#define WEB_SERVER_REQUEST_MAX 16384

struct web_server {
  pid_t pid; /* and process group */
  int port;
  struct web_server_seen *seen; /* shared with the server */
};
struct web_server_seen {
  int connections, requests;
  char last[WEB_SERVER_REQUEST_MAX]; /* the last request, its body included */
};

/* Listens on all addresses of 127.0.0.0/8 from when it returns. Ends the test program on failure.
 */
void web_server_start(struct web_server *server);
void web_server_stop(struct web_server *server);

#endif
