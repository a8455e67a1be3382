/* publish: sends one post to one target, once. A folder's file is written whole under a name that
 * depends on the post alone, so that an attempt that follows a crash writes the same file again. */
#include "clock.h"
#include "digest.h"
#include "file_write.h"
#include "handler_list.h"
#include "payload.h"
#include "point.h"
#include "step.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct publishing {
  struct step step;
  struct galley_post *post;
  const struct publish_target *target; /* of the configuration */
  char hash[DIGEST_SIZE];
};

/* Makes the default folder. What fails here, file_write meets again and says better. */
static void make_folder(const char *path) {
  char part[PATH_MAX];
  size_t len = strlen(path);
  if (len >= sizeof part)
    return;
  memcpy(part, path, len + 1);
  for (size_t i = 1; i <= len; i++) {
    if (part[i] != '/' && part[i] != '\0')
      continue;
    char kept = part[i];
    part[i] = '\0';
    (void)mkdir(part, 0755);
    part[i] = kept;
  }
}

/* A full disk or a folder that is away may heal; a folder that was never there does not. */
static void write_file(struct task *task, struct publishing *publishing) {
  const struct publish_output *out = &publishing->step.output.u.publish;
  const struct file_write file = {.root = publishing->target->path,
                                  .path = out->file_path,
                                  .bytes = out->file_body,
                                  .len = out->file_len};
  char error[VERDICT_TEXT_MAX];
  if (publishing->target->make)
    make_folder(publishing->target->path);
  enum galley_rc rc = file_write(&file, error, sizeof error);
  if (rc == GALLEY_OK)
    return;
  bool heals = galley_rc_class(rc) == GALLEY_CLASS_RETRY;
  verdict_set(&task->verdict, heals ? GALLEY_RETRY : GALLEY_DEAD, -1, "file", "%s", error);
}

static void judged(struct step *step) {
  struct task *task = step->task;
  struct publishing *publishing = task->state;
  const struct publish_output *out = &step->output.u.publish;
  const char *body[] = {out->file_body};
  if (task->verdict.outcome == GALLEY_DONE && !digest_strings(body, 1, publishing->hash))
    verdict_set(&task->verdict, GALLEY_RETRY, -1, "memory", "no memory to publish");
  if (task->verdict.outcome == GALLEY_DONE && out->file_path)
    write_file(task, publishing);
  POINT(publish, written);
  task_finish(task);
}

static void send_post(struct task *task, struct publishing *publishing) {
  struct step *step = &publishing->step;
  step->task = task;
  step->done = judged;
  step->provider = provider_find(STAGE_PUBLISH, publishing->target->type);
  step->input.stage = STAGE_PUBLISH;
  step->input.u.publish = (struct publish_input){
      .post = publishing->post, .target = publishing->target, .now_ms = clock_wall_ms()};
  step_start(step);
}

static bool read_input(struct task *task, struct publishing *publishing, const json_t *payload) {
  int64_t post_id;
  const char *name;
  if (!payload_id(task, payload, "post_id", &post_id) ||
      !payload_text(task, payload, "target", NULL, &name))
    return false;
  publishing->target = config_target(task->env->config, name);
  if (!publishing->target) {
    verdict_set(&task->verdict, GALLEY_DEAD, 0, "data",
                "payload.target: there is no [target.%s] in the configuration; add it, then "
                "galley retry %lld",
                name, (long long)task->job->id);
    task_finish(task);
    return false;
  }
  enum galley_rc rc = galley_post_get(task->env->reader, post_id, &publishing->post);
  if (rc == GALLEY_OK)
    return true;
  task_fail(task, rc, task->env->reader);
  return false;
}

static void start(struct task *task) {
  struct publishing *publishing = task_new_state(task, sizeof *publishing);
  if (!publishing)
    return;
  json_t *payload = payload_object(task);
  if (payload && read_input(task, publishing, payload))
    send_post(task, publishing);
  json_decref(payload);
}

static void stop(struct task *task) {
  struct publishing *publishing = task->state;
  if (publishing)
    step_stop(&publishing->step);
}

static enum galley_rc save(struct galley *q, void *arg, const char **result) {
  struct task *task = arg;
  struct publishing *publishing = task->state;
  const struct publish_output *out = &publishing->step.output.u.publish;
  int64_t id;
  const struct galley_publication publication = {.blog_post_id = publishing->post->id,
                                                 .target = publishing->target->name,
                                                 .remote_id = out->remote_id,
                                                 .remote_url = out->remote_url,
                                                 .content_hash = publishing->hash,
                                                 .job_id = task->job->id};
  enum galley_rc rc = galley_publication_save(q, &publication, &id);
  if (rc != GALLEY_OK)
    return rc;
  json_t *json =
      json_pack("{s:I, s:s, s:s?, s:s?}", "post_id", (json_int_t)publishing->post->id, "target",
                publishing->target->name, "path", out->file_path, "url", out->remote_url);
  rc = task_set_result(task, json);
  *result = task->result;
  return rc;
}

static void release(struct task *task) {
  struct publishing *publishing = task->state;
  if (!publishing)
    return;
  step_fini(&publishing->step);
  galley_free(publishing->post);
  free(publishing);
}

const struct handler handler_publish = {.kind = "publish",
                                        .about = "send a post to a target, once",
                                        .start = start,
                                        .stop = stop,
                                        .save = save,
                                        .free = release};
