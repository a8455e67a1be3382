/*
 * http_failure.h - what curl's codes mean to us, and the sentence for each failure.
 */
#ifndef HTTP_FAILURE_H
#define HTTP_FAILURE_H

#include "http.h"

#include <curl/curl.h>

#define HTTP_FAILURE_TEXT_MAX 512

enum http_failure http_failure_of_code(CURLcode code);
/* "host: what is wrong; what to do (detail)". `host` may be NULL, `detail` "". Neither may hold a
 * secret: no query strings, no header values. */
void http_failure_write(char out[HTTP_FAILURE_TEXT_MAX], enum http_failure failure,
                        const char *host, const char *detail);

#endif
