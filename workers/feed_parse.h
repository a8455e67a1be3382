/*
 * feed_parse.h - what a feed says: RSS 0.9x, 1.0 and 2.0, Atom 0.3 and 1.0, JSON Feed 1.x, told
 * apart by their root, not by their content type. Pure: bytes in, items out.
 */
#ifndef FEED_PARSE_H
#define FEED_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEED_ITEMS_MAX 2000 /* items kept of one feed, in its own order; the rest is counted */
#define FEED_TEXT_MAX  (256 * 1024) /* bytes of plain text kept of one item, cut at a word */
#define FEED_TITLE_MAX 512          /* bytes of a title, cut at a word */

struct feed_item {
  char *guid; /* Atom id, RSS guid, JSON id; else the link; else a hash of title and date */
  char *url;  /* absolute, http or https; NULL when there is none */
  char *canonical_url; /* url_canonical(url), or NULL */
  char *title;    /* plain text, one line; never NULL or empty (made from the text when missing) */
  char *content;  /* plain text, paragraphs parted by a blank line; may be "" */
  char *summary;  /* plain text; NULL when there is none apart from the content */
  char *author;   /* NULL when unknown */
  char *language; /* primary tag in lower case; NULL when neither item, source nor feed says */
  char *keywords; /* JSON array of the categories; NULL when there are none */
  int64_t published_at_ms; /* 0: missing or unreadable; never "now" */
};

enum feed_format { FEED_RSS, FEED_RDF, FEED_ATOM, FEED_JSON };

struct feed_content {
  enum feed_format format;
  char *title;         /* plain text; NULL when there is none */
  char *language;      /* primary tag; NULL */
  int64_t ttl_ms;      /* <ttl>, or 0 */
  uint32_t skip_hours; /* bit h: not in hour h UTC */
  uint8_t skip_days;   /* bit d: not on that day, Sunday is bit 0 */
  struct feed_item *items;
  size_t n_items;
  size_t n_broken;  /* items that were left out because nothing could be read from them */
  size_t n_dropped; /* items past FEED_ITEMS_MAX */
  bool damaged;     /* the document was not well-formed; what could be read is here */
};

struct feed_source {
  const char *bytes;
  size_t len;
  const char *content_type; /* for its charset only; may be "" */
  const char *url;          /* of the feed, for relative links */
  const char *language;     /* of items that do not say, before the feed's own; NULL: not known */
};

enum feed_result {
  FEED_PARSED,
  FEED_EMPTY,      /* no bytes but white space */
  FEED_IS_HTML,    /* a web page */
  FEED_NOT_A_FEED, /* some other document */
  FEED_DANGEROUS,  /* entity definitions, nesting past the limit */
  FEED_CUT_OFF,    /* ended too early and held no complete item */
  FEED_NO_MEMORY
};
/* A sentence for each: what is wrong and what to do. */
const char *feed_result_text(enum feed_result result);

/* On FEED_PARSED *out is filled and owned by the caller (feed_content_fini); otherwise it is empty.
 */
enum feed_result feed_parse(const struct feed_source *source, struct feed_content *out);
void feed_content_fini(struct feed_content *content);

/* RFC 822 (two-digit years, named zones, wrong weekdays), RFC 3339 and W3C dates, and the usual
 * broken forms of both. 0 when it cannot be read or lies before 1970 or after 2200. */
int64_t feed_date_parse(const char *text);

#endif
