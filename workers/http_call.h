/*
 * http_call.h - one request in flight, as the files of the HTTP client share it. A call goes
 * through one hop after the other in its pool; when it has ended its timer delivers the reply, so
 * that `done` runs from the loop and from nowhere else.
 */
#ifndef HTTP_CALL_H
#define HTTP_CALL_H

#include "address.h"
#include "http_failure.h"
#include "http_guard.h"
#include "http_head.h"
#include "http_hop.h"
#include "http_pool.h"

#define HTTP_METHOD_MAX          15 /* bytes */
#define HTTP_REQUEST_HEADERS_MAX 64 /* lines */

struct http {
  struct loop *loop;
  struct http_pool trusted, guarded; /* apart, so that content cannot use a provider's connection */
  struct address_list allow;
  char *user_agent;
  int64_t connect_timeout_ms;
  struct http_call *calls; /* all whose `done` was not called */
};

struct http_call {
  struct http_call *next, **link; /* link is NULL outside the client's list */
  struct http *http;
  http_done_fn *done;
  void *owner;
  struct loop_timer timer; /* the deadline; after the end, the delivery */

  /* the request */
  char method[HTTP_METHOD_MAX + 1];
  char *url;
  struct curl_slist *headers; /* as handed in */
  char *upload;               /* the request's body; NULL: none */
  size_t upload_len;
  size_t body_max;

  /* the present hop */
  struct http_pool *pool;
  CURL *easy;
  bool running; /* easy is in the pool */
  struct http_hop hop;
  struct curl_slist *hop_headers;
  struct http_guard guard;
  struct http_head head;
  char *body; /* NULL, or body_size bytes with room for a NUL */
  size_t body_len, body_size;
  enum http_failure stopped; /* why a callback of ours ended the transfer */
  bool enough;               /* a redirect's body was cut short by us */
  char curl_error[CURL_ERROR_SIZE];

  /* over all hops */
  unsigned redirects;
  bool foreign;        /* a redirect has left the first origin */
  bool permanent;      /* all redirects so far were */
  char *permanent_url; /* NULL: none */
  bool sent;
  int64_t started_mono_ms;

  /* the end */
  bool ended;
  enum http_failure failure;
  int64_t retry_after_ms;
  char error[HTTP_FAILURE_TEXT_MAX];
};

#endif
