/*
 * front_matter.h - a post as a file of a static site: its path, its YAML front matter and its body.
 * Pure: the same post gives the same bytes and the same path at any time.
 *
 * Where a post goes below the target's folder, and why two posts never share a path or a URL:
 *   hugo    <language>/<slug>.md
 *           The folder is a section of the site's content (".../content/posts"). A folder per
 *           language needs no multilingual configuration: plain Hugo renders every post, at
 *           /posts/<language>/<slug>/. The slug "index" becomes index_.md: Hugo takes index.md for
 *           the folder itself.
 *   jekyll  _posts/YYYY-MM-DD-<slug>.md for English,
 *           <language>/_posts/YYYY-MM-DD-<slug>.md for every other language
 *           The folder is the site's source. Jekyll takes a folder above _posts as a category and
 *           puts it into the URL, so that languages part there too. The date is the day, in UTC, on
 *           which the post was made (created_at_ms), which never changes; so a second publish
 *           finds the first one's file.
 * Slugs are unique within a language (the store sees to that), and hold neither '/' nor a first
 * '.'.
 *
 * Front matter: every string is a double-quoted YAML scalar. Keys:
 *   hugo    title date lastmod draft slug description summary keywords tags language galley_post
 *   jekyll  title date last_modified_at published slug description excerpt keywords tags lang
 *           galley_post
 * The body is the post's own, except that what the site generator would run is written so that it
 * renders literally: Liquid ("{{", "{%") for Jekyll, shortcodes ("{{<", "{{%") for Hugo.
 */
#ifndef FRONT_MATTER_H
#define FRONT_MATTER_H

#include "galley.h"
#include "strbuf.h"

enum front_matter_format { FRONT_MATTER_HUGO, FRONT_MATTER_JEKYLL };

/* False when there is no format of that name. */
bool front_matter_format(const char *name, enum front_matter_format *format);

/* Why a post cannot become a file, as a sentence; NULL when it can. Such posts do not come out of
 * the store: they lack a slug, a language or a time of creation. */
const char *front_matter_refuses(const struct galley_post *post);

/* Appends the path below the target's folder. */
void front_matter_path(struct strbuf *out, enum front_matter_format format,
                       const struct galley_post *post);
/* Appends the path of the page below the site's address, with the default permalinks of the
 * generator: "en/heat-pumps/", "de/2026/03/01/waermepumpen.html". Percent-encoded. */
void front_matter_url_path(struct strbuf *out, enum front_matter_format format,
                           const struct galley_post *post);
/* Appends the whole file. False when the body cannot be read (past MARKDOWN_MAX) or without memory.
 */
bool front_matter_file(struct strbuf *out, enum front_matter_format format,
                       const struct galley_post *post);

/* Appends a double-quoted YAML scalar. Control characters, line separators and the byte order mark
 * are escaped; bytes that are not UTF-8 become U+FFFD. NULL is "". */
void front_matter_string(struct strbuf *out, const char *text);
/* Append a body with what Liquid, or Hugo's shortcode reader, would run written literally. */
void front_matter_liquid(struct strbuf *out, const char *body);
bool front_matter_shortcodes(struct strbuf *out, const char *body);

#endif
