/* research: a cited report about a topic. Before any work the topic is reserved, so that a fresh
 * report is used again for nothing and two workers never research the same thing at once. */
#include "clock.h"
#include "digest.h"
#include "handler_list.h"
#include "payload.h"
#include "point.h"
#include "step.h"

#include <stdlib.h>
#include <string.h>

#define RESEARCH_BUSY_MS 2000 /* until we look again whether the other attempt is through */

struct research {
  struct step step;
  json_t *payload;            /* borrowed strings of the key live here */
  struct galley_topic *topic; /* when the payload names a topic by id */
  char language[9];
  struct galley_research_key key;
  int64_t topic_id;
  bool hit;
  struct galley_hit **hits; /* n_hits, each released with galley_free */
  size_t n_hits, max_hits;
};

static void judged(struct step *step) {
  task_finish(step->task);
}

static const char *place(char **cursor, const char *text) {
  if (!text)
    return NULL;
  size_t size = strlen(text) + 1;
  char *copy = memcpy(*cursor, text, size);
  *cursor += size;
  return copy;
}

/* A hit outlives the list's callback: one allocation with the texts that research reads. */
static struct galley_hit *hit_copy(const struct galley_hit *hit) {
  const struct galley_document *d = &hit->document;
  const char *texts[] = {d->source_url, d->canonical_url, d->title, d->content,
                         d->summary,    d->language,      d->domain};
  size_t size = sizeof *hit;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    size += texts[i] ? strlen(texts[i]) + 1 : 0;
  struct galley_hit *copy = calloc(1, size);
  if (!copy)
    return NULL;
  char *cursor = (char *)(copy + 1);
  copy->rank = hit->rank;
  copy->document = (struct galley_document){.id = d->id,
                                            .published_at_ms = d->published_at_ms,
                                            .fetched_at_ms = d->fetched_at_ms,
                                            .reliability_score = d->reliability_score,
                                            .paywall = d->paywall,
                                            .feed_id = d->feed_id,
                                            .source_url = place(&cursor, d->source_url),
                                            .canonical_url = place(&cursor, d->canonical_url),
                                            .title = place(&cursor, d->title),
                                            .content = place(&cursor, d->content),
                                            .summary = place(&cursor, d->summary),
                                            .language = place(&cursor, d->language),
                                            .domain = place(&cursor, d->domain)};
  return copy;
}

static bool keep_hit(void *arg, const void *row) {
  struct research *research = arg;
  struct galley_hit *copy = hit_copy(row);
  if (!copy)
    return false;
  research->hits[research->n_hits++] = copy;
  return research->n_hits < research->max_hits;
}

static enum galley_rc find_documents(struct task *task, struct research *research) {
  const struct config *config = task->env->config;
  research->max_hits = (size_t)config->research_documents;
  research->hits = calloc(research->max_hits, sizeof *research->hits);
  if (!research->hits)
    return GALLEY_NO_MEMORY;
  const struct galley_search search = {.query = research->key.topic,
                                       .language = research->language,
                                       .limit = (int64_t)research->max_hits};
  return galley_documents_search(task->env->reader, &search, keep_hit, research);
}

static void compute(struct task *task, struct research *research) {
  const struct config *config = task->env->config;
  enum galley_rc rc = find_documents(task, research);
  if (rc != GALLEY_OK) {
    task_fail(task, rc, task->env->reader);
    return;
  }
  struct step *step = &research->step;
  step->task = task;
  step->done = judged;
  step->provider = provider_find(STAGE_RESEARCH, config->research_provider);
  step->input.stage = STAGE_RESEARCH;
  step->input.u.research =
      (struct research_input){.topic = research->key.topic,
                              .language = research->language,
                              .depth = research->key.depth,
                              .target_words = config->research_words,
                              .now_ms = clock_wall_ms(),
                              .hits = (const struct galley_hit *const *)research->hits,
                              .n_hits = research->n_hits};
  step_start(step);
}

static void reserve(struct task *task, struct research *research) {
  enum galley_reserved reserved;
  enum galley_rc rc = galley_topic_reserve(task->env->writer, &research->key,
                                           task->env->config->research_max_age_ms, task->job->id,
                                           task->job->fence, &research->topic_id, &reserved);
  if (rc != GALLEY_OK) {
    task_fail(task, rc, task->env->writer);
    return;
  }
  POINT(research, reserved);
  switch (reserved) {
  case GALLEY_RESERVED_HIT:
    research->hit = true;
    task->verdict = VERDICT_DONE;
    task_finish(task);
    break;
  case GALLEY_RESERVED_BUSY:
    verdict_set(&task->verdict, GALLEY_SNOOZE, RESEARCH_BUSY_MS, "busy",
                "another job researches topic %lld now", (long long)research->topic_id);
    task_finish(task);
    break;
  case GALLEY_RESERVED_MINE:
    compute(task, research);
    break;
  }
}

/* The topic's text: `topic`, or the title of the topic that `topic_id` names. */
static bool read_topic(struct task *task, struct research *research) {
  int64_t id;
  if (!json_object_get(research->payload, "topic_id"))
    return payload_text(task, research->payload, "topic", NULL, &research->key.topic);
  if (!payload_id(task, research->payload, "topic_id", &id))
    return false;
  enum galley_rc rc = galley_topic_get(task->env->reader, id, &research->topic);
  if (rc != GALLEY_OK) {
    task_fail(task, rc, task->env->reader);
    return false;
  }
  research->key.topic = research->topic->title;
  return true;
}

static bool read_key(struct task *task, struct research *research) {
  struct galley_research_key *key = &research->key;
  const json_t *payload = research->payload;
  if (!read_topic(task, research))
    return false;
  const char *language = research->topic ? research->topic->language : "en";
  const char *market = research->topic && research->topic->market ? research->topic->market : "";
  if (!payload_language(task, payload, language, research->language) ||
      !payload_text(task, payload, "market", market, &key->market) ||
      !payload_text(task, payload, "depth", "standard", &key->depth))
    return false;
  const struct provider *provider =
      provider_find(STAGE_RESEARCH, task->env->config->research_provider);
  key->language = research->language;
  key->provider = provider->name;
  key->model = "";
  key->prompt_version = provider->version ? provider->version : "";
  if (strcmp(key->depth, "short") == 0 || strcmp(key->depth, "standard") == 0 ||
      strcmp(key->depth, "deep") == 0)
    return true;
  verdict_set(&task->verdict, GALLEY_DEAD, 0, "data",
              "payload.depth is \"%s\", and must be short, standard or deep", key->depth);
  task_finish(task);
  return false;
}

static void start(struct task *task) {
  struct research *research = task_new_state(task, sizeof *research);
  if (!research)
    return;
  research->payload = payload_object(task);
  if (research->payload && read_key(task, research))
    reserve(task, research);
}

static void stop(struct task *task) {
  struct research *research = task->state;
  if (research)
    step_stop(&research->step);
}

/* The write job that follows: same language, and the targets that were asked for. A live one that
 * was asked for the same is that job. */
static enum galley_rc enqueue_write(struct galley *q, const struct task *task,
                                    const struct research *research, int64_t *id) {
  char key[96], digest[DIGEST_SIZE];
  json_t *payload =
      json_pack("{s:I, s:s, s:O*}", "topic_id", (json_int_t)research->topic_id, "language",
                research->language, "targets", json_object_get(research->payload, "targets"));
  char *text = payload ? json_dumps(payload, JSON_COMPACT) : NULL;
  json_decref(payload);
  const char *parts[] = {text};
  if (!text || !digest_strings(parts, 1, digest)) {
    free(text);
    return GALLEY_NO_MEMORY;
  }
  snprintf(key, sizeof key, "write:%s", digest);
  struct galley_spec spec = GALLEY_SPEC_INIT;
  spec.kind = "write";
  spec.payload = text;
  spec.unique_key = key;
  spec.priority = task->job->priority;
  spec.parent_id = task->job->id;
  enum galley_rc rc = galley_enqueue(q, &spec, id, NULL);
  free(text);
  return rc;
}

static enum galley_rc save(struct galley *q, void *arg, const char **result) {
  struct task *task = arg;
  struct research *research = task->state;
  const struct research_output *out = &research->step.output.u.research;
  enum galley_rc rc = GALLEY_OK;
  int64_t next = 0;
  if (!research->hit) {
    const struct galley_report report = {
        .markdown = out->markdown, .citations = out->citations, .word_count = out->word_count};
    rc = galley_topic_report(q, research->topic_id, &report);
  }
  if (rc == GALLEY_OK)
    rc = enqueue_write(q, task, research, &next);
  if (rc != GALLEY_OK)
    return rc;
  json_t *json = json_pack("{s:I, s:s, s:[I]}", "topic_id", (json_int_t)research->topic_id, "cache",
                           research->hit ? "hit" : "miss", "next", (json_int_t)next);
  if (json && !research->hit)
    json_object_update_new(json, json_pack("{s:I, s:I}", "words", (json_int_t)out->word_count,
                                           "sources", (json_int_t)out->n_sources));
  rc = task_set_result(task, json);
  *result = task->result;
  return rc;
}

static void release(struct task *task) {
  struct research *research = task->state;
  if (!research)
    return;
  step_fini(&research->step);
  for (size_t i = 0; i < research->n_hits; i++)
    free(research->hits[i]);
  free(research->hits);
  galley_free(research->topic);
  json_decref(research->payload);
  free(research);
}

const struct handler handler_research = {.kind = "research",
                                         .about = "write a cited report about a topic",
                                         .start = start,
                                         .stop = stop,
                                         .save = save,
                                         .free = release};
