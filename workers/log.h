/*
 * log.h - one line a log event on standard error: `level event=job.settled job=42 attempt=3 ...`.
 * Outside the systemd journal, which has its own clock, the line begins with the time in UTC. Each
 * line is one write, so that lines of several processes do not mix. Payloads, keys and request
 * headers are never logged.
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>
#include <stddef.h>

#define LOG_LINE_MAX 4096 /* bytes of a line; a longer one ends in "..." */

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Levels after `level` are not written from now on. Before the first call: LOG_LEVEL_INFO, with the
 * time. */
void log_open(enum log_level level);
/* "error" "warn" "info" "debug". False for anything else. */
bool log_level_parse(const char *text, enum log_level *level);

/* `event` is a dotted name of the manual's list; `format` makes the rest, "job=%lld kind=%s", and
 * may be "". Text that came from outside goes through log_quote; control characters are written as
 * '?'. */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Writes `text` so that it is one value of a line, and returns `out`: as it is when it is plain, in
 * double quotes with \" \\ \n \r \t \xNN otherwise. Bytes that are not UTF-8 are escaped. Cut at a
 * character when it does not fit. NULL is "". `size` is at least 3. */
const char *log_quote(char *out, size_t size, const char *text);

#endif
