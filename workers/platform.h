/*
 * platform.h - the social platforms: how long a post may be, and how each counts.
 *
 * Limits are those that the platforms document: LinkedIn 3000, Facebook 63206, Instagram and TikTok
 * 2200 characters, Mastodon 500 with every URL as 23, Bluesky 300 graphemes and 3000 bytes. All
 * count extended grapheme clusters here: none of them counts one as less than one character, and
 * Mastodon and Bluesky count exactly so.
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLATFORM_URL_CHARACTERS 23 /* what a URL of any length counts on Mastodon */

struct platform {
  const char *name;
  int64_t characters_max; /* of the whole text, hashtags included */
  int64_t characters_aim; /* of the text above the hashtags: what is shown before "more" */
  size_t bytes_max;       /* 0: no limit of its own */
  size_t hashtags_max;
  int64_t (*count)(const char *text, size_t len);
};

extern const struct platform platform_table[];
extern const size_t platform_count;

/* NULL when there is none of that name. */
const struct platform *platform_find(const char *name);
/* Characters as the platform counts them; -1 when the text is not UTF-8. */
int64_t platform_characters(const struct platform *platform, const char *text, size_t len);
/* Whether a whole post of this text is allowed. */
bool platform_allows(const struct platform *platform, const char *text);

#endif
