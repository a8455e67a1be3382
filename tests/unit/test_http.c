/* The HTTP client against a server of its own: redirects, limits, failures, the guard, cancelling.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http.h"
#include "http_guard.h"
#include "web_server.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_SECONDS 100 /* then a test that hangs is killed */
#define URL_MAX       16384

/* ---- names: those under .test are ours, so that a test needs no DNS ---- */

static const struct {
  const char *name, *address;
} names[] = {
    {"here.test", "127.0.0.1"},       {"elsewhere.test", "127.0.0.2"},
    {"private.test", "10.0.0.1"},     {"mapped.test", "::ffff:127.0.0.1"},
    {"public.test", "93.184.216.34"}, {"metadata.test", "169.254.169.254"},
};
static int slow_pipe[2] = {-1, -1}; /* slow.test has no answer before its end is closed */

typedef int getaddrinfo_fn(const char *, const char *, const struct addrinfo *, struct addrinfo **);

/* libcurl finds this one before the C library's. */
__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *hints,
                                                       struct addrinfo **out) {
  getaddrinfo_fn *real = NULL;
  *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
  size_t len = name ? strlen(name) : 0;
  if (len < 5 || strcmp(name + len - 5, ".test") != 0)
    return real(name, service, hints, out);
  if (strcmp(name, "slow.test") == 0) {
    char byte;
    (void)!read(slow_pipe[0], &byte, 1);
    return EAI_NONAME;
  }
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(name, names[i].name) == 0) {
      struct addrinfo numeric = *hints;
      numeric.ai_family = AF_UNSPEC;
      numeric.ai_flags = AI_NUMERICHOST;
      return real(names[i].address, service, &numeric, out);
    }
  return EAI_NONAME;
}

/* ---- a test's state ---- */

static struct web_server server, other; /* two origins */

struct fetched {
  struct http_reply reply; /* its strings are copies, owned here */
  int n_done;
};

struct test {
  struct loop *loop;
  struct http *http; /* content may reach 127.0.0.1 and nothing else that is private */
  struct http_request request;
  struct fetched got;
  char url[URL_MAX];
  int n_wanted, n_done;
  struct http_call *victim;
};

static char *copy(const char *text) {
  char *made = text ? strdup(text) : NULL;
  assert_true(!text || made);
  return made;
}

static void fetched_fini(struct fetched *got) {
  struct http_reply *reply = &got->reply;
  const char *texts[] = {reply->error,         reply->body,      reply->content_type, reply->etag,
                         reply->last_modified, reply->final_url, reply->permanent_url};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    free((char *)(uintptr_t)texts[i]);
  *got = (struct fetched){0};
}

static void keep(struct fetched *got, const struct http_reply *reply) {
  int n_done = got->n_done;
  fetched_fini(got);
  got->n_done = n_done + 1;
  got->reply = *reply;
  char *body = malloc(reply->body_len + 1);
  assert_non_null(body);
  memcpy(body, reply->body, reply->body_len + 1);
  assert_int_equal(body[reply->body_len], '\0');
  got->reply.body = body;
  got->reply.error = copy(reply->error);
  got->reply.content_type = copy(reply->content_type);
  got->reply.etag = copy(reply->etag);
  got->reply.last_modified = copy(reply->last_modified);
  got->reply.final_url = copy(reply->final_url);
  got->reply.permanent_url = copy(reply->permanent_url);
}

static struct http *client(struct loop *loop, const char *allow) {
  struct http_options options = {
      .user_agent = "galley-test/1", .connect_timeout_ms = 30000, .allow_addresses = allow};
  const char *problem = NULL;
  struct http *http = http_new(loop, &options, &problem);
  assert_non_null(http);
  assert_null(problem);
  return http;
}

static int set_up(void **state) {
  struct test *test = calloc(1, sizeof *test);
  assert_non_null(test);
  alarm(LIMIT_SECONDS);
  test->loop = loop_new();
  assert_non_null(test->loop);
  test->http = client(test->loop, "127.0.0.1/32");
  test->request = (struct http_request){
      .method = "GET", .url = test->url, .timeout_ms = 60000, .body_max = 100000};
  test->n_wanted = 1;
  server.seen->connections = server.seen->requests = 0;
  other.seen->connections = other.seen->requests = 0;
  *state = test;
  return 0;
}

static int tear_down(void **state) {
  struct test *test = *state;
  http_free(test->http);
  loop_free(test->loop);
  fetched_fini(&test->got);
  free(test);
  alarm(0);
  return 0;
}

static void done(void *owner, const struct http_reply *reply) {
  struct test *test = owner;
  keep(&test->got, reply);
  if (++test->n_done == test->n_wanted)
    loop_stop(test->loop);
}

/* What `url` gives, by way of the request as it stands in the test. */
static const struct http_reply *fetch(struct test *test, const char *url) {
  if (url != test->url)
    snprintf(test->url, sizeof test->url, "%s", url);
  test->n_done = 0;
  assert_non_null(http_start(test->http, &test->request, done, test));
  assert_int_equal(test->n_done, 0);
  loop_run(test->loop);
  assert_int_equal(test->n_done, 1);
  const struct http_reply *reply = &test->got.reply;
  assert_true((reply->failure == HTTP_OK) == (reply->error == NULL));
  assert_non_null(reply->body);
  assert_non_null(reply->content_type);
  return reply;
}

static const struct http_reply *get(struct test *test, const char *path) {
  snprintf(test->url, sizeof test->url, "http://127.0.0.1:%d%s", server.port, path);
  return fetch(test, test->url);
}

static void check_failure(const struct http_reply *reply, enum http_failure wanted, int line) {
  if (reply->failure != wanted)
    fail_msg("line %d: expected %s, got %s: %s", line, http_failure_name(wanted),
             http_failure_name(reply->failure), reply->error ? reply->error : "");
}
#define assert_failure(reply, wanted) check_failure(reply, wanted, __LINE__)

static void assert_url(const char *url, const char *path) {
  char wanted[URL_MAX];
  snprintf(wanted, sizeof wanted, "http://127.0.0.1:%d%s", server.port, path);
  assert_non_null(url);
  assert_string_equal(url, wanted);
}

/* ---- requests and replies ---- */

static void reply_brings_status_type_and_body(void **state) {
  const struct http_reply *reply = get(*state, "/ok");
  assert_failure(reply, HTTP_OK);
  assert_int_equal(reply->status, 200);
  assert_string_equal(reply->body, "hello");
  assert_int_equal(reply->body_len, 5);
  assert_string_equal(reply->content_type, "text/plain; charset=utf-8");
  assert_null(reply->etag);
  assert_null(reply->last_modified);
  assert_null(reply->permanent_url);
  assert_url(reply->final_url, "/ok");
  assert_int_equal(reply->retry_after_ms, 0);
  assert_int_equal(reply->max_age_ms, -1);
  assert_true(reply->sent);
  assert_true(reply->total_ms >= 0 && reply->total_ms < 60000);
}

static void reply_of_any_status_is_complete(void **state) {
  static const int statuses[] = {204, 302, 404, 410, 429, 500, 503}; /* 302 names no place */
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    char path[32];
    snprintf(path, sizeof path, "/status/%d", statuses[i]);
    const struct http_reply *reply = get(*state, path);
    assert_failure(reply, HTTP_OK);
    assert_int_equal(reply->status, statuses[i]);
    assert_string_equal(reply->body, statuses[i] == 204 ? "" : "status");
    assert_string_equal(reply->content_type, "");
  }
}

static void request_carries_headers_and_agent(void **state) {
  struct test *test = *state;
  const struct http_header headers[] = {{"X-One", "1: a"}, {"Accept", "text/x"}, {"X-Empty", ""}};
  test->request.headers = headers;
  test->request.n_headers = 3;
  const struct http_reply *reply = get(test, "/echo?a=b#part");
  assert_non_null(strstr(reply->body, "GET /echo?a=b HTTP/1.1\r\n"));
  assert_non_null(strstr(reply->body, "\r\nX-One: 1: a\r\n"));
  assert_non_null(strstr(reply->body, "\r\nAccept: text/x\r\n"));
  assert_non_null(strstr(reply->body, "\r\nX-Empty:\r\n"));
  assert_non_null(strstr(reply->body, "\r\nUser-Agent: galley-test/1\r\n"));
  assert_non_null(strstr(reply->body, "\r\nAccept-Encoding: gzip, deflate\r\n"));
}

static void post_carries_its_body_and_no_invented_type(void **state) {
  struct test *test = *state;
  char body[] = "{\"a\":\"b\"}";
  test->request.method = "POST";
  test->request.body = body;
  test->request.body_len = strlen(body);
  const struct http_reply *reply = get(test, "/echo");
  assert_non_null(strstr(reply->body, "POST /echo HTTP/1.1\r\n"));
  assert_non_null(strstr(reply->body, "\r\n\r\n{\"a\":\"b\"}"));
  assert_null(strcasestr(reply->body, "content-type"));

  test->request.headers = &(const struct http_header){"Content-Type", "application/json"};
  test->request.n_headers = 1;
  test->request.method = "PATCH";
  reply = get(test, "/echo");
  assert_non_null(strstr(reply->body, "PATCH /echo HTTP/1.1\r\n"));
  assert_non_null(strstr(reply->body, "\r\nContent-Type: application/json\r\n"));
  assert_non_null(strstr(reply->body, "{\"a\":\"b\"}"));
}

static void post_without_body_sends_an_empty_one(void **state) {
  struct test *test = *state;
  test->request.method = "POST";
  assert_non_null(strstr(get(test, "/echo")->body, "\r\nContent-Length: 0\r\n"));
}

static void head_has_no_body(void **state) {
  struct test *test = *state;
  test->request.method = "HEAD";
  const struct http_reply *reply = get(test, "/ok");
  assert_failure(reply, HTTP_OK);
  assert_int_equal(reply->status, 200);
  assert_int_equal(reply->body_len, 0);
}

static void request_is_copied_at_the_start(void **state) {
  struct test *test = *state;
  char body[] = "as it was", method[] = "POST", name[] = "X-One", value[] = "one";
  struct http_header headers[] = {{name, value}};
  test->request.method = method;
  test->request.body = body;
  test->request.body_len = strlen(body);
  test->request.headers = headers;
  test->request.n_headers = 1;
  snprintf(test->url, sizeof test->url, "http://127.0.0.1:%d/echo", server.port);
  assert_non_null(http_start(test->http, &test->request, done, test));
  memset(body, 'x', strlen(body));
  memset(method, 'x', strlen(method));
  memset(name, 'x', strlen(name));
  memset(value, 'x', strlen(value));
  memset(test->url, 'x', sizeof test->url);
  loop_run(test->loop);
  assert_non_null(strstr(test->got.reply.body, "POST /echo "));
  assert_non_null(strstr(test->got.reply.body, "\r\nX-One: one\r\n"));
  assert_non_null(strstr(test->got.reply.body, "as it was"));
}

static void what_may_not_be_sent_is_not_sent(void **state) {
  struct test *test = *state;
  static const struct http_header bad[] = {
      {"X-One", "1\r\nX-Two: 2"}, {"X-One", "1\nX"}, {"X One", "1"}, {"X-One:", "1"}, {"", "1"}};
  test->request.n_headers = 1;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    test->request.headers = &bad[i];
    assert_failure(get(test, "/ok"), HTTP_OTHER);
  }
  test->request.n_headers = 0;
  static const char *const methods[] = {"", "GET /x HTTP/1.1\r\nX:", "LONGERTHANSIXTEEN"};
  for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
    test->request.method = methods[i];
    assert_failure(get(test, "/ok"), HTTP_OTHER);
  }
  assert_int_equal(server.seen->connections, 0);
}

static void validators_come_back_byte_for_byte(void **state) {
  struct test *test = *state;
  const struct http_reply *reply = get(test, "/feed");
  assert_int_equal(reply->status, 200);
  assert_string_equal(reply->etag, "W/\"a, b\"");
  assert_string_equal(reply->last_modified, "Tue, 05 Mar 2024 10:00:00 GMT");
  assert_int_equal(reply->max_age_ms, 600000);
  assert_string_equal(reply->content_type, "application/rss+xml");

  test->request.headers = &(const struct http_header){"If-None-Match", "W/\"a, b\""};
  test->request.n_headers = 1;
  reply = get(test, "/feed");
  assert_failure(reply, HTTP_OK);
  assert_int_equal(reply->status, 304);
  assert_string_equal(reply->etag, "W/\"a, b\"");
  assert_int_equal(reply->body_len, 0);
}

static void interim_reply_leaves_nothing_behind(void **state) {
  const struct http_reply *reply = get(*state, "/early");
  assert_failure(reply, HTTP_OK);
  assert_int_equal(reply->status, 200);
  assert_string_equal(reply->body, "late");
  assert_null(reply->etag);
  assert_string_equal(reply->last_modified, "then");
}

static void trailer_is_not_a_header(void **state) {
  const struct http_reply *reply = get(*state, "/trailer");
  assert_failure(reply, HTTP_OK);
  assert_string_equal(reply->body, "body");
  assert_null(reply->etag);
}

static void retry_after_is_told_in_milliseconds(void **state) {
  static const struct {
    const char *header;
    int64_t least, most;
  } cases[] = {
      {"Retry-After:%20120", 120000, 120000},
      {"Retry-After:%20Fri,%2031%20Dec%202100%2000:00:00%20GMT", 31536000000, 31536000000},
      {"Retry-After:%20Fri,%2031%20Dec%201999%2000:00:00%20GMT", 0, 0},
      {"Retry-After:%20soon", 0, 0},
      {"Retry-After:%20-5", 0, 0},
      {"Retry-After:%2099999999999999999999", 0, 31536000000},
      {"Retry-After:%202%0d%0aRetry-After-Ms:%201500", 1500, 1500},
      {"X-Other:%201", 0, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char path[256];
    snprintf(path, sizeof path, "/header/%s", cases[i].header);
    const struct http_reply *reply = get(*state, path);
    assert_failure(reply, HTTP_OK);
    assert_in_range(reply->retry_after_ms, cases[i].least, cases[i].most);
  }
}

static void max_age_is_read_from_cache_control(void **state) {
  static const struct {
    const char *header;
    int64_t max_age_ms;
  } cases[] = {
      {"max-age=0", 0},    {"s-maxage=9,%20max-age=7", 7000},
      {"no-cache", -1},    {"max-age=", -1},
      {"max-age=-1", -1},  {"max-age=1h", -1},
      {"x-max-age=5", -1}, {"max-age=99999999999999999999", 2147483648000},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char path[256];
    snprintf(path, sizeof path, "/header/Cache-Control:%s", cases[i].header);
    assert_int_equal(get(*state, path)->max_age_ms, cases[i].max_age_ms);
  }
}

/* ---- redirects ---- */

static void redirects_are_followed_up_to_the_limit(void **state) {
  const struct http_reply *reply = get(*state, "/countdown/5");
  assert_failure(reply, HTTP_OK);
  assert_string_equal(reply->body, "hello");
  assert_url(reply->final_url, "/countdown/0");
  assert_int_equal(HTTP_REDIRECTS_MAX, 5);

  reply = get(*state, "/countdown/6");
  assert_failure(reply, HTTP_TOO_MANY_REDIRECTS);
  assert_int_equal(reply->status, 302);
  assert_int_equal(server.seen->requests, 6 + 6);
}

static void circle_of_redirects_ends(void **state) {
  struct test *test = *state;
  assert_failure(get(test, "/loop"), HTTP_TOO_MANY_REDIRECTS);
  assert_int_equal(server.seen->requests, HTTP_REDIRECTS_MAX + 1);
  assert_null(test->got.reply.permanent_url);
}

static void permanent_chain_tells_where_it_led(void **state) {
  static const struct {
    const char *path, *permanent, *final;
  } cases[] = {
      {"/ok", NULL, "/ok"},
      {"/redirect/301/ok", "/ok", "/ok"},
      {"/redirect/308/ok", "/ok", "/ok"},
      {"/redirect/302/ok", NULL, "/ok"},
      {"/redirect/303/ok", NULL, "/ok"},
      {"/redirect/307/ok", NULL, "/ok"},
      {"/redirect/301/redirect/308/ok", "/ok", "/ok"},
      {"/redirect/301/redirect/302/ok", "/redirect/302/ok", "/ok"},
      {"/redirect/302/redirect/301/ok", NULL, "/ok"},
      {"/redirect/301/redirect/302/redirect/301/ok", "/redirect/302/redirect/301/ok", "/ok"},
      {"/redirect/301/status/404", "/status/404", "/status/404"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const struct http_reply *reply = get(*state, cases[i].path);
    assert_failure(reply, HTTP_OK);
    assert_url(reply->final_url, cases[i].final);
    if (cases[i].permanent)
      assert_url(reply->permanent_url, cases[i].permanent);
    else
      assert_null(reply->permanent_url);
  }
}

static void failed_move_is_not_permanent(void **state) {
  const struct http_reply *reply = get(*state, "/redirect/301/nothing");
  assert_failure(reply, HTTP_CUT_OFF);
  assert_null(reply->permanent_url);
  assert_url(reply->final_url, "/nothing");
}

/* The headers of a hop are not those of the next. */
static void redirect_leaves_nothing_behind(void **state) {
  struct test *test = *state;
  char path[128];
  snprintf(path, sizeof path, "/redirect/302/header/X:1");
  const struct http_reply *reply = get(test, path);
  assert_string_equal(reply->body, "with header");
  assert_int_equal(reply->status, 200);
}

static void location_is_encoded_and_loses_its_fragment(void **state) {
  const struct http_reply *reply = get(*state, "/header/Location:%20x"); /* 200: no redirect */
  assert_string_equal(reply->body, "with header");
  reply = get(*state, "/redirect/302/echo?q=\xc3\xbc#part");
  assert_failure(reply, HTTP_OK);
  assert_url(reply->final_url, "/echo?q=%c3%bc");
}

static void redirect_changes_the_method_as_browsers_do(void **state) {
  struct test *test = *state;
  static const struct {
    const char *method, *path, *arrives;
    bool with_body;
  } cases[] = {
      {"POST", "/redirect/301/echo", "GET /echo ", false},
      {"POST", "/redirect/302/echo", "GET /echo ", false},
      {"POST", "/redirect/303/echo", "GET /echo ", false},
      {"PUT", "/redirect/303/echo", "GET /echo ", false},
      {"PUT", "/redirect/302/echo", "PUT /echo ", true},
      {"POST", "/redirect/307/echo", "POST /echo ", true},
      {"POST", "/redirect/308/echo", "POST /echo ", true},
  };
  const struct http_header header = {"Content-Type", "text/plain"};
  test->request.headers = &header;
  test->request.n_headers = 1;
  test->request.body = "the body";
  test->request.body_len = 8;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    test->request.method = cases[i].method;
    const struct http_reply *reply = get(test, cases[i].path);
    assert_failure(reply, HTTP_OK);
    assert_memory_equal(reply->body, cases[i].arrives, strlen(cases[i].arrives));
    assert_true((strstr(reply->body, "the body") != NULL) == cases[i].with_body);
    assert_true((strstr(reply->body, "Content-Type: text/plain") != NULL) == cases[i].with_body);
  }
}

static void keys_do_not_follow_to_another_origin(void **state) {
  struct test *test = *state;
  static const struct http_header headers[] = {{"Authorization", "Bearer SECRET"},
                                               {"x-api-key", "SECRET"},
                                               {"Cookie", "SECRET"},
                                               {"Accept", "text/x"},
                                               {"If-None-Match", "\"tag\""}};
  test->request.headers = headers;
  test->request.n_headers = 5;
  const struct http_reply *reply = get(test, "/redirect/302/echo");
  assert_non_null(strstr(reply->body, "Authorization: Bearer SECRET"));
  assert_non_null(strstr(reply->body, "x-api-key: SECRET"));

  char path[128];
  snprintf(path, sizeof path, "/redirect/307/http://127.0.0.1:%d/echo", other.port);
  reply = get(test, path);
  assert_failure(reply, HTTP_OK);
  assert_null(strstr(reply->body, "SECRET"));
  assert_non_null(strstr(reply->body, "Accept: text/x"));
  assert_non_null(strstr(reply->body, "If-None-Match: \"tag\""));

  /* nor when it leads back */
  snprintf(path, sizeof path,
           "/redirect/307/http://127.0.0.1:%d/redirect/307/http://127.0.0.1:%d/echo", other.port,
           server.port);
  reply = get(test, path);
  assert_failure(reply, HTTP_OK);
  assert_url(reply->final_url, "/echo");
  assert_null(strstr(reply->body, "SECRET"));
}

static void body_of_a_redirect_is_not_waited_for(void **state) {
  const struct http_reply *reply = get(*state, "/bigmove/ok");
  assert_failure(reply, HTTP_OK);
  assert_string_equal(reply->body, "hello");
}

/* ---- limits ---- */

static void body_of_the_limit_arrives_and_one_byte_more_fails(void **state) {
  struct test *test = *state;
  static const char *const routes[] = {"sized", "open", "gzip"};
  for (size_t i = 0; i < 3; i++) {
    char path[64];
    snprintf(path, sizeof path, "/%s/100000", routes[i]);
    const struct http_reply *reply = get(test, path);
    assert_failure(reply, HTTP_OK);
    assert_int_equal(reply->body_len, 100000);
    assert_int_equal(strspn(reply->body, "z"), 100000);
    snprintf(path, sizeof path, "/%s/100001", routes[i]);
    reply = get(test, path);
    assert_failure(reply, HTTP_TOO_LARGE);
    assert_int_equal(reply->status, 200);
    assert_int_equal(reply->body_len, 0);
  }
}

static void limit_of_zero_allows_an_empty_body(void **state) {
  struct test *test = *state;
  test->request.body_max = 0;
  assert_failure(get(test, "/sized/0"), HTTP_OK);
  assert_failure(get(test, "/sized/1"), HTTP_TOO_LARGE);
}

/* 200 MB of zeros are 200 kB on the wire. */
static void bomb_is_stopped_at_the_limit(void **state) {
  struct test *test = *state;
  test->request.body_max = 1000000;
  test->request.untrusted = true;
  assert_failure(get(test, "/gzip/200000000"), HTTP_TOO_LARGE);
}

static void headers_past_the_limit_fail(void **state) {
  assert_failure(get(*state, "/headers/65000"), HTTP_OK);
  assert_failure(get(*state, "/headers/66000"), HTTP_TOO_LARGE);
  assert_failure(get(*state, "/longline/65000"), HTTP_OK);
  assert_failure(get(*state, "/longline/66000"), HTTP_TOO_LARGE);
  assert_failure(get(*state, "/longline/500000"), HTTP_TOO_LARGE); /* past curl's own limit */
}

/* How far a request must get before its time is up. */
enum reach { REACH_SENT, REACH_STATUS, REACH_REDIRECT };

static bool has_reached(const struct http_reply *reply, enum reach reach) {
  return reach == REACH_SENT     ? reply->sent
         : reach == REACH_STATUS ? reply->status == 200
                                 : strstr(reply->final_url, "/redirect/") == NULL;
}

/* Asks for what never ends, with more time each try: a slow machine may need it to get as far as
 * the test wants. */
static const struct http_reply *get_until_time_is_up(struct test *test, const char *path,
                                                     enum reach reach) {
  const struct http_reply *reply = NULL;
  bool reached = false;
  for (int64_t ms = 150; !reached && ms < 40000; ms *= 2) {
    test->request.timeout_ms = ms;
    reply = get(test, path);
    assert_failure(reply, HTTP_TIMEOUT);
    assert_true(reply->total_ms >= ms - 1);
    reached = has_reached(reply, reach);
  }
  assert_true(reached);
  return reply;
}

static void silence_ends_at_the_time_limit(void **state) {
  const struct http_reply *reply = get_until_time_is_up(*state, "/hang", REACH_SENT);
  assert_int_equal(reply->status, 0);
  reply = get_until_time_is_up(*state, "/hangbody", REACH_STATUS);
  assert_int_equal(reply->body_len, 0);
}

static void turn_ended(struct loop_turn *turn) {
  ++*(int *)turn->owner;
}

static void waiting_call_lets_the_loop_sleep(void **state) {
  struct test *test = *state;
  int n_turns = 0;
  struct loop_turn turn = {.end = turn_ended, .owner = &n_turns};
  assert_true(loop_turn_start(test->loop, &turn));
  test->request.timeout_ms = 300;
  assert_failure(get(test, "/hang"), HTTP_TIMEOUT);
  loop_turn_stop(&turn);
  assert_in_range(n_turns, 1, 60); /* a loop that does not sleep makes thousands */
}

static void time_limit_covers_redirects(void **state) {
  assert_url(get_until_time_is_up(*state, "/redirect/302/hang", REACH_REDIRECT)->final_url,
             "/hang");
}

static void url_of_the_limit_is_sent_and_a_longer_one_is_not(void **state) {
  struct test *test = *state;
  int n = snprintf(test->url, sizeof test->url, "http://127.0.0.1:%d/ok?", server.port);
  memset(test->url + n, 'q', (size_t)(HTTP_URL_MAX - n));
  test->url[HTTP_URL_MAX] = '\0';
  assert_failure(fetch(test, test->url), HTTP_OK);
  test->url[HTTP_URL_MAX] = 'q';
  test->url[HTTP_URL_MAX + 1] = '\0';
  assert_failure(fetch(test, test->url), HTTP_BAD_URL);
}

/* ---- failures ---- */

static void reply_that_ends_too_early_is_cut_off(void **state) {
  static const char *const paths[] = {"/cut", "/cutchunk", "/nothing"};
  for (size_t i = 0; i < 3; i++) {
    const struct http_reply *reply = get(*state, paths[i]);
    assert_failure(reply, HTTP_CUT_OFF);
    assert_int_equal(reply->status, i < 2 ? 200 : 0);
    assert_int_equal(reply->body_len, 0);
    assert_true(reply->sent);
  }
}

static void closed_port_is_a_failed_connection(void **state) {
  struct web_server gone;
  web_server_start(&gone);
  web_server_stop(&gone);
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d/", gone.port);
  const struct http_reply *reply = fetch(*state, url);
  assert_failure(reply, HTTP_CONNECT);
  assert_false(reply->sent);
  assert_non_null(strstr(reply->error, "Connection refused"));
}

static void name_without_address_does_not_resolve(void **state) {
  const struct http_reply *reply = fetch(*state, "http://nowhere.test/");
  assert_failure(reply, HTTP_RESOLVE);
  assert_false(reply->sent);
  assert_non_null(strstr(reply->error, "nowhere.test"));
}

static void server_without_tls_is_not_trusted(void **state) {
  char url[64];
  snprintf(url, sizeof url, "https://127.0.0.1:%d/ok", server.port);
  const struct http_reply *reply = fetch(*state, url);
  assert_failure(reply, HTTP_TLS);
  assert_false(reply->sent);
}

/* The server takes a method in small letters for something that is not HTTP, and answers so. */
static void reply_that_is_not_http_is_none(void **state) {
  struct test *test = *state;
  test->request.method = "get";
  const struct http_reply *reply = get(test, "/ok");
  assert_failure(reply, HTTP_OTHER);
  assert_int_equal(reply->status, 0);
  assert_int_equal(reply->body_len, 0);
  assert_true(reply->sent);
}

/* Runs a program; *out is its standard output, without its complaints. */
static pid_t spawn(const char *const *argv, FILE **out) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    int nothing = open("/dev/null", O_RDWR);
    dup2(nothing, STDIN_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
  }
  close(ends[1]);
  *out = fdopen(ends[0], "r");
  assert_non_null(*out);
  return pid;
}

static void certificate_that_nobody_signed_is_not_trusted(void **state) {
  struct test *test = *state;
  char folder[] = "/tmp/test_http.XXXXXX", key[64], certificate[64], line[256];
  assert_non_null(mkdtemp(folder));
  snprintf(key, sizeof key, "%s/key", folder);
  snprintf(certificate, sizeof certificate, "%s/certificate", folder);
  FILE *out = NULL;
  spawn((const char *const[]){"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                              "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out",
                              certificate, "-subj", "/CN=localhost", "-addext",
                              "subjectAltName=IP:127.0.0.1", NULL},
        &out);
  while (fgets(line, sizeof line, out)) /* until it has ended */
    continue;
  fclose(out);
  bool made = access(certificate, R_OK) == 0;
  pid_t pid = spawn((const char *const[]){"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert",
                                          certificate, "-key", key, "-www", NULL},
                    &out);
  int port = 0;
  while (port == 0 && fgets(line, sizeof line, out))
    (void)sscanf(line, "ACCEPT 127.0.0.1:%d", &port);
  snprintf(line, sizeof line, "https://127.0.0.1:%d/", port);
  if (port != 0)
    fetch(test, line);
  kill(pid, SIGKILL);
  fclose(out);
  unlink(key);
  unlink(certificate);
  assert_int_equal(rmdir(folder), 0);
  if (!made) {
    print_message("skipped: the openssl program is not here to make a certificate\n");
    skip();
  }
  assert_int_not_equal(port, 0);
  assert_failure(&test->got.reply, HTTP_TLS);
  assert_false(test->got.reply.sent);
  assert_non_null(strstr(test->got.reply.error, "self-signed certificate"));
}

static void url_that_is_none_is_told_after_the_start(void **state) {
  static const char *const bad[] = {
      "",
      "nonsense",
      "example.com",
      "//example.com/",
      "http://",

      "http://a b/",
      "ftp://x/",
      "file:///etc/passwd",
      "gopher://x/",
      "http://x:0x50/",
      "http://x:99999/",
      "http://[::1/",
      "javascript:1",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    const struct http_reply *reply = fetch(*state, bad[i]);
    if (reply->failure != HTTP_BAD_URL)
      fail_msg("%s: %s", bad[i], http_failure_name(reply->failure));
    assert_false(reply->sent);
    assert_string_equal(reply->final_url, bad[i]);
  }
}

static void sentences_name_the_host_and_no_secret(void **state) {
  struct test *test = *state;
  static const char *const paths[] = {"/hang?key=SECRET", "/cut?key=SECRET", "/sized/100001?SECRET",
                                      "/redirect/302/redirect/302/SECRET://x"};
  test->request.headers = &(const struct http_header){"Authorization", "Bearer SECRET"};
  test->request.n_headers = 1;
  test->request.timeout_ms = 500;
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    snprintf(test->url, sizeof test->url, "http://user:SECRET@127.0.0.1:%d%s", server.port,
             paths[i]);
    const struct http_reply *reply = fetch(test, test->url);
    assert_int_not_equal(reply->failure, HTTP_OK);
    assert_null(strstr(reply->error, "SECRET"));
    assert_non_null(strstr(reply->error, "127.0.0.1: "));
  }
}

static void every_failure_has_a_name(void **state) {
  (void)state;
  assert_string_equal(http_failure_name(HTTP_TIMEOUT), "timeout");
  for (int i = HTTP_OK; i <= HTTP_OTHER; i++) {
    assert_non_null(http_failure_name((enum http_failure)i));
    for (int j = HTTP_OK; j < i; j++)
      assert_string_not_equal(http_failure_name((enum http_failure)i),
                              http_failure_name((enum http_failure)j));
  }
}

/* ---- the guard ---- */

static void content_may_not_reach_inside(void **state) {
  struct test *test = *state;
  static const char *const hosts[] = {
      "127.0.0.1",       "127.1",         "0x7f.1",
      "2130706433",      "017700000001",  "localhost",
      "127.0.0.2",       "0.0.0.0",       "0",
      "[::1]",           "[::]",          "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]", "here.test",     "mapped.test",
      "private.test",    "metadata.test", "[64:ff9b::7f00:1]",
      "[2002:7f00:1::]", "[fe80::1]",     "192.168.0.1",
      "169.254.169.254", "100.64.0.1",    "224.0.0.1",
      "255.255.255.255",
  };
  http_free(test->http);
  test->http = client(test->loop, NULL);
  test->request.untrusted = true;
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++)
    for (int ported = 0; ported < 2; ported++) {
      char url[128];
      snprintf(url, sizeof url, ported ? "http://%s:%d/ok" : "http://%s/ok", hosts[i], server.port);
      const struct http_reply *reply = fetch(test, url);
      if (reply->failure != HTTP_REFUSED)
        fail_msg("%s: %s: %s", url, http_failure_name(reply->failure), reply->error);
      assert_false(reply->sent);
      assert_int_equal(reply->status, 0);
    }
  assert_int_equal(server.seen->connections, 0);
}

static void refusal_tells_the_address_and_why(void **state) {
  struct test *test = *state;
  test->request.untrusted = true;
  const struct http_reply *reply = fetch(test, "http://private.test/");
  assert_failure(reply, HTTP_REFUSED);
  assert_non_null(strstr(reply->error, "private.test: "));
  assert_non_null(strstr(reply->error, "10.0.0.1 is a private address"));
}

static void content_may_reach_what_is_allowed(void **state) {
  struct test *test = *state;
  test->request.untrusted = true;
  assert_failure(get(test, "/ok"), HTTP_OK);
  char url[64];
  snprintf(url, sizeof url, "http://here.test:%d/ok", server.port);
  assert_failure(fetch(test, url), HTTP_OK);
  snprintf(url, sizeof url, "http://elsewhere.test:%d/ok", server.port);
  assert_failure(fetch(test, url), HTTP_REFUSED);
  assert_int_equal(server.seen->requests, 2);
}

static void odd_port_is_refused_on_a_public_address(void **state) {
  struct test *test = *state;
  test->request.untrusted = true;
  const struct http_reply *reply = fetch(test, "http://public.test:8080/");
  assert_failure(reply, HTTP_REFUSED);
  assert_non_null(strstr(reply->error, "8080"));
}

/* What guards a connection when it is made guards it when it is used again. */
static void kept_connection_is_checked_before_each_request(void **state) {
  (void)state;
  static const struct {
    const char *address;
    int port;
    bool allowed;
  } cases[] = {
      {"127.0.0.1", 8080, true},    {"127.0.0.2", 80, false},     {"93.184.216.34", 80, true},
      {"93.184.216.34", 443, true}, {"93.184.216.34", 22, false}, {"2a00:1450::1", 443, true},
      {"2a00:1450::1", 444, false}, {"::1", 80, false},           {"", 80, false},
  };
  struct address_list allow;
  const char *problem;
  assert_true(address_list_parse(&allow, "127.0.0.1", &problem));
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct http_guard guard = {.allow = &allow};
    char address[64];
    snprintf(address, sizeof address, "%s", cases[i].address);
    int rc = http_guard_before_request(&guard, address, address, cases[i].port, 1);
    assert_int_equal(rc, cases[i].allowed ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT);
    assert_int_equal(guard.sent, cases[i].allowed);
    assert_int_equal(guard.refused[0] == '\0', cases[i].allowed);
  }
}

static void redirect_cannot_lead_inside(void **state) {
  struct test *test = *state;
  char own_port[64], name[64];
  snprintf(own_port, sizeof own_port, "http://127.0.0.2:%d/ok", server.port);
  snprintf(name, sizeof name, "http://elsewhere.test:%d/ok", server.port);
  const char *const places[] = {"http://169.254.169.254/latest/meta-data/",
                                "http://[::1]/",
                                own_port,
                                name,
                                "file:///etc/passwd",
                                "ftp://127.0.0.1/",
                                "gopher://127.0.0.1:25/x",
                                "dict://127.0.0.1/"};
  test->request.untrusted = true;
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    char path[256];
    server.seen->connections = server.seen->requests = 0;
    snprintf(path, sizeof path, "/redirect/302/%s", places[i]);
    const struct http_reply *reply = get(test, path);
    if (reply->failure != HTTP_REFUSED)
      fail_msg("%s: %s", path, http_failure_name(reply->failure));
    assert_int_equal(server.seen->requests, 1);
    assert_true(reply->sent); /* the first hop was */
  }
}

static void trusted_requests_are_not_guarded(void **state) {
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.2:%d/ok", server.port);
  assert_failure(fetch(*state, url), HTTP_OK);
}

static void connections_are_kept_but_not_shared_with_content(void **state) {
  struct test *test = *state;
  get(test, "/ok");
  get(test, "/ok");
  assert_int_equal(server.seen->connections, 1);
  test->request.untrusted = true;
  get(test, "/ok");
  get(test, "/ok");
  assert_int_equal(server.seen->connections, 2);
  test->request.untrusted = false;
  get(test, "/ok");
  assert_int_equal(server.seen->connections, 2);
  assert_int_equal(server.seen->requests, 5);
}

static void content_does_not_go_through_a_proxy(void **state) {
  struct test *test = *state;
  char proxy[64];
  snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", other.port);
  setenv("http_proxy", proxy, 1);
  setenv("all_proxy", proxy, 1);
  unsetenv("no_proxy");
  test->request.untrusted = true;
  enum http_failure direct = get(test, "/ok")->failure;
  int untrusted_requests = other.seen->requests;
  test->request.untrusted = false;
  enum http_failure proxied = fetch(test, "http://public.test/ok")->failure;
  unsetenv("http_proxy");
  unsetenv("all_proxy");
  assert_int_equal(direct, HTTP_OK);
  assert_int_equal(untrusted_requests, 0);
  assert_int_equal(proxied, HTTP_OK);
  assert_int_equal(other.seen->requests, 1);
}

/* The server closes a kept connection on the POST: it may have acted on it, so once is enough. */
static void post_is_never_sent_twice(void **state) {
  struct test *test = *state;
  get(test, "/ok");
  test->request.method = "POST";
  assert_failure(get(test, "/nothing"), HTTP_CUT_OFF);
  assert_int_equal(server.seen->requests, 2);
}

static void list_of_allowed_addresses_must_be_readable(void **state) {
  struct test *test = *state;
  struct http_options options = {.allow_addresses = "10.0.0.0/8, localhost"};
  const char *problem = NULL;
  assert_null(http_new(test->loop, &options, &problem));
  assert_non_null(problem);
  assert_null(http_new(test->loop, &options, NULL));
}

/* ---- several calls ---- */

static void many_calls_run_side_by_side(void **state) {
  struct test *test = *state;
  test->n_wanted = 60;
  for (int i = 0; i < test->n_wanted; i++) {
    static const char *const paths[] = {"/ok", "/redirect/302/ok", "/gzip/5000"};
    test->request.untrusted = i % 2 == 0;
    snprintf(test->url, sizeof test->url, "http://127.0.0.1:%d%s", server.port, paths[i % 3]);
    assert_non_null(http_start(test->http, &test->request, done, test));
  }
  assert_int_equal(test->n_done, 0);
  loop_run(test->loop);
  assert_int_equal(test->n_done, 60);
  assert_failure(&test->got.reply, HTTP_OK);
}

static void never(void *owner, const struct http_reply *reply) {
  (void)owner;
  fail_msg("called after it was cancelled: %s", http_failure_name(reply->failure));
}

static struct http_call *start(struct test *test, const char *path, http_done_fn *fn) {
  snprintf(test->url, sizeof test->url, "http://127.0.0.1:%d%s", server.port, path);
  struct http_call *call = http_start(test->http, &test->request, fn, test);
  assert_non_null(call);
  return call;
}

static void cancelled_call_is_silent(void **state) {
  struct test *test = *state;
  http_cancel(start(test, "/ok", never));
  struct http_call *hanging = start(test, "/hang", never);
  get(test, "/ok"); /* lets the other one get on its way */
  http_cancel(hanging);
  get(test, "/ok");
  http_cancel(start(test, "not a url", never));
  get(test, "/ok");
}

static void done_and_cancel_victim(void *owner, const struct http_reply *reply) {
  struct test *test = owner;
  assert_failure(reply, HTTP_OK);
  if (test->victim)
    http_cancel(test->victim);
  test->victim = NULL;
  loop_stop(test->loop);
}

/* The victim waits for its reply, then for its delivery. */
static void call_may_cancel_another_when_it_is_done(void **state) {
  struct test *test = *state;
  test->victim = start(test, "/hang", never);
  start(test, "/ok", done_and_cancel_victim);
  loop_run(test->loop);
  assert_null(test->victim);
  get(test, "/ok");
}

/* Of two that end in the same turn the first to be delivered takes the other down; their order is
 * not promised. */
struct pair {
  struct test *test;
  struct http_call **own, **victim;
};

static void done_and_cancel_twin(void *owner, const struct http_reply *reply) {
  struct pair *pair = owner;
  assert_failure(reply, HTTP_BAD_URL);
  pair->test->n_done++;
  assert_non_null(*pair->own);
  http_cancel(*pair->victim);
  *pair->own = *pair->victim = NULL;
  loop_stop(pair->test->loop);
}

static void call_may_cancel_one_that_has_ended_too(void **state) {
  struct test *test = *state;
  struct http_call *one, *two;
  struct pair first = {test, &one, &two}, second = {test, &two, &one};
  snprintf(test->url, sizeof test->url, "no url");
  one = http_start(test->http, &test->request, done_and_cancel_twin, &first);
  two = http_start(test->http, &test->request, done_and_cancel_twin, &second);
  assert_non_null(one);
  assert_non_null(two);
  loop_run(test->loop);
  assert_int_equal(test->n_done, 1);
  get(test, "/ok");
}

static void done_and_start_again(void *owner, const struct http_reply *reply) {
  struct test *test = owner;
  assert_failure(reply, HTTP_OK);
  start(test, "/ok", done);
}

static void call_may_start_another_when_it_is_done(void **state) {
  struct test *test = *state;
  start(test, "/ok", done_and_start_again);
  loop_run(test->loop);
  assert_int_equal(test->n_done, 1);
  assert_failure(&test->got.reply, HTTP_OK);
}

static void done_and_free_client(void *owner, const struct http_reply *reply) {
  struct test *test = owner;
  assert_string_equal(reply->body, "hello");
  http_free(test->http);
  test->http = NULL;
  assert_string_equal(reply->body, "hello");
  loop_stop(test->loop);
}

static void client_may_be_freed_with_calls_in_flight(void **state) {
  struct test *test = *state;
  start(test, "/hang", never);
  start(test, "/hangbody", never);
  start(test, "/ok", done_and_free_client);
  loop_run(test->loop);
  assert_null(test->http);
}

/* Were the resolver's thread waited for, this would never end: its answer comes after. */
static void name_that_hangs_does_not_hold_up_the_loop(void **state) {
  struct test *test = *state;
  assert_int_equal(pipe(slow_pipe), 0);
  snprintf(test->url, sizeof test->url, "http://slow.test/");
  struct http_call *call = http_start(test->http, &test->request, never, test);
  assert_non_null(call);
  get(test, "/ok");
  http_cancel(call);
  test->request.timeout_ms = 50;
  assert_failure(fetch(test, "http://slow.test/"), HTTP_TIMEOUT);
  assert_false(test->got.reply.sent);
  close(slow_pipe[1]);
}

/* ---- all ---- */

static int start_servers(void **state) {
  (void)state;
  web_server_start(&server);
  web_server_start(&other);
  return 0;
}

static int stop_servers(void **state) {
  (void)state;
  web_server_stop(&server);
  web_server_stop(&other);
  return 0;
}

#define HTTP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      HTTP_TEST(reply_brings_status_type_and_body),
      HTTP_TEST(name_that_hangs_does_not_hold_up_the_loop),
      HTTP_TEST(reply_of_any_status_is_complete),
      HTTP_TEST(request_carries_headers_and_agent),
      HTTP_TEST(post_carries_its_body_and_no_invented_type),
      HTTP_TEST(post_without_body_sends_an_empty_one),
      HTTP_TEST(head_has_no_body),
      HTTP_TEST(request_is_copied_at_the_start),
      HTTP_TEST(what_may_not_be_sent_is_not_sent),
      HTTP_TEST(validators_come_back_byte_for_byte),
      HTTP_TEST(interim_reply_leaves_nothing_behind),
      HTTP_TEST(trailer_is_not_a_header),
      HTTP_TEST(retry_after_is_told_in_milliseconds),
      HTTP_TEST(max_age_is_read_from_cache_control),
      HTTP_TEST(redirects_are_followed_up_to_the_limit),
      HTTP_TEST(circle_of_redirects_ends),
      HTTP_TEST(permanent_chain_tells_where_it_led),
      HTTP_TEST(failed_move_is_not_permanent),
      HTTP_TEST(redirect_leaves_nothing_behind),
      HTTP_TEST(location_is_encoded_and_loses_its_fragment),
      HTTP_TEST(redirect_changes_the_method_as_browsers_do),
      HTTP_TEST(keys_do_not_follow_to_another_origin),
      HTTP_TEST(body_of_a_redirect_is_not_waited_for),
      HTTP_TEST(body_of_the_limit_arrives_and_one_byte_more_fails),
      HTTP_TEST(limit_of_zero_allows_an_empty_body),
      HTTP_TEST(bomb_is_stopped_at_the_limit),
      HTTP_TEST(headers_past_the_limit_fail),
      HTTP_TEST(silence_ends_at_the_time_limit),
      HTTP_TEST(waiting_call_lets_the_loop_sleep),
      HTTP_TEST(time_limit_covers_redirects),
      HTTP_TEST(url_of_the_limit_is_sent_and_a_longer_one_is_not),
      HTTP_TEST(reply_that_ends_too_early_is_cut_off),
      HTTP_TEST(closed_port_is_a_failed_connection),
      HTTP_TEST(name_without_address_does_not_resolve),
      HTTP_TEST(server_without_tls_is_not_trusted),
      HTTP_TEST(reply_that_is_not_http_is_none),
      HTTP_TEST(certificate_that_nobody_signed_is_not_trusted),
      HTTP_TEST(url_that_is_none_is_told_after_the_start),
      HTTP_TEST(sentences_name_the_host_and_no_secret),
      cmocka_unit_test(every_failure_has_a_name),
      HTTP_TEST(content_may_not_reach_inside),
      HTTP_TEST(refusal_tells_the_address_and_why),
      HTTP_TEST(content_may_reach_what_is_allowed),
      HTTP_TEST(odd_port_is_refused_on_a_public_address),
      cmocka_unit_test(kept_connection_is_checked_before_each_request),
      HTTP_TEST(redirect_cannot_lead_inside),
      HTTP_TEST(trusted_requests_are_not_guarded),
      HTTP_TEST(connections_are_kept_but_not_shared_with_content),
      HTTP_TEST(content_does_not_go_through_a_proxy),
      HTTP_TEST(post_is_never_sent_twice),
      HTTP_TEST(list_of_allowed_addresses_must_be_readable),
      HTTP_TEST(many_calls_run_side_by_side),
      HTTP_TEST(cancelled_call_is_silent),
      HTTP_TEST(call_may_cancel_another_when_it_is_done),
      HTTP_TEST(call_may_cancel_one_that_has_ended_too),
      HTTP_TEST(call_may_start_another_when_it_is_done),
      HTTP_TEST(client_may_be_freed_with_calls_in_flight),
  };
  return cmocka_run_group_tests(tests, start_servers, stop_servers);
}
