#include "feed_node.h"

#include "url.h"

#include <libxml/parser.h>
#include <libxml/tree.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TTL_MINUTES_MAX (366LL * 24 * 60)
#define MS_PER_MINUTE   60000
#define HOURS_MAX       32 /* of <skipHours>, and days of <skipDays>, that are looked at */

/* Namespaces, as a set: a row of the table below may stand for several. */
enum space {
  SPACE_RSS = 1,
  SPACE_ATOM = 2,
  SPACE_DC = 4,
  SPACE_CONTENT = 8,
  SPACE_XHTML = 16,
  SPACE_ITUNES = 32,
  SPACE_MEDIA = 64,
  SPACE_FEEDBURNER = 128
};

/* The prefix counts where a document forgot to bind it. */
static const struct {
  const char *uri;
  const char *prefix;
  unsigned space;
} spaces[] = {
    {"http://purl.org/rss/1.0/", "rss", SPACE_RSS},
    {"http://my.netscape.com/rdf/simple/0.9/", NULL, SPACE_RSS},
    {"http://channel.netscape.com/rdf/simple/0.9/", NULL, SPACE_RSS},
    {"http://backend.userland.com/rss2", NULL, SPACE_RSS},
    {"http://blogs.law.harvard.edu/tech/rss", NULL, SPACE_RSS},
    {"http://www.w3.org/2005/Atom", "atom", SPACE_ATOM},
    {"http://purl.org/atom/ns#", "atom10", SPACE_ATOM},
    {"http://purl.org/dc/elements/1.1/", "dc", SPACE_DC},
    {"http://purl.org/dc/elements/1.0/", NULL, SPACE_DC},
    {"http://purl.org/dc/terms/", "dcterms", SPACE_DC},
    {"http://purl.org/rss/1.0/modules/content/", "content", SPACE_CONTENT},
    {"http://www.w3.org/1999/xhtml", "xhtml", SPACE_XHTML},
    {"http://www.itunes.com/dtds/podcast-1.0.dtd", "itunes", SPACE_ITUNES},
    {"http://search.yahoo.com/mrss/", "media", SPACE_MEDIA},
    {"http://rssnamespace.org/feedburner/ext/1.0", "feedburner", SPACE_FEEDBURNER},
};

struct field;

struct reading {
  struct feed_draft *draft;
  const char *url;
  enum feed_format format;
};
typedef void read_fn(struct reading *reading, xmlNode *node, const struct field *field);

static read_fn read_text, read_html, read_atom_text, read_link, read_atom_link, read_guid,
    read_person, read_mail_author, read_atom_category;

static const struct field {
  unsigned spaces;
  const char *name;
  enum feed_slot slot;
  int rank; /* 1 is best */
  read_fn *read;
} fields[] = {
    {SPACE_RSS, "title", FEED_SLOT_TITLE, 1, read_html},
    {SPACE_ATOM, "title", FEED_SLOT_TITLE, 1, read_atom_text},
    {SPACE_DC | SPACE_MEDIA, "title", FEED_SLOT_TITLE, 2, read_html},
    {SPACE_FEEDBURNER, "origLink", FEED_SLOT_LINK, 1, read_link},
    {SPACE_RSS, "link", FEED_SLOT_LINK, 2, read_link},
    {SPACE_ATOM, "link", FEED_SLOT_LINK, 2, read_atom_link},
    {SPACE_RSS, "guid", FEED_SLOT_GUID, 1, read_guid},
    {SPACE_ATOM, "id", FEED_SLOT_GUID, 1, read_text},
    {SPACE_DC, "identifier", FEED_SLOT_GUID, 2, read_text},
    {SPACE_CONTENT, "encoded", FEED_SLOT_CONTENT, 1, read_html},
    {SPACE_ATOM, "content", FEED_SLOT_CONTENT, 1, read_atom_text},
    {SPACE_XHTML, "body", FEED_SLOT_CONTENT, 2, read_html},
    {SPACE_XHTML, "div", FEED_SLOT_CONTENT, 2, read_html},
    {SPACE_ATOM, "summary", FEED_SLOT_SUMMARY, 1, read_atom_text},
    {SPACE_RSS, "description", FEED_SLOT_SUMMARY, 1, read_html},
    {SPACE_DC, "description", FEED_SLOT_SUMMARY, 2, read_html},
    {SPACE_ITUNES, "summary", FEED_SLOT_SUMMARY, 3, read_html},
    {SPACE_MEDIA, "description", FEED_SLOT_SUMMARY, 4, read_html},
    {SPACE_DC, "creator", FEED_SLOT_AUTHOR, 1, read_html},
    {SPACE_ATOM, "author", FEED_SLOT_AUTHOR, 1, read_person},
    {SPACE_RSS, "author", FEED_SLOT_AUTHOR, 2, read_mail_author},
    {SPACE_ITUNES, "author", FEED_SLOT_AUTHOR, 3, read_html},
    {SPACE_RSS | SPACE_DC, "language", FEED_SLOT_LANGUAGE, 2, read_text},
    {SPACE_RSS, "pubDate", FEED_SLOT_DATE, 1, read_text},
    {SPACE_ATOM, "published", FEED_SLOT_DATE, 1, read_text},
    {SPACE_ATOM | SPACE_DC, "issued", FEED_SLOT_DATE, 1, read_text},
    {SPACE_DC, "date", FEED_SLOT_DATE, 2, read_text},
    {SPACE_ATOM | SPACE_DC, "created", FEED_SLOT_DATE, 3, read_text},
    {SPACE_ATOM, "updated", FEED_SLOT_DATE, 4, read_text},
    {SPACE_ATOM | SPACE_DC, "modified", FEED_SLOT_DATE, 4, read_text},
    {SPACE_RSS, "category", FEED_SLOT_KEYWORD, 1, read_text},
    {SPACE_ATOM, "category", FEED_SLOT_KEYWORD, 1, read_atom_category},
    {SPACE_DC, "subject", FEED_SLOT_KEYWORD, 1, read_text},
};

/* ---- names ---- */

static unsigned native_space(enum feed_format format) {
  return format == FEED_ATOM ? SPACE_ATOM : SPACE_RSS;
}

static unsigned space_of_prefix(const char *name, size_t len) {
  for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
    if (spaces[i].prefix && strlen(spaces[i].prefix) == len &&
        memcmp(spaces[i].prefix, name, len) == 0)
      return spaces[i].space;
  return 0;
}

/* Without a prefix, an unknown namespace is taken for the format's own. */
static unsigned space_of(const xmlNode *node, enum feed_format format) {
  if (!node->ns) {
    const char *colon = strchr((const char *)node->name, ':');
    return colon ? space_of_prefix((const char *)node->name,
                                   (size_t)(colon - (const char *)node->name))
                 : native_space(format);
  }
  for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
    if (strcmp((const char *)node->ns->href, spaces[i].uri) == 0)
      return spaces[i].space;
  return node->ns->prefix ? 0 : native_space(format);
}

static const char *local_name(const xmlNode *node) {
  const char *name = (const char *)node->name;
  const char *colon = node->ns ? NULL : strchr(name, ':');
  return colon ? colon + 1 : name;
}

static bool is_element(const xmlNode *node, const char *name) {
  return node->type == XML_ELEMENT_NODE && strcmp(local_name(node), name) == 0;
}

static const struct field *find_field(const xmlNode *node, enum feed_format format) {
  const char *name = local_name(node);
  unsigned space = space_of(node, format);
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
    if ((fields[i].spaces & space) && strcmp(fields[i].name, name) == 0)
      return &fields[i];
  return NULL;
}

/* ---- values ---- */

/* A copy in our own memory; libxml2's is released. NULL when there is none, or no memory, which the
 * draft then knows. */
static char *own(struct feed_draft *draft, xmlChar *text) {
  char *copy = text ? strdup((const char *)text) : NULL;
  if (text && !copy)
    draft->no_memory = true;
  xmlFree(text);
  return copy;
}

static char *content_of(struct feed_draft *draft, const xmlNode *node) {
  return own(draft, xmlNodeGetContent(node));
}

static char *attribute(struct feed_draft *draft, const xmlNode *node, const char *name) {
  return own(draft, xmlGetNoNsProp(node, (const xmlChar *)name));
}

static char *xml_attribute(struct feed_draft *draft, const xmlNode *node, const char *name) {
  return own(draft, xmlGetNsProp(node, (const xmlChar *)name, XML_XML_NAMESPACE));
}

static bool has_elements(const xmlNode *node) {
  for (const xmlNode *child = node->children; child; child = child->next)
    if (child->type == XML_ELEMENT_NODE)
      return true;
  return false;
}

/* The markup inside an element, as HTML can be read. */
static char *markup_of(xmlNode *node) {
  xmlBuffer *buffer = xmlBufferCreate();
  if (!buffer)
    return NULL;
  for (xmlNode *child = node->children; child; child = child->next)
    xmlNodeDump(buffer, node->doc, child, 0, 0);
  char *text = strdup((const char *)xmlBufferContent(buffer));
  xmlBufferFree(buffer);
  return text;
}

/* Where links in this element begin: each xml:base is relative to the one around it. */
static char *base_of(struct reading *reading, const xmlNode *node) {
  if (!node || node->type != XML_ELEMENT_NODE)
    return strdup(reading->url);
  char *outer = base_of(reading, node->parent);
  char *own_base = outer ? xml_attribute(reading->draft, node, "base") : NULL;
  char *base = own_base ? url_resolve(outer, own_base) : NULL;
  free(own_base);
  if (!base)
    return outer;
  free(outer);
  return base;
}

static void offer(struct reading *reading, const struct field *field, char *value, bool html) {
  feed_draft_offer(reading->draft, field->slot, field->rank, value, html);
}

static void offer_link(struct reading *reading, const xmlNode *node, int rank, const char *link) {
  char *base = base_of(reading, node);
  if (base && link)
    feed_draft_offer_link(reading->draft, rank, base, link);
  else if (!base)
    reading->draft->no_memory = true;
  free(base);
}

static void read_text(struct reading *reading, xmlNode *node, const struct field *field) {
  offer(reading, field, content_of(reading->draft, node), false);
}

/* Markup that someone forgot to escape counts as the markup that it is. */
static void read_html(struct reading *reading, xmlNode *node, const struct field *field) {
  offer(reading, field, has_elements(node) ? markup_of(node) : content_of(reading->draft, node),
        true);
}

/* The text constructs of Atom 1.0 (type: text, html, xhtml) and of 0.3 (a media type, and mode). */
static void read_atom_text(struct reading *reading, xmlNode *node, const struct field *field) {
  static const struct {
    const char *type;
    bool html;
  } types[] = {{"text", false},          {"text/plain", false}, {"html", true},
               {"text/html", true},      {"xhtml", true},       {"application/xhtml+xml", true},
               {"application/xml", true}};
  char *type = attribute(reading->draft, node, "type");
  char *mode = attribute(reading->draft, node, "mode");
  char *link = attribute(reading->draft, node, "src");
  char *language = xml_attribute(reading->draft, node, "lang");
  bool known = type == NULL && (mode == NULL || strcasecmp(mode, "base64") != 0);
  bool html = has_elements(node);
  for (size_t i = 0; type && i < sizeof types / sizeof types[0]; i++) {
    if (strcasecmp(type, types[i].type) == 0) {
      known = !mode || strcasecmp(mode, "base64") != 0;
      html = html || types[i].html;
    }
  }
  if (link)
    offer_link(reading, node, 5, link);
  else if (known)
    offer(reading, field, has_elements(node) ? markup_of(node) : content_of(reading->draft, node),
          html);
  if (language && field->slot == FEED_SLOT_CONTENT)
    feed_draft_offer(reading->draft, FEED_SLOT_LANGUAGE, 3, language, false);
  else
    free(language);
  free(link);
  free(mode);
  free(type);
}

static void read_link(struct reading *reading, xmlNode *node, const struct field *field) {
  char *link = content_of(reading->draft, node);
  if (!link)
    reading->draft->no_memory = true;
  offer_link(reading, node, field->rank, link);
  free(link);
}

/* The page itself (alternate, which is the default), rather than in another form. */
static void read_atom_link(struct reading *reading, xmlNode *node, const struct field *field) {
  char *rel = attribute(reading->draft, node, "rel");
  char *type = attribute(reading->draft, node, "type");
  char *link = attribute(reading->draft, node, "href");
  bool alternate = !rel || strcasecmp(rel, "alternate") == 0 ||
                   strcasecmp(rel, "http://www.iana.org/assignments/relation/alternate") == 0;
  bool page = !type || strcasestr(type, "html");
  if (alternate && link)
    offer_link(reading, node, field->rank + !page, link);
  free(link);
  free(type);
  free(rel);
}

/* A guid is a link unless it says otherwise; but only one that looks like it is believed. */
static void read_guid(struct reading *reading, xmlNode *node, const struct field *field) {
  char *guid = content_of(reading->draft, node);
  char *permanent = attribute(reading->draft, node, "isPermaLink");
  if (guid && (!permanent || strcasecmp(permanent, "false") != 0))
    feed_draft_offer_link(reading->draft, 4, "", guid);
  free(permanent);
  offer(reading, field, guid, false);
}

static void read_person(struct reading *reading, xmlNode *node, const struct field *field) {
  static const char *const parts[] = {"name", "email"};
  if (!has_elements(node)) {
    read_html(reading, node, field);
    return;
  }
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    for (xmlNode *child = node->children; child; child = child->next)
      if (is_element(child, parts[i]))
        read_text(reading, child, field); /* the first one stays */
}

/* "jane@example.org (Jane Doe)" */
static void read_mail_author(struct reading *reading, xmlNode *node, const struct field *field) {
  char *text = content_of(reading->draft, node);
  char *open = text && strchr(text, '@') ? strchr(text, '(') : NULL;
  char *close = open ? strchr(open, ')') : NULL;
  if (close && close > open + 1) {
    *close = '\0';
    memmove(text, open + 1, (size_t)(close - open));
  }
  offer(reading, field, text, true);
}

static void read_atom_category(struct reading *reading, xmlNode *node, const struct field *field) {
  char *word = attribute(reading->draft, node, "label");
  if (!word)
    word = attribute(reading->draft, node, "term");
  if (word)
    offer(reading, field, word, false);
  else
    read_text(reading, node, field);
}

static void read_field(struct reading *reading, xmlNode *node) {
  if (node->type != XML_ELEMENT_NODE)
    return;
  const struct field *field = find_field(node, reading->format);
  if (field && feed_draft_wants(reading->draft, field->slot, field->rank))
    field->read(reading, node, field);
}

/* ---- documents ---- */

bool feed_node_open(struct feed_node_reader *reader, const char *url, enum feed_format format) {
  *reader = (struct feed_node_reader){.parser = xmlNewParserCtxt(), .url = url, .format = format};
  return reader->parser != NULL;
}

void feed_node_close(struct feed_node_reader *reader) {
  xmlFreeParserCtxt(reader->parser);
  reader->parser = NULL;
}

/* False without memory; *doc may be NULL all the same, when nothing could be read. */
static bool parse(struct feed_node_reader *reader, const char *xml, size_t len, xmlDoc **doc) {
  *doc = NULL;
  if (len > INT_MAX) {
    reader->damaged = true;
    return true;
  }
  /* It is UTF-8: to be told so makes libxml2 convert it all the same. */
  *doc = xmlCtxtReadMemory(reader->parser, xml, (int)len, NULL, NULL,
                           XML_PARSE_IGNORE_ENC | XML_PARSE_RECOVER | XML_PARSE_NONET |
                               XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NOCDATA |
                               XML_PARSE_COMPACT);
  if (!*doc || !reader->parser->wellFormed)
    reader->damaged = true;
  if (reader->parser->errNo != XML_ERR_NO_MEMORY)
    return true;
  xmlFreeDoc(*doc);
  *doc = NULL;
  return false;
}

/* What follows a node and all that it holds, in the tree below `top`. */
static xmlNode *next_outside(const xmlNode *top, xmlNode *node) {
  while (node != top && !node->next)
    node = node->parent;
  return node == top ? NULL : node->next;
}

/* The next node, what it holds first. */
static xmlNode *next_node(const xmlNode *top, xmlNode *node) {
  if (node->children && node->type == XML_ELEMENT_NODE)
    return node->children;
  return next_outside(top, node);
}

/* After a wrong end tag the elements behind it lie within those before it. Brings them back to
 * where they belong, so that they can be read and the text around them is free of theirs. */
static void lift_fields(xmlNode *item, enum feed_format format) {
  for (xmlNode *node = item->children; node;) {
    xmlNode *next = next_node(item, node);
    if (node->type == XML_ELEMENT_NODE && node->parent != item && find_field(node, format)) {
      next = next_outside(item, node);
      xmlUnlinkNode(node);
      xmlAddChild(item, node);
      if (!next)
        next = node;
    }
    node = next;
  }
}

static xmlNode *find_element(xmlNode *top, const char *name) {
  for (xmlNode *node = top; node; node = next_node(top, node))
    if (is_element(node, name))
      return node;
  return NULL;
}

bool feed_node_read_item(struct feed_node_reader *reader, const char *xml, size_t len,
                         const char *name, struct feed_draft *draft) {
  xmlDoc *doc = NULL;
  if (!parse(reader, xml, len, &doc))
    return false;
  xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
  xmlNode *item = root ? find_element(root, name) : NULL;
  struct reading reading = {draft, reader->url, reader->format};
  if (item) {
    char *language = xml_attribute(draft, item, "lang");
    if (language)
      feed_draft_offer(draft, FEED_SLOT_LANGUAGE, 1, language, false);
    if (!reader->parser->wellFormed)
      lift_fields(item, reader->format);
    for (xmlNode *child = item->children; child; child = child->next)
      read_field(&reading, child);
    char *about =
        own(draft, xmlGetNsProp(item, (const xmlChar *)"about",
                                (const xmlChar *)"http://www.w3.org/1999/02/22-rdf-syntax-ns#"));
    if (about)
      offer_link(&reading, item, 6, about);
    free(about);
  }
  xmlFreeDoc(doc);
  return !draft->no_memory;
}

static void read_ttl(struct feed_draft *draft, struct feed_content *content, xmlNode *node) {
  char *text = content_of(draft, node);
  long long minutes = text ? strtoll(text, NULL, 10) : 0;
  if (minutes > 0 && minutes <= TTL_MINUTES_MAX)
    content->ttl_ms = minutes * MS_PER_MINUTE;
  free(text);
}

/* 0 to 23; some write 24 for midnight. */
static void read_hour(struct feed_content *content, const char *text) {
  char *end = NULL;
  long hour = strtol(text, &end, 10);
  if (end != text && hour >= 0 && hour <= 24)
    content->skip_hours |= 1U << (hour % 24);
}

static void read_day(struct feed_content *content, const char *text) {
  static const char *const days[] = {"sunday",   "monday", "tuesday", "wednesday",
                                     "thursday", "friday", "saturday"};
  text += strspn(text, " \t\r\n");
  for (unsigned d = 0; d < sizeof days / sizeof days[0]; d++)
    if (strncasecmp(text, days[d], strlen(days[d])) == 0)
      content->skip_days = (uint8_t)(content->skip_days | 1U << d);
}

static void read_skips(struct feed_draft *draft, struct feed_content *content, xmlNode *node) {
  bool hours = is_element(node, "skipHours");
  int n = 0;
  for (xmlNode *child = node->children; child && n < HOURS_MAX; child = child->next) {
    if (!is_element(child, hours ? "hour" : "day"))
      continue;
    char *text = content_of(draft, child);
    if (text && hours)
      read_hour(content, text);
    else if (text)
      read_day(content, text);
    free(text);
    n++;
  }
}

static void read_pace(struct feed_draft *draft, struct feed_content *content, xmlNode *node) {
  if (is_element(node, "ttl"))
    read_ttl(draft, content, node);
  else if (is_element(node, "skipHours") || is_element(node, "skipDays"))
    read_skips(draft, content, node);
}

bool feed_node_read_head(struct feed_node_reader *reader, const char *xml, size_t len,
                         struct feed_content *content, struct feed_draft *draft) {
  xmlDoc *doc = NULL;
  if (!parse(reader, xml, len, &doc))
    return false;
  xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
  xmlNode *channel = root && reader->format != FEED_ATOM ? find_element(root, "channel") : root;
  if (root && !channel)
    channel = root;
  struct reading reading = {draft, reader->url, reader->format};
  for (xmlNode *child = channel ? channel->children : NULL; child; child = child->next) {
    read_field(&reading, child);
    read_pace(draft, content, child);
  }
  for (xmlNode *node = channel; node && node->type == XML_ELEMENT_NODE; node = node->parent) {
    char *language = xml_attribute(draft, node, "lang");
    if (language)
      feed_draft_offer(draft, FEED_SLOT_LANGUAGE, 1, language, false);
  }
  xmlFreeDoc(doc);
  return !draft->no_memory;
}
