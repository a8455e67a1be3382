/*
 * http_guard.h - what stands between a request and the network: which addresses and ports one hop
 * may be connected to, decided on the resolved address at the moment of connecting. Names,
 * rebinding and redirects cannot go round it.
 */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include "address.h"

#include <curl/curl.h>

#define HTTP_GUARD_TEXT_MAX 160

struct http_guard {
  const struct address_list *allow;  /* NULL: the request is trusted, everything may be reached */
  bool sent;                         /* a request was about to be written to a connection */
  bool opened;                       /* an address was let through */
  char refused[HTTP_GUARD_TEXT_MAX]; /* why the last one was not; "": none was refused */
};

/* CURLOPT_OPENSOCKETFUNCTION; `owner` is the guard. */
curl_socket_t http_guard_open(void *owner, curlsocktype purpose, struct curl_sockaddr *address);
/* CURLOPT_PREREQFUNCTION: the same check again on a connection that is used once more. */
int http_guard_before_request(void *owner, char *address, char *local_address, int port,
                              int local_port);

#endif
