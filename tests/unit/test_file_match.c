/* file_match: whether a file holds what somebody says it held. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "digest.h"
#include "file_match.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[96], other[96];

static int set_up(void **state) {
  (void)state;
  snprintf(dir, sizeof dir, "/tmp/galley-XXXXXX");
  if (!mkdtemp(dir))
    return -1;
  snprintf(path, sizeof path, "%s/file", dir);
  snprintf(other, sizeof other, "%s/other", dir);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  (void)unlink(path);
  (void)unlink(other);
  return rmdir(dir);
}

static void write_bytes(const char *name, const char *bytes, size_t len) {
  FILE *file = fopen(name, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
}

static const char *digest_of(const char *text) {
  static char digest[DIGEST_SIZE];
  const char *texts[] = {text};
  assert_true(digest_strings(texts, 1, digest));
  return digest;
}

static void the_same_text_matches_and_no_other(void **state) {
  (void)state;
  write_bytes(path, "Words.\n", 7);
  assert_true(file_match(path, digest_of("Words.\n")));
  assert_false(file_match(path, digest_of("Words.")));
  assert_false(file_match(path, digest_of("Words.\n\n")));
  assert_false(file_match(path, ""));
  write_bytes(path, "", 0);
  assert_true(file_match(path, digest_of("")));
}

static void a_file_with_a_zero_byte_is_not_its_beginning(void **state) {
  (void)state;
  write_bytes(path, "Words.\0more", 11);
  assert_false(file_match(path, digest_of("Words.")));
}

static void what_is_no_file_matches_nothing(void **state) {
  (void)state;
  assert_false(file_match(path, digest_of("")));
  assert_false(file_match(dir, digest_of("")));
  write_bytes(other, "Words.", 6);
  assert_int_equal(symlink(other, path), 0);
  assert_true(file_match(other, digest_of("Words.")));
  assert_false(file_match(path, digest_of("Words.")));
  assert_int_equal(unlink(path), 0);
  assert_int_equal(mkfifo(path, 0600), 0); /* and nobody waits for its other end */
  assert_false(file_match(path, digest_of("")));
}

static void a_file_is_looked_into_up_to_its_limit(void **state) {
  (void)state;
  char *text = malloc(FILE_MATCH_MAX + 2);
  assert_non_null(text);
  memset(text, 'x', FILE_MATCH_MAX + 1);
  text[FILE_MATCH_MAX] = '\0';
  write_bytes(path, text, FILE_MATCH_MAX);
  assert_true(file_match(path, digest_of(text)));
  text[FILE_MATCH_MAX] = 'x';
  text[FILE_MATCH_MAX + 1] = '\0';
  write_bytes(path, text, FILE_MATCH_MAX + 1);
  assert_false(file_match(path, digest_of(text)));
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_same_text_matches_and_no_other, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_file_with_a_zero_byte_is_not_its_beginning, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(what_is_no_file_matches_nothing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_file_is_looked_into_up_to_its_limit, set_up, tear_down),
  };
  return cmocka_run_group_tests_name("file_match", tests, NULL, NULL);
}
