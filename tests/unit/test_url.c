#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "url.h"

#define URL_MAX 8192 /* as url.h says */

struct row {
  const char *given;
  const char *expected; /* NULL: refused */
};

static void check(char *actual, const struct row *row) {
  if (!actual != !row->expected || (actual && strcmp(actual, row->expected) != 0))
    fail_msg("%s gave %s, not %s", row->given, actual ? actual : "NULL",
             row->expected ? row->expected : "NULL");
  free(actual);
}

/* RFC 3986, sections 5.4.1 and 5.4.2, without the schemes that are not of the web. */
static void resolve_follows_the_examples_of_rfc_3986(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q#s"},
      {"g#s", "http://a/b/c/g#s"},
      {"g?y#s", "http://a/b/c/g?y#s"},
      {";x", "http://a/b/c/;x"},
      {"g;x?y#s", "http://a/b/c/g;x?y#s"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g.", "http://a/b/c/g."},
      {"..g", "http://a/b/c/..g"},
      {"./../g", "http://a/b/g"},
      {"g/./h", "http://a/b/c/g/h"},
      {"g/../h", "http://a/b/c/h"},
      {"g;x=1/../y", "http://a/b/c/y"},
      {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"g#s/../x", "http://a/b/c/g#s/../x"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    check(url_resolve("http://a/b/c/d;p?q", rows[i].given), &rows[i]);
}

static void resolve_mends_what_feeds_write(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"  https://b.example/x\n", "https://b.example/x"},
      {"https://b.example/a\n  b", "https://b.example/a%20%20b"},
      {"/caf\xC3\xA9?q=\xC3\xBC", "https://a.example/caf%C3%A9?q=%C3%BC"},
      {"/a b|c", "https://a.example/a%20b%7Cc"},
      {"https://m\xC3\xBCller.example/\xC3\xBC", "https://m\xC3\xBCller.example/%C3%BC"},
      {"/already%20done", "https://a.example/already%20done"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    check(url_resolve("https://a.example/feed", rows[i].given), &rows[i]);
}

static void resolve_refuses_what_is_not_of_the_web(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"javascript:alert(1)", NULL},
      {"mailto:a@b.example", NULL},
      {"data:text/html,x", NULL},
      {"ftp://b.example/x", NULL},
      {"file:///etc/passwd", NULL},
      {"http:", NULL},
      {"http:x", NULL},
      {"http://", NULL},
      {"http:///x", NULL},
      {"http://a.example\\@b.example/", NULL},
      {"http://a b.example/", NULL},
      {"http://a.example:99999999/", NULL},
      {"http://a.example:x/", NULL},
      {"http://[::1/", NULL},
      {"http://[::1]x/", NULL},
      {"http://a%2eexample/", NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    check(url_resolve("https://a.example/feed", rows[i].given), &rows[i]);
  assert_null(url_resolve("", "x"));
  assert_null(url_resolve("urn:a:b", "x"));
}

static void resolve_takes_8192_bytes_and_no_more(void **state) {
  (void)state;
  char *url = malloc(URL_MAX + 2);
  assert_non_null(url);
  memset(url, 'x', URL_MAX + 1);
  memcpy(url, "http://a/", 9);
  url[URL_MAX] = '\0';
  char *resolved = url_resolve("", url);
  assert_non_null(resolved);
  assert_string_equal(resolved, url);
  free(resolved);
  url[URL_MAX] = 'x';
  url[URL_MAX + 1] = '\0';
  assert_null(url_resolve("", url));
  /* Short pieces that are too long together. */
  memcpy(url, "x", 1);
  memset(url, 'x', 9);
  url[URL_MAX - 4] = '\0';
  assert_null(url_resolve("http://a/", url));
  free(url);
}

static void canonical_drops_what_names_no_document(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"HTTPS://WWW.Example.ORG", "https://www.example.org/"},
      {"http://a.example:80/x", "http://a.example/x"},
      {"https://a.example:443/x", "https://a.example/x"},
      {"https://a.example:/x", "https://a.example/x"},
      {"https://a.example:80/x", "https://a.example:80/x"},
      {"https://a.example/x#top", "https://a.example/x"},
      {"https://a.example/x?utm_source=a&utm_medium=b", "https://a.example/x"},
      {"https://a.example/x?b=2&fbclid=Z&a=1", "https://a.example/x?b=2&a=1"},
      {"https://a.example/x?UTM_Source=a&gclid=1&mc_cid=2&mc_eid=3&igshid=4",
       "https://a.example/x"},
      {"https://a.example/x?", "https://a.example/x"},
      {"https://a.example/?utm=1&fbclidx=2", "https://a.example/?utm=1&fbclidx=2"},
      {"https://a.example/x?a=1&&b=", "https://a.example/x?a=1&b="},
      {"https://a.example/x?fbclid", "https://a.example/x"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    check(url_canonical(rows[i].given), &rows[i]);
}

static void canonical_keeps_case_and_order_of_path_and_query(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"http://a.example/Path/To?B=Two&A=One", "http://a.example/Path/To?B=Two&A=One"},
      {"http://User:Pass@A.example/", "http://User:Pass@a.example/"},
      {"http://[2001:DB8::1]:8080/X", "http://[2001:db8::1]:8080/X"},
      {"http://a.example/caf\xC3\xA9", "http://a.example/caf%C3%A9"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    check(url_canonical(rows[i].given), &rows[i]);
}

static void canonical_refuses_what_is_not_absolute(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"/x", NULL}, {"//a.example/x", NULL}, {"ftp://a.example/", NULL}, {"", NULL}, {"x", NULL}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    check(url_canonical(rows[i].given), &rows[i]);
}

static void host_is_what_a_client_would_connect_to(void **state) {
  (void)state;
  static const struct row rows[] = {
      {"https://WWW.Example.org:8443/x", "www.example.org"},
      {"http://good.example@evil.example/", "evil.example"},
      {"http://a@b@c.example/", "c.example"},
      {"http://[::1]:80/", "[::1]"},
      {"http://a.example?x=@b.example", "a.example"},
      {"http://a.example#@b.example", "a.example"},
      {"/x", NULL},
      {"mailto:a@b.example", NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    check(url_host(rows[i].given), &rows[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(resolve_follows_the_examples_of_rfc_3986),
      cmocka_unit_test(resolve_mends_what_feeds_write),
      cmocka_unit_test(resolve_refuses_what_is_not_of_the_web),
      cmocka_unit_test(resolve_takes_8192_bytes_and_no_more),
      cmocka_unit_test(canonical_drops_what_names_no_document),
      cmocka_unit_test(canonical_keeps_case_and_order_of_path_and_query),
      cmocka_unit_test(canonical_refuses_what_is_not_absolute),
      cmocka_unit_test(host_is_what_a_client_would_connect_to),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
