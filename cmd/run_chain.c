#include "run_chain.h"

#include <jansson.h>
#include <string.h>

struct chain {
  galley_row_fn *fn;
  void *arg;
  int64_t workflows[RUN_CHAIN_WORKFLOWS_MAX];
  size_t n_workflows;
  int64_t next[RUN_CHAIN_NEXT_MAX]; /* of the workflow that is read now */
  size_t n_next;
};

static void add_workflow(struct chain *chain, int64_t id) {
  for (size_t i = 0; i < chain->n_workflows; i++)
    if (chain->workflows[i] == id)
      return;
  if (chain->n_workflows < RUN_CHAIN_WORKFLOWS_MAX)
    chain->workflows[chain->n_workflows++] = id;
}

static void remember_next(struct chain *chain, const char *result) {
  json_t *json = json_loads(result, JSON_DECODE_ANY, NULL);
  const json_t *ids = json_object_get(json, "next");
  for (size_t i = 0; i < json_array_size(ids) && chain->n_next < RUN_CHAIN_NEXT_MAX; i++)
    chain->next[chain->n_next++] = json_integer_value(json_array_get(ids, i));
  json_decref(json);
}

static bool take(void *arg, const void *row) {
  struct chain *chain = arg;
  const struct galley_job *job = row;
  if (strcmp(job->state, "done") == 0 && job->result != NULL)
    remember_next(chain, job->result);
  return chain->fn(chain->arg, row);
}

/* The workflows of the next jobs that were found. */
static enum galley_rc follow_next(struct session *session, struct chain *chain) {
  for (size_t i = 0; i < chain->n_next; i++) {
    struct galley_job *job;
    enum galley_rc rc = galley_job_get(session->q, chain->next[i], &job);
    if (rc == GALLEY_NONE)
      continue;
    if (rc != GALLEY_OK)
      return rc;
    add_workflow(chain, job->workflow_id != 0 ? job->workflow_id : job->id);
    galley_free(job);
  }
  chain->n_next = 0;
  return GALLEY_OK;
}

enum galley_rc run_chain_each(struct session *session, int64_t workflow_id, galley_row_fn *fn,
                              void *arg) {
  struct chain chain = {.fn = fn, .arg = arg};
  enum galley_rc rc = GALLEY_OK;
  add_workflow(&chain, workflow_id);
  for (size_t i = 0; rc == GALLEY_OK && i < chain.n_workflows; i++) {
    rc = galley_jobs_of_workflow(session->q, chain.workflows[i], take, &chain);
    if (rc == GALLEY_OK)
      rc = follow_next(session, &chain);
  }
  return rc;
}
