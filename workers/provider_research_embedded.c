/* research without any service: a cited report quoted from the collected documents. What it does in
 * order is what judge calls; the rules stand in the headers of the parts. */
#include "plan.h"
#include "provider_list.h"
#include "report.h"

#include <string.h>

#define TARGET_DEFAULT 2000
#define TARGET_MIN     200
#define TARGET_MAX     20000

struct depth {
  const char *name;
  int64_t numerator, denominator; /* of target_words */
  size_t themes;                  /* at most */
};
static const struct depth depths[] = {
    {"standard", 1, 1, 7}, {"short", 1, 2, 4}, {"deep", 2, 1, THEME_MAX}};

/* Words of report for each theme. */
#define THEME_WORDS 220

static const struct depth *depth_find(const char *name) {
  for (size_t i = 0; name != NULL && i < sizeof depths / sizeof depths[0]; i++)
    if (strcmp(depths[i].name, name) == 0)
      return &depths[i];
  return &depths[0];
}

static int64_t target_of(const struct research_input *input, const struct depth *depth) {
  int64_t words = input->target_words <= 0           ? TARGET_DEFAULT
                  : input->target_words > TARGET_MAX ? TARGET_MAX
                                                     : input->target_words;
  words = words * depth->numerator / depth->denominator;
  return words < TARGET_MIN ? TARGET_MIN : words > TARGET_MAX ? TARGET_MAX : words;
}

static void no_sources(const struct research_input *input, struct verdict *verdict) {
  verdict_set(
      verdict, GALLEY_DEAD, 0, "sources",
      "no collected document in language '%s' is about '%s' (%zu mention a word of it): add "
      "feeds with galley feed add URL, collect them with galley feed fetch",
      input->language, input->topic, input->n_hits);
}

/* False without memory; *found tells whether there is anything to quote. */
static bool research(const struct research_input *input, struct research_output *output,
                     struct arena *arena, bool *found) {
  const struct depth *depth = depth_find(input->depth);
  int64_t target = target_of(input, depth);
  size_t themes_max = (size_t)(target / THEME_WORDS);
  struct subject subject;
  struct sources sources;
  struct extract *extract = arena_alloc(arena, 1, sizeof *extract);
  struct plan *plan = arena_alloc(arena, 1, sizeof *plan);
  struct themes themes;
  *found = false;
  subject_init(&subject, input->topic, input->language);
  if (arena->failed || !sources_pick(&sources, input, target, &subject, arena))
    return false;
  if (sources.n == 0)
    return true;
  if (!extract_read(extract, &sources, &subject, input->language, arena))
    return false;
  if (extract->n_passages == 0)
    return true;
  if (!theme_find(&themes, extract, &subject, input->language,
                  themes_max < depth->themes ? themes_max : depth->themes, arena) ||
      !plan_make(plan, extract, &themes, target, arena))
    return false;
  *found = plan->n_sections > 0;
  return !*found || report_write(output, input, plan, extract, target, arena);
}

static void judge(const struct stage_input *input, const struct http_reply *reply,
                  struct stage_output *output, struct verdict *verdict) {
  (void)reply;
  struct arena arena = {0};
  bool found = false;
  output->stage = STAGE_RESEARCH;
  if (!research(&input->u.research, &output->u.research, &arena, &found))
    verdict_set(verdict, GALLEY_RETRY, -1, "memory", "no memory for the report about '%s'",
                input->u.research.topic);
  else if (!found)
    no_sources(&input->u.research, verdict);
  else
    *verdict = VERDICT_DONE;
  arena_fini(&arena);
}

const struct provider provider_research_embedded = {
    .name = "embedded",
    .stage = STAGE_RESEARCH,
    .about = "a cited report quoted from the collected documents, without any service",
    .version = "1",
    .build = NULL,
    .judge = judge,
};
