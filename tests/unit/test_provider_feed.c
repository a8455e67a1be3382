#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "provider_list.h"

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)
#define NOW  INT64_C(1704449400000) /* 2024-01-05 10:10 UTC */
#define URL  "https://news.example/feed.xml"
#define RSS                                                                                        \
  "<rss version='2.0'><channel><title>News</title><language>fr</language>"                         \
  "<item><title>One</title><link>1</link></item></channel></rss>"

/* A feed row, the request for it, and the judgement of a reply. */
struct exchange {
  struct galley_feed row;
  struct stage_input input;
  struct request_draft draft;
  struct stage_output output;
  struct verdict verdict;
};

static int set_up(void **state) {
  struct exchange *exchange = calloc(1, sizeof *exchange);
  if (!exchange)
    return -1;
  exchange->row = (struct galley_feed){.id = 7,
                                       .url = URL,
                                       .title = "Chosen title",
                                       .language = "de",
                                       .market = "at",
                                       .etag = "W/\"a b\"",
                                       .last_modified = "Thu, 04 Jan 2024 10:00:00 GMT",
                                       .status = "active",
                                       .error = "an old failure",
                                       .failures = 3,
                                       .interval_ms = 6 * HOUR,
                                       .next_fetch_at_ms = NOW - HOUR,
                                       .fetched_at_ms = NOW - DAY,
                                       .created_at_ms = NOW - 30 * DAY};
  exchange->input.stage = STAGE_COLLECT;
  exchange->input.u.collect = (struct collect_input){
      .feed = &exchange->row, .now_ms = NOW, .body_max = 4096, .timeout_ms = 9000};
  *state = exchange;
  return 0;
}

static int tear_down(void **state) {
  struct exchange *exchange = *state;
  request_draft_fini(&exchange->draft);
  stage_output_fini(&exchange->output);
  free(exchange);
  return 0;
}

static bool build(struct exchange *exchange) {
  request_draft_fini(&exchange->draft);
  return provider_feed.build(&exchange->input, &exchange->draft, &exchange->verdict);
}

static const char *header(const struct exchange *exchange, const char *name) {
  const struct http_request *request = &exchange->draft.request;
  for (size_t i = 0; i < request->n_headers; i++)
    if (strcmp(request->headers[i].name, name) == 0)
      return request->headers[i].value;
  return NULL;
}

static struct http_reply reply_of(int status, const char *body) {
  return (struct http_reply){.status = status,
                             .sent = true,
                             .body = body,
                             .body_len = strlen(body),
                             .content_type = "application/rss+xml",
                             .final_url = URL,
                             .max_age_ms = -1};
}

/* Judges a reply; the output's feed. */
static const struct galley_feed *judge(struct exchange *exchange, const struct http_reply *reply) {
  stage_output_fini(&exchange->output);
  memset(&exchange->output, 0, sizeof exchange->output);
  provider_feed.judge(&exchange->input, reply, &exchange->output, &exchange->verdict);
  return &exchange->output.u.collect.feed;
}

/* What a failure must leave as it was. */
static void assert_state_kept(const struct exchange *exchange) {
  const struct galley_feed *feed = &exchange->output.u.collect.feed;
  assert_int_equal(feed->id, 7);
  assert_string_equal(feed->url, URL);
  assert_string_equal(feed->title, "Chosen title");
  assert_string_equal(feed->etag, "W/\"a b\"");
  assert_string_equal(feed->last_modified, "Thu, 04 Jan 2024 10:00:00 GMT");
  assert_int_equal(feed->fetched_at_ms, NOW - DAY);
  assert_int_equal(feed->interval_ms, 6 * HOUR);
  assert_int_equal(feed->failures, 4);
  assert_string_equal(feed->error, exchange->verdict.error);
  assert_string_not_equal(feed->error, "");
  assert_int_equal(exchange->output.u.collect.content.n_items, 0);
  assert_false(exchange->output.u.collect.unchanged);
}

/* ---- the request ---- */

static void the_request_is_a_guarded_and_limited_get(void **state) {
  struct exchange *exchange = *state;
  assert_true(build(exchange));
  const struct http_request *request = &exchange->draft.request;
  assert_string_equal(request->method, "GET");
  assert_string_equal(request->url, URL);
  assert_true(request->untrusted);
  assert_int_equal(request->body_max, 4096);
  assert_int_equal(request->timeout_ms, 9000);
  assert_null(request->body);
  assert_non_null(strstr(header(exchange, "Accept"), "application/atom+xml"));
}

static void validators_are_returned_byte_for_byte(void **state) {
  struct exchange *exchange = *state;
  assert_true(build(exchange));
  assert_string_equal(header(exchange, "If-None-Match"), "W/\"a b\"");
  assert_string_equal(header(exchange, "If-Modified-Since"), "Thu, 04 Jan 2024 10:00:00 GMT");
  exchange->row.etag = "unquoted";
  exchange->row.last_modified = "some day";
  assert_true(build(exchange));
  assert_string_equal(header(exchange, "If-None-Match"), "unquoted");
  assert_string_equal(header(exchange, "If-Modified-Since"), "some day");
}

static void without_validators_the_request_is_unconditional(void **state) {
  struct exchange *exchange = *state;
  exchange->row.etag = exchange->row.last_modified = NULL;
  assert_true(build(exchange));
  assert_null(header(exchange, "If-None-Match"));
  assert_null(header(exchange, "If-Modified-Since"));
}

static void a_validator_cannot_smuggle_a_header(void **state) {
  struct exchange *exchange = *state;
  exchange->row.etag = "x\r\nHost: evil.example";
  assert_true(build(exchange));
  assert_null(header(exchange, "If-None-Match"));
}

static void a_feed_that_is_gone_is_not_asked_for(void **state) {
  struct exchange *exchange = *state;
  exchange->row.status = "gone";
  assert_false(build(exchange));
  assert_int_equal(exchange->verdict.outcome, GALLEY_DEAD);
  assert_string_equal(exchange->verdict.error_class, "gone");
}

static void an_address_that_is_no_url_is_refused(void **state) {
  struct exchange *exchange = *state;
  exchange->row.url = "news.example/feed";
  assert_false(build(exchange));
  assert_int_equal(exchange->verdict.outcome, GALLEY_DEAD);
  assert_string_equal(exchange->verdict.error_class, "url");
}

/* ---- good answers ---- */

static void a_feed_is_read_and_its_state_renewed(void **state) {
  struct exchange *exchange = *state;
  struct http_reply reply = reply_of(200, RSS);
  reply.etag = "\"new\"";
  const struct galley_feed *feed = judge(exchange, &reply);
  assert_int_equal(exchange->verdict.outcome, GALLEY_DONE);
  assert_null(exchange->verdict.error_class);
  assert_int_equal(exchange->output.u.collect.content.n_items, 1);
  assert_false(exchange->output.u.collect.unchanged);
  assert_string_equal(feed->etag, "\"new\"");
  assert_null(feed->last_modified); /* what the answer does not have is not sent again */
  assert_null(feed->error);
  assert_int_equal(feed->failures, 0);
  assert_int_equal(feed->fetched_at_ms, NOW);
  assert_int_equal(feed->id, 7);
  assert_int_equal(feed->created_at_ms, NOW - 30 * DAY);
  assert_string_equal(feed->url, URL);
  assert_string_equal(feed->title, "Chosen title");
  assert_string_equal(feed->language, "de");
  assert_string_equal(feed->market, "at");
  assert_string_equal(feed->status, "active");
}

static void texts_of_the_output_are_its_own(void **state) {
  struct exchange *exchange = *state;
  struct http_reply reply = reply_of(304, "");
  const struct galley_feed *feed = judge(exchange, &reply);
  assert_ptr_not_equal(feed->url, exchange->row.url);
  assert_ptr_not_equal(feed->etag, exchange->row.etag);
  assert_ptr_not_equal(feed->market, exchange->row.market);
}

static void a_feed_without_a_title_takes_its_own(void **state) {
  struct exchange *exchange = *state;
  exchange->row.title = NULL;
  struct http_reply reply = reply_of(200, RSS);
  assert_string_equal(judge(exchange, &reply)->title, "News");
}

static void items_without_a_language_have_the_rows_then_the_feeds(void **state) {
  struct exchange *exchange = *state;
  struct http_reply reply = reply_of(200, RSS);
  judge(exchange, &reply);
  assert_string_equal(exchange->output.u.collect.content.items[0].language, "de");
  exchange->row.language = NULL;
  assert_null(judge(exchange, &reply)->language);
  assert_string_equal(exchange->output.u.collect.content.items[0].language, "fr");
}

static void links_resolve_against_where_the_feed_was_found(void **state) {
  struct exchange *exchange = *state;
  struct http_reply reply = reply_of(200, RSS);
  reply.final_url = "https://cdn.example/x/feed";
  judge(exchange, &reply);
  assert_string_equal(exchange->output.u.collect.content.items[0].url, "https://cdn.example/x/1");
}

static void not_modified_is_success_and_keeps_the_validators(void **state) {
  struct exchange *exchange = *state;
  struct http_reply reply = reply_of(304, "");
  const struct galley_feed *feed = judge(exchange, &reply);
  assert_int_equal(exchange->verdict.outcome, GALLEY_DONE);
  assert_true(exchange->output.u.collect.unchanged);
  assert_string_equal(feed->etag, "W/\"a b\"");
  assert_string_equal(feed->last_modified, "Thu, 04 Jan 2024 10:00:00 GMT");
  assert_null(feed->error);
  assert_int_equal(feed->failures, 0);
  assert_int_equal(feed->fetched_at_ms, NOW);
  assert_int_equal(feed->interval_ms, 6 * HOUR); /* what the last body asked for */
  assert_int_equal(feed->next_fetch_at_ms, NOW + 6 * HOUR);
}

static void not_modified_without_a_condition_is_no_success(void **state) {
  struct exchange *exchange = *state;
  exchange->row.etag = exchange->row.last_modified = NULL;
  struct http_reply reply = reply_of(304, "");
  const struct galley_feed *feed = judge(exchange, &reply);
  assert_int_equal(exchange->verdict.outcome, GALLEY_RETRY);
  assert_false(exchange->output.u.collect.unchanged);
  assert_int_equal(feed->failures, 4);
}

static void the_next_fetch_follows_what_the_answer_asks_for(void **state) {
  struct exchange *exchange = *state;
  struct http_reply reply = reply_of(200, RSS);
  reply.etag = "\"e\"";
  assert_int_equal(judge(exchange, &reply)->interval_ms, HOUR);
  reply.max_age_ms = 5 * HOUR;
  assert_int_equal(judge(exchange, &reply)->interval_ms, 5 * HOUR);
  assert_int_equal(exchange->output.u.collect.feed.next_fetch_at_ms, NOW + 5 * HOUR);
  reply.etag = NULL;
  assert_int_equal(judge(exchange, &reply)->interval_ms, DAY);
  exchange->input.u.collect.random = (uint64_t)HOUR;
  assert_int_equal(judge(exchange, &reply)->next_fetch_at_ms, NOW + DAY + HOUR);
  reply = reply_of(200, "<rss><channel><ttl>180</ttl><skipHours><hour>13</hour></skipHours>"
                        "</channel></rss>");
  reply.last_modified = "x";
  exchange->input.u.collect.random = 0;
  assert_int_equal(judge(exchange, &reply)->interval_ms, 3 * HOUR);
  assert_int_equal(exchange->output.u.collect.feed.next_fetch_at_ms, NOW + 4 * HOUR);
}

/* ---- redirects ---- */

/* Judges a good answer behind a permanent redirect and makes its state the row's. */
static void see_move(struct exchange *exchange, const char *target, char **texts) {
  struct http_reply reply = reply_of(200, RSS);
  reply.permanent_url = target;
  const struct galley_feed *feed = judge(exchange, &reply);
  free(texts[0]);
  free(texts[1]);
  texts[0] = strdup(feed->url);
  texts[1] = feed->moved_to ? strdup(feed->moved_to) : NULL;
  exchange->row.url = texts[0];
  exchange->row.moved_to = texts[1];
  exchange->row.moved_count = feed->moved_count;
}

static void the_third_sighting_of_a_permanent_redirect_moves_the_feed(void **state) {
  struct exchange *exchange = *state;
  char *texts[2] = {NULL, NULL};
  see_move(exchange, "https://new.example/feed", texts);
  see_move(exchange, "https://new.example/feed", texts);
  assert_string_equal(exchange->row.url, URL);
  assert_int_equal(exchange->row.moved_count, 2);
  assert_string_equal(exchange->row.moved_to, "https://new.example/feed");
  see_move(exchange, "https://new.example/feed", texts);
  assert_string_equal(exchange->row.url, "https://new.example/feed");
  assert_int_equal(exchange->row.moved_count, 0);
  assert_null(exchange->row.moved_to);
  free(texts[0]);
}

static void sightings_count_only_in_a_row_and_of_one_target(void **state) {
  struct exchange *exchange = *state;
  char *texts[2] = {NULL, NULL};
  see_move(exchange, "https://new.example/feed", texts);
  see_move(exchange, "https://new.example/feed", texts);
  see_move(exchange, "https://other.example/feed", texts);
  assert_int_equal(exchange->row.moved_count, 1);
  assert_string_equal(exchange->row.moved_to, "https://other.example/feed");
  see_move(exchange, NULL, texts);
  assert_int_equal(exchange->row.moved_count, 0);
  assert_null(exchange->row.moved_to);
  assert_string_equal(exchange->row.url, URL);
  free(texts[0]);
}

static void a_redirect_to_no_feed_moves_nothing(void **state) {
  struct exchange *exchange = *state;
  exchange->row.moved_count = 2;
  exchange->row.moved_to = "https://home.example/";
  struct http_reply reply = reply_of(200, "<html><body>Welcome</body></html>");
  reply.permanent_url = "https://home.example/";
  assert_string_equal(judge(exchange, &reply)->url, URL);
  assert_int_equal(exchange->output.u.collect.feed.moved_count, 2);
}

/* ---- failures ---- */

static void gone_ends_polling(void **state) {
  struct exchange *exchange = *state;
  struct http_reply reply = reply_of(410, "");
  const struct galley_feed *feed = judge(exchange, &reply);
  assert_int_equal(exchange->verdict.outcome, GALLEY_DEAD);
  assert_string_equal(exchange->verdict.error_class, "gone");
  assert_int_equal(exchange->verdict.http_status, 410);
  assert_state_kept(exchange);
  assert_string_equal(feed->status, "gone");
  assert_int_equal(feed->next_fetch_at_ms, 0);
}

static void not_found_backs_off_for_days(void **state) {
  struct exchange *exchange = *state;
  exchange->row.failures = 0;
  struct http_reply reply = reply_of(404, "<html>no</html>");
  const struct galley_feed *feed = judge(exchange, &reply);
  assert_int_equal(exchange->verdict.outcome, GALLEY_DEAD);
  assert_int_equal(exchange->verdict.http_status, 404);
  assert_string_equal(feed->status, "active");
  assert_int_equal(feed->next_fetch_at_ms, NOW + 2 * DAY);
  exchange->row.failures = 3;
  assert_int_equal(judge(exchange, &reply)->next_fetch_at_ms, NOW + 7 * DAY);
  assert_state_kept(exchange);
}

static void retry_after_snoozes_and_moves_the_next_fetch(void **state) {
  static const int statuses[] = {429, 503};
  struct exchange *exchange = *state;
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    struct http_reply reply = reply_of(statuses[i], "");
    reply.retry_after_ms = 3 * DAY;
    const struct galley_feed *feed = judge(exchange, &reply);
    assert_int_equal(exchange->verdict.outcome, GALLEY_SNOOZE);
    assert_int_equal(exchange->verdict.delay_ms, 3 * DAY);
    assert_int_equal(feed->next_fetch_at_ms, NOW + 3 * DAY);
    assert_state_kept(exchange);
  }
}

static void failures_of_the_network_back_off(void **state) {
  struct exchange *exchange = *state;
  exchange->row.failures = 0;
  struct http_reply reply = {
      .failure = HTTP_TIMEOUT, .error = "no answer in 9 s", .body = "", .max_age_ms = -1};
  const struct galley_feed *feed = judge(exchange, &reply);
  assert_int_equal(exchange->verdict.outcome, GALLEY_RETRY);
  assert_string_equal(feed->error, "no answer in 9 s");
  assert_int_equal(feed->next_fetch_at_ms, NOW + HOUR);
  exchange->row.failures = 3;
  assert_int_equal(judge(exchange, &reply)->next_fetch_at_ms, NOW + 8 * HOUR);
  assert_state_kept(exchange);
}

/* A server that is ill answers so; the next answer is asked for with the old validators. */
static void empty_and_tiny_bodies_wipe_nothing(void **state) {
  static const char *const bodies[] = {
      "", " \n", "OK", "{}", "<rss><channel>", "<?xml version='1.0'?>"};
  struct exchange *exchange = *state;
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    struct http_reply reply = reply_of(200, bodies[i]);
    reply.etag = "\"of nothing\"";
    reply.last_modified = "now";
    judge(exchange, &reply);
    assert_int_equal(exchange->verdict.outcome, GALLEY_RETRY);
    assert_string_equal(exchange->verdict.error_class, "data");
    assert_state_kept(exchange);
  }
}

static void a_web_page_is_an_error_and_no_empty_feed(void **state) {
  struct exchange *exchange = *state;
  struct http_reply reply = reply_of(200, "<!DOCTYPE html><html><body>Hello</body></html>");
  reply.etag = "\"page\"";
  judge(exchange, &reply);
  assert_int_equal(exchange->verdict.outcome, GALLEY_DEAD);
  assert_string_equal(exchange->verdict.error_class, "data");
  assert_non_null(strstr(exchange->verdict.error, "web page"));
  assert_state_kept(exchange);
}

static void a_dangerous_document_is_dead(void **state) {
  struct exchange *exchange = *state;
  struct http_reply reply = reply_of(200, "<!DOCTYPE rss [<!ENTITY a 'b'>]><rss><channel/></rss>");
  judge(exchange, &reply);
  assert_int_equal(exchange->verdict.outcome, GALLEY_DEAD);
  assert_string_equal(exchange->verdict.error_class, "data");
  assert_state_kept(exchange);
}

static void a_damaged_feed_is_still_read(void **state) {
  struct exchange *exchange = *state;
  struct http_reply reply = reply_of(200, "<rss><channel><item><title>A & B</title></item><item>");
  judge(exchange, &reply);
  assert_int_equal(exchange->verdict.outcome, GALLEY_DONE);
  assert_true(exchange->output.u.collect.content.damaged);
  assert_int_equal(exchange->output.u.collect.content.n_items, 1);
}

/* ---- release ---- */

static void outputs_of_every_stage_are_released_once(void **state) {
  (void)state;
  struct stage_output write = {.stage = STAGE_WRITE};
  write.u.write.post.title = strdup("title");
  write.u.write.post.keywords = strdup("[]");
  write.u.write.n_socials = 2;
  write.u.write.socials[1].content = strdup("content");
  write.u.write.socials[1].hashtags = strdup("[]");
  struct stage_output research = {.stage = STAGE_RESEARCH};
  research.u.research.markdown = strdup("report");
  research.u.research.citations = strdup("[]");
  struct stage_output publish = {.stage = STAGE_PUBLISH};
  publish.u.publish.file_path = strdup("/x");
  publish.u.publish.file_body = strdup("body");
  publish.u.publish.remote_id = strdup("id");
  publish.u.publish.remote_url = strdup("url");
  struct stage_output *const outputs[] = {&write, &research, &publish};
  for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
    enum stage stage = outputs[i]->stage;
    stage_output_fini(outputs[i]); /* what it forgets, the leak checker reports */
    stage_output_fini(outputs[i]);
    assert_int_equal(outputs[i]->stage, stage);
  }
  assert_null(write.u.write.post.title);
  assert_int_equal(write.u.write.n_socials, 0);
  assert_null(research.u.research.markdown);
  assert_null(publish.u.publish.file_path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_request_is_a_guarded_and_limited_get),
      TEST(validators_are_returned_byte_for_byte),
      TEST(without_validators_the_request_is_unconditional),
      TEST(a_validator_cannot_smuggle_a_header),
      TEST(a_feed_that_is_gone_is_not_asked_for),
      TEST(an_address_that_is_no_url_is_refused),
      TEST(a_feed_is_read_and_its_state_renewed),
      TEST(texts_of_the_output_are_its_own),
      TEST(a_feed_without_a_title_takes_its_own),
      TEST(items_without_a_language_have_the_rows_then_the_feeds),
      TEST(links_resolve_against_where_the_feed_was_found),
      TEST(not_modified_is_success_and_keeps_the_validators),
      TEST(not_modified_without_a_condition_is_no_success),
      TEST(the_next_fetch_follows_what_the_answer_asks_for),
      TEST(the_third_sighting_of_a_permanent_redirect_moves_the_feed),
      TEST(sightings_count_only_in_a_row_and_of_one_target),
      TEST(a_redirect_to_no_feed_moves_nothing),
      TEST(gone_ends_polling),
      TEST(not_found_backs_off_for_days),
      TEST(retry_after_snoozes_and_moves_the_next_fetch),
      TEST(failures_of_the_network_back_off),
      TEST(empty_and_tiny_bodies_wipe_nothing),
      TEST(a_web_page_is_an_error_and_no_empty_feed),
      TEST(a_dangerous_document_is_dead),
      TEST(a_damaged_feed_is_still_read),
      cmocka_unit_test(outputs_of_every_stage_are_released_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
