#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fold.h"
#include "output.h"
#include "sheet.h"

#include <stdlib.h>
#include <string.h>

/* What the last of the functions below printed. */
static char *printed;

static FILE *begin(void) {
  static size_t len;
  free(printed);
  FILE *file = open_memstream(&printed, &len);
  assert_non_null(file);
  return file;
}

static const char *text(struct fold fold, const char *what) {
  FILE *file = begin();
  fold_text(file, &fold, what);
  assert_int_equal(fclose(file), 0);
  return printed;
}

static const char *page(int width, const char *what) {
  FILE *file = begin();
  fold_page(file, width, what);
  assert_int_equal(fclose(file), 0);
  return printed;
}

static const char *lines(int width, const char *what) {
  FILE *file = begin();
  fold_lines(file, width, what);
  assert_int_equal(fclose(file), 0);
  return printed;
}

#define WIDE(n) ((struct fold){.width = (n)})

static void lines_end_between_words(void **state) {
  (void)state;
  assert_string_equal(text(WIDE(9), "one two three"), "one two\nthree\n");
  assert_string_equal(text(WIDE(13), "one two three"), "one two three\n");
  assert_string_equal(text(WIDE(12), "one two three"), "one two\nthree\n");
  assert_string_equal(text(WIDE(7), "one two   "), "one two\n");
  assert_string_equal(text(WIDE(0), "one two three"), "one two three\n");
  assert_string_equal(text(WIDE(5), ""), "\n");
}

static void a_word_wider_than_a_line_stays_whole(void **state) {
  (void)state;
  assert_string_equal(text(WIDE(6), "see https://a.example/b ok"),
                      "see\nhttps://a.example/b\nok\n");
  assert_string_equal(text(WIDE(3), "abcdef"), "abcdef\n");
}

static void later_lines_are_indented_and_the_first_begins_where_it_stands(void **state) {
  (void)state;
  struct fold fold = {.width = 10, .start = 4, .indent = 4};
  assert_string_equal(text(fold, "one two three"), "one\n    two\n    three\n");
}

static void width_is_counted_in_columns(void **state) {
  (void)state;
  assert_string_equal(text(WIDE(5), "äöü éé é"), "äöü\néé é\n");
  assert_string_equal(text(WIDE(6), "日本語です。はい"), "日本語\nです。\nはい\n");
  assert_string_equal(text(WIDE(4), "日本。語"),
                      "日\n本。\n語\n"); /* the stop stays with its word */
}

static void control_characters_become_harmless(void **state) {
  (void)state;
  assert_string_equal(text(WIDE(20), "a\033[31m b\nc"), "a\xEF\xBF\xBD[31m b c\n");
  assert_string_equal(lines(20, "a\xff\n\tb"), "a\xEF\xBF\xBD\n b\n");
}

static void lines_of_a_text_stay_apart(void **state) {
  (void)state;
  assert_string_equal(lines(7, "one two\nthree\n\n  four five\n"),
                      "one two\nthree\n\n  four\n  five\n");
}

static void a_page_joins_its_lines_and_leaves_examples_alone(void **state) {
  (void)state;
  assert_string_equal(page(40, "one\ntwo three\n\nExamples:\n  galley   a\n  galley b\n"),
                      "one two three\n\nExamples:\n  galley   a\n  galley b\n");
  assert_string_equal(page(12, "  galley run x y\nz\n"), "  galley run\n      x y\nz\n");
}

static void no_line_is_too_wide_or_ends_with_a_space(void **state) {
  static const char sample[] = "Lorem ipsum  dolor sit amet,   consectetur adipiscing elit, sed do "
                               "eiusmod tempor incididunt ut labore et dolore";
  (void)state;
  for (int width = 12; width < 90; width++) {
    const char *out = text((struct fold){.width = width, .indent = 1}, sample);
    for (; *out != '\0'; out += strcspn(out, "\n") + 1) {
      size_t len = strcspn(out, "\n");
      assert_true(len <= (size_t)width);
      assert_true(len == 0 || out[len - 1] != ' ');
    }
  }
}

static void columns_have_names_for_people(void **state) {
  static const char *const names[][2] = {{"run_at_ms", "run at"},   {"cost_usd_micros", "cost"},
                                         {"timeout_ms", "timeout"}, {"unique_key", "unique key"},
                                         {"items", "items"},        {"_ms", " ms"}};
  char name[SHEET_NAME_MAX];
  (void)state;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    sheet_name(names[i][0], name);
    assert_string_equal(name, names[i][1]);
  }
}

static void a_sheet_folds_values_below_each_other_and_blocks_at_the_edge(void **state) {
  const struct galley_job job = {.id = 7,
                                 .kind = "mail",
                                 .error = "it went wrong for once",
                                 .cost_usd_micros = 12300,
                                 .payload = "\"one\ntwo and three and four and five\""};
  (void)state;
  FILE *file = begin();
  sheet_print(file, 34, &galley_job_record, &job);
  assert_int_equal(fclose(file), 0);
  assert_non_null(strstr(printed, "error              it went wrong\n"
                                  "                   for once\n"));
  assert_non_null(strstr(printed, "cost               0.012300 USD\n"));
  assert_non_null(strstr(printed, "\npayload:\n\"one\ntwo and three and four and five\"\n"));
  assert_null(strstr(printed, "run at")); /* it has none */
  file = begin();
  sheet_print(file, 0, &galley_job_record, &job);
  assert_int_equal(fclose(file), 0);
  assert_non_null(strstr(printed, "error              it went wrong for once\n"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_end_between_words),
      cmocka_unit_test(a_word_wider_than_a_line_stays_whole),
      cmocka_unit_test(later_lines_are_indented_and_the_first_begins_where_it_stands),
      cmocka_unit_test(width_is_counted_in_columns),
      cmocka_unit_test(control_characters_become_harmless),
      cmocka_unit_test(lines_of_a_text_stay_apart),
      cmocka_unit_test(a_page_joins_its_lines_and_leaves_examples_alone),
      cmocka_unit_test(no_line_is_too_wide_or_ends_with_a_space),
      cmocka_unit_test(columns_have_names_for_people),
      cmocka_unit_test(a_sheet_folds_values_below_each_other_and_blocks_at_the_edge),
  };
  int failed = cmocka_run_group_tests(tests, NULL, NULL);
  free(printed);
  return failed;
}
