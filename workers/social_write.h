/*
 * social_write.h - one post per social platform, within its limits. The blog post's address is not
 * known when they are written, so there is no link in them.
 */
#ifndef SOCIAL_WRITE_H
#define SOCIAL_WRITE_H

#include "galley.h"
#include "keyword.h"
#include "platform.h"

struct social_source {
  const char *title;
  const char *language;
  const char *remark;        /* a sentence that must not be lost (few sources); NULL: none */
  const char *const *points; /* plain text, best first */
  size_t n_points;
  const struct keywords *keywords;
};

/* Fills *out; its strings are the caller's, set or NULL whatever is returned. False without memory.
 */
bool social_write(const struct platform *platform, const struct social_source *source,
                  struct galley_social *out);

#endif
