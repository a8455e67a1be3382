#include "feed_parse.h"

#include "feed_encoding.h"
#include "feed_json.h"
#include "feed_xml.h"
#include "xml_memory.h"

#include <string.h>

#define JUNK_MAX 4096 /* bytes of messages and blank lines that may stand before a feed */

/* Programs print warnings in front of the feed that they make: the document begins behind them. */
static const char *find_beginning(const char *text) {
  static const char *const beginnings[] = {"<?xml", "<rss", "<feed", "<rdf:RDF"};
  const char *first = NULL;
  for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
    size_t len = strnlen(text, JUNK_MAX);
    const char *at = memmem(text, len, beginnings[i], strlen(beginnings[i]));
    if (at && (!first || at < first))
      first = at;
  }
  return first;
}

static enum feed_result read_text(const struct feed_source *source, const char *text, size_t len,
                                  struct feed_content *content) {
  size_t blank = strspn(text, " \t\r\n");
  if (blank == len)
    return FEED_EMPTY;
  const char *at = text + blank;
  if (*at == '{' || *at == '[')
    return feed_json_read(source, at, len - blank, content);
  if (*at != '<') {
    at = find_beginning(at);
    content->damaged = true;
  }
  if (!at)
    return FEED_NOT_A_FEED;
  size_t rest = len - (size_t)(at - text);
  enum feed_result result = feed_xml_sniff(at, rest, &content->format);
  return result == FEED_PARSED ? feed_xml_read(source, at, rest, content) : result;
}

enum feed_result feed_parse(const struct feed_source *source, struct feed_content *out) {
  *out = (struct feed_content){0};
  struct strbuf text = {0};
  unsigned long failures = xml_memory_failures();
  feed_encoding_decode(source, &text, &out->damaged);
  enum feed_result result = FEED_NO_MEMORY;
  if (!text.failed)
    result = text.len > 0 ? read_text(source, text.data, text.len, out) : FEED_EMPTY;
  strbuf_fini(&text);
  if (result == FEED_PARSED && xml_memory_failures() != failures)
    result = FEED_NO_MEMORY; /* an item may be missing: better all of them later */
  if (result != FEED_PARSED)
    feed_content_fini(out);
  return result;
}
