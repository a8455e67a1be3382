#include "run_result.h"
#include "output.h"
#include "run_chain.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define POSTS_MAX 64 /* posts of one workflow that are remembered */

struct result {
  struct session *session;
  int64_t workflow_id;
  int64_t posts[POSTS_MAX];  /* that a job made or sent */
  bool published[POSTS_MAX]; /* a publish job told where */
  size_t n_posts;
  size_t n_printed;
  int status;
};

struct publication {
  int64_t post_id;
  const char *target, *path, *url;
};

static void print_publication(struct result *result, const struct publication *publication) {
  result->n_printed++;
  if (result->session->json) {
    struct output_json json = {.file = stdout};
    output_json_open(&json, NULL, '{');
    output_json_int(&json, "workflow_id", result->workflow_id);
    output_json_int(&json, "post_id", publication->post_id);
    output_json_text(&json, "target", publication->target);
    output_json_text(&json, "path", publication->path);
    output_json_text(&json, "url", publication->url);
    output_json_end(&json);
    return;
  }
  fputs("published: ", stdout);
  output_text(stdout, publication->path != NULL  ? publication->path
                      : publication->url != NULL ? publication->url
                                                 : "");
  putchar('\n');
}

static size_t remember_post(struct result *result, int64_t post_id) {
  size_t i = 0;
  while (i < result->n_posts && result->posts[i] != post_id)
    i++;
  if (i == result->n_posts && i < POSTS_MAX)
    result->posts[result->n_posts++] = post_id;
  return i;
}

static void take_done(struct result *result, const struct galley_job *job) {
  json_t *json = job->result != NULL ? json_loads(job->result, 0, NULL) : NULL;
  int64_t post_id = json_integer_value(json_object_get(json, "post_id"));
  const struct publication publication = {.post_id = post_id,
                                          .target =
                                              json_string_value(json_object_get(json, "target")),
                                          .path = json_string_value(json_object_get(json, "path")),
                                          .url = json_string_value(json_object_get(json, "url"))};
  size_t post = post_id > 0 ? remember_post(result, post_id) : POSTS_MAX;
  bool told = publication.path != NULL || publication.url != NULL;
  if (strcmp(job->kind, "publish") == 0 && told) {
    print_publication(result, &publication);
    if (post < POSTS_MAX)
      result->published[post] = true;
  }
  json_decref(json);
}

/* Whether trying later may help: then the service is to blame, and not the data. */
static bool is_of_service(const char *error_class) {
  static const char *const classes[] = {"timeout", "http",   "resolve", "connect", "network",
                                        "tls",     "signal", "rate",    "cut-off", "expired"};
  for (size_t i = 0; error_class != NULL && i < sizeof classes / sizeof *classes; i++)
    if (strcmp(classes[i], error_class) == 0)
      return true;
  return false;
}

static void take_failed(struct result *result, const struct galley_job *job) {
  enum galley_rc rc = is_of_service(job->error_class) ? GALLEY_UNAVAILABLE : GALLEY_INVALID;
  int status = session_fail(result->session, rc,
                            "job %" PRId64 " (%s) is dead: %s. `galley show %" PRId64
                            "` tells more, `galley retry %" PRId64 "` tries it again",
                            job->id, job->kind, job->error != NULL ? job->error : "no reason given",
                            job->id, job->id);
  result->status = result->status == 0 ? status : result->status;
}

static bool take_job(void *arg, const void *row) {
  struct result *result = arg;
  const struct galley_job *job = row;
  if (strcmp(job->state, "done") == 0) {
    take_done(result, job);
  } else if (strcmp(job->state, "dead") == 0) {
    take_failed(result, job);
  } else {
    int status = session_fail(result->session, GALLEY_STATE, "job %" PRId64 " (%s) was %s", job->id,
                              job->kind, job->state);
    result->status = result->status == 0 ? status : result->status;
  }
  return true;
}

static bool take_publication(void *arg, const void *row) {
  const struct galley_publication *stored = row;
  const struct publication publication = {.post_id = stored->blog_post_id,
                                          .target = stored->target,
                                          .path = stored->remote_id,
                                          .url = stored->remote_url};
  print_publication(arg, &publication);
  return true;
}

int run_result(struct session *session, int64_t workflow_id) {
  struct result result = {.session = session, .workflow_id = workflow_id};
  enum galley_rc rc = run_chain_each(session, workflow_id, take_job, &result);
  /* A post whose publish job belongs to another workflow was published all the same. */
  for (size_t i = 0; rc == GALLEY_OK && i < result.n_posts; i++)
    if (!result.published[i])
      rc = galley_publications(session->q, result.posts[i], CONFIG_TARGETS_MAX, take_publication,
                               &result);
  if (rc != GALLEY_OK && rc != GALLEY_NONE)
    return session_fail_open(session, rc);
  if (result.status == 0 && result.n_printed == 0)
    session_note(session, "nothing was published; `galley posts` shows what was written");
  return result.status;
}
