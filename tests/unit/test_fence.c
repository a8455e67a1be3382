/* A worker that was given up for dead writes nothing: each call that shows a fence, with stale
 * ones, beside a dump of the whole database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "work.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a dump ---- */

static void dump_rows(sqlite3 *h, const char *table, FILE *out) {
  sqlite3_stmt *s;
  char *sql = sqlite3_mprintf("SELECT * FROM \"%w\" ORDER BY 1,2", table);
  assert_non_null(sql);
  if (sqlite3_prepare_v2(h, sql, -1, &s, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(h));
  while (sqlite3_step(s) == SQLITE_ROW) {
    fprintf(out, "%s", table);
    for (int i = 0; i < sqlite3_column_count(s); i++) {
      const unsigned char *bytes = sqlite3_column_blob(s, i);
      int n = sqlite3_column_bytes(s, i);
      fprintf(out, "|%d:%d:", sqlite3_column_type(s, i), n);
      for (int k = 0; k < n; k++)
        fprintf(out, bytes[k] < 32 ? "%%%02x" : "%c", bytes[k]);
    }
    fputc('\n', out);
  }
  sqlite3_finalize(s);
  sqlite3_free(sql);
}

/* Every row of every table, those of the full-text index too. */
static char *dump(struct fixture *f) {
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  sqlite3 *h;
  sqlite3_stmt *s;
  assert_non_null(out);
  assert_int_equal(sqlite3_open_v2(f->path, &h, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(h,
                                      "SELECT name FROM sqlite_schema WHERE type='table' AND "
                                      "sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
                                      -1, &s, NULL),
                   SQLITE_OK);
  while (sqlite3_step(s) == SQLITE_ROW)
    dump_rows(h, (const char *)sqlite3_column_text(s, 0), out);
  sqlite3_finalize(s);
  sqlite3_close(h);
  assert_int_equal(fclose(out), 0);
  return text;
}

static int64_t frames(struct fixture *f) {
  struct galley_wal wal;
  fixture_ok(f->q, galley_wal_status(f->q, &wal));
  return wal.frames;
}

/* ---- what a worker writes ---- */

/* An attempt that a call is tried with, and rows to write to. */
struct stale {
  struct fixture_job job;
  int64_t topic_id, post_id, feed_id;
};

typedef enum galley_rc write_fn(struct fixture *f, const struct stale *stale);

static enum galley_rc write_progress(struct fixture *f, const struct stale *stale) {
  return galley_progress(f->q, stale->job.id, stale->job.fence, "50");
}

static enum galley_rc write_heartbeat(struct fixture *f, const struct stale *stale) {
  struct galley_hold hold = {.job_id = stale->job.id, .fence = stale->job.fence};
  enum galley_rc rc = galley_heartbeat(f->q, &hold, 90000);
  assert_int_equal(hold.lost, rc == GALLEY_LOST);
  return rc;
}

static enum galley_rc begin_named(struct fixture *f, const struct stale *stale, const char *name,
                                  bool anew) {
  struct galley_begin begin = {.job_id = stale->job.id,
                               .fence = stale->job.fence,
                               .name = name,
                               .idempotency_key = "stale",
                               .intent = "\"stale\"",
                               .anew = anew};
  enum galley_rc rc = galley_step_begin(f->q, &begin);
  galley_free(begin.step);
  return rc;
}

static enum galley_rc write_begin(struct fixture *f, const struct stale *stale) {
  return begin_named(f, stale, "another", false);
}

static enum galley_rc write_begin_anew(struct fixture *f, const struct stale *stale) {
  return begin_named(f, stale, "begun", true);
}

static enum galley_rc write_begin_in_turn(struct fixture *f, const struct stale *stale) {
  struct galley_begin begin = {.job_id = stale->job.id,
                               .fence = stale->job.fence,
                               .name = "in a turn",
                               .idempotency_key = "stale",
                               .intent = "1"};
  struct galley_turn turn = {.begins = &begin, .n_begins = 1};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  galley_free(begin.step);
  return begin.rc;
}

static enum galley_rc write_done(struct fixture *f, const struct stale *stale) {
  return galley_step_done(f->q, stale->job.id, stale->job.fence, "begun", "\"stale\"");
}

static enum galley_rc write_forget(struct fixture *f, const struct stale *stale) {
  return galley_step_forget(f->q, stale->job.id, stale->job.fence, "begun");
}

static enum galley_rc write_reserve(struct fixture *f, const struct stale *stale) {
  const struct galley_research_key key = {.topic = "Heat pumps", .language = "en"};
  int64_t topic_id;
  enum galley_reserved reserved;
  return galley_topic_reserve(f->q, &key, 0, stale->job.id, stale->job.fence, &topic_id, &reserved);
}

static enum galley_rc write_hold(struct fixture *f, const struct stale *stale) {
  struct galley_hold hold = {.job_id = stale->job.id, .fence = stale->job.fence};
  struct galley_turn turn = {.holds = &hold, .n_holds = 1, .lease_ms = 90000};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  return hold.lost ? GALLEY_LOST : GALLEY_OK;
}

/* All that any handler saves. */
static enum galley_rc save(struct galley *q, void *arg, const char **result) {
  const struct stale *stale = arg;
  char hash[65], url[64];
  snprintf(hash, sizeof hash, "%064llx", (unsigned long long)stale->job.id);
  snprintf(url, sizeof url, "http://a.example/stale/%lld", (long long)stale->job.id);
  const struct galley_document document = {
      .title = "Stale", .content = "Words of a stale worker.", .content_hash = hash};
  const struct galley_feed feed = {.id = stale->feed_id, .url = url};
  const struct galley_report report = {.markdown = "stale", .citations = "[]"};
  const struct galley_post post = {.title = "Stale", .content = "stale", .language = "en"};
  const struct galley_social social = {
      .blog_post_id = stale->post_id, .platform = "mastodon", .content = "stale"};
  const struct galley_publication publication = {
      .blog_post_id = stale->post_id, .target = "site", .remote_id = "stale"};
  const struct galley_spec spec = {.kind = "next", .priority = -1};
  int64_t id;
  enum galley_rc rcs[] = {galley_document_save(q, &document, &id, NULL),
                          galley_feed_update(q, &feed),
                          galley_topic_report(q, stale->topic_id, &report),
                          galley_post_save(q, &post, &id),
                          galley_social_save(q, &social, &id),
                          galley_publication_save(q, &publication, &id),
                          galley_step_done(q, stale->job.id, stale->job.fence, "begun", "1"),
                          galley_enqueue(q, &spec, &id, NULL)};
  for (size_t i = 0; i < sizeof rcs / sizeof rcs[0]; i++)
    fixture_ok(q, rcs[i]);
  *result = "\"stale\"";
  return GALLEY_OK;
}

static enum galley_rc settle(struct fixture *f, const struct stale *stale,
                             enum galley_outcome outcome) {
  struct stale copy = *stale;
  struct galley_settlement settlement = {.job_id = stale->job.id,
                                         .fence = stale->job.fence,
                                         .outcome = outcome,
                                         .save = save,
                                         .save_arg = &copy};
  return work_settle(f->q, &settlement);
}

#define SETTLE(name, outcome)                                                                      \
  static enum galley_rc name(struct fixture *f, const struct stale *stale) {                       \
    return settle(f, stale, outcome);                                                              \
  }
SETTLE(settle_done, GALLEY_DONE)
SETTLE(settle_retry, GALLEY_RETRY)
SETTLE(settle_snooze, GALLEY_SNOOZE)
SETTLE(settle_dead, GALLEY_DEAD)
SETTLE(settle_cancelled, GALLEY_CANCELLED)
SETTLE(settle_returned, GALLEY_RETURNED)

static const struct {
  const char *name;
  write_fn *write;
} writes[] = {{"progress", write_progress},
              {"heartbeat", write_heartbeat},
              {"step_begin", write_begin},
              {"step_begin anew", write_begin_anew},
              {"begin in a turn", write_begin_in_turn},
              {"step_done", write_done},
              {"step_forget", write_forget},
              {"topic_reserve", write_reserve},
              {"hold in a turn", write_hold},
              {"settle done", settle_done},
              {"settle retry", settle_retry},
              {"settle snooze", settle_snooze},
              {"settle dead", settle_dead},
              {"settle cancelled", settle_cancelled},
              {"settle returned", settle_returned}};

/* ---- how a fence becomes stale ---- */

static struct fixture_job claim_again(struct fixture *f, struct fixture_job job) {
  struct galley_job *again = work_claim_one(f->q, f->worker_id, "work");
  assert_non_null(again);
  assert_int_equal(again->id, job.id);
  struct fixture_job next = {again->id, again->fence};
  galley_free(again);
  return next;
}

/* As a worker that is stopped for longer than its lease finds it: another attempt runs. */
static struct fixture_job taken_over(struct fixture *f, struct fixture_job job) {
  int64_t n;
  f->mono_ns += (WORK_LEASE_MS + 1) * INT64_C(1000000);
  fixture_ok(f->q, galley_recover(f->q, &n));
  assert_int_equal(n, 1);
  claim_again(f, job);
  return job;
}

static struct fixture_job handed_back(struct fixture *f, struct fixture_job job) {
  fixture_settle(f, job, GALLEY_RETURNED);
  return job;
}

static struct fixture_job done_by_another(struct fixture *f, struct fixture_job job) {
  fixture_settle(f, job, GALLEY_RETURNED);
  fixture_settle(f, claim_again(f, job), GALLEY_DONE);
  return job;
}

static struct fixture_job cancelled_meanwhile(struct fixture *f, struct fixture_job job) {
  fixture_settle(f, job, GALLEY_CANCELLED);
  return job;
}

static struct fixture_job never_claimed(struct fixture *f, struct fixture_job job) {
  (void)f;
  return (struct fixture_job){job.id, job.fence + 1};
}

static struct fixture_job of_nobody(struct fixture *f, struct fixture_job job) {
  (void)f;
  return (struct fixture_job){job.id + 1000, job.fence};
}

static struct stale prepare(struct fixture *f) {
  struct stale stale = {.job = fixture_job(f), .topic_id = fixture_topic(f, "A topic")};
  const struct galley_feed feed = {.url = "http://a.example/feed"};
  stale.post_id = fixture_post(f, stale.topic_id, "A post", "en");
  fixture_ok(f->q, galley_feed_add(f->q, &feed, &stale.feed_id, NULL));
  fixture_ok(f->q, begin_named(f, &stale, "begun", false));
  fixture_ok(f->q, galley_progress(f->q, stale.job.id, stale.job.fence, "10"));
  return stale;
}

static void stale_writes_nothing(struct fixture *f,
                                 struct fixture_job (*age)(struct fixture *f,
                                                           struct fixture_job job)) {
  struct stale stale = prepare(f);
  stale.job = age(f, stale.job);
  char *before = dump(f);
  int64_t frames_before = frames(f);
  f->now_ms += 1000;
  f->mono_ns += 1000000;
  for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
    enum galley_rc rc = writes[i].write(f, &stale);
    if (rc != GALLEY_LOST)
      fail_msg("%s: %s", writes[i].name, galley_rc_name(rc));
    char *after = dump(f);
    if (strcmp(before, after) != 0 || frames(f) != frames_before)
      fail_msg("%s wrote something:\n%s\n%s", writes[i].name, before, after);
    free(after);
  }
  free(before);
}

static void an_attempt_whose_job_runs_again_writes_nothing(void **state) {
  stale_writes_nothing(*state, taken_over);
}

static void an_attempt_that_was_handed_back_writes_nothing(void **state) {
  stale_writes_nothing(*state, handed_back);
}

static void an_attempt_whose_job_is_done_writes_nothing(void **state) {
  stale_writes_nothing(*state, done_by_another);
}

static void an_attempt_that_was_cancelled_writes_nothing(void **state) {
  stale_writes_nothing(*state, cancelled_meanwhile);
}

static void a_fence_to_come_writes_nothing(void **state) {
  stale_writes_nothing(*state, never_claimed);
}

static void a_job_that_is_not_there_writes_nothing(void **state) {
  stale_writes_nothing(*state, of_nobody);
}

/* In a transaction with others, a stale call writes nothing, and the others are committed. */
static void a_stale_call_leaves_the_rest_of_its_transaction_alone(void **state) {
  struct fixture *f = *state;
  struct stale stale = prepare(f);
  handed_back(f, stale.job);
  struct fixture_job live = claim_again(f, stale.job);
  for (size_t i = 0; i < 8; i++) { /* those that are no turn */
    if (writes[i].write == write_begin_in_turn)
      continue;
    char text[16];
    snprintf(text, sizeof text, "%zu", i);
    fixture_ok(f->q, galley_begin(f->q));
    fixture_ok(f->q, galley_progress(f->q, live.id, live.fence, text));
    assert_int_equal(writes[i].write(f, &stale), GALLEY_LOST);
    fixture_ok(f->q, galley_commit(f->q));
    assert_int_equal(fixture_number(f, "SELECT progress FROM job_progress"), (int64_t)i);
  }
}

/* So that the tests above cannot pass because a call never works. */
static void the_same_calls_work_with_the_fence_of_the_running_attempt(void **state) {
  struct fixture *f = *state;
  for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
    struct stale stale = {.job = fixture_job(f)};
    char url[64], title[32];
    snprintf(url, sizeof url, "http://a.example/feed/%zu", i);
    snprintf(title, sizeof title, "Topic %zu", i);
    const struct galley_feed feed = {.url = url};
    stale.topic_id = fixture_topic(f, title);
    stale.post_id = fixture_post(f, stale.topic_id, title, "en");
    fixture_ok(f->q, galley_feed_add(f->q, &feed, &stale.feed_id, NULL));
    fixture_ok(f->q, begin_named(f, &stale, "begun", false));
    f->now_ms += 1000;
    f->mono_ns += 1000000;
    char *before = dump(f);
    enum galley_rc rc = writes[i].write(f, &stale);
    char *after = dump(f);
    if (rc != GALLEY_OK || strcmp(before, after) == 0)
      fail_msg("%s: %s: %s", writes[i].name, galley_rc_name(rc), galley_errmsg(f->q));
    free(before);
    free(after);
    fixture_sql(f, "UPDATE jobs SET state='done', finished_at_ms=1; DELETE FROM feeds");
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_attempt_whose_job_runs_again_writes_nothing),
      TEST(an_attempt_that_was_handed_back_writes_nothing),
      TEST(an_attempt_whose_job_is_done_writes_nothing),
      TEST(an_attempt_that_was_cancelled_writes_nothing),
      TEST(a_fence_to_come_writes_nothing),
      TEST(a_job_that_is_not_there_writes_nothing),
      TEST(a_stale_call_leaves_the_rest_of_its_transaction_alone),
      TEST(the_same_calls_work_with_the_fence_of_the_running_attempt),
  };
  return cmocka_run_group_tests_name("fence", tests, NULL, NULL);
}
