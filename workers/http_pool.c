#include "http_pool.h"

#include <stdlib.h>
#include <string.h>

#define SOCKETS_STEP 64

/* Lets curl act on what happened, and hands out what has ended by it. Nothing may be touched
 * through a socket or timer afterwards: curl may have dropped it. */
static void drive(struct http_pool *pool, curl_socket_t fd, int events) {
  int n;
  (void)curl_multi_socket_action(pool->multi, fd, events, &n);
  if (pool->failed)
    (void)curl_multi_perform(pool->multi, &n); /* ends them all: nothing would wake them */
  pool->failed = false;
  CURLMsg *message;
  while ((message = curl_multi_info_read(pool->multi, &n)) != NULL) {
    CURL *easy = message->easy_handle;
    CURLcode code = message->data.result;
    curl_multi_remove_handle(pool->multi, easy);
    pool->ended(easy, code);
  }
}

static void socket_ready(struct loop_io *io, unsigned events) {
  int mask =
      (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
  drive(io->owner, io->fd, mask);
}

static void timer_fired(struct loop_timer *timer) {
  drive(timer->owner, CURL_SOCKET_TIMEOUT, 0);
}

static bool sockets_reach(struct http_pool *pool, size_t fd) {
  if (fd < pool->n_sockets)
    return true;
  size_t n = (fd / SOCKETS_STEP + 1) * SOCKETS_STEP;
  struct loop_io **sockets = realloc(pool->sockets, n * sizeof(struct loop_io *));
  if (!sockets)
    return false;
  memset(sockets + pool->n_sockets, 0, (n - pool->n_sockets) * sizeof(struct loop_io *));
  pool->sockets = sockets;
  pool->n_sockets = n;
  return true;
}

static void socket_forget(struct http_pool *pool, size_t fd) {
  if (fd >= pool->n_sockets || !pool->sockets[fd])
    return;
  loop_io_stop(pool->sockets[fd]);
  free(pool->sockets[fd]);
  pool->sockets[fd] = NULL;
}

/* What a callback of curl returns: -1 fails every transfer of the pool with
 * CURLE_ABORTED_BY_CALLBACK as soon as it is driven again. */
static int answer(struct http_pool *pool, bool ok) {
  pool->failed = pool->failed || !ok;
  return ok ? 0 : -1;
}

static bool socket_watch(struct http_pool *pool, curl_socket_t fd, unsigned events) {
  size_t at = (size_t)fd;
  if (!sockets_reach(pool, at))
    return false;
  if (!pool->sockets[at])
    pool->sockets[at] = calloc(1, sizeof(struct loop_io));
  struct loop_io *io = pool->sockets[at];
  if (!io)
    return false;
  io->ready = socket_ready;
  io->owner = pool;
  return loop_io_start(pool->loop, io, fd, events);
}

/* CURLMOPT_SOCKETFUNCTION */
static int socket_changed(CURL *easy, curl_socket_t fd, int what, void *owner, void *unused) {
  (void)easy;
  (void)unused;
  struct http_pool *pool = owner;
  if (what == CURL_POLL_REMOVE) {
    socket_forget(pool, (size_t)fd);
    return 0;
  }
  unsigned events = (what & CURL_POLL_IN ? (unsigned)LOOP_READ : 0) |
                    (what & CURL_POLL_OUT ? (unsigned)LOOP_WRITE : 0);
  return answer(pool, socket_watch(pool, fd, events));
}

/* CURLMOPT_TIMERFUNCTION */
static int timer_changed(CURLM *multi, long delay_ms, void *owner) {
  (void)multi;
  struct http_pool *pool = owner;
  if (delay_ms < 0) {
    loop_timer_stop(&pool->timer);
    return 0;
  }
  return answer(pool, loop_timer_start(pool->loop, &pool->timer, delay_ms));
}

bool http_pool_init(struct http_pool *pool, struct loop *loop, long idle_max,
                    http_pool_ended_fn *ended) {
  *pool = (struct http_pool){.loop = loop, .ended = ended};
  pool->timer = (struct loop_timer){.fire = timer_fired, .owner = pool};
  pool->multi = curl_multi_init();
  if (!pool->multi)
    return false;
  curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, socket_changed);
  curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
  curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, timer_changed);
  curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
  curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, idle_max);
  return true;
}

void http_pool_fini(struct http_pool *pool) {
  curl_multi_cleanup(pool->multi); /* may still speak of sockets and timers */
  loop_timer_stop(&pool->timer);
  for (size_t fd = 0; fd < pool->n_sockets; fd++)
    socket_forget(pool, fd);
  free(pool->sockets);
}

bool http_pool_add(struct http_pool *pool, CURL *easy) {
  bool added = curl_multi_add_handle(pool->multi, easy) == CURLM_OK;
  if (added && pool->failed)
    curl_multi_remove_handle(pool->multi, easy);
  added = added && !pool->failed;
  pool->failed = false;
  return added;
}

void http_pool_remove(struct http_pool *pool, CURL *easy) {
  curl_multi_remove_handle(pool->multi, easy);
}
