/* platform, text_cut: what a platform counts, and shortening to a limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "platform.h"
#include "text_cut.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILY                                                                                     \
  "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7" /* ZWJ: 18 bytes */
#define FLAG    "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa" /* two regional indicators */
#define THUMB   "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd" /* with a skin tone */
#define E_ACUTE "e\xcc\x81"                        /* e and a combining accent */

static int64_t count(const char *platform, const char *text) {
  return platform_characters(platform_find(platform), text, strlen(text));
}

static void clusters_count_once_whatever_they_are_made_of(void **state) {
  (void)state;
  assert_int_equal(count("bluesky", ""), 0);
  assert_int_equal(count("bluesky", "abc"), 3);
  assert_int_equal(count("bluesky", FAMILY), 1);
  assert_int_equal(count("bluesky", FLAG FLAG), 2);
  assert_int_equal(count("linkedin", THUMB "a" E_ACUTE), 3);
  assert_int_equal(count("tiktok", "\xe6\x97\xa5\xe6\x9c\xac"), 2);
  assert_int_equal(count("instagram", "a\r\nb"), 3); /* one cluster by UAX 29 */
}

static void text_that_is_not_utf8_is_no_count(void **state) {
  (void)state;
  assert_int_equal(count("bluesky", "a\xff"), -1);
  assert_int_equal(count("mastodon", "a\xff https://a.example/"), -1);
  assert_int_equal(count("mastodon", "https://a.example/ \xff"), -1);
  assert_false(platform_allows(platform_find("bluesky"), "a\xff"));
}

static void mastodon_counts_every_url_as_23(void **state) {
  (void)state;
  assert_int_equal(count("mastodon", "https://a.example/"), 23);
  assert_int_equal(count("mastodon", "see http://a.example/p?q=1#x, ok"), 4 + 23 + 4);
  assert_int_equal(count("mastodon", "https://a.example/1 https://a.example/22"), 23 + 1 + 23);
  assert_int_equal(count("mastodon", "https://"), 8);
  assert_int_equal(count("mastodon", "(https://a.example/)."), 1 + 23 + 2);
  assert_int_equal(count("bluesky", "https://a.example/"), 18);
}

static char *repeat(const char *piece, size_t n) {
  size_t len = strlen(piece);
  char *text = malloc(len * n + 1);
  assert_non_null(text);
  for (size_t i = 0; i < n; i++)
    memcpy(text + i * len, piece, len);
  text[len * n] = '\0';
  return text;
}

static bool allows(const char *platform, const char *piece, size_t n) {
  char *text = repeat(piece, n);
  bool allowed = platform_allows(platform_find(platform), text);
  free(text);
  return allowed;
}

static void every_platform_allows_its_limit_and_not_one_more(void **state) {
  (void)state;
  static const struct {
    const char *name;
    size_t max;
    size_t hashtags;
  } limits[] = {{"linkedin", 3000, 5}, {"facebook", 63206, 3}, {"instagram", 2200, 30},
                {"tiktok", 2200, 5},   {"mastodon", 500, 4},   {"bluesky", 300, 3}};
  assert_int_equal(platform_count, sizeof limits / sizeof limits[0]);
  for (size_t i = 0; i < platform_count; i++) {
    assert_true(allows(limits[i].name, "x", limits[i].max));
    assert_false(allows(limits[i].name, "x", limits[i].max + 1));
    assert_int_equal(platform_find(limits[i].name)->hashtags_max, limits[i].hashtags);
  }
  assert_null(platform_find("myspace"));
}

static void bluesky_has_a_limit_of_bytes_too(void **state) {
  (void)state;
  assert_true(allows("bluesky", FLAG, 300)); /* 2400 bytes */
  assert_false(allows("bluesky", FLAG, 301));
  assert_true(allows("bluesky", FAMILY, 166)); /* 2988 bytes */
  assert_false(allows("bluesky", FAMILY, 167));
}

static void assert_cut(const char *text, int64_t max, const char *expected) {
  const struct text_limit limit = {.characters = max};
  char *cut = text_cut_sentences(text, "en", &limit);
  assert_non_null(cut);
  assert_string_equal(cut, expected);
  free(cut);
}

static void what_fits_is_not_cut(void **state) {
  (void)state;
  assert_cut("", 0, "");
  assert_cut("one two", 7, "one two");
  assert_cut("Ends here. And goes", 19, "Ends here. And goes");
}

static void a_cut_prefers_the_end_of_a_sentence(void **state) {
  (void)state;
  assert_cut("The first one ends. The second one ends too. The third.", 50,
             "The first one ends. The second one ends too.");
  assert_cut("The first one ends. The second one ends too. The third.", 43, "The first one ends.");
}

static void a_sentence_that_is_too_long_is_cut_at_a_word(void **state) {
  (void)state;
  assert_cut("one two three", 8, "one two\xe2\x80\xa6");
  assert_cut("one two three", 7, "one\xe2\x80\xa6");
  assert_cut("one, two three", 9, "one, two\xe2\x80\xa6");
  assert_cut("one, two three", 8, "one\xe2\x80\xa6"); /* no comma before the ellipsis */
}

static void a_text_without_spaces_is_cut_between_clusters(void **state) {
  (void)state;
  assert_cut(FLAG FLAG FLAG, 3, FLAG FLAG FLAG);
  assert_cut(FLAG FLAG FLAG, 2, FLAG "\xe2\x80\xa6");
  assert_cut(FAMILY FAMILY "x", 2, FAMILY "\xe2\x80\xa6");
  assert_cut(E_ACUTE E_ACUTE E_ACUTE, 2, E_ACUTE "\xe2\x80\xa6");
  assert_cut("\xe9\x9b\xbb\xe6\xb0\x97\xe8\x87\xaa\xe5\x8b\x95\xe8\xbb\x8a", 4,
             "\xe9\x9b\xbb\xe6\xb0\x97\xe8\x87\xaa\xe2\x80\xa6"); /* Japanese */
  assert_cut(FLAG FLAG, 1, "");
  assert_cut("word", 0, "");
}

static void a_limit_of_bytes_holds_as_well(void **state) {
  (void)state;
  const struct text_limit limit = {.characters = 100, .bytes = 12};
  char *cut = text_cut_words("\xc3\xa4\xc3\xa4\xc3\xa4 \xc3\xb6\xc3\xb6\xc3\xb6", &limit);
  assert_string_equal(cut, "\xc3\xa4\xc3\xa4\xc3\xa4\xe2\x80\xa6");
  free(cut);
  assert_true(text_cut_fits(&limit, "twelve bytes", 12));
  assert_false(text_cut_fits(&limit, "13 bytes here", 13));
}

static void a_url_is_never_cut_where_words_can_part(void **state) {
  (void)state;
  const struct platform *mastodon = platform_find("mastodon");
  const struct text_limit limit = {.characters = 30, .count = mastodon->count};
  char *cut = text_cut_words("go https://a.example/a/long/path/to/it now and then", &limit);
  assert_string_equal(cut, "go https://a.example/a/long/path/to/it\xe2\x80\xa6");
  free(cut);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(clusters_count_once_whatever_they_are_made_of),
      cmocka_unit_test(text_that_is_not_utf8_is_no_count),
      cmocka_unit_test(mastodon_counts_every_url_as_23),
      cmocka_unit_test(every_platform_allows_its_limit_and_not_one_more),
      cmocka_unit_test(bluesky_has_a_limit_of_bytes_too),
      cmocka_unit_test(what_fits_is_not_cut),
      cmocka_unit_test(a_cut_prefers_the_end_of_a_sentence),
      cmocka_unit_test(a_sentence_that_is_too_long_is_cut_at_a_word),
      cmocka_unit_test(a_text_without_spaces_is_cut_between_clusters),
      cmocka_unit_test(a_limit_of_bytes_holds_as_well),
      cmocka_unit_test(a_url_is_never_cut_where_words_can_part),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
