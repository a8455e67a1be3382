#include "affinity.h"

#include <math.h>

/* Terms that more than an eighth of all sentences hold stand in every theme and tell none apart. */
#define COMMON_WEIGHT 2.2 /* log(1 + 8) */

struct affinity {
  const struct extract *extract;
  size_t n_terms;
  double *middles; /* of each theme: the sum of its passages' vectors, n_terms long */
  double lengths[THEME_MAX];
  uint32_t counts[SOURCES_MAX][THEME_MAX]; /* passages by source and theme */
  uint32_t themed[SOURCES_MAX];            /* passages of a source that have a theme */
};

/* A term's weight here; 0 for the common ones. */
static double weight_of(const struct affinity *affinity, uint32_t term) {
  double weight = affinity->extract->weights[term];
  return weight < COMMON_WEIGHT ? 0.0 : weight;
}

static void add_passage(struct affinity *affinity, const struct extract_passage *passage,
                        size_t theme) {
  double *middle = affinity->middles + theme * affinity->n_terms;
  for (size_t s = passage->first; s < passage->first + passage->n; s++) {
    const struct extract_sentence *sentence = &affinity->extract->sentences[s];
    for (size_t t = 0; t < sentence->n_terms; t++)
      middle[sentence->terms[t]] += weight_of(affinity, sentence->terms[t]);
  }
  affinity->counts[passage->source][theme]++;
  affinity->themed[passage->source]++;
}

/* The cosine of a passage and a theme's middle. */
static double nearness(const struct affinity *affinity, const struct extract_passage *passage,
                       size_t theme) {
  const double *middle = affinity->middles + theme * affinity->n_terms;
  double sum = 0.0, square = 0.0;
  for (size_t s = passage->first; s < passage->first + passage->n; s++) {
    const struct extract_sentence *sentence = &affinity->extract->sentences[s];
    for (size_t t = 0; t < sentence->n_terms; t++) {
      double weight = weight_of(affinity, sentence->terms[t]);
      sum += weight * middle[sentence->terms[t]];
      square += weight * weight;
    }
  }
  return square <= 0.0 || affinity->lengths[theme] <= 0.0
             ? 0.0
             : sum / (sqrt(square) * affinity->lengths[theme]);
}

static int nearest(const struct affinity *affinity, const struct extract_passage *passage,
                   size_t n_themes) {
  int best = THEME_NONE;
  double most = AFFINITY_MIN;
  for (size_t theme = 0; theme < n_themes; theme++) {
    double near = nearness(affinity, passage, theme);
    /* Two more passages in the divisor: one or two themed passages prove little. */
    double themed = 2.0 + affinity->themed[passage->source];
    near += AFFINITY_SHARE * affinity->counts[passage->source][theme] / themed;
    if (near > most) {
      most = near;
      best = (int)theme;
    }
  }
  return best;
}

bool affinity_assign(struct themes *themes, const struct extract *extract, struct arena *arena) {
  struct affinity *affinity = arena_alloc(arena, 1, sizeof *affinity);
  if (affinity == NULL)
    return false;
  affinity->extract = extract;
  affinity->n_terms = extract->lexicon.n;
  affinity->middles = arena_alloc(arena, themes->n * affinity->n_terms, sizeof(double));
  if (affinity->middles == NULL)
    return false;
  for (size_t p = 0; p < extract->n_passages; p++)
    if (themes->of_passage[p] != THEME_NONE)
      add_passage(affinity, &extract->passages[p], (size_t)themes->of_passage[p]);
  for (size_t theme = 0; theme < themes->n; theme++) {
    double square = 0.0;
    for (size_t t = 0; t < affinity->n_terms; t++) {
      double value = affinity->middles[theme * affinity->n_terms + t];
      square += value * value;
    }
    affinity->lengths[theme] = sqrt(square);
  }
  for (size_t p = 0; p < extract->n_passages; p++)
    if (themes->of_passage[p] == THEME_NONE)
      themes->of_passage[p] = nearest(affinity, &extract->passages[p], themes->n);
  return true;
}
