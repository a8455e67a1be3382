#include "nearest.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#define NEAREST_PREFIX_MIN 3 /* bytes a word must share with a name that it begins */

static int smaller(int a, int b) {
  return a < b ? a : b;
}

static int lower(char c) {
  return tolower((unsigned char)c);
}

/* The restricted form: a swap of two neighbours is one step, which is what fingers do most. */
static int distance(const char *a, size_t a_len, const char *b, size_t b_len) {
  int rows[3][NEAREST_NAME_MAX + 1];
  int *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b_len; j++)
    last[j] = (int)j;
  for (size_t i = 1; i <= a_len; i++) {
    row[0] = (int)i;
    for (size_t j = 1; j <= b_len; j++) {
      int change = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
      row[j] = smaller(smaller(last[j] + 1, row[j - 1] + 1), last[j - 1] + change);
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1]))
        row[j] = smaller(row[j], before[j - 2] + 1);
    }
    int *spare = before;
    before = last;
    last = row;
    row = spare;
  }
  return last[b_len];
}

struct nearest nearest_start(const char *word) {
  return (struct nearest){.word = word, .best = NULL, .distance = INT_MAX};
}

void nearest_offer(struct nearest *nearest, const char *name) {
  size_t word_len = strlen(nearest->word);
  size_t name_len = strlen(name);
  if (word_len == 0 || word_len > NEAREST_NAME_MAX || name_len > NEAREST_NAME_MAX)
    return;
  int found = distance(nearest->word, word_len, name, name_len);
  int close = (int)(name_len / 3) + 1;
  if (word_len >= NEAREST_PREFIX_MIN && strncasecmp(nearest->word, name, word_len) == 0)
    found = smaller(found, 1);
  if (found <= close && found < (int)name_len && found < nearest->distance) {
    nearest->best = name;
    nearest->distance = found;
  }
}
