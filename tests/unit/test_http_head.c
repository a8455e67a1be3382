/* The header lines of a reply that no well-behaved server sends; the others are test_http.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http_head.h"

static void take(struct http_head *head, const char *bytes, size_t len) {
  assert_int_equal(http_head_line(head, bytes, len), HTTP_OK);
}
#define TAKE(head, literal) take((head), "" literal, sizeof(literal) - 1)

static void fields_with_a_zero_byte_or_a_lone_cr_are_left_out(void **state) {
  (void)state;
  struct http_head head;
  http_head_init(&head);
  TAKE(&head, "HTTP/1.1 301 Moved\r\n");
  TAKE(&head, "Location: /a\0b\r\n");
  TAKE(&head, "ETag: \"a\rX: b\"\r\n");
  TAKE(&head, "Last-Modified:\r x\r\n");
  assert_null(head.location);
  assert_null(head.etag);
  assert_null(head.last_modified);
  TAKE(&head, "Location: /good\r\n");
  TAKE(&head, "ETag: \"good\"\n");
  assert_string_equal(head.location, "/good");
  assert_string_equal(head.etag, "\"good\"");
  assert_true(http_head_redirects(&head));
  http_head_fini(&head);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_with_a_zero_byte_or_a_lone_cr_are_left_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
