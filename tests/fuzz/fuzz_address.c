/* libFuzzer target: the list of allowed address ranges, and single addresses. */
#include "address.h"
#include "fuzz.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_TEXT_MAX (ADDRESS_RANGES_MAX * (ADDRESS_TEXT_MAX + 8))

static struct sockaddr_storage address_of(int family, const void *bytes) {
  struct sockaddr_storage storage = {.ss_family = (sa_family_t)family};
  if (family == AF_INET)
    memcpy(&((struct sockaddr_in *)(void *)&storage)->sin_addr, bytes, 4);
  else
    memcpy(&((struct sockaddr_in6 *)(void *)&storage)->sin6_addr, bytes, 16);
  return storage;
}

/* A list that was read, written out, reads the same, and holds the first address of each range. */
static void check_list(const struct address_list *list) {
  static char text[LIST_TEXT_MAX];
  struct address_list again;
  const char *problem;
  size_t used = 0;
  text[0] = '\0';
  assert(list->n <= ADDRESS_RANGES_MAX);
  for (size_t i = 0; i < list->n; i++) {
    const struct address_range *range = &list->ranges[i];
    char name[INET6_ADDRSTRLEN];
    assert(range->family == AF_INET || range->family == AF_INET6);
    assert(range->bits <= (range->family == AF_INET ? 32 : 128));
    assert(inet_ntop(range->family, range->bytes, name, sizeof name));
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%s/%u", i > 0 ? "," : "", name,
                             range->bits);
    struct sockaddr_storage address = address_of(range->family, range->bytes);
    assert(address_list_has(list, (struct sockaddr *)&address));
  }
  bool good = address_list_parse(&again, text, &problem);
  assert(good && again.n == list->n);
  assert(memcmp(again.ranges, list->ranges, sizeof again.ranges[0] * again.n) == 0);
}

/* Where a single address may be: IPv4 within IPv6 never, IPv6 only in 2000::/3. */
static void check_address(const uint8_t bytes[16]) {
  static const uint8_t mapped_head[12] = {[10] = 0xff, [11] = 0xff};
  uint8_t mapped[16];
  struct sockaddr_storage six = address_of(AF_INET6, bytes);
  struct sockaddr_storage four = address_of(AF_INET, bytes);
  const char *why = address_refusal((struct sockaddr *)&six);
  assert(why ? *why != '\0' : (bytes[0] & 0xe0) == 0x20);
  why = address_refusal((struct sockaddr *)&four);
  assert(why ? *why != '\0' : bytes[0] != 0 && bytes[0] != 10 && bytes[0] != 127 && bytes[0] < 224);
  memcpy(mapped, mapped_head, sizeof mapped_head);
  memcpy(mapped + 12, bytes, 4);
  six = address_of(AF_INET6, mapped);
  assert(address_refusal((struct sockaddr *)&six));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  struct address_list list;
  const char *problem;
  uint8_t bytes[16] = {0};
  memcpy(bytes, data, size < sizeof bytes ? size : sizeof bytes);
  check_address(bytes);
  char *text = fuzz_rest(&input, NULL);
  if (address_list_parse(&list, text, &problem)) {
    assert(!problem);
    check_list(&list);
  } else {
    fuzz_check_sentence(problem, 200);
    assert(list.n == 0);
  }
  free(text);
  return 0;
}
