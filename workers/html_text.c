#include "html_text.h"

#include "text_flow.h"

#include <ctype.h>
#include <libxml/HTMLparser.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Open elements at one place; past it the rest is not read. The parser searches them at each end
 * tag, so that this also bounds the time. */
#define DEPTH_MAX 256

enum tag_rule { TAG_PARAGRAPH, TAG_LINE, TAG_ITEM, TAG_CELL, TAG_DROP };

static const struct {
  const char *name;
  enum tag_rule rule;
} tags[] = {
    {"p", TAG_PARAGRAPH},
    {"div", TAG_PARAGRAPH},
    {"h1", TAG_PARAGRAPH},
    {"h2", TAG_PARAGRAPH},
    {"h3", TAG_PARAGRAPH},
    {"h4", TAG_PARAGRAPH},
    {"h5", TAG_PARAGRAPH},
    {"h6", TAG_PARAGRAPH},
    {"ul", TAG_PARAGRAPH},
    {"ol", TAG_PARAGRAPH},
    {"dl", TAG_PARAGRAPH},
    {"pre", TAG_PARAGRAPH},
    {"blockquote", TAG_PARAGRAPH},
    {"section", TAG_PARAGRAPH},
    {"article", TAG_PARAGRAPH},
    {"header", TAG_PARAGRAPH},
    {"footer", TAG_PARAGRAPH},
    {"aside", TAG_PARAGRAPH},
    {"nav", TAG_PARAGRAPH},
    {"main", TAG_PARAGRAPH},
    {"figure", TAG_PARAGRAPH},
    {"figcaption", TAG_PARAGRAPH},
    {"table", TAG_PARAGRAPH},
    {"form", TAG_PARAGRAPH},
    {"fieldset", TAG_PARAGRAPH},
    {"address", TAG_PARAGRAPH},
    {"center", TAG_PARAGRAPH},
    {"details", TAG_PARAGRAPH},
    {"summary", TAG_PARAGRAPH},
    {"hr", TAG_PARAGRAPH},
    {"br", TAG_LINE},
    {"tr", TAG_LINE},
    {"dt", TAG_LINE},
    {"dd", TAG_LINE},
    {"caption", TAG_LINE},
    {"li", TAG_ITEM},
    {"td", TAG_CELL},
    {"th", TAG_CELL},
    {"script", TAG_DROP},
    {"style", TAG_DROP},
    {"noscript", TAG_DROP},
    {"template", TAG_DROP},
    {"iframe", TAG_DROP},
    {"object", TAG_DROP},
    {"svg", TAG_DROP},
    {"math", TAG_DROP},
    {"canvas", TAG_DROP},
    {"audio", TAG_DROP},
    {"video", TAG_DROP},
    {"select", TAG_DROP},
    {"textarea", TAG_DROP},
    {"head", TAG_DROP},
};

struct reading {
  struct text_flow flow;
  const char *dropping; /* the table's name of the element whose text is dropped */
  size_t drop_depth;
};

static int find_tag(const char *name) {
  const char *colon = strchr(name, ':'); /* XHTML may come with a prefix */
  if (colon)
    name = colon + 1;
  for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
    if (strcasecmp(tags[i].name, name) == 0)
      return (int)i;
  return -1;
}

/* True when the text here is not read: inside a dropped element, or at its edges. */
static bool drop(struct reading *reading, int tag, bool start) {
  if (reading->dropping) {
    if (tag >= 0 && strcmp(tags[tag].name, reading->dropping) == 0)
      reading->drop_depth += start ? 1 : (size_t)-1;
    if (reading->drop_depth == 0)
      reading->dropping = NULL;
    return true;
  }
  if (tag < 0 || tags[tag].rule != TAG_DROP)
    return false;
  if (start) {
    reading->dropping = tags[tag].name;
    reading->drop_depth = 1;
  }
  return true;
}

static void on_start(void *arg, const xmlChar *name, const xmlChar **attributes) {
  xmlParserCtxt *parser = arg;
  struct reading *reading = parser->_private;
  (void)attributes;
  if (parser->nameNr > DEPTH_MAX || reading->flow.full) {
    xmlStopParser(parser);
    return;
  }
  int tag = find_tag((const char *)name);
  if (drop(reading, tag, true) || tag < 0)
    return;
  switch (tags[tag].rule) {
  case TAG_PARAGRAPH:
    text_flow_gap(&reading->flow, TEXT_PARAGRAPH);
    break;
  case TAG_LINE:
    text_flow_gap(&reading->flow, TEXT_LINE);
    break;
  case TAG_ITEM:
    text_flow_gap(&reading->flow, TEXT_LINE);
    text_flow_add(&reading->flow, "- ", 2);
    break;
  case TAG_CELL:
    text_flow_gap(&reading->flow, TEXT_SPACE);
    break;
  case TAG_DROP:
    break;
  }
}

static void on_end(void *arg, const xmlChar *name) {
  struct reading *reading = ((xmlParserCtxt *)arg)->_private;
  int tag = find_tag((const char *)name);
  if (drop(reading, tag, false) || tag < 0)
    return;
  if (tags[tag].rule == TAG_PARAGRAPH)
    text_flow_gap(&reading->flow, TEXT_PARAGRAPH);
  else if (tags[tag].rule == TAG_ITEM && reading->flow.gap != TEXT_PARAGRAPH)
    reading->flow.gap = TEXT_SPACE; /* the next item brings its own line */
}

static void on_text(void *arg, const xmlChar *text, int len) {
  struct reading *reading = ((xmlParserCtxt *)arg)->_private;
  if (reading->flow.full)
    xmlStopParser(arg);
  else if (!reading->dropping && len > 0)
    text_flow_add(&reading->flow, (const char *)text, (size_t)len);
}

static void parse(struct reading *reading, const char *html, size_t len) {
  htmlParserCtxt *parser = htmlNewParserCtxt();
  if (!parser) {
    reading->flow.out.failed = true;
    return;
  }
  *parser->sax = (htmlSAXHandler){.startElement = on_start,
                                  .endElement = on_end,
                                  .characters = on_text,
                                  .ignorableWhitespace = on_text,
                                  .cdataBlock = on_text,
                                  .initialized = 1};
  parser->_private = reading;
  /* Without a tree: the text is taken as it passes by. */
  htmlDocPtr doc =
      htmlCtxtReadMemory(parser, html, (int)len, NULL, "UTF-8",
                         HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING |
                             HTML_PARSE_NONET | HTML_PARSE_IGNORE_ENC | HTML_PARSE_COMPACT);
  if (parser->errNo == XML_ERR_NO_MEMORY)
    reading->flow.out.failed = true;
  xmlFreeDoc(doc);
  htmlFreeParserCtxt(parser);
}

/* ---- attributes ---- */

static const char *past_char(const char *at, const char *end, char c) {
  const char *found = memchr(at, c, (size_t)(end - at));
  return found ? found + 1 : end;
}

/* Past the '>' of a tag. A quote that is not closed does not count. */
static const char *past_tag(const char *at, const char *end, const char *no_quote_from[2]) {
  while (at < end && *at != '>') {
    int kind = *at == '"' ? 0 : *at == '\'' ? 1 : -1;
    if (kind < 0 || at >= no_quote_from[kind]) {
      at++;
      continue;
    }
    const char *closing = memchr(at + 1, *at, (size_t)(end - at - 1));
    if (!closing)
      no_quote_from[kind] = at;
    at = closing ? closing + 1 : at + 1;
  }
  return at < end ? at + 1 : end;
}

/* Past the end tag of a script or a style sheet, which hold no markup. */
static const char *past_raw(const char *at, const char *end, const char *name) {
  size_t len = strlen(name);
  while (at < end) {
    at = past_char(at, end, '<');
    if ((size_t)(end - at) > len && *at == '/' && strncasecmp(at + 1, name, len) == 0)
      return past_char(at, end, '>');
  }
  return end;
}

static const char *raw_name(const char *name, size_t len) {
  static const char *const raw[] = {"script", "style"};
  for (size_t i = 0; i < sizeof raw / sizeof raw[0]; i++)
    if (strlen(raw[i]) == len && strncasecmp(raw[i], name, len) == 0)
      return raw[i];
  return NULL;
}

/* The same HTML without attributes, scripts and styles. No text is in them, and libxml2 compares
 * each attribute of a tag with all others. */
static void strip(const char *html, size_t len, struct strbuf *out) {
  const char *end = html + len;
  const char *no_quote_from[2] = {end, end};
  for (const char *at = html; at < end;) {
    const char *tag = memchr(at, '<', (size_t)(end - at));
    if (!tag)
      tag = end;
    strbuf_add(out, at, (size_t)(tag - at));
    if (tag == end)
      break;
    const char *name = tag + 1;
    if (name < end && *name == '/')
      name++;
    at = name;
    if (name >= end || !isalpha((unsigned char)*name)) {
      bool comment = name < end && strchr("!?", *name);
      strbuf_puts(out, comment ? "<" : "&lt;"); /* a stray one is text */
      at = tag + 1;
      continue;
    }
    while (at < end && !isspace((unsigned char)*at) && !strchr("<>/\"'=", *at))
      at++;
    const char *raw = name == tag + 1 ? raw_name(name, (size_t)(at - name)) : NULL;
    if (!raw) {
      strbuf_add(out, tag, (size_t)(at - tag));
      strbuf_puts(out, ">");
    }
    at = past_tag(at, end, no_quote_from);
    if (raw)
      at = past_raw(at, end, raw);
  }
}

char *html_text(const char *html, size_t len, size_t max) {
  struct reading reading = {.flow = {.max = max}};
  if (!memchr(html, '<', len) && !memchr(html, '&', len)) {
    text_flow_add(&reading.flow, html, len);
    return text_flow_take(&reading.flow);
  }
  struct strbuf stripped = {0};
  strip(html, len, &stripped);
  if (stripped.failed)
    reading.flow.out.failed = true;
  else if (stripped.len > 0)
    parse(&reading, stripped.data, stripped.len < INT_MAX ? stripped.len : INT_MAX);
  strbuf_fini(&stripped);
  return text_flow_take(&reading.flow);
}
