/* libFuzzer target: times, as feeds write them, as options take them, and as they are shown. */
#include "feed_parse.h"
#include "fuzz.h"
#include "option.h"
#include "output.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FEED_TIME_MAX_MS INT64_C(7289740800000) /* 2201-01-01, and a zone's offset */

/* Both standard forms of a time that was read are read as the same. */
static void check_feed_time(int64_t ms) {
  char text[80];
  struct tm utc;
  time_t seconds = (time_t)(ms / 1000);
  assert(ms >= 0 && ms < FEED_TIME_MAX_MS && ms % 1000 == 0);
  gmtime_r(&seconds, &utc);
  if (ms == 0 || utc.tm_year + 1900 > 2200)
    return;
  assert(strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) > 0);
  assert(feed_date_parse(text) == ms);
  assert(strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S +0000", &utc) > 0);
  assert(feed_date_parse(text) == ms);
}

static void check_option_time(const char *text) {
  char shown[OUTPUT_TIME_MAX];
  int64_t ms, again;
  if (!option_parse_time(text, &ms))
    return;
  assert(ms >= 0);
  output_time(ms, shown);
  if (ms == 0 || ms > INT64_C(253402300799999))
    return;
  assert(option_parse_time(shown, &again));
  assert(again == ms / 1000 * 1000);
}

static void check_amounts(int64_t ms) {
  char text[OUTPUT_AMOUNT_MAX];
  output_duration(ms < 0 ? 0 : ms, text);
  fuzz_check_sentence(text, sizeof text);
  output_money(ms, text);
  fuzz_check_sentence(text, sizeof text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  char *text = fuzz_rest(&input, NULL);
  check_feed_time(feed_date_parse(text));
  check_option_time(text);
  check_amounts(strtoll(text, NULL, 10));
  free(text);
  return 0;
}
