#include "feed_parse.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define TOKENS_MAX       16 /* words, numbers and times in one date */
#define YEAR_MIN         1970
#define YEAR_MAX         2200
#define ZONE_MINUTES_MAX (15 * 60)
#define MS_PER_SECOND    1000

struct date {
  int64_t year, month, day; /* 0: not seen */
  int64_t hour, minute, second;
  int64_t offset_minutes; /* east of Greenwich */
  bool has_time, has_zone;
};

/* Compared as beginnings, so longer ones stand first. English, and the names that feeds of our
 * languages write. */
static const struct {
  const char *name;
  int month;
} months[] = {
    {"juil", 7},
    {"juin", 6},
    {"juli", 7},
    {"juni", 6},
    {"m\xC3\xA4r", 3},
    {"mrz", 3},
    {"maerz", 3},
    {"jan", 1},
    {"j\xC3\xA4n", 1},
    {"ene", 1},
    {"gen", 1},
    {"feb", 2},
    {"f\xC3\xA9v", 2},
    {"fev", 2},
    {"mars", 3},
    {"mar", 3},
    {"apr", 4},
    {"avr", 4},
    {"abr", 4},
    {"mai", 5},
    {"may", 5},
    {"mag", 5},
    {"jun", 6},
    {"giu", 6},
    {"jul", 7},
    {"lug", 7},
    {"aug", 8},
    {"ao\xC3\xBB", 8},
    {"aou", 8},
    {"ago", 8},
    {"sep", 9},
    {"set", 9},
    {"oct", 10},
    {"okt", 10},
    {"ott", 10},
    {"nov", 11},
    {"dec", 12},
    {"d\xC3\xA9"
     "c",
     12},
    {"dez", 12},
    {"dic", 12},
};

/* RFC 822's zones and those that are usual on the web. Military letters other than Z mean nothing
 * (RFC 2822, 4.3). An unknown name is taken for UTC. */
static const struct {
  const char *name;
  int minutes;
} zones[] = {
    {"z", 0},      {"ut", 0},     {"utc", 0},     {"gmt", 0},     {"wet", 0},    {"west", 60},
    {"est", -300}, {"edt", -240}, {"cst", -360},  {"cdt", -300},  {"mst", -420}, {"mdt", -360},
    {"pst", -480}, {"pdt", -420}, {"akst", -540}, {"akdt", -480}, {"hst", -600}, {"ast", -240},
    {"adt", -180}, {"nst", -210}, {"ndt", -150},  {"brt", -180},  {"bst", 60},   {"cet", 60},
    {"cest", 120}, {"met", 60},   {"mest", 120},  {"mez", 60},    {"mesz", 120}, {"eet", 120},
    {"eest", 180}, {"msk", 180},  {"ist", 330},   {"sgt", 480},   {"hkt", 480},  {"awst", 480},
    {"jst", 540},  {"kst", 540},  {"aest", 600},  {"aedt", 660},  {"nzst", 720}, {"nzdt", 780},
};

/* At most `max` digits at *at; -1 when there are none. */
static int64_t take_number(const char **at, size_t max, size_t *digits) {
  int64_t value = 0;
  size_t n = 0;
  while (n < max && isdigit((unsigned char)(*at)[n]))
    value = value * 10 + ((*at)[n++] - '0');
  *at += n;
  if (digits)
    *digits = n;
  return n > 0 ? value : -1;
}

static bool take_char(const char **at, char c) {
  if (**at != c)
    return false;
  (*at)++;
  return true;
}

/* "+0100", "+01:00", "+01", "-5". */
static bool take_offset(const char **at, struct date *date) {
  if (**at != '+' && **at != '-')
    return false;
  int64_t sign = **at == '-' ? -1 : 1;
  (*at)++;
  size_t digits = 0;
  int64_t value = take_number(at, 4, &digits);
  int64_t hours = digits > 2 ? value / 100 : value;
  int64_t minutes = digits > 2 ? value % 100 : 0;
  if (digits <= 2 && take_char(at, ':'))
    minutes = take_number(at, 2, NULL);
  if (value < 0 || minutes < 0 || minutes > 59 || hours * 60 + minutes > ZONE_MINUTES_MAX)
    return false;
  date->offset_minutes = sign * (hours * 60 + minutes);
  date->has_zone = true;
  return true;
}

/* ":mm[:ss[.fraction]]" after the hour. */
static bool take_minutes(const char **at, int64_t hour, struct date *date) {
  date->hour = hour;
  date->minute = take_number(at, 2, NULL);
  date->second = 0;
  if (take_char(at, ':')) {
    date->second = take_number(at, 2, NULL);
    if (take_char(at, '.') || take_char(at, ','))
      *at += strspn(*at, "0123456789");
  }
  date->has_time = true;
  return date->minute >= 0 && date->second >= 0;
}

static bool take_zone_name(const char *word, size_t len, struct date *date) {
  for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
    if (strlen(zones[i].name) == len && strncasecmp(word, zones[i].name, len) == 0) {
      date->offset_minutes = zones[i].minutes;
      date->has_zone = true;
      return true;
    }
  }
  return false;
}

static int month_of(const char *word, size_t len) {
  for (size_t i = 0; i < sizeof months / sizeof months[0]; i++) {
    size_t n = strlen(months[i].name);
    if (n <= len && strncasecmp(word, months[i].name, n) == 0)
      return months[i].month;
  }
  return 0;
}

static size_t word_length(const char *at) {
  size_t n = 0;
  while (isalpha((unsigned char)at[n]) || (unsigned char)at[n] >= 0x80)
    n++;
  return n;
}

/* "AM" and "PM" follow the time. */
static bool take_half_day(const char *word, size_t len, struct date *date) {
  if (!date->has_time || len != 2 || tolower((unsigned char)word[1]) != 'm' ||
      !strchr("aApP", word[0]))
    return false;
  bool afternoon = word[0] == 'p' || word[0] == 'P';
  if (date->hour < 1 || date->hour > 12)
    return true;
  date->hour = date->hour % 12 + (afternoon ? 12 : 0);
  return true;
}

/* A weekday, right or wrong, says nothing that the date does not. */
static void take_word(const char **at, struct date *date) {
  size_t n = word_length(*at);
  const char *word = *at;
  *at += n;
  if (take_half_day(word, n, date) || (date->has_time && take_zone_name(word, n, date)))
    return;
  int month = month_of(word, n);
  /* The later of two wins: in "mar. 5 janv." the first one is a weekday. */
  if (month > 0 && (date->month == 0 || !date->has_time))
    date->month = month;
}

static int64_t full_year(int64_t year, size_t digits) {
  if (digits == 2)
    return year < 50 ? 2000 + year : 1900 + year; /* RFC 2822, 4.3 */
  return digits == 3 ? 1900 + year : year;
}

/* A day, a year or the hour of a time, by what was seen before. */
static bool take_figure(const char **at, struct date *date) {
  size_t digits = 0;
  int64_t value = take_number(at, 4, &digits);
  if (isdigit((unsigned char)**at))
    return false;
  if (!date->has_time && digits <= 2 && take_char(at, ':'))
    return take_minutes(at, value, date);
  if (date->day == 0 && digits <= 2)
    date->day = value;
  else if (date->year == 0 && digits >= 2)
    date->year = full_year(value, digits);
  else
    return false;
  return true;
}

/* RFC 822, the date of asctime, and their relatives: parts in any order that can be told apart. */
static bool read_words(const char *at, struct date *date) {
  for (int n = 0; n < TOKENS_MAX; n++) {
    at += strspn(at, " \t\r\n,.;()/_");
    if (*at == '\0')
      return date->year > 0 && date->month > 0 && date->day > 0;
    if (isdigit((unsigned char)*at)) {
      if (!take_figure(&at, date))
        return false;
      continue;
    }
    if (word_length(at) > 0) {
      take_word(&at, date);
      continue;
    }
    if (date->has_time && (*at == '+' || *at == '-')) {
      if (!take_offset(&at, date))
        return false;
      continue;
    }
    if (*at != '-' && *at != '\'')
      return false;
    at++; /* 5-Jan-2024, '24 */
  }
  return false;
}

/* The time of an ISO date; a zone may be missing, and may stand apart. */
static bool read_iso_time(const char *at, struct date *date) {
  at += strspn(at, " \t");
  if (*at == 'T' || *at == 't')
    at++;
  at += strspn(at, " \t");
  if (*at == '\0')
    return true;
  size_t digits = 0;
  int64_t value = take_number(&at, 6, &digits);
  if (digits > 0 && digits <= 2 && take_char(&at, ':')) {
    if (!take_minutes(&at, value, date))
      return false;
  } else if (digits == 4 || digits == 6) {
    date->second = digits == 6 ? value % 100 : 0;
    value = digits == 6 ? value / 100 : value;
    date->hour = value / 100;
    date->minute = value % 100;
    date->has_time = true;
  } else if (digits > 0) {
    return false;
  }
  at += strspn(at, " \t");
  if (date->has_time && isalpha((unsigned char)*at)) {
    size_t n = word_length(at);
    take_zone_name(at, n, date);
    at += n;
  }
  at += strspn(at, " \t");
  if (*at == '+' || *at == '-')
    return take_offset(&at, date) && *at == '\0';
  return *at == '\0' || *at == '(';
}

/* RFC 3339, the W3C's profile of ISO 8601, and ISO's form without marks. */
static bool read_iso(const char *at, struct date *date) {
  size_t digits = 0;
  date->year = take_number(&at, 4, &digits);
  date->month = date->day = 1;
  if (digits != 4)
    return false;
  if (*at == '\0')
    return true;
  bool plain = isdigit((unsigned char)*at);
  char mark = *at;
  if (!plain && mark != '-' && mark != '/' && mark != '.')
    return false;
  at += !plain;
  date->month = take_number(&at, 2, NULL);
  if (*at == '\0')
    return !plain; /* "2024-01"; "202401" could be anything */
  if (!plain && !take_char(&at, mark))
    return false;
  date->day = take_number(&at, 2, NULL);
  return date->day > 0 && !isdigit((unsigned char)*at) && read_iso_time(at, date);
}

static bool is_leap(int64_t year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01 of a date from then on. */
static int64_t days_since_1970(const struct date *date) {
  static const int before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  int64_t past = date->year - 1;
  int64_t days = past * 365 + past / 4 - past / 100 + past / 400 - 719162;
  days += before_month[date->month - 1] + date->day - 1;
  return days + (date->month > 2 && is_leap(date->year));
}

static bool in_range(const struct date *date) {
  static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (date->year < YEAR_MIN || date->year > YEAR_MAX || date->month < 1 || date->month > 12)
    return false;
  int64_t last = month_days[date->month - 1] + (date->month == 2 && is_leap(date->year));
  bool midnight = date->hour == 24 && date->minute == 0 && date->second == 0;
  return date->day >= 1 && date->day <= last && (date->hour <= 23 || midnight) &&
         date->minute <= 59 && date->second <= 60;
}

int64_t feed_date_parse(const char *text) {
  if (!text)
    return 0;
  text += strspn(text, " \t\r\n");
  char trimmed[128];
  size_t len = strcspn(text, "\r\n");
  while (len > 0 && isspace((unsigned char)text[len - 1]))
    len--;
  if (len == 0 || len >= sizeof trimmed)
    return 0;
  memcpy(trimmed, text, len);
  trimmed[len] = '\0';
  struct date date = {0};
  if (!read_iso(trimmed, &date)) {
    date = (struct date){0};
    if (!read_words(trimmed, &date))
      return 0;
  }
  if (!in_range(&date))
    return 0;
  int64_t minutes = days_since_1970(&date) * 1440 + date.hour * 60 + date.minute;
  int64_t seconds = (minutes - date.offset_minutes) * 60 + date.second;
  return seconds > 0 ? seconds * MS_PER_SECOND : 0;
}
