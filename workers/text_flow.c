#include "text_flow.h"

#include <string.h>

#define WORD_MAX                                                                                   \
  100 /* bytes; looking for the last space goes back no further (Japanese has none) */

static const char *const gap_text[] = {
    [TEXT_JOINED] = "", [TEXT_SPACE] = " ", [TEXT_LINE] = "\n", [TEXT_PARAGRAPH] = "\n\n"};

/* Characters of more than one byte that fold or go. */
static const struct {
  const char *bytes;
  enum text_gap gap; /* TEXT_JOINED: dropped */
} special[] = {
    {"\xC2\xA0", TEXT_SPACE},         /* no-break space */
    {"\xC2\xAD", TEXT_JOINED},        /* soft hyphen */
    {"\xE2\x80\xA8", TEXT_LINE},      /* line separator */
    {"\xE2\x80\xA9", TEXT_PARAGRAPH}, /* paragraph separator */
    {"\xE2\x80\xAF", TEXT_SPACE},     /* narrow no-break space */
    {"\xE3\x80\x80", TEXT_SPACE},     /* ideographic space */
    {"\xEF\xBB\xBF", TEXT_JOINED},    /* byte order mark */
};

void text_flow_gap(struct text_flow *flow, enum text_gap gap) {
  if (gap == TEXT_LINE && flow->gap == TEXT_LINE)
    flow->gap = TEXT_PARAGRAPH;
  else if (gap > flow->gap)
    flow->gap = gap;
}

static bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_control(char c) {
  return (unsigned char)c < 0x20 || c == 0x7F;
}

static bool is_inner(char c) {
  return ((unsigned char)c & 0xC0) == 0x80;
}

/* Fills up to the limit and then goes back to the end of a word. */
static void fill(struct text_flow *flow, const char *text, size_t len) {
  size_t room = flow->max - flow->out.len;
  size_t n = len < room ? len : room;
  bool inside = n < len && !is_space(text[n]);
  strbuf_add(&flow->out, text, n);
  flow->full = true;
  if (flow->out.failed)
    return;
  size_t end = flow->out.len;
  const char *data = flow->out.data;
  if (inside && end > 0) {
    size_t low = end > WORD_MAX ? end - WORD_MAX : 0;
    size_t at = end;
    while (at > low && !is_space(data[at - 1]))
      at--;
    if (at > low) {
      end = at;
    } else if (n < len && is_inner(text[n])) { /* one long word: whole characters of it */
      while (end > 0 && is_inner(data[end - 1]))
        end--;
      end -= end > 0;
    }
  }
  while (end > 0 && is_space(data[end - 1]))
    end--;
  strbuf_truncate(&flow->out, end);
}

static void add_word(struct text_flow *flow, const char *text, size_t len) {
  if (len == 0 || flow->full)
    return;
  if (flow->out.len > 0 && flow->gap != TEXT_JOINED) {
    const char *gap = gap_text[flow->one_line ? TEXT_SPACE : flow->gap];
    if (flow->out.len + strlen(gap) >= flow->max) {
      flow->full = true;
      return;
    }
    strbuf_puts(&flow->out, gap);
  }
  flow->gap = TEXT_JOINED;
  if (flow->out.len + len > flow->max)
    fill(flow, text, len);
  else
    strbuf_add(&flow->out, text, len);
}

/* The length of a special character at `text`, 0 when there is none. */
static size_t match_special(const char *text, size_t len, enum text_gap *gap) {
  for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
    size_t n = strlen(special[i].bytes);
    if (n <= len && memcmp(text, special[i].bytes, n) == 0) {
      *gap = special[i].gap;
      return n;
    }
  }
  return 0;
}

/* Ends at a white space, a control character or a special one. */
static size_t word_length(const char *text, size_t len) {
  enum text_gap gap;
  size_t n = 0;
  while (n < len && !is_control(text[n]) && text[n] != ' ') {
    unsigned char c = (unsigned char)text[n];
    if ((c == 0xC2 || c == 0xE2 || c == 0xE3 || c == 0xEF) &&
        match_special(text + n, len - n, &gap) > 0)
      break;
    n++;
  }
  return n;
}

static void add_spaces(struct text_flow *flow, const char *text, size_t len) {
  size_t lines = 0;
  for (size_t i = 0; i < len; i++)
    lines += text[i] == '\n';
  text_flow_gap(flow, flow->blank_parts && lines > 1 ? TEXT_PARAGRAPH : TEXT_SPACE);
}

void text_flow_add(struct text_flow *flow, const char *text, size_t len) {
  for (size_t at = 0; at < len && !flow->full;) {
    enum text_gap gap = TEXT_JOINED;
    size_t n = 0;
    while (at + n < len && is_space(text[at + n]))
      n++;
    if (n > 0) {
      add_spaces(flow, text + at, n);
    } else if (is_control(text[at])) {
      n = 1;
    } else if ((n = match_special(text + at, len - at, &gap)) > 0) {
      text_flow_gap(flow, gap);
    } else {
      n = word_length(text + at, len - at);
      add_word(flow, text + at, n);
    }
    at += n;
  }
}

char *text_flow_take(struct text_flow *flow) {
  return strbuf_take(&flow->out);
}

void text_flow_fini(struct text_flow *flow) {
  strbuf_fini(&flow->out);
}
