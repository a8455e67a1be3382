/* Log lines: one write each, levels, time or journal, and quoting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Standard error is a datagram socket here, so that each write is a message of its own. */
struct capture {
  int saved, reader;
  char line[2 * LOG_LINE_MAX];
};

static int set_up(void **state) {
  struct capture *capture = calloc(1, sizeof *capture);
  assert_non_null(capture);
  int pair[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
  capture->saved = dup(STDERR_FILENO);
  assert_int_equal(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
  close(pair[1]);
  capture->reader = pair[0];
  unsetenv("JOURNAL_STREAM");
  log_open(LOG_LEVEL_INFO);
  *state = capture;
  return 0;
}

static int tear_down(void **state) {
  struct capture *capture = *state;
  dup2(capture->saved, STDERR_FILENO);
  close(capture->saved);
  close(capture->reader);
  unsetenv("JOURNAL_STREAM");
  free(capture);
  return 0;
}

/* The next write, or NULL. */
static const char *next_line(struct capture *capture) {
  ssize_t n = recv(capture->reader, capture->line, sizeof capture->line - 1, 0);
  if (n < 0)
    return NULL;
  capture->line[n] = '\0';
  return capture->line;
}

static void pretend_journal(const char *format) {
  struct stat status;
  char stream[64];
  assert_int_equal(fstat(STDERR_FILENO, &status), 0);
  snprintf(stream, sizeof stream, "%llu:%llu%s", (unsigned long long)status.st_dev,
           (unsigned long long)status.st_ino, format);
  setenv("JOURNAL_STREAM", stream, 1);
  log_open(LOG_LEVEL_INFO);
}

static void event_is_one_line_in_one_write(void **state) {
  pretend_journal("");
  log_event(LOG_LEVEL_INFO, "job.settled", "job=%lld ms=%d", 42LL, 7);
  assert_string_equal(next_line(*state), "info event=job.settled job=42 ms=7\n");
  assert_null(next_line(*state));
}

static void event_without_values_ends_after_its_name(void **state) {
  pretend_journal("");
  log_event(LOG_LEVEL_WARN, "worker.stopping", "%s", "");
  assert_string_equal(next_line(*state), "warn event=worker.stopping\n");
}

static void time_stands_first_outside_the_journal(void **state) {
  log_event(LOG_LEVEL_ERROR, "a.b", "n=1");
  const char *line = next_line(*state);
  int year, month, day, hour, minute, second, ms, end = 0;
  assert_int_equal(sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour,
                          &minute, &second, &ms, &end),
                   7);
  assert_true(year >= 2024);
  assert_string_equal(line + end, "error event=a.b n=1\n");
}

static void journal_of_another_descriptor_does_not_count(void **state) {
  setenv("JOURNAL_STREAM", "1:1", 1);
  log_open(LOG_LEVEL_INFO);
  log_event(LOG_LEVEL_INFO, "a.b", "n=1");
  assert_non_null(strstr(next_line(*state), "Z info "));
  pretend_journal("junk");
  log_event(LOG_LEVEL_INFO, "a.b", "n=1");
  assert_non_null(strstr(next_line(*state), "Z info "));
}

static void levels_past_the_limit_are_not_written(void **state) {
  log_event(LOG_LEVEL_DEBUG, "a.b", "n=1");
  assert_null(next_line(*state));
  log_open(LOG_LEVEL_DEBUG);
  log_event(LOG_LEVEL_DEBUG, "a.b", "n=1");
  assert_non_null(next_line(*state));
  log_open(LOG_LEVEL_ERROR);
  log_event(LOG_LEVEL_WARN, "a.b", "n=1");
  assert_null(next_line(*state));
}

static void control_characters_cannot_make_a_second_line(void **state) {
  pretend_journal("");
  log_event(LOG_LEVEL_INFO, "a.b", "x=%s", "1\ninfo event=forged\x1b[2J");
  assert_string_equal(next_line(*state), "info event=a.b x=1?info event=forged?[2J\n");
}

/* At the limit, and one past it. */
static void long_line_is_cut(void **state) {
  pretend_journal("");
  static const char head[] = "info event=a.b x=";
  char text[LOG_LINE_MAX * 2];
  size_t fits = LOG_LINE_MAX - 1 - strlen(head);
  memset(text, 'y', sizeof text);
  text[fits] = '\0';
  log_event(LOG_LEVEL_INFO, "a.b", "x=%s", text);
  const char *line = next_line(*state);
  assert_int_equal(strlen(line), LOG_LINE_MAX);
  assert_string_equal(line + LOG_LINE_MAX - 4, "yyy\n");

  text[fits] = 'y';
  text[fits + 1] = '\0';
  log_event(LOG_LEVEL_INFO, "a.b", "x=%s", text);
  line = next_line(*state);
  assert_int_equal(strlen(line), LOG_LINE_MAX);
  assert_string_equal(line + LOG_LINE_MAX - 5, "y...\n");

  text[fits + 1] = 'y';
  text[sizeof text - 1] = '\0';
  log_event(LOG_LEVEL_INFO, "a.b", "x=%s", text);
  assert_int_equal(strlen(next_line(*state)), LOG_LINE_MAX);
}

static void long_line_is_cut_between_characters(void **state) {
  pretend_journal("");
  char text[LOG_LINE_MAX * 2];
  for (size_t shift = 0; shift < 4; shift++) {
    memset(text, 'y', shift);
    for (size_t i = shift; i + 4 < sizeof text; i += 4)
      memcpy(text + i, "\xf0\x9f\x98\x80", 5);
    log_event(LOG_LEVEL_INFO, "a.b", "x=%s", text);
    const char *line = next_line(*state);
    const char *dots = strstr(line, "...\n");
    assert_non_null(dots);
    assert_memory_equal(dots - 4, "\xf0\x9f\x98\x80", 4);
  }
}

static void errno_survives_an_event(void **state) {
  (void)state;
  close(STDERR_FILENO);
  errno = ENOSPC;
  log_event(LOG_LEVEL_INFO, "a.b", "n=1");
  assert_int_equal(errno, ENOSPC);
}

static void level_names_are_read(void **state) {
  (void)state;
  enum log_level level = LOG_LEVEL_ERROR;
  assert_true(log_level_parse("debug", &level));
  assert_int_equal(level, LOG_LEVEL_DEBUG);
  assert_true(log_level_parse("error", &level));
  assert_int_equal(level, LOG_LEVEL_ERROR);
  assert_false(log_level_parse("Error", &level));
  assert_false(log_level_parse("", &level));
}

static void quote_makes_one_value(void **state) {
  (void)state;
  static const struct {
    const char *text, *value;
  } cases[] = {
      {"plain", "plain"},
      {"a.b-c/d:1", "a.b-c/d:1"},
      {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
      {"", "\"\""},
      {NULL, "\"\""},
      {"two words", "\"two words\""},
      {"a=b", "\"a=b\""},
      {"say \"hi\"", "\"say \\\"hi\\\"\""},
      {"back\\slash", "\"back\\\\slash\""},
      {"a\nb\rc\td", "\"a\\nb\\rc\\td\""},
      {"\x1b[31m", "\"\\x1b[31m\""},
      {"\x7f", "\"\\x7f\""},
      {"\xc2\x9b", "\"\\xc2\\x9b\""},            /* a control character past ASCII */
      {"a\xe2\x80\xae", "\"a\\xe2\\x80\\xae\""}, /* turns the direction of writing */
      {"\xff\xfe", "\"\\xff\\xfe\""},
      {"cut\xe2\x82", "\"cut\\xe2\\x82\""},
      {"\xc0\xaf", "\"\\xc0\\xaf\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char out[64];
    assert_ptr_equal(log_quote(out, sizeof out, cases[i].text), out);
    assert_string_equal(out, cases[i].value);
  }
}

static void quote_fits_its_room_and_stays_closed(void **state) {
  (void)state;
  char out[16];
  assert_string_equal(log_quote(out, 6, "plain"), "plain");
  assert_string_equal(log_quote(out, 5, "plain"), "\"pl\"");
  assert_string_equal(log_quote(out, 3, "plain"), "\"\"");
  assert_string_equal(log_quote(out, 5, "a\nb"), "\"a\"");
  assert_string_equal(log_quote(out, 6, "a\nb"), "\"a\\n\"");
  assert_string_equal(log_quote(out, 5, " \xc3\xbc."), "\" \"");
  assert_string_equal(log_quote(out, 6, " \xc3\xbc."), "\" \xc3\xbc\"");
}

#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      LOG_TEST(event_is_one_line_in_one_write),
      LOG_TEST(event_without_values_ends_after_its_name),
      LOG_TEST(time_stands_first_outside_the_journal),
      LOG_TEST(journal_of_another_descriptor_does_not_count),
      LOG_TEST(levels_past_the_limit_are_not_written),
      LOG_TEST(control_characters_cannot_make_a_second_line),
      LOG_TEST(long_line_is_cut),
      LOG_TEST(long_line_is_cut_between_characters),
      LOG_TEST(errno_survives_an_event),
      LOG_TEST(level_names_are_read),
      cmocka_unit_test(quote_makes_one_value),
      cmocka_unit_test(quote_fits_its_room_and_stays_closed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
