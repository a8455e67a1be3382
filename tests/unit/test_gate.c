/* The gate in front of the write lock, and the page of memory that it lies in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "env.h"
#include "fixture.h"
#include "handle.h"
#include "sqlite_db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LONG_MS   60000
#define PROCESSES 6
#define ROUNDS    200
#define LOOKS     60000 /* one a millisecond: for a state that must come */

static int side_open(struct fixture *f, int flags) {
  char path[128];
  snprintf(path, sizeof path, "%s-galley", f->path);
  int fd = open(path, flags | O_CREAT | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  return fd;
}

struct user {
  int fd;
  struct sqlite_page *page;
  struct sqlite_gate_visits visits;
};

static bool enter(struct user *user, int wait_ms) {
  return sqlite_gate_enter(&user->page->gate, &user->visits, wait_ms, false);
}

static void leave(struct user *user) {
  sqlite_gate_leave(&user->page->gate, &user->visits);
}

static struct user user_open(struct fixture *f) {
  struct user user = {.fd = side_open(f, O_RDWR)};
  user.page = sqlite_page_map(user.fd);
  assert_non_null(user.page);
  return user;
}

static void user_close(struct user *user) {
  sqlite_page_unmap(user->page, user->fd);
  close(user->fd);
}

/* A process that holds the gate until a byte comes, or it is killed. */
struct holder {
  pid_t pid;
  int to, from;
};

static void hold(struct fixture *f, int in, int out) {
  char byte = 'h';
  struct user user = user_open(f);
  if (!enter(&user, LONG_MS) || write(out, &byte, 1) != 1 || read(in, &byte, 1) != 1)
    _exit(1);
  leave(&user);
  user_close(&user);
  _exit(0);
}

static struct holder holder_start(struct fixture *f) {
  int to[2], from[2];
  char byte;
  assert_int_equal(pipe(to) | pipe(from), 0);
  struct holder holder = {.pid = fork(), .to = to[1], .from = from[0]};
  assert_true(holder.pid >= 0);
  if (holder.pid == 0)
    hold(f, to[0], from[1]);
  close(to[0]);
  close(from[1]);
  assert_int_equal(read(holder.from, &byte, 1), 1);
  return holder;
}

static void holder_end(struct holder *holder, bool kill_it) {
  int status;
  if (kill_it)
    assert_int_equal(kill(holder->pid, SIGKILL), 0);
  else
    assert_int_equal(write(holder->to, "x", 1), 1);
  assert_int_equal(waitpid(holder->pid, &status, 0), holder->pid);
  assert_true(kill_it ? WIFSIGNALED(status) : status == 0);
  close(holder->to);
  close(holder->from);
}

/* ---- the gate ---- */

struct room {
  _Atomic int inside, failures;
};

static void visit(struct fixture *f, struct room *room) {
  struct user user = user_open(f);
  for (int i = 0; i < ROUNDS; i++) {
    if (!enter(&user, LONG_MS))
      atomic_fetch_add(&room->failures, 1);
    else if (atomic_exchange(&room->inside, 1) != 0)
      atomic_fetch_add(&room->failures, 1);
    atomic_store(&room->inside, 0);
    leave(&user);
  }
  user_close(&user);
  _exit(0);
}

static void one_process_is_inside_at_a_time(void **state) {
  struct fixture *f = *state;
  struct room *room =
      mmap(NULL, sizeof *room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(room, MAP_FAILED);
  for (int i = 0; i < PROCESSES; i++)
    if (fork() == 0)
      visit(f, room);
  for (int i = 0, status; i < PROCESSES; i++) {
    assert_true(wait(&status) > 0);
    assert_int_equal(status, 0);
  }
  assert_int_equal(atomic_load(&room->failures), 0);
  munmap(room, sizeof *room);
}

static void *visit_as_a_thread(void *arg) {
  struct user user = user_open(arg);
  static int inside; /* guarded by the gate */
  intptr_t failures = 0;
  for (int i = 0; i < ROUNDS; i++) {
    failures += !enter(&user, LONG_MS);
    failures += __atomic_exchange_n(&inside, 1, __ATOMIC_SEQ_CST) != 0;
    __atomic_store_n(&inside, 0, __ATOMIC_SEQ_CST);
    leave(&user);
  }
  user_close(&user);
  return (void *)failures;
}

static void threads_with_a_handle_each_are_as_processes(void **state) {
  pthread_t threads[2];
  for (int i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, visit_as_a_thread, *state), 0);
  for (int i = 0; i < 2; i++) {
    void *failures;
    assert_int_equal(pthread_join(threads[i], &failures), 0);
    assert_null(failures);
  }
}

static void the_death_of_the_holder_opens_it(void **state) {
  struct user user = user_open(*state);
  struct holder holder = holder_start(*state);
  assert_false(enter(&user, 0));
  holder_end(&holder, true);
  for (int i = 0; i < 2; i++) { /* and it is whole again */
    assert_true(enter(&user, LONG_MS));
    leave(&user);
  }
  user_close(&user);
}

static void nobody_waits_for_longer_than_asked(void **state) {
  struct user user = user_open(*state);
  struct holder holder = holder_start(*state);
  assert_false(enter(&user, 5));
  holder_end(&holder, false);
  user_close(&user);
}

static void a_thread_does_not_wait_for_itself(void **state) {
  struct user one = user_open(*state), two = user_open(*state);
  assert_true(enter(&one, LONG_MS));
  int64_t before = env_system.mono_ns(NULL);
  assert_false(enter(&two, LONG_MS));
  assert_true(env_system.mono_ns(NULL) - before < LONG_MS * INT64_C(1000000));
  leave(&one);
  assert_true(enter(&two, LONG_MS));
  leave(&two);
  user_close(&one);
  user_close(&two);
}

static void *enter_as_a_thread(void *user) {
  return enter(user, LONG_MS) ? user : NULL;
}

static void a_gate_that_another_thread_leaves_is_used_by_nobody(void **state) {
#if defined(__SANITIZE_THREAD__)
  print_message("unlocking another thread's mutex is what the thread sanitizer reports\n");
  skip();
#endif
  struct user user = user_open(*state);
  pthread_t thread;
  void *entered;
  assert_int_equal(pthread_create(&thread, NULL, enter_as_a_thread, &user), 0);
  assert_int_equal(pthread_join(thread, &entered), 0);
  assert_non_null(entered);
  leave(&user);
  assert_false(enter(&user, LONG_MS));
  user_close(&user);
}

/* ---- fair in the end ---- */

/* Another process that waits; its exit status says whether it was let in. */
static pid_t waiter_start(struct fixture *f, bool first) {
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    struct user user = user_open(f);
    bool held = sqlite_gate_enter(&user.page->gate, &user.visits, LONG_MS, first);
    if (held)
      leave(&user);
    user_close(&user);
    _exit(held ? 0 : 1);
  }
  return pid;
}

static void waiter_end(pid_t pid) {
  int status;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_int_equal(status, 0);
}

static void look_until(struct sqlite_gate *gate, bool (*is)(struct sqlite_gate *)) {
  int looks = 0;
  for (; !is(gate) && looks < LOOKS; looks++)
    usleep(1000);
  assert_true(looks < LOOKS);
}

static bool heir_is_due(struct sqlite_gate *gate) {
  int64_t due = atomic_load(&gate->due_ns);
  return due != 0 && due <= env_system.mono_ns(NULL);
}

static bool one_is_in_the_queue(struct sqlite_gate *gate) {
  return atomic_load(&gate->queue) != 0 && pthread_mutex_trylock(&gate->heir) == EBUSY;
}

static void a_waiter_who_has_waited_for_long_is_due_and_let_in(void **state) {
  struct user user = user_open(*state);
  struct holder holder = holder_start(*state);
  pid_t waiter = waiter_start(*state, false);
  look_until(&user.page->gate, heir_is_due);
  holder_end(&holder, false);
  waiter_end(waiter);
  assert_true(atomic_load(&user.page->gate.due_ns) == 0);
  user_close(&user);
}

static void all_who_wait_are_let_in(void **state) {
  struct user user = user_open(*state);
  struct holder holder = holder_start(*state);
  pid_t waiters[PROCESSES];
  for (int i = 0; i < PROCESSES; i++)
    waiters[i] = waiter_start(*state, i % 2);
  look_until(&user.page->gate, heir_is_due);
  look_until(&user.page->gate, one_is_in_the_queue);
  holder_end(&holder, false);
  for (int i = 0; i < PROCESSES; i++)
    waiter_end(waiters[i]);
  user_close(&user);
}

/* Whoever of them is at the head, and whoever is behind it. */
static void the_death_of_waiters_stops_nobody(void **state) {
  struct user user = user_open(*state);
  struct holder holder = holder_start(*state);
  pid_t dead[] = {waiter_start(*state, false), waiter_start(*state, false),
                  waiter_start(*state, true)};
  look_until(&user.page->gate, heir_is_due);
  pid_t last = waiter_start(*state, false);
  for (size_t i = 0; i < sizeof dead / sizeof dead[0]; i++) {
    assert_int_equal(kill(dead[i], SIGKILL), 0);
    assert_int_equal(waitpid(dead[i], NULL, 0), dead[i]);
  }
  holder_end(&holder, false);
  waiter_end(last);
  assert_true(enter(&user, LONG_MS));
  leave(&user);
  user_close(&user);
}

static bool heir_is_gone(struct sqlite_gate *gate) {
  int64_t due = atomic_load(&gate->due_ns);
  return due != 0 && env_system.mono_ns(NULL) - due > 100000000;
}

static void a_stopped_heir_stops_nobody(void **state) {
  struct user user = user_open(*state);
  struct holder holder = holder_start(*state);
  pid_t stopped = waiter_start(*state, false);
  look_until(&user.page->gate, heir_is_due);
  assert_int_equal(kill(stopped, SIGSTOP), 0);
  look_until(&user.page->gate, heir_is_gone);
  pid_t waiters[] = {waiter_start(*state, false), waiter_start(*state, true)};
  look_until(&user.page->gate, one_is_in_the_queue);
  holder_end(&holder, false);
  for (size_t i = 0; i < sizeof waiters / sizeof waiters[0]; i++)
    waiter_end(waiters[i]);
  assert_int_equal(kill(stopped, SIGCONT), 0);
  waiter_end(stopped);
  user_close(&user);
}

static void a_word_that_the_dead_have_left_stops_nobody(void **state) {
  struct user user = user_open(*state);
  struct sqlite_gate *gate = &user.page->gate;
  for (uint32_t word = 1; word <= 2; word++) {
    struct holder holder = holder_start(*state);
    atomic_store(&gate->queue, word);
    atomic_store(&gate->first, word);
    atomic_store(&gate->heir_sleeps, word);
    pid_t waiter = waiter_start(*state, false);
    look_until(gate, heir_is_due);
    holder_end(&holder, false);
    waiter_end(waiter);
    assert_int_equal(atomic_load(&gate->queue), 0);
  }
  user_close(&user);
}

/* An heir is waited for some milliseconds; a test that was held up for longer says nothing. */
static bool newcomer_enters(struct user *user, int64_t due_in_ms) {
  for (int tries = 0; tries < LOOKS; tries++) {
    int64_t before = env_system.mono_ns(NULL);
    atomic_store(&user->page->gate.due_ns, before + due_in_ms * 1000000);
    bool entered = enter(user, 0);
    if (entered)
      leave(user);
    if (env_system.mono_ns(NULL) - before <= 1000000)
      return entered;
  }
  fail_msg("this machine never came back within a millisecond");
  return false;
}

static void newcomers_step_aside_for_an_heir_who_is_due(void **state) {
  struct user user = user_open(*state);
  assert_false(newcomer_enters(&user, 0));
  assert_false(newcomer_enters(&user, -10));
  assert_true(newcomer_enters(&user, 1000));
  user_close(&user);
}

static void an_heir_who_does_not_come_is_not_waited_for(void **state) {
  struct user user = user_open(*state);
  assert_true(newcomer_enters(&user, -10000));
  atomic_store(&user.page->gate.due_ns, env_system.mono_ns(NULL));
  assert_true(enter(&user, LONG_MS)); /* since nobody is there, it is heir itself */
  leave(&user);
  user_close(&user);
}

/* One that has come back at once for often leaves while the heir sleeps; whether it wakes him. An
 * heir is waited for some milliseconds; a test that was held up for longer says nothing. */
static bool leaving_wakes(struct user *user, bool due, bool paused) {
  struct sqlite_gate *gate = &user->page->gate;
  for (int tries = 0; tries < LOOKS; tries++) {
    atomic_store(&gate->due_ns, 0);
    assert_true(enter(user, LONG_MS));
    int64_t now = env_system.mono_ns(NULL);
    atomic_store(&gate->heir_sleeps, 1);
    atomic_store(&gate->due_ns, due ? now : INT64_MAX);
    user->visits.in_a_row = 10;
    if (paused)
      sqlite_gate_pause(&user->visits);
    leave(user);
    bool woken = atomic_exchange(&gate->heir_sleeps, 0) == 0;
    atomic_store(&gate->due_ns, 0);
    if (env_system.mono_ns(NULL) - now <= 10000000)
      return woken;
  }
  fail_msg("this machine never came back within 10 milliseconds");
  return false;
}

/* Else each transaction of a loop would wake one in vain. */
static void who_comes_back_at_once_wakes_the_heir_only_when_he_is_due(void **state) {
  struct user user = user_open(*state);
  assert_false(leaving_wakes(&user, false, false));
  assert_true(leaving_wakes(&user, true, false));
  assert_true(leaving_wakes(&user, false, true));
  user_close(&user);
}

/* ---- the page ---- */

static void scribble(int fd) {
  char junk[SQLITE_PAGE_SIZE];
  memset(junk, 0xa5, sizeof junk);
  assert_int_equal(pwrite(fd, junk, sizeof junk, SQLITE_PAGE_OFFSET), sizeof junk);
}

static void whoever_is_alone_makes_the_page_anew(void **state) {
  struct fixture *f = *state;
  galley_close(f->q); /* which uses it */
  int fd = side_open(f, O_RDWR);
  scribble(fd);
  struct user user = user_open(f);
  assert_true(enter(&user, LONG_MS));
  leave(&user);
  user_close(&user);
  close(fd);
  f->q = fixture_open(f, 0);
}

static void a_page_that_others_have_spoilt_is_not_used(void **state) {
  struct fixture *f = *state;
  struct user user = user_open(f);
  scribble(user.fd);
  int fd = side_open(f, O_RDWR);
  assert_null(sqlite_page_map(fd));
  close(fd);
  user_close(&user);
}

static void a_held_gate_is_free_in_a_copy_of_its_file(void **state) {
  struct fixture *f = *state;
  char path[128], bytes[SQLITE_PAGE_OFFSET + SQLITE_PAGE_SIZE];
  struct user user = user_open(f);
  struct holder holder = holder_start(f);
  assert_int_equal(pread(user.fd, bytes, sizeof bytes, 0), sizeof bytes);
  snprintf(path, sizeof path, "%s/copy", f->dir);
  int fd = open(path, O_RDWR | O_CREAT, 0600);
  assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
  struct sqlite_page *copy = sqlite_page_map(fd);
  assert_non_null(copy);
  struct user other = {.page = copy};
  assert_true(enter(&other, 0));
  leave(&other);
  sqlite_page_unmap(copy, fd);
  close(fd);
  holder_end(&holder, false);
  user_close(&user);
}

static void a_file_for_reading_has_no_page(void **state) {
  int fd = side_open(*state, O_RDONLY);
  assert_null(sqlite_page_map(fd));
  close(fd);
}

static void a_file_that_finds_no_room_has_no_page(void **state) {
  struct fixture *f = *state;
  char path[128];
  struct rlimit kept, small = {.rlim_cur = SQLITE_PAGE_OFFSET};
  snprintf(path, sizeof path, "%s/small", f->dir);
  int fd = open(path, O_RDWR | O_CREAT, 0600);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
  small.rlim_max = kept.rlim_max;
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  struct sqlite_page *page = sqlite_page_map(fd);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &kept), 0);
  signal(SIGXFSZ, SIG_DFL);
  assert_null(page);
  close(fd);
}

/* ---- the queue with and without it ---- */

static void enqueue(struct galley *q) {
  const struct galley_spec spec = {.kind = "work", .priority = -1};
  int64_t id;
  fixture_ok(q, galley_enqueue(q, &spec, &id, NULL));
}

static struct galley *open_impatient(struct fixture *f) {
  struct galley *q;
  const struct galley_options options = {.env = &f->env, .busy_timeout_ms = 20};
  enum galley_rc rc = galley_open(&q, f->path, &options);
  fixture_ok(q, rc);
  return q;
}

static void a_write_holds_the_gate_and_its_end_opens_it(void **state) {
  struct fixture *f = *state;
  struct user user = user_open(f);
  for (int commit = 0; commit < 2; commit++) {
    fixture_ok(f->q, galley_begin(f->q));
    assert_false(enter(&user, 0));
    enqueue(f->q);
    if (commit)
      fixture_ok(f->q, galley_commit(f->q));
    else
      galley_rollback(f->q);
    assert_true(enter(&user, 0));
    leave(&user);
  }
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  assert_true(enter(&user, 0));
  leave(&user);
  user_close(&user);
}

static void a_gate_that_stays_shut_stops_nobody(void **state) {
  struct fixture *f = *state;
  struct holder holder = holder_start(f);
  struct galley *q = open_impatient(f);
  enqueue(q);
  assert_true(sqlite_db_of(q->db)->gate_pass_by_ns > 0); /* and is not waited for again */
  enqueue(q);
  fixture_ok(q, galley_checkpoint(q, NULL));
  holder_end(&holder, false);
  enqueue(q);
  assert_true(sqlite_db_of(q->db)->gate_pass_by_ns == 0);
  galley_close(q);
}

/* A checkpoint waits for less than a write does: that it waited in vain says nothing of the gate.
 */
static void only_the_whole_wait_in_vain_passes_the_gate_by(void **state) {
  struct fixture *f = *state;
  struct galley *q = open_impatient(f);
  struct sqlite_db *db = sqlite_db_of(q->db);
  struct holder holder = holder_start(f);
  assert_int_equal(sqlite_share_enter(db, db->busy_timeout_ms - 1, true), 0);
  assert_false(db->gate_held);
  assert_true(db->gate_pass_by_ns == 0);
  enqueue(q);
  assert_true(db->gate_pass_by_ns > 0);
  holder_end(&holder, false);
  galley_close(q);
}

static void what_was_waited_at_the_gate_is_not_waited_again(void **state) {
  struct fixture *f = *state;
  struct galley *q = open_impatient(f);
  struct sqlite_db *db = sqlite_db_of(q->db);
  assert_in_range(sqlite_share_enter(db, LONG_MS, false), 1, LONG_MS); /* at once */
  assert_int_equal(sqlite_share_enter(db, LONG_MS, false), LONG_MS);   /* held already */
  sqlite_share_leave(db);
  struct holder holder = holder_start(f);
  assert_int_equal(sqlite_share_enter(db, 5, false), 0);
  holder_end(&holder, false);
  galley_close(q);
}

static void a_second_handle_of_a_thread_is_told_busy(void **state) {
  struct fixture *f = *state;
  struct galley *q = open_impatient(f);
  fixture_ok(f->q, galley_begin(f->q));
  fixture_fails(q, galley_begin(q), GALLEY_BUSY, "holds the database's lock");
  fixture_ok(f->q, galley_commit(f->q));
  enqueue(q);
  galley_close(q);
}

static void the_queue_works_without_the_file(void **state) {
  struct fixture *f = *state;
  char path[128];
  snprintf(path, sizeof path, "%s-galley", f->path);
  galley_close(f->q);
  assert_int_equal(remove(path), 0);
  assert_int_equal(mkdir(path, 0700), 0);
  f->q = fixture_open(f, GALLEY_OPEN_FULL);
  enqueue(f->q);
  assert_null(sqlite_db_of(f->q->db)->page);
}

static void one_thread_that_drives_all_handles_has_no_gate(void **state) {
  struct fixture *f = *state;
  f->env.one_thread = true;
  struct galley *q = fixture_open(f, 0);
  enqueue(q);
  assert_null(sqlite_db_of(q->db)->page);
  galley_close(q);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
  const struct CMUnitTest tests[] = {
      TEST(one_process_is_inside_at_a_time),
      TEST(threads_with_a_handle_each_are_as_processes),
      TEST(the_death_of_the_holder_opens_it),
      TEST(nobody_waits_for_longer_than_asked),
      TEST(a_thread_does_not_wait_for_itself),
      TEST(a_gate_that_another_thread_leaves_is_used_by_nobody),
      TEST(a_waiter_who_has_waited_for_long_is_due_and_let_in),
      TEST(all_who_wait_are_let_in),
      TEST(the_death_of_waiters_stops_nobody),
      TEST(a_stopped_heir_stops_nobody),
      TEST(a_word_that_the_dead_have_left_stops_nobody),
      TEST(newcomers_step_aside_for_an_heir_who_is_due),
      TEST(an_heir_who_does_not_come_is_not_waited_for),
      TEST(who_comes_back_at_once_wakes_the_heir_only_when_he_is_due),
      TEST(whoever_is_alone_makes_the_page_anew),
      TEST(a_page_that_others_have_spoilt_is_not_used),
      TEST(a_held_gate_is_free_in_a_copy_of_its_file),
      TEST(a_file_for_reading_has_no_page),
      TEST(a_file_that_finds_no_room_has_no_page),
      TEST(a_write_holds_the_gate_and_its_end_opens_it),
      TEST(a_gate_that_stays_shut_stops_nobody),
      TEST(only_the_whole_wait_in_vain_passes_the_gate_by),
      TEST(what_was_waited_at_the_gate_is_not_waited_again),
      TEST(a_second_handle_of_a_thread_is_told_busy),
      TEST(the_queue_works_without_the_file),
      TEST(one_thread_that_drives_all_handles_has_no_gate),
  };
#undef TEST
  return cmocka_run_group_tests(tests, NULL, NULL);
}
