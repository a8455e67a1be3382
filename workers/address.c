#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

struct special {
  struct address_range range;
  const char *why;
};

#define V4(a, b, c, d, bits)                                                                       \
  { AF_INET, {a, b, c, d}, bits }
#define V6(bits, ...)                                                                              \
  { AF_INET6, {__VA_ARGS__}, bits }

/* The first that matches gives the word, so that exact ones stand before those around them. */
static const struct special specials[] = {
    {V4(0, 0, 0, 0, 8), "a \"this network\" address"},
    {V4(10, 0, 0, 0, 8), "a private address"},
    {V4(100, 64, 0, 0, 10), "a carrier-grade NAT address"},
    {V4(127, 0, 0, 0, 8), "a loopback address"},
    {V4(169, 254, 0, 0, 16), "a link-local address"},
    {V4(172, 16, 0, 0, 12), "a private address"},
    {V4(192, 0, 0, 0, 24), "a protocol assignment"},
    {V4(192, 0, 2, 0, 24), "a documentation address"},
    {V4(192, 88, 99, 0, 24), "a 6to4 relay address"},
    {V4(192, 168, 0, 0, 16), "a private address"},
    {V4(198, 18, 0, 0, 15), "a benchmarking address"},
    {V4(198, 51, 100, 0, 24), "a documentation address"},
    {V4(203, 0, 113, 0, 24), "a documentation address"},
    {V4(224, 0, 0, 0, 4), "a multicast address"},
    {V4(255, 255, 255, 255, 32), "the broadcast address"},
    {V4(240, 0, 0, 0, 4), "a reserved address"},

    {V6(128, 0), "the unspecified address"},
    {V6(128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1), "a loopback address"},
    {V6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff), "an IPv4-mapped address"},
    {V6(96, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0), "an IPv4-translated address"},
    {V6(96, 0), "an IPv4-compatible address"},
    {V6(96, 0, 0x64, 0xff, 0x9b), "a NAT64 address"},
    {V6(48, 0, 0x64, 0xff, 0x9b, 0, 1), "a NAT64 address"},
    {V6(64, 1), "a discard-only address"},
    {V6(32, 0x20, 0x01, 0, 0), "a Teredo address"},
    {V6(48, 0x20, 0x01, 0, 2, 0, 0), "a benchmarking address"},
    {V6(23, 0x20, 0x01), "a protocol assignment"},
    {V6(32, 0x20, 0x01, 0x0d, 0xb8), "a documentation address"},
    {V6(16, 0x20, 0x02), "a 6to4 address"},
    {V6(20, 0x3f, 0xff), "a documentation address"},
    {V6(7, 0xfc), "a private address"},
    {V6(10, 0xfe, 0x80), "a link-local address"},
    {V6(10, 0xfe, 0xc0), "a site-local address"},
    {V6(8, 0xff), "a multicast address"},
};

static const struct address_range global_unicast = V6(3, 0x20);

#define N_SPECIALS (sizeof specials / sizeof specials[0])

/* The address's bytes; NULL for other families. */
static const uint8_t *address_bytes(const struct sockaddr *address) {
  if (address->sa_family == AF_INET)
    return (const uint8_t *)&((const struct sockaddr_in *)(const void *)address)->sin_addr;
  if (address->sa_family == AF_INET6)
    return ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
  return NULL;
}

static bool range_has(const struct address_range *range, int family, const uint8_t *bytes) {
  if (range->family != family)
    return false;
  size_t whole = range->bits / 8;
  unsigned rest = range->bits % 8;
  if (memcmp(range->bytes, bytes, whole) != 0)
    return false;
  return rest == 0 || (range->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

const char *address_refusal(const struct sockaddr *address) {
  const uint8_t *bytes = address_bytes(address);
  if (!bytes)
    return "not an internet address";
  int family = address->sa_family;
  for (size_t i = 0; i < N_SPECIALS; i++)
    if (range_has(&specials[i].range, family, bytes))
      return specials[i].why;
  if (family == AF_INET6 && !range_has(&global_unicast, family, bytes))
    return "a reserved address";
  return NULL;
}

bool address_list_has(const struct address_list *list, const struct sockaddr *address) {
  const uint8_t *bytes = address_bytes(address);
  for (size_t i = 0; bytes && i < list->n; i++)
    if (range_has(&list->ranges[i], address->sa_family, bytes))
      return true;
  return false;
}

/* ---- reading a list ---- */

/* Decimal digits only, at most `max`. */
static bool parse_bits(const char *text, unsigned max, unsigned *bits) {
  unsigned value = 0;
  size_t n = strspn(text, "0123456789");
  if (n == 0 || n > 3 || text[n] != '\0')
    return false;
  for (size_t i = 0; i < n; i++)
    value = value * 10 + (unsigned)(text[i] - '0');
  *bits = value;
  return value <= max;
}

/* Cuts "[...]" down to what it holds; false when only one bracket is there. */
static bool strip_brackets(char **text) {
  size_t len = strlen(*text);
  if (**text != '[')
    return strchr(*text, ']') == NULL;
  if ((*text)[len - 1] != ']')
    return false;
  (*text)[len - 1] = '\0';
  (*text)++;
  return strchr(*text, '.') == NULL || strchr(*text, ':') != NULL;
}

/* NULL when `text`, which is cut up, is a range; otherwise the problem. */
static const char *parse_range(char *text, struct address_range *range) {
  char *slash = strchr(text, '/');
  if (slash)
    *slash++ = '\0';
  if (!strip_brackets(&text))
    return "a range in the list of allowed addresses has a bracket that does not fit";
  range->family = strchr(text, ':') ? AF_INET6 : AF_INET;
  if (inet_pton(range->family, text, range->bytes) != 1)
    return "the list of allowed addresses holds something that is not an IP address";
  unsigned max = range->family == AF_INET6 ? 128 : 32;
  range->bits = max;
  if (slash && !parse_bits(slash, max, &range->bits))
    return "a netmask in the list of allowed addresses is not a number of bits within the address";
  return NULL;
}

static const char *parse_entry(struct address_list *list, const char *text, size_t len) {
  char entry[ADDRESS_TEXT_MAX];
  if (len == 0)
    return "the list of allowed addresses has an empty entry";
  if (len >= sizeof entry)
    return "the list of allowed addresses holds something that is not an IP address";
  if (list->n == ADDRESS_RANGES_MAX)
    return "the list of allowed addresses has more than 64 entries";
  memcpy(entry, text, len);
  entry[len] = '\0';
  const char *problem = parse_range(entry, &list->ranges[list->n]);
  if (!problem)
    list->n++;
  return problem;
}

bool address_list_parse(struct address_list *list, const char *text, const char **problem) {
  static const char spaces[] = " \t\r\n";
  *list = (struct address_list){0};
  *problem = NULL;
  if (!text || text[strspn(text, spaces)] == '\0')
    return true;
  for (bool more = true; more;) {
    text += strspn(text, spaces);
    size_t len = strcspn(text, ",");
    size_t used = len;
    while (used > 0 && strchr(spaces, text[used - 1]))
      used--;
    *problem = parse_entry(list, text, used);
    if (*problem) {
      list->n = 0;
      return false;
    }
    more = text[len] == ',';
    text += len + 1;
  }
  return true;
}
