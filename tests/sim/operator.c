/* A person at the command line: looks, cancels, retries, checkpoints, makes backups. */
#include "simulation.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define BACKUPS_MAX 3

static bool ignore_row(void *arg, const void *row) {
  (void)arg;
  (void)row;
  return true;
}

static int64_t some_job(struct actor *actor) {
  int64_t id = ledger_any(&actor->sim->ledger, chance_next(&actor->chance));
  return id > 0 ? id : 1;
}

static enum galley_rc cancel(struct actor *actor) {
  enum galley_rc rc = galley_cancel(actor->q, some_job(actor), NULL);
  return rc == GALLEY_STATE || rc == GALLEY_NONE ? GALLEY_OK : rc;
}

static enum galley_rc retry(struct actor *actor) {
  enum galley_rc rc = galley_retry(actor->q, some_job(actor));
  return rc == GALLEY_STATE || rc == GALLEY_NONE ? GALLEY_OK : rc;
}

static enum galley_rc checkpoint(struct actor *actor) {
  return galley_checkpoint(actor->q, NULL);
}

static enum galley_rc backup(struct actor *actor) {
  char path[SIMULATION_PATH_MAX + 32];
  if (actor->sim->backups >= BACKUPS_MAX)
    return GALLEY_OK;
  snprintf(path, sizeof path, "%s-backup-%" PRId64, actor->sim->path, ++actor->sim->backups);
  return galley_backup(actor->q, path, NULL);
}

static enum galley_rc list(struct actor *actor) {
  return galley_jobs(actor->q, NULL, NULL, 0, 100, ignore_row, NULL);
}

static enum galley_rc stats(struct actor *actor) {
  return galley_stats(actor->q, ignore_row, NULL);
}

static enum galley_rc workers(struct actor *actor) {
  return galley_workers(actor->q, ignore_row, NULL);
}

static enum galley_rc recover(struct actor *actor) {
  return galley_recover(actor->q, NULL);
}

struct wish {
  const char *name;
  enum galley_rc (*grant)(struct actor *actor);
};

static const struct wish wishes[] = {
    {"checkpoint", checkpoint}, {"cancel", cancel},   {"cancel", cancel}, {"retry", retry},
    {"retry", retry},           {"backup", backup},   {"list", list},     {"stats", stats},
    {"workers", workers},       {"recover", recover},
};

static void run(struct actor *actor) {
  if (!actor_open(actor, 0))
    return;
  while (actor_sleep(actor, chance_between(&actor->chance, 0, actor->sim->plan.rest_ms))) {
    int64_t most = (int64_t)(sizeof wishes / sizeof wishes[0]) - 1;
    const struct wish *wish = &wishes[chance_between(&actor->chance, 0, most)];
    if (chance_one_in(&actor->chance, actor->sim->plan.checkpoint_one_in))
      wish = &wishes[0];
    actor_begin(actor, wish->name);
    enum galley_rc rc = wish->grant(actor);
    if (!actor_end(actor, wish->name, rc) && galley_rc_class(rc) != GALLEY_CLASS_RETRY)
      return;
    if (chance_one_in(&actor->chance, 20))
      return;
  }
}

const struct actor_role actor_operator = {"operator", run};
