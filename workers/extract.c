#include "extract.h"

#include "sentence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAME_JACCARD   0.60
#define SAME_CONTAINED 0.80 /* of the terms of the shorter one, when it has SAME_TERMS_MIN */
#define SAME_TERMS_MIN 5
#define EARLY          25  /* sentences of a source that count as its beginning */
#define SHORT_PASSAGE  25  /* words below which a passage takes the next sentence gladly */
#define FOLLOW_SHARE   0.8 /* of the passage's score that a following sentence must reach */

/* What a sentence's score is made of; the shares add up to 1. */
#define SHARE_SUBJECT     0.30
#define SHARE_CENTRAL     0.35
#define SHARE_EARLY       0.12
#define SHARE_LENGTH      0.13
#define SHARE_FIGURES     0.10
#define MALUS_PERSON      0.55
#define MALUS_QUESTION    0.40
#define MALUS_QUOTE       0.85
#define MALUS_INSIDE      0.88 /* for a passage that starts inside a paragraph */
#define PASSAGE_WORDS_MIN 9

static int by_number(const void *left, const void *right) {
  uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
  return (a > b) - (a < b);
}

static bool collect_terms(struct extract *extract, struct extract_sentence *sentence,
                          const struct subject *subject, const char *language,
                          struct arena *arena) {
  uint32_t terms[EXTRACT_TERMS_MAX];
  size_t n = 0;
  const char *text = extract->sources->items[sentence->source].text;
  struct words words;
  struct word word;
  words_init(&words, text + sentence->start, sentence->end - sentence->start, language);
  while (n < EXTRACT_TERMS_MAX && words_next(&words, &word)) {
    if (word.roles == 0 || subject->n == 1)
      sentence->subject |= subject_match(subject, &words, &word);
    if (word.roles == 0)
      terms[n++] = lexicon_number(&extract->lexicon, word.stem);
  }
  qsort(terms, n, sizeof terms[0], by_number);
  size_t kept = 0;
  for (size_t i = 0; i < n; i++)
    if (kept == 0 || terms[i] != terms[kept - 1])
      terms[kept++] = terms[i];
  for (size_t i = 0; i < kept; i++)
    lexicon_count(&extract->lexicon, terms[i], sentence->source);
  sentence->n_terms = kept;
  sentence->terms = arena_alloc(arena, kept, sizeof terms[0]);
  if (sentence->terms != NULL)
    memcpy(sentence->terms, terms, kept * sizeof terms[0]);
  return sentence->terms != NULL;
}

static bool read_source(struct extract *extract, uint32_t index, const struct subject *subject,
                        const char *language, struct arena *arena) {
  const struct source *source = &extract->sources->items[index];
  struct sentences walk;
  struct sentence found;
  uint32_t number = 0;
  sentence_init(&walk, source->text, source->len, language);
  while (extract->n_sentences < EXTRACT_SENTENCES_MAX && sentence_next(&walk, &found)) {
    struct extract_sentence *sentence = &extract->sentences[extract->n_sentences++];
    *sentence = (struct extract_sentence){.source = index,
                                          .number = number++,
                                          .paragraph = found.paragraph,
                                          .start = found.start,
                                          .end = found.end};
    size_t len = found.end - found.start;
    if (found.whole)
      sentence->prose = prose_judge(source->text + found.start, len, language);
    if (!sentence->prose.fit)
      continue;
    sentence->words = words_count(source->text + found.start, len);
    if (!collect_terms(extract, sentence, subject, language, arena))
      return false;
  }
  return true;
}

/* A term's weight falls with the share of sentences that hold it. Vectors get their lengths. */
static bool weigh_terms(struct extract *extract, struct arena *arena) {
  const struct lexicon *lexicon = &extract->lexicon;
  extract->weights = arena_alloc(arena, lexicon->n, sizeof *extract->weights);
  if (extract->weights == NULL)
    return false;
  for (size_t i = 0; i < lexicon->n; i++)
    extract->weights[i] = log(1.0 + (double)extract->n_sentences / lexicon->terms[i].sentences);
  for (size_t i = 0; i < extract->n_sentences; i++) {
    struct extract_sentence *sentence = &extract->sentences[i];
    double sum = 0.0;
    for (size_t t = 0; t < sentence->n_terms; t++)
      sum += extract->weights[sentence->terms[t]] * extract->weights[sentence->terms[t]];
    sentence->length = sqrt(sum);
  }
  return true;
}

/* How near a sentence is to the middle of all: terms that many sentences and several sources hold
 * count most, so that what only one source says on the side stays behind. */
static double centrality(const struct extract *extract, const struct extract_sentence *sentence) {
  double sum = 0.0;
  if (sentence->length <= 0.0)
    return 0.0;
  for (size_t t = 0; t < sentence->n_terms; t++) {
    const struct lexicon_term *term = &extract->lexicon.terms[sentence->terms[t]];
    double weight = extract->weights[sentence->terms[t]];
    sum += weight * weight * term->sentences * log2(1.0 + term->sources);
  }
  return sum / sentence->length;
}

/* Full for 12 to 32 words, less for shorter and longer ones. */
static double length_merit(int64_t words) {
  if (words < 12)
    return (double)words / 12.0;
  return words <= 32 ? 1.0 : 32.0 / (double)words;
}

static bool score_sentences(struct extract *extract, const struct subject *subject,
                            struct arena *arena) {
  double *central = arena_alloc(arena, extract->n_sentences, sizeof *central);
  double most = 0.0;
  if (central == NULL)
    return false;
  for (size_t i = 0; i < extract->n_sentences; i++) {
    central[i] = centrality(extract, &extract->sentences[i]);
    most = central[i] > most ? central[i] : most;
  }
  for (size_t i = 0; i < extract->n_sentences; i++) {
    struct extract_sentence *sentence = &extract->sentences[i];
    if (!sentence->prose.fit)
      continue;
    double early = sentence->number >= EARLY ? 0.0 : 1.0 - (double)sentence->number / EARLY;
    double score = SHARE_SUBJECT * subject_share(subject, sentence->subject) +
                   SHARE_CENTRAL * (most > 0.0 ? central[i] / most : 0.0) + SHARE_EARLY * early +
                   SHARE_LENGTH * length_merit(sentence->words) +
                   SHARE_FIGURES * (sentence->prose.figures ? 1.0 : 0.0);
    score *= 0.7 + 0.3 * extract->sources->items[sentence->source].score;
    score *= sentence->prose.person ? MALUS_PERSON : 1.0;
    score *= sentence->prose.question ? MALUS_QUESTION : 1.0;
    score *= sentence->prose.quote ? MALUS_QUOTE : 1.0;
    sentence->score = score;
  }
  return true;
}

/* Whether the sentence behind a passage may join it. One that leans on what was said is welcome; a
 * new paragraph's first sentence joins only when it leans. */
static bool may_follow(const struct extract *extract, const struct extract_passage *passage) {
  size_t next = passage->first + passage->n;
  if (passage->n >= EXTRACT_PASSAGE_SENTENCES || next >= extract->n_sentences)
    return false;
  const struct extract_sentence *last = &extract->sentences[next - 1];
  const struct extract_sentence *sentence = &extract->sentences[next];
  if (!sentence->prose.fit || sentence->source != passage->source || sentence->prose.question ||
      passage->words + sentence->words > EXTRACT_PASSAGE_WORDS)
    return false;
  if (sentence->prose.leans)
    return sentence->prose.person <= last->prose.person;
  return sentence->paragraph == last->paragraph &&
         (passage->words < SHORT_PASSAGE ||
          sentence->score * (double)passage->words >= FOLLOW_SHARE * passage->score);
}

static bool starts_paragraph(const struct extract *extract, size_t index) {
  const struct extract_sentence *sentence = &extract->sentences[index];
  return sentence->number == 0 || sentence[-1].paragraph != sentence->paragraph;
}

/* The passage that starts with sentence `first`. Its score is that of its words: a sum until it is
 * complete, then the mean. */
static struct extract_passage grow(const struct extract *extract, size_t first) {
  const struct extract_sentence *sentence = &extract->sentences[first];
  struct extract_passage passage = {.first = first,
                                    .n = 1,
                                    .source = sentence->source,
                                    .words = sentence->words,
                                    .score = sentence->score * (double)sentence->words};
  while (may_follow(extract, &passage)) {
    sentence = &extract->sentences[passage.first + passage.n++];
    passage.words += sentence->words;
    passage.score += sentence->score * (double)sentence->words;
  }
  passage.score *= starts_paragraph(extract, first) ? 1.0 : MALUS_INSIDE;
  passage.score /= (double)passage.words;
  return passage;
}

static int by_score(const void *left, const void *right) {
  const struct extract_passage *a = left, *b = right;
  if (a->score != b->score)
    return a->score < b->score ? 1 : -1;
  return (a->first > b->first) - (a->first < b->first);
}

static int by_place(const void *left, const void *right) {
  const struct extract_passage *a = left, *b = right;
  return (a->first > b->first) - (a->first < b->first);
}

static bool make_passages(struct extract *extract, struct arena *arena) {
  extract->passages = arena_alloc(arena, extract->n_sentences, sizeof *extract->passages);
  if (extract->passages == NULL)
    return false;
  for (size_t i = 0; i < extract->n_sentences;) {
    const struct prose *prose = &extract->sentences[i].prose;
    if (!prose->fit || prose->leans || prose->question) {
      i++;
      continue;
    }
    struct extract_passage passage = grow(extract, i);
    i += passage.n;
    if (passage.words < PASSAGE_WORDS_MIN)
      continue;
    extract->passages[extract->n_passages++] = passage;
    extract->words += passage.words;
  }
  if (extract->n_passages > EXTRACT_PASSAGES_MAX) {
    qsort(extract->passages, extract->n_passages, sizeof *extract->passages, by_score);
    extract->n_passages = EXTRACT_PASSAGES_MAX;
    qsort(extract->passages, extract->n_passages, sizeof *extract->passages, by_place);
  }
  return true;
}

bool extract_read(struct extract *extract, const struct sources *sources,
                  const struct subject *subject, const char *language, struct arena *arena) {
  size_t bytes = 0;
  *extract = (struct extract){.sources = sources};
  for (size_t i = 0; i < sources->n; i++)
    bytes += sources->items[i].len;
  /* A word takes two bytes at least, with the space that parts it; a pair of Han characters three.
   */
  extract->sentences = arena_alloc(arena, EXTRACT_SENTENCES_MAX, sizeof *extract->sentences);
  if (extract->sentences == NULL || !lexicon_init(&extract->lexicon, bytes / 2 + 2, arena))
    return false;
  for (uint32_t i = 0; i < sources->n; i++)
    if (!read_source(extract, i, subject, language, arena))
      return false;
  return weigh_terms(extract, arena) && score_sentences(extract, subject, arena) &&
         make_passages(extract, arena);
}

double extract_likeness(const struct extract *extract, const struct extract_sentence *a,
                        const struct extract_sentence *b) {
  double sum = 0.0;
  if (a->length <= 0.0 || b->length <= 0.0)
    return 0.0;
  for (size_t i = 0, j = 0; i < a->n_terms && j < b->n_terms;) {
    uint32_t left = a->terms[i], right = b->terms[j];
    if (left == right)
      sum += extract->weights[left] * extract->weights[left];
    i += left <= right;
    j += right <= left;
  }
  return sum / (a->length * b->length);
}

bool extract_same(const struct extract_sentence *a, const struct extract_sentence *b) {
  size_t both = 0;
  for (size_t i = 0, j = 0; i < a->n_terms && j < b->n_terms;) {
    both += a->terms[i] == b->terms[j];
    uint32_t left = a->terms[i], right = b->terms[j];
    i += left <= right;
    j += right <= left;
  }
  size_t all = a->n_terms + b->n_terms - both;
  size_t less = a->n_terms < b->n_terms ? a->n_terms : b->n_terms;
  return (all > 0 && (double)both >= SAME_JACCARD * (double)all) ||
         (less >= SAME_TERMS_MIN && (double)both >= SAME_CONTAINED * (double)less);
}
