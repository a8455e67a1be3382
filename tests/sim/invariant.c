#include "invariant.h"

#include "state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void invariant_watch_moves(sqlite3 *h) {
  static const char sql[] =
      "CREATE TABLE simulated_moves(seq INTEGER PRIMARY KEY, job_id INTEGER, old_state TEXT,"
      " new_state TEXT, old_fence INTEGER, new_fence INTEGER, old_attempt INTEGER,"
      " new_attempt INTEGER, old_crashes INTEGER, new_crashes INTEGER, max_attempts INTEGER);"
      "CREATE TRIGGER simulated_move AFTER UPDATE ON jobs WHEN OLD.state IS NOT NEW.state OR"
      " OLD.fence IS NOT NEW.fence OR OLD.attempt IS NOT NEW.attempt OR"
      " OLD.crashes IS NOT NEW.crashes BEGIN INSERT INTO simulated_moves VALUES(NULL, NEW.id,"
      " OLD.state, NEW.state, OLD.fence, NEW.fence, OLD.attempt, NEW.attempt, OLD.crashes,"
      " NEW.crashes, NEW.max_attempts); END;"
      "CREATE TRIGGER simulated_delete BEFORE DELETE ON jobs"
      " BEGIN SELECT raise(ABORT, 'a job is deleted'); END;"
      "CREATE TRIGGER simulated_rewrite BEFORE UPDATE ON job_attempts"
      " BEGIN SELECT raise(ABORT, 'the past of a job is changed'); END;"
      "CREATE TRIGGER simulated_forget BEFORE DELETE ON job_attempts"
      " BEGIN SELECT raise(ABORT, 'the past of a job is deleted'); END;";
  if (sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
    fprintf(stderr, "simulate: %s\n", sqlite3_errmsg(h));
}

/* ---- each row of these is a violation: what it shows is in its columns ---- */

struct rule {
  const char *promise;
  const char *sql;
};

#define SAVED(what) "(SELECT count(*) FROM topics WHERE title = '" what " ' || j.id)"

static const struct rule rules[] = {
    {"every job ends", "SELECT id, state, run_at_ms, lease_mono_ns FROM jobs"
                       " WHERE state NOT IN ('done','dead','cancelled')"},
    {"limits of attempts and crashes hold",
     "SELECT id, attempt, max_attempts, crashes FROM jobs"
     " WHERE attempt NOT BETWEEN 0 AND max_attempts OR crashes NOT BETWEEN 0 AND 3"},
    {"each claim has one attempt's row",
     "SELECT id, fence, n, last FROM (SELECT j.id, j.fence, count(a.fence) AS n,"
     " coalesce(max(a.fence), 0) AS last FROM jobs j LEFT JOIN job_attempts a ON a.job_id = j.id"
     " GROUP BY j.id) WHERE n <> fence OR last <> fence"},
    {"no attempt without its job",
     "SELECT job_id, fence FROM job_attempts WHERE job_id NOT IN (SELECT id FROM jobs)"},
    {"a job that is done has saved its row once, under its last fence",
     "SELECT j.id, j.fence, t.description, " SAVED(
         "done") " FROM jobs j"
                 " LEFT JOIN topics t ON t.title = 'done ' || j.id WHERE j.state = 'done'"
                 " AND (" SAVED("done") " <> 1 OR t.description IS NOT CAST(j.fence AS TEXT))"},
    {"nothing is saved by a job that is not done",
     "SELECT t.title, t.description, j.state FROM topics t LEFT JOIN jobs j"
     " ON t.title = 'done ' || j.id WHERE t.title LIKE 'done %' AND j.state IS NOT 'done'"},
    {"what an attempt saves as it fails is kept once, and only if it settled",
     "SELECT t.title, t.description, a.outcome FROM topics t LEFT JOIN job_attempts a"
     " ON a.job_id = CAST(substr(t.title, 8) AS INTEGER) AND a.fence = CAST(t.description AS "
     "INTEGER)"
     " WHERE t.title LIKE 'failed %' AND (a.outcome IS NULL OR"
     " a.outcome NOT IN ('retry','dead','cancelled'))"
     " UNION ALL SELECT title, description, count(*) FROM topics GROUP BY title, description"
     " HAVING count(*) > 1"},
    {"nothing of a refused save is kept",
     "SELECT title, description FROM topics WHERE title LIKE 'refused %'"},
    {"documents are saved with their job, and only then",
     "SELECT j.id, j.state, (SELECT count(*) FROM documents d WHERE d.content_hash ="
     " printf('%064x', j.id) AND d.content LIKE '% job ' || j.id || ' under fence ' || j.fence) AS "
     "n"
     " FROM jobs j WHERE n <> (j.state = 'done' AND j.id % 4 = 0)"},
    {"a job is followed by one other when it is done and asks for it, and else by none",
     "SELECT j.id, j.state, j.fence, count(f.id) AS n FROM jobs j LEFT JOIN jobs f"
     " ON f.parent_id = j.id GROUP BY j.id"
     " HAVING n <> (j.state = 'done' AND coalesce(j.payload ->> '$.follow', 0) = 1)"
     " OR (n = 1 AND (f.payload ->> '$.fence' <> j.fence OR f.payload ->> '$.after' <> j.id))"},
    {"totals are the sums of what ended",
     "WITH e AS (SELECT j.kind AS kind, CASE WHEN m.new_state IN ('done','dead','cancelled')"
     " THEN m.new_state ELSE a.outcome END AS outcome, count(*) AS n FROM simulated_moves m"
     " JOIN jobs j ON j.id = m.job_id LEFT JOIN job_attempts a ON a.job_id = m.job_id"
     " AND a.fence = m.old_fence WHERE m.old_state = 'running' OR m.new_state = 'cancelled'"
     " GROUP BY 1, 2) SELECT kind, outcome, e.n, totals.n FROM e FULL JOIN totals"
     " USING(kind, outcome) WHERE e.n IS NOT totals.n"},
    {"costs and times add up",
     "SELECT * FROM (SELECT coalesce(sum(cost_usd_micros), 0) AS a, coalesce(sum(busy_ms), 0) AS b"
     " FROM totals), (SELECT coalesce(sum(cost_usd_micros), 0) AS c,"
     " coalesce(sum(max(0, ended_at_ms - started_at_ms)), 0) AS d FROM job_attempts),"
     " (SELECT coalesce(sum(cost_usd_micros), 0) AS e FROM jobs) WHERE a <> c OR b <> d OR a <> e"},
    {"no worker is left on the list", "SELECT id, kinds FROM workers WHERE stopped_at_ms IS NULL"},
    {"no live key is held twice",
     "SELECT unique_key, count(*) FROM jobs WHERE unique_key IS NOT NULL AND state IN"
     " ('blocked','scheduled','ready','running') GROUP BY 1 HAVING count(*) > 1"},
    {"foreign keys hold", "PRAGMA foreign_key_check"},
};

static void show_row(struct simulation *sim, const struct rule *rule, sqlite3_stmt *s) {
  char text[512];
  size_t n = 0;
  text[0] = '\0';
  for (int i = 0; i < sqlite3_column_count(s) && n < sizeof text; i++) {
    const char *value = (const char *)sqlite3_column_text(s, i);
    n += (size_t)snprintf(text + n, sizeof text - n, "%s%s=%s", i > 0 ? ", " : "",
                          sqlite3_column_name(s, i), value ? value : "NULL");
  }
  simulation_violation(sim, "%s: %s", rule->promise, text);
}

static void check_rule(struct simulation *sim, sqlite3 *h, const struct rule *rule) {
  sqlite3_stmt *s = NULL;
  int code = sqlite3_prepare_v2(h, rule->sql, -1, &s, NULL);
  if (code == SQLITE_OK)
    code = sqlite3_step(s);
  if (code == SQLITE_ROW)
    show_row(sim, rule, s);
  if (code != SQLITE_DONE)
    simulation_violation(sim, "%s: %s", rule->promise, sqlite3_errmsg(h));
  sqlite3_finalize(s);
}

static void check_text(struct simulation *sim, sqlite3 *h, const char *sql, const char *expected) {
  sqlite3_stmt *s = NULL;
  int code = sqlite3_prepare_v2(h, sql, -1, &s, NULL);
  if (code == SQLITE_OK)
    code = sqlite3_step(s);
  const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
  if (!text || strcmp(text, expected) != 0)
    simulation_violation(sim, "%s: %s", sql, text ? text : sqlite3_errmsg(h));
  sqlite3_finalize(s);
}

/* ---- the history of each job ---- */

struct facts {
  enum state state;
  int64_t fence, attempt, crashes;
};

struct move {
  int64_t job_id, max_attempts;
  struct facts old, new;
  const char *outcome; /* of the attempt that had the old fence */
};

static enum state state_column(sqlite3_stmt *s, int i) {
  const char *text = (const char *)sqlite3_column_text(s, i);
  return text ? state_find(text) : STATE_COUNT;
}

static struct move move_read(sqlite3_stmt *s) {
  return (struct move){.job_id = sqlite3_column_int64(s, 0),
                       .max_attempts = sqlite3_column_int64(s, 9),
                       .old = {state_column(s, 1), sqlite3_column_int64(s, 3),
                               sqlite3_column_int64(s, 5), sqlite3_column_int64(s, 7)},
                       .new = {state_column(s, 2), sqlite3_column_int64(s, 4),
                               sqlite3_column_int64(s, 6), sqlite3_column_int64(s, 8)},
                       .outcome = (const char *)sqlite3_column_text(s, 10)};
}

/* Where the end of an attempt may leave its job, and what it does to the counters. */
struct end_row {
  const char *outcome;
  unsigned states;
  int64_t attempt, crashes;
};

#define TO(state) (1u << STATE_##state)

static const struct end_row ends[] = {
    {"done", TO(DONE), 0, 0},
    {"retry", TO(SCHEDULED) | TO(READY), 0, 0},
    {"snooze", TO(SCHEDULED) | TO(READY), -1, 0},
    {"dead", TO(DEAD), 0, 0},
    {"cancelled", TO(CANCELLED), 0, 0},
    {"cancelled", TO(CANCELLED), -1, 0}, /* of an attempt that would not have been charged */
    {"returned", TO(READY) | TO(CANCELLED), -1, 0},
    {"crashed", TO(READY) | TO(DEAD) | TO(CANCELLED), -1, 1},
    {"expired", TO(READY) | TO(DEAD) | TO(CANCELLED), 0, 0},
};

static bool poison_is_stopped(const struct move *move) {
  bool crashed = strcmp(move->outcome, "crashed") == 0;
  bool often = move->new.crashes >= GALLEY_CRASHES_MAX;
  return !crashed || often == (move->new.state == STATE_DEAD);
}

static bool end_is_legal(const struct move *move) {
  if (!move->outcome || move->new.fence != move->old.fence)
    return false;
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
    if (strcmp(ends[i].outcome, move->outcome) == 0 && (ends[i].states & 1u << move->new.state) &&
        move->new.attempt == move->old.attempt + ends[i].attempt &&
        move->new.crashes == move->old.crashes + ends[i].crashes)
      return poison_is_stopped(move);
  return false;
}

static bool move_is_legal(const struct move *move) {
  const struct facts *old = &move->old, *new = &move->new;
  if (old->state == STATE_COUNT || new->state == STATE_COUNT ||
      !state_may_move(old->state, new->state))
    return false;
  if (old->state == STATE_RUNNING)
    return end_is_legal(move);
  if (new->state == STATE_RUNNING)
    return new->fence == old->fence + 1 && new->attempt == old->attempt + 1 &&
           new->attempt <= move->max_attempts &&new->crashes == old->crashes;
  if (state_ended(old->state)) /* a person's retry */
    return new->fence == old->fence &&new->attempt == 0 && new->crashes == 0;
  return new->fence == old->fence &&new->attempt == old->attempt &&new->crashes == old->crashes;
}

static bool facts_equal(const struct facts *a, const struct facts *b) {
  return a->state == b->state && a->fence == b->fence && a->attempt == b->attempt &&
         a->crashes == b->crashes;
}

static bool is_beginning(const struct facts *facts) {
  return facts->fence == 0 && facts->attempt == 0 && facts->crashes == 0 &&
         (facts->state == STATE_READY || facts->state == STATE_SCHEDULED);
}

static void check_move(struct simulation *sim, const struct move *before, const struct move *move) {
  bool first = before->job_id != move->job_id;
  if ((first ? is_beginning(&move->old) : facts_equal(&before->new, &move->old)) &&
      move_is_legal(move))
    return;
  simulation_violation(
      sim,
      "illegal move of job %" PRId64 ": %s to %s, fence %" PRId64 " to %" PRId64
      ", attempt %" PRId64 " to %" PRId64 " of %" PRId64 ", crashes %" PRId64 " to %" PRId64
      ", outcome %s",
      move->job_id, move->old.state < STATE_COUNT ? state_name(move->old.state) : "?",
      move->new.state < STATE_COUNT ? state_name(move->new.state) : "?", move->old.fence,
      move->new.fence, move->old.attempt, move->new.attempt, move->max_attempts, move->old.crashes,
      move->new.crashes, move->outcome ? move->outcome : "none");
}

static void check_moves(struct simulation *sim, sqlite3 *h) {
  static const char sql[] =
      "SELECT job_id, old_state, new_state, old_fence, new_fence, old_attempt, new_attempt,"
      " old_crashes, new_crashes, max_attempts, (SELECT outcome FROM job_attempts a"
      " WHERE a.job_id = m.job_id AND a.fence = m.old_fence) FROM simulated_moves m"
      " ORDER BY job_id, seq";
  sqlite3_stmt *s = NULL;
  struct move before = {.job_id = 0};
  int code = sqlite3_prepare_v2(h, sql, -1, &s, NULL);
  while (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
    struct move move = move_read(s);
    check_move(sim, &before, &move);
    before = move;
    before.outcome = NULL;
    code = SQLITE_OK;
  }
  if (code != SQLITE_DONE)
    simulation_violation(sim, "the moves cannot be read: %s", sqlite3_errmsg(h));
  sqlite3_finalize(s);
}

/* ---- all of it ---- */

static void check_ledger(struct simulation *sim, sqlite3 *h, bool power_cut) {
  if (!ledger_survives(&sim->ledger, h, power_cut))
    simulation_violation(sim, "%s", sim->ledger.error);
}

void invariant_check_power_cut(struct simulation *sim) {
  sqlite3 *h = simulation_connect(sim);
  check_text(sim, h, "PRAGMA integrity_check", "ok");
  check_ledger(sim, h, true);
  sqlite3_close(h);
}

void invariant_check_all(struct simulation *sim) {
  sqlite3 *h = simulation_connect(sim);
  check_text(sim, h, "PRAGMA integrity_check", "ok");
  for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
    check_rule(sim, h, &rules[i]);
  check_moves(sim, h);
  check_ledger(sim, h, false);
  if (sqlite3_exec(h, "INSERT INTO documents_fts(documents_fts, rank) VALUES('integrity-check', 1)",
                   NULL, NULL, NULL) != SQLITE_OK)
    simulation_violation(sim, "the full-text index: %s", sqlite3_errmsg(h));
  if (sim->healed != 2)
    simulation_violation(sim, "the queue was not drained");
  sqlite3_close(h);
}
