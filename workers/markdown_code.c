#include "markdown.h"

#include <md4c.h>
#include <stdint.h>
#include <string.h>

struct search {
  const char *source;
  size_t len;
  const size_t *offsets;
  size_t n;
  bool *in_code;
};

/* The first offset that is not below `at`. */
static size_t lower_bound(const struct search *search, size_t at) {
  size_t low = 0;
  size_t high = search->n;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (search->offsets[middle] < at)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static int text(MD_TEXTTYPE type, const MD_CHAR *bytes, MD_SIZE size, void *arg) {
  struct search *search = arg;
  uintptr_t first = (uintptr_t)search->source;
  uintptr_t here = (uintptr_t)bytes;
  /* line ends and indents of code are md4c's own text, not the source's */
  if (type != MD_TEXT_CODE || here < first || here >= first + search->len)
    return 0;
  size_t at = (size_t)(here - first);
  for (size_t i = lower_bound(search, at); i < search->n && search->offsets[i] < at + size; i++)
    search->in_code[i] = true;
  return 0;
}

static int block(MD_BLOCKTYPE type, void *detail, void *arg) {
  (void)type;
  (void)detail;
  (void)arg;
  return 0;
}

static int span(MD_SPANTYPE type, void *detail, void *arg) {
  (void)type;
  (void)detail;
  (void)arg;
  return 0;
}

bool markdown_in_code(const char *source, const size_t *offsets, size_t n, bool *in_code) {
  struct search search = {source, strlen(source), offsets, n, in_code};
  if (n == 0)
    return true;
  memset(in_code, 0, n * sizeof *in_code);
  const MD_PARSER parser = {.flags = MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH,
                            .enter_block = block,
                            .leave_block = block,
                            .enter_span = span,
                            .leave_span = span,
                            .text = text};
  return search.len <= MARKDOWN_MAX && md_parse(source, (MD_SIZE)search.len, &parser, &search) == 0;
}
