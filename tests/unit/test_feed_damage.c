#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed_sample.h"

#define HOSTILE_BYTES 3000000 /* a quadratic reading of so many would not end in time */
#define DEPTH_MAX     200     /* elements inside each other */

/* ---- damage ---- */

static void one_broken_item_does_not_lose_the_others(void **state) {
  (void)state;
  static const char *const titles[] = {"One", "Two never closes", "Three", "Five", "Six & more"};
  static const char *const urls[] = {"https://a.example/1", "https://a.example/2",
                                     "https://a.example/3", "https://a.example/5",
                                     "https://a.example/6?x=1&y=2"};
  struct feed_content content = feed_sample_read_file("broken_item.xml");
  assert_string_equal(content.title, "Mostly good");
  assert_true(content.damaged);
  assert_int_equal(content.n_items, 5);
  assert_int_equal(content.n_broken, 1);
  for (size_t i = 0; i < 5; i++) {
    assert_string_equal(content.items[i].title, titles[i]);
    assert_string_equal(content.items[i].url, urls[i]);
  }
  assert_string_equal(content.items[2].content, "Three is bold");
  feed_content_fini(&content);
}

static void one_broken_json_item_does_not_lose_the_others(void **state) {
  (void)state;
  struct feed_content content =
      feed_sample_read_text("{\"version\":\"https://jsonfeed.org/version/1\",\"items\":["
                            "{\"id\":\"1\",\"title\":\"a\"},{\"id\":\"2\",\"title\":\"\\ud800\"},"
                            "{\"id\":\"3\",\"title\":b},{\"id\":\"4\",\"title\":\"d\\u0000e\"}]}");
  assert_int_equal(content.n_items, 2);
  assert_int_equal(content.n_broken, 2);
  assert_true(content.damaged);
  assert_string_equal(content.items[0].guid, "1");
  assert_string_equal(content.items[1].guid, "4");
  feed_content_fini(&content);
}

static void a_cut_off_feed_gives_its_complete_items(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_file("cut_off.xml");
  assert_true(content.damaged);
  assert_string_equal(content.title, "Pump & Pipe Weekly");
  assert_int_equal(content.n_items, 1);
  assert_int_equal(content.n_broken, 1);
  assert_string_equal(content.items[0].guid, "https://pumps.example/?p=7");
  feed_content_fini(&content);
  content = feed_sample_read_file("cut_off.json");
  assert_true(content.damaged);
  assert_string_equal(content.title, "水と熱");
  assert_int_equal(content.n_items, 1);
  feed_content_fini(&content);
}

static void a_feed_cut_off_anywhere_is_never_taken_for_a_whole_one(void **state) {
  (void)state;
  static const char *const files[] = {"rss2_english.xml", "atom_german.xml", "json_japanese.json"};
  for (size_t f = 0; f < sizeof files / sizeof files[0]; f++) {
    size_t len;
    char *text = feed_sample_load(files[f], &len);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '>' || text[len - 1] == '}'))
      len--;
    size_t most = 0;
    for (size_t n = 1; n <= len; n++) {
      struct feed_content content;
      enum feed_result result = feed_sample_parse(text, n, "", &content);
      if (result == FEED_PARSED) {
        assert_true(content.damaged);
        assert_true(content.n_items >= most);
        most = content.n_items;
      } else {
        assert_true(result == FEED_CUT_OFF || result == FEED_NOT_A_FEED || result == FEED_EMPTY);
        assert_int_equal(most, 0);
      }
      feed_content_fini(&content);
    }
    assert_true(most > 0);
    free(text);
  }
}

static void a_feed_that_ends_before_its_first_item_is_cut_off(void **state) {
  (void)state;
  struct feed_content content;
  assert_int_equal(feed_sample_parse_file("cut_off_early.xml", &content), FEED_CUT_OFF);
  assert_int_equal(content.n_items, 0);
  assert_null(content.items);
  assert_int_equal(feed_sample_parse_text("<rss><channel><title>x</title>", &content),
                   FEED_CUT_OFF);
  assert_int_equal(feed_sample_parse_text(
                       "{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[{", &content),
                   FEED_CUT_OFF);
}

static void a_whole_feed_without_items_is_no_error(void **state) {
  (void)state;
  static const char *const texts[] = {
      "<rss><channel><title>x</title></channel></rss>", "<rss/>",
      "<feed xmlns='http://www.w3.org/2005/Atom'></feed>",
      "{\"version\":\"https://jsonfeed.org/version/1.1\",\"items\":[]}"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct feed_content content = feed_sample_read_text(texts[i]);
    assert_int_equal(content.n_items, 0);
    assert_false(content.damaged);
    feed_content_fini(&content);
  }
}

static void entities_of_html_are_read_without_a_definition(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_file("undefined_entities.xml");
  assert_string_equal(content.title, "Café News");
  assert_true(content.damaged);
  assert_string_equal(content.items[0].title, "Price: 5 € — &unknown; & AT&T");
  assert_string_equal(content.items[0].content, "Tom & Jerry ’s “day”");
  feed_content_fini(&content);
}

static void messages_before_the_feed_are_skipped(void **state) {
  (void)state;
  struct feed_content content =
      feed_sample_read_text("Warning: something in line 3\n\n<?xml version='1.0'?>"
                            "<rss><channel><item><title>x</title></item></channel></rss>");
  assert_int_equal(content.n_items, 1);
  assert_true(content.damaged);
  feed_content_fini(&content);
}

/* ---- attacks ---- */

static void entity_definitions_are_refused(void **state) {
  (void)state;
  struct feed_content content;
  assert_int_equal(feed_sample_parse_file("entity_bomb.xml", &content), FEED_DANGEROUS);
  assert_int_equal(feed_sample_parse_file("external_entity.xml", &content), FEED_DANGEROUS);
  assert_int_equal(
      feed_sample_parse_text("<rss><!DOCTYPE rss [<!ENTITY a 'b'>]><channel/></rss>", &content),
      FEED_DANGEROUS);
  assert_int_equal(
      feed_sample_parse_text("<!DOCTYPE rss [<!ENTITY % a SYSTEM 'http://x/'> %a;", &content),
      FEED_DANGEROUS);
}

static void an_internal_subset_without_entities_is_harmless(void **state) {
  (void)state;
  struct feed_content content =
      feed_sample_read_text("<!DOCTYPE rss [<!ELEMENT rss ANY>]>"
                            "<rss><channel><title>x</title></channel></rss>");
  assert_string_equal(content.title, "x");
  feed_content_fini(&content);
}

static char *nested(size_t depth) {
  char *text = calloc(1, 7 * depth + 100);
  assert_non_null(text);
  char *at = stpcpy(text, "<rss><channel><item><title>x</title>");
  for (size_t i = 1; i < depth; i++)
    at = stpcpy(at, "<b>");
  for (size_t i = 1; i < depth; i++)
    at = stpcpy(at, "</b>");
  stpcpy(at, "</item></channel></rss>");
  return text;
}

static void nesting_has_a_limit(void **state) {
  (void)state;
  struct feed_content content;
  char *text = nested(DEPTH_MAX);
  assert_int_equal(feed_sample_parse_text(text, &content), FEED_PARSED);
  assert_int_equal(content.n_items, 1);
  assert_false(content.damaged);
  feed_content_fini(&content);
  free(text);
  text = nested(DEPTH_MAX + 1);
  assert_int_equal(feed_sample_parse_text(text, &content), FEED_DANGEROUS);
  free(text);
}

static void nesting_of_json_has_a_limit(void **state) {
  (void)state;
  for (size_t depth = DEPTH_MAX; depth <= DEPTH_MAX + 1; depth++) {
    char text[2048];
    struct feed_content content;
    char *at = stpcpy(text, "{\"version\":\"https://jsonfeed.org/version/1\","
                            "\"items\":[{\"id\":\"1\",\"title\":\"x\",\"y\":");
    for (size_t i = 1; i < depth; i++)
      *at++ = '[';
    for (size_t i = 1; i < depth; i++)
      *at++ = ']';
    stpcpy(at, "}]}");
    assert_int_equal(feed_sample_parse_text(text, &content),
                     depth == DEPTH_MAX ? FEED_PARSED : FEED_DANGEROUS);
    feed_content_fini(&content);
  }
}

static void items_past_the_limit_are_counted(void **state) {
  (void)state;
  static const size_t counts[] = {FEED_ITEMS_MAX, FEED_ITEMS_MAX + 1, 10000};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    char *text = malloc(counts[i] * 64 + 100);
    assert_non_null(text);
    char *at = stpcpy(text, "<rss><channel>");
    for (size_t n = 0; n < counts[i]; n++)
      at += snprintf(at, 64, "<item><title>T%zu</title></item>", n);
    stpcpy(at, "</channel></rss>");
    struct feed_content content = feed_sample_read_text(text);
    assert_int_equal(content.n_items, FEED_ITEMS_MAX);
    assert_int_equal(content.n_dropped, counts[i] - FEED_ITEMS_MAX);
    assert_string_equal(content.items[FEED_ITEMS_MAX - 1].title, "T1999");
    feed_content_fini(&content);
    free(text);
  }
}

static void hostile_feeds_take_linear_time(void **state) {
  (void)state;
  static const struct {
    const char *before, *repeated, *after;
  } rows[] = {
      {"<rss><channel><item><title>", "&", "</title></item></channel></rss>"},
      {"<rss><channel><item><title>", "<", "</title></item></channel></rss>"},
      {"<rss><channel><item><title>", "<![CDATA[", "</title></item></channel></rss>"},
      {"<rss><channel><item><title>", "<!--", "</title></item></channel></rss>"},
      {"<rss><channel><item><title>", "<b>x</i>", "</title></item></channel></rss>"},
      {"<rss><channel><item><title ", "a='' ", ">x</title></item></channel></rss>"},
      {"<rss><channel><item ", "xmlns:a='b' ", "><title>x</title></item></channel></rss>"},
      {"<rss><channel>", "<item>", "</channel></rss>"},
      {"<rss><channel>", "<!DOCTYPE [", "</channel></rss>"},
      {"<rss><channel>", "<?", "</channel></rss>"},
      {"<rss><channel><item>", "<pubDate>x</pubDate>", "</item></channel></rss>"},
      {"<rss><channel><item><description><![CDATA[<p ", "a='' ",
       ">]]></description></item></channel></rss>"},
      {"{\"version\":\"https://jsonfeed.org/version/1\",\"items\":[", "{},", "]}"},
      {"{\"version\":\"https://jsonfeed.org/version/1\",", "\"a\":1,", "\"items\":[]}"},
  };
  char *text = malloc(HOSTILE_BYTES + 200);
  assert_non_null(text);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct feed_content content;
    size_t n = strlen(rows[i].repeated);
    char *at = stpcpy(text, rows[i].before);
    while (at - text < HOSTILE_BYTES) {
      memcpy(at, rows[i].repeated, n);
      at += n;
    }
    at = stpcpy(at, rows[i].after);
    (void)feed_sample_parse(text, (size_t)(at - text), "", &content);
    feed_content_fini(&content);
  }
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_broken_item_does_not_lose_the_others),
      cmocka_unit_test(one_broken_json_item_does_not_lose_the_others),
      cmocka_unit_test(a_cut_off_feed_gives_its_complete_items),
      cmocka_unit_test(a_feed_cut_off_anywhere_is_never_taken_for_a_whole_one),
      cmocka_unit_test(a_feed_that_ends_before_its_first_item_is_cut_off),
      cmocka_unit_test(a_whole_feed_without_items_is_no_error),
      cmocka_unit_test(entities_of_html_are_read_without_a_definition),
      cmocka_unit_test(messages_before_the_feed_are_skipped),
      cmocka_unit_test(entity_definitions_are_refused),
      cmocka_unit_test(an_internal_subset_without_entities_is_harmless),
      cmocka_unit_test(nesting_has_a_limit),
      cmocka_unit_test(nesting_of_json_has_a_limit),
      cmocka_unit_test(items_past_the_limit_are_counted),
      cmocka_unit_test(hostile_feeds_take_linear_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
