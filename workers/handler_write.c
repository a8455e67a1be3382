/* write: a blog post and its social posts from the whole report of a topic, and a publish job for
 * each target. */
#include "clock.h"
#include "handler_list.h"
#include "payload.h"
#include "step.h"

#include <stdlib.h>
#include <string.h>

struct writing {
  struct step step;
  json_t *payload;
  struct galley_topic *topic;
  char language[9];
};

static void judged(struct step *step) {
  task_finish(step->task);
}

static void compose(struct task *task, struct writing *writing) {
  struct step *step = &writing->step;
  step->task = task;
  step->done = judged;
  step->provider = provider_find(STAGE_WRITE, task->env->config->write_provider);
  step->input.stage = STAGE_WRITE;
  step->input.u.write = (struct write_input){
      .topic = writing->topic, .language = writing->language, .now_ms = clock_wall_ms()};
  step_start(step);
}

/* Every target that the payload names must be configured, before anything is written. */
static bool check_targets(struct task *task, const json_t *payload) {
  const json_t *targets = json_object_get(payload, "targets");
  size_t i;
  const json_t *name;
  if (!targets || json_is_null(targets))
    return true;
  json_array_foreach(targets, i, name) {
    if (json_is_string(name) && config_target(task->env->config, json_string_value(name)))
      continue;
    verdict_set(&task->verdict, GALLEY_DEAD, 0, "data",
                "payload.targets: there is no [target.%s] in the configuration",
                json_is_string(name) ? json_string_value(name) : "?");
    task_finish(task);
    return false;
  }
  return true;
}

static bool read_input(struct task *task, struct writing *writing) {
  int64_t topic_id;
  if (!payload_id(task, writing->payload, "topic_id", &topic_id) ||
      !check_targets(task, writing->payload))
    return false;
  enum galley_rc rc = galley_topic_get(task->env->reader, topic_id, &writing->topic);
  if (rc != GALLEY_OK) {
    task_fail(task, rc, task->env->reader);
    return false;
  }
  if (writing->topic->research_report)
    return payload_language(task, writing->payload, writing->topic->language, writing->language);
  verdict_set(&task->verdict, GALLEY_DEAD, 0, "data",
              "topic %lld has no research report: enqueue a research job for it first",
              (long long)topic_id);
  task_finish(task);
  return false;
}

static void start(struct task *task) {
  struct writing *writing = task_new_state(task, sizeof *writing);
  if (!writing)
    return;
  writing->payload = payload_object(task);
  if (writing->payload && read_input(task, writing))
    compose(task, writing);
}

static void stop(struct task *task) {
  struct writing *writing = task->state;
  if (writing)
    step_stop(&writing->step);
}

/* Adds the job's id to `next`. */
static enum galley_rc enqueue_publish(struct galley *q, const struct task *task, int64_t post_id,
                                      const char *target, json_t *next) {
  char key[GALLEY_KEY_MAX];
  int64_t id;
  json_t *payload = json_pack("{s:I, s:s}", "post_id", (json_int_t)post_id, "target", target);
  char *text = payload ? json_dumps(payload, JSON_COMPACT) : NULL;
  json_decref(payload);
  if (!text)
    return GALLEY_NO_MEMORY;
  snprintf(key, sizeof key, "publish:%lld:%s", (long long)post_id, target);
  struct galley_spec spec = GALLEY_SPEC_INIT;
  spec.kind = "publish";
  spec.payload = text;
  spec.unique_key = key;
  spec.priority = task->job->priority;
  spec.parent_id = task->job->id;
  enum galley_rc rc = galley_enqueue(q, &spec, &id, NULL);
  if (rc == GALLEY_OK && json_array_append_new(next, json_integer(id)) != 0)
    rc = GALLEY_NO_MEMORY;
  free(text);
  return rc;
}

/* The targets of the payload, or all that are configured. */
static enum galley_rc enqueue_targets(struct galley *q, const struct task *task,
                                      const struct writing *writing, int64_t post_id,
                                      json_t *next) {
  const struct config *config = task->env->config;
  const json_t *targets = json_object_get(writing->payload, "targets");
  enum galley_rc rc = GALLEY_OK;
  if (json_is_array(targets)) {
    for (size_t i = 0; rc == GALLEY_OK && i < json_array_size(targets); i++)
      rc = enqueue_publish(q, task, post_id, json_string_value(json_array_get(targets, i)), next);
    return rc;
  }
  for (size_t i = 0; rc == GALLEY_OK && i < config->n_targets; i++)
    rc = enqueue_publish(q, task, post_id, config->targets[i].name, next);
  return rc;
}

static enum galley_rc save_posts(struct galley *q, const struct writing *writing,
                                 int64_t *post_id) {
  const struct write_output *out = &writing->step.output.u.write;
  int64_t ignored;
  struct galley_post post = out->post;
  post.research_topic_id = writing->topic->id;
  enum galley_rc rc = galley_post_save(q, &post, post_id);
  for (size_t i = 0; rc == GALLEY_OK && i < out->n_socials; i++) {
    struct galley_social social = out->socials[i];
    social.blog_post_id = *post_id;
    rc = galley_social_save(q, &social, &ignored);
  }
  return rc;
}

static enum galley_rc save(struct galley *q, void *arg, const char **result) {
  struct task *task = arg;
  struct writing *writing = task->state;
  const struct write_output *out = &writing->step.output.u.write;
  int64_t post_id = 0;
  json_t *next = json_array();
  enum galley_rc rc = next ? save_posts(q, writing, &post_id) : GALLEY_NO_MEMORY;
  if (rc == GALLEY_OK)
    rc = enqueue_targets(q, task, writing, post_id, next);
  if (rc != GALLEY_OK) {
    json_decref(next);
    return rc;
  }
  json_t *json = json_pack("{s:I, s:s, s:I, s:I, s:o}", "post_id", (json_int_t)post_id, "title",
                           out->post.title, "words", (json_int_t)out->post.word_count,
                           "social_posts", (json_int_t)out->n_socials, "next", next);
  rc = task_set_result(task, json);
  *result = task->result;
  return rc;
}

static void release(struct task *task) {
  struct writing *writing = task->state;
  if (!writing)
    return;
  step_fini(&writing->step);
  galley_free(writing->topic);
  json_decref(writing->payload);
  free(writing);
}

const struct handler handler_write = {.kind = "write",
                                      .about = "make a blog post and social posts from a report",
                                      .start = start,
                                      .stop = stop,
                                      .save = save,
                                      .free = release};
