#include "subject.h"

#include "galley.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LEASE_MS 60000
#define CALM_NS  3000000

struct handle {
  struct galley *q;
  int64_t worker_id;
  int watch;
  int64_t echo_ms, rang_ns[2]; /* when to look again; the last two changes */
  size_t n;
  struct galley_job *jobs[SUBJECT_BATCH_MAX];
  struct galley_settlement settlements[SUBJECT_BATCH_MAX];
};

static void must(const struct handle *h, enum galley_rc rc) {
  if (rc == GALLEY_OK)
    return;
  fprintf(stderr, "bench: %s: %s\n", galley_rc_name(rc), galley_errmsg(h->q));
  exit(1);
}

static const char *const kinds[] = {SUBJECT_KIND};

static void *subject_open(const char *path, enum subject_role role, bool full) {
  struct handle *h = calloc(1, sizeof *h);
  struct galley_options options = {.flags = role == SUBJECT_READER ? GALLEY_OPEN_READONLY
                                                                   : GALLEY_OPEN_CREATE};
  if (!h)
    exit(1);
  if (full)
    options.flags |= GALLEY_OPEN_FULL;
  must(h, galley_open(&h->q, path, &options));
  if (role == SUBJECT_WORKER) {
    must(h, galley_worker_join(h->q, "[\"" SUBJECT_KIND "\"]", SUBJECT_BATCH_MAX, &h->worker_id));
    must(h, galley_watch(h->q, &h->watch));
  }
  return h;
}

static int64_t mono_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void drop(struct handle *h) {
  for (size_t i = 0; i < h->n; i++)
    galley_free(h->jobs[i]);
  h->n = 0;
}

static void subject_close(void *handle) {
  struct handle *h = handle;
  drop(h);
  if (h->worker_id)
    must(h, galley_worker_leave(h->q, h->worker_id));
  galley_close(h->q);
  free(h);
}

static void enqueue(void *handle, const char *payload, size_t n) {
  struct handle *h = handle;
  struct galley_spec specs[SUBJECT_BATCH_MAX];
  int64_t id;
  for (size_t i = 0; i < n; i++)
    specs[i] = (struct galley_spec){.kind = SUBJECT_KIND, .payload = payload, .priority = -1};
  must(h, n == 1 ? galley_enqueue(h->q, specs, &id, NULL)
                 : galley_enqueue_many(h->q, specs, n, NULL, NULL));
}

static size_t turn(void *handle, size_t max, size_t *settled) {
  struct handle *h = handle;
  for (size_t i = 0; i < h->n; i++)
    h->settlements[i] = (struct galley_settlement){
        .job_id = h->jobs[i]->id, .fence = h->jobs[i]->fence, .outcome = GALLEY_DONE};
  struct galley_turn one = {.worker_id = h->worker_id,
                            .settlements = h->settlements,
                            .n_settlements = h->n,
                            .kinds = kinds,
                            .n_kinds = 1,
                            .max_jobs = max,
                            .lease_ms = LEASE_MS};
  drop(h);
  one.jobs = h->jobs;
  must(h, galley_turn(h->q, &one));
  for (size_t i = 0; i < one.n_settlements; i++)
    must(h, h->settlements[i].rc);
  if (settled)
    *settled = one.n_settlements;
  h->n = one.n_jobs;
  return h->n;
}

static const char *payload(void *handle, size_t i) {
  return ((struct handle *)handle)->jobs[i]->payload;
}

static bool job_get(void *handle, int64_t id) {
  struct handle *h = handle;
  struct galley_job *job = NULL;
  enum galley_rc rc = galley_job_get(h->q, id, &job);
  if (rc != GALLEY_NONE)
    must(h, rc);
  galley_free(job);
  return rc == GALLEY_OK;
}

static int64_t topic_save(void *handle, const char *title, const char *report) {
  struct handle *h = handle;
  const struct galley_topic topic = {
      .title = title, .language = "en", .research_report = report, .priority = 5};
  int64_t id = 0;
  must(h, galley_topic_save(h->q, &topic, &id));
  return id;
}

static bool topic_get(void *handle, int64_t id) {
  struct handle *h = handle;
  struct galley_topic *topic = NULL;
  enum galley_rc rc = galley_topic_get(h->q, id, &topic);
  if (rc != GALLEY_NONE)
    must(h, rc);
  galley_free(topic);
  return rc == GALLEY_OK;
}

/* As a worker of galley sleeps (workers/wake.c): what its own transactions have rung is forgotten
 * before a last look. */
static void wait_for_jobs(void *handle, int ms) {
  struct handle *h = handle;
  struct galley_outlook outlook;
  const struct timespec calm = {.tv_nsec = CALM_NS};
  struct pollfd fd = {.fd = h->watch, .events = POLLIN};
  int64_t echo_ms = galley_watch_clear(h->q);
  must(h, galley_look(h->q, h->worker_id, kinds, 1, &outlook));
  if (outlook.ready || poll(&fd, 1, echo_ms > 0 && echo_ms < ms ? (int)echo_ms : ms) <= 0)
    return;
  if (mono_ns() - h->rang_ns[0] < CALM_NS)
    nanosleep(&calm, NULL);
  h->rang_ns[0] = h->rang_ns[1];
  h->rang_ns[1] = mono_ns();
}

const struct subject subject_galley = {
    .name = "galley",
    .open = subject_open,
    .close = subject_close,
    .enqueue = enqueue,
    .turn = turn,
    .payload = payload,
    .job_get = job_get,
    .topic_save = topic_save,
    .topic_get = topic_get,
    .wait = wait_for_jobs,
};
