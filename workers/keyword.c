#include "keyword.h"
#include "strbuf.h"
#include "text_cut.h"
#include "words.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define SLOTS              (4 * KEYWORD_TERMS_MAX) /* a power of two */
#define COUNT_MIN          3                       /* a term that stands less often is no keyword */
#define LETTERS_MIN        4                       /* bytes of a word that is not an acronym */
#define STEMS_MAX          8                       /* words of one keyword that are compared */
#define PRIMARY_WORDS      6
#define PRIMARY_CHARACTERS 60
#define NAME_WORDS         3
#define NAMES_MAX          5
#define HASHTAG_BYTES      40

/* A word, or two words that stand side by side. */
struct term {
  uint64_t hash;
  uint64_t stems[2];
  size_t n_stems;
  uint32_t count;
  bool capital; /* stood with an upper-case letter only */
  const char *surface;
  size_t len;
};

struct count {
  struct term *terms;
  uint16_t *slots; /* place plus one */
  size_t n;
  const char *language;
};

/* The stems of the keywords chosen so far, so that none says the same again. */
struct choice {
  struct keywords *out;
  uint64_t stems[KEYWORDS_MAX][STEMS_MAX];
  size_t n_stems[KEYWORDS_MAX];
  const char *language;
  bool failed;
};

/* ---- words ---- */

struct token {
  struct word word;
  bool overlaps; /* a pair of Han characters that goes on from the one before */
};

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

/* The next word of content; whole runs of Han are one word. *beside tells that the one before it
 * was content too and stands next to it. */
static bool next_content(struct words *walk, struct word *word, bool *beside) {
  *beside = true;
  bool measured =
      false; /* a number stands before, with at most a stop word between: "8 per cent" */
  while (words_next(walk, word)) {
    struct words ahead = *walk;
    struct word next;
    uint64_t run = 0;
    while (words_next(&ahead, &next) && next.start < word->end) {
      *walk = ahead;
      word->end = next.end;
      run = words_hash(0, walk->text + word->start, word->end - word->start);
    }
    if (run != 0)
      word->stem = word->exact = run;
    *beside = *beside && word->joined;
    bool unit = measured && word->joined;
    measured = word->number || (unit && word->roles != 0);
    if (is_content(walk->text, word) && !unit)
      return true;
    *beside = false;
  }
  return false;
}

/* ---- counting ---- */

static struct term *term_of(struct count *count, uint64_t hash) {
  for (size_t at = hash & (SLOTS - 1);; at = (at + 1) & (SLOTS - 1)) {
    if (count->slots[at] != 0 && count->terms[count->slots[at] - 1].hash == hash)
      return &count->terms[count->slots[at] - 1];
    if (count->slots[at] != 0)
      continue;
    if (count->n == KEYWORD_TERMS_MAX)
      return NULL;
    count->slots[at] = (uint16_t)++count->n;
    count->terms[count->n - 1].hash = hash;
    return &count->terms[count->n - 1];
  }
}

static uint64_t hash_of(const uint64_t *stems, size_t n) {
  return n == 1 ? stems[0] : words_hash(0, stems, n * sizeof *stems);
}

/* Counts the n words that begin at `first`; `last` is the last of them. */
static void count_term(struct count *count, const char *text, const struct word *first,
                       const struct word *last) {
  const uint64_t stems[2] = {first->stem, last->stem};
  size_t n = first == last ? 1 : 2;
  struct term *term = term_of(count, hash_of(stems, n));
  if (term == NULL)
    return;
  if (term->count++ == 0 || (term->capital && !first->capital)) {
    term->surface = text + first->start;
    term->len = last->end - first->start;
    term->capital = first->capital;
  }
  memcpy(term->stems, stems, sizeof stems);
  term->n_stems = n;
}

static void count_text(struct count *count, const char *text) {
  struct words walk;
  words_init(&walk, text, strlen(text), count->language);
  struct word before = {0};
  struct word word;
  bool beside = false;
  for (bool any = false; next_content(&walk, &word, &beside); any = true) {
    count_term(count, text, &word, &word);
    if (any && beside)
      count_term(count, text, &before, &word);
    before = word;
  }
}

/* ---- choosing ---- */

static size_t stems_of(const char *text, const char *language, uint64_t *stems) {
  struct words walk;
  words_init(&walk, text, strlen(text), language);
  struct word word;
  bool beside = false;
  size_t n = 0;
  while (n < STEMS_MAX && next_content(&walk, &word, &beside))
    stems[n++] = word.stem;
  return n;
}

static bool holds_all(const uint64_t *set, size_t n_set, const uint64_t *stems, size_t n) {
  size_t found = 0;
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < n_set; k++)
      if (set[k] == stems[i]) {
        found++;
        break;
      }
  return n > 0 && found == n;
}

/* Takes a keyword unless one that is chosen holds all its words; but of a long topic a pair of
 * words may be taken by itself. Takes `text` over. */
static void choose(struct choice *choice, char *text) {
  struct keywords *out = choice->out;
  if (text == NULL) {
    choice->failed = true;
    return;
  }
  uint64_t stems[STEMS_MAX];
  size_t n = stems_of(text, choice->language, stems);
  bool known = out->n == KEYWORDS_MAX || text[0] == '\0';
  for (size_t i = 0; i < out->n && !known; i++) {
    bool apart = i == 0 && n == 2 && choice->n_stems[0] > 2;
    known = strcmp(out->items[i], text) == 0 ||
            (!apart && holds_all(choice->stems[i], choice->n_stems[i], stems, n));
  }
  if (known) {
    free(text);
    return;
  }
  memcpy(choice->stems[out->n], stems, sizeof stems);
  choice->n_stems[out->n] = n;
  out->items[out->n++] = text;
}

/* Where the last word of content ends in the first `len` bytes: "the rise of the" ends with "rise".
 */
static size_t content_end(const char *text, size_t len, const char *language) {
  struct words walk;
  words_init(&walk, text, len, language);
  struct word word;
  bool beside = false;
  size_t end = 0;
  while (next_content(&walk, &word, &beside))
    end = word.end;
  return end > 0 ? end : len;
}

/* The topic up to where its title begins to explain itself. */
static char *primary_of(const char *topic, const char *language) {
  static const char *const ends[] = {": ", " - ", " \xe2\x80\x93 ", " \xe2\x80\x94 ",
                                     "?",  "!",   "\xef\xbc\x9a",   "\xef\xbc\x9f"};
  size_t len = strlen(topic);
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    const char *end = strstr(topic, ends[i]);
    if (end != NULL && end > topic && (size_t)(end - topic) < len)
      len = (size_t)(end - topic);
  }
  size_t words = 0;
  size_t at = 0;
  while (at < len && words < PRIMARY_WORDS) {
    at += strspn(topic + at, " ");
    at += strcspn(topic + at, " ");
    words++;
  }
  char *cut = strndup(topic, at < len ? content_end(topic, at, language) : len);
  const struct text_limit limit = {.characters = PRIMARY_CHARACTERS};
  char *primary = cut != NULL ? text_cut_words(cut, &limit) : NULL;
  free(cut);
  return primary;
}

static char *without_capital(const char *name) {
  int32_t first = 0;
  size_t n = words_character(name, strlen(name), &first);
  utf8proc_uint8_t bytes[4];
  struct strbuf out = {0};
  if (first >= 0)
    strbuf_add(&out, (const char *)bytes,
               (size_t)utf8proc_encode_char(utf8proc_tolower(first), bytes));
  strbuf_puts(&out, first >= 0 ? name + n : name);
  return strbuf_take(&out);
}

/* A section's name, without the capital of a heading when its words stand without one in the texts.
 * "" when it is too long for a keyword. */
static char *name_of(const struct count *count, const char *name, const char *language) {
  uint64_t stems[STEMS_MAX];
  size_t n = stems_of(name, language, stems);
  if (n == 0 || n > NAME_WORDS || words_count(name, strlen(name)) > NAME_WORDS)
    return strdup("");
  for (size_t i = 0; n <= 2 && i < count->n; i++)
    if (count->terms[i].hash == hash_of(stems, n) && !count->terms[i].capital)
      return without_capital(name);
  return strdup(name);
}

static int by_count(const void *a, const void *b) {
  const struct term *x = a;
  const struct term *y = b;
  uint64_t weight_x = (uint64_t)x->count * x->n_stems;
  uint64_t weight_y = (uint64_t)y->count * y->n_stems;
  if (weight_x != weight_y)
    return weight_x < weight_y ? 1 : -1;
  return x->hash < y->hash ? -1 : x->hash > y->hash; /* the same order on every machine */
}

static void choose_all(struct choice *choice, const struct keyword_source *source,
                       struct count *count) {
  choose(choice, primary_of(source->topic, source->language));
  for (size_t i = 0; i < source->n_names && i < NAMES_MAX; i++)
    choose(choice, name_of(count, source->names[i], source->language));
  qsort(count->terms, count->n, sizeof *count->terms, by_count);
  for (size_t i = 0; i < count->n && choice->out->n < KEYWORDS_MAX; i++)
    if (count->terms[i].count >= COUNT_MIN)
      choose(choice, strndup(count->terms[i].surface, count->terms[i].len));
}

bool keywords_find(const struct keyword_source *source, struct keywords *out) {
  *out = (struct keywords){0};
  struct count count = {.terms = calloc(KEYWORD_TERMS_MAX, sizeof *count.terms),
                        .slots = calloc(SLOTS, sizeof *count.slots),
                        .language = source->language};
  struct choice choice = {.out = out, .language = source->language};
  choice.failed = count.terms == NULL || count.slots == NULL;
  for (size_t i = 0; !choice.failed && i < source->n_texts; i++)
    count_text(&count, source->texts[i]);
  if (!choice.failed)
    choose_all(&choice, source, &count);
  free(count.terms);
  free(count.slots);
  if (choice.failed)
    keywords_fini(out);
  return !choice.failed;
}

void keywords_fini(struct keywords *keywords) {
  for (size_t i = 0; i < keywords->n; i++)
    free(keywords->items[i]);
  *keywords = (struct keywords){0};
}

/* ---- hashtags ---- */

bool keyword_hashtag(const char *keyword, char **tag) {
  struct strbuf out = {0};
  size_t len = strlen(keyword);
  bool begins = true;
  bool letters = false;
  for (size_t at = 0; at < len;) {
    int32_t character = 0;
    size_t n = words_character(keyword + at, len - at, &character);
    utf8proc_category_t category =
        character >= 0 ? utf8proc_category(character) : UTF8PROC_CATEGORY_CN;
    bool letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_MC;
    if (letter || category == UTF8PROC_CATEGORY_ND) {
      utf8proc_uint8_t bytes[4];
      int32_t written = begins ? utf8proc_totitle(character) : character;
      strbuf_add(&out, (const char *)bytes, (size_t)utf8proc_encode_char(written, bytes));
    }
    letters = letters || letter;
    begins = character == ' ' || character == '-';
    at += n;
  }
  bool failed = out.failed;
  *tag = !failed && letters && out.len <= HASHTAG_BYTES ? strbuf_take(&out) : NULL;
  strbuf_fini(&out);
  return !failed;
}
