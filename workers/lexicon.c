#include "lexicon.h"

#include <assert.h>

bool lexicon_init(struct lexicon *lexicon, size_t max, struct arena *arena) {
  size_t slots = 16;
  while (slots < 2 * max)
    slots *= 2;
  *lexicon = (struct lexicon){.max = max, .mask = slots - 1};
  lexicon->terms = arena_alloc(arena, max, sizeof *lexicon->terms);
  lexicon->slots = arena_alloc(arena, slots, sizeof *lexicon->slots);
  return lexicon->terms != NULL && lexicon->slots != NULL;
}

uint32_t lexicon_number(struct lexicon *lexicon, uint64_t hash) {
  for (size_t at = hash & lexicon->mask;; at = (at + 1) & lexicon->mask) {
    uint32_t slot = lexicon->slots[at];
    if (slot != 0 && lexicon->terms[slot - 1].hash == hash)
      return slot - 1;
    if (slot != 0)
      continue;
    assert(lexicon->n < lexicon->max);
    lexicon->terms[lexicon->n].hash = hash;
    lexicon->slots[at] = (uint32_t)++lexicon->n;
    return (uint32_t)lexicon->n - 1;
  }
}

void lexicon_count(struct lexicon *lexicon, uint32_t term, uint32_t source) {
  struct lexicon_term *at = &lexicon->terms[term];
  at->sentences++;
  if (at->last_source != source + 1)
    at->sources++;
  at->last_source = source + 1;
}
