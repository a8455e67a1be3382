/*
 * words.h - the words of a text, folded so that they can be compared: case folded, diacritics
 * dropped, light inflection cut off. Han text, which has no spaces, gives overlapping pairs of
 * characters; a run of Katakana is one word; Hiragana is taken as grammar and parts words.
 */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORDS_FOLDED_MAX 64 /* bytes kept of a folded word, with its NUL */

struct word {
  size_t start, end; /* bytes in the text */
  uint64_t exact;    /* of the folded word */
  uint64_t stem;     /* of the folded word without its ending: equal for "pump" and "pumps" */
  unsigned roles;    /* enum stopword_role */
  bool number;       /* digits alone, with points or commas between them */
  bool capital;      /* begins with an upper-case letter */
  bool joined;       /* one space, one hyphen or nothing parts it from the word before */
};

struct stopword_list;

/* A walk over the words of a text. The text is borrowed; bytes that are not UTF-8 part words. */
struct words {
  const char *text;
  size_t len, pos;
  const struct stopword_list *stopwords;
  size_t endings, n_endings;     /* where the language's endings stand in their table */
  size_t covered;                /* end of the last pair of Han characters */
  char folded[WORDS_FOLDED_MAX]; /* of the word last given, NUL-terminated */
  char stem[WORDS_FOLDED_MAX];
};

/* `language` is a primary tag; it chooses stop words and endings, and may be any string. */
void words_init(struct words *words, const char *text, size_t len, const char *language);
/* False at the end. */
bool words_next(struct words *words, struct word *word);

/* How many words a reader would count: runs of letters and digits between spaces. Scripts that set
 * no spaces (Han, Kana, Thai, Lao, Khmer) count one word for WORDS_CHARACTERS_PER_WORD characters,
 * the usual rate of translation offices, rounded up for the whole text. */
#define WORDS_CHARACTERS_PER_WORD 2
int64_t words_count(const char *text, size_t len);

/* The share of the text's first WORDS_GUESS_MAX words that are stop words of `language`, 0..1; 0
 * for a language without a list. */
#define WORDS_GUESS_MAX 400
double words_share(const char *text, size_t len, const char *language);

/* A well mixed 64-bit hash, the same on every machine; seed 0 for a first piece, or the hash of the
 * pieces before. */
uint64_t words_hash(uint64_t seed, const void *bytes, size_t len);

/* The character at `text` and its length in bytes (at least 1, also for a bad byte, which gives -1;
 * at the end 0 and -1). */
size_t words_character(const char *text, size_t len, int32_t *character);
/* True for Han, Kana and the South East Asian scripts that set no spaces between words. */
bool words_unspaced(int32_t character);

#endif
