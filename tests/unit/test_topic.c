/* Topics, and the cache of research: a report is paid for once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS 86400000

static const struct galley_research_key heat_pumps = {.topic = "Heat Pumps",
                                                      .language = "en",
                                                      .market = "GB",
                                                      .depth = "deep",
                                                      .provider = "embedded",
                                                      .model = "m-1",
                                                      .prompt_version = "3"};

static struct galley_topic *get(struct fixture *f, int64_t id) {
  struct galley_topic *topic;
  fixture_ok(f->q, galley_topic_get(f->q, id, &topic));
  return topic;
}

static enum galley_reserved reserve(struct fixture *f, const struct galley_research_key *key,
                                    int64_t max_age_ms, struct fixture_job job, int64_t *id) {
  enum galley_reserved reserved = (enum galley_reserved)99;
  fixture_ok(f->q, galley_topic_reserve(f->q, key, max_age_ms, job.id, job.fence, id, &reserved));
  return reserved;
}

static void report(struct fixture *f, int64_t id, const char *markdown) {
  const struct galley_report text = {
      .markdown = markdown, .citations = "[]", .word_count = 2000, .cost_usd_micros = 15000};
  fixture_ok(f->q, galley_topic_report(f->q, id, &text));
}

static void save_keeps_every_member(void **state) {
  struct fixture *f = *state;
  const struct galley_topic topic = {.title = "T",
                                     .description = "D",
                                     .cluster_label = "C",
                                     .source = "reddit",
                                     .source_url = "https://r.example",
                                     .discovered_at_ms = 1,
                                     .domain = "do",
                                     .market = "DE",
                                     .language = "de",
                                     .intent = "commercial",
                                     .engagement_score = 0.25,
                                     .trending_score = 0.5,
                                     .priority = 9,
                                     .content_score = 0.75,
                                     .research_report = "R",
                                     .citations = "[{\"n\":1}]",
                                     .word_count = 1,
                                     .minhash_signature = "00ff",
                                     .status = "validated",
                                     .notion_id = "N",
                                     .cache_key = "K",
                                     .researched_at_ms = 2,
                                     .cost_usd_micros = 3,
                                     .created_at_ms = 4,
                                     .updated_at_ms = 5,
                                     .published_at_ms = 6};
  int64_t id;
  fixture_ok(f->q, galley_topic_save(f->q, &topic, &id));
  struct galley_topic *got = get(f, id);
  fixture_same(&galley_topic_record, &topic, got);
  galley_free(got);
}

static void save_by_id_updates_and_keeps_what_was_paid_for(void **state) {
  struct fixture *f = *state;
  int64_t created_ms = f->now_ms;
  int64_t id = fixture_topic(f, "First");
  report(f, id, "Long report");
  f->now_ms += 1000;
  const struct galley_topic change = {.id = id, .title = "Second", .priority = 8};
  int64_t same;
  fixture_ok(f->q, galley_topic_save(f->q, &change, &same));
  assert_int_equal(same, id);
  struct galley_topic *topic = get(f, id);
  assert_string_equal(topic->title, "Second");
  assert_string_equal(topic->language, "en");
  assert_string_equal(topic->status, "researched");
  assert_string_equal(topic->research_report, "Long report");
  assert_int_equal(topic->cost_usd_micros, 15000);
  assert_int_equal(topic->priority, 8);
  assert_int_equal(topic->created_at_ms, created_ms);
  assert_int_equal(topic->updated_at_ms, f->now_ms);
  galley_free(topic);
}

static void save_refuses_what_cannot_be_kept(void **state) {
  struct fixture *f = *state;
  const struct {
    struct galley_topic topic;
    const char *words;
  } cases[] = {
      {{.title = NULL}, "topic: title is missing"},
      {{.title = "a\x80"}, "topic: title is not UTF-8"},
      {{.title = "x", .source = "web"}, "\"web\" is not one of rss, reddit"},
      {{.title = "x", .intent = "evil"}, "intent"},
      {{.title = "x", .status = "done"}, "status"},
      {{.title = "x", .priority = 11}, "priority is 11"},
      {{.title = "x", .priority = -1}, "priority is -1"},
      {{.title = "x", .citations = "{}"}, "citations_is_a_json_array"},
      {{.title = "x", .citations = "nope"}, "citations is not valid JSON"},
  };
  int64_t id;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    fixture_fails(f->q, galley_topic_save(f->q, &cases[i].topic, &id), GALLEY_INVALID,
                  cases[i].words);
  const struct galley_topic missing = {.id = 4, .title = "x"};
  fixture_fails(f->q, galley_topic_save(f->q, &missing, &id), GALLEY_NONE, "no topic 4");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM topics"), 0);
}

static void lists_are_by_status_and_by_priority(void **state) {
  struct fixture *f = *state;
  struct fixture_ids ids = {.n = 0};
  fixture_sql(f,
              "INSERT INTO topics(title,priority,status) VALUES('a',5,'validated'),"
              "('b',9,'discovered'),('c',2,'discovered'),('d',9,'archived'),('e',5,'validated')");
  fixture_ok(f->q, galley_topics_by_priority(f->q, 5, 0, fixture_keep_id, &ids));
  const int64_t want[] = {4, 2, 5, 1};
  assert_int_equal(ids.n, 4);
  assert_memory_equal(ids.id, want, sizeof want);
  ids.n = 0;
  fixture_ok(f->q, galley_topics_by_priority(f->q, 0, 2, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 2);
  ids.n = 0;
  fixture_ok(f->q, galley_topics_by_status(f->q, "validated", 0, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 2);
  assert_int_equal(ids.id[0], 5);
  fixture_fails(f->q, galley_topics_by_status(f->q, "lost", 0, fixture_keep_id, &ids),
                GALLEY_INVALID, "status");
}

/* Rule 8, first half: a fresh report costs nothing, and the caller is told. */
static void reserve_hits_a_report_until_it_is_too_old(void **state) {
  struct fixture *f = *state;
  int64_t id, again;
  struct fixture_job first = fixture_job(f);
  assert_int_equal(reserve(f, &heat_pumps, DAY_MS, first, &id), GALLEY_RESERVED_MINE);
  struct galley_topic *topic = get(f, id);
  assert_string_equal(topic->title, "Heat Pumps");
  assert_string_equal(topic->language, "en");
  assert_string_equal(topic->market, "GB");
  assert_string_equal(topic->source, "manual");
  assert_string_equal(topic->status, "discovered");
  galley_free(topic);
  report(f, id, "Report");
  fixture_settle(f, first, GALLEY_DONE);
  struct fixture_job second = fixture_job(f);
  f->now_ms += DAY_MS;
  assert_int_equal(reserve(f, &heat_pumps, DAY_MS, second, &again), GALLEY_RESERVED_HIT);
  assert_int_equal(again, id);
  f->now_ms += 1;
  assert_int_equal(reserve(f, &heat_pumps, DAY_MS, second, &again), GALLEY_RESERVED_MINE);
  assert_int_equal(again, id); /* researched again in its place */
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM topics"), 1);
}

static void reserve_without_an_age_always_researches(void **state) {
  struct fixture *f = *state;
  int64_t id, again;
  struct fixture_job job = fixture_job(f);
  assert_int_equal(reserve(f, &heat_pumps, 0, job, &id), GALLEY_RESERVED_MINE);
  report(f, id, "Report");
  assert_int_equal(reserve(f, &heat_pumps, 0, job, &again), GALLEY_RESERVED_MINE);
  assert_int_equal(again, id);
  fixture_fails(f->q,
                galley_topic_reserve(f->q, &heat_pumps, -1, job.id, job.fence, &id,
                                     &(enum galley_reserved){GALLEY_RESERVED_HIT}),
                GALLEY_USAGE, "max_age_ms");
}

static void reserve_knows_spellings_of_one_topic(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  const char *spellings[] = {"Grüne  Straße", " gRU\u0308NE\u00a0STRASSE\n", "ｇｒüne strasse"};
  int64_t id[3];
  for (size_t i = 0; i < 3; i++) {
    const struct galley_research_key key = {.topic = spellings[i], .language = i % 2 ? "DE" : "de"};
    assert_int_equal(reserve(f, &key, DAY_MS, job, &id[i]), GALLEY_RESERVED_MINE);
    assert_int_equal(id[i], id[0]);
  }
}

static void reserve_tells_apart_whatever_research_depends_on(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  struct galley_research_key keys[9];
  for (size_t i = 0; i < 9; i++)
    keys[i] = heat_pumps;
  keys[1].topic = "Heat Pump";
  keys[2].language = "de";
  keys[3].market = "US";
  keys[4].depth = NULL;
  keys[5].provider = "other";
  keys[6].model = "m-2";
  keys[7].prompt_version = "4";
  /* No field runs into the next one. */
  keys[8].topic = "Heat Pumpsen";
  keys[8].language = "";
  for (size_t i = 0; i < 9; i++) {
    int64_t id;
    assert_int_equal(reserve(f, &keys[i], DAY_MS, job, &id), GALLEY_RESERVED_MINE);
  }
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM topics"), 9);
  struct galley_research_key tab = heat_pumps;
  tab.topic = "Heat Pumps\ten\tGB";
  int64_t id;
  reserve(f, &tab, DAY_MS, job, &id);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM topics"), 10);
}

/* Rule 8, second half. */
static void reserve_is_busy_while_another_attempt_lives(void **state) {
  struct fixture *f = *state;
  int64_t id, other;
  struct fixture_job a = fixture_job(f), b = fixture_job(f);
  assert_int_equal(reserve(f, &heat_pumps, DAY_MS, a, &id), GALLEY_RESERVED_MINE);
  assert_int_equal(reserve(f, &heat_pumps, DAY_MS, b, &other), GALLEY_RESERVED_BUSY);
  assert_int_equal(other, id);
  assert_int_equal(reserve(f, &heat_pumps, DAY_MS, a, &id), GALLEY_RESERVED_MINE);
  fixture_settle(f, a, GALLEY_RETRY);
  assert_int_equal(reserve(f, &heat_pumps, DAY_MS, b, &other), GALLEY_RESERVED_MINE);
}

static void reserve_passes_to_the_next_attempt_of_the_same_job(void **state) {
  struct fixture *f = *state;
  int64_t id;
  struct fixture_job a = fixture_job(f), b = fixture_job(f);
  assert_int_equal(reserve(f, &heat_pumps, DAY_MS, a, &id), GALLEY_RESERVED_MINE);
  fixture_sql(f, "UPDATE jobs SET fence=fence+1 WHERE id=1"); /* as a new claim would */
  assert_int_equal(a.id, 1);
  assert_int_equal(reserve(f, &heat_pumps, DAY_MS, b, &id), GALLEY_RESERVED_MINE);
}

static void reserve_of_an_attempt_that_does_not_run_is_lost(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  enum galley_reserved reserved;
  int64_t id;
  fixture_fails(f->q,
                galley_topic_reserve(f->q, &heat_pumps, 0, job.id, job.fence + 1, &id, &reserved),
                GALLEY_LOST, "not running");
  fixture_settle(f, job, GALLEY_DONE);
  fixture_fails(f->q, galley_topic_reserve(f->q, &heat_pumps, 0, job.id, job.fence, &id, &reserved),
                GALLEY_LOST, "not running");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM topics"), 0);
}

static void reserve_refuses_a_topic_that_is_no_text(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  const struct {
    const char *topic, *market, *words;
  } cases[] = {{NULL, NULL, "topic is blank"},
               {" \u00a0\t", NULL, "topic is blank"},
               {"a\xff", NULL, "topic is not UTF-8"},
               {"a", "\xff", "market is not UTF-8"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct galley_research_key key = {.topic = cases[i].topic, .market = cases[i].market};
    enum galley_reserved reserved;
    int64_t id;
    fixture_fails(f->q, galley_topic_reserve(f->q, &key, 0, job.id, job.fence, &id, &reserved),
                  GALLEY_INVALID, cases[i].words);
  }
}

struct racer {
  struct fixture *f;
  struct fixture_job job;
  pthread_barrier_t *start;
  enum galley_rc rc;
  enum galley_reserved reserved;
};

#define RACERS 6

static void *race(void *arg) {
  struct racer *racer = arg;
  struct galley *q;
  int64_t id;
  const struct galley_options options = {.busy_timeout_ms = 60000, .env = &racer->f->env};
  racer->rc = galley_open(&q, racer->f->path, &options);
  pthread_barrier_wait(racer->start);
  if (racer->rc == GALLEY_OK)
    racer->rc = galley_topic_reserve(q, &heat_pumps, DAY_MS, racer->job.id, racer->job.fence, &id,
                                     &racer->reserved);
  galley_close(q);
  return NULL;
}

static void two_jobs_that_ask_at_once_pay_once(void **state) {
  struct fixture *f = *state;
  pthread_barrier_t start;
  pthread_t threads[RACERS];
  struct racer racers[RACERS];
  int mine = 0, busy = 0;
  assert_int_equal(pthread_barrier_init(&start, NULL, RACERS), 0);
  for (size_t i = 0; i < RACERS; i++)
    racers[i] = (struct racer){.f = f, .job = fixture_job(f), .start = &start};
  for (size_t i = 0; i < RACERS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
  for (size_t i = 0; i < RACERS; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(racers[i].rc, GALLEY_OK);
    mine += racers[i].reserved == GALLEY_RESERVED_MINE;
    busy += racers[i].reserved == GALLEY_RESERVED_BUSY;
  }
  pthread_barrier_destroy(&start);
  assert_int_equal(mine, 1);
  assert_int_equal(busy, RACERS - 1);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM topics"), 1);
}

static void report_is_kept_whole_and_frees_the_topic(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  int64_t id;
  char *markdown = malloc(100001);
  assert_non_null(markdown);
  memset(markdown, 'r', 100000);
  markdown[100000] = '\0';
  reserve(f, &heat_pumps, DAY_MS, job, &id);
  assert_int_equal(fixture_number(f, "SELECT reserved_job_id FROM topics"), job.id);
  f->now_ms += 5;
  const struct galley_report text = {
      .markdown = markdown, .citations = "[1]", .word_count = 7, .cost_usd_micros = 11};
  fixture_ok(f->q, galley_topic_report(f->q, id, &text));
  fixture_ok(f->q, galley_topic_report(f->q, id, &text)); /* paid twice: the cost adds up */
  struct galley_topic *topic = get(f, id);
  assert_string_equal(topic->research_report, markdown);
  assert_string_equal(topic->citations, "[1]");
  assert_string_equal(topic->status, "researched");
  assert_int_equal(topic->word_count, 7);
  assert_int_equal(topic->cost_usd_micros, 22);
  assert_int_equal(topic->researched_at_ms, f->now_ms);
  galley_free(topic);
  assert_int_equal(fixture_number(f, "SELECT reserved_job_id IS NULL FROM topics"), 1);
  free(markdown);
}

static void report_that_has_no_place_or_no_text_is_refused(void **state) {
  struct fixture *f = *state;
  int64_t id = fixture_topic(f, "T");
  struct galley_report text = {.markdown = "R"};
  fixture_fails(f->q, galley_topic_report(f->q, id + 1, &text), GALLEY_INVALID, "no topic 2");
  text.citations = "[";
  fixture_fails(f->q, galley_topic_report(f->q, id, &text), GALLEY_INVALID, "citations");
  text = (struct galley_report){.markdown = ""};
  fixture_fails(f->q, galley_topic_report(f->q, id, &text), GALLEY_INVALID, "markdown is missing");
  text.markdown = "\xff";
  fixture_fails(f->q, galley_topic_report(f->q, id, &text), GALLEY_INVALID, "UTF-8");
  assert_int_equal(fixture_number(f, "SELECT research_report IS NULL FROM topics"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(save_keeps_every_member),
      TEST(save_by_id_updates_and_keeps_what_was_paid_for),
      TEST(save_refuses_what_cannot_be_kept),
      TEST(lists_are_by_status_and_by_priority),
      TEST(reserve_hits_a_report_until_it_is_too_old),
      TEST(reserve_without_an_age_always_researches),
      TEST(reserve_knows_spellings_of_one_topic),
      TEST(reserve_tells_apart_whatever_research_depends_on),
      TEST(reserve_is_busy_while_another_attempt_lives),
      TEST(reserve_passes_to_the_next_attempt_of_the_same_job),
      TEST(reserve_of_an_attempt_that_does_not_run_is_lost),
      TEST(reserve_refuses_a_topic_that_is_no_text),
      TEST(two_jobs_that_ask_at_once_pay_once),
      TEST(report_is_kept_whole_and_frees_the_topic),
      TEST(report_that_has_no_place_or_no_text_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
