#include "platform.h"
#include "text_cut.h"

#include <string.h>
#include <strings.h>

/* The length of a URL at `text`: to the next white space, without the punctuation that ends a
 * sentence; 0 when there is none. */
static size_t url_length(const char *text, size_t len) {
  size_t scheme = 0;
  if (len > 8 && strncasecmp(text, "https://", 8) == 0)
    scheme = 8;
  else if (len > 7 && strncasecmp(text, "http://", 7) == 0)
    scheme = 7;
  if (scheme == 0)
    return 0;
  size_t n = scheme;
  while (n < len && strchr(" \t\r\n\"<>", text[n]) == NULL)
    n++;
  while (n > scheme && strchr(".,;:!?)'", text[n - 1]) != NULL)
    n--;
  return n > scheme ? n : 0;
}

static int64_t count_urls_as_23(const char *text, size_t len) {
  int64_t total = 0;
  size_t plain = 0; /* where the text since the last URL began */
  for (size_t i = 0; i < len;) {
    size_t url = url_length(text + i, len - i);
    if (url == 0) {
      i++;
      continue;
    }
    int64_t before = text_cut_graphemes(text + plain, i - plain);
    if (before < 0)
      return -1;
    total += before + PLATFORM_URL_CHARACTERS;
    i += url;
    plain = i;
  }
  int64_t rest = text_cut_graphemes(text + plain, len - plain);
  return rest < 0 ? -1 : total + rest;
}

const struct platform platform_table[] = {
    {"linkedin", 3000, 1300, 0, 5, text_cut_graphemes},
    {"facebook", 63206, 250, 0, 3, text_cut_graphemes},
    {"instagram", 2200, 150, 0, 30, text_cut_graphemes},
    {"tiktok", 2200, 100, 0, 5, text_cut_graphemes},
    {"mastodon", 500, 500, 0, 4, count_urls_as_23},
    {"bluesky", 300, 300, 3000, 3, text_cut_graphemes},
};
const size_t platform_count = sizeof platform_table / sizeof platform_table[0];

const struct platform *platform_find(const char *name) {
  for (size_t i = 0; i < platform_count; i++)
    if (strcmp(platform_table[i].name, name) == 0)
      return &platform_table[i];
  return NULL;
}

int64_t platform_characters(const struct platform *platform, const char *text, size_t len) {
  return platform->count(text, len);
}

bool platform_allows(const struct platform *platform, const char *text) {
  size_t len = strlen(text);
  int64_t characters = platform->count(text, len);
  return characters >= 0 && characters <= platform->characters_max &&
         (platform->bytes_max == 0 || len <= platform->bytes_max);
}
