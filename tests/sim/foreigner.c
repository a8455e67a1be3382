/* A program that knows nothing of galley's library, only of SQLite and the table `jobs`. Its
 * failures are its own affair; what it was told is committed counts. */
#include "simulation.h"

#include <inttypes.h>
#include <stdio.h>

#define BUSY_TIMEOUT_MS 3000

static bool execute(sqlite3 *h, const char *sql) {
  return sqlite3_exec(h, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static void insert(struct actor *actor, sqlite3 *h) {
  struct simulation *sim = actor->sim;
  char sql[160];
  int64_t token = sim->jobs_left > 0 ? ledger_ask(&sim->ledger) : 0;
  if (token == 0)
    return;
  sim->jobs_left--;
  snprintf(sql, sizeof sql,
           "INSERT INTO jobs(kind, payload) VALUES('work', '{\"token\":%" PRId64 "}')", token);
  int64_t begun = ledger_tick(&sim->ledger);
  bool whole = chance_one_in(&actor->chance, 2); /* within a transaction of its own */
  bool good = !whole || execute(h, "BEGIN");
  good = good && execute(h, sql);
  int64_t id = sqlite3_last_insert_rowid(h);
  if (good && whole && chance_one_in(&actor->chance, 3))
    good = simulation_sleep(sim,
                            chance_between(&actor->chance, 0, actor->sim->plan.rest_ms) * 1000000);
  if (good && whole)
    good = execute(h, "COMMIT");
  if (!sqlite3_get_autocommit(h))
    execute(h, "ROLLBACK");
  else if (good && !actor->killed)
    ledger_acknowledge(&sim->ledger, token, id, begun, actor->durable);
}

/* Holds its snapshot for a while, as a long report does. */
static void read_long(struct actor *actor, sqlite3 *h) {
  if (execute(h, "BEGIN") && execute(h, "SELECT count(*), max(payload) FROM jobs"))
    actor_sleep(actor, chance_between(&actor->chance, 0, 2 * actor->sim->plan.rest_ms));
  execute(h, "ROLLBACK");
}

static void checkpoint(struct actor *actor, sqlite3 *h) {
  int mode =
      (int)chance_between(&actor->chance, SQLITE_CHECKPOINT_PASSIVE, SQLITE_CHECKPOINT_TRUNCATE);
  int log = -1, done = -1;
  if (sqlite3_wal_checkpoint_v2(h, "main", mode, &log, &done) == SQLITE_OK && done > log)
    simulation_violation(actor->sim, "%d frames checkpointed of %d", done, log);
}

static void act(struct actor *actor, sqlite3 *h) {
  enum plan_foreign may = actor->sim->plan.foreign;
  bool second = chance_one_in(&actor->chance, 2);
  if (may == PLAN_FOREIGN_WRITES || (may == PLAN_FOREIGN_BOTH && second))
    insert(actor, h);
  else if (may == PLAN_FOREIGN_CHECKPOINTS || may == PLAN_FOREIGN_BOTH)
    checkpoint(actor, h);
  if (may == PLAN_FOREIGN_READS || chance_one_in(&actor->chance, 5))
    read_long(actor, h);
}

/* Only one that is alone may do as SQLite does by default, and checkpoint after a commit. */
static bool set_up(struct actor *actor, sqlite3 *h) {
  sqlite3_busy_timeout(h, BUSY_TIMEOUT_MS);
  if (actor->sim->plan.foreign != PLAN_FOREIGN_BOTH) {
    sqlite3_wal_autocheckpoint(h, 0);
    sqlite3_db_config(h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  }
  actor->durable = chance_one_in(&actor->chance, 2);
  return execute(h, actor->durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
}

static void run(struct actor *actor) {
  sqlite3 *h = NULL;
  actor->calling = true;
  if (sqlite3_open_v2(actor->sim->path, &h, SQLITE_OPEN_READWRITE, "disk") == SQLITE_OK &&
      set_up(actor, h))
    while (actor_sleep(actor, chance_between(&actor->chance, 0, actor->sim->plan.rest_ms)) &&
           !chance_one_in(&actor->chance, 40))
      act(actor, h);
  sqlite3_close(h);
}

const struct actor_role actor_foreigner = {"foreigner", run};
