/* libFuzzer target: queries of the full-text search. Any text is a query or a clear error, and a
 * document is found by its own words. */
#include "fuzz.h"
#include "galley.h"
#include "text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HITS_MAX       5
#define QUERY_MAX      8192
#define QUERY_WORDS    256
#define EVERYDAY_START 0x20 /* of the characters that the index has known for long */
#define EVERYDAY_END   0x250

struct hits {
  size_t n;
  int64_t wanted; /* id of a document */
  bool found;
};

static bool note_hit(void *arg, const void *row) {
  struct hits *hits = arg;
  const struct galley_hit *hit = row;
  hits->n++;
  hits->found = hits->found || hit->document.id == hits->wanted;
  return true;
}

/* Whether it has a word, in letters whose classes have not changed between versions of Unicode. */
static bool has_everyday_word(const char *text) {
  bool word = false;
  for (int32_t c; *text;) {
    text += text_next(text, &c);
    if (c < EVERYDAY_START || c >= EVERYDAY_END)
      return false;
    word = word || text_classify(c) == TEXT_LETTER;
  }
  return word;
}

static size_t count_words(const char *text) {
  size_t n = 0;
  bool inside = false;
  for (int32_t c; *text;) {
    text += text_next(text, &c);
    bool letter = text_classify(c) == TEXT_LETTER;
    n += letter && !inside;
    inside = letter || (inside && text_classify(c) == TEXT_MARK);
  }
  return n;
}

static enum galley_rc search(const char *text, bool all, struct hits *hits) {
  struct galley *q = fuzz_database();
  const struct galley_search search = {.query = text, .all = all, .limit = HITS_MAX};
  enum galley_rc rc = galley_documents_search(q, &search, note_hit, hits);
  size_t words = fuzz_is_utf8(text) ? count_words(text) : 0;
  bool allowed = words > 0 && words <= QUERY_WORDS && strlen(text) <= QUERY_MAX;
  assert(rc == (allowed ? GALLEY_OK : GALLEY_INVALID));
  assert(hits->n <= HITS_MAX);
  if (rc != GALLEY_OK) {
    fuzz_check_sentence(galley_errmsg(q), 2048);
    assert(strstr(galley_errmsg(q), "query"));
  }
  return rc;
}

static int64_t save(const char *text) {
  char hash[65];
  int64_t id = 0;
  snprintf(hash, sizeof hash, "%064d", 1);
  const struct galley_document document = {.source = "feed",
                                           .title = "title",
                                           .content = text,
                                           .language = "en",
                                           .content_hash = hash,
                                           .fetched_at_ms = 1,
                                           .status = "new"};
  enum galley_rc rc = galley_document_save(fuzz_database(), &document, &id, NULL);
  assert(rc == GALLEY_OK);
  return id;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  struct hits hits = {0};
  bool all = fuzz_byte(&input) % 2 == 1;
  char *text = fuzz_rest(&input, NULL);
  enum galley_rc begun = galley_begin(fuzz_database());
  assert(begun == GALLEY_OK);
  bool everyday = fuzz_is_utf8(text) && has_everyday_word(text);
  if (everyday)
    hits.wanted = save(text);
  enum galley_rc rc = search(text, all, &hits);
  assert(rc != GALLEY_OK || !everyday || hits.found);
  galley_rollback(fuzz_database());
  free(text);
  return 0;
}
