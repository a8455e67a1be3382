#include "citation.h"
#include "markdown_text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct citations *out, size_t n) {
  *out = (struct citations){0};
  if (n == 0)
    return true;
  out->items = calloc(n < CITATIONS_MAX ? n : CITATIONS_MAX, sizeof *out->items);
  return out->items != NULL;
}

/* Copies one source in. What is there twice keeps its first place. */
static bool add(struct citations *out, const struct citation *source) {
  if (out->n == CITATIONS_MAX || source->n == 0 || source->n > MARKDOWN_MARK_MAX ||
      source->title == NULL || citations_find(out, source->n) != NULL)
    return true;
  struct citation *item = &out->items[out->n++];
  *item = *source;
  item->title = strdup(source->title);
  item->url = source->url != NULL ? strdup(source->url) : NULL;
  return item->title != NULL && (source->url == NULL || item->url != NULL);
}

/* A string that says something, or NULL. */
static char *member(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text != NULL && text[0] != '\0' ? (char *)(uintptr_t)text : NULL;
}

static bool add_json(struct citations *out, const json_t *entry) {
  json_int_t n = json_integer_value(json_object_get(entry, "n"));
  struct citation source = {
      .n = n > 0 && n <= MARKDOWN_MARK_MAX ? (unsigned)n : 0,
      .title = member(entry, "title"),
      .url = member(entry, "url"),
      .published_at_ms = json_integer_value(json_object_get(entry, "published_at_ms")),
  };
  if (source.title == NULL)
    source.title = source.url;
  return add(out, &source);
}

bool citations_of_json(const char *json, struct citations *out) {
  *out = (struct citations){0};
  if (json == NULL || json[0] == '\0')
    return true;
  json_t *list =
      json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL); /* as the store takes it */
  if (list == NULL)
    return false;
  size_t n = json_array_size(list);
  bool ok = reserve(out, n);
  for (size_t i = 0; ok && i < n; i++)
    ok = add_json(out, json_array_get(list, i));
  json_decref(list);
  if (!ok)
    citations_fini(out);
  return ok;
}

bool citations_of_blocks(const struct markdown_block *blocks, size_t n, struct citations *out) {
  bool ok = reserve(out, n);
  unsigned number = 0;
  for (size_t i = 0; ok && i < n; i++) {
    if (blocks[i].kind != MARKDOWN_ITEM || blocks[i].depth != 1 || blocks[i].plain[0] == '\0')
      continue;
    number = blocks[i].ordered ? blocks[i].number : number + 1;
    unsigned marked = 0; /* "- [3] Title": the mark is the number */
    if (markdown_text_mark(blocks[i].text, &marked) > 0)
      number = marked;
    const struct citation source = {.n = number, .title = blocks[i].plain, .url = blocks[i].url};
    ok = add(out, &source);
  }
  if (!ok)
    citations_fini(out);
  return ok;
}

void citations_fini(struct citations *citations) {
  for (size_t i = 0; i < citations->n; i++) {
    free(citations->items[i].title);
    free(citations->items[i].url);
  }
  free(citations->items);
  *citations = (struct citations){0};
}

const struct citation *citations_find(const struct citations *citations, unsigned n) {
  for (size_t i = 0; i < citations->n; i++)
    if (citations->items[i].n == n)
      return &citations->items[i];
  return NULL;
}
