/*
 * loop.c - the loop on libev. What a watcher allocates (its `impl`) lives from start to stop; a
 * one-shot watcher is taken down before its callback runs, so that the callback may start it again
 * or release its owner.
 */
#include "loop.h"

#include "log.h"

#include <assert.h>
#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct loop {
  struct ev_loop *ev;
  struct ev_prepare prepare; /* runs before each wait: the end of the turn */
  struct ev_idle awake;      /* while active, the loop does not wait */
  unsigned n_awake;          /* reasons to stay awake */
  struct loop_turn *turn;
  bool stopping;
  struct sigaction pipe_before;
};

struct timer_impl {
  union {
    struct ev_timer mono;
    struct ev_periodic wall;
  } u;
  bool is_wall;
  bool is_now; /* counted in n_awake */
};

static bool loop_exists; /* libev's default loop is one per process */

/* ---- what libev cannot go on after ---- */

/* A loop that may be deaf finishes nothing: what this process held is handed back, and whoever
 * started it starts another. libev itself would abort. */
static _Noreturn void give_up(const char *error) {
  char quoted[128];
  log_event(LOG_LEVEL_ERROR, "loop.failed", "error=%s", log_quote(quoted, sizeof quoted, error));
  _exit(EX_TEMPFAIL);
}

static void broken(const char *doing) {
  (void)doing;
  give_up(strerror(errno));
}

static void *allocate(void *old, long size) {
  if (size == 0) {
    free(old);
    return NULL;
  }
  void *new = realloc(old, (size_t)size);
  if (!new)
    give_up("no memory");
  return new;
}

/* ---- the loop ---- */

static void stay_awake(struct loop *loop) {
  if (loop->n_awake++ == 0)
    ev_idle_start(loop->ev, &loop->awake);
}

static void fall_asleep(struct loop *loop) {
  assert(loop->n_awake > 0);
  if (--loop->n_awake == 0)
    ev_idle_stop(loop->ev, &loop->awake);
}

static void awake_called(struct ev_loop *ev, struct ev_idle *idle, int events) {
  (void)ev, (void)idle, (void)events;
}

/* libev would skip this once after ev_break, so stopping is decided here: the last turn ends like
 * every other. */
static void prepare_called(struct ev_loop *ev, struct ev_prepare *prepare, int events) {
  (void)events;
  struct loop *loop = prepare->data;
  if (loop->turn)
    loop->turn->end(loop->turn);
  if (loop->stopping)
    ev_break(ev, EVBREAK_ALL);
}

struct loop *loop_new(void) {
  assert(!loop_exists);
  struct loop *loop = calloc(1, sizeof *loop);
  if (!loop)
    return NULL;
  ev_set_allocator(allocate);
  ev_set_syserr_cb(broken);
  loop->ev = ev_default_loop(EVFLAG_AUTO | EVFLAG_NOENV);
  if (!loop->ev) {
    free(loop);
    return NULL;
  }
  loop_exists = true;
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGPIPE, &ignore, &loop->pipe_before);
  ev_idle_init(&loop->awake, awake_called);
  ev_prepare_init(&loop->prepare, prepare_called);
  ev_set_priority(&loop->prepare, EV_MINPRI);
  loop->prepare.data = loop;
  ev_prepare_start(loop->ev, &loop->prepare);
  return loop;
}

void loop_free(struct loop *loop) {
  if (!loop)
    return;
  ev_prepare_stop(loop->ev, &loop->prepare);
  ev_idle_stop(loop->ev, &loop->awake);
  ev_loop_destroy(loop->ev);
  sigaction(SIGPIPE, &loop->pipe_before, NULL);
  free(loop);
  loop_exists = false;
}

void loop_run(struct loop *loop) {
  ev_run(loop->ev, 0);
  if (loop->stopping) {
    loop->stopping = false;
    fall_asleep(loop);
  }
}

void loop_stop(struct loop *loop) {
  if (loop->stopping)
    return;
  loop->stopping = true;
  stay_awake(loop);
}

/* ---- timers ---- */

static void timer_halt(struct loop_timer *timer) {
  struct timer_impl *impl = timer->impl;
  if (impl->is_wall)
    ev_periodic_stop(timer->loop->ev, &impl->u.wall);
  else
    ev_timer_stop(timer->loop->ev, &impl->u.mono);
  if (impl->is_now)
    fall_asleep(timer->loop);
  impl->is_now = false;
}

void loop_timer_stop(struct loop_timer *timer) {
  if (!timer->impl)
    return;
  timer_halt(timer);
  free(timer->impl);
  timer->impl = NULL;
}

static void timer_fired(struct loop_timer *timer) {
  loop_timer_stop(timer);
  timer->fire(timer);
}

static void mono_fired(struct ev_loop *ev, struct ev_timer *watcher, int events) {
  (void)ev, (void)events;
  timer_fired(watcher->data);
}

static void wall_fired(struct ev_loop *ev, struct ev_periodic *watcher, int events) {
  (void)ev, (void)events;
  timer_fired(watcher->data);
}

/* A running timer keeps its memory, so that restarting it cannot fail. */
static struct timer_impl *timer_ready(struct loop *loop, struct loop_timer *timer) {
  if (timer->impl)
    timer_halt(timer);
  else
    timer->impl = calloc(1, sizeof(struct timer_impl));
  timer->loop = loop;
  /* libev counts from the beginning of the turn, which may be long ago. */
  if (timer->impl)
    ev_now_update(loop->ev);
  return timer->impl;
}

bool loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms) {
  struct timer_impl *impl = timer_ready(loop, timer);
  if (!impl)
    return false;
  impl->is_wall = false;
  /* Near its time libev still waits a millisecond for the kernel; "at once" must not. */
  impl->is_now = delay_ms <= 0;
  if (impl->is_now)
    stay_awake(loop);
  ev_timer_init(&impl->u.mono, mono_fired, delay_ms > 0 ? (double)delay_ms / 1000.0 : 0.0, 0.0);
  impl->u.mono.data = timer;
  ev_timer_start(loop->ev, &impl->u.mono);
  return true;
}

bool loop_timer_start_at(struct loop *loop, struct loop_timer *timer, int64_t wall_ms) {
  struct timer_impl *impl = timer_ready(loop, timer);
  if (!impl)
    return false;
  impl->is_wall = true;
  ev_periodic_init(&impl->u.wall, wall_fired, (double)wall_ms / 1000.0, 0.0, NULL);
  impl->u.wall.data = timer;
  ev_periodic_start(loop->ev, &impl->u.wall);
  return true;
}

/* ---- descriptors ---- */

static void io_ready(struct ev_loop *ev, struct ev_io *watcher, int events) {
  (void)ev;
  struct loop_io *io = watcher->data;
  unsigned seen = 0;
  if (events & EV_ERROR && fcntl(io->fd, F_GETFD) >= 0) /* it is open all the same */
    give_up("a descriptor cannot be watched");
  if (events & EV_READ)
    seen |= LOOP_READ;
  if (events & EV_WRITE)
    seen |= LOOP_WRITE;
  io->ready(io, seen);
}

bool loop_io_start(struct loop *loop, struct loop_io *io, int fd, unsigned events) {
  struct ev_io *watcher = io->impl;
  if (watcher)
    ev_io_stop(io->loop->ev, watcher);
  else
    watcher = calloc(1, sizeof *watcher);
  if (!watcher)
    return false;
  io->impl = watcher;
  io->loop = loop;
  io->fd = fd;
  int wanted = (events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0);
  ev_io_init(watcher, io_ready, fd, wanted);
  watcher->data = io;
  ev_io_start(loop->ev, watcher);
  return true;
}

void loop_io_stop(struct loop_io *io) {
  if (!io->impl)
    return;
  ev_io_stop(io->loop->ev, io->impl);
  free(io->impl);
  io->impl = NULL;
}

/* ---- signals ---- */

static void signal_caught(struct ev_loop *ev, struct ev_signal *watcher, int events) {
  (void)ev, (void)events;
  struct loop_signal *sig = watcher->data;
  sig->caught(sig);
}

bool loop_signal_start(struct loop *loop, struct loop_signal *sig, int signum) {
  loop_signal_stop(sig);
  struct ev_signal *watcher = calloc(1, sizeof *watcher);
  if (!watcher)
    return false;
  sig->impl = watcher;
  sig->loop = loop;
  sig->signum = signum;
  ev_signal_init(watcher, signal_caught, signum);
  watcher->data = sig;
  ev_signal_start(loop->ev, watcher);
  return true;
}

void loop_signal_stop(struct loop_signal *sig) {
  if (!sig->impl)
    return;
  ev_signal_stop(sig->loop->ev, sig->impl);
  free(sig->impl);
  sig->impl = NULL;
}

/* ---- children ---- */

static void child_ended(struct ev_loop *ev, struct ev_child *watcher, int events) {
  (void)ev, (void)events;
  struct loop_child *child = watcher->data;
  int status = watcher->rstatus;
  loop_child_stop(child);
  child->ended(child, status);
}

bool loop_child_start(struct loop *loop, struct loop_child *child, pid_t pid) {
  loop_child_stop(child);
  struct ev_child *watcher = calloc(1, sizeof *watcher);
  if (!watcher)
    return false;
  child->impl = watcher;
  child->loop = loop;
  child->pid = pid;
  ev_child_init(watcher, child_ended, pid, 0);
  watcher->data = child;
  ev_child_start(loop->ev, watcher);
  return true;
}

void loop_child_stop(struct loop_child *child) {
  if (!child->impl)
    return;
  ev_child_stop(child->loop->ev, child->impl);
  free(child->impl);
  child->impl = NULL;
}

/* ---- the end of a turn ---- */

bool loop_turn_start(struct loop *loop, struct loop_turn *turn) {
  assert(!loop->turn || loop->turn == turn);
  loop->turn = turn;
  turn->loop = loop;
  turn->impl = loop; /* needs no memory of its own; tells that it runs */
  return true;
}

void loop_turn_stop(struct loop_turn *turn) {
  if (!turn->impl)
    return;
  turn->loop->turn = NULL;
  turn->impl = NULL;
}
