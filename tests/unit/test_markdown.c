/* markdown: blocks out of Markdown, and clean Markdown out of blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "markdown.h"
#include "markdown_text.h"

#include <stdlib.h>
#include <string.h>

static struct markdown parse(const char *source) {
  struct markdown markdown;
  assert_int_equal(markdown_parse(source, &markdown), MARKDOWN_PARSED);
  return markdown;
}

/* The source after one parse and one writing. */
static char *rewrite(const char *source) {
  struct markdown markdown = parse(source);
  struct strbuf out = {0};
  markdown_write(&out, markdown.blocks, markdown.n_blocks);
  markdown_fini(&markdown);
  char *text = strbuf_take(&out);
  assert_non_null(text);
  return text;
}

static void assert_rewrites(const char *source, const char *expected) {
  char *once = rewrite(source);
  assert_string_equal(once, expected);
  char *twice = rewrite(once);
  assert_string_equal(twice, expected); /* clean Markdown stays as it is */
  free(once);
  free(twice);
}

static void assert_plain(const char *source, const char *expected) {
  struct markdown markdown = parse(source);
  assert_int_equal(markdown.n_blocks, 1);
  assert_string_equal(markdown.blocks[0].plain, expected);
  markdown_fini(&markdown);
}

static void blocks_tell_their_kind_and_place(void **state) {
  (void)state;
  struct markdown markdown =
      parse("# One\n\npara\n\n- a\n\n  2. b\n\n> quoted\n\n```sh\nls\n```\n\n***\n");
  static const struct {
    enum markdown_kind kind;
    unsigned level, depth, number;
    bool quoted;
  } expected[] = {
      {MARKDOWN_HEADING, 1, 0, 0, false},  {MARKDOWN_PARAGRAPH, 0, 0, 0, false},
      {MARKDOWN_ITEM, 0, 1, 0, false},     {MARKDOWN_ITEM, 0, 2, 2, false},
      {MARKDOWN_PARAGRAPH, 0, 0, 0, true}, {MARKDOWN_CODE, 0, 0, 0, false},
      {MARKDOWN_RULE, 0, 0, 0, false},
  };
  assert_int_equal(markdown.n_blocks, sizeof expected / sizeof expected[0]);
  for (size_t i = 0; i < markdown.n_blocks; i++) {
    assert_int_equal(markdown.blocks[i].kind, expected[i].kind);
    assert_int_equal(markdown.blocks[i].level, expected[i].level);
    assert_int_equal(markdown.blocks[i].depth, expected[i].depth);
    assert_int_equal(markdown.blocks[i].number, expected[i].number);
    assert_int_equal(markdown.blocks[i].quoted, expected[i].quoted);
  }
  assert_string_equal(markdown.blocks[5].language, "sh");
  assert_string_equal(markdown.blocks[5].text, "ls\n");
  markdown_fini(&markdown);
}

static void nothing_gives_no_blocks(void **state) {
  (void)state;
  struct markdown markdown = parse("");
  assert_int_equal(markdown.n_blocks, 0);
  markdown_fini(&markdown);
  markdown = parse("\n \n\n");
  assert_int_equal(markdown.n_blocks, 0);
  markdown_fini(&markdown);
}

static void emphasis_code_and_links_are_kept(void **state) {
  (void)state;
  assert_rewrites("a _b_ __c__ ~~d~~ `e|f` [g](http://h/i_j \"t\")",
                  "a *b* **c** ~~d~~ `e|f` [g](http://h/i_j)\n");
  assert_rewrites("see https://x.example/a_b now", "see <https://x.example/a_b> now\n");
  assert_rewrites("``a ` b`` and `` ` ``", "``a ` b`` and `` ` ``\n");
  assert_rewrites("[a](<http://b/c d>) [e](http://f/(g))",
                  "[a](http://b/c%20d) [e](<http://f/(g)>)\n");
  assert_rewrites("![alt](pic.png)", "![alt](pic.png)\n");
}

static void text_that_looks_like_markdown_stays_text(void **state) {
  (void)state;
  assert_rewrites("\\# no heading", "\\# no heading\n");
  assert_rewrites("\\- no list", "\\- no list\n");
  assert_rewrites("1986\\. A year", "1986\\. A year\n");
  assert_rewrites("\\*no\\* \\[x\\](y) a\\_b \\_c\\_ \\`d\\`",
                  "\\*no\\* \\[x\\](y) a_b \\_c\\_ \\`d\\`\n");
  assert_rewrites("a | b", "a \\| b\n"); /* a table for kramdown */
  assert_rewrites("x {: .y} $$z$$", "x \\{: .y} \\$\\$z\\$\\$\n");
  assert_rewrites("# C\\#", "# C#\n");
  assert_rewrites("# Key \\#", "# Key \\#\n");
  assert_rewrites("&amp;lt; &lt; AT&T", "\\&lt; \\< AT&T\n");
}

static void html_becomes_text(void **state) {
  (void)state;
  assert_rewrites("a <b>c</b>", "a \\<b>c\\</b>\n");
  assert_rewrites("<script>alert(1)</script>", "\\<script>alert(1)\\</script>\n");
}

static void relative_addresses_cannot_begin_html(void **state) {
  (void)state;
  assert_rewrites("[a](<?b(c)>) ?>", "[a](?b%28c%29) ?>\n");
  assert_rewrites("[a](<!B(c)>)", "[a](!B%28c%29)\n");
  assert_rewrites("[a](<b?(c)>)", "[a](<b?(c)>)\n");
}

static void links_to_scripts_keep_their_words_only(void **state) {
  (void)state;
  assert_rewrites("[a](javascript:alert(1)) [b](data:text/html,x) [c](JAVASCRIPT:x)", "a b c\n");
  assert_rewrites("![pic](javascript:x)", "pic\n");
  assert_rewrites("[a](/b:c) [d](mailto:e@f.example)", "[a](/b:c) [d](mailto:e@f.example)\n");
}

static void entities_become_their_characters(void **state) {
  (void)state;
  assert_plain("&euro; &#8364; &#x20AC; &apos; &nosuch; &#0; &#xD800;",
               "\xe2\x82\xac \xe2\x82\xac \xe2\x82\xac ' &nosuch; &#0; &#xD800;");
}

static void marks_of_citation_are_told_from_brackets(void **state) {
  (void)state;
  assert_rewrites("Known [1], too[2, 3]. More.[^4] [12]", "Known [1], too[2][3]. More.[4] [12]\n");
  assert_rewrites("[0] [x] [2024] [1,] [ 1]", "\\[0\\] \\[x\\] \\[2024\\] \\[1,\\] \\[ 1\\]\n");
  assert_rewrites("[see [1]](http://a)", "[see \\[1\\]](http://a)\n");
  assert_rewrites("`a[1]`", "`a[1]`\n");
}

static void plain_text_has_no_marks_and_no_space_before_a_full_stop(void **state) {
  (void)state;
  assert_plain("One fact [1][3]. Another. [2] A *third* [`fact`](http://x) [4](http://y) "
               "[\\[5\\]](http://z).",
               "One fact. Another. A third fact.");
  assert_plain("[1] first", "first");
  assert_plain("soft\nbreak and hard  \nbreak", "soft break and hard break");
}

static void the_first_link_of_a_block_is_told(void **state) {
  (void)state;
  struct markdown markdown = parse("- none\n- [a](http://a/) [b](http://b/)\n");
  assert_null(markdown.blocks[0].url);
  assert_string_equal(markdown.blocks[1].url, "http://a/");
  markdown_fini(&markdown);
}

static void lists_keep_their_nesting_and_numbers(void **state) {
  (void)state;
  assert_rewrites("* a\n* b\n  * c\n\n    more c\n* d", "- a\n- b\n  - c\n\n    more c\n\n- d\n");
  assert_rewrites("9. i\n10. j\n    - k", "9. i\n10. j\n    - k\n");
  assert_rewrites("- a\n\n1. b", "- a\n\n1. b\n");
  assert_rewrites("-\n  - a", "-\n  - a\n");
  assert_rewrites("- ```\n  x\n  ```\n", "-\n  ```\n  x\n  ```\n");
}

static void quotes_code_and_tables_survive(void **state) {
  (void)state;
  assert_rewrites("> a\n> b\n>\n> c\n\nd", "> a b\n>\n> c\n\nd\n");
  assert_rewrites("~~~~ c\n```\nint x;\n~~~~", "````c\n```\nint x;\n````\n");
  assert_rewrites("|a|b|\n|---|---|\n|`c\\|d`|e\\|f|",
                  "| a | b |\n| --- | --- |\n| `c\\|d` | e\\|f |\n");
  assert_rewrites("```\n```", "```\n```\n");
}

static void lists_nest_up_to_a_limit(void **state) {
  (void)state;
  struct strbuf source = {0};
  for (int depth = 0; depth < 12; depth++)
    strbuf_printf(&source, "%*s- x\n", depth * 2, "");
  struct markdown markdown = parse(source.data);
  assert_int_equal(markdown.n_blocks, 12);
  assert_int_equal(markdown.blocks[7].depth, MARKDOWN_DEPTH_MAX);
  assert_int_equal(markdown.blocks[11].depth, MARKDOWN_DEPTH_MAX);
  markdown_fini(&markdown);
  strbuf_fini(&source);
}

static void a_document_past_its_limit_is_refused(void **state) {
  (void)state;
  char *source = malloc(MARKDOWN_MAX + 2);
  assert_non_null(source);
  memset(source, 'x', MARKDOWN_MAX + 1);
  source[MARKDOWN_MAX + 1] = '\0';
  struct markdown markdown;
  assert_int_equal(markdown_parse(source, &markdown), MARKDOWN_TOO_LARGE);
  assert_int_equal(markdown.n_blocks, 0);
  source[MARKDOWN_MAX] = '\0';
  assert_int_equal(markdown_parse(source, &markdown), MARKDOWN_PARSED);
  markdown_fini(&markdown);
  free(source);
}

static void blocks_past_their_limit_are_refused(void **state) {
  (void)state;
  struct strbuf source = {0};
  for (int i = 0; i < MARKDOWN_BLOCKS_MAX; i++)
    strbuf_puts(&source, "- x\n");
  struct markdown markdown;
  assert_int_equal(markdown_parse(source.data, &markdown), MARKDOWN_PARSED);
  markdown_fini(&markdown);
  strbuf_puts(&source, "- x\n");
  assert_int_equal(markdown_parse(source.data, &markdown), MARKDOWN_TOO_LARGE);
  assert_int_equal(markdown.n_blocks, 0);
  strbuf_fini(&source);
}

static void code_is_told_from_text_by_offset(void **state) {
  (void)state;
  const char *source = "a x `b x` c\n\n```\nd x\n```\n\n    e x\n\nx";
  size_t offsets[8];
  bool in_code[8];
  size_t n = 0;
  for (const char *c = source; (c = strchr(c, 'x')) != NULL; c++)
    offsets[n++] = (size_t)(c - source);
  assert_int_equal(n, 5);
  assert_true(markdown_in_code(source, offsets, n, in_code));
  static const bool expected[] = {false, true, true, true, false};
  assert_memory_equal(in_code, expected, sizeof expected);
  assert_true(markdown_in_code(source, NULL, 0, NULL));
}

static void added_text_and_links_render_literally(void **state) {
  (void)state;
  struct strbuf out = {0};
  markdown_text_link(&out, "A [title] *with* `marks`", "https://x.example/a b?c=(d)");
  assert_string_equal(out.data,
                      "[A \\[title\\] \\*with\\* \\`marks\\`](<https://x.example/a%20b?c=(d)>)");
  strbuf_truncate(&out, 0);
  markdown_text_link(&out, "words", "javascript:x");
  assert_string_equal(out.data, "words");
  strbuf_truncate(&out, 0);
  markdown_text_link(&out, "https://x.example/", "https://x.example/");
  assert_string_equal(out.data, "<https://x.example/>");
  strbuf_fini(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_tell_their_kind_and_place),
      cmocka_unit_test(nothing_gives_no_blocks),
      cmocka_unit_test(emphasis_code_and_links_are_kept),
      cmocka_unit_test(text_that_looks_like_markdown_stays_text),
      cmocka_unit_test(html_becomes_text),
      cmocka_unit_test(relative_addresses_cannot_begin_html),
      cmocka_unit_test(links_to_scripts_keep_their_words_only),
      cmocka_unit_test(entities_become_their_characters),
      cmocka_unit_test(marks_of_citation_are_told_from_brackets),
      cmocka_unit_test(plain_text_has_no_marks_and_no_space_before_a_full_stop),
      cmocka_unit_test(the_first_link_of_a_block_is_told),
      cmocka_unit_test(lists_keep_their_nesting_and_numbers),
      cmocka_unit_test(quotes_code_and_tables_survive),
      cmocka_unit_test(lists_nest_up_to_a_limit),
      cmocka_unit_test(a_document_past_its_limit_is_refused),
      cmocka_unit_test(blocks_past_their_limit_are_refused),
      cmocka_unit_test(code_is_told_from_text_by_offset),
      cmocka_unit_test(added_text_and_links_render_literally),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
