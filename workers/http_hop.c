#include "http_hop.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Real links hold spaces and letters outside ASCII; they are encoded as browsers do. */
#define LENIENT (CURLU_URLENCODE | CURLU_ALLOW_SPACE | CURLU_NON_SUPPORT_SCHEME)

static char *part(CURLU *parsed, CURLUPart which) {
  char *text = NULL, *copy = NULL;
  if (curl_url_get(parsed, which, &text, CURLU_DEFAULT_PORT) == CURLUE_OK)
    copy = strdup(text);
  curl_free(text);
  return copy;
}

/* The whole URL, the port only where it was written. */
static char *whole(CURLU *parsed) {
  char *text = NULL, *copy = NULL;
  if (curl_url_set(parsed, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
      curl_url_get(parsed, CURLUPART_URL, &text, 0) == CURLUE_OK)
    copy = strdup(text);
  curl_free(text);
  return copy;
}

static bool is_web(const char *scheme) {
  return strcasecmp(scheme, "http") == 0 || strcasecmp(scheme, "https") == 0;
}

static enum http_failure fill(struct http_hop *hop, CURLU *parsed) {
  enum http_failure failure = HTTP_NO_MEMORY;
  char *scheme = part(parsed, CURLUPART_SCHEME);
  char *port = NULL;
  if (scheme && !is_web(scheme)) {
    failure = HTTP_REFUSED;
    goto free_scheme;
  }
  hop->host = part(parsed, CURLUPART_HOST);
  hop->url = whole(parsed);
  port = part(parsed, CURLUPART_PORT);
  if (!scheme || !port || !hop->host || !hop->url ||
      asprintf(&hop->origin, "%s://%s:%s", scheme, hop->host, port) < 0) {
    hop->origin = NULL;
    goto free_port;
  }
  failure = HTTP_OK;
  if (hop->host[0] == '\0' || strlen(hop->url) > HTTP_URL_MAX)
    failure = HTTP_BAD_URL;
free_port:
  free(port);
free_scheme:
  free(scheme);
  return failure;
}

static enum http_failure parse(struct http_hop *hop, const char *base, const char *reference) {
  *hop = (struct http_hop){0};
  if (strlen(reference) > HTTP_URL_MAX)
    return HTTP_BAD_URL;
  CURLU *parsed = curl_url();
  if (!parsed)
    return HTTP_NO_MEMORY;
  CURLUcode code = base ? curl_url_set(parsed, CURLUPART_URL, base, LENIENT) : CURLUE_OK;
  if (code == CURLUE_OK)
    code = curl_url_set(parsed, CURLUPART_URL, reference, LENIENT);
  enum http_failure failure = HTTP_BAD_URL;
  if (code == CURLUE_OUT_OF_MEMORY)
    failure = HTTP_NO_MEMORY;
  else if (code == CURLUE_OK)
    failure = fill(hop, parsed);
  curl_url_cleanup(parsed);
  if (failure != HTTP_OK)
    http_hop_fini(hop);
  return failure;
}

enum http_failure http_hop_init(struct http_hop *hop, const char *url) {
  enum http_failure failure = parse(hop, NULL, url);
  return failure == HTTP_REFUSED ? HTTP_BAD_URL : failure;
}

enum http_failure http_hop_follow(const struct http_hop *from, const char *location,
                                  struct http_hop *to) {
  return parse(to, from->url, location);
}

void http_hop_fini(struct http_hop *hop) {
  free(hop->url);
  free(hop->host);
  free(hop->origin);
  *hop = (struct http_hop){0};
}

bool http_hop_same_origin(const struct http_hop *a, const struct http_hop *b) {
  return strcasecmp(a->origin, b->origin) == 0;
}
