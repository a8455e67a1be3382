#include "text_cut.h"
#include "sentence.h"
#include "words.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define ELLIPSIS "\xe2\x80\xa6"

/* A walk over the characters of a text, which tells where grapheme clusters begin. */
struct walk {
  const char *text;
  size_t len, pos;
  int32_t before;    /* the character before `pos`; -1 at the start */
  int32_t character; /* the one that begins at `at` */
  size_t at;
  int32_t state;
  bool begins; /* a cluster begins at `at` */
  bool bad;
};

static bool walk_next(struct walk *walk) {
  if (walk->pos >= walk->len || walk->bad)
    return false;
  walk->before = walk->pos == 0 ? -1 : walk->character;
  walk->at = walk->pos;
  walk->pos += words_character(walk->text + walk->pos, walk->len - walk->pos, &walk->character);
  walk->bad = walk->character < 0;
  if (walk->bad)
    return false;
  walk->begins = walk->before < 0 ||
                 utf8proc_grapheme_break_stateful(walk->before, walk->character, &walk->state);
  return true;
}

int64_t text_cut_graphemes(const char *text, size_t len) {
  struct walk walk = {.text = text, .len = len};
  int64_t n = 0;
  while (walk_next(&walk))
    n += walk.begins;
  return walk.bad ? -1 : n;
}

static bool fits_with(const struct text_limit *limit, const char *text, size_t len,
                      const char *tail) {
  int64_t n = limit->count != NULL ? limit->count(text, len) : text_cut_graphemes(text, len);
  size_t more = strlen(tail);
  return n >= 0 && n + (more > 0) <= limit->characters &&
         (limit->bytes == 0 || len + more <= limit->bytes);
}

bool text_cut_fits(const struct text_limit *limit, const char *text, size_t len) {
  return fits_with(limit, text, len, "");
}

static bool is_space(int32_t character) {
  return character == ' ' || character == '\n' || character == '\t' || character == 0x3000;
}

/* Whether a line may end between the two. */
static bool parts_words(const struct walk *walk) {
  return is_space(walk->character) ||
         (walk->before >= 0 && words_unspaced(walk->before) && words_unspaced(walk->character));
}

/* Without white space and punctuation that leads on. */
static size_t without_tail(const char *text, size_t len) {
  static const char *const tails[] = {
      " ", "\n", "\t", ",", ";", ":", "-", "(", "\xe2\x80\x93", "\xe2\x80\x94", "\xe3\x80\x81"};
  for (size_t i = 0; i < sizeof tails / sizeof tails[0];) {
    size_t n = strlen(tails[i]);
    bool found = len >= n && memcmp(text + len - n, tails[i], n) == 0;
    len -= found ? n : 0;
    i = found ? 0 : i + 1;
  }
  return len;
}

char *text_cut_words(const char *text, const struct text_limit *limit) {
  size_t len = strlen(text);
  if (text_cut_fits(limit, text, len))
    return strndup(text, len);
  struct walk walk = {.text = text, .len = len};
  size_t word = 0;
  size_t cluster = 0;
  while (walk_next(&walk)) {
    if (!walk.begins || walk.at == 0)
      continue;
    bool at_word = parts_words(&walk);
    if (!at_word && word > 0)
      continue;
    if (!fits_with(limit, text, walk.at, ELLIPSIS))
      break;
    cluster = walk.at;
    word = at_word ? walk.at : word;
  }
  size_t kept = without_tail(text, word > 0 ? word : cluster);
  char *cut = malloc(kept + sizeof ELLIPSIS);
  if (cut == NULL)
    return NULL;
  memcpy(cut, text, kept);
  memcpy(cut + kept, ELLIPSIS, kept > 0 ? sizeof ELLIPSIS : 0);
  cut[kept > 0 ? kept + sizeof ELLIPSIS - 1 : 0] = '\0';
  return cut;
}

char *text_cut_sentences(const char *text, const char *language, const struct text_limit *limit) {
  size_t len = strlen(text);
  if (text_cut_fits(limit, text, len))
    return strndup(text, len);
  struct sentences walk;
  sentence_init(&walk, text, len, language);
  size_t kept = 0;
  for (struct sentence sentence; sentence_next(&walk, &sentence) && sentence.whole;) {
    if (!text_cut_fits(limit, text, sentence.end))
      break;
    kept = sentence.end;
  }
  return kept > 0 ? strndup(text, kept) : text_cut_words(text, limit);
}
