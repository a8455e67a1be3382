/* Whether everything that should hold of a queue and its content does: one read transaction, one
 * rule after the other. */
#include "constraint.h"
#include "engine.h"
#include "handle.h"
#include "schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_ROWS_MAX 1000000 /* violations of one rule that are counted */
#define CHECK_NAME_MAX 256     /* bytes of an object of the schema's name and type */

/* A rule that is one statement. */
struct rule {
  enum sql_id sql;
  const char *name;
  const char *table; /* "" when the statement tells it in its third column, or there is none */
  const char *cure;
};

static const struct rule rules[] = {
#define RULE(none, name, rule, table, cure, text) {SQL_CHECK_##name, rule, table, cure},
    SQL_CHECKS(RULE, )
#undef RULE
};
#define N_RULES (sizeof rules / sizeof rules[0])

static const struct rule schema_rule = {.name = "schema", .cure = "restore a backup"};
static const struct rule words_rule = {
    .name = "document_words",
    .table = "documents",
    .cure = "rebuild the index: INSERT INTO documents_fts(documents_fts) VALUES('rebuild')"};

static const struct rule constraint_rule = {
    .name = "constraint",
    .cure = "mend the row by hand, and look for the program that set ignore_check_constraints"};

#define RULES_OF_CODE 3 /* that are no statement: these */
#define TABLES_MAX    8 /* tables of which SQLite says that a constraint does not hold */

struct checking {
  struct galley *q;
  galley_row_fn *fn;
  galley_check_progress_fn *progress;
  void *arg;
  struct galley_check_report *report;
  const struct rule *rule; /* the present one */
  int64_t n;               /* its violations */
  bool stopped;            /* the caller has seen enough */
  int64_t unread;          /* rules that met what is damaged or missing */
  /* What integrity_check says of a table as a whole is told only when no rule names the row. */
  char unnamed[TABLES_MAX][CHECK_NAME_MAX];
  bool named[TABLES_MAX];
  size_t n_unnamed;
};

static void show(struct checking *c, const char *table, int64_t id, const char *sentence) {
  const struct galley_violation row = {
      .rule = c->rule->name, .table = table, .id = id, .sentence = sentence};
  if (!c->stopped && c->fn)
    c->stopped = !c->fn(c->arg, &row);
}

static void name_table(struct checking *c, const char *table) {
  for (size_t i = 0; i < c->n_unnamed; i++)
    c->named[i] |= strcmp(c->unnamed[i], table) == 0;
}

static void violated(struct checking *c, const char *table, int64_t id, const char *what) {
  char sentence[ERROR_TEXT_MAX];
  c->report->violations++;
  name_table(c, table);
  if (++c->n > GALLEY_CHECK_SHOWN)
    return;
  snprintf(sentence, sizeof sentence, "%s; %s", what, c->rule->cure);
  show(c, table, id, sentence);
}

static void rule_begin(struct checking *c, const struct rule *rule) {
  c->rule = rule;
  c->n = 0;
  if (c->progress)
    c->progress(c->arg, rule->name, c->report->rules, (int64_t)N_RULES + RULES_OF_CODE);
}

/* A page that cannot be read, or a table that is not there, does not keep the other rules from
 * being looked at. */
static enum galley_rc rule_end(struct checking *c, enum galley_rc rc) {
  char sentence[ERROR_TEXT_MAX];
  c->report->rules++;
  if (rc == GALLEY_CORRUPT) {
    c->unread++;
    rc = GALLEY_OK;
  }
  if (c->n > GALLEY_CHECK_SHOWN) {
    snprintf(sentence, sizeof sentence,
             "and %" PRId64 " more of these; mend those above, and check again",
             c->n - GALLEY_CHECK_SHOWN);
    show(c, c->rule->table ? c->rule->table : "", 0, sentence);
  }
  return rc;
}

/* "CHECK constraint failed in jobs": SQLite does not say which row, but a rule may. */
static bool keep_for_later(struct checking *c, const char *what) {
  static const char prefix[] = "CHECK constraint failed in ";
  if (strncmp(what, prefix, sizeof prefix - 1) != 0 || c->n_unnamed == TABLES_MAX)
    return false;
  const char *table = what + sizeof prefix - 1;
  for (size_t i = 0; i < c->n_unnamed; i++)
    if (strcmp(c->unnamed[i], table) == 0)
      return true;
  snprintf(c->unnamed[c->n_unnamed++], CHECK_NAME_MAX, "%s", table);
  return true;
}

static void tell_unread(struct checking *c) {
  char what[ERROR_TEXT_MAX];
  if (c->unread == 0)
    return;
  c->rule = &rules[0];
  c->n = 0;
  snprintf(what, sizeof what,
           "%" PRId64 " rules could not be looked at to the end, for what is damaged or missing",
           c->unread);
  violated(c, "", 0, what);
}

static void tell_unnamed(struct checking *c) {
  char what[CHECK_NAME_MAX + 64];
  c->rule = &constraint_rule;
  for (size_t i = 0; i < c->n_unnamed; i++) {
    if (c->named[i])
      continue;
    c->n = 0;
    snprintf(what, sizeof what, "a row breaks a CHECK constraint of %s", c->unnamed[i]);
    violated(c, c->unnamed[i], 0, what);
  }
}

static enum galley_rc run_rule(struct checking *c, const struct rule *rule) {
  struct stmt *s;
  struct db *db = c->q->db;
  rule_begin(c, rule);
  enum galley_rc rc = db_stmt(db, rule->sql, &s);
  if (rc != GALLEY_OK)
    return rule_end(c, rc);
  while (c->n < CHECK_ROWS_MAX && !c->stopped && (rc = stmt_row(db, s)) == GALLEY_OK) {
    const char *what = stmt_column_text(db, s, 1, NULL);
    const char *table = stmt_columns(db, s) > 2 ? stmt_column_text(db, s, 2, NULL) : rule->table;
    if (rule->sql != SQL_CHECK_FILE || !keep_for_later(c, what ? what : ""))
      violated(c, table ? table : "", stmt_column_int(db, s, 0), what ? what : rule->name);
  }
  stmt_reset(db, s);
  return rule_end(c, rc == GALLEY_NONE ? GALLEY_OK : rc);
}

/* ---- the schema ---- */

/* Tables that SQLite makes for a full-text index; their text is SQLite's and not ours. */
static bool is_shadow(const char *name) {
  return strncmp(name, "documents_fts_", strlen("documents_fts_")) == 0;
}

/* One object as the steps make it must be here, made by the same words; what people have added is
 * theirs. */
static enum galley_rc compare_object(struct checking *c, const char *type, const char *name,
                                     const char *sql) {
  struct stmt *s;
  struct db *db = c->q->db;
  char what[2 * CHECK_NAME_MAX];
  enum galley_rc rc = db_stmt(db, SQL_CHECK_OBJECT, &s);
  if (rc != GALLEY_OK)
    return rc;
  stmt_text(db, s, 1, type);
  stmt_text(db, s, 2, name);
  rc = stmt_row(db, s);
  if (rc != GALLEY_OK && rc != GALLEY_NONE)
    return rc;
  const char *has = rc == GALLEY_OK ? stmt_column_text(db, s, 0, NULL) : NULL;
  bool same =
      !sql || (is_shadow(name) && strcmp(type, "table") == 0) || (has && strcmp(has, sql) == 0);
  if (rc == GALLEY_NONE || !same) {
    snprintf(what, sizeof what, "the %s %.100s %s", type, name,
             rc == GALLEY_NONE ? "is missing" : "is not as galley makes it");
    violated(c, "", 0, what);
  }
  stmt_reset(db, s);
  return GALLEY_OK;
}

/* Each object of a new database, whose schema is the one that the steps make. */
static enum galley_rc each_object(struct checking *c, struct db *model,
                                  enum galley_rc (*check)(struct checking *c, const char *type,
                                                          const char *name, const char *sql)) {
  struct stmt *s;
  enum galley_rc rc = db_stmt(model, SQL_CHECK_SCHEMA, &s);
  if (rc != GALLEY_OK)
    return rc;
  while (!c->stopped && (rc = stmt_row(model, s)) == GALLEY_OK) {
    const char *type = stmt_column_text(model, s, 0, NULL);
    const char *name = stmt_column_text(model, s, 1, NULL);
    if (type && name)
      rc = check(c, type, name, stmt_column_text(model, s, 2, NULL));
    if (rc != GALLEY_OK)
      break;
  }
  stmt_reset(model, s);
  return rc == GALLEY_NONE ? GALLEY_OK : rc;
}

/* ---- the constraints ---- */

/* The id of a row where it is not the rowid. */
static const char *key_of(const char *table) {
  static const char *const keys[][2] = {
      {"job_attempts", "job_id"}, {"job_steps", "job_id"}, {"totals", "0"}};
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
    if (strcmp(keys[i][0], table) == 0)
      return keys[i][1];
  return "rowid";
}

static enum galley_rc run_query(struct checking *c, const char *table, const char *query) {
  struct stmt *s;
  struct db *db = c->q->db;
  char what[CONSTRAINT_NAME_MAX + 32];
  enum galley_rc rc = db->engine->prepare(db, query, &s);
  if (rc != GALLEY_OK)
    return rc;
  while (c->n < CHECK_ROWS_MAX && !c->stopped && (rc = stmt_row(db, s)) == GALLEY_OK) {
    const char *name = stmt_column_text(db, s, 1, NULL);
    snprintf(what, sizeof what, "%s does not hold", name ? name : "a constraint");
    violated(c, table, stmt_column_int(db, s, 0), what);
  }
  db->engine->finalize(s);
  return rc == GALLEY_NONE ? GALLEY_OK : rc;
}

static enum galley_rc check_constraints(struct checking *c, const char *type, const char *table,
                                        const char *sql) {
  char *query;
  if (!sql || strcmp(type, "table") != 0)
    return GALLEY_OK;
  enum galley_rc rc = constraint_query(&c->q->error, table, key_of(table), sql, &query);
  if (rc == GALLEY_OK && query)
    rc = run_query(c, table, query);
  free(query);
  return rc;
}

/* ---- beside a new database ---- */

static enum galley_rc check_beside_model(struct checking *c) {
  struct galley *model;
  enum galley_rc rc = galley_open(&model, ":memory:", NULL);
  if (rc != GALLEY_OK) {
    error_set(&c->q->error, rc, "making a database to compare with: %s", galley_errmsg(model));
    galley_close(model);
    return rc;
  }
  rule_begin(c, &schema_rule);
  rc = rule_end(c, each_object(c, model->db, compare_object));
  if (rc == GALLEY_OK && !c->stopped) {
    rule_begin(c, &constraint_rule);
    rc = rule_end(c, each_object(c, model->db, check_constraints));
  }
  galley_close(model);
  return rc;
}

/* ---- the full-text index ---- */

static void words_differ(void *arg, int64_t id) {
  violated(arg, "documents", id, "the full-text index has other words than the document");
}

static enum galley_rc check_words(struct checking *c) {
  rule_begin(c, &words_rule);
  enum galley_rc rc = c->q->db->engine->check_words(c->q->db, words_differ, c);
  /* Where the other rules could read all, the index itself is damaged, which a rebuild mends. */
  if (rc == GALLEY_CORRUPT && c->unread == 0) {
    violated(c, "documents", 0, "the full-text index cannot be read");
    rc = GALLEY_OK;
  }
  return rule_end(c, rc);
}

/* ---- all of it ---- */

static enum galley_rc read_sizes(struct checking *c) {
  struct stmt *s;
  struct galley *q = c->q;
  struct galley_check_report *report = c->report;
  int64_t *const sizes[] = {&report->jobs,   &report->attempts, &report->documents,
                            &report->topics, &report->posts,    &report->publications};
  enum galley_rc rc = db_stmt(q->db, SQL_CHECK_SIZES, &s);
  if (rc == GALLEY_OK)
    rc = stmt_row(q->db, s);
  if (rc != GALLEY_OK)
    return rc == GALLEY_CORRUPT ? GALLEY_OK : rc; /* which a rule has told */
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    *sizes[i] = stmt_column_int(q->db, s, (int)i);
  stmt_reset(q->db, s);
  return GALLEY_OK;
}

static enum galley_rc check_all(struct checking *c) {
  enum galley_rc rc = run_rule(c, &rules[0]); /* the file: what it says comes first */
  if (rc == GALLEY_OK)
    rc = check_beside_model(c);
  for (size_t i = 1; rc == GALLEY_OK && !c->stopped && i < N_RULES; i++)
    rc = run_rule(c, &rules[i]);
  if (rc == GALLEY_OK && !c->stopped)
    rc = check_words(c);
  if (rc != GALLEY_OK)
    return rc;
  tell_unnamed(c);
  tell_unread(c);
  return read_sizes(c);
}

enum galley_rc galley_check(struct galley *q, galley_row_fn *fn, galley_check_progress_fn *progress,
                            void *arg, struct galley_check_report *report) {
  struct galley_check_report ignored;
  struct checking c = {.q = q, .fn = fn, .progress = progress, .arg = arg};
  c.report = report ? report : &ignored;
  *c.report = (struct galley_check_report){0};
  bool own = q->tx_depth == 0;
  enum galley_rc rc = own ? q->db->engine->script(q->db, "BEGIN") : GALLEY_OK;
  if (rc != GALLEY_OK)
    return rc;
  rc = check_all(&c);
  if (own)
    q->db->engine->rollback(q->db);
  if (rc == GALLEY_OK && c.report->violations > 0)
    return error_set(&q->error, GALLEY_INVALID, "%s breaks rules of galley: %" PRId64 " times",
                     q->path, c.report->violations);
  return rc;
}
