/* libFuzzer target: any report becomes a post that the store takes, and social posts within the
 * limits of their platforms. First the citations, a line of JSON, then the report. */
#include "fuzz.h"
#include "platform.h"
#include "provider.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* As the store has it, which takes nothing else. */
static bool is_json(const char *text) {
  json_t *value = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
  json_decref(value);
  return value || *text == '\0';
}

static void must(enum galley_rc rc) {
  if (rc != GALLEY_OK)
    abort();
}

static void check_saved(const struct galley_topic *topic, struct write_output *output) {
  struct galley *q = fuzz_database();
  int64_t topic_id, post_id, id;
  must(galley_begin(q));
  must(galley_topic_save(q, topic, &topic_id));
  output->post.research_topic_id = topic_id;
  must(galley_post_save(q, &output->post, &post_id));
  for (size_t i = 0; i < output->n_socials; i++) {
    struct galley_social *social = &output->socials[i];
    const struct platform *platform = platform_find(social->platform);
    assert(platform && platform_allows(platform, social->content));
    social->blog_post_id = post_id;
    must(galley_social_save(q, social, &id));
  }
  galley_rollback(q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  static const char *const languages[] = {"en", "de", "fr", "ja", "und", ""};
  const char *language = languages[fuzz_byte(&input) % 6];
  char *citations = fuzz_until(&input, '\n', NULL);
  char *report = fuzz_rest(&input, NULL);
  fuzz_make_utf8(citations);
  fuzz_make_utf8(report);
  const struct galley_topic topic = {.title = "Heat pumps",
                                     .source = "manual",
                                     .language = *language ? language : NULL,
                                     .priority = 5,
                                     .research_report = report,
                                     .status = "researched"};
  struct galley_topic cited = topic;
  cited.citations = citations;
  struct stage_input stage = {.stage = STAGE_WRITE,
                              .u.write = {.topic = &cited, .language = language, .now_ms = 1}};
  struct stage_output output = {.stage = STAGE_WRITE};
  struct verdict verdict = {.outcome = GALLEY_RETRY};
  provider_find(STAGE_WRITE, "embedded")->judge(&stage, NULL, &output, &verdict);
  assert(verdict.outcome == GALLEY_DONE || verdict.outcome == GALLEY_DEAD || !is_json(citations));
  if (verdict.outcome == GALLEY_DONE)
    check_saved(&topic, &output.u.write);
  else
    fuzz_check_sentence(verdict.error, VERDICT_TEXT_MAX);
  stage_output_fini(&output);
  free(citations);
  free(report);
  return 0;
}
