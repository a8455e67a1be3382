/*
 * http_pool.h - one curl multi handle on the loop: its sockets, its timer, its connections. Two
 * pools share nothing: no connection, no TLS session, no resolved name.
 */
#ifndef HTTP_POOL_H
#define HTTP_POOL_H

#include "loop.h"

#include <curl/curl.h>

/* A transfer has ended and is out of the pool already. Called from the loop, never from inside curl
 * and never from http_pool_add; may add and remove transfers. */
typedef void http_pool_ended_fn(CURL *easy, CURLcode code);

struct http_pool {
  struct loop *loop;
  http_pool_ended_fn *ended;
  CURLM *multi;
  struct loop_timer timer;
  struct loop_io **sockets; /* by descriptor; NULL: not watched */
  size_t n_sockets;
  bool failed; /* a callback had no memory since curl was last called */
};

/* Keeps at most `idle_max` connections for later. False without memory; then fini is not needed. */
bool http_pool_init(struct http_pool *pool, struct loop *loop, long idle_max,
                    http_pool_ended_fn *ended);
void http_pool_fini(struct http_pool *pool); /* after all transfers were removed */
bool http_pool_add(struct http_pool *pool, CURL *easy);
void http_pool_remove(struct http_pool *pool, CURL *easy);

#endif
