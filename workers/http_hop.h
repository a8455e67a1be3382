/*
 * http_hop.h - where one request goes: a checked URL and its parts. curl's own parser reads them,
 * so that what was checked is what is connected to.
 */
#ifndef HTTP_HOP_H
#define HTTP_HOP_H

#include "http.h"

struct http_hop {
  char *url;    /* complete and encoded, without fragment */
  char *host;   /* for sentences */
  char *origin; /* scheme, host and port */
};

/* HTTP_OK, HTTP_BAD_URL (not http or https, not complete, past HTTP_URL_MAX) or HTTP_NO_MEMORY. The
 * hop is empty on failure. */
enum http_failure http_hop_init(struct http_hop *hop, const char *url);
/* The place that a Location names, seen from `from`. HTTP_REFUSED when it is not http or https. */
enum http_failure http_hop_follow(const struct http_hop *from, const char *location,
                                  struct http_hop *to);
void http_hop_fini(struct http_hop *hop);
bool http_hop_same_origin(const struct http_hop *a, const struct http_hop *b);

#endif
