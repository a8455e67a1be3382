#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "option.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORDS_MAX 40

struct values {
  bool flag, other;
  const char *text;
  struct option_list list;
  int64_t number, duration, bytes, time, open;
};

#define AT(member) offsetof(struct values, member)
static const struct option_row rows[] = {
    {.letter = 'f', .name = "flag", .type = OPTION_FLAG, .about = "a flag", .offset = AT(flag)},
    {.letter = 'o', .name = "other", .type = OPTION_FLAG, .about = "a flag", .offset = AT(other)},
    {.letter = 't',
     .name = "text",
     .type = OPTION_TEXT,
     .argument = "TEXT",
     .fallback = "none",
     .about = "a text",
     .offset = AT(text)},
    {.letter = 'l',
     .name = "list",
     .type = OPTION_LIST,
     .argument = "TEXT",
     .about = "texts",
     .offset = AT(list)},
    {.letter = 'n',
     .name = "number",
     .type = OPTION_NUMBER,
     .argument = "N",
     .min = 2,
     .max = 9,
     .fallback = "5",
     .about = "a number",
     .offset = AT(number)},
    {.name = "duration",
     .type = OPTION_DURATION,
     .argument = "DURATION",
     .min = 0,
     .max = 60000,
     .absent = -1,
     .about = "a duration",
     .offset = AT(duration)},
    {.name = "bytes",
     .type = OPTION_BYTES,
     .argument = "SIZE",
     .about = "a size",
     .offset = AT(bytes)},
    {.name = "time",
     .type = OPTION_TIME,
     .argument = "TIME",
     .about = "a time",
     .offset = AT(time)},
    {.name = "open",
     .type = OPTION_NUMBER,
     .argument = "N",
     .about = "any number from 0",
     .offset = AT(open)},
};

static struct values values;
static struct option_line line;
static char *words[WORDS_MAX];

/* Parses the words of a line that are parted by single spaces. */
static bool parse_with(const char *text, bool stop_at_operand) {
  static char copy[1024];
  snprintf(copy, sizeof copy, "%s", text);
  values = (struct values){0};
  line = (struct option_line){.words = words, .stop_at_operand = stop_at_operand};
  for (char *at = copy; at != NULL && *at != '\0';) {
    char *space = strchr(at, ' ');
    if (space != NULL)
      *space++ = '\0';
    assert_true(line.n_words < WORDS_MAX);
    words[line.n_words++] = at;
    at = space;
  }
  const struct option_set set = {rows, sizeof rows / sizeof *rows, &values};
  option_defaults(&set);
  return option_parse(&set, 1, &line);
}

static bool parse(const char *text) {
  return parse_with(text, false);
}

static void assert_refused(const char *text, const char *part) {
  assert_false(parse(text));
  if (strstr(line.error, part) == NULL)
    fail_msg("\"%s\" does not hold \"%s\"", line.error, part);
}

static void values_not_given_have_their_fallback(void **state) {
  (void)state;
  assert_true(parse(""));
  assert_false(values.flag);
  assert_string_equal(values.text, "none");
  assert_int_equal(values.list.n, 0);
  assert_int_equal(values.number, 5);
  assert_int_equal(values.duration, -1);
  assert_int_equal(values.open, 0);
}

static void every_spelling_of_an_option_is_read(void **state) {
  static const char *const spellings[] = {"--number 7", "--number=7", "-n 7",
                                          "-n7",        "-fn7",       "-fn 7"};
  (void)state;
  for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
    assert_true(parse(spellings[i]));
    assert_int_equal(values.number, 7);
    assert_int_equal(line.n_operands, 0);
  }
  assert_true(parse("-fo --text= --duration 1m --bytes 2K --time 86400000 --open 12"));
  assert_true(values.flag && values.other);
  assert_string_equal(values.text, "");
  assert_int_equal(values.duration, 60000);
  assert_int_equal(values.bytes, 2048);
  assert_int_equal(values.time, 86400000);
  assert_int_equal(values.open, 12);
}

static void operands_keep_their_order_among_options(void **state) {
  (void)state;
  assert_true(parse("a -f b --number 3 - -- --other -x"));
  assert_int_equal(line.n_operands, 5);
  static const char *const expected[] = {"a", "b", "-", "--other", "-x"};
  for (size_t i = 0; i < 5; i++)
    assert_string_equal(words[i], expected[i]);
  assert_true(values.flag);
  assert_false(values.other);
}

static void reading_stops_at_the_first_operand_when_asked(void **state) {
  (void)state;
  assert_true(parse_with("-f list --unknown", true));
  assert_true(values.flag);
  assert_int_equal(line.n_operands, 2);
  assert_string_equal(words[0], "list");
  assert_string_equal(words[1], "--unknown");
}

static void the_last_of_two_wins_and_lists_collect(void **state) {
  (void)state;
  assert_true(parse("-n 3 -n 4 -l a --list b"));
  assert_int_equal(values.number, 4);
  assert_int_equal(values.list.n, 2);
  assert_string_equal(values.list.items[0], "a");
  assert_string_equal(values.list.items[1], "b");
}

static void a_list_has_its_limit(void **state) {
  char text[200] = "";
  (void)state;
  for (int i = 0; i < OPTION_LIST_MAX; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s-la", i > 0 ? " " : "");
  assert_true(parse(text));
  assert_int_equal(values.list.n, OPTION_LIST_MAX);
  snprintf(text + strlen(text), sizeof text - strlen(text), " -la");
  assert_refused(text, "more than 16 times");
}

static void wrong_options_are_named(void **state) {
  (void)state;
  assert_refused("--nubmer 3", "unknown option --nubmer; did you mean --number?");
  assert_refused("--xyzzy", "unknown option --xyzzy");
  assert_refused("-x", "unknown option -x");
  assert_refused("-\xc3\xa9x", "unknown option -\xc3\xa9");
  assert_refused("--number", "--number needs N");
  assert_refused("-n", "-n needs N");
  assert_refused("--flag=1", "--flag takes no value");
  assert_refused("--number seven", "a whole number");
  assert_refused("--number 3x", "a whole number");
  assert_refused("--number 99999999999999999999", "a whole number");
  assert_refused("--duration 1w", "a duration");
  assert_refused("--bytes 10m", "a size");
  assert_refused("--time noon", "a time");
}

static void numbers_are_taken_at_their_bounds_and_not_past(void **state) {
  (void)state;
  assert_true(parse("--number 2"));
  assert_true(parse("--number 9"));
  assert_refused("--number 1", "between 2 and 9");
  assert_refused("--number 10", "between 2 and 9");
  assert_true(parse("--duration 0"));
  assert_true(parse("--duration 60s"));
  assert_refused("--duration 60001ms", "between 0 ms and 60000 ms");
  assert_true(parse("--open 9223372036854775807"));
  assert_refused("--open -1", "at least 0");
}

static void times_are_iso_8601_or_milliseconds(void **state) {
  static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
  } times[] = {{"0", 0},
               {"1785412800000", INT64_C(1785412800000)},
               {"1970-01-01T00:00:00Z", 0},
               {"2026-07-30T12:00:00Z", INT64_C(1785412800000)},
               {"2026-07-30T12:00Z", INT64_C(1785412800000)},
               {"2026-07-30T14:00:00+02:00", INT64_C(1785412800000)},
               {"2026-07-30T14:00:00+0200", INT64_C(1785412800000)},
               {"2026-07-30T06:30:00-05:30", INT64_C(1785412800000)},
               {"2026-07-30 12:00:00.250Z", INT64_C(1785412800250)},
               {"2024-02-29T00:00Z", INT64_C(1709164800000)},
               /* local time; the test runs at UTC+1 without summer time */
               {"2026-07-30T13:00:00", INT64_C(1785412800000)},
               {"2026-07-30", INT64_C(1785366000000)},
               {"", -1},
               {"now", -1},
               {"2026", 2026},
               {"2026-7-30", -1},
               {"2026-02-29T00:00Z", -1},
               {"2026-13-01", -1},
               {"2026-00-01", -1},
               {"2026-01-00", -1},
               {"2026-07-30T24:00Z", -1},
               {"2026-07-30T12:60Z", -1},
               {"2026-07-30T12:00:00X", -1},
               {"2026-07-30T12:00:00Z ", -1},
               {"2026-07-30T12", -1},
               {"1969-12-31T23:59:59Z", -1},
               {"-5", -1}};
  (void)state;
  setenv("TZ", "LOC-1", 1);
  tzset();
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    int64_t ms = -1;
    bool fine = option_parse_time(times[i].text, &ms);
    if (fine != (times[i].ms >= 0) || (fine && ms != times[i].ms))
      fail_msg("\"%s\": %lld", times[i].text, (long long)ms);
  }
}

static void help_names_every_option_within_the_width(void **state) {
  static const int widths[] = {40, 60, 80, 100};
  (void)state;
  for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
    char *text = NULL;
    size_t len = 0;
    FILE *file = open_memstream(&text, &len);
    assert_non_null(file);
    option_print(&(struct option_set){rows, sizeof rows / sizeof *rows, NULL}, widths[w], file);
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
      assert_non_null(strstr(text, rows[i].name));
    assert_non_null(strstr(text, "(default: 5)"));
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n") + 1)
      assert_true(strcspn(at, "\n") <= (size_t)widths[w]);
    free(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_not_given_have_their_fallback),
      cmocka_unit_test(every_spelling_of_an_option_is_read),
      cmocka_unit_test(operands_keep_their_order_among_options),
      cmocka_unit_test(reading_stops_at_the_first_operand_when_asked),
      cmocka_unit_test(the_last_of_two_wins_and_lists_collect),
      cmocka_unit_test(a_list_has_its_limit),
      cmocka_unit_test(wrong_options_are_named),
      cmocka_unit_test(numbers_are_taken_at_their_bounds_and_not_past),
      cmocka_unit_test(times_are_iso_8601_or_milliseconds),
      cmocka_unit_test(help_names_every_option_within_the_width),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
