/*
 * url.h - URLs as text: resolving, and the canonical form by which documents are told apart.
 */
#ifndef URL_H
#define URL_H

#include <stdbool.h>

/* The absolute form of `reference` against `base` (RFC 3986); NULL when it cannot be resolved, is
 * not http or https, or is longer than 8192 bytes. Owned by the caller (free). */
char *url_resolve(const char *base, const char *reference);

/* Scheme and host lowered, default port and fragment dropped, known tracking parameters (utm_*,
 * fbclid, gclid, mc_cid, mc_eid, igshid, ...) dropped, path and query case and query order kept.
 * NULL when `url` is not an absolute http or https URL, or when that would have more than 8192
 * bytes. Owned by the caller (free). */
char *url_canonical(const char *url);

/* The host of an absolute URL, lower case, without port; NULL when there is none. Caller frees. */
char *url_host(const char *url);

#endif
