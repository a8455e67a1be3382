/* What holds for the whole content store: plain SQL, read-only handles, transactions, plans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "content.h"
#include "fixture.h"
#include "record.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct galley_record *const records[] = {
    &galley_document_record, &galley_topic_record,       &galley_post_record,
    &galley_social_record,   &galley_publication_record, &galley_feed_record};

#define N_RECORDS (sizeof records / sizeof records[0])

static void every_member_of_a_record_is_a_column(void **state) {
  struct fixture *f = *state;
  for (size_t i = 0; i < N_RECORDS; i++) {
    char sql[128];
    for (size_t k = 0; k < records[i]->n_fields; k++) {
      snprintf(sql, sizeof sql, "SELECT count(*) FROM pragma_table_info('%s') WHERE name='%s'",
               records[i]->table, records[i]->fields[k].name);
      assert_int_equal(fixture_number(f, sql), 1);
    }
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM pragma_table_info('%s') WHERE name NOT LIKE 'reserved_%%'",
             records[i]->table);
    assert_int_equal(fixture_number(f, sql), (int64_t)records[i]->n_fields);
    snprintf(sql, sizeof sql, "SELECT strict FROM pragma_table_list WHERE name='%s'",
             records[i]->table);
    assert_int_equal(fixture_number(f, sql), 1);
  }
}

static void a_plain_insert_needs_little(void **state) {
  struct fixture *f = *state;
  fixture_sql(f, "INSERT INTO documents(title) VALUES('d');"
                 "INSERT INTO topics(title) VALUES('t');"
                 "INSERT INTO feeds(url) VALUES('https://a.example');"
                 "INSERT INTO blog_posts(slug,title,content) VALUES('s','t','c');"
                 "INSERT INTO social_posts(blog_post_id,platform,content) VALUES(1,'tiktok','c');");
  char *text = fixture_text(
      f, "SELECT source||'|'||language||'|'||reliability_score||'|'||paywall||'|'||status||'|'||"
         "(fetched_at_ms BETWEEN 1600000000000 AND 9999999999999) FROM documents");
  assert_string_equal(text, "manual|und|0.5|0|new|1");
  free(text);
  text = fixture_text(f, "SELECT source||'|'||priority||'|'||status||'|'||"
                         "(created_at_ms BETWEEN 1600000000000 AND 9999999999999) FROM topics");
  assert_string_equal(text, "manual|5|discovered|1");
  free(text);
  /* The library reads what a foreign program wrote. */
  struct galley_document *doc;
  struct galley_topic *topic;
  fixture_ok(f->q, galley_document_get(f->q, 1, &doc));
  fixture_ok(f->q, galley_topic_get(f->q, 1, &topic));
  assert_string_equal(topic->language, "und");
  galley_free(doc);
  galley_free(topic);
}

static void plain_sql_is_held_to_the_same_rules(void **state) {
  struct fixture *f = *state;
  const struct {
    const char *sql, *words;
  } cases[] = {
      {"INSERT INTO documents(title,status) VALUES('x','y')", "status_is_known"},
      {"INSERT INTO documents(title,entities) VALUES('x','{')", "entities_is_json"},
      {"INSERT INTO documents(title,content_hash) VALUES('x','y')", "content_hash_is_sha256"},
      {"INSERT INTO documents(title,paywall) VALUES('x',2)", "paywall_is_a_flag"},
      {"INSERT INTO documents(title,reliability_score) VALUES('x',1.1)", "reliability"},
      {"INSERT INTO documents(title,feed_id) VALUES('x',1)", "FOREIGN KEY"},
      {"INSERT INTO documents(title,fetched_at_ms) VALUES('x','today')", "cannot store TEXT"},
      {"INSERT INTO topics(title) VALUES('')", "title_is_bounded"},
      {"INSERT INTO topics(title,source) VALUES('x','y')", "source_is_known"},
      {"INSERT INTO topics(title,intent) VALUES('x','y')", "intent_is_known"},
      {"INSERT INTO topics(title,priority) VALUES('x',0)", "priority_is_1_to_10"},
      {"INSERT INTO topics(title,citations) VALUES('x','{}')", "citations_is_a_json_array"},
      {"INSERT INTO topics(title,citations) VALUES('x','[')", "citations_is_a_json_array"},
      {"INSERT INTO topics(title,reserved_fence) VALUES('x',1)", "reservation_is_whole"},
      {"INSERT INTO blog_posts(slug,title,content,status) VALUES('s','t','c','x')", "status"},
      {"INSERT INTO blog_posts(slug,title,content,cluster_role) VALUES('s','t','c','x')", "role"},
      {"INSERT INTO blog_posts(slug,title,content,keywords) VALUES('s','t','c','1')", "keywords"},
      {"INSERT INTO blog_posts(slug,title,content) VALUES('','t','c')", "slug_is_bounded"},
      {"INSERT INTO social_posts(blog_post_id,platform,content) VALUES(1,'x','c')", "platform"},
      {"INSERT INTO social_posts(blog_post_id,platform,content) VALUES(1,'tiktok','c')", "FOREIGN"},
      {"INSERT INTO publications(blog_post_id,target,remote_id) VALUES(1,'t','')", "remote_id"},
      {"INSERT INTO feeds(url,status) VALUES('http://x','y')", "status_is_known"},
      {"INSERT INTO feeds(url,interval_ms) VALUES('http://x',5)", "interval_is_in_range"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    fixture_refused(f, cases[i].sql, cases[i].words);
}

/* Rules 7 and 10: each way of being the same is a unique index. */
static void what_is_the_same_cannot_be_there_twice(void **state) {
  struct fixture *f = *state;
  fixture_sql(f, "INSERT INTO feeds(url) VALUES('http://x'),('http://y');"
                 "INSERT INTO documents(title,content_hash,canonical_url,feed_id,guid) "
                 "VALUES('d',printf('%064d',1),'u',1,'g'),('e',printf('%064d',2),NULL,1,NULL),"
                 "('f',NULL,NULL,1,NULL),('g',NULL,NULL,2,'g'),('h',NULL,NULL,NULL,'g'),"
                 "('i',NULL,NULL,NULL,'g');"
                 "INSERT INTO topics(title,cache_key) VALUES('t','k'),('u',NULL),('v',NULL);"
                 "INSERT INTO blog_posts(slug,title,content,language,research_topic_id) "
                 "VALUES('s','t','c','en',1),('s','t','c','de',1),('r','t','c','en',NULL),"
                 "('q','t','c','en',NULL);"
                 "INSERT INTO social_posts(blog_post_id,platform,content) VALUES(1,'tiktok','c');"
                 "INSERT INTO publications(blog_post_id,target,remote_id) VALUES(1,'t','r');");
  const char *twice[] = {
      "INSERT INTO feeds(url) VALUES('http://x')",
      "INSERT INTO documents(title,content_hash) VALUES('x',printf('%064d',1))",
      "INSERT INTO documents(title,canonical_url) VALUES('x','u')",
      "INSERT INTO documents(title,feed_id,guid) VALUES('x',1,'g')",
      "INSERT INTO topics(title,cache_key) VALUES('x','k')",
      "INSERT INTO blog_posts(slug,title,content,language) VALUES('s','t','c','en')",
      "UPDATE blog_posts SET research_topic_id=1 WHERE slug='q'",
      "INSERT INTO social_posts(blog_post_id,platform,content) VALUES(1,'tiktok','c')",
      "INSERT INTO publications(blog_post_id,target,remote_id) VALUES(1,'t','r')"};
  for (size_t i = 0; i < sizeof twice / sizeof twice[0]; i++)
    fixture_refused(f, twice[i], "UNIQUE constraint failed");
}

/* Names and plan of each statement of the content store. */
#define ROW(name, index, text) {#name, index, text},
static const struct sql_row statements[] = {SQL_CONTENT(ROW)};

static void plan_of(sqlite3 *h, const char *sql, char *plan, size_t size) {
  sqlite3_stmt *s;
  char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql);
  size_t len = 0;
  assert_non_null(explain);
  if (sqlite3_prepare_v2(h, explain, -1, &s, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(h));
  plan[0] = '\0';
  while (sqlite3_step(s) == SQLITE_ROW && len < size)
    len += (size_t)snprintf(plan + len, size - len, "%s\n", sqlite3_column_text(s, 3));
  sqlite3_finalize(s);
  sqlite3_free(explain);
}

/* A scan is well where the list says so, in the order of an index (the limit ends it), of the
 * virtual table, and of the few rows that the inner query of a search gave. */
static bool scans(const char *plan) {
  for (const char *at = plan; (at = strstr(at, "SCAN ")); at++) {
    size_t len = strcspn(at, "\n");
    if (!memmem(at, len, "USING INDEX", 11) && !memmem(at, len, "VIRTUAL TABLE", 13) &&
        !memmem(at, len, "SCAN (subquery", 14) && !memmem(at, len, "SCAN SUBQUERY", 13))
      return true;
  }
  return false;
}

/* Sorting is left to the index, but for the few rows of one search and of one topic. */
static bool may_sort(const char *name) {
  return strcmp(name, "DOCUMENTS_SEARCH") == 0 || strcmp(name, "POSTS_OF_TOPIC") == 0;
}

static void every_statement_reads_by_the_index_it_names(void **state) {
  struct fixture *f = *state;
  sqlite3 *h;
  assert_int_equal(sqlite3_open(f->path, &h), SQLITE_OK);
  for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
    const char *index = statements[i].index;
    bool may_scan = strncmp(index, "scan of ", 8) == 0;
    char plan[2048];
    plan_of(h, statements[i].text, plan, sizeof plan);
    const char *want = may_scan ? index + 8 : strcmp(index, "rowid") == 0 ? "PRIMARY KEY" : index;
    if (!strstr(plan, want) || (!may_scan && scans(plan)) ||
        (!may_sort(statements[i].name) && strstr(plan, "TEMP B-TREE")))
      fail_msg("%s should use %s:\n%s", statements[i].name, index, plan);
  }
  sqlite3_close(h);
}

static bool stop(void *arg, const void *row) {
  (void)row;
  ++*(int *)arg;
  return false;
}

/* The eight calls that callers of the earlier pipeline know. */
static void all_reads_work_on_a_read_only_handle(void **state) {
  struct fixture *f = *state;
  char hex[65];
  int64_t id;
  int n = 0;
  const struct galley_document doc = {
      .title = "pears", .language = "en", .content_hash = fixture_hash('a', hex)};
  fixture_ok(f->q, galley_document_save(f->q, &doc, &id, NULL));
  fixture_topic(f, "T");
  struct galley *q = fixture_open(f, GALLEY_OPEN_READONLY);
  struct galley_document *got;
  struct galley_topic *topic;
  const struct galley_search search = {.query = "pears"};
  fixture_ok(q, galley_document_get(q, id, &got));
  galley_free(got);
  fixture_ok(q, galley_documents_by_status(q, "new", 0, stop, &n));
  fixture_ok(q, galley_documents_by_language(q, "en", 0, stop, &n));
  fixture_ok(q, galley_document_by_hash(q, hex, &got));
  galley_free(got);
  fixture_ok(q, galley_documents_search(q, &search, stop, &n));
  fixture_ok(q, galley_topic_get(q, 1, &topic));
  galley_free(topic);
  fixture_ok(q, galley_topics_by_status(q, "discovered", 0, stop, &n));
  fixture_ok(q, galley_topics_by_priority(q, 1, 0, stop, &n));
  assert_int_equal(n, 5);
  fixture_fails(q, galley_document_save(q, &doc, &id, NULL), GALLEY_DENIED, "reading only");
  fixture_fails(q, galley_feed_remove(q, 1), GALLEY_DENIED, "reading only");
  galley_close(q);
}

static bool count(void *arg, const void *row) {
  (void)row;
  ++*(int64_t *)arg;
  return true;
}

static void lists_are_limited(void **state) {
  struct fixture *f = *state;
  const struct {
    int64_t limit, want;
  } cases[] = {{-1, 50}, {0, 50}, {1, 1}, {100000, 100000}, {100001, 100000}, {INT64_MAX, 100000}};
  fixture_sql(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<100001) "
                 "INSERT INTO topics(title) SELECT 't' FROM n");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t n = 0;
    fixture_ok(f->q, galley_topics_by_priority(f->q, 1, cases[i].limit, count, &n));
    assert_int_equal(n, cases[i].want);
  }
}

/* Rule 5: a failure inside a transaction fails all of it. */
static void a_failed_save_leaves_nothing_of_its_transaction(void **state) {
  struct fixture *f = *state;
  char hex[65];
  int64_t id;
  const struct galley_document good = {.title = "x", .content_hash = fixture_hash('a', hex)};
  const struct galley_topic bad = {.title = "t", .source = "nowhere"};
  fixture_ok(f->q, galley_begin(f->q));
  fixture_ok(f->q, galley_document_save(f->q, &good, &id, NULL));
  fixture_fails(f->q, galley_topic_save(f->q, &bad, &id), GALLEY_INVALID, "nowhere");
  fixture_fails(f->q, galley_commit(f->q), GALLEY_INVALID, "nowhere");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM documents"), 0);
  fixture_ok(f->q, galley_document_save(f->q, &good, &id, NULL));
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM documents"), 1);
}

/* What a finished research saves, and then asks for. */
struct research {
  int64_t topic_id;
  bool fails;
};

static enum galley_rc save_research(struct galley *q, void *arg, const char **result) {
  const struct research *research = arg;
  const struct galley_report report = {.markdown = "R", .citations = "[]", .cost_usd_micros = 5};
  const struct galley_post bad = {.title = "no content"};
  char payload[64];
  const struct galley_spec next = {.kind = "write", .payload = payload, .priority = -1};
  int64_t id;
  snprintf(payload, sizeof payload, "{\"topic_id\":%lld}", (long long)research->topic_id);
  *result = "{}";
  enum galley_rc rc = galley_topic_report(q, research->topic_id, &report);
  if (rc == GALLEY_OK)
    rc = galley_enqueue(q, &next, &id, NULL);
  if (rc == GALLEY_OK && research->fails)
    rc = galley_post_save(q, &bad, &id);
  return rc;
}

static enum galley_rc settle_research(struct fixture *f, bool fails) {
  struct fixture_job job = fixture_job(f);
  struct research research = {.fails = fails};
  const struct galley_research_key key = {.topic = "T"};
  enum galley_reserved reserved;
  fixture_ok(f->q,
             galley_topic_reserve(f->q, &key, 0, job.id, job.fence, &research.topic_id, &reserved));
  struct galley_settlement settlement = {.job_id = job.id,
                                         .fence = job.fence,
                                         .outcome = GALLEY_DONE,
                                         .save = save_research,
                                         .save_arg = &research};
  struct galley_turn turn = {
      .worker_id = f->worker_id, .settlements = &settlement, .n_settlements = 1, .lease_ms = 60000};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  return settlement.rc;
}

/* Rules 5 and 9. */
static void a_stage_that_fails_to_save_fails_its_job_and_starts_no_other(void **state) {
  struct fixture *f = *state;
  assert_int_equal(settle_research(f, true), GALLEY_INVALID);
  char *text = fixture_text(f, "SELECT state||': '||error FROM jobs");
  assert_non_null(strstr(text, "dead: "));
  assert_non_null(strstr(text, "post: content is missing"));
  free(text);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs"), 1);
  assert_int_equal(fixture_number(f, "SELECT research_report IS NULL FROM topics"), 1);
  assert_int_equal(settle_research(f, false), GALLEY_OK);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs WHERE kind='write'"), 1);
  assert_int_equal(fixture_number(f, "SELECT research_report='R' FROM topics"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(every_member_of_a_record_is_a_column),
      TEST(a_plain_insert_needs_little),
      TEST(plain_sql_is_held_to_the_same_rules),
      TEST(what_is_the_same_cannot_be_there_twice),
      TEST(every_statement_reads_by_the_index_it_names),
      TEST(all_reads_work_on_a_read_only_handle),
      TEST(lists_are_limited),
      TEST(a_failed_save_leaves_nothing_of_its_transaction),
      TEST(a_stage_that_fails_to_save_fails_its_job_and_starts_no_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
