#include "sources.h"

#include "shingle.h"
#include "stopword.h"
#include "url.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SUBJECT_SHARE_MIN   0.5 /* of the topic's words must be named */
#define MENTIONS_MIN        2   /* of them all together, in a text of more than SHORT_WORDS */
#define SHORT_WORDS         150
#define NEAR_WORDS          8 /* two words of the topic this close together speak of it */
#define TOGETHER_MIN        2 /* times that they must, in a text of more than SHORT_WORDS */
#define DUPLICATE_JACCARD   0.40
#define DUPLICATE_CONTAINED 0.70
#define UNDATED_RECENCY     0.25
#define WORDS_PER_TARGET    4 /* this many words of source for each of report are plenty */
#define GUESS_BYTES         4096
#define DAY_MS              86400000.0

struct candidate {
  struct source source;
  struct shingle_sketch sketch;
  size_t hit;
  bool taken;
};

static size_t tag_len(const char *language) {
  return strcspn(language, "-_");
}

/* An unmarked text is taken for another language when that one's stop words are clearly denser. */
static bool reads_like(const char *text, size_t len, const char *language) {
  size_t n = len < GUESS_BYTES ? len : GUESS_BYTES;
  double own = words_share(text, n, language), best = 0.0;
  for (const char *const *other = stopword_languages; *other != NULL; other++) {
    double share = words_share(text, n, *other);
    if (strncasecmp(*other, language, 2) != 0 && share > best)
      best = share;
  }
  return best < 0.25 || own * 1.15 >= best;
}

static bool language_fits(const struct source *source, const char *language) {
  const char *marked = source->document->language;
  if (marked == NULL || marked[0] == '\0' || strcasecmp(marked, "und") == 0)
    return reads_like(source->text, source->len, language);
  return tag_len(marked) == tag_len(language) &&
         strncasecmp(marked, language, tag_len(language)) == 0;
}

static size_t text_len(const char *text) {
  size_t len = strnlen(text, SOURCES_TEXT_MAX + 1);
  if (len <= SOURCES_TEXT_MAX)
    return len;
  len = SOURCES_TEXT_MAX;
  while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
    len--;
  return len;
}

static const char *host_of(const struct galley_document *document, struct arena *arena) {
  const char *url =
      document->canonical_url != NULL ? document->canonical_url : document->source_url;
  char *host = url == NULL ? NULL : url_host(url);
  if (host == NULL)
    return "";
  const char *name = strncmp(host, "www.", 4) == 0 ? host + 4 : host;
  char *copy = arena_copy(arena, name, strlen(name));
  free(host);
  return copy == NULL ? "" : copy;
}

/* How a text names the subject. */
struct naming {
  unsigned bits; /* words of the subject */
  int mentions;
  int together; /* mentions near one of another word of the subject */
};

static struct naming names_subject(const char *text, size_t len, const char *language,
                                   const struct subject *subject, struct shingle_sketch *sketch) {
  struct words words;
  struct word word;
  struct naming naming = {0};
  unsigned last = 0;
  int since = 0;
  words_init(&words, text, len, language);
  while (words_next(&words, &word)) {
    unsigned found = word.roles == 0 || subject->n == 1 ? subject_match(subject, &words, &word) : 0;
    since++;
    if (found != 0) {
      naming.mentions++;
      naming.together += __builtin_popcount(found | (since <= NEAR_WORDS ? last : 0)) > 1;
      naming.bits |= found;
      last = found;
      since = 0;
    }
    if (sketch != NULL)
      shingle_add(sketch, word.exact);
  }
  return naming;
}

/* A text that has the topic's words far from each other speaks of something else; unless there is
 * none that has them together, and this one has them all. */
static bool is_about(const struct subject *subject, const struct naming *text,
                     const struct naming *title, int64_t words, bool loose) {
  if (loose)
    return subject_share(subject, text->bits | title->bits) >= 1.0;
  bool brief = words <= SHORT_WORDS;
  int mentions = text->mentions + title->mentions, together = text->together + title->together;
  return subject_share(subject, text->bits | title->bits) >= SUBJECT_SHARE_MIN &&
         mentions >= (brief ? 1 : MENTIONS_MIN) &&
         (subject->n < 2 || together >= (brief ? 1 : TOGETHER_MIN));
}

static double recency(int64_t published_at_ms, int64_t now_ms) {
  if (published_at_ms == 0)
    return UNDATED_RECENCY;
  double days = ((double)now_ms - (double)published_at_ms) / DAY_MS;
  return days <= 0.0 ? 1.0 : exp2(-days / SOURCES_HALF_LIFE_DAYS);
}

/* The hit's rank from 0 to 1; by its place when the caller's ranks say nothing. */
static double relevance(const struct research_input *input, size_t hit) {
  double best = -input->hits[0]->rank;
  if (best <= 0.0)
    return 1.0 - (double)hit / (double)input->n_hits;
  double own = -input->hits[hit]->rank / best;
  return own < 0.0 ? 0.0 : own > 1.0 ? 1.0 : own;
}

/* Fills the candidate; false when the document is not for this report. */
static bool measure(struct candidate *candidate, const struct research_input *input, size_t hit,
                    const struct subject *subject, bool loose) {
  const struct galley_document *document = &input->hits[hit]->document;
  struct source *source = &candidate->source;
  bool full = document->content != NULL && document->content[0] != '\0';
  *source =
      (struct source){.document = document, .text = full ? document->content : document->summary};
  if (source->text == NULL)
    return false;
  source->len = text_len(source->text);
  if (!language_fits(source, input->language))
    return false;
  const char *title = document->title == NULL ? "" : document->title;
  struct naming text =
      names_subject(source->text, source->len, input->language, subject, &candidate->sketch);
  struct naming titled = names_subject(title, strlen(title), input->language, subject, NULL);
  shingle_finish(&candidate->sketch);
  source->words = words_count(source->text, source->len);
  if (!is_about(subject, &text, &titled, source->words, loose))
    return false;
  double reliability = document->reliability_score;
  reliability = !(reliability >= 0.0) ? 0.0 : reliability > 1.0 ? 1.0 : reliability;
  candidate->hit = hit;
  source->score =
      (0.5 * relevance(input, hit) + 0.2 * recency(document->published_at_ms, input->now_ms) +
       0.2 * reliability + 0.1 * subject_share(subject, titled.bits)) *
      subject_share(subject, text.bits | titled.bits);
  return true;
}

static int by_score(const void *left, const void *right) {
  const struct candidate *a = *(struct candidate *const *)left,
                         *b = *(struct candidate *const *)right;
  if (a->source.score != b->source.score)
    return a->source.score < b->source.score ? 1 : -1;
  return (a->hit > b->hit) - (a->hit < b->hit);
}

static bool is_duplicate(const struct candidate *candidate, struct candidate *const *better,
                         size_t n) {
  for (size_t i = 0; i < n; i++) {
    struct shingle_likeness likeness = shingle_compare(&candidate->sketch, &better[i]->sketch);
    if (likeness.jaccard >= DUPLICATE_JACCARD || likeness.contained >= DUPLICATE_CONTAINED)
      return true;
  }
  return false;
}

static size_t drop_duplicates(struct candidate **candidates, size_t n) {
  size_t kept = 0;
  for (size_t i = 0; i < n; i++)
    if (!is_duplicate(candidates[i], candidates, kept))
      candidates[kept++] = candidates[i];
  return kept;
}

static size_t of_host(const struct sources *sources, const char *host) {
  size_t n = 0;
  for (size_t i = 0; i < sources->n; i++)
    n += host[0] != '\0' && strcmp(sources->items[i].host, host) == 0;
  return n;
}

static void take(struct sources *sources, struct candidate **candidates, size_t n, size_t max,
                 size_t host_max) {
  for (size_t i = 0; i < n && sources->n < max; i++) {
    struct candidate *candidate = candidates[i];
    if (candidate->taken || of_host(sources, candidate->source.host) >= host_max)
      continue;
    candidate->taken = true;
    sources->words += candidate->source.words;
    sources->items[sources->n++] = candidate->source;
  }
}

/* Fills `candidates` with the hits that are about the topic. False without memory. */
static bool find_candidates(struct sources *sources, const struct research_input *input,
                            const struct subject *subject, struct candidate **candidates,
                            struct arena *arena, bool loose) {
  size_t hits = input->n_hits < SOURCES_HITS_MAX ? input->n_hits : SOURCES_HITS_MAX;
  struct candidate *spare = NULL;
  for (size_t i = 0; i < hits; i++) {
    if (spare == NULL && (spare = arena_alloc(arena, 1, sizeof *spare)) == NULL)
      return false;
    if (measure(spare, input, i, subject, loose)) {
      spare->source.host = host_of(spare->source.document, arena);
      candidates[sources->matching++] = spare;
      spare = NULL;
    } else {
      *spare = (struct candidate){0};
    }
  }
  return true;
}

bool sources_pick(struct sources *sources, const struct research_input *input, int64_t target,
                  const struct subject *subject, struct arena *arena) {
  size_t hits = input->n_hits < SOURCES_HITS_MAX ? input->n_hits : SOURCES_HITS_MAX;
  int64_t most = target / SOURCES_TARGET_WORDS;
  size_t max = most < SOURCES_MIN ? SOURCES_MIN : most > SOURCES_MAX ? SOURCES_MAX : (size_t)most;
  *sources = (struct sources){.items = arena_alloc(arena, max, sizeof *sources->items)};
  struct candidate **candidates = arena_alloc(arena, hits, sizeof *candidates);
  if (sources->items == NULL || candidates == NULL)
    return false;
  if (!find_candidates(sources, input, subject, candidates, arena, false) ||
      (sources->matching == 0 &&
       !find_candidates(sources, input, subject, candidates, arena, true)))
    return false;
  qsort(candidates, sources->matching, sizeof *candidates, by_score);
  size_t n = drop_duplicates(candidates, sources->matching);
  take(sources, candidates, n, max, SOURCES_HOST_MAX);
  if (sources->words < target * WORDS_PER_TARGET)
    take(sources, candidates, n, max, SIZE_MAX);
  return !arena->failed;
}
