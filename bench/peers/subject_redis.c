#include "subject_peer.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST     "jobs"
#define OWN_SIZE 32

struct handle {
  redisContext *redis;
  bool held; /* `wait` has taken a job, which the next turn hands out */
  size_t n;
  redisReply *replies[SUBJECT_BATCH_MAX]; /* what holds the payloads */
  const char *payloads[SUBJECT_BATCH_MAX];
  char own[OWN_SIZE]; /* the list of the jobs in this worker's hands */
};

static _Noreturn void fail(const struct handle *h, const char *what) {
  fprintf(stderr, "bench: redis: %s: %s\n", what,
          h->redis && h->redis->err ? h->redis->errstr : "not what was expected");
  exit(1);
}

static void *subject_open(const char *path, enum subject_role role, bool full) {
  struct handle *h = calloc(1, sizeof *h);
  (void)role;
  (void)full;
  if (!h)
    exit(1);
  h->redis = redisConnectUnix(path);
  if (!h->redis || h->redis->err)
    fail(h, "connecting");
  snprintf(h->own, sizeof h->own, LIST ":%ld", (long)getpid());
  return h;
}

static void drop(struct handle *h) {
  for (size_t i = 0; i < SUBJECT_BATCH_MAX && h->replies[i]; i++) {
    freeReplyObject(h->replies[i]);
    h->replies[i] = NULL;
  }
  h->n = 0;
}

static void subject_close(void *handle) {
  struct handle *h = handle;
  drop(h);
  redisFree(h->redis);
  free(h);
}

static redisReply *reply(struct handle *h) {
  void *got = NULL;
  if (redisGetReply(h->redis, &got) != REDIS_OK || !got)
    fail(h, "answering");
  if (((redisReply *)got)->type == REDIS_REPLY_ERROR)
    fail(h, ((redisReply *)got)->str);
  return got;
}

static void enqueue(void *handle, const char *payload, size_t n) {
  struct handle *h = handle;
  const char *words[SUBJECT_BATCH_MAX + 2] = {"LPUSH", LIST};
  for (size_t i = 0; i < n; i++)
    words[i + 2] = payload;
  if (redisAppendCommandArgv(h->redis, (int)n + 2, words, NULL) != REDIS_OK)
    fail(h, "LPUSH");
  freeReplyObject(reply(h));
}

static const char *payload(void *handle, size_t i) {
  return ((struct handle *)handle)->payloads[i];
}

static size_t hand_out(struct handle *h, size_t *settled) {
  h->held = false;
  *settled = 0;
  return h->n;
}

/* ---- moved to the worker's own list, which is deleted when all of it is done ---- */

/* Keeps a reply that is the payload of a job, or drops an empty one. */
static void keep(struct handle *h, redisReply *got) {
  if (got->type != REDIS_REPLY_STRING) {
    freeReplyObject(got);
    return;
  }
  h->replies[h->n] = got;
  h->payloads[h->n++] = got->str;
}

static size_t turn(void *handle, size_t max, size_t *settled) {
  struct handle *h = handle;
  if (h->held)
    return hand_out(h, settled);
  *settled = h->n;
  bool settling = h->n > 0;
  drop(h);
  if (settling)
    redisAppendCommand(h->redis, "DEL %s", h->own);
  for (size_t i = 0; i < max; i++)
    redisAppendCommand(h->redis, "LMOVE " LIST " %s RIGHT LEFT", h->own);
  if (settling)
    freeReplyObject(reply(h));
  for (size_t i = 0; i < max; i++)
    keep(h, reply(h));
  return h->n;
}

static void wait_for_jobs(void *handle, int ms) {
  struct handle *h = handle;
  redisAppendCommand(h->redis, "BLMOVE " LIST " %s RIGHT LEFT %d", h->own, (ms + 999) / 1000);
  keep(h, reply(h));
  h->held = h->n > 0;
}

const struct subject subject_redis = {
    .name = "redis",
    .open = subject_open,
    .close = subject_close,
    .enqueue = enqueue,
    .turn = turn,
    .payload = payload,
    .wait = wait_for_jobs,
};

/* ---- taken off: nothing is left to settle ---- */

/* Keeps an array of payloads, from its element `first`. */
static void keep_array(struct handle *h, redisReply *got, size_t first) {
  if (got->type != REDIS_REPLY_ARRAY) {
    freeReplyObject(got);
    return;
  }
  h->replies[0] = got;
  for (size_t i = first; i < got->elements; i++)
    h->payloads[h->n++] = got->element[i]->str;
}

static size_t turn_pop(void *handle, size_t max, size_t *settled) {
  struct handle *h = handle;
  if (h->held)
    return hand_out(h, settled);
  *settled = h->n;
  drop(h);
  redisAppendCommand(h->redis, "RPOP " LIST " %d", (int)max);
  keep_array(h, reply(h), 0);
  return h->n;
}

static void wait_pop(void *handle, int ms) {
  struct handle *h = handle;
  redisAppendCommand(h->redis, "BRPOP " LIST " %d", (ms + 999) / 1000);
  keep_array(h, reply(h), 1); /* the first is the list's name */
  h->held = h->n > 0;
}

const struct subject subject_redis_pop = {
    .name = "redis-pop",
    .open = subject_open,
    .close = subject_close,
    .enqueue = enqueue,
    .turn = turn_pop,
    .payload = payload,
    .wait = wait_pop,
};
