#include "http_failure.h"

#include <stdio.h>

static const struct {
  const char *name, *sentence;
} texts[] = {
    [HTTP_OK] = {"ok", "a complete reply"},
    [HTTP_BAD_URL] = {"bad_url",
                      "the URL must be a complete http or https URL of at most 8192 bytes"},
    [HTTP_REFUSED] = {"refused",
                      "content may not lead there; the setting http.allow_addresses makes "
                      "exceptions"},
    [HTTP_RESOLVE] = {"resolve",
                      "the name has no address; check its spelling and this machine's DNS"},
    [HTTP_CONNECT] = {"connect",
                      "no connection; check that the service runs and can be reached from "
                      "this machine"},
    [HTTP_TLS] = {"tls", "no trusted TLS connection; check the service's certificate and this "
                         "machine's clock"},
    [HTTP_TIMEOUT] = {"timeout", "no complete reply in time; try again or allow more time"},
    [HTTP_TOO_LARGE] = {"too_large", "the reply is larger than allowed"},
    [HTTP_TOO_MANY_REDIRECTS] = {"too_many_redirects",
                                 "too many redirects; use the URL where they lead"},
    [HTTP_CUT_OFF] = {"cut_off", "the connection ended before the reply did; try again"},
    [HTTP_NO_MEMORY] = {"no_memory", "out of memory"},
    [HTTP_OTHER] = {"other", "the request failed"},
};

/* Codes that are not here are HTTP_OTHER. */
static const struct {
  CURLcode code;
  enum http_failure failure;
} codes[] = {
    {CURLE_OK, HTTP_OK},
    {CURLE_URL_MALFORMAT, HTTP_BAD_URL},
    {CURLE_COULDNT_RESOLVE_PROXY, HTTP_RESOLVE},
    {CURLE_COULDNT_RESOLVE_HOST, HTTP_RESOLVE},
    {CURLE_COULDNT_CONNECT, HTTP_CONNECT},
    {CURLE_INTERFACE_FAILED, HTTP_CONNECT},
    {CURLE_PROXY, HTTP_CONNECT},
    {CURLE_SSL_CONNECT_ERROR, HTTP_TLS},
    {CURLE_PEER_FAILED_VERIFICATION, HTTP_TLS},
    {CURLE_SSL_CACERT_BADFILE, HTTP_TLS},
    {CURLE_SSL_ISSUER_ERROR, HTTP_TLS},
    {CURLE_SSL_CIPHER, HTTP_TLS},
    {CURLE_SSL_INVALIDCERTSTATUS, HTTP_TLS},
    {CURLE_USE_SSL_FAILED, HTTP_TLS},
    {CURLE_OPERATION_TIMEDOUT, HTTP_TIMEOUT},
    {CURLE_FILESIZE_EXCEEDED, HTTP_TOO_LARGE},
    {CURLE_TOO_MANY_REDIRECTS, HTTP_TOO_MANY_REDIRECTS},
    {CURLE_PARTIAL_FILE, HTTP_CUT_OFF},
    {CURLE_GOT_NOTHING, HTTP_CUT_OFF},
    {CURLE_SEND_ERROR, HTTP_CUT_OFF},
    {CURLE_RECV_ERROR, HTTP_CUT_OFF},
    {CURLE_HTTP2, HTTP_CUT_OFF},
    {CURLE_HTTP2_STREAM, HTTP_CUT_OFF},
    {CURLE_OUT_OF_MEMORY, HTTP_NO_MEMORY},
    /* Our callbacks abort only when they have no memory; the guard's refusal is looked at before.
     */
    {CURLE_ABORTED_BY_CALLBACK, HTTP_NO_MEMORY},
};

const char *http_failure_name(enum http_failure failure) {
  return texts[failure].name;
}

enum http_failure http_failure_of_code(CURLcode code) {
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
    if (codes[i].code == code)
      return codes[i].failure;
  return HTTP_OTHER;
}

void http_failure_write(char out[HTTP_FAILURE_TEXT_MAX], enum http_failure failure,
                        const char *host, const char *detail) {
  bool more = detail[0] != '\0';
  snprintf(out, HTTP_FAILURE_TEXT_MAX, "%.256s%s%s%s%s%s", host ? host : "", host ? ": " : "",
           texts[failure].sentence, more ? " (" : "", detail, more ? ")" : "");
}
