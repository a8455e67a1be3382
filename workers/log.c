#include "log.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <utf8proc.h>

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};
#define N_LEVELS (sizeof level_names / sizeof level_names[0])

static enum log_level level_limit = LOG_LEVEL_INFO;
static bool in_journal;

/* systemd names the device and inode of the journal's socket; standard error may have been
 * redirected since. */
static bool stderr_is_journal(void) {
  const char *stream = getenv("JOURNAL_STREAM");
  struct stat status;
  unsigned long long device, inode;
  char rest;
  if (!stream || sscanf(stream, "%llu:%llu%c", &device, &inode, &rest) != 2)
    return false;
  return fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_open(enum log_level level) {
  level_limit = level;
  in_journal = stderr_is_journal();
}

bool log_level_parse(const char *text, enum log_level *level) {
  for (size_t i = 0; i < N_LEVELS; i++)
    if (strcmp(text, level_names[i]) == 0) {
      *level = (enum log_level)i;
      return true;
    }
  return false;
}

/* ---- lines ---- */

/* The length of "2025-11-21T12:00:00.123Z " in `out`. */
static size_t write_time(char *out, size_t size) {
  struct timespec now;
  struct tm utc;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  size_t len = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
  len += (size_t)snprintf(out + len, size - len, ".%03ldZ ", now.tv_nsec / 1000000);
  return len;
}

/* Ends a line of `wanted` bytes, of which those that fit are there. Its length with the newline. */
static size_t finish_line(char *line, size_t wanted) {
  size_t len = wanted;
  if (len > LOG_LINE_MAX - 1) {
    len = LOG_LINE_MAX - 1;
    while (len > LOG_LINE_MAX - 8 && ((unsigned char)line[len - 3] & 0xc0) == 0x80)
      len--;
    memcpy(line + len - 3, "...", 3);
  }
  for (size_t i = 0; i < len; i++)
    if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
      line[i] = '?';
  line[len] = '\n';
  return len + 1;
}

void log_event(enum log_level level, const char *event, const char *format, ...) {
  if (level > level_limit)
    return;
  int saved_errno = errno;
  char line[LOG_LINE_MAX + 1]; /* one more for the terminator that vsnprintf writes */
  size_t len = in_journal ? 0 : write_time(line, sizeof line);
  len +=
      (size_t)snprintf(line + len, sizeof line - len, "%s event=%.64s ", level_names[level], event);
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line + len, sizeof line - len, format, args);
  va_end(args);
  if (n > 0)
    len += (size_t)n;
  else
    len--; /* the space */
  len = finish_line(line, len);
  /* A log that cannot be written has nowhere to say so; the next line is tried all the same. */
  while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
    continue;
  errno = saved_errno;
}

/* ---- values ---- */

/* The bytes of the character at `text`, or 0 when it is not UTF-8, a control character or one that
 * turns the direction of writing, which would show the line as another one. */
static size_t printable_length(const char *text) {
  utf8proc_int32_t point;
  utf8proc_ssize_t len = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &point);
  bool control = point < 0x20 || (point >= 0x7f && point < 0xa0);
  bool turns = (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
  return len > 0 && !control && !turns ? (size_t)len : 0;
}

static bool is_plain(const char *text) {
  if (*text == '\0')
    return false;
  while (*text != '\0') {
    size_t len = printable_length(text);
    if (len == 0 || strchr(" \"\\=", *text))
      return false;
    text += len;
  }
  return true;
}

/* Writes the next character of *text as a piece of a quoted value, and moves past it. */
static size_t write_piece(char piece[8], const char **text) {
  static const char named[] = "\"\"\\\\\nn\rr\tt"; /* pairs: the byte, its letter */
  unsigned char byte = (unsigned char)**text;
  for (size_t i = 0; named[i] != '\0'; i += 2)
    if (byte == (unsigned char)named[i]) {
      piece[0] = '\\';
      piece[1] = named[i + 1];
      (*text)++;
      return 2;
    }
  size_t len = printable_length(*text);
  if (len == 0) {
    (*text)++;
    return (size_t)snprintf(piece, 8, "\\x%02x", byte);
  }
  memcpy(piece, *text, len);
  *text += len;
  return len;
}

const char *log_quote(char *out, size_t size, const char *text) {
  assert(size >= 3);
  if (!text)
    text = "";
  if (is_plain(text) && strlen(text) < size)
    return memcpy(out, text, strlen(text) + 1);
  size_t len = 0;
  out[len++] = '"';
  while (*text != '\0') {
    char piece[8];
    size_t n = write_piece(piece, &text);
    if (len + n + 2 > size)
      break;
    memcpy(out + len, piece, n);
    len += n;
  }
  out[len++] = '"';
  out[len] = '\0';
  return out;
}
