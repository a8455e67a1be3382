/*
 * feed_token.h - marked-up text cut into its tokens, whether it is well-formed or not. Nothing is
 * interpreted here; the work is linear in the text, and every byte belongs to one token.
 */
#ifndef FEED_TOKEN_H
#define FEED_TOKEN_H

#include "strbuf.h"

enum feed_token_kind {
  FEED_TOKEN_TEXT,
  FEED_TOKEN_START, /* <name ...> */
  FEED_TOKEN_EMPTY, /* <name ... /> */
  FEED_TOKEN_END,   /* </name> */
  FEED_TOKEN_CDATA,
  FEED_TOKEN_DOCTYPE,
  FEED_TOKEN_SKIP,  /* comments, processing instructions, other declarations */
  FEED_TOKEN_BROKEN /* begins like a tag, a comment or a section, and does not end like one */
};

struct feed_token {
  enum feed_token_kind kind;
  const char *text;
  size_t len;
  const char *name; /* of START, EMPTY and END, with its prefix */
  size_t name_len;
  const char *local; /* the name behind its prefix */
  size_t local_len;
};

struct feed_token_reader {
  const char *at;
  const char *end;
  bool no_comment_end, no_section_end, no_instruction_end; /* none in the rest of the text */
};

/* False at the end of the text. */
bool feed_token_next(struct feed_token_reader *reader, struct feed_token *token);
bool feed_token_is(const struct feed_token *token, const char *local);

/* Adds a token to `out` as a well-formed parser takes it: references become numeric (HTML's names
 * too, since feeds use them without defining them), a stray '&' or '<' is escaped, what is broken
 * or would define anything is left out. *damaged becomes true when that changed the meaning of the
 * text to a strict parser. */
void feed_token_mend(const struct feed_token *token, struct strbuf *out, bool *damaged);

#endif
