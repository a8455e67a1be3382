/* libFuzzer target: whatever the bytes, feed_parse ends, and keeps what its header promises. */
#include <assert.h>
#include <string.h>
#include <strings.h>
#include <utf8proc.h>

#include "feed_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t max) {
  if (!text)
    return;
  utf8proc_ssize_t len = (utf8proc_ssize_t)strlen(text);
  assert((size_t)len <= max);
  for (utf8proc_ssize_t at = 0; at < len;) {
    utf8proc_int32_t character;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)text + at, len - at, &character);
    assert(n > 0);
    at += n;
  }
}

static void check_item(const struct feed_item *item) {
  assert(item->guid && *item->guid && item->title && *item->title && item->content);
  check_text(item->guid, 1024);
  check_text(item->title, FEED_TITLE_MAX);
  check_text(item->content, FEED_TEXT_MAX);
  check_text(item->summary, FEED_TEXT_MAX);
  check_text(item->author, 256);
  assert(!item->url == !item->canonical_url);
  assert(!item->url || strncasecmp(item->url, "http", 4) == 0);
  assert(item->published_at_ms >= 0);
}

/* The first byte chooses the content type. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const types[] = {"", "text/xml; charset=iso-8859-1",
                                      "application/rss+xml; charset=shift_jis",
                                      "text/html; charset=\"utf-8\""};
  if (size == 0)
    return 0;
  struct feed_source source = {.bytes = (const char *)data + 1,
                               .len = size - 1,
                               .content_type = types[data[0] % 4],
                               .url = "https://host.example/feed.xml"};
  struct feed_content content;
  enum feed_result result = feed_parse(&source, &content);
  assert(*feed_result_text(result) != '\0');
  assert(result != FEED_NO_MEMORY);
  assert(result == FEED_PARSED || (content.n_items == 0 && !content.items && !content.title));
  assert(content.n_items <= FEED_ITEMS_MAX);
  check_text(content.title, FEED_TITLE_MAX);
  for (size_t i = 0; i < content.n_items; i++)
    check_item(&content.items[i]);
  feed_content_fini(&content);
  return 0;
}
