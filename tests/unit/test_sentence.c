/* The sentence splitter, and which sentences may stand in a report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "abbreviation.h"
#include "prose.h"
#include "sentence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECTED_MAX 12

/* Splits and compares with the expected sentences, NULL at the end. */
static void check_split(const char *language, const char *text, const char *const *expected) {
  struct sentences walk;
  struct sentence sentence;
  size_t n = 0;
  sentence_init(&walk, text, strlen(text), language);
  for (; sentence_next(&walk, &sentence); n++) {
    assert_non_null(expected[n]);
    char *found = strndup(text + sentence.start, sentence.end - sentence.start);
    assert_string_equal(found, expected[n]);
    free(found);
  }
  assert_null(expected[n]);
}
#define SPLIT(language, text, ...)                                                                 \
  check_split(language, text, (const char *const[EXPECTED_MAX]){__VA_ARGS__, NULL})

static void sentence_ends_at_stop_before_capital(void **state) {
  (void)state;
  SPLIT("en", "It rains. Nobody minds! Why? Because.", "It rains.", "Nobody minds!", "Why?",
        "Because.");
  SPLIT("en", "It is 3.5 metres, i.e. a lot. yes it is.",
        "It is 3.5 metres, i.e. a lot. yes it is.");
}

static void sentence_keeps_abbreviations_and_initials(void **state) {
  (void)state;
  SPLIT("en", "Dr. Lee met J. K. Orr of Acme Inc. in Leeds. They left.",
        "Dr. Lee met J. K. Orr of Acme Inc. in Leeds.", "They left.");
  SPLIT("en", "She works for Acme Inc. The pay is poor.", "She works for Acme Inc.",
        "The pay is poor.");
  SPLIT("de", "Am 3. Oktober kam z. B. Dr. Meier. Die Post kam nicht.",
        "Am 3. Oktober kam z. B. Dr. Meier.", "Die Post kam nicht.");
  SPLIT("en", "He came third on May 3. Nobody saw him.", "He came third on May 3.",
        "Nobody saw him.");
  SPLIT("fr", "M. Dupont arrive. Il parle.", "M. Dupont arrive.", "Il parle.");
}

static void sentence_keeps_closing_quotes_and_footnotes(void **state) {
  (void)state;
  SPLIT("en", "\"Go.\" He went. \xe2\x80\x9cStay!\xe2\x80\x9d she cried.[12] Then rain.", "\"Go.\"",
        "He went.", "\xe2\x80\x9cStay!\xe2\x80\x9d she cried.[12]", "Then rain.");
  SPLIT("de", "Er sagt: „Das geht.“ Dann geht er.", "Er sagt: „Das geht.“", "Dann geht er.");
}

static void sentence_is_not_cut_inside_brackets(void **state) {
  (void)state;
  SPLIT("en", "It works (see p. 3. It is long.) every time. Good.",
        "It works (see p. 3. It is long.) every time.", "Good.");
}

static void sentence_survives_a_bracket_that_never_closes(void **state) {
  (void)state;
  char text[1024] = "It works (see below. ";
  while (strlen(text) < SENTENCE_BRACKET_MAX + 100)
    strncat(text, "word ", sizeof text - strlen(text) - 1);
  strncat(text, "end. Next one here.", sizeof text - strlen(text) - 1);
  struct sentences walk;
  struct sentence sentence;
  size_t n = 0;
  sentence_init(&walk, text, strlen(text), "en");
  while (sentence_next(&walk, &sentence))
    n++;
  assert_int_equal(n, 2);
}

static void sentence_splits_scripts_without_spaces(void **state) {
  (void)state;
  SPLIT("ja", "東京は大きい。「はい。」と彼は言った。次！本当？はい。", "東京は大きい。",
        "「はい。」と彼は言った。", "次！", "本当？", "はい。");
  SPLIT("zh", "今天下雨。我们不去。", "今天下雨。", "我们不去。");
}

static void sentence_splits_greek_at_its_question_mark(void **state) {
  (void)state;
  SPLIT("el", "Τι κάνεις; Καλά.", "Τι κάνεις;", "Καλά.");
  SPLIT("en", "One; Two.", "One; Two.");
}

static void sentence_counts_paragraphs_and_drops_list_marks(void **state) {
  (void)state;
  const char *text = "First one.\n\nSecond\nline. Third.\n- Fourth one.\n- Fifth one.\n\nHeadline";
  const size_t paragraphs[] = {0, 1, 1, 2, 3, 4};
  const char *const starts[] = {"First", "Second", "Third", "Fourth", "Fifth", "Headline"};
  struct sentences walk;
  struct sentence sentence;
  size_t n = 0;
  sentence_init(&walk, text, strlen(text), "en");
  for (; sentence_next(&walk, &sentence); n++) {
    assert_int_equal(sentence.paragraph, paragraphs[n]);
    assert_memory_equal(text + sentence.start, starts[n], strlen(starts[n]));
    assert_int_equal(sentence.whole, n < 5);
  }
  assert_int_equal(n, 6);
}

static void sentence_with_ellipsis_is_not_whole(void **state) {
  (void)state;
  const char *const texts[] = {"The rest is behind...", "The rest is behind…", "The rest [...]"};
  for (size_t i = 0; i < 3; i++) {
    struct sentences walk;
    struct sentence sentence;
    sentence_init(&walk, texts[i], strlen(texts[i]), "en");
    assert_true(sentence_next(&walk, &sentence));
    assert_false(sentence.whole);
  }
}

static void sentence_is_cut_at_its_limit(void **state) {
  (void)state;
  const size_t lengths[] = {SENTENCE_BYTES_MAX, SENTENCE_BYTES_MAX + 2};
  for (size_t i = 0; i < 2; i++) {
    char *text = calloc(1, lengths[i] + 1);
    assert_non_null(text);
    for (size_t at = 0; at + 1 < lengths[i]; at += 2)
      memcpy(text + at, "\xc3\xa4", 2);
    struct sentences walk;
    struct sentence sentence;
    sentence_init(&walk, text, lengths[i], "de");
    assert_true(sentence_next(&walk, &sentence));
    assert_int_equal(sentence.end, SENTENCE_BYTES_MAX);
    assert_int_equal(sentence_next(&walk, &sentence), i == 1);
    free(text);
  }
}

static void sentence_walks_over_any_bytes(void **state) {
  (void)state;
  uint32_t random = 12345;
  char text[400];
  for (int round = 0; round < 2000; round++) {
    static const char *const pieces[] = {". ", "a",  "B",    "\xff", "\xc3",     "。",
                                         "(",  ")",  "\n\n", "- ",   "\xe3\x80", "「",
                                         "3",  "\"", " ",    "[1]"};
    size_t len = 0;
    while (len < sizeof text - 8) {
      random = random * 1664525U + 1013904223U;
      const char *piece = pieces[(random >> 24) % (sizeof pieces / sizeof pieces[0])];
      memcpy(text + len, piece, strlen(piece));
      len += strlen(piece);
    }
    struct sentences walk;
    struct sentence sentence;
    size_t last = 0;
    sentence_init(&walk, text, len, "de");
    while (sentence_next(&walk, &sentence)) {
      assert_true(sentence.start >= last && sentence.end > sentence.start && sentence.end <= len);
      last = sentence.end;
    }
  }
}

static struct prose judge(const char *text, const char *language) {
  return prose_judge(text, strlen(text), language);
}

static void prose_accepts_plain_sentences(void **state) {
  (void)state;
  struct prose prose = judge("The old mill produced 300 sacks of flour every week.", "en");
  assert_true(prose.fit && prose.figures);
  assert_false(prose.leans || prose.person || prose.question || prose.quote);
  assert_true(judge("Die alte Mühle mahlte jede Woche mehr als genug Mehl.", "de").fit);
  assert_true(judge("充電設備は全国で約三万四千口に達したが、地域による差が大きい。", "ja").fit);
}

static void prose_refuses_what_a_site_says_about_itself(void **state) {
  (void)state;
  const char *const texts[][2] = {
      {"en", "Subscribe to our newsletter for more stories like this."},
      {"en", "We use cookies to improve your experience on this site."},
      {"en", "Read more: ten things that nobody told you about mills."},
      {"en", "The post Ten old mills appeared first on Mill Weekly."},
      {"en", "Photo: A mill by the river in the early morning."},
      {"de", "Abonnieren Sie jetzt unseren Newsletter und verpassen Sie nichts."},
      {"de", "Lesen Sie auch: Die schönsten Mühlen im ganzen Land."},
      {"fr", "Inscrivez-vous à notre newsletter pour ne rien manquer."},
      {"es", "Suscríbete a nuestro boletín para no perderte nada."},
      {"it", "Iscriviti alla nostra newsletter per non perdere nulla."},
      {"nl", "Schrijf je in voor onze nieuwsbrief en mis niets."},
      {"pt", "Inscreva-se na nossa newsletter para não perder nada."},
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    assert_false(judge(texts[i][1], texts[i][0]).fit);
}

static void prose_refuses_fragments_links_and_code(void **state) {
  (void)state;
  const char *const texts[] = {
      "Too short.",
      "and so it went on for the rest of the long day.",
      "See https://mill.example/ for all of the opening hours today.",
      "Write to miller@mill.example if the flour was not to taste.",
      "if (mill == NULL) { return flour_free(sack); } is what it says.",
      "He said \xe2\x80\x9cthe mill is old and nobody goes there.",
      "The mill (built in 1620 was never sold to anybody at all.",
      "THE OLD MILL IS FOR SALE AND NOBODY WANTS IT.",
      "12 300 45,6 7.8 90 11 12 13 14 15 16 17 of 99 100 200.",
      "The mill was \xff not sold to anybody at all this year.",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    assert_false(judge(texts[i], "en").fit);
}

static void prose_has_a_limit_of_words(void **state) {
  (void)state;
  char text[1024] = "Words";
  for (int words = 1; words < PROSE_WORDS_MAX - 1; words++)
    strncat(text, " word", sizeof text - strlen(text) - 1);
  char longest[1024], longer[1024];
  snprintf(longest, sizeof longest, "%.1000s end.", text);
  snprintf(longer, sizeof longer, "%.1000s the end.", text);
  assert_true(judge(longest, "en").fit);
  assert_false(judge(longer, "en").fit);
}

static void prose_knows_what_leans_on_the_sentence_before(void **state) {
  (void)state;
  assert_true(judge("However, the mill was sold for very little money.", "en").leans);
  assert_true(judge("They sold the mill for very little money.", "en").leans);
  assert_true(judge("As a result the mill was sold for little money.", "en").leans);
  assert_true(judge("Flexible use could avoid a good part of that.", "en").leans);
  assert_true(judge("Das bedeutet für die Mühle einen schweren Verlust.", "de").leans);
  assert_true(judge("Deshalb wurde die Mühle für wenig Geld verkauft.", "de").leans);
  assert_false(judge("Das Haus an der Mühle wurde für wenig Geld verkauft.", "de").leans);
  assert_true(judge("We sold the mill for very little money.", "en").person);
  assert_true(judge("Who would want to buy such an old mill?", "en").question);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sentence_ends_at_stop_before_capital),
      cmocka_unit_test(sentence_keeps_abbreviations_and_initials),
      cmocka_unit_test(sentence_keeps_closing_quotes_and_footnotes),
      cmocka_unit_test(sentence_is_not_cut_inside_brackets),
      cmocka_unit_test(sentence_survives_a_bracket_that_never_closes),
      cmocka_unit_test(sentence_splits_scripts_without_spaces),
      cmocka_unit_test(sentence_splits_greek_at_its_question_mark),
      cmocka_unit_test(sentence_counts_paragraphs_and_drops_list_marks),
      cmocka_unit_test(sentence_with_ellipsis_is_not_whole),
      cmocka_unit_test(sentence_is_cut_at_its_limit),
      cmocka_unit_test(sentence_walks_over_any_bytes),
      cmocka_unit_test(prose_accepts_plain_sentences),
      cmocka_unit_test(prose_refuses_what_a_site_says_about_itself),
      cmocka_unit_test(prose_refuses_fragments_links_and_code),
      cmocka_unit_test(prose_has_a_limit_of_words),
      cmocka_unit_test(prose_knows_what_leans_on_the_sentence_before),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
