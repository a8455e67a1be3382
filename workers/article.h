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

enum article_remark {
  ARTICLE_NO_REMARK,
  ARTICLE_NOTE,  /* a paragraph of the lead that is emphasised as a whole: how it was made */
  ARTICLE_NOTICE /* says that sources are few or missing, in a language of the phrase table: it
                    stays in whatever is made from the report */
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
  enum article_remark *remarks; /* by block */
};

enum markdown_result article_read(const char *report, struct article *out);
void article_fini(struct article *article);

/* Whether the section's heading names its matter: "Costs" does, "Further points" does not. */
bool article_is_named(const struct article_section *section, const char *language);

/* What the block says about the report itself; it must be one of the article's. */
enum article_remark article_remark(const struct article *article,
                                   const struct markdown_block *block);
/* Whether a notice stands outside the body; only in a block quote, where it cannot be taken for a
 * statement about the matter, when `quoted_only`. */
bool article_says_few(const struct article *article, bool quoted_only);

#endif
