/* The table of moves beside the drawing of a job's life, and the names beside the database's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "state.h"

#include <stdio.h>
#include <string.h>

/* The drawing, line by line: "from to". */
static const char *const drawn[] = {
    /* blocked joins the line of those that wait, by its time */
    "blocked ready", "blocked scheduled",
    /* a time comes, or is not there yet (a plain INSERT with a time to come) */
    "scheduled ready", "ready scheduled",
    /* claim */
    "ready running",
    /* the ways out of an attempt */
    "running done", "running dead", "running cancelled", "running scheduled", "running ready",
    /* cancel */
    "blocked cancelled", "scheduled cancelled", "ready cancelled",
    /* retry by a person */
    "dead ready", "cancelled ready"};

static bool is_drawn(enum state from, enum state to) {
  char move[64];
  snprintf(move, sizeof move, "%s %s", state_name(from), state_name(to));
  for (size_t i = 0; i < sizeof drawn / sizeof drawn[0]; i++)
    if (strcmp(drawn[i], move) == 0)
      return true;
  return false;
}

static void a_move_is_allowed_when_it_is_drawn_and_never_else(void **state) {
  size_t allowed = 0;
  (void)state;
  for (int from = 0; from < STATE_COUNT; from++)
    for (int to = 0; to < STATE_COUNT; to++) {
      bool may = state_may_move((enum state)from, (enum state)to);
      if (may != is_drawn((enum state)from, (enum state)to))
        fail_msg("%s to %s: the table says %s", state_name((enum state)from),
                 state_name((enum state)to), may ? "yes" : "no");
      allowed += may;
    }
  assert_int_equal(allowed, sizeof drawn / sizeof drawn[0]);
}

static void no_way_leads_out_of_done(void **state) {
  (void)state;
  for (int to = 0; to < STATE_COUNT; to++)
    assert_false(state_may_move(STATE_DONE, (enum state)to));
}

static void done_dead_and_cancelled_are_the_ends(void **state) {
  (void)state;
  for (int i = 0; i < STATE_COUNT; i++)
    assert_int_equal(state_ended((enum state)i),
                     i == STATE_DONE || i == STATE_DEAD || i == STATE_CANCELLED);
}

static void each_name_finds_its_state_and_no_other_word_does(void **state) {
  static const char *const words[] = {"", "Ready", "ready ", "finished", "run", "deadly"};
  (void)state;
  for (int i = 0; i < STATE_COUNT; i++)
    assert_int_equal(state_find(state_name((enum state)i)), i);
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    assert_int_equal(state_find(words[i]), STATE_COUNT);
}

static void the_database_takes_each_name(void **state) {
  struct fixture *f = *state;
  char sql[256];
  for (int i = 0; i < STATE_COUNT; i++) {
    snprintf(sql, sizeof sql,
             "INSERT INTO jobs(kind,state,worker_id,lease_mono_ns,finished_at_ms) "
             "VALUES('a','%s',1,1,1)",
             state_name((enum state)i));
    fixture_sql(f, sql);
  }
  assert_int_equal(fixture_number(f, "SELECT count(DISTINCT state) FROM jobs"), STATE_COUNT);
}

/* The names in the CHECK, counted: one that only the database knows would be met by no code. */
static void the_database_takes_no_other_name(void **state) {
  struct fixture *f = *state;
  fixture_refused(f, "INSERT INTO jobs(kind,state) VALUES('a','Ready')", "state_is_known");
  fixture_refused(f, "INSERT INTO jobs(kind,state) VALUES('a','')", "state_is_known");
  fixture_refused(f, "INSERT INTO jobs(kind,state) VALUES('a','finished')", "state_is_known");
  char *check = fixture_text(f, "SELECT substr(sql,instr(sql,'CHECK(state = ')) FROM sqlite_schema "
                                "WHERE name='jobs'");
  int names = 0;
  for (const char *p = check; *p && *p != ')'; p++)
    names += *p == '\'';
  galley_free(check);
  assert_int_equal(names, 2 * STATE_COUNT);
}

/* An attempt that is not there cannot run, and an end without a time is none. */
static void a_state_comes_with_what_it_needs(void **state) {
  struct fixture *f = *state;
  fixture_refused(f, "INSERT INTO jobs(kind,state) VALUES('a','running')", "running_has_a_worker");
  fixture_refused(f, "INSERT INTO jobs(kind,state) VALUES('a','done')", "ended_has_a_time");
  fixture_refused(f, "INSERT INTO jobs(kind,attempt) VALUES('a',5)", "waiting_has_attempts_left");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_move_is_allowed_when_it_is_drawn_and_never_else),
      cmocka_unit_test(no_way_leads_out_of_done),
      cmocka_unit_test(done_dead_and_cancelled_are_the_ends),
      cmocka_unit_test(each_name_finds_its_state_and_no_other_word_does),
      cmocka_unit_test_setup_teardown(the_database_takes_each_name, fixture_set_up,
                                      fixture_tear_down),
      cmocka_unit_test_setup_teardown(the_database_takes_no_other_name, fixture_set_up,
                                      fixture_tear_down),
      cmocka_unit_test_setup_teardown(a_state_comes_with_what_it_needs, fixture_set_up,
                                      fixture_tear_down),
  };
  return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
