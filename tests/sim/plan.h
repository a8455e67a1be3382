/*
 * plan.h - what a seed decides about a run before it begins: who takes part, what goes wrong and
 * how often.
 */
#ifndef PLAN_H
#define PLAN_H

#include "chance.h"

/* What happens to actors between their steps. */
enum plan_event {
  PLAN_KILL,     /* kill -9 of one process */
  PLAN_PAUSE,    /* SIGSTOP of one process for longer than its lease, and SIGCONT */
  PLAN_CLOCK,    /* the wall clock steps by up to a day */
  PLAN_KILL_ALL, /* all processes are killed, the machine stays up */
  PLAN_POWER,    /* power cut, and a boot */
  PLAN_N_EVENTS
};

/* Foreign programs that write and checkpoint beside each other are outside of what galley can guard
 * (ARCHITECTURE.md, "What stays exposed"). */
enum plan_foreign {
  PLAN_FOREIGN_READS,
  PLAN_FOREIGN_WRITES,
  PLAN_FOREIGN_CHECKPOINTS,
  PLAN_FOREIGN_BOTH /* there is only one then */
};

struct plan {
  int producers, workers, operators, foreigners;
  enum plan_foreign foreign;
  int64_t operations;     /* of storage, before all is brought to its end */
  int64_t jobs;           /* that producers ask for */
  unsigned switch_one_in; /* storage operations after which another actor may go on */
  unsigned lag_one_in; /* switches after which an actor is put off for many operations of others */
  int64_t event_gap;   /* operations between two events, on average; 0: nothing happens */
  unsigned gap_one_in; /* the same in the gap in which checkpoints of older SQLite lose commits */
  unsigned fault_one_in; /* storage operations; 0: the disk is sound */
  unsigned die_one_in;   /* storage operations in the middle of which a process is killed */
  unsigned weight[PLAN_N_EVENTS];
  unsigned full_one_in; /* handles with durability full; 0: none */
  int64_t lease_ms;
  int64_t operation_ns, sync_ns; /* what they take at most */
  int64_t work_ms;               /* what a job takes at most */
  int64_t rest_ms;               /* how long all but workers rest at most between calls */
  unsigned hang_one_in;          /* jobs */
  unsigned checkpoint_one_in;    /* of what people do */
};

struct plan plan_make(uint64_t seed);

#endif
