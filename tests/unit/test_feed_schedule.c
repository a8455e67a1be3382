#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "feed_schedule.h"

#define HOUR  INT64_C(3600000)
#define DAY   (24 * HOUR)
#define NOW   INT64_C(1704449400000) /* Friday 2024-01-05 10:10 UTC */
#define NIGHT (1U << 0 | 1U << 1 | 1U << 2 | 1U << 3)

static struct feed_schedule plain(void) {
  return (struct feed_schedule){.now_ms = NOW, .conditional = true, .max_age_ms = -1};
}

static void conditional_feeds_are_fetched_hourly_at_most(void **state) {
  (void)state;
  struct feed_schedule schedule = plain();
  assert_int_equal(feed_schedule_interval(&schedule), HOUR);
  schedule.max_age_ms = 60000;
  schedule.ttl_ms = 5 * 60000;
  assert_int_equal(feed_schedule_interval(&schedule), HOUR);
}

static void feeds_without_validators_are_fetched_daily_at_most(void **state) {
  (void)state;
  struct feed_schedule schedule = plain();
  schedule.conditional = false;
  schedule.ttl_ms = HOUR;
  assert_int_equal(feed_schedule_interval(&schedule), DAY);
}

static void the_longest_wish_of_the_feed_is_kept(void **state) {
  (void)state;
  struct feed_schedule schedule = plain();
  schedule.ttl_ms = 3 * HOUR;
  assert_int_equal(feed_schedule_interval(&schedule), 3 * HOUR);
  schedule.max_age_ms = 5 * HOUR;
  assert_int_equal(feed_schedule_interval(&schedule), 5 * HOUR);
  schedule.interval_ms = 7 * HOUR;
  assert_int_equal(feed_schedule_interval(&schedule), 7 * HOUR);
}

static void no_wish_is_longer_than_a_week(void **state) {
  (void)state;
  struct feed_schedule schedule = plain();
  schedule.max_age_ms = 7 * DAY;
  assert_int_equal(feed_schedule_interval(&schedule), 7 * DAY);
  schedule.max_age_ms = 7 * DAY + 1;
  assert_int_equal(feed_schedule_interval(&schedule), 7 * DAY);
  schedule.max_age_ms = INT64_MAX;
  assert_int_equal(feed_schedule_interval(&schedule), 7 * DAY);
}

static void chance_adds_up_to_a_tenth_and_never_takes_away(void **state) {
  (void)state;
  struct feed_schedule schedule = plain();
  int64_t latest = 0;
  for (uint64_t i = 0; i < 1000; i++) {
    schedule.random = i * UINT64_C(0x9E3779B97F4A7C15);
    int64_t at = feed_schedule_next(&schedule, 10 * HOUR);
    assert_in_range(at, NOW + 10 * HOUR, NOW + 11 * HOUR);
    latest = at > latest ? at : latest;
  }
  assert_true(latest > NOW + 10 * HOUR + 50 * 60000);
  schedule.random = (uint64_t)HOUR;
  assert_int_equal(feed_schedule_next(&schedule, 10 * HOUR), NOW + 11 * HOUR);
  schedule.random = UINT64_MAX;
  assert_in_range(feed_schedule_next(&schedule, 10 * HOUR), NOW + 10 * HOUR, NOW + 11 * HOUR);
}

static void hours_to_be_skipped_are_passed_over(void **state) {
  (void)state;
  struct feed_schedule schedule = plain();
  schedule.skip_hours = NIGHT;
  /* 23:10 is allowed, 00:10 to 03:10 are not; the minutes stay. */
  assert_int_equal(feed_schedule_next(&schedule, 13 * HOUR), NOW + 13 * HOUR);
  assert_int_equal(feed_schedule_next(&schedule, 14 * HOUR), NOW + 18 * HOUR);
  assert_int_equal(feed_schedule_next(&schedule, 17 * HOUR), NOW + 18 * HOUR);
  assert_int_equal(feed_schedule_next(&schedule, 18 * HOUR), NOW + 18 * HOUR);
}

static void days_to_be_skipped_are_passed_over(void **state) {
  (void)state;
  struct feed_schedule schedule = plain();
  schedule.skip_days = 1U << 6 | 1U << 0; /* Saturday and Sunday */
  assert_int_equal(feed_schedule_next(&schedule, HOUR), NOW + HOUR);
  /* Saturday 00:10 to Monday 00:10. */
  assert_int_equal(feed_schedule_next(&schedule, 14 * HOUR), NOW + 14 * HOUR + 2 * DAY);
  schedule.skip_hours = NIGHT;
  assert_int_equal(feed_schedule_next(&schedule, 14 * HOUR), NOW + 18 * HOUR + 2 * DAY);
}

static void a_feed_that_skips_everything_is_fetched_all_the_same(void **state) {
  (void)state;
  struct feed_schedule schedule = plain();
  schedule.skip_hours = (1U << 24) - 1;
  assert_int_equal(feed_schedule_next(&schedule, HOUR), NOW + HOUR);
  schedule.skip_hours = 0;
  schedule.skip_days = 0x7F;
  assert_int_equal(feed_schedule_next(&schedule, HOUR), NOW + HOUR);
}

static int64_t setback(int64_t failures, bool missing, int64_t retry_after_ms) {
  struct feed_setback given = {
      .now_ms = NOW, .failures = failures, .missing = missing, .retry_after_ms = retry_after_ms};
  return feed_schedule_setback(&given) - NOW;
}

static void failures_double_the_wait_up_to_a_day(void **state) {
  (void)state;
  assert_int_equal(setback(1, false, 0), HOUR);
  assert_int_equal(setback(2, false, 0), 2 * HOUR);
  assert_int_equal(setback(4, false, 0), 8 * HOUR);
  assert_int_equal(setback(6, false, 0), DAY);
  assert_int_equal(setback(INT64_MAX, false, 0), DAY);
}

static void missing_feeds_wait_for_days(void **state) {
  (void)state;
  assert_int_equal(setback(1, true, 0), 2 * DAY);
  assert_int_equal(setback(2, true, 0), 4 * DAY);
  assert_int_equal(setback(3, true, 0), 7 * DAY);
  assert_int_equal(setback(100, true, 0), 7 * DAY);
}

static void retry_after_is_never_cut_short(void **state) {
  (void)state;
  assert_int_equal(setback(1, false, 60000), HOUR);
  assert_int_equal(setback(1, false, 3 * HOUR), 3 * HOUR);
  assert_int_equal(setback(9, false, 10 * DAY), 10 * DAY);
  assert_int_equal(setback(1, false, 30 * DAY), 30 * DAY);
  assert_int_equal(setback(1, false, INT64_MAX), 30 * DAY);
  struct feed_setback given = {
      .now_ms = NOW, .failures = 1, .retry_after_ms = 3 * HOUR, .random = UINT64_MAX - 7};
  assert_in_range(feed_schedule_setback(&given), NOW + 3 * HOUR, NOW + 3 * HOUR + 3 * HOUR / 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conditional_feeds_are_fetched_hourly_at_most),
      cmocka_unit_test(feeds_without_validators_are_fetched_daily_at_most),
      cmocka_unit_test(the_longest_wish_of_the_feed_is_kept),
      cmocka_unit_test(no_wish_is_longer_than_a_week),
      cmocka_unit_test(chance_adds_up_to_a_tenth_and_never_takes_away),
      cmocka_unit_test(hours_to_be_skipped_are_passed_over),
      cmocka_unit_test(days_to_be_skipped_are_passed_over),
      cmocka_unit_test(a_feed_that_skips_everything_is_fetched_all_the_same),
      cmocka_unit_test(failures_double_the_wait_up_to_a_day),
      cmocka_unit_test(missing_feeds_wait_for_days),
      cmocka_unit_test(retry_after_is_never_cut_short),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
