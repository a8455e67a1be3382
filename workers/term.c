#include "term.h"
#include "stopword.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS       (4 * TERMS_MAX) /* a power of two */
#define LETTERS_MIN 4               /* bytes of a word that is not an acronym */

/* ---- words of content ---- */

static bool is_acronym(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (text[i] < 'A' || text[i] > 'Z')
      return false;
  return len >= 2;
}

static bool is_content(const char *text, const struct word *word) {
  size_t len = word->end - word->start;
  return word->roles == 0 && !word->number &&
         (len >= LETTERS_MIN || is_acronym(text + word->start, len));
}

/* Makes a whole run of Han characters one word. */
static void join_run(struct words *words, struct word *word) {
  struct words ahead = *words;
  struct word next;
  bool joined = false;
  while (words_next(&ahead, &next) && next.start < word->end) {
    *words = ahead;
    word->end = next.end;
    joined = true;
  }
  if (joined)
    word->stem = word->exact = words_hash(0, words->text + word->start, word->end - word->start);
}

/* Prepositions that stand before a verb as well: "to deliver", "pour produire". */
static bool opens_verb(const char *language, const char *folded) {
  static const char *const openers[][2] = {
      {"en", "to"},   {"de", "zu"},   {"nl", "te"},  {"nl", "om"}, {"fr", "de"},  {"fr", "a"},
      {"fr", "pour"}, {"fr", "sans"}, {"es", "de"},  {"es", "a"},  {"es", "por"}, {"es", "para"},
      {"es", "sin"},  {"it", "di"},   {"it", "a"},   {"it", "da"}, {"it", "per"}, {"it", "senza"},
      {"pt", "de"},   {"pt", "para"}, {"pt", "por"}, {"pt", "sem"}};
  for (size_t i = 0; i < sizeof openers / sizeof openers[0]; i++)
    if (strncmp(openers[i][0], language, 2) == 0 && strcmp(openers[i][1], folded) == 0)
      return true;
  return false;
}

bool term_next(struct words *words, const char *language, struct term_word *found) {
  struct word *word = &found->word;
  bool measured =
      false;           /* a number stands before, with at most a stop word between: "8 per cent" */
  bool opener = false; /* the word before opens a noun phrase; then the one before that */
  bool open = false;
  found->beside = true;
  while (words_next(words, word)) {
    join_run(words, word);
    found->beside = found->beside && word->joined;
    bool unit = measured && word->joined;
    measured = word->number || (unit && word->roles != 0);
    found->opened = word->joined && (opener || open);
    if (is_content(words->text, word) && !unit)
      return true;
    open = opener && word->joined && word->roles != 0;
    opener = (word->roles & STOPWORD_OPENS) != 0 && !opens_verb(language, words->folded);
    found->beside = false;
  }
  return false;
}

/* A whole noun phrase would end with the word that the walk has just given. */
static bool ends_phrase(const struct words *words) {
  struct words ahead = *words;
  struct word next;
  return !words_next(&ahead, &next) || !next.joined || next.roles != 0;
}

static bool is_unspaced(const char *text, const struct word *word) {
  int32_t character;
  words_character(text + word->start, word->end - word->start, &character);
  return words_unspaced(character);
}

/* Whether the words from `first` to `last`, where the walk stands, look like a noun. */
static bool looks_like_noun(const char *language, const struct words *words,
                            const struct term_word *first, const struct term_word *last) {
  bool inside = first->word.joined && first->word.capital;
  if (strncmp(language, "de", 2) == 0 || strncmp(language, "lb", 2) == 0)
    return inside;
  return inside || is_unspaced(words->text, &last->word) || (first->opened && ends_phrase(words));
}

/* ---- counting ---- */

bool terms_init(struct terms *terms, const char *language) {
  *terms = (struct terms){.items = calloc(TERMS_MAX, sizeof *terms->items),
                          .slots = calloc(SLOTS, sizeof *terms->slots),
                          .language = language};
  return terms->items != NULL && terms->slots != NULL;
}

void terms_fini(struct terms *terms) {
  free(terms->items);
  free(terms->slots);
  *terms = (struct terms){0};
}

static uint64_t hash_of(const uint64_t *stems, size_t n) {
  return n == 1 ? stems[0] : words_hash(0, stems, n * sizeof *stems);
}

/* The slot of a term, or the empty one that it may take. */
static uint16_t *slot_of(const struct terms *terms, uint64_t hash) {
  size_t at = hash & (SLOTS - 1);
  while (terms->slots[at] != 0 && terms->items[terms->slots[at] - 1].hash != hash)
    at = (at + 1) & (SLOTS - 1);
  return &terms->slots[at];
}

const struct term *terms_find(const struct terms *terms, const uint64_t *stems, size_t n) {
  uint16_t slot = *slot_of(terms, hash_of(stems, n));
  return slot != 0 ? &terms->items[slot - 1] : NULL;
}

/* Counts the words from `first` to `last`, which are one or two. */
static void count(struct terms *terms, const struct words *words, const struct term_word *first,
                  const struct term_word *last) {
  const uint64_t stems[2] = {first->word.stem, last->word.stem};
  size_t n = first == last ? 1 : 2;
  uint64_t hash = hash_of(stems, n);
  uint16_t *slot = slot_of(terms, hash);
  if (*slot == 0) {
    if (terms->n == TERMS_MAX)
      return;
    *slot = (uint16_t)++terms->n;
    terms->items[terms->n - 1] = (struct term){.hash = hash, .n_stems = n};
    memcpy(terms->items[terms->n - 1].stems, stems, sizeof stems);
  }
  struct term *term = &terms->items[*slot - 1];
  if (term->count++ == 0 || (term->capital && !first->word.capital)) {
    term->surface = words->text + first->word.start;
    term->len = last->word.end - first->word.start;
    term->capital = first->word.capital;
  }
  term->nouns += looks_like_noun(terms->language, words, first, last);
}

void terms_add(struct terms *terms, const char *text) {
  struct words words;
  words_init(&words, text, strlen(text), terms->language);
  struct term_word before = {0};
  struct term_word found;
  for (bool any = false; term_next(&words, terms->language, &found); any = true) {
    count(terms, &words, &found, &found);
    if (any && found.beside)
      count(terms, &words, &before, &found);
    before = found;
  }
}

static int by_count(const void *a, const void *b) {
  const struct term *x = a;
  const struct term *y = b;
  uint64_t weight_x = (uint64_t)x->count * x->n_stems;
  uint64_t weight_y = (uint64_t)y->count * y->n_stems;
  if (weight_x != weight_y)
    return weight_x < weight_y ? 1 : -1;
  return x->hash < y->hash ? -1 : x->hash > y->hash;
}

void terms_sort(struct terms *terms) {
  qsort(terms->items, terms->n, sizeof *terms->items, by_count);
  memset(terms->slots, 0, SLOTS * sizeof *terms->slots);
  for (size_t i = 0; i < terms->n; i++)
    *slot_of(terms, terms->items[i].hash) = (uint16_t)(i + 1);
}
