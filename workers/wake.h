/*
 * wake.h - what a worker sleeps on: changes of the database, the times it has to keep, the death of
 * other workers. Events mark what there is to do; the end of the loop's turn does it.
 */
#ifndef WAKE_H
#define WAKE_H

#include "galley.h"
#include "kind_list.h"
#include "loop.h"
#include "peers.h"

struct wake {
  bool look;  /* something may be ready: claim in the next round */
  bool renew; /* leases are due in the next round */

  /* To be set before wake_start; borrowed. */
  struct galley *writer;
  int64_t lease_ms;
  /* On the loop, and within wake_look: a worker has died or a lease ran out. */
  void (*missed)(void *owner);
  void *owner;

  /* its own: */
  struct loop *loop;
  struct loop_io watch;
  struct loop_timer due;     /* the next scheduled job, in wall time */
  struct loop_timer expiry;  /* the next lease that runs out, or the safety look */
  struct loop_timer renewal; /* a third of the lease */
  struct loop_timer echo;    /* the next look after a change of the log */
  struct loop_timer calm; /* the next look when changes come fast; `watch` is stopped until then */
  int64_t rang_ns[2];     /* the last two changes that were looked at, older first */
  int fd;                 /* of galley_watch */
  struct peers *peers;    /* whose death is noticed at once */
  int64_t newest_worker;  /* that the peers were updated for */
};

/* `fd` is that of galley_watch. The first turn of the loop looks. False without memory. */
bool wake_start(struct wake *wake, struct loop *loop, int fd);
/* Safe when it was not started, or in part. */
void wake_stop(struct wake *wake);

/* What is there to wait for? Forgets the changes seen so far; reads only. */
GALLEY_MUST_USE enum galley_rc wake_look(struct wake *wake, int64_t worker_id,
                                         const struct kind_list *kinds,
                                         struct galley_outlook *outlook);
/* Waits for it; `running`: there are leases to be renewed. False without memory. */
GALLEY_MUST_USE bool wake_wait(struct wake *wake, const struct galley_outlook *outlook,
                               bool running);
/* Another turn of the loop, without waiting; without memory the next event brings it. */
void wake_again(struct wake *wake);

#endif
