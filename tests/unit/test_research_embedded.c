/* The embedded research: its reports are read back and held against the documents they quote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "provider_list.h"
#include "report.h"
#include "sentence.h"
#include "sources.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW_MS        INT64_C(1795000000000)
#define DAY_MS        INT64_C(86400000)
#define CORPUS_MAX    16
#define SENTENCES_MAX 600

struct text {
  const char *file, *language, *host;
  int days; /* old */
};
static const struct text corpus[] = {
    {"en_costs", "en", "energy.example", 30},
    {"en_costs_syndicated", "en", "copies.example", 28},
    {"en_radiators", "en", "heating.example", 60},
    {"en_grid", "en", "power.example", 12},
    {"en_noise", "en", "planning.example", 44},
    {"en_installers", "en", "trades.example", 75},
    {"en_trial", "en", "science.example", 100},
    {"en_refrigerants", "en", "cooling.example", 20},
    {"en_bridge", "en", "heritage.example", 3},
    {"en_sourdough", "en", "baking.example", 2},
    {"de_vorlauf", "de", "haus.example", 15},
    {"de_foerderung", "de", "geld.example", 9},
    {"de_feldtest", "de", "forschung.example", 50},
    {"de_strom", "de", "strom.example", 33},
    {"ja_ev", "ja", "kuruma.example", 5},
};
#define CORPUS_N (sizeof corpus / sizeof corpus[0])

/* Everything that a test reads and changes before it asks for a report. */
struct library {
  struct galley_hit hits[CORPUS_MAX];
  const struct galley_hit *order[CORPUS_MAX];
  size_t n;
  char *texts[CORPUS_MAX], *titles[CORPUS_MAX];
  char urls[CORPUS_MAX][128];
  struct stage_output output;
  struct verdict verdict;
};

static char *read_text(const char *file) {
  char path[512];
  snprintf(path, sizeof path, "%s/corpus/%s.txt", TESTS_DIR, file);
  FILE *in = fopen(path, "rb");
  assert_non_null(in);
  char *text = calloc(1, 65536);
  assert_non_null(text);
  assert_true(fread(text, 1, 65535, in) > 0);
  fclose(in);
  return text;
}

static char *copy_of(const char *text) {
  char *copy = strdup(text);
  assert_non_null(copy);
  return copy;
}

static void library_add(struct library *library, char *title, char *text, const char *language,
                        const char *host) {
  size_t i = library->n++;
  assert_true(i < CORPUS_MAX);
  snprintf(library->urls[i], sizeof library->urls[i], "https://www.%s/articles/%zu", host, i + 1);
  library->texts[i] = text;
  library->titles[i] = title;
  library->hits[i] = (struct galley_hit){.document = {.id = (int64_t)i + 1,
                                                      .title = title,
                                                      .content = text,
                                                      .canonical_url = library->urls[i],
                                                      .language = language,
                                                      .published_at_ms = NOW_MS - DAY_MS,
                                                      .reliability_score = 0.5},
                                         .rank = -12.0 + 0.5 * (double)i};
  library->order[i] = &library->hits[i];
}

/* All texts of the corpus whose file begins with `prefix`. */
static void library_load(struct library *library, const char *prefix) {
  for (size_t i = 0; i < CORPUS_N; i++) {
    if (strncmp(corpus[i].file, prefix, strlen(prefix)) != 0)
      continue;
    char *text = read_text(corpus[i].file);
    char *title = strndup(text, strcspn(text, "\n"));
    library_add(library, title, text, corpus[i].language, corpus[i].host);
    library->hits[library->n - 1].document.published_at_ms = NOW_MS - corpus[i].days * DAY_MS;
  }
}

static int setup(void **state) {
  *state = calloc(1, sizeof(struct library));
  return *state == NULL;
}

static void forget_output(struct library *library) {
  free(library->output.u.research.markdown);
  free(library->output.u.research.citations);
  library->output = (struct stage_output){0};
}

static int teardown(void **state) {
  struct library *library = *state;
  forget_output(library);
  for (size_t i = 0; i < library->n; i++) {
    free(library->texts[i]);
    free(library->titles[i]);
  }
  free(library);
  return 0;
}

/* Asks for a report; the one before is forgotten. */
static const struct research_output *ask(struct library *library, const char *topic,
                                         const char *language, const char *depth, int64_t words) {
  const struct stage_input input = {.stage = STAGE_RESEARCH,
                                    .u.research = {.topic = topic,
                                                   .language = language,
                                                   .depth = depth,
                                                   .target_words = words,
                                                   .now_ms = NOW_MS,
                                                   .hits = library->order,
                                                   .n_hits = library->n}};
  forget_output(library);
  library->verdict = (struct verdict){.outcome = GALLEY_SNOOZE};
  provider_research_embedded.judge(&input, NULL, &library->output, &library->verdict);
  if (library->verdict.outcome == GALLEY_DONE) {
    assert_non_null(library->output.u.research.markdown);
    assert_non_null(library->output.u.research.citations);
  }
  return &library->output.u.research;
}

/* ---- reading a report ---- */

static char *fold_space(const char *text) {
  char *out = calloc(1, strlen(text) + 1);
  assert_non_null(out);
  size_t n = 0;
  for (; *text != '\0'; text++) {
    bool space = *text == ' ' || (*text >= '\t' && *text <= '\r');
    if (!space)
      out[n++] = *text;
    else if (n > 0 && out[n - 1] != ' ')
      out[n++] = ' ';
  }
  return out;
}

static char *unescape(const char *text, size_t len) {
  char *out = calloc(1, len + 1);
  assert_non_null(out);
  size_t n = 0;
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '\\' && i + 1 < len && text[i + 1] > ' ' && text[i + 1] < 0x7f)
      i++;
    out[n++] = text[i];
  }
  return out;
}

struct reading {
  const struct library *library;
  int64_t documents[CORPUS_MAX + 1]; /* ids by number */
  int n;                             /* sources in the citations */
  int cited[CORPUS_MAX + 1];
  char *sentences[SENTENCES_MAX];
  size_t n_sentences;
  const char *language;
};

static const struct galley_document *document_of(const struct reading *reading, int number) {
  assert_in_range(number, 1, reading->n);
  for (size_t i = 0; i < reading->library->n; i++)
    if (reading->library->hits[i].document.id == reading->documents[number])
      return &reading->library->hits[i].document;
  fail_msg("[%d] is no document", number);
  return NULL;
}

static void read_citations(struct reading *reading, const char *citations) {
  json_error_t error;
  json_t *list = json_loads(citations, JSON_REJECT_DUPLICATES, &error), *row;
  size_t i;
  assert_true(json_is_array(list));
  json_array_foreach(list, i, row) {
    assert_int_equal(json_object_size(row), 5);
    assert_int_equal(json_integer_value(json_object_get(row, "n")), i + 1);
    reading->documents[++reading->n] = json_integer_value(json_object_get(row, "document_id"));
    const struct galley_document *document = document_of(reading, reading->n);
    if (document->canonical_url != NULL)
      assert_string_equal(json_string_value(json_object_get(row, "url")), document->canonical_url);
    const json_t *when = json_object_get(row, "published_at_ms");
    if (document->published_at_ms == 0)
      assert_true(json_is_null(when));
    else
      assert_int_equal(json_integer_value(when), document->published_at_ms);
    assert_true(json_is_string(json_object_get(row, "title")));
  }
  json_decref(list);
}

static void keep_sentences(struct reading *reading, const char *quote) {
  struct sentences walk;
  struct sentence sentence;
  sentence_init(&walk, quote, strlen(quote), reading->language);
  while (sentence_next(&walk, &sentence)) {
    assert_true(reading->n_sentences < SENTENCES_MAX);
    assert_true(sentence.whole);
    reading->sentences[reading->n_sentences++] =
        strndup(quote + sentence.start, sentence.end - sentence.start);
  }
}

/* The next "[n]" that is not escaped, or NULL. */
static const char *find_mark(const char *at) {
  for (; *at != '\0'; at++) {
    if (*at == '\\' && at[1] != '\0')
      at++;
    else if (*at == '[')
      return at;
  }
  return NULL;
}

/* A line of quotes, each with its mark. Every quote must stand in its source. */
static void read_line(struct reading *reading, const char *line, bool title) {
  const char *mark;
  for (; (mark = find_mark(line)) != NULL; line = strchr(mark, ']') + 1) {
    while (*line == ' ')
      line++;
    int number = (int)strtol(mark + 1, NULL, 10);
    const struct galley_document *document = document_of(reading, number);
    assert_true(mark - line > 2 && mark[-1] == ' ');
    char *quote = unescape(line, (size_t)(mark - line - 1));
    char *content = fold_space(title ? document->title : document->content);
    if (strstr(content, quote) == NULL)
      fail_msg("not in source %d: %s", number, quote);
    if (!title)
      keep_sentences(reading, quote);
    reading->cited[number]++;
    free(content);
    free(quote);
  }
  assert_string_equal(line, "");
}

static double words_in_common(const char *a, const char *b) {
  struct words left, right;
  struct word one, other;
  int both = 0, n = 0;
  words_init(&left, a, strlen(a), "");
  while (words_next(&left, &one)) {
    bool found = false;
    words_init(&right, b, strlen(b), "");
    while (!found && words_next(&right, &other))
      found = one.exact == other.exact;
    both += found;
    n++;
  }
  return n == 0 ? 0.0 : (double)both / n;
}

static void check_no_repeats(const struct reading *reading) {
  for (size_t i = 0; i < reading->n_sentences; i++)
    for (size_t j = i + 1; j < reading->n_sentences; j++) {
      const char *a = reading->sentences[i], *b = reading->sentences[j];
      if (words_in_common(a, b) >= 0.85 && words_in_common(b, a) >= 0.85)
        fail_msg("said twice: %s / %s", a, b);
    }
}

static void check_source_line(const struct reading *reading, const char *line) {
  char *end;
  long number = strtol(line, &end, 10);
  const struct galley_document *document = document_of(reading, (int)number);
  assert_memory_equal(end, ". ", 2);
  if (document->canonical_url == NULL)
    return;
  char address[160];
  snprintf(address, sizeof address, " <%s>", document->canonical_url);
  assert_non_null(strstr(line, address));
}

/* Reads a whole report; fails where it breaks a rule. `sources` is the last heading. */
static void check_report(const struct library *library, const char *language, const char *timeline,
                         const char *sources) {
  const struct research_output *output = &library->output.u.research;
  struct reading *reading = test_calloc(1, sizeof *reading);
  reading->library = library;
  reading->language = language;
  read_citations(reading, output->citations);
  char *copy = strdup(output->markdown), *rest = NULL;
  const char *heading = "";
  int listed = 0;
  for (char *line = strtok_r(copy, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
    if (strncmp(line, "## ", 3) == 0)
      heading = line + 3;
    else if (strcmp(heading, sources) == 0)
      check_source_line(reading, (listed++, line));
    else if (strcmp(heading, timeline) == 0)
      read_line(reading, line + strlen("- 2026-01-01: "), true);
    else if (line[0] != '#' && line[0] != '*' && line[0] != '>')
      read_line(reading, strncmp(line, "- ", 2) == 0 ? line + 2 : line, false);
  }
  assert_int_equal(listed, reading->n);
  assert_int_equal(output->n_sources, reading->n);
  for (int i = 1; i <= reading->n; i++)
    assert_true(reading->cited[i] > 0);
  assert_true(reading->n_sentences > 0);
  check_no_repeats(reading);
  for (size_t i = 0; i < reading->n_sentences; i++)
    free(reading->sentences[i]);
  free(copy);
  test_free(reading);
}

static void check_english(const struct library *library) {
  check_report(library, "en", "Timeline of coverage", "Sources");
}

static bool cites(const struct library *library, const char *file) {
  char *text = read_text(file);
  text[strcspn(text, "\n")] = '\0';
  json_t *list = json_loads(library->output.u.research.citations, 0, NULL), *row;
  size_t i;
  bool found = false;
  json_array_foreach(list, i, row) found =
      found || strcmp(json_string_value(json_object_get(row, "title")), text) == 0;
  json_decref(list);
  free(text);
  return found;
}

static bool says(const struct library *library, const char *text) {
  return strstr(library->output.u.research.markdown, text) != NULL;
}

/* ---- rules ---- */

#define TOPIC "heat pumps in old houses"

static void report_quotes_verbatim_and_cites_every_sentence(void **state) {
  struct library *library = *state;
  library_load(library, "");
  const char *const depths[] = {"short", "standard", "deep"};
  for (size_t i = 0; i < 3; i++) {
    ask(library, TOPIC, "en", depths[i], 1500);
    assert_int_equal(library->verdict.outcome, GALLEY_DONE);
    check_english(library);
    assert_int_equal(strncmp(library->output.u.research.markdown, "# " TOPIC "\n", 27), 0);
  }
}

static void report_has_the_words_wanted_when_sources_do(void **state) {
  struct library *library = *state;
  library_load(library, "en_");
  const int64_t targets[] = {600, 1000, 1600};
  for (size_t i = 0; i < 3; i++) {
    int64_t words = ask(library, TOPIC, "en", "standard", targets[i])->word_count;
    assert_in_range(words, targets[i], targets[i] * 5 / 4 + 60);
    assert_false(says(library, "Too few sources"));
  }
}

static void report_counts_its_own_words(void **state) {
  struct library *library = *state;
  library_load(library, "en_");
  const struct research_output *output = ask(library, TOPIC, "en", "standard", 1000);
  const char *sources = strstr(output->markdown, "\n## Sources");
  int64_t marks = 0;
  for (const char *at = output->markdown; (at = find_mark(at)) != NULL && at < sources; at++)
    marks++;
  int64_t words = words_count(output->markdown, (size_t)(sources - output->markdown));
  assert_int_equal(output->word_count, words - marks);
}

static void depth_scales_the_report(void **state) {
  struct library *library = *state;
  library_load(library, "en_");
  int64_t brief = ask(library, TOPIC, "en", "short", 800)->word_count;
  int64_t plain = ask(library, TOPIC, "en", "standard", 800)->word_count;
  int64_t deep = ask(library, TOPIC, "en", "deep", 800)->word_count;
  assert_true(brief * 3 < plain * 2);
  assert_true(plain * 3 < deep * 2);
}

static void report_is_the_same_for_the_same_input(void **state) {
  struct library *library = *state;
  library_load(library, "");
  char *first = strdup(ask(library, TOPIC, "en", "standard", 1500)->markdown);
  char *citations = strdup(library->output.u.research.citations);
  ask(library, TOPIC, "en", "standard", 1500);
  assert_string_equal(library->output.u.research.markdown, first);
  assert_string_equal(library->output.u.research.citations, citations);
  free(first);
  free(citations);
}

static void report_has_summary_themes_and_timeline(void **state) {
  struct library *library = *state;
  library_load(library, "en_");
  ask(library, TOPIC, "en", "standard", 1600);
  const char *const headings[] = {"\n## Summary\n\n- ", "\n## Flow temperature\n",
                                  "\n## Heat loss\n", "\n## Timeline of coverage\n\n- 2026-",
                                  "\n## Sources\n\n1. "};
  for (size_t i = 0; i < sizeof headings / sizeof headings[0]; i++)
    assert_true(says(library, headings[i]));
}

static void off_topic_documents_are_not_cited(void **state) {
  struct library *library = *state;
  library_load(library, "en_");
  ask(library, TOPIC, "en", "deep", 3000);
  assert_false(cites(library, "en_bridge"));
  assert_false(cites(library, "en_sourdough"));
  assert_true(cites(library, "en_trial"));
}

static void of_near_duplicates_the_better_source_is_cited(void **state) {
  struct library *library = *state;
  library_load(library, "en_");
  for (int reliable = 0; reliable < 2; reliable++) {
    library->hits[0].document.reliability_score = reliable == 0 ? 1.0 : 0.0;
    library->hits[1].document.reliability_score = reliable == 1 ? 1.0 : 0.0;
    ask(library, TOPIC, "en", "deep", 2000);
    assert_int_equal(cites(library, "en_costs"), reliable == 0);
    assert_int_equal(cites(library, "en_costs_syndicated"), reliable == 1);
  }
}

static void boilerplate_is_not_quoted(void **state) {
  struct library *library = *state;
  library_load(library, "");
  ask(library, TOPIC, "en", "deep", 5000);
  const char *const phrases[] = {"newsletter", "cookies", "Read more",
                                 "Follow us",  "Photo:",  "All rights"};
  for (size_t i = 0; i < sizeof phrases / sizeof phrases[0]; i++)
    assert_false(says(library, phrases[i]));
}

static void german_request_gives_a_german_report(void **state) {
  struct library *library = *state;
  library_load(library, "");
  ask(library, "Wärmepumpe im Altbau", "de", "standard", 700);
  assert_int_equal(library->verdict.outcome, GALLEY_DONE);
  check_report(library, "de", "Chronologie der Berichte", "Quellen");
  assert_int_equal(library->output.u.research.n_sources, 4);
  assert_true(says(library, "\n## Zusammenfassung\n"));
  assert_true(says(library, "\n## Vorlauftemperatur\n"));
  assert_false(says(library, "Abonnieren"));
}

static void japanese_request_quotes_japanese_under_english_headings(void **state) {
  struct library *library = *state;
  library_load(library, "");
  ask(library, "電気自動車の普及", "ja", "short", 400);
  assert_int_equal(library->verdict.outcome, GALLEY_DONE);
  check_report(library, "ja", "Timeline of coverage", "Sources");
  assert_true(cites(library, "ja_ev"));
  assert_int_equal(library->output.u.research.n_sources, 1);
}

static void documents_marked_with_another_language_are_skipped(void **state) {
  struct library *library = *state;
  library_load(library, "en_");
  library->hits[0].document.language = "fr";
  library->hits[1].document.language = "fr";
  library->hits[2].document.language = "en-GB";
  ask(library, TOPIC, "en", "deep", 2000);
  assert_false(cites(library, "en_costs") || cites(library, "en_costs_syndicated"));
  assert_true(cites(library, "en_radiators"));
}

static void unmarked_documents_are_taken_when_they_read_like_the_language(void **state) {
  struct library *library = *state;
  library_load(library, "");
  for (size_t i = 0; i < library->n; i++)
    library->hits[i].document.language = i % 2 == 0 ? "und" : NULL;
  ask(library, "Wärmepumpe", "de", "standard", 700);
  assert_int_equal(library->output.u.research.n_sources, 4);
  ask(library, "Wärmepumpe", "en", "standard", 700);
  assert_int_equal(library->verdict.outcome, GALLEY_DEAD);
}

static void too_few_sources_are_said_plainly(void **state) {
  struct library *library = *state;
  library_load(library, "en_grid");
  ask(library, TOPIC, "en", "standard", 2000);
  assert_int_equal(library->verdict.outcome, GALLEY_DONE);
  check_english(library);
  assert_true(
      says(library, "\n> Too few sources for a full report. Documents used: 1; words quoted: "));
  assert_true(says(library, "words wanted: 2000."));
  assert_true(says(library, "`galley feed add URL`"));
}

static void two_sources_are_few_even_with_words_enough(void **state) {
  struct library *library = *state;
  library_load(library, "en_trial");
  library_load(library, "en_grid");
  ask(library, TOPIC, "en", "standard", 200);
  assert_true(library->output.u.research.word_count >= 200);
  assert_true(says(library, "\n> Too few sources"));
}

static void words_apart_are_taken_when_no_document_has_them_together(void **state) {
  struct library *library = *state;
  library_add(library, copy_of("Two subjects in one text"),
              copy_of("The harbour lies on the north side of the town and has been there for four "
                      "hundred years, longer than the church. Nobody knows who built its first "
                      "wall, or when the second one was added to it.\n\nA store of energy is kept "
                      "in the old quarry above the road. The storage holds enough water for six "
                      "hours of work, as the people of the town like to say."),
              "en", "town.example");
  const struct research_output *output = ask(library, "harbour storage", "en", "standard", 2000);
  assert_int_equal(library->verdict.outcome, GALLEY_DONE);
  assert_int_equal(output->n_sources, 1);
}

static void nothing_to_quote_is_a_verdict_and_no_report(void **state) {
  struct library *library = *state;
  const struct research_output *output = ask(library, "tin mines", "en", "standard", 2000);
  assert_int_equal(library->verdict.outcome, GALLEY_DEAD);
  assert_string_equal(library->verdict.error_class, "sources");
  assert_string_equal(
      library->verdict.error,
      "no collected document in language 'en' is about 'tin mines' (0 mention a word "
      "of it): add feeds with galley feed add URL, collect them with galley feed "
      "fetch");
  assert_null(output->markdown);
  assert_null(output->citations);
  library_load(library, "en_");
  ask(library, "tin mines", "en", "standard", 2000);
  assert_int_equal(library->verdict.outcome, GALLEY_DEAD);
}

static void unknown_dates_stay_unknown(void **state) {
  struct library *library = *state;
  library_load(library, "en_");
  for (size_t i = 0; i < library->n; i++)
    library->hits[i].document.published_at_ms = 0;
  ask(library, TOPIC, "en", "standard", 1500);
  check_english(library);
  assert_false(says(library, "Timeline"));
  assert_false(says(library, "1970-01"));
}

static void quoted_text_never_becomes_formatting(void **state) {
  struct library *library = *state;
  library_add(library, copy_of("Mills *and* [rivers] | <b>1999</b>"),
              copy_of("The *old* mill was called _the giant_ by [most] farmers in the valley. Its "
                      "water mill `wheel` turned for <b>ninety</b> years without a ~~single~~ "
                      "stop.\n\n1999. The mill of the valley was sold to &amp; bought by a baker "
                      "for little money.\n\n+ The mill wheel of the valley was then broken up by "
                      "the baker and sold as scrap."),
              "en", "mills.example");
  ask(library, "mill valley", "en", "short", 400);
  assert_int_equal(library->verdict.outcome, GALLEY_DONE);
  check_english(library);
  assert_true(says(library, "The \\*old\\* mill was called \\_the giant\\_ by \\[most\\] farmers"));
  assert_true(says(library, "1. Mills \\*and\\* \\[rivers\\] \\| \\<b\\>1999"));
  const char *bare = strpbrk(strstr(library->output.u.research.markdown, "\n## "), "`~");
  assert_true(bare == NULL || bare[-1] == '\\');
}

static void odd_documents_do_no_harm(void **state) {
  struct library *library = *state;
  library_load(library, "en_");
  char *large = calloc(1, 300000);
  assert_non_null(large);
  for (size_t len = 0; len < 290000; len = strlen(large))
    snprintf(large + len, 300000 - len, "%s", library->texts[len / 1000 % 7]);
  library_add(library, copy_of("All at once"), large, "en", "large.example");
  library_add(library, copy_of("\xff\xfe"), copy_of("A heat pump in \xff an old house is fine."),
              "en", "bytes.example");
  library_add(library, copy_of(""), copy_of(""), "en", "empty.example");
  library->hits[2].document.title = NULL;
  library->hits[3].document.canonical_url = NULL;
  library->hits[4].document.published_at_ms = INT64_MAX;
  library->hits[5].document.published_at_ms = INT64_MIN;
  library->hits[6].document.content = NULL;
  library->hits[6].document.summary = "A heat pump warms an old house with less than half the gas.";
  library->hits[7].document.reliability_score = -1e300;
  for (size_t i = 0; i < library->n; i++)
    library->hits[i].rank = 0.0;
  ask(library, TOPIC, "en", "deep", INT64_MAX);
  assert_int_equal(library->verdict.outcome, GALLEY_DONE);
  json_t *list = json_loads(library->output.u.research.citations, 0, NULL);
  assert_true(json_array_size(list) > 3);
  json_decref(list);
  ask(library, "", "", NULL, -5);
  assert_int_equal(library->verdict.outcome, GALLEY_DEAD);
}

static size_t of_host(const struct sources *sources, const char *host) {
  size_t n = 0;
  for (size_t i = 0; i < sources->n; i++)
    n += strcmp(sources->items[i].host, host) == 0;
  return n;
}

static void one_site_is_limited_unless_the_others_hold_too_little(void **state) {
  struct library *library = *state;
  library_load(library, "en_");
  for (size_t i = 0; i < library->n; i++)
    if (i != 3)
      snprintf(library->urls[i], sizeof library->urls[i], "https://www.same.example/%zu", i);
  const struct research_input input = {.topic = TOPIC,
                                       .language = "en",
                                       .now_ms = NOW_MS,
                                       .hits = library->order,
                                       .n_hits = library->n};
  struct subject subject;
  struct sources sources;
  struct arena arena = {0};
  subject_init(&subject, TOPIC, "en");
  assert_true(sources_pick(&sources, &input, 300, &subject, &arena));
  assert_int_equal(of_host(&sources, "same.example"), SOURCES_HOST_MAX);
  assert_int_equal(of_host(&sources, "power.example"), 1);
  assert_true(sources_pick(&sources, &input, 2000, &subject, &arena));
  assert_int_equal(of_host(&sources, "same.example"), 6);
  arena_fini(&arena);
}

static void newer_documents_come_first_among_equals(void **state) {
  struct library *library = *state;
  library_load(library, "en_grid");
  library_load(library, "en_trial");
  struct subject subject;
  struct sources sources;
  struct arena arena = {0};
  const struct research_input input = {
      .topic = "heat", .language = "en", .now_ms = NOW_MS, .hits = library->order, .n_hits = 2};
  subject_init(&subject, "heat", "en");
  for (size_t newer = 0; newer < 2; newer++) {
    library->hits[newer].document.published_at_ms = NOW_MS - DAY_MS;
    library->hits[1 - newer].document.published_at_ms = NOW_MS - 400 * DAY_MS;
    library->hits[0].rank = library->hits[1].rank = -3.0;
    library->hits[0].document.title = library->hits[1].document.title = "Heat";
    assert_true(sources_pick(&sources, &input, 500, &subject, &arena));
    assert_ptr_equal(sources.items[0].document, &library->hits[newer].document);
  }
  arena_fini(&arena);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      RULE(report_quotes_verbatim_and_cites_every_sentence),
      RULE(report_has_the_words_wanted_when_sources_do),
      RULE(report_counts_its_own_words),
      RULE(depth_scales_the_report),
      RULE(report_is_the_same_for_the_same_input),
      RULE(report_has_summary_themes_and_timeline),
      RULE(off_topic_documents_are_not_cited),
      RULE(of_near_duplicates_the_better_source_is_cited),
      RULE(boilerplate_is_not_quoted),
      RULE(german_request_gives_a_german_report),
      RULE(japanese_request_quotes_japanese_under_english_headings),
      RULE(documents_marked_with_another_language_are_skipped),
      RULE(unmarked_documents_are_taken_when_they_read_like_the_language),
      RULE(too_few_sources_are_said_plainly),
      RULE(two_sources_are_few_even_with_words_enough),
      RULE(words_apart_are_taken_when_no_document_has_them_together),
      RULE(nothing_to_quote_is_a_verdict_and_no_report),
      RULE(unknown_dates_stay_unknown),
      RULE(quoted_text_never_becomes_formatting),
      RULE(odd_documents_do_no_harm),
      RULE(one_site_is_limited_unless_the_others_hold_too_little),
      RULE(newer_documents_come_first_among_equals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
