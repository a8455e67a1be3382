#include "feed_xml.h"

#include "feed_draft.h"
#include "feed_node.h"
#include "feed_token.h"

#include <string.h>
#include <strings.h>

#define TOKENS_MAX                                                                                 \
  100000 /* of one item, and of the feed's head: bounds the memory of their trees */
#define WRAPPER_MAX 16384 /* bytes of the start tags that are repeated around each item */

/* Roots of feeds; and of web pages, or of pieces of them. Compared without case. */
static const struct root {
  const char *name;
  enum feed_result result;
  enum feed_format format;
} roots[] = {
    {"rss", FEED_PARSED, FEED_RSS},     {"channel", FEED_PARSED, FEED_RSS},
    {"rdf", FEED_PARSED, FEED_RDF},     {"feed", FEED_PARSED, FEED_ATOM},
    {"html", FEED_IS_HTML, FEED_RSS},   {"head", FEED_IS_HTML, FEED_RSS},
    {"body", FEED_IS_HTML, FEED_RSS},   {"title", FEED_IS_HTML, FEED_RSS},
    {"meta", FEED_IS_HTML, FEED_RSS},   {"link", FEED_IS_HTML, FEED_RSS},
    {"script", FEED_IS_HTML, FEED_RSS}, {"style", FEED_IS_HTML, FEED_RSS},
    {"div", FEED_IS_HTML, FEED_RSS},    {"p", FEED_IS_HTML, FEED_RSS},
    {"span", FEED_IS_HTML, FEED_RSS},   {"a", FEED_IS_HTML, FEED_RSS},
    {"table", FEED_IS_HTML, FEED_RSS},  {"center", FEED_IS_HTML, FEED_RSS},
    {"h1", FEED_IS_HTML, FEED_RSS},     {"h2", FEED_IS_HTML, FEED_RSS},
    {"br", FEED_IS_HTML, FEED_RSS},     {"b", FEED_IS_HTML, FEED_RSS},
};

static const char *const item_names[] = {
    [FEED_RSS] = "item", [FEED_RDF] = "item", [FEED_ATOM] = "entry"};

/* The walk over a document. Outside of items its text goes to `head`, inside to `item`. */
struct walk {
  struct feed_content *content;
  struct feed_node_reader nodes;
  struct feed_token root, channel, tag; /* start tags: of the document, around items, of the item */
  bool in_channel, in_item;
  bool open;                     /* the root has not ended */
  size_t head_depth, item_depth; /* open elements */
  size_t head_tokens, item_tokens;
  struct strbuf head, item;
  bool damaged; /* anything was mended */
  enum feed_result result;
};

static bool holds(const struct feed_token *token, const char *text) {
  return memmem(token->text, token->len, text, strlen(text)) != NULL;
}

static enum feed_result root_result(const struct feed_token *token, enum feed_format *format) {
  for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
    if (strlen(roots[i].name) == token->local_len &&
        strncasecmp(roots[i].name, token->local, token->local_len) == 0) {
      *format = roots[i].format;
      return roots[i].result;
    }
  }
  return FEED_NOT_A_FEED;
}

enum feed_result feed_xml_sniff(const char *text, size_t len, enum feed_format *format) {
  struct feed_token_reader reader = {.at = text, .end = text + len};
  struct feed_token token;
  while (feed_token_next(&reader, &token)) {
    if (token.kind == FEED_TOKEN_START || token.kind == FEED_TOKEN_EMPTY)
      return root_result(&token, format);
    if (token.kind != FEED_TOKEN_DOCTYPE)
      continue;
    if (holds(&token, "<!ENTITY"))
      return FEED_DANGEROUS;
    struct feed_token name = {.local = token.text + 9};
    size_t rest = token.len - 9;
    while (rest > 0 && strchr(" \t\r\n", *name.local)) {
      name.local++;
      rest--;
    }
    name.local_len = rest < 4 ? rest : 4;
    if (root_result(&name, format) == FEED_IS_HTML)
      return FEED_IS_HTML;
  }
  return FEED_NOT_A_FEED;
}

static bool same_name(const struct feed_token *a, const struct feed_token *b) {
  return a->name_len == b->name_len && memcmp(a->name, b->name, a->name_len) == 0;
}

static size_t prefix_length(const struct feed_token *token) {
  return token->name_len - token->local_len;
}

/* An item has no prefix, or that of the root, or that of the format: <media:item> is none. */
static bool is_item(const struct walk *walk, const struct feed_token *token) {
  if (!feed_token_is(token, item_names[walk->content->format]))
    return false;
  size_t n = prefix_length(token);
  return n == 0 ||
         (n == prefix_length(&walk->root) && memcmp(token->name, walk->root.name, n) == 0) ||
         (n == 4 && memcmp(token->name, "rss:", n) == 0) ||
         (n == 5 && memcmp(token->name, "atom:", n) == 0);
}

static void close_tag(struct strbuf *out, const struct feed_token *token) {
  strbuf_puts(out, "</");
  strbuf_add(out, token->name, token->name_len);
  strbuf_puts(out, ">");
}

/* The start tags around an item bind its prefixes, and hold xml:base and xml:lang. */
static bool is_wrapped(const struct walk *walk) {
  return walk->root.len + (walk->in_channel ? walk->channel.len : 0) <= WRAPPER_MAX;
}

static bool is_full(const struct walk *walk) {
  return walk->content->n_items + walk->content->n_broken >= FEED_ITEMS_MAX;
}

static void begin_item(struct walk *walk, const struct feed_token *token) {
  walk->in_item = true;
  walk->item_depth = 1;
  walk->item_tokens = 0;
  walk->tag = *token;
  strbuf_truncate(&walk->item, 0);
  if (is_full(walk))
    return;
  if (is_wrapped(walk)) {
    feed_token_mend(&walk->root, &walk->item, &walk->damaged);
    if (walk->in_channel)
      feed_token_mend(&walk->channel, &walk->item, &walk->damaged);
  }
  feed_token_mend(token, &walk->item, &walk->damaged);
}

/* Reads what was gathered of the item. */
static void end_item(struct walk *walk) {
  walk->in_item = false;
  if (is_full(walk)) {
    walk->content->n_dropped++;
    return;
  }
  if (walk->item_tokens > TOKENS_MAX) {
    walk->content->n_broken++;
    return;
  }
  if (walk->tag.kind == FEED_TOKEN_START)
    close_tag(&walk->item, &walk->tag);
  if (is_wrapped(walk)) {
    if (walk->in_channel)
      close_tag(&walk->item, &walk->channel);
    close_tag(&walk->item, &walk->root);
  }
  struct feed_draft draft = {0};
  const char *name = item_names[walk->content->format];
  if (walk->item.failed ||
      !feed_node_read_item(&walk->nodes, walk->item.data, walk->item.len, name, &draft) ||
      !feed_draft_finish(&draft, walk->content))
    walk->result = FEED_NO_MEMORY;
  feed_draft_fini(&draft);
}

/* Counts open elements; past the limit the document is refused. */
static void count_depth(struct walk *walk, const struct feed_token *token) {
  size_t *depth = walk->in_item ? &walk->item_depth : &walk->head_depth;
  if (token->kind == FEED_TOKEN_START && ++*depth > FEED_DEPTH_MAX)
    walk->result = FEED_DANGEROUS;
  else if (token->kind == FEED_TOKEN_END && *depth > 0)
    --*depth;
}

static void add_token(struct walk *walk, const struct feed_token *token, struct strbuf *out,
                      size_t *count) {
  if (*count > TOKENS_MAX)
    return;
  if (++*count > TOKENS_MAX)
    walk->damaged = true;
  else
    feed_token_mend(token, out, &walk->damaged);
}

static void walk_head(struct walk *walk, const struct feed_token *token) {
  bool start = token->kind == FEED_TOKEN_START || token->kind == FEED_TOKEN_EMPTY;
  if (start && walk->root.text && is_item(walk, token)) {
    begin_item(walk, token);
    if (token->kind == FEED_TOKEN_EMPTY)
      end_item(walk);
    return;
  }
  count_depth(walk, token);
  if (start && !walk->root.text) {
    walk->root = *token;
    walk->open = token->kind == FEED_TOKEN_START;
  } else if (token->kind == FEED_TOKEN_START && feed_token_is(token, "channel")) {
    walk->channel = *token;
    walk->in_channel = true;
  } else if (token->kind == FEED_TOKEN_END && walk->in_channel &&
             same_name(token, &walk->channel)) {
    walk->in_channel = false;
  } else if (token->kind == FEED_TOKEN_END && same_name(token, &walk->root)) {
    walk->open = false;
  }
  if (walk->root.text)
    add_token(walk, token, &walk->head, &walk->head_tokens);
}

/* An item also ends, broken, where the next one begins or where all around it ends. */
static void walk_item(struct walk *walk, const struct feed_token *token) {
  bool start = token->kind == FEED_TOKEN_START || token->kind == FEED_TOKEN_EMPTY;
  bool end = token->kind == FEED_TOKEN_END;
  if (end && same_name(token, &walk->tag)) {
    end_item(walk);
  } else if ((start && is_item(walk, token)) ||
             (end && (same_name(token, &walk->root) ||
                      (walk->in_channel && same_name(token, &walk->channel))))) {
    walk->damaged = true;
    end_item(walk);
    walk_head(walk, token);
  } else {
    count_depth(walk, token);
    if (!is_full(walk))
      add_token(walk, token, &walk->item, &walk->item_tokens);
  }
}

static enum feed_result end_walk(struct walk *walk, const struct feed_source *source) {
  struct feed_content *content = walk->content;
  if (walk->in_item) /* cut off inside of it */
    *(is_full(walk) ? &content->n_dropped : &content->n_broken) += 1;
  bool cut = walk->open;
  if (walk->open) /* for the parser, so that only real damage counts */
    close_tag(&walk->head, &walk->root);
  struct feed_draft draft = {0};
  bool good = !walk->head.failed &&
              feed_node_read_head(&walk->nodes, walk->head.data, walk->head.len, content, &draft) &&
              feed_draft_finish_feed(&draft, source, content->format == FEED_ATOM, content);
  feed_draft_fini(&draft);
  content->damaged = content->damaged || walk->damaged || walk->nodes.damaged || cut;
  if (!good)
    return FEED_NO_MEMORY;
  if (cut && content->n_items == 0)
    return FEED_CUT_OFF;
  /* RDF has other uses. */
  if (content->format == FEED_RDF && !walk->channel.text && content->n_items == 0)
    return FEED_NOT_A_FEED;
  return FEED_PARSED;
}

enum feed_result feed_xml_read(const struct feed_source *source, const char *text, size_t len,
                               struct feed_content *content) {
  struct walk walk = {.content = content, .result = FEED_PARSED};
  struct feed_token_reader reader = {.at = text, .end = text + len};
  struct feed_token token;
  if (!feed_node_open(&walk.nodes, source->url ? source->url : "", content->format))
    return FEED_NO_MEMORY;
  while (walk.result == FEED_PARSED && feed_token_next(&reader, &token)) {
    if (token.kind == FEED_TOKEN_DOCTYPE && holds(&token, "<!ENTITY"))
      walk.result = FEED_DANGEROUS;
    else if (walk.in_item)
      walk_item(&walk, &token);
    else
      walk_head(&walk, &token);
    if (walk.root.text && !walk.open && !walk.in_item)
      break; /* what stands behind the root is not looked at */
  }
  if (walk.result == FEED_PARSED)
    walk.result = end_walk(&walk, source);
  strbuf_fini(&walk.head);
  strbuf_fini(&walk.item);
  feed_node_close(&walk.nodes);
  return walk.result;
}
