/*
 * article.h - a research report as its parts: what stands before the first section, the summary,
 * the sections about the matter, the sources. Reads any Markdown; what it does not recognise is
 * body.
 */
#ifndef ARTICLE_H
#define ARTICLE_H

#include "markdown.h"

#include <stdint.h>

enum article_part {
  ARTICLE_LEAD,
  ARTICLE_SUMMARY,
  ARTICLE_BODY,
  ARTICLE_TIMELINE, /* a list of dated titles with a mark each: what a dated list of sources tells
                     */
  ARTICLE_SOURCES
};

struct article_section {
  enum article_part part;
  const struct markdown_block *heading; /* NULL: of the lead */
  const struct markdown_block *blocks;
  size_t n;
  int64_t words; /* the heading's included */
};

struct article {
  struct markdown markdown;
  const char *title; /* NULL: none */
  unsigned level;    /* of the sections' headings */
  struct article_section *sections;
  size_t n;
};

enum markdown_result article_read(const char *report, struct article *out);
void article_fini(struct article *article);

/* Whether the section's heading names its matter: "Costs" does, "Further points" does not. */
bool article_is_named(const struct article_section *section, const char *language);

/* Whether a paragraph of the lead is a remark about the report itself: it is emphasised as a whole.
 */
bool article_is_note(const struct markdown_block *block);
/* Whether a paragraph says that sources are few or missing, in one of the languages of the phrase
 * table: such a remark stays in whatever is made from the report. */
bool article_is_notice(const struct markdown_block *block);
/* Whether any paragraph outside the body does. */
bool article_has_notice(const struct article *article);

#endif
