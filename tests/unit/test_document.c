/* Documents: saved once, found again, and in step with their full-text index. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_CHECK "INSERT INTO documents_fts(documents_fts, rank) VALUES('integrity-check', 1)"

static int64_t save(struct fixture *f, const struct galley_document *doc, bool want_added) {
  int64_t id = 0;
  bool added = !want_added;
  fixture_ok(f->q, galley_document_save(f->q, doc, &id, &added));
  assert_int_equal(added, want_added);
  assert_true(id > 0);
  return id;
}

static int64_t save_text(struct fixture *f, char hash, const char *title, const char *content) {
  char hex[65];
  const struct galley_document doc = {
      .title = title, .content = content, .content_hash = fixture_hash(hash, hex)};
  return save(f, &doc, true);
}

static struct galley_document *get(struct fixture *f, int64_t id) {
  struct galley_document *doc;
  fixture_ok(f->q, galley_document_get(f->q, id, &doc));
  return doc;
}

/* How many documents match; the best one's id. */
static size_t search(struct fixture *f, const char *query, bool all, int64_t *best) {
  struct fixture_ids ids = {.n = 0};
  const struct galley_search search = {.query = query, .all = all};
  fixture_ok(f->q, galley_documents_search(f->q, &search, fixture_keep_id, &ids));
  if (best && ids.n > 0)
    *best = ids.id[0];
  return ids.n;
}

static void save_keeps_every_member(void **state) {
  struct fixture *f = *state;
  char hex[65];
  const struct galley_document doc = {.source = "feed",
                                      .source_url = "https://example.org/a?utm_source=x",
                                      .title = "Title",
                                      .content = "Content",
                                      .summary = "Summary",
                                      .language = "de",
                                      .domain = "energy",
                                      .market = "DE",
                                      .vertical = "heat",
                                      .content_hash = fixture_hash('a', hex),
                                      .canonical_url = "https://example.org/a",
                                      .published_at_ms = 1600000000001,
                                      .fetched_at_ms = 1600000000002,
                                      .author = "Ada",
                                      .entities = "{\"a\":[1,2]}",
                                      .keywords = "[\"x\"]",
                                      .reliability_score = 0.75,
                                      .paywall = 1,
                                      .status = "processed",
                                      .guid = "tag:1"};
  struct galley_document *got = get(f, save(f, &doc, true));
  fixture_same(&galley_document_record, &doc, got);
  galley_free(got);
}

static void save_fills_in_what_was_not_given_but_never_a_date(void **state) {
  struct fixture *f = *state;
  struct galley_document *doc = get(f, save_text(f, 'a', "Only a title", NULL));
  assert_string_equal(doc->source, "manual");
  assert_string_equal(doc->content, "");
  assert_string_equal(doc->language, "und");
  assert_string_equal(doc->status, "new");
  assert_true(doc->reliability_score == 0.5);
  assert_int_equal(doc->fetched_at_ms, f->now_ms);
  assert_int_equal(doc->published_at_ms, 0);
  assert_null(doc->canonical_url);
  galley_free(doc);
  assert_int_equal(fixture_number(f, "SELECT published_at_ms IS NULL FROM documents"), 1);
}

static void save_of_the_same_hash_adds_nothing(void **state) {
  struct fixture *f = *state;
  char hex[65];
  int64_t id = save_text(f, 'a', "One", "text");
  const struct galley_document again = {.title = "One",
                                        .content = "text",
                                        .content_hash = fixture_hash('a', hex),
                                        .canonical_url = "https://elsewhere.example/"};
  assert_int_equal(save(f, &again, false), id);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM documents"), 1);
}

static void save_of_a_changed_text_updates_the_document_of_its_url(void **state) {
  struct fixture *f = *state;
  char hex[65];
  struct galley_document doc = {.title = "Old news",
                                .content = "elephants",
                                .content_hash = fixture_hash('a', hex),
                                .canonical_url = "https://example.org/a",
                                .published_at_ms = 5000,
                                .market = "DE",
                                .status = "processed"};
  int64_t id = save(f, &doc, true);
  doc.title = "Fresh news";
  doc.content = "giraffes";
  doc.content_hash = fixture_hash('b', hex);
  doc.published_at_ms = 0;
  doc.market = NULL;
  doc.author = "Ada";
  doc.keywords = "[]";
  doc.language = "de";
  f->now_ms += 10;
  assert_int_equal(save(f, &doc, false), id);
  struct galley_document *got = get(f, id);
  assert_string_equal(got->title, "Fresh news");
  assert_string_equal(got->content_hash, hex);
  assert_string_equal(got->status, "new");
  assert_string_equal(got->market, "DE");
  assert_string_equal(got->author, "Ada");
  assert_string_equal(got->keywords, "[]");
  assert_string_equal(got->language, "de");
  assert_int_equal(got->published_at_ms, 5000);
  assert_int_equal(got->fetched_at_ms, f->now_ms);
  galley_free(got);
  assert_int_equal(search(f, "elephants", false, NULL), 0);
  assert_int_equal(search(f, "giraffes", false, NULL), 1);
}

static void save_tells_items_of_a_feed_apart_by_guid(void **state) {
  struct fixture *f = *state;
  char hex[65];
  const struct galley_feed feeds[] = {{.url = "https://a.example/feed"},
                                      {.url = "https://b.example/feed"}};
  int64_t feed[2];
  fixture_ok(f->q, galley_feed_add(f->q, &feeds[0], &feed[0], NULL));
  fixture_ok(f->q, galley_feed_add(f->q, &feeds[1], &feed[1], NULL));
  struct galley_document doc = {
      .title = "1", .content_hash = fixture_hash('a', hex), .feed_id = feed[0], .guid = "1"};
  int64_t id = save(f, &doc, true);
  doc.title = "2";
  fixture_hash('b', hex);
  assert_int_equal(save(f, &doc, false), id);
  doc.title = "3";
  fixture_hash('c', hex);
  doc.feed_id = feed[1];
  assert_int_not_equal(save(f, &doc, true), id);
  /* Without guids nothing is the same item. */
  doc.guid = NULL;
  doc.title = "4";
  fixture_hash('d', hex);
  save(f, &doc, true);
  doc.title = "5";
  fixture_hash('e', hex);
  save(f, &doc, true);
}

static void save_looks_at_the_guid_before_the_url(void **state) {
  struct fixture *f = *state;
  char hex[65];
  const struct galley_feed feed = {.url = "https://a.example/feed"};
  int64_t feed_id;
  fixture_ok(f->q, galley_feed_add(f->q, &feed, &feed_id, NULL));
  struct galley_document by_guid = {
      .title = "1", .content_hash = fixture_hash('a', hex), .feed_id = feed_id, .guid = "g"};
  int64_t guid_id = save(f, &by_guid, true);
  struct galley_document by_url = {
      .title = "2", .content_hash = fixture_hash('b', hex), .canonical_url = "https://a.example/2"};
  save(f, &by_url, true);
  by_guid.canonical_url = "https://a.example/2";
  by_guid.title = "3";
  fixture_hash('c', hex);
  assert_int_equal(save(f, &by_guid, false), guid_id);
  struct galley_document *got = get(f, guid_id);
  assert_string_equal(got->title, "3");
  assert_null(got->canonical_url); /* that is the other one's */
  galley_free(got);
}

static void save_keeps_the_old_text_when_a_third_document_has_the_new_one(void **state) {
  struct fixture *f = *state;
  char hex[65];
  struct galley_document doc = {.title = "Old",
                                .content_hash = fixture_hash('a', hex),
                                .canonical_url = "https://example.org/a"};
  int64_t id = save(f, &doc, true);
  int64_t third = save_text(f, 'b', "New", "");
  doc.title = "New";
  fixture_hash('b', hex);
  assert_int_equal(save(f, &doc, false), id);
  assert_int_not_equal(id, third);
  struct galley_document *got = get(f, id);
  assert_string_equal(got->title, "Old");
  galley_free(got);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM documents"), 2);
}

static void save_refuses_what_cannot_be_kept(void **state) {
  struct fixture *f = *state;
  char hex[65], upper[65];
  fixture_hash('a', hex);
  fixture_hash('A', upper);
  const struct {
    struct galley_document doc;
    const char *words;
  } cases[] = {
      {{.title = "x"}, "content_hash is missing"},
      {{.title = "x", .content_hash = "abc"}, "content_hash"},
      {{.title = "x", .content_hash = upper}, "content_hash"},
      {{.content_hash = hex}, "title"},
      {{.title = "caf\xc3", .content_hash = hex}, "document: title is not UTF-8"},
      {{.content = "a\xff", .content_hash = hex}, "document: content is not UTF-8"},
      {{.title = "x", .author = "\xed\xa0\x80", .content_hash = hex}, "author"},
      {{.title = "x", .keywords = "[1,", .content_hash = hex}, "keywords is not valid JSON: line"},
      {{.title = "x", .status = "old", .content_hash = hex}, "\"old\" is not one of new, pro"},
      {{.title = "x", .reliability_score = 1.5, .content_hash = hex}, "reliability_score"},
      {{.title = "x", .feed_id = 77, .content_hash = hex}, "feed_id: there is no 77"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t id;
    fixture_fails(f->q, galley_document_save(f->q, &cases[i].doc, &id, NULL), GALLEY_INVALID,
                  cases[i].words);
  }
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM documents"), 0);
}

static void texts_are_kept_up_to_their_limits(void **state) {
  struct fixture *f = *state;
  char hex[65];
  const size_t max = 4194304, title_max = 8192;
  char *content = malloc(max + 2);
  char *title = malloc(title_max + 2);
  assert_non_null(content);
  assert_non_null(title);
  memset(content, 'x', max + 1);
  content[max + 1] = '\0';
  memset(title, 'y', title_max + 1);
  title[title_max + 1] = '\0';
  const struct galley_document doc = {
      .title = title, .content = content, .content_hash = fixture_hash('a', hex)};
  int64_t id;
  content[max] = '\0';
  fixture_fails(f->q, galley_document_save(f->q, &doc, &id, NULL), GALLEY_INVALID,
                "title has 8193");
  content[max] = 'x';
  title[title_max] = '\0';
  fixture_fails(f->q, galley_document_save(f->q, &doc, &id, NULL), GALLEY_INVALID,
                "content has 4194305 bytes; it may have 4194304");
  content[max] = '\0';
  save(f, &doc, true);
  fixture_refused(f, "UPDATE documents SET content=content||'x'", "content_is_bounded");
  fixture_refused(f, "UPDATE documents SET title=title||'x'", "title_is_bounded");
  free(content);
  free(title);
}

/* Rule 10: two that save the same at once add it once. */
struct racer {
  struct fixture *f;
  pthread_barrier_t *start;
  int added;
  enum galley_rc rc;
};

#define RACERS 6

static void *race(void *arg) {
  struct racer *racer = arg;
  char hex[65];
  struct galley *q;
  const struct galley_options options = {.busy_timeout_ms = 60000, .env = &racer->f->env};
  racer->rc = galley_open(&q, racer->f->path, &options);
  pthread_barrier_wait(racer->start);
  for (int i = 0; i < 10 && racer->rc == GALLEY_OK; i++) {
    char url[64];
    snprintf(url, sizeof url, "https://example.org/%d", i);
    const struct galley_document doc = {
        .title = "x", .content_hash = fixture_hash((char)('0' + i), hex), .canonical_url = url};
    int64_t id;
    bool added;
    racer->rc = galley_document_save(q, &doc, &id, &added);
    racer->added += racer->rc == GALLEY_OK && added;
  }
  galley_close(q);
  return NULL;
}

static void documents_saved_by_many_at_once_are_added_once(void **state) {
  struct fixture *f = *state;
  pthread_barrier_t start;
  pthread_t threads[RACERS];
  struct racer racers[RACERS];
  int added = 0;
  assert_int_equal(pthread_barrier_init(&start, NULL, RACERS), 0);
  for (size_t i = 0; i < RACERS; i++) {
    racers[i] = (struct racer){.f = f, .start = &start};
    assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
  }
  for (size_t i = 0; i < RACERS; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(racers[i].rc, GALLEY_OK);
    added += racers[i].added;
  }
  pthread_barrier_destroy(&start);
  assert_int_equal(added, 10);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM documents"), 10);
  fixture_sql(f, INDEX_CHECK);
}

static void get_and_by_hash_say_when_there_is_none(void **state) {
  struct fixture *f = *state;
  char hex[65];
  struct galley_document *doc;
  int64_t id = save_text(f, 'a', "One", "text");
  fixture_ok(f->q, galley_document_by_hash(f->q, fixture_hash('a', hex), &doc));
  assert_int_equal(doc->id, id);
  galley_free(doc);
  fixture_fails(f->q, galley_document_by_hash(f->q, fixture_hash('b', hex), &doc), GALLEY_NONE,
                "hash");
  assert_null(doc);
  fixture_fails(f->q, galley_document_get(f->q, 99, &doc), GALLEY_NONE, "no document 99");
  assert_null(doc);
}

static void lists_are_by_status_and_language_newest_first(void **state) {
  struct fixture *f = *state;
  struct fixture_ids ids = {.n = 0};
  for (int i = 0; i < 60; i++) {
    char sql[200];
    snprintf(sql, sizeof sql, "INSERT INTO documents(title,language,status) VALUES('%d','%s','%s')",
             i, i % 2 ? "de" : "en", i % 3 ? "new" : "processed");
    fixture_sql(f, sql);
  }
  fixture_ok(f->q, galley_documents_by_status(f->q, "processed", 3, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 3);
  assert_int_equal(ids.id[0], 58);
  assert_int_equal(ids.id[2], 52);
  ids.n = 0;
  fixture_ok(f->q, galley_documents_by_language(f->q, "de", 0, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 30);
  assert_int_equal(ids.id[0], 60);
  ids.n = 0;
  fixture_ok(f->q, galley_documents_by_status(f->q, "rejected", 0, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 0); /* empty, and not a failure */
  fixture_fails(f->q, galley_documents_by_status(f->q, "gone", 0, fixture_keep_id, &ids),
                GALLEY_INVALID, "status");
  fixture_fails(f->q, galley_documents_by_language(f->q, NULL, 0, fixture_keep_id, &ids),
                GALLEY_INVALID, "language");
  ids = (struct fixture_ids){.stop_after = 2};
  fixture_ok(f->q, galley_documents_by_status(f->q, "new", 0, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 2);
}

static void search_finds_words_whatever_their_case_and_marks(void **state) {
  struct fixture *f = *state;
  int64_t id = save_text(f, 'a', "Wärmepumpen im Altbau", "Die große Straße nach Łódź");
  const char *queries[] = {"WARMEPUMPEN", "wärmepumpen", "wa\u0308rmepumpen", "straße", "STRAßE",
                           "łódź",        "große"};
  for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
    int64_t best = 0;
    assert_int_equal(search(f, queries[i], false, &best), 1);
    assert_int_equal(best, id);
  }
  assert_int_equal(search(f, "kühlschrank", false, NULL), 0);
}

static void search_takes_any_word_or_all_best_first(void **state) {
  struct fixture *f = *state;
  int64_t best = 0;
  save_text(f, 'a', "apples", "apples and a long tail of other words that dilute the match");
  int64_t both = save_text(f, 'b', "apples pears", "apples pears");
  save_text(f, 'c', "plums", "plums");
  assert_int_equal(search(f, "apples pears", false, &best), 2);
  assert_int_equal(best, both);
  assert_int_equal(search(f, "apples pears", true, &best), 1);
  assert_int_equal(best, both);
  assert_int_equal(search(f, "apples plums", true, NULL), 0);
  assert_int_equal(search(f, "apples plums", false, NULL), 3);
}

struct ranks {
  double rank[8];
  char language[8][4];
  size_t n;
};

static bool keep_rank(void *arg, const void *row) {
  struct ranks *ranks = arg;
  const struct galley_hit *hit = row;
  assert_non_null(hit->document.title);
  snprintf(ranks->language[ranks->n], 4, "%s", hit->document.language);
  ranks->rank[ranks->n++] = hit->rank;
  return true;
}

static void search_gives_ranks_and_filters_by_language_before_the_limit(void **state) {
  struct fixture *f = *state;
  struct ranks ranks = {.n = 0};
  fixture_sql(f, "INSERT INTO documents(title,language) VALUES('pear pear pear','en'),"
                 "('pear pear pear','en'),('pear and many more','de'),('a pear','de'),('q','de')");
  struct galley_search search = {.query = "pear", .language = "de", .limit = 1};
  fixture_ok(f->q, galley_documents_search(f->q, &search, keep_rank, &ranks));
  assert_int_equal(ranks.n, 1);
  assert_string_equal(ranks.language[0], "de");
  ranks.n = 0;
  search.limit = 8;
  search.language = NULL;
  fixture_ok(f->q, galley_documents_search(f->q, &search, keep_rank, &ranks));
  assert_int_equal(ranks.n, 4);
  assert_string_equal(ranks.language[0], "en");
  for (size_t i = 0; i < ranks.n; i++) {
    assert_true(ranks.rank[i] < 0);
    assert_true(i == 0 || ranks.rank[i - 1] <= ranks.rank[i]);
  }
}

static void search_never_reads_its_words_as_query_syntax(void **state) {
  struct fixture *f = *state;
  save_text(f, 'a', "plain", "text near not or and");
  const char *queries[] = {"plain\" OR \"x", "plain AND",     "NOT plain",     "plain*",
                           "content:plain",  "^plain",        "NEAR(plain)",   "(plain",
                           "{plain}",        "plain + text-", "\"plain\"\"\"", "';plain--"};
  for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
    assert_int_equal(search(f, queries[i], false, NULL), 1);
  assert_int_equal(search(f, "plai*", false, NULL), 0);
  assert_int_equal(search(f, "title:text", true, NULL), 0);
}

static void search_refuses_queries_without_words_and_beyond_its_limits(void **state) {
  struct fixture *f = *state;
  struct fixture_ids ids = {.n = 0};
  char many[1024] = "";
  char *end = many;
  for (int i = 0; i < 257; i++)
    end = stpcpy(end, "a ");
  char big[8194];
  memset(big, 'x', 8193);
  big[8193] = '\0';
  const struct {
    const char *query, *words;
  } cases[] = {{NULL, "query is missing"}, {"", "query is missing"}, {" - \"\" * ", "no letter"},
               {"🚀", "no letter"},         {"\u0301", "no letter"},  {"a\xff", "UTF-8"},
               {many, "256 words"},        {big, "it may have 8192"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct galley_search search = {.query = cases[i].query};
    fixture_fails(f->q, galley_documents_search(f->q, &search, fixture_keep_id, &ids),
                  GALLEY_INVALID, cases[i].words);
  }
  end[-2] = '\0'; /* one word less, and one byte less */
  big[8192] = '\0';
  assert_int_equal(search(f, many, false, NULL), 0);
  assert_int_equal(search(f, many, true, NULL), 0);
  assert_int_equal(search(f, big, false, NULL), 0);
}

/* Rule 11. */
static void the_full_text_index_follows_updates_deletes_and_vacuum(void **state) {
  struct fixture *f = *state;
  int64_t best = 0;
  save_text(f, 'a', "alpha", "first");
  int64_t kept = save_text(f, 'b', "beta", "second");
  save_text(f, 'c', "gamma", "third");
  fixture_sql(f, "UPDATE documents SET title='delta' WHERE title='alpha'");
  fixture_sql(f, "UPDATE documents SET status='rejected'");
  fixture_sql(f, "DELETE FROM documents WHERE title='gamma'");
  fixture_sql(f, INDEX_CHECK);
  assert_int_equal(search(f, "alpha", false, NULL), 0);
  assert_int_equal(search(f, "gamma third", false, NULL), 0);
  assert_int_equal(search(f, "delta", false, NULL), 1);
  fixture_sql(f, "DELETE FROM documents WHERE title='delta'");
  fixture_sql(f, "VACUUM");
  fixture_sql(f, INDEX_CHECK);
  assert_int_equal(search(f, "beta", false, &best), 1);
  assert_int_equal(best, kept);
  fixture_sql(f, "UPDATE documents SET id=id+1000");
  fixture_sql(f, INDEX_CHECK);
  assert_int_equal(search(f, "second", false, &best), 1);
  assert_int_equal(best, kept + 1000);
}

/* The check must be able to see what it looks for. */
static void the_check_of_the_full_text_index_notices_a_missed_change(void **state) {
  struct fixture *f = *state;
  save_text(f, 'a', "alpha", "first");
  fixture_sql(f, "DROP TRIGGER documents_fts_update");
  fixture_sql(f, "UPDATE documents SET title='beta'");
  fixture_refused(f, INDEX_CHECK, "malformed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(save_keeps_every_member),
      TEST(save_fills_in_what_was_not_given_but_never_a_date),
      TEST(save_of_the_same_hash_adds_nothing),
      TEST(save_of_a_changed_text_updates_the_document_of_its_url),
      TEST(save_tells_items_of_a_feed_apart_by_guid),
      TEST(save_looks_at_the_guid_before_the_url),
      TEST(save_keeps_the_old_text_when_a_third_document_has_the_new_one),
      TEST(save_refuses_what_cannot_be_kept),
      TEST(texts_are_kept_up_to_their_limits),
      TEST(documents_saved_by_many_at_once_are_added_once),
      TEST(get_and_by_hash_say_when_there_is_none),
      TEST(lists_are_by_status_and_language_newest_first),
      TEST(search_finds_words_whatever_their_case_and_marks),
      TEST(search_takes_any_word_or_all_best_first),
      TEST(search_gives_ranks_and_filters_by_language_before_the_limit),
      TEST(search_never_reads_its_words_as_query_syntax),
      TEST(search_refuses_queries_without_words_and_beyond_its_limits),
      TEST(the_full_text_index_follows_updates_deletes_and_vacuum),
      TEST(the_check_of_the_full_text_index_notices_a_missed_change),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
