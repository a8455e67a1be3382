#include "feed_draft.h"

#include "html_text.h"
#include "text_flow.h"
#include "url.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_FIRST  16
#define ELLIPSIS     "\xE2\x80\xA6"
#define LANGUAGE_MAX 3 /* letters of a primary tag that names a language */

bool feed_draft_wants(const struct feed_draft *draft, enum feed_slot slot, int rank) {
  if (slot == FEED_SLOT_KEYWORD)
    return draft->n_keywords < FEED_KEYWORDS_MAX;
  return !draft->slots[slot].value || rank < draft->slots[slot].rank;
}

static bool is_blank(const char *text) {
  return text[strspn(text, " \t\r\n")] == '\0';
}

void feed_draft_offer(struct feed_draft *draft, enum feed_slot slot, int rank, char *value,
                      bool html) {
  if (!value) {
    draft->no_memory = true;
    return;
  }
  if (!feed_draft_wants(draft, slot, rank) || is_blank(value) ||
      (slot == FEED_SLOT_DATE && feed_date_parse(value) == 0)) {
    free(value);
    return;
  }
  if (slot == FEED_SLOT_KEYWORD) {
    draft->keywords[draft->n_keywords++] = value;
    return;
  }
  free(draft->slots[slot].value);
  draft->slots[slot].value = value;
  draft->slots[slot].html = html;
  draft->slots[slot].rank = rank;
}

void feed_draft_offer_link(struct feed_draft *draft, int rank, const char *base, const char *link) {
  if (is_blank(link) || !feed_draft_wants(draft, FEED_SLOT_LINK, rank))
    return;
  char *url = url_resolve(base, link);
  if (url)
    feed_draft_offer(draft, FEED_SLOT_LINK, rank, url, false);
}

/* Text of a slot as it is kept; NULL without a value or without memory. */
static char *plain(struct feed_draft *draft, enum feed_slot slot, size_t max, bool one_line) {
  const char *value = draft->slots[slot].value;
  if (!value)
    return NULL;
  char *text = NULL;
  if (draft->slots[slot].html) {
    text = html_text(value, strlen(value), max);
    value = text;
  }
  if (value && (one_line || !text)) {
    struct text_flow flow = {.max = max, .one_line = one_line, .blank_parts = true};
    text_flow_add(&flow, value, strlen(value));
    free(text);
    text = text_flow_take(&flow);
  }
  if (!text)
    draft->no_memory = true;
  return text;
}

static char *made_title(const char *text, size_t max) {
  struct text_flow flow = {.max = max - strlen(ELLIPSIS), .one_line = true};
  text_flow_add(&flow, text, strlen(text));
  if (flow.full)
    strbuf_puts(&flow.out, ELLIPSIS);
  return text_flow_take(&flow);
}

static char *hashed(const char *title, int64_t published_at_ms) {
  char date[24];
  int n = snprintf(date, sizeof date, "%" PRId64, published_at_ms);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned len = 0;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  bool good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) &&
              EVP_DigestUpdate(context, title, strlen(title) + 1) &&
              EVP_DigestUpdate(context, date, (size_t)n) &&
              EVP_DigestFinal_ex(context, digest, &len);
  EVP_MD_CTX_free(context);
  struct strbuf out = {.failed = !good};
  strbuf_puts(&out, "sha256:");
  for (unsigned i = 0; good && i < len; i++)
    strbuf_printf(&out, "%02x", digest[i]);
  return strbuf_take(&out);
}

/* "de-AT" is "de"; NULL for what is no tag of a language. */
static char *primary_tag(struct feed_draft *draft) {
  const char *text = draft->slots[FEED_SLOT_LANGUAGE].value;
  char tag[LANGUAGE_MAX + 1];
  size_t n = 0;
  if (!text)
    return NULL;
  text += strspn(text, " \t\r\n");
  while (isalpha((unsigned char)text[n])) {
    if (n == LANGUAGE_MAX)
      return NULL;
    tag[n] = (char)tolower((unsigned char)text[n]);
    n++;
  }
  tag[n] = '\0';
  bool ends = text[n] == '\0' || strchr("-_ \t\r\n,;", text[n]);
  if (n < 2 || !ends || strcmp(tag, "und") == 0)
    return NULL;
  char *copy = strdup(tag);
  draft->no_memory = draft->no_memory || !copy;
  return copy;
}

/* Blogs write "R&amp;D" here even in a CDATA section. */
static char *keyword_text(const char *value) {
  struct text_flow flow = {.max = FEED_KEYWORD_MAX, .one_line = true};
  char *text = html_text(value, strlen(value), FEED_KEYWORD_MAX);
  if (!text)
    return NULL;
  text_flow_add(&flow, text, strlen(text));
  free(text);
  return text_flow_take(&flow);
}

static bool holds(const json_t *array, const char *word) {
  size_t i;
  const json_t *value;
  json_array_foreach(array, i, value) {
    if (strcmp(json_string_value(value), word) == 0)
      return true;
  }
  return false;
}

static char *keywords_json(const struct feed_draft *draft) {
  json_t *array = json_array();
  bool good = array != NULL;
  for (size_t i = 0; good && i < draft->n_keywords; i++) {
    char *text = keyword_text(draft->keywords[i]);
    if (!text)
      good = false;
    else if (*text && !holds(array, text))
      good = json_array_append_new(array, json_string(text)) == 0;
    free(text);
  }
  char *json = NULL;
  if (good)
    json = json_dumps(array, JSON_COMPACT);
  json_decref(array);
  return json;
}

static void drop_if_blank(char **text) {
  if (*text && **text == '\0') {
    free(*text);
    *text = NULL;
  }
}

/* A summary alone is the content. */
static void take_texts(struct feed_draft *draft, struct feed_item *item) {
  item->title = plain(draft, FEED_SLOT_TITLE, FEED_TITLE_MAX, true);
  item->content = plain(draft, FEED_SLOT_CONTENT, FEED_TEXT_MAX, false);
  item->summary = plain(draft, FEED_SLOT_SUMMARY, FEED_TEXT_MAX, false);
  item->author = plain(draft, FEED_SLOT_AUTHOR, FEED_AUTHOR_MAX, true);
  drop_if_blank(&item->title);
  drop_if_blank(&item->content);
  drop_if_blank(&item->summary);
  drop_if_blank(&item->author);
  if (!item->content) {
    item->content = item->summary;
    item->summary = NULL;
  } else if (item->summary && strcmp(item->summary, item->content) == 0) {
    free(item->summary);
    item->summary = NULL;
  }
}

static char *take_guid(struct feed_draft *draft, const struct feed_item *item) {
  char *guid = plain(draft, FEED_SLOT_GUID, FEED_TEXT_MAX, true);
  drop_if_blank(&guid);
  if (draft->no_memory)
    return guid;
  if (!guid && !item->url)
    return hashed(item->title, item->published_at_ms);
  if (!guid)
    guid = strdup(item->url);
  if (!guid || strlen(guid) <= FEED_GUID_MAX)
    return guid;
  char *hash = hashed(guid, 0);
  free(guid);
  return hash;
}

/* Makes the item of a draft that has something to read. False without memory. */
static bool make_item(struct feed_draft *draft, struct feed_item *item) {
  item->url = draft->slots[FEED_SLOT_LINK].value;
  draft->slots[FEED_SLOT_LINK].value = NULL;
  if (item->url && !(item->canonical_url = url_canonical(item->url)))
    draft->no_memory = true;
  if (!item->title && item->content)
    item->title = made_title(item->content, FEED_TITLE_MADE_MAX);
  else if (!item->title && item->url)
    item->title = made_title(item->url, FEED_TITLE_MAX);
  if (!item->content)
    item->content = strdup("");
  if (!item->title || !item->content)
    return false;
  if (draft->slots[FEED_SLOT_DATE].value)
    item->published_at_ms = feed_date_parse(draft->slots[FEED_SLOT_DATE].value);
  item->language = primary_tag(draft);
  if (draft->n_keywords > 0 && !(item->keywords = keywords_json(draft)))
    return false;
  if (item->keywords && strcmp(item->keywords, "[]") == 0) {
    free(item->keywords);
    item->keywords = NULL;
  }
  item->guid = take_guid(draft, item);
  return item->guid && !draft->no_memory;
}

/* An empty item at the end. Doubles the room whenever the number is a power of two. */
static struct feed_item *add_item(struct feed_content *content) {
  size_t n = content->n_items;
  if (n == 0 || (n >= ITEMS_FIRST && (n & (n - 1)) == 0)) {
    size_t room = n == 0 ? ITEMS_FIRST : 2 * n;
    struct feed_item *items = realloc(content->items, room * sizeof *items);
    if (!items)
      return NULL;
    content->items = items;
  }
  content->items[n] = (struct feed_item){0};
  content->n_items++;
  return &content->items[n];
}

bool feed_draft_finish(struct feed_draft *draft, struct feed_content *content) {
  struct feed_item *item = add_item(content);
  bool good = item != NULL;
  if (item) {
    take_texts(draft, item);
    good = !draft->no_memory;
    if (good && !item->title && !item->content && !draft->slots[FEED_SLOT_LINK].value) {
      free(item->author);
      content->n_items--;
      content->n_broken++;
    } else if (good) {
      good = make_item(draft, item);
    }
  }
  feed_draft_fini(draft);
  return good;
}

static bool fill(char **member, const char *value) {
  if (*member || !value)
    return true;
  *member = strdup(value);
  return *member != NULL;
}

bool feed_draft_finish_feed(struct feed_draft *draft, const struct feed_source *source,
                            bool share_author, struct feed_content *content) {
  content->title = plain(draft, FEED_SLOT_TITLE, FEED_TITLE_MAX, true);
  drop_if_blank(&content->title);
  content->language = primary_tag(draft);
  char *author = share_author ? plain(draft, FEED_SLOT_AUTHOR, FEED_AUTHOR_MAX, true) : NULL;
  drop_if_blank(&author);
  const char *language = source->language ? source->language : content->language;
  bool good = !draft->no_memory;
  for (size_t i = 0; good && i < content->n_items; i++)
    good = fill(&content->items[i].language, language) && fill(&content->items[i].author, author);
  free(author);
  feed_draft_fini(draft);
  return good;
}

void feed_draft_fini(struct feed_draft *draft) {
  for (size_t i = 0; i < FEED_SLOTS; i++)
    free(draft->slots[i].value);
  for (size_t i = 0; i < draft->n_keywords; i++)
    free(draft->keywords[i]);
  *draft = (struct feed_draft){0};
}
