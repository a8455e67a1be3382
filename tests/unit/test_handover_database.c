/* Enqueues that are handed over beside another database that has the same page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "hand.h"
#include "work.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* In the place of the C library's, for galley alone: its symbol is hidden. */
int clock_gettime(clockid_t id, struct timespec *out) {
  return hand_clock_gettime(id, out);
}

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
  atomic_fetch_add(&hand_slots(two.old)->turn, 4711);
  assert_int_equal(atomic_load(&hand_slots(two.new)->turn),
                   atomic_load(&hand_slots(two.old)->turn));
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
  struct hand_owner owner = {.f = f, .q = two.other_old, .spec = &old_job};
  hand_hold(two.new);
  hand_over(&owner, two.new);
  work_enqueue(two.new, "new");
  hand_ok(&owner);
  expect_jobs(&two, 3, 3);
  owner = (struct hand_owner){.f = f, .q = two.other_new, .spec = &new_job};
  hand_hold(two.old);
  hand_over(&owner, two.old);
  work_enqueue(two.old, "old");
  hand_ok(&owner);
  expect_jobs(&two, 4, 4);
  owner = (struct hand_owner){.f = f, .q = two.other_old, .spec = &old_job};
  hand_hold(two.old);
  hand_over(&owner, two.old);
  work_enqueue(two.old, "old");
  hand_ok(&owner);
  expect_jobs(&two, 6, 4);
  hand_nothing_is_left(two.new);
  two_close(&two);
}

/* He died after the commit; whoever is next at the gate knows only his own database. */
static void a_dead_taker_of_another_database_is_left_to_his_own(void **state) {
  struct fixture *f = *state;
  sqlite3 *h = hand_raw_open(f);
  hand_raw_run(h, "SELECT * FROM jobs"); /* of the old one, from now on */
  struct two two = two_open(f);
  struct hand_owner owner = {.f = f, .q = two.other_old, .spec = &old_job};
  struct sqlite_slots_batch batch;
  hand_hold(two.new);
  hand_over(&owner, two.new);
  struct sqlite_slot *slot = hand_take(two.old, &batch);
  assert_true(sqlite_slots_seal(hand_slots(two.old), &batch));
  int64_t id = slot->id = hand_raw_commit(h, "old", batch.number);
  sqlite3_close(h);
  work_enqueue(two.new, "new");
  hand_ok(&owner);
  assert_int_equal(owner.id, id);
  expect_jobs(&two, 3, 3);
  hand_nothing_is_left(two.new);
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
  hand_nothing_is_left(two.new);
  two_close(&two);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_job_is_never_handed_over_to_another_database),
      TEST(a_dead_taker_of_another_database_is_left_to_his_own),
      TEST(databases_that_share_a_page_share_no_jobs),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
