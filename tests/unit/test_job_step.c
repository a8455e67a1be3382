/* The ledger of what jobs do outside, heartbeats and progress. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct galley_begin begin_of(struct fixture_job job, const char *name) {
  return (struct galley_begin){.job_id = job.id,
                               .fence = job.fence,
                               .name = name,
                               .idempotency_key = "key",
                               .intent = "{\"path\":\"a\"}"};
}

/* Begins, and fails the test unless the step stands so. */
static void begin(struct fixture *f, struct galley_begin *begin, enum galley_begun expected) {
  fixture_ok(f->q, galley_step_begin(f->q, begin));
  assert_int_equal(begin->rc, GALLEY_OK);
  assert_int_equal(begin->begun, expected);
}

static void begin_name(struct fixture *f, struct fixture_job job, const char *name,
                       enum galley_begun expected) {
  struct galley_begin one = begin_of(job, name);
  begin(f, &one, expected);
  galley_free(one.step);
}

/* The same job, in its next attempt. */
static struct fixture_job next_attempt(struct fixture *f, struct fixture_job job) {
  fixture_settle(f, job, GALLEY_RETURNED);
  struct galley_job *again = work_claim_one(f->q, f->worker_id, "work");
  assert_non_null(again);
  assert_int_equal(again->id, job.id);
  struct fixture_job next = {again->id, again->fence};
  galley_free(again);
  assert_true(next.fence > job.fence);
  return next;
}

static char *text_of(size_t len) {
  char *text = malloc(len + 1);
  assert_non_null(text);
  memset(text, 'x', len);
  text[len] = '\0';
  return text;
}

static char *json_of(size_t len) {
  char *text = text_of(len);
  text[0] = text[len - 1] = '"';
  return text;
}

/* ---- begin, done, forget ---- */

static void a_new_step_shows_who_began_what_and_when(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  struct galley_begin one = begin_of(job, "send");
  begin(f, &one, GALLEY_STEP_NEW);
  assert_int_equal(one.step->job_id, job.id);
  assert_string_equal(one.step->name, "send");
  assert_string_equal(one.step->idempotency_key, "key");
  assert_string_equal(one.step->intent, "{\"path\":\"a\"}");
  assert_string_equal(one.step->state, "begun");
  assert_int_equal(one.step->fence, job.fence);
  assert_null(one.step->result);
  assert_int_equal(one.step->began_at_ms, f->now_ms);
  assert_int_equal(one.step->ended_at_ms, 0);
  galley_free(one.step);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps"), 1);
}

static void the_attempt_after_a_crash_finds_what_was_begun(void **state) {
  struct fixture *f = *state;
  struct fixture_job first = fixture_job(f);
  begin_name(f, first, "send", GALLEY_STEP_NEW);
  struct fixture_job second = next_attempt(f, first);
  struct galley_begin again = begin_of(second, "send");
  again.idempotency_key = "another key";
  again.intent = "{\"path\":\"b\"}";
  begin(f, &again, GALLEY_STEP_BEGUN);
  assert_string_equal(again.step->idempotency_key, "key");
  assert_string_equal(again.step->intent, "{\"path\":\"a\"}");
  assert_int_equal(again.step->fence, first.fence);
  galley_free(again.step);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps WHERE idempotency_key='key'"),
                   1);
}

static void an_attempt_that_begins_twice_finds_it_begun(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  begin_name(f, job, "send", GALLEY_STEP_NEW);
  begin_name(f, job, "send", GALLEY_STEP_BEGUN);
  begin_name(f, job, "other", GALLEY_STEP_NEW);
  begin_name(f, fixture_job(f), "send", GALLEY_STEP_NEW);
}

static void anew_takes_the_new_key_and_intent(void **state) {
  struct fixture *f = *state;
  struct fixture_job first = fixture_job(f);
  begin_name(f, first, "send", GALLEY_STEP_NEW);
  struct fixture_job second = next_attempt(f, first);
  struct galley_begin again = begin_of(second, "send");
  again.intent = "{\"path\":\"b\"}";
  again.idempotency_key = "another key";
  again.anew = true;
  begin(f, &again, GALLEY_STEP_NEW);
  assert_string_equal(again.step->intent, "{\"path\":\"b\"}");
  assert_string_equal(again.step->idempotency_key, "another key");
  assert_int_equal(again.step->fence, second.fence);
  galley_free(again.step);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps"), 1);
}

static void a_step_that_is_done_answers_with_its_result(void **state) {
  struct fixture *f = *state;
  struct fixture_job first = fixture_job(f);
  begin_name(f, first, "send", GALLEY_STEP_NEW);
  f->now_ms += 5000;
  fixture_ok(f->q, galley_step_done(f->q, first.id, first.fence, "send", "{\"id\":7}"));
  struct fixture_job second = next_attempt(f, first);
  struct galley_begin again = begin_of(second, "send");
  begin(f, &again, GALLEY_STEP_DONE);
  assert_string_equal(again.step->state, "done");
  assert_string_equal(again.step->result, "{\"id\":7}");
  assert_int_equal(again.step->ended_at_ms, f->now_ms);
  galley_free(again.step);
  again.anew = true; /* what is done stays done */
  begin(f, &again, GALLEY_STEP_DONE);
  assert_string_equal(again.step->result, "{\"id\":7}");
  galley_free(again.step);
}

static void a_later_attempt_may_end_what_an_earlier_one_began(void **state) {
  struct fixture *f = *state;
  struct fixture_job first = fixture_job(f);
  begin_name(f, first, "send", GALLEY_STEP_NEW);
  struct fixture_job second = next_attempt(f, first);
  fixture_ok(f->q, galley_step_done(f->q, second.id, second.fence, "send", NULL));
  assert_int_equal(fixture_number(f, "SELECT fence FROM job_steps"), second.fence);
  assert_int_equal(fixture_number(f, "SELECT result IS NULL FROM job_steps"), 1);
}

static void done_twice_is_done_once(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  begin_name(f, job, "send", GALLEY_STEP_NEW);
  fixture_ok(f->q, galley_step_done(f->q, job.id, job.fence, "send", "1"));
  int64_t ended_ms = f->now_ms;
  f->now_ms += 1000;
  fixture_ok(f->q, galley_step_done(f->q, job.id, job.fence, "send", "1"));
  assert_int_equal(fixture_number(f, "SELECT ended_at_ms FROM job_steps"), ended_ms);
  fixture_fails(f->q, galley_step_done(f->q, job.id, job.fence, "send", "2"), GALLEY_STATE,
                "done already, with another result");
  fixture_fails(f->q, galley_step_done(f->q, job.id, job.fence, "send", NULL), GALLEY_STATE,
                "done already");
  assert_int_equal(fixture_number(f, "SELECT result FROM job_steps"), 1);
}

static void only_what_was_begun_can_be_done_or_forgotten(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  fixture_fails(f->q, galley_step_done(f->q, job.id, job.fence, "send", "1"), GALLEY_USAGE,
                "has not begun a step \"send\"");
  fixture_fails(f->q, galley_step_forget(f->q, job.id, job.fence, "send"), GALLEY_USAGE,
                "has not begun");
  begin_name(f, job, "send", GALLEY_STEP_NEW);
  fixture_fails(f->q, galley_step_done(f->q, job.id, job.fence, "other", "1"), GALLEY_USAGE,
                "has not begun");
  fixture_ok(f->q, galley_step_done(f->q, job.id, job.fence, "send", "1"));
  fixture_fails(f->q, galley_step_forget(f->q, job.id, job.fence, "send"), GALLEY_USAGE, "");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps"), 1);
}

/* SQLite gives the number of the newest job again when that one is deleted. */
static void a_job_does_not_find_the_steps_of_one_that_was_deleted(void **state) {
  struct fixture *f = *state;
  struct fixture_job old = fixture_job(f);
  begin_name(f, old, "send", GALLEY_STEP_NEW);
  fixture_ok(f->q, galley_step_done(f->q, old.id, old.fence, "send", NULL));
  fixture_ok(f->q, galley_progress(f->q, old.id, old.fence, "1"));
  fixture_settle(f, old, GALLEY_DONE);
  fixture_sql(f, "DELETE FROM jobs");
  struct fixture_job job = fixture_job(f);
  assert_int_equal(job.id, old.id);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_progress"), 0);
  begin_name(f, job, "send", GALLEY_STEP_NEW);
}

static void a_forgotten_step_begins_as_a_new_one(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  begin_name(f, job, "send", GALLEY_STEP_NEW);
  begin_name(f, job, "other", GALLEY_STEP_NEW);
  fixture_ok(f->q, galley_step_forget(f->q, job.id, job.fence, "send"));
  begin_name(f, job, "other", GALLEY_STEP_BEGUN);
  begin_name(f, job, "send", GALLEY_STEP_NEW);
}

static void a_job_that_is_to_be_cancelled_begins_nothing(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  begin_name(f, job, "earlier", GALLEY_STEP_NEW);
  fixture_ok(f->q, galley_cancel(f->q, job.id, NULL));
  begin_name(f, job, "send", GALLEY_STEP_CANCELLED);
  begin_name(f, job, "earlier", GALLEY_STEP_CANCELLED);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps"), 1);
  /* What was begun before may end. */
  fixture_ok(f->q, galley_step_done(f->q, job.id, job.fence, "earlier", "1"));
}

struct names {
  char text[64];
};

static bool keep_name(void *arg, const void *row) {
  struct names *names = arg;
  const struct galley_step *step = row;
  size_t len = strlen(names->text);
  snprintf(names->text + len, sizeof names->text - len, "%s ", step->name);
  return strcmp(step->name, "stop") != 0;
}

static void steps_are_listed_as_they_were_begun(void **state) {
  static const char *const order[] = {"z", "a", "m", "stop", "b"};
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  struct names names = {""};
  for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
    begin_name(f, job, order[i], GALLEY_STEP_NEW);
    f->now_ms++;
  }
  begin_name(f, fixture_job(f), "of another", GALLEY_STEP_NEW);
  fixture_ok(f->q, galley_steps(f->q, job.id, keep_name, &names));
  assert_string_equal(names.text, "z a m stop ");
  names.text[0] = '\0';
  fixture_ok(f->q, galley_steps(f->q, 4711, keep_name, &names));
  assert_string_equal(names.text, "");
}

/* ---- limits ---- */

static void a_step_is_refused_past_each_limit(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  char *name = text_of(GALLEY_STEP_NAME_MAX + 1), *key = text_of(GALLEY_KEY_MAX + 1);
  char *json = json_of(GALLEY_STEP_JSON_MAX + 1), *fits = json_of(GALLEY_STEP_JSON_MAX);
  const struct {
    const char *name, *key, *intent, *words;
  } bad[] = {{name, "k", "1", "name of a step has 257 bytes"},
             {"", "k", "1", "name of a step has 0 bytes"},
             {NULL, "k", "1", "name of a step has 0 bytes"},
             {"a\xff", "k", "1", "name of a step is not UTF-8"},
             {"a", key, "1", "key of a step has 513 bytes"},
             {"a", "", "1", "key of a step has 0 bytes"},
             {"a", "k", json, "intent of a step has 65537 bytes"},
             {"a", "k", NULL, "intent of a step has 0 bytes"},
             {"a", "k", "{", "not valid JSON"},
             {"a", "k", "\"\xff\"", "intent of a step is not UTF-8"}};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct galley_begin one = begin_of(job, bad[i].name);
    one.idempotency_key = bad[i].key;
    one.intent = bad[i].intent;
    fixture_fails(f->q, galley_step_begin(f->q, &one), GALLEY_INVALID, bad[i].words);
    assert_int_equal(one.rc, GALLEY_INVALID);
    assert_null(one.step);
  }
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps"), 0);
  name[GALLEY_STEP_NAME_MAX] = key[GALLEY_KEY_MAX] = '\0';
  struct galley_begin one = begin_of(job, name);
  one.idempotency_key = key;
  one.intent = fits;
  begin(f, &one, GALLEY_STEP_NEW);
  galley_free(one.step);
  fixture_fails(f->q, galley_step_done(f->q, job.id, job.fence, name, json), GALLEY_INVALID,
                "result of a step has 65537 bytes");
  fixture_fails(f->q, galley_step_done(f->q, job.id, job.fence, name, "no"), GALLEY_INVALID,
                "not valid JSON");
  fixture_ok(f->q, galley_step_done(f->q, job.id, job.fence, name, fits));
  free(name);
  free(key);
  free(json);
  free(fits);
}

static void a_job_has_so_many_steps_and_no_more(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  char name[24];
  for (int i = 0; i < GALLEY_STEPS_MAX; i++) {
    snprintf(name, sizeof name, "step %d", i);
    begin_name(f, job, name, GALLEY_STEP_NEW);
  }
  struct galley_begin one = begin_of(job, "one more");
  fixture_fails(f->q, galley_step_begin(f->q, &one), GALLEY_INVALID, "the limit is 100");
  begin_name(f, job, "step 0", GALLEY_STEP_BEGUN);
  begin_name(f, fixture_job(f), "of another", GALLEY_STEP_NEW);
}

/* ---- transactions ---- */

static void steps_and_progress_join_an_open_transaction(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  struct galley_hold hold = {.job_id = job.id, .fence = job.fence};
  begin_name(f, job, "kept", GALLEY_STEP_NEW);
  char *before = fixture_text(f, "SELECT group_concat(lease_mono_ns) FROM jobs");
  fixture_ok(f->q, galley_begin(f->q));
  begin_name(f, job, "send", GALLEY_STEP_NEW);
  fixture_ok(f->q, galley_step_done(f->q, job.id, job.fence, "kept", "1"));
  fixture_ok(f->q, galley_progress(f->q, job.id, job.fence, "1"));
  fixture_ok(f->q, galley_heartbeat(f->q, &hold, WORK_LEASE_MS * 3));
  galley_rollback(f->q);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps WHERE state='begun'"), 1);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps"), 1);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_progress"), 0);
  char *after = fixture_text(f, "SELECT group_concat(lease_mono_ns) FROM jobs");
  assert_string_equal(before, after);
  free(before);
  free(after);
}

static void a_refused_step_dooms_the_transaction_it_joined(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  struct galley_begin bad = begin_of(job, "");
  fixture_ok(f->q, galley_begin(f->q));
  begin_name(f, job, "send", GALLEY_STEP_NEW);
  fixture_fails(f->q, galley_step_begin(f->q, &bad), GALLEY_INVALID, "");
  fixture_fails(f->q, galley_commit(f->q), GALLEY_INVALID, "");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps"), 0);
}

static void a_reader_writes_none_of_this(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  begin_name(f, job, "send", GALLEY_STEP_NEW);
  fixture_ok(f->q, galley_progress(f->q, job.id, job.fence, "1"));
  struct galley *reader = fixture_open(f, GALLEY_OPEN_READONLY);
  struct galley_begin one = begin_of(job, "send");
  struct galley_progress *progress;
  struct galley_hold hold = {.job_id = job.id, .fence = job.fence};
  struct names names = {""};
  fixture_fails(reader, galley_step_begin(reader, &one), GALLEY_DENIED, "");
  fixture_fails(reader, galley_step_done(reader, job.id, job.fence, "send", NULL), GALLEY_DENIED,
                "");
  fixture_fails(reader, galley_progress(reader, job.id, job.fence, "1"), GALLEY_DENIED, "");
  fixture_fails(reader, galley_heartbeat(reader, &hold, 1000), GALLEY_DENIED, "");
  fixture_ok(reader, galley_steps(reader, job.id, keep_name, &names));
  assert_string_equal(names.text, "send ");
  fixture_ok(reader, galley_progress_get(reader, job.id, &progress));
  galley_free(progress);
  galley_close(reader);
}

/* ---- in a turn ---- */

static void a_turn_begins_steps_and_a_refused_one_holds_up_nobody(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  struct galley_begin begins[4] = {begin_of(job, "one"), begin_of(job, ""), begin_of(job, "lost"),
                                   begin_of(job, "two")};
  begins[2].fence--;
  struct galley_turn turn = {.begins = begins, .n_begins = 4};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  assert_int_equal(begins[0].rc, GALLEY_OK);
  assert_int_equal(begins[0].begun, GALLEY_STEP_NEW);
  assert_string_equal(begins[0].step->name, "one");
  assert_int_equal(begins[1].rc, GALLEY_INVALID);
  assert_null(begins[1].step);
  assert_int_equal(begins[2].rc, GALLEY_LOST);
  assert_null(begins[2].step);
  assert_int_equal(begins[3].rc, GALLEY_OK);
  for (size_t i = 0; i < 4; i++)
    galley_free(begins[i].step);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps"), 2);
}

static enum galley_rc refuse(struct galley *q, void *arg, const char **result) {
  (void)q;
  (void)arg;
  (void)result;
  return GALLEY_INVALID;
}

static void a_turn_whose_save_is_refused_still_begins_steps(void **state) {
  struct fixture *f = *state;
  struct fixture_job bad = fixture_job(f), good = fixture_job(f);
  struct galley_settlement settlement = {
      .job_id = bad.id, .fence = bad.fence, .outcome = GALLEY_DONE, .save = refuse};
  struct galley_begin one = begin_of(good, "send");
  struct galley_turn turn = {
      .settlements = &settlement, .n_settlements = 1, .begins = &one, .n_begins = 1};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  assert_int_equal(settlement.rc, GALLEY_INVALID);
  assert_int_equal(one.rc, GALLEY_OK);
  assert_int_equal(one.begun, GALLEY_STEP_NEW);
  galley_free(one.step);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps"), 1);
  work_state(f->q, bad.id, "dead");
}

static void a_job_that_settles_in_a_turn_begins_nothing_in_it(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  struct galley_settlement settlement = {
      .job_id = job.id, .fence = job.fence, .outcome = GALLEY_DONE};
  struct galley_begin one = begin_of(job, "send");
  struct galley_turn turn = {
      .settlements = &settlement, .n_settlements = 1, .begins = &one, .n_begins = 1};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  assert_int_equal(settlement.rc, GALLEY_OK);
  assert_int_equal(one.rc, GALLEY_LOST);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps"), 0);
}

static void a_turn_takes_so_many_steps_and_no_more(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  struct galley_begin *begins = calloc(GALLEY_BATCH_MAX + 1, sizeof *begins);
  assert_non_null(begins);
  for (size_t i = 0; i <= GALLEY_BATCH_MAX; i++)
    begins[i] = begin_of(job, "send");
  struct galley_turn turn = {.begins = begins, .n_begins = GALLEY_BATCH_MAX + 1};
  fixture_fails(f->q, galley_turn(f->q, &turn), GALLEY_USAGE, "at most 1024");
  turn.n_begins = GALLEY_BATCH_MAX;
  fixture_ok(f->q, galley_turn(f->q, &turn));
  for (size_t i = 0; i < GALLEY_BATCH_MAX; i++) {
    assert_int_equal(begins[i].begun, i == 0 ? GALLEY_STEP_NEW : GALLEY_STEP_BEGUN);
    galley_free(begins[i].step);
  }
  free(begins);
}

struct ending {
  struct fixture_job job;
  enum galley_rc then; /* what save answers after the step is done */
};

static enum galley_rc end_step(struct galley *q, void *arg, const char **result) {
  const struct ending *ending = arg;
  (void)result;
  enum galley_rc rc = galley_step_done(q, ending->job.id, ending->job.fence, "send", "\"remote\"");
  return rc == GALLEY_OK ? ending->then : rc;
}

static void a_step_is_done_in_the_transaction_that_settles(void **state) {
  struct fixture *f = *state;
  struct ending ending = {.job = fixture_job(f), .then = GALLEY_UNAVAILABLE};
  struct galley_settlement settlement = {.job_id = ending.job.id,
                                         .fence = ending.job.fence,
                                         .outcome = GALLEY_DONE,
                                         .save = end_step,
                                         .save_arg = &ending};
  begin_name(f, ending.job, "send", GALLEY_STEP_NEW);
  assert_int_equal(work_settle(f->q, &settlement), GALLEY_UNAVAILABLE);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps WHERE state='begun'"), 1);
  f->now_ms += 86400000;
  struct galley_job *again = work_claim_one(f->q, f->worker_id, "work");
  assert_non_null(again);
  settlement.fence = ending.job.fence = again->fence;
  galley_free(again);
  ending.then = GALLEY_OK;
  assert_int_equal(work_settle(f->q, &settlement), GALLEY_OK);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps WHERE state='done'"), 1);
  work_state(f->q, ending.job.id, "done");
}

/* ---- a person's retry ---- */

static void end_dead(struct fixture *f, struct fixture_job job, const char *error_class) {
  struct galley_settlement settlement = {.job_id = job.id,
                                         .fence = job.fence,
                                         .outcome = GALLEY_DEAD,
                                         .error_class = error_class,
                                         .error = "words"};
  fixture_ok(f->q, work_settle(f->q, &settlement));
}

static void retrying_an_unknown_outcome_says_that_nothing_came_of_it(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f), other = fixture_job(f);
  begin_name(f, job, "send", GALLEY_STEP_NEW);
  begin_name(f, job, "before", GALLEY_STEP_NEW);
  fixture_ok(f->q, galley_step_done(f->q, job.id, job.fence, "before", "1"));
  begin_name(f, other, "send", GALLEY_STEP_NEW);
  end_dead(f, job, GALLEY_ERROR_UNKNOWN);
  fixture_ok(f->q, galley_retry(f->q, job.id));
  struct fixture_job again = {job.id, job.fence + 1};
  galley_free(work_claim_one(f->q, f->worker_id, "work"));
  begin_name(f, again, "send", GALLEY_STEP_NEW);
  begin_name(f, again, "before", GALLEY_STEP_DONE);
  begin_name(f, other, "send", GALLEY_STEP_BEGUN);
}

static void retrying_any_other_end_keeps_what_was_begun(void **state) {
  static const char *const classes[] = {"http", NULL};
  struct fixture *f = *state;
  for (size_t i = 0; i < 2; i++) {
    struct fixture_job job = fixture_job(f);
    begin_name(f, job, "send", GALLEY_STEP_NEW);
    end_dead(f, job, classes[i]);
    fixture_ok(f->q, galley_retry(f->q, job.id));
    galley_free(work_claim_one(f->q, f->worker_id, "work"));
    begin_name(f, (struct fixture_job){job.id, job.fence + 1}, "send", GALLEY_STEP_BEGUN);
  }
}

/* ---- heartbeat and progress ---- */

static int64_t lease_of(struct fixture *f, int64_t id) {
  struct galley_job *job = work_get(f->q, id);
  int64_t lease_mono_ns = job->lease_mono_ns;
  galley_free(job);
  return lease_mono_ns;
}

static void a_heartbeat_moves_the_lease_and_tells_of_a_cancel(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  struct galley_hold hold = {.job_id = job.id, .fence = job.fence, .lost = true};
  f->mono_ns += 7000000;
  fixture_ok(f->q, galley_heartbeat(f->q, &hold, 30000));
  assert_false(hold.lost);
  assert_false(hold.cancelled);
  assert_int_equal(lease_of(f, job.id), f->mono_ns + INT64_C(30000000000));
  fixture_ok(f->q, galley_cancel(f->q, job.id, NULL));
  fixture_ok(f->q, galley_heartbeat(f->q, &hold, 40000));
  assert_true(hold.cancelled);
  assert_int_equal(lease_of(f, job.id), f->mono_ns + INT64_C(40000000000));
}

static void a_heartbeat_of_a_lost_lease_says_so(void **state) {
  struct fixture *f = *state;
  struct fixture_job first = fixture_job(f);
  struct galley_hold hold = {.job_id = first.id, .fence = first.fence};
  next_attempt(f, first);
  int64_t lease_mono_ns = lease_of(f, first.id);
  f->mono_ns += 1000000;
  fixture_fails(f->q, galley_heartbeat(f->q, &hold, 30000), GALLEY_LOST, "is not running");
  assert_true(hold.lost);
  assert_false(hold.cancelled);
  assert_int_equal(lease_of(f, first.id), lease_mono_ns);
}

static void a_heartbeat_lasts_from_a_millisecond_to_a_day(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  struct galley_hold hold = {.job_id = job.id, .fence = job.fence};
  fixture_fails(f->q, galley_heartbeat(f->q, &hold, 0), GALLEY_USAGE, "lease_ms is 0");
  fixture_fails(f->q, galley_heartbeat(f->q, &hold, GALLEY_LEASE_MAX_MS + 1), GALLEY_USAGE,
                "must be 1 to 86400000");
  fixture_ok(f->q, galley_heartbeat(f->q, &hold, 1));
  fixture_ok(f->q, galley_heartbeat(f->q, &hold, GALLEY_LEASE_MAX_MS));
  assert_int_equal(lease_of(f, job.id), f->mono_ns + GALLEY_LEASE_MAX_MS * INT64_C(1000000));
}

static void progress_is_the_last_word_and_outlives_the_attempt(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  struct galley_progress *progress;
  fixture_fails(f->q, galley_progress_get(f->q, job.id, &progress), GALLEY_NONE, "no progress");
  assert_null(progress);
  fixture_ok(f->q, galley_progress(f->q, job.id, job.fence, "\"a third\""));
  f->now_ms += 500;
  fixture_ok(f->q, galley_progress(f->q, job.id, job.fence, "{\"percent\":40}"));
  fixture_settle(f, job, GALLEY_DEAD);
  fixture_ok(f->q, galley_progress_get(f->q, job.id, &progress));
  assert_int_equal(progress->job_id, job.id);
  assert_int_equal(progress->fence, job.fence);
  assert_int_equal(progress->at_ms, f->now_ms);
  assert_string_equal(progress->progress, "{\"percent\":40}");
  galley_free(progress);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_progress"), 1);
}

static void progress_is_refused_past_its_limit(void **state) {
  struct fixture *f = *state;
  struct fixture_job job = fixture_job(f);
  char *text = json_of(GALLEY_PROGRESS_MAX + 1), *fits = json_of(GALLEY_PROGRESS_MAX);
  fixture_fails(f->q, galley_progress(f->q, job.id, job.fence, text), GALLEY_INVALID,
                "progress has 4097 bytes");
  fixture_fails(f->q, galley_progress(f->q, job.id, job.fence, NULL), GALLEY_INVALID, "0 bytes");
  fixture_fails(f->q, galley_progress(f->q, job.id, job.fence, "half"), GALLEY_INVALID,
                "progress is not valid JSON");
  fixture_fails(f->q, galley_progress(f->q, job.id, job.fence, "\"\xff\""), GALLEY_INVALID,
                "progress is not UTF-8");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_progress"), 0);
  fixture_ok(f->q, galley_progress(f->q, job.id, job.fence, fits));
  free(text);
  free(fits);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_new_step_shows_who_began_what_and_when),
      TEST(the_attempt_after_a_crash_finds_what_was_begun),
      TEST(an_attempt_that_begins_twice_finds_it_begun),
      TEST(anew_takes_the_new_key_and_intent),
      TEST(a_step_that_is_done_answers_with_its_result),
      TEST(a_later_attempt_may_end_what_an_earlier_one_began),
      TEST(done_twice_is_done_once),
      TEST(only_what_was_begun_can_be_done_or_forgotten),
      TEST(a_job_does_not_find_the_steps_of_one_that_was_deleted),
      TEST(a_forgotten_step_begins_as_a_new_one),
      TEST(a_job_that_is_to_be_cancelled_begins_nothing),
      TEST(steps_are_listed_as_they_were_begun),
      TEST(a_step_is_refused_past_each_limit),
      TEST(a_job_has_so_many_steps_and_no_more),
      TEST(steps_and_progress_join_an_open_transaction),
      TEST(a_refused_step_dooms_the_transaction_it_joined),
      TEST(a_reader_writes_none_of_this),
      TEST(a_turn_begins_steps_and_a_refused_one_holds_up_nobody),
      TEST(a_turn_whose_save_is_refused_still_begins_steps),
      TEST(a_job_that_settles_in_a_turn_begins_nothing_in_it),
      TEST(a_turn_takes_so_many_steps_and_no_more),
      TEST(a_step_is_done_in_the_transaction_that_settles),
      TEST(retrying_an_unknown_outcome_says_that_nothing_came_of_it),
      TEST(retrying_any_other_end_keeps_what_was_begun),
      TEST(a_heartbeat_moves_the_lease_and_tells_of_a_cancel),
      TEST(a_heartbeat_of_a_lost_lease_says_so),
      TEST(a_heartbeat_lasts_from_a_millisecond_to_a_day),
      TEST(progress_is_the_last_word_and_outlives_the_attempt),
      TEST(progress_is_refused_past_its_limit),
  };
  return cmocka_run_group_tests_name("job_step", tests, NULL, NULL);
}
