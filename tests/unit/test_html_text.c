#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "html_text.h"

#define LARGE 1000000 /* bytes; a quadratic reading of so many would not end in time */

static void check(const char *html, size_t max, const char *expected) {
  char *text = html_text(html, strlen(html), max);
  assert_non_null(text);
  assert_string_equal(text, expected);
  free(text);
}

static void tags_go_and_text_stays(void **state) {
  (void)state;
  check("Some <b>bold</b> and <a href=\"x?a=1&b=2\" title='a > b'>linked</a> words", 1000,
        "Some bold and linked words");
  check("in<b>side</b> a word", 1000, "inside a word");
  check("<img src=\"data:image/png;base64,AAAA\" alt=\"a < b\">after", 1000, "after");
}

static void entities_are_decoded_once(void **state) {
  (void)state;
  check("Fish &amp;amp; chips", 1000, "Fish &amp; chips");
  check("&lt;b&gt; &eacute;&#233;&#xE9; &hellip;", 1000,
        "<b> \xC3\xA9\xC3\xA9\xC3\xA9 \xE2\x80\xA6");
  check("AT&T &unknown; 3 < 4 && 5 > 2", 1000, "AT&T &unknown; 3 < 4 && 5 > 2");
}

static void blocks_become_paragraphs(void **state) {
  (void)state;
  check("<h1>Head</h1><p>One</p><p>Two</p>\n\n<div>Three<p>Four</div>Five", 1000,
        "Head\n\nOne\n\nTwo\n\nThree\n\nFour\n\nFive");
  check("one<br>two<br/><br/>three", 1000, "one\ntwo\n\nthree");
  check("<p></p><div> </div>only<hr>", 1000, "only");
}

static void list_items_start_with_a_dash(void **state) {
  (void)state;
  check("Buy:<ul><li>milk</li><li>tea <i>green</i><li>salt</ul>done", 1000,
        "Buy:\n\n- milk\n- tea green\n- salt\n\ndone");
}

static void a_break_at_the_end_of_an_item_parts_no_list(void **state) {
  (void)state;
  check("<ul><li>a<br></li><li>b</li></ul>", 1000, "- a\n- b");
}

static void table_cells_do_not_run_together(void **state) {
  (void)state;
  check("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>", 1000,
        "a b\nc d");
}

static void scripts_and_styles_are_dropped(void **state) {
  (void)state;
  check("a<script>if (x<b) { y = \"</p>\"; }</script>b<STYLE type=x>p{}</STYLE>c"
        "<svg><text>d</text></svg><noscript>e</noscript><!-- f <p> -->g",
        1000, "abcg");
  check("a<script>never closed", 1000, "a");
}

static void white_space_folds(void **state) {
  (void)state;
  check("  a \n\t b&nbsp;&nbsp;c\xC2\xA0 d\xC2\xAD"
        "e \x01"
        "f ",
        1000, "a b c de f");
  check("plain \n\n text", 1000, "plain text");
}

static void malformed_html_gives_what_can_be_read(void **state) {
  (void)state;
  check("<p>One<p><b>Two</i></p></section> <a href=\"x>Three", 1000, "One\n\nTwo\n\nThree");
  check("<", 1000, "<");
  check("a <", 1000, "a <");
  check("<>x", 1000, "<>x");
  check("if 3 <> 4 </ so", 1000, "if 3 <> 4 </ so");
  check("</", 1000, "</");
  check("", 1000, "");
}

static void prefixed_names_count_as_their_own(void **state) {
  (void)state;
  check("<xhtml:p>One</xhtml:p><xhtml:p>Two</xhtml:p>", 1000, "One\n\nTwo");
}

static void the_limit_cuts_at_a_word(void **state) {
  (void)state;
  check("hello wonderful world", 21, "hello wonderful world");
  check("hello wonderful world", 20, "hello wonderful");
  check("<p>hello</p><p>world</p>", 11, "hello");
  check("<p>hello</p><p>world</p>", 12, "hello\n\nworld");
  check("hello world", 5, "hello");
}

static void the_limit_never_cuts_inside_a_character(void **state) {
  (void)state;
  const char *three = "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E";
  check(three, 9, three);
  check(three, 8, "\xE6\x97\xA5\xE6\x9C\xAC");
  check(three, 7, "\xE6\x97\xA5\xE6\x9C\xAC");
  check(three, 6, "\xE6\x97\xA5\xE6\x9C\xAC");
  check(three, 2, "");
}

static void length_counts_and_not_the_end_of_the_string(void **state) {
  (void)state;
  char *text = html_text("one<p>two", 3, 100);
  assert_string_equal(text, "one");
  free(text);
}

static void fill(char *html, const char *pattern) {
  size_t n = strlen(pattern);
  for (size_t at = 0; at + n <= LARGE; at += n)
    memcpy(html + at, pattern, n);
  html[LARGE - LARGE % n] = '\0';
}

static void hostile_html_takes_linear_time(void **state) {
  (void)state;
  static const char *const patterns[] = {"<b>",    "</i>",      "<b></i>", "<a \"", "<script>",
                                         "<!--",   "<![CDATA[", "<?x ",    "<",     "&a",
                                         "<p><b>", "<li>",      "<x a='"};
  char *html = malloc(LARGE + 1);
  assert_non_null(html);
  for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
    fill(html, patterns[i]);
    char *text = html_text(html, strlen(html), 1000);
    assert_non_null(text);
    assert_true(strlen(text) <= 1000);
    free(text);
  }
  fill(html, "a1 b2 ");
  memcpy(html, "<p ", 3);
  char *text = html_text(html, strlen(html), 1000);
  assert_non_null(text);
  free(text);
  free(html);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tags_go_and_text_stays),
      cmocka_unit_test(entities_are_decoded_once),
      cmocka_unit_test(blocks_become_paragraphs),
      cmocka_unit_test(list_items_start_with_a_dash),
      cmocka_unit_test(a_break_at_the_end_of_an_item_parts_no_list),
      cmocka_unit_test(table_cells_do_not_run_together),
      cmocka_unit_test(scripts_and_styles_are_dropped),
      cmocka_unit_test(white_space_folds),
      cmocka_unit_test(malformed_html_gives_what_can_be_read),
      cmocka_unit_test(prefixed_names_count_as_their_own),
      cmocka_unit_test(the_limit_cuts_at_a_word),
      cmocka_unit_test(the_limit_never_cuts_inside_a_character),
      cmocka_unit_test(length_counts_and_not_the_end_of_the_string),
      cmocka_unit_test(hostile_html_takes_linear_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
