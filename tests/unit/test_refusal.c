/* The sentence that refuses what a person wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "refusal.h"

#include <stdio.h>

static void what_is_not_utf8_becomes_one_mark_for_each_character(void **state) {
  (void)state;
  static const struct {
    const char *before, *after;
  } cases[] = {
      {"", ""},
      {"plain \xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80",
       "plain \xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80"},
      {"cut \"\xe6\x97\"", "cut \"?\""},
      {"cut \xf0\x9f\x98", "cut ?"},
      {"\xff\xfe", "??"},
      {"\xc3", "?"},
      {"\xed\xa0\x80!", "?!"}, /* half of a surrogate pair */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char sentence[64];
    snprintf(sentence, sizeof sentence, "%s", cases[i].before);
    refusal_mend(sentence);
    assert_string_equal(sentence, cases[i].after);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_is_not_utf8_becomes_one_mark_for_each_character),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
