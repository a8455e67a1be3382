#include "front_matter.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <utf8proc.h>

#define KEYWORDS_MAX 32 /* written of one post */

/* What differs between the generators' front matter. */
struct dialect {
  const char *name;
  const char *before_time, *zone;
  const char *modified, *visible, *summary, *language; /* keys */
};
static const struct dialect dialects[] = {
    [FRONT_MATTER_HUGO] = {"hugo", "T", "Z", "lastmod", "draft: false", "summary", "language"},
    [FRONT_MATTER_JEKYLL] = {"jekyll", " ", " +0000", "last_modified_at", "published: true",
                             "excerpt", "lang"},
};

bool front_matter_format(const char *name, enum front_matter_format *format) {
  for (size_t i = 0; i < sizeof dialects / sizeof dialects[0]; i++) {
    if (strcmp(dialects[i].name, name) == 0) {
      *format = (enum front_matter_format)i;
      return true;
    }
  }
  return false;
}

static bool is_path_part(const char *text) {
  return text != NULL && text[0] != '\0' && text[0] != '.' && strchr(text, '/') == NULL;
}

const char *front_matter_refuses(const struct galley_post *post) {
  if (!is_path_part(post->slug))
    return "the post has no slug that can be a file name";
  if (!is_path_part(post->language))
    return "the post has no language that can be a folder name";
  if (post->created_at_ms <= 0)
    return "the post has no time of creation";
  return NULL;
}

static struct tm utc_of(int64_t ms) {
  time_t seconds = (time_t)(ms / 1000);
  struct tm utc = {0};
  (void)gmtime_r(&seconds, &utc); /* fails past the year 2^31 only: then it is the year 1900 */
  return utc;
}

static void add_day(struct strbuf *out, int64_t ms, char between) {
  struct tm utc = utc_of(ms);
  strbuf_printf(out, "%04d%c%02d%c%02d", utc.tm_year + 1900, between, utc.tm_mon + 1, between,
                utc.tm_mday);
}

/* ---- where it goes ---- */

void front_matter_path(struct strbuf *out, enum front_matter_format format,
                       const struct galley_post *post) {
  if (format == FRONT_MATTER_HUGO) {
    /* index.md would make the whole folder one page of Hugo's */
    bool is_index = strcmp(post->slug, "index") == 0;
    strbuf_printf(out, "%s/%s%s.md", post->language, post->slug, is_index ? "_" : "");
    return;
  }
  if (strcmp(post->language, "en") != 0)
    strbuf_printf(out, "%s/", post->language);
  strbuf_puts(out, "_posts/");
  add_day(out, post->created_at_ms, '-');
  strbuf_printf(out, "-%s.md", post->slug);
}

static void add_encoded(struct strbuf *out, const char *part) {
  for (const char *c = part; *c != '\0'; c++) {
    if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
        strchr("-._~", *c) != NULL)
      strbuf_putc(out, *c);
    else
      strbuf_printf(out, "%%%02X", (unsigned)(unsigned char)*c);
  }
}

void front_matter_url_path(struct strbuf *out, enum front_matter_format format,
                           const struct galley_post *post) {
  if (format == FRONT_MATTER_HUGO || strcmp(post->language, "en") != 0) {
    add_encoded(out, post->language);
    strbuf_putc(out, '/');
  }
  if (format == FRONT_MATTER_JEKYLL) {
    add_day(out, post->created_at_ms, '/');
    strbuf_putc(out, '/');
  }
  add_encoded(out, post->slug);
  strbuf_puts(out, format == FRONT_MATTER_HUGO ? "/" : ".html");
}

/* ---- YAML ---- */

/* What YAML does not allow or folds in a double-quoted scalar. */
static bool needs_code(utf8proc_int32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
         (c & 0xfffe) == 0xfffe;
}

void front_matter_string(struct strbuf *out, const char *text) {
  strbuf_putc(out, '"');
  const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)(text != NULL ? text : "");
  while (*at != '\0') {
    utf8proc_int32_t c = 0;
    utf8proc_ssize_t n = utf8proc_iterate(at, -1, &c);
    if (n <= 0)
      strbuf_puts(out, "\xef\xbf\xbd");
    else if (c == '"' || c == '\\')
      strbuf_printf(out, "\\%c", (char)c);
    else if (c == '\n')
      strbuf_puts(out, "\\n");
    else if (c == '\t')
      strbuf_puts(out, "\\t");
    else if (needs_code(c))
      strbuf_printf(out, c > 0xffff ? "\\U%08X" : "\\u%04X", (unsigned)c);
    else
      strbuf_add(out, (const char *)at, (size_t)n);
    at += n > 0 ? n : 1;
  }
  strbuf_putc(out, '"');
}

static void add_pair(struct strbuf *out, const char *key, const char *text) {
  if (text == NULL || text[0] == '\0')
    return;
  strbuf_printf(out, "%s: ", key);
  front_matter_string(out, text);
  strbuf_putc(out, '\n');
}

static void add_date(struct strbuf *out, const char *key, const struct dialect *dialect,
                     int64_t ms) {
  struct tm utc = utc_of(ms);
  strbuf_printf(out, "%s: ", key);
  add_day(out, ms, '-');
  strbuf_printf(out, "%s%02d:%02d:%02d%s\n", dialect->before_time, utc.tm_hour, utc.tm_min,
                utc.tm_sec, dialect->zone);
}

/* A list of strings out of a JSON array; nothing for anything else. */
static void add_list(struct strbuf *out, const char *key, const json_t *list) {
  size_t n = json_array_size(list);
  size_t written = 0;
  for (size_t i = 0; i < n && written < KEYWORDS_MAX; i++) {
    const char *text = json_string_value(json_array_get(list, i));
    if (text == NULL || text[0] == '\0')
      continue;
    if (written++ == 0)
      strbuf_printf(out, "%s:\n", key);
    strbuf_puts(out, "  - ");
    front_matter_string(out, text);
    strbuf_putc(out, '\n');
  }
}

static bool add_front_matter(struct strbuf *out, const struct dialect *dialect,
                             const struct galley_post *post) {
  int64_t modified =
      post->updated_at_ms > post->created_at_ms ? post->updated_at_ms : post->created_at_ms;
  strbuf_puts(out, "---\ntitle: ");
  front_matter_string(out, post->title);
  strbuf_putc(out, '\n');
  add_date(out, "date", dialect, post->created_at_ms);
  add_date(out, dialect->modified, dialect, modified);
  strbuf_printf(out, "%s\n", dialect->visible);
  add_pair(out, "slug", post->slug);
  add_pair(out, "description", post->meta_description);
  add_pair(out, dialect->summary, post->excerpt);
  json_t *keywords = NULL;
  bool tagged = post->keywords != NULL && post->keywords[0] != '\0';
  if (tagged)
    keywords = json_loads(post->keywords, JSON_DECODE_ANY, NULL);
  add_list(out, "keywords", keywords);
  add_list(out, "tags", keywords);
  bool keywords_read = !tagged || keywords != NULL;
  json_decref(keywords);
  add_pair(out, dialect->language, post->language);
  strbuf_printf(out, "galley_post: %lld\n---\n\n", (long long)post->id);
  return keywords_read;
}

bool front_matter_file(struct strbuf *out, enum front_matter_format format,
                       const struct galley_post *post) {
  const char *body = post->content != NULL ? post->content : "";
  bool readable = add_front_matter(out, &dialects[format], post);
  if (format == FRONT_MATTER_JEKYLL)
    front_matter_liquid(out, body);
  else
    readable = front_matter_shortcodes(out, body) && readable;
  if (out->len > 0 && out->data[out->len - 1] != '\n')
    strbuf_putc(out, '\n');
  return readable && !out->failed;
}
