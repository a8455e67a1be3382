/*
 * actor.h - one simulated process: a coroutine that uses galley (or SQLite) as a real program
 * would, and may be stopped, killed or put off at every storage operation.
 */
#ifndef ACTOR_H
#define ACTOR_H

#include "chance.h"
#include "galley.h"

#define ACTOR_HOLDS_MAX 8

struct actor;
struct simulation;

/* What an actor does with its life. It returns when it has ended, wants to (actor->leaving), or was
 * killed (actor->killed): then it shall return as soon as a call of its own has come back. */
struct actor_role {
  const char *name;
  void (*run)(struct actor *actor);
};

extern const struct actor_role actor_producer, actor_worker, actor_operator, actor_foreigner,
    actor_healer;

/* What a worker does with a job in the end. */
enum actor_fate {
  ACTOR_DONE,
  ACTOR_FAIL,
  ACTOR_SNOOZE,
  ACTOR_GIVE_UP,
  ACTOR_RETURN,
  ACTOR_SAVE_INVALID, /* what it saves is refused, after a part of it was written */
  ACTOR_SAVE_FAILS,
  ACTOR_HANG, /* it holds on to the job without renewing, and settles it too late */
  ACTOR_POISON,
  ACTOR_N_FATES
};

/* A job in a worker's hands. */
struct actor_hold {
  struct actor *actor;
  int64_t job_id, fence, attempt;
  int64_t lease_ns; /* of simulation time: the lease lasts until then at least */
  int64_t due_ns;
  enum actor_fate fate;
  bool follow;    /* its result asks for another job */
  bool cancelled; /* the worker has heard that somebody asked */
  bool settling;  /* a call that ends it is on its way */
  bool unsure;    /* such a call failed: it may have happened all the same */
};

struct actor {
  struct simulation *sim;
  const struct actor_role *role;
  int number;  /* of the actor, from 0; the processes it is in turn have other numbers */
  int process; /* on the simulated disk; 0: it does not run */
  struct coroutine *coroutine;
  struct chance chance;
  struct galley_env env;
  struct galley *q;
  bool durable;       /* q waits for the disk */
  bool leaving;       /* asked to end */
  bool killed;        /* none of its operations does anything any more */
  bool calling;       /* within a call of galley's */
  int64_t faults;     /* that its process has met */
  int64_t wake_ns;    /* asleep until then */
  int64_t pause_ns;   /* stopped until then */
  int64_t restart_ns; /* not running: begins again then; 0: never */
  int64_t worker_id;
  struct actor_hold holds[ACTOR_HOLDS_MAX];
  size_t n_holds;
};

/* The life of one process: for coroutine_new. */
void actor_live(void *actor);
/* Opens actor->q; false when the actor has to end. */
bool actor_open(struct actor *actor, unsigned flags);
void actor_close(struct actor *actor);
/* Lets simulation time pass. False when the actor has to end. */
bool actor_sleep(struct actor *actor, int64_t ms);
bool actor_goes_on(const struct actor *actor);
/* Surround each call of galley's. The first gives the moment at which it begins; the second judges:
 * true when it worked, false when it did not in a way that the simulation accounts for. Everything
 * else is a violation. */
int64_t actor_begin(struct actor *actor, const char *call);
bool actor_end(struct actor *actor, const char *call, enum galley_rc rc);

#endif
