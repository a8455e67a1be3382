#include "wake.h"

#include "clock.h"

#define CALM_MS        3      /* in which no third change is looked at */
#define SAFETY_LOOK_MS 300000 /* between looks that nothing asked for */
#define NS_PER_MS      1000000

/* ---- events ---- */

static void became_due(struct loop_timer *timer) {
  struct wake *wake = timer->owner;
  wake->look = true;
}

static void lease_ran_out(struct loop_timer *timer) {
  struct wake *wake = timer->owner;
  wake->missed(wake->owner);
}

static void renewal_due(struct loop_timer *timer) {
  struct wake *wake = timer->owner;
  wake->renew = true;
}

/* Without memory for a timer the next change brings the look. */
static void forget_changes(struct wake *wake) {
  int64_t wait_ms = galley_watch_clear(wake->writer);
  if (wait_ms > 0)
    (void)loop_timer_start(wake->loop, &wake->echo, wait_ms);
  else
    loop_timer_stop(&wake->echo);
  loop_timer_stop(&wake->calm);
}

static void echoed(struct loop_timer *timer) {
  struct wake *wake = timer->owner;
  wake->look = true;
}

static void look_at_changes(struct wake *wake) {
  wake->rang_ns[0] = wake->rang_ns[1];
  wake->rang_ns[1] = clock_mono_ns();
  forget_changes(wake);
  wake->look = true;
}

static void calmed(struct loop_timer *timer) {
  struct wake *wake = timer->owner;
  if (!loop_io_start(wake->loop, &wake->watch, wake->fd, LOOP_READ))
    (void)loop_timer_start(wake->loop, &wake->calm, CALM_MS); /* deaf without memory: try again */
  look_at_changes(wake);
}

/* Where changes come fast, each look would find one job, and all idle workers would look for each:
 * so they let some gather. Two changes are none too many: the log rings, and then the bell. */
static void changed(struct loop_io *io, unsigned events) {
  struct wake *wake = io->owner;
  (void)events;
  if (clock_mono_ns() - wake->rang_ns[0] < CALM_MS * NS_PER_MS &&
      loop_timer_start(wake->loop, &wake->calm, CALM_MS))
    loop_io_stop(io);
  else
    look_at_changes(wake);
}

/* ---- looking ahead ---- */

enum galley_rc wake_look(struct wake *wake, int64_t worker_id, const struct kind_list *kinds,
                         struct galley_outlook *outlook) {
  forget_changes(wake);
  enum galley_rc rc =
      galley_look(wake->writer, worker_id, (const char *const *)kinds->names, kinds->n, outlook);
  if (rc != GALLEY_OK || outlook->newest_worker == wake->newest_worker)
    return rc;
  wake->newest_worker = outlook->newest_worker;
  return peers_update(wake->peers, wake->writer);
}

bool wake_wait(struct wake *wake, const struct galley_outlook *outlook, bool running) {
  bool ok = true;
  if (outlook->next_run_at_ms > 0)
    ok = loop_timer_start_at(wake->loop, &wake->due, outlook->next_run_at_ms);
  else
    loop_timer_stop(&wake->due);
  int64_t wait_ms = SAFETY_LOOK_MS;
  if (outlook->next_lease_mono_ns > 0) {
    int64_t left_ms = (outlook->next_lease_mono_ns - clock_mono_ns()) / NS_PER_MS + 1;
    wait_ms = left_ms < 1 ? 1 : left_ms < wait_ms ? left_ms : wait_ms;
  }
  ok = ok && loop_timer_start(wake->loop, &wake->expiry, wait_ms);
  if (running && !wake->renewal.impl)
    ok = ok && loop_timer_start(wake->loop, &wake->renewal, wake->lease_ms / 3);
  return ok;
}

void wake_again(struct wake *wake) {
  (void)loop_timer_start(wake->loop, &wake->due, 0);
}

/* ---- setting up and taking down ---- */

bool wake_start(struct wake *wake, struct loop *loop, int fd) {
  wake->loop = loop;
  wake->fd = fd;
  wake->watch = (struct loop_io){.ready = changed, .owner = wake};
  wake->due = (struct loop_timer){.fire = became_due, .owner = wake};
  wake->expiry = (struct loop_timer){.fire = lease_ran_out, .owner = wake};
  wake->renewal = (struct loop_timer){.fire = renewal_due, .owner = wake};
  wake->echo = (struct loop_timer){.fire = echoed, .owner = wake};
  wake->calm = (struct loop_timer){.fire = calmed, .owner = wake};
  wake->peers = peers_new(loop, wake->missed, wake->owner);
  return wake->peers && (fd < 0 || loop_io_start(loop, &wake->watch, fd, LOOP_READ)) &&
         loop_timer_start(loop, &wake->due, 0);
}

void wake_stop(struct wake *wake) {
  peers_free(wake->peers);
  loop_io_stop(&wake->watch);
  loop_timer_stop(&wake->due);
  loop_timer_stop(&wake->expiry);
  loop_timer_stop(&wake->renewal);
  loop_timer_stop(&wake->echo);
  loop_timer_stop(&wake->calm);
}
