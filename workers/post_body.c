#include "post_body.h"
#include "markdown_text.h"
#include "sentence.h"
#include "url.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRAME_WORDS     60  /* kept free for the phrases of the writer's own */
#define LEAD_POINTS_MIN 4   /* with fewer points none is taken out for the opening */
#define CUT_WORDS_MIN   20  /* a shorter rest of an allowance is left unused */
#define PARAGRAPH_WORDS 110 /* a longer paragraph is parted */
#define PARAGRAPH_PART  60  /* words after which a part ends at the next sentence */
#define PARAGRAPH_REST  25  /* words that a last part must have */
#define COVERS_MAX      8   /* sections named in the introduction */
#define COVERS_BYTES    60  /* of a heading that is named there */
#define DAY_LEN         16

/* ---- marks of citation ---- */

/* The length of "(url)" or "(<url>)" at `text`: a mark that is a link already. */
static size_t destination_length(const char *text) {
  if (text[0] != '(')
    return 0;
  size_t n = strcspn(text, text[1] == '<' ? ">" : ")");
  n += text[n] == '>';
  return text[n] == ')' ? n + 1 : 0;
}

static size_t code_length(const char *text) {
  size_t fence = strspn(text, "`");
  for (size_t at = fence; text[at] != '\0';) {
    at += strcspn(text + at, "`");
    size_t run = strspn(text + at, "`");
    at += run;
    if (run == fence)
      return at;
  }
  return fence;
}

static bool is_linked(const struct citation *citation) {
  return citation->url != NULL && markdown_text_linked(citation->url);
}

/* Writes the mark at `text` and returns how much of the text that was. */
static size_t add_mark(const struct post_body *body, struct strbuf *out, const char *text,
                       size_t mark, unsigned n) {
  const struct citation *citation = citations_find(body->citations, n);
  size_t destination = destination_length(text + mark);
  if (citation == NULL && destination > 0) { /* somebody's link, whose words are a number */
    strbuf_add(out, text, mark + destination);
    return mark + destination;
  }
  if (citation != NULL && is_linked(citation))
    strbuf_printf(out, "[\\[%u\\]][%u]", n, n);
  else
    strbuf_printf(out, "\\[%u\\]", n);
  return mark + destination;
}

/* Copies Markdown source with its marks as links. */
static void add_linked(const struct post_body *body, struct strbuf *out, const char *text) {
  while (*text != '\0') {
    size_t plain = strcspn(text, "\\`[");
    strbuf_add(out, text, plain);
    text += plain;
    size_t n = 1;
    unsigned number = 0;
    size_t mark = markdown_text_mark(text, &number);
    if (mark > 0) {
      text += add_mark(body, out, text, mark, number);
      continue;
    }
    if (text[0] == '\\' && text[1] != '\0')
      n = 2;
    else if (text[0] == '`')
      n = code_length(text);
    else if (text[0] == '\0')
      break;
    strbuf_add(out, text, n);
    text += n;
  }
}

/* ---- blocks ---- */

static void add_block(struct post_body *body, const struct markdown_block *block,
                      const char *text) {
  struct strbuf linked = {0};
  if (block->kind == MARKDOWN_CODE)
    strbuf_puts(&linked, text);
  else
    add_linked(body, &linked, text);
  struct markdown_block copy = *block;
  copy.text = linked.data != NULL ? linked.data : (char[]){""};
  body->out.failed = body->out.failed || linked.failed;
  markdown_write(&body->out, &copy, 1);
  strbuf_fini(&linked);
}

static void add_paragraph(struct post_body *body, const char *text) {
  const struct markdown_block paragraph = {.kind = MARKDOWN_PARAGRAPH};
  add_block(body, &paragraph, text);
}

static void add_heading(struct post_body *body, unsigned level, const char *text) {
  const struct markdown_block heading = {.kind = MARKDOWN_HEADING, .level = level};
  add_block(body, &heading, text);
}

/* Neighbouring list blocks are written together, so that their nesting is known. */
static void add_list(struct post_body *body, const struct markdown_block *blocks, size_t n) {
  struct markdown_block *copies = calloc(n, sizeof *copies);
  bool ok = copies != NULL;
  for (size_t i = 0; ok && i < n; i++) {
    struct strbuf linked = {0};
    copies[i] = blocks[i];
    if (blocks[i].kind == MARKDOWN_CODE)
      strbuf_puts(&linked, blocks[i].text);
    else
      add_linked(body, &linked, blocks[i].text);
    copies[i].text = strbuf_take(&linked);
    ok = copies[i].text != NULL;
  }
  if (ok)
    markdown_write(&body->out, copies, n);
  body->out.failed = body->out.failed || !ok;
  for (size_t i = 0; copies != NULL && i < n && copies[i].text != NULL; i++)
    if (copies[i].text != blocks[i].text)
      free(copies[i].text);
  free(copies);
}

/* ---- paragraphs ---- */

/* Source that can be parted between sentences: nothing in it reaches over several. */
static bool is_simple(const struct markdown_block *block) {
  return block->kind == MARKDOWN_PARAGRAPH && block->depth == 0 && !block->quoted &&
         strpbrk(block->text, "*`<~\n") == NULL && strstr(block->text, "](") == NULL;
}

/* Past the marks that follow a full stop: "... found. [1][2] The next". */
static size_t past_marks(const char *text, size_t at) {
  for (;;) {
    unsigned number = 0;
    size_t space = strspn(text + at, " ");
    size_t mark = markdown_text_mark(text + at + space, &number);
    if (mark == 0)
      return at;
    at += space + mark;
  }
}

/* The end of the last sentence within `max` words, or of the first past `min` words (max < 0).
 * Whole sentences only; 0 when there is none. *words is how many words that is. */
static size_t sentence_end(const char *text, const char *language, int64_t min, int64_t max,
                           int64_t *words) {
  struct sentences walk;
  struct sentence sentence;
  size_t end = 0;
  *words = 0;
  sentence_init(&walk, text, strlen(text), language);
  while (sentence_next(&walk, &sentence)) {
    size_t here = past_marks(text, sentence.end);
    int64_t n = words_count(text, here);
    if (max >= 0 && n > max)
      break;
    end = here;
    *words = n;
    if (max < 0 && n >= min)
      break;
  }
  return end;
}

/* A long paragraph becomes several. */
static void add_parted(struct post_body *body, const struct markdown_block *block) {
  const char *text = block->text;
  int64_t left = words_count(text, strlen(text));
  while (is_simple(block) && left > PARAGRAPH_WORDS) {
    int64_t words = 0;
    size_t end = sentence_end(text, body->language, PARAGRAPH_PART, -1, &words);
    if (end == 0 || left - words < PARAGRAPH_REST)
      break;
    char *part = strndup(text, end);
    body->out.failed = body->out.failed || part == NULL;
    if (part != NULL)
      add_paragraph(body, part);
    free(part);
    text += end + strspn(text + end, " ");
    left -= words;
  }
  add_block(body, block, text);
}

/* As many whole sentences of a paragraph as `max` words allow; nothing when none fits. */
static void add_shortened(struct post_body *body, const struct markdown_block *block, int64_t max) {
  int64_t words = 0;
  size_t end = is_simple(block) ? sentence_end(block->text, body->language, 0, max, &words) : 0;
  struct markdown_block copy = *block;
  copy.text = end > 0 ? strndup(block->text, end) : NULL;
  if (copy.text != NULL)
    add_parted(body, &copy);
  body->out.failed = body->out.failed || (end > 0 && copy.text == NULL);
  free(copy.text);
}

/* ---- sections ---- */

static bool is_list(const struct markdown_block *block) {
  return block->kind == MARKDOWN_ITEM || block->depth > 0;
}

/* Where the run of blocks that belong together ends: a whole list, or one block. */
static size_t run_end(const struct article_section *section, size_t i) {
  size_t end = i + 1;
  while (is_list(&section->blocks[i]) && end < section->n && is_list(&section->blocks[end]))
    end++;
  return end;
}

static int64_t run_words(const struct article_section *section, size_t from, size_t end) {
  int64_t words = 0;
  for (size_t i = from; i < end; i++)
    words += words_count(section->blocks[i].plain, strlen(section->blocks[i].plain));
  return words;
}

/* A remark that sources are few, without the advice to the one who runs the research: that is the
 * sentence with a command in it. */
static void add_notice(struct post_body *body, const struct markdown_block *block) {
  struct sentences walk;
  struct sentence sentence;
  size_t end = 0;
  sentence_init(&walk, block->text, strlen(block->text), body->language);
  while (sentence_next(&walk, &sentence) &&
         memchr(block->text + sentence.start, '`', sentence.end - sentence.start) == NULL)
    end = sentence.end;
  struct markdown_block copy = *block;
  copy.text = strndup(block->text, end > 0 ? end : strlen(block->text));
  if (copy.text != NULL)
    add_block(body, &copy, copy.text);
  body->out.failed = body->out.failed || copy.text == NULL;
  free(copy.text);
}

static void add_one(struct post_body *body, const struct markdown_block *block) {
  if (article_remark(body->article, block) == ARTICLE_NOTICE) {
    add_notice(body, block);
    return;
  }
  struct markdown_block copy = *block;
  if (block->kind == MARKDOWN_HEADING) {
    unsigned level = block->level - body->article->level + 2;
    copy.level = level > 6 ? 6 : level;
  }
  add_parted(body, &copy);
}

/* A section's blocks within its allowance of words. Remarks about the sources always stay. */
static void add_blocks(struct post_body *body, const struct article_section *section,
                       int64_t allowance) {
  for (size_t i = 0, end; i < section->n; i = end) {
    const struct markdown_block *block = &section->blocks[i];
    end = run_end(section, i);
    int64_t words = run_words(section, i, end);
    bool list = is_list(block);
    if ((list && section->part != ARTICLE_BODY) ||
        article_remark(body->article, block) == ARTICLE_NOTE)
      continue; /* key points, the sources, notes: they have places of their own */
    if (words <= allowance || article_remark(body->article, block) == ARTICLE_NOTICE) {
      if (list)
        add_list(body, block, end - i);
      else
        add_one(body, block);
    } else if (!list && allowance >= CUT_WORDS_MIN) {
      add_shortened(body, block, allowance);
      words = allowance;
    }
    allowance = words < allowance ? allowance - words : 0;
  }
}

/* ---- the introduction ---- */

size_t post_body_points(const struct article *article, const struct markdown_block **points,
                        size_t max) {
  size_t n = 0;
  for (size_t i = 0; i < article->n; i++) {
    const struct article_section *section = &article->sections[i];
    if (section->part != ARTICLE_LEAD && section->part != ARTICLE_SUMMARY)
      continue;
    for (size_t k = 0; k < section->n && n < max; k++)
      if (section->blocks[k].kind == MARKDOWN_ITEM && section->blocks[k].depth == 1 &&
          section->blocks[k].plain[0] != '\0')
        points[n++] = &section->blocks[k];
  }
  return n;
}

static void add_day(struct strbuf *out, int64_t ms) {
  time_t seconds = (time_t)(ms / 1000);
  struct tm utc;
  char day[DAY_LEN];
  if (gmtime_r(&seconds, &utc) != NULL && strftime(day, sizeof day, "%Y-%m-%d", &utc) > 0)
    strbuf_puts(out, day);
}

/* When the sources are from; nothing when one of them does not say. */
static void add_dates(struct strbuf *out, const struct post_body *body) {
  const struct citations *citations = body->citations;
  int64_t first = 0;
  int64_t last = 0;
  for (size_t i = 0; i < citations->n; i++) {
    int64_t at = citations->items[i].published_at_ms;
    if (at <= 0)
      return;
    first = i == 0 || at < first ? at : first;
    last = at > last ? at : last;
  }
  struct strbuf a = {0};
  struct strbuf b = {0};
  add_day(&a, first);
  add_day(&b, last);
  if (a.len > 0 && b.len > 0 && (citations->n == 1 || strcmp(a.data, b.data) != 0)) {
    strbuf_putc(out, ' ');
    write_words_add(out, citations->n == 1 ? body->words->dated_one : body->words->dated_many,
                    a.data, b.data);
  }
  out->failed = out->failed || a.failed || b.failed;
  strbuf_fini(&a);
  strbuf_fini(&b);
}

/* "Topics covered: A, B and C." when there are several sections with short names. */
static void add_covers(struct strbuf *out, const struct post_body *body) {
  const char *names[COVERS_MAX];
  size_t n = 0;
  for (size_t i = 0; i < body->article->n; i++) {
    const struct article_section *section = &body->article->sections[i];
    if (section->part != ARTICLE_BODY || !article_is_named(section, body->language))
      continue;
    if (n == COVERS_MAX || strlen(section->heading->plain) > COVERS_BYTES)
      return;
    names[n++] = section->heading->plain;
  }
  struct strbuf list = {0};
  for (size_t i = 0; i < n; i++) {
    if (i > 0)
      strbuf_puts(&list, i + 1 == n ? body->words->and : ", ");
    strbuf_puts(&list, names[i]);
  }
  if (n > 1 && list.data != NULL) {
    strbuf_putc(out, ' ');
    write_words_add(out, body->words->covers, list.data, "");
  }
  out->failed = out->failed || list.failed;
  strbuf_fini(&list);
}

static void add_frame(struct post_body *body) {
  const struct write_words *words = body->words;
  struct strbuf plain = {0};
  struct strbuf count = {0};
  strbuf_printf(&count, "%zu", body->citations->n);
  const char *phrase = body->citations->n > 1    ? words->about_many
                       : body->citations->n == 1 ? words->about_one
                                                 : words->about;
  write_words_add(&plain, phrase, count.data != NULL ? count.data : "", body->title);
  add_dates(&plain, body);
  add_covers(&plain, body);
  struct strbuf source = {0};
  if (plain.data != NULL)
    markdown_text_escape(&source, plain.data, plain.len, 0);
  if (source.data != NULL)
    markdown_write(&body->out,
                   &(struct markdown_block){.kind = MARKDOWN_PARAGRAPH, .text = source.data}, 1);
  body->out.failed = body->out.failed || plain.failed || count.failed || source.failed;
  strbuf_fini(&plain);
  strbuf_fini(&count);
  strbuf_fini(&source);
}

/* The summary's list; `skip` points of it stand in the opening already. */
static void add_points(struct post_body *body, size_t skip) {
  bool headed = false;
  for (size_t i = 0; i < body->article->n; i++) {
    const struct article_section *section = &body->article->sections[i];
    if (section->part != ARTICLE_LEAD && section->part != ARTICLE_SUMMARY)
      continue;
    for (size_t k = 0, end; k < section->n; k = end) {
      end = run_end(section, k);
      size_t first = k + (is_list(&section->blocks[k]) ? skip : 0);
      if (!is_list(&section->blocks[k]) || first >= end)
        continue;
      skip = 0;
      if (!headed)
        add_heading(body, 2, body->words->key_points);
      headed = true;
      add_list(body, section->blocks + first, end - first);
    }
  }
}

/* ---- the sources ---- */

static void add_source(struct strbuf *out, const struct citation *source, bool ordered) {
  if (ordered)
    strbuf_printf(out, "%u. ", source->n);
  else
    strbuf_printf(out, "- \\[%u\\] ", source->n);
  markdown_text_link(out, source->title, source->url);
  char *host = source->url != NULL ? url_host(source->url) : NULL;
  if (host != NULL || source->published_at_ms > 0)
    strbuf_puts(out, " \xe2\x80\x94 ");
  if (host != NULL)
    markdown_text_escape(out, host, strlen(host), 0);
  if (source->published_at_ms > 0) {
    strbuf_puts(out, host != NULL ? ", " : "");
    add_day(out, source->published_at_ms);
  }
  strbuf_putc(out, '\n');
  free(host);
}

/* A numbered list shows the report's numbers only when they go up by one. */
static bool are_consecutive(const struct citations *citations) {
  for (size_t i = 1; i < citations->n; i++)
    if (citations->items[i].n != citations->items[i - 1].n + 1)
      return false;
  return true;
}

/* What the report says about itself, and what stood beside its own list of sources. */
static void add_notes(struct post_body *body) {
  for (size_t i = 0; i < body->article->n; i++) {
    const struct article_section *section = &body->article->sections[i];
    if (section->part == ARTICLE_SOURCES)
      add_blocks(body, section, INT64_MAX);
    for (size_t k = 0; k < section->n && section->part == ARTICLE_LEAD; k++)
      if (article_remark(body->article, &section->blocks[k]) == ARTICLE_NOTE)
        add_block(body, &section->blocks[k], section->blocks[k].text);
  }
}

static void add_sources(struct post_body *body) {
  const struct citations *citations = body->citations;
  if (citations->n > 0)
    add_heading(body, 2, body->words->sources);
  add_notes(body);
  if (citations->n == 0)
    return;
  strbuf_putc(&body->out, '\n');
  bool ordered = are_consecutive(citations);
  for (size_t i = 0; i < citations->n; i++)
    add_source(&body->out, &citations->items[i], ordered);
  strbuf_putc(&body->out, '\n');
  for (size_t i = 0; i < citations->n; i++) {
    if (!is_linked(&citations->items[i]))
      continue;
    strbuf_printf(&body->out, "[%u]: ", citations->items[i].n);
    markdown_text_destination(&body->out, citations->items[i].url);
    strbuf_putc(&body->out, '\n');
  }
}

/* ---- the whole ---- */

/* Words that the sections may have, and words that they have. */
static void measure(const struct post_body *body, int64_t *allowed, int64_t *present) {
  *allowed = POST_BODY_WORDS_MAX - FRAME_WORDS;
  *present = 0;
  for (size_t i = 0; i < body->article->n; i++)
    if (body->article->sections[i].part != ARTICLE_SOURCES)
      *present += body->article->sections[i].words;
  for (size_t i = 0; i < body->citations->n; i++) {
    const char *title = body->citations->items[i].title;
    *allowed -= 2 + words_count(title, strlen(title));
  }
  if (*allowed < POST_BODY_WORDS_MAX / 2)
    *allowed = POST_BODY_WORDS_MAX / 2;
}

static void add_section(struct post_body *body, const struct article_section *section,
                        int64_t allowed, int64_t present) {
  if (section->part == ARTICLE_BODY)
    add_heading(body, 2, section->heading->text);
  int64_t allowance = INT64_MAX;
  if (present > allowed)
    allowance = section->words * allowed / present;
  add_blocks(body, section, allowance);
}

void post_body_write(struct post_body *body) {
  int64_t allowed = 0;
  int64_t present = 0;
  const struct article *article = body->article;
  const struct markdown_block *points[POST_BODY_POINTS_MAX];
  size_t n = post_body_points(article, points, POST_BODY_POINTS_MAX);
  /* not a point that has points of its own below it */
  bool opening = n >= LEAD_POINTS_MIN && points[1] == points[0] + 1;
  measure(body, &allowed, &present);
  if (opening)
    add_paragraph(body, points[0]->text);
  add_frame(body);
  for (size_t i = 0; i < article->n; i++)
    if (article->sections[i].part == ARTICLE_LEAD || article->sections[i].part == ARTICLE_SUMMARY)
      add_section(body, &article->sections[i], allowed, present);
  add_points(body, opening ? 1 : 0);
  for (size_t i = 0; i < article->n; i++)
    if (article->sections[i].part == ARTICLE_BODY)
      add_section(body, &article->sections[i], allowed, present);
  add_sources(body);
}
