#include "slug.h"

#include "galley.h"
#include "text.h"

#include <string.h>
#include <utf8proc.h>

#define SLUG_TEXT_MAX   1024 /* bytes of the text that are looked at */
#define SLUG_EXPAND_MAX 6    /* characters that a byte of UTF-8 can become (U+FDFA: 3 become 18) */

struct letter_row {
  int32_t letter; /* case-folded and composed */
  const char *latin;
};

/* Letters whose Latin form is not their own base letter. Greek follows ELOT 743 letter by letter;
 * Cyrillic the BGN/PCGN romanisation of Russian without its diacritics, and of the other languages
 * where a letter is theirs alone. */
static const struct letter_row letters[] = {
    {0x00E6, "ae"}, {0x00F0, "d"},    {0x00F8, "o"},  {0x00FE, "th"}, {0x0111, "d"},
    {0x0127, "h"},  {0x0131, "i"},    {0x0138, "k"},  {0x0142, "l"},  {0x014B, "ng"},
    {0x0153, "oe"}, {0x0167, "t"},    {0x0180, "b"},  {0x0192, "f"},  {0x019A, "l"},
    {0x01B6, "z"},  {0x01DD, "e"},    {0x01E5, "g"},  {0x023C, "c"},  {0x0247, "e"},
    {0x0249, "j"},  {0x024D, "r"},    {0x024F, "y"},  {0x0253, "b"},  {0x0254, "o"},
    {0x0256, "d"},  {0x0257, "d"},    {0x0259, "e"},  {0x025B, "e"},  {0x0260, "g"},
    {0x0268, "i"},  {0x0269, "i"},    {0x026B, "l"},  {0x0272, "n"},  {0x0275, "o"},
    {0x0288, "t"},  {0x0289, "u"},    {0x028B, "v"},  {0x0292, "z"},  {0x02B9, ""},
    {0x02BB, ""},   {0x02BC, ""},     {0x03B1, "a"},  {0x03B2, "v"},  {0x03B3, "g"},
    {0x03B4, "d"},  {0x03B5, "e"},    {0x03B6, "z"},  {0x03B7, "i"},  {0x03B8, "th"},
    {0x03B9, "i"},  {0x03BA, "k"},    {0x03BB, "l"},  {0x03BC, "m"},  {0x03BD, "n"},
    {0x03BE, "x"},  {0x03BF, "o"},    {0x03C0, "p"},  {0x03C1, "r"},  {0x03C3, "s"},
    {0x03C4, "t"},  {0x03C5, "y"},    {0x03C6, "f"},  {0x03C7, "ch"}, {0x03C8, "ps"},
    {0x03C9, "o"},  {0x0430, "a"},    {0x0431, "b"},  {0x0432, "v"},  {0x0433, "g"},
    {0x0434, "d"},  {0x0435, "e"},    {0x0436, "zh"}, {0x0437, "z"},  {0x0438, "i"},
    {0x0439, "y"},  {0x043A, "k"},    {0x043B, "l"},  {0x043C, "m"},  {0x043D, "n"},
    {0x043E, "o"},  {0x043F, "p"},    {0x0440, "r"},  {0x0441, "s"},  {0x0442, "t"},
    {0x0443, "u"},  {0x0444, "f"},    {0x0445, "kh"}, {0x0446, "ts"}, {0x0447, "ch"},
    {0x0448, "sh"}, {0x0449, "shch"}, {0x044A, ""},   {0x044B, "y"},  {0x044C, ""},
    {0x044D, "e"},  {0x044E, "yu"},   {0x044F, "ya"}, {0x0451, "yo"}, {0x0452, "dj"},
    {0x0453, "gj"}, {0x0454, "ye"},   {0x0455, "dz"}, {0x0456, "i"},  {0x0457, "yi"},
    {0x0458, "j"},  {0x0459, "lj"},   {0x045A, "nj"}, {0x045B, "c"},  {0x045C, "kj"},
    {0x045E, "u"},  {0x045F, "dz"},   {0x0491, "g"},  {0x0493, "g"},  {0x0497, "zh"},
    {0x0499, "z"},  {0x049B, "q"},    {0x04A3, "n"},  {0x04AB, "s"},  {0x04AF, "u"},
    {0x04B1, "u"},  {0x04B3, "h"},    {0x04B7, "j"},  {0x04BB, "h"},  {0x04CF, ""},
    {0x04D9, "a"},  {0x04E9, "o"},
};

static const char *find_letter(int32_t letter) {
  for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
    if (letters[i].letter == letter)
      return letters[i].latin;
  return NULL;
}

/* The base letter of a letter with marks. */
static int32_t base_of(int32_t letter) {
  int32_t parts[SLUG_EXPAND_MAX * 4];
  int bound = 0;
  utf8proc_ssize_t n = utf8proc_decompose_char(letter, parts, sizeof parts / sizeof parts[0],
                                               UTF8PROC_DECOMPOSE, &bound);
  return n > 0 ? parts[0] : letter;
}

struct slug {
  char *out;
  size_t len;
  size_t word; /* where the last word begins, with its '-'; 0 in the first word */
  size_t base; /* where the last letter begins */
  bool gap;    /* something that is no letter came since */
  bool latin;  /* the last letter was written in Latin: marks on it are dropped */
  bool full;
};

/* There is no room for the rest of the word: cut before it, unless it is the first one. */
static void overflow(struct slug *slug, bool mark) {
  slug->full = true;
  if (slug->word > 0)
    slug->len = slug->word;
  else if (mark && slug->base > 0)
    slug->len = slug->base;
}

static void put(struct slug *slug, const char *bytes, size_t n, bool mark) {
  bool gap = slug->gap && slug->len > 0;
  if (slug->len + gap + n > GALLEY_SLUG_MAX) {
    if (gap)
      slug->full = true;
    else
      overflow(slug, mark);
    return;
  }
  if (gap) {
    slug->word = slug->len;
    slug->out[slug->len++] = '-';
  }
  slug->gap = false;
  if (!mark)
    slug->base = slug->len;
  memcpy(slug->out + slug->len, bytes, n);
  slug->len += n;
}

static void put_letter(struct slug *slug, int32_t letter) {
  const char *latin = find_letter(letter);
  int32_t base = latin ? letter : base_of(letter);
  if (!latin && base != letter)
    latin = find_letter(base);
  slug->latin = true;
  if (latin && !*latin) {
    return;
  } else if (latin) {
    put(slug, latin, strlen(latin), false);
  } else if (base < 0x80) {
    put(slug, &(char){(char)base}, 1, false);
  } else {
    utf8proc_uint8_t bytes[4];
    slug->latin = false;
    put(slug, (const char *)bytes, (size_t)utf8proc_encode_char(letter, bytes), false);
  }
}

static void put_character(struct slug *slug, int32_t character) {
  utf8proc_uint8_t bytes[4];
  switch (text_classify(character)) {
  case TEXT_LETTER:
    put_letter(slug, character);
    break;
  case TEXT_MARK: /* belongs to the letter before it, or to nothing */
    if (slug->len > 0 && !slug->gap && !slug->latin)
      put(slug, (const char *)bytes, (size_t)utf8proc_encode_char(character, bytes), true);
    break;
  case TEXT_SPACE:
  case TEXT_OTHER:
    slug->gap = true;
    break;
  }
}

/* Copies what is UTF-8, whole characters only; what is not becomes a space. */
static size_t sanitize(const char *text, char *out, size_t size) {
  size_t len = 0;
  while (*text) {
    int32_t character;
    size_t n = text_next(text, &character);
    if (len + n > size)
      break;
    if (character < 0)
      out[len] = ' ';
    else
      memcpy(out + len, text, n);
    len += n;
    text += n;
  }
  return len;
}

void galley_slug(const char *text, char *out) {
  char clean[SLUG_TEXT_MAX];
  int32_t folded[SLUG_TEXT_MAX * SLUG_EXPAND_MAX];
  const utf8proc_option_t options =
      UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
  size_t len = text ? sanitize(text, clean, sizeof clean) : 0;
  utf8proc_ssize_t n = utf8proc_decompose((const utf8proc_uint8_t *)clean, (utf8proc_ssize_t)len,
                                          folded, sizeof folded / sizeof folded[0], options);
  if (n > 0)
    n = utf8proc_normalize_utf32(folded, n, options);
  struct slug slug = {.out = out};
  for (utf8proc_ssize_t i = 0; i < n && !slug.full; i++)
    put_character(&slug, folded[i]);
  out[slug.len] = '\0';
  if (slug.len == 0)
    memcpy(out, "post", sizeof "post");
}

void slug_cut(char *slug, size_t max) {
  if (strlen(slug) <= max)
    return;
  size_t end = max;
  while (end > 0 && slug[end] != '-')
    end--;
  if (end == 0)
    for (end = max; end > 0 && ((unsigned char)slug[end] & 0xC0) == 0x80;)
      end--;
  slug[end] = '\0';
}
