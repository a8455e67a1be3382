/*
 * feed_sample.h - feeds for tests: from tests/feeds/, or written in the test. FEED_SAMPLE_URL is
 * where they all were fetched.
 */
#ifndef FEED_SAMPLE_H
#define FEED_SAMPLE_H

#include "feed_parse.h"

#define FEED_SAMPLE_URL       "https://host.example/blog/feed.xml"
#define FEED_SAMPLE_BYTES_MAX 65536

/* An RSS feed of one item. */
#define FEED_SAMPLE_ITEM(inside)                                                                   \
  "<rss xmlns:dc='http://purl.org/dc/elements/1.1/'><channel><item>" inside                        \
  "</item></channel></rss>"

enum feed_result feed_sample_parse(const char *text, size_t len, const char *content_type,
                                   struct feed_content *content);
enum feed_result feed_sample_parse_text(const char *text, struct feed_content *content);
enum feed_result feed_sample_parse_file(const char *name, struct feed_content *content);
/* These must be parsed, or the test fails. */
struct feed_content feed_sample_read_text(const char *text);
struct feed_content feed_sample_read_file(const char *name);
/* The bytes of a file of tests/feeds/, to be freed. */
char *feed_sample_load(const char *name, size_t *len);

#endif
