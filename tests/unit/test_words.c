/* Words, stop words and the words of a topic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stopword.h"
#include "subject.h"
#include "words.h"

#include <string.h>

/* The folded words of a text with a space between them. */
static const char *folded(const char *text, const char *language, bool stems) {
  static char out[1024];
  struct words words;
  struct word word;
  out[0] = '\0';
  words_init(&words, text, strlen(text), language);
  while (words_next(&words, &word)) {
    if (out[0] != '\0')
      strncat(out, " ", sizeof out - strlen(out) - 1);
    strncat(out, stems ? words.stem : words.folded, sizeof out - strlen(out) - 1);
  }
  return out;
}

static void words_are_folded_in_case_and_marks(void **state) {
  (void)state;
  assert_string_equal(folded("Ängste, ÉNERGIE; Straße", "de", false), "angste energie strasse");
  assert_string_equal(folded("l'énergie d’hier", "fr", false), "l energie d hier");
  assert_string_equal(folded("ΑΘΗΝΑ МОСКВА", "el", false), "αθηνα москва");
}

static void words_equal_their_decomposed_spelling(void **state) {
  (void)state;
  assert_string_equal(folded("cafe\xcc\x81", "fr", false), "cafe");
}

static void words_lose_common_endings(void **state) {
  (void)state;
  assert_string_equal(folded("pumps pump cities glass crisis", "en", true),
                      "pump pump city glass crisis");
  assert_string_equal(folded("Wärmepumpe Wärmepumpen Förderungen Haus", "de", true),
                      "warmepump warmepump forderung haus");
  assert_string_equal(folded("maisons maison canaux canal", "fr", true),
                      "maison maison canal canal");
}

static void words_of_han_are_pairs_and_of_katakana_whole(void **state) {
  (void)state;
  assert_string_equal(folded("電気自動車の普及とデータ", "ja", false),
                      "電気 気自 自動 動車 普及 テータ");
  assert_string_equal(folded("車の", "ja", false), "車");
}

static void words_know_numbers_capitals_and_neighbours(void **state) {
  (void)state;
  struct words words;
  struct word word;
  const char *text = "Paid 3.5 heat-pump, Costs";
  words_init(&words, text, strlen(text), "en");
  assert_true(words_next(&words, &word) && word.capital && !word.joined && !word.number);
  assert_true(words_next(&words, &word) && word.number && word.joined);
  assert_int_equal(word.end - word.start, 3);
  assert_true(words_next(&words, &word) && word.joined);
  assert_true(words_next(&words, &word) && word.joined);
  assert_true(words_next(&words, &word) && word.capital && !word.joined);
  assert_false(words_next(&words, &word));
}

static void words_longer_than_the_limit_are_cut_at_a_character(void **state) {
  (void)state;
  char text[200] = "";
  for (int i = 0; i < 40; i++)
    strncat(text, "ж", sizeof text - strlen(text) - 1);
  assert_int_equal(strlen(folded(text, "ru", false)), (WORDS_FOLDED_MAX - 1) / 2 * 2);
}

static void words_survive_broken_bytes(void **state) {
  (void)state;
  assert_string_equal(folded("one\xff two\xc3", "en", false), "one two");
}

static void count_is_what_a_reader_counts(void **state) {
  (void)state;
  const struct {
    const char *text;
    int64_t words;
  } cases[] = {{"", 0},
               {"It's a well-known - 3.5 % fact.", 5},
               {"one\n\ntwo\tthree", 3},
               {"東京は大", (4 + WORDS_CHARACTERS_PER_WORD - 1) / WORDS_CHARACTERS_PER_WORD},
               {"東京は大。X", 3},
               {"...", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_int_equal(words_count(cases[i].text, strlen(cases[i].text)), cases[i].words);
}

static void share_tells_languages_apart(void **state) {
  (void)state;
  const char *english = "The mill stood by the river and it was never sold to anybody";
  const char *german = "Die Mühle stand am Fluss und sie wurde nie an jemanden verkauft";
  assert_true(words_share(english, strlen(english), "en") >
              2 * words_share(english, strlen(english), "de"));
  assert_true(words_share(german, strlen(german), "de") >
              2 * words_share(german, strlen(german), "en"));
  assert_true(words_share(german, strlen(german), "xx") == 0.0);
}

static void stop_words_are_in_order(void **state) {
  (void)state;
  for (const char *const *language = stopword_languages; *language != NULL; language++)
    assert_true(stopword_sorted(stopword_find(*language)));
  assert_false(stopword_sorted(stopword_find("xx")));
}

static void stop_words_have_their_roles(void **state) {
  (void)state;
  assert_int_equal(stopword_roles(stopword_find("en"), "the", 3), STOPWORD_PLAIN | STOPWORD_OPENS);
  assert_int_equal(stopword_roles(stopword_find("en"), "however", 7),
                   STOPWORD_PLAIN | STOPWORD_LEANS);
  assert_true((stopword_roles(stopword_find("en-GB"), "we", 2) & STOPWORD_PERSON) != 0);
  assert_int_equal(stopword_roles(stopword_find("en"), "mill", 4), STOPWORD_NONE);
  assert_int_equal(stopword_roles(stopword_find("en"), "th", 2), STOPWORD_NONE);
  assert_int_equal(stopword_roles(stopword_find("en"), "thee", 4), STOPWORD_NONE);
  assert_int_equal(stopword_roles(stopword_find("xx"), "the", 3), STOPWORD_NONE);
  assert_int_equal(stopword_roles(stopword_find("xx"), "q", 1), STOPWORD_PLAIN);
}

static unsigned bits_of(const struct subject *subject, const char *text, const char *language) {
  struct words words;
  struct word word;
  unsigned bits = 0;
  words_init(&words, text, strlen(text), language);
  while (words_next(&words, &word))
    bits |= subject_match(subject, &words, &word);
  return bits;
}

static void subject_takes_the_words_that_carry_meaning(void **state) {
  (void)state;
  struct subject subject;
  subject_init(&subject, "The heat pumps in a house and the heat", "en");
  assert_int_equal(subject.n, 3);
  assert_int_equal(bits_of(&subject, "A pump for houses", "en"), 6);
  assert_true(subject_share(&subject, 6) > 0.66 && subject_share(&subject, 6) < 0.67);
}

static void subject_is_found_in_compounds(void **state) {
  (void)state;
  struct subject subject;
  subject_init(&subject, "Wärmepumpe", "de");
  assert_int_equal(bits_of(&subject, "Luftwärmepumpen", "de"), 1);
  assert_int_equal(bits_of(&subject, "WÄRMEPUMPENSTROM", "de"), 1);
  assert_int_equal(bits_of(&subject, "Wärme und Pumpe", "de"), 0);
}

static void subject_of_stop_words_only_takes_them(void **state) {
  (void)state;
  struct subject subject;
  subject_init(&subject, "The Who", "en");
  assert_int_equal(subject.n, 2);
  subject_init(&subject, "", "en");
  assert_int_equal(subject.n, 0);
}

static void subject_has_a_limit_of_words(void **state) {
  (void)state;
  struct subject subject;
  subject_init(&subject, "aa bb cc dd ee ff gg hh ii jj kk ll mm nn oo pp qq rr", "xx");
  assert_int_equal(subject.n, SUBJECT_WORDS_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_are_folded_in_case_and_marks),
      cmocka_unit_test(words_equal_their_decomposed_spelling),
      cmocka_unit_test(words_lose_common_endings),
      cmocka_unit_test(words_of_han_are_pairs_and_of_katakana_whole),
      cmocka_unit_test(words_know_numbers_capitals_and_neighbours),
      cmocka_unit_test(words_longer_than_the_limit_are_cut_at_a_character),
      cmocka_unit_test(words_survive_broken_bytes),
      cmocka_unit_test(count_is_what_a_reader_counts),
      cmocka_unit_test(share_tells_languages_apart),
      cmocka_unit_test(stop_words_are_in_order),
      cmocka_unit_test(stop_words_have_their_roles),
      cmocka_unit_test(subject_takes_the_words_that_carry_meaning),
      cmocka_unit_test(subject_is_found_in_compounds),
      cmocka_unit_test(subject_of_stop_words_only_takes_them),
      cmocka_unit_test(subject_has_a_limit_of_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
