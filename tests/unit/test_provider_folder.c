/* provider "folder", front_matter: a post as a file of a static site. With two arguments, FORMAT
 * and FOLDER, the program writes sample posts there instead, for tests/cli/sites.bats to build. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "file_write.h"
#include "front_matter.h"
#include "provider_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CREATED_MS INT64_C(1772366400000) /* 2026-03-01 12:00:00 UTC */
#define UPDATED_MS INT64_C(1772452800123) /* a day later */

static const struct galley_post plain_post = {
    .id = 7,
    .slug = "heat-pumps",
    .title = "Heat pumps",
    .content = "Body.\n",
    .excerpt = "What they cost.",
    .meta_description = "Costs of heat pumps.",
    .keywords = "[\"heat pumps\", \"costs\"]",
    .language = "en",
    .created_at_ms = CREATED_MS,
    .updated_at_ms = UPDATED_MS,
};

static struct publish_target target_of(const char *format, const char *path) {
  return (struct publish_target){.name = "site", .type = "folder", .path = path, .format = format};
}

static struct verdict publish(const struct galley_post *post, const struct publish_target *target,
                              struct stage_output *output) {
  const struct stage_input input = {.stage = STAGE_PUBLISH,
                                    .u.publish = {.post = post, .target = target, .now_ms = 1}};
  struct verdict verdict = {0};
  *output = (struct stage_output){0};
  provider_folder.judge(&input, NULL, output, &verdict);
  return verdict;
}

static void assert_path(const struct galley_post *post, const char *format, const char *expected) {
  struct publish_target target = target_of(format, "/srv/site/");
  struct stage_output output;
  assert_int_equal(publish(post, &target, &output).outcome, GALLEY_DONE);
  assert_string_equal(output.u.publish.file_path, expected);
  assert_string_equal(output.u.publish.remote_id, expected);
  assert_null(output.u.publish.remote_url);
  stage_output_fini(&output);
}

static void a_hugo_post_lies_in_the_folder_of_its_language(void **state) {
  (void)state;
  struct galley_post post = plain_post;
  assert_path(&post, "hugo", "/srv/site/en/heat-pumps.md");
  post.language = "de";
  assert_path(&post, "hugo", "/srv/site/de/heat-pumps.md");
  assert_path(&post, NULL, "/srv/site/de/heat-pumps.md");
  post.slug = "index"; /* index.md would hide its neighbours */
  assert_path(&post, "hugo", "/srv/site/de/index_.md");
}

static void a_jekyll_post_is_named_after_the_day_it_was_made(void **state) {
  (void)state;
  struct galley_post post = plain_post;
  assert_path(&post, "jekyll", "/srv/site/_posts/2026-03-01-heat-pumps.md");
  post.language = "de";
  assert_path(&post, "jekyll", "/srv/site/de/_posts/2026-03-01-heat-pumps.md");
  post.updated_at_ms += INT64_C(86400000) * 400; /* an update does not move it */
  assert_path(&post, "jekyll", "/srv/site/de/_posts/2026-03-01-heat-pumps.md");
  post.created_at_ms = INT64_C(1772409599999); /* the last millisecond of that day in UTC */
  assert_path(&post, "jekyll", "/srv/site/de/_posts/2026-03-01-heat-pumps.md");
  post.created_at_ms++;
  assert_path(&post, "jekyll", "/srv/site/de/_posts/2026-03-02-heat-pumps.md");
}

static void assert_url(const struct publish_target *target, const struct galley_post *post,
                       const char *expected) {
  struct stage_output output;
  assert_int_equal(publish(post, target, &output).outcome, GALLEY_DONE);
  assert_string_equal(output.u.publish.remote_url, expected);
  stage_output_fini(&output);
}

static void the_url_is_that_of_the_built_page(void **state) {
  (void)state;
  struct galley_post post = plain_post;
  struct publish_target target = target_of("hugo", "/srv/site/content/My Posts");
  target.base_url = "https://blog.example/";
  assert_url(&target, &post, "https://blog.example/my-posts/en/heat-pumps/");
  target.path = "/srv/content";
  assert_url(&target, &post, "https://blog.example/en/heat-pumps/");
  target.path = "/srv/contents/x";
  assert_url(&target, &post, "https://blog.example/en/heat-pumps/");
  target.format = "jekyll";
  assert_url(&target, &post, "https://blog.example/2026/03/01/heat-pumps.html");
  post.language = "ja";
  post.slug = "\xe9\x9b\xbb";
  assert_url(&target, &post, "https://blog.example/ja/2026/03/01/%E9%9B%BB.html");
}

static char *file_of(const struct galley_post *post, enum front_matter_format format) {
  struct strbuf out = {0};
  assert_true(front_matter_file(&out, format, post));
  return strbuf_take(&out);
}

static void the_file_is_these_bytes(void **state) {
  (void)state;
  char *hugo = file_of(&plain_post, FRONT_MATTER_HUGO);
  assert_string_equal(hugo, "---\n"
                            "title: \"Heat pumps\"\n"
                            "date: 2026-03-01T12:00:00Z\n"
                            "lastmod: 2026-03-02T12:00:00Z\n"
                            "draft: false\n"
                            "slug: \"heat-pumps\"\n"
                            "description: \"Costs of heat pumps.\"\n"
                            "summary: \"What they cost.\"\n"
                            "keywords:\n  - \"heat pumps\"\n  - \"costs\"\n"
                            "tags:\n  - \"heat pumps\"\n  - \"costs\"\n"
                            "language: \"en\"\n"
                            "galley_post: 7\n"
                            "---\n\n"
                            "Body.\n");
  char *jekyll = file_of(&plain_post, FRONT_MATTER_JEKYLL);
  assert_non_null(strstr(jekyll, "\ndate: 2026-03-01 12:00:00 +0000\n"));
  assert_non_null(strstr(jekyll, "\nlast_modified_at: 2026-03-02 12:00:00 +0000\n"));
  assert_non_null(strstr(jekyll, "\nlang: \"en\"\n"));
  char *again = file_of(&plain_post, FRONT_MATTER_JEKYLL);
  assert_string_equal(jekyll, again);
  free(hugo);
  free(jekyll);
  free(again);
}

static void a_post_without_extras_is_still_a_file(void **state) {
  (void)state;
  const struct galley_post post = {.id = 1,
                                   .slug = "x",
                                   .title = "X",
                                   .language = "en",
                                   .created_at_ms = CREATED_MS,
                                   .keywords = "{}",
                                   .content = "no newline"};
  char *file = file_of(&post, FRONT_MATTER_HUGO);
  assert_string_equal(file, "---\ntitle: \"X\"\ndate: 2026-03-01T12:00:00Z\n"
                            "lastmod: 2026-03-01T12:00:00Z\ndraft: false\nslug: \"x\"\n"
                            "language: \"en\"\ngalley_post: 1\n---\n\nno newline\n");
  free(file);
}

static void keywords_that_cannot_be_read_are_not_left_out(void **state) {
  (void)state;
  struct galley_post post = plain_post;
  post.keywords = "not json";
  struct publish_target target = target_of("hugo", "/srv/site");
  struct stage_output output;
  assert_int_equal(publish(&post, &target, &output).outcome, GALLEY_RETRY);
  stage_output_fini(&output);
}

static void assert_scalar(const char *text, const char *expected) {
  struct strbuf out = {0};
  front_matter_string(&out, text);
  assert_string_equal(out.data, expected);
  strbuf_fini(&out);
}

static void strings_are_quoted_for_yaml(void **state) {
  (void)state;
  assert_scalar("a: b # c 'd' \"e\" \\f", "\"a: b # c 'd' \\\"e\\\" \\\\f\"");
  assert_scalar("\xf0\x9f\x98\x80 \xc3\xbc \xce\xb1 \xe6\x97\xa5",
                "\"\xf0\x9f\x98\x80 \xc3\xbc \xce\xb1 \xe6\x97\xa5\"");
  assert_scalar("a\nb\tc\x01\x7f", "\"a\\nb\\tc\\u0001\\u007F\"");
  assert_scalar("\xc2\x85\xe2\x80\xa8\xef\xbb\xbf\xef\xbf\xbf", "\"\\u0085\\u2028\\uFEFF\\uFFFF\"");
  assert_scalar("\xf0\x9f\xbf\xbe", "\"\\U0001FFFE\"");
  assert_scalar("bad \xff byte", "\"bad \xef\xbf\xbd byte\"");
  assert_scalar("", "\"\"");
  assert_scalar(NULL, "\"\"");
}

static void liquid_is_written_as_an_output_of_itself(void **state) {
  (void)state;
  struct strbuf out = {0};
  front_matter_liquid(&out, "a {{ x }} {% y %} {z} {{{w}}} {");
  assert_string_equal(out.data, "a {{ \"{{\" }} x }} {{ \"{%\" }} y %} {z} {{ \"{{\" }}{w}}} {");
  strbuf_fini(&out);
}

static void assert_shortcodes(const char *body, const char *expected) {
  struct strbuf out = {0};
  assert_true(front_matter_shortcodes(&out, body));
  assert_string_equal(out.data, expected);
  strbuf_fini(&out);
}

static void shortcodes_are_parted_in_text_and_commented_in_code(void **state) {
  (void)state;
  assert_shortcodes("no braces {{ x }} {%", "no braces {{ x }} {%");
  assert_shortcodes("a {{< b >}} {{% c %}}", "a {{\\< b >}} {{\\% c %}}");
  assert_shortcodes("a {{< b", "a {{\\< b");
  assert_shortcodes("`{{< b >}}` `{{% c %}}`", "`{{</* b */>}}` `{{%/* c */%}}`");
  assert_shortcodes("```\n{{< b\n```\n", "```\n{{\xe2\x81\xa0< b\n```\n");
  assert_shortcodes("`{{< b` `{{% c %}}`", "`{{\xe2\x81\xa0< b` `{{%/* c */%}}`");
  assert_shortcodes("`{{</* b */>}}`", "`{{</*/* b */*/>}}`");
}

static void a_post_that_cannot_be_a_file_is_refused(void **state) {
  (void)state;
  struct publish_target target = target_of("hugo", "/srv/site");
  static const char *const slugs[] = {NULL, "", "..", ".hidden", "a/b", "../../etc/passwd"};
  struct stage_output output;
  for (size_t i = 0; i < sizeof slugs / sizeof slugs[0]; i++) {
    struct galley_post post = plain_post;
    post.slug = slugs[i];
    assert_int_equal(publish(&post, &target, &output).outcome, GALLEY_DEAD);
    stage_output_fini(&output);
  }
  struct galley_post post = plain_post;
  post.language = "../x";
  assert_int_equal(publish(&post, &target, &output).outcome, GALLEY_DEAD);
  stage_output_fini(&output);
  post = plain_post;
  post.created_at_ms = 0;
  assert_int_equal(publish(&post, &target, &output).outcome, GALLEY_DEAD);
  stage_output_fini(&output);
  target.format = "gatsby";
  struct verdict verdict = publish(&plain_post, &target, &output);
  assert_int_equal(verdict.outcome, GALLEY_DEAD);
  assert_non_null(strstr(verdict.error, "gatsby"));
  stage_output_fini(&output);
}

/* ---- sample posts for the site generators ---- */

static const struct galley_post samples[] = {
    {.id = 1,
     .slug = "quotes",
     .language = "en",
     .title = "He said: \"yes\" # it's C:\\new \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa9",
     .meta_description = "- not: a list, {{ not }} \"liquid\"",
     .excerpt = "Say {{ nothing }} and {% nothing %}.",
     .keywords = "[\"yes: no\", \"c#\", \"{{ tag }}\"]",
     .content = "Text {{ site.title }} and {% raw %} and {{< figure src=\"x\" >}} and "
                "{{% note %}} stay.\n\nOpen {{< never closed and {{ too.\n\n"
                "Inline `{{< tweet 1 >}}` and `{{ page.url }}` too.\n\n"
                "```\n{{< code >}}\n{{ code.x }}\n{% code %}\n```\n\n"
                "Cited [\\[1\\]][1] twice [\\[1\\]][1][\\[2\\]][2].\n\n## Sources\n\n"
                "1. [One](https://one.example/)\n2. [Two](https://two.example/)\n\n"
                "[1]: https://one.example/\n[2]: https://two.example/\n"},
    {.id = 2,
     .slug = "gross",
     .language = "de",
     .title = "Gr\xc3\xb6\xc3\x9f"
              "e z\xc3\xa4hlt: \xe2\x80\x9eja\xe2\x80\x9c",
     .content = "\xc3\x9c"
                "bermut.\n"},
    {.id = 3,
     .slug = "quotes",
     .language = "el",
     .title = "\xce\x95\xce\xbb\xce\xbb\xce\xb7\xce\xbd\xce\xb9\xce\xba\xce\xac",
     .content = "\xce\x93\xce\xb5\xce\xb9\xce\xac.\n"},
    {.id = 4,
     .slug = "\xe9\x9b\xbb\xe6\xb0\x97",
     .language = "ja",
     .title = "\xe9\x9b\xbb\xe6\xb0\x97\xef\xbc\x9a\xe8\xbb\x8a",
     .content = "\xe9\x9b\xbb\xe6\xb0\x97\xe8\xbb\x8a\xe3\x80\x82\n"},
};

static int write_samples(const char *format, const char *folder) {
  struct publish_target target = target_of(format, folder);
  for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
    struct galley_post post = samples[i];
    post.created_at_ms = CREATED_MS;
    struct stage_output output;
    struct verdict verdict = publish(&post, &target, &output);
    const struct file_write file = {.root = folder,
                                    .path = output.u.publish.file_path,
                                    .bytes = output.u.publish.file_body,
                                    .len = output.u.publish.file_len};
    bool done = verdict.outcome == GALLEY_DONE &&
                file_write(&file, verdict.error, sizeof verdict.error) == GALLEY_OK;
    if (done)
      (void)puts(file.path);
    else
      (void)fprintf(stderr, "%s\n", verdict.error);
    stage_output_fini(&output);
    if (!done)
      return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3)
    return write_samples(argv[1], argv[2]);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_hugo_post_lies_in_the_folder_of_its_language),
      cmocka_unit_test(a_jekyll_post_is_named_after_the_day_it_was_made),
      cmocka_unit_test(the_url_is_that_of_the_built_page),
      cmocka_unit_test(the_file_is_these_bytes),
      cmocka_unit_test(a_post_without_extras_is_still_a_file),
      cmocka_unit_test(keywords_that_cannot_be_read_are_not_left_out),
      cmocka_unit_test(strings_are_quoted_for_yaml),
      cmocka_unit_test(liquid_is_written_as_an_output_of_itself),
      cmocka_unit_test(shortcodes_are_parted_in_text_and_commented_in_code),
      cmocka_unit_test(a_post_that_cannot_be_a_file_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
