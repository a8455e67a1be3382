#include "http_head.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECONDS_MAX 2147483648 /* RFC 9111: a longer max-age counts as this one */

static const struct {
  const char *name;
  size_t offset;
} kept[] = {
    {"content-type", offsetof(struct http_head, content_type)},
    {"etag", offsetof(struct http_head, etag)},
    {"last-modified", offsetof(struct http_head, last_modified)},
    {"location", offsetof(struct http_head, location)},
};
#define N_KEPT (sizeof kept / sizeof kept[0])

/* A piece of a line, without the white space around it. */
struct piece {
  const char *at;
  size_t len;
};

static struct piece trimmed(const char *at, size_t len) {
  while (len > 0 && strchr(" \t\r\n", at[len - 1]))
    len--;
  while (len > 0 && strchr(" \t", *at))
    at++, len--;
  return (struct piece){at, len};
}

static bool is_word(struct piece piece, const char *word) {
  return piece.len == strlen(word) && strncasecmp(piece.at, word, piece.len) == 0;
}

/* Digits only; -1 otherwise, `max` when larger. */
static int64_t number(struct piece piece, int64_t max) {
  int64_t value = 0;
  if (piece.len == 0)
    return -1;
  for (size_t i = 0; i < piece.len; i++) {
    if (piece.at[i] < '0' || piece.at[i] > '9')
      return -1;
    value = value * 10 + (piece.at[i] - '0');
    if (value > max)
      value = max;
  }
  return value;
}

static int64_t max_age_of(struct piece value) {
  while (value.len > 0) {
    const char *comma = memchr(value.at, ',', value.len);
    size_t n = comma ? (size_t)(comma - value.at) : value.len;
    struct piece directive = trimmed(value.at, n);
    const char *equals = memchr(directive.at, '=', directive.len);
    size_t name_len = equals ? (size_t)(equals - directive.at) : directive.len;
    if (equals && is_word(trimmed(directive.at, name_len), "max-age")) {
      struct piece seconds = trimmed(equals + 1, directive.len - name_len - 1);
      if (seconds.len >= 2 && seconds.at[0] == '"' && seconds.at[seconds.len - 1] == '"')
        seconds = (struct piece){seconds.at + 1, seconds.len - 2};
      int64_t parsed = number(seconds, SECONDS_MAX);
      return parsed < 0 ? -1 : parsed * 1000;
    }
    n += comma ? 1 : 0;
    value = (struct piece){value.at + n, value.len - n};
  }
  return -1;
}

static void forget(struct http_head *head) {
  for (size_t i = 0; i < N_KEPT; i++) {
    char **text = (char **)((char *)head + kept[i].offset);
    free(*text);
    *text = NULL;
  }
  head->max_age_ms = head->retry_after_ms = -1;
  head->status = 0;
}

void http_head_init(struct http_head *head) {
  *head = (struct http_head){.max_age_ms = -1, .retry_after_ms = -1};
}

void http_head_fini(struct http_head *head) {
  forget(head);
}

/* "HTTP/1.1 200 OK", "HTTP/2 200" */
static void start_block(struct http_head *head, struct piece line) {
  forget(head);
  head->in_block = true;
  const char *space = memchr(line.at, ' ', line.len);
  size_t before = space ? (size_t)(space - line.at) + 1 : line.len;
  if (line.len >= before + 3) {
    int64_t status = number((struct piece){line.at + before, 3}, 999);
    head->status = status < 0 ? 0 : (int)status;
  }
}

static enum http_failure keep(struct http_head *head, struct piece name, struct piece value) {
  if (is_word(name, "cache-control") && head->max_age_ms < 0)
    head->max_age_ms = max_age_of(value);
  if (is_word(name, "retry-after-ms") && head->retry_after_ms < 0)
    head->retry_after_ms = number(value, SECONDS_MAX * 1000);
  for (size_t i = 0; i < N_KEPT; i++) {
    char **text = (char **)((char *)head + kept[i].offset);
    if (*text || !is_word(name, kept[i].name))
      continue;
    *text = strndup(value.at, value.len);
    if (!*text)
      return HTTP_NO_MEMORY;
  }
  return HTTP_OK;
}

enum http_failure http_head_line(struct http_head *head, const char *bytes, size_t len) {
  head->bytes += len;
  if (head->bytes > HTTP_HEADERS_MAX)
    return HTTP_TOO_LARGE;
  struct piece line = trimmed(bytes, len);
  if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
    start_block(head, line);
    return HTTP_OK;
  }
  if (line.len == 0)
    head->in_block = false;
  const char *colon = memchr(line.at, ':', line.len);
  /* Programs disagree about what such a field says: RFC 9110, 5.5. */
  bool odd = memchr(bytes, '\0', len) || memchr(line.at, '\r', line.len);
  if (!head->in_block || !colon || odd)
    return HTTP_OK;
  size_t name_len = (size_t)(colon - line.at);
  return keep(head, (struct piece){line.at, name_len}, trimmed(colon + 1, line.len - name_len - 1));
}

bool http_head_redirects(const struct http_head *head) {
  static const int statuses[] = {301, 302, 303, 307, 308};
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
    if (head->status == statuses[i])
      return head->location && head->location[0] != '\0';
  return false;
}
