#include "feed_schedule.h"

#define HOUR_MS        INT64_C(3600000)
#define HOURS_PER_DAY  24
#define HOURS_PER_WEEK (7 * HOURS_PER_DAY)
#define FIRST_WEEKDAY  4 /* 1970-01-01 was a Thursday; Sunday is 0 */
#define JITTER_PART    10

static int64_t larger(int64_t a, int64_t b) {
  return a > b ? a : b;
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static int64_t jitter(int64_t wait_ms, uint64_t random) {
  return (int64_t)(random % ((uint64_t)wait_ms / JITTER_PART + 1));
}

int64_t feed_schedule_interval(const struct feed_schedule *schedule) {
  int64_t wait = schedule->conditional ? FEED_INTERVAL_MIN_MS : FEED_INTERVAL_BLIND_MS;
  wait = larger(wait, schedule->interval_ms);
  wait = larger(wait, schedule->ttl_ms);
  wait = larger(wait, schedule->max_age_ms);
  return smaller(wait, FEED_INTERVAL_MAX_MS);
}

static bool is_skipped(const struct feed_schedule *schedule, int64_t at_ms) {
  int64_t hours = at_ms / HOUR_MS;
  int64_t day = (hours / HOURS_PER_DAY + FIRST_WEEKDAY) % 7;
  return (schedule->skip_hours >> (hours % HOURS_PER_DAY) & 1U) ||
         (schedule->skip_days >> day & 1U);
}

int64_t feed_schedule_next(const struct feed_schedule *schedule, int64_t interval_ms) {
  int64_t wanted = schedule->now_ms + interval_ms + jitter(interval_ms, schedule->random);
  int64_t at = wanted;
  /* Hour by hour, so that the minutes stay spread by chance. */
  for (int n = 0; n < HOURS_PER_WEEK; n++, at += HOUR_MS)
    if (!is_skipped(schedule, at))
      return at;
  return wanted;
}

int64_t feed_schedule_setback(const struct feed_setback *setback) {
  int64_t wait = setback->missing ? FEED_MISSING_MIN_MS : FEED_RETRY_MIN_MS;
  int64_t most = setback->missing ? FEED_MISSING_MAX_MS : FEED_RETRY_MAX_MS;
  for (int64_t n = 1; n < setback->failures && wait < most; n++)
    wait *= 2;
  wait = smaller(wait, most);
  wait = larger(wait, smaller(setback->retry_after_ms, FEED_RETRY_AFTER_MAX_MS));
  return setback->now_ms + wait + jitter(wait, setback->random);
}
