#include "simulation.h"

#include "coroutine.h"
#include "invariant.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS         86400000
#define WALL_MS        1700000000000
#define END_STEPS_MAX  2000000 /* of the scheduler, until all who were asked to end have done so */
#define STEPS_MAX      100000  /* of the scheduler, however few operations come of them */
#define LAG_DOUBLINGS  10
#define BOOT_NS        1000000000
#define RESTART_MAX_MS 500   /* of a process that was killed */
#define RETURN_MAX_MS  10000 /* of one that ended */

/* ---- time ---- */

int64_t simulation_mono_ns(const struct simulation *sim) {
  return sim->now_ns - sim->boot_ns + BOOT_NS;
}

int64_t simulation_now_ms(const struct simulation *sim) {
  return sim->wall_ms + sim->now_ns / 1000000;
}

static int64_t disk_now_ms(void *arg) {
  return simulation_now_ms(arg);
}

bool simulation_sleep(struct simulation *sim, int64_t ns) {
  struct actor *actor = sim->running;
  if (actor->killed)
    return false;
  actor->wake_ns = sim->now_ns + ns;
  coroutine_yield();
  return !actor->killed;
}

void simulation_violation(struct simulation *sim, const char *format, ...) {
  char text[1024];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  trace_line(&sim->trace, "VIOLATION: %s", text);
  sim->violated(sim, text);
  abort();
}

/* ---- the disk's operations: where actors stop, fail and die ---- */

static bool fails(struct simulation *sim, struct actor *actor, enum disk_op op,
                  enum disk_verdict *verdict) {
  static const unsigned fragile = 1u << DISK_OPEN | 1u << DISK_READ | 1u << DISK_WRITE |
                                  1u << DISK_TRUNCATE | 1u << DISK_SYNC | 1u << DISK_SIZE |
                                  1u << DISK_DELETE | 1u << DISK_SHM_MAP;
  if (!(fragile & 1u << op) || !chance_one_in(&sim->chance, sim->plan.fault_one_in))
    return false;
  *verdict = chance_one_in(&sim->chance, 3) ? DISK_FULL : DISK_FAIL;
  actor->faults++;
  sim->faults++;
  return true;
}

/* How long an actor that is switched away from stays away: an operation may be as long as hundreds
 * of others, as when a process loses its processor. */
static int64_t lag_ns(struct simulation *sim, unsigned one_in) {
  if (sim->calm || !chance_one_in(&sim->chance, one_in))
    return 0;
  return sim->plan.operation_ns << chance_between(&sim->chance, 0, LAG_DOUBLINGS);
}

static void give_way(struct simulation *sim, enum disk_op op) {
  if (op == DISK_UNFETCH && sim->plan.gap_one_in > 0)
    simulation_sleep(sim, lag_ns(sim, sim->plan.gap_one_in));
  else if (chance_one_in(&sim->chance, sim->plan.switch_one_in))
    simulation_sleep(sim, lag_ns(sim, sim->plan.lag_one_in));
}

static enum disk_verdict operate(struct simulation *sim, struct actor *actor, enum disk_op op,
                                 int us) {
  enum disk_verdict verdict = DISK_GO;
  int64_t most_ns = op == DISK_SYNC ? sim->plan.sync_ns : sim->plan.operation_ns;
  sim->operations++;
  sim->now_ns += chance_between(&sim->chance, 1000, most_ns);
  if (op == DISK_SLEEP)
    simulation_sleep(sim, (int64_t)us * 1000);
  else
    give_way(sim, op);
  if (actor->killed)
    return DISK_DIE;
  if (sim->calm)
    return DISK_GO;
  if (chance_one_in(&sim->chance, sim->plan.die_one_in)) {
    sim->deaths++;
    actor->killed = true;
    return DISK_DIE;
  }
  fails(sim, actor, op, &verdict);
  return verdict;
}

static enum disk_verdict hook(void *arg, int process, enum disk_op op, const char *name, int us) {
  static const char *const names[DISK_N_OPS] = {
      "open",   "read", "write",    "truncate", "sync",    "size", "delete",
      "access", "lock", "shm-lock", "shm-map",  "unfetch", "sleep"};
  static const char *const verdicts[] = {"", " FAILS", " IS FULL", " DIES"};
  struct simulation *sim = arg;
  struct actor *actor = sim->running;
  if (!actor || process != actor->process)
    return DISK_GO;
  enum disk_verdict verdict = operate(sim, actor, op, us);
  trace_number(&sim->trace, (uint64_t)sim->now_ns << 16 | (uint64_t)actor->number << 8 |
                                (uint64_t)op << 4 | (uint64_t)verdict);
  if (sim->trace.verbose) {
    const char *slash = name ? strrchr(name, '/') : NULL;
    printf("%12" PRId64 " %s %d: %s %s%s\n", sim->now_ns / 1000, actor->role->name, actor->number,
           names[op], slash ? slash + 1 : "", verdicts[verdict]);
  }
  return verdict;
}

/* ---- processes ---- */

static void start(struct simulation *sim, struct actor *actor) {
  struct actor fresh = {.sim = sim,
                        .role = actor->role,
                        .number = actor->number,
                        .process = disk_process(sim->disk),
                        .chance = {chance_next(&sim->chance)}};
  *actor = fresh;
  actor->coroutine = coroutine_new(actor_live, actor);
  if (!actor->coroutine)
    simulation_violation(sim, "no memory for a coroutine");
}

/* Whatever it was, the kernel cleans up behind it. */
static void bury(struct simulation *sim, struct actor *actor) {
  trace_line(&sim->trace, "%12" PRId64 " %s %d: %s", sim->now_ns / 1000, actor->role->name,
             actor->number, actor->killed ? "is dead" : "has ended");
  disk_kill(sim->disk, actor->process);
  coroutine_free(actor->coroutine);
  actor->coroutine = NULL;
  actor->process = 0;
  actor->n_holds = 0;
  int64_t most_ms = actor->killed ? RESTART_MAX_MS : RETURN_MAX_MS;
  actor->restart_ns = sim->now_ns + chance_between(&sim->chance, 1, most_ms) * 1000000;
  if (actor->role == &actor_producer && sim->jobs_left == 0)
    actor->restart_ns = 0;
}

static void resume(struct simulation *sim, struct actor *actor) {
  sim->running = actor;
  disk_enter(sim->disk, actor->process);
  bool lives = coroutine_resume(actor->coroutine);
  sim->running = NULL;
  if (!lives)
    bury(sim, actor);
}

/* kill -9: it gets no further, and its code only runs to give back its memory. */
static void slay(struct simulation *sim, struct actor *actor) {
  if (!actor->coroutine)
    return;
  trace_line(&sim->trace, "%12" PRId64 " %s %d: is killed", sim->now_ns / 1000, actor->role->name,
             actor->number);
  actor->killed = true;
  disk_kill(sim->disk, actor->process);
  resume(sim, actor);
  assert(!actor->coroutine);
}

static void slay_all(struct simulation *sim) {
  for (int i = 0; i < sim->n_actors; i++)
    slay(sim, &sim->actors[i]);
}

/* ---- events ---- */

static void cut_power(struct simulation *sim) {
  static const enum disk_loss losses[] = {DISK_KEEP_ALL, DISK_LOSE_ALL, DISK_LOSE_SUFFIX,
                                          DISK_LOSE_ANY, DISK_TEAR};
  enum disk_loss loss = losses[chance_between(&sim->chance, 0, 4)];
  slay_all(sim);
  disk_power_cut(sim->disk, loss);
  sim->boot_ns = sim->now_ns + chance_between(&sim->chance, 1, 1000) * 1000000000;
  sim->now_ns = sim->boot_ns;
  sim->auditor = disk_process(sim->disk);
  int64_t lost = sim->ledger.lost;
  invariant_check_power_cut(sim);
  trace_line(&sim->trace, "%12" PRId64 " power cut (%d): %" PRId64 " acknowledged are lost",
             sim->now_ns / 1000, (int)loss, sim->ledger.lost - lost);
  for (int i = 0; i < sim->n_actors; i++)
    if (sim->actors[i].restart_ns > 0)
      sim->actors[i].restart_ns = sim->now_ns + chance_between(&sim->chance, 1, 100) * 1000000;
}

static void pause_one(struct simulation *sim, struct actor *actor) {
  int64_t ms = sim->plan.lease_ms * chance_between(&sim->chance, 1, 30) / 10;
  actor->pause_ns = sim->now_ns + ms * 1000000;
  trace_line(&sim->trace, "%12" PRId64 " %s %d: is stopped for %" PRId64 " ms", sim->now_ns / 1000,
             actor->role->name, actor->number, ms);
}

static void step_clock(struct simulation *sim) {
  static const int64_t most_ms[] = {1000, 60000, DAY_MS};
  int64_t ms = most_ms[chance_between(&sim->chance, 0, 2)];
  ms = chance_between(&sim->chance, -ms, ms);
  sim->wall_ms += ms;
  trace_line(&sim->trace, "%12" PRId64 " the clock steps by %" PRId64 " ms", sim->now_ns / 1000,
             ms);
}

static enum plan_event choose_event(struct simulation *sim) {
  int64_t sum = 0;
  for (int i = 0; i < PLAN_N_EVENTS; i++)
    sum += sim->plan.weight[i];
  int64_t at = sum > 0 ? chance_between(&sim->chance, 0, sum - 1) : 0;
  for (int i = 0; i < PLAN_N_EVENTS; i++)
    if ((at -= sim->plan.weight[i]) < 0)
      return (enum plan_event)i;
  return PLAN_KILL;
}

static void happen(struct simulation *sim) {
  struct actor *actor = &sim->actors[chance_between(&sim->chance, 0, sim->n_actors - 1)];
  enum plan_event event = choose_event(sim);
  sim->events[event]++;
  switch (event) {
  case PLAN_KILL:
    slay(sim, actor);
    break;
  case PLAN_PAUSE:
    if (actor->coroutine)
      pause_one(sim, actor);
    break;
  case PLAN_CLOCK:
    step_clock(sim);
    break;
  case PLAN_KILL_ALL:
    slay_all(sim);
    break;
  case PLAN_POWER:
    cut_power(sim);
    break;
  case PLAN_N_EVENTS:
    break;
  }
}

/* ---- the scheduler ---- */

/* When it could go on; INT64_MAX: never. */
static int64_t ready_ns(const struct actor *actor) {
  if (!actor->coroutine)
    return actor->restart_ns > 0 ? actor->restart_ns : INT64_MAX;
  return actor->wake_ns > actor->pause_ns ? actor->wake_ns : actor->pause_ns;
}

/* Any of those that could go on now; when there is none, the first that can. NULL: nobody ever. */
static struct actor *choose(struct simulation *sim) {
  struct actor *able[SIMULATION_ACTORS_MAX], *first = NULL;
  int n = 0;
  for (int i = 0; i < sim->n_actors; i++) {
    struct actor *actor = &sim->actors[i];
    int64_t ns = ready_ns(actor);
    if (ns <= sim->now_ns)
      able[n++] = actor;
    else if (ns < INT64_MAX && (!first || ns < ready_ns(first)))
      first = actor;
  }
  if (n > 0)
    return able[chance_between(&sim->chance, 0, n - 1)];
  if (first)
    sim->now_ns = ready_ns(first);
  return first;
}

static bool step(struct simulation *sim) {
  struct actor *actor = choose(sim);
  if (!actor)
    return false;
  sim->steps++;
  if (!actor->coroutine)
    start(sim, actor);
  resume(sim, actor);
  return true;
}

/* ---- beginning and end ---- */

static struct actor *add(struct simulation *sim, const struct actor_role *role) {
  assert(sim->n_actors < SIMULATION_ACTORS_MAX);
  struct actor *actor = &sim->actors[sim->n_actors];
  *actor = (struct actor){.sim = sim, .role = role, .number = sim->n_actors++};
  actor->restart_ns = sim->now_ns + 1;
  return actor;
}

static void add_all(struct simulation *sim) {
  const struct {
    const struct actor_role *role;
    int n;
  } groups[] = {{&actor_producer, sim->plan.producers},
                {&actor_worker, sim->plan.workers},
                {&actor_operator, sim->plan.operators},
                {&actor_foreigner, sim->plan.foreigners}};
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
    for (int k = 0; k < groups[i].n; k++)
      add(sim, groups[i].role);
}

/* Nobody begins again. Some are killed, some asked to end, and some workers are stopped between two
 * calls, to go on when the queue is empty and find that all they held is lost. */
static void ask_to_end(struct simulation *sim) {
  sim->calm = true;
  for (int i = 0; i < sim->n_actors; i++) {
    struct actor *actor = &sim->actors[i];
    actor->pause_ns = 0;
    bool stops = actor->role == &actor_worker && !actor->calling && actor->n_holds > 0;
    if (!actor->coroutine)
      actor->restart_ns = 0;
    else if (stops && chance_one_in(&sim->chance, 2))
      actor->pause_ns = INT64_MAX;
    else if (chance_one_in(&sim->chance, 2))
      slay(sim, actor);
    else
      actor->leaving = true, actor->wake_ns = actor->calling ? actor->wake_ns : 0;
    actor->restart_ns = 0;
  }
}

static void run_to_end(struct simulation *sim, const char *what) {
  for (int i = 0; i < END_STEPS_MAX; i++) {
    bool ended = true;
    for (int k = 0; k < sim->n_actors; k++) {
      struct actor *actor = &sim->actors[k];
      ended = ended && (!actor->coroutine || actor->pause_ns == INT64_MAX);
      if (!actor->coroutine)
        actor->restart_ns = 0;
    }
    if (ended)
      return;
    step(sim);
  }
  simulation_violation(sim, "%s do not come to an end", what);
}

static void wake_stopped(struct simulation *sim) {
  for (int i = 0; i < sim->n_actors; i++)
    if (sim->actors[i].coroutine) {
      sim->actors[i].leaving = true;
      sim->actors[i].pause_ns = sim->actors[i].wake_ns = 0;
    }
}

static void heal(struct simulation *sim) {
  struct actor *healer = add(sim, &actor_healer);
  start(sim, healer);
  run_to_end(sim, "draining the queue");
}

sqlite3 *simulation_connect(struct simulation *sim) {
  sqlite3 *h = NULL;
  disk_enter(sim->disk, sim->auditor);
  if (sqlite3_open_v2(sim->path, &h, SQLITE_OPEN_READWRITE, "disk") != SQLITE_OK)
    simulation_violation(sim, "the database cannot be opened: %s", sqlite3_errmsg(h));
  sqlite3_db_config(h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  sqlite3_wal_autocheckpoint(h, 0);
  return h;
}

static void run_on(struct simulation *sim) {
  int64_t gap = sim->plan.event_gap, next = gap > 0 ? chance_between(&sim->chance, 0, gap) : -1;
  while (sim->operations < sim->plan.operations && sim->steps < STEPS_MAX && step(sim))
    if (next >= 0 && sim->operations >= next) {
      happen(sim);
      next = sim->operations + chance_between(&sim->chance, 1, 2 * gap);
    }
}

void simulation_run(struct simulation *sim) {
  sim->plan = plan_make(sim->seed);
  sim->chance = (struct chance){~sim->seed};
  sim->wall_ms = WALL_MS;
  sim->jobs_left = sim->plan.jobs;
  sim->auditor = disk_process(sim->disk);
  disk_clock(sim->disk, disk_now_ms, sim);
  disk_watch(sim->disk, hook, sim);
  add_all(sim);
  run_on(sim);
  if (chance_one_in(&sim->chance, 4))
    cut_power(sim);
  ask_to_end(sim);
  run_to_end(sim, "those who were asked to end");
  heal(sim);
  wake_stopped(sim);
  run_to_end(sim, "workers that were stopped");
  heal(sim);
  invariant_check_all(sim);
  disk_watch(sim->disk, NULL, NULL);
}
