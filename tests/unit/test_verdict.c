#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "verdict.h"

#define DAY_MS INT64_C(86400000)

static void assert_class(const struct verdict *verdict, const char *error_class) {
  if (!error_class) {
    assert_null(verdict->error_class);
    return;
  }
  assert_non_null(verdict->error_class);
  assert_string_equal(verdict->error_class, error_class);
}

static void statuses_have_their_outcome(void **state) {
  (void)state;
  static const struct {
    int status;
    enum galley_outcome outcome;
  } rows[] = {
      {200, GALLEY_DONE},  {201, GALLEY_DONE},  {204, GALLEY_DONE},  {299, GALLEY_DONE},
      {304, GALLEY_DONE},  {300, GALLEY_DEAD},  {302, GALLEY_DEAD},  {400, GALLEY_DEAD},
      {401, GALLEY_DEAD},  {402, GALLEY_DEAD},  {403, GALLEY_DEAD},  {404, GALLEY_DEAD},
      {409, GALLEY_DEAD},  {410, GALLEY_DEAD},  {422, GALLEY_DEAD},  {499, GALLEY_DEAD},
      {408, GALLEY_RETRY}, {425, GALLEY_RETRY}, {429, GALLEY_RETRY}, {500, GALLEY_RETRY},
      {502, GALLEY_RETRY}, {503, GALLEY_RETRY}, {529, GALLEY_RETRY}, {599, GALLEY_RETRY},
      {100, GALLEY_RETRY}, {999, GALLEY_RETRY},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct http_reply reply = {.status = rows[i].status, .body = ""};
    struct verdict verdict;
    verdict_of_reply(&verdict, &reply);
    if (verdict.outcome != rows[i].outcome)
      fail_msg("status %d gave outcome %d", rows[i].status, (int)verdict.outcome);
    assert_int_equal(verdict.http_status, rows[i].status);
    assert_class(&verdict, rows[i].outcome == GALLEY_DONE ? NULL : "http");
    assert_true((verdict.error[0] == '\0') == (rows[i].outcome == GALLEY_DONE));
    if (rows[i].outcome == GALLEY_RETRY)
      assert_int_equal(verdict.delay_ms, -1);
  }
}

static void failures_have_their_outcome(void **state) {
  (void)state;
  static const struct {
    enum http_failure failure;
    enum galley_outcome outcome;
    const char *error_class;
  } rows[] = {
      {HTTP_BAD_URL, GALLEY_DEAD, "url"},
      {HTTP_REFUSED, GALLEY_DEAD, "refused"},
      {HTTP_RESOLVE, GALLEY_RETRY, "resolve"},
      {HTTP_CONNECT, GALLEY_RETRY, "connect"},
      {HTTP_TLS, GALLEY_RETRY, "tls"},
      {HTTP_TIMEOUT, GALLEY_RETRY, "timeout"},
      {HTTP_TOO_LARGE, GALLEY_DEAD, "too-large"},
      {HTTP_TOO_MANY_REDIRECTS, GALLEY_DEAD, "redirects"},
      {HTTP_CUT_OFF, GALLEY_RETRY, "cut-off"},
      {HTTP_NO_MEMORY, GALLEY_RETRY, "memory"},
      {HTTP_OTHER, GALLEY_RETRY, "http"},
  };
  assert_int_equal(sizeof rows / sizeof rows[0], HTTP_OTHER); /* all but HTTP_OK */
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct http_reply reply = {.failure = rows[i].failure, .error = "what happened", .body = ""};
    struct verdict verdict;
    verdict_of_reply(&verdict, &reply);
    assert_int_equal(verdict.outcome, rows[i].outcome);
    assert_class(&verdict, rows[i].error_class);
    assert_string_equal(verdict.error, "what happened");
    reply.error = NULL;
    verdict_of_reply(&verdict, &reply);
    assert_string_not_equal(verdict.error, "");
  }
}

static void a_failure_counts_more_than_the_status(void **state) {
  (void)state;
  struct http_reply reply = {
      .failure = HTTP_CUT_OFF, .error = "ended early", .status = 200, .body = "half"};
  struct verdict verdict;
  verdict_of_reply(&verdict, &reply);
  assert_int_equal(verdict.outcome, GALLEY_RETRY);
  assert_int_equal(verdict.http_status, 200);
}

static void retry_after_is_obeyed_where_waiting_helps(void **state) {
  (void)state;
  static const int waits[] = {408, 425, 429, 500, 503};
  struct verdict verdict;
  for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
    struct http_reply reply = {.status = waits[i], .retry_after_ms = 120000, .body = ""};
    verdict_of_reply(&verdict, &reply);
    assert_int_equal(verdict.outcome, GALLEY_SNOOZE);
    assert_int_equal(verdict.delay_ms, 120000);
    assert_class(&verdict, "http");
  }
  struct http_reply reply = {.status = 403, .retry_after_ms = 120000, .body = ""};
  verdict_of_reply(&verdict, &reply);
  assert_int_equal(verdict.outcome, GALLEY_DEAD);
  reply.status = 200;
  verdict_of_reply(&verdict, &reply);
  assert_int_equal(verdict.outcome, GALLEY_DONE);
}

static void retry_after_is_believed_up_to_thirty_days(void **state) {
  (void)state;
  struct http_reply reply = {.status = 429, .retry_after_ms = 30 * DAY_MS, .body = ""};
  struct verdict verdict;
  verdict_of_reply(&verdict, &reply);
  assert_int_equal(verdict.delay_ms, 30 * DAY_MS);
  reply.retry_after_ms = INT64_MAX - 1000;
  verdict_of_reply(&verdict, &reply);
  assert_int_equal(verdict.delay_ms, 30 * DAY_MS);
}

static void exit_statuses_have_their_outcome(void **state) {
  (void)state;
  static const struct {
    int status;
    enum galley_outcome outcome;
  } rows[] = {
      {0, GALLEY_DONE},    {1, GALLEY_RETRY}, {2, GALLEY_RETRY},  {63, GALLEY_RETRY},
      {64, GALLEY_DEAD},   {65, GALLEY_DEAD}, {74, GALLEY_DEAD},  {75, GALLEY_RETRY},
      {76, GALLEY_DEAD},   {78, GALLEY_DEAD}, {79, GALLEY_RETRY}, {126, GALLEY_RETRY},
      {255, GALLEY_RETRY},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct process_reply reply = {
        .end = PROCESS_EXITED, .exit_status = rows[i].status, .output = "", .error = "oh no"};
    struct verdict verdict;
    verdict_of_process(&verdict, &reply, "program");
    if (verdict.outcome != rows[i].outcome)
      fail_msg("exit status %d gave outcome %d", rows[i].status, (int)verdict.outcome);
    if (rows[i].outcome == GALLEY_DONE)
      continue;
    assert_class(&verdict, "exit");
    assert_non_null(strstr(verdict.error, "program ended with status "));
    assert_non_null(strstr(verdict.error, ": oh no"));
  }
}

static void other_ends_of_a_program_have_their_outcome(void **state) {
  (void)state;
  static const struct {
    struct process_reply reply;
    enum galley_outcome outcome;
    const char *error_class;
    const char *words;
  } rows[] = {
      {{.end = PROCESS_SIGNALED, .signum = SIGSEGV}, GALLEY_RETRY, "signal", "signal 11"},
      {{.end = PROCESS_TIMEOUT}, GALLEY_RETRY, "timeout", "too long"},
      {{.end = PROCESS_TOO_LARGE, .output_max = 77}, GALLEY_DEAD, "too-large", "(77 bytes)"},
      {{.end = PROCESS_NOT_STARTED, .start_errno = ENOENT}, GALLEY_DEAD, "start", "No such file"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct verdict verdict;
    verdict_of_process(&verdict, &rows[i].reply, "/bin/prog");
    assert_int_equal(verdict.outcome, rows[i].outcome);
    assert_class(&verdict, rows[i].error_class);
    assert_non_null(strstr(verdict.error, rows[i].words));
    assert_non_null(strstr(verdict.error, "/bin/prog"));
  }
}

static void long_sentences_are_cut_at_a_character(void **state) {
  (void)state;
  static const char *const letters[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
  for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
    for (size_t shift = 0; shift < 4; shift++) {
      char text[2 * VERDICT_TEXT_MAX] = "";
      size_t n = strlen(letters[i]);
      memset(text, '.', shift);
      for (size_t at = shift; at + n < sizeof text - 1; at += n)
        memcpy(text + at, letters[i], n);
      struct verdict verdict = VERDICT_DONE;
      verdict_set(&verdict, GALLEY_DEAD, 0, "data", "%s", text);
      size_t whole = (VERDICT_TEXT_MAX - 1 - shift) / n * n + shift;
      assert_int_equal(strlen(verdict.error), whole);
      assert_memory_equal(verdict.error, text, whole);
    }
  }
}

static void setting_keeps_the_status_of_the_reply(void **state) {
  (void)state;
  struct http_reply reply = {.status = 410, .body = ""};
  struct verdict verdict;
  verdict_of_reply(&verdict, &reply);
  verdict_set(&verdict, GALLEY_RETRY, 5, "gone", "%s %d", "words", 7);
  assert_int_equal(verdict.http_status, 410);
  assert_int_equal(verdict.outcome, GALLEY_RETRY);
  assert_int_equal(verdict.delay_ms, 5);
  assert_class(&verdict, "gone");
  assert_string_equal(verdict.error, "words 7");
}

static void an_unknown_outcome_is_dead_and_says_what_to_do(void **state) {
  (void)state;
  struct verdict verdict = VERDICT_DONE;
  verdict_of_unknown(&verdict, "publish post 7 to blog", 42);
  assert_int_equal(verdict.outcome, GALLEY_DEAD);
  assert_class(&verdict, GALLEY_ERROR_UNKNOWN);
  assert_non_null(strstr(verdict.error, "outcome unknown"));
  assert_non_null(strstr(verdict.error, "publish post 7 to blog"));
  assert_non_null(strstr(verdict.error, "galley retry 42"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statuses_have_their_outcome),
      cmocka_unit_test(failures_have_their_outcome),
      cmocka_unit_test(a_failure_counts_more_than_the_status),
      cmocka_unit_test(retry_after_is_obeyed_where_waiting_helps),
      cmocka_unit_test(retry_after_is_believed_up_to_thirty_days),
      cmocka_unit_test(exit_statuses_have_their_outcome),
      cmocka_unit_test(other_ends_of_a_program_have_their_outcome),
      cmocka_unit_test(long_sentences_are_cut_at_a_character),
      cmocka_unit_test(setting_keeps_the_status_of_the_reply),
      cmocka_unit_test(an_unknown_outcome_is_dead_and_says_what_to_do),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
