/* The text rules: slugs, folding, graphemes, UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "galley.h"
#include "slug.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

struct pair {
  const char *in, *out;
};

static void check_slugs(const struct pair *pairs, size_t n) {
  for (size_t i = 0; i < n; i++) {
    char slug[GALLEY_SLUG_MAX + 1];
    char again[GALLEY_SLUG_MAX + 1];
    galley_slug(pairs[i].in, slug);
    assert_string_equal(slug, pairs[i].out);
    galley_slug(slug, again);
    assert_string_equal(again, slug);
  }
}

#define CHECK_SLUGS(...)                                                                           \
  do {                                                                                             \
    const struct pair pairs_[] = {__VA_ARGS__};                                                    \
    check_slugs(pairs_, sizeof pairs_ / sizeof pairs_[0]);                                         \
  } while (0)

static void slug_drops_the_marks_of_latin_letters(void **state) {
  (void)state;
  CHECK_SLUGS({"Wärmepumpen: Größe & Kosten", "warmepumpen-grosse-kosten"},
              {"L’été à la plage, œuvre d'art", "l-ete-a-la-plage-oeuvre-d-art"},
              {"Zażółć gęślą jaźń — ŁÓDŹ", "zazolc-gesla-jazn-lodz"},
              {"Rødgrød på Ærø", "rodgrod-pa-aero"}, {"Þórður Ðe", "thordur-de"},
              {"İstanbul Iğdır", "istanbul-igdir"}, {"Việt Nam", "viet-nam"},
              {"MASSSTAB MAẞSTAB Maßstab", "massstab-massstab-massstab"});
}

static void slug_transliterates_greek_and_cyrillic(void **state) {
  (void)state;
  CHECK_SLUGS({"Ελληνική Γλώσσα", "elliniki-glossa"}, {"ΨΥΧΗ", "psychi"},
              {"Объявление: Юбилей, Щёлково", "obyavlenie-yubiley-shchyolkovo"},
              {"Їжак і Європа", "yizhak-i-yevropa"}, {"Ђорђе Џ љ њ ћ", "djordje-dz-lj-nj-c"},
              {"мир ь мир", "mir-mir"});
}

static void slug_of_a_whole_alphabet_is_ascii(void **state) {
  (void)state;
  const char *alphabets[] = {"αβγδεζηθικλμνξοπρστυφχψω", "άέήίόύώϊϋΐΰς",
                             "абвгдежзийклмнопрстуфхцчшщъыьэюя", "ёђѓєѕіїјљњћќўџґ"};
  for (size_t i = 0; i < sizeof alphabets / sizeof alphabets[0]; i++) {
    char slug[GALLEY_SLUG_MAX + 1];
    galley_slug(alphabets[i], slug);
    for (const char *c = slug; *c; c++)
      assert_in_range(*c, 'a', 'z');
  }
}

static void slug_keeps_the_letters_of_other_scripts(void **state) {
  (void)state;
  CHECK_SLUGS({"日本語のテスト、第2版", "日本語のテスト-第2版"}, {"ＡＢＣ　１２３", "abc-123"},
              {"ﾃｽﾄ", "テスト"}, {"हिन्दी भाषा", "हिन्दी-भाषा"}, {"مرحبا بالعالم", "مرحبا-بالعالم"},
              {"한국어 뉴스", "한국어-뉴스"});
}

static void slug_is_the_same_for_composed_and_decomposed_text(void **state) {
  (void)state;
  CHECK_SLUGS({"\u0439", "y"}, {"\u0438\u0306", "y"}, {"\u304c", "が"}, {"\u304b\u3099", "が"},
              {"\ud55c", "한"}, {"\u1112\u1161\u11ab", "한"}, {"e\u0301", "e"});
}

static void slug_is_never_empty(void **state) {
  (void)state;
  CHECK_SLUGS({"", "post"}, {NULL, "post"}, {"🚀🔥", "post"}, {" - – ! ", "post"}, {"\u0301", "post"},
              {"ь", "post"});
}

static void slug_makes_one_dash_of_what_is_between_words(void **state) {
  (void)state;
  CHECK_SLUGS({"  a  --  b…c\td\ne  ", "a-b-c-d-e"}, {"C++ & C#: 100 % 🚀 fast!", "c-c-100-fast"},
              {"soft\u00adhyphen", "softhyphen"});
}

static void slug_skips_bytes_that_are_not_utf8(void **state) {
  (void)state;
  CHECK_SLUGS({"caf\xc3 x\xff y\xed\xa0\x80z", "caf-x-y-z"}, {"\xff\xfe", "post"},
              {"end\xe2\x82", "end"});
}

static void fill(char *text, const char *part, int n) {
  *text = '\0';
  for (int i = 0; i < n; i++)
    text = stpcpy(text, part);
}

static void slug_is_cut_at_a_word(void **state) {
  (void)state;
  char text[4096], slug[GALLEY_SLUG_MAX + 1], want[4096];
  fill(text, "word ", 60);
  galley_slug(text, slug);
  fill(want, "word-", 16);
  want[strlen(want) - 1] = '\0';
  assert_string_equal(slug, want);
}

static void slug_ends_where_a_word_does_not_fit(void **state) {
  (void)state;
  char text[256], slug[GALLEY_SLUG_MAX + 1];
  snprintf(text, sizeof text, "%070d %020d c", 1, 2);
  galley_slug(text, slug);
  assert_int_equal(strlen(slug), 70); /* "c" alone would fit, and is not taken out of order */
  snprintf(text, sizeof text, "%078d bb c", 1);
  galley_slug(text, slug);
  assert_int_equal(strlen(slug), 78);
}

static void slug_of_one_long_word_is_cut_at_a_character(void **state) {
  (void)state;
  char text[4096], slug[GALLEY_SLUG_MAX + 1], want[4096];
  fill(text, "a", 300);
  galley_slug(text, slug);
  fill(want, "a", GALLEY_SLUG_MAX);
  assert_string_equal(slug, want);
  fill(text, "あ", 300);
  galley_slug(text, slug);
  fill(want, "あ", GALLEY_SLUG_MAX / 3);
  assert_string_equal(slug, want);
  fill(text, "щ", 300);
  galley_slug(text, slug);
  fill(want, "shch", GALLEY_SLUG_MAX / 4);
  assert_string_equal(slug, want);
}

static void slug_of_the_longest_length_is_whole(void **state) {
  (void)state;
  char text[256], slug[GALLEY_SLUG_MAX + 1];
  snprintf(text, sizeof text, "%040d %039d", 1, 2);
  galley_slug(text, slug);
  assert_int_equal(strlen(slug), GALLEY_SLUG_MAX);
  assert_int_equal(slug[40], '-');
  snprintf(text, sizeof text, "%040d %040d", 1, 2);
  galley_slug(text, slug);
  assert_int_equal(strlen(slug), 40);
}

static void slug_survives_text_that_grows_most(void **state) {
  (void)state;
  char text[4096], slug[GALLEY_SLUG_MAX + 1];
  fill(text, "\ufdfa", 1000); /* one character becomes eighteen */
  galley_slug(text, slug);
  assert_true(text_valid(slug));
  assert_true(strlen(slug) > 20 && strlen(slug) <= GALLEY_SLUG_MAX);
}

static void slug_cut_keeps_words_and_characters_whole(void **state) {
  (void)state;
  char slug[] = "one-two-three";
  slug_cut(slug, 13);
  assert_string_equal(slug, "one-two-three");
  slug_cut(slug, 12);
  assert_string_equal(slug, "one-two");
  slug_cut(slug, 2);
  assert_string_equal(slug, "on");
  char japanese[] = "日本語";
  slug_cut(japanese, 8);
  assert_string_equal(japanese, "日本");
}

static void check_fold(const char *in, const char *want) {
  char *folded = galley_text_fold(in);
  assert_non_null(folded);
  assert_string_equal(folded, want);
  galley_free(folded);
}

static void fold_makes_spellings_of_one_text_equal(void **state) {
  (void)state;
  check_fold("  Größe\u00a0 DER\t\nStraße\u3000", "grösse der strasse");
  check_fold("GRO\u0308SSE DER STRASSE", "grösse der strasse");
  check_fold("ﬁn ΣΊΣΥΦΟΣ", "fin σίσυφοσ");
  check_fold("", "");
  check_fold(" \t\u2028 ", "");
}

static void fold_of_bad_utf8_is_null(void **state) {
  (void)state;
  assert_null(galley_text_fold("a\xff"));
  assert_null(galley_text_fold(NULL));
}

static void graphemes_are_counted_as_people_see_them(void **state) {
  (void)state;
  assert_int_equal(galley_text_graphemes(""), 0);
  assert_int_equal(galley_text_graphemes(NULL), 0);
  assert_int_equal(galley_text_graphemes("abc"), 3);
  assert_int_equal(galley_text_graphemes("e\u0301\u0323"), 1);
  assert_int_equal(galley_text_graphemes("👨‍👩‍👧‍👦!"), 2);
  assert_int_equal(galley_text_graphemes("🇩🇪🇫🇷"), 2);
  assert_int_equal(galley_text_graphemes("👍🏽"), 1);
  assert_int_equal(galley_text_graphemes("\u1112\u1161\u11ab"), 1);
  assert_int_equal(galley_text_graphemes("\r\n"), 1);
  assert_int_equal(galley_text_graphemes("ab\xc3"), -1);
}

static void valid_text_is_utf8_by_the_letter(void **state) {
  (void)state;
  assert_true(text_valid(""));
  assert_true(text_valid("aä€𝄞"));
  assert_true(text_valid("\xf4\x8f\xbf\xbf"));
  assert_false(text_valid("\xc0\x80"));         /* overlong */
  assert_false(text_valid("\xe0\x80\xaf"));     /* overlong */
  assert_false(text_valid("\xed\xa0\x80"));     /* surrogate */
  assert_false(text_valid("\xf4\x90\x80\x80")); /* past the end */
  assert_false(text_valid("\xe2\x82"));         /* torn */
  assert_false(text_valid("\x80"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(slug_drops_the_marks_of_latin_letters),
      cmocka_unit_test(slug_transliterates_greek_and_cyrillic),
      cmocka_unit_test(slug_of_a_whole_alphabet_is_ascii),
      cmocka_unit_test(slug_keeps_the_letters_of_other_scripts),
      cmocka_unit_test(slug_is_the_same_for_composed_and_decomposed_text),
      cmocka_unit_test(slug_is_never_empty),
      cmocka_unit_test(slug_makes_one_dash_of_what_is_between_words),
      cmocka_unit_test(slug_skips_bytes_that_are_not_utf8),
      cmocka_unit_test(slug_is_cut_at_a_word),
      cmocka_unit_test(slug_ends_where_a_word_does_not_fit),
      cmocka_unit_test(slug_of_one_long_word_is_cut_at_a_character),
      cmocka_unit_test(slug_of_the_longest_length_is_whole),
      cmocka_unit_test(slug_survives_text_that_grows_most),
      cmocka_unit_test(slug_cut_keeps_words_and_characters_whole),
      cmocka_unit_test(fold_makes_spellings_of_one_text_equal),
      cmocka_unit_test(fold_of_bad_utf8_is_null),
      cmocka_unit_test(graphemes_are_counted_as_people_see_them),
      cmocka_unit_test(valid_text_is_utf8_by_the_letter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
