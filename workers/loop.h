/*
 * loop.h - the event loop of one process: one libev loop behind a small interface, so that <ev.h>
 * has one home. A start function never calls its callback before it returns; callbacks run from
 * loop_run only. Watchers are embedded in their owner and must be stopped before it goes away.
 */
#ifndef LOOP_H
#define LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;

/* NULL without memory; one per process at a time. Owns SIGCHLD (libev's default loop reaps every
 * child) and ignores SIGPIPE until loop_free. */
struct loop *loop_new(void);
void loop_free(struct loop *loop);
void loop_run(struct loop *loop);  /* until loop_stop */
void loop_stop(struct loop *loop); /* loop_run returns after this turn, its loop_turn included */

/* One-shot timer. */
struct loop_timer {
  void (*fire)(struct loop_timer *timer);
  void *owner;
  struct loop *loop;
  void *impl; /* NULL while not running */
};
/* (Re)starts it to fire once after delay_ms of monotonic time; delay_ms <= 0 fires in the next
 * turn. False without memory; a timer that runs already is restarted without any. */
bool loop_timer_start(struct loop *loop, struct loop_timer *timer, int64_t delay_ms);
/* The same at a wall time, following steps of the clock. */
bool loop_timer_start_at(struct loop *loop, struct loop_timer *timer, int64_t wall_ms);
void loop_timer_stop(struct loop_timer *timer); /* safe when not running */

/* A descriptor that is readable or writable. */
enum loop_io_event { LOOP_READ = 1, LOOP_WRITE = 2 };
struct loop_io {
  void (*ready)(struct loop_io *io, unsigned events);
  void *owner;
  struct loop *loop;
  int fd;
  void *impl;
};
bool loop_io_start(struct loop *loop, struct loop_io *io, int fd, unsigned events);
void loop_io_stop(struct loop_io *io);

/* A signal, delivered on the loop. */
struct loop_signal {
  void (*caught)(struct loop_signal *sig);
  void *owner;
  struct loop *loop;
  int signum;
  void *impl;
};
bool loop_signal_start(struct loop *loop, struct loop_signal *sig, int signum);
void loop_signal_stop(struct loop_signal *sig);

/* The end of a child process; `status` as from waitpid. One-shot. */
struct loop_child {
  void (*ended)(struct loop_child *child, int status);
  void *owner;
  struct loop *loop;
  pid_t pid;
  void *impl;
};
bool loop_child_start(struct loop *loop, struct loop_child *child, pid_t pid);
void loop_child_stop(struct loop_child *child);

/* Runs once per turn of the loop, after all events of the turn were delivered and before the loop
 * waits. At most one. */
struct loop_turn {
  void (*end)(struct loop_turn *turn);
  void *owner;
  struct loop *loop;
  void *impl;
};
bool loop_turn_start(struct loop *loop, struct loop_turn *turn);
void loop_turn_stop(struct loop_turn *turn);

#endif
