/* publish, by a worker of this process: what the next attempt does when one has died between the
 * beginning of its step and the transaction that settles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drain.h"
#include "fixture.h"
#include "log.h"
#include "work.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void write_text(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(text, file) >= 0);
  assert_int_equal(fclose(file), 0);
}

/* Runs a worker until nothing is left; the target is the folder of this name. */
static void drain(struct fixture *f, const char *folder) {
  char text[512];
  snprintf(text, sizeof text, "%s/%s", f->dir, folder);
  (void)mkdir(text, 0755);
  snprintf(text, sizeof text, "[target.blog]\ntype = folder\npath = %s\n", folder);
  drain_publish(f, text);
}

/* A post that was published into "one", and then everything as if its worker had died after the
 * file was written and before its end was saved. */
static void publish_and_die(struct fixture *f) {
  int64_t post_id = fixture_post(f, 0, "Heat pumps", "en");
  char payload[64];
  snprintf(payload, sizeof payload, "{\"post_id\":%lld,\"target\":\"blog\"}", (long long)post_id);
  const struct galley_spec spec = {.kind = "publish", .payload = payload, .priority = -1};
  int64_t id = work_add(f->q, &spec);
  drain(f, "one");
  work_state(f->q, id, "done");
  fixture_sql(f, "UPDATE jobs SET state='ready',finished_at_ms=NULL,result=NULL,attempt=0;"
                 "UPDATE job_steps SET state='begun',result=NULL,ended_at_ms=NULL;"
                 "UPDATE blog_posts SET status='ready',published_at_ms=NULL;"
                 "DELETE FROM publications; DELETE FROM job_attempts");
}

static size_t n_files;

static int count_file(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st;
  (void)ftw;
  size_t len = strlen(path);
  n_files += type == FTW_F && len > 3 && strcmp(path + len - 3, ".md") == 0;
  return 0;
}

static size_t posts_in(struct fixture *f) {
  n_files = 0;
  assert_int_equal(nftw(f->dir, count_file, 8, FTW_PHYS), 0);
  return n_files;
}

static const char *path_of(struct fixture *f, const char *folder, char out[160]) {
  snprintf(out, 160, "%s/%s/en/heat-pumps.md", f->dir, folder);
  return out;
}

static void assert_text(struct fixture *f, const char *sql, const char *expected) {
  char *text = fixture_text(f, sql);
  assert_string_equal(text, expected);
  free(text);
}

/* Published once, there, and everybody says so. */
static void assert_published(struct fixture *f, const char *folder) {
  char path[160];
  struct stat st;
  path_of(f, folder, path);
  assert_int_equal(posts_in(f), 1);
  assert_int_equal(stat(path, &st), 0);
  assert_text(f, "SELECT group_concat(remote_id) FROM publications", path);
  assert_text(f, "SELECT group_concat(state) FROM job_steps", "done");
  assert_text(f, "SELECT group_concat(json_extract(result,'$.remote_id')) FROM job_steps", path);
  assert_text(f, "SELECT group_concat(json_extract(result,'$.path')) FROM jobs", path);
  assert_text(f, "SELECT group_concat(name) FROM job_steps", "publish:blog");
  assert_text(f, "SELECT status FROM blog_posts", "published");
  assert_int_equal(fixture_number(f, "SELECT s.fence=j.fence FROM job_steps s JOIN jobs j"), 1);
  assert_int_equal(fixture_number(f, "SELECT p.content_hash=json_extract(s.result,'$.hash') "
                                     "FROM job_steps s JOIN publications p"),
                   1);
}

static void a_death_after_the_file_writes_no_second_one(void **state) {
  struct fixture *f = *state;
  struct stat before, after;
  char path[160];
  publish_and_die(f);
  assert_int_equal(stat(path_of(f, "one", path), &before), 0);
  drain(f, "one");
  assert_published(f, "one");
  assert_int_equal(stat(path, &after), 0);
  assert_int_equal(before.st_ino, after.st_ino);
  assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void a_death_before_the_file_writes_it(void **state) {
  struct fixture *f = *state;
  char path[160];
  publish_and_die(f);
  assert_int_equal(unlink(path_of(f, "one", path)), 0);
  drain(f, "one");
  assert_published(f, "one");
}

static void what_stands_at_the_old_place_of_a_target_that_moved_is_kept(void **state) {
  struct fixture *f = *state;
  publish_and_die(f);
  drain(f, "two");
  assert_published(f, "one");
}

static void what_never_came_to_the_old_place_goes_to_the_new_one(void **state) {
  struct fixture *f = *state;
  char path[160];
  publish_and_die(f);
  assert_int_equal(unlink(path_of(f, "one", path)), 0);
  drain(f, "two");
  assert_published(f, "two");
  assert_text(f, "SELECT json_extract(intent,'$.remote_id') FROM job_steps",
              path_of(f, "two", path));
}

static void a_file_of_somebody_elses_at_the_old_place_is_not_taken_for_ours(void **state) {
  struct fixture *f = *state;
  char path[160];
  publish_and_die(f);
  write_text(path_of(f, "one", path), "Somebody else's words.\n");
  drain(f, "two");
  assert_int_equal(posts_in(f), 2);
  assert_text(f, "SELECT group_concat(remote_id) FROM publications", path_of(f, "two", path));
}

static void a_post_that_changed_since_is_published_as_it_is_now(void **state) {
  struct fixture *f = *state;
  publish_and_die(f);
  char *old = fixture_text(f, "SELECT json_extract(intent,'$.hash') FROM job_steps");
  fixture_sql(f, "UPDATE blog_posts SET content='Other words.'");
  drain(f, "one");
  assert_published(f, "one");
  char *now = fixture_text(f, "SELECT json_extract(intent,'$.hash') FROM job_steps");
  assert_string_not_equal(old, now);
  assert_text(f, "SELECT content_hash FROM publications", now);
  free(old);
  free(now);
}

static void a_step_that_is_done_is_believed(void **state) {
  struct fixture *f = *state;
  char path[160];
  publish_and_die(f);
  fixture_sql(f, "UPDATE job_steps SET state='done',ended_at_ms=1,result=json_set(intent,"
                 "'$.url','http://a.example/x')");
  assert_int_equal(unlink(path_of(f, "one", path)), 0);
  drain(f, "one");
  assert_int_equal(posts_in(f), 0);
  assert_text(f, "SELECT remote_id FROM publications", path);
  assert_text(f, "SELECT remote_url FROM publications", "http://a.example/x");
  assert_text(f, "SELECT state FROM jobs", "done");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_death_after_the_file_writes_no_second_one),
      TEST(a_death_before_the_file_writes_it),
      TEST(what_stands_at_the_old_place_of_a_target_that_moved_is_kept),
      TEST(what_never_came_to_the_old_place_goes_to_the_new_one),
      TEST(a_file_of_somebody_elses_at_the_old_place_is_not_taken_for_ours),
      TEST(a_post_that_changed_since_is_published_as_it_is_now),
      TEST(a_step_that_is_done_is_believed),
  };
  log_open(LOG_LEVEL_ERROR);
  return cmocka_run_group_tests_name("publish", tests, NULL, NULL);
}
