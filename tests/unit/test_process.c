/* Child programs: what reaches them, what comes back, and that nothing of them is left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOREVER       "1000" /* seconds that a program sleeps which is to be killed */
#define LIMIT_SECONDS 120    /* then a test that hangs is killed */
#define MEGABYTE      1048576

struct outcome {
  struct loop *loop;
  struct process_request request;
  struct process_reply reply;
  char *output, *error;
  int n_done, n_wanted;
  char folder[64];
  int fds_before;
};

static int open_fds(void) {
  DIR *dir = opendir("/proc/self/fd");
  assert_non_null(dir);
  int n = 0;
  while (readdir(dir))
    n++;
  closedir(dir);
  return n;
}

/* Every process below us, grandchildren included, has ended: they are handed to us when their
 * parent dies, and SIGALRM ends the test if one goes on. */
static void assert_nobody_is_left(void) {
  while (waitpid(-1, NULL, 0) > 0)
    continue;
  assert_int_equal(errno, ECHILD);
}

static int set_up(void **state) {
  struct outcome *outcome = calloc(1, sizeof *outcome);
  assert_non_null(outcome);
  alarm(LIMIT_SECONDS);
  assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  outcome->loop = loop_new();
  assert_non_null(outcome->loop);
  snprintf(outcome->folder, sizeof outcome->folder, "/tmp/test_process.XXXXXX");
  assert_non_null(mkdtemp(outcome->folder));
  outcome->request = (struct process_request){
      .output_max = MEGABYTE, .error_max = 1024, .timeout_ms = 60000, .directory = outcome->folder};
  outcome->n_wanted = 1;
  outcome->fds_before = open_fds();
  *state = outcome;
  return 0;
}

static int tear_down(void **state) {
  struct outcome *outcome = *state;
  assert_nobody_is_left();
  loop_free(outcome->loop);
  free(outcome->output);
  free(outcome->error);
  assert_int_equal(rmdir(outcome->folder), 0);
  free(outcome);
  alarm(0);
  return 0;
}

static void done(void *owner, const struct process_reply *reply) {
  struct outcome *outcome = owner;
  free(outcome->output);
  free(outcome->error);
  outcome->reply = *reply;
  outcome->output = malloc(reply->output_len + 1);
  outcome->error = strdup(reply->error);
  assert_non_null(outcome->output);
  assert_non_null(outcome->error);
  memcpy(outcome->output, reply->output, reply->output_len + 1);
  if (++outcome->n_done == outcome->n_wanted)
    loop_stop(outcome->loop);
}

static void run(struct outcome *outcome, const char *const *argv) {
  outcome->request.argv = argv;
  assert_non_null(process_start(outcome->loop, &outcome->request, done, outcome));
  assert_int_equal(outcome->n_done, 0);
  loop_run(outcome->loop);
  assert_int_equal(outcome->n_done, 1);
  assert_int_equal(open_fds(), outcome->fds_before);
}

static void run_shell(struct outcome *outcome, const char *script) {
  run(outcome, (const char *const[]){"/bin/sh", "-c", script, NULL});
}

/* ---- in and out ---- */

static void output_error_and_status_come_back(void **state) {
  struct outcome *outcome = *state;
  run_shell(outcome, "echo out; echo err >&2; exit 7");
  assert_int_equal(outcome->reply.end, PROCESS_EXITED);
  assert_int_equal(outcome->reply.exit_status, 7);
  assert_string_equal(outcome->output, "out\n");
  assert_int_equal(outcome->reply.output_len, 4);
  assert_string_equal(outcome->error, "err\n");
}

static void silent_program_gives_empty_texts(void **state) {
  struct outcome *outcome = *state;
  run_shell(outcome, "exit 0");
  assert_int_equal(outcome->reply.end, PROCESS_EXITED);
  assert_int_equal(outcome->reply.exit_status, 0);
  assert_string_equal(outcome->output, "");
  assert_string_equal(outcome->error, "");
}

static void arguments_are_not_seen_by_a_shell(void **state) {
  struct outcome *outcome = *state;
  run(outcome, (const char *const[]){"/usr/bin/printf", "%s|%s", "$(id) `id`;*", "", NULL});
  assert_string_equal(outcome->output, "$(id) `id`;*|");
}

/* More than the pipes hold, in both directions at once. */
static void long_input_comes_back_whole(void **state) {
  struct outcome *outcome = *state;
  char *input = malloc(MEGABYTE);
  assert_non_null(input);
  for (size_t i = 0; i < MEGABYTE; i++)
    input[i] = (char)(i * 7 + i / 251);
  outcome->request.input = input;
  outcome->request.input_len = MEGABYTE;
  run(outcome, (const char *const[]){"/bin/cat", NULL});
  assert_int_equal(outcome->reply.end, PROCESS_EXITED);
  assert_int_equal(outcome->reply.output_len, MEGABYTE);
  assert_memory_equal(outcome->output, input, MEGABYTE);
  free(input);
}

static void input_is_copied_at_the_start(void **state) {
  struct outcome *outcome = *state;
  char input[] = "as it was";
  outcome->request.input = input;
  outcome->request.input_len = strlen(input);
  outcome->request.argv = (const char *const[]){"/bin/cat", NULL};
  assert_non_null(process_start(outcome->loop, &outcome->request, done, outcome));
  memset(input, 'x', sizeof input);
  loop_run(outcome->loop);
  assert_string_equal(outcome->output, "as it was");
}

static void program_without_input_sees_its_end_at_once(void **state) {
  struct outcome *outcome = *state;
  run_shell(outcome, "cat; echo over");
  assert_string_equal(outcome->output, "over\n");
}

static void program_may_leave_its_input_unread(void **state) {
  struct outcome *outcome = *state;
  char *input = calloc(1, MEGABYTE);
  assert_non_null(input);
  outcome->request.input = input;
  outcome->request.input_len = MEGABYTE;
  run_shell(outcome, "exec 0<&-; echo fine; exit 3");
  assert_int_equal(outcome->reply.end, PROCESS_EXITED);
  assert_int_equal(outcome->reply.exit_status, 3);
  assert_string_equal(outcome->output, "fine\n");
  free(input);
}

/* ---- limits ---- */

static void output_of_the_limit_is_kept(void **state) {
  struct outcome *outcome = *state;
  outcome->request.output_max = 200000;
  run_shell(outcome, "head -c 200000 /dev/zero");
  assert_int_equal(outcome->reply.end, PROCESS_EXITED);
  assert_int_equal(outcome->reply.output_len, 200000);
}

static void output_past_the_limit_kills_the_program(void **state) {
  struct outcome *outcome = *state;
  outcome->request.output_max = 200000;
  run_shell(outcome, "head -c 200001 /dev/zero; exec sleep " FOREVER);
  assert_int_equal(outcome->reply.end, PROCESS_TOO_LARGE);
  assert_true(outcome->reply.output_len <= 200000);
  assert_int_equal(outcome->reply.output_max, 200000);
}

/* The program may be gone before anything was read. */
static void output_past_the_limit_is_told_even_when_the_program_has_ended(void **state) {
  struct outcome *outcome = *state;
  outcome->request.output_max = 3;
  run_shell(outcome, "printf four");
  assert_int_equal(outcome->reply.end, PROCESS_TOO_LARGE);
}

static void only_the_tail_of_standard_error_is_kept(void **state) {
  struct outcome *outcome = *state;
  outcome->request.error_max = 10;
  run_shell(outcome, "head -c 300000 /dev/zero | tr '\\0' x >&2; printf 0123456789 >&2");
  assert_string_equal(outcome->error, "0123456789");
}

static void error_of_the_limit_is_kept_whole(void **state) {
  struct outcome *outcome = *state;
  outcome->request.error_max = 4;
  run_shell(outcome, "printf '\\303\\274ab' >&2");
  assert_string_equal(outcome->error, "\xc3\xbc"
                                      "ab");
}

static void error_limit_of_zero_keeps_nothing(void **state) {
  struct outcome *outcome = *state;
  outcome->request.error_max = 0;
  run_shell(outcome, "echo lost >&2; echo kept");
  assert_string_equal(outcome->error, "");
  assert_string_equal(outcome->output, "kept\n");
}

static void error_is_made_valid_utf8(void **state) {
  struct outcome *outcome = *state;
  run_shell(outcome, "printf 'a\\377\\000\\303\\274\\342\\202' >&2");
  assert_string_equal(outcome->error, "a\xef\xbf\xbd\xef\xbf\xbd\xc3\xbc\xef\xbf\xbd\xef\xbf\xbd");
}

static void error_grows_in_full_when_every_byte_is_replaced(void **state) {
  struct outcome *outcome = *state;
  outcome->request.error_max = 64;
  run_shell(outcome, "head -c 64 /dev/zero >&2");
  assert_int_equal(strlen(outcome->error), 3 * 64);
}

static void error_is_not_cut_inside_a_character(void **state) {
  struct outcome *outcome = *state;
  outcome->request.error_max = 6;
  run_shell(outcome, "printf 'xyz\\360\\237\\230\\200abc' >&2");
  assert_string_equal(outcome->error, "abc");
}

static void program_past_its_time_is_killed_with_its_group(void **state) {
  struct outcome *outcome = *state;
  outcome->request.timeout_ms = 100;
  run_shell(outcome, "trap '' TERM HUP INT; sleep " FOREVER " & sleep " FOREVER " & wait");
  assert_int_equal(outcome->reply.end, PROCESS_TIMEOUT);
  assert_nobody_is_left();
}

static void stopped_program_is_killed_at_its_time(void **state) {
  struct outcome *outcome = *state;
  outcome->request.timeout_ms = 100;
  run_shell(outcome, "kill -STOP $$");
  assert_int_equal(outcome->reply.end, PROCESS_TIMEOUT);
}

/* ---- ends ---- */

static void program_killed_by_somebody_else_tells_the_signal(void **state) {
  struct outcome *outcome = *state;
  run_shell(outcome, "echo before; kill -TERM $$");
  assert_int_equal(outcome->reply.end, PROCESS_SIGNALED);
  assert_int_equal(outcome->reply.signum, SIGTERM);
  assert_string_equal(outcome->output, "before\n");
}

static void missing_program_tells_why(void **state) {
  struct outcome *outcome = *state;
  run(outcome, (const char *const[]){"/nonexistent/program", NULL});
  assert_int_equal(outcome->reply.end, PROCESS_NOT_STARTED);
  assert_int_equal(outcome->reply.start_errno, ENOENT);
}

static void program_that_may_not_be_run_tells_why(void **state) {
  struct outcome *outcome = *state;
  run(outcome, (const char *const[]){"/etc/passwd", NULL});
  assert_int_equal(outcome->reply.end, PROCESS_NOT_STARTED);
  assert_int_equal(outcome->reply.start_errno, EACCES);
}

static void missing_directory_tells_why(void **state) {
  struct outcome *outcome = *state;
  outcome->request.directory = "/nonexistent";
  run_shell(outcome, "exit 0");
  assert_int_equal(outcome->reply.end, PROCESS_NOT_STARTED);
  assert_int_equal(outcome->reply.start_errno, ENOENT);
}

/* 127 is also what our child exits with when there is nothing to run. */
static void exit_status_127_of_a_program_is_its_own(void **state) {
  struct outcome *outcome = *state;
  run_shell(outcome, "exit 127");
  assert_int_equal(outcome->reply.end, PROCESS_EXITED);
  assert_int_equal(outcome->reply.exit_status, 127);
}

static void grandchild_does_not_hold_up_the_end_and_is_killed(void **state) {
  struct outcome *outcome = *state;
  run_shell(outcome, "sleep " FOREVER " & echo started");
  assert_int_equal(outcome->reply.end, PROCESS_EXITED);
  assert_string_equal(outcome->output, "started\n");
  assert_nobody_is_left();
}

static void grandchild_that_left_the_group_does_not_hold_up_the_end(void **state) {
  struct outcome *outcome = *state;
  run_shell(outcome, "mkfifo ready; setsid sh -c 'echo $$ >ready; exec sleep " FOREVER "' & "
                     "cat ready; rm ready");
  assert_int_equal(outcome->reply.end, PROCESS_EXITED);
  pid_t survivor = (pid_t)strtol(outcome->output, NULL, 10);
  assert_true(survivor > 1);
  assert_int_equal(kill(survivor, SIGKILL), 0);
}

/* ---- what the program inherits ---- */

static void environment_is_ours_with_the_extra_laid_over(void **state) {
  struct outcome *outcome = *state;
  setenv("TEST_PROCESS_OWN", "own", 1);
  setenv("TEST_PROCESS_BOTH", "own", 1);
  setenv("TEST_PROCESS_BOTH_LONGER", "own", 1);
  outcome->request.env =
      (const char *const[]){"TEST_PROCESS_BOTH=extra", "TEST_PROCESS_NEW=a=b c", NULL};
  run(outcome, (const char *const[]){"/bin/sh", "-c", "env | grep ^TEST_PROCESS_ | sort", NULL});
  assert_string_equal(outcome->output, "TEST_PROCESS_BOTH=extra\n"
                                       "TEST_PROCESS_BOTH_LONGER=own\n"
                                       "TEST_PROCESS_NEW=a=b c\n"
                                       "TEST_PROCESS_OWN=own\n");
}

static void directory_is_where_the_program_starts(void **state) {
  struct outcome *outcome = *state;
  outcome->request.directory = "/usr";
  run(outcome, (const char *const[]){"/bin/pwd", NULL});
  assert_string_equal(outcome->output, "/usr\n");
}

static void directory_of_ours_is_kept_when_none_is_named(void **state) {
  struct outcome *outcome = *state;
  char here[PATH_MAX];
  assert_non_null(getcwd(here, sizeof here));
  outcome->request.directory = NULL;
  run(outcome, (const char *const[]){"/bin/pwd", "-P", NULL});
  outcome->output[strcspn(outcome->output, "\n")] = '\0';
  assert_string_equal(outcome->output, here);
}

static void descriptors_of_ours_are_not_inherited(void **state) {
  struct outcome *outcome = *state;
  assert_int_equal(dup2(STDERR_FILENO, 77), 77); /* without close-on-exec */
  outcome->fds_before++;
  run(outcome, (const char *const[]){"/bin/ls", "/proc/self/fd", NULL});
  close(77);
  assert_string_equal(outcome->output, "0\n1\n2\n3\n"); /* 3 is the folder that ls reads */
}

static void signals_are_as_a_shell_would_leave_them(void **state) {
  struct outcome *outcome = *state;
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  sigaddset(&blocked, SIGTERM);
  assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &before), 0);
  struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
  assert_int_equal(sigaction(SIGHUP, &ignore, &old), 0);
  run(outcome,
      (const char *const[]){"/bin/grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status", NULL});
  sigaction(SIGHUP, &old, NULL);
  sigset_t now;
  assert_int_equal(sigprocmask(SIG_SETMASK, &before, &now), 0);
  assert_string_equal(outcome->output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  assert_int_equal(sigismember(&now, SIGUSR1), 1); /* ours are put back */
  assert_int_equal(sigismember(&now, SIGINT), 0);
}

static void program_leads_its_own_group(void **state) {
  struct outcome *outcome = *state;
  run(outcome, (const char *const[]){"/bin/cat", "/proc/self/stat", NULL});
  int pid = 0, group = 0;
  assert_int_equal(sscanf(outcome->output, "%d (cat) %*c %*d %d", &pid, &group), 2);
  assert_int_equal(pid, group);
  assert_int_not_equal(group, getpgrp());
}

/* The worker is killed: the program must not run on beside the next attempt. */
static void program_dies_with_the_process_that_started_it(void **state) {
  (void)state;
  alarm(LIMIT_SECONDS);
  assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  pid_t worker = fork();
  assert_true(worker >= 0);
  if (worker == 0) {
    struct loop *loop = loop_new();
    const char *const argv[] = {"/bin/sleep", FOREVER, NULL};
    struct process_request request = {.argv = argv, .timeout_ms = 60000};
    if (!loop || !process_start(loop, &request, done, NULL))
      _exit(1);
    kill(getpid(), SIGKILL);
  }
  int status;
  assert_int_equal(waitpid(worker, &status, 0), worker);
  assert_true(WIFSIGNALED(status));
  assert_nobody_is_left();
  alarm(0);
}

/* ---- several, and cancelling ---- */

static void stop_fired(struct loop_timer *timer) {
  loop_stop(timer->loop);
}

static void cancelled_program_is_killed_and_not_heard_of_again(void **state) {
  struct outcome *outcome = *state;
  outcome->request.argv = (const char *const[]){"/bin/sh", "-c", "sleep " FOREVER, NULL};
  struct process *process = process_start(outcome->loop, &outcome->request, done, outcome);
  assert_non_null(process);
  process_cancel(process);
  assert_int_equal(open_fds(), outcome->fds_before);
  struct loop_timer timer = {.fire = stop_fired};
  assert_true(loop_timer_start(outcome->loop, &timer, 20));
  loop_run(outcome->loop);
  assert_int_equal(outcome->n_done, 0);
  assert_nobody_is_left();
}

static void many_programs_run_side_by_side(void **state) {
  struct outcome *outcome = *state;
  outcome->n_wanted = 20;
  outcome->request.argv = (const char *const[]){"/bin/echo", "hello", NULL};
  for (int i = 0; i < outcome->n_wanted; i++)
    assert_non_null(process_start(outcome->loop, &outcome->request, done, outcome));
  assert_int_equal(outcome->n_done, 0);
  loop_run(outcome->loop);
  assert_int_equal(outcome->n_done, 20);
  assert_string_equal(outcome->output, "hello\n");
  assert_int_equal(open_fds(), outcome->fds_before);
}

static void no_descriptors_means_no_process(void **state) {
  struct outcome *outcome = *state;
  struct rlimit before;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  int next = dup(STDIN_FILENO); /* the lowest number that is free */
  close(next);
  struct rlimit tight = {.rlim_cur = (rlim_t)next + 7, .rlim_max = before.rlim_max};
  outcome->request.argv = (const char *const[]){"/bin/true", NULL};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
  struct process *process = process_start(outcome->loop, &outcome->request, done, outcome);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_null(process);
  assert_int_equal(open_fds(), outcome->fds_before);
}

/* Descriptors 0 to 2 may be closed in a daemon; the pipes must not land there. */
static void program_starts_although_standard_descriptors_are_closed(void **state) {
  struct outcome *outcome = *state;
  int kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 100);
  close(STDIN_FILENO);
  outcome->request.input = "through";
  outcome->request.input_len = 7;
  outcome->request.argv = (const char *const[]){"/bin/sh", "-c", "cat; cat >&2", NULL};
  struct process *process = process_start(outcome->loop, &outcome->request, done, outcome);
  if (process)
    loop_run(outcome->loop);
  dup2(kept, STDIN_FILENO);
  close(kept);
  assert_non_null(process);
  assert_string_equal(outcome->output, "through");
}

#define PROCESS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      PROCESS_TEST(output_error_and_status_come_back),
      PROCESS_TEST(silent_program_gives_empty_texts),
      PROCESS_TEST(arguments_are_not_seen_by_a_shell),
      PROCESS_TEST(long_input_comes_back_whole),
      PROCESS_TEST(input_is_copied_at_the_start),
      PROCESS_TEST(program_without_input_sees_its_end_at_once),
      PROCESS_TEST(program_may_leave_its_input_unread),
      PROCESS_TEST(output_of_the_limit_is_kept),
      PROCESS_TEST(output_past_the_limit_kills_the_program),
      PROCESS_TEST(output_past_the_limit_is_told_even_when_the_program_has_ended),
      PROCESS_TEST(only_the_tail_of_standard_error_is_kept),
      PROCESS_TEST(error_of_the_limit_is_kept_whole),
      PROCESS_TEST(error_limit_of_zero_keeps_nothing),
      PROCESS_TEST(error_is_made_valid_utf8),
      PROCESS_TEST(error_grows_in_full_when_every_byte_is_replaced),
      PROCESS_TEST(error_is_not_cut_inside_a_character),
      PROCESS_TEST(program_past_its_time_is_killed_with_its_group),
      PROCESS_TEST(stopped_program_is_killed_at_its_time),
      PROCESS_TEST(program_killed_by_somebody_else_tells_the_signal),
      PROCESS_TEST(missing_program_tells_why),
      PROCESS_TEST(program_that_may_not_be_run_tells_why),
      PROCESS_TEST(missing_directory_tells_why),
      PROCESS_TEST(exit_status_127_of_a_program_is_its_own),
      PROCESS_TEST(grandchild_does_not_hold_up_the_end_and_is_killed),
      PROCESS_TEST(grandchild_that_left_the_group_does_not_hold_up_the_end),
      PROCESS_TEST(environment_is_ours_with_the_extra_laid_over),
      PROCESS_TEST(directory_is_where_the_program_starts),
      PROCESS_TEST(directory_of_ours_is_kept_when_none_is_named),
      PROCESS_TEST(descriptors_of_ours_are_not_inherited),
      PROCESS_TEST(signals_are_as_a_shell_would_leave_them),
      PROCESS_TEST(program_leads_its_own_group),
      cmocka_unit_test(program_dies_with_the_process_that_started_it),
      PROCESS_TEST(cancelled_program_is_killed_and_not_heard_of_again),
      PROCESS_TEST(many_programs_run_side_by_side),
      PROCESS_TEST(no_descriptors_means_no_process),
      PROCESS_TEST(program_starts_although_standard_descriptors_are_closed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
