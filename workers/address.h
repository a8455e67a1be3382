/*
 * address.h - which network addresses content may make us talk to. Pure: no name is resolved here,
 * nothing is connected. The ranges are those of the IANA special-purpose registries for IPv4 and
 * IPv6 (RFC 6890 and its successors), with IPv6 open only where it is allocated (2000::/3).
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_RANGES_MAX 64 /* in one list */
#define ADDRESS_TEXT_MAX   64 /* room for one address or range as text */

/* Why an address is not of the public internet, as a word for a sentence ("a loopback address");
 * NULL when it is public. IPv6 forms that carry an IPv4 address (mapped, compatible, NAT64, 6to4,
 * Teredo) are not public whatever they carry. Anything but IPv4 and IPv6 is refused too. */
const char *address_refusal(const struct sockaddr *address);

struct address_range {
  int family;
  uint8_t bytes[16]; /* network order; IPv4 in the first four */
  unsigned bits;     /* of them that count */
};

struct address_list {
  struct address_range ranges[ADDRESS_RANGES_MAX];
  size_t n;
};

/* Reads comma-separated ranges, "127.0.0.1/32, [::1]/128, 10.1.0.0/16"; brackets are optional, and
 * without a netmask a single address is meant. NULL or only spaces: an empty list. On failure the
 * list is empty and *problem tells why, static. */
bool address_list_parse(struct address_list *list, const char *text, const char **problem);

/* An IPv4 range does not hold the IPv6 forms of its addresses. */
bool address_list_has(const struct address_list *list, const struct sockaddr *address);

#endif
