/* galley_check: for each rule a case that breaks it and nothing else, on a database in which every
 * table has rows and every state a job. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "constraint.h"
#include "fixture.h"
#include "handle.h"
#include "schema.h"
#include "sqlite_db.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <valgrind/valgrind.h>

#define TOLD_MAX 8192
#define LEASE_MS 60000

/* ---- what is there to be broken ---- */

static int64_t enqueue(struct galley *q, struct galley_spec spec) {
  int64_t id;
  fixture_ok(q, galley_enqueue(q, &spec, &id, NULL));
  return id;
}

static int64_t claim(struct galley *q, int64_t worker_id, const char *kind) {
  struct galley_job *job;
  struct galley_turn turn = {.worker_id = worker_id,
                             .kinds = &kind,
                             .n_kinds = 1,
                             .max_jobs = 1,
                             .lease_ms = LEASE_MS,
                             .jobs = &job};
  fixture_ok(q, galley_turn(q, &turn));
  assert_int_equal(turn.n_jobs, 1);
  int64_t fence = job->fence;
  galley_free(job);
  return fence;
}

static void attempt(struct fixture *f, const char *kind, struct galley_settlement settlement) {
  settlement.fence = claim(f->q, f->worker_id, kind);
  f->now_ms += 250; /* so that attempts take time, and totals have a sum of it */
  struct galley_turn turn = {.settlements = &settlement, .n_settlements = 1};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  fixture_ok(f->q, settlement.rc);
}

/* A worker that dies, as far as the kernel can tell: its lock goes with its handle. */
static void crash(struct fixture *f, const char *kind) {
  int64_t worker_id, n;
  struct galley *q = fixture_open(f, 0);
  fixture_ok(q, galley_worker_join(q, "[]", 1, &worker_id));
  claim(q, worker_id, kind);
  galley_close(q);
  fixture_ok(f->q, galley_recover(f->q, &n));
  assert_int_equal(n, 1);
}

static enum galley_rc save_publication(struct galley *q, void *arg, const char **result) {
  const struct galley_publication publication = {
      .blog_post_id = 1, .target = "blog", .remote_id = "a.md", .job_id = *(int64_t *)arg};
  int64_t id;
  *result = "{\"post_id\":1,\"target\":\"blog\"}";
  return galley_publication_save(q, &publication, &id);
}

/* Jobs 1 to 10, one of each kind. */
static void make_jobs(struct fixture *f) {
  int64_t id = enqueue(f->q, (struct galley_spec){.kind = "done"});
  attempt(f, "done", (struct galley_settlement){.job_id = id, .outcome = GALLEY_RETRY});
  attempt(f, "done",
          (struct galley_settlement){.job_id = id, .result = "[1]", .cost_usd_micros = 5});
  id = enqueue(f->q, (struct galley_spec){.kind = "dead"});
  attempt(f, "dead", (struct galley_settlement){.job_id = id, .outcome = GALLEY_DEAD});
  id = enqueue(f->q, (struct galley_spec){.kind = "cancelled"});
  fixture_ok(f->q, galley_cancel(f->q, id, NULL));
  id = enqueue(f->q, (struct galley_spec){.kind = "scheduled"});
  attempt(f, "scheduled",
          (struct galley_settlement){.job_id = id, .outcome = GALLEY_RETRY, .delay_ms = 9999});
  id = enqueue(f->q, (struct galley_spec){.kind = "crashed"});
  attempt(f, "crashed", (struct galley_settlement){.job_id = id, .outcome = GALLEY_RETRY});
  crash(f, "crashed");
  enqueue(f->q, (struct galley_spec){.kind = "running"});
  enqueue(f->q, (struct galley_spec){.kind = "child", .parent_id = 1, .unique_key = "a"});
  enqueue(f->q, (struct galley_spec){.kind = "key", .unique_key = "b"});
  id = enqueue(f->q, (struct galley_spec){.kind = "publish", .payload = "{\"post_id\":1}"});
  attempt(f, "publish",
          (struct galley_settlement){.job_id = id, .save = save_publication, .save_arg = &id});
  id = enqueue(f->q, (struct galley_spec){.kind = "again"});
  attempt(f, "again", (struct galley_settlement){.job_id = id, .outcome = GALLEY_DEAD});
  fixture_ok(f->q, galley_retry(f->q, id));
}

static void make_content(struct fixture *f) {
  const struct galley_feed feed = {.url = "https://a.example/feed"};
  int64_t id;
  char hash[65];
  fixture_ok(f->q, galley_feed_add(f->q, &feed, &id, NULL));
  for (char letter = 'a'; letter <= 'c'; letter++) {
    const struct galley_document document = {.title = "Über Größe",
                                             .content = "Naïve café words, words.",
                                             .content_hash = fixture_hash(letter, hash),
                                             .feed_id = id};
    int64_t document_id;
    fixture_ok(f->q, galley_document_save(f->q, &document, &document_id, NULL));
  }
  fixture_post(f, fixture_topic(f, "Plain"), "A title", "en");
  const struct galley_social social = {.blog_post_id = 1, .platform = "bluesky", .content = "Hi"};
  fixture_ok(f->q, galley_social_save(f->q, &social, &id));
}

/* Job 6 runs, and is at something. */
static void make_work(struct fixture *f) {
  const struct galley_research_key key = {.topic = "Reserved"};
  enum galley_reserved reserved;
  int64_t topic_id, fence = claim(f->q, f->worker_id, "running");
  struct galley_begin step = {
      .job_id = 6, .fence = fence, .name = "send", .idempotency_key = "x", .intent = "{}"};
  fixture_ok(f->q, galley_topic_reserve(f->q, &key, 0, 6, fence, &topic_id, &reserved));
  fixture_ok(f->q, galley_step_begin(f->q, &step));
  galley_free(step.step);
  fixture_ok(f->q, galley_progress(f->q, 6, fence, "0.5"));
}

static int set_up(void **state) {
  fixture_set_up(state);
  struct fixture *f = *state;
  fixture_ok(f->q, galley_worker_join(f->q, "[]", 16, &f->worker_id));
  make_content(f);
  make_jobs(f);
  make_work(f);
  sqlite3_db_config(sqlite_db_of(f->q->db)->h, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
  return 0;
}

/* ---- breaking it ---- */

/* "rule table id, rule table id": what a check tells, in its order. */
static bool take(void *arg, const void *row) {
  const struct galley_violation *violation = row;
  char *told = arg;
  size_t len = strlen(told);
  snprintf(told + len, TOLD_MAX - len, "%s%s %s %lld", len ? ", " : "", violation->rule,
           violation->table, (long long)violation->id);
  assert_true(strlen(violation->sentence) > 20);
  assert_non_null(strstr(violation->sentence, "; "));
  return true;
}

static void assert_told(struct galley *q, const char *expected, const char *what) {
  char told[TOLD_MAX] = "";
  struct galley_check_report report;
  enum galley_rc rc = galley_check(q, take, NULL, told, &report);
  if (strcmp(told, expected) != 0)
    fail_msg("%s\ntold:     %s\nexpected: %s", what, told, expected);
  fixture_expect(q, rc, *expected ? GALLEY_INVALID : GALLEY_OK, *expected ? "breaks rules" : "",
                 __LINE__);
  assert_int_equal(report.violations > 0, *expected != '\0');
}

struct break_row {
  const char *rule; /* that this is the case of */
  const char *sql;
  const char *told; /* NULL: the rule once, and nothing else */
  const char *where;
};

#define COPY_ATTEMPT                                                                               \
  "INSERT INTO job_attempts(job_id,fence,attempt,outcome,tokens_in,tokens_out,cost_usd_micros,"    \
  "started_at_ms,ended_at_ms) "

static const struct break_row breaks[] = {
    {"reference",
     "PRAGMA defer_foreign_keys=1;"
     "INSERT INTO social_posts(blog_post_id,platform,content) VALUES(99,'tiktok','x')",
     NULL, "social_posts 2"},
    {"schema_steps", "DELETE FROM schema_steps WHERE version=2", NULL, "schema_steps 2"},
    {"schema_steps", "INSERT INTO schema_steps VALUES(99,'x',0)", NULL, "schema_steps 99"},
    {"schema", "DROP INDEX jobs_halted", NULL, " 0"},
    {"schema", "DROP TRIGGER jobs_insert_delayed", NULL, " 0"},
    {"schema", "DROP VIEW jobs_to_delay", "schema  0, schema  0", NULL},
    {"schema", "DROP INDEX jobs_halted; CREATE INDEX jobs_halted ON jobs(id)", NULL, " 0"},
    {"schema", "ALTER TABLE feeds ADD COLUMN mine TEXT", NULL, " 0"},
    {"schema", "DROP TABLE publications", "schema  0, schema  0, file  0", NULL},
    {"constraint", "UPDATE jobs SET kind='A' WHERE id=3", NULL, "jobs 3"},
    {"constraint", "UPDATE jobs SET payload='{' WHERE id=3", NULL, "jobs 3"},
    {"constraint", "UPDATE jobs SET finished_at_ms=NULL WHERE id=3", NULL, "jobs 3"},
    {"constraint", "UPDATE jobs SET attempt=5 WHERE id=7", NULL, "jobs 7"},
    {"constraint", "UPDATE jobs SET lease_mono_ns=NULL WHERE id=6", NULL, "jobs 6"},
    {"constraint", "UPDATE job_attempts SET outcome='x' WHERE job_id=4", /* and counted as retry */
     "constraint job_attempts 4, totals totals 0", NULL},
    {"constraint", "UPDATE workers SET kinds='[' WHERE id=1", NULL, "workers 1"},
    {"constraint", "UPDATE job_steps SET state='done'", NULL, "job_steps 6"},
    {"constraint", "UPDATE job_progress SET progress=''", NULL, "job_progress 6"},
    {"constraint", "UPDATE documents SET keywords='[' WHERE id=2", NULL, "documents 2"},
    {"constraint", "UPDATE topics SET citations='{}' WHERE id=1", NULL, "topics 1"},
    {"constraint", "UPDATE topics SET reserved_fence=NULL WHERE id=2", NULL, "topics 2"},
    {"constraint", "UPDATE blog_posts SET cluster_role='x'", NULL, "blog_posts 1"},
    {"constraint", "UPDATE social_posts SET platform='x'", NULL, "social_posts 1"},
    {"constraint", "UPDATE publications SET remote_id=''", NULL, "publications 1"},
    {"constraint", "UPDATE feeds SET url='ftp://a'", NULL, "feeds 1"},
    {"job_running", "UPDATE jobs SET started_at_ms=NULL WHERE id=6", NULL, "jobs 6"},
    {"job_worker", "UPDATE workers SET stopped_at_ms=1 WHERE id=1", NULL, "jobs 6"},
    {"job_worker", "DELETE FROM workers WHERE id=1", NULL, "jobs 6"},
    {"job_unended", "UPDATE jobs SET finished_at_ms=1 WHERE id=7", NULL, "jobs 7"},
    {"job_lease", "UPDATE jobs SET worker_id=1 WHERE id=7", NULL, "jobs 7"},
    {"job_lease", "UPDATE jobs SET lease_mono_ns=1 WHERE id=1", NULL, "jobs 1"},
    {"job_cancel", "UPDATE jobs SET cancel_requested=1 WHERE id=7", NULL, "jobs 7"},
    {"job_result", "UPDATE jobs SET result='1' WHERE id=7", NULL, "jobs 7"},
    {"job_key", "DROP INDEX jobs_unique; UPDATE jobs SET unique_key='a' WHERE id=8",
     "schema  0, job_key jobs 8", NULL},
    {"job_parent", "UPDATE jobs SET parent_id=99 WHERE id=7", NULL, "jobs 7"},
    {"job_parent", "UPDATE jobs SET parent_id=7 WHERE id=7", NULL, "jobs 7"},
    {"job_workflow", "UPDATE jobs SET workflow_id=2 WHERE id=7", NULL, "jobs 7"},
    {"job_workflow", "UPDATE jobs SET workflow_id=99 WHERE id=8", NULL, "jobs 8"},
    {"job_done", "UPDATE jobs SET state='done' WHERE id=3", NULL, "jobs 3"},
    {"job_dead", "UPDATE jobs SET state='dead' WHERE id=3", NULL, "jobs 3"},
    {"job_fence", "UPDATE jobs SET fence=2 WHERE id=4", NULL, "jobs 4"},
    {"job_fence", "UPDATE jobs SET fence=-1 WHERE id=7", NULL, "jobs 7"},
    {"job_attempt", "UPDATE jobs SET attempt=3 WHERE id=4", NULL, "jobs 4"},
    {"job_attempt", "UPDATE jobs SET attempt=0 WHERE id=4", NULL, "jobs 4"},
    {"job_attempt", "UPDATE jobs SET attempt=1 WHERE id=1", NULL, "jobs 1"},
    {"job_crashes", "UPDATE jobs SET crashes=2 WHERE id=5", NULL, "jobs 5"},
    {"job_crashes", "UPDATE jobs SET crashes=0 WHERE id=5", NULL, "jobs 5"},
    {"job_crashes", "UPDATE jobs SET crashes=1 WHERE id=7", NULL, "jobs 7"},
    {"job_cost", "UPDATE jobs SET cost_usd_micros=6 WHERE id=1", NULL, "jobs 1"},
    {"totals", "UPDATE totals SET n=2 WHERE kind='done' AND outcome='done'",
     "totals totals 0, totals_sum totals 0", NULL},
    {"totals", "UPDATE totals SET n=0 WHERE kind='done' AND outcome='done'",
     "totals totals 0, totals_sum totals 0", NULL},
    {"totals_sum", "UPDATE totals SET n=0 WHERE kind='dead'", NULL, "totals 0"},
    {"totals_sum", "UPDATE totals SET busy_ms=busy_ms+1 WHERE kind='done' AND outcome='done'", NULL,
     "totals 0"},
    {"totals_sum", "UPDATE totals SET busy_ms=busy_ms-1 WHERE kind='dead'", NULL, "totals 0"},
    {"totals_sum", "UPDATE totals SET cost_usd_micros=4 WHERE kind='done' AND outcome='done'", NULL,
     "totals 0"},
    {"attempt_job", COPY_ATTEMPT "VALUES(99,1,1,'retry',0,0,0,0,0)", NULL, "job_attempts 99"},
    {"attempt_fence", "UPDATE job_attempts SET fence=5 WHERE job_id=2",
     "job_dead jobs 2, attempt_fence job_attempts 2", NULL},
    {"attempt_running", COPY_ATTEMPT "VALUES(6,1,1,'returned',0,0,0,0,0)",
     "job_fence jobs 6, totals_sum totals 0, attempt_running job_attempts 6", NULL},
    {"attempt_done", "UPDATE jobs SET state='cancelled',result=NULL WHERE id=1", NULL,
     "job_attempts 1"},
    {"attempt_number",
     "UPDATE job_attempts SET attempt=3 WHERE job_id=1 AND fence=2;"
     "UPDATE jobs SET attempt=3 WHERE id=1",
     NULL, "job_attempts 1"},
    {"attempt_number",
     "UPDATE job_attempts SET attempt=0 WHERE job_id=4; UPDATE jobs SET attempt=0 WHERE id=4", NULL,
     "job_attempts 4"},
    {"step_job", "UPDATE job_steps SET job_id=99", NULL, "job_steps 99"},
    {"step_job", "UPDATE job_steps SET fence=2", NULL, "job_steps 6"},
    {"progress_job", "UPDATE job_progress SET job_id=99", NULL, "job_progress 99"},
    {"progress_job", "UPDATE job_progress SET fence=2", NULL, "job_progress 6"},
    {"document_twice",
     "DROP INDEX documents_hash;"
     "UPDATE documents SET content_hash=(SELECT content_hash FROM documents WHERE id=1) "
     "WHERE id=2",
     "schema  0, document_twice documents 2", NULL},
    {"document_twice", "DROP INDEX documents_url; UPDATE documents SET canonical_url='u'",
     "schema  0, document_twice documents 3", NULL},
    {"document_twice", "DROP INDEX documents_guid; UPDATE documents SET guid='g' WHERE id<3",
     "schema  0, document_twice documents 2", NULL},
    {"document_indexed", "DELETE FROM documents_fts_docsize WHERE id=2", NULL, "documents 2"},
    {"document_indexed", "INSERT INTO documents_fts_docsize VALUES(99,x'0000')", NULL,
     "documents 99"},
    {"document_words", "INSERT INTO documents_fts(rowid,title,content) VALUES(2,'more','')", NULL,
     "documents 2"},
    {"document_words",
     "DROP TRIGGER documents_fts_update; UPDATE documents SET content='words, other' WHERE id=3",
     "schema  0, document_words documents 3", NULL},
    {"document_words", "DELETE FROM documents_fts_data WHERE id>10", NULL, "documents 0"},
    {"topic_twice", "DROP INDEX topics_cache_key; UPDATE topics SET cache_key='k'",
     "schema  0, topic_twice topics 2", NULL},
    {"topic_reserved", "UPDATE topics SET reserved_fence=2 WHERE id=2", NULL, "topics 2"},
    {"post_twice",
     "DROP INDEX blog_posts_slug; INSERT INTO blog_posts(slug,title,language,content) "
     "SELECT slug,title,language,content FROM blog_posts",
     "schema  0, post_twice blog_posts 2", NULL},
    {"post_twice",
     "DROP INDEX blog_posts_topic;"
     "INSERT INTO blog_posts(slug,title,language,content,research_topic_id) "
     "SELECT 'other',title,language,content,research_topic_id FROM blog_posts",
     "schema  0, post_twice blog_posts 2", NULL},
    {"post_published", "UPDATE blog_posts SET status='draft'", NULL, "blog_posts 1"},
    {"social_twice",
     "DROP INDEX social_posts_place; INSERT INTO social_posts(blog_post_id,platform,content) "
     "SELECT blog_post_id,platform,content FROM social_posts",
     "schema  0, social_twice social_posts 2", NULL},
    {"publication_twice",
     "DROP INDEX publications_place; INSERT INTO publications(blog_post_id,target,remote_id) "
     "SELECT blog_post_id,target,remote_id FROM publications",
     "schema  0, publication_twice publications 2", NULL},
    {"publication_job", "UPDATE publications SET job_id=99", NULL, "publications 1"},
    {"publication_job", "UPDATE publications SET job_id=7", NULL, "publications 1"},
    {"job_published", "DELETE FROM publications", NULL, "jobs 9"},
    {"job_published", "UPDATE publications SET target='other'", NULL, "jobs 9"},
    {"feed_twice", "DROP INDEX feeds_url; INSERT INTO feeds(url) SELECT url FROM feeds",
     "schema  0, feed_twice feeds 2", NULL},
};
#define N_BREAKS (sizeof breaks / sizeof breaks[0])

static void raw(struct galley *q, const char *sql) {
  sqlite3 *h = sqlite_db_of(q->db)->h;
  if (sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(h));
}

/* Under valgrind, which takes a second for each, every fifth will do. */
static size_t stride(void) {
  return RUNNING_ON_VALGRIND ? 5 : 1;
}

/* Each within a transaction that is rolled back, so that all find the same database. */
static void each_broken_rule_is_told_and_no_other(void **state) {
  struct fixture *f = *state;
  for (size_t i = 0; i < N_BREAKS; i += stride()) {
    char one[256];
    snprintf(one, sizeof one, "%s %s", breaks[i].rule, breaks[i].where ? breaks[i].where : "");
    fixture_ok(f->q, galley_begin(f->q));
    raw(f->q, "PRAGMA ignore_check_constraints=1");
    raw(f->q, breaks[i].sql);
    raw(f->q, "PRAGMA ignore_check_constraints=0");
    assert_told(f->q, breaks[i].told ? breaks[i].told : one, breaks[i].sql);
    galley_rollback(f->q);
  }
  assert_told(f->q, "", "after all was rolled back");
}

static bool has_case(const char *rule) {
  for (size_t i = 0; i < N_BREAKS; i++)
    if (strcmp(breaks[i].rule, rule) == 0)
      return true;
  return strcmp(rule, "file") == 0; /* an_index_that_misses_a_row_is_told and the like */
}

static void each_rule_has_a_case_here(void **state) {
  static const char *const rules[] = {
#define NAME(none, name, rule, table, cure, text) rule,
      SQL_CHECKS(NAME, )
#undef NAME
          "schema",
      "constraint", "document_words"};
  struct fixture *f = *state;
  struct galley_check_report report;
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    if (!has_case(rules[i]))
      fail_msg("no case breaks the rule %s", rules[i]);
  fixture_ok(f->q, galley_check(f->q, NULL, NULL, NULL, &report));
  assert_int_equal(report.rules, sizeof rules / sizeof rules[0]);
}

/* So that no constraint of the schema is overlooked for the way in which it is written. */
static void each_constraint_of_the_schema_is_read(void **state) {
  struct constraint constraint;
  (void)state;
  for (size_t i = 0; i < schema_step_count; i++) {
    int should = 0, found = 0;
    for (const char *at = schema_steps[i].sql; (at = strstr(at, "CHECK(")); at++)
      should++;
    for (const char *at = schema_steps[i].sql; constraint_next(&at, &constraint); found++) {
      assert_int_equal(constraint.expression[0], '(');
      assert_int_equal(constraint.expression[constraint.len - 1], ')');
    }
    assert_int_equal(found, should);
  }
}

static void a_constraint_ends_at_its_own_parenthesis(void **state) {
  const char *at = "CREATE TABLE t(a CONSTRAINT a_is CHECK(a IN (')', \"(\") -- )\n OR b), "
                   "note TEXT DEFAULT 'CHECK(1)', b CHECK (b > 0))";
  struct constraint constraint;
  (void)state;
  assert_true(constraint_next(&at, &constraint));
  assert_string_equal(constraint.name, "a_is");
  assert_int_equal(strncmp(constraint.expression, "(a IN (')', \"(\") -- )\n OR b), ", 30), 0);
  assert_int_equal(constraint.len, 28);
  assert_true(constraint_next(&at, &constraint));
  assert_string_equal(constraint.name, "check");
  assert_int_equal(constraint.len, strlen("(b > 0)"));
  assert_false(constraint_next(&at, &constraint));
}

/* ---- what is legal ---- */

static void what_an_insert_may_set_breaks_nothing(void **state) {
  struct fixture *f = *state;
  fixture_sql(f, "INSERT INTO jobs(kind) VALUES('plain');"
                 "INSERT INTO jobs(kind,state,attempt,run_at_ms) VALUES('plain','scheduled',2,5);"
                 "INSERT INTO jobs(kind,state,unique_key) VALUES('plain','blocked','u');"
                 "INSERT INTO jobs(kind,parent_id) VALUES('plain',1);"
                 "INSERT INTO jobs(kind,parent_id,workflow_id) VALUES('plain',7,1);"
                 "INSERT INTO jobs(id,kind,workflow_id) VALUES(1000,'plain',1000);"
                 "INSERT INTO documents(title) VALUES('one'),('two');"
                 "INSERT INTO topics(title) VALUES('one');"
                 "DELETE FROM documents WHERE id=1;"
                 "UPDATE documents SET content='other words' WHERE id=2");
  assert_told(f->q, "", "plain inserts");
  /* One that begins with two attempts spent counts on from there. */
  fixture_sql(f, "UPDATE jobs SET state='ready' WHERE kind='plain' AND attempt=2");
  int64_t id = fixture_number(f, "SELECT id FROM jobs WHERE kind='plain' AND attempt=2");
  fixture_sql(f, "UPDATE jobs SET priority=0 WHERE attempt=2");
  attempt(f, "plain", (struct galley_settlement){.job_id = id, .outcome = GALLEY_RETRY});
  assert_told(f->q, "", "an attempt of a plain insert");
}

static void what_people_add_to_the_schema_is_theirs(void **state) {
  struct fixture *f = *state;
  fixture_sql(f, "CREATE TABLE mine(a CHECK(a>0)); CREATE INDEX mine_a ON mine(a);"
                 "CREATE INDEX jobs_mine ON jobs(created_at_ms); CREATE VIEW v AS SELECT 1;"
                 "ANALYZE");
  assert_told(f->q, "", "tables and indexes of others");
}

static void jobs_that_people_deleted_break_no_sum(void **state) {
  struct fixture *f = *state;
  fixture_sql(f, "DELETE FROM jobs WHERE id IN (2,4); DELETE FROM job_attempts WHERE job_id IN "
                 "(2,4)");
  assert_told(f->q, "", "deleted jobs");
}

/* Cancelled, retried, cancelled while it runs, snoozed, handed back: each may come after each. */
static void each_way_to_end_an_attempt_breaks_nothing(void **state) {
  static const enum galley_outcome outcomes[] = {GALLEY_SNOOZE,    GALLEY_RETURNED, GALLEY_RETRY,
                                                 GALLEY_CANCELLED, GALLEY_DEAD,     GALLEY_SNOOZE};
  struct fixture *f = *state;
  int64_t id = enqueue(f->q, (struct galley_spec){.kind = "ways", .max_attempts = 3});
  for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
    struct galley_settlement settlement = {.job_id = id, .outcome = outcomes[i]};
    attempt(f, "ways", settlement);
    assert_told(f->q, "", "after an attempt");
    if (outcomes[i] == GALLEY_CANCELLED || outcomes[i] == GALLEY_DEAD)
      fixture_ok(f->q, galley_retry(f->q, id));
    assert_told(f->q, "", "after a retry");
  }
  int64_t fence = claim(f->q, f->worker_id, "ways");
  fixture_ok(f->q, galley_cancel(f->q, id, NULL));
  assert_told(f->q, "", "a request to cancel");
  struct galley_settlement late = {.job_id = id, .fence = fence, .outcome = GALLEY_SNOOZE};
  struct galley_turn turn = {.settlements = &late, .n_settlements = 1};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  assert_told(f->q, "", "cancelled when it snoozed");
  fixture_ok(f->q, galley_retry(f->q, id));
  crash(f, "ways");
  assert_told(f->q, "", "a crash after a retry");
}

/* ---- how it is told ---- */

static void many_of_one_rule_are_counted(void **state) {
  struct fixture *f = *state;
  struct galley_check_report report;
  char told[TOLD_MAX] = "";
  int lines = 1;
  fixture_sql(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<30) "
                 "INSERT INTO jobs(kind,result) SELECT 'a','1' FROM n");
  assert_int_equal(galley_check(f->q, take, NULL, told, &report), GALLEY_INVALID);
  for (const char *at = told; (at = strstr(at, ", ")); at++)
    lines++;
  assert_int_equal(lines, GALLEY_CHECK_SHOWN + 1);
  assert_non_null(strstr(told, "job_result jobs 0")); /* the line with the count */
  assert_int_equal(report.violations, 30);
  assert_int_equal(report.jobs, 40);
}

static bool stop_at_once(void *arg, const void *row) {
  (void)row;
  ++*(int *)arg;
  return false;
}

static void a_check_stops_when_its_caller_has_seen_enough(void **state) {
  struct fixture *f = *state;
  int seen = 0;
  fixture_sql(f, "INSERT INTO jobs(kind,result) VALUES('a','1'),('a','2')");
  assert_int_equal(galley_check(f->q, stop_at_once, NULL, &seen, NULL), GALLEY_INVALID);
  assert_int_equal(seen, 1);
  fixture_sql(f, "DELETE FROM jobs WHERE kind='a'");
  assert_told(f->q, "", "after it was stopped"); /* no transaction was left open */
}

static void count_progress(void *arg, const char *rule, int64_t done, int64_t n) {
  int64_t *next = arg;
  assert_true(rule[0] != '\0');
  assert_int_equal(done, *next);
  assert_true(done < n);
  ++*next;
}

static void progress_is_told_before_each_rule(void **state) {
  struct fixture *f = *state;
  struct galley_check_report report;
  int64_t next = 0;
  fixture_ok(f->q, galley_check(f->q, NULL, count_progress, &next, &report));
  assert_int_equal(next, report.rules);
}

static void a_handle_for_reading_is_enough_beside_a_writer(void **state) {
  struct fixture *f = *state;
  struct galley *reader = fixture_open(f, GALLEY_OPEN_READONLY);
  fixture_sql(f, "PRAGMA ignore_check_constraints=1; UPDATE jobs SET kind='A' WHERE id=3");
  fixture_ok(f->q, galley_begin(f->q));
  raw(f->q, "DELETE FROM jobs"); /* and nobody has committed it */
  assert_told(reader, "constraint jobs 3", "beside a writer");
  galley_rollback(f->q);
  galley_close(reader);
}

/* ---- a damaged file ---- */

/* The index is taken out of the schema, and put back when a row has come to be that it missed. */
static void an_index_that_misses_a_row_is_told(void **state) {
  struct fixture *f = *state;
  char path[sizeof f->path];
  memcpy(path, f->path, sizeof path);
  galley_close(f->q);
  f->q = NULL;
  fixture_sql(f, "PRAGMA writable_schema=1; CREATE TABLE kept AS SELECT * FROM sqlite_schema WHERE "
                 "name='jobs_halted'; DELETE FROM sqlite_schema WHERE name='jobs_halted'");
  fixture_sql(f, "UPDATE jobs SET state='cancelled',finished_at_ms=1 WHERE id=8");
  fixture_sql(f, "PRAGMA writable_schema=1; INSERT INTO sqlite_schema SELECT * FROM kept;"
                 "DROP TABLE kept");
  f->q = fixture_open(f, GALLEY_OPEN_READONLY);
  /* Once for the row, and once for the count of rows. */
  assert_told(f->q, "file  0, file  0", "an index without a row");
}

static void overwrite(const char *path, int64_t page, int64_t page_size) {
  char noise[512];
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  assert_true(fd >= 0);
  memset(noise, 0x5a, sizeof noise);
  assert_int_equal(pwrite(fd, noise, sizeof noise, (page - 1) * page_size), sizeof noise);
  close(fd);
}

static void a_page_that_cannot_be_read_hides_no_other_rule(void **state) {
  struct fixture *f = *state;
  char told[TOLD_MAX] = "";
  fixture_sql(f, "INSERT INTO documents(status) VALUES('new'); DELETE FROM publications");
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  int64_t page = fixture_number(f, "SELECT rootpage FROM sqlite_schema WHERE name='feeds'");
  int64_t size = fixture_number(f, "PRAGMA page_size");
  galley_close(f->q);
  f->q = NULL;
  overwrite(f->path, page, size);
  f->q = fixture_open(f, GALLEY_OPEN_READONLY);
  assert_int_equal(galley_check(f->q, take, NULL, told, NULL), GALLEY_INVALID);
  assert_int_equal(strncmp(told, "file  0", 7), 0);
  assert_non_null(strstr(told, "job_published jobs 9"));
}

#define ON_DATABASE(test) cmocka_unit_test_setup_teardown(test, set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      ON_DATABASE(each_broken_rule_is_told_and_no_other),
      ON_DATABASE(each_rule_has_a_case_here),
      cmocka_unit_test(each_constraint_of_the_schema_is_read),
      cmocka_unit_test(a_constraint_ends_at_its_own_parenthesis),
      ON_DATABASE(what_an_insert_may_set_breaks_nothing),
      ON_DATABASE(what_people_add_to_the_schema_is_theirs),
      ON_DATABASE(jobs_that_people_deleted_break_no_sum),
      ON_DATABASE(each_way_to_end_an_attempt_breaks_nothing),
      ON_DATABASE(many_of_one_rule_are_counted),
      ON_DATABASE(a_check_stops_when_its_caller_has_seen_enough),
      ON_DATABASE(progress_is_told_before_each_rule),
      ON_DATABASE(a_handle_for_reading_is_enough_beside_a_writer),
      ON_DATABASE(an_index_that_misses_a_row_is_told),
      ON_DATABASE(a_page_that_cannot_be_read_hides_no_other_rule),
  };
  return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
