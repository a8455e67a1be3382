/*
 * text_cut.h - shortening a text to a limit: after a sentence, else after a word with an ellipsis,
 * never inside a grapheme cluster.
 */
#ifndef TEXT_CUT_H
#define TEXT_CUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Extended grapheme clusters of `len` bytes; -1 when they are not UTF-8. */
int64_t text_cut_graphemes(const char *text, size_t len);

struct text_limit {
  int64_t characters;
  size_t bytes;                                   /* 0: no limit */
  int64_t (*count)(const char *text, size_t len); /* NULL: graphemes */
};
bool text_cut_fits(const struct text_limit *limit, const char *text, size_t len);

/* The text when it fits; else as many whole sentences as fit (`language` as for sentence_init);
 * else as many words as fit with "…" behind them; else as many grapheme clusters. "" when not even
 * one fits. Owned by the caller; NULL without memory. What follows a byte that is not UTF-8 is cut.
 */
char *text_cut_sentences(const char *text, const char *language, const struct text_limit *limit);
/* The same without regard to sentences. */
char *text_cut_words(const char *text, const struct text_limit *limit);

#endif
