#include "feed_encoding.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>
#include <strings.h>
#include <utf8proc.h>

#define DECLARATION_MAX 1024 /* bytes in which the XML declaration ends */
#define REPLACEMENT     0xFFFD

enum way { WAY_UTF8, WAY_WESTERN, WAY_ICONV };

/* Which encodings are read is our choice, not the feed's: iconv knows many that were only ever used
 * to attack it. Labels as in the WHATWG's Encoding Standard. */
static const struct encoding {
  const char *label;
  enum way way;
  const char *iconv_name;
} encodings[] = {
    {"utf-8", WAY_UTF8, NULL},
    {"utf8", WAY_UTF8, NULL},
    {"us-ascii", WAY_WESTERN, NULL},
    {"ascii", WAY_WESTERN, NULL},
    {"iso-8859-1", WAY_WESTERN, NULL},
    {"iso8859-1", WAY_WESTERN, NULL},
    {"iso_8859-1", WAY_WESTERN, NULL},
    {"latin1", WAY_WESTERN, NULL},
    {"windows-1252", WAY_WESTERN, NULL},
    {"cp1252", WAY_WESTERN, NULL},
    {"iso-8859-2", WAY_ICONV, "ISO-8859-2"},
    {"iso-8859-3", WAY_ICONV, "ISO-8859-3"},
    {"iso-8859-4", WAY_ICONV, "ISO-8859-4"},
    {"iso-8859-5", WAY_ICONV, "ISO-8859-5"},
    {"iso-8859-6", WAY_ICONV, "ISO-8859-6"},
    {"iso-8859-7", WAY_ICONV, "ISO-8859-7"},
    {"iso-8859-8", WAY_ICONV, "ISO-8859-8"},
    {"iso-8859-9", WAY_ICONV, "WINDOWS-1254"},
    {"iso-8859-10", WAY_ICONV, "ISO-8859-10"},
    {"iso-8859-13", WAY_ICONV, "ISO-8859-13"},
    {"iso-8859-14", WAY_ICONV, "ISO-8859-14"},
    {"iso-8859-15", WAY_ICONV, "ISO-8859-15"},
    {"iso-8859-16", WAY_ICONV, "ISO-8859-16"},
    {"windows-1250", WAY_ICONV, "WINDOWS-1250"},
    {"windows-1251", WAY_ICONV, "WINDOWS-1251"},
    {"windows-1253", WAY_ICONV, "WINDOWS-1253"},
    {"windows-1254", WAY_ICONV, "WINDOWS-1254"},
    {"windows-1255", WAY_ICONV, "WINDOWS-1255"},
    {"windows-1256", WAY_ICONV, "WINDOWS-1256"},
    {"windows-1257", WAY_ICONV, "WINDOWS-1257"},
    {"windows-1258", WAY_ICONV, "WINDOWS-1258"},
    {"koi8-r", WAY_ICONV, "KOI8-R"},
    {"koi8-u", WAY_ICONV, "KOI8-U"},
    {"shift_jis", WAY_ICONV, "CP932"},
    {"shift-jis", WAY_ICONV, "CP932"},
    {"x-sjis", WAY_ICONV, "CP932"},
    {"euc-jp", WAY_ICONV, "EUC-JP"},
    {"euc-kr", WAY_ICONV, "CP949"},
    {"ks_c_5601-1987", WAY_ICONV, "CP949"},
    {"gb2312", WAY_ICONV, "GB18030"},
    {"gbk", WAY_ICONV, "GB18030"},
    {"gb18030", WAY_ICONV, "GB18030"},
    {"big5", WAY_ICONV, "BIG5-HKSCS"},
    {"tis-620", WAY_ICONV, "TIS-620"},
};

static const struct encoding utf8 = {"utf-8", WAY_UTF8, NULL};
static const struct encoding utf16_little = {"utf-16le", WAY_ICONV, "UTF-16LE"};
static const struct encoding utf16_big = {"utf-16be", WAY_ICONV, "UTF-16BE"};

/* Byte order marks, and '<' with its neighbour as UTF-16 writes it. */
static const struct {
  const char *bytes;
  size_t len;
  size_t skip;
  const struct encoding *encoding;
} beginnings[] = {
    {"\xEF\xBB\xBF", 3, 3, &utf8},  {"\xFF\xFE", 2, 2, &utf16_little},
    {"\xFE\xFF", 2, 2, &utf16_big}, {"<\0?\0", 4, 0, &utf16_little},
    {"\0<\0?", 4, 0, &utf16_big},
};

int32_t feed_encoding_western(int32_t code) {
  static const int32_t table[32] = {0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                    0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017D, 0,
                                    0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                    0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};
  return code >= 0x80 && code <= 0x9F ? table[code - 0x80] : 0;
}

void feed_encoding_put(struct strbuf *out, int32_t character) {
  utf8proc_uint8_t bytes[4];
  utf8proc_ssize_t n = utf8proc_encode_char(character, bytes);
  if (n > 0)
    strbuf_add(out, (const char *)bytes, (size_t)n);
}

static const struct encoding *find_encoding(const char *label, size_t len) {
  for (size_t i = 0; i < sizeof encodings / sizeof encodings[0]; i++)
    if (strlen(encodings[i].label) == len && strncasecmp(encodings[i].label, label, len) == 0)
      return &encodings[i];
  return NULL;
}

/* The encoding named by the text behind `key` and '=', quoted or not. */
static const struct encoding *named_after(const char *text, const char *key) {
  const char *at = strcasestr(text, key);
  if (!at)
    return NULL;
  at += strlen(key);
  at += strspn(at, " \t\r\n");
  if (*at != '=')
    return NULL;
  at++;
  at += strspn(at, " \t\r\n\"'");
  return find_encoding(at, strcspn(at, " \t\r\n\"';?"));
}

static const struct encoding *declared(const struct feed_source *source) {
  const struct encoding *encoding = NULL;
  if (source->content_type)
    encoding = named_after(source->content_type, "charset");
  if (encoding)
    return encoding;
  char head[DECLARATION_MAX + 1];
  size_t len = source->len < DECLARATION_MAX ? source->len : DECLARATION_MAX;
  memcpy(head, source->bytes, len);
  head[len] = '\0';
  char *at = strstr(head, "<?xml");
  char *end = at ? strstr(at, "?>") : NULL;
  if (!end)
    return NULL;
  *end = '\0';
  return named_after(at, "encoding");
}

/* True for text that is UTF-8 throughout and has letters beyond ASCII: what a server by its default
 * calls ISO-8859-1 is UTF-8 all the same then. */
static bool is_surely_utf8(const char *bytes, size_t len) {
  bool beyond = false;
  for (size_t at = 0; at < len;) {
    if ((unsigned char)bytes[at] < 0x80) {
      at++;
      continue;
    }
    utf8proc_int32_t character;
    size_t rest = len - at < 4 ? len - at : 4;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)bytes + at, (utf8proc_ssize_t)rest, &character);
    if (n <= 0)
      return false;
    at += (size_t)n;
    beyond = true;
  }
  return beyond;
}

static bool is_kept(int32_t character) {
  return character >= 0x20 ? character != 0x7F && character != 0xFFFE && character != 0xFFFF
                           : character == '\t' || character == '\n' || character == '\r';
}

static void put_western(struct strbuf *out, unsigned char byte, bool *damaged) {
  int32_t character = byte >= 0x80 && byte <= 0x9F ? feed_encoding_western(byte) : byte;
  if (character != 0 && is_kept(character))
    feed_encoding_put(out, character);
  else
    *damaged = true;
}

/* The length of a run of plain ASCII. */
static size_t ascii_length(const char *bytes, size_t len) {
  size_t n = 0;
  while (n < len && (unsigned char)bytes[n] < 0x80 && is_kept(bytes[n]))
    n++;
  return n;
}

static void read_western(const char *bytes, size_t len, struct strbuf *out, bool *damaged) {
  for (size_t at = 0; at < len;) {
    size_t n = ascii_length(bytes + at, len - at);
    strbuf_add(out, bytes + at, n);
    at += n;
    if (at < len)
      put_western(out, (unsigned char)bytes[at++], damaged);
  }
}

static void read_utf8(const char *bytes, size_t len, struct strbuf *out, bool *damaged) {
  for (size_t at = 0; at < len;) {
    size_t n = ascii_length(bytes + at, len - at);
    strbuf_add(out, bytes + at, n);
    at += n;
    if (at == len)
      return;
    utf8proc_int32_t character;
    size_t rest = len - at < 4 ? len - at : 4;
    utf8proc_ssize_t taken =
        utf8proc_iterate((const utf8proc_uint8_t *)bytes + at, (utf8proc_ssize_t)rest, &character);
    if (taken <= 0) {
      *damaged = true;
      put_western(out, (unsigned char)bytes[at++], damaged);
      continue;
    }
    if (is_kept(character))
      strbuf_add(out, bytes + at, (size_t)taken);
    else
      *damaged = true;
    at += (size_t)taken;
  }
}

/* False when iconv does not have the encoding. */
static bool read_iconv(const char *name, const char *bytes, size_t len, struct strbuf *out,
                       bool *damaged) {
  iconv_t conversion = iconv_open("UTF-8", name);
  if (conversion == (iconv_t)-1)
    return false;
  size_t unit = strncmp(name, "UTF-16", 6) == 0 ? 2 : 1;
  char *from = (char *)(uintptr_t)bytes; /* iconv's signature; it does not write there */
  size_t left = len;
  while (left > 0 && !out->failed) {
    char piece[4096];
    char *to = piece;
    size_t room = sizeof piece;
    size_t rc = iconv(conversion, &from, &left, &to, &room);
    int reason = rc == (size_t)-1 ? errno : 0;
    read_utf8(piece, sizeof piece - room, out, damaged);
    if (reason == EILSEQ || reason == EINVAL) {
      size_t bad = left < unit ? left : unit;
      feed_encoding_put(out, REPLACEMENT);
      from += bad;
      left -= bad;
      *damaged = true;
    }
  }
  iconv_close(conversion);
  return true;
}

void feed_encoding_decode(const struct feed_source *source, struct strbuf *out, bool *damaged) {
  const char *bytes = source->bytes;
  size_t len = source->len;
  const struct encoding *encoding = NULL;
  for (size_t i = 0; !encoding && i < sizeof beginnings / sizeof beginnings[0]; i++) {
    if (len >= beginnings[i].len && memcmp(bytes, beginnings[i].bytes, beginnings[i].len) == 0) {
      encoding = beginnings[i].encoding;
      bytes += beginnings[i].skip;
      len -= beginnings[i].skip;
    }
  }
  if (!encoding)
    encoding = declared(source);
  if (!encoding || (encoding->way == WAY_WESTERN && is_surely_utf8(bytes, len)))
    encoding = &utf8;
  if (encoding->way == WAY_ICONV && read_iconv(encoding->iconv_name, bytes, len, out, damaged))
    return;
  if (encoding->way == WAY_WESTERN)
    read_western(bytes, len, out, damaged);
  else
    read_utf8(bytes, len, out, damaged);
}
