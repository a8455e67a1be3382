/* Feeds: what is kept between two fetches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#include <string.h>

static int64_t add(struct fixture *f, const struct galley_feed *feed, bool want_existing) {
  int64_t id = 0;
  bool existing = !want_existing;
  fixture_ok(f->q, galley_feed_add(f->q, feed, &id, &existing));
  assert_int_equal(existing, want_existing);
  return id;
}

static struct galley_feed *get(struct fixture *f, int64_t id) {
  struct galley_feed *feed;
  fixture_ok(f->q, galley_feed_get(f->q, id, &feed));
  return feed;
}

static void a_new_feed_is_active_and_due(void **state) {
  struct fixture *f = *state;
  struct galley_feed *feed =
      get(f, add(f, &(struct galley_feed){.url = "https://a.example"}, false));
  assert_string_equal(feed->status, "active");
  assert_int_equal(feed->interval_ms, 3600000);
  assert_int_equal(feed->next_fetch_at_ms, 0);
  assert_int_equal(feed->fetched_at_ms, 0);
  assert_int_equal(feed->created_at_ms, f->now_ms);
  assert_null(feed->etag);
  galley_free(feed);
}

static void adding_a_url_again_changes_what_is_given_only(void **state) {
  struct fixture *f = *state;
  struct galley_feed feed = {
      .url = "https://a.example", .title = "A", .language = "de", .market = "DE"};
  int64_t id = add(f, &feed, false);
  fixture_sql(f, "UPDATE feeds SET etag='x', status='paused'");
  feed.title = "B";
  feed.language = NULL;
  feed.market = "AT";
  assert_int_equal(add(f, &feed, true), id);
  struct galley_feed *got = get(f, id);
  assert_string_equal(got->title, "B");
  assert_string_equal(got->language, "de");
  assert_string_equal(got->market, "AT");
  assert_string_equal(got->etag, "x");
  assert_string_equal(got->status, "paused");
  galley_free(got);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM feeds"), 1);
}

static void adding_a_feed_that_was_gone_makes_it_active(void **state) {
  struct fixture *f = *state;
  struct galley_feed feed = {.url = "https://a.example"};
  int64_t id = add(f, &feed, false);
  fixture_sql(f, "UPDATE feeds SET status='gone',error='410',failures=3,next_fetch_at_ms=99");
  add(f, &feed, true);
  struct galley_feed *got = get(f, id);
  assert_string_equal(got->status, "active");
  assert_null(got->error);
  assert_int_equal(got->failures, 0);
  assert_int_equal(got->next_fetch_at_ms, 0);
  galley_free(got);
}

static void a_url_must_be_http(void **state) {
  struct fixture *f = *state;
  const char *good[] = {"http://a", "HTTPS://A.example/x?y=1#z"};
  const char *bad[] = {"",           "a.example",      "ftp://a.example",     "file:///etc/passwd",
                       "http://",    "https:///x",     "http://?x",           "http://a b",
                       "http://a\n", "http:a.example", "javascript:alert(1)", "http://\xff"};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    add(f, &(struct galley_feed){.url = good[i]}, false);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int64_t id;
    const struct galley_feed feed = {.url = bad[i]};
    fixture_fails(f->q, galley_feed_add(f->q, &feed, &id, NULL), GALLEY_INVALID, "url");
  }
  int64_t id;
  fixture_fails(f->q, galley_feed_add(f->q, &(struct galley_feed){.url = NULL}, &id, NULL),
                GALLEY_INVALID, "url is missing");
  fixture_refused(f, "INSERT INTO feeds(url) VALUES('ftp://x')", "url_is_http");
}

static void an_update_keeps_validators_byte_for_byte(void **state) {
  struct fixture *f = *state;
  int64_t id = add(f, &(struct galley_feed){.url = "https://a.example"}, false);
  int64_t created_ms = f->now_ms;
  f->now_ms += 100;
  const struct galley_feed fetched = {.id = id,
                                      .url = "https://a.example",
                                      .title = "T",
                                      .language = "de",
                                      .market = "DE",
                                      .etag = "W/\"  a''\\\\b; é \"",
                                      .last_modified = "Tue,  01 Jan 2030 00:00:00 gmt ",
                                      .status = "active",
                                      .error = "E",
                                      .failures = 2,
                                      .moved_count = 3,
                                      .moved_to = "https://b.example",
                                      .interval_ms = 5000,
                                      .next_fetch_at_ms = 7,
                                      .fetched_at_ms = 8,
                                      .created_at_ms = created_ms};
  fixture_ok(f->q, galley_feed_update(f->q, &fetched));
  struct galley_feed *got = get(f, id);
  for (size_t i = 0; i < galley_feed_record.n_fields; i++) {
    const struct galley_field *field = &galley_feed_record.fields[i];
    const char *a = (const char *)&fetched + field->offset;
    const char *b = (const char *)got + field->offset;
    if (field->type == GALLEY_TEXT)
      assert_string_equal(*(const char *const *)a, *(const char *const *)b);
    else
      assert_memory_equal(a, b, 8);
  }
  galley_free(got);
  const struct galley_feed bare = {.id = id, .url = "https://a.example", .created_at_ms = 1};
  fixture_ok(f->q, galley_feed_update(f->q, &bare));
  got = get(f, id);
  assert_null(got->etag);
  assert_null(got->error);
  assert_int_equal(got->failures, 0);
  assert_int_equal(got->interval_ms, 5000);
  assert_string_equal(got->status, "active");
  assert_int_equal(got->created_at_ms, created_ms);
  galley_free(got);
}

static void a_feed_may_move_but_not_onto_another(void **state) {
  struct fixture *f = *state;
  int64_t a = add(f, &(struct galley_feed){.url = "https://a.example"}, false);
  int64_t b = add(f, &(struct galley_feed){.url = "https://b.example"}, false);
  struct galley_feed feed = {.id = a, .url = "https://b.example"};
  fixture_fails(f->q, galley_feed_update(f->q, &feed), GALLEY_INVALID, "is that of feed 2");
  assert_int_equal(b, 2);
  feed.url = "https://c.example";
  fixture_ok(f->q, galley_feed_update(f->q, &feed));
  struct galley_feed *got = get(f, a);
  assert_string_equal(got->url, "https://c.example");
  galley_free(got);
}

static void updates_and_removals_of_no_feed_say_so(void **state) {
  struct fixture *f = *state;
  struct galley_feed *got;
  const struct galley_feed feed = {.id = 4, .url = "https://a.example"};
  fixture_fails(f->q, galley_feed_update(f->q, &feed), GALLEY_NONE, "no feed 4");
  fixture_fails(f->q, galley_feed_remove(f->q, 4), GALLEY_NONE, "no feed 4");
  fixture_fails(f->q, galley_feed_get(f->q, 4, &got), GALLEY_NONE, "no feed 4");
}

static void an_update_refuses_what_cannot_be_kept(void **state) {
  struct fixture *f = *state;
  int64_t id = add(f, &(struct galley_feed){.url = "https://a.example"}, false);
  struct galley_feed feed = {.id = id, .url = "https://a.example", .status = "asleep"};
  fixture_fails(f->q, galley_feed_update(f->q, &feed), GALLEY_INVALID, "active, gone, paused");
  feed.status = NULL;
  feed.interval_ms = 999;
  fixture_fails(f->q, galley_feed_update(f->q, &feed), GALLEY_INVALID, "interval_ms is 999");
  feed.interval_ms = 31536000001;
  fixture_fails(f->q, galley_feed_update(f->q, &feed), GALLEY_INVALID, "interval_ms");
  feed.interval_ms = 31536000000;
  fixture_ok(f->q, galley_feed_update(f->q, &feed));
  feed.interval_ms = 1000;
  fixture_ok(f->q, galley_feed_update(f->q, &feed));
}

static void removing_a_feed_keeps_its_documents(void **state) {
  struct fixture *f = *state;
  struct fixture_ids ids = {.n = 0};
  char hex[65];
  int64_t id = add(f, &(struct galley_feed){.url = "https://a.example"}, false), doc_id;
  const struct galley_document doc = {
      .title = "x", .content_hash = fixture_hash('a', hex), .feed_id = id, .guid = "g"};
  fixture_ok(f->q, galley_document_save(f->q, &doc, &doc_id, NULL));
  fixture_ok(f->q, galley_feed_remove(f->q, id));
  fixture_ok(f->q, galley_feeds(f->q, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 0);
  struct galley_document *got;
  fixture_ok(f->q, galley_document_get(f->q, doc_id, &got));
  assert_int_equal(got->feed_id, 0);
  galley_free(got);
}

static void feeds_are_listed_in_the_order_they_came(void **state) {
  struct fixture *f = *state;
  struct fixture_ids ids = {.n = 0};
  for (int i = 0; i < 60; i++) {
    char url[] = "https://a.example/00";
    url[18] = (char)('0' + i / 10);
    url[19] = (char)('0' + i % 10);
    add(f, &(struct galley_feed){.url = url}, false);
  }
  fixture_ok(f->q, galley_feeds(f->q, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 60);
  assert_int_equal(ids.id[0], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_new_feed_is_active_and_due),
      TEST(adding_a_url_again_changes_what_is_given_only),
      TEST(adding_a_feed_that_was_gone_makes_it_active),
      TEST(a_url_must_be_http),
      TEST(an_update_keeps_validators_byte_for_byte),
      TEST(a_feed_may_move_but_not_onto_another),
      TEST(updates_and_removals_of_no_feed_say_so),
      TEST(an_update_refuses_what_cannot_be_kept),
      TEST(removing_a_feed_keeps_its_documents),
      TEST(feeds_are_listed_in_the_order_they_came),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
