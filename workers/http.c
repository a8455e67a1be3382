#include "http.h"

#include "http_transfer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define IDLE_TRUSTED           64L /* connections kept open */
#define IDLE_GUARDED           16L
#define CONNECT_TIMEOUT_MAX_MS 600000
#define RETRY_AFTER_MAX_S      31536000 /* a year; a longer wait is not meant seriously */

static int64_t mono_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the end of a call ---- */

static void call_unlink(struct http_call *call) {
  if (!call->link)
    return;
  *call->link = call->next;
  if (call->next)
    call->next->link = call->link;
  call->link = NULL;
}

static void call_halt(struct http_call *call) {
  if (call->running)
    http_pool_remove(call->pool, call->easy);
  call->running = false;
}

static void call_free(struct http_call *call) {
  call_unlink(call);
  loop_timer_stop(&call->timer);
  call_halt(call);
  curl_easy_cleanup(call->easy);
  http_transfer_fini(call);
  http_hop_fini(&call->hop);
  curl_slist_free_all(call->headers);
  free(call->url);
  free(call->upload);
  free(call->permanent_url);
  free(call);
}

void http_cancel(struct http_call *call) {
  call_free(call);
}

/* What is known beyond the failure itself, without anything secret. */
static void write_detail(const struct http_call *call, enum http_failure failure, char *out,
                         size_t size) {
  long os_errno = 0;
  out[0] = '\0';
  if (failure == HTTP_REFUSED)
    snprintf(out, size, "%s",
             call->guard.refused[0] != '\0' ? call->guard.refused
                                            : "the redirect is not to http or https");
  else if (failure == HTTP_TIMEOUT)
    snprintf(out, size, "after %lld ms", (long long)(mono_ms() - call->started_mono_ms));
  else if (failure == HTTP_TOO_MANY_REDIRECTS)
    snprintf(out, size, "more than %d", HTTP_REDIRECTS_MAX);
  else if (failure == HTTP_TOO_LARGE)
    snprintf(out, size, "headers past %d bytes or body past %zu", HTTP_HEADERS_MAX, call->body_max);
  else if (failure == HTTP_TLS || failure == HTTP_OTHER)
    snprintf(out, size, "%s", call->curl_error);
  else if (failure == HTTP_CONNECT &&
           curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_errno) == CURLE_OK && os_errno)
    snprintf(out, size, "%s", strerror((int)os_errno));
}

static void call_settle(struct http_call *call, enum http_failure failure) {
  char detail[CURL_ERROR_SIZE];
  call->ended = true;
  call->failure = failure;
  call->sent = call->sent || call->guard.sent;
  if (failure == HTTP_OK)
    return;
  write_detail(call, failure, detail, sizeof detail);
  http_failure_write(call->error, failure, call->hop.host, detail);
}

/* The reply is delivered by the timer, which runs already and so needs no memory. */
static void call_end(struct http_call *call, enum http_failure failure) {
  call_settle(call, failure);
  bool started = loop_timer_start(call->http->loop, &call->timer, 0);
  assert(started);
}

/* A body that is not complete is not shown: nobody shall save it by mistake. */
static void call_deliver(struct http_call *call) {
  bool ok = call->failure == HTTP_OK;
  struct http_reply reply = {
      .failure = call->failure,
      .error = ok ? NULL : call->error,
      .sent = call->sent,
      .status = call->head.status >= 200 ? call->head.status : 0,
      .body = ok && call->body ? call->body : "",
      .body_len = ok && call->body ? call->body_len : 0,
      .content_type = call->head.content_type ? call->head.content_type : "",
      .etag = call->head.etag,
      .last_modified = call->head.last_modified,
      .retry_after_ms = call->retry_after_ms,
      .max_age_ms = call->head.max_age_ms,
      .final_url = call->redirects > 0 ? call->hop.url : call->url,
      .permanent_url = ok ? call->permanent_url : NULL,
      .total_ms = mono_ms() - call->started_mono_ms,
  };
  call->done(call->owner, &reply);
}

/* Nothing of the client is touched once `done` was called: it may have freed it. */
static void timer_fired(struct loop_timer *timer) {
  struct http_call *call = timer->owner;
  if (!call->ended) {
    call_halt(call);
    call_settle(call, HTTP_TIMEOUT);
  }
  call_unlink(call);
  curl_easy_cleanup(call->easy);
  call->easy = NULL;
  call_deliver(call);
  call_free(call);
}

/* ---- from hop to hop ---- */

static void hop_start(struct http_call *call) {
  call->running = http_transfer_prepare(call) && http_pool_add(call->pool, call->easy);
  if (!call->running)
    call_end(call, HTTP_NO_MEMORY);
}

/* As browsers do: 303 turns everything into GET, 301 and 302 only POST; 307 and 308 nothing. */
static void change_method(struct http_call *call, int status) {
  bool post = strcmp(call->method, "POST") == 0;
  bool head = strcmp(call->method, "HEAD") == 0;
  if ((status == 303 && !head) || ((status == 301 || status == 302) && post)) {
    snprintf(call->method, sizeof call->method, "GET");
    free(call->upload);
    call->upload = NULL;
    call->upload_len = 0;
  }
}

/* Only the first part of the chain counts: after one temporary redirect nothing is permanent. */
static bool note_permanent(struct http_call *call, int status) {
  call->permanent = call->permanent && (status == 301 || status == 308);
  if (!call->permanent)
    return true;
  free(call->permanent_url);
  call->permanent_url = strdup(call->hop.url);
  return call->permanent_url != NULL;
}

static void hop_follow(struct http_call *call) {
  struct http_hop next = {0};
  int status = call->head.status;
  enum http_failure failure = HTTP_TOO_MANY_REDIRECTS;
  if (call->redirects < HTTP_REDIRECTS_MAX)
    failure = http_hop_follow(&call->hop, call->head.location, &next);
  if (failure != HTTP_OK) {
    call_end(call, failure);
    return;
  }
  call->redirects++;
  call->foreign = call->foreign || !http_hop_same_origin(&call->hop, &next);
  http_hop_fini(&call->hop);
  call->hop = next;
  change_method(call, status);
  if (note_permanent(call, status))
    hop_start(call);
  else
    call_end(call, HTTP_NO_MEMORY);
}

static enum http_failure hop_failure(const struct http_call *call, CURLcode code) {
  if (call->stopped != HTTP_OK)
    return call->stopped;
  if (code == CURLE_OK || call->enough)
    return HTTP_OK;
  if (call->guard.refused[0] != '\0' && (!call->guard.opened || code == CURLE_ABORTED_BY_CALLBACK))
    return HTTP_REFUSED;
  /* curl says "out of memory" for a header line past its own limit, which is above ours. */
  if (code == CURLE_OUT_OF_MEMORY && call->head.in_block)
    return HTTP_TOO_LARGE;
  return http_failure_of_code(code);
}

static void hop_ended(CURL *easy, CURLcode code) {
  struct http_call *call = NULL;
  curl_off_t retry_after_s = 0;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
  curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &retry_after_s);
  call->running = false;
  call->sent = call->sent || call->guard.sent;
  if (retry_after_s > RETRY_AFTER_MAX_S)
    retry_after_s = RETRY_AFTER_MAX_S;
  call->retry_after_ms = retry_after_s > 0 ? retry_after_s * 1000 : 0;
  if (call->head.retry_after_ms > 0) /* some services are more exact */
    call->retry_after_ms = call->head.retry_after_ms;
  enum http_failure failure = hop_failure(call, code);
  if (failure == HTTP_OK && http_head_redirects(&call->head))
    hop_follow(call);
  else
    call_end(call, failure);
}

/* ---- the start of a call ---- */

static bool is_token(const char *text) {
  static const char marks[] = "!#$%&'*+-.^_`|~";
  if (*text == '\0')
    return false;
  for (; *text != '\0'; text++) {
    bool letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');
    if (!letter && !(*text >= '0' && *text <= '9') && !strchr(marks, *text))
      return false;
  }
  return true;
}

/* No line breaks: they would make further headers, or a further request. */
static bool is_header_value(const char *text) {
  for (; *text != '\0'; text++)
    if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
      return false;
  return true;
}

static bool add_header(struct http_call *call, const struct http_header *header) {
  char *line = NULL;
  const char *format = header->value[0] != '\0' ? ": " : ";"; /* curl's way to send none */
  if (asprintf(&line, "%s%s%s", header->name, format, header->value) < 0)
    return false;
  struct curl_slist *longer = curl_slist_append(call->headers, line);
  free(line);
  if (longer)
    call->headers = longer;
  return longer != NULL;
}

/* HTTP_OTHER, with call->curl_error, for what may not be sent. */
static enum http_failure copy_head(struct http_call *call, const struct http_request *request) {
  call->url = strdup(request->url);
  if (!call->url)
    return HTTP_NO_MEMORY;
  if (!is_token(request->method) || strlen(request->method) > HTTP_METHOD_MAX) {
    snprintf(call->curl_error, sizeof call->curl_error, "the method is not one of HTTP");
    return HTTP_OTHER;
  }
  snprintf(call->method, sizeof call->method, "%s", request->method);
  for (size_t i = 0; i < request->n_headers; i++) {
    const struct http_header *header = &request->headers[i];
    if (!is_token(header->name) || !is_header_value(header->value)) {
      snprintf(call->curl_error, sizeof call->curl_error,
               "a header of the request has a name or a value that may not be sent");
      return HTTP_OTHER;
    }
    if (!add_header(call, header))
      return HTTP_NO_MEMORY;
  }
  return http_hop_init(&call->hop, request->url);
}

static bool copy_body(struct http_call *call, const struct http_request *request) {
  if (!request->body)
    return true;
  call->upload = malloc(request->body_len + 1);
  if (!call->upload)
    return false;
  if (request->body_len > 0)
    memcpy(call->upload, request->body, request->body_len);
  call->upload_len = request->body_len;
  return true;
}

struct http_call *http_start(struct http *http, const struct http_request *request,
                             http_done_fn *done, void *owner) {
  assert(request->n_headers <= HTTP_REQUEST_HEADERS_MAX);
  struct http_call *call = calloc(1, sizeof *call);
  if (!call)
    return NULL;
  call->http = http;
  call->done = done;
  call->owner = owner;
  call->timer = (struct loop_timer){.fire = timer_fired, .owner = call};
  call->body_max = request->body_max;
  call->pool = request->untrusted ? &http->guarded : &http->trusted;
  call->guard.allow = request->untrusted ? &http->allow : NULL;
  call->permanent = true;
  call->started_mono_ms = mono_ms();
  http_head_init(&call->head);
  enum http_failure failure = copy_head(call, request);
  call->easy = curl_easy_init();
  if (failure == HTTP_NO_MEMORY || !call->easy || !copy_body(call, request) ||
      !loop_timer_start(http->loop, &call->timer, request->timeout_ms)) {
    call_free(call);
    return NULL;
  }
  call->next = http->calls;
  call->link = &http->calls;
  if (call->next)
    call->next->link = &call->next;
  http->calls = call;
  if (failure == HTTP_OK)
    hop_start(call);
  else
    call_end(call, failure);
  return call;
}

/* ---- the client ---- */

struct http *http_new(struct loop *loop, const struct http_options *options, const char **problem) {
  const char *unused;
  problem = problem ? problem : &unused;
  *problem = "out of memory";
  struct http *http = calloc(1, sizeof *http);
  if (!http)
    return NULL;
  http->loop = loop;
  http->connect_timeout_ms = options->connect_timeout_ms;
  if (http->connect_timeout_ms < 1 || http->connect_timeout_ms > CONNECT_TIMEOUT_MAX_MS)
    http->connect_timeout_ms = CONNECT_TIMEOUT_MAX_MS;
  http->user_agent = strdup(options->user_agent ? options->user_agent : "");
  if (!http->user_agent || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    goto free_http;
  if (!address_list_parse(&http->allow, options->allow_addresses, problem))
    goto cleanup_curl;
  *problem = "out of memory";
  if (!http_pool_init(&http->trusted, loop, IDLE_TRUSTED, hop_ended))
    goto cleanup_curl;
  if (!http_pool_init(&http->guarded, loop, IDLE_GUARDED, hop_ended))
    goto fini_trusted;
  *problem = NULL;
  return http;

fini_trusted:
  http_pool_fini(&http->trusted);
cleanup_curl:
  curl_global_cleanup();
free_http:
  free(http->user_agent);
  free(http);
  return NULL;
}

void http_free(struct http *http) {
  if (!http)
    return;
  for (struct http_call *call = http->calls, *next; call; call = next) {
    next = call->next;
    call_free(call);
  }
  http_pool_fini(&http->guarded);
  http_pool_fini(&http->trusted);
  curl_global_cleanup();
  free(http->user_agent);
  free(http);
}
