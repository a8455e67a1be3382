/* The event loop: when callbacks run, and what they may do to their own watcher. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_MAX 64

/* Everything that happened, as letters in order. */
struct record {
  struct loop *loop;
  char events[EVENTS_MAX];
  size_t n;
  int count;
  int status;
  int64_t started_ms;
  struct loop_timer timer, other;
  struct loop_io io;
  struct loop_signal sig;
  struct loop_child child, other_child;
  struct loop_turn turn;
  struct loop_timer guard; /* ends a test whose event never comes */
  int fds[2];
};

static void note(struct record *record, char event) {
  assert_true(record->n + 1 < EVENTS_MAX);
  record->events[record->n++] = event;
}

static void guard_fired(struct loop_timer *timer) {
  struct record *record = timer->owner;
  note(record, '!');
  loop_stop(timer->loop);
}

static int set_up(void **state) {
  struct record *record = calloc(1, sizeof *record);
  assert_non_null(record);
  record->loop = loop_new();
  assert_non_null(record->loop);
  record->timer.owner = record->other.owner = record->io.owner = record->sig.owner = record;
  record->child.owner = record->other_child.owner = record->turn.owner = record->guard.owner =
      record;
  record->guard.fire = guard_fired;
  assert_true(loop_timer_start(record->loop, &record->guard, 60000));
  assert_int_equal(pipe2(record->fds, O_CLOEXEC | O_NONBLOCK), 0);
  *state = record;
  return 0;
}

static int tear_down(void **state) {
  struct record *record = *state;
  loop_timer_stop(&record->timer);
  loop_timer_stop(&record->other);
  loop_timer_stop(&record->guard);
  loop_io_stop(&record->io);
  loop_signal_stop(&record->sig);
  loop_child_stop(&record->child);
  loop_child_stop(&record->other_child);
  loop_turn_stop(&record->turn);
  loop_free(record->loop);
  close(record->fds[0]);
  close(record->fds[1]);
  free(record);
  return 0;
}

static int64_t mono_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void fired(struct loop_timer *timer) {
  note(timer->owner, 't');
  assert_null(timer->impl);
}

static void fired_last(struct loop_timer *timer) {
  note(timer->owner, 'l');
  assert_null(timer->impl);
  loop_stop(timer->loop);
}

/* ---- timers ---- */

static void timer_start_does_not_fire_before_the_loop_runs(void **state) {
  struct record *record = *state;
  record->timer.fire = fired_last;
  assert_true(loop_timer_start(record->loop, &record->timer, 0));
  assert_int_equal(record->n, 0);
  assert_non_null(record->timer.impl);
  loop_run(record->loop);
  assert_string_equal(record->events, "l");
}

static void timer_waits_its_whole_delay(void **state) {
  struct record *record = *state;
  record->timer.fire = fired_last;
  int64_t start = mono_ms();
  assert_true(loop_timer_start(record->loop, &record->timer, 40));
  loop_run(record->loop);
  assert_true(mono_ms() - start >= 39);
  assert_string_equal(record->events, "l");
}

/* The loop reads the clock once a turn; a callback that took long must not shorten what it starts.
 */
static void fired_then_start_late(struct loop_timer *timer) {
  struct record *record = timer->owner;
  int64_t start = mono_ms();
  while (mono_ms() - start < 60)
    continue;
  record->started_ms = mono_ms();
  assert_true(loop_timer_start(timer->loop, &record->other, 40));
}

static void timer_counts_from_its_start_and_not_from_the_turn(void **state) {
  struct record *record = *state;
  record->timer.fire = fired_then_start_late;
  record->other.fire = fired_last;
  assert_true(loop_timer_start(record->loop, &record->timer, 0));
  loop_run(record->loop);
  assert_true(mono_ms() - record->started_ms >= 39);
}

static void stopped_timer_never_fires(void **state) {
  struct record *record = *state;
  record->timer.fire = fired;
  record->other.fire = fired_last;
  assert_true(loop_timer_start(record->loop, &record->timer, 0));
  assert_true(loop_timer_start(record->loop, &record->other, 20));
  loop_timer_stop(&record->timer);
  assert_null(record->timer.impl);
  loop_timer_stop(&record->timer);
  loop_run(record->loop);
  assert_string_equal(record->events, "l");
}

static void restarted_timer_fires_once_at_the_new_time(void **state) {
  struct record *record = *state;
  record->timer.fire = fired;
  record->other.fire = fired_last;
  assert_true(loop_timer_start(record->loop, &record->timer, 30000));
  void *impl = record->timer.impl;
  assert_true(loop_timer_start(record->loop, &record->timer, 0));
  assert_ptr_equal(record->timer.impl, impl);
  assert_true(loop_timer_start(record->loop, &record->other, 20));
  loop_run(record->loop);
  assert_string_equal(record->events, "tl");
}

static void fired_and_again(struct loop_timer *timer) {
  struct record *record = timer->owner;
  note(record, 't');
  assert_null(timer->impl);
  if (++record->count < 3)
    assert_true(loop_timer_start(timer->loop, timer, record->count == 1 ? 0 : 1));
  else
    loop_stop(timer->loop);
}

static void timer_may_restart_itself(void **state) {
  struct record *record = *state;
  record->timer.fire = fired_and_again;
  assert_true(loop_timer_start(record->loop, &record->timer, 0));
  loop_run(record->loop);
  assert_string_equal(record->events, "ttt");
  assert_null(record->timer.impl);
}

static void fired_and_stop_both(struct loop_timer *timer) {
  struct record *record = timer->owner;
  note(record, 't');
  loop_timer_stop(timer == &record->timer ? &record->other : &record->timer);
  loop_timer_stop(timer);
  loop_stop(timer->loop);
}

/* Both are due in the same turn: the second is already queued when the first stops it. */
static void timer_may_stop_one_that_is_due_in_the_same_turn(void **state) {
  struct record *record = *state;
  record->timer.fire = record->other.fire = fired_and_stop_both;
  assert_true(loop_timer_start(record->loop, &record->timer, 0));
  assert_true(loop_timer_start(record->loop, &record->other, 0));
  loop_run(record->loop);
  assert_string_equal(record->events, "t");
}

static void wall_timer_fires_at_its_time(void **state) {
  struct record *record = *state;
  record->timer.fire = fired_last;
  int64_t due = wall_now_ms() + 40;
  assert_true(loop_timer_start_at(record->loop, &record->timer, due));
  loop_run(record->loop);
  assert_true(wall_now_ms() >= due - 1);
  assert_string_equal(record->events, "l");
}

static void wall_timer_in_the_past_fires_at_once(void **state) {
  struct record *record = *state;
  record->timer.fire = fired_last;
  assert_true(loop_timer_start_at(record->loop, &record->timer, 1000));
  assert_int_equal(record->n, 0);
  loop_run(record->loop);
  assert_string_equal(record->events, "l");
}

static void timer_changes_between_wall_and_monotonic(void **state) {
  struct record *record = *state;
  record->timer.fire = fired_last;
  assert_true(loop_timer_start(record->loop, &record->timer, 0));
  assert_true(loop_timer_start_at(record->loop, &record->timer, wall_now_ms() + 3600000));
  assert_true(loop_timer_start(record->loop, &record->timer, 1));
  loop_run(record->loop);
  assert_string_equal(record->events, "l");
}

/* ---- descriptors ---- */

static void ready_read(struct loop_io *io, unsigned events) {
  struct record *record = io->owner;
  assert_int_equal(events, LOOP_READ);
  char byte = 0;
  assert_int_equal(read(io->fd, &byte, 1), 1);
  note(record, byte);
  loop_io_stop(io);
  loop_stop(io->loop);
}

static void io_tells_that_a_pipe_is_readable(void **state) {
  struct record *record = *state;
  record->io.ready = ready_read;
  assert_true(loop_io_start(record->loop, &record->io, record->fds[0], LOOP_READ));
  assert_int_equal(write(record->fds[1], "x", 1), 1);
  assert_int_equal(record->n, 0);
  loop_run(record->loop);
  assert_string_equal(record->events, "x");
  assert_null(record->io.impl);
}

static void ready_then_switch(struct loop_io *io, unsigned events) {
  struct record *record = io->owner;
  if (io->fd == record->fds[1]) {
    assert_int_equal(events, LOOP_WRITE);
    note(record, 'w');
    assert_int_equal(write(io->fd, "r", 1), 1);
    assert_true(loop_io_start(io->loop, io, record->fds[0], LOOP_READ));
    return;
  }
  ready_read(io, events);
}

static void io_may_restart_itself_on_another_descriptor(void **state) {
  struct record *record = *state;
  record->io.ready = ready_then_switch;
  assert_true(loop_io_start(record->loop, &record->io, record->fds[1], LOOP_WRITE));
  loop_run(record->loop);
  assert_string_equal(record->events, "wr");
}

static void stopped_io_is_silent(void **state) {
  struct record *record = *state;
  record->io.ready = ready_read;
  record->timer.fire = fired_last;
  assert_int_equal(write(record->fds[1], "x", 1), 1);
  assert_true(loop_io_start(record->loop, &record->io, record->fds[0], LOOP_READ));
  loop_io_stop(&record->io);
  assert_true(loop_timer_start(record->loop, &record->timer, 20));
  loop_run(record->loop);
  assert_string_equal(record->events, "l");
}

/* ---- signals and children ---- */

static void caught(struct loop_signal *sig) {
  note(sig->owner, 's');
  loop_signal_stop(sig);
  loop_stop(sig->loop);
}

static void signal_is_delivered_on_the_loop(void **state) {
  struct record *record = *state;
  record->sig.caught = caught;
  assert_true(loop_signal_start(record->loop, &record->sig, SIGUSR1));
  raise(SIGUSR1);
  assert_int_equal(record->n, 0);
  loop_run(record->loop);
  assert_string_equal(record->events, "s");
  assert_null(record->sig.impl);
}

static void ended(struct loop_child *child, int status) {
  struct record *record = child->owner;
  note(record, 'c');
  assert_null(child->impl);
  record->status = status;
  loop_stop(child->loop);
}

static void child_end_tells_its_status(void **state) {
  struct record *record = *state;
  record->child.ended = ended;
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0)
    _exit(42);
  assert_true(loop_child_start(record->loop, &record->child, pid));
  loop_run(record->loop);
  assert_string_equal(record->events, "c");
  assert_true(WIFEXITED(record->status));
  assert_int_equal(WEXITSTATUS(record->status), 42);
}

static void stopped_child_watcher_is_silent(void **state) {
  struct record *record = *state;
  record->child.ended = record->other_child.ended = ended;
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0)
    _exit(0);
  assert_true(loop_child_start(record->loop, &record->child, pid));
  assert_true(loop_child_start(record->loop, &record->other_child, pid));
  loop_child_stop(&record->child);
  loop_run(record->loop);
  assert_string_equal(record->events, "c");
  assert_int_equal(kill(pid, 0), -1); /* reaped */
  assert_int_equal(errno, ESRCH);
}

static void sigpipe_is_ignored_while_the_loop_lives(void **state) {
  struct record *record = *state;
  close(record->fds[0]);
  assert_int_equal(write(record->fds[1], "x", 1), -1);
  assert_int_equal(errno, EPIPE);
  record->fds[0] = -1;
}

/* ---- turns ---- */

static void turn_ended(struct loop_turn *turn) {
  struct record *record = turn->owner;
  note(record, 'e');
}

static void turn_ends_after_the_events_of_the_turn(void **state) {
  struct record *record = *state;
  record->turn.end = turn_ended;
  record->timer.fire = fired;
  record->io.ready = ready_read; /* stops the loop */
  assert_true(loop_turn_start(record->loop, &record->turn));
  assert_true(loop_timer_start(record->loop, &record->timer, 0));
  assert_int_equal(write(record->fds[1], "r", 1), 1);
  assert_true(loop_io_start(record->loop, &record->io, record->fds[0], LOOP_READ));
  loop_run(record->loop);
  /* Descriptor and timer are due in one turn, in whichever order; the turn of the stop ends too. */
  record->events[record->n] = '\0';
  assert_true(strcmp(record->events, "etre") == 0 || strcmp(record->events, "erte") == 0);
}

static void turn_end_that_starts_more(struct loop_turn *turn) {
  struct record *record = turn->owner;
  note(record, 'e');
  if (++record->count <= 4) {
    record->timer.fire = record->count == 4 ? fired_last : fired;
    assert_true(loop_timer_start(turn->loop, &record->timer, 0));
  }
}

static void turn_that_causes_work_is_followed_by_it_without_waiting(void **state) {
  struct record *record = *state;
  record->turn.end = turn_end_that_starts_more;
  assert_true(loop_turn_start(record->loop, &record->turn));
  int64_t start = mono_ms();
  loop_run(record->loop);
  assert_true(mono_ms() - start < 30000); /* the guard is at 60 s, and nothing else would wake it */
  record->events[record->n] = '\0';
  assert_null(strchr(record->events, '!'));
  /* Each timer is followed by the end of its turn. */
  int timers = 0;
  for (size_t i = 0; i < record->n; i++)
    if (record->events[i] != 'e') {
      timers++;
      assert_int_equal(record->events[i + 1], 'e');
    }
  assert_int_equal(timers, 4);
}

static void turn_end_that_stops(struct loop_turn *turn) {
  note(turn->owner, 'e');
  loop_stop(turn->loop);
}

static void turn_may_stop_the_loop(void **state) {
  struct record *record = *state;
  record->turn.end = turn_end_that_stops;
  assert_true(loop_turn_start(record->loop, &record->turn));
  loop_run(record->loop);
  assert_string_equal(record->events, "e");
}

static void stopped_turn_is_silent(void **state) {
  struct record *record = *state;
  record->turn.end = turn_ended;
  record->timer.fire = fired_last;
  assert_true(loop_turn_start(record->loop, &record->turn));
  loop_turn_stop(&record->turn);
  assert_null(record->turn.impl);
  assert_true(loop_timer_start(record->loop, &record->timer, 0));
  loop_run(record->loop);
  assert_string_equal(record->events, "l");
}

static void loop_runs_again_after_a_stop(void **state) {
  struct record *record = *state;
  record->timer.fire = fired_last;
  for (int i = 0; i < 2; i++) {
    assert_true(loop_timer_start(record->loop, &record->timer, 0));
    loop_run(record->loop);
  }
  assert_string_equal(record->events, "ll");
}

static void second_loop_after_the_first_is_freed_works(void **state) {
  struct record *record = *state;
  loop_timer_stop(&record->guard);
  loop_free(record->loop);
  record->loop = loop_new();
  assert_non_null(record->loop);
  child_end_tells_its_status(state);
}

#define LOOP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      LOOP_TEST(timer_start_does_not_fire_before_the_loop_runs),
      LOOP_TEST(timer_waits_its_whole_delay),
      LOOP_TEST(timer_counts_from_its_start_and_not_from_the_turn),
      LOOP_TEST(stopped_timer_never_fires),
      LOOP_TEST(restarted_timer_fires_once_at_the_new_time),
      LOOP_TEST(timer_may_restart_itself),
      LOOP_TEST(timer_may_stop_one_that_is_due_in_the_same_turn),
      LOOP_TEST(wall_timer_fires_at_its_time),
      LOOP_TEST(wall_timer_in_the_past_fires_at_once),
      LOOP_TEST(timer_changes_between_wall_and_monotonic),
      LOOP_TEST(io_tells_that_a_pipe_is_readable),
      LOOP_TEST(io_may_restart_itself_on_another_descriptor),
      LOOP_TEST(stopped_io_is_silent),
      LOOP_TEST(signal_is_delivered_on_the_loop),
      LOOP_TEST(child_end_tells_its_status),
      LOOP_TEST(stopped_child_watcher_is_silent),
      LOOP_TEST(sigpipe_is_ignored_while_the_loop_lives),
      LOOP_TEST(turn_ends_after_the_events_of_the_turn),
      LOOP_TEST(turn_that_causes_work_is_followed_by_it_without_waiting),
      LOOP_TEST(turn_may_stop_the_loop),
      LOOP_TEST(stopped_turn_is_silent),
      LOOP_TEST(loop_runs_again_after_a_stop),
      LOOP_TEST(second_loop_after_the_first_is_freed_works),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
