#include "sentence.h"

#include "abbreviation.h"
#include "stopword.h"
#include "words.h"

#include <string.h>
#include <utf8proc.h>

enum mark {
  MARK_NONE,
  MARK_SPACE,
  MARK_STOP,     /* ends a sentence when white space follows */
  MARK_CJK_STOP, /* ends it at once */
  MARK_ELLIPSIS,
  MARK_CLOSER, /* closing quotes that may follow a stop */
  MARK_OPEN,   /* brackets within which no sentence ends */
  MARK_SHUT
};

struct character_mark {
  int32_t character;
  enum mark mark;
};
static const struct character_mark marks[] = {
    {' ', MARK_SPACE},       {'\t', MARK_SPACE},      {'\n', MARK_SPACE},
    {'\r', MARK_SPACE},      {'\v', MARK_SPACE},      {'\f', MARK_SPACE},
    {0xa0, MARK_SPACE},      {0x3000, MARK_SPACE},    {'.', MARK_STOP},
    {'!', MARK_STOP},        {'?', MARK_STOP},        {0x37e, MARK_STOP},
    {0x589, MARK_STOP},      {0x61f, MARK_STOP},      {0x6d4, MARK_STOP},
    {0x964, MARK_STOP},      {0x203c, MARK_STOP},     {0x203d, MARK_STOP},
    {0x3002, MARK_CJK_STOP}, {0xff01, MARK_CJK_STOP}, {0xff1f, MARK_CJK_STOP},
    {0xff61, MARK_CJK_STOP}, {0x2026, MARK_ELLIPSIS}, {'"', MARK_CLOSER},
    {'\'', MARK_CLOSER},     {0x2019, MARK_CLOSER},   {0x201d, MARK_CLOSER},
    {0x201c, MARK_CLOSER},   {0xbb, MARK_CLOSER},     {0xab, MARK_CLOSER},
    {0x203a, MARK_CLOSER},   {']', MARK_CLOSER},      {'(', MARK_OPEN},
    {0x300c, MARK_OPEN},     {0x300e, MARK_OPEN},     {0xff08, MARK_OPEN},
    {')', MARK_SHUT},        {0x300d, MARK_SHUT},     {0x300f, MARK_SHUT},
    {0xff09, MARK_SHUT},
};

static enum mark mark_of(int32_t character) {
  if ((character | 0x20) >= 'a' && (character | 0x20) <= 'z')
    return MARK_NONE;
  for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
    if (marks[i].character == character)
      return marks[i].mark;
  return MARK_NONE;
}

static enum mark peek(const struct sentences *s, size_t pos, size_t *wide) {
  int32_t character;
  *wide = words_character(s->text + pos, s->len - pos, &character);
  if (character == ';' && strncmp(s->language, "el", 2) == 0)
    return MARK_STOP; /* the Greek question mark */
  return *wide == 0 ? MARK_NONE : mark_of(character);
}

/* The length of a list mark with its space at pos, or 0. */
static size_t list_mark(const struct sentences *s, size_t pos) {
  static const char *const list_marks[] = {"- ", "* ", "\xe2\x80\xa2 ", "\xe2\x80\x93 "};
  for (size_t i = 0; i < sizeof list_marks / sizeof list_marks[0]; i++) {
    size_t n = strlen(list_marks[i]);
    if (s->len - pos >= n && memcmp(s->text + pos, list_marks[i], n) == 0)
      return n;
  }
  return 0;
}

/* Passes white space from pos; *parted tells whether a new paragraph begins behind it. */
static size_t skip_space(const struct sentences *s, size_t pos, bool *parted) {
  int lines = 0;
  size_t wide;
  while (pos < s->len && peek(s, pos, &wide) == MARK_SPACE) {
    lines += s->text[pos] == '\n';
    pos += wide;
  }
  *parted = lines > 1 || (lines == 1 && list_mark(s, pos) > 0);
  return pos;
}

void sentence_init(struct sentences *s, const char *text, size_t len, const char *language) {
  *s = (struct sentences){.text = text, .len = len, .language = language};
}

/* True when what begins at pos can begin a sentence: anything but a lower-case letter or a comma,
 * behind opening quotes. */
static bool begins(const struct sentences *s, size_t pos) {
  while (pos < s->len) {
    int32_t character;
    size_t wide = words_character(s->text + pos, s->len - pos, &character);
    enum mark mark = mark_of(character);
    bool opener = mark == MARK_CLOSER || mark == MARK_OPEN || character == 0x2018 ||
                  character == 0x201e || character == 0x201a || character == '[';
    if (!opener)
      return utf8proc_category(character) != UTF8PROC_CATEGORY_LL && character != ',' &&
             character != 0x2013 && character != 0x2014;
    pos += wide;
  }
  return true;
}

/* The word before the full stop at `stop`. */
static size_t token_start(const struct sentences *s, size_t from, size_t stop) {
  size_t at = stop;
  while (at > from && s->text[at - 1] != ' ' && s->text[at - 1] != '\n' && s->text[at - 1] != '(' &&
         s->text[at - 1] != '"')
    at--;
  while (at < stop) {
    size_t wide;
    if (peek(s, at, &wide) != MARK_CLOSER)
      break;
    at += wide;
  }
  return at;
}

static bool stop_is_inner(const struct sentences *s, size_t from, size_t stop, size_t next) {
  size_t token = token_start(s, from, stop);
  enum abbreviation kind = abbreviation_of(s->language, s->text + token, stop - token);
  if (kind != ABBREVIATION_EITHER)
    return kind == ABBREVIATION_INNER;
  struct words words;
  struct word word;
  words_init(&words, s->text + next, s->len - next, s->language);
  bool opens = words_next(&words, &word) && word.capital &&
               (word.roles & (STOPWORD_OPENS | STOPWORD_LEANS | STOPWORD_PERSON)) != 0;
  return !opens;
}

/* What stands at and behind a stop. */
struct stop {
  size_t end; /* behind the stop and its closing quotes */
  bool only;  /* a single full stop, without quotes */
  bool cut;   /* an ellipsis: the text goes on elsewhere */
  bool shut;  /* a closing bracket follows the stop */
};

static struct stop stop_read(const struct sentences *s, size_t pos) {
  struct stop stop = {.end = pos};
  size_t stops = 0, points = 0, wide;
  for (; stop.end < s->len; stop.end += wide) {
    enum mark mark = peek(s, stop.end, &wide);
    if (mark == MARK_STOP || mark == MARK_CJK_STOP) {
      stops++;
      points += s->text[stop.end] == '.';
    } else if (mark == MARK_ELLIPSIS) {
      stop.cut = true;
    } else if (mark == MARK_CLOSER || mark == MARK_SHUT) {
      stop.shut = stop.shut || mark == MARK_SHUT;
    } else {
      break;
    }
  }
  stop.cut = stop.cut || points >= 3;
  stop.only = stops == 1 && points == 1 && stop.end == pos + 1;
  return stop;
}

/* A footnote's number in brackets right behind the stop belongs to the sentence. */
static size_t footnote(const struct sentences *s, size_t pos) {
  size_t digits = 0;
  if (pos >= s->len || s->text[pos] != '[')
    return pos;
  while (pos + 1 + digits < s->len && digits < 4 && s->text[pos + 1 + digits] >= '0' &&
         s->text[pos + 1 + digits] <= '9')
    digits++;
  size_t close = pos + 1 + digits;
  return digits > 0 && close < s->len && s->text[close] == ']' ? close + 1 : pos;
}

/* True when the sentence that starts at `from` ends with the stop at pos. */
static bool ends_here(const struct sentences *s, size_t from, size_t pos, struct stop *stop) {
  size_t wide;
  enum mark mark = peek(s, pos, &wide);
  *stop = stop_read(s, pos);
  stop->end = footnote(s, stop->end);
  bool parted;
  size_t next = skip_space(s, stop->end, &parted);
  if (next >= s->len || parted)
    return true;
  if (mark == MARK_CJK_STOP) {
    int32_t character;
    words_character(s->text + next, s->len - next, &character);
    bool goes_on = character == 0x3001 || (character >= 0x3040 && character <= 0x309f);
    return !(stop->shut && goes_on); /* a quoted sentence, and then "he said" */
  }
  if (next == stop->end || !begins(s, next))
    return false;
  return !(stop->only && stop_is_inner(s, from, pos, next));
}

/* The end of the sentence from `from`, and whether it is whole. */
static size_t scan(const struct sentences *s, size_t from, bool *whole) {
  size_t pos = from, solid = from, opened_at = 0, depth = 0, wide;
  *whole = false;
  for (; pos < s->len; pos += wide) {
    enum mark mark = peek(s, pos, &wide);
    if (pos - from >= SENTENCE_BYTES_MAX)
      return solid;
    if (mark == MARK_SPACE) {
      bool parted;
      size_t next = skip_space(s, pos, &parted);
      if (parted || next >= s->len)
        return solid;
      wide = next - pos;
      continue;
    }
    if (mark == MARK_OPEN && depth++ == 0)
      opened_at = pos;
    if (mark == MARK_SHUT && depth > 0)
      depth--;
    if (depth > 0 && pos - opened_at > SENTENCE_BRACKET_MAX)
      depth = 0;
    solid = pos + wide;
    bool stops = mark == MARK_STOP || mark == MARK_CJK_STOP || mark == MARK_ELLIPSIS;
    struct stop stop;
    if (stops && depth == 0 && ends_here(s, from, pos, &stop)) {
      *whole = !stop.cut && mark != MARK_ELLIPSIS;
      return stop.end;
    }
  }
  return solid;
}

bool sentence_next(struct sentences *s, struct sentence *sentence) {
  size_t from = s->pos, mark;
  bool first = s->pos == 0;
  do {
    bool parted;
    from = skip_space(s, from, &parted);
    if (parted && !first)
      s->paragraph++;
    mark = first || parted ? list_mark(s, from) : 0;
    from += mark;
    first = false;
  } while (mark > 0);
  if (from >= s->len)
    return false;
  sentence->start = from;
  sentence->paragraph = s->paragraph;
  sentence->end = s->pos = scan(s, from, &sentence->whole);
  return true;
}
