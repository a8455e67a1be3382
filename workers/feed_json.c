#include "feed_json.h"

#include "feed_draft.h"
#include "strbuf.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define BRAND "jsonfeed.org/version/" /* in the version of every JSON Feed */

/* The walk over a document without parsing it: members of the feed are copied to `head`, items are
 * parsed one by one. */
struct walk {
  const struct feed_source *source;
  struct feed_content *content;
  const char *at, *end;
  struct strbuf head;
  bool cut; /* the text ended too early */
  enum feed_result result;
};

static void skip_space(struct walk *walk) {
  while (walk->at < walk->end && strchr(" \t\r\n", *walk->at))
    walk->at++;
}

static bool take(struct walk *walk, char c) {
  skip_space(walk);
  if (walk->at == walk->end || *walk->at != c)
    return false;
  walk->at++;
  return true;
}

/* Past the string at `at`, or NULL. */
static const char *past_string(const char *at, const char *end) {
  for (at++; at < end; at++) {
    if (*at == '"')
      return at + 1;
    if (*at == '\\')
      at++;
  }
  return NULL;
}

/* Moves past one value, whatever it is, and gives its beginning; NULL at a cut or past the depth
 * limit. */
static const char *take_value(struct walk *walk) {
  skip_space(walk);
  const char *from = walk->at;
  const char *at = from;
  size_t depth = 0;
  for (; at < walk->end; at++) {
    if (*at == '"') {
      at = past_string(at, walk->end);
      if (!at)
        break;
      at--;
    } else if (*at == '{' || *at == '[') {
      if (++depth > FEED_DEPTH_MAX) {
        walk->result = FEED_DANGEROUS;
        return NULL;
      }
    } else if (depth == 0 && strchr(",}]", *at)) {
      walk->at = at;
      return from;
    } else if (*at == '}' || *at == ']') {
      depth--;
    }
  }
  walk->at = walk->end;
  walk->cut = true;
  return NULL;
}

/* A number past the range of integers, or a NUL in a text, is no reason to lose an item; but ids
 * are to stay exact where they can. */
static json_t *decode(const char *text, size_t len) {
  json_t *value = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
  return value ? value : json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
}

static const char *text_of(const json_t *object, const char *key) {
  return json_string_value(json_object_get(object, key));
}

static void offer(struct feed_draft *draft, enum feed_slot slot, int rank, const char *text,
                  bool html) {
  if (text && feed_draft_wants(draft, slot, rank))
    feed_draft_offer(draft, slot, rank, strdup(text), html);
}

/* An id should be a text, and is to be taken for one when it is not. */
static void offer_id(struct feed_draft *draft, const json_t *item) {
  const json_t *id = json_object_get(item, "id");
  offer(draft, FEED_SLOT_GUID, 1, json_string_value(id), false);
  if (json_is_number(id)) {
    struct strbuf text = {0};
    if (json_is_integer(id))
      strbuf_printf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
    else
      strbuf_printf(&text, "%.17g", json_real_value(id));
    feed_draft_offer(draft, FEED_SLOT_GUID, 1, strbuf_take(&text), false);
  }
}

/* "authors" of 1.1, else "author" of 1.0. */
static void offer_author(struct feed_draft *draft, const json_t *object) {
  const json_t *first = json_array_get(json_object_get(object, "authors"), 0);
  offer(draft, FEED_SLOT_AUTHOR, 1, text_of(first, "name"), false);
  offer(draft, FEED_SLOT_AUTHOR, 2, text_of(json_object_get(object, "author"), "name"), false);
}

static void offer_tags(struct feed_draft *draft, const json_t *item) {
  size_t i;
  json_t *tag;
  json_array_foreach(json_object_get(item, "tags"), i, tag) {
    offer(draft, FEED_SLOT_KEYWORD, 1, json_string_value(tag), false);
  }
}

static void fill_draft(struct walk *walk, const json_t *item, struct feed_draft *draft) {
  static const struct {
    const char *key;
    enum feed_slot slot;
    int rank;
    bool html;
  } members[] = {
      {"title", FEED_SLOT_TITLE, 1, false},          {"content_html", FEED_SLOT_CONTENT, 1, true},
      {"content_text", FEED_SLOT_CONTENT, 2, false}, {"summary", FEED_SLOT_SUMMARY, 1, false},
      {"date_published", FEED_SLOT_DATE, 1, false},  {"date_modified", FEED_SLOT_DATE, 2, false},
      {"language", FEED_SLOT_LANGUAGE, 1, false},
  };
  static const char *const links[] = {"url", "external_url"};
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
    offer(draft, members[i].slot, members[i].rank, text_of(item, members[i].key), members[i].html);
  const char *base = walk->source->url ? walk->source->url : "";
  for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
    if (text_of(item, links[i]))
      feed_draft_offer_link(draft, (int)i + 1, base, text_of(item, links[i]));
  offer_id(draft, item);
  offer_author(draft, item);
  offer_tags(draft, item);
}

static void read_item(struct walk *walk, const char *text, size_t len) {
  struct feed_content *content = walk->content;
  if (content->n_items + content->n_broken >= FEED_ITEMS_MAX) {
    content->n_dropped++;
    return;
  }
  json_t *item = decode(text, len);
  if (!json_is_object(item)) {
    content->n_broken++;
    content->damaged = true;
  } else {
    struct feed_draft draft = {0};
    fill_draft(walk, item, &draft);
    if (!feed_draft_finish(&draft, content))
      walk->result = FEED_NO_MEMORY;
  }
  json_decref(item);
}

/* Items up to the end of their array. */
static bool read_items(struct walk *walk) {
  if (take(walk, ']'))
    return true;
  do {
    const char *item = take_value(walk);
    if (!item) {
      walk->content->n_broken += walk->cut;
      return false;
    }
    read_item(walk, item, (size_t)(walk->at - item));
  } while (walk->result == FEED_PARSED && take(walk, ','));
  return walk->result == FEED_PARSED && take(walk, ']');
}

/* One member of the feed; false at the end of what can be read. */
static bool read_member(struct walk *walk) {
  skip_space(walk);
  const char *key = walk->at;
  if (key == walk->end || *key != '"')
    return false;
  walk->at = past_string(key, walk->end);
  if (!walk->at) {
    walk->at = walk->end;
    return false;
  }
  size_t key_len = (size_t)(walk->at - key);
  bool items = key_len == 7 && memcmp(key, "\"items\"", 7) == 0;
  if (!take(walk, ':'))
    return false;
  skip_space(walk);
  if (items && take(walk, '['))
    return read_items(walk);
  const char *value = take_value(walk);
  if (!value)
    return false;
  strbuf_puts(&walk->head, walk->head.len > 1 ? "," : "");
  strbuf_add(&walk->head, key, key_len);
  strbuf_puts(&walk->head, ":");
  strbuf_add(&walk->head, value, (size_t)(walk->at - value));
  return true;
}

/* What the feed says about itself; *branded tells whether it says that it is a JSON Feed. */
static bool read_head(struct walk *walk, bool *branded) {
  struct feed_draft draft = {0};
  json_t *head = decode(walk->head.data, walk->head.len);
  const char *version = text_of(head, "version");
  *branded = version && strstr(version, BRAND);
  offer(&draft, FEED_SLOT_TITLE, 1, text_of(head, "title"), false);
  offer(&draft, FEED_SLOT_LANGUAGE, 1, text_of(head, "language"), false);
  offer_author(&draft, head);
  bool good = feed_draft_finish_feed(&draft, walk->source, true, walk->content);
  feed_draft_fini(&draft);
  json_decref(head);
  return good;
}

static enum feed_result end_walk(struct walk *walk, const char *text, size_t len) {
  bool branded = false;
  strbuf_puts(&walk->head, "}");
  if (walk->head.failed || !read_head(walk, &branded))
    return FEED_NO_MEMORY;
  /* The version may be behind the cut, or beside something broken. */
  if (!branded && !(walk->content->damaged && memmem(text, len, BRAND, strlen(BRAND))))
    return FEED_NOT_A_FEED;
  return walk->cut && walk->content->n_items == 0 ? FEED_CUT_OFF : FEED_PARSED;
}

enum feed_result feed_json_read(const struct feed_source *source, const char *text, size_t len,
                                struct feed_content *content) {
  struct walk walk = {
      .source = source, .content = content, .at = text, .end = text + len, .result = FEED_PARSED};
  content->format = FEED_JSON;
  if (!take(&walk, '{'))
    return FEED_NOT_A_FEED;
  strbuf_puts(&walk.head, "{");
  bool more = true;
  while (more && walk.result == FEED_PARSED)
    more = read_member(&walk) && take(&walk, ',');
  if (walk.result == FEED_PARSED && !take(&walk, '}')) {
    content->damaged = true;
    walk.cut = walk.cut || walk.at == walk.end;
  }
  if (walk.result == FEED_PARSED)
    walk.result = end_walk(&walk, text, len);
  strbuf_fini(&walk.head);
  return walk.result;
}
