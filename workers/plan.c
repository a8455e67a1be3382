#include "plan.h"

#include <stdlib.h>
#include <string.h>

#define FLOOR_SHARE      0.40 /* of the best passages' mean score; what is worth less stays out */
#define FLOOR_BEST       10   /* passages that this mean is taken of */
#define LIKE_MALUS       0.60 /* for a passage like one chosen before */
#define LIKE_SUMMARY     0.80
#define SAME_THEME       0.60 /* factor for a second summary sentence of a theme, */
#define SAME_SOURCE      0.60 /* and of a source */
#define INSIDE_SUMMARY   0.75 /* and for one that is not the first of its paragraph */
#define CROWDED_MALUS    0.60 /* times the share that a source has of the report so far */
#define SUMMARY_WORDS    250  /* words of report for each sentence of the summary */
#define SUMMARY_MIN      3
#define SUMMARY_PASSAGES 4 /* passages there must be for each sentence of the summary */
#define SUMMARY_SHORTEST 9 /* words */
#define SUMMARY_LONGEST  42
#define THEME_SHARE_MAX  1.6  /* of an even share of the target */
#define ENOUGH_SHARE     0.95 /* of the target: then no section for the rest is opened */
#define JOINED_WORDS     70   /* up to which quotes of two paragraphs are joined */
#define SECTION_MIN      2    /* quotes; a section with fewer joins the rest */

/* A passage while the plan is made. */
struct piece {
  struct extract_passage passage; /* what is left of it */
  int theme;
  bool gone;
  double like; /* to the most alike sentence chosen so far */
};

struct draft {
  struct plan *plan;
  const struct extract *extract;
  struct piece *pieces;
  size_t n;
  size_t *chosen; /* sentences */
  size_t n_chosen;
  int64_t *of_source;  /* words by source */
  unsigned in_summary; /* themes that the summary names, as bits */
  double floor;
  int64_t target;
};

static int by_value(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a < b) - (a > b);
}

static bool set_floor(struct draft *draft, struct arena *arena) {
  double *scores = arena_alloc(arena, draft->n, sizeof *scores);
  double sum = 0.0;
  if (scores == NULL)
    return false;
  for (size_t i = 0; i < draft->n; i++)
    scores[i] = draft->pieces[i].passage.score;
  qsort(scores, draft->n, sizeof *scores, by_value);
  size_t best = draft->n < FLOOR_BEST ? draft->n : FLOOR_BEST;
  for (size_t i = 0; i < best; i++)
    sum += scores[i];
  draft->floor = best == 0 ? 0.0 : FLOOR_SHARE * sum / (double)best;
  return true;
}

static const struct extract_sentence *sentence_at(const struct draft *draft, size_t index) {
  return &draft->extract->sentences[index];
}

static bool said_before(const struct draft *draft, size_t first, size_t n) {
  for (size_t s = first; s < first + n; s++)
    for (size_t i = 0; i < draft->n_chosen; i++)
      if (extract_same(sentence_at(draft, s), sentence_at(draft, draft->chosen[i])))
        return true;
  return false;
}

/* Notes that sentences were chosen, and how like them the other pieces are. */
static void note_chosen(struct draft *draft, const struct plan_quote *quote) {
  for (size_t s = quote->first; s < quote->first + quote->n; s++) {
    draft->chosen[draft->n_chosen++] = s;
    for (size_t i = 0; i < draft->n; i++) {
      struct piece *piece = &draft->pieces[i];
      if (piece->gone)
        continue;
      double like = extract_likeness(draft->extract, sentence_at(draft, piece->passage.first),
                                     sentence_at(draft, s));
      piece->like = like > piece->like ? like : piece->like;
    }
  }
  draft->of_source[quote->source] += quote->words;
  draft->plan->words += quote->words;
}

static double crowded(const struct draft *draft, uint32_t source) {
  if (draft->extract->sources->n < 2)
    return 1.0;
  return 1.0 - CROWDED_MALUS * (double)draft->of_source[source] / (double)(draft->plan->words + 1);
}

/* What a passage's first sentence is worth in the summary; 0 when it cannot stand there. */
static double summary_value(const struct draft *draft, const struct piece *piece) {
  const struct extract_sentence *sentence = sentence_at(draft, piece->passage.first);
  if (piece->gone || sentence->words < SUMMARY_SHORTEST || sentence->words > SUMMARY_LONGEST ||
      sentence->prose.person || sentence->prose.quote || sentence->subject == 0)
    return 0.0;
  double value = sentence->score * (1.0 - LIKE_SUMMARY * piece->like);
  if (sentence->number > 0 && sentence[-1].paragraph == sentence->paragraph)
    value *= INSIDE_SUMMARY;
  for (size_t i = 0; i < draft->plan->n_summary; i++)
    value *= draft->plan->summary[i].source == piece->passage.source ? SAME_SOURCE : 1.0;
  bool named = piece->theme != THEME_NONE && (draft->in_summary >> piece->theme & 1U) != 0;
  return named ? value * SAME_THEME : value;
}

/* Takes the first sentence of a piece; the rest stays a passage if it can stand alone. */
static struct plan_quote behead(struct draft *draft, struct piece *piece) {
  struct extract_passage *passage = &piece->passage;
  const struct extract_sentence *sentence = sentence_at(draft, passage->first);
  struct plan_quote quote = {
      .first = passage->first, .n = 1, .source = passage->source, .words = sentence->words};
  passage->first++;
  passage->n--;
  passage->words -= sentence->words;
  piece->gone = passage->n == 0 || sentence_at(draft, passage->first)->prose.leans;
  return quote;
}

static void make_summary(struct draft *draft) {
  struct plan *plan = draft->plan;
  int64_t wanted = draft->target / SUMMARY_WORDS;
  size_t max = wanted < SUMMARY_MIN        ? SUMMARY_MIN
               : wanted > PLAN_SUMMARY_MAX ? PLAN_SUMMARY_MAX
                                           : (size_t)wanted;
  if (max > draft->n / SUMMARY_PASSAGES)
    max = draft->n / SUMMARY_PASSAGES;
  while (plan->n_summary < max) {
    struct piece *best = NULL;
    double most = draft->floor / 2;
    for (size_t i = 0; i < draft->n; i++) {
      double value = summary_value(draft, &draft->pieces[i]);
      if (value > most && !said_before(draft, draft->pieces[i].passage.first, 1)) {
        best = &draft->pieces[i];
        most = value;
      }
    }
    if (best == NULL)
      return;
    draft->in_summary |= best->theme == THEME_NONE ? 0U : 1U << best->theme;
    struct plan_quote quote = behead(draft, best);
    plan->summary[plan->n_summary++] = quote;
    note_chosen(draft, &quote);
  }
}

/* Adds the best piece of a theme to its section; false when none is left that is worth it. */
static bool add_quote(struct draft *draft, struct plan_section *section, int theme) {
  for (;;) {
    struct piece *best = NULL;
    double most = 0.0;
    for (size_t i = 0; i < draft->n; i++) {
      struct piece *piece = &draft->pieces[i];
      double value = piece->passage.score * (1.0 - LIKE_MALUS * piece->like) *
                     crowded(draft, piece->passage.source);
      if (!piece->gone && piece->theme == theme && piece->passage.score >= draft->floor &&
          value > most) {
        best = piece;
        most = value;
      }
    }
    if (best == NULL)
      return false;
    best->gone = true;
    const struct extract_passage *passage = &best->passage;
    if (said_before(draft, passage->first, passage->n))
      continue;
    struct plan_quote quote = {.first = passage->first,
                               .n = passage->n,
                               .source = passage->source,
                               .words = passage->words};
    section->quotes[section->n++] = quote;
    section->words += quote.words;
    note_chosen(draft, &quote);
    return true;
  }
}

/* Themes take turns, so that none takes all the words. */
static void fill_themes(struct draft *draft, struct plan_section *sections, size_t n) {
  int64_t most = n == 0 ? 0 : (int64_t)(THEME_SHARE_MAX * (double)draft->target / (double)n);
  bool more = true;
  while (more && draft->plan->words < draft->target) {
    more = false;
    for (size_t i = 0; i < n && draft->plan->words < draft->target; i++)
      more |= sections[i].words < most && add_quote(draft, &sections[i], (int)i);
  }
}

static void fill_rest(struct draft *draft, struct plan_section *rest) {
  if ((double)draft->plan->words >= ENOUGH_SHARE * (double)draft->target)
    return;
  while (draft->plan->words < draft->target && add_quote(draft, rest, THEME_NONE))
    ;
}

/* Within a section sources follow each other as they were chosen, and each is quoted in the order
 * of its text. */
static void put_in_order(struct plan_section *section) {
  for (size_t i = 1; i < section->n; i++) {
    struct plan_quote quote = section->quotes[i];
    size_t from = 0, to = i;
    while (from < i && section->quotes[from].source != quote.source)
      from++;
    if (from == i)
      continue;
    while (from < i && section->quotes[from].source == quote.source &&
           section->quotes[from].first < quote.first)
      from++;
    for (; to > from; to--)
      section->quotes[to] = section->quotes[to - 1];
    section->quotes[from] = quote;
  }
}

/* Whether the second quote goes on where the first ends, in one paragraph or a short one. */
static bool goes_on(const struct extract *extract, const struct plan_quote *a,
                    const struct plan_quote *b) {
  if (a->source != b->source || a->first + a->n != b->first)
    return false;
  const struct extract_sentence *next = &extract->sentences[b->first];
  return next[-1].paragraph == next->paragraph || a->words + b->words <= JOINED_WORDS;
}

/* Quotes that turned out to follow each other in their source become one. */
static void join_neighbours(const struct extract *extract, struct plan_section *section) {
  size_t kept = 0;
  for (size_t i = 0; i < section->n; i++) {
    struct plan_quote *last = kept == 0 ? NULL : &section->quotes[kept - 1];
    const struct plan_quote quote = section->quotes[i];
    if (last != NULL && goes_on(extract, last, &quote)) {
      last->n += quote.n;
      last->words += quote.words;
    } else {
      section->quotes[kept++] = quote;
    }
  }
  section->n = kept;
}

/* Moves what stands in too small a section to the rest, and drops the empty ones. */
static void keep_sections(struct draft *draft, struct plan_section *sections, size_t n) {
  struct plan *plan = draft->plan;
  struct plan_section *rest = &sections[n];
  for (size_t i = 0; i < n; i++) {
    if (sections[i].n >= SECTION_MIN) {
      plan->sections[plan->n_sections++] = sections[i];
      continue;
    }
    for (size_t q = 0; q < sections[i].n; q++) {
      rest->quotes[rest->n++] = sections[i].quotes[q];
      rest->words += sections[i].quotes[q].words;
    }
  }
  if (rest->n > 0)
    plan->sections[plan->n_sections++] = *rest;
  for (size_t i = 0; i < plan->n_sections; i++) {
    put_in_order(&plan->sections[i]);
    join_neighbours(draft->extract, &plan->sections[i]);
  }
}

static bool draft_init(struct draft *draft, const struct themes *themes, struct arena *arena) {
  const struct extract *extract = draft->extract;
  draft->pieces = arena_alloc(arena, extract->n_passages, sizeof *draft->pieces);
  draft->chosen = arena_alloc(arena, extract->n_sentences, sizeof *draft->chosen);
  draft->of_source = arena_alloc(arena, extract->sources->n, sizeof *draft->of_source);
  if (arena->failed)
    return false;
  draft->n = extract->n_passages;
  for (size_t i = 0; i < draft->n; i++)
    draft->pieces[i] =
        (struct piece){.passage = extract->passages[i], .theme = themes->of_passage[i]};
  return set_floor(draft, arena);
}

bool plan_make(struct plan *plan, const struct extract *extract, const struct themes *themes,
               int64_t target, struct arena *arena) {
  struct draft draft = {.plan = plan, .extract = extract, .target = target};
  struct plan_section sections[PLAN_SECTIONS_MAX] = {0};
  *plan = (struct plan){0};
  if (!draft_init(&draft, themes, arena))
    return false;
  for (size_t i = 0; i <= themes->n; i++) {
    sections[i].title = i < themes->n ? themes->titles[i] : NULL;
    sections[i].quotes = arena_alloc(arena, extract->n_passages, sizeof *sections[i].quotes);
    if (sections[i].quotes == NULL)
      return false;
  }
  make_summary(&draft);
  fill_themes(&draft, sections, themes->n);
  fill_rest(&draft, &sections[themes->n]);
  keep_sections(&draft, sections, themes->n);
  return true;
}
