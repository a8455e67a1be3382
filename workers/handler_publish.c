/* publish: sends one post to one target, once. Before it does, a step with its intent stands in the
 * ledger; the attempt that follows a crash finds it there and looks whether the post is out. A
 * folder's file is written whole, so that it is there or it is not. */
#include "clock.h"
#include "digest.h"
#include "file_match.h"
#include "file_write.h"
#include "handler_list.h"
#include "payload.h"
#include "point.h"
#include "step.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct publishing {
  struct step step;
  struct galley_post *post;
  const struct publish_target *target; /* of the configuration */
  char hash[DIGEST_SIZE];              /* of what is sent */
  char key[DIGEST_SIZE];
  char *name, *intent; /* of the step; owned */
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

/* ---- the step in the ledger ---- */

/* Where a post goes or went, as intent and result of its step say: the path of a folder's file is
 * its remote id. */
struct place {
  const char *path, *hash, *url;
};

static void read_place(const json_t *json, struct place *place) {
  *place = (struct place){.path = json_string_value(json_object_get(json, "remote_id")),
                          .hash = json_string_value(json_object_get(json, "hash")),
                          .url = json_string_value(json_object_get(json, "url"))};
}

static char *write_place(const struct place *place) {
  json_t *json = json_pack("{s:s*, s:s, s:s*}", "remote_id", place->path, "hash", place->hash,
                           "url", place->url);
  char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
  json_decref(json);
  return text;
}

static bool same(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Whether the provider sends the post itself, with a request, and cannot be asked afterwards. */
static bool sends(const struct publishing *publishing) {
  return publishing->step.provider->build != NULL;
}

static void no_memory(struct task *task) {
  verdict_set(&task->verdict, GALLEY_RETRY, -1, "memory", "no memory to publish");
  task_finish(task);
}

/* The key is that of the content, so that a service that knows it makes no second post, whichever
 * job asks. */
static void begin_step(struct task *task, struct publishing *publishing) {
  const struct publish_output *out = &publishing->step.output.u.publish;
  const struct place place = {
      .path = out->file_path, .hash = publishing->hash, .url = out->remote_url};
  char id[24];
  snprintf(id, sizeof id, "%lld", (long long)publishing->post->id);
  const char *parts[] = {id, publishing->target->name, publishing->hash};
  publishing->intent = write_place(&place);
  if (!publishing->intent || !digest_strings(parts, 3, publishing->key) ||
      asprintf(&publishing->name, "publish:%s", publishing->target->name) < 0) {
    no_memory(task);
    return;
  }
  task->begin.name = publishing->name;
  task->begin.idempotency_key = publishing->key;
  task->begin.intent = publishing->intent;
  task_begin_step(task);
}

/* Whether it is known that the service made nothing of it: no request reached it, or it refused. */
static bool came_to_nothing(const struct step *step) {
  const struct verdict *verdict = &step->task->verdict;
  return verdict->outcome != GALLEY_DONE &&
         (!step->sent || (verdict->http_status >= 400 && verdict->http_status <= 499));
}

static void judged(struct step *step) {
  struct task *task = step->task;
  struct publishing *publishing = task->state;
  const char *body[] = {step->output.u.publish.file_body};
  if (sends(publishing))
    task->save_on_failure = came_to_nothing(step);
  if (sends(publishing) || task->verdict.outcome != GALLEY_DONE)
    task_finish(task);
  else if (digest_strings(body, 1, publishing->hash))
    begin_step(task, publishing);
  else
    no_memory(task);
}

static void send_post(struct task *task, struct publishing *publishing) {
  if (sends(publishing)) {
    step_start(&publishing->step);
    return;
  }
  write_file(task, publishing);
  POINT(publish, written);
  task_finish(task);
}

/* It was sent by an earlier attempt, and nothing is left to do but to save that. */
static void adopt(struct task *task, struct publishing *publishing, const struct place *place) {
  struct publish_output *out = &publishing->step.output.u.publish;
  const char *old[] = {sends(publishing) ? NULL : place->path, place->path, place->url};
  char **slots[] = {&out->file_path, &out->remote_id, &out->remote_url};
  for (size_t i = 0; i < sizeof slots / sizeof slots[0]; i++) {
    free(*slots[i]);
    *slots[i] = old[i] ? strdup(old[i]) : NULL;
    if (old[i] && !*slots[i]) {
      no_memory(task);
      return;
    }
  }
  snprintf(publishing->hash, sizeof publishing->hash, "%s", place->hash ? place->hash : "");
  task->verdict = VERDICT_DONE;
  task_finish(task);
}

/* An earlier attempt began it and died. A folder can be asked: the same bytes under the same name
 * are not written again, and when the name has changed since, the file may stand at the old one. */
static void ask(struct task *task, struct publishing *publishing) {
  const struct publish_output *out = &publishing->step.output.u.publish;
  json_t *intent = json_loads(task->begin.step->intent, 0, NULL);
  struct place old;
  read_place(intent, &old);
  bool moved = old.path && !same(old.path, out->file_path);
  if (old.path && !moved && same(old.hash, publishing->hash)) {
    send_post(task, publishing);
  } else if (moved && old.hash && file_match(old.path, old.hash)) {
    adopt(task, publishing, &old);
  } else {
    task->begin.anew = true;
    task_begin_step(task);
  }
  json_decref(intent);
}

/* Told by a step that is done, although its job did not end: by whatever hand. */
static void take_done(struct task *task, struct publishing *publishing) {
  struct place place;
  json_t *result = json_loads(task->begin.step->result ? task->begin.step->result : "{}", 0, NULL);
  read_place(result, &place);
  adopt(task, publishing, &place);
  json_decref(result);
}

static void unknown(struct task *task, const struct publishing *publishing) {
  char deed[256];
  snprintf(deed, sizeof deed, "publish post %lld to %s", (long long)publishing->post->id,
           publishing->target->name);
  verdict_of_unknown(&task->verdict, deed, task->job->id);
  task_finish(task);
}

static void begun(struct task *task) {
  struct publishing *publishing = task->state;
  POINT(publish, begun);
  if (task->begin.begun == GALLEY_STEP_NEW)
    send_post(task, publishing);
  else if (task->begin.begun == GALLEY_STEP_DONE)
    take_done(task, publishing);
  else if (sends(publishing))
    unknown(task, publishing);
  else
    ask(task, publishing);
}

/* A folder's file is made before its step is begun, since the step names it. */
static void prepare(struct task *task, struct publishing *publishing) {
  struct step *step = &publishing->step;
  const char *texts[] = {publishing->post->title, publishing->post->content};
  step->task = task;
  step->done = judged;
  step->provider = provider_find(STAGE_PUBLISH, publishing->target->type);
  step->input.stage = STAGE_PUBLISH;
  step->output.stage = STAGE_PUBLISH; /* it may be filled without a request */
  step->input.u.publish = (struct publish_input){
      .post = publishing->post, .target = publishing->target, .now_ms = clock_wall_ms()};
  if (!sends(publishing))
    step_start(step);
  else if (digest_strings(texts, 2, publishing->hash))
    begin_step(task, publishing);
  else
    no_memory(task);
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
    prepare(task, publishing);
  json_decref(payload);
}

static void stop(struct task *task) {
  struct publishing *publishing = task->state;
  if (publishing)
    step_stop(&publishing->step);
}

static enum galley_rc end_step(struct galley *q, const struct task *task,
                               const struct publishing *publishing) {
  const struct publish_output *out = &publishing->step.output.u.publish;
  const struct place place = {
      .path = out->remote_id, .hash = publishing->hash, .url = out->remote_url};
  char *text = write_place(&place);
  if (!text)
    return GALLEY_NO_MEMORY;
  enum galley_rc rc = galley_step_done(q, task->job->id, task->job->fence, publishing->name, text);
  free(text);
  return rc;
}

static enum galley_rc save(struct galley *q, void *arg, const char **result) {
  struct task *task = arg;
  struct publishing *publishing = task->state;
  const struct publish_output *out = &publishing->step.output.u.publish;
  int64_t id;
  if (task->verdict.outcome != GALLEY_DONE) /* the next attempt may send it */
    return galley_step_forget(q, task->job->id, task->job->fence, publishing->name);
  const struct galley_publication publication = {.blog_post_id = publishing->post->id,
                                                 .target = publishing->target->name,
                                                 .remote_id = out->remote_id,
                                                 .remote_url = out->remote_url,
                                                 .content_hash = publishing->hash,
                                                 .job_id = task->job->id};
  enum galley_rc rc = galley_publication_save(q, &publication, &id);
  if (rc == GALLEY_OK)
    rc = end_step(q, task, publishing);
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
  free(publishing->name);
  free(publishing->intent);
  free(publishing);
}

const struct handler handler_publish = {.kind = "publish",
                                        .about = "send a post to a target, once",
                                        .start = start,
                                        .stop = stop,
                                        .begun = begun,
                                        .save = save,
                                        .free = release};
