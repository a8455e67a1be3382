#include "supervisor.h"

#include "address.h"
#include "clock.h"
#include "log.h"
#include "point.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX  64
#define NS_PER_MS      1000000
#define EXIT_WORKER_RC 100 /* a worker that refuses exits with this plus its code */

/* One place for a worker: running (pid > 0), waiting for its next start (start_ns > 0), or ended.
 */
struct place {
  pid_t pid;
  int64_t started_ns;
  int64_t start_ns; /* not before this; 0: not to be started */
  int64_t wait_ms;  /* after the next young death */
};

struct supervisor {
  const struct config *config;
  const struct worker_options *options;
  struct place places[PROCESSES_MAX];
  size_t n;
  bool stopping;
  int refusals; /* young exits with an error, in a row */
  enum galley_rc refused;
  sigset_t mask, inherited;
};

static void child_signals(const struct supervisor *supervisor) {
  sigprocmask(SIG_SETMASK, &supervisor->inherited, NULL);
}

/* In the child: a worker until it ends. Dies with its supervisor, in order. */
static _Noreturn void be_worker(const struct supervisor *supervisor, pid_t parent) {
  char error[2048] = "";
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  child_signals(supervisor);
  if (getppid() != parent)
    _exit(0); /* the supervisor died before the line above */
  enum galley_rc rc = worker_run(supervisor->config, supervisor->options, error, sizeof error);
  if (rc != GALLEY_OK) {
    char quoted[2048];
    log_event(LOG_LEVEL_ERROR, "worker.failed", "pid=%d error=%s", (int)getpid(),
              log_quote(quoted, sizeof quoted, error));
    _exit(EXIT_WORKER_RC + (int)rc);
  }
  _exit(0);
}

static void start(struct supervisor *supervisor, struct place *place) {
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid == 0)
    be_worker(supervisor, parent);
  int64_t now_ns = clock_mono_ns();
  if (pid < 0) {
    log_event(LOG_LEVEL_ERROR, "supervisor.fork_failed", "errno=%d", errno);
    place->start_ns = now_ns + (int64_t)SUPERVISOR_WAIT_MIN_MS * NS_PER_MS;
    return;
  }
  POINT(supervisor, forked);
  place->pid = pid;
  place->started_ns = now_ns;
  place->start_ns = 0;
}

/* Takes back at once what a worker held whose successor has to wait. */
static void recover_in_child(const struct supervisor *supervisor) {
  if (fork() != 0)
    return;
  child_signals(supervisor);
  struct galley *q;
  const struct galley_options options = {.crashes_max = supervisor->config->crashes_max};
  enum galley_rc rc = galley_open(&q, supervisor->config->database, &options);
  if (rc == GALLEY_OK)
    rc = galley_recover(q, NULL);
  galley_close(q);
  _exit(rc == GALLEY_OK ? 0 : 1);
}

static void log_end(pid_t pid, int status, int64_t wait_ms) {
  if (WIFSIGNALED(status))
    log_event(LOG_LEVEL_WARN, "worker.died", "pid=%d signal=%d restart_ms=%" PRId64, (int)pid,
              WTERMSIG(status), wait_ms);
  else if (WEXITSTATUS(status) != 0)
    log_event(LOG_LEVEL_WARN, "worker.exited", "pid=%d status=%d restart_ms=%" PRId64, (int)pid,
              WEXITSTATUS(status), wait_ms);
}

static void tell_all(const struct supervisor *supervisor, int signum) {
  for (size_t i = 0; i < supervisor->n; i++)
    if (supervisor->places[i].pid > 0)
      kill(supervisor->places[i].pid, signum);
}

static bool any_alive(const struct supervisor *supervisor) {
  for (size_t i = 0; i < supervisor->n; i++)
    if (supervisor->places[i].pid > 0)
      return true;
  return false;
}

/* Storage that refuses for now does not end workers that wait for it: they are not given up for the
 * sake of one that cannot join them yet. */
static void count_refusal(struct supervisor *supervisor, int status) {
  int code = WEXITSTATUS(status) - EXIT_WORKER_RC;
  enum galley_rc rc = code > 0 && code <= GALLEY_INTERNAL ? (enum galley_rc)code : GALLEY_INTERNAL;
  supervisor->refusals++;
  if (supervisor->refusals < SUPERVISOR_REFUSALS_MAX ||
      (galley_rc_class(rc) == GALLEY_CLASS_RETRY && any_alive(supervisor)))
    return;
  supervisor->refused = rc;
  supervisor->stopping = true;
  tell_all(supervisor, SIGTERM);
}

static void ended(struct supervisor *supervisor, struct place *place, int status) {
  int64_t now_ns = clock_mono_ns();
  bool by_itself = WIFEXITED(status);
  int64_t young_ms = by_itself ? SUPERVISOR_YOUNG_MS : SUPERVISOR_STARTING_MS;
  bool young = now_ns - place->started_ns < young_ms * NS_PER_MS;
  pid_t pid = place->pid;
  place->pid = 0;
  if (by_itself && WEXITSTATUS(status) == 0) {
    supervisor->refusals = 0;
    return; /* drained, or told to stop */
  }
  if (young && by_itself)
    count_refusal(supervisor, status);
  else
    supervisor->refusals = 0;
  int64_t wait_ms = young ? place->wait_ms : 0;
  place->wait_ms = !young                                        ? SUPERVISOR_WAIT_MIN_MS
                   : place->wait_ms * 2 < SUPERVISOR_WAIT_MAX_MS ? place->wait_ms * 2
                                                                 : SUPERVISOR_WAIT_MAX_MS;
  log_end(pid, status, supervisor->stopping ? -1 : wait_ms);
  POINT(supervisor, reaped);
  if (supervisor->stopping || wait_ms > 0)
    recover_in_child(supervisor);
  if (!supervisor->stopping)
    place->start_ns = now_ns + wait_ms * NS_PER_MS;
}

static struct place *place_of(struct supervisor *supervisor, pid_t pid) {
  for (size_t i = 0; i < supervisor->n; i++)
    if (supervisor->places[i].pid == pid)
      return &supervisor->places[i];
  return NULL;
}

/* A program that the kernel has killed with its worker leaves to us, its next ancestor that takes
 * orphans, what it had started itself, in the group that bears its number: it would go on beside
 * the next attempt. The number is nobody else's until the program is reaped. A program with a
 * session of its own has left on purpose. */
static void kill_left_over(pid_t pid) {
  if (getsid(pid) == getsid(0) && getpgid(pid) == pid)
    (void)kill(-pid, SIGKILL);
}

static void reap(struct supervisor *supervisor) {
  siginfo_t info = {.si_pid = 0};
  while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0) {
    pid_t pid = info.si_pid;
    struct place *place = place_of(supervisor, pid);
    int status;
    if (!place)
      kill_left_over(pid);
    if (waitpid(pid, &status, WNOHANG) == pid && place)
      ended(supervisor, place, status);
    info.si_pid = 0;
  }
}

static void stop(struct supervisor *supervisor, int signum) {
  supervisor->stopping = true;
  for (size_t i = 0; i < supervisor->n; i++)
    supervisor->places[i].start_ns = 0;
  tell_all(supervisor, signum);
}

/* Starts what is due; returns how long until the next start, -1 when none waits. */
static int64_t start_due(struct supervisor *supervisor) {
  int64_t now_ns = clock_mono_ns(), next_ns = -1;
  for (size_t i = 0; i < supervisor->n; i++) {
    struct place *place = &supervisor->places[i];
    if (place->pid > 0 || place->start_ns == 0 || supervisor->stopping)
      continue;
    if (place->start_ns <= now_ns)
      start(supervisor, place);
    if (place->pid <= 0 && (next_ns < 0 || place->start_ns - now_ns < next_ns))
      next_ns = place->start_ns > now_ns ? place->start_ns - now_ns : 0;
  }
  return next_ns;
}

static bool any_left(const struct supervisor *supervisor) {
  for (size_t i = 0; i < supervisor->n; i++)
    if (supervisor->places[i].pid > 0 ||
        (supervisor->places[i].start_ns > 0 && !supervisor->stopping))
      return true;
  return false;
}

static void wait_for_signal(struct supervisor *supervisor, int64_t wait_ns) {
  struct timespec t = {.tv_sec = wait_ns / 1000000000, .tv_nsec = wait_ns % 1000000000};
  int signum = wait_ns < 0 ? sigwaitinfo(&supervisor->mask, NULL)
                           : sigtimedwait(&supervisor->mask, NULL, &t);
  if (signum == SIGTERM || signum == SIGINT)
    stop(supervisor, signum);
}

/* Until all workers have ended. */
static enum galley_rc supervise(const struct config *config, const struct worker_options *options,
                                size_t processes, char *error, size_t error_len) {
  struct supervisor supervisor = {.config = config, .options = options};
  supervisor.n = processes < PROCESSES_MAX ? processes : PROCESSES_MAX;
  sigemptyset(&supervisor.mask);
  sigaddset(&supervisor.mask, SIGCHLD);
  sigaddset(&supervisor.mask, SIGTERM);
  sigaddset(&supervisor.mask, SIGINT);
  sigprocmask(SIG_BLOCK, &supervisor.mask, &supervisor.inherited);
  (void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* refused by no kernel that has pidfds; see reap */
  log_event(LOG_LEVEL_INFO, "supervisor.started", "pid=%d processes=%zu", (int)getpid(),
            supervisor.n);
  for (size_t i = 0; i < supervisor.n; i++)
    supervisor.places[i] = (struct place){.start_ns = 1, .wait_ms = SUPERVISOR_WAIT_MIN_MS};
  while (any_left(&supervisor)) {
    int64_t wait_ns = start_due(&supervisor);
    wait_for_signal(&supervisor, wait_ns);
    reap(&supervisor);
  }
  child_signals(&supervisor);
  if (supervisor.refused != GALLEY_OK)
    snprintf(error, error_len, "the workers refuse to start; their own messages tell why");
  return supervisor.refused;
}

/* What only workers can tell of a configuration, told once and not by each process. */
static enum galley_rc check_addresses(const struct config *config, char *error, size_t error_len) {
  struct address_list list;
  const char *problem;
  if (address_list_parse(&list, config->allow_addresses, &problem))
    return GALLEY_OK;
  snprintf(error, error_len, "%s%shttp.allow_addresses: %s", config->file ? config->file : "",
           config->file ? ": " : "", problem);
  return GALLEY_INVALID;
}

enum galley_rc supervisor_main(const struct config *config, const struct worker_options *options,
                               char *error, size_t error_len) {
  enum log_level level = LOG_LEVEL_INFO;
  (void)log_level_parse(config->log_level, &level); /* the table of settings checked it */
  log_open(level);
  galley_process_init();
  enum galley_rc rc = check_addresses(config, error, error_len);
  if (rc != GALLEY_OK)
    return rc;
  int64_t processes = options->processes > 0 ? options->processes : config->processes;
  if (processes <= 1)
    return worker_run(config, options, error, error_len);
  return supervise(config, options, (size_t)processes, error, error_len);
}
