/* How much two texts share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shingle.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>

static struct shingle_sketch *sketch_of(uint64_t first, uint64_t words) {
  struct shingle_sketch *sketch = test_calloc(1, sizeof *sketch);
  for (uint64_t i = first; i < first + words; i++)
    shingle_add(sketch, words_hash(0, &i, sizeof i));
  shingle_finish(sketch);
  return sketch;
}

static struct shingle_likeness likeness(uint64_t a, uint64_t a_words, uint64_t b,
                                        uint64_t b_words) {
  struct shingle_sketch *left = sketch_of(a, a_words), *right = sketch_of(b, b_words);
  struct shingle_likeness found = shingle_compare(left, right);
  test_free(left);
  test_free(right);
  return found;
}

static void same_text_is_fully_alike(void **state) {
  (void)state;
  assert_true(likeness(0, 300, 0, 300).jaccard == 1.0);
  assert_true(likeness(0, 9000, 0, 9000).jaccard == 1.0);
}

static void different_texts_share_nothing(void **state) {
  (void)state;
  assert_true(likeness(0, 300, 1000, 300).jaccard == 0.0);
  assert_true(likeness(0, 9000, 10000, 9000).jaccard == 0.0);
}

static void short_texts_are_compared_exactly(void **state) {
  (void)state;
  /* 104 and 104 runs, of which 54 are common: words 50..107. */
  struct shingle_likeness found = likeness(0, 108, 50, 108);
  assert_true(found.jaccard == 54.0 / 154.0);
  assert_true(found.contained == 54.0 / 104.0);
}

static void long_texts_are_compared_within_five_per_cent(void **state) {
  (void)state;
  struct shingle_likeness found = likeness(0, 6000, 3000, 6000);
  assert_true(found.jaccard > 1.0 / 3 - 0.05 && found.jaccard < 1.0 / 3 + 0.05);
}

static void part_is_contained_in_the_whole_and_not_the_other_way(void **state) {
  (void)state;
  assert_true(likeness(100, 200, 0, 400).contained == 1.0);
  assert_true(likeness(0, 400, 100, 200).contained < 0.55);
}

static void long_text_that_holds_a_short_one_is_told_within_ten_per_cent(void **state) {
  (void)state;
  assert_true(likeness(100, 2000, 0, 8000).contained > 0.9);
}

static void texts_below_five_words_are_one_run(void **state) {
  (void)state;
  assert_true(likeness(0, 3, 0, 3).jaccard == 1.0);
  assert_true(likeness(0, 3, 0, 4).jaccard == 0.0);
}

static void empty_texts_are_like_nothing(void **state) {
  (void)state;
  assert_true(likeness(0, 0, 0, 0).jaccard == 0.0);
  assert_true(likeness(0, 0, 0, 50).contained == 0.0);
}

static void repeated_runs_count_once(void **state) {
  (void)state;
  struct shingle_sketch *sketch = test_calloc(1, sizeof *sketch);
  for (uint64_t i = 0; i < 50000; i++)
    shingle_add(sketch, i % 7);
  shingle_finish(sketch);
  assert_int_equal(sketch->n, 7);
  test_free(sketch);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_text_is_fully_alike),
      cmocka_unit_test(different_texts_share_nothing),
      cmocka_unit_test(short_texts_are_compared_exactly),
      cmocka_unit_test(long_texts_are_compared_within_five_per_cent),
      cmocka_unit_test(part_is_contained_in_the_whole_and_not_the_other_way),
      cmocka_unit_test(long_text_that_holds_a_short_one_is_told_within_ten_per_cent),
      cmocka_unit_test(texts_below_five_words_are_one_run),
      cmocka_unit_test(empty_texts_are_like_nothing),
      cmocka_unit_test(repeated_runs_count_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
