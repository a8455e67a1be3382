/* publish to a folder: the post as a file that Hugo or Jekyll builds. Where it goes and what is in
 * it is told in front_matter.h; the caller writes it (file_write.h). The file's path is the remote
 * id, so a second publish replaces the same file. */
#include "front_matter.h"
#include "provider_list.h"

#include <stdlib.h>
#include <string.h>

#define CONTENT_FOLDER "/content"

static size_t without_slashes(const char *path) {
  size_t n = strlen(path);
  while (n > 0 && path[n - 1] == '/')
    n--;
  return n;
}

/* The part of Hugo's content folder that the target is, "/posts" of ".../content/posts": Hugo puts
 * it into the URL. "" when the target is no part of one. */
static size_t section_of(const char *path, size_t len, const char **section) {
  const size_t n = strlen(CONTENT_FOLDER);
  for (size_t at = len; at-- > 0;) {
    if (len - at < n || strncmp(path + at, CONTENT_FOLDER, n) != 0)
      continue;
    if (at + n == len || path[at + n] == '/') {
      *section = path + at + n;
      return len - at - n;
    }
  }
  *section = "";
  return 0;
}

/* Hugo writes the folders of a URL in lower case, with hyphens for spaces. */
static void add_section(struct strbuf *out, const char *section, size_t len) {
  for (size_t i = 0; i < len; i++) {
    char c = section[i];
    if (c >= 'A' && c <= 'Z')
      c = (char)(c - 'A' + 'a');
    strbuf_putc(out, c == ' ' ? '-' : c);
  }
}

static bool make_url(const struct publish_target *target, enum front_matter_format format,
                     const struct galley_post *post, struct publish_output *out) {
  if (target->base_url == NULL || target->base_url[0] == '\0')
    return true;
  struct strbuf url = {0};
  strbuf_add(&url, target->base_url, without_slashes(target->base_url));
  if (format == FRONT_MATTER_HUGO) {
    const char *section = "";
    size_t len = section_of(target->path, without_slashes(target->path), &section);
    add_section(&url, section, len);
  }
  strbuf_putc(&url, '/');
  front_matter_url_path(&url, format, post);
  out->remote_url = strbuf_take(&url);
  return out->remote_url != NULL;
}

static bool make_file(const struct publish_target *target, enum front_matter_format format,
                      const struct galley_post *post, struct publish_output *out) {
  struct strbuf path = {0};
  struct strbuf body = {0};
  strbuf_add(&path, target->path, without_slashes(target->path));
  strbuf_putc(&path, '/');
  front_matter_path(&path, format, post);
  bool whole = front_matter_file(&body, format, post);
  out->file_len = body.len;
  out->file_path = strbuf_take(&path);
  out->file_body = strbuf_take(&body);
  out->remote_id = out->file_path != NULL ? strdup(out->file_path) : NULL;
  return whole && out->file_path != NULL && out->file_body != NULL && out->remote_id != NULL;
}

static void judge(const struct stage_input *input, const struct http_reply *reply,
                  struct stage_output *output, struct verdict *verdict) {
  (void)reply;
  const struct galley_post *post = input->u.publish.post;
  const struct publish_target *target = input->u.publish.target;
  struct publish_output *out = &output->u.publish;
  enum front_matter_format format = FRONT_MATTER_HUGO;
  output->stage = STAGE_PUBLISH;
  if (target->format != NULL && !front_matter_format(target->format, &format)) {
    verdict_set(verdict, GALLEY_DEAD, 0, "config",
                "target %s: the format \"%s\" is not known; use hugo or jekyll", target->name,
                target->format);
    return;
  }
  const char *reason = front_matter_refuses(post);
  if (reason != NULL) {
    verdict_set(verdict, GALLEY_DEAD, 0, "data", "post %lld: %s", (long long)post->id, reason);
    return;
  }
  if (make_file(target, format, post, out) && make_url(target, format, post, out))
    *verdict = VERDICT_DONE;
  else
    verdict_set(
        verdict, GALLEY_RETRY, -1, "memory",
        "the file of post %lld cannot be made: no memory, or its body or keywords cannot be read",
        (long long)post->id);
}

const struct provider provider_folder = {
    .name = "folder",
    .stage = STAGE_PUBLISH,
    .about = "Markdown files with front matter, for Hugo or Jekyll",
    .build = NULL,
    .judge = judge,
};
