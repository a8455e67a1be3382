#include "simulation.h"

#include <inttypes.h>
#include <string.h>

#define OPEN_TRIES      5
#define BUSY_TIMEOUT_MS 5000

static int64_t env_now_ms(void *arg) {
  return simulation_now_ms(((struct actor *)arg)->sim);
}

static int64_t env_mono_ns(void *arg) {
  return simulation_mono_ns(((struct actor *)arg)->sim);
}

static uint64_t env_random(void *arg) {
  return chance_next(&((struct actor *)arg)->chance);
}

bool actor_goes_on(const struct actor *actor) {
  return !actor->killed && !actor->leaving;
}

bool actor_sleep(struct actor *actor, int64_t ms) {
  if (!actor_goes_on(actor))
    return false;
  simulation_sleep(actor->sim, ms * 1000000);
  return actor_goes_on(actor);
}

int64_t actor_begin(struct actor *actor, const char *call) {
  (void)call;
  actor->calling = true;
  return ledger_tick(&actor->sim->ledger);
}

/* BUSY: somebody may be stopped with the write lock in its hands, and nobody stands in line for it,
 * as the gate is not there for one thread; but who is alone gets it. What says that the disk failed
 * must have met a failure. */
static bool accounted_for(const struct actor *actor, const char *call, enum galley_rc rc) {
  switch (rc) {
  case GALLEY_BUSY:
    return actor->role != &actor_healer;
  case GALLEY_IO:
  case GALLEY_FULL:
  case GALLEY_CANNOT_CREATE:
    return actor->faults > 0;
  case GALLEY_CORRUPT: /* a copy that could not be read does not pass its check */
    return actor->faults > 0 && strcmp(call, "backup") == 0;
  default:
    return false;
  }
}

bool actor_end(struct actor *actor, const char *call, enum galley_rc rc) {
  actor->calling = false;
  if (actor->killed)
    return false;
  trace_line(&actor->sim->trace, "%12" PRId64 " %s %d: %s: %s", actor->sim->now_ns / 1000,
             actor->role->name, actor->number, call, galley_rc_name(rc));
  if (rc == GALLEY_OK)
    return true;
  if (!accounted_for(actor, call, rc))
    simulation_violation(actor->sim, "%s %d: %s: %s: %s", actor->role->name, actor->number, call,
                         galley_rc_name(rc), galley_errmsg(actor->q));
  return false;
}

void actor_close(struct actor *actor) {
  actor->calling = true; /* the last handle to close holds the database alone, and may take long */
  galley_close(actor->q);
  actor->calling = false;
  actor->q = NULL;
}

bool actor_open(struct actor *actor, unsigned flags) {
  struct simulation *sim = actor->sim;
  actor->durable = chance_one_in(&actor->chance, sim->plan.full_one_in);
  actor->env = (struct galley_env){.now_ms = env_now_ms,
                                   .mono_ns = env_mono_ns,
                                   .random = env_random,
                                   .arg = actor,
                                   .one_thread = true};
  const struct galley_options options = {.flags = flags | (actor->durable ? GALLEY_OPEN_FULL : 0u),
                                         .busy_timeout_ms = BUSY_TIMEOUT_MS,
                                         .env = &actor->env};
  for (int i = 0; i < OPEN_TRIES && actor_goes_on(actor); i++) {
    actor_begin(actor, "open");
    if (actor_end(actor, "open", galley_open(&actor->q, sim->path, &options)))
      return actor_goes_on(actor);
    actor_close(actor);
    if (actor->faults == 0 && sim->calm)
      return false;
    actor_sleep(actor, 100);
  }
  return false;
}

void actor_live(void *arg) {
  struct actor *actor = arg;
  actor->role->run(actor);
  actor_close(actor);
}
