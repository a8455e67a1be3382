#include "report.h"

#include "wording.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utf8proc.h>

#define PARAGRAPH_WORDS 70 /* after which the next quote starts a new paragraph */
#define DATE_SIZE       16

struct writer {
  struct strbuf text;
  const struct research_input *input;
  const struct plan *plan;
  const struct extract *extract;
  const struct wording *wording;
  int *numbers;    /* of citation, by source; 0: not cited */
  uint32_t *cited; /* sources in the order of their numbers */
  int n_cited;
  int64_t marks; /* words that words_count would see in marks of citation */
};

/* YYYY-MM-DD in UTC, or "" for a time that no calendar has. */
static const char *date_of(int64_t time_ms, char out[DATE_SIZE]) {
  time_t seconds = (time_t)(time_ms / 1000 - (time_ms % 1000 < 0));
  struct tm day;
  out[0] = '\0';
  if (gmtime_r(&seconds, &day) != NULL && day.tm_year > -1900 && day.tm_year < 8100)
    strftime(out, DATE_SIZE, "%Y-%m-%d", &day);
  return out;
}

static bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/* "&amp;" and its like, which Markdown would decode. */
static bool is_entity(const char *text, size_t len) {
  size_t n = 1;
  while (n < len && n < 32 &&
         (text[n] == '#' || (text[n] >= '0' && text[n] <= '9') ||
          ((text[n] | 0x20) >= 'a' && (text[n] | 0x20) <= 'z')))
    n++;
  return n > 1 && n < len && text[n] == ';';
}

/* Whether Markdown would take the character at `at` as its own; some only where a block begins. */
static bool is_special(const char *text, size_t len, size_t at) {
  char c = text[at];
  if (c == '&')
    return is_entity(text + at, len - at);
  if (strchr("\\`*_[]<>~|", c) != NULL)
    return true;
  if (at == 0)
    return strchr("#+-=", c) != NULL;
  bool number = strspn(text, "0123456789") == at;
  return number && (c == '.' || c == ')');
}

/* Appends text with white space folded and Markdown's characters escaped. */
static void add_quoted(struct strbuf *out, const char *text, size_t len) {
  bool space = false;
  for (size_t i = 0; i < len; i++) {
    if (is_space(text[i]) || text[i] == '\0') {
      space = true;
      continue;
    }
    if (space)
      strbuf_putc(out, ' ');
    space = false;
    if (is_special(text, len, i))
      strbuf_putc(out, '\\');
    strbuf_putc(out, text[i]);
  }
}

static void add_heading(struct writer *writer, const char *title) {
  strbuf_puts(&writer->text, "\n## ");
  add_quoted(&writer->text, title, strlen(title));
  strbuf_puts(&writer->text, "\n\n");
}

static void add_mark(struct writer *writer, uint32_t source) {
  if (writer->numbers[source] == 0) {
    writer->cited[writer->n_cited] = source;
    writer->numbers[source] = ++writer->n_cited;
  }
  strbuf_printf(&writer->text, " [%d]", writer->numbers[source]);
  writer->marks++;
}

static void add_quote(struct writer *writer, const struct plan_quote *quote) {
  const struct extract_sentence *first = &writer->extract->sentences[quote->first];
  const struct extract_sentence *last = first + quote->n - 1;
  const char *text = writer->extract->sources->items[quote->source].text;
  add_quoted(&writer->text, text + first->start, last->end - first->start);
  add_mark(writer, quote->source);
}

static void add_summary(struct writer *writer) {
  if (writer->plan->n_summary == 0)
    return;
  add_heading(writer, writer->wording->summary);
  for (size_t i = 0; i < writer->plan->n_summary; i++) {
    strbuf_puts(&writer->text, "- ");
    add_quote(writer, &writer->plan->summary[i]);
    strbuf_putc(&writer->text, '\n');
  }
}

static void add_section(struct writer *writer, const struct plan_section *section) {
  int64_t words = 0;
  const char *title = section->title;
  if (title == NULL)
    title = writer->plan->n_sections > 1 ? writer->wording->further : writer->wording->details;
  add_heading(writer, title);
  for (size_t i = 0; i < section->n; i++) {
    const struct plan_quote *quote = &section->quotes[i];
    if (words > 0 && words + quote->words > PARAGRAPH_WORDS) {
      strbuf_puts(&writer->text, "\n\n");
      words = 0;
    }
    if (words > 0)
      strbuf_putc(&writer->text, ' ');
    add_quote(writer, quote);
    words += quote->words;
  }
  strbuf_putc(&writer->text, '\n');
}

static const struct galley_document *document_of(const struct writer *writer, int number) {
  return writer->extract->sources->items[writer->cited[number]].document;
}

/* A title that can be shown: not empty, and UTF-8. */
static const char *title_of(const struct writer *writer, const struct galley_document *document) {
  const char *title = document->title;
  if (title == NULL)
    return writer->wording->untitled;
  bool text = false;
  for (size_t pos = 0, len = strlen(title); pos < len;) {
    int32_t character;
    pos += words_character(title + pos, len - pos, &character);
    if (character < 0)
      return writer->wording->untitled;
    text = text || character > ' ';
  }
  return text ? title : writer->wording->untitled;
}

/* Dated sources that are cited, oldest first; of one day, in the order of their numbers. */
static int dated(const struct writer *writer, int *order) {
  int n = 0;
  for (int i = 0; i < writer->n_cited; i++) {
    int64_t when = document_of(writer, i)->published_at_ms;
    if (when == 0)
      continue;
    int at = n++;
    for (; at > 0 && document_of(writer, order[at - 1])->published_at_ms > when; at--)
      order[at] = order[at - 1];
    order[at] = i;
  }
  return n;
}

static void add_timeline(struct writer *writer) {
  int order[SOURCES_MAX], days = 0;
  int n = dated(writer, order);
  char date[DATE_SIZE], before[DATE_SIZE] = "";
  for (int i = 0; i < n; i++) {
    days += strcmp(date_of(document_of(writer, order[i])->published_at_ms, date), before) != 0;
    memcpy(before, date, sizeof before);
  }
  if (days < REPORT_TIMELINE_MIN)
    return;
  add_heading(writer, writer->wording->timeline);
  for (int i = 0; i < n; i++) {
    const struct galley_document *document = document_of(writer, order[i]);
    const char *title = title_of(writer, document);
    strbuf_printf(&writer->text, "- %s: ", date_of(document->published_at_ms, date));
    add_quoted(&writer->text, title, strlen(title));
    add_mark(writer, writer->cited[order[i]]);
    strbuf_putc(&writer->text, '\n');
  }
}

static const char *url_of(const struct galley_document *document) {
  return document->canonical_url != NULL ? document->canonical_url : document->source_url;
}

/* An address between angle brackets; what may not stand there is percent-encoded. */
static void add_url(struct strbuf *out, const char *url) {
  strbuf_puts(out, " <");
  for (const unsigned char *at = (const unsigned char *)url; *at != '\0'; at++) {
    if (*at <= ' ' || *at == '<' || *at == '>' || *at == '\\' || *at == 0x7f)
      strbuf_printf(out, "%%%02X", *at);
    else
      strbuf_putc(out, (char)*at);
  }
  strbuf_putc(out, '>');
}

static void add_sources(struct writer *writer) {
  struct strbuf *out = &writer->text;
  char date[DATE_SIZE];
  add_heading(writer, writer->wording->sources);
  for (int i = 0; i < writer->n_cited; i++) {
    const struct source *source = &writer->extract->sources->items[writer->cited[i]];
    const char *title = title_of(writer, source->document);
    const char *day = source->document->published_at_ms == 0
                          ? ""
                          : date_of(source->document->published_at_ms, date);
    const char *url = url_of(source->document);
    strbuf_printf(out, "%d. ", i + 1);
    add_quoted(out, title, strlen(title));
    if (source->host[0] != '\0' || day[0] != '\0')
      strbuf_puts(out, " \xe2\x80\x94 ");
    add_quoted(out, source->host, strlen(source->host));
    strbuf_puts(out, source->host[0] != '\0' && day[0] != '\0' ? ", " : "");
    strbuf_puts(out, day);
    strbuf_putc(out, '.');
    if (url != NULL)
      add_url(out, url);
    strbuf_putc(out, '\n');
  }
}

static void add_top(struct writer *writer, int64_t target) {
  const struct writer *w = writer;
  char date[DATE_SIZE];
  bool used[SOURCES_MAX] = {false};
  struct wording_values values = {.matching = (int64_t)w->extract->sources->matching,
                                  .words = w->plan->words,
                                  .target = target,
                                  .date = date_of(w->input->now_ms, date)};
  for (size_t i = 0; i < w->plan->n_summary; i++)
    used[w->plan->summary[i].source] = true;
  for (size_t s = 0; s < w->plan->n_sections; s++)
    for (size_t i = 0; i < w->plan->sections[s].n; i++)
      used[w->plan->sections[s].quotes[i].source] = true;
  for (size_t i = 0; i < SOURCES_MAX; i++)
    values.used += used[i];
  strbuf_puts(&writer->text, "# ");
  add_quoted(&writer->text, w->input->topic, strlen(w->input->topic));
  strbuf_puts(&writer->text, "\n\n*");
  wording_add(&writer->text, w->wording->note, &values);
  strbuf_puts(&writer->text, "*\n");
  if ((double)values.words < REPORT_FEW_SHARE * (double)target ||
      values.used < REPORT_FEW_SOURCES) {
    strbuf_puts(&writer->text, "\n> ");
    wording_add(&writer->text, w->wording->few, &values);
    strbuf_putc(&writer->text, '\n');
  }
}

/* A string, or null when it is none or not UTF-8. */
static json_t *text_or_null(const char *text) {
  json_t *value = text == NULL ? NULL : json_string(text);
  return value != NULL ? value : json_null();
}

static char *make_citations(const struct writer *writer) {
  json_t *list = json_array();
  for (int i = 0; list != NULL && i < writer->n_cited; i++) {
    const struct galley_document *document = document_of(writer, i);
    json_t *when = document->published_at_ms == 0
                       ? json_null()
                       : json_integer((json_int_t)document->published_at_ms);
    json_t *row =
        json_pack("{s:i, s:o, s:o, s:o, s:I}", "n", i + 1, "title",
                  text_or_null(title_of(writer, document)), "url", text_or_null(url_of(document)),
                  "published_at_ms", when, "document_id", (json_int_t)document->id);
    if (row == NULL || json_array_append_new(list, row) != 0) {
      json_decref(list);
      return NULL;
    }
  }
  char *text = list == NULL ? NULL : json_dumps(list, JSON_COMPACT);
  json_decref(list);
  return text;
}

bool report_write(struct research_output *output, const struct research_input *input,
                  const struct plan *plan, const struct extract *extract, int64_t target,
                  struct arena *arena) {
  struct writer writer = {
      .input = input, .plan = plan, .extract = extract, .wording = wording_for(input->language)};
  writer.numbers = arena_alloc(arena, SOURCES_MAX, sizeof *writer.numbers);
  writer.cited = arena_alloc(arena, SOURCES_MAX, sizeof *writer.cited);
  if (arena->failed)
    return false;
  add_top(&writer, target);
  add_summary(&writer);
  for (size_t i = 0; i < plan->n_sections; i++)
    add_section(&writer, &plan->sections[i]);
  add_timeline(&writer);
  int64_t words = words_count(writer.text.data, writer.text.len) - writer.marks;
  add_sources(&writer);
  char *citations = make_citations(&writer);
  char *markdown = strbuf_take(&writer.text);
  if (citations == NULL || markdown == NULL) {
    free(citations);
    free(markdown);
    return false;
  }
  *output = (struct research_output){.markdown = markdown,
                                     .citations = citations,
                                     .word_count = words,
                                     .n_sources = writer.n_cited};
  return true;
}
