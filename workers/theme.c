#include "theme.h"

#include "affinity.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define NOUNS_MIN       2    /* occurrences that look like a noun phrase */
#define NOUN_SHARE_MIN  0.25 /* of all occurrences */
#define BROAD_SHARE     0.40 /* of all passages: what holds more is the topic, not a theme */
#define FRESH_SHARE_MIN 0.50 /* of a theme's passages must be in no theme yet */
#define PHRASE_BONUS    2.2  /* factor for a phrase of several words: it says more than one word */
#define LONG_WORD       10   /* bytes from which a word alone says about as much, as compounds do */
#define LONG_BONUS      1.6
#define TITLE_BONUS     1.5  /* for words that stand in the title of a source */
#define TITLE_WORDS_MAX 800  /* of all titles */
#define COVER_MAX       8.0  /* passages beyond which coverage is no longer a merit */
#define FULLER_SHARE    0.40 /* of a word's occurrences that must be in the longer phrase */
#define THEME_LATE      3    /* one theme in so many is sought in what the others leave */

struct search {
  const struct extract *extract;
  const struct phrases *phrases;
  const char *language;
  struct themes *themes;
  uint32_t chosen[THEME_MAX]; /* phrases */
  uint64_t *titled;           /* stems of the words in the sources' titles, ascending */
  size_t n_titled;
  double *gains;   /* by phrase: score of its passages that have no theme */
  uint32_t *fresh; /* by phrase: how many these are */
};

static bool holds(const struct phrases *phrases, size_t passage, uint32_t phrase) {
  for (size_t i = 0; i < phrases->n_of_passage[passage]; i++)
    if (phrases->of_passage[passage][i] == phrase)
      return true;
  return false;
}

static bool shares_word(const struct phrase *a, const struct phrase *b) {
  for (size_t i = 0; i < a->n_words && i < PHRASE_WORDS_MAX; i++)
    for (size_t j = 0; j < b->n_words && j < PHRASE_WORDS_MAX; j++)
      if (a->stems[i] == b->stems[j])
        return true;
  return false;
}

/* Words that name nothing when they stand alone, as stems of all languages with a list. */
static const char vague[] =
    " system machine device unit house home building room wall window thing group level rate value "
    "result question problem issue change difference form size amount total increase rise fall "
    "country world region area place street summer winter spring autumn government ministry report "
    "study data information company firm market work project plan programme program idea step "
    "point "
    "reason role rule task test trial researcher expert owner customer household manufacturer "
    "maker "
    "participant author analyst saving decade age gerat anlag syst haus geba hauser problem "
    "ergebnis "
    "unterschied gruppe land region gebiet ort sommer winter studie bericht daten firma markt "
    "arbeit "
    "projekt plan idee punkt roll aufgab test experten fachleut eigentum haushalt kund hersteller "
    "forscher forsch autor wohnung raum raum masnahm massnahm system systeme maison pays region "
    "marche "
    "travail rapport etude projet niveau taux resultat question probleme entreprise sistema casa "
    "pais "
    "mercado trabajo informe estudio proyecto nivel resultado pregunta problema empresa paese "
    "mercato "
    "lavoro rapporto studio progetto livello risultato domanda azienda systeem huis land markt "
    "werk "
    "rapport onderzoek project niveau resultaat vraag probleem bedrijf trabalho relatorio estudo "
    "projeto "
    "pergunta ";

static bool is_vague(const struct phrase *phrase, const char *language) {
  struct words words;
  struct word word;
  char whole[WORDS_FOLDED_MAX + 2], stem[WORDS_FOLDED_MAX + 2];
  if (phrase->surface == NULL)
    return true;
  words_init(&words, phrase->surface, phrase->surface_len, language);
  if (!words_next(&words, &word))
    return true;
  snprintf(whole, sizeof whole, " %s ", words.folded);
  snprintf(stem, sizeof stem, " %s ", words.stem);
  return strstr(vague, whole) != NULL || strstr(vague, stem) != NULL;
}

static int by_hash(const void *left, const void *right) {
  uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

static bool collect_titles(struct search *search, struct arena *arena) {
  const struct sources *sources = search->extract->sources;
  struct words words;
  struct word word;
  search->titled = arena_alloc(arena, TITLE_WORDS_MAX, sizeof *search->titled);
  if (search->titled == NULL)
    return false;
  for (size_t i = 0; i < sources->n; i++) {
    const char *title = sources->items[i].document->title;
    words_init(&words, title, title == NULL ? 0 : strlen(title), search->language);
    while (search->n_titled < TITLE_WORDS_MAX && words_next(&words, &word))
      search->titled[search->n_titled++] = word.stem;
  }
  qsort(search->titled, search->n_titled, sizeof *search->titled, by_hash);
  return true;
}

static bool in_title(const struct search *search, const struct phrase *phrase) {
  for (size_t i = 0; i < phrase->n_words && i < PHRASE_WORDS_MAX; i++)
    if (bsearch(&phrase->stems[i], search->titled, search->n_titled, sizeof *search->titled,
                by_hash) == NULL)
      return false;
  return true;
}

static uint32_t passages_min(const struct search *search, const struct phrase *phrase) {
  return in_title(search, phrase) ? THEME_TITLED_MIN : THEME_PASSAGES_MIN;
}

static bool eligible(const struct search *search, const struct phrase *phrase) {
  double broad = BROAD_SHARE * (double)search->extract->n_passages;
  if (phrase->subject || phrase->passages < passages_min(search, phrase) ||
      phrase->nouns < NOUNS_MIN || phrase->nouns < NOUN_SHARE_MIN * phrase->count ||
      (phrase->passages > THEME_PASSAGES_MIN && phrase->passages > broad) ||
      (phrase->n_words == 1 && is_vague(phrase, search->language)))
    return false;
  for (size_t i = 0; i < search->themes->n; i++)
    if (shares_word(phrase, &search->phrases->items[search->chosen[i]]))
      return false;
  return true;
}

/* Sums for each phrase what its passages without a theme are worth. */
static void count_gains(struct search *search) {
  const struct phrases *phrases = search->phrases;
  memset(search->gains, 0, phrases->n * sizeof *search->gains);
  memset(search->fresh, 0, phrases->n * sizeof *search->fresh);
  for (size_t p = 0; p < search->extract->n_passages; p++) {
    if (search->themes->of_passage[p] != THEME_NONE)
      continue;
    for (size_t i = 0; i < phrases->n_of_passage[p]; i++) {
      uint32_t phrase = phrases->of_passage[p][i];
      search->gains[phrase] += search->extract->passages[p].score;
      search->fresh[phrase]++;
    }
  }
}

static double precision(const struct phrase *phrase) {
  if (phrase->n_words > 1)
    return PHRASE_BONUS;
  return phrase->surface_len >= LONG_WORD ? LONG_BONUS : 1.0;
}

static double merit(const struct search *search, size_t index) {
  const struct phrase *phrase = &search->phrases->items[index];
  double fresh = search->fresh[index];
  if (fresh < passages_min(search, phrase) || fresh < FRESH_SHARE_MIN * phrase->passages)
    return 0.0;
  double cover = fresh < COVER_MAX ? 1.0 : COVER_MAX / fresh;
  double nouns = (double)phrase->nouns / phrase->count;
  return search->gains[index] * cover * (0.3 + nouns) * precision(phrase) *
         (in_title(search, phrase) ? TITLE_BONUS : 1.0) *
         log2(1.0 + __builtin_popcountll(phrase->sources));
}

/* The best phrase for one more theme; false when none is good. */
static bool next_theme(struct search *search, uint32_t *best) {
  double most = 0.0;
  count_gains(search);
  for (size_t i = 0; i < search->phrases->n; i++) {
    double found = search->fresh[i] < THEME_TITLED_MIN ? 0.0 : merit(search, i);
    if (found > most && eligible(search, &search->phrases->items[i])) {
      most = found;
      *best = (uint32_t)i;
    }
  }
  return most > 0.0;
}

/* The surface with white space folded and its first letter in upper case. */
static char *make_title(const struct phrase *phrase, struct arena *arena) {
  char *title = arena_alloc(arena, phrase->surface_len + 8, 1);
  if (title == NULL)
    return NULL;
  int32_t first;
  size_t wide = words_character(phrase->surface, phrase->surface_len, &first);
  size_t used = (size_t)utf8proc_encode_char(utf8proc_toupper(first), (utf8proc_uint8_t *)title);
  bool space = false;
  for (size_t i = wide; i < phrase->surface_len; i++) {
    char c = phrase->surface[i];
    bool blank = c == ' ' || (c >= '\t' && c <= '\r');
    if (!(blank && space))
      title[used++] = blank ? ' ' : c;
    space = blank;
  }
  return title;
}

/* Passages that continue a theme's passage in the same paragraph belong to it too. */
static void spread(struct search *search) {
  const struct extract *extract = search->extract;
  int *of_passage = search->themes->of_passage;
  for (size_t p = 1; p < extract->n_passages; p++) {
    const struct extract_passage *before = &extract->passages[p - 1];
    const struct extract_sentence *last = &extract->sentences[before->first + before->n - 1];
    const struct extract_sentence *first = &extract->sentences[extract->passages[p].first];
    if (of_passage[p] == THEME_NONE && first == last + 1 && first->source == last->source &&
        first->paragraph == last->paragraph)
      of_passage[p] = of_passage[p - 1];
  }
}

/* A word that mostly stands behind another is named with it: "network operator", not "operator". */
static const struct phrase *fullest(const struct search *search, const struct phrase *phrase) {
  const struct phrase *best = phrase;
  for (size_t i = 0; i < search->phrases->n && phrase->n_words == 1; i++) {
    const struct phrase *longer = &search->phrases->items[i];
    if (longer->n_words == 2 && longer->stems[1] == phrase->stems[0] && longer->nouns > 0 &&
        longer->count >= FULLER_SHARE * phrase->count &&
        longer->count > best->count * (best != phrase))
      best = longer;
  }
  return best;
}

/* Adds the best themes for what has none, until there are `limit`. False without memory. */
static bool add_themes(struct search *search, size_t limit, struct arena *arena) {
  struct themes *themes = search->themes;
  uint32_t best = 0;
  while (themes->n < limit && next_theme(search, &best)) {
    char *title = make_title(fullest(search, &search->phrases->items[best]), arena);
    if (title == NULL)
      return false;
    for (size_t p = 0; p < search->extract->n_passages; p++)
      if (themes->of_passage[p] == THEME_NONE && holds(search->phrases, p, best))
        themes->of_passage[p] = (int)themes->n;
    search->chosen[themes->n] = best;
    themes->titles[themes->n++] = title;
  }
  spread(search);
  return true;
}

bool theme_find(struct themes *themes, const struct extract *extract, const struct subject *subject,
                const char *language, size_t max, struct arena *arena) {
  struct phrases phrases;
  *themes = (struct themes){
      .of_passage = arena_alloc(arena, extract->n_passages, sizeof *themes->of_passage)};
  if (themes->of_passage == NULL || !phrase_collect(&phrases, extract, subject, language, arena))
    return false;
  struct search search = {
      .extract = extract,
      .phrases = &phrases,
      .language = language,
      .themes = themes,
      .gains = arena_alloc(arena, phrases.n, sizeof *search.gains),
      .fresh = arena_alloc(arena, phrases.n, sizeof *search.fresh),
  };
  if (arena->failed || !collect_titles(&search, arena))
    return false;
  for (size_t p = 0; p < extract->n_passages; p++)
    themes->of_passage[p] = THEME_NONE;
  size_t limit = max < THEME_MAX ? max : THEME_MAX;
  return add_themes(&search, limit - limit / THEME_LATE, arena) &&
         affinity_assign(themes, extract, arena) && add_themes(&search, limit, arena) &&
         affinity_assign(themes, extract, arena);
}
