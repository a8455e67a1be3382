/*
 * http_head.h - the header lines of a reply, as they arrive: the few that matter are kept, all are
 * counted. Pure.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "http.h"

struct http_head {
  bool in_block; /* after a status line and before its empty line; trailers are outside */
  size_t bytes;  /* of all lines of this hop, interim replies included */
  int status;
  char *content_type, *etag, *last_modified,
      *location;          /* NULL: none; the first one of a name counts */
  int64_t max_age_ms;     /* -1: none */
  int64_t retry_after_ms; /* of the header retry-after-ms; -1: none */
};

/* Ready for a new hop. */
void http_head_init(struct http_head *head);
void http_head_fini(struct http_head *head);
/* Takes one line with its end; a field with a zero byte or a lone CR in it is left out. HTTP_OK,
 * HTTP_TOO_LARGE (past HTTP_HEADERS_MAX) or HTTP_NO_MEMORY. A new status line forgets what an
 * interim reply said.
 */
enum http_failure http_head_line(struct http_head *head, const char *bytes, size_t len);
/* A reply that names another place to go to. */
bool http_head_redirects(const struct http_head *head);

#endif
