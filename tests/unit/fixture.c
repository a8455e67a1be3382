#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEASE_MS 60000

static int64_t now_ms(void *arg) {
  return ((struct fixture *)arg)->now_ms;
}

static int64_t mono_ns(void *arg) {
  return ((struct fixture *)arg)->mono_ns;
}

static uint64_t chance(void *arg) {
  return ((struct fixture *)arg)->chance;
}

struct galley *fixture_open_at(struct fixture *f, const char *path, unsigned flags) {
  struct galley *q;
  const struct galley_options options = {.flags = flags, .env = &f->env, .busy_timeout_ms = 60000};
  enum galley_rc rc = galley_open(&q, path, &options);
  fixture_ok(q, rc);
  return q;
}

struct galley *fixture_open(struct fixture *f, unsigned flags) {
  return fixture_open_at(f, f->path, flags);
}

int fixture_set_up(void **state) {
  struct fixture *f = calloc(1, sizeof *f);
  const char *tmp = getenv("TMPDIR");
  assert_non_null(f);
  snprintf(f->dir, sizeof f->dir, "%s/galley-XXXXXX", tmp && strlen(tmp) < 32 ? tmp : "/tmp");
  assert_non_null(mkdtemp(f->dir));
  snprintf(f->path, sizeof f->path, "%s/test.db", f->dir);
  f->env = (struct galley_env){.now_ms = now_ms, .mono_ns = mono_ns, .random = chance, .arg = f};
  f->now_ms = 1700000000000;
  f->mono_ns = 1000000000;
  f->q = fixture_open(f, GALLEY_OPEN_CREATE);
  *state = f;
  return 0;
}

static int unlink_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st;
  (void)type;
  (void)ftw;
  return remove(path);
}

int fixture_tear_down(void **state) {
  struct fixture *f = *state;
  galley_close(f->q);
  int failed = nftw(f->dir, unlink_entry, 8, FTW_DEPTH | FTW_PHYS);
  free(f);
  return failed;
}

void fixture_expect(struct galley *q, enum galley_rc rc, enum galley_rc want, const char *words,
                    int line) {
  if (rc == want && strstr(galley_errmsg(q), words))
    return;
  fail_msg("line %d: %s: %s; expected %s: %s", line, galley_rc_name(rc), galley_errmsg(q),
           galley_rc_name(want), words);
}

static sqlite3 *raw_open(struct fixture *f) {
  sqlite3 *h;
  assert_int_equal(sqlite3_open(f->path, &h), SQLITE_OK);
  assert_int_equal(
      sqlite3_exec(h, "PRAGMA foreign_keys=ON;PRAGMA wal_autocheckpoint=0", NULL, NULL, NULL),
      SQLITE_OK);
  return h;
}

void fixture_sql(struct fixture *f, const char *sql) {
  sqlite3 *h = raw_open(f);
  if (sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(h));
  sqlite3_close(h);
}

void fixture_refused(struct fixture *f, const char *sql, const char *words) {
  sqlite3 *h = raw_open(f);
  assert_int_not_equal(sqlite3_exec(h, sql, NULL, NULL, NULL), SQLITE_OK);
  if (!strstr(sqlite3_errmsg(h), words))
    fail_msg("%s: %s, expected %s", sql, sqlite3_errmsg(h), words);
  sqlite3_close(h);
}

char *fixture_text(struct fixture *f, const char *sql) {
  sqlite3 *h = raw_open(f);
  sqlite3_stmt *s;
  if (sqlite3_prepare_v2(h, sql, -1, &s, NULL) != SQLITE_OK)
    fail_msg("%s: %s", sql, sqlite3_errmsg(h));
  assert_int_equal(sqlite3_step(s), SQLITE_ROW);
  const char *text = (const char *)sqlite3_column_text(s, 0);
  char *copy = strdup(text ? text : "NULL");
  assert_non_null(copy);
  sqlite3_finalize(s);
  sqlite3_close(h);
  return copy;
}

int64_t fixture_number(struct fixture *f, const char *sql) {
  char *text = fixture_text(f, sql);
  int64_t n = strtoll(text, NULL, 10);
  free(text);
  return n;
}

static bool print_violation(void *arg, const void *row) {
  const struct galley_violation *violation = row;
  (void)arg;
  print_error("%s %lld: %s: %s\n", violation->table, (long long)violation->id, violation->rule,
              violation->sentence);
  return true;
}

void fixture_check(struct galley *q) {
  fixture_ok(q, galley_check(q, print_violation, NULL, NULL, NULL));
}

struct fixture_job fixture_job(struct fixture *f) {
  static const char *const kinds[] = {"work"};
  const struct galley_spec spec = {.kind = "work", .priority = -1};
  struct galley_job *job;
  int64_t id;
  if (f->worker_id == 0)
    fixture_ok(f->q, galley_worker_join(f->q, "[\"work\"]", 16, &f->worker_id));
  fixture_ok(f->q, galley_enqueue(f->q, &spec, &id, NULL));
  struct galley_turn turn = {.worker_id = f->worker_id,
                             .kinds = kinds,
                             .n_kinds = 1,
                             .max_jobs = 1,
                             .lease_ms = LEASE_MS,
                             .jobs = &job};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  assert_int_equal(turn.n_jobs, 1);
  struct fixture_job running = {job->id, job->fence};
  galley_free(job);
  return running;
}

void fixture_settle(struct fixture *f, struct fixture_job job, enum galley_outcome outcome) {
  struct galley_settlement settlement = {
      .job_id = job.id, .fence = job.fence, .outcome = outcome, .delay_ms = 1000};
  struct galley_turn turn = {.worker_id = f->worker_id,
                             .settlements = &settlement,
                             .n_settlements = 1,
                             .lease_ms = LEASE_MS};
  fixture_ok(f->q, galley_turn(f->q, &turn));
  fixture_ok(f->q, settlement.rc);
}

bool fixture_keep_id(void *arg, const void *row) {
  struct fixture_ids *ids = arg;
  assert_true(ids->n < FIXTURE_ROWS_MAX);
  memcpy(&ids->id[ids->n++], row, sizeof ids->id[0]);
  return ids->n != ids->stop_after;
}

void fixture_same(const struct galley_record *record, const void *row, const void *other) {
  for (size_t i = 1; i < record->n_fields; i++) {
    const struct galley_field *field = &record->fields[i];
    const char *a = (const char *)row + field->offset;
    const char *b = (const char *)other + field->offset;
    if (field->type == GALLEY_TEXT || field->type == GALLEY_JSON)
      assert_string_equal(*(const char *const *)a, *(const char *const *)b);
    else
      assert_memory_equal(a, b, 8);
  }
}

int64_t fixture_topic(struct fixture *f, const char *title) {
  const struct galley_topic topic = {.title = title, .language = "en"};
  int64_t id;
  fixture_ok(f->q, galley_topic_save(f->q, &topic, &id));
  return id;
}

int64_t fixture_post(struct fixture *f, int64_t topic_id, const char *title, const char *language) {
  const struct galley_post post = {.research_topic_id = topic_id,
                                   .title = title,
                                   .language = language,
                                   .content = "Some text.",
                                   .word_count = 2};
  int64_t id;
  fixture_ok(f->q, galley_post_save(f->q, &post, &id));
  return id;
}

const char *fixture_hash(char letter, char out[65]) {
  memset(out, letter, 64);
  out[64] = '\0';
  return out;
}
