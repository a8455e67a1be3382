/* publish through a service that cannot be asked whether it has seen a post: it is sent once, or a
 * person decides. The provider is this program's own, in place of those of provider.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drain.h"
#include "fixture.h"
#include "log.h"
#include "provider.h"
#include "web_server.h"
#include "work.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 20000

static bool build(const struct stage_input *input, struct request_draft *draft,
                  struct verdict *verdict) {
  (void)verdict;
  draft->request = (struct http_request){.method = "POST",
                                         .url = input->u.publish.target->base_url,
                                         .body = input->u.publish.post->content,
                                         .body_len = strlen(input->u.publish.post->content),
                                         .timeout_ms = TIMEOUT_MS,
                                         .body_max = 4096};
  return true;
}

static void judge(const struct stage_input *input, const struct http_reply *reply,
                  struct stage_output *output, struct verdict *verdict) {
  (void)input;
  verdict_of_reply(verdict, reply);
  if (verdict->outcome == GALLEY_DONE)
    output->u.publish.remote_id = strdup("42");
}

static const struct provider service = {
    .name = "folder", .stage = STAGE_PUBLISH, .build = build, .judge = judge};

/* In place of provider.c, which then is not linked. */
const struct provider *const provider_registry[] = {&service};
const size_t provider_count = 1;

const struct provider *provider_find(enum stage stage, const char *name) {
  return stage == STAGE_PUBLISH && strcmp(name, service.name) == 0 ? &service : NULL;
}

void request_draft_fini(struct request_draft *draft) {
  *draft = (struct request_draft){0};
}

/* ---- */

static struct web_server server;

static void drain(struct fixture *f, const char *path) {
  char text[512];
  snprintf(text, sizeof text,
           "[target.blog]\ntype = folder\npath = none\nbase_url = http://127.0.0.1:%d%s\n",
           path ? server.port : 1, path ? path : "/");
  drain_publish(f, text);
}

/* A publish job of one attempt. */
static int64_t add_job(struct fixture *f) {
  char payload[64];
  snprintf(payload, sizeof payload, "{\"post_id\":%lld,\"target\":\"blog\"}",
           (long long)fixture_post(f, 0, "Heat pumps", "en"));
  const struct galley_spec spec = {
      .kind = "publish", .payload = payload, .priority = -1, .max_attempts = 1};
  return work_add(f->q, &spec);
}

static int requests(void) {
  return server.seen->requests;
}

static void assert_dead(struct fixture *f, int64_t id, const char *error_class, const char *words) {
  struct galley_job *job = work_get(f->q, id);
  assert_string_equal(job->state, "dead");
  assert_string_equal(job->error_class, error_class);
  if (!strstr(job->error, words))
    fail_msg("%s", job->error);
  galley_free(job);
}

static int64_t steps(struct fixture *f, const char *state) {
  char sql[96];
  snprintf(sql, sizeof sql, "SELECT count(*) FROM job_steps WHERE state='%s'", state);
  return fixture_number(f, sql);
}

static void what_was_sent_and_answered_is_done(void **state) {
  struct fixture *f = *state;
  int before = requests();
  int64_t id = add_job(f);
  drain(f, "/ok");
  work_state(f->q, id, "done");
  assert_int_equal(requests(), before + 1);
  assert_int_equal(steps(f, "done"), 1);
  assert_int_equal(fixture_number(f, "SELECT remote_id FROM publications"), 42);
}

static void what_may_have_been_sent_is_not_sent_again(void **state) {
  struct fixture *f = *state;
  int before = requests();
  int64_t id = add_job(f);
  drain(f, "/status/503");
  assert_dead(f, id, "http", "503");
  assert_int_equal(steps(f, "begun"), 1);
  assert_int_equal(requests(), before + 1);
  fixture_ok(f->q, galley_retry(f->q, id)); /* of an error that says nothing about the post */
  drain(f, "/ok");
  assert_dead(f, id, "unknown", "outcome unknown");
  assert_dead(f, id, "unknown", "publish post 1 to blog");
  assert_dead(f, id, "unknown", "galley retry 1");
  assert_int_equal(requests(), before + 1);
  assert_int_equal(steps(f, "begun"), 1);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM publications"), 0);
}

static void a_person_may_say_that_nothing_came_of_it(void **state) {
  struct fixture *f = *state;
  int before = requests();
  int64_t id = add_job(f);
  drain(f, "/cut"); /* it reached the service, and the answer was cut off */
  fixture_ok(f->q, galley_retry(f->q, id));
  drain(f, "/ok");
  assert_dead(f, id, "unknown", "outcome unknown");
  fixture_ok(f->q, galley_retry(f->q, id));
  drain(f, "/ok");
  work_state(f->q, id, "done");
  assert_int_equal(requests(), before + 2);
  assert_int_equal(steps(f, "done"), 1);
}

static void what_the_service_refused_may_be_sent_again(void **state) {
  struct fixture *f = *state;
  int before = requests();
  int64_t id = add_job(f);
  drain(f, "/status/403");
  assert_dead(f, id, "http", "403");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps"), 0);
  fixture_ok(f->q, galley_retry(f->q, id));
  drain(f, "/ok");
  work_state(f->q, id, "done");
  assert_int_equal(requests(), before + 2);
}

static void what_reached_nobody_may_be_sent_again(void **state) {
  struct fixture *f = *state;
  int before = requests();
  int64_t id = add_job(f);
  drain(f, NULL); /* a port where nobody listens */
  assert_dead(f, id, "connect", "");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM job_steps"), 0);
  fixture_ok(f->q, galley_retry(f->q, id));
  drain(f, "/ok");
  work_state(f->q, id, "done");
  assert_int_equal(requests(), before + 1);
}

static void what_was_done_is_believed(void **state) {
  struct fixture *f = *state;
  int64_t id = add_job(f);
  drain(f, "/ok");
  int before = requests();
  fixture_sql(f, "UPDATE jobs SET state='ready',attempt=0,finished_at_ms=NULL");
  drain(f, "/ok");
  work_state(f->q, id, "done");
  assert_int_equal(requests(), before);
  assert_int_equal(fixture_number(f, "SELECT remote_id FROM publications"), 42);
  assert_int_equal(fixture_number(f, "SELECT json_extract(result,'$.path') IS NULL FROM jobs"), 1);
}

static int start_server(void **state) {
  (void)state;
  web_server_start(&server);
  return 0;
}

static int stop_server(void **state) {
  (void)state;
  web_server_stop(&server);
  return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_was_sent_and_answered_is_done),
      TEST(what_may_have_been_sent_is_not_sent_again),
      TEST(a_person_may_say_that_nothing_came_of_it),
      TEST(what_the_service_refused_may_be_sent_again),
      TEST(what_reached_nobody_may_be_sent_again),
      TEST(what_was_done_is_believed),
  };
  log_open(LOG_LEVEL_ERROR);
  return cmocka_run_group_tests_name("publish_unknown", tests, start_server, stop_server);
}
