#include "http_transfer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_SIZE_FIRST 16384
#define LOW_SPEED_BYTES 16L /* a second, of a page or feed ... */
#define LOW_SPEED_SECONDS                                                                          \
  60L /* ... below that for so long is given up; a model may think longer                          \
       */

/* Settings that are the same for every request. */
static const struct {
  CURLoption option;
  long value;
} fixed[] = {
    {CURLOPT_NOSIGNAL, 1},
    {CURLOPT_FOLLOWLOCATION, 0}, /* each hop is ours to check */
    {CURLOPT_HTTP09_ALLOWED, 0},
    {CURLOPT_SSL_VERIFYPEER, 1},
    {CURLOPT_SSL_VERIFYHOST, 2},
    {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
    {CURLOPT_NETRC, CURL_NETRC_IGNORED},
    {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
    {CURLOPT_TCP_KEEPALIVE, 1},
    {CURLOPT_QUICK_EXIT, 1}, /* do not wait for a resolver that hangs when a call is ended */
};

/* Headers that may follow a redirect to another origin; any other may be a key. */
static const char *const harmless_headers[] = {
    "accept", "accept-language", "content-type", "if-none-match", "if-modified-since", "user-agent",
};

/* curl sends a request again by itself when a kept connection turns out to be dead, although it may
 * have arrived. Only these may travel on kept connections. */
static const char *const repeatable_methods[] = {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};

static bool is_one_of(const char *const *names, size_t n, const char *text, size_t len) {
  for (size_t i = 0; i < n; i++)
    if (strlen(names[i]) == len && strncasecmp(names[i], text, len) == 0)
      return true;
  return false;
}
#define IS_ONE_OF(names, text, len)                                                                \
  is_one_of((names), sizeof(names) / sizeof((names)[0]), (text), (len))

/* ---- callbacks: curl is not to be called from them ---- */

static size_t header_arrived(char *bytes, size_t size, size_t n, void *owner) {
  struct http_call *call = owner;
  size_t len = size * n;
  call->stopped = http_head_line(&call->head, bytes, len);
  return call->stopped == HTTP_OK ? len : 0;
}

static bool body_reach(struct http_call *call, size_t len) {
  if (len < call->body_size)
    return true;
  size_t size = call->body_size ? call->body_size : BODY_SIZE_FIRST;
  while (size <= len)
    size *= 2;
  char *body = realloc(call->body, size);
  if (!body)
    return false;
  call->body = body;
  call->body_size = size;
  return true;
}

/* Sees decoded bytes, so that the limit holds for what a small compressed body grows to. */
static size_t body_arrived(char *bytes, size_t size, size_t n, void *owner) {
  struct http_call *call = owner;
  size_t len = size * n;
  bool redirects = http_head_redirects(&call->head);
  if (len > call->body_max - call->body_len) {
    call->enough = redirects;
    call->stopped = redirects ? HTTP_OK : HTTP_TOO_LARGE;
    return 0;
  }
  if (!redirects) {
    if (!body_reach(call, call->body_len + len)) {
      call->stopped = HTTP_NO_MEMORY;
      return 0;
    }
    memcpy(call->body + call->body_len, bytes, len);
    call->body[call->body_len + len] = '\0';
  }
  call->body_len += len;
  return len;
}

/* ---- headers of the request ---- */

static bool append(struct curl_slist **list, const char *line) {
  struct curl_slist *longer = curl_slist_append(*list, line);
  if (longer)
    *list = longer;
  return longer != NULL;
}

static bool make_headers(struct http_call *call) {
  bool has_type = false;
  for (struct curl_slist *line = call->headers; line; line = line->next) {
    size_t name_len = strcspn(line->data, ":;");
    bool is_type = name_len == 12 && strncasecmp(line->data, "content-type", 12) == 0;
    if (call->foreign && !IS_ONE_OF(harmless_headers, line->data, name_len))
      continue;
    if (is_type && !call->upload)
      continue;
    has_type = has_type || is_type;
    if (!append(&call->hop_headers, line->data))
      return false;
  }
  /* curl would invent a form's type, and wait for a 100 before larger bodies. */
  if (!has_type && !append(&call->hop_headers, "Content-Type:"))
    return false;
  return append(&call->hop_headers, "Expect:");
}

/* ---- options ---- */

/* What curl copies may fail; the rest cannot. */
static bool set_texts(struct http_call *call) {
  CURL *easy = call->easy;
  bool ok = curl_easy_setopt(easy, CURLOPT_URL, call->hop.url) == CURLE_OK &&
            curl_easy_setopt(easy, CURLOPT_USERAGENT, call->http->user_agent) == CURLE_OK &&
            curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
            curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK &&
            curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip, deflate") == CURLE_OK;
  /* A proxy would resolve and connect behind the guard's back. */
  if (ok && call->guard.allow)
    ok = curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
         curl_easy_setopt(easy, CURLOPT_NOPROXY, "*") == CURLE_OK;
  return ok;
}

static bool set_method(struct http_call *call) {
  CURL *easy = call->easy;
  const char *method = call->method;
  bool repeatable = IS_ONE_OF(repeatable_methods, method, strlen(method));
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, repeatable ? 0L : 1L);
  if (strcmp(method, "HEAD") == 0) {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return true;
  }
  bool post = strcmp(method, "POST") == 0;
  if (call->upload || post) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->upload_len);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->upload ? call->upload : "");
  }
  if (post || strcmp(method, "GET") == 0) {
    if (!post && call->upload)
      return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
    return true;
  }
  return curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
}

static void set_callbacks(struct http_call *call) {
  CURL *easy = call->easy;
  curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->curl_error);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->hop_headers);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_arrived);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_arrived);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, http_guard_open);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &call->guard);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, http_guard_before_request);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &call->guard);
}

static void set_limits(struct http_call *call) {
  CURL *easy = call->easy;
  for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
    curl_easy_setopt(easy, fixed[i].option, fixed[i].value);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->http->connect_timeout_ms);
  if (call->guard.allow) {
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_BYTES);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, LOW_SPEED_SECONDS);
  }
}

void http_transfer_fini(struct http_call *call) {
  curl_slist_free_all(call->hop_headers);
  call->hop_headers = NULL;
  http_head_fini(&call->head);
  free(call->body);
  call->body = NULL;
  call->body_len = call->body_size = 0;
}

bool http_transfer_prepare(struct http_call *call) {
  http_transfer_fini(call);
  http_head_init(&call->head);
  call->guard = (struct http_guard){.allow = call->guard.allow};
  call->stopped = HTTP_OK;
  call->enough = false;
  call->curl_error[0] = '\0';
  curl_easy_reset(call->easy); /* keeps connections */
  if (!make_headers(call) || !set_texts(call) || !set_method(call))
    return false;
  set_limits(call);
  set_callbacks(call);
  return true;
}
