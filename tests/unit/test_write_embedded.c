/* provider "embedded" of the write stage: a post and social posts from a whole report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "keyword.h"
#include "markdown.h"
#include "platform.h"
#include "provider_list.h"
#include "words.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FAMILY "👩‍👩‍👧"

static struct verdict run(const struct galley_topic *topic, const char *language,
                          struct stage_output *output) {
  const struct stage_input input = {.stage = STAGE_WRITE,
                                    .u.write = {.topic = topic, .language = language, .now_ms = 1}};
  struct verdict verdict = {.outcome = GALLEY_DEAD};
  *output = (struct stage_output){0};
  provider_write_embedded.judge(&input, NULL, output, &verdict);
  return verdict;
}

static struct stage_output written(const struct galley_topic *topic) {
  struct stage_output output;
  struct verdict verdict = run(topic, topic->language, &output);
  assert_string_equal(verdict.error, "");
  assert_int_equal(verdict.outcome, GALLEY_DONE);
  return output;
}

static void assert_has(const char *text, const char *part) {
  if (strstr(text, part) == NULL)
    fail_msg("\"%s\" is missing in:\n%s", part, text);
}

static void assert_has_not(const char *text, const char *part) {
  if (strstr(text, part) != NULL)
    fail_msg("\"%s\" is in:\n%s", part, text);
}

static const char english_report[] =
    "# heat pumps in old buildings\n\n"
    "*Extracts from collected documents, quoted word for word. As of 2026-03-05.*\n\n"
    "## Summary\n\n"
    "- A heat pump costs between 25,000 and 35,000 euros. [1]\n"
    "- A field study of 41 buildings found an efficiency of 3.1. [2]\n"
    "- Grants cover up to 70 per cent of the price. [1]\n"
    "- Operators may throttle heat pumps to 4.2 kilowatts. [3]\n\n"
    "## Costs\n\n"
    "Prices fell by eight per cent within a year. [1] Grants cover much of the price. [1, 3]\n\n"
    "## Grid\n\n"
    "Old quarters need new transformers, says Dr. Meyer of the agency. [3]\n\n"
    "## Further points\n\n"
    "Large radiators help more than new windows.[2] Nobody cites `a[1]` here.\n\n"
    "## Timeline of coverage\n\n"
    "- 2026-01-02: One \\[sic\\] [1]\n- 2026-02-03: Two [2]\n\n"
    "## Sources\n\n"
    "1. One \\[sic\\] — a.example, 2026-01-02. <https://a.example/1>\n"
    "2. Two — b.example, 2026-02-03. <https://b.example/2>\n"
    "3. Three.\n";
static const char english_citations[] =
    "[{\"n\":1,\"title\":\"One [sic]\",\"url\":\"https://a.example/1\","
    "\"published_at_ms\":1767312000000,\"document_id\":1},"
    "{\"n\":2,\"title\":\"Two\",\"url\":\"https://b.example/2\","
    "\"published_at_ms\":1770076800000,\"document_id\":2},"
    "{\"n\":3,\"title\":\"Three\",\"url\":null,\"published_at_ms\":null,\"document_id\":3}]";

static const struct galley_topic english = {.id = 5,
                                            .title = "heat pumps in old buildings",
                                            .language = "en",
                                            .research_report = english_report,
                                            .citations = english_citations};

static void the_body_has_its_parts_in_order(void **state) {
  (void)state;
  struct stage_output output = written(&english);
  assert_string_equal(
      output.u.write.post.content,
      "A heat pump costs between 25,000 and 35,000 euros. [\\[1\\]][1]\n\n"
      "This post brings together what 3 sources say about “Heat pumps in old buildings”. "
      "Topics covered: Costs and Grid.\n\n"
      "## Key points\n\n"
      "- A field study of 41 buildings found an efficiency of 3.1. [\\[2\\]][2]\n"
      "- Grants cover up to 70 per cent of the price. [\\[1\\]][1]\n"
      "- Operators may throttle heat pumps to 4.2 kilowatts. \\[3\\]\n\n"
      "## Costs\n\n"
      "Prices fell by eight per cent within a year. [\\[1\\]][1] Grants cover much of the price. "
      "[\\[1\\]][1]\\[3\\]\n\n"
      "## Grid\n\n"
      "Old quarters need new transformers, says Dr. Meyer of the agency. \\[3\\]\n\n"
      "## Further points\n\n"
      "Large radiators help more than new windows.[\\[2\\]][2] Nobody cites `a[1]` here.\n\n"
      "## Sources\n\n"
      "*Extracts from collected documents, quoted word for word. As of 2026-03-05.*\n\n"
      "1. [One \\[sic\\]](https://a.example/1) — a.example, 2026-01-02\n"
      "2. [Two](https://b.example/2) — b.example, 2026-02-03\n"
      "3. Three\n\n"
      "[1]: https://a.example/1\n"
      "[2]: https://b.example/2\n");
  stage_output_fini(&output);
}

static void the_post_has_its_columns(void **state) {
  (void)state;
  struct stage_output output = written(&english);
  const struct galley_post *post = &output.u.write.post;
  assert_null(post->slug); /* the store makes it */
  assert_string_equal(post->title, "Heat pumps in old buildings");
  assert_string_equal(post->language, "en");
  assert_string_equal(post->status, "ready");
  assert_string_equal(post->cluster_role, "standalone");
  assert_string_equal(post->primary_keyword, "Heat pumps in old buildings");
  assert_int_equal(post->research_topic_id, 5);
  assert_string_equal(post->meta_description,
                      "A heat pump costs between 25,000 and 35,000 euros. A field study of 41 "
                      "buildings found an efficiency of 3.1. Grants cover up to 70 per cent of the "
                      "price.");
  assert_has(post->excerpt, "Operators may throttle");
  assert_int_equal(post->word_count, 120);
  json_t *keywords = json_loads(post->keywords, 0, NULL);
  assert_true(json_array_size(keywords) >= 3);
  json_decref(keywords);
  stage_output_fini(&output);
}

static void the_same_topic_gives_the_same_post(void **state) {
  (void)state;
  struct stage_output a = written(&english);
  struct stage_output b = written(&english);
  assert_string_equal(a.u.write.post.content, b.u.write.post.content);
  assert_string_equal(a.u.write.post.keywords, b.u.write.post.keywords);
  for (size_t i = 0; i < a.u.write.n_socials; i++)
    assert_string_equal(a.u.write.socials[i].content, b.u.write.socials[i].content);
  stage_output_fini(&a);
  stage_output_fini(&b);
}

/* ---- social posts ---- */

static void assert_socials_hold(const struct write_output *out) {
  assert_int_equal(out->n_socials, platform_count);
  for (size_t i = 0; i < out->n_socials; i++) {
    const struct galley_social *social = &out->socials[i];
    const struct platform *platform = platform_find(social->platform);
    assert_non_null(platform);
    assert_true(platform_allows(platform, social->content));
    assert_int_equal(social->character_count,
                     platform_characters(platform, social->content, strlen(social->content)));
    assert_true(strlen(social->content) > 0);
    assert_string_equal(social->language, out->post.language);
    json_t *tags = json_loads(social->hashtags, 0, NULL);
    assert_true(json_is_array(tags));
    assert_true(json_array_size(tags) <= platform->hashtags_max);
    for (size_t k = 0; k < json_array_size(tags); k++) {
      char tag[128];
      (void)snprintf(tag, sizeof tag, "#%s", json_string_value(json_array_get(tags, k)));
      assert_int_not_equal(tag[1], '#');
      assert_has(social->content, tag);
    }
    json_decref(tags);
  }
}

static void every_platform_gets_a_post_within_its_limits(void **state) {
  (void)state;
  struct stage_output output = written(&english);
  assert_socials_hold(&output.u.write);
  const char *linkedin = output.u.write.socials[0].content;
  assert_string_equal(output.u.write.socials[0].platform, "linkedin");
  assert_has(linkedin, "Heat pumps in old buildings\n\nA heat pump costs between");
  assert_has(linkedin, "\n• Grants cover up to 70 per cent of the price.\n");
  assert_has_not(linkedin, "[1]");
  stage_output_fini(&output);
}

/* A title and points that cannot be cut at a word, of clusters that are many bytes each. */
static void posts_of_many_bytes_stay_within_their_limits(void **state) {
  (void)state;
  struct strbuf title = {0};
  struct strbuf report = {0};
  for (int i = 0; i < 200; i++)
    strbuf_puts(&title, FAMILY);
  for (int i = 0; i < 6; i++)
    strbuf_printf(&report, "- %s %s.\n", title.data, title.data);
  strbuf_puts(&report, "\n## A\n\nText.\n");
  struct galley_topic topic = {
      .id = 1, .title = title.data, .language = "en", .research_report = report.data};
  struct stage_output output = written(&topic);
  assert_socials_hold(&output.u.write);
  const char *kept = output.u.write.post.title;
  size_t len = strlen(kept) - strlen("…");
  assert_int_equal(len % strlen(FAMILY), 0); /* no family is parted */
  assert_int_equal(len / strlen(FAMILY), 69);
  stage_output_fini(&output);
  strbuf_fini(&title);
  strbuf_fini(&report);
}

static void a_long_title_is_cut_at_a_word(void **state) {
  (void)state;
  struct galley_topic topic = english;
  topic.title =
      "What every owner of a house from the nineteen-fifties ought to know about heat pumps";
  struct stage_output output = written(&topic);
  assert_string_equal(output.u.write.post.title,
                      "What every owner of a house from the nineteen-fifties ought to know…");
  stage_output_fini(&output);
}

static void titles_keep_their_own_capitals(void **state) {
  (void)state;
  static const char *const titles[][2] = {
      {"iPhone sales", "iPhone sales"},
      {"ölpreis  und\nmärkte", "Ölpreis und märkte"},
      {"ήλιος και άνεμος", "Ήλιος και άνεμος"},
      {"電気自動車", "電気自動車"},
      {"He said: \"x\" # it's C:\\ " FAMILY, "He said: \"x\" # it's C:\\ " FAMILY}};
  for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
    struct galley_topic topic = english;
    topic.title = titles[i][0];
    struct stage_output output = written(&topic);
    assert_string_equal(output.u.write.post.title, titles[i][1]);
    assert_socials_hold(&output.u.write);
    stage_output_fini(&output);
  }
}

/* ---- honesty ---- */

static void a_remark_that_sources_are_few_survives(void **state) {
  (void)state;
  static const char *const notices[][4] = {
      {"en", "Too few sources for a full report. Documents used: 2.", " Run `galley feed add URL`.",
       "Based on few sources."},
      {"de", "Zu wenige Quellen für einen vollen Bericht.", " Mit `galley feed add` hinzufügen.",
       "Auf der Grundlage weniger Quellen."},
      {"fr", "Trop peu de sources pour un rapport complet.", "",
       "D’après un petit nombre de sources."},
      {"es", "Hay muy pocas fuentes para un informe completo.", "", "A partir de pocas fuentes."},
      {"it", "Troppo poche fonti per un rapporto completo.", "", "Sulla base di poche fonti."},
      {"nl", "Te weinig bronnen voor een volledig rapport.", "", "Op basis van weinig bronnen."},
      {"pt", "Há poucas fontes para um relatório completo.", "", "Com base em poucas fontes."},
  };
  for (size_t i = 0; i < sizeof notices / sizeof notices[0]; i++) {
    struct strbuf report = {0};
    strbuf_printf(&report, "# T\n\n> %s%s\n\n- Point one is here. [1]\n\n## A\n\nText. [1]\n",
                  notices[i][1], notices[i][2]);
    struct galley_topic topic = {
        .id = 1, .title = "Wind", .language = notices[i][0], .research_report = report.data};
    struct stage_output output = written(&topic);
    assert_has(output.u.write.post.content, notices[i][1]);
    assert_has_not(output.u.write.post.content, "galley feed");
    assert_has(output.u.write.socials[0].content, notices[i][3]);
    stage_output_fini(&output);
    strbuf_fini(&report);
  }
}

static void the_remark_survives_wherever_it_stands_and_however_long_the_report_is(void **state) {
  (void)state;
  struct strbuf report = {0};
  strbuf_puts(&report, "# T\n\n## A\n\n");
  for (int i = 0; i < 600; i++)
    strbuf_puts(&report, "This sentence has exactly seven words here. ");
  strbuf_puts(&report, "\n\nThere are too few sources to say more.\n\n## Sources\n\n"
                       "1. [One](https://a.example/)\n\nOnly one source was found.\n");
  struct galley_topic topic = {
      .id = 1, .title = "Wind", .language = "en", .research_report = report.data};
  struct stage_output output = written(&topic);
  assert_has(output.u.write.post.content, "\n\nThere are too few sources to say more.\n\n");
  assert_has(output.u.write.post.content, "\n\nOnly one source was found.\n\n");
  stage_output_fini(&output);
  strbuf_fini(&report);
}

static void a_sentence_about_open_source_is_no_remark_about_sources(void **state) {
  (void)state;
  struct galley_topic topic = {
      .id = 1,
      .title = "Compilers",
      .language = "en",
      .research_report =
          "# T\n\nOpen-source compilers only need a few volunteers.\n\n- A point. [1]\n\n"
          "## A\n\nText. [1]\n",
      .citations = "[{\"n\":1,\"title\":\"A\"},{\"n\":2,\"title\":\"B\"},"
                   "{\"n\":3,\"title\":\"C\"},{\"n\":4,\"title\":\"D\"}]"};
  struct stage_output output = written(&topic);
  assert_has(output.u.write.post.content, "Open-source compilers only");
  assert_has_not(output.u.write.socials[0].content, "Based on few sources");
  stage_output_fini(&output);
}

static void nothing_is_written_without_a_report(void **state) {
  (void)state;
  static const char *const reports[] = {NULL, "", "\n \n", "# Title only\n",
                                        "## Sources\n\n1. [a](https://a.example/)\n"};
  for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
    struct galley_topic topic = {
        .id = 77, .title = "Wind", .language = "en", .research_report = reports[i]};
    struct stage_output output;
    struct verdict verdict = run(&topic, "en", &output);
    assert_int_equal(verdict.outcome, GALLEY_DEAD);
    assert_has(verdict.error, "topic 77");
    stage_output_fini(&output);
  }
}

static void nothing_is_passed_off_as_another_language(void **state) {
  (void)state;
  struct stage_output output;
  struct verdict verdict = run(&english, "de", &output);
  assert_int_equal(verdict.outcome, GALLEY_DEAD);
  assert_has(verdict.error, "does not translate");
  stage_output_fini(&output);
  verdict = run(&english, "en-GB", &output);
  assert_int_equal(verdict.outcome, GALLEY_DONE);
  assert_string_equal(output.u.write.post.language, "en");
  stage_output_fini(&output);
  struct galley_topic topic = english;
  topic.language = "und";
  verdict = run(&topic, "de", &output);
  assert_int_equal(verdict.outcome, GALLEY_DONE);
  assert_string_equal(output.u.write.post.language, "de");
  assert_has(output.u.write.post.content, "## Das Wichtigste");
  stage_output_fini(&output);
}

/* ---- the whole report ---- */

/* A report of three sections with `paragraphs` of 20 words each. */
static char *long_report(int paragraphs) {
  struct strbuf report = {0};
  strbuf_puts(&report, "# T\n\n- First point of all. [1]\n\n");
  for (int s = 1; s <= 3; s++) {
    strbuf_printf(&report, "## Section %d\n\n", s);
    for (int i = 0; i < paragraphs; i++)
      strbuf_printf(
          &report,
          "Sentence %d-%d has these ten words, no fewer and no more. [1] It is followed by "
          "another one that is as long. [1]\n\n",
          s, i);
  }
  char *text = strbuf_take(&report);
  assert_non_null(text);
  return text;
}

static struct stage_output written_of(char *report) {
  const struct galley_topic topic = {.id = 1,
                                     .title = "Wind",
                                     .language = "en",
                                     .research_report = report,
                                     .citations = english_citations};
  struct stage_output output = written(&topic);
  free(report);
  return output;
}

static void a_report_of_2000_words_is_kept_whole(void **state) {
  (void)state;
  struct stage_output output = written_of(long_report(33)); /* 33 x 3 x 21 words */
  const struct galley_post *post = &output.u.write.post;
  assert_in_range((uintmax_t)post->word_count, 2000, 2500);
  for (int s = 1; s <= 3; s++) {
    char last[32];
    (void)snprintf(last, sizeof last, "Sentence %d-32 ", s);
    assert_has(post->content, last);
  }
  stage_output_fini(&output);
}

static void a_longer_report_is_cut_in_every_section_at_a_sentence(void **state) {
  (void)state;
  struct stage_output output = written_of(long_report(200));
  const struct galley_post *post = &output.u.write.post;
  assert_in_range((uintmax_t)post->word_count, 2000, 2500);
  for (int s = 1; s <= 3; s++) {
    char sentence[32];
    (void)snprintf(sentence, sizeof sentence, "Sentence %d-30 ", s);
    assert_has(post->content, sentence);
    (void)snprintf(sentence, sizeof sentence, "Sentence %d-60 ", s);
    assert_has_not(post->content, sentence);
  }
  struct markdown markdown;
  assert_int_equal(markdown_parse(post->content, &markdown), MARKDOWN_PARSED);
  for (size_t i = 0; i < markdown.n_blocks; i++)
    if (strncmp(markdown.blocks[i].plain, "Sentence", 8) == 0)
      assert_int_equal(markdown.blocks[i].plain[strlen(markdown.blocks[i].plain) - 1], '.');
  markdown_fini(&markdown);
  stage_output_fini(&output);
}

static void a_paragraph_as_long_as_a_page_is_parted(void **state) {
  (void)state;
  struct strbuf report = {0};
  strbuf_puts(&report, "# T\n\n## A\n\n");
  for (int i = 0; i < 40; i++)
    strbuf_printf(&report, "This is sentence number %d of a long one. [1] ", i);
  struct stage_output output = written_of(strbuf_take(&report));
  struct markdown markdown;
  assert_int_equal(markdown_parse(output.u.write.post.content, &markdown), MARKDOWN_PARSED);
  int64_t words = 0;
  for (size_t i = 0; i < markdown.n_blocks; i++) {
    const char *plain = markdown.blocks[i].plain;
    int64_t n = words_count(plain, strlen(plain));
    assert_true(n <= 110);
    words += strstr(plain, "sentence number") != NULL ? n : 0;
  }
  assert_int_equal(words, 40 * 9); /* and nothing is lost */
  markdown_fini(&markdown);
  stage_output_fini(&output);
}

/* ---- reports of other providers ---- */

static void any_markdown_is_a_report(void **state) {
  (void)state;
  struct galley_topic topic = {
      .id = 1,
      .title = "Rust: \"safe\"?",
      .language = "en",
      .research_report =
          "Intro with [a link](https://x.example/) and [1](https://y.example/).\n\n"
          "# First\n\nText [9] and <b>html</b> and [evil](javascript:x).\n\n"
          "## Deeper\n\n```c\nint a[1];\n```\n\n| a | b |\n|---|---|\n| 1 | 2 [1] |\n\n"
          "1. one\n   - nested [2]\n\n"
          "# References\n\n- [Y](https://y.example/) by Z\n- <https://w.example/>\n"};
  struct stage_output output = written(&topic);
  const char *body = output.u.write.post.content;
  assert_has(body, "Intro with [a link](https://x.example/) and [\\[1\\]][1].\n");
  assert_has(body, "\n## First\n\nText \\[9\\] and \\<b>html\\</b> and evil.\n");
  assert_has(body, "\n### Deeper\n\n```c\nint a[1];\n```\n");
  assert_has(body, "| 1 | 2 [\\[1\\]][1] |\n");
  assert_has(body, "\n1. one\n   - nested [\\[2\\]][2]\n");
  assert_has(body, "\n## Sources\n\n1. [Y by Z](https://y.example/) — y.example\n"
                   "2. <https://w.example/> — w.example\n");
  assert_has(body, "\n[2]: https://w.example/\n");
  stage_output_fini(&output);
}

static void sources_keep_numbers_that_have_gaps(void **state) {
  (void)state;
  struct galley_topic topic = english;
  topic.research_report = "# T\n\n## A\n\nOne [2]. Two [7]. Three [7](https://q.example/).\n";
  topic.citations = "[{\"n\":2,\"title\":\"B\",\"url\":\"https://b.example/\"},"
                    "{\"n\":7,\"title\":\"\",\"url\":\"https://g.example/\"},"
                    "{\"n\":7,\"title\":\"again\"},{\"n\":0,\"title\":\"zero\"},{\"n\":8},3]";
  struct stage_output output = written(&topic);
  assert_has(output.u.write.post.content,
             "One [\\[2\\]][2]. Two [\\[7\\]][7]. Three [\\[7\\]][7].\n\n## Sources\n\n"
             "- \\[2\\] [B](https://b.example/) — b.example\n"
             "- \\[7\\] <https://g.example/> — g.example\n\n"
             "[2]: https://b.example/\n[7]: https://g.example/\n");
  stage_output_fini(&output);
}

static void citations_that_are_no_list_are_no_citations(void **state) {
  (void)state;
  static const char *const lists[] = {NULL, "", "{}", "[]", "[null]", "\"x\"", "\"\\u0000\""};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    struct galley_topic topic = {.id = 1,
                                 .title = "Wind",
                                 .language = "en",
                                 .citations = lists[i],
                                 .research_report = "# T\n\n## A\n\nOne [1].\n"};
    struct stage_output output = written(&topic);
    assert_string_equal(output.u.write.post.content,
                        "This post is about “Wind”.\n\n## A\n\nOne \\[1\\].\n");
    stage_output_fini(&output);
  }
}

static void citations_that_cannot_be_read_are_not_taken_for_none(void **state) {
  (void)state;
  struct galley_topic topic = english;
  topic.citations = "[{\"n\":1,";
  struct stage_output output;
  struct verdict verdict = run(&topic, "en", &output);
  assert_int_equal(verdict.outcome, GALLEY_RETRY);
  assert_has(verdict.error, "citations of topic 5");
  assert_null(output.u.write.post.content);
  stage_output_fini(&output);
}

static void japanese_and_greek_posts_are_whole(void **state) {
  (void)state;
  struct galley_topic japanese = {
      .id = 1,
      .title = "電気自動車の普及",
      .language = "ja",
      .research_report = "# 電気自動車の普及\n\n- 電気自動車の販売は三割増えた。[1]\n"
                         "- 充電設備は足りない。[1]\n\n## 充電\n\n"
                         "電気自動車は夜に充電する。[1]電気自動車は静かだ。[1]\n",
      .citations = "[{\"n\":1,\"title\":\"新聞\",\"url\":\"https://n.example/\"}]"};
  struct stage_output output = written(&japanese);
  assert_string_equal(output.u.write.post.meta_description,
                      "電気自動車の販売は三割増えた。充電設備は足りない。");
  assert_has(output.u.write.post.content, "電気自動車は夜に充電する。[\\[1\\]][1]");
  assert_has(output.u.write.post.keywords, "電気自動車");
  assert_socials_hold(&output.u.write);
  stage_output_fini(&output);
  struct galley_topic greek = {
      .id = 2,
      .title = "ηλιακή ενέργεια",
      .language = "el",
      .research_report = "# Ηλιακή ενέργεια\n\n## Κόστος\n\nΗ ηλιακή ενέργεια είναι φθηνή. [1]\n\n"
                         "## Πηγές\n\n1. [Εφημερίδα](https://e.example/)\n"};
  output = written(&greek);
  assert_string_equal(output.u.write.post.title, "Ηλιακή ενέργεια");
  assert_has(output.u.write.post.content, "1. [Εφημερίδα](https://e.example/) — e.example\n");
  assert_socials_hold(&output.u.write);
  stage_output_fini(&output);
}

/* ---- keywords ---- */

static void keywords_are_the_topic_its_sections_and_what_recurs(void **state) {
  (void)state;
  static const char *const names[] = {"Costs", "A section with a very long name"};
  static const char *const texts[] = {
      "The solar panels cost 900 euros. New solar panels and a battery cost 2,000 euros.",
      "Solar panels last 30 years. A battery lasts ten. The battery is the costs of it."};
  const struct keyword_source source = {.topic = "solar panels on balconies: what to know",
                                        .language = "en",
                                        .names = names,
                                        .n_names = 2,
                                        .texts = texts,
                                        .n_texts = 2};
  struct keywords keywords;
  assert_true(keywords_find(&source, &keywords));
  assert_int_equal(keywords.n, 4);
  assert_string_equal(keywords.items[0], "solar panels on balconies");
  assert_string_equal(keywords.items[1], "costs"); /* as inside a sentence */
  assert_string_equal(keywords.items[2], "solar panels");
  assert_string_equal(keywords.items[3], "battery");
  keywords_fini(&keywords);
}

static void assert_keyword(const struct keywords *keywords, const char *word, bool expected) {
  bool found = false;
  for (size_t i = 0; i < keywords->n; i++)
    found = found || strcasecmp(keywords->items[i], word) == 0;
  if (found != expected)
    fail_msg("%s is %s keyword", word, found ? "a" : "no");
}

static void a_topic_is_a_keyword_whole_or_not_at_all(void **state) {
  (void)state;
  static const char *const names[] = {"Costs"};
  static const struct {
    const char *topic, *first;
  } rows[] = {
      {"Tidal and wind energy for coastal towns", "Tidal and wind energy for coastal towns"},
      {"How do solar panels pay? An honest account", "How do solar panels pay"},
      {"abcdefghij abcdefghij abcdefghij abcdefghij abcdefghij abcdeé",
       "Costs"}, /* of 61 characters */
      {"abcdefghij abcdefghij abcdefghij abcdefghij abcdefghij abcdé",
       "abcdefghij abcdefghij abcdefghij abcdefghij abcdefghij abcdé"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const struct keyword_source source = {
        .topic = rows[i].topic, .language = "en", .names = names, .n_names = 1};
    struct keywords keywords;
    assert_true(keywords_find(&source, &keywords));
    assert_string_equal(keywords.items[0], rows[i].first);
    keywords_fini(&keywords);
  }
  /* Nothing else is there. */
  const struct keyword_source source = {.topic = rows[2].topic, .language = "en"};
  struct keywords keywords;
  assert_true(keywords_find(&source, &keywords));
  assert_int_equal(keywords.n, 1);
  assert_string_equal(keywords.items[0], rows[2].topic);
  keywords_fini(&keywords);
}

static void verbs_and_adjectives_are_no_keywords(void **state) {
  (void)state;
  static const char *const names[] = {"What the storage of heat does"};
  static const char *const texts[] = {
      "The price falls. Demand falls when offshore parks deliver. A cable falls to the seabed.",
      "They deliver to the grid. Offshore winds deliver at night, and the cable is to deliver it.",
      "An offshore cable lasts. Many wait for storage. Storage helps, and storage pays. It falls.",
      "Near Orkney and at Orkney, or off Orkney, the seabed is rock."};
  const struct keyword_source source = {.topic = "tides",
                                        .language = "en",
                                        .names = names,
                                        .n_names = 1,
                                        .texts = texts,
                                        .n_texts = 4};
  struct keywords keywords;
  assert_true(keywords_find(&source, &keywords));
  assert_keyword(&keywords, "falls", false);
  assert_keyword(&keywords, "deliver", false);
  assert_keyword(&keywords, "offshore", false);
  assert_keyword(&keywords, "cable", true);
  assert_keyword(&keywords, "storage", true); /* as in the name of a section */
  assert_keyword(&keywords, "Orkney", true);
  keywords_fini(&keywords);
}

static void german_keywords_are_capitalised_within_sentences(void **state) {
  (void)state;
  static const char *const texts[] = {
      "Der neue Speicher liefert Strom. Viele Speicher liefern nachts, und kein Speicher steht.",
      "Manche liefern im Winter. Wenn wir liefern, hilft der Strom. Ohne Strom geht nichts."};
  const struct keyword_source source = {
      .topic = "Wärme", .language = "de", .texts = texts, .n_texts = 2};
  struct keywords keywords;
  assert_true(keywords_find(&source, &keywords));
  assert_keyword(&keywords, "Speicher", true);
  assert_keyword(&keywords, "Strom", true);
  assert_keyword(&keywords, "liefern", false);
  keywords_fini(&keywords);
}

static void hashtags_are_letters_and_digits(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"heat pumps", "HeatPumps"},
      {"energía solar-térmica", "EnergíaSolarTérmica"},
      {"C#", "C"},
      {"übermut", "Übermut"},
      {"電気自動車", "電気自動車"},
      {"covid 19", "Covid19"},
      {"ääääääääää bbbbbbbbbb cccccccccc", "ÄäääääääääBbbbbbbbbbCccccccccc"}};
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    char *tag = NULL;
    assert_true(keyword_hashtag(pairs[i][0], &tag));
    assert_non_null(tag);
    assert_string_equal(tag, pairs[i][1]);
    free(tag);
  }
  static const char *const none[] = {"2026", FAMILY, "tidal and wind energy", /* four words */
                                     "aaaaaaaaaa bbbbbbbbbb ccccccccccc" /* 31 characters */};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    char *tag = NULL;
    assert_true(keyword_hashtag(none[i], &tag));
    assert_null(tag);
  }
}

static void the_registry_finds_it_by_stage_and_name(void **state) {
  (void)state;
  assert_ptr_equal(provider_find(STAGE_WRITE, "embedded"), &provider_write_embedded);
  assert_ptr_equal(provider_find(STAGE_PUBLISH, "folder"), &provider_folder);
  assert_null(provider_find(STAGE_WRITE, "folder"));
  assert_null(provider_find(STAGE_WRITE, NULL));
  assert_null(provider_write_embedded.build);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_body_has_its_parts_in_order),
      cmocka_unit_test(the_post_has_its_columns),
      cmocka_unit_test(the_same_topic_gives_the_same_post),
      cmocka_unit_test(every_platform_gets_a_post_within_its_limits),
      cmocka_unit_test(posts_of_many_bytes_stay_within_their_limits),
      cmocka_unit_test(a_long_title_is_cut_at_a_word),
      cmocka_unit_test(titles_keep_their_own_capitals),
      cmocka_unit_test(a_remark_that_sources_are_few_survives),
      cmocka_unit_test(the_remark_survives_wherever_it_stands_and_however_long_the_report_is),
      cmocka_unit_test(a_sentence_about_open_source_is_no_remark_about_sources),
      cmocka_unit_test(nothing_is_written_without_a_report),
      cmocka_unit_test(nothing_is_passed_off_as_another_language),
      cmocka_unit_test(a_report_of_2000_words_is_kept_whole),
      cmocka_unit_test(a_longer_report_is_cut_in_every_section_at_a_sentence),
      cmocka_unit_test(a_paragraph_as_long_as_a_page_is_parted),
      cmocka_unit_test(any_markdown_is_a_report),
      cmocka_unit_test(sources_keep_numbers_that_have_gaps),
      cmocka_unit_test(citations_that_are_no_list_are_no_citations),
      cmocka_unit_test(citations_that_cannot_be_read_are_not_taken_for_none),
      cmocka_unit_test(japanese_and_greek_posts_are_whole),
      cmocka_unit_test(keywords_are_the_topic_its_sections_and_what_recurs),
      cmocka_unit_test(a_topic_is_a_keyword_whole_or_not_at_all),
      cmocka_unit_test(verbs_and_adjectives_are_no_keywords),
      cmocka_unit_test(german_keywords_are_capitalised_within_sentences),
      cmocka_unit_test(hashtags_are_letters_and_digits),
      cmocka_unit_test(the_registry_finds_it_by_stage_and_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
