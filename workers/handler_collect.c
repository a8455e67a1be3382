/* collect: fetches one feed and keeps its new items as documents. The feed's own state (validators,
 * next fetch, failures) is saved with them, also when the fetch failed. */
#include "clock.h"
#include "digest.h"
#include "handler_list.h"
#include "payload.h"
#include "point.h"
#include "step.h"
#include "url.h"

#include <stdlib.h>
#include <string.h>

struct collect {
  struct step step;
  struct galley_feed *feed;
};

static void judged(struct step *step) {
  struct task *task = step->task;
  POINT(collect, fetched);
  /* A provider that got as far as a verdict has written the feed's next state. */
  task->save_on_failure = step->output.u.collect.feed.id != 0;
  task_finish(task);
}

static void fetch(struct task *task, struct collect *collect) {
  const struct config *config = task->env->config;
  struct step *step = &collect->step;
  step->task = task;
  step->done = judged;
  step->provider = provider_find(STAGE_COLLECT, config->collect_provider);
  step->input.stage = STAGE_COLLECT;
  step->input.u.collect = (struct collect_input){.feed = collect->feed,
                                                 .now_ms = clock_wall_ms(),
                                                 .random = (uint64_t)random(),
                                                 .body_max = (size_t)config->collect_body_max,
                                                 .timeout_ms = config->collect_timeout_ms};
  step_start(step);
}

static void start(struct task *task) {
  int64_t feed_id;
  json_t *payload = payload_object(task);
  if (!payload)
    return;
  bool ok = payload_id(task, payload, "feed_id", &feed_id);
  json_decref(payload);
  if (!ok)
    return;
  struct collect *collect = task_new_state(task, sizeof *collect);
  if (!collect)
    return;
  enum galley_rc rc = galley_feed_get(task->env->reader, feed_id, &collect->feed);
  if (rc != GALLEY_OK)
    task_fail(task, rc, task->env->reader);
  else
    fetch(task, collect);
}

static void stop(struct task *task) {
  struct collect *collect = task->state;
  if (collect)
    step_stop(&collect->step);
}

/* Item to document; `hash` and `host` are the caller's. */
static struct galley_document document_of(const struct galley_feed *feed,
                                          const struct feed_item *item, const char *hash,
                                          const char *host) {
  return (struct galley_document){.source = "feed",
                                  .source_url = item->url,
                                  .title = item->title,
                                  .content = item->content,
                                  .summary = item->summary,
                                  .language = item->language ? item->language : "und",
                                  .domain = host,
                                  .market = feed->market,
                                  .content_hash = hash,
                                  .canonical_url = item->canonical_url,
                                  .published_at_ms = item->published_at_ms,
                                  .author = item->author,
                                  .keywords = item->keywords,
                                  .reliability_score = 0.5,
                                  .status = "new",
                                  .feed_id = feed->id,
                                  .guid = item->guid};
}

static enum galley_rc save_item(struct galley *q, const struct galley_feed *feed,
                                const struct feed_item *item, bool *added) {
  char hash[DIGEST_SIZE];
  int64_t id;
  const char *parts[] = {item->title, item->content};
  if (!digest_strings(parts, 2, hash))
    return GALLEY_NO_MEMORY;
  char *host = item->url ? url_host(item->url) : NULL;
  struct galley_document document = document_of(feed, item, hash, host);
  enum galley_rc rc = galley_document_save(q, &document, &id, added);
  free(host);
  return rc;
}

static enum galley_rc save(struct galley *q, void *arg, const char **result) {
  struct task *task = arg;
  struct collect *collect = task->state;
  const struct collect_output *out = &collect->step.output.u.collect;
  size_t n_added = 0;
  enum galley_rc rc = GALLEY_OK;
  for (size_t i = 0; rc == GALLEY_OK && i < out->content.n_items; i++) {
    bool added = false;
    rc = save_item(q, &out->feed, &out->content.items[i], &added);
    n_added += added;
  }
  if (rc == GALLEY_OK)
    rc = galley_feed_update(q, &out->feed);
  if (rc != GALLEY_OK)
    return rc;
  json_t *json =
      json_pack("{s:I, s:b, s:I, s:I, s:I, s:I, s:b}", "feed_id", (json_int_t)out->feed.id,
                "unchanged", out->unchanged, "items", (json_int_t)out->content.n_items, "added",
                (json_int_t)n_added, "broken", (json_int_t)out->content.n_broken, "dropped",
                (json_int_t)out->content.n_dropped, "damaged", out->content.damaged);
  rc = task_set_result(task, json);
  *result = task->result;
  return rc;
}

static void release(struct task *task) {
  struct collect *collect = task->state;
  if (!collect)
    return;
  step_fini(&collect->step);
  galley_free(collect->feed);
  free(collect);
}

const struct handler handler_collect = {.kind = "collect",
                                        .about = "fetch a feed and keep its new items",
                                        .start = start,
                                        .stop = stop,
                                        .save = save,
                                        .free = release};
