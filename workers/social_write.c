#include "social_write.h"
#include "strbuf.h"
#include "text_cut.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define BULLET           "\xe2\x80\xa2 "
#define POINT_CHARACTERS 280 /* of a point in a list */
#define TAGS_SHARE       3   /* hashtags may take a third of a post */

/* The hashtags of one post and how they stand in it: "\n\n#One #Two". */
struct tags {
  json_t *list;
  struct strbuf line;
};

/* ---- hashtags ---- */

static bool is_listed(const json_t *list, const char *tag) {
  for (size_t i = 0; i < json_array_size(list); i++)
    if (strcmp(json_string_value(json_array_get(list, i)), tag) == 0)
      return true;
  return false;
}

/* Adds a hashtag unless it is there or has no room. False without memory. */
static bool add_tag(const struct platform *platform, struct tags *tags, const char *tag) {
  if (is_listed(tags->list, tag))
    return true;
  const struct text_limit limit = {.characters = platform->characters_max / TAGS_SHARE,
                                   .bytes = platform->bytes_max / TAGS_SHARE,
                                   .count = platform->count};
  size_t before = tags->line.len;
  strbuf_printf(&tags->line, "%s#%s", before == 0 ? "\n\n" : " ", tag);
  if (tags->line.failed)
    return false;
  if (text_cut_fits(&limit, tags->line.data, tags->line.len))
    return json_array_append_new(tags->list, json_string(tag)) == 0;
  strbuf_truncate(&tags->line, before);
  return true;
}

static bool make_tags(const struct platform *platform, const struct keywords *keywords,
                      struct tags *tags) {
  tags->list = json_array();
  bool ok = tags->list != NULL;
  for (size_t i = 0; ok && i < keywords->n; i++) {
    if (json_array_size(tags->list) == platform->hashtags_max)
      break;
    char *tag = NULL;
    ok = keyword_hashtag(keywords->items[i], &tag) && (tag == NULL || add_tag(platform, tags, tag));
    free(tag);
  }
  return ok;
}

/* ---- text ---- */

/* What the text above the hashtags may be: the aim, and what they leave of the limit. */
static struct text_limit room_of(const struct platform *platform, const struct tags *tags) {
  const char *line = tags->line.data != NULL ? tags->line.data : "";
  int64_t left = platform->characters_max - platform_characters(platform, line, tags->line.len);
  return (struct text_limit){
      .characters = left < platform->characters_aim ? left : platform->characters_aim,
      .bytes = platform->bytes_max > 0 ? platform->bytes_max - tags->line.len : 0,
      .count = platform->count};
}

/* Appends a paragraph when the whole still fits. */
static bool add_if_fits(struct strbuf *text, const struct text_limit *limit, const char *lead,
                        const char *paragraph) {
  size_t before = text->len;
  strbuf_puts(text, lead);
  strbuf_puts(text, paragraph);
  if (text->data != NULL && text_cut_fits(limit, text->data, text->len))
    return true;
  strbuf_truncate(text, before);
  return false;
}

/* As many whole sentences of a point as there is room for; "" when not one fits. */
static char *sentences_of(const char *point, const struct text_limit *limit, const char *language) {
  char *cut = text_cut_sentences(point, language, limit);
  size_t len = cut != NULL ? strlen(cut) : 0;
  if (cut != NULL && strncmp(cut, point, len) != 0) /* it was cut at a word */
    cut[0] = '\0';
  return cut;
}

/* What is left beside the text, less the blank line. */
static struct text_limit rest_of(const struct text_limit *limit, const struct strbuf *text) {
  struct text_limit rest = *limit;
  rest.characters -= limit->count(text->data, text->len) + 2;
  if (limit->bytes > 0)
    rest.bytes = limit->bytes > text->len + 2 ? limit->bytes - text->len - 2 : 1;
  return rest;
}

/* Points while they fit: the first as a paragraph, shortened where it must be, the others as a
 * list. */
static bool add_points(struct strbuf *text, const struct text_limit *limit,
                       const struct social_source *source) {
  static const char *const leads[] = {"\n\n", "\n\n" BULLET, "\n" BULLET};
  const struct text_limit one = {.characters = POINT_CHARACTERS};
  size_t added = 0;
  for (size_t i = 0; i < source->n_points && text->data != NULL; i++) {
    struct text_limit room = added == 0 ? rest_of(limit, text) : one;
    char *point = sentences_of(source->points[i], &room, source->language);
    if (point == NULL)
      return false;
    if (point[0] != '\0' && add_if_fits(text, limit, leads[added < 2 ? added : 2], point))
      added++;
    free(point);
  }
  return !text->failed;
}

/* The title, a remark that must not be lost, then as many points as there is room for. */
static char *compose(const struct platform *platform, const struct social_source *source,
                     const struct tags *tags) {
  const struct text_limit room = room_of(platform, tags);
  struct text_limit title_room = room;
  struct strbuf text = {0};
  struct strbuf remark = {0};
  if (source->remark != NULL) {
    strbuf_printf(&remark, "\n\n%s", source->remark);
    title_room.characters -=
        platform_characters(platform, remark.data != NULL ? remark.data : "", remark.len);
  }
  char *title = text_cut_words(source->title, &title_room);
  bool ok = title != NULL && !remark.failed;
  if (ok)
    strbuf_puts(&text, title);
  if (ok && remark.len > 0)
    (void)add_if_fits(&text, &room, "", remark.data);
  ok = ok && add_points(&text, &room, source);
  if (ok && tags->line.len > 0)
    strbuf_puts(&text, tags->line.data);
  free(title);
  strbuf_fini(&remark);
  text.failed = text.failed || !ok;
  return strbuf_take(&text);
}

bool social_write(const struct platform *platform, const struct social_source *source,
                  struct galley_social *out) {
  struct tags tags = {0};
  bool ok = make_tags(platform, source->keywords, &tags);
  if (ok) {
    out->platform = strdup(platform->name);
    out->content = compose(platform, source, &tags);
    out->hashtags = json_dumps(tags.list, JSON_COMPACT);
    out->language = strdup(source->language);
    out->status = strdup("ready");
    ok = out->platform != NULL && out->content != NULL && out->hashtags != NULL &&
         out->language != NULL && out->status != NULL;
  }
  if (ok)
    out->character_count = platform_characters(platform, out->content, strlen(out->content));
  json_decref(tags.list);
  strbuf_fini(&tags.line);
  return ok;
}
