/* Memory that runs out: each allocation of SQLite's and jansson's fails once, and then for ever, in
 * a run from opening to the last settlement. Whatever call meets it says so and has done nothing;
 * the same call works when there is memory again. One in many is taken; GALLEY_STRIDE=1 takes each,
 * for some minutes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "work.h"

#include <jansson.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALLOCATIONS_MAX 100000 /* of one call */
#define OPEN_STRIDE     23     /* opening parses the whole schema: take every so many'th there */
#define CHECK_STRIDE    331    /* of the allocations of a check, which are many */

static sqlite3_mem_methods system_memory;
static int left = -1; /* allocations until one fails; -1: none will */
static bool for_ever; /* and all after it */
static int failures;

static bool fails(void) {
  if (left < 0 || left-- > 0)
    return false;
  left = for_ever ? 0 : -1;
  failures++;
  return true;
}

static void *scarce_malloc(int n) {
  return fails() ? NULL : system_memory.xMalloc(n);
}

static void *scarce_realloc(void *p, int n) {
  return fails() ? NULL : system_memory.xRealloc(p, n);
}

static void *scarce_json(size_t n) {
  return fails() ? NULL : malloc(n);
}

static int make_scarce(void **state) {
  (void)state;
  assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory), SQLITE_OK);
  sqlite3_mem_methods scarce = system_memory;
  scarce.xMalloc = scarce_malloc;
  scarce.xRealloc = scarce_realloc;
  assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &scarce), SQLITE_OK);
  assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
  json_set_alloc_funcs(scarce_json, free);
  return 0;
}

struct run {
  struct fixture *f;
  const char *path;
  struct galley *q;
  int64_t worker_id, topic_id, job_ids[2];
  struct galley_job *job;
};

typedef enum galley_rc step_fn(struct run *run);

static enum galley_rc open_it(struct run *run) {
  const struct galley_options options = {.flags = GALLEY_OPEN_CREATE, .env = &run->f->env};
  galley_close(run->q);
  return galley_open(&run->q, run->path, &options);
}

static enum galley_rc join(struct run *run) {
  return galley_worker_join(run->q, "[]", 1, &run->worker_id);
}

static enum galley_rc enqueue(struct run *run) {
  const struct galley_spec two[] = {{.kind = "a"}, {.kind = "b", .unique_key = "k"}};
  return galley_enqueue_many(run->q, two, 2, run->job_ids, NULL);
}

static enum galley_rc enqueue_reference(struct run *run) {
  const struct galley_topic topic = {.title = "T", .language = "en"};
  char payload[64];
  int64_t id;
  enum galley_rc rc = galley_begin(run->q);
  if (rc != GALLEY_OK)
    return rc;
  rc = galley_topic_save(run->q, &topic, &run->topic_id);
  snprintf(payload, sizeof payload, "{\"topic_id\":%lld}", (long long)run->topic_id);
  const struct galley_spec spec = {.kind = "write", .payload = payload};
  if (rc == GALLEY_OK)
    rc = galley_enqueue(run->q, &spec, &id, NULL);
  if (rc == GALLEY_OK)
    return galley_commit(run->q);
  galley_rollback(run->q);
  return rc;
}

static enum galley_rc claim(struct run *run) {
  const char *kinds[] = {"a"};
  struct galley_turn turn = {.worker_id = run->worker_id,
                             .kinds = kinds,
                             .n_kinds = 1,
                             .max_jobs = 1,
                             .lease_ms = 1000,
                             .jobs = &run->job};
  enum galley_rc rc = galley_turn(run->q, &turn);
  assert_int_equal(turn.n_jobs, rc == GALLEY_OK);
  return rc;
}

/* What is refused for want of memory is not held against its text. */
static enum galley_rc write_ledger(struct run *run) {
  const int64_t id = run->job->id, fence = run->job->fence;
  struct galley_hold hold = {.job_id = id, .fence = fence};
  struct galley_begin begin = {
      .job_id = id, .fence = fence, .name = "s", .idempotency_key = "k", .intent = "{\"a\":1}"};
  struct galley_turn turn = {.begins = &begin, .n_begins = 1};
  enum galley_rc rc = galley_turn(run->q, &turn);
  assert_true(rc != GALLEY_OK || begin.rc == GALLEY_OK);
  assert_int_equal(begin.step != NULL, rc == GALLEY_OK);
  galley_free(begin.step);
  if (rc == GALLEY_OK)
    rc = galley_step_done(run->q, id, fence, "s", "{\"b\":2}");
  if (rc == GALLEY_OK)
    rc = galley_progress(run->q, id, fence, "{\"percent\":50}");
  if (rc == GALLEY_OK)
    rc = galley_heartbeat(run->q, &hold, 1000);
  assert_int_not_equal(rc, GALLEY_INVALID);
  return rc;
}

static enum galley_rc save(struct galley *q, void *arg, const char **result) {
  const struct galley_spec next = {.kind = "next"};
  int64_t id;
  (void)arg;
  *result = "{\"ok\":true}";
  return galley_enqueue(q, &next, &id, NULL);
}

static enum galley_rc settle(struct run *run) {
  struct galley_settlement one = {
      .job_id = run->job->id, .fence = run->job->fence, .outcome = GALLEY_DONE, .save = save};
  struct galley_turn turn = {.settlements = &one, .n_settlements = 1};
  enum galley_rc rc = galley_turn(run->q, &turn);
  assert_true(rc != GALLEY_OK || one.rc == GALLEY_OK);
  return rc;
}

static enum galley_rc checkpoint(struct run *run) {
  return galley_checkpoint(run->q, NULL);
}

static bool ignore(void *arg, const void *row) {
  (void)arg;
  (void)row;
  return true;
}

static enum galley_rc list(struct run *run) {
  enum galley_rc rc = galley_jobs(run->q, NULL, NULL, 0, 10, ignore, NULL);
  return rc == GALLEY_OK ? galley_stats(run->q, ignore, NULL) : rc;
}

static enum galley_rc leave(struct run *run) {
  return galley_worker_leave(run->q, run->worker_id);
}

static step_fn *const steps[] = {open_it,      join,   enqueue, enqueue_reference, claim,
                                 write_ledger, settle, list,    checkpoint,        leave};
#define N_STEPS (sizeof steps / sizeof steps[0])

/* How the failures of one pass are laid out. */
struct pass {
  bool made;     /* the database is there already */
  bool for_ever; /* not once */
  int stride;    /* of the allocations of a step, each so many'th fails */
};

/* SQLite's json_valid() says no when it has no memory to look. */
static bool is_memory(enum galley_rc rc, struct galley *q) {
  return rc == GALLEY_NO_MEMORY ||
         (rc == GALLEY_INVALID &&
          (strstr(galley_errmsg(q), "json_valid") || strstr(galley_errmsg(q), "valid JSON")));
}

/* A whole run, in which allocation number `n` of one step fails; a failed step is done again with
 * memory. False when the step needed fewer. */
static bool run_once(struct run *run, const struct pass *pass, size_t failing, int n) {
  for_ever = pass->for_ever;
  failures = 0;
  for (size_t i = 0; i < N_STEPS; i++) {
    left = i == failing ? n : -1;
    enum galley_rc rc = steps[i](run);
    left = -1;
    if (rc == GALLEY_OK)
      continue;
    if (i != failing || failures == 0 || !is_memory(rc, run->q))
      fail_msg("allocation %d of step %zu, step %zu: %s: %s", n, failing, i, galley_rc_name(rc),
               galley_errmsg(run->q));
    rc = steps[i](run);
    if (rc != GALLEY_OK)
      fail_msg("allocation %d of step %zu, with memory: %s: %s", n, failing, galley_rc_name(rc),
               galley_errmsg(run->q));
  }
  return failures > 0;
}

static void all_is_done_once(struct run *run) {
  work_state(run->q, run->job_ids[0], "done");
  work_state(run->q, run->job_ids[1], "ready");
  assert_int_equal(work_count(run->q, "next", "ready"), 1);
  assert_int_equal(work_count(run->q, "write", "ready"), 1);
  assert_int_equal(work_count(run->q, "a", "done"), 1);
}

/* A database without a log, to be copied. */
static char *make_template(struct fixture *f, size_t *size) {
  fixture_ok(f->q, galley_checkpoint(f->q, NULL));
  FILE *file = fopen(f->path, "rb");
  assert_non_null(file);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  *size = (size_t)ftell(file);
  rewind(file);
  char *bytes = malloc(*size);
  assert_non_null(bytes);
  assert_int_equal(fread(bytes, 1, *size, file), *size);
  fclose(file);
  return bytes;
}

static void copy_template(const char *path, const char *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  assert_int_equal(fclose(file), 0);
}

static void remove_database(const char *path) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-galley"};
  char name[160];
  for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
    snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
    (void)remove(name);
  }
}

static void run_pass(struct fixture *f, const struct pass *pass, size_t first, size_t last) {
  const char *wish = getenv("GALLEY_STRIDE");
  char path[128];
  size_t size = 0;
  char *bytes = pass->made ? make_template(f, &size) : NULL;
  snprintf(path, sizeof path, "%s/run.db", f->dir);
  for (size_t step = first; step <= last; step++) {
    bool met = true;
    int stride =
        (wish ? (int)strtol(wish, NULL, 10) : pass->stride) * (step == 0 ? OPEN_STRIDE : 1);
    for (int n = 0; met && n < ALLOCATIONS_MAX; n += stride) {
      struct run run = {.f = f, .path = path};
      if (bytes)
        copy_template(path, bytes, size);
      met = run_once(&run, pass, step, n);
      all_is_done_once(&run);
      galley_free(run.job);
      galley_close(run.q);
      remove_database(path);
    }
    assert_false(met);
  }
  free(bytes);
}

static void each_allocation_of_each_call_may_fail_once(void **state) {
  const struct pass pass = {.made = true, .stride = 29};
  run_pass(*state, &pass, 0, N_STEPS - 1);
}

static void memory_may_be_gone_from_any_allocation_on(void **state) {
  const struct pass pass = {.made = true, .for_ever = true, .stride = 61};
  run_pass(*state, &pass, 0, N_STEPS - 1);
}

static void a_database_is_made_whole_or_not_at_all(void **state) {
  const struct pass once = {.stride = 41}, for_ever_after = {.for_ever = true, .stride = 47};
  run_pass(*state, &once, 0, 0);
  run_pass(*state, &for_ever_after, 0, 0);
}

/* A check that met a lack of memory leaves nothing behind that keeps the next one from running. It
 * calls no rule broken for it, but for what is_memory says of JSON. */
static void a_check_says_when_it_lacks_memory(void **state) {
  struct fixture *f = *state;
  const struct galley_document document = {.title = "Words", .content = "of a document"};
  struct galley_document row = document;
  char hash[65];
  int64_t id;
  row.content_hash = fixture_hash('a', hash);
  fixture_ok(f->q, galley_document_save(f->q, &row, &id, NULL));
  for_ever = false;
  for (int n = 0, met = 1; met; n += CHECK_STRIDE) {
    failures = 0;
    left = n;
    enum galley_rc rc = galley_check(f->q, ignore, NULL, NULL, NULL);
    left = -1;
    met = failures > 0;
    if (rc != GALLEY_OK && rc != GALLEY_INVALID && rc != GALLEY_NO_MEMORY)
      fail_msg("allocation %d: %s: %s", n, galley_rc_name(rc), galley_errmsg(f->q));
    fixture_check(f->q);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_allocation_of_each_call_may_fail_once, fixture_set_up,
                                      fixture_tear_down),
      cmocka_unit_test_setup_teardown(memory_may_be_gone_from_any_allocation_on, fixture_set_up,
                                      fixture_tear_down),
      cmocka_unit_test_setup_teardown(a_database_is_made_whole_or_not_at_all, fixture_set_up,
                                      fixture_tear_down),
      cmocka_unit_test_setup_teardown(a_check_says_when_it_lacks_memory, fixture_set_up,
                                      fixture_tear_down),
  };
  return cmocka_run_group_tests_name("memory", tests, make_scarce, NULL);
}
