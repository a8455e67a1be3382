#include "feed_sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *feed_sample_load(const char *name, size_t *len) {
  char path[512];
  char *text = malloc(FEED_SAMPLE_BYTES_MAX);
  assert_non_null(text);
  assert_true(snprintf(path, sizeof path, "%s/feeds/%s", TESTS_DIR, name) < (int)sizeof path);
  FILE *file = fopen(path, "rb");
  if (!file)
    fail_msg("%s is missing", path);
  *len = fread(text, 1, FEED_SAMPLE_BYTES_MAX, file);
  assert_true(*len < FEED_SAMPLE_BYTES_MAX);
  fclose(file);
  return text;
}

enum feed_result feed_sample_parse(const char *text, size_t len, const char *content_type,
                                   struct feed_content *content) {
  struct feed_source source = {
      .bytes = text, .len = len, .content_type = content_type, .url = FEED_SAMPLE_URL};
  return feed_parse(&source, content);
}

enum feed_result feed_sample_parse_text(const char *text, struct feed_content *content) {
  return feed_sample_parse(text, strlen(text), "", content);
}

enum feed_result feed_sample_parse_file(const char *name, struct feed_content *content) {
  size_t len;
  char *text = feed_sample_load(name, &len);
  enum feed_result result = feed_sample_parse(text, len, "", content);
  free(text);
  return result;
}

struct feed_content feed_sample_read_text(const char *text) {
  struct feed_content content;
  enum feed_result result = feed_sample_parse_text(text, &content);
  if (result != FEED_PARSED)
    fail_msg("result %d for %.200s", (int)result, text);
  return content;
}

struct feed_content feed_sample_read_file(const char *name) {
  struct feed_content content;
  assert_int_equal(feed_sample_parse_file(name, &content), FEED_PARSED);
  return content;
}
