#include "http_guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

union any_address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_storage room;
};

static int port_of(const union any_address *address) {
  return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

static const char *text_of(const union any_address *address, char text[ADDRESS_TEXT_MAX]) {
  const void *bytes = address->any.sa_family == AF_INET6 ? (const void *)&address->v6.sin6_addr
                                                         : (const void *)&address->v4.sin_addr;
  if (!inet_ntop(address->any.sa_family, bytes, text, ADDRESS_TEXT_MAX))
    return "its address";
  return text;
}

/* Notes why not in guard->refused. */
static bool may_reach(struct http_guard *guard, const union any_address *address) {
  if (!guard->allow || address_list_has(guard->allow, &address->any))
    return true;
  char text[ADDRESS_TEXT_MAX];
  const char *why = address_refusal(&address->any);
  int port = port_of(address);
  if (why)
    snprintf(guard->refused, sizeof guard->refused, "%s is %s", text_of(address, text), why);
  else if (port != 80 && port != 443)
    snprintf(guard->refused, sizeof guard->refused, "port %d is neither 80 nor 443", port);
  else
    return true;
  return false;
}

curl_socket_t http_guard_open(void *owner, curlsocktype purpose, struct curl_sockaddr *address) {
  struct http_guard *guard = owner;
  union any_address copy = {0};
  (void)purpose;
  if (address->addrlen > sizeof copy)
    return CURL_SOCKET_BAD;
  memcpy(&copy, &address->addr, address->addrlen);
  if (!may_reach(guard, &copy))
    return CURL_SOCKET_BAD;
  guard->opened = true;
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

int http_guard_before_request(void *owner, char *address, char *local_address, int port,
                              int local_port) {
  struct http_guard *guard = owner;
  (void)local_address;
  (void)local_port;
  if (guard->allow) {
    union any_address parsed = {0};
    bool is_v6 = strchr(address, ':') != NULL;
    parsed.any.sa_family = is_v6 ? AF_INET6 : AF_INET;
    in_port_t net_port = htons((uint16_t)port);
    if (is_v6)
      parsed.v6.sin6_port = net_port;
    else
      parsed.v4.sin_port = net_port;
    void *bytes = is_v6 ? (void *)&parsed.v6.sin6_addr : (void *)&parsed.v4.sin_addr;
    if (inet_pton(parsed.any.sa_family, address, bytes) != 1) {
      snprintf(guard->refused, sizeof guard->refused, "its address cannot be told");
      return CURL_PREREQFUNC_ABORT;
    }
    if (!may_reach(guard, &parsed))
      return CURL_PREREQFUNC_ABORT;
  }
  guard->sent = true;
  return CURL_PREREQFUNC_OK;
}
