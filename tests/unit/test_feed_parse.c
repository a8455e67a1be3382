#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "feed_sample.h"

struct expected { /* as struct feed_item */
  const char *guid, *url, *canonical_url, *title, *content, *summary, *author, *language, *keywords;
  int64_t published_at_ms;
};

static void assert_item(const struct feed_item *actual, const struct expected *expected) {
  const char *const a[] = {actual->guid,   actual->url,      actual->canonical_url,
                           actual->title,  actual->content,  actual->summary,
                           actual->author, actual->language, actual->keywords};
  const char *const e[] = {expected->guid,   expected->url,      expected->canonical_url,
                           expected->title,  expected->content,  expected->summary,
                           expected->author, expected->language, expected->keywords};
  for (size_t i = 0; i < sizeof a / sizeof a[0]; i++) {
    if (!a[i] || !e[i])
      assert_ptr_equal(a[i], e[i]);
    else
      assert_string_equal(a[i], e[i]);
  }
  assert_int_equal(actual->published_at_ms, expected->published_at_ms);
}

/* ---- formats ---- */

static void rss_2_is_read(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_file("rss2_english.xml");
  assert_int_equal(content.format, FEED_RSS);
  assert_string_equal(content.title, "Pump & Pipe Weekly");
  assert_string_equal(content.language, "en");
  assert_false(content.damaged);
  assert_int_equal(content.n_items, 3);
  assert_int_equal(content.n_broken, 0);
  assert_item(&content.items[0],
              &(struct expected){
                  .guid = "https://pumps.example/?p=7",
                  .url = "https://Pumps.example/2024/01/heat-pumps/"
                         "?utm_source=rss&utm_medium=feed&id=7#comments",
                  .canonical_url = "https://pumps.example/2024/01/heat-pumps/?id=7",
                  .title = "Heat pumps & heat: what changed",
                  .content =
                      "First\n\nA pump moves heat; it does not make it.\n\n- quiet\n- cheap\n\n"
                      "Fish &amp; chips.",
                  .summary = "Short words \xE2\x80\xA6 about pumps.",
                  .author = "Jane Doe",
                  .language = "en",
                  .keywords = "[\"Heating & cooling\",\"Energy\"]",
                  .published_at_ms = INT64_C(1704447000000)});
  assert_item(&content.items[1], &(struct expected){.guid = "https://pumps.example/second",
                                                    .url = "https://pumps.example/second",
                                                    .canonical_url = "https://pumps.example/second",
                                                    .title = "A link by its guid",
                                                    .content = "Only this text.",
                                                    .author = "Bob B.",
                                                    .language = "en",
                                                    .published_at_ms = INT64_C(1704528000000)});
  assert_item(&content.items[2],
              &(struct expected){.guid = "12345",
                                 .url = "https://host.example/third?a=1&b=2",
                                 .canonical_url = "https://host.example/third?a=1&b=2",
                                 .title = "No date, and a number for a guid",
                                 .content = "",
                                 .language = "en"});
  feed_content_fini(&content);
}

static void the_pace_that_a_feed_asks_for_is_read(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_file("rss2_english.xml");
  assert_int_equal(content.ttl_ms, 90 * 60000);
  assert_int_equal(content.skip_hours, 1U << 0 | 1U << 1 | 1U << 2);
  assert_int_equal(content.skip_days, 1U << 0 | 1U << 6);
  feed_content_fini(&content);
  content =
      feed_sample_read_text("<rss><channel><ttl>-5</ttl><skipHours><hour>25</hour><hour>x</hour>"
                            "</skipHours><skipDays><day>Someday</day></skipDays></channel></rss>");
  assert_int_equal(content.ttl_ms, 0);
  assert_int_equal(content.skip_hours, 0);
  assert_int_equal(content.skip_days, 0);
  feed_content_fini(&content);
}

static void atom_1_is_read(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_file("atom_german.xml");
  assert_int_equal(content.format, FEED_ATOM);
  assert_string_equal(content.title, "Werk & Stoff");
  assert_string_equal(content.language, "de");
  assert_false(content.damaged);
  assert_int_equal(content.n_items, 2);
  assert_item(&content.items[0],
              &(struct expected){.guid = "tag:werk.example,2024:1",
                                 .url = "https://werk.example/blog/2024/eins",
                                 .canonical_url = "https://werk.example/blog/2024/eins",
                                 .title = "Wärmepumpen für 3 < 4 Häuser",
                                 .content = "Grüße aus Köln.\n\nZweiter Absatz & mehr.",
                                 .summary = "Kurz: 2 < 3 &amp; so",
                                 .author = "Jürgen Müller",
                                 .language = "de",
                                 .keywords = "[\"Wärme\",\"strom\"]",
                                 .published_at_ms = INT64_C(1709247599000)});
  assert_item(&content.items[1], &(struct expected){.guid = "tag:werk.example,2024:2",
                                                    .url = "https://werk.example/zwei",
                                                    .canonical_url = "https://werk.example/zwei",
                                                    .title = "<b> makes text bold",
                                                    .content = "Zwei &lt; drei",
                                                    .author = "Anna Groß",
                                                    .language = "en",
                                                    .published_at_ms = INT64_C(1709337600000)});
  feed_content_fini(&content);
}

static void atom_0_3_is_read(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_file("atom03_greek.xml");
  assert_int_equal(content.format, FEED_ATOM);
  assert_string_equal(content.title, "Νέα της Αθήνας");
  assert_int_equal(content.n_items, 1);
  assert_item(&content.items[0], &(struct expected){.guid = "tag:nea.example,2004:ilios",
                                                    .url = "http://nea.example/ilios",
                                                    .canonical_url = "http://nea.example/ilios",
                                                    .title = "Ήλιος & θάλασσα",
                                                    .content = "Ο ήλιος λάμπει.",
                                                    .language = "el",
                                                    .published_at_ms = INT64_C(1083352500000)});
  feed_content_fini(&content);
}

static void rss_1_is_read(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_file("rdf_french.xml");
  assert_int_equal(content.format, FEED_RDF);
  assert_string_equal(content.title, "Le Journal de l’été");
  assert_string_equal(content.language, "fr");
  assert_false(content.damaged);
  assert_int_equal(content.n_items, 2);
  assert_item(&content.items[0], &(struct expected){.guid = "https://journal.example/a",
                                                    .url = "https://journal.example/a",
                                                    .canonical_url = "https://journal.example/a",
                                                    .title = "L’énergie solaire à Nîmes",
                                                    .content = "Été, soleil et façades.",
                                                    .author = "Élodie Lefèvre",
                                                    .language = "fr",
                                                    .keywords = "[\"énergie\"]",
                                                    .published_at_ms = INT64_C(1720915200000)});
  assert_string_equal(content.items[1].url, "https://journal.example/b");
  feed_content_fini(&content);
}

static void json_feed_is_read(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_file("json_japanese.json");
  assert_int_equal(content.format, FEED_JSON);
  assert_string_equal(content.title, "水と熱");
  assert_string_equal(content.language, "ja");
  assert_int_equal(content.n_items, 3);
  assert_int_equal(content.n_broken, 1); /* a string where an item should be */
  assert_true(content.damaged);
  assert_item(&content.items[0],
              &(struct expected){.guid = "https://mizu.example/1",
                                 .url = "https://mizu.example/1",
                                 .canonical_url = "https://mizu.example/1",
                                 .title = "ヒートポンプの話 <1>",
                                 .content = "冷たい空気から熱を取り出します。\n\n電気は少しだけ。",
                                 .author = "山田花子",
                                 .language = "ja",
                                 .keywords = "[\"暖房\",\"省エネ\"]",
                                 .published_at_ms = INT64_C(1714521600000)});
  assert_item(&content.items[1], &(struct expected){.guid = "42",
                                                    .url = "https://host.example/two",
                                                    .canonical_url = "https://host.example/two",
                                                    .title = "一行目。 二行目 {\"]}。",
                                                    .content = "一行目。\n\n二行目 {\"]}。",
                                                    .author = "Kenji",
                                                    .language = "en",
                                                    .published_at_ms = INT64_C(1714608000000)});
  feed_content_fini(&content);
}

static void numbers_as_json_ids_stay_exact(void **state) {
  (void)state;
  struct feed_content content =
      feed_sample_read_text("{\"version\":\"https://jsonfeed.org/version/1\",\"items\":["
                            "{\"id\":1750000000000000001,\"title\":\"a\"},"
                            "{\"id\":1750000000000000002,\"title\":\"b\"}]}");
  assert_int_equal(content.n_items, 2);
  assert_string_equal(content.items[0].guid, "1750000000000000001");
  assert_string_equal(content.items[1].guid, "1750000000000000002");
  feed_content_fini(&content);
}

static void a_repeated_json_key_is_no_damage(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_text(
      "{\"version\":\"https://jsonfeed.org/version/1\",\"title\":\"a\",\"title\":\"b\","
      "\"items\":[{\"id\":\"1\",\"title\":\"x\",\"title\":\"y\"}],"
      "\"items\":[{\"id\":\"2\",\"title\":\"z\"}]}");
  assert_false(content.damaged);
  assert_string_equal(content.title, "b");
  assert_int_equal(content.n_items, 2);
  assert_string_equal(content.items[0].title, "y");
  feed_content_fini(&content);
}

/* ---- what an item is made of ---- */

static void a_missing_date_stays_unknown(void **state) {
  (void)state;
  struct feed_content content =
      feed_sample_read_text(FEED_SAMPLE_ITEM("<title>x</title><pubDate>soon</pubDate>"));
  assert_int_equal(content.items[0].published_at_ms, 0);
  feed_content_fini(&content);
}

static void an_unreadable_date_gives_way_to_another(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_text(
      FEED_SAMPLE_ITEM("<title>x</title><pubDate>soon</pubDate><dc:date>2024-01-05</dc:date>"));
  assert_int_equal(content.items[0].published_at_ms, INT64_C(1704412800000));
  feed_content_fini(&content);
}

static void identity_is_guid_or_link_or_hash(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_text(
      "<rss><channel><item><title>a</title><link>/1</link><guid isPermaLink='false'>g</guid></item>"
      "<item><title>a</title><link>/1</link></item>"
      "<item><title>a</title></item><item><title>b</title></item>"
      "<item><title>a</title><pubDate>2024-01-05</pubDate></item></channel></rss>");
  assert_int_equal(content.n_items, 5);
  assert_string_equal(content.items[0].guid, "g");
  assert_string_equal(content.items[1].guid, "https://host.example/1");
  assert_memory_equal(content.items[2].guid, "sha256:", 7);
  assert_string_not_equal(content.items[2].guid, content.items[3].guid);
  assert_string_not_equal(content.items[2].guid, content.items[4].guid);
  feed_content_fini(&content);
}

static void a_guid_that_says_so_is_no_link(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_text(
      FEED_SAMPLE_ITEM("<title>x</title><guid isPermaLink='false'>https://a.example/1</guid>"));
  assert_null(content.items[0].url);
  assert_null(content.items[0].canonical_url);
  feed_content_fini(&content);
}

static void a_long_guid_is_replaced_by_its_hash(void **state) {
  (void)state;
  char text[4096];
  for (size_t len = 1024; len <= 1025; len++) {
    char guid[1100];
    memset(guid, 'g', len);
    guid[len] = '\0';
    assert_true(snprintf(text, sizeof text, FEED_SAMPLE_ITEM("<title>x</title><guid>%s</guid>"),
                         guid) < (int)sizeof text);
    struct feed_content content = feed_sample_read_text(text);
    if (len == 1024)
      assert_string_equal(content.items[0].guid, guid);
    else
      assert_memory_equal(content.items[0].guid, "sha256:", 7);
    feed_content_fini(&content);
  }
}

static void a_long_link_is_replaced_by_its_hash_as_guid(void **state) {
  (void)state;
  char text[4096];
  char path[2000];
  memset(path, 'p', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  assert_true(snprintf(text, sizeof text, FEED_SAMPLE_ITEM("<title>x</title><link>/%s</link>"),
                       path) < (int)sizeof text);
  struct feed_content content = feed_sample_read_text(text);
  assert_memory_equal(content.items[0].guid, "sha256:", 7);
  assert_string_equal(content.items[0].title, "x");
  assert_int_equal(strlen(content.items[0].url), strlen("https://host.example/") + strlen(path));
  feed_content_fini(&content);
}

static void a_title_made_from_a_long_link_is_cut(void **state) {
  (void)state;
  char text[4096];
  char path[2000];
  memset(path, 'p', sizeof path - 1);
  path[sizeof path - 1] = '\0';
  assert_true(snprintf(text, sizeof text, FEED_SAMPLE_ITEM("<link>/%s</link>"), path) <
              (int)sizeof text);
  struct feed_content content = feed_sample_read_text(text);
  assert_int_equal(strlen(content.items[0].title), FEED_TITLE_MAX);
  feed_content_fini(&content);
}

static void dangerous_links_are_left_out(void **state) {
  (void)state;
  struct feed_content content =
      feed_sample_read_text(FEED_SAMPLE_ITEM("<title>x</title><link>javascript:alert(1)</link>"));
  assert_null(content.items[0].url);
  feed_content_fini(&content);
}

static void links_resolve_against_xml_base_then_the_feed(void **state) {
  (void)state;
  struct feed_content content =
      feed_sample_read_text("<feed xmlns='http://www.w3.org/2005/Atom' xml:base='/root/'>"
                            "<entry><title>a</title><link href='1'/></entry>"
                            "<entry xml:base='sub/'><title>b</title><link href='2'/></entry>"
                            "<entry xml:base='https://other.example/x/'><title>c</title>"
                            "<link xml:base='y/' href='3'/></entry></feed>");
  assert_string_equal(content.items[0].url, "https://host.example/root/1");
  assert_string_equal(content.items[1].url, "https://host.example/root/sub/2");
  assert_string_equal(content.items[2].url, "https://other.example/x/y/3");
  feed_content_fini(&content);
}

static void a_missing_title_is_made_from_the_text(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_text(
      "<rss><channel><item><description>&lt;p&gt;Short text.&lt;/p&gt;</description></item>"
      "<item><description>One two three four five six seven eight nine ten eleven twelve "
      "thirteen fourteen fifteen</description></item>"
      "<item><link>/only-a-link</link></item></channel></rss>");
  assert_int_equal(content.n_items, 3);
  assert_string_equal(content.items[0].title, "Short text.");
  assert_string_equal(content.items[1].title, "One two three four five six seven eight nine ten "
                                              "eleven twelve thirteen fourteen\xE2\x80\xA6");
  assert_string_equal(content.items[2].title, "https://host.example/only-a-link");
  feed_content_fini(&content);
}

/* An item whose title and text are `words` times "word ", released by the caller. */
static char *wordy(size_t words) {
  char *text = malloc(words * 10 + 200);
  assert_non_null(text);
  char *at = stpcpy(text, "<rss><channel><item><title>");
  for (size_t i = 0; i < words; i++)
    at = stpcpy(at, "word ");
  at = stpcpy(at, "</title><description>");
  for (size_t i = 0; i < words; i++)
    at = stpcpy(at, "word ");
  stpcpy(at, "</description></item></channel></rss>");
  return text;
}

static void titles_and_texts_are_cut_at_their_limits(void **state) {
  (void)state;
  char *text = wordy(FEED_TEXT_MAX / 5 + 10);
  struct feed_content content = feed_sample_read_text(text);
  size_t title = strlen(content.items[0].title);
  size_t body = strlen(content.items[0].content);
  assert_true(title <= FEED_TITLE_MAX && title > FEED_TITLE_MAX - 5);
  assert_true(body <= FEED_TEXT_MAX && body > FEED_TEXT_MAX - 5);
  assert_string_equal(content.items[0].title + title - 5, " word");
  assert_string_equal(content.items[0].content + body - 5, " word");
  feed_content_fini(&content);
  free(text);
}

static void language_is_the_items_then_the_rows_then_the_feeds(void **state) {
  (void)state;
  const char *text = "<rss xmlns:dc='http://purl.org/dc/elements/1.1/'><channel>"
                     "<item><title>a</title></item>"
                     "<item><title>b</title><dc:language>FR-ca</dc:language></item>"
                     "<item><title>c</title><dc:language>!!</dc:language></item>"
                     "<language>en</language></channel></rss>";
  struct feed_source source = {
      .bytes = text, .len = strlen(text), .url = FEED_SAMPLE_URL, .language = "de"};
  struct feed_content content;
  assert_int_equal(feed_parse(&source, &content), FEED_PARSED);
  assert_string_equal(content.items[0].language, "de");
  assert_string_equal(content.items[1].language, "fr");
  assert_string_equal(content.items[2].language, "de");
  assert_string_equal(content.language, "en");
  feed_content_fini(&content);
  source.language = NULL;
  assert_int_equal(feed_parse(&source, &content), FEED_PARSED);
  assert_string_equal(content.items[0].language, "en");
  feed_content_fini(&content);
  content = feed_sample_read_text(FEED_SAMPLE_ITEM("<title>x</title>"));
  assert_null(content.items[0].language);
  feed_content_fini(&content);
}

static void prefixes_that_are_not_bound_are_understood(void **state) {
  (void)state;
  struct feed_content content =
      feed_sample_read_text("<rss><channel><item><title>x</title><dc:creator>Jane</dc:creator>"
                            "<content:encoded>&lt;p&gt;Hi&lt;/p&gt;</content:encoded>"
                            "<media:item>y</media:item></item></channel></rss>");
  assert_int_equal(content.n_items, 1);
  assert_string_equal(content.items[0].author, "Jane");
  assert_string_equal(content.items[0].content, "Hi");
  feed_content_fini(&content);
}

static void markup_that_nobody_escaped_is_read(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_text(FEED_SAMPLE_ITEM(
      "<title>x</title><description><p>One</p><p>Two &amp; more</p></description>"));
  assert_string_equal(content.items[0].content, "One\n\nTwo & more");
  assert_false(content.damaged);
  feed_content_fini(&content);
}

/* ---- encodings ---- */

static void assert_title(const char *bytes, size_t len, const char *content_type,
                         const char *title) {
  struct feed_content content;
  assert_int_equal(feed_sample_parse(bytes, len, content_type, &content), FEED_PARSED);
  assert_string_equal(content.title, title);
  feed_content_fini(&content);
}

#define ONE_TITLE(encoding, title)                                                                 \
  "<?xml version='1.0'" encoding "?><rss><channel><title>" title "</title></channel></rss>"
#define ASSERT_TITLE(encoding, bytes, content_type, title)                                         \
  assert_title(ONE_TITLE(encoding, bytes), sizeof ONE_TITLE(encoding, bytes) - 1, content_type,    \
               title)

static void the_byte_order_mark_wins(void **state) {
  (void)state;
  assert_title("\xEF\xBB\xBF" ONE_TITLE(" encoding='iso-8859-7'", "\xC3\xA9"),
               3 + sizeof ONE_TITLE(" encoding='iso-8859-7'", "\xC3\xA9") - 1,
               "text/xml; charset=koi8-r", "é");
  const char text[] = ONE_TITLE(" encoding='utf-16'", "x");
  char wide[2 * sizeof text + 2] = "\xFF\xFE";
  for (size_t i = 0; i + 1 < sizeof text; i++)
    wide[2 + 2 * i] = text[i];
  assert_title(wide, 2 * sizeof text, "text/xml; charset=utf-8", "x");
  /* Without a mark, by its zeros. */
  assert_title(wide + 2, 2 * sizeof text - 2, "", "x");
}

static void the_content_type_comes_before_the_declaration(void **state) {
  (void)state;
  ASSERT_TITLE(" encoding='iso-8859-1'", "\xC5\xE9", "text/xml; charset=\"ISO-8859-7\"", "Ει");
  ASSERT_TITLE(" encoding='iso-8859-7'", "\xC5\xE9", "text/xml", "Ει");
  ASSERT_TITLE(" encoding='iso-8859-7'", "\xC5\xE9", "text/xml; charset=unheard-of", "Ει");
  ASSERT_TITLE(" encoding=\"Shift_JIS\"", "\x93\xFA\x96\x7B", "", "日本");
}

static void without_a_word_it_is_utf_8_and_else_windows_1252(void **state) {
  (void)state;
  ASSERT_TITLE("", "\xC3\xA9", "", "é");
  ASSERT_TITLE("", "\xE9 \x80 \x93", "", "é € “");
  /* One bad byte does not turn all others into something else. */
  ASSERT_TITLE("", "\xC3\xA9 \xE9", "", "é é");
}

static void utf_8_under_a_wrong_name_is_noticed(void **state) {
  (void)state;
  ASSERT_TITLE("", "\xC3\xA9", "text/xml; charset=iso-8859-1", "é");
  ASSERT_TITLE(" encoding='us-ascii'", "\xC3\xA9", "", "é");
  ASSERT_TITLE("", "\xE9", "text/xml; charset=iso-8859-1", "é");
}

static void a_wrong_declaration_is_damage_and_read(void **state) {
  (void)state;
  struct feed_content content = feed_sample_read_file("wrong_encoding.xml");
  assert_string_equal(content.title, "München – „heute“");
  assert_string_equal(content.items[0].title, "Café für 5 €");
  assert_true(content.damaged);
  feed_content_fini(&content);
  content = feed_sample_read_file("greek_8859_7.xml");
  assert_string_equal(content.items[0].title, "Καλημέρα");
  assert_false(content.damaged);
  feed_content_fini(&content);
}

static void control_characters_are_left_out(void **state) {
  (void)state;
  struct feed_content content;
  const char text[] = FEED_SAMPLE_ITEM("<title>a\x01"
                                       "b\0c&#x1;&#0;&#xD800;d</title>");
  assert_int_equal(feed_sample_parse(text, sizeof text - 1, "", &content), FEED_PARSED);
  assert_string_equal(content.items[0].title, "abcd");
  assert_true(content.damaged);
  feed_content_fini(&content);
}

/* ---- other documents ---- */

static void a_web_page_is_not_an_empty_feed(void **state) {
  (void)state;
  static const char *const pages[] = {
      "<html><body>x</body></html>",
      "\n <!doctype HTML>\n<p>x",
      "<HTML>",
      "<br />\n<b>Error</b>",
      "<?xml version='1.0'?><!DOCTYPE html PUBLIC '-//W3C//DTD XHTML 1.0' 'x'><html/>",
      "<!-- made by hand --><head><title>x</title></head>"};
  struct feed_content content;
  assert_int_equal(feed_sample_parse_file("page.html", &content), FEED_IS_HTML);
  for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
    assert_int_equal(feed_sample_parse_text(pages[i], &content), FEED_IS_HTML);
}

static void other_documents_are_told_apart(void **state) {
  (void)state;
  static const char *const others[] = {
      "OK",
      "<opml version='2.0'/>",
      "{\"items\":[{\"id\":\"1\"}]}",
      "[1,2]",
      "{",
      "<",
      "<<<>",
      "<!-- only a comment -->",
      "<?xml version='1.0'?>",
      "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><x/></rdf:RDF>",
      "{\"version\":\"1.0\",\"items\":[]}"};
  struct feed_content content;
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (feed_sample_parse_text(others[i], &content) != FEED_NOT_A_FEED)
      fail_msg("%s", others[i]);
}

static void nothing_but_white_space_is_empty(void **state) {
  (void)state;
  struct feed_content content;
  assert_int_equal(feed_sample_parse_text("", &content), FEED_EMPTY);
  assert_int_equal(feed_sample_parse_text(" \r\n\t ", &content), FEED_EMPTY);
  assert_int_equal(feed_sample_parse_text("\xEF\xBB\xBF", &content), FEED_EMPTY);
}

static void every_result_has_a_sentence(void **state) {
  (void)state;
  for (int result = FEED_PARSED; result <= FEED_NO_MEMORY; result++)
    assert_true(strlen(feed_result_text((enum feed_result)result)) > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rss_2_is_read),
      cmocka_unit_test(the_pace_that_a_feed_asks_for_is_read),
      cmocka_unit_test(atom_1_is_read),
      cmocka_unit_test(atom_0_3_is_read),
      cmocka_unit_test(rss_1_is_read),
      cmocka_unit_test(json_feed_is_read),
      cmocka_unit_test(numbers_as_json_ids_stay_exact),
      cmocka_unit_test(a_repeated_json_key_is_no_damage),
      cmocka_unit_test(a_missing_date_stays_unknown),
      cmocka_unit_test(an_unreadable_date_gives_way_to_another),
      cmocka_unit_test(identity_is_guid_or_link_or_hash),
      cmocka_unit_test(a_guid_that_says_so_is_no_link),
      cmocka_unit_test(a_long_guid_is_replaced_by_its_hash),
      cmocka_unit_test(a_long_link_is_replaced_by_its_hash_as_guid),
      cmocka_unit_test(a_title_made_from_a_long_link_is_cut),
      cmocka_unit_test(dangerous_links_are_left_out),
      cmocka_unit_test(links_resolve_against_xml_base_then_the_feed),
      cmocka_unit_test(a_missing_title_is_made_from_the_text),
      cmocka_unit_test(titles_and_texts_are_cut_at_their_limits),
      cmocka_unit_test(language_is_the_items_then_the_rows_then_the_feeds),
      cmocka_unit_test(prefixes_that_are_not_bound_are_understood),
      cmocka_unit_test(markup_that_nobody_escaped_is_read),
      cmocka_unit_test(the_byte_order_mark_wins),
      cmocka_unit_test(the_content_type_comes_before_the_declaration),
      cmocka_unit_test(without_a_word_it_is_utf_8_and_else_windows_1252),
      cmocka_unit_test(utf_8_under_a_wrong_name_is_noticed),
      cmocka_unit_test(a_wrong_declaration_is_damage_and_read),
      cmocka_unit_test(control_characters_are_left_out),
      cmocka_unit_test(a_web_page_is_not_an_empty_feed),
      cmocka_unit_test(other_documents_are_told_apart),
      cmocka_unit_test(nothing_but_white_space_is_empty),
      cmocka_unit_test(every_result_has_a_sentence),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
