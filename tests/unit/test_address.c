/* Which addresses are public, and how lists of allowed ones are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

union any_address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_un local;
};

static union any_address address_of(const char *text) {
  union any_address address = {0};
  if (strchr(text, ':')) {
    address.v6.sin6_family = AF_INET6;
    assert_int_equal(inet_pton(AF_INET6, text, &address.v6.sin6_addr), 1);
  } else {
    address.v4.sin_family = AF_INET;
    assert_int_equal(inet_pton(AF_INET, text, &address.v4.sin_addr), 1);
  }
  return address;
}

/* Both ends of every range, and the neighbours outside: NULL is public. */
static const struct {
  const char *address;
  const char *why;
} cases[] = {
    {"0.0.0.0", "this network"},
    {"0.255.255.255", "this network"},
    {"1.0.0.0", NULL},
    {"9.255.255.255", NULL},
    {"10.0.0.0", "private"},
    {"10.255.255.255", "private"},
    {"11.0.0.0", NULL},
    {"100.63.255.255", NULL},
    {"100.64.0.0", "carrier"},
    {"100.127.255.255", "carrier"},
    {"100.128.0.0", NULL},
    {"126.255.255.255", NULL},
    {"127.0.0.0", "loopback"},
    {"127.0.0.1", "loopback"},
    {"127.255.255.255", "loopback"},
    {"128.0.0.0", NULL},
    {"169.253.255.255", NULL},
    {"169.254.0.0", "link-local"},
    {"169.254.169.254", "link-local"},
    {"169.254.255.255", "link-local"},
    {"169.255.0.0", NULL},
    {"172.15.255.255", NULL},
    {"172.16.0.0", "private"},
    {"172.31.255.255", "private"},
    {"172.32.0.0", NULL},
    {"191.255.255.255", NULL},
    {"192.0.0.0", "protocol"},
    {"192.0.0.255", "protocol"},
    {"192.0.1.0", NULL},
    {"192.0.2.0", "documentation"},
    {"192.0.2.255", "documentation"},
    {"192.0.3.0", NULL},
    {"192.88.98.255", NULL},
    {"192.88.99.0", "6to4"},
    {"192.88.99.255", "6to4"},
    {"192.88.100.0", NULL},
    {"192.167.255.255", NULL},
    {"192.168.0.0", "private"},
    {"192.168.255.255", "private"},
    {"192.169.0.0", NULL},
    {"198.17.255.255", NULL},
    {"198.18.0.0", "benchmarking"},
    {"198.19.255.255", "benchmarking"},
    {"198.20.0.0", NULL},
    {"198.51.99.255", NULL},
    {"198.51.100.0", "documentation"},
    {"198.51.100.255", "documentation"},
    {"198.51.101.0", NULL},
    {"203.0.112.255", NULL},
    {"203.0.113.0", "documentation"},
    {"203.0.113.255", "documentation"},
    {"203.0.114.0", NULL},
    {"223.255.255.255", NULL},
    {"224.0.0.0", "multicast"},
    {"239.255.255.255", "multicast"},
    {"240.0.0.0", "reserved"},
    {"255.255.255.254", "reserved"},
    {"255.255.255.255", "broadcast"},
    {"8.8.8.8", NULL},
    {"93.184.216.34", NULL},

    {"::", "unspecified"},
    {"::1", "loopback"},
    {"::2", "compatible"},
    {"::7f00:1", "compatible"},
    {"::8.8.8.8", "compatible"},
    {"::ffff:127.0.0.1", "mapped"},
    {"::ffff:10.0.0.1", "mapped"},
    {"::ffff:8.8.8.8", "mapped"},
    {"::ffff:0:127.0.0.1", "translated"},
    {"::1:0:0:1", "reserved"},
    {"64:ff9b::", "NAT64"},
    {"64:ff9b::7f00:1", "NAT64"},
    {"64:ff9b::ffff:ffff", "NAT64"},
    {"64:ff9b::1:0:0", "reserved"},
    {"64:ff9b:1::", "NAT64"},
    {"64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "NAT64"},
    {"64:ff9b:2::", "reserved"},
    {"100::", "discard"},
    {"100::ffff:ffff:ffff:ffff", "discard"},
    {"100:0:0:1::", "reserved"},
    {"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "reserved"},
    {"2000::", NULL},
    {"2000:ffff::1", NULL},
    {"2001::", "Teredo"},
    {"2001:0:ffff:ffff:ffff:ffff:ffff:ffff", "Teredo"},
    {"2001:1::1", "protocol"},
    {"2001:2::1", "benchmarking"},
    {"2001:2:1::", "protocol"},
    {"2001:10::1", "protocol"},
    {"2001:2f:ffff::", "protocol"},
    {"2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "protocol"},
    {"2001:200::", NULL},
    {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
    {"2001:db8::", "documentation"},
    {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"},
    {"2001:db9::", NULL},
    {"2001:4860:4860::8888", NULL},
    {"2001:ffff:ffff::", NULL},
    {"2002::", "6to4"},
    {"2002:7f00:1::", "6to4"},
    {"2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "6to4"},
    {"2003::", NULL},
    {"2a00:1450::1", NULL},
    {"3ffe:ffff::", NULL},
    {"3fff::", "documentation"},
    {"3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "documentation"},
    {"3fff:1000::", NULL},
    {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL},
    {"4000::", "reserved"},
    {"5f00::1", "reserved"},
    {"fbff:ffff::", "reserved"},
    {"fc00::", "private"},
    {"fd12:3456::1", "private"},
    {"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private"},
    {"fe00::", "reserved"},
    {"fe7f:ffff::", "reserved"},
    {"fe80::", "link-local"},
    {"fe80::1", "link-local"},
    {"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "link-local"},
    {"fec0::", "site-local"},
    {"feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "site-local"},
    {"ff00::", "multicast"},
    {"ff02::1", "multicast"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "multicast"},
};

static void only_public_addresses_are_not_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    union any_address address = address_of(cases[i].address);
    const char *why = address_refusal(&address.any);
    bool right = cases[i].why ? why && strstr(why, cases[i].why) : why == NULL;
    if (!right)
      fail_msg("%s: expected %s, got %s", cases[i].address, cases[i].why ? cases[i].why : "public",
               why ? why : "public");
  }
}

static void other_families_are_refused(void **state) {
  (void)state;
  union any_address address = {0};
  address.local.sun_family = AF_UNIX;
  assert_non_null(address_refusal(&address.any));
  address.any.sa_family = AF_UNSPEC;
  assert_non_null(address_refusal(&address.any));
  struct address_list list;
  const char *problem;
  assert_true(address_list_parse(&list, "0.0.0.0/0,::/0", &problem));
  assert_false(address_list_has(&list, &address.any));
}

static bool has(const struct address_list *list, const char *text) {
  union any_address address = address_of(text);
  return address_list_has(list, &address.any);
}

static void list_holds_the_addresses_of_its_ranges(void **state) {
  (void)state;
  struct address_list list;
  const char *problem = "unset";
  assert_true(address_list_parse(&list, "127.0.0.1/32,[::1]/128,10.1.0.0/16", &problem));
  assert_null(problem);
  assert_int_equal(list.n, 3);
  assert_true(has(&list, "127.0.0.1"));
  assert_false(has(&list, "127.0.0.2"));
  assert_false(has(&list, "127.0.0.0"));
  assert_true(has(&list, "::1"));
  assert_false(has(&list, "::2"));
  assert_true(has(&list, "10.1.0.0"));
  assert_true(has(&list, "10.1.255.255"));
  assert_false(has(&list, "10.0.255.255"));
  assert_false(has(&list, "10.2.0.0"));
}

static void list_without_netmask_means_one_address(void **state) {
  (void)state;
  struct address_list list;
  const char *problem;
  assert_true(address_list_parse(&list, " 192.168.1.7 , fd00::5,[fd00::6] ", &problem));
  assert_int_equal(list.n, 3);
  assert_true(has(&list, "192.168.1.7"));
  assert_false(has(&list, "192.168.1.6"));
  assert_true(has(&list, "fd00::5"));
  assert_true(has(&list, "fd00::6"));
  assert_false(has(&list, "fd00::7"));
}

static void list_counts_bits_within_a_byte(void **state) {
  (void)state;
  struct address_list list;
  const char *problem;
  assert_true(address_list_parse(&list, "10.0.0.96/27,fe80::/10,172.16.5.4/12", &problem));
  assert_false(has(&list, "10.0.0.95"));
  assert_true(has(&list, "10.0.0.96"));
  assert_true(has(&list, "10.0.0.127"));
  assert_false(has(&list, "10.0.0.128"));
  assert_true(has(&list, "febf::1"));
  assert_false(has(&list, "fec0::1"));
  assert_true(has(&list, "172.31.0.1")); /* bits past the netmask do not count */
  assert_false(has(&list, "172.32.0.1"));
}

static void list_of_zero_bits_holds_its_whole_family(void **state) {
  (void)state;
  struct address_list list;
  const char *problem;
  assert_true(address_list_parse(&list, "0.0.0.0/0", &problem));
  assert_true(has(&list, "203.0.113.9"));
  assert_false(has(&list, "2a00::1"));
}

static void ipv4_range_does_not_hold_mapped_addresses(void **state) {
  (void)state;
  struct address_list list;
  const char *problem;
  assert_true(address_list_parse(&list, "127.0.0.1", &problem));
  assert_false(has(&list, "::ffff:127.0.0.1"));
}

static void empty_list_holds_nothing(void **state) {
  (void)state;
  static const char *const empty[] = {NULL, "", "  \t"};
  for (size_t i = 0; i < 3; i++) {
    struct address_list list;
    const char *problem = "unset";
    assert_true(address_list_parse(&list, empty[i], &problem));
    assert_null(problem);
    assert_int_equal(list.n, 0);
    assert_false(has(&list, "127.0.0.1"));
  }
}

static void list_refuses_what_it_cannot_read(void **state) {
  (void)state;
  static const char *const bad[] = {
      ",",
      "127.0.0.1,",
      ",127.0.0.1",
      "127.0.0.1,,::1",
      "localhost",
      "127.0.0.1/33",
      "::1/129",
      "127.0.0.1/",
      "127.0.0.1/-1",
      "127.0.0.1/ 8",
      "127.0.0.1/8/8",
      "127.0.0.1/0x8",
      "127.0.0.1/4294967304",
      "127.1",
      "0177.0.0.1",
      "256.0.0.1",
      "[::1",
      "::1]",
      "[127.0.0.1]",
      "[]",
      "[",
      "fe80::1%eth0",
      "127.0.0.1 ::1",
      "http://127.0.0.1",
      "127.0.0.1:80",
      "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct address_list list;
    const char *problem = NULL;
    if (address_list_parse(&list, bad[i], &problem))
      fail_msg("\"%s\" was accepted", bad[i]);
    assert_non_null(problem);
    assert_int_equal(list.n, 0);
  }
}

static void list_has_a_limit(void **state) {
  (void)state;
  char text[(ADDRESS_RANGES_MAX + 1) * 16];
  size_t len = 0;
  for (int i = 0; i < ADDRESS_RANGES_MAX; i++)
    len += (size_t)snprintf(text + len, sizeof text - len, "%s10.0.0.%d", i ? "," : "", i);
  struct address_list list;
  const char *problem;
  assert_true(address_list_parse(&list, text, &problem));
  assert_int_equal(list.n, ADDRESS_RANGES_MAX);
  snprintf(text + len, sizeof text - len, ",10.0.1.0");
  assert_false(address_list_parse(&list, text, &problem));
  assert_non_null(strstr(problem, "64"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_public_addresses_are_not_refused),
      cmocka_unit_test(other_families_are_refused),
      cmocka_unit_test(list_holds_the_addresses_of_its_ranges),
      cmocka_unit_test(list_without_netmask_means_one_address),
      cmocka_unit_test(list_counts_bits_within_a_byte),
      cmocka_unit_test(list_of_zero_bits_holds_its_whole_family),
      cmocka_unit_test(ipv4_range_does_not_hold_mapped_addresses),
      cmocka_unit_test(empty_list_holds_nothing),
      cmocka_unit_test(list_refuses_what_it_cannot_read),
      cmocka_unit_test(list_has_a_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
