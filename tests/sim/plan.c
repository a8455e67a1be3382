#include "plan.h"

static unsigned pick(struct chance *chance, const unsigned *of, int n) {
  return of[chance_between(chance, 0, n - 1)];
}

/* Each process that begins again reads the schema anew, which is what a run spends its time on: few
 * things happen in most runs, and many in some. */
static void plan_harm(struct plan *plan, struct chance *c) {
  static const unsigned events[] = {0, 1, 2, 4, 8, 24};
  static const unsigned faults[] = {0, 0, 0, 300, 1000, 4000};
  static const unsigned deaths[] = {0, 0, 0, 1000, 4000};
  unsigned n = pick(c, events, 6);
  plan->event_gap = n > 0 ? plan->operations / n + 1 : 0;
  plan->fault_one_in = pick(c, faults, 6);
  plan->die_one_in = pick(c, deaths, 5);
  plan->weight[PLAN_KILL] = (unsigned)chance_between(c, 0, 8);
  plan->weight[PLAN_PAUSE] = (unsigned)chance_between(c, 0, 6);
  plan->weight[PLAN_CLOCK] = (unsigned)chance_between(c, 0, 3);
  plan->weight[PLAN_KILL_ALL] = (unsigned)chance_between(c, 0, 1);
  plan->weight[PLAN_POWER] = (unsigned)chance_between(c, 0, 2);
}

/* Checkpoint upon checkpoint beside small commits: where older SQLite loses rows (ARCHITECTURE.md,
 * "SQLite"), which takes a checkpoint that finds nothing to do and a writer in its gap. */
static void plan_checkpoints(struct plan *plan, struct chance *c) {
  bool foreign = chance_one_in(c, 2); /* who checkpoints: foreign programs, or people with galley */
  plan->foreign = foreign ? PLAN_FOREIGN_CHECKPOINTS : PLAN_FOREIGN_WRITES;
  plan->foreigners = 2;
  plan->operators = foreign ? 0 : 2;
  plan->producers = foreign ? 2 : 1;
  plan->workers = foreign ? 1 : 0;
  plan->checkpoint_one_in = 1;
  plan->rest_ms = chance_between(c, 1, 5);
  plan->work_ms = 0;
  plan->switch_one_in = 4;
  plan->lag_one_in = 0;
  plan->gap_one_in = 2;
  plan->jobs = chance_between(c, 50, 300);
}

struct plan plan_make(uint64_t seed) {
  static const unsigned switches[] = {1, 2, 4, 16, 64};
  static const unsigned lags[] = {0, 3, 20};
  static const unsigned fulls[] = {0, 1, 3};
  static const unsigned slow[] = {1, 1, 1, 50};
  static const unsigned leases[] = {1000, 10000, 60000};
  static const unsigned works[] = {0, 20, 500, 5000}; /* or two leases */
  static const unsigned hangs[] = {3, 20, 100};
  static const unsigned rests[] = {1, 20, 200};
  static const unsigned checkpoints[] = {1, 3, 10};
  struct chance c = {seed};
  struct plan plan = {.producers = (int)chance_between(&c, 1, 3),
                      .workers = (int)chance_between(&c, 1, 5),
                      .operators = (int)chance_between(&c, 0, 2),
                      .foreigners = (int)chance_between(&c, 0, 2),
                      .foreign = (enum plan_foreign)chance_between(&c, 0, 3),
                      .jobs = chance_between(&c, 2, 60),
                      .operations = chance_between(&c, 200, 8000),
                      .switch_one_in = pick(&c, switches, 5),
                      .lag_one_in = pick(&c, lags, 3),
                      .full_one_in = pick(&c, fulls, 3),
                      .lease_ms = pick(&c, leases, 3),
                      .work_ms = pick(&c, works, 4),
                      .rest_ms = pick(&c, rests, 3),
                      .hang_one_in = pick(&c, hangs, 3),
                      .checkpoint_one_in = pick(&c, checkpoints, 3)};
  if (chance_one_in(&c, 3))
    plan.work_ms = 2 * plan.lease_ms;
  unsigned factor = pick(&c, slow, 4);
  plan.operation_ns = 20000 * (int64_t)factor;
  plan.sync_ns = 2000000 * (int64_t)factor;
  if (plan.foreign == PLAN_FOREIGN_BOTH && plan.foreigners > 1)
    plan.foreigners = 1;
  if (chance_one_in(&c, 16)) /* a long run: the log passes its marks, counters their limits */
    plan.operations *= 8, plan.jobs *= 8;
  if (chance_one_in(&c, 6))
    plan_checkpoints(&plan, &c);
  plan_harm(&plan, &c);
  return plan;
}
