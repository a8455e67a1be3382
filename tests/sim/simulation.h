/*
 * simulation.h - one run from one seed: the machine, its clocks, its disk, and the actors on it, of
 * which one goes on at a time.
 */
#ifndef SIMULATION_H
#define SIMULATION_H

#include "actor.h"
#include "disk.h"
#include "ledger.h"
#include "plan.h"
#include "trace.h"

#define SIMULATION_ACTORS_MAX 16
#define SIMULATION_PATH_MAX   256

struct simulation {
  uint64_t seed;
  struct plan plan;
  struct chance chance;
  struct trace trace;
  struct disk *disk;
  struct ledger ledger;
  char path[SIMULATION_PATH_MAX]; /* of the database */
  int64_t now_ns;                 /* since the run began: never stands still, never steps */
  int64_t boot_ns;                /* when the machine was switched on */
  int64_t wall_ms;                /* wall clock at now_ns = 0; steps */
  struct actor actors[SIMULATION_ACTORS_MAX];
  int n_actors;
  struct actor *running; /* NULL: none, the run itself looks at the database */
  int auditor;           /* process of the run itself */
  bool calm;             /* nothing goes wrong any more */
  int64_t jobs_left;     /* for producers to ask for */
  int64_t operations, steps, events[PLAN_N_EVENTS], faults, deaths, backups, healed;
  void (*violated)(struct simulation *sim, const char *what); /* does not return */
};

/* Runs it from beginning to end. `path` names a database that is not there, in an empty folder. */
void simulation_run(struct simulation *sim);
/* A promise is broken: prints what, and ends the run. */
void simulation_violation(struct simulation *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));
/* The machine's clock, as the kernel gives it to processes. */
int64_t simulation_mono_ns(const struct simulation *sim);
int64_t simulation_now_ms(const struct simulation *sim);
/* The actor that runs stops for at least so long. False when it was killed meanwhile. */
bool simulation_sleep(struct simulation *sim, int64_t ns);
/* A plain connection of the run itself, on which nothing fails; never NULL. */
sqlite3 *simulation_connect(struct simulation *sim);

#endif
