/* A worker process, and the healthy one that empties the queue in the end. */
#include "simulation.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HANG_LEASES      3 /* for which a hanging job is held at most */
#define IDLE_MS          200
#define LOG_BUDGET_BYTES 10485760 /* DESIGN: the log stays under 10 MB */
#define HEAL_TURNS       20000

static const char *const kinds[] = {"work", "rest"};

/* ---- what a job's attempt saves ---- */

static enum galley_rc save_follower(struct galley *q, const struct actor_hold *hold) {
  char payload[96];
  int64_t id;
  snprintf(payload, sizeof payload, "{\"after\":%" PRId64 ",\"fence\":%" PRId64 "}", hold->job_id,
           hold->fence);
  const struct galley_spec spec = {
      .kind = "rest", .payload = payload, .priority = -1, .parent_id = hold->job_id};
  return galley_enqueue(q, &spec, &id, NULL);
}

static enum galley_rc save_topic(struct galley *q, const struct actor_hold *hold,
                                 const char *what) {
  char title[64], fence[64];
  int64_t id;
  snprintf(title, sizeof title, "%s %" PRId64, what, hold->job_id);
  snprintf(fence, sizeof fence, "%" PRId64, hold->fence);
  const struct galley_topic topic = {.title = title, .description = fence, .language = "en"};
  return galley_topic_save(q, &topic, &id);
}

static enum galley_rc save_document(struct galley *q, const struct actor_hold *hold) {
  char hash[65], content[96];
  int64_t id;
  snprintf(hash, sizeof hash, "%064" PRIx64, (uint64_t)hold->job_id);
  snprintf(content, sizeof content, "What came of job %" PRId64 " under fence %" PRId64,
           hold->job_id, hold->fence);
  const struct galley_document document = {
      .source = "simulation", .title = "Result", .content = content, .content_hash = hash};
  return galley_document_save(q, &document, &id, NULL);
}

static enum galley_rc save_done(struct galley *q, void *arg, const char **result) {
  const struct actor_hold *hold = arg;
  enum galley_rc rc = save_topic(q, hold, "done");
  if (rc == GALLEY_OK && hold->job_id % 4 == 0)
    rc = save_document(q, hold);
  if (rc == GALLEY_OK && hold->follow)
    rc = save_follower(q, hold);
  *result = "{\"saved\":true}";
  return rc;
}

static enum galley_rc save_failed(struct galley *q, void *arg, const char **result) {
  (void)result;
  return save_topic(q, arg, "failed");
}

/* Writes first, then fails: nothing of it may be seen. */
static enum galley_rc save_refused(struct galley *q, void *arg, const char **result) {
  const struct actor_hold *hold = arg;
  (void)result;
  enum galley_rc rc = save_topic(q, hold, "refused");
  if (rc != GALLEY_OK)
    return rc;
  return hold->fate == ACTOR_SAVE_INVALID ? GALLEY_INVALID : GALLEY_UNAVAILABLE;
}

/* ---- ending an attempt ---- */

struct ending {
  enum galley_outcome outcome;
  galley_save_fn *save;
  bool cost; /* the attempt has one */
};

static const struct ending endings[ACTOR_N_FATES] = {
    [ACTOR_DONE] = {GALLEY_DONE, save_done, true},
    [ACTOR_FAIL] = {GALLEY_RETRY, save_failed, true},
    [ACTOR_SNOOZE] = {GALLEY_SNOOZE, NULL, false},
    [ACTOR_GIVE_UP] = {GALLEY_DEAD, NULL, true},
    [ACTOR_RETURN] = {GALLEY_RETURNED, NULL, false},
    [ACTOR_SAVE_INVALID] = {GALLEY_DONE, save_refused, true},
    [ACTOR_SAVE_FAILS] = {GALLEY_DONE, save_refused, true},
    [ACTOR_HANG] = {GALLEY_DONE, save_done, true},
    [ACTOR_POISON] = {GALLEY_DONE, save_done, true},
};

static struct galley_settlement settlement_of(struct actor_hold *hold) {
  const struct ending *ending = &endings[hold->fate];
  struct galley_settlement one = {.job_id = hold->job_id,
                                  .fence = hold->fence,
                                  .outcome = ending->outcome,
                                  .save = ending->save,
                                  .save_arg = hold,
                                  .delay_ms = ending->outcome == GALLEY_SNOOZE ? 50 : -1,
                                  .cost_usd_micros = ending->cost ? 7 : 0};
  if (hold->cancelled) {
    one.outcome = GALLEY_CANCELLED;
    one.save = NULL;
  }
  if (hold->fate == ACTOR_FAIL && chance_one_in(&hold->actor->chance, 4))
    one.delay_ms = 0;
  return one;
}

/* Losing a job is right when its lease may have run out, or when an end that failed may have
 * happened. */
static void check_lost(struct actor *actor, const struct actor_hold *hold) {
  if (!hold->unsure && actor->sim->now_ns <= hold->lease_ns)
    simulation_violation(
        actor->sim, "worker %d lost job %" PRId64 ", fence %" PRId64 ", in the middle of its lease",
        actor->number, hold->job_id, hold->fence);
}

/* Nothing that shows an old fence is taken. */
static void check_newest(struct actor *actor, const struct actor_hold *hold, int64_t begun) {
  if (ledger_has_newer(&actor->sim->ledger, hold->job_id, hold->fence, begun))
    simulation_violation(actor->sim,
                         "worker %d: job %" PRId64 " took fence %" PRId64
                         " after a newer one had been given",
                         actor->number, hold->job_id, hold->fence);
}

static void check_settlement(struct actor *actor, const struct actor_hold *hold,
                             const struct galley_settlement *one, int64_t begun) {
  trace_line(&actor->sim->trace, "%12" PRId64 " worker %d: job %" PRId64 " fence %" PRId64 ": %s",
             actor->sim->now_ns / 1000, actor->number, one->job_id, one->fence,
             galley_rc_name(one->rc));
  if (one->rc == GALLEY_LOST) {
    check_lost(actor, hold);
    return;
  }
  check_newest(actor, hold, begun);
  bool refused =
      one->save == save_refused && (one->rc == GALLEY_INVALID || one->rc == GALLEY_UNAVAILABLE);
  if ((one->rc == GALLEY_OK) == (one->save == save_refused) || (one->rc != GALLEY_OK && !refused))
    simulation_violation(actor->sim, "worker %d: settling job %" PRId64 ", fence %" PRId64 ": %s",
                         actor->number, one->job_id, one->fence, galley_rc_name(one->rc));
  struct galley_settlement written = *one;
  if (refused)
    written.outcome = one->rc == GALLEY_INVALID ? GALLEY_DEAD : GALLEY_RETRY;
  if (!ledger_end(&actor->sim->ledger, &written, begun, actor->durable))
    simulation_violation(actor->sim, "the ledger is full");
}

/* ---- claiming ---- */

static enum actor_fate fate_of(struct actor *actor) {
  static const unsigned weights[ACTOR_N_FATES] = {
      /* ACTOR_HANG apart */
      [ACTOR_DONE] = 60,  [ACTOR_FAIL] = 12,        [ACTOR_SNOOZE] = 5,     [ACTOR_GIVE_UP] = 3,
      [ACTOR_RETURN] = 3, [ACTOR_SAVE_INVALID] = 3, [ACTOR_SAVE_FAILS] = 3, [ACTOR_POISON] = 4,
  };
  unsigned sum = 0;
  if (actor->role == &actor_healer || actor->sim->calm)
    return ACTOR_DONE;
  if (chance_one_in(&actor->chance, actor->sim->plan.hang_one_in))
    return ACTOR_HANG;
  for (int i = 0; i < ACTOR_N_FATES; i++)
    sum += weights[i];
  int64_t at = chance_between(&actor->chance, 0, sum - 1);
  int fate = 0;
  while ((at -= weights[fate]) >= 0)
    fate++;
  return (enum actor_fate)fate;
}

/* No two living workers hold one job: the lease of the one with the older fence must have run out,
 * or its end be on its way. */
static void check_alone(struct actor *actor, const struct galley_job *job, int64_t lease_ns) {
  struct simulation *sim = actor->sim;
  for (int i = 0; i < sim->n_actors; i++) {
    const struct actor *other = &sim->actors[i];
    for (size_t k = 0; other->coroutine && !other->killed && k < other->n_holds; k++) {
      const struct actor_hold *hold = &other->holds[k];
      int64_t older_ns = hold->fence < job->fence ? hold->lease_ns : lease_ns;
      if (hold->job_id != job->id || hold->settling || hold->unsure || older_ns < sim->now_ns)
        continue;
      simulation_violation(sim,
                           "worker %d got job %" PRId64 " with fence %" PRId64
                           " while worker %d holds it with fence %" PRId64,
                           actor->number, job->id, job->fence, other->number, hold->fence);
    }
  }
}

static void check_claimed(struct actor *actor, const struct galley_job *job, int64_t lease_ns) {
  if (strcmp(job->state, "running") != 0 || job->attempt < 1 || job->attempt > job->max_attempts ||
      job->crashes < 0 || job->crashes >= GALLEY_CRASHES_MAX || job->fence < 1 ||
      job->worker_id != actor->worker_id)
    simulation_violation(actor->sim,
                         "worker %d got job %" PRId64 ": %s, attempt %" PRId64 " of %" PRId64
                         ", crashes %" PRId64 ", fence %" PRId64 ", worker %" PRId64,
                         actor->number, job->id, job->state, job->attempt, job->max_attempts,
                         job->crashes, job->fence, job->worker_id);
  check_alone(actor, job, lease_ns);
}

static void take(struct actor *actor, const struct galley_job *job, int64_t lease_ns) {
  int64_t work_ms = chance_between(&actor->chance, 0, actor->sim->plan.work_ms);
  check_claimed(actor, job, lease_ns);
  ledger_claim(&actor->sim->ledger, job->id, job->fence);
  assert(actor->n_holds < ACTOR_HOLDS_MAX);
  struct actor_hold *hold = &actor->holds[actor->n_holds++];
  *hold = (struct actor_hold){.actor = actor,
                              .job_id = job->id,
                              .fence = job->fence,
                              .attempt = job->attempt,
                              .lease_ns = lease_ns,
                              .fate = fate_of(actor),
                              .follow = strstr(job->payload, "follow") != NULL};
  if (hold->fate == ACTOR_HANG)
    work_ms = chance_between(&actor->chance, 1, HANG_LEASES * actor->sim->plan.lease_ms);
  hold->due_ns = actor->sim->now_ns + work_ms * 1000000;
  trace_line(&actor->sim->trace, "%12" PRId64 " worker %d: takes job %" PRId64 " fence %" PRId64,
             actor->sim->now_ns / 1000, actor->number, hold->job_id, hold->fence);
}

/* ---- a turn ---- */

/* The hold of each settlement and renewal of a turn. */
struct round {
  struct galley_settlement settlements[ACTOR_HOLDS_MAX];
  struct galley_hold renewals[ACTOR_HOLDS_MAX];
  struct actor_hold *settled[ACTOR_HOLDS_MAX], *renewed[ACTOR_HOLDS_MAX];
  struct galley_job *jobs[ACTOR_HOLDS_MAX];
  bool gone[ACTOR_HOLDS_MAX]; /* by place in actor->holds */
  struct galley_turn turn;
};

/* When a third of the lease has passed, and sometimes earlier. Of one who hangs only when it is too
 * late. */
static bool wants_renewal(struct actor *actor, const struct actor_hold *hold) {
  int64_t lease_ns = actor->sim->plan.lease_ms * 1000000;
  int64_t left_ns = hold->lease_ns - actor->sim->now_ns;
  if (hold->fate == ACTOR_HANG)
    return left_ns < 0 && chance_one_in(&actor->chance, 2);
  return left_ns < lease_ns / 3 * 2 || chance_one_in(&actor->chance, 6);
}

static void prepare(struct actor *actor, struct round *round) {
  struct galley_turn *turn = &round->turn;
  for (size_t i = 0; i < actor->n_holds; i++) {
    struct actor_hold *hold = &actor->holds[i];
    bool due = hold->due_ns <= actor->sim->now_ns;
    hold->settling = due;
    if (due) {
      round->settlements[turn->n_settlements] = settlement_of(hold);
      round->settled[turn->n_settlements++] = hold;
    } else if (wants_renewal(actor, hold)) {
      round->renewals[turn->n_holds] =
          (struct galley_hold){.job_id = hold->job_id, .fence = hold->fence};
      round->renewed[turn->n_holds++] = hold;
    }
  }
  turn->worker_id = actor->worker_id;
  turn->settlements = round->settlements;
  turn->holds = round->renewals;
  turn->kinds = kinds;
  turn->n_kinds = actor->number % 4 == 3 && actor->role != &actor_healer ? 1 : 2;
  turn->max_jobs = actor->leaving ? 0 : ACTOR_HOLDS_MAX - actor->n_holds;
  turn->lease_ms = actor->sim->plan.lease_ms;
  turn->jobs = round->jobs;
}

static void forget_gone(struct actor *actor, const struct round *round) {
  size_t kept = 0;
  for (size_t i = 0; i < actor->n_holds; i++)
    if (!round->gone[i])
      actor->holds[kept++] = actor->holds[i];
  actor->n_holds = kept;
}

static void learn(struct actor *actor, struct round *round, int64_t begun, int64_t lease_ns) {
  struct galley_turn *turn = &round->turn;
  for (size_t i = 0; i < turn->n_settlements; i++) {
    check_settlement(actor, round->settled[i], &turn->settlements[i], begun);
    round->gone[round->settled[i] - actor->holds] = true;
  }
  for (size_t i = 0; i < turn->n_holds; i++) {
    struct actor_hold *hold = round->renewed[i];
    hold->cancelled = hold->cancelled || turn->holds[i].cancelled;
    if (hold->cancelled)
      hold->due_ns = 0;
    if (turn->holds[i].lost) {
      check_lost(actor, hold);
      round->gone[hold - actor->holds] = true;
    } else {
      check_newest(actor, hold, begun);
      hold->lease_ns = lease_ns;
    }
  }
  forget_gone(actor, round);
  for (size_t i = 0; i < turn->n_jobs; i++)
    take(actor, turn->jobs[i], lease_ns);
}

/* False when the worker has to stop. */
static bool do_turn(struct actor *actor) {
  struct round round = {.turn = {.n_jobs = 0}};
  prepare(actor, &round);
  int64_t lease_ns = actor->sim->now_ns + actor->sim->plan.lease_ms * 1000000;
  int64_t begun = actor_begin(actor, "turn");
  enum galley_rc rc = galley_turn(actor->q, &round.turn);
  bool good = actor_end(actor, "turn", rc);
  if (good) {
    learn(actor, &round, begun, lease_ns);
  } else {
    for (size_t i = 0; i < round.turn.n_settlements; i++)
      round.settled[i]->unsure = true;
  }
  for (size_t i = 0; i < round.turn.n_jobs; i++)
    galley_free(round.turn.jobs[i]);
  return good || (!actor->killed && galley_rc_class(rc) == GALLEY_CLASS_RETRY);
}

/* Outside of turns: says how far a job is, or renews it alone. */
static bool tell(struct actor *actor) {
  if (actor->n_holds == 0)
    return true;
  int64_t i = chance_between(&actor->chance, 0, (int64_t)actor->n_holds - 1);
  struct actor_hold *hold = &actor->holds[i];
  struct galley_hold renewal = {.job_id = hold->job_id, .fence = hold->fence};
  int64_t lease_ms = actor->sim->plan.lease_ms;
  int64_t lease_ns = actor->sim->now_ns + lease_ms * 1000000;
  bool renews = chance_one_in(&actor->chance, 2);
  int64_t begun = actor_begin(actor, "tell");
  enum galley_rc rc = renews ? galley_heartbeat(actor->q, &renewal, lease_ms)
                             : galley_progress(actor->q, hold->job_id, hold->fence, "{\"done\":1}");
  bool lost = rc == GALLEY_LOST;
  if (!actor_end(actor, "tell", lost ? GALLEY_OK : rc))
    return !actor->killed && galley_rc_class(rc) == GALLEY_CLASS_RETRY;
  if (lost)
    check_lost(actor, hold);
  else
    check_newest(actor, hold, begun);
  if (!lost && renews)
    hold->lease_ns = lease_ns;
  return true;
}

static bool recover(struct actor *actor) {
  actor_begin(actor, "recover");
  enum galley_rc rc = galley_recover(actor->q, NULL);
  return actor_end(actor, "recover", rc) || galley_rc_class(rc) == GALLEY_CLASS_RETRY;
}

/* ---- lives ---- */

static bool join(struct actor *actor) {
  actor_begin(actor, "join");
  return actor_end(actor, "join",
                   galley_worker_join(actor->q, "[\"work\"]", ACTOR_HOLDS_MAX, &actor->worker_id));
}

static void leave(struct actor *actor) {
  for (size_t i = 0; i < actor->n_holds; i++)
    actor->holds[i].settling = true;
  actor_begin(actor, "leave");
  (void)actor_end(actor, "leave", galley_worker_leave(actor->q, actor->worker_id));
  actor->n_holds = 0;
}

/* A job that kills its worker, by a signal or by a call of abort. */
static bool is_poisoned(struct actor *actor) {
  for (size_t i = 0; i < actor->n_holds; i++)
    if (actor->holds[i].fate == ACTOR_POISON && actor->holds[i].due_ns <= actor->sim->now_ns)
      return true;
  return false;
}

static void die(struct actor *actor) {
  actor->killed = true;
  disk_kill(actor->sim->disk, actor->process);
}

static int64_t rest_ms(struct actor *actor) {
  int64_t ns = IDLE_MS * 1000000;
  for (size_t i = 0; i < actor->n_holds; i++)
    if (actor->holds[i].due_ns - actor->sim->now_ns < ns)
      ns = actor->holds[i].due_ns - actor->sim->now_ns;
  return chance_between(&actor->chance, 0, ns > 0 ? ns / 1000000 + 1 : 1);
}

static void work(struct actor *actor) {
  if (!actor_open(actor, 0) || !join(actor) || !recover(actor))
    return;
  while (actor_goes_on(actor)) {
    if (is_poisoned(actor)) {
      die(actor);
      return;
    }
    if ((chance_one_in(&actor->chance, 4) && !recover(actor)) ||
        (chance_one_in(&actor->chance, 6) && !tell(actor)) || !do_turn(actor))
      return;
    actor_sleep(actor, rest_ms(actor));
  }
  if (!actor->killed && (actor->n_holds == 0 || do_turn(actor)) && !actor->killed)
    leave(actor);
}

const struct actor_role actor_worker = {"worker", work};

/* ---- the healthy one ---- */

/* Waits for what comes next by itself; false when nothing does. */
static bool wait_for_next(struct actor *actor) {
  struct galley_outlook outlook;
  struct simulation *sim = actor->sim;
  actor_begin(actor, "look");
  if (!actor_end(actor, "look", galley_look(actor->q, actor->worker_id, kinds, 2, &outlook)))
    return false;
  int64_t ms = INT64_MAX;
  if (outlook.ready || actor->n_holds > 0)
    ms = 0;
  if (outlook.next_run_at_ms > 0 && outlook.next_run_at_ms - simulation_now_ms(sim) < ms)
    ms = outlook.next_run_at_ms - simulation_now_ms(sim);
  if (outlook.next_lease_mono_ns > 0) {
    int64_t left_ms = (outlook.next_lease_mono_ns - simulation_mono_ns(sim)) / 1000000 + 1;
    if (left_ms < ms)
      ms = left_ms;
  }
  return ms < INT64_MAX && actor_sleep(actor, ms > 0 ? ms : 0);
}

static bool tell_violation(void *arg, const void *row) {
  const struct galley_violation *violation = row;
  simulation_violation(((struct actor *)arg)->sim, "galley_check: %s: %s %" PRId64 ": %s",
                       violation->rule, violation->table, violation->id, violation->sentence);
}

static void check(struct actor *actor) {
  actor_begin(actor, "check");
  (void)actor_end(actor, "check", galley_check(actor->q, tell_violation, NULL, actor, NULL));
}

/* Who is stopped in the middle of reading keeps the log from being begun anew, and so do two
 * foreign programs whose reading overlaps for long. */
static void check_log(struct actor *actor) {
  struct galley_wal wal;
  if (actor->sim->events[PLAN_PAUSE] > 0 || actor->sim->plan.foreigners > 1)
    return;
  actor_begin(actor, "wal");
  if (actor_end(actor, "wal", galley_wal_status(actor->q, &wal)) && wal.bytes > LOG_BUDGET_BYTES)
    simulation_violation(actor->sim, "the log has %" PRId64 " bytes", wal.bytes);
}

static void heal(struct actor *actor) {
  if (!actor_open(actor, 0) || !join(actor))
    return;
  check_log(actor);
  for (int i = 0; i < HEAL_TURNS; i++) {
    if (!recover(actor) || !do_turn(actor))
      return;
    if (actor->n_holds == 0 && !wait_for_next(actor)) {
      leave(actor);
      if (actor->sim->healed++ > 0)
        check(actor);
      return;
    }
    for (size_t k = 0; k < actor->n_holds; k++)
      actor->holds[k].due_ns = 0;
  }
  simulation_violation(actor->sim, "the queue does not become empty");
}

const struct actor_role actor_healer = {"healer", heal};
