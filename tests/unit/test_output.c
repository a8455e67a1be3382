#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "job_payload.h"
#include "output.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What `print` writes for `text`; to be freed. */
static char *printed(void (*print)(FILE *, const char *), const char *text) {
  char *out = NULL;
  size_t len = 0;
  FILE *file = open_memstream(&out, &len);
  assert_non_null(file);
  print(file, text);
  assert_int_equal(fclose(file), 0);
  return out;
}

static void assert_printed(void (*print)(FILE *, const char *), const char *text,
                           const char *expected) {
  char *out = printed(print, text);
  assert_string_equal(out, expected);
  free(out);
}

#define LOST "\xEF\xBF\xBD" /* U+FFFD */

static void control_characters_become_harmless(void **state) {
  (void)state;
  assert_printed(output_text, "a\033[31mb", "a" LOST "[31mb");
  assert_printed(output_text,
                 "a\xC2\x9B"
                 "2Jb",
                 "a" LOST "2Jb");
  assert_printed(output_text, "a\nb\tc\rd", "a b c d");
  assert_printed(output_text,
                 "a\x7f"
                 "b\x07",
                 "a" LOST "b" LOST);
  assert_printed(output_text,
                 "a\xE2\x80\xAE"
                 "b",
                 "a" LOST "b"); /* right-to-left override */
  assert_printed(output_text, "a\xff\xC3", "a" LOST LOST);
  assert_printed(output_text, "Wärme 日本", "Wärme 日本");
  assert_printed(output_block, "a\n\tb\033c", "a\n\tb" LOST "c\n");
  assert_printed(output_block, "a\n", "a\n");
}

static void texts_are_cut_by_columns_not_bytes(void **state) {
  static const struct {
    const char *text;
    int columns;
    const char *expected;
  } rows[] = {{"abcdef", 6, "abcdef"}, {"abcdefg", 6, "abcde…"},
              {"日本語", 6, "日本語"}, {"日本語", 5, "日本…"},
              {"日本語", 4, "日…"},    {"é́é́é́", 3, "é́é́é́"},
              {"äöüß", 3, "äö…"},      {"", 3, ""}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char *cut = output_text_cut(rows[i].text, rows[i].columns);
    assert_string_equal(cut, rows[i].expected);
    assert_true(output_text_width(cut) <= rows[i].columns);
    free(cut);
  }
}

static void times_and_amounts_read_well(void **state) {
  char text[OUTPUT_TIME_MAX];
  (void)state;
  setenv("TZ", "LOC-05:30", 1);
  tzset();
  output_time(INT64_C(1785412800999), text);
  assert_string_equal(text, "2026-07-30T17:30:00+05:30");
  output_time(0, text);
  assert_string_equal(text, "-");
  output_moment(INT64_C(1785412800999), text);
  assert_string_equal(text, "2026-07-30 17:30:00");
  output_moment(0, text);
  assert_string_equal(text, "-");
  static const struct {
    int64_t ms;
    const char *text;
  } rows[] = {{0, "0ms"},       {999, "999ms"},   {1000, "1s"},       {1500, "1.5s"},
              {59999, "59.9s"}, {60000, "1m 0s"}, {3600000, "1h 0m"}, {90061000, "1d 1h"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    output_duration(rows[i].ms, text);
    assert_string_equal(text, rows[i].text);
  }
  output_money(12300, text);
  assert_string_equal(text, "0.012300");
  output_money(71000042, text);
  assert_string_equal(text, "71.000042");
}

static void put_json(FILE *file, const char *text) {
  struct output_json json = {.file = file};
  output_json_text(&json, NULL, text);
}

static void put_raw(FILE *file, const char *text) {
  struct output_json json = {.file = file};
  output_json_raw(&json, NULL, text);
}

static void json_text_means_the_same_and_is_one_safe_line(void **state) {
  static const char text[] = "q\" b\\ n\n t\t e\033 d\x7f c\xC2\x9B u\xE2\x80\xA8 ü 日 \U0001F600";
  (void)state;
  char *out = printed(put_json, text);
  json_t *json = json_loads(out, JSON_DECODE_ANY, NULL);
  assert_non_null(json);
  assert_string_equal(json_string_value(json), text);
  assert_null(strpbrk(out, "\n\t\033\x7f"));
  assert_null(strstr(out, "\xC2\x9B"));
  json_decref(json);
  free(out);
  assert_printed(put_json, NULL, "null");
  assert_printed(put_json, "a\xff", "\"a" LOST "\"");
}

static void embedded_json_keeps_its_digits_on_one_line(void **state) {
  (void)state;
  assert_printed(put_raw, "{\n\t\"a\": 12345678901234567890.10\r\n}",
                 "{  \"a\": 12345678901234567890.10  }");
  assert_printed(put_raw, "\"\x7f\xC2\x9B\"", "\"\\u007f\\u009b\"");
  assert_printed(put_raw, "\"\\n\"", "\"\\n\"");
  assert_printed(put_raw, NULL, "null");
}

static void absent_ids_and_times_are_null_in_json(void **state) {
  char *out = NULL;
  size_t len = 0;
  (void)state;
  struct galley_job job = {.id = 7, .kind = "mail", .payload = "{\"a\":1}", .run_at_ms = 5};
  FILE *file = open_memstream(&out, &len);
  assert_non_null(file);
  struct output_json json = {.file = file};
  output_json_open(&json, NULL, '{');
  output_json_fields(&json, &galley_job_record, &job);
  output_json_end(&json);
  fclose(file);
  json_t *object = json_loads(out, 0, NULL);
  assert_non_null(object);
  assert_int_equal(json_object_size(object), galley_job_record.n_fields);
  assert_int_equal(json_integer_value(json_object_get(object, "id")), 7);
  assert_int_equal(json_integer_value(json_object_get(object, "run_at_ms")), 5);
  assert_true(json_is_null(json_object_get(object, "worker_id")));
  assert_true(json_is_null(json_object_get(object, "started_at_ms")));
  assert_true(json_is_null(json_object_get(object, "error")));
  assert_true(json_is_integer(json_object_get(object, "attempt")));
  assert_int_equal(json_integer_value(json_object_get(json_object_get(object, "payload"), "a")), 1);
  json_decref(object);
  free(out);
}

static void a_payload_is_sliced_as_it_was_written(void **state) {
  static const struct {
    const char *object;
    const char *payload; /* NULL: not found */
  } rows[] = {{"{\"payload\":1.10}", "1.10"},
              {"{ \"kind\" : \"a\" , \"payload\" : { \"b\" : [ 1 , \"}\" ] } , \"x\" : 1 }",
               "{ \"b\" : [ 1 , \"}\" ] }"},
              {"{\"a\":{\"payload\":1},\"payload\":\"x\\\"y\"}", "\"x\\\"y\""},
              {"{\"a\":\"\\\\\",\"payload\":[[],[]]}", "[[],[]]"},
              {"{\"a\":\"payload\",\"payload\":null}", "null"},
              {"{\"a\":{\"payload\":1}}", NULL},
              {"{\"p\\u0061yload\":1}", NULL},
              {"{}", NULL}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *start = NULL;
    size_t len = 0;
    bool found = job_payload_slice(rows[i].object, &start, &len);
    assert_int_equal(found, rows[i].payload != NULL);
    if (found) {
      assert_int_equal(len, strlen(rows[i].payload));
      assert_memory_equal(start, rows[i].payload, len);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(control_characters_become_harmless),
      cmocka_unit_test(texts_are_cut_by_columns_not_bytes),
      cmocka_unit_test(times_and_amounts_read_well),
      cmocka_unit_test(json_text_means_the_same_and_is_one_safe_line),
      cmocka_unit_test(embedded_json_keeps_its_digits_on_one_line),
      cmocka_unit_test(absent_ids_and_times_are_null_in_json),
      cmocka_unit_test(a_payload_is_sliced_as_it_was_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
