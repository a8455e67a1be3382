/* Adding jobs: through the library, and with a plain INSERT by any program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "text.h"
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct galley *queue(void **state) {
  return ((struct fixture *)*state)->q;
}

static void refused(struct galley *q, const struct galley_spec *spec, const char *words) {
  int64_t id = 0;
  fixture_fails(q, galley_enqueue(q, spec, &id, NULL), GALLEY_INVALID, words);
}

static int64_t jobs(void **state) {
  return fixture_number(*state, "SELECT count(*) FROM jobs");
}

/* `n` bytes of one letter, ended. */
static char *letters(size_t n) {
  char *text = malloc(n + 1);
  assert_non_null(text);
  memset(text, 'a', n);
  text[n] = '\0';
  return text;
}

/* ---- the library's ---- */

static void a_kind_alone_is_a_job_with_every_default(void **state) {
  struct fixture *f = *state;
  struct galley_spec spec = GALLEY_SPEC_INIT;
  spec.kind = "plain";
  struct galley_job *job = work_get(f->q, work_add(f->q, &spec));
  assert_string_equal(job->kind, "plain");
  assert_string_equal(job->payload, "{}");
  assert_string_equal(job->state, "ready");
  assert_int_equal(job->priority, GALLEY_PRIORITY_DEFAULT);
  assert_int_equal(job->run_at_ms, f->now_ms);
  assert_int_equal(job->created_at_ms, f->now_ms);
  assert_int_equal(job->max_attempts, GALLEY_MAX_ATTEMPTS_DEFAULT);
  assert_int_equal(job->timeout_ms, GALLEY_TIMEOUT_DEFAULT_MS);
  assert_int_equal(job->attempt, 0);
  assert_int_equal(job->crashes, 0);
  assert_int_equal(job->fence, 0);
  assert_int_equal(job->worker_id, 0);
  assert_int_equal(job->parent_id, 0);
  assert_int_equal(job->workflow_id, 0);
  assert_int_equal(job->started_at_ms, 0);
  assert_int_equal(job->finished_at_ms, 0);
  assert_null(job->unique_key);
  assert_null(job->result);
  assert_null(job->error);
  galley_free(job);
}

static void every_member_of_the_spec_is_kept(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "k.1_2-3",
                                   .payload = "{\"a\": [1, \"\xc3\xa9\"]}",
                                   .priority = 7,
                                   .run_at_ms = f->now_ms - 5,
                                   .delay_ms = 99,
                                   .max_attempts = 3,
                                   .timeout_ms = 1234,
                                   .unique_key = "key"};
  struct galley_job *job = work_get(f->q, work_add(f->q, &spec));
  assert_string_equal(job->kind, spec.kind);
  assert_string_equal(job->payload, spec.payload);
  assert_int_equal(job->priority, 7);
  assert_int_equal(job->run_at_ms, f->now_ms - 5);
  assert_int_equal(job->max_attempts, 3);
  assert_int_equal(job->timeout_ms, 1234);
  assert_string_equal(job->unique_key, "key");
  assert_string_equal(job->state, "ready");
  galley_free(job);
}

static void a_time_to_come_or_a_delay_makes_a_scheduled_job(void **state) {
  struct fixture *f = *state;
  const struct galley_spec at = {.kind = "a", .run_at_ms = f->now_ms + 1};
  const struct galley_spec after = {.kind = "a", .delay_ms = 50};
  const struct galley_spec now = {.kind = "a", .run_at_ms = f->now_ms};
  work_state(f->q, work_add(f->q, &at), "scheduled");
  struct galley_job *job = work_get(f->q, work_add(f->q, &after));
  assert_string_equal(job->state, "scheduled");
  assert_int_equal(job->run_at_ms, f->now_ms + 50);
  galley_free(job);
  work_state(f->q, work_add(f->q, &now), "ready");
}

static void a_kind_is_a_short_name(void **state) {
  static const char *const bad[] = {"",     "A",        "two words", "a/b", "caf\xc3\xa9",
                                    "a\nb", "kind\x7f", "%",         "a:b"};
  struct galley *q = queue(state);
  struct galley_spec spec = {.kind = NULL};
  char *name = letters(GALLEY_KIND_MAX + 1);
  refused(q, &spec, "kind");
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    spec.kind = bad[i];
    refused(q, &spec, "kind must be 1 to 64 of a-z 0-9 . _ -");
  }
  spec.kind = name;
  refused(q, &spec, "kind");
  assert_int_equal(jobs(state), 0);
  name[GALLEY_KIND_MAX] = '\0';
  work_add(q, &spec);
  free(name);
}

static void a_payload_is_json(void **state) {
  static const char *const bad[] = {"", "{", "hello", "{\"a\":}", "[1,]", "{'a':1}", "1 2", "nul"};
  static const char *const good[] = {"{}", "[]", "null", "0", "-1.5e3", "\"text\"", " {\"a\":1} "};
  struct galley *q = queue(state);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const struct galley_spec spec = {.kind = "a", .payload = bad[i]};
    refused(q, &spec, "payload");
  }
  assert_int_equal(jobs(state), 0);
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    const struct galley_spec spec = {.kind = "a", .payload = good[i]};
    struct galley_job *job = work_get(q, work_add(q, &spec));
    assert_string_equal(job->payload, good[i]);
    galley_free(job);
  }
}

/* JSON is UTF-8, and what prints a job writes JSON. */
static void a_payload_and_a_key_are_utf8(void **state) {
  static const char *const bad[] = {"\"\xff\"", "\"\xc3\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\""};
  struct galley *q = queue(state);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const struct galley_spec payload = {.kind = "a", .payload = bad[i]};
    const struct galley_spec key = {.kind = "a", .unique_key = bad[i]};
    refused(q, &payload, "payload is not UTF-8");
    refused(q, &key, "unique_key is not UTF-8");
  }
  assert_int_equal(jobs(state), 0);
}

static void a_payload_has_at_most_a_mebibyte(void **state) {
  struct galley *q = queue(state);
  char *text = letters(GALLEY_PAYLOAD_MAX + 1);
  text[0] = '"';
  text[GALLEY_PAYLOAD_MAX] = '"';
  const struct galley_spec spec = {.kind = "a", .payload = text};
  refused(q, &spec, "payload has 1048577 bytes, and the limit is 1048576");
  text[GALLEY_PAYLOAD_MAX] = '\0';
  text[GALLEY_PAYLOAD_MAX - 1] = '"';
  struct galley_job *job = work_get(q, work_add(q, &spec));
  assert_string_equal(job->payload, text);
  galley_free(job);
  free(text);
}

static void a_unique_key_has_1_to_512_bytes(void **state) {
  struct galley *q = queue(state);
  char *key = letters(GALLEY_KEY_MAX + 1);
  struct galley_spec spec = {.kind = "a", .unique_key = key};
  refused(q, &spec, "unique_key");
  spec.unique_key = "";
  refused(q, &spec, "unique_key");
  key[GALLEY_KEY_MAX] = '\0';
  spec.unique_key = key;
  work_add(q, &spec);
  free(key);
}

static void numbers_are_taken_at_their_limits_and_refused_one_past(void **state) {
  struct galley *q = queue(state);
  const struct {
    const char *field;
    struct galley_spec limit, past;
  } rows[] = {
      {"priority", {.priority = GALLEY_PRIORITY_MAX}, {.priority = 4294967296}},
      {"priority", {.priority = 0}, {.priority = -2}},
      {"run_at_ms", {.run_at_ms = 253402300799999}, {.run_at_ms = 253402300800000}},
      {"run_at_ms", {.run_at_ms = 1}, {.run_at_ms = -1}},
      {"delay_ms", {.delay_ms = 315360000000}, {.delay_ms = 315360000001}},
      {"delay_ms", {.delay_ms = 0}, {.delay_ms = -1}},
      {"max_attempts", {.max_attempts = GALLEY_ATTEMPTS_MAX}, {.max_attempts = 1001}},
      {"max_attempts", {.max_attempts = 1}, {.max_attempts = -1}},
      {"timeout_ms", {.timeout_ms = 604800000}, {.timeout_ms = 604800001}},
      {"timeout_ms", {.timeout_ms = 1}, {.timeout_ms = -1}},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct galley_spec limit = rows[i].limit, past = rows[i].past;
    limit.kind = past.kind = "a";
    work_add(q, &limit);
    refused(q, &past, rows[i].field);
  }
}

/* ---- unique keys ---- */

static void a_unique_key_gives_back_its_live_job(void **state) {
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "a", .unique_key = "k"};
  const struct galley_spec other = {.kind = "b", .unique_key = "k", .payload = "[1]"};
  int64_t first, id;
  bool existing = true;
  fixture_ok(f->q, galley_enqueue(f->q, &spec, &first, &existing));
  assert_false(existing);
  fixture_ok(f->q, galley_enqueue(f->q, &other, &id, &existing));
  assert_true(existing);
  assert_int_equal(id, first);
  assert_int_equal(jobs(state), 1);
  struct galley_job *job = work_get(f->q, id);
  assert_string_equal(job->kind, "a");
  assert_string_equal(job->payload, "{}");
  galley_free(job);
}

static void a_unique_key_is_held_in_every_live_state(void **state) {
  struct fixture *f = *state;
  const struct galley_spec later = {.kind = "a", .unique_key = "k", .delay_ms = 10};
  const struct galley_spec spec = {.kind = "a", .unique_key = "k"};
  int64_t worker = work_join(f->q);
  int64_t id = work_add(f->q, &later);
  assert_int_equal(work_add(f->q, &spec), id); /* scheduled */
  f->now_ms += 10;
  struct galley_job *job = work_claim_one(f->q, worker, "a");
  assert_int_equal(work_add(f->q, &spec), id); /* running */
  work_end(f->q, job, GALLEY_RETURNED);
  assert_int_equal(work_add(f->q, &spec), id); /* ready */
  fixture_sql(f, "UPDATE jobs SET state='blocked'");
  assert_int_equal(work_add(f->q, &spec), id);
}

static void a_unique_key_is_free_again_once_its_job_has_ended(void **state) {
  static const enum galley_outcome ends[] = {GALLEY_DONE, GALLEY_DEAD, GALLEY_CANCELLED};
  struct fixture *f = *state;
  const struct galley_spec spec = {.kind = "a", .unique_key = "k"};
  int64_t worker = work_join(f->q), last = 0;
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    int64_t id = work_add(f->q, &spec);
    assert_true(id > last);
    last = id;
    work_end(f->q, work_claim_one(f->q, worker, "a"), ends[i]);
  }
  assert_int_equal(jobs(state), 3);
}

static void unique_keys_differ_by_every_byte(void **state) {
  struct galley *q = queue(state);
  static const char *const keys[] = {"k", "K", "k ", " k", "k\n"};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    const struct galley_spec spec = {.kind = "a", .unique_key = keys[i]};
    work_add(q, &spec);
  }
  assert_int_equal(jobs(state), 5);
}

/* ---- references ---- */

static void a_reference_to_a_row_that_is_not_there_is_refused_and_named(void **state) {
  static const struct {
    const char *kind, *payload, *words;
  } rows[] = {
      {"write", "{\"topic_id\":41}", "payload.topic_id: there is no topic 41"},
      {"publish", "{\"post_id\":42}", "payload.post_id: there is no blog post 42"},
      {"collect", "{\"feed_id\":43}", "payload.feed_id: there is no feed 43"},
      {"research", "{\"topic_id\":44}", "payload.topic_id: there is no topic 44"},
      {"write", "{}", "payload.topic_id must be the id of a topic"},
      {"write", NULL, "payload.topic_id must be the id of a topic"},
      {"write", "{\"topic_id\":\"1\"}", "payload.topic_id must be the id of a topic"},
      {"write", "{\"topic_id\":1.0}", "payload.topic_id must be the id of a topic"},
      {"publish", "[]", "payload must be a JSON object"},
      {"collect", "{\"feed_id\":}", "payload is not valid JSON: line 1, column"},
  };
  struct galley *q = queue(state);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    const struct galley_spec spec = {.kind = rows[i].kind, .payload = rows[i].payload};
    refused(q, &spec, rows[i].words);
  }
  assert_int_equal(jobs(state), 0);
}

static void a_reference_to_a_row_that_is_there_is_taken(void **state) {
  struct fixture *f = *state;
  char payload[64];
  int64_t topic = fixture_topic(f, "A topic");
  const struct galley_spec research = {.kind = "research", .payload = "{\"topic\":\"A topic\"}"};
  snprintf(payload, sizeof payload, "{\"topic_id\":%lld}", (long long)topic);
  const struct galley_spec write = {.kind = "write", .payload = payload};
  work_add(f->q, &write);
  work_add(f->q, &research);
}

static void a_parent_gives_its_workflow_and_must_be_there(void **state) {
  struct galley *q = queue(state);
  int64_t root = work_enqueue(q, "a");
  const struct galley_spec child = {.kind = "a", .parent_id = root};
  int64_t child_id = work_add(q, &child);
  const struct galley_spec grandchild = {.kind = "a", .parent_id = child_id};
  const struct galley_spec orphan = {.kind = "a", .parent_id = 4711};
  struct galley_job *job = work_get(q, work_add(q, &grandchild));
  assert_int_equal(job->parent_id, child_id);
  assert_int_equal(job->workflow_id, root);
  galley_free(job);
  refused(q, &orphan, "parent_id: there is no job 4711");
}

/* ---- many at once ---- */

static void many_are_added_in_order(void **state) {
  struct galley *q = queue(state);
  const struct galley_spec specs[] = {{.kind = "a"}, {.kind = "b"}, {.kind = "c"}};
  int64_t ids[3] = {0};
  size_t bad = 77;
  fixture_ok(q, galley_enqueue_many(q, specs, 3, ids, &bad));
  assert_true(ids[0] < ids[1] && ids[1] < ids[2]);
  struct galley_job *job = work_get(q, ids[1]);
  assert_string_equal(job->kind, "b");
  galley_free(job);
  fixture_ok(q, galley_enqueue_many(q, specs, 0, NULL, NULL));
  assert_int_equal(jobs(state), 3);
}

static void one_bad_spec_of_many_adds_none_and_is_named(void **state) {
  struct galley *q = queue(state);
  const struct galley_spec specs[] = {{.kind = "a"}, {.kind = "b"}, {.kind = "C"}, {.kind = "d"}};
  size_t bad = 77;
  fixture_fails(q, galley_enqueue_many(q, specs, 4, NULL, &bad), GALLEY_INVALID, "kind");
  assert_int_equal(bad, 2);
  assert_int_equal(jobs(state), 0);
  work_enqueue(q, "after");
}

static void a_failure_of_many_that_is_not_about_one_names_none(void **state) {
  struct fixture *f = *state;
  const struct galley_spec specs[] = {{.kind = "a"}, {.kind = "b"}};
  struct galley *reader = fixture_open(f, GALLEY_OPEN_READONLY);
  size_t bad = 77;
  fixture_fails(reader, galley_enqueue_many(reader, specs, 2, NULL, &bad), GALLEY_DENIED, "");
  assert_int_equal(bad, 2);
  galley_close(reader);
}

static void many_with_one_unique_key_are_one_job(void **state) {
  struct galley *q = queue(state);
  const struct galley_spec specs[] = {{.kind = "a", .unique_key = "k"},
                                      {.kind = "a", .unique_key = "k"}};
  int64_t ids[2];
  fixture_ok(q, galley_enqueue_many(q, specs, 2, ids, NULL));
  assert_int_equal(ids[0], ids[1]);
  assert_int_equal(jobs(state), 1);
}

/* ---- a plain INSERT ---- */

static void a_plain_insert_is_a_correct_enqueue(void **state) {
  struct fixture *f = *state;
  fixture_sql(f, "INSERT INTO jobs(kind, payload) VALUES('plain', '{\"a\":1}')");
  struct galley_job *job = work_claim_one(f->q, work_join(f->q), "plain");
  assert_non_null(job);
  assert_string_equal(job->payload, "{\"a\":1}");
  assert_int_equal(job->priority, GALLEY_PRIORITY_DEFAULT);
  assert_int_equal(job->max_attempts, GALLEY_MAX_ATTEMPTS_DEFAULT);
  assert_int_equal(job->timeout_ms, GALLEY_TIMEOUT_DEFAULT_MS);
  assert_true(job->created_at_ms > 1600000000000);
  assert_int_equal(job->run_at_ms, job->created_at_ms);
  work_end(f->q, job, GALLEY_DONE);
}

static void a_plain_insert_with_a_time_to_come_is_scheduled(void **state) {
  struct fixture *f = *state;
  fixture_sql(f, "INSERT INTO jobs(kind, run_at_ms) VALUES('a', unixepoch()*1000+60000)");
  fixture_sql(f, "INSERT INTO jobs(kind, run_at_ms) VALUES('a', unixepoch()*1000-60000)");
  work_state(f->q, 1, "scheduled");
  work_state(f->q, 2, "ready");
}

static void a_sentence_is_utf8_where_a_parser_quotes_half_a_character(void **state) {
  struct fixture *f = *state;
  int64_t id;
  const struct galley_spec spec = {
      .kind = "research", .payload = "{\"topic\":\"a\\\xC6\x8B\"}", .priority = -1};
  assert_int_equal(galley_enqueue(f->q, &spec, &id, NULL), GALLEY_INVALID);
  assert_non_null(strstr(galley_errmsg(f->q), "payload is not valid JSON: line 1"));
  assert_true(text_valid(galley_errmsg(f->q)));
}

static void only_a_ready_job_is_delayed(void **state) {
  struct fixture *f = *state;
  int64_t id = work_add(f->q, &(struct galley_spec){.kind = "a", .priority = -1});
  struct galley_job *job = work_claim_one(f->q, work_join(f->q), "a");
  fixture_sql(f, "INSERT INTO jobs_to_delay(id) SELECT id FROM jobs");
  work_state(f->q, id, "running");
  work_end(f->q, job, GALLEY_DONE);
}

static void a_plain_insert_of_nonsense_is_refused(void **state) {
  static const struct {
    const char *sql, *words;
  } rows[] = {
      {"INSERT INTO jobs(payload) VALUES('{}')", "kind"},
      {"INSERT INTO jobs(kind) VALUES('')", "kind_is_a_name"},
      {"INSERT INTO jobs(kind) VALUES('Big')", "kind_is_a_name"},
      {"INSERT INTO jobs(kind) VALUES('a b')", "kind_is_a_name"},
      {"INSERT INTO jobs(kind) VALUES('a'||char(0)||'b')", "kind_is_a_name"},
      {"INSERT INTO jobs(kind) VALUES(x'61')", "kind"},
      {"INSERT INTO jobs(kind) VALUES(replace(hex(zeroblob(33)),'0','a')||'')", "kind_is_a_name"},
      {"INSERT INTO jobs(kind,payload) VALUES('a','{')", "payload_is_json"},
      {"INSERT INTO jobs(kind,payload) VALUES('a',NULL)", "payload"},
      {"INSERT INTO jobs(kind,payload) VALUES('a','\"'||hex(zeroblob(524288))||'\"')",
       "payload_is_bounded"},
      {"INSERT INTO jobs(kind,priority) VALUES('a',-1)", "priority_is_in_range"},
      {"INSERT INTO jobs(kind,priority) VALUES('a',4294967296)", "priority_is_in_range"},
      {"INSERT INTO jobs(kind,priority) VALUES('a','first')", "priority"},
      {"INSERT INTO jobs(kind,priority) VALUES('a',1.5)", "priority"},
      {"INSERT INTO jobs(kind,run_at_ms) VALUES('a',-1)", "run_at_is_a_time"},
      {"INSERT INTO jobs(kind,run_at_ms) VALUES('a',253402300800000)", "run_at_is_a_time"},
      {"INSERT INTO jobs(kind,run_at_ms) VALUES('a','tomorrow')", "run_at_ms"},
      {"INSERT INTO jobs(kind,max_attempts) VALUES('a',0)", "max_attempts_is_in_range"},
      {"INSERT INTO jobs(kind,max_attempts) VALUES('a',1001)", "max_attempts_is_in_range"},
      {"INSERT INTO jobs(kind,attempt) VALUES('a',-1)", "attempt_is_in_range"},
      {"INSERT INTO jobs(kind,timeout_ms) VALUES('a',0)", "timeout_is_in_range"},
      {"INSERT INTO jobs(kind,timeout_ms) VALUES('a',604800001)", "timeout_is_in_range"},
      {"INSERT INTO jobs(kind,unique_key) VALUES('a','')", "unique_key_is_bounded"},
      {"INSERT INTO jobs(kind,unique_key) VALUES('a',hex(zeroblob(257)))", "unique_key_is_bounded"},
      {"INSERT INTO jobs(kind,result) VALUES('a','no')", "result_is_json"},
      {"INSERT INTO jobs(kind,unique_key) VALUES('a','k'),('a','k')", "jobs.unique_key"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    fixture_refused(*state, rows[i].sql, rows[i].words);
  assert_int_equal(jobs(state), 0);
}

/* In the caller's own transaction: with it, or not at all. */
static void a_plain_insert_comes_and_goes_with_its_transaction(void **state) {
  struct fixture *f = *state;
  fixture_sql(f, "BEGIN; INSERT INTO jobs(kind) VALUES('a'); ROLLBACK");
  assert_int_equal(jobs(state), 0);
  fixture_sql(f, "BEGIN; INSERT INTO jobs(kind) VALUES('a'); COMMIT");
  assert_int_equal(jobs(state), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_kind_alone_is_a_job_with_every_default),
      TEST(every_member_of_the_spec_is_kept),
      TEST(a_time_to_come_or_a_delay_makes_a_scheduled_job),
      TEST(a_kind_is_a_short_name),
      TEST(a_payload_is_json),
      TEST(a_payload_and_a_key_are_utf8),
      TEST(a_payload_has_at_most_a_mebibyte),
      TEST(a_unique_key_has_1_to_512_bytes),
      TEST(numbers_are_taken_at_their_limits_and_refused_one_past),
      TEST(a_unique_key_gives_back_its_live_job),
      TEST(a_unique_key_is_held_in_every_live_state),
      TEST(a_unique_key_is_free_again_once_its_job_has_ended),
      TEST(unique_keys_differ_by_every_byte),
      TEST(a_reference_to_a_row_that_is_not_there_is_refused_and_named),
      TEST(a_reference_to_a_row_that_is_there_is_taken),
      TEST(a_parent_gives_its_workflow_and_must_be_there),
      TEST(many_are_added_in_order),
      TEST(one_bad_spec_of_many_adds_none_and_is_named),
      TEST(a_failure_of_many_that_is_not_about_one_names_none),
      TEST(many_with_one_unique_key_are_one_job),
      TEST(a_plain_insert_is_a_correct_enqueue),
      TEST(a_plain_insert_with_a_time_to_come_is_scheduled),
      TEST(only_a_ready_job_is_delayed),
      TEST(a_sentence_is_utf8_where_a_parser_quotes_half_a_character),
      TEST(a_plain_insert_of_nonsense_is_refused),
      TEST(a_plain_insert_comes_and_goes_with_its_transaction),
  };
  return cmocka_run_group_tests_name("enqueue", tests, NULL, NULL);
}
