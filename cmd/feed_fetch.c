#include "feed_fetch.h"
#include "output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct job {
  int64_t feed_id;
  int64_t id;
  bool existing;
};

struct fetch {
  struct session *session;
  bool all;
  int64_t now_ms;
  struct job *jobs;
  size_t n, n_space;
  bool failed; /* out of memory */
};

static bool add_job(struct fetch *fetch, int64_t feed_id) {
  if (fetch->n == fetch->n_space) {
    size_t space = fetch->n_space == 0 ? 64 : fetch->n_space * 2;
    struct job *jobs = realloc(fetch->jobs, space * sizeof *jobs);
    if (jobs == NULL) {
      fetch->failed = true;
      return false;
    }
    fetch->jobs = jobs;
    fetch->n_space = space;
  }
  fetch->jobs[fetch->n++] = (struct job){.feed_id = feed_id};
  return true;
}

static bool choose_feed(void *arg, const void *row) {
  struct fetch *fetch = arg;
  const struct galley_feed *feed = row;
  bool due = fetch->all || feed->next_fetch_at_ms <= fetch->now_ms;
  if (strcmp(feed->status, "active") != 0 || !due)
    return true;
  return add_job(fetch, feed->id);
}

static enum galley_rc choose(struct fetch *fetch, size_t n, char **ids) {
  if (n == 0) {
    enum galley_rc rc = galley_feeds(fetch->session->q, choose_feed, fetch);
    return rc == GALLEY_NONE ? GALLEY_OK : rc;
  }
  for (size_t i = 0; i < n; i++) {
    int64_t id = 0;
    if (!session_id(fetch->session, ids[i], &id) || !add_job(fetch, id))
      break;
  }
  return GALLEY_OK;
}

static enum galley_rc enqueue_all(struct fetch *fetch) {
  struct galley *q = fetch->session->q;
  enum galley_rc rc = galley_begin(q);
  for (size_t i = 0; rc == GALLEY_OK && i < fetch->n; i++) {
    struct job *job = &fetch->jobs[i];
    char key[40], payload[40];
    snprintf(key, sizeof key, "collect:%" PRId64, job->feed_id);
    snprintf(payload, sizeof payload, "{\"feed_id\":%" PRId64 "}", job->feed_id);
    struct galley_spec spec = GALLEY_SPEC_INIT;
    spec.kind = "collect";
    spec.payload = payload;
    spec.unique_key = key;
    rc = galley_enqueue(q, &spec, &job->id, &job->existing);
  }
  return rc == GALLEY_OK ? galley_commit(q) : rc;
}

static void print_job(const struct session *session, const struct job *job) {
  if (!session->json) {
    printf("%" PRId64 "\n", job->id);
    return;
  }
  struct output_json json = {.file = stdout};
  output_json_open(&json, NULL, '{');
  output_json_int(&json, "id", job->id);
  output_json_int(&json, "feed_id", job->feed_id);
  output_json_bool(&json, "existing", job->existing);
  output_json_end(&json);
}

int feed_fetch(struct session *session, bool all, size_t n, char **ids) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct fetch fetch = {
      .session = session, .all = all, .now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
  int status = 0;
  enum galley_rc rc = choose(&fetch, n, ids);
  if (rc == GALLEY_OK && fetch.failed)
    status = session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  if (rc == GALLEY_OK && status == 0 && fetch.n > 0)
    rc = enqueue_all(&fetch);
  if (rc != GALLEY_OK) {
    status = session_fail_open(session, rc);
    galley_rollback(session->q);
  }
  for (size_t i = 0; status == 0 && i < fetch.n; i++)
    print_job(session, &fetch.jobs[i]);
  if (status == 0 && fetch.n == 0)
    session_note(session, "no feed is due");
  free(fetch.jobs);
  return status;
}
