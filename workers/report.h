/*
 * report.h - a plan as Markdown with its list of citations. The shape, which others may rely on:
 *
 *     # <topic>
 *     *<a note: quoted from so many documents, as of a date>*
 *     > <notice, when the sources hold too little>
 *     ## Summary
 *     - <sentence> [1]
 *     ## <theme>
 *     <sentences of one source> [1] <sentences of another> [2]
 *     ## Timeline of coverage
 *     - 2026-03-05: <title of a source> [2]
 *     ## Sources
 *     1. <title> — <site>, 2026-03-05. <https://...>
 *
 * Headings are in the report's language (wording.h). Quoted text is verbatim but for white space,
 * which is folded, and for a backslash in front of characters that Markdown would take as its own.
 * Sources are numbered in the order in which they are first cited. Summary and timeline may be
 * missing; there is always a section and the list of sources.
 */
#ifndef REPORT_H
#define REPORT_H

#include "plan.h"

#define REPORT_TIMELINE_MIN 3    /* dated sources on different days; fewer make no timeline */
#define REPORT_FEW_SHARE    0.80 /* of the words wanted; below it the report says that it is short */
#define REPORT_FEW_SOURCES  3    /* and with fewer sources than these */

/* Writes markdown, citations, word_count and n_sources. word_count is that of all words above the
 * list of sources as words_count has it, without the marks of citation. `target` is the words
 * wanted. False without memory; then *output holds nothing new. The plan must quote something. */
bool report_write(struct research_output *output, const struct research_input *input,
                  const struct plan *plan, const struct extract *extract, int64_t target,
                  struct arena *arena);

#endif
