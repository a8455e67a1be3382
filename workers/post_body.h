/*
 * post_body.h - the body of a blog post made from a report: an introduction, the key points, the
 * report's sections, the sources. Every statement about the topic is the report's own.
 *
 * Marks of citation become links to the source, "[\[3\]][3]" with a definition at the end of the
 * body, which all Markdown renderers show as a linked [3]. The list of sources keeps the report's
 * numbers.
 */
#ifndef POST_BODY_H
#define POST_BODY_H

#include "article.h"
#include "citation.h"
#include "write_words.h"

#define POST_BODY_WORDS_MAX  2500 /* aimed at; a longer report is cut, each section by its share */
#define POST_BODY_POINTS_MAX 12   /* key points told to others; the body has all */

struct post_body {
  const struct article *article;
  const struct citations *citations;
  const struct write_words *words;
  const char *title;
  const char *language;
  struct strbuf out; /* the Markdown */
};

/* Writes the body. Check out.failed for memory. */
void post_body_write(struct post_body *body);

/* The points of the report's summary, best first, at most `max`; without a summary the first
 * sentences of its sections are taken by the caller from elsewhere. Returns how many; borrowed. */
size_t post_body_points(const struct article *article, const struct markdown_block **points,
                        size_t max);

#endif
