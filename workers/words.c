#include "words.h"

#include "stopword.h"

#include <string.h>
#include <utf8proc.h>

enum script { SCRIPT_NONE, SCRIPT_LETTERS, SCRIPT_HAN, SCRIPT_KATAKANA, SCRIPT_HIRAGANA };

struct range {
  int32_t first, last;
  enum script script;
};
static const struct range ranges[] = {
    {0x3005, 0x3007, SCRIPT_HAN},      {0x3040, 0x309f, SCRIPT_HIRAGANA},
    {0x30a1, 0x30fa, SCRIPT_KATAKANA}, {0x30fc, 0x30fe, SCRIPT_KATAKANA},
    {0x31f0, 0x31ff, SCRIPT_KATAKANA}, {0x3400, 0x4dbf, SCRIPT_HAN},
    {0x4e00, 0x9fff, SCRIPT_HAN},      {0xf900, 0xfaff, SCRIPT_HAN},
    {0xff66, 0xff9f, SCRIPT_KATAKANA}, {0x20000, 0x3ffff, SCRIPT_HAN},
};

/* Endings, those of a language together, longest first within a language; the first that fits is
 * replaced. */
struct ending {
  const char *language, *cut, *put;
  size_t stem_min; /* bytes that must stay */
};
static const struct ending endings[] = {
    {"en", "ies", "y", 3},     {"en", "sses", "ss", 2}, {"en", "ss", "ss", 1},
    {"en", "us", "us", 1},     {"en", "is", "is", 1},   {"en", "s", "", 3},
    {"de", "ungen", "ung", 3}, {"de", "ern", "", 4},    {"de", "en", "", 4},
    {"de", "er", "", 4},       {"de", "es", "", 4},     {"de", "em", "", 4},
    {"de", "e", "", 4},        {"de", "n", "", 5},      {"de", "s", "", 4},
    {"fr", "eaux", "eau", 2},  {"fr", "aux", "al", 3},  {"fr", "es", "", 4},
    {"fr", "s", "", 3},        {"fr", "x", "", 3},      {"fr", "e", "", 4},
    {"es", "ces", "z", 3},     {"es", "es", "", 4},     {"es", "as", "", 4},
    {"es", "os", "", 4},       {"es", "a", "", 4},      {"es", "o", "", 4},
    {"es", "e", "", 4},        {"es", "s", "", 4},      {"it", "he", "", 3},
    {"it", "hi", "", 3},       {"it", "a", "", 3},      {"it", "e", "", 3},
    {"it", "i", "", 3},        {"it", "o", "", 3},      {"nl", "en", "", 4},
    {"nl", "s", "", 4},        {"nl", "e", "", 4},      {"pt", "oes", "ao", 3},
    {"pt", "es", "", 4},       {"pt", "as", "", 4},     {"pt", "os", "", 4},
    {"pt", "a", "", 4},        {"pt", "o", "", 4},      {"pt", "e", "", 4},
    {"pt", "s", "", 4},
};

size_t words_character(const char *text, size_t len, int32_t *character) {
  *character = -1;
  if (len == 0)
    return 0;
  if ((unsigned char)text[0] < 0x80) {
    *character = (unsigned char)text[0];
    return 1;
  }
  utf8proc_int32_t found = -1;
  utf8proc_ssize_t n =
      utf8proc_iterate((const utf8proc_uint8_t *)text, len > 4 ? 4 : (utf8proc_ssize_t)len, &found);
  if (n <= 0)
    return 1;
  *character = found;
  return (size_t)n;
}

static enum script script_of(int32_t c) {
  if (c < 0)
    return SCRIPT_NONE;
  if (c < 0x80) {
    bool letter = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
    return letter ? SCRIPT_LETTERS : SCRIPT_NONE;
  }
  if (c >= 0x3005)
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
      if (c >= ranges[i].first && c <= ranges[i].last)
        return ranges[i].script;
  utf8proc_category_t category = utf8proc_category(c);
  bool letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NO;
  return letter || c == 0x00ad ? SCRIPT_LETTERS : SCRIPT_NONE;
}

bool words_unspaced(int32_t c) {
  enum script script = script_of(c);
  return script >= SCRIPT_HAN || (c >= 0x0e00 && c <= 0x0eff) || (c >= 0x1780 && c <= 0x17ff);
}

uint64_t words_hash(uint64_t seed, const void *bytes, size_t len) {
  const unsigned char *at = bytes;
  uint64_t hash = seed ^ UINT64_C(0xcbf29ce484222325); /* FNV-1a, then the mix of SplitMix64 */
  for (size_t i = 0; i < len; i++)
    hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
  hash = (hash ^ (hash >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  hash = (hash ^ (hash >> 27)) * UINT64_C(0x94d049bb133111eb);
  return hash ^ (hash >> 31);
}

/* Appends the folded form of one character; what does not fit is dropped whole. */
static size_t fold_character(char *out, size_t used, int32_t c) {
  if (c < 0x80) {
    if (used + 1 < WORDS_FOLDED_MAX)
      out[used++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    return used;
  }
  utf8proc_int32_t parts[16];
  int bound = UTF8PROC_BOUNDCLASS_START;
  utf8proc_ssize_t n =
      utf8proc_decompose_char(c, parts, 16,
                              UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
                                  UTF8PROC_STRIPMARK | UTF8PROC_IGNORE,
                              &bound);
  for (utf8proc_ssize_t i = 0; i < n && i < 16; i++) {
    utf8proc_uint8_t bytes[4];
    size_t wide = (size_t)utf8proc_encode_char(parts[i], bytes);
    if (used + wide >= WORDS_FOLDED_MAX)
      return used;
    memcpy(out + used, bytes, wide);
    used += wide;
  }
  return used;
}

static size_t cut_ending(const struct words *words, size_t len, char *stem) {
  const char *folded = words->folded;
  memcpy(stem, folded, len + 1);
  for (size_t i = words->endings; i < words->endings + words->n_endings; i++) {
    const struct ending *ending = &endings[i];
    size_t cut = strlen(ending->cut);
    if (len < cut + ending->stem_min || folded[len - 1] != ending->cut[cut - 1] ||
        memcmp(folded + len - cut, ending->cut, cut) != 0)
      continue;
    size_t put = strlen(ending->put);
    memcpy(stem + len - cut, ending->put, put + 1);
    return len - cut + put;
  }
  return len;
}

void words_init(struct words *words, const char *text, size_t len, const char *language) {
  const size_t n = sizeof endings / sizeof endings[0];
  *words = (struct words){.text = text, .len = len, .stopwords = stopword_find(language)};
  while (words->endings < n && strncmp(endings[words->endings].language, language, 2) != 0)
    words->endings++;
  while (words->endings + words->n_endings < n &&
         strncmp(endings[words->endings + words->n_endings].language, language, 2) == 0)
    words->n_endings++;
}

static enum script peek(const struct words *words, size_t pos, int32_t *c, size_t *wide) {
  *wide = words_character(words->text + pos, words->len - pos, c);
  return script_of(*c);
}

/* Moves to the first character of the next word. Only a gap of nothing, one space or one hyphen
 * joins. */
static enum script skip_gap(struct words *words, bool *joined) {
  size_t from = words->pos;
  while (words->pos < words->len) {
    int32_t c;
    size_t wide;
    enum script script = peek(words, words->pos, &c, &wide);
    if (script != SCRIPT_NONE && script != SCRIPT_HIRAGANA) {
      size_t gap = words->pos - from;
      char between = words->text[from];
      *joined = from > 0 && (gap == 0 || (gap == 1 && (between == ' ' || between == '-')));
      return script;
    }
    words->pos += wide;
  }
  return SCRIPT_NONE;
}

/* The end of the run of one script that starts at pos; a point or comma between digits belongs to a
 * number. */
static size_t run_end(struct words *words, enum script script, struct word *word, size_t *used) {
  size_t pos = words->pos;
  bool digits = true;
  while (pos < words->len) {
    int32_t c;
    size_t wide;
    enum script found = peek(words, pos, &c, &wide);
    bool digit = c >= '0' && c <= '9';
    bool inside = digits && (c == '.' || c == ',') && pos > words->pos && pos + 1 < words->len &&
                  words->text[pos + 1] >= '0' && words->text[pos + 1] <= '9';
    if (found != script && !inside)
      break;
    digits = digits && (digit || inside);
    *used = fold_character(words->folded, *used, c);
    pos += wide;
  }
  word->number = digits;
  return pos;
}

/* Two Han characters, or the only one of its run; false when the run's last was in a pair. */
static bool han_pair(struct words *words, struct word *word, size_t *used) {
  int32_t first, second;
  size_t wide, next_wide;
  peek(words, words->pos, &first, &wide);
  enum script next = peek(words, words->pos + wide, &second, &next_wide);
  word->start = words->pos;
  words->pos += wide;
  if (next != SCRIPT_HAN && words->covered >= words->pos)
    return false;
  *used = fold_character(words->folded, 0, first);
  word->end = words->pos;
  if (next == SCRIPT_HAN) {
    *used = fold_character(words->folded, *used, second);
    word->end += next_wide;
  }
  words->covered = word->end;
  return true;
}

static bool is_capital(const struct words *words, size_t pos) {
  int32_t c;
  words_character(words->text + pos, words->len - pos, &c);
  if (c < 0x80)
    return c >= 'A' && c <= 'Z';
  utf8proc_category_t category = utf8proc_category(c);
  return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LT;
}

bool words_next(struct words *words, struct word *word) {
  for (;;) {
    *word = (struct word){0};
    enum script script = skip_gap(words, &word->joined);
    if (script == SCRIPT_NONE)
      return false;
    size_t used = 0;
    if (script == SCRIPT_HAN) {
      if (!han_pair(words, word, &used))
        continue;
    } else {
      word->start = words->pos;
      word->end = words->pos = run_end(words, script, word, &used);
    }
    words->folded[used] = '\0';
    if (used == 0)
      continue;
    size_t stem_len = cut_ending(words, used, words->stem);
    word->exact = words_hash(0, words->folded, used);
    word->stem = words_hash(0, words->stem, stem_len);
    word->roles = word->number ? 0 : stopword_roles(words->stopwords, words->folded, used);
    word->capital = is_capital(words, word->start);
    return true;
  }
}

int64_t words_count(const char *text, size_t len) {
  int64_t spaced = 0, unspaced = 0;
  bool inside = false;
  for (size_t pos = 0; pos < len;) {
    int32_t c;
    pos += words_character(text + pos, len - pos, &c);
    if (words_unspaced(c)) {
      unspaced++;
      inside = false;
    } else if (c == ' ' || (c >= '\t' && c <= '\r') || c == 0xa0 || c == 0x3000) {
      inside = false;
    } else if (!inside && script_of(c) == SCRIPT_LETTERS) {
      inside = true;
      spaced++;
    }
  }
  return spaced + (unspaced + WORDS_CHARACTERS_PER_WORD - 1) / WORDS_CHARACTERS_PER_WORD;
}

double words_share(const char *text, size_t len, const char *language) {
  struct words words;
  struct word word;
  int n = 0, stop = 0;
  words_init(&words, text, len, language);
  while (n < WORDS_GUESS_MAX && words_next(&words, &word)) {
    n++;
    stop += word.end - word.start > 1 && word.roles != 0;
  }
  return n == 0 ? 0.0 : (double)stop / n;
}
