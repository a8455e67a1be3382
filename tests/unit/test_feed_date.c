#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "feed_parse.h"

struct row {
  const char *text;
  const char *utc; /* "2024-01-05 09:30:00"; NULL: cannot be read */
};

static int64_t ms_of(const char *utc) {
  struct tm tm = {0};
  assert_non_null(strptime(utc, "%Y-%m-%d %H:%M:%S", &tm));
  return (int64_t)timegm(&tm) * 1000;
}

static void check(const struct row *rows, size_t n) {
  for (size_t i = 0; i < n; i++) {
    int64_t expected = rows[i].utc ? ms_of(rows[i].utc) : 0;
    int64_t actual = feed_date_parse(rows[i].text);
    if (actual != expected)
      fail_msg("\"%s\" gave %lld, not %lld", rows[i].text, (long long)actual, (long long)expected);
  }
}
#define CHECK(rows) check(rows, sizeof(rows) / sizeof(rows)[0])

static void rfc_822_is_read(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"Fri, 05 Jan 2024 10:30:00 +0100", "2024-01-05 09:30:00"},
      {"Fri, 5 Jan 2024 10:30:00 GMT", "2024-01-05 10:30:00"},
      {"05 Jan 2024 10:30 -0530", "2024-01-05 16:00:00"},
      {"Sat, 31 Dec 1999 23:59:60 GMT", "2000-01-01 00:00:00"},
      {"29 Feb 2024 00:00:00 Z", "2024-02-29 00:00:00"},
      {"Fri,05 Jan 2024 10:30:00 UT", "2024-01-05 10:30:00"},
      {"Fri, 05 Jan 2024", "2024-01-05 00:00:00"},
  };
  CHECK(rows);
}

static void wrong_weekdays_do_not_count(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"Tue, 05 Jan 2024 10:30:00 GMT", "2024-01-05 10:30:00"},
      {"Tuesday, 05 Jan 2024 10:30:00 GMT", "2024-01-05 10:30:00"},
      {"Tues., 05 Jan 2024 10:30:00 GMT", "2024-01-05 10:30:00"},
      {"Xyz, 05 Jan 2024 10:30:00 GMT", "2024-01-05 10:30:00"},
  };
  CHECK(rows);
}

static void years_of_two_and_three_digits_are_completed(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"05 Jan 24 00:00:00 GMT", "2024-01-05 00:00:00"},
      {"05 Jan 99 00:00:00 GMT", "1999-01-05 00:00:00"},
      {"05 Jan 49 00:00:00 GMT", "2049-01-05 00:00:00"},
      {"05 Jan 70 00:00:00 GMT", "1970-01-05 00:00:00"},
      {"05 Jan 50 00:00:00 GMT", NULL},
      {"05 Jan 124 00:00:00 GMT", "2024-01-05 00:00:00"},
  };
  CHECK(rows);
}

static void named_zones_are_known(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"05 Jan 2024 12:00:00 EST", "2024-01-05 17:00:00"},
      {"05 Jan 2024 12:00:00 edt", "2024-01-05 16:00:00"},
      {"05 Jan 2024 12:00:00 PST", "2024-01-05 20:00:00"},
      {"05 Jul 2024 12:00:00 CEST", "2024-07-05 10:00:00"},
      {"05 Jul 2024 12:00:00 MESZ", "2024-07-05 10:00:00"},
      {"05 Jan 2024 12:00:00 JST", "2024-01-05 03:00:00"},
      {"05 Jan 2024 12:00:00 UTC", "2024-01-05 12:00:00"},
      {"05 Jan 2024 12:00:00 GMT+0200", "2024-01-05 10:00:00"},
      {"05 Jan 2024 12:00:00 A", "2024-01-05 12:00:00"},
      {"05 Jan 2024 12:00:00 XYZT", "2024-01-05 12:00:00"},
  };
  CHECK(rows);
}

static void rfc_3339_is_read(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"2024-01-05T10:30:00Z", "2024-01-05 10:30:00"},
      {"2024-01-05T10:30:00.123456Z", "2024-01-05 10:30:00"},
      {"2024-01-05T10:30:00+01:00", "2024-01-05 09:30:00"},
      {"2024-01-05t10:30:00-08:00", "2024-01-05 18:30:00"},
      {"2024-12-31T24:00:00Z", "2025-01-01 00:00:00"},
  };
  CHECK(rows);
}

static void w3c_dates_may_be_short(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"2024", "2024-01-01 00:00:00"},
      {"2024-03", "2024-03-01 00:00:00"},
      {"2024-03-15", "2024-03-15 00:00:00"},
      {"2024-03-15T10:30Z", "2024-03-15 10:30:00"},
      {"2024-03-15T10:30+02:00", "2024-03-15 08:30:00"},
      {"2024-03-15T10:30", "2024-03-15 10:30:00"},
  };
  CHECK(rows);
}

static void usual_broken_forms_are_read(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"  2024-01-05 10:30:00\n", "2024-01-05 10:30:00"},
      {"2024-01-05 10:30:00 +0100", "2024-01-05 09:30:00"},
      {"2024-01-05 10:30:00 UTC", "2024-01-05 10:30:00"},
      {"2024-01-05T10:30:00+0100", "2024-01-05 09:30:00"},
      {"2024-01-05T10:30:00 +01:00", "2024-01-05 09:30:00"},
      {"20240105", "2024-01-05 00:00:00"},
      {"20240105T103000Z", "2024-01-05 10:30:00"},
      {"2024/01/05 10:30", "2024-01-05 10:30:00"},
      {"Fri Jan  5 10:30:00 2024", "2024-01-05 10:30:00"},
      {"Fri Jan 5 10:30:00 PST 2024", "2024-01-05 18:30:00"},
      {"January 5, 2024 10:30 PM", "2024-01-05 22:30:00"},
      {"Jan 5, 2024, 12:15 am", "2024-01-05 00:15:00"},
      {"5-Jan-2024 10:30:00", "2024-01-05 10:30:00"},
      {"Fri, 05 Jan 2024 10:30:00 +01:00", "2024-01-05 09:30:00"},
      {"Fri, 05 January 2024 10:30:00 GMT (winter)", "2024-01-05 10:30:00"},
      {"Fr, 5. M\xC3\xA4rz 2024 10:30", "2024-03-05 10:30:00"},
      {"mar. 5 janv. 2024 10:30:00 +0100", "2024-01-05 09:30:00"},
      {"5 juil. 2024", "2024-07-05 00:00:00"},
      {"5 juin 2024", "2024-06-05 00:00:00"},
  };
  CHECK(rows);
}

static void what_cannot_be_read_is_unknown(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"", NULL},
      {"   ", NULL},
      {"yesterday", NULL},
      {"31 Feb 2024 00:00:00 GMT", NULL},
      {"29 Feb 2023", NULL},
      {"2024-13-01", NULL},
      {"2024-00-10", NULL},
      {"2024-01-32", NULL},
      {"05 Jan 2024 25:00:00", NULL},
      {"05 Jan 2024 24:00:01", NULL},
      {"05 Jan 2024 10:61:00", NULL},
      {"05 Jan 2024 10:00:00 +9900", NULL},
      {"01/02/2024", NULL}, /* January or February */
      {"01.02.24", NULL},
      {"202401", NULL},
      {"12345678901234567890", NULL},
      {"1700000000", NULL},
      {"2024-01-05T", "2024-01-05 00:00:00"},
      {"2024-01-05Tx", NULL},
      {"0000-00-00T00:00:00Z", NULL},
  };
  CHECK(rows);
  assert_int_equal(feed_date_parse(NULL), 0);
}

static void only_1970_to_2200_is_believed(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"1969-12-31T23:59:59Z", NULL},
      {"1970-01-01T00:00:00Z", NULL}, /* 0 stands for unknown */
      {"1970-01-01T00:00:01Z", "1970-01-01 00:00:01"},
      {"2200-12-31T23:59:59Z", "2200-12-31 23:59:59"},
      {"2201-01-01T00:00:00Z", NULL},
      {"1900-01-01", NULL},
      {"9999-12-31", NULL},
  };
  CHECK(rows);
}

static void every_day_agrees_with_the_calendar(void **state) {
  (void)state;
  for (int64_t day = 1; day < 84000; day++) { /* to 2199 */
    time_t seconds = (time_t)(day * 86400);
    struct tm tm;
    char text[32];
    assert_non_null(gmtime_r(&seconds, &tm));
    assert_true(strftime(text, sizeof text, "%Y-%m-%d", &tm) > 0);
    assert_int_equal(feed_date_parse(text), day * 86400000);
  }
}

static void the_zone_of_the_process_does_not_count(void **state) {
  (void)state;
  assert_int_equal(setenv("TZ", "Pacific/Auckland", 1), 0);
  tzset();
  assert_int_equal(feed_date_parse("05 Jan 2024 10:30:00"), INT64_C(1704450600000));
  assert_int_equal(feed_date_parse("2024-01-05T10:30:00"), INT64_C(1704450600000));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rfc_822_is_read),
      cmocka_unit_test(wrong_weekdays_do_not_count),
      cmocka_unit_test(years_of_two_and_three_digits_are_completed),
      cmocka_unit_test(named_zones_are_known),
      cmocka_unit_test(rfc_3339_is_read),
      cmocka_unit_test(w3c_dates_may_be_short),
      cmocka_unit_test(usual_broken_forms_are_read),
      cmocka_unit_test(what_cannot_be_read_is_unknown),
      cmocka_unit_test(only_1970_to_2200_is_believed),
      cmocka_unit_test(every_day_agrees_with_the_calendar),
      cmocka_unit_test(the_zone_of_the_process_does_not_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
