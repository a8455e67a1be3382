/* Every statement of the library, asked for its plan on a new database, beside the index that its
 * row in the table names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "handle.h"
#include "sqlite_db.h"

#include <stdio.h>
#include <string.h>

#define STEPS_MAX 32
#define STEP_TEXT 160

struct plan {
  size_t n;
  char steps[STEPS_MAX][STEP_TEXT];
};

static sqlite3 *connection(struct fixture *f) {
  return sqlite_db_of(f->q->db)->h;
}

static void explain(sqlite3 *h, const struct sql_row *row, struct plan *plan) {
  char sql[4096];
  sqlite3_stmt *s;
  plan->n = 0;
  snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", row->text);
  if (sqlite3_prepare_v2(h, sql, -1, &s, NULL) != SQLITE_OK)
    fail_msg("%s: %s", row->name, sqlite3_errmsg(h));
  while (sqlite3_step(s) == SQLITE_ROW) {
    assert_true(plan->n < STEPS_MAX);
    snprintf(plan->steps[plan->n++], STEP_TEXT, "%s", (const char *)sqlite3_column_text(s, 3));
  }
  assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
}

static bool starts(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

/* A step that reads a table or an index, and not one that sorts or joins. */
static bool reads(const char *step) {
  return (starts(step, "SCAN ") || starts(step, "SEARCH ")) && !starts(step, "SCAN (") &&
         !strstr(step, "CONSTANT ROW");
}

/* "... INDEX name" or "... INDEX name (...)". */
static bool uses(const char *step, const char *index) {
  const char *at = strstr(step, " INDEX ");
  size_t len = strlen(index);
  return at && strncmp(at + 7, index, len) == 0 && (at[7 + len] == '\0' || at[7 + len] == ' ');
}

static bool by_rowid(const char *step) {
  return starts(step, "SEARCH ") && strstr(step, " USING INTEGER PRIMARY KEY (rowid=?)");
}

/* A walk from an id downwards, which a LIMIT ends. Workers are few. */
static bool walks_rowid(const struct sql_row *row, const char *step) {
  if (strstr(row->text, " ORDER BY id DESC LIMIT 1") && strcmp(step, "SCAN workers") == 0)
    return true;
  return strstr(step, " USING INTEGER PRIMARY KEY (rowid<?)") &&
         (strstr(row->text, "ORDER BY id DESC LIMIT ?") || starts(step, "SEARCH workers "));
}

static bool by_any_live_index(const char *step) {
  return uses(step, "jobs_halted") || uses(step, "jobs_scheduled") || uses(step, "jobs_ready") ||
         uses(step, "jobs_running");
}

/* Whether a step is the one that the row names. */
static bool is_named(const struct sql_row *row, const char *step) {
  char text[STEP_TEXT];
  if (strcmp(row->index, "rowid") == 0)
    return by_rowid(step) || walks_rowid(row, step);
  if (strcmp(row->index, "scan of live jobs") == 0)
    return by_any_live_index(step);
  if (starts(row->index, "scan of ")) {
    snprintf(text, sizeof text, "SCAN %s", row->index + strlen("scan of "));
    return strcmp(step, text) == 0;
  }
  if (strcmp(row->index, "VIRTUAL TABLE INDEX") == 0)
    return strstr(step, " VIRTUAL TABLE INDEX ") != NULL;
  if (uses(step, row->index))
    return true;
  snprintf(text, sizeof text, "SEARCH %s USING PRIMARY KEY ", row->index); /* WITHOUT ROWID */
  return starts(step, text);
}

/* What a statement may do beside: find a row by its id, or what refers to it by foreign key; read
 * the list that it was given. */
static bool is_beside(const char *step) {
  if (!reads(step) || by_rowid(step) || starts(step, "SCAN json_each "))
    return true;
  return starts(step, "SEARCH ") && !starts(step, "SEARCH jobs ") && strstr(step, "=?");
}

/* The rules of galley_check read whole tables, and nothing else may say so. */
static bool is_check(const struct sql_row *row) {
  bool check = strcmp(row->index, SQL_CHECK_INDEX) == 0;
  if (check != starts(row->name, "CHECK_"))
    fail_msg("%s names \"%s\"", row->name, row->index);
  return check;
}

static void each_statement_reads_by_the_index_it_names(void **state) {
  struct plan plan;
  for (size_t i = 0; i < SQL_COUNT; i++) {
    const struct sql_row *row = &sql_table[i];
    if (is_check(row))
      continue;
    /* An INSERT, and what reads no table, needs none and shows none. */
    bool named = starts(row->text, "INSERT ") || !strstr(row->text, " FROM ");
    explain(connection(*state), row, &plan);
    for (size_t k = 0; k < plan.n; k++) {
      const char *step = plan.steps[k];
      if (is_named(row, step))
        named = true;
      else if (!is_beside(step))
        fail_msg("%s names \"%s\" and does: %s", row->name, row->index, step);
    }
    if (!named)
      fail_msg("%s names \"%s\" and does: %s", row->name, row->index,
               plan.n ? plan.steps[0] : "nothing");
  }
}

/* Said once more without trusting the names: whatever a row says, `jobs` is never read whole. */
static void no_statement_scans_jobs(void **state) {
  struct plan plan;
  for (size_t i = 0; i < SQL_COUNT; i++) {
    if (is_check(&sql_table[i]))
      continue;
    explain(connection(*state), &sql_table[i], &plan);
    for (size_t k = 0; k < plan.n; k++)
      if (starts(plan.steps[k], "SCAN jobs") && !by_any_live_index(plan.steps[k]) &&
          !uses(plan.steps[k], "jobs_halted"))
        fail_msg("%s: %s", sql_table[i].name, plan.steps[k]);
  }
}

/* What each turn and each look runs stops at the first row it needs, whatever is behind. */
static void the_front_of_the_queue_is_never_sorted(void **state) {
  static const enum sql_id hot[] = {SQL_JOBS_FRONT, SQL_JOBS_DUE, SQL_LOOK_READY,
                                    SQL_LOOK_SCHEDULED, SQL_LOOK_LEASE};
  struct plan plan;
  for (size_t i = 0; i < sizeof hot / sizeof hot[0]; i++) {
    explain(connection(*state), &sql_table[hot[i]], &plan);
    for (size_t k = 0; k < plan.n; k++)
      if (strstr(plan.steps[k], "TEMP B-TREE"))
        fail_msg("%s: %s", sql_table[hot[i]].name, plan.steps[k]);
  }
}

/* The statements whose rows are records. */
struct listing {
  enum sql_id id;
  const struct galley_record *record;
};

static const struct listing listings[] = {
    {SQL_JOB_GET, &galley_job_record},
    {SQL_JOBS_ANY, &galley_job_record},
    {SQL_JOBS_BLOCKED, &galley_job_record},
    {SQL_JOBS_SCHEDULED, &galley_job_record},
    {SQL_JOBS_READY, &galley_job_record},
    {SQL_JOBS_RUNNING, &galley_job_record},
    {SQL_JOBS_DONE, &galley_job_record},
    {SQL_JOBS_DEAD, &galley_job_record},
    {SQL_JOBS_CANCELLED, &galley_job_record},
    {SQL_JOBS_OF_WORKFLOW, &galley_job_record},
    {SQL_JOBS_OF_LIST, &galley_job_record},
    {SQL_ATTEMPTS, &galley_attempt_record},
    {SQL_STEP_GET, &galley_step_record},
    {SQL_STEPS, &galley_step_record},
    {SQL_PROGRESS_GET, &galley_progress_record},
    {SQL_WORKERS_LIVE, &galley_worker_record},
    {SQL_DOCUMENT_GET, &galley_document_record},
    {SQL_DOCUMENT_BY_HASH, &galley_document_record},
    {SQL_DOCUMENTS_BY_STATUS, &galley_document_record},
    {SQL_DOCUMENTS_BY_LANGUAGE, &galley_document_record},
    {SQL_DOCUMENTS_SEARCH, &galley_document_record},
    {SQL_TOPIC_GET, &galley_topic_record},
    {SQL_TOPICS_BY_STATUS, &galley_topic_record},
    {SQL_TOPICS_BY_PRIORITY, &galley_topic_record},
    {SQL_POST_GET, &galley_post_record},
    {SQL_POST_BY_TOPIC, &galley_post_record},
    {SQL_POSTS_ANY, &galley_post_record},
    {SQL_POSTS_BY_STATUS, &galley_post_record},
    {SQL_POSTS_OF_TOPIC, &galley_post_record},
    {SQL_SOCIALS_OF_POST, &galley_social_record},
    {SQL_PUBLICATION_GET, &galley_publication_record},
    {SQL_PUBLICATIONS_ANY, &galley_publication_record},
    {SQL_PUBLICATIONS_OF_POST, &galley_publication_record},
    {SQL_FEED_GET, &galley_feed_record},
    {SQL_FEED_BY_URL, &galley_feed_record},
    {SQL_FEEDS, &galley_feed_record},
};

static sqlite3_stmt *prepare(sqlite3 *h, const struct sql_row *row) {
  sqlite3_stmt *s;
  if (sqlite3_prepare_v2(h, row->text, -1, &s, NULL) != SQLITE_OK)
    fail_msg("%s: %s", row->name, sqlite3_errmsg(h));
  return s;
}

static void a_record_is_read_in_the_order_of_its_fields(void **state) {
  for (size_t i = 0; i < sizeof listings / sizeof listings[0]; i++) {
    const struct galley_record *record = listings[i].record;
    const struct sql_row *row = &sql_table[listings[i].id];
    sqlite3_stmt *s = prepare(connection(*state), row);
    int extra = listings[i].id == SQL_DOCUMENTS_SEARCH; /* the rank */
    assert_int_equal(sqlite3_column_count(s), (int)record->n_fields + extra);
    for (size_t k = 0; k < record->n_fields; k++)
      if (strcmp(sqlite3_column_name(s, (int)k), record->fields[k].name) != 0)
        fail_msg("%s: column %zu is %s, and the record's is %s", row->name, k,
                 sqlite3_column_name(s, (int)k), record->fields[k].name);
    sqlite3_finalize(s);
  }
}

static bool is_listed(enum sql_id id) {
  for (size_t i = 0; i < sizeof listings / sizeof listings[0]; i++)
    if (listings[i].id == id)
      return true;
  return id == SQL_LIVE_COUNTS || id == SQL_TOTALS; /* counts: their names are made up */
}

/* So that a new statement cannot be left out above. */
static void each_statement_with_many_columns_is_compared_with_its_record(void **state) {
  for (size_t i = 0; i < SQL_COUNT; i++) {
    sqlite3_stmt *s = prepare(connection(*state), &sql_table[i]);
    if (sqlite3_column_count(s) > 7 && !is_listed((enum sql_id)i))
      fail_msg("%s has %d columns and is not in the list of this test", sql_table[i].name,
               sqlite3_column_count(s));
    sqlite3_finalize(s);
  }
}

/* A record is a table's row: every field is a column, and every member has its own place. */
static void each_field_is_a_column_of_the_table(void **state) {
  for (size_t i = 0; i < sizeof listings / sizeof listings[0]; i++) {
    const struct galley_record *record = listings[i].record;
    for (size_t k = 0; k < record->n_fields; k++) {
      int code =
          sqlite3_table_column_metadata(connection(*state), "main", record->table,
                                        record->fields[k].name, NULL, NULL, NULL, NULL, NULL);
      if (code != SQLITE_OK)
        fail_msg("%s has no column %s", record->table, record->fields[k].name);
      assert_true(record->fields[k].offset + 8 <= record->size);
      for (size_t other = 0; other < k; other++)
        assert_int_not_equal(record->fields[other].offset, record->fields[k].offset);
    }
  }
}

/* A parameter that is never bound is NULL, and a number bound past the last is lost. */
static void the_parameters_of_each_statement_have_no_gaps(void **state) {
  for (size_t i = 0; i < SQL_COUNT; i++) {
    sqlite3_stmt *s = prepare(connection(*state), &sql_table[i]);
    for (int k = 1; k <= sqlite3_bind_parameter_count(s); k++)
      if (!sqlite3_bind_parameter_name(s, k))
        fail_msg("%s has no ?%d", sql_table[i].name, k);
    sqlite3_finalize(s);
  }
}

/* One ON CONFLICT clause for a statement: more of them corrupt an index before SQLite 3.45.2. */
static void no_statement_has_two_conflict_clauses(void **state) {
  (void)state;
  for (size_t i = 0; i < SQL_COUNT; i++) {
    const char *first = strstr(sql_table[i].text, "ON CONFLICT");
    if (first && strstr(first + 1, "ON CONFLICT"))
      fail_msg("%s", sql_table[i].name);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_statement_reads_by_the_index_it_names),
      cmocka_unit_test(no_statement_scans_jobs),
      cmocka_unit_test(the_front_of_the_queue_is_never_sorted),
      cmocka_unit_test(a_record_is_read_in_the_order_of_its_fields),
      cmocka_unit_test(each_statement_with_many_columns_is_compared_with_its_record),
      cmocka_unit_test(each_field_is_a_column_of_the_table),
      cmocka_unit_test(the_parameters_of_each_statement_have_no_gaps),
      cmocka_unit_test(no_statement_has_two_conflict_clauses),
  };
  return cmocka_run_group_tests_name("sql", tests, fixture_set_up, fixture_tear_down);
}
