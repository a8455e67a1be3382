#include "phrase.h"

#include "stopword.h"

#include <assert.h>
#include <string.h>

#define SLOTS          (1U << 17) /* above twice PHRASE_MAX */
#define SENTENCE_WORDS 256        /* looked at of one sentence */
#define LETTERS_MIN    3          /* bytes of a word in a phrase */

static_assert(SLOTS > 2 * PHRASE_MAX, "the table must not fill up");
static_assert(SOURCES_MAX <= 64, "one bit for each source");

/* One sentence while its phrases are taken. */
struct scan {
  struct phrases *phrases;
  const char *text; /* of the sentence */
  struct word words[SENTENCE_WORDS];
  bool subject[SENTENCE_WORDS];
  size_t n;
  bool capitals; /* nouns are capitalised in this language */
  uint32_t passage, source;
  uint32_t found[PHRASE_PASSAGE_MAX]; /* of the passage */
  uint32_t n_found;
};

static struct phrase *phrase_for(struct phrases *phrases, uint64_t hash) {
  for (size_t at = hash & (SLOTS - 1);; at = (at + 1) & (SLOTS - 1)) {
    uint32_t slot = phrases->slots[at];
    if (slot != 0 && phrases->items[slot - 1].hash == hash)
      return &phrases->items[slot - 1];
    if (slot != 0)
      continue;
    if (phrases->n == PHRASE_MAX)
      return NULL;
    phrases->slots[at] = (uint32_t)++phrases->n;
    phrases->items[phrases->n - 1].hash = hash;
    return &phrases->items[phrases->n - 1];
  }
}

/* Majority vote (Boyer and Moore) on the written form. */
static void vote(struct phrase *phrase, uint64_t form, const char *surface, size_t len) {
  if (phrase->votes == 0) {
    phrase->form = form;
    phrase->surface = surface;
    phrase->surface_len = len;
  }
  if (phrase->form == form)
    phrase->votes++;
  else
    phrase->votes--;
}

static void record(struct scan *scan, size_t first, size_t n, bool noun) {
  uint64_t hash = 0, form = 0;
  for (size_t i = first; i < first + n; i++) {
    hash = words_hash(hash, &scan->words[i].stem, sizeof scan->words[i].stem);
    form = words_hash(form, &scan->words[i].exact, sizeof scan->words[i].exact);
  }
  struct phrase *phrase = phrase_for(scan->phrases, hash);
  if (phrase == NULL)
    return;
  if (phrase->count++ == 0) {
    for (size_t i = 0; i < n && i < PHRASE_WORDS_MAX; i++)
      phrase->stems[i] = scan->words[first + i].stem;
    phrase->n_words = n;
    phrase->subject = scan->subject[first + n - 1];
  }
  size_t start = scan->words[first].start, end = scan->words[first + n - 1].end;
  if (noun) {
    phrase->nouns++;
    vote(phrase, form, scan->text + start, end - start);
  }
  phrase->sources |= UINT64_C(1) << scan->source;
  if (phrase->last_passage == scan->passage + 1)
    return;
  phrase->last_passage = scan->passage + 1;
  phrase->passages++;
  if (scan->n_found < PHRASE_PASSAGE_MAX)
    scan->found[scan->n_found++] = (uint32_t)(phrase - scan->phrases->items);
}

/* Near enough to belong together: one space, or an apostrophe as in "l'énergie". */
static bool touches(const struct scan *scan, size_t i) {
  return scan->words[i].start - scan->words[i - 1].end <= 3;
}

/* An article or preposition before it, perhaps with one common adjective in between. */
static bool opened(const struct scan *scan, size_t first) {
  if (first == 0 || !touches(scan, first))
    return false;
  unsigned before = scan->words[first - 1].roles;
  if ((before & STOPWORD_OPENS) != 0)
    return true;
  return first > 1 && (before & STOPWORD_PLAIN) != 0 && touches(scan, first - 1) &&
         (scan->words[first - 2].roles & STOPWORD_OPENS) != 0;
}

static bool looks_like_noun(const struct scan *scan, size_t first, size_t n) {
  size_t behind = first + n;
  bool more = behind < scan->n && scan->words[behind].joined && scan->words[behind].roles == 0;
  if (scan->capitals)
    return first > 0 && !(more && scan->words[behind].capital);
  return opened(scan, first) && !more;
}

static bool is_content(const struct scan *scan, size_t i) {
  const struct word *word = &scan->words[i];
  return word->roles == 0 && !word->number && word->end - word->start >= LETTERS_MIN &&
         (!scan->capitals || word->capital);
}

static void spaced_phrases(struct scan *scan) {
  for (size_t first = 0; first < scan->n; first++)
    for (size_t n = 1; n <= PHRASE_WORDS_MAX && first + n <= scan->n; n++) {
      size_t last = first + n - 1;
      if (!is_content(scan, last) || (n > 1 && !scan->words[last].joined))
        break;
      record(scan, first, n, looks_like_noun(scan, first, n));
    }
}

static bool is_unspaced(const struct scan *scan, size_t i) {
  int32_t character;
  const struct word *word = &scan->words[i];
  words_character(scan->text + word->start, word->end - word->start, &character);
  return words_unspaced(character);
}

/* Whole runs of Han and Kana, made of words that overlap or follow without a gap. */
static void unspaced_phrases(struct scan *scan) {
  for (size_t first = 0, next; first < scan->n; first = next) {
    for (next = first + 1; next < scan->n; next++)
      if (scan->words[next].start > scan->words[next - 1].end || !is_unspaced(scan, next))
        break;
    size_t start = scan->words[first].start, end = scan->words[next - 1].end, characters = 0;
    for (size_t pos = start; pos < end; pos++)
      characters += ((unsigned char)scan->text[pos] & 0xc0) != 0x80;
    if (is_unspaced(scan, first) && characters >= PHRASE_RUN_MIN && characters <= PHRASE_RUN_MAX)
      record(scan, first, next - first, true);
  }
}

static void scan_sentence(struct scan *scan, const struct extract *extract, size_t index,
                          const struct subject *subject, const char *language) {
  const struct extract_sentence *sentence = &extract->sentences[index];
  struct words words;
  scan->text = extract->sources->items[sentence->source].text + sentence->start;
  scan->n = 0;
  words_init(&words, scan->text, sentence->end - sentence->start, language);
  while (scan->n < SENTENCE_WORDS && words_next(&words, &scan->words[scan->n])) {
    scan->subject[scan->n] = subject_match(subject, &words, &scan->words[scan->n]) != 0;
    scan->n++;
  }
  if (scan->n > 1 && is_unspaced(scan, 1))
    unspaced_phrases(scan);
  else
    spaced_phrases(scan);
}

bool phrase_collect(struct phrases *phrases, const struct extract *extract,
                    const struct subject *subject, const char *language, struct arena *arena) {
  *phrases = (struct phrases){
      .items = arena_alloc(arena, PHRASE_MAX, sizeof *phrases->items),
      .slots = arena_alloc(arena, SLOTS, sizeof *phrases->slots),
      .of_passage = arena_alloc(arena, extract->n_passages, sizeof *phrases->of_passage),
      .n_of_passage = arena_alloc(arena, extract->n_passages, sizeof *phrases->n_of_passage),
  };
  struct scan *scan = arena_alloc(arena, 1, sizeof *scan);
  if (arena->failed)
    return false;
  scan->phrases = phrases;
  scan->capitals = strncmp(language, "de", 2) == 0 || strncmp(language, "lb", 2) == 0;
  for (uint32_t i = 0; i < extract->n_passages; i++) {
    const struct extract_passage *passage = &extract->passages[i];
    scan->passage = i;
    scan->source = passage->source;
    scan->n_found = 0;
    for (size_t s = passage->first; s < passage->first + passage->n; s++)
      scan_sentence(scan, extract, s, subject, language);
    phrases->n_of_passage[i] = scan->n_found;
    phrases->of_passage[i] = arena_alloc(arena, scan->n_found, sizeof(uint32_t));
    if (phrases->of_passage[i] == NULL)
      return false;
    memcpy(phrases->of_passage[i], scan->found, scan->n_found * sizeof(uint32_t));
  }
  return true;
}
