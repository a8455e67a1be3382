/*
 * feed_xml.h - feeds in XML. Each item is parsed by itself, so that a broken one cannot take others
 * with it, and memory is bounded by the largest one.
 */
#ifndef FEED_XML_H
#define FEED_XML_H

#include "feed_parse.h"

/* Finds the document's root, and by it what the document is: FEED_PARSED and *format, FEED_IS_HTML,
 * FEED_NOT_A_FEED, or FEED_DANGEROUS. `text` is UTF-8. */
enum feed_result feed_xml_sniff(const char *text, size_t len, enum feed_format *format);

/* Reads a document of content->format. On any other result than FEED_PARSED the content is to be
 * released by the caller. */
enum feed_result feed_xml_read(const struct feed_source *source, const char *text, size_t len,
                               struct feed_content *content);

#endif
