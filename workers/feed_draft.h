/*
 * feed_draft.h - one item (or the feed itself) while it is read: the best value so far of each
 * slot, as the document wrote it. What the readers of XML and of JSON have in common, and the only
 * place where values become the text of an item.
 */
#ifndef FEED_DRAFT_H
#define FEED_DRAFT_H

#include "feed_parse.h"

#define FEED_DEPTH_MAX      200  /* elements or JSON values inside each other */
#define FEED_GUID_MAX       1024 /* bytes; a longer one is replaced by its hash */
#define FEED_AUTHOR_MAX     256  /* bytes */
#define FEED_KEYWORDS_MAX   32   /* of one item; the rest is left out */
#define FEED_KEYWORD_MAX    128  /* bytes of one */
#define FEED_TITLE_MADE_MAX 83   /* bytes of a title that is made from the text */

enum feed_slot {
  FEED_SLOT_GUID,
  FEED_SLOT_LINK, /* absolute */
  FEED_SLOT_TITLE,
  FEED_SLOT_CONTENT,
  FEED_SLOT_SUMMARY,
  FEED_SLOT_AUTHOR,
  FEED_SLOT_LANGUAGE,
  FEED_SLOT_DATE, /* one that can be read */
  FEED_SLOTS,
  FEED_SLOT_KEYWORD /* not a slot: any number of them */
};

struct feed_draft {
  struct {
    char *value;
    bool html;
    int rank;
  } slots[FEED_SLOTS];
  char *keywords[FEED_KEYWORDS_MAX];
  size_t n_keywords;
  bool no_memory;
};

/* True when a value of this rank (1 is best) would be taken: ask before the work of making it. */
bool feed_draft_wants(const struct feed_draft *draft, enum feed_slot slot, int rank);
/* Offers a value, which the draft owns from here on; NULL counts as no memory. A value without any
 * text is not taken, nor a date that cannot be read. */
void feed_draft_offer(struct feed_draft *draft, enum feed_slot slot, int rank, char *value,
                      bool html);
/* Resolves a link, trimmed, against `base` and offers it; what is not a web address is not taken.
 */
void feed_draft_offer_link(struct feed_draft *draft, int rank, const char *base, const char *link);
/* Makes the item and adds it to the content; counts it as broken when it holds nothing to read.
 * Empties the draft. False without memory. */
bool feed_draft_finish(struct feed_draft *draft, struct feed_content *content);
/* Takes the feed's own title and language out of the draft, gives its author (when `share_author`)
 * and the language of `source`, or else its own, to the items that have none, and empties the
 * draft. False without memory. */
bool feed_draft_finish_feed(struct feed_draft *draft, const struct feed_source *source,
                            bool share_author, struct feed_content *content);
void feed_draft_fini(struct feed_draft *draft);

#endif
