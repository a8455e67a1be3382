/*
 * feed_schedule.h - when a feed is fetched next. Pure: the clock and chance come in.
 *
 * The bounds are the advice that operators of feeds publish: hourly at most for a reader that sends
 * validators, daily for one that cannot.
 */
#ifndef FEED_SCHEDULE_H
#define FEED_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#define FEED_INTERVAL_MIN_MS    INT64_C(3600000)   /* with an ETag or a Last-Modified: an hour */
#define FEED_INTERVAL_BLIND_MS  INT64_C(86400000)  /* without: a day */
#define FEED_INTERVAL_MAX_MS    INT64_C(604800000) /* whatever a feed asks for: a week */
#define FEED_RETRY_MIN_MS       INT64_C(3600000)   /* after a failure that may pass; doubles */
#define FEED_RETRY_MAX_MS       INT64_C(86400000)
#define FEED_MISSING_MIN_MS     INT64_C(172800000) /* after 404 and its like: two days; doubles */
#define FEED_MISSING_MAX_MS     INT64_C(604800000)
#define FEED_RETRY_AFTER_MAX_MS INT64_C(2592000000) /* a Retry-After is believed up to 30 days */

struct feed_schedule {
  int64_t now_ms;
  uint64_t random;
  bool conditional;    /* the feed gave a validator */
  int64_t interval_ms; /* from an earlier answer; 0: none */
  int64_t ttl_ms;      /* 0: none */
  int64_t max_age_ms;  /* -1: none */
  uint32_t skip_hours; /* as in struct feed_content */
  uint8_t skip_days;
};
/* The longest of what the feed asks for, within the bounds. */
int64_t feed_schedule_interval(const struct feed_schedule *schedule);
/* now + interval + up to a tenth of it by chance, then moved past hours and days to be skipped (not
 * when that is all of them). */
int64_t feed_schedule_next(const struct feed_schedule *schedule, int64_t interval_ms);

struct feed_setback {
  int64_t now_ms;
  uint64_t random;
  int64_t failures;       /* in a row, this one included */
  bool missing;           /* it will not heal soon */
  int64_t retry_after_ms; /* 0: none */
};
/* When to look again after a failure: never before Retry-After is over. */
int64_t feed_schedule_setback(const struct feed_setback *setback);

#endif
