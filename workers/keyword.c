#include "keyword.h"
#include "stopword.h"
#include "strbuf.h"
#include "term.h"
#include "text_cut.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define COUNT_MIN          3  /* a term that stands less often is no keyword */
#define NOUN_SHARE         4  /* one in so many times a word must stand where a noun does */
#define STEMS_MAX          8  /* words of one keyword that are compared */
#define PRIMARY_CHARACTERS 60 /* of the topic itself: a longer one is no keyword */
#define NAME_WORDS         3
#define NAMES_MAX          5
#define HASHTAG_WORDS      3
#define HASHTAG_CHARACTERS 30

/* The stems of the keywords chosen so far, so that none says the same again. */
struct choice {
  struct keywords *out;
  uint64_t stems[KEYWORDS_MAX][STEMS_MAX];
  size_t n_stems[KEYWORDS_MAX];
  const char *language;
  bool failed;
};

/* ---- choosing ---- */

static size_t stems_of(const char *text, const char *language, uint64_t *stems) {
  struct words words;
  struct term_word found;
  size_t n = 0;
  words_init(&words, text, strlen(text), language);
  while (n < STEMS_MAX && term_next(&words, language, &found))
    stems[n++] = found.word.stem;
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

/* The topic up to where its title begins to explain itself; "" when that is too long, as a part of
 * it would say something else. */
static char *primary_of(const char *topic) {
  static const char *const ends[] = {": ", " - ", " \xe2\x80\x93 ", " \xe2\x80\x94 ",
                                     "?",  "!",   "\xef\xbc\x9a",   "\xef\xbc\x9f"};
  const struct text_limit limit = {.characters = PRIMARY_CHARACTERS};
  size_t len = strlen(topic);
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    const char *end = strstr(topic, ends[i]);
    if (end != NULL && end > topic && (size_t)(end - topic) < len)
      len = (size_t)(end - topic);
  }
  return strndup(topic, text_cut_fits(&limit, topic, len) ? len : 0);
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
static char *name_of(const struct terms *terms, const char *name) {
  uint64_t stems[STEMS_MAX];
  size_t n = stems_of(name, terms->language, stems);
  if (n == 0 || n > NAME_WORDS || words_count(name, strlen(name)) > NAME_WORDS)
    return strdup("");
  const struct term *term = n <= 2 ? terms_find(terms, stems, n) : NULL;
  return term != NULL && !term->capital ? without_capital(name) : strdup(name);
}

static bool is_in_names(const struct keyword_source *source, const struct term *term) {
  uint64_t stems[STEMS_MAX];
  for (size_t i = 0; i < source->n_names; i++)
    if (holds_all(stems, stems_of(source->names[i], source->language, stems), term->stems,
                  term->n_stems))
      return true;
  return false;
}

/* Pairs name something. A single word may be a verb or an adjective, unless it looks like a noun
 * often enough or a section is named after it; without stop words nothing can be told. */
static bool is_keyword(const struct keyword_source *source, const struct term *term) {
  return term->count >= COUNT_MIN &&
         (term->n_stems > 1 || term->nouns * NOUN_SHARE >= term->count ||
          stopword_find(source->language) == NULL || is_in_names(source, term));
}

static void choose_all(struct choice *choice, const struct keyword_source *source,
                       struct terms *terms) {
  choose(choice, primary_of(source->topic));
  for (size_t i = 0; i < source->n_names && i < NAMES_MAX; i++)
    choose(choice, name_of(terms, source->names[i]));
  terms_sort(terms);
  for (size_t i = 0; i < terms->n && choice->out->n < KEYWORDS_MAX; i++)
    if (is_keyword(source, &terms->items[i]))
      choose(choice, strndup(terms->items[i].surface, terms->items[i].len));
  if (choice->out->n == 0)
    choose(choice, strdup(source->topic));
}

bool keywords_find(const struct keyword_source *source, struct keywords *out) {
  *out = (struct keywords){0};
  struct terms terms;
  struct choice choice = {.out = out, .language = source->language};
  choice.failed = !terms_init(&terms, source->language);
  for (size_t i = 0; !choice.failed && i < source->n_texts; i++)
    terms_add(&terms, source->texts[i]);
  if (!choice.failed)
    choose_all(&choice, source, &terms);
  terms_fini(&terms);
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
  const struct text_limit limit = {.characters = HASHTAG_CHARACTERS};
  struct strbuf out = {0};
  size_t len = strlen(keyword);
  size_t words = 0;
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
      words += begins;
      begins = false;
    }
    letters = letters || letter;
    begins = begins || character == ' ' || character == '-';
    at += n;
  }
  bool failed = out.failed;
  bool fits = letters && words <= HASHTAG_WORDS && text_cut_fits(&limit, out.data, out.len);
  *tag = !failed && fits ? strbuf_take(&out) : NULL;
  strbuf_fini(&out);
  return !failed;
}
