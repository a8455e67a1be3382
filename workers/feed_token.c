#include "feed_token.h"

#include "feed_encoding.h"

#include <ctype.h>
#include <libxml/HTMLparser.h>
#include <string.h>
#include <strings.h>

#define REFERENCE_MAX  32 /* bytes between '&' and ';' */
#define CHARACTER_MAX  0x10FFFF
#define ATTRIBUTES_MAX 256 /* of one tag; parsers compare each with all others */

static bool begins(const char *at, const char *end, const char *word) {
  size_t n = strlen(word);
  return (size_t)(end - at) >= n && memcmp(at, word, n) == 0;
}

/* Past the terminator, or NULL. *none remembers a search in vain, so that a text full of openings
 * is searched to its end only once. */
static const char *past(const char *at, const char *end, const char *terminator, bool *none) {
  const char *found = *none ? NULL : memmem(at, (size_t)(end - at), terminator, strlen(terminator));
  if (!found) {
    *none = true;
    return NULL;
  }
  return found + strlen(terminator);
}

/* "<!DOCTYPE ... [ ... ]>"; to the end of the text when it has none. */
static const char *past_doctype(const char *at, const char *end) {
  while (at < end && *at != '>' && *at != '[')
    at++;
  if (at < end && *at == '[') {
    for (; at < end; at++) {
      if (*at != ']')
        continue;
      do
        at++;
      while (at < end && isspace((unsigned char)*at));
      if (at == end || *at == '>')
        break;
      at--;
    }
  }
  return at < end ? at + 1 : end;
}

static bool is_name_start(char c) {
  return isalpha((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name_end(char c) {
  return isspace((unsigned char)c) || strchr("/><=\"'", c) != NULL;
}

static void take_name(struct feed_token *token, const char *at, const char *end) {
  const char *stop = at;
  token->local = at;
  while (stop < end && !is_name_end(*stop)) {
    if (*stop == ':')
      token->local = stop + 1;
    stop++;
  }
  token->name = at;
  token->name_len = (size_t)(stop - at);
  token->local_len = (size_t)(stop - token->local);
}

/* A tag from '<' on. It may not hold another '<', not even in quotes: there it ends as broken. */
static const char *take_tag(struct feed_token *token, const char *at, const char *end) {
  bool closing = at[1] == '/';
  take_name(token, at + 1 + closing, end);
  token->kind = FEED_TOKEN_BROKEN;
  char quote = '\0';
  size_t attributes = 0;
  for (const char *c = token->name + token->name_len; c < end; c++) {
    if (*c == '<')
      return c;
    if (quote) {
      quote = *c == quote ? '\0' : quote;
    } else if (*c == '"' || *c == '\'') {
      quote = *c;
      attributes++;
    } else if (*c == '>') {
      if (attributes <= ATTRIBUTES_MAX)
        token->kind = closing ? FEED_TOKEN_END : c[-1] == '/' ? FEED_TOKEN_EMPTY : FEED_TOKEN_START;
      return c + 1;
    }
  }
  return end;
}

/* What begins with "<!" or "<?". */
static const char *take_special(struct feed_token_reader *reader, struct feed_token *token) {
  static const struct {
    const char *opening, *terminator;
    enum feed_token_kind kind;
    size_t none; /* which flag remembers a search in vain */
  } specials[] = {
      {"<!--", "-->", FEED_TOKEN_SKIP, offsetof(struct feed_token_reader, no_comment_end)},
      {"<![CDATA[", "]]>", FEED_TOKEN_CDATA, offsetof(struct feed_token_reader, no_section_end)},
      {"<?", "?>", FEED_TOKEN_SKIP, offsetof(struct feed_token_reader, no_instruction_end)},
  };
  const char *at = reader->at;
  for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
    if (!begins(at, reader->end, specials[i].opening))
      continue;
    size_t opening = strlen(specials[i].opening);
    const char *stop = past(at + opening, reader->end, specials[i].terminator,
                            (bool *)((char *)reader + specials[i].none));
    token->kind = stop ? specials[i].kind : FEED_TOKEN_BROKEN;
    return stop ? stop : at + opening;
  }
  if ((size_t)(reader->end - at) >= 9 && strncasecmp(at, "<!DOCTYPE", 9) == 0) {
    token->kind = FEED_TOKEN_DOCTYPE;
    return past_doctype(at, reader->end);
  }
  const char *stop = memchr(at, '>', (size_t)(reader->end - at));
  token->kind = FEED_TOKEN_SKIP;
  return stop ? stop + 1 : reader->end;
}

bool feed_token_next(struct feed_token_reader *reader, struct feed_token *token) {
  const char *at = reader->at;
  const char *end = reader->end;
  if (at == end)
    return false;
  *token = (struct feed_token){.kind = FEED_TOKEN_TEXT, .text = at};
  char second = end - at > 1 ? at[1] : '\0';
  if (*at == '<' && (second == '!' || second == '?')) {
    at = take_special(reader, token);
  } else if (*at == '<' &&
             (is_name_start(second) || (second == '/' && end - at > 2 && is_name_start(at[2])))) {
    at = take_tag(token, at, end);
  } else { /* a '<' here is a stray one, and belongs to the text */
    const char *next = memchr(at + 1, '<', (size_t)(end - at - 1));
    at = next ? next : end;
  }
  token->len = (size_t)(at - token->text);
  reader->at = at;
  return true;
}

bool feed_token_is(const struct feed_token *token, const char *local) {
  return token->local_len == strlen(local) && memcmp(token->local, local, token->local_len) == 0;
}

/* The character of "#8217" or "#x2019"; 0 when it is none that XML allows. */
static int32_t numbered(const char *text, size_t len) {
  bool hex = len > 1 && (text[1] == 'x' || text[1] == 'X');
  int32_t code = 0;
  size_t at = hex ? 2 : 1;
  if (at == len)
    return 0;
  for (; at < len; at++) {
    unsigned char c = (unsigned char)text[at];
    if (hex ? !isxdigit(c) : !isdigit(c))
      return 0;
    int digit = isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
    code = code * (hex ? 16 : 10) + digit;
    if (code > CHARACTER_MAX)
      return 0;
  }
  if (code >= 0x80 && code <= 0x9F)
    return feed_encoding_western(code);
  bool control = code < 0x20 && code != '\t' && code != '\n' && code != '\r';
  bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  return control || surrogate || code == 0xFFFE || code == 0xFFFF ? 0 : code;
}

/* XML's own five; all others are damage, since we refuse documents that define any. */
static bool is_xml_name(const char *name) {
  static const char *const names[] = {"amp", "lt", "gt", "quot", "apos"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i], name) == 0)
      return true;
  return false;
}

static int32_t named(const char *text, size_t len, bool *damaged) {
  char name[REFERENCE_MAX + 1];
  memcpy(name, text, len);
  name[len] = '\0';
  const htmlEntityDesc *entity = htmlEntityLookup((const xmlChar *)name);
  if (!is_xml_name(name))
    *damaged = true;
  return entity ? (int32_t)entity->value : 0;
}

/* A reference at '&'; its length, or 1 for a stray '&'. */
static size_t mend_reference(const char *at, size_t len, struct strbuf *out, bool *damaged) {
  size_t n = 1;
  size_t most = len < REFERENCE_MAX ? len : REFERENCE_MAX;
  while (n < most && (isalnum((unsigned char)at[n]) || (n == 1 && at[n] == '#')))
    n++;
  if (n > 1 && n < len && at[n] == ';') {
    bool number = at[1] == '#';
    int32_t code = number ? numbered(at + 1, n - 1) : named(at + 1, n - 1, damaged);
    if (code > 0) {
      /* Always as a number: after its first error libxml2 drops references by name. */
      strbuf_printf(out, "&#%d;", (int)code);
      return n + 1;
    }
    if (number) { /* of a character that XML forbids */
      *damaged = true;
      return n + 1;
    }
  }
  *damaged = true;
  strbuf_puts(out, "&#38;");
  return 1;
}

static void mend_text(const char *text, size_t len, bool tag, struct strbuf *out, bool *damaged) {
  size_t from = 0;
  for (size_t at = 0; at < len;) {
    bool stray = !tag && (text[at] == '<' || (text[at] == '>' && at > 0 && text[at - 1] == ']'));
    if (text[at] != '&' && !stray) {
      at++;
      continue;
    }
    strbuf_add(out, text + from, at - from);
    if (stray) {
      *damaged = *damaged || text[at] == '<';
      strbuf_puts(out, text[at] == '<' ? "&#60;" : "&#62;");
      at++;
    } else {
      at += mend_reference(text + at, len - at, out, damaged);
    }
    from = at;
  }
  strbuf_add(out, text + from, len - from);
}

void feed_token_mend(const struct feed_token *token, struct strbuf *out, bool *damaged) {
  switch (token->kind) {
  case FEED_TOKEN_TEXT:
    mend_text(token->text, token->len, false, out, damaged);
    break;
  case FEED_TOKEN_START:
  case FEED_TOKEN_EMPTY:
    mend_text(token->text, token->len, true, out, damaged);
    break;
  case FEED_TOKEN_END:
  case FEED_TOKEN_CDATA:
    strbuf_add(out, token->text, token->len);
    break;
  case FEED_TOKEN_BROKEN:
    *damaged = true;
    break;
  case FEED_TOKEN_DOCTYPE:
  case FEED_TOKEN_SKIP:
    break;
  }
}
