/* Enqueues that are handed over to whoever holds the gate: which are, who takes them, and what
 * arrives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "hand.h"
#include "work.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CROWD 4

/* In the place of the C library's, for galley alone: its symbol is hidden. */
int clock_gettime(clockid_t id, struct timespec *out) {
  return hand_clock_gettime(id, out);
}

/* ---- what arrives ---- */

/* All columns of a job. */
static char *row_of(struct fixture *f, int64_t id) {
  char *columns = fixture_text(f, "SELECT group_concat(name) FROM pragma_table_info('jobs')");
  char sql[1024];
  snprintf(sql, sizeof sql, "SELECT json_array(%s) FROM jobs WHERE id=%" PRId64, columns, id);
  free(columns);
  return fixture_text(f, sql);
}

/* Beside it another database, with as many jobs, where nothing is handed over; and who hands over.
 */
struct pair {
  struct fixture *f, plain;
  struct galley *owner;
};

static struct pair pair_open(struct fixture *f) {
  struct pair pair = {.f = f, .plain = *f, .owner = hand_open(f, 0)};
  snprintf(pair.plain.path, sizeof pair.plain.path, "%s/plain.db", f->dir);
  pair.plain.q = fixture_open_at(f, pair.plain.path, GALLEY_OPEN_CREATE);
  return pair;
}

static void pair_close(struct pair *pair) {
  galley_close(pair->owner);
  galley_close(pair->plain.q);
}

static const char *text_of(size_t len, char letter) {
  static char text[2048];
  assert_true(len < sizeof text);
  memset(text, letter, len);
  text[len] = '\0';
  return text;
}

static const char *json_of(size_t len) {
  static char json[2048];
  snprintf(json, sizeof json, "\"%s\"", text_of(len - 2, 'j'));
  return json;
}

/* Does it the ordinary way in the other one, and beside a gate that is held in ours: the same must
 * come of it, and by the way that is expected. */
static void compare(struct pair *pair, const struct galley_spec *spec, bool handed) {
  struct fixture *f = pair->f, *plain = &pair->plain;
  struct hand_owner owner = {.f = f, .q = pair->owner, .spec = spec};
  int64_t id = -1, before = hand_number(f);
  enum galley_rc rc = galley_enqueue(plain->q, spec, &id, NULL);
  hand_hold(f->q);
  hand_begin(&owner, f);
  HAND_AWAIT(handed ? sqlite_slots_waiting(hand_slots(f->q)) == 1 : hand_is_queued(f->q));
  assert_int_equal(atomic_load(&hand_slots(f->q)->posted), handed);
  if (handed) {
    work_enqueue(f->q, "taker");
    work_enqueue(plain->q, "taker");
  }
  hand_let_go(f->q);
  hand_end(&owner);
  assert_int_equal(hand_number(f) != before, handed);
  assert_int_equal(owner.rc, rc);
  assert_int_equal(owner.id, id);
  hand_nothing_is_left(f->q);
  if (rc != GALLEY_OK) {
    assert_string_equal(owner.sentence, galley_errmsg(plain->q));
    return;
  }
  char *ours = row_of(f, id), *theirs = row_of(plain, id);
  assert_string_equal(ours, theirs);
  free(ours);
  free(theirs);
}

static void a_job_that_is_handed_over_is_as_any_other(void **state) {
  struct fixture *f = *state;
  struct pair pair = pair_open(f);
  const struct galley_spec specs[] = {
      {.kind = "work", .priority = -1},
      {.kind = "work"},
      {.kind = "work", .priority = GALLEY_PRIORITY_MAX},
      {.kind = "work", .payload = "{\"a\":[1,2.5,null,\"\\u0000 \xc3\xa4\xe2\x82\xac\"]}"},
      {.kind = "work", .payload = "null", .unique_key = "key \xf0\x9f\x94\x91"},
      {.kind = "work", .payload = " 0 ", .max_attempts = 1},
      {.kind = "work", .delay_ms = 1, .max_attempts = GALLEY_ATTEMPTS_MAX},
      {.kind = "work", .delay_ms = 315360000000, .timeout_ms = 1},
      {.kind = "work", .run_at_ms = f->now_ms, .delay_ms = 5},
      {.kind = "work", .run_at_ms = f->now_ms + 1, .timeout_ms = 604800000},
      {.kind = "work", .run_at_ms = 253402300799999, .priority = 7},
      {.kind = "a.b_c-9", .payload = "{}", .unique_key = text_of(GALLEY_KEY_MAX, 'k')},
  };
  for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++)
    compare(&pair, &specs[i], true);
  pair_close(&pair);
}

static void what_is_not_valid_is_not_handed_over(void **state) {
  struct fixture *f = *state;
  struct pair pair = pair_open(f);
  static const struct galley_spec specs[] = {
      {.kind = NULL},
      {.kind = ""},
      {.kind = "Work"},
      {.kind = "work", .payload = "{"},
      {.kind = "work", .payload = ""},
      {.kind = "work", .payload = "{'a':1}"},
      {.kind = "work", .payload = "\"\xff\""},
      {.kind = "work", .unique_key = ""},
      {.kind = "work", .priority = -2},
      {.kind = "work", .max_attempts = GALLEY_ATTEMPTS_MAX + 1},
      {.kind = "work", .timeout_ms = -1},
      {.kind = "work", .delay_ms = -1},
      {.kind = "work", .run_at_ms = 253402300800000},
      {.kind = "work", .parent_id = 4711},
      {.kind = "write"},
      {.kind = "write", .payload = "{\"topic_id\":1}"},
      {.kind = "collect", .payload = "{\"feed_id\":1}"},
      {.kind = "publish", .payload = "[]"},
  };
  for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++)
    compare(&pair, &specs[i], false);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs"), 0);
  pair_close(&pair);
}

static void a_job_that_refers_to_rows_is_not_handed_over(void **state) {
  struct fixture *f = *state;
  struct pair pair = pair_open(f);
  int64_t topic_id = fixture_topic(f, "topic"), parent_id = work_enqueue(f->q, "parent");
  assert_int_equal(fixture_topic(&pair.plain, "topic"), topic_id);
  assert_int_equal(work_enqueue(pair.plain.q, "parent"), parent_id);
  char payload[64];
  snprintf(payload, sizeof payload, "{\"topic_id\":%" PRId64 "}", topic_id);
  const struct galley_spec specs[] = {
      {.kind = "work", .parent_id = parent_id},
      {.kind = "write", .payload = payload},
      {.kind = "research"},
  };
  for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++)
    compare(&pair, &specs[i], false);
  pair_close(&pair);
}

static void a_job_that_does_not_fit_in_a_slot_is_not_handed_over(void **state) {
  struct fixture *f = *state;
  struct pair pair = pair_open(f);
  const struct galley_spec small = {.kind = "work", .payload = json_of(500)};
  struct hand_owner owner = {.f = f, .q = pair.owner, .spec = &small};
  hand_hold(f->q);
  hand_over(&owner, f->q);
  size_t most = 500 + SQLITE_SLOTS_MAX - hand_slots(f->q)->all[0].size;
  hand_let_go(f->q);
  hand_ok(&owner);
  work_add(pair.plain.q, &small);
  const struct galley_spec fits = {.kind = "work", .payload = json_of(most)};
  compare(&pair, &fits, true);
  for (size_t len = most + 1; len < most + 100; len += 40) { /* 24 more fit in handover.c's */
    const struct galley_spec large = {.kind = "work", .payload = json_of(len)};
    compare(&pair, &large, false);
  }
  pair_close(&pair);
}

/* ---- a unique key ---- */

static void of_those_who_hand_over_one_key_one_makes_the_job(void **state) {
  struct fixture *f = *state;
  const struct galley_spec keyed = {.kind = "work", .unique_key = "one"};
  struct hand_owner owners[CROWD];
  int made = 0;
  hand_hold(f->q);
  for (int i = 0; i < CROWD; i++) {
    owners[i] = (struct hand_owner){.f = f, .spec = &keyed};
    hand_over(&owners[i], f->q);
  }
  int64_t id;
  bool existing;
  fixture_ok(f->q, galley_enqueue(f->q, &keyed, &id, &existing));
  assert_true(existing); /* the taker's own job comes last */
  for (int i = 0; i < CROWD; i++) {
    hand_ok(&owners[i]);
    assert_int_equal(owners[i].id, id);
    made += !owners[i].existing;
  }
  assert_int_equal(made, 1);
  assert_int_equal(hand_jobs(f, "work"), 1);
  assert_true(hand_number(f) > 0);
}

#define KEYS   300
#define RACERS 3

struct race {
  struct fixture *f;
  pthread_barrier_t barrier;
  _Atomic int failures;
  int64_t ids[RACERS][KEYS];
  bool made[RACERS][KEYS];
};

struct racer {
  struct race *race;
  int me;
};

static void *race_for_keys(void *arg) {
  const struct racer *racer = arg;
  struct race *race = racer->race;
  struct galley *q = fixture_open(race->f, 0);
  for (int i = 0; i < KEYS; i++) {
    char key[16];
    bool existing;
    snprintf(key, sizeof key, "key %d", i);
    const struct galley_spec spec = {.kind = "work", .unique_key = key};
    pthread_barrier_wait(&race->barrier);
    if (galley_enqueue(q, &spec, &race->ids[racer->me][i], &existing) != GALLEY_OK)
      atomic_fetch_add(&race->failures, 1);
    race->made[racer->me][i] = !existing;
  }
  galley_close(q);
  return NULL;
}

static void of_those_who_race_for_a_key_one_makes_the_job(void **state) {
  static struct race race;
  struct racer racers[RACERS];
  pthread_t threads[RACERS];
  race.f = *state;
  assert_int_equal(pthread_barrier_init(&race.barrier, NULL, RACERS), 0);
  for (int i = 0; i < RACERS; i++) {
    racers[i] = (struct racer){.race = &race, .me = i};
    assert_int_equal(pthread_create(&threads[i], NULL, race_for_keys, &racers[i]), 0);
  }
  for (int i = 0; i < RACERS; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  pthread_barrier_destroy(&race.barrier);
  assert_int_equal(atomic_load(&race.failures), 0);
  for (int i = 0; i < KEYS; i++) {
    int made = 0;
    for (int me = 0; me < RACERS; me++) {
      assert_int_equal(race.ids[me][i], race.ids[0][i]);
      made += race.made[me][i];
    }
    assert_int_equal(made, 1);
  }
  assert_int_equal(hand_jobs(race.f, "work"), KEYS);
  hand_nothing_is_left(race.f->q);
}

/* ---- what is refused ---- */

static void refuse_bad(struct fixture *f, const char *how) {
  char sql[256];
  snprintf(sql, sizeof sql,
           "DROP TRIGGER IF EXISTS no_bad; CREATE TRIGGER no_bad BEFORE INSERT ON jobs "
           "WHEN new.kind='bad' BEGIN SELECT RAISE(%s,'no bad ones'); END",
           how);
  fixture_sql(f, sql);
}

static void a_job_that_is_refused_fails_its_owner_alone(void **state) {
  struct fixture *f = *state;
  static const char *const ways[] = {"ABORT", "FAIL", "ROLLBACK"};
  const struct galley_spec good = {.kind = "good"}, bad = {.kind = "bad"};
  for (int way = 0; way < 3; way++) {
    struct hand_owner owners[CROWD];
    int refused = CROWD - 1 - way;
    refuse_bad(f, ways[way]);
    hand_hold(f->q);
    for (int i = 0; i < CROWD; i++) {
      owners[i] = (struct hand_owner){.f = f, .spec = i == refused ? &bad : &good};
      hand_over(&owners[i], f->q);
    }
    work_enqueue(f->q, "taker");
    hand_fails(&owners[refused], GALLEY_INVALID, "no bad ones");
    for (int i = 0; i < CROWD; i++) {
      if (i == refused)
        continue;
      hand_ok(&owners[i]);
      struct galley_job *job = work_get(f->q, owners[i].id);
      assert_string_equal(job->kind, "good");
      galley_free(job);
    }
    assert_int_equal(hand_jobs(f, "bad"), 0);
    assert_int_equal(hand_jobs(f, "good"), (CROWD - 1) * (way + 1));
    assert_int_equal(hand_jobs(f, "taker"), way + 1);
    assert_true(way > 0 || hand_number(f) == 0); /* all were taken, and each did his own */
    hand_nothing_is_left(f->q);
  }
}

static void a_taker_whose_own_job_is_refused_fails_nobody_else(void **state) {
  struct fixture *f = *state;
  static const char *const ways[] = {"ABORT", "FAIL", "ROLLBACK"};
  const struct galley_spec bad = {.kind = "bad"};
  for (int way = 0; way < 3; way++) {
    struct hand_owner owners[CROWD];
    int64_t id = -1;
    refuse_bad(f, ways[way]);
    hand_hold(f->q);
    for (int i = 0; i < CROWD; i++) {
      owners[i] = (struct hand_owner){.f = f};
      hand_over(&owners[i], f->q);
    }
    fixture_fails(f->q, galley_enqueue(f->q, &bad, &id, NULL), GALLEY_INVALID, "no bad ones");
    for (int i = 0; i < CROWD; i++)
      hand_ok(&owners[i]);
    assert_int_equal(hand_jobs(f, "work"), CROWD * (way + 1));
    assert_int_equal(hand_jobs(f, "bad"), 0);
    hand_nothing_is_left(f->q);
  }
}

/* ---- those who take ---- */

static enum galley_rc save_nothing(struct galley *q, void *arg, const char **result) {
  (void)q;
  (void)arg;
  (void)result;
  return GALLEY_OK;
}

/* What is saved may take long, and others would wait for it. */
static void a_turn_takes_what_was_handed_over_unless_it_saves(void **state) {
  struct fixture *f = *state;
  struct galley *worker = fixture_open(f, 0);
  int64_t worker_id = work_join(worker);
  for (int saves = 0; saves < 2; saves++) {
    struct galley_job *job = work_start(worker, worker_id, "job");
    struct galley_settlement settlement = {.job_id = job->id,
                                           .fence = job->fence,
                                           .outcome = GALLEY_DONE,
                                           .save = saves ? save_nothing : NULL};
    struct hand_owner owner = {.f = f};
    int64_t before = hand_number(f);
    hand_hold(worker);
    hand_over(&owner, worker);
    fixture_ok(worker, work_settle(worker, &settlement));
    hand_ok(&owner);
    assert_int_equal(hand_number(f) == before, saves);
    work_state(worker, owner.id, "ready");
    work_state(worker, job->id, "done");
    galley_free(job);
  }
  galley_close(worker);
}

static void who_may_not_wait_for_long_hands_nothing_over(void **state) {
  struct fixture *f = *state;
  struct galley *q;
  const struct galley_options options = {.env = &f->env, .busy_timeout_ms = 999};
  enum galley_rc rc = galley_open(&q, f->path, &options);
  fixture_ok(q, rc);
  struct hand_owner owner = {.f = f, .q = q};
  hand_hold(f->q);
  hand_begin(&owner, f);
  HAND_AWAIT(hand_is_queued(f->q));
  hand_nothing_is_left(f->q);
  hand_let_go(f->q);
  hand_ok(&owner);
  galley_close(q);
}

/* Who writes a batch, or in a transaction of his own making, takes nothing. */
static void what_nobody_takes_its_owner_does_in_his_turn(void **state) {
  struct fixture *f = *state;
  const struct galley_spec specs[] = {{.kind = "batch"}, {.kind = "batch"}};
  struct hand_owner owner = {.f = f};
  hand_hold(f->q);
  hand_over(&owner, f->q);
  fixture_ok(f->q, galley_enqueue_many(f->q, specs, 2, NULL, NULL));
  hand_ok(&owner);
  fixture_ok(f->q, galley_begin(f->q));
  owner = (struct hand_owner){.f = f};
  hand_over(&owner, f->q);
  work_enqueue(f->q, "work");
  hand_clock_move(&owner.clock, 10);
  HAND_AWAIT(hand_is_queued(f->q)); /* he waits no longer for a taker */
  hand_nothing_is_left(f->q);
  fixture_ok(f->q, galley_commit(f->q));
  hand_ok(&owner);
  assert_int_equal(hand_number(f), 0);
  assert_int_equal(hand_jobs(f, "work"), 3);
}

static void who_finds_all_slots_taken_waits_at_the_gate(void **state) {
  struct fixture *f = *state;
  struct sqlite_slot *mine[SQLITE_SLOTS_N];
  const struct sqlite_slots_file nowhere = {1, 1};
  struct hand_owner owner = {.f = f};
  unsigned hint = 0;
  for (int i = 0; i < SQLITE_SLOTS_N; i++)
    mine[i] = sqlite_slots_post(hand_slots(f->q), &hint, &nowhere, false, "", 0);
  hand_hold(f->q);
  hand_begin(&owner, f);
  HAND_AWAIT(hand_is_queued(f->q));
  hand_let_go(f->q);
  hand_ok(&owner);
  for (int i = 0; i < SQLITE_SLOTS_N; i++)
    assert_true(sqlite_slots_leave(hand_slots(f->q), mine[i], SLOT_POSTED, SLOT_FREE));
  assert_int_equal(hand_jobs(f, "work"), 1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_job_that_is_handed_over_is_as_any_other),
      TEST(what_is_not_valid_is_not_handed_over),
      TEST(a_job_that_refers_to_rows_is_not_handed_over),
      TEST(a_job_that_does_not_fit_in_a_slot_is_not_handed_over),
      TEST(of_those_who_hand_over_one_key_one_makes_the_job),
      TEST(of_those_who_race_for_a_key_one_makes_the_job),
      TEST(a_job_that_is_refused_fails_its_owner_alone),
      TEST(a_taker_whose_own_job_is_refused_fails_nobody_else),
      TEST(a_turn_takes_what_was_handed_over_unless_it_saves),
      TEST(who_may_not_wait_for_long_hands_nothing_over),
      TEST(what_nobody_takes_its_owner_does_in_his_turn),
      TEST(who_finds_all_slots_taken_waits_at_the_gate),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
