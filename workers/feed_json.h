/*
 * feed_json.h - JSON Feed 1.x. Each item is parsed by itself, as in feed_xml.h.
 */
#ifndef FEED_JSON_H
#define FEED_JSON_H

#include "feed_parse.h"

/* `text` is UTF-8. On any other result than FEED_PARSED the content is to be released by the
 * caller. */
enum feed_result feed_json_read(const struct feed_source *source, const char *text, size_t len,
                                struct feed_content *content);

#endif
