/*
 * http.h - HTTP requests on libcurl's multi interface, on the loop. Every request has a limit on
 * its body (counted after decompression, as bytes arrive), on its headers, on its redirects and on
 * its whole time. Requests to addresses that came from content are guarded: see `untrusted`.
 */
#ifndef HTTP_H
#define HTTP_H

#include "loop.h"

#include <stddef.h>

#define HTTP_HEADERS_MAX   65536 /* bytes of all reply headers of one hop */
#define HTTP_REDIRECTS_MAX 5
#define HTTP_URL_MAX       8192 /* bytes */

struct http; /* the client: one per process */

struct http_options {
  const char *user_agent;
  int64_t connect_timeout_ms;
  /* Comma-separated CIDR ranges ("127.0.0.1/32,[::1]/128,10.1.0.0/16") that untrusted requests may
   * reach although they are private; NULL or "": none. Ports other than 80 and 443 are allowed only
   * for these. */
  const char *allow_addresses;
};
/* NULL without memory or when allow_addresses cannot be read; *problem (may be NULL) then tells
 * why, static. Borrows nothing. */
struct http *http_new(struct loop *loop, const struct http_options *options, const char **problem);
void http_free(struct http *http); /* cancels what runs */

struct http_header {
  const char *name;
  const char *value;
};

struct http_request {
  const char *method; /* "GET", "POST", ... */
  const char *url;
  const struct http_header *headers;
  size_t n_headers;
  const void *body; /* NULL: none */
  size_t body_len;
  int64_t timeout_ms; /* of the whole exchange, redirects included */
  size_t body_max;    /* bytes of the reply's body after decompression */
  /* The URL came from content: http and https only, resolved addresses checked at connect time on
   * every hop (loopback, private, link-local, CGNAT, multicast, reserved, and the mapped forms are
   * refused), odd ports refused, connections not shared with trusted requests, no proxy from the
   * environment. */
  bool untrusted;
};

enum http_failure {
  HTTP_OK, /* a complete reply, of whatever status */
  HTTP_BAD_URL,
  HTTP_REFUSED, /* the guard refused the address or the port */
  HTTP_RESOLVE, /* the name has no address */
  HTTP_CONNECT,
  HTTP_TLS,
  HTTP_TIMEOUT,
  HTTP_TOO_LARGE, /* body or headers past the limit */
  HTTP_TOO_MANY_REDIRECTS,
  HTTP_CUT_OFF, /* the connection ended before the reply did */
  HTTP_NO_MEMORY,
  HTTP_OTHER
};
const char *http_failure_name(enum http_failure failure); /* "timeout" */

struct http_reply {
  enum http_failure failure;
  const char *error; /* a sentence when failure is not HTTP_OK; no secrets in it */
  bool sent;         /* the request may have reached the service */
  int status;        /* 0: none arrived */
  const char *body;  /* NUL-terminated past body_len; never NULL */
  size_t body_len;
  const char *content_type;  /* "" when there was none */
  const char *etag;          /* byte for byte; NULL when there was none */
  const char *last_modified; /* byte for byte; NULL when there was none */
  int64_t retry_after_ms;    /* 0: none */
  int64_t max_age_ms;        /* Cache-Control max-age; -1: none */
  const char *final_url;     /* after redirects */
  const char
      *permanent_url; /* where an unbroken chain of 301/308 from the first hop led; or NULL */
  int64_t total_ms;
};

struct http_call;
/* Called exactly once, unless the call was cancelled; the reply is borrowed until it returns. */
typedef void http_done_fn(void *owner, const struct http_reply *reply);

/* Starts a request; everything in `request` is copied. NULL without memory (done is not called
 * then). Never calls `done` before it returns. */
struct http_call *http_start(struct http *http, const struct http_request *request,
                             http_done_fn *done, void *owner);
/* Ends a call whose `done` has not been called; it never will be. */
void http_cancel(struct http_call *call);

#endif
