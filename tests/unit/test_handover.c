/* Enqueues that are handed over to whoever holds the gate, by handles and processes as users have
 * them; takers that stop or die are played on the page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "handle.h"
#include "sqlite_db.h"
#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LONG_MS 60000
#define BUSY_MS 2000 /* the busy time-out of owners */
#define BOOT_NS 1000000000
#define LOOKS   60000 /* one a millisecond: for a state that must come */
#define MS      INT64_C(1000000)
#define CROWD   4

/* Until it is so, which it must become. */
#define AWAIT(condition)                                                                           \
  do {                                                                                             \
    int looks = 0;                                                                                 \
    for (; !(condition) && looks < LOOKS; looks++)                                                 \
      usleep(1000);                                                                                \
    assert_true(looks < LOOKS);                                                                    \
  } while (0)

#if defined(__SANITIZE_THREAD__)
/* That of gcc 12 does not know that pthread_mutex_timedlock holds what it has from a dead one. */
const char *__tsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void) {
  return "mutex:sqlite_gate_leave";
}
#endif

/* ---- time ---- */

/* A thread may have a clock that stands still until the test moves it, so that no wait of it ends
 * by itself. It is that of a machine that has just started: whatever it sleeps until is long past.
 * `at_read` is called, once, as it is read for the `reads`th time from now; `total` counts. */
struct clock {
  _Atomic int64_t ns;
  _Atomic int reads, total;
  void (*at_read)(void *arg);
  void *arg;
};

static _Thread_local struct clock *own_clock;

/* In the place of the C library's, for galley alone: its symbol is hidden. */
int clock_gettime(clockid_t id, struct timespec *out) {
  struct clock *clock = own_clock;
  if (id != CLOCK_MONOTONIC || !clock)
    return (int)syscall(SYS_clock_gettime, id, out);
  if (atomic_load(&clock->reads) > 0 && atomic_fetch_sub(&clock->reads, 1) == 1)
    clock->at_read(clock->arg);
  atomic_fetch_add(&clock->total, 1);
  usleep(20); /* whoever waits for it to move lets others run */
  int64_t ns = atomic_load(&clock->ns);
  *out = (struct timespec){.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
  return 0;
}

/* Its thread looks at it again and again. */
static void clock_is_watched(struct clock *clock) {
  int before = atomic_load(&clock->total);
  AWAIT(atomic_load(&clock->total) > before + 50);
}

static void clock_move(struct clock *clock, int64_t ms) {
  atomic_fetch_add(&clock->ns, ms * MS);
}

/* ---- who takes, and who hands over ---- */

static struct sqlite_db *db_of(struct galley *q) {
  return sqlite_db_of(q->db);
}

static struct sqlite_slots *slots_of(struct galley *q) {
  sqlite_share_open(db_of(q));
  assert_non_null(db_of(q)->page);
  return &db_of(q)->page->slots;
}

/* The gate, by this handle: its next transaction goes on with it, and leaves it. */
static void hold(struct galley *q) {
  sqlite_share_enter(db_of(q), LONG_MS, false);
  assert_true(db_of(q)->gate_held);
}

static void let_go(struct galley *q) {
  sqlite_share_leave(db_of(q));
}

/* Somebody stands at the head of the gate's queue. */
static bool is_queued(struct galley *q) {
  pthread_mutex_t *heir = &db_of(q)->page->gate.heir;
  int code = pthread_mutex_trylock(heir);
  if (code == 0)
    pthread_mutex_unlock(heir);
  return code == EBUSY;
}

static void nothing_is_left(struct galley *q) {
  struct sqlite_slots *slots = slots_of(q);
  for (int i = 0; i < SQLITE_SLOTS_N; i++)
    assert_int_equal(sqlite_slot_state(&slots->all[i]), SLOT_FREE);
  assert_int_equal(atomic_load(&slots->posted), 0);
}

/* A thread with a handle of its own, or this one, that enqueues one job under a clock that stands
 * still. */
struct owner {
  struct fixture *f;
  struct galley *q;
  unsigned flags;
  const struct galley_spec *spec; /* NULL: a job of kind "work" */
  struct clock clock;
  pthread_t thread;
  _Atomic bool ended;
  enum galley_rc rc;
  int64_t id;
  bool existing;
  char sentence[512];
};

static struct galley *open_owner(struct fixture *f, unsigned flags) {
  struct galley *q;
  const struct galley_options options = {
      .flags = flags, .env = &f->env, .busy_timeout_ms = BUSY_MS};
  enum galley_rc rc = galley_open(&q, f->path, &options);
  fixture_ok(q, rc);
  return q;
}

static void *own(void *arg) {
  static const struct galley_spec work = {.kind = "work", .priority = -1};
  struct owner *owner = arg;
  struct galley *q = owner->q;
  if (!q)
    q = open_owner(owner->f, owner->flags);
  own_clock = &owner->clock;
  owner->rc = galley_enqueue(q, owner->spec ? owner->spec : &work, &owner->id, &owner->existing);
  own_clock = NULL;
  snprintf(owner->sentence, sizeof owner->sentence, "%s", galley_errmsg(q));
  if (!owner->q)
    galley_close(q);
  atomic_store(&owner->ended, true);
  return NULL;
}

static void owner_begin(struct owner *owner, struct fixture *f) {
  owner->f = f;
  owner->id = -1;
  atomic_store(&owner->clock.ns, BOOT_NS);
  assert_int_equal(pthread_create(&owner->thread, NULL, own, owner), 0);
}

static void owner_end(struct owner *owner) {
  assert_int_equal(pthread_join(owner->thread, NULL), 0);
}

static void owner_ok(struct owner *owner) {
  owner_end(owner);
  if (owner->rc != GALLEY_OK)
    fail_msg("%s: %s", galley_rc_name(owner->rc), owner->sentence);
  assert_true(owner->id > 0);
}

static void owner_fails(struct owner *owner, enum galley_rc rc, const char *words) {
  owner_end(owner);
  if (owner->rc != rc || !strstr(owner->sentence, words))
    fail_msg("%s: %s", galley_rc_name(owner->rc), owner->sentence);
  assert_int_equal(owner->id, -1);
}

/* An owner who has handed over, while q holds the gate; the others before him have. */
static void owner_posts(struct owner *owner, struct galley *q) {
  int before = sqlite_slots_waiting(slots_of(q));
  owner_begin(owner, owner->f);
  AWAIT(sqlite_slots_waiting(slots_of(q)) == before + 1);
}

static int64_t jobs(struct fixture *f, const char *kind) {
  char sql[128];
  snprintf(sql, sizeof sql, "SELECT count(*) FROM jobs WHERE kind='%s'", kind);
  return fixture_number(f, sql);
}

/* That of the last transaction which took something; 0: none has. */
static int64_t number(struct fixture *f) {
  return fixture_number(f, "SELECT coalesce(max(number),0) FROM handovers");
}

static struct sqlite_slot *take(struct galley *q, struct sqlite_slots_batch *batch) {
  *batch = (struct sqlite_slots_batch){.number = 0};
  struct sqlite_slot *slot = sqlite_slots_take(slots_of(q), batch, &db_of(q)->handed.file);
  assert_non_null(slot);
  return slot;
}

static sqlite3 *raw_open(struct fixture *f) {
  sqlite3 *h;
  assert_int_equal(sqlite3_open(f->path, &h), SQLITE_OK);
  return h;
}

static void raw_run(sqlite3 *h, const char *sql) {
  if (sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(h));
}

/* What a transaction of a played taker commits: its number, and a job. The job's id. */
static int64_t raw_commit(sqlite3 *h, const char *kind, uint64_t batch) {
  char sql[160];
  snprintf(sql, sizeof sql,
           "BEGIN IMMEDIATE; INSERT OR REPLACE INTO handovers VALUES(0,%" PRIu64 ");"
           "INSERT INTO jobs(kind) VALUES('%s'); COMMIT",
           batch, kind);
  raw_run(h, sql);
  return sqlite3_last_insert_rowid(h);
}

static int64_t commit_by_hand(struct fixture *f, const char *kind, uint64_t batch) {
  sqlite3 *h = raw_open(f);
  int64_t id = raw_commit(h, kind, batch);
  sqlite3_close(h);
  return id;
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
  struct pair pair = {.f = f, .plain = *f, .owner = open_owner(f, 0)};
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
  struct owner owner = {.f = f, .q = pair->owner, .spec = spec};
  int64_t id = -1, before = number(f);
  enum galley_rc rc = galley_enqueue(plain->q, spec, &id, NULL);
  hold(f->q);
  owner_begin(&owner, f);
  AWAIT(handed ? sqlite_slots_waiting(slots_of(f->q)) == 1 : is_queued(f->q));
  assert_int_equal(atomic_load(&slots_of(f->q)->posted), handed);
  if (handed) {
    work_enqueue(f->q, "taker");
    work_enqueue(plain->q, "taker");
  }
  let_go(f->q);
  owner_end(&owner);
  assert_int_equal(number(f) != before, handed);
  assert_int_equal(owner.rc, rc);
  assert_int_equal(owner.id, id);
  nothing_is_left(f->q);
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
  struct owner owner = {.f = f, .q = pair.owner, .spec = &small};
  hold(f->q);
  owner_posts(&owner, f->q);
  size_t most = 500 + SQLITE_SLOTS_MAX - slots_of(f->q)->all[0].size;
  let_go(f->q);
  owner_ok(&owner);
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
  struct owner owners[CROWD];
  int made = 0;
  hold(f->q);
  for (int i = 0; i < CROWD; i++) {
    owners[i] = (struct owner){.f = f, .spec = &keyed};
    owner_posts(&owners[i], f->q);
  }
  int64_t id;
  bool existing;
  fixture_ok(f->q, galley_enqueue(f->q, &keyed, &id, &existing));
  assert_true(existing); /* the taker's own job comes last */
  for (int i = 0; i < CROWD; i++) {
    owner_ok(&owners[i]);
    assert_int_equal(owners[i].id, id);
    made += !owners[i].existing;
  }
  assert_int_equal(made, 1);
  assert_int_equal(jobs(f, "work"), 1);
  assert_true(number(f) > 0);
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
  assert_int_equal(jobs(race.f, "work"), KEYS);
  nothing_is_left(race.f->q);
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
    struct owner owners[CROWD];
    int refused = CROWD - 1 - way;
    refuse_bad(f, ways[way]);
    hold(f->q);
    for (int i = 0; i < CROWD; i++) {
      owners[i] = (struct owner){.f = f, .spec = i == refused ? &bad : &good};
      owner_posts(&owners[i], f->q);
    }
    work_enqueue(f->q, "taker");
    owner_fails(&owners[refused], GALLEY_INVALID, "no bad ones");
    for (int i = 0; i < CROWD; i++) {
      if (i == refused)
        continue;
      owner_ok(&owners[i]);
      struct galley_job *job = work_get(f->q, owners[i].id);
      assert_string_equal(job->kind, "good");
      galley_free(job);
    }
    assert_int_equal(jobs(f, "bad"), 0);
    assert_int_equal(jobs(f, "good"), (CROWD - 1) * (way + 1));
    assert_int_equal(jobs(f, "taker"), way + 1);
    assert_true(way > 0 || number(f) == 0); /* all were taken, and each did his own */
    nothing_is_left(f->q);
  }
}

static void a_taker_whose_own_job_is_refused_fails_nobody_else(void **state) {
  struct fixture *f = *state;
  static const char *const ways[] = {"ABORT", "FAIL", "ROLLBACK"};
  const struct galley_spec bad = {.kind = "bad"};
  for (int way = 0; way < 3; way++) {
    struct owner owners[CROWD];
    int64_t id = -1;
    refuse_bad(f, ways[way]);
    hold(f->q);
    for (int i = 0; i < CROWD; i++) {
      owners[i] = (struct owner){.f = f};
      owner_posts(&owners[i], f->q);
    }
    fixture_fails(f->q, galley_enqueue(f->q, &bad, &id, NULL), GALLEY_INVALID, "no bad ones");
    for (int i = 0; i < CROWD; i++)
      owner_ok(&owners[i]);
    assert_int_equal(jobs(f, "work"), CROWD * (way + 1));
    assert_int_equal(jobs(f, "bad"), 0);
    nothing_is_left(f->q);
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
    struct owner owner = {.f = f};
    int64_t before = number(f);
    hold(worker);
    owner_posts(&owner, worker);
    fixture_ok(worker, work_settle(worker, &settlement));
    owner_ok(&owner);
    assert_int_equal(number(f) == before, saves);
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
  struct owner owner = {.f = f, .q = q};
  hold(f->q);
  owner_begin(&owner, f);
  AWAIT(is_queued(f->q));
  nothing_is_left(f->q);
  let_go(f->q);
  owner_ok(&owner);
  galley_close(q);
}

/* Who writes a batch, or in a transaction of his own making, takes nothing. */
static void what_nobody_takes_its_owner_does_in_his_turn(void **state) {
  struct fixture *f = *state;
  const struct galley_spec specs[] = {{.kind = "batch"}, {.kind = "batch"}};
  struct owner owner = {.f = f};
  hold(f->q);
  owner_posts(&owner, f->q);
  fixture_ok(f->q, galley_enqueue_many(f->q, specs, 2, NULL, NULL));
  owner_ok(&owner);
  fixture_ok(f->q, galley_begin(f->q));
  owner = (struct owner){.f = f};
  owner_posts(&owner, f->q);
  work_enqueue(f->q, "work");
  clock_move(&owner.clock, 10);
  AWAIT(is_queued(f->q)); /* he waits no longer for a taker */
  nothing_is_left(f->q);
  fixture_ok(f->q, galley_commit(f->q));
  owner_ok(&owner);
  assert_int_equal(number(f), 0);
  assert_int_equal(jobs(f, "work"), 3);
}

static void who_finds_all_slots_taken_waits_at_the_gate(void **state) {
  struct fixture *f = *state;
  struct sqlite_slot *mine[SQLITE_SLOTS_N];
  const struct sqlite_slots_file nowhere = {1, 1};
  struct owner owner = {.f = f};
  unsigned hint = 0;
  for (int i = 0; i < SQLITE_SLOTS_N; i++)
    mine[i] = sqlite_slots_post(slots_of(f->q), &hint, &nowhere, false, "", 0);
  hold(f->q);
  owner_begin(&owner, f);
  AWAIT(is_queued(f->q));
  let_go(f->q);
  owner_ok(&owner);
  for (int i = 0; i < SQLITE_SLOTS_N; i++)
    assert_true(sqlite_slots_leave(slots_of(f->q), mine[i], SLOT_POSTED, SLOT_FREE));
  assert_int_equal(jobs(f, "work"), 1);
}

/* ---- takers that stop ---- */

static void what_is_taken_and_never_answered_is_busy_and_not_there(void **state) {
  struct fixture *f = *state;
  struct sqlite_slots_batch batch;
  struct owner owner = {.f = f};
  hold(f->q);
  owner_posts(&owner, f->q);
  struct sqlite_slot *slot = take(f->q, &batch);
  clock_move(&owner.clock, BUSY_MS - 1);
  clock_is_watched(&owner.clock);
  assert_int_equal(sqlite_slot_state(slot), SLOT_TAKEN);
  clock_move(&owner.clock, 1);
  owner_fails(&owner, GALLEY_BUSY, "another process had its lock for longer than 2000 ms");
  assert_int_equal(sqlite_slot_state(slot), SLOT_LEFT);
  assert_false(sqlite_slots_seal(slots_of(f->q), &batch));
  sqlite_slots_end(slots_of(f->q), &batch, false, false);
  nothing_is_left(f->q);
  let_go(f->q);
  assert_int_equal(jobs(f, "work"), 0);
}

/* A real one, whose clock hears nothing of the time that passes in the middle of his transaction.
 */
struct slow_taker {
  struct fixture *f;
  struct owner *owner;
  struct sqlite_slots *slots;
};

static int64_t slow_now_ms(void *arg) {
  struct slow_taker *slow = arg;
  if (slow->owner && sqlite_slots_orphaned(slow->slots, &db_of(slow->f->q)->handed.file)) {
    clock_move(&slow->owner->clock, BUSY_MS);
    owner_fails(slow->owner, GALLEY_BUSY, "another process had its lock");
    slow->owner = NULL;
  }
  return slow->f->now_ms;
}

static void a_transaction_that_others_gave_up_is_not_committed(void **state) {
  struct fixture *f = *state;
  struct slow_taker slow = {.f = f, .slots = slots_of(f->q)};
  const struct galley_env env = {
      .now_ms = slow_now_ms, .mono_ns = f->env.mono_ns, .random = f->env.random, .arg = &slow};
  struct galley *taker;
  const struct galley_options options = {.env = &env};
  const struct galley_spec spec = {.kind = "taker"};
  struct clock clock = {.ns = BOOT_NS};
  struct owner gone = {.f = f}, next = {.f = f}, later = {.f = f};
  int64_t id;
  enum galley_rc rc = galley_open(&taker, f->path, &options);
  fixture_ok(taker, rc);
  own_clock = &clock;
  hold(taker);
  owner_posts(&gone, taker);
  slow.owner = &gone;
  fixture_fails(taker, galley_enqueue(taker, &spec, &id, NULL), GALLEY_BUSY, "took so long");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM jobs"), 0);
  nothing_is_left(f->q);
  hold(taker);
  owner_posts(&next, taker); /* it takes nothing for a while */
  fixture_ok(taker, galley_enqueue(taker, &spec, &id, NULL));
  owner_ok(&next);
  assert_int_equal(number(f), 0);
  clock_move(&clock, 5001);
  hold(taker);
  owner_posts(&later, taker);
  fixture_ok(taker, galley_enqueue(taker, &spec, &id, NULL));
  owner_ok(&later);
  assert_true(number(f) > 0);
  own_clock = NULL;
  galley_close(taker);
  assert_int_equal(jobs(f, "work"), 2);
}

static void of_what_is_sealed_and_never_answered_the_database_tells(void **state) {
  struct fixture *f = *state;
  for (int committed = 0; committed < 2; committed++) {
    struct sqlite_slots_batch batch;
    const struct galley_spec spec = {.kind = committed ? "there" : "not"};
    struct owner owner = {.f = f, .spec = &spec};
    hold(f->q);
    owner_posts(&owner, f->q);
    struct sqlite_slot *slot = take(f->q, &batch);
    assert_true(sqlite_slots_seal(slots_of(f->q), &batch));
    int64_t id = commit_by_hand(f, "there", batch.number + !committed);
    slot->id = id;
    slot->existing = true;
    clock_move(&owner.clock, BUSY_MS);
    owner_ok(&owner);
    assert_int_equal(owner.id == id, committed);
    assert_int_equal(owner.existing, committed);
    sqlite_slots_end(slots_of(f->q), &batch, committed, false);
    let_go(f->q);
    nothing_is_left(f->q);
  }
  assert_int_equal(jobs(f, "there"), 2); /* one was another's */
  assert_int_equal(jobs(f, "not"), 1);
}

/* The taker is stopped within COMMIT: SQLite's lock is his. */
static void who_stops_within_a_commit_leaves_his_owners_without_an_answer(void **state) {
  struct fixture *f = *state;
  for (int late = 0; late < 2; late++) {
    struct sqlite_slots_batch batch;
    struct owner owner = {.f = f};
    sqlite3 *h = raw_open(f);
    char sql[96];
    hold(f->q);
    owner_posts(&owner, f->q);
    struct sqlite_slot *slot = take(f->q, &batch);
    assert_true(sqlite_slots_seal(slots_of(f->q), &batch));
    slot->id = 4711;
    snprintf(sql, sizeof sql,
             "BEGIN IMMEDIATE; INSERT OR REPLACE INTO handovers VALUES(0,%" PRIu64 ")",
             batch.number);
    raw_run(h, sql);
    clock_move(&owner.clock, (1 + late) * BUSY_MS);
    if (!late)
      clock_is_watched(&owner.clock);
    else
      owner_fails(&owner, GALLEY_IO, "not known whether it was done");
    raw_run(h, "COMMIT");
    sqlite3_close(h);
    if (!late)
      owner_ok(&owner);
    assert_true(late || owner.id == 4711);
    sqlite_slots_end(slots_of(f->q), &batch, true, false);
    let_go(f->q);
    nothing_is_left(f->q);
  }
}

static void what_is_never_taken_is_done_without_the_gate_when_the_time_is_over(void **state) {
  struct fixture *f = *state;
  struct galley *q = open_owner(f, 0);
  struct owner owner = {.f = f, .q = q};
  hold(f->q);
  owner_posts(&owner, f->q);
  clock_move(&owner.clock, 5);
  AWAIT(is_queued(f->q));
  nothing_is_left(f->q);
  clock_move(&owner.clock, BUSY_MS);
  owner_ok(&owner);
  assert_true(db_of(f->q)->gate_held);
  assert_true(db_of(q)->gate_pass_by_ns > 0); /* and is not waited for again */
  let_go(f->q);
  assert_int_equal(jobs(f, "work"), 1);
  owner = (struct owner){.f = f};
  hold(f->q);
  owner_posts(&owner, f->q);
  clock_move(&owner.clock, BUSY_MS); /* in one step: he has no time left for the queue */
  owner_ok(&owner);
  nothing_is_left(f->q);
  let_go(f->q);
  assert_int_equal(jobs(f, "work"), 2);
  galley_close(q);
}

/* ---- takers that die ---- */

/* A process that holds the gate, takes two messages as it gets a byte, and seals them or not. */
struct taker {
  pid_t pid;
  int to, from;
};

static void take_two(struct fixture *f, int in, int out, bool seal) {
  char path[128], byte = 't';
  struct sqlite_gate_visits visits = {.in_a_row = 0};
  struct sqlite_slots_batch batch = {.number = 0};
  snprintf(path, sizeof path, "%s-galley", f->path);
  int fd = open(path, O_RDWR | O_CLOEXEC);
  struct sqlite_page *page = sqlite_page_map(fd);
  if (!page || !sqlite_gate_enter(&page->gate, &visits, LONG_MS, false) ||
      write(out, &byte, 1) != 1 || read(in, &byte, 1) != 1)
    _exit(1);
  for (int i = 0; i < 2; i++)
    if (!sqlite_slots_take(&page->slots, &batch, &db_of(f->q)->handed.file))
      _exit(2);
  if (seal && !sqlite_slots_seal(&page->slots, &batch))
    _exit(3);
  if (write(out, &byte, 1) == 1)
    pause();
  _exit(4);
}

static void say(int fd) {
  assert_int_equal(write(fd, "x", 1), 1);
}

static void hear(int fd) {
  char byte;
  assert_int_equal(read(fd, &byte, 1), 1);
}

static struct taker taker_start(struct fixture *f, bool seal) {
  int to[2], from[2];
  slots_of(f->q);
  assert_int_equal(pipe(to) | pipe(from), 0);
  struct taker taker = {.pid = fork(), .to = to[1], .from = from[0]};
  assert_true(taker.pid >= 0);
  if (taker.pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    take_two(f, to[0], from[1], seal);
  }
  close(to[0]);
  close(from[1]);
  hear(taker.from);
  return taker;
}

static void taker_dies(struct taker *taker) {
  int status;
  assert_int_equal(kill(taker->pid, SIGKILL), 0);
  assert_int_equal(waitpid(taker->pid, &status, 0), taker->pid);
  assert_true(WIFSIGNALED(status));
  close(taker->to);
  close(taker->from);
}

static void what_a_dead_taker_has_not_committed_is_done_once(void **state) {
  struct fixture *f = *state;
  for (int turn = 0; turn < 4; turn++) {
    struct taker taker = taker_start(f, turn % 2);
    struct owner owners[2];
    for (int i = 0; i < 2; i++) {
      owners[i] = (struct owner){.f = f};
      owner_posts(&owners[i], f->q);
    }
    say(taker.to);
    hear(taker.from);
    taker_dies(&taker);
    if (turn > 1)
      work_enqueue(f->q, "next");
    owner_ok(&owners[0]);
    owner_ok(&owners[1]);
    assert_int_not_equal(owners[0].id, owners[1].id);
    assert_int_equal(jobs(f, "work"), 2 * (turn + 1));
    nothing_is_left(f->q);
  }
}

static void what_a_dead_taker_has_committed_is_told(void **state) {
  struct fixture *f = *state;
  for (int turn = 0; turn < 2; turn++) {
    struct taker taker = taker_start(f, true);
    struct owner owners[2];
    struct sqlite_slot *all = slots_of(f->q)->all;
    for (int i = 0; i < 2; i++) {
      owners[i] = (struct owner){.f = f};
      owner_posts(&owners[i], f->q);
    }
    say(taker.to);
    hear(taker.from);
    for (int i = 0; i < 2; i++) {
      assert_int_equal(sqlite_slot_state(&all[i]), SLOT_SEALED);
      all[i].id = commit_by_hand(f, "work", all[i].batch);
    }
    int64_t ids = all[0].id + all[1].id;
    taker_dies(&taker);
    if (turn > 0)
      work_enqueue(f->q, "next");
    owner_ok(&owners[0]);
    owner_ok(&owners[1]);
    assert_int_not_equal(owners[0].id, owners[1].id);
    assert_int_equal(owners[0].id + owners[1].id, ids);
    assert_int_equal(jobs(f, "work"), 2 * (turn + 1));
    nothing_is_left(f->q);
  }
}

/* A process whose clock stands still: it is killed while its job waits for a taker. */
static void what_a_dead_owner_has_handed_over_is_not_done(void **state) {
  struct fixture *f = *state;
  int to[2];
  galley_close(f->q); /* a handle is not carried over fork() */
  assert_int_equal(pipe(to), 0);
  struct taker owner = {.pid = fork(), .to = to[1], .from = to[0]};
  assert_true(owner.pid >= 0);
  if (owner.pid == 0) {
    struct owner self = {.f = f, .clock = {.ns = BOOT_NS}};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    hear(to[0]);
    own(&self);
    _exit(1);
  }
  f->q = fixture_open(f, 0);
  hold(f->q);
  say(owner.to);
  AWAIT(sqlite_slots_waiting(slots_of(f->q)) == 1);
  taker_dies(&owner);
  work_enqueue(f->q, "taker");
  assert_int_equal(jobs(f, "work"), 0);
  assert_int_equal(number(f), 0);
  nothing_is_left(f->q);
}

/* ---- at every instant ---- */

/* How often a commit was to be made durable. */
static uint64_t syncs_of(struct galley *q) {
  slots_of(q);
  return atomic_load(&db_of(q)->page->sync.numbers);
}

enum way { DONE, DURABLE, NOT_DURABLE, NO_SYNC, ROLLED_BACK, REFUSED, N_WAYS };

/* How a played taker ends, within the owner's thread: as it reads its clock. */
struct ending {
  struct sqlite_slots *slots;
  struct sqlite_slots_batch batch;
  enum way way;
};

static void end(void *arg) {
  struct ending *ending = arg;
  struct sqlite_slots *slots = ending->slots;
  enum way way = ending->way;
  ending->batch.refused = way == REFUSED;
  sqlite_slots_end(slots, &ending->batch, way < ROLLED_BACK, way != DONE);
  sqlite_slots_wake(slots, &ending->batch);
  if (way == DURABLE || way == NOT_DURABLE)
    sqlite_slots_synced(slots, &ending->batch, way == DURABLE);
  sqlite_slots_wake(slots, &ending->batch);
}

#define INSTANTS 12 /* more than a look of an owner has readings of the clock */

static void an_owner_hears_the_answer_at_whatever_instant_it_comes(void **state) {
  struct fixture *f = *state;
  struct galley *q = open_owner(f, GALLEY_OPEN_FULL);
  static const int syncs[N_WAYS] = {
      [DONE] = 1, [NOT_DURABLE] = 1, [NO_SYNC] = 1, [ROLLED_BACK] = 1, [REFUSED] = 1};
  for (enum way way = DONE; way < N_WAYS; way++) {
    for (int instant = 1; instant <= INSTANTS; instant++) {
      struct ending ending = {.slots = slots_of(f->q), .way = way};
      struct owner owner = {.f = f, .q = q, .clock = {.at_read = end, .arg = &ending}};
      uint64_t before = syncs_of(f->q);
      hold(f->q);
      owner_posts(&owner, f->q);
      struct sqlite_slot *slot = take(f->q, &ending.batch);
      slot->id = 4711;
      assert_true(sqlite_slots_seal(ending.slots, &ending.batch));
      atomic_store(&owner.clock.reads, instant);
      AWAIT(atomic_load(&owner.clock.reads) == 0);
      if (way >= ROLLED_BACK)
        let_go(f->q);
      for (int looks = 0; way == NO_SYNC && !atomic_load(&owner.ended) && looks < LOOKS; looks++) {
        clock_move(&owner.clock, 100);
        usleep(1000);
      }
      owner_ok(&owner);
      assert_int_equal(owner.id == 4711, way < ROLLED_BACK);
      assert_int_equal(syncs_of(f->q) - before, syncs[way]);
      let_go(f->q);
      nothing_is_left(f->q);
    }
  }
  assert_int_equal(jobs(f, "work"), 2 * INSTANTS);
  galley_close(q);
}

/* ---- durability full ---- */

static void full_owners_of_a_full_taker_share_his_sync(void **state) {
  struct fixture *f = *state;
  struct galley *taker = fixture_open(f, GALLEY_OPEN_FULL);
  struct owner owners[CROWD];
  hold(taker);
  for (int i = 0; i < CROWD; i++) {
    owners[i] = (struct owner){.f = f, .flags = i == 0 ? 0 : GALLEY_OPEN_FULL};
    owner_posts(&owners[i], taker);
  }
  uint64_t before = syncs_of(taker);
  work_enqueue(taker, "taker");
  for (int i = 0; i < CROWD; i++)
    owner_ok(&owners[i]);
  assert_int_equal(syncs_of(taker), before + 1);
  assert_int_equal(jobs(f, "work"), CROWD);
  nothing_is_left(f->q);
  galley_close(taker);
}

static void a_full_owner_of_a_normal_taker_syncs_by_himself(void **state) {
  struct fixture *f = *state;
  struct owner owners[2] = {{.f = f, .flags = GALLEY_OPEN_FULL}, {.f = f}};
  hold(f->q);
  owner_posts(&owners[0], f->q);
  owner_posts(&owners[1], f->q);
  uint64_t before = syncs_of(f->q);
  work_enqueue(f->q, "taker");
  owner_ok(&owners[0]);
  owner_ok(&owners[1]);
  assert_int_equal(syncs_of(f->q), before + 1);
  assert_true(number(f) > 0);
}

/* That an earlier answer was durable says nothing of one that the database gave. */
static void what_the_database_tells_a_full_owner_is_synced(void **state) {
  struct fixture *f = *state;
  struct galley *q = open_owner(f, GALLEY_OPEN_FULL);
  for (int turn = 0; turn < 2; turn++) {
    struct ending ending = {.slots = slots_of(f->q), .way = DURABLE};
    struct owner owner = {.f = f, .q = q};
    hold(f->q);
    owner_posts(&owner, f->q);
    struct sqlite_slot *slot = take(f->q, &ending.batch);
    assert_true(sqlite_slots_seal(ending.slots, &ending.batch));
    slot->id = commit_by_hand(f, "work", ending.batch.number);
    uint64_t before = syncs_of(f->q);
    if (turn == 0)
      end(&ending);
    else
      clock_move(&owner.clock, BUSY_MS);
    owner_ok(&owner);
    assert_int_equal(syncs_of(f->q) - before, turn);
    end(&ending);
    let_go(f->q);
    nothing_is_left(f->q);
  }
  galley_close(q);
}

/* Others hand over and get their answers all the time. */
static void who_waits_for_a_sync_that_never_ends_syncs_by_himself(void **state) {
  struct fixture *f = *state;
  struct sqlite_slots_batch batch;
  struct owner owner = {.f = f, .flags = GALLEY_OPEN_FULL};
  hold(f->q);
  owner_posts(&owner, f->q);
  struct sqlite_slot *slot = take(f->q, &batch);
  slot->id = 4711;
  assert_true(sqlite_slots_seal(slots_of(f->q), &batch));
  uint64_t before = syncs_of(f->q);
  sqlite_slots_end(slots_of(f->q), &batch, true, true);
  let_go(f->q);
  for (int looks = 0; !atomic_load(&owner.ended) && looks < LOOKS; looks++) {
    struct sqlite_slots_batch others = {.wake = UINT32_MAX};
    sqlite_slots_wake(slots_of(f->q), &others);
    clock_move(&owner.clock, 1);
    usleep(1000);
  }
  owner_ok(&owner);
  assert_int_equal(owner.id, 4711);
  assert_int_equal(syncs_of(f->q), before + 1);
  nothing_is_left(f->q);
}

/* The xSync of logs that are patched: the n-th call of it is answered by `sync(n)`. */
static struct {
  sqlite3_io_methods methods;
  int (*sync)(int n);
  _Atomic int calls;
} patch;

static int patched_sync(sqlite3_file *file, int flags) {
  (void)file;
  (void)flags;
  return patch.sync(atomic_fetch_add(&patch.calls, 1));
}

static void patch_log(struct galley *q, int (*sync)(int n)) {
  sqlite3_file *log;
  work_enqueue(q, "first"); /* opens it */
  assert_int_equal(sqlite3_file_control(db_of(q)->h, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log),
                   SQLITE_OK);
  patch.sync = sync;
  atomic_store(&patch.calls, 0);
  patch.methods = *log->pMethods;
  patch.methods.xSync = patched_sync;
  log->pMethods = &patch.methods;
}

static int failing_sync(int n) {
  (void)n;
  return SQLITE_IOERR_FSYNC;
}

static void a_failed_sync_fails_all_who_rely_on_it(void **state) {
  struct fixture *f = *state;
  struct galley *taker = fixture_open(f, GALLEY_OPEN_FULL);
  const struct galley_spec spec = {.kind = "taker"};
  struct owner owners[] = {{.f = f, .flags = GALLEY_OPEN_FULL}, {.f = f}}, late = owners[0],
               normal = owners[1];
  int64_t id = -1;
  patch_log(taker, failing_sync);
  hold(taker);
  owner_posts(&owners[0], taker);
  owner_posts(&owners[1], taker);
  fixture_fails(taker, galley_enqueue(taker, &spec, &id, NULL), GALLEY_IO, "did not confirm");
  owner_fails(&owners[0], GALLEY_IO, "did not confirm");
  owner_ok(&owners[1]);
  assert_int_equal(jobs(f, "work"), 2); /* it can be seen, as the sentence says */
  hold(f->q); /* from now on a full one fails before anything is written */
  owner_begin(&late, f);
  AWAIT(is_queued(f->q));
  assert_int_equal(sqlite_slots_waiting(slots_of(f->q)), 0);
  let_go(f->q);
  owner_fails(&late, GALLEY_IO, "galley checkpoint");
  assert_int_equal(jobs(f, "work"), 2);
  hold(f->q);
  owner_posts(&normal, f->q);
  work_enqueue(f->q, "taker");
  owner_ok(&normal);
  nothing_is_left(f->q);
  galley_close(taker);
}

static _Atomic int64_t *syncing_ns;
static struct owner second;
static _Atomic int go_on;

/* During the first sync another process commits; its own takes until it may go on. */
static int overlapping_sync(int n) {
  int64_t first = atomic_load(syncing_ns);
  if (n == 0) {
    owner_begin(&second, second.f);
    while (atomic_load(syncing_ns) == first)
      usleep(1000);
  } else {
    while (!atomic_load(&go_on))
      usleep(1000);
  }
  return SQLITE_OK;
}

static void a_sync_that_another_has_begun_goes_on_after_ours(void **state) {
  struct fixture *f = *state;
  struct galley *q = fixture_open(f, GALLEY_OPEN_FULL), *other = open_owner(f, GALLEY_OPEN_FULL);
  syncing_ns = &slots_of(q)->syncing_ns;
  second = (struct owner){.f = f, .q = other};
  patch_log(other, overlapping_sync);
  patch_log(q, overlapping_sync);
  atomic_store(&go_on, 0);
  work_enqueue(q, "work");
  assert_true(atomic_load(syncing_ns) != 0);
  atomic_store(&go_on, 1);
  owner_ok(&second);
  assert_true(atomic_load(syncing_ns) == 0);
  galley_close(other);
  galley_close(q);
}

/* ---- which database ---- */

static void unlink_database(struct fixture *f) {
  char path[128];
  for (size_t i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s%s", f->path, (const char *[]){"", "-wal", "-shm"}[i]);
    assert_int_equal(unlink(path), 0);
  }
}

/* Handles of a database that was deleted, and of the one that was made in its place: they have one
 * page. */
struct two {
  struct galley *old, *other_old, *new, *other_new;
};

static struct two two_open(struct fixture *f) {
  struct two two = {.old = f->q, .other_old = fixture_open(f, 0)};
  work_enqueue(two.old, "old");
  work_enqueue(two.other_old, "old");
  unlink_database(f);
  two.new = fixture_open(f, GALLEY_OPEN_CREATE);
  two.other_new = fixture_open(f, 0);
  work_enqueue(two.new, "new");
  work_enqueue(two.other_new, "new");
  atomic_fetch_add(&slots_of(two.old)->turn, 4711);
  assert_int_equal(atomic_load(&slots_of(two.new)->turn), atomic_load(&slots_of(two.old)->turn));
  return two;
}

static const struct galley_spec old_job = {.kind = "old"}, new_job = {.kind = "new"};

static void two_close(struct two *two) {
  galley_close(two->other_old);
  galley_close(two->new);
  galley_close(two->other_new);
}

static void expect_jobs(struct two *two, int64_t old, int64_t new) {
  assert_int_equal(work_count(two->old, "old", "ready"), old);
  assert_int_equal(work_count(two->old, "new", "ready"), 0);
  assert_int_equal(work_count(two->new, "new", "ready"), new);
  assert_int_equal(work_count(two->new, "old", "ready"), 0);
}

static void a_job_is_never_handed_over_to_another_database(void **state) {
  struct fixture *f = *state;
  struct two two = two_open(f);
  struct owner owner = {.f = f, .q = two.other_old, .spec = &old_job};
  hold(two.new);
  owner_posts(&owner, two.new);
  work_enqueue(two.new, "new");
  owner_ok(&owner);
  expect_jobs(&two, 3, 3);
  owner = (struct owner){.f = f, .q = two.other_new, .spec = &new_job};
  hold(two.old);
  owner_posts(&owner, two.old);
  work_enqueue(two.old, "old");
  owner_ok(&owner);
  expect_jobs(&two, 4, 4);
  owner = (struct owner){.f = f, .q = two.other_old, .spec = &old_job};
  hold(two.old);
  owner_posts(&owner, two.old);
  work_enqueue(two.old, "old");
  owner_ok(&owner);
  expect_jobs(&two, 6, 4);
  nothing_is_left(two.new);
  two_close(&two);
}

/* He died after the commit; whoever is next at the gate knows only his own database. */
static void a_dead_taker_of_another_database_is_left_to_his_own(void **state) {
  struct fixture *f = *state;
  sqlite3 *h = raw_open(f);
  raw_run(h, "SELECT * FROM jobs"); /* of the old one, from now on */
  struct two two = two_open(f);
  struct owner owner = {.f = f, .q = two.other_old, .spec = &old_job};
  struct sqlite_slots_batch batch;
  hold(two.new);
  owner_posts(&owner, two.new);
  struct sqlite_slot *slot = take(two.old, &batch);
  assert_true(sqlite_slots_seal(slots_of(two.old), &batch));
  int64_t id = slot->id = raw_commit(h, "old", batch.number);
  sqlite3_close(h);
  work_enqueue(two.new, "new");
  owner_ok(&owner);
  assert_int_equal(owner.id, id);
  expect_jobs(&two, 3, 3);
  nothing_is_left(two.new);
  two_close(&two);
}

struct loop {
  struct galley *q;
  const char *kind;
  _Atomic int failures;
};

static void *enqueue_often(void *arg) {
  struct loop *loop = arg;
  const struct galley_spec spec = {.kind = loop->kind};
  for (int i = 0; i < 300; i++) {
    int64_t id;
    if (galley_enqueue(loop->q, &spec, &id, NULL) != GALLEY_OK)
      atomic_fetch_add(&loop->failures, 1);
  }
  return NULL;
}

static void databases_that_share_a_page_share_no_jobs(void **state) {
  struct two two = two_open(*state);
  struct loop loops[] = {{.q = two.old, .kind = "old"},
                         {.q = two.other_old, .kind = "old"},
                         {.q = two.new, .kind = "new"},
                         {.q = two.other_new, .kind = "new"}};
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, enqueue_often, &loops[i]), 0);
  for (int i = 0; i < 4; i++) {
    assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&loops[i].failures), 0);
  }
  expect_jobs(&two, 602, 602);
  nothing_is_left(two.new);
  two_close(&two);
}

/* ---- all at once ---- */

#define PRODUCERS     4
#define MEMBERS       (PRODUCERS + 1) /* and a worker */
#define JOBS          500             /* of each producer, at most */
#define ACKS_PER_KILL 25
#define SLOTS         8

/* Between the processes; a killed one leaves it consistent, since each word stands alone. */
struct ledger {
  int n; /* jobs of each producer */
  unsigned flags[MEMBERS];
  _Atomic int told; /* jobs in all */
  _Atomic bool done[PRODUCERS], stop;
  _Atomic int64_t ids[PRODUCERS][JOBS]; /* as they were told; 0: not yet */
};

static void payload_of(int me, int i, char out[64]) {
  snprintf(out, 64, "{\"p\":%d,\"i\":%d}", me, i);
}

static void die(struct galley *q, const char *doing, enum galley_rc rc) {
  fprintf(stderr, "%s: %s: %s\n", doing, galley_rc_name(rc), galley_errmsg(q));
  _exit(9);
}

/* Goes on where one who was killed was. */
static void produce(struct fixture *f, struct ledger *ledger, int me) {
  struct galley *q = fixture_open(f, ledger->flags[me]);
  for (int i = 0; i < ledger->n; i++) {
    char payload[64];
    const struct galley_spec spec = {.kind = "work", .payload = payload};
    int64_t id;
    if (atomic_load(&ledger->ids[me][i]) != 0)
      continue;
    payload_of(me, i, payload);
    enum galley_rc rc = galley_enqueue(q, &spec, &id, NULL);
    if (rc != GALLEY_OK)
      die(q, "enqueue", rc);
    atomic_store(&ledger->ids[me][i], id);
    atomic_fetch_add(&ledger->told, 1);
  }
  atomic_store(&ledger->done[me], true);
  galley_close(q);
  _exit(0);
}

/* Settles in each turn what it has claimed in the one before. */
static void work(struct fixture *f, struct ledger *ledger) {
  static const char *const kinds[] = {"work"};
  struct galley *q = fixture_open(f, ledger->flags[PRODUCERS]);
  struct galley_settlement settlements[SLOTS];
  struct galley_job *jobs[SLOTS];
  struct galley_turn turn = {.kinds = kinds,
                             .n_kinds = 1,
                             .max_jobs = SLOTS,
                             .lease_ms = LONG_MS,
                             .settlements = settlements,
                             .jobs = jobs};
  enum galley_rc rc = galley_worker_join(q, "[\"work\"]", SLOTS, &turn.worker_id);
  if (rc == GALLEY_OK)
    rc = galley_recover(q, NULL);
  while (rc == GALLEY_OK && (turn.n_settlements > 0 || !atomic_load(&ledger->stop))) {
    turn.max_jobs = atomic_load(&ledger->stop) ? 0 : SLOTS;
    rc = galley_turn(q, &turn);
    for (size_t i = 0; rc == GALLEY_OK && i < turn.n_jobs; i++) {
      settlements[i] = (struct galley_settlement){
          .job_id = jobs[i]->id, .fence = jobs[i]->fence, .outcome = GALLEY_DONE};
      galley_free(jobs[i]);
    }
    turn.n_settlements = turn.n_jobs;
    if (turn.n_jobs == 0)
      usleep(1000);
  }
  if (rc == GALLEY_OK)
    rc = galley_worker_leave(q, turn.worker_id);
  if (rc != GALLEY_OK)
    die(q, "work", rc);
  galley_close(q);
  _exit(0);
}

static pid_t member_start(struct fixture *f, struct ledger *ledger, int member) {
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid != 0)
    return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (member < PRODUCERS)
    produce(f, ledger, member);
  work(f, ledger);
  _exit(8);
}

/* Whether one was. */
static bool kill_one(struct fixture *f, struct ledger *ledger, pid_t *pids, uint32_t *seed) {
  int status;
  *seed = *seed * 1664525u + 1013904223u;
  int member = (int)((*seed >> 8) % MEMBERS);
  if (member < PRODUCERS && atomic_load(&ledger->done[member]))
    return false;
  assert_int_equal(kill(pids[member], SIGKILL), 0);
  assert_int_equal(waitpid(pids[member], &status, 0), pids[member]);
  assert_true(WIFSIGNALED(status) || status == 0); /* it may just have gone by itself */
  pids[member] = member_start(f, ledger, member);
  return true;
}

static bool all_done(struct ledger *ledger) {
  int done = 0;
  for (int i = 0; i < PRODUCERS; i++)
    done += atomic_load(&ledger->done[i]);
  return done == PRODUCERS;
}

/* How many were killed, each after so many acknowledged jobs. */
static int run_all(struct fixture *f, struct ledger *ledger) {
  pid_t pids[MEMBERS];
  uint32_t seed = 1;
  int kills = 0, last = 0;
  for (int i = 0; i < MEMBERS; i++)
    pids[i] = member_start(f, ledger, i);
  for (int quiet = 0, told = 0; !all_done(ledger); usleep(1000)) {
    int now = atomic_load(&ledger->told);
    quiet = now == told ? quiet + 1 : 0;
    told = now;
    if (quiet > LOOKS)
      fail_msg("nothing was acknowledged for %d looks", LOOKS);
    if (now - last < ACKS_PER_KILL)
      continue;
    last = now;
    kills += kill_one(f, ledger, pids, &seed);
  }
  atomic_store(&ledger->stop, true);
  for (int i = 0, status; i < MEMBERS; i++) {
    assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
    assert_int_equal(status, 0);
  }
  return kills;
}

static void each_job_is_there_once(void **state, int n, const unsigned *flags) {
  struct fixture *f = *state;
  struct ledger *ledger =
      mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(ledger, MAP_FAILED);
  ledger->n = n;
  memcpy(ledger->flags, flags, sizeof ledger->flags);
  galley_close(f->q); /* a handle is not carried over fork() */
  f->q = NULL;
  int kills = run_all(f, ledger);
  f->q = fixture_open(f, 0);
  for (int me = 0; me < PRODUCERS; me++) {
    for (int i = 0; i < ledger->n; i++) {
      char payload[64];
      payload_of(me, i, payload);
      struct galley_job *job = work_get(f->q, atomic_load(&ledger->ids[me][i]));
      assert_string_equal(job->payload, payload);
      galley_free(job);
    }
  }
  assert_true(kills > 0);
  assert_in_range(fixture_number(f, "SELECT count(*) FROM jobs"), PRODUCERS * ledger->n,
                  PRODUCERS * ledger->n + kills);
  assert_true(number(f) > 0);
  fixture_check(f->q);
  munmap(ledger, sizeof *ledger);
}

static void each_job_is_there_once_whoever_is_killed(void **state) {
  static const unsigned flags[MEMBERS] = {0};
  each_job_is_there_once(state, JOBS, flags);
}

static void each_job_is_there_once_whoever_is_killed_when_all_are_full(void **state) {
  static const unsigned flags[MEMBERS] = {GALLEY_OPEN_FULL, GALLEY_OPEN_FULL, GALLEY_OPEN_FULL,
                                          GALLEY_OPEN_FULL, GALLEY_OPEN_FULL};
  each_job_is_there_once(state, JOBS / 2, flags);
}

static void each_job_is_there_once_whoever_is_killed_when_some_are_full(void **state) {
  static const unsigned flags[MEMBERS] = {GALLEY_OPEN_FULL, 0, GALLEY_OPEN_FULL, 0, 0};
  each_job_is_there_once(state, JOBS / 2, flags);
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
      TEST(what_is_taken_and_never_answered_is_busy_and_not_there),
      TEST(a_transaction_that_others_gave_up_is_not_committed),
      TEST(of_what_is_sealed_and_never_answered_the_database_tells),
      TEST(who_stops_within_a_commit_leaves_his_owners_without_an_answer),
      TEST(what_is_never_taken_is_done_without_the_gate_when_the_time_is_over),
      TEST(what_a_dead_taker_has_not_committed_is_done_once),
      TEST(what_a_dead_taker_has_committed_is_told),
      TEST(what_a_dead_owner_has_handed_over_is_not_done),
      TEST(an_owner_hears_the_answer_at_whatever_instant_it_comes),
      TEST(full_owners_of_a_full_taker_share_his_sync),
      TEST(a_full_owner_of_a_normal_taker_syncs_by_himself),
      TEST(what_the_database_tells_a_full_owner_is_synced),
      TEST(who_waits_for_a_sync_that_never_ends_syncs_by_himself),
      TEST(a_failed_sync_fails_all_who_rely_on_it),
      TEST(a_sync_that_another_has_begun_goes_on_after_ours),
      TEST(a_job_is_never_handed_over_to_another_database),
      TEST(a_dead_taker_of_another_database_is_left_to_his_own),
      TEST(databases_that_share_a_page_share_no_jobs),
      TEST(each_job_is_there_once_whoever_is_killed),
      TEST(each_job_is_there_once_whoever_is_killed_when_all_are_full),
      TEST(each_job_is_there_once_whoever_is_killed_when_some_are_full),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
