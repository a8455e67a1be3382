/* write, embedded: a blog post and social posts from the whole report of a topic, without any
 * service. The report's own sentences are kept; only phrases of write_words.h are added. post.slug
 * stays NULL: the store makes the slug from the title. */
#include "keyword.h"
#include "post_body.h"
#include "provider_list.h"
#include "social_write.h"
#include "text_cut.h"
#include "words.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define TITLE_CHARACTERS       70
#define DESCRIPTION_CHARACTERS 155
#define EXCERPT_CHARACTERS     300
#define TEXTS_MAX              4096 /* blocks read for keywords */
#define NAMES_MAX              16
#define FEW_SOURCES            3
#define LANGUAGE_LEN           9

/* Everything that is made on the way, released by draft_fini. */
struct draft {
  const struct galley_topic *topic;
  char language[LANGUAGE_LEN]; /* primary tag; "" when unknown */
  struct article article;
  struct citations citations;
  struct keywords keywords;
  struct post_body body;
  char *title;
  char *summary; /* the points as one text */
  const char *points[POST_BODY_POINTS_MAX];
  size_t n_points;
};

static void draft_fini(struct draft *draft) {
  free(draft->title);
  free(draft->summary);
  strbuf_fini(&draft->body.out);
  keywords_fini(&draft->keywords);
  citations_fini(&draft->citations);
  article_fini(&draft->article);
}

/* ---- what goes in ---- */

/* "de-AT" as "de"; "" for "und" and for nothing. */
static void primary_tag(const char *language, char *out) {
  size_t n = 0;
  while (language != NULL && n + 1 < LANGUAGE_LEN && language[n] != '\0' && language[n] != '-' &&
         language[n] != '_') {
    char c = language[n];
    out[n++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
  }
  out[n] = '\0';
  if (strcmp(out, "und") == 0)
    out[0] = '\0';
}

/* The language of the post. False when it is not the report's: nothing is translated here. */
static bool choose_language(struct draft *draft, const struct write_input *input,
                            struct verdict *verdict) {
  char report[LANGUAGE_LEN];
  primary_tag(input->language, draft->language);
  primary_tag(input->topic->language, report);
  if (draft->language[0] == '\0')
    memcpy(draft->language, report, sizeof report);
  if (report[0] == '\0' || strcmp(report, draft->language) == 0)
    return true;
  verdict_set(verdict, GALLEY_DEAD, 0, "data",
              "the report of topic %lld is in \"%s\" and the embedded writer does not translate "
              "it to \"%s\"; research the topic in that language",
              (long long)input->topic->id, report, draft->language);
  return false;
}

static bool no_memory(const struct galley_topic *topic, struct verdict *verdict) {
  verdict_set(verdict, GALLEY_RETRY, -1, "memory", "no memory to write about topic %lld",
              (long long)topic->id);
  return false;
}

static bool is_empty(const struct article *article) {
  for (size_t i = 0; i < article->n; i++)
    if (article->sections[i].n > 0 && article->sections[i].part != ARTICLE_SOURCES)
      return false;
  return true;
}

static bool read_sources(struct draft *draft) {
  if (!citations_of_json(draft->topic->citations, &draft->citations))
    return false;
  for (size_t i = 0; i < draft->article.n && draft->citations.n == 0; i++) {
    const struct article_section *section = &draft->article.sections[i];
    if (section->part == ARTICLE_SOURCES &&
        !citations_of_blocks(section->blocks, section->n, &draft->citations))
      return false;
  }
  return true;
}

static bool read_report(struct draft *draft, struct verdict *verdict) {
  const struct galley_topic *topic = draft->topic;
  const char *report = topic->research_report != NULL ? topic->research_report : "";
  switch (article_read(report, &draft->article)) {
  case MARKDOWN_NO_MEMORY:
    return no_memory(topic, verdict);
  case MARKDOWN_TOO_LARGE:
    verdict_set(verdict, GALLEY_DEAD, 0, "data",
                "the report of topic %lld is larger than %d bytes or %d blocks",
                (long long)topic->id, MARKDOWN_MAX, MARKDOWN_BLOCKS_MAX);
    return false;
  case MARKDOWN_PARSED:
    break;
  }
  if (is_empty(&draft->article)) {
    verdict_set(verdict, GALLEY_DEAD, 0, "data",
                "topic %lld has no research report to write from; research it first",
                (long long)topic->id);
    return false;
  }
  if (read_sources(draft))
    return true;
  verdict_set(verdict, GALLEY_RETRY, -1, "data",
              "the citations of topic %lld cannot be read: they are no JSON, or there is no memory",
              (long long)topic->id);
  return false;
}

/* ---- title and summary ---- */

/* White space folded, and a first letter in upper case when the first word is all lower case: a
 * topic is often typed as a query. */
static char *title_text(const char *text) {
  struct strbuf out = {0};
  for (size_t at = 0; text[at] != '\0';) {
    size_t n = strcspn(text + at, " \t\r\n");
    if (n > 0 && out.len > 0)
      strbuf_putc(&out, ' ');
    strbuf_add(&out, text + at, n);
    at += n;
    at += strspn(text + at, " \t\r\n");
  }
  char *title = strbuf_take(&out);
  int32_t first = 0;
  size_t n = title != NULL ? words_character(title, strlen(title), &first) : 0;
  if (n == 0 || first < 0 || utf8proc_category(first) != UTF8PROC_CATEGORY_LL)
    return title;
  int32_t c = 0;
  for (size_t at = 0; title[at] != '\0' && title[at] != ' ';) {
    at += words_character(title + at, strlen(title + at), &c);
    if (c >= 0 && utf8proc_category(c) == UTF8PROC_CATEGORY_LU)
      return title; /* iPhone */
  }
  utf8proc_uint8_t bytes[4];
  size_t len = (size_t)utf8proc_encode_char(utf8proc_totitle(first), bytes);
  strbuf_add(&out, (const char *)bytes, len);
  strbuf_puts(&out, title + n);
  free(title);
  return strbuf_take(&out);
}

static bool make_title(struct draft *draft) {
  const char *text = draft->topic->title;
  if (text == NULL || text[strspn(text, " \t\r\n")] == '\0')
    text = draft->article.title != NULL ? draft->article.title : "";
  char *title = title_text(text);
  const struct text_limit limit = {.characters = TITLE_CHARACTERS};
  draft->title = title != NULL ? text_cut_words(title, &limit) : NULL;
  free(title);
  return draft->title != NULL;
}

static bool ends_sentence(const char *text, size_t len) {
  static const char *const ends[] = {
      ".",           "!", "?", "\xe3\x80\x82", "\xe2\x80\xa6", "\"", "\xe2\x80\x9d", "\xef\xbc\x81",
      "\xef\xbc\x9f"};
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    size_t n = strlen(ends[i]);
    if (len >= n && memcmp(text + len - n, ends[i], n) == 0)
      return true;
  }
  return false;
}

/* The points of the summary; without one, the first paragraph of each section. */
static void find_points(struct draft *draft) {
  const struct markdown_block *points[POST_BODY_POINTS_MAX];
  size_t n = post_body_points(&draft->article, points, POST_BODY_POINTS_MAX);
  for (size_t i = 0; i < n; i++)
    draft->points[draft->n_points++] = points[i]->plain;
  for (size_t i = 0; n == 0 && i < draft->article.n; i++) {
    const struct article_section *section = &draft->article.sections[i];
    for (size_t k = 0; k < section->n && section->part != ARTICLE_SOURCES; k++) {
      const struct markdown_block *block = &section->blocks[k];
      if (block->kind != MARKDOWN_PARAGRAPH || block->plain[0] == '\0' ||
          article_remark(&draft->article, block) != ARTICLE_NO_REMARK)
        continue;
      if (draft->n_points < POST_BODY_POINTS_MAX)
        draft->points[draft->n_points++] = block->plain;
      break;
    }
  }
}

static bool make_summary(struct draft *draft) {
  struct strbuf out = {0};
  for (size_t i = 0; i < draft->n_points; i++) {
    if (out.len > 0 && !ends_sentence(out.data, out.len))
      strbuf_putc(&out, '.');
    bool wide = out.len > 2 && memcmp(out.data + out.len - 3, "\xe3\x80\x82", 3) == 0;
    if (out.len > 0 && !wide)
      strbuf_putc(&out, ' ');
    strbuf_puts(&out, draft->points[i]);
  }
  if (draft->n_points == 0)
    strbuf_puts(&out, draft->title);
  draft->summary = strbuf_take(&out);
  return draft->summary != NULL;
}

static bool make_keywords(struct draft *draft) {
  const char **texts = calloc(TEXTS_MAX, sizeof *texts);
  const char *names[NAMES_MAX];
  if (texts == NULL)
    return false;
  struct keyword_source source = {
      .topic = draft->title, .language = draft->language, .names = names, .texts = texts};
  for (size_t i = 0; i < draft->article.n; i++) {
    const struct article_section *section = &draft->article.sections[i];
    if (section->part == ARTICLE_SOURCES || section->part == ARTICLE_TIMELINE)
      continue;
    if (section->part == ARTICLE_BODY && source.n_names < NAMES_MAX &&
        article_is_named(section, draft->language))
      names[source.n_names++] = section->heading->plain;
    for (size_t k = 0; k < section->n && source.n_texts < TEXTS_MAX; k++)
      if (section->blocks[k].kind != MARKDOWN_CODE &&
          article_remark(&draft->article, &section->blocks[k]) == ARTICLE_NO_REMARK)
        texts[source.n_texts++] = section->blocks[k].plain;
  }
  bool ok = keywords_find(&source, &draft->keywords);
  free(texts);
  return ok;
}

/* ---- what comes out ---- */

static int64_t count_words(const char *markdown) {
  struct markdown parsed;
  if (markdown_parse(markdown, &parsed) != MARKDOWN_PARSED)
    return -1;
  int64_t words = 0;
  for (size_t i = 0; i < parsed.n_blocks; i++)
    words += words_count(parsed.blocks[i].plain, strlen(parsed.blocks[i].plain));
  markdown_fini(&parsed);
  return words;
}

static char *keywords_json(const struct keywords *keywords) {
  json_t *list = json_array();
  for (size_t i = 0; i < keywords->n; i++)
    (void)json_array_append_new(list, json_string(keywords->items[i]));
  char *text = json_array_size(list) == keywords->n ? json_dumps(list, JSON_COMPACT) : NULL;
  json_decref(list);
  return text;
}

static char *shortened(const struct draft *draft, int64_t characters) {
  const struct text_limit limit = {.characters = characters};
  return text_cut_sentences(draft->summary, draft->language, &limit);
}

static bool make_post(struct draft *draft, struct galley_post *post) {
  const char *language = draft->language[0] != '\0' ? draft->language : "und";
  post->content = strbuf_take(&draft->body.out);
  post->title = strdup(draft->title);
  post->excerpt = shortened(draft, EXCERPT_CHARACTERS);
  post->meta_description = shortened(draft, DESCRIPTION_CHARACTERS);
  post->keywords = keywords_json(&draft->keywords);
  post->primary_keyword = strdup(draft->keywords.items[0]);
  post->language = strdup(language);
  post->cluster_role = strdup("standalone");
  post->status = strdup("ready");
  post->research_topic_id = draft->topic->id;
  post->word_count = post->content != NULL ? count_words(post->content) : -1;
  return post->content != NULL && post->title != NULL && post->excerpt != NULL &&
         post->meta_description != NULL && post->keywords != NULL &&
         post->primary_keyword != NULL && post->language != NULL && post->cluster_role != NULL &&
         post->status != NULL && post->word_count >= 0;
}

/* An unquoted remark may be about something else; with few sources it is taken as meant. */
static bool sources_are_few(const struct draft *draft) {
  return article_says_few(&draft->article, draft->citations.n > FEW_SOURCES);
}

static bool make_socials(const struct draft *draft, struct write_output *out) {
  const struct social_source source = {
      .title = draft->title,
      .language = out->post.language,
      .remark = sources_are_few(draft) ? draft->body.words->few_sources : NULL,
      .points = draft->points,
      .n_points = draft->n_points,
      .keywords = &draft->keywords,
  };
  for (size_t i = 0; i < platform_count && i < WRITE_SOCIALS_MAX; i++) {
    struct galley_social *social = &out->socials[out->n_socials++];
    if (!social_write(&platform_table[i], &source, social))
      return false;
  }
  return true;
}

static bool compose(struct draft *draft, struct write_output *out) {
  if (!make_title(draft))
    return false;
  find_points(draft);
  if (!make_summary(draft) || !make_keywords(draft))
    return false;
  draft->body.article = &draft->article;
  draft->body.citations = &draft->citations;
  draft->body.words = write_words_of(draft->language);
  draft->body.title = draft->title;
  draft->body.language = draft->language;
  post_body_write(&draft->body);
  return !draft->body.out.failed && make_post(draft, &out->post) && make_socials(draft, out);
}

static void judge(const struct stage_input *input, const struct http_reply *reply,
                  struct stage_output *output, struct verdict *verdict) {
  (void)reply;
  struct draft draft = {.topic = input->u.write.topic};
  output->stage = STAGE_WRITE;
  if (choose_language(&draft, &input->u.write, verdict) && read_report(&draft, verdict)) {
    if (compose(&draft, &output->u.write))
      *verdict = VERDICT_DONE;
    else
      (void)no_memory(draft.topic, verdict);
  }
  draft_fini(&draft);
}

const struct provider provider_write_embedded = {
    .name = "embedded",
    .stage = STAGE_WRITE,
    .about = "a post from the report's own sentences, and social posts; no key, no network",
    .build = NULL,
    .judge = judge,
};
