#include "run_follow.h"
#include "output.h"
#include "run_chain.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLOW_SCAN_MS 1000 /* between looks when nothing rings */
#define STARTS_MAX   5    /* of the worker, before we give up */

static volatile sig_atomic_t interrupted;

struct view { /* of the workflow, from one look */
  int64_t live, ended;
  int64_t job_id; /* of the live job that stands for the others */
  char kind[GALLEY_KIND_MAX + 1];
  char state[16];
};

struct wait {
  struct session *session;
  struct run_follow *follow;
  struct view view;
  char shown[160]; /* the last progress */
  bool terminal;   /* the progress is one line that is written again and again */
  int fd;
  int64_t started_ms;  /* monotonic, as deadline_ms */
  int64_t deadline_ms; /* 0: none */
  sigset_t mask;       /* outside ppoll the signals below are held back */
};

static void on_signal(int signum) {
  if (signum != SIGCHLD)
    interrupted = signum;
}

static int64_t mono_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void hold_signals(struct wait *wait) {
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};
  struct sigaction action = {.sa_handler = on_signal};
  sigset_t held;
  sigemptyset(&held);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    sigaddset(&held, signals[i]);
    sigaction(signals[i], &action, NULL);
  }
  sigprocmask(SIG_BLOCK, &held, &wait->mask);
}

static bool is_live(const struct galley_job *job) {
  return strcmp(job->state, "done") != 0 && strcmp(job->state, "dead") != 0 &&
         strcmp(job->state, "cancelled") != 0;
}

static bool look_at_job(void *arg, const void *row) {
  struct view *view = arg;
  const struct galley_job *job = row;
  if (!is_live(job)) {
    view->ended++;
    return true;
  }
  /* A running job says more about where we are than one that waits. */
  if (view->live++ == 0 || strcmp(job->state, "running") == 0) {
    view->job_id = job->id;
    snprintf(view->kind, sizeof view->kind, "%s", job->kind);
    snprintf(view->state, sizeof view->state, "%s", job->state);
  }
  return true;
}

/* ---- progress ---- */

static void show(struct wait *wait) {
  const struct view *view = &wait->view;
  char now[sizeof wait->shown];
  int used = snprintf(now, sizeof now, "%s (job %" PRId64 ") %s, %" PRId64 " done", view->kind,
                      view->job_id, view->state, view->ended);
  if (wait->terminal)
    snprintf(now + used, sizeof now - (size_t)used, ", %" PRId64 " s",
             (mono_ms() - wait->started_ms) / 1000);
  if (strcmp(now, wait->shown) == 0)
    return;
  if (wait->terminal) {
    /* The cursor goes back, so that a line of the worker's begins in the first column. */
    fputs("\r\033[K", stderr);
    output_text(stderr, now);
    fputc('\r', stderr);
    fflush(stderr);
  } else if (wait->follow->verbose) {
    session_note(wait->session, "%s", now);
  }
  memcpy(wait->shown, now, sizeof now);
}

static void clear_line(const struct wait *wait) {
  if (wait->terminal)
    fputs("\r\033[K", stderr);
}

/* ---- workers ---- */

/* Whether the worker of this row serves the whole pipeline; one that names no kinds serves all. */
static bool find_worker(void *arg, const void *row) {
  static const char *const kinds[] = {"\"research\"", "\"write\"", "\"publish\""};
  const struct galley_worker *worker = row;
  bool serves = true;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    serves = serves && strstr(worker->kinds, kinds[i]) != NULL;
  *(bool *)arg = serves || strchr(worker->kinds, '"') == NULL;
  return !*(bool *)arg;
}

static int worker_failed(const struct wait *wait) {
  int status = wait->follow->worker.status;
  clear_line(wait);
  if (WIFSIGNALED(status))
    return session_fail(wait->session, GALLEY_BUSY,
                        "the worker was stopped by signal %d; the jobs stay in the queue",
                        WTERMSIG(status));
  session_fail(wait->session, GALLEY_UNAVAILABLE,
               "the worker ended with status %d; the jobs stay in the queue", WEXITSTATUS(status));
  return WEXITSTATUS(status) == 127 ? galley_rc_exit(GALLEY_UNAVAILABLE) : WEXITSTATUS(status);
}

/* Starts a worker unless one is alive: ours, or anybody's. */
static int ensure_worker(struct wait *wait) {
  struct run_follow *follow = wait->follow;
  bool alive = false;
  run_worker_reap(&follow->worker);
  if (!follow->start_worker || follow->worker.pid > 0)
    return 0;
  if (follow->worker.starts > 0 && follow->worker.status != 0)
    return worker_failed(wait);
  enum galley_rc rc = galley_workers(wait->session->q, find_worker, &alive);
  if (rc != GALLEY_OK && rc != GALLEY_NONE)
    return session_fail_open(wait->session, rc);
  if (alive)
    return 0;
  if (follow->worker.starts == STARTS_MAX) {
    clear_line(wait);
    return session_fail(wait->session, GALLEY_BUSY,
                        "the worker stops although job %" PRId64
                        " (%s) is %s; the jobs stay in the "
                        "queue",
                        wait->view.job_id, wait->view.kind, wait->view.state);
  }
  if (!run_worker_start(&follow->worker, wait->session, follow->processes, follow->verbose,
                        &wait->mask))
    return session_fail(wait->session, GALLEY_NO_MEMORY, "no worker can be started: %s",
                        strerror(errno));
  return 0;
}

/* ---- the wait ---- */

static enum galley_rc look(struct wait *wait) {
  wait->view = (struct view){0};
  galley_watch_clear(wait->session->q);
  return run_chain_each(wait->session, wait->follow->workflow_id, look_at_job, &wait->view);
}

static void rest(const struct wait *wait) {
  int64_t ms = SLOW_SCAN_MS;
  if (wait->deadline_ms > 0 && wait->deadline_ms - mono_ms() < ms)
    ms = wait->deadline_ms - mono_ms();
  if (ms < 0)
    ms = 0;
  struct pollfd fd = {.fd = wait->fd, .events = POLLIN};
  struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  ppoll(&fd, 1, &time, &wait->mask);
}

static int gave_up(const struct wait *wait, const char *why, int status) {
  clear_line(wait);
  session_fail(
      wait->session, GALLEY_BUSY,
      "%s; the jobs stay in the queue, a worker goes on with them and `galley run` with the "
      "same words follows them again",
      why);
  return status;
}

static int wait_for_end(struct wait *wait) {
  for (;;) {
    enum galley_rc rc = look(wait);
    if (rc != GALLEY_OK && rc != GALLEY_NONE) {
      clear_line(wait);
      return session_fail_open(wait->session, rc);
    }
    if (wait->view.live == 0)
      return 0;
    if (interrupted != 0)
      return gave_up(wait, "interrupted", 128 + interrupted);
    if (wait->deadline_ms > 0 && mono_ms() >= wait->deadline_ms)
      return gave_up(wait, "the time is up", galley_rc_exit(GALLEY_BUSY));
    show(wait);
    int status = ensure_worker(wait);
    if (status != 0)
      return status;
    rest(wait);
  }
}

int run_follow(struct session *session, struct run_follow *follow) {
  struct wait wait = {.session = session, .follow = follow, .fd = -1, .started_ms = mono_ms()};
  /* Among the lines of a log, progress is lines too. */
  wait.terminal = isatty(STDERR_FILENO) != 0 && !session->quiet && !follow->verbose;
  if (follow->timeout_ms > 0)
    wait.deadline_ms = wait.started_ms + follow->timeout_ms;
  enum galley_rc rc = galley_watch(session->q, &wait.fd);
  if (rc != GALLEY_OK)
    return session_fail_open(session, rc);
  hold_signals(&wait);
  int status = wait_for_end(&wait);
  clear_line(&wait);
  return status;
}
