#include "provider_list.h"

#include "feed_schedule.h"
#include "url.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ACCEPT                                                                                     \
  "application/atom+xml, application/rss+xml, application/feed+json;q=0.9, "                       \
  "application/rdf+xml;q=0.9, application/xml;q=0.8, text/xml;q=0.8, */*;q=0.5"
#define MOVES_MIN           3 /* sightings in a row of a permanent redirect before the address changes */
#define TINY_MAX            256 /* bytes of a body that is rather a hiccup than another document */
#define STATUS_NOT_MODIFIED 304
#define STATUS_GONE         410

/* ---- building ---- */

/* A stored validator with a line end in it would become a header of its own. */
static bool is_header_value(const char *text) {
  return text && *text && !strpbrk(text, "\r\n");
}

/* Adds a copy; false without memory. */
static bool add_header(struct request_draft *draft, const char *name, const char *value) {
  size_t n = draft->request.n_headers;
  char *copy = strdup(value);
  if (!copy)
    return false;
  draft->owned[n + 1] = copy; /* the URL is the first */
  draft->headers[n] = (struct http_header){.name = name, .value = copy};
  draft->request.n_headers++;
  return true;
}

static bool fill_request(const struct collect_input *input, struct request_draft *draft) {
  const struct galley_feed *feed = input->feed;
  *draft = (struct request_draft){.request = {.method = "GET",
                                              .timeout_ms = input->timeout_ms,
                                              .body_max = input->body_max,
                                              .untrusted = true}};
  draft->owned[0] = strdup(feed->url);
  draft->request.url = draft->owned[0];
  draft->request.headers = draft->headers;
  return draft->owned[0] && add_header(draft, "Accept", ACCEPT) &&
         (!is_header_value(feed->etag) || add_header(draft, "If-None-Match", feed->etag)) &&
         (!is_header_value(feed->last_modified) ||
          add_header(draft, "If-Modified-Since", feed->last_modified));
}

static bool is_gone(const struct galley_feed *feed) {
  return feed->status && strcmp(feed->status, "gone") == 0;
}

static bool build(const struct stage_input *input, struct request_draft *draft,
                  struct verdict *verdict) {
  const struct galley_feed *feed = input->u.collect.feed;
  *draft = (struct request_draft){0};
  *verdict = VERDICT_DONE;
  char *host = feed->url ? url_host(feed->url) : NULL;
  free(host);
  if (!host) {
    verdict_set(verdict, GALLEY_DEAD, -1, "url", "the feed's address is no URL: %s",
                feed->url ? feed->url : "");
    return false;
  }
  if (is_gone(feed)) {
    verdict_set(verdict, GALLEY_DEAD, -1, "gone",
                "the feed is gone for good; add it again if it is back: %s", feed->url);
    return false;
  }
  if (fill_request(&input->u.collect, draft))
    return true;
  request_draft_fini(draft);
  verdict_set(verdict, GALLEY_RETRY, -1, "memory", "there was not enough memory for the request");
  return false;
}

/* ---- the feed's next state ---- */

/* Sets a text of the output; false without memory, and then the old one stays. */
static bool set_text(const char **member, const char *value) {
  char *copy = value ? strdup(value) : NULL;
  if (value && !copy)
    return false;
  free((char *)(uintptr_t)*member);
  *member = copy;
  return true;
}

/* Copies the row with texts of its own; false without memory. */
static bool copy_feed(const struct galley_feed *feed, struct galley_feed *copy) {
  const struct galley_record *record = &galley_feed_record;
  bool good = true;
  *copy = *feed;
  for (size_t i = 0; i < record->n_fields; i++) {
    if (record->fields[i].type != GALLEY_TEXT && record->fields[i].type != GALLEY_JSON)
      continue;
    const char **member = (const char **)(void *)((char *)copy + record->fields[i].offset);
    const char *borrowed = *member;
    *member = borrowed && good ? strdup(borrowed) : NULL;
    good = good && (*member || !borrowed);
  }
  return good;
}

/* Counts sightings of the same permanent redirect, and at the last one follows it for good. */
static bool note_move(struct galley_feed *feed, const char *target) {
  char *host = target ? url_host(target) : NULL;
  bool moved = host && strcmp(target, feed->url) != 0;
  free(host);
  if (!moved) {
    feed->moved_count = 0;
    return set_text(&feed->moved_to, NULL);
  }
  bool same = feed->moved_to && strcmp(feed->moved_to, target) == 0;
  feed->moved_count = same ? feed->moved_count + 1 : 1;
  if (feed->moved_count < MOVES_MIN)
    return set_text(&feed->moved_to, target);
  feed->moved_count = 0;
  return set_text(&feed->url, target) && set_text(&feed->moved_to, NULL);
}

static void plan(const struct collect_input *input, const struct http_reply *reply,
                 struct collect_output *output) {
  struct galley_feed *feed = &output->feed;
  struct feed_schedule schedule = {.now_ms = input->now_ms,
                                   .random = input->random,
                                   .conditional = feed->etag || feed->last_modified,
                                   /* An answer without a body does not repeat what the feed asks
                                    * for, so that the pace of the last body stays. */
                                   .interval_ms = output->unchanged ? feed->interval_ms : 0,
                                   .ttl_ms = output->content.ttl_ms,
                                   .max_age_ms = reply->max_age_ms,
                                   .skip_hours = output->content.skip_hours,
                                   .skip_days = output->content.skip_days};
  feed->interval_ms = feed_schedule_interval(&schedule);
  feed->next_fetch_at_ms = feed_schedule_next(&schedule, feed->interval_ms);
}

/* What every good answer changes; false without memory. */
static bool note_success(const struct collect_input *input, const struct http_reply *reply,
                         struct collect_output *output) {
  struct galley_feed *feed = &output->feed;
  if (!output->unchanged &&
      !(set_text(&feed->etag, reply->etag) && set_text(&feed->last_modified, reply->last_modified)))
    return false;
  if (!feed->title && !set_text(&feed->title, output->content.title))
    return false;
  if (!feed->status && !set_text(&feed->status, "active"))
    return false;
  if (!set_text(&feed->error, NULL) || !note_move(feed, reply->permanent_url))
    return false;
  feed->failures = 0;
  feed->fetched_at_ms = input->now_ms;
  plan(input, reply, output);
  return true;
}

/* Validators, address and title stay as they are. */
static bool note_failure(const struct collect_input *input, const struct http_reply *reply,
                         const struct verdict *verdict, struct galley_feed *feed) {
  bool gone = reply->failure == HTTP_OK && reply->status == STATUS_GONE;
  feed->failures++;
  struct feed_setback setback = {.now_ms = input->now_ms,
                                 .random = input->random,
                                 .failures = feed->failures,
                                 .missing = verdict->outcome == GALLEY_DEAD,
                                 .retry_after_ms = reply->retry_after_ms};
  feed->next_fetch_at_ms = gone ? 0 : feed_schedule_setback(&setback);
  return set_text(&feed->error, verdict->error) && (!gone || set_text(&feed->status, "gone"));
}

/* ---- judging ---- */

/* What a body that is no feed means for the attempt. */
static const struct {
  enum galley_outcome outcome;
  const char *error_class;
} unreadable[] = {
    [FEED_PARSED] = {GALLEY_DONE, NULL},         [FEED_EMPTY] = {GALLEY_RETRY, "data"},
    [FEED_IS_HTML] = {GALLEY_DEAD, "data"},      [FEED_NOT_A_FEED] = {GALLEY_DEAD, "data"},
    [FEED_DANGEROUS] = {GALLEY_DEAD, "data"},    [FEED_CUT_OFF] = {GALLEY_RETRY, "data"},
    [FEED_NO_MEMORY] = {GALLEY_RETRY, "memory"},
};

static void judge_body(const struct galley_feed *feed, const struct http_reply *reply,
                       struct feed_content *content, struct verdict *verdict) {
  struct feed_source source = {.bytes = reply->body,
                               .len = reply->body_len,
                               .content_type = reply->content_type,
                               .url = reply->final_url ? reply->final_url : feed->url,
                               .language = feed->language};
  enum feed_result result = feed_parse(&source, content);
  if (result == FEED_PARSED)
    return;
  bool hiccup = result == FEED_NOT_A_FEED && reply->body_len <= TINY_MAX;
  verdict_set(verdict, hiccup ? GALLEY_RETRY : unreadable[result].outcome, -1,
              unreadable[result].error_class, "%s (status %d, %zu bytes)", feed_result_text(result),
              reply->status, reply->body_len);
}

/* Refines what the common rules say about this reply. */
static void judge_reply(const struct galley_feed *feed, const struct http_reply *reply,
                        struct collect_output *output, struct verdict *verdict) {
  verdict_of_reply(verdict, reply);
  if (reply->failure == HTTP_OK && reply->status == STATUS_GONE) {
    verdict_set(verdict, GALLEY_DEAD, -1, "gone",
                "the feed is gone for good (status 410); it is not fetched again");
  } else if (verdict->outcome == GALLEY_DONE && reply->status == STATUS_NOT_MODIFIED) {
    output->unchanged = feed->etag || feed->last_modified;
    if (!output->unchanged)
      verdict_set(verdict, GALLEY_RETRY, -1, "http",
                  "status 304 to a request that did not ask whether anything changed");
  } else if (verdict->outcome == GALLEY_DONE) {
    judge_body(feed, reply, &output->content, verdict);
  }
}

static void judge(const struct stage_input *input, const struct http_reply *reply,
                  struct stage_output *stage_output, struct verdict *verdict) {
  const struct collect_input *collect = &input->u.collect;
  struct collect_output *output = &stage_output->u.collect;
  stage_output->stage = STAGE_COLLECT;
  *verdict = VERDICT_DONE;
  bool good = copy_feed(collect->feed, &output->feed);
  if (good) {
    judge_reply(collect->feed, reply, output, verdict);
    good = verdict->outcome == GALLEY_DONE ? note_success(collect, reply, output)
                                           : note_failure(collect, reply, verdict, &output->feed);
  }
  if (good)
    return;
  /* Half a state must not be saved: without a URL there is none. */
  stage_output_fini(stage_output);
  verdict_set(verdict, GALLEY_RETRY, -1, "memory", "there was not enough memory for the feed");
}

const struct provider provider_feed = {
    .name = "feed",
    .stage = STAGE_COLLECT,
    .about = "fetches RSS, Atom and JSON Feed, conditionally",
    .build = build,
    .judge = judge,
};
