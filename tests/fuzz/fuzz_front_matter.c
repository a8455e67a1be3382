/* libFuzzer target: a post as a file of a static site. Lines: slug, title, description, keywords,
 * then the body. What the site generator reads out of the front matter is what the post says, and
 * it runs nothing of the body. */
#include "front_matter.h"
#include "fuzz.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- a reader of double-quoted YAML scalars, which are JSON strings but for \U ---- */

/* The value of a scalar that ends its line. To be freed. */
static char *read_scalar(const char *at) {
  struct strbuf json = {0};
  const char *end = strchr(at, '\n');
  assert(at[0] == '"' && end && end > at + 1 && end[-1] == '"');
  for (const char *c = at; c < end; c++) {
    assert((unsigned char)*c >= 0x20 && *c != 0x7f);
    if (c[0] == '\\' && c[1] == 'U') { /* past the basic plane only as a noncharacter */
      unsigned long code = strtoul(c + 6, NULL, 16) & 0xffff;
      unsigned long plane = strtoul((char[]){c[2], c[3], c[4], c[5], 0}, NULL, 16);
      unsigned long value = (plane << 16 | code) - 0x10000;
      strbuf_printf(&json, "\\u%04lx\\u%04lx", 0xd800 + (value >> 10), 0xdc00 + (value & 0x3ff));
      c += 9;
    } else {
      strbuf_putc(&json, *c);
      if (*c == '\\')
        strbuf_putc(&json, *++c);
    }
  }
  json_t *value = json_loadb(json.data, json.len, JSON_DECODE_ANY, NULL);
  assert(json_is_string(value));
  char *text = strdup(json_string_value(value));
  json_decref(value);
  strbuf_fini(&json);
  return text;
}

static void check_key(const char *file, const char *key, const char *wanted) {
  struct strbuf line = {0};
  strbuf_printf(&line, "\n%s: ", key);
  const char *at = strstr(file, line.data);
  assert(!at == (!wanted || !*wanted));
  if (at) {
    char *value = read_scalar(at + line.len);
    fuzz_check_same(value, wanted);
    free(value);
  }
  strbuf_fini(&line);
}

/* The first key, which is there without a title too. */
static void check_title(const char *file, const char *wanted) {
  static const char start[] = "---\ntitle: ";
  assert(strncmp(file, start, sizeof start - 1) == 0);
  char *value = read_scalar(file + sizeof start - 1);
  fuzz_check_same(value, wanted);
  free(value);
}

/* ---- bodies ---- */

/* Liquid replaces {{ "text" }} by the text, and finds nothing else to run. */
static void check_liquid(const char *written, const char *body) {
  struct strbuf rendered = {0};
  while (*written) {
    if (written[0] != '{' || (written[1] != '{' && written[1] != '%')) {
      strbuf_putc(&rendered, *written++);
      continue;
    }
    assert(strncmp(written, "{{ \"{{\" }}", 10) == 0 || strncmp(written, "{{ \"{%\" }}", 10) == 0);
    strbuf_add(&rendered, written + 4, 2);
    written += 10;
  }
  size_t len = strlen(body);
  assert(strncmp(rendered.data ? rendered.data : "", body, len) == 0);
  strbuf_fini(&rendered);
}

/* Hugo runs {{< and {{%, but for {{</ * and {{%/ *, which it writes out. */
static void check_shortcodes(const char *written) {
  for (const char *at = written; (at = strstr(at, "{{")); at++)
    if (at[2] == '<' || at[2] == '%')
      assert(at[3] == '/' && at[4] == '*' && strstr(at, at[2] == '<' ? "*/>}}" : "*/%}}"));
}

static const char *body_of(const char *file) {
  assert(strncmp(file, "---\n", 4) == 0);
  const char *end = strstr(file, "\n---\n\n");
  assert(end);
  return end + 6;
}

static void check_file(const struct galley_post *post, enum front_matter_format format) {
  struct strbuf out = {0};
  bool readable = front_matter_file(&out, format, post);
  assert(out.data && !out.failed);
  fuzz_check_text(out.data, SIZE_MAX / 2);
  const char *body = body_of(out.data);
  if (format == FRONT_MATTER_JEKYLL)
    check_liquid(body, post->content);
  else
    check_shortcodes(body);
  strbuf_truncate(&out, (size_t)(body - out.data));
  check_title(out.data, post->title);
  check_key(out.data, "slug", post->slug);
  check_key(out.data, "description", post->meta_description);
  json_t *keywords = json_loads(post->keywords, JSON_DECODE_ANY, NULL);
  assert(readable == (keywords || !*post->keywords));
  json_decref(keywords);
  strbuf_fini(&out);
}

/* Below the target's folder, whatever the slug. */
static void check_path(const struct galley_post *post, enum front_matter_format format) {
  struct strbuf path = {0}, url = {0};
  front_matter_path(&path, format, post);
  front_matter_url_path(&url, format, post);
  assert(path.data[0] != '/' && !strstr(path.data, "/.") && !strstr(path.data, "//"));
  for (const char *c = url.data; *c; c++)
    assert(strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%/", *c));
  strbuf_fini(&path);
  strbuf_fini(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  char *part[5];
  for (size_t i = 0; i < 5; i++) {
    part[i] = i < 4 ? fuzz_until(&input, '\n', NULL) : fuzz_rest(&input, NULL);
    fuzz_make_utf8(part[i]);
  }
  const struct galley_post post = {.id = 7,
                                   .slug = part[0],
                                   .title = part[1],
                                   .meta_description = part[2],
                                   .keywords = part[3],
                                   .content = part[4],
                                   .language = "en",
                                   .created_at_ms = INT64_C(1772000000000)};
  const char *why = front_matter_refuses(&post);
  if (why)
    fuzz_check_sentence(why, 200);
  for (int format = FRONT_MATTER_HUGO; !why && format <= FRONT_MATTER_JEKYLL; format++) {
    check_path(&post, (enum front_matter_format)format);
    check_file(&post, (enum front_matter_format)format);
  }
  for (size_t i = 0; i < 5; i++)
    free(part[i]);
  return 0;
}
