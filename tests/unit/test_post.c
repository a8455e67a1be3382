/* Blog posts, their social posts and where they are published. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct galley_post *get(struct fixture *f, int64_t id) {
  struct galley_post *post;
  fixture_ok(f->q, galley_post_get(f->q, id, &post));
  return post;
}

static void check_slug(struct fixture *f, int64_t id, const char *want) {
  struct galley_post *post = get(f, id);
  assert_string_equal(post->slug, want);
  galley_free(post);
}

static void check_topic(struct fixture *f, int64_t id, const char *status) {
  struct galley_topic *topic;
  fixture_ok(f->q, galley_topic_get(f->q, id, &topic));
  assert_string_equal(topic->status, status);
  galley_free(topic);
}

static int64_t save_social(struct fixture *f, const struct galley_social *social) {
  int64_t id;
  fixture_ok(f->q, galley_social_save(f->q, social, &id));
  return id;
}

static int64_t publish(struct fixture *f, const struct galley_publication *publication) {
  int64_t id;
  fixture_ok(f->q, galley_publication_save(f->q, publication, &id));
  return id;
}

static void save_keeps_every_member(void **state) {
  struct fixture *f = *state;
  const struct galley_post post = {.slug = "s",
                                   .title = "T",
                                   .content = "C",
                                   .excerpt = "E",
                                   .meta_description = "M",
                                   .keywords = "[\"k\"]",
                                   .primary_keyword = "k",
                                   .word_count = 1,
                                   .language = "de",
                                   .brand_voice = "B",
                                   .target_audience = "A",
                                   .hero_image_url = "https://i.example",
                                   .hero_image_alt = "I",
                                   .supporting_images = "[{}]",
                                   .research_topic_id = fixture_topic(f, "T"),
                                   .cluster_id = "c1",
                                   .cluster_role = "hub",
                                   .internal_links = "[1]",
                                   .notion_id = "N",
                                   .notion_synced_at_ms = 2,
                                   .status = "scheduled",
                                   .created_at_ms = 3,
                                   .updated_at_ms = 4,
                                   .published_at_ms = 5};
  int64_t id;
  fixture_ok(f->q, galley_post_save(f->q, &post, &id));
  struct galley_post *got = get(f, id);
  fixture_same(&galley_post_record, &post, got);
  galley_free(got);
}

/* Rule 7. */
static void slugs_that_collide_are_numbered_per_language(void **state) {
  struct fixture *f = *state;
  check_slug(f, fixture_post(f, 0, "Über uns", "de"), "uber-uns");
  check_slug(f, fixture_post(f, 0, "Uber Uns!", "de"), "uber-uns-2");
  check_slug(f, fixture_post(f, 0, "über-uns", "de"), "uber-uns-3");
  check_slug(f, fixture_post(f, 0, "Über uns", "en"), "uber-uns");
  check_slug(f, fixture_post(f, 0, "🚀", "de"), "post");
  check_slug(f, fixture_post(f, 0, "🔥", "de"), "post-2");
  fixture_refused(f, "UPDATE blog_posts SET slug='uber-uns' WHERE id=2", "slug");
}

static void a_numbered_slug_stays_within_the_limit(void **state) {
  struct fixture *f = *state;
  char title[100], want[100];
  snprintf(title, sizeof title, "%080d", 1);
  check_slug(f, fixture_post(f, 0, title, "en"), title);
  snprintf(want, sizeof want, "%.78s-2", title);
  check_slug(f, fixture_post(f, 0, title, "en"), want);
  snprintf(title, sizeof title, "%060d %019d", 1, 2); /* 80 bytes: cut at the word */
  check_slug(f, fixture_post(f, 0, title, "fr"), (title[60] = '-', title));
  snprintf(want, sizeof want, "%060d-2", 1);
  check_slug(f, fixture_post(f, 0, title, "fr"), want);
}

static void slugs_are_numbered_up_to_a_limit(void **state) {
  struct fixture *f = *state;
  const struct galley_post post = {.title = "daily", .content = "x", .language = "en"};
  int64_t id;
  fixture_sql(f, "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i+1 FROM n WHERE i<9999) "
                 "INSERT INTO blog_posts(slug,title,content,language) "
                 "SELECT 'daily-'||i,'d','c','en' FROM n UNION ALL SELECT 'daily','d','c','en'");
  fixture_ok(f->q, galley_post_save(f->q, &post, &id));
  check_slug(f, id, "daily-10000");
  fixture_fails(f->q, galley_post_save(f->q, &post, &id), GALLEY_INVALID, "10000 posts");
}

static void save_takes_the_wished_slug_or_makes_one_of_the_title(void **state) {
  struct fixture *f = *state;
  struct galley_post post = {.slug = "My Wish!", .title = "Title", .content = "x"};
  int64_t id;
  fixture_ok(f->q, galley_post_save(f->q, &post, &id));
  check_slug(f, id, "my-wish");
  post.slug = "";
  fixture_ok(f->q, galley_post_save(f->q, &post, &id));
  check_slug(f, id, "title");
}

static void writing_a_topic_again_updates_its_post(void **state) {
  struct fixture *f = *state;
  int64_t topic = fixture_topic(f, "T");
  int64_t id = fixture_post(f, topic, "First title", "en");
  int64_t german = fixture_post(f, topic, "Erster Titel", "de");
  int64_t created_ms = f->now_ms;
  int64_t again;
  fixture_sql(f, "UPDATE blog_posts SET notion_id='N'");
  f->now_ms += 50;
  const struct galley_post rewrite = {.research_topic_id = topic,
                                      .slug = "other",
                                      .title = "Second title",
                                      .content = "New",
                                      .language = "en",
                                      .status = "ready",
                                      .word_count = 1500};
  fixture_ok(f->q, galley_post_save(f->q, &rewrite, &again));
  assert_int_equal(again, id);
  assert_int_not_equal(german, id);
  struct galley_post *post = get(f, id);
  assert_string_equal(post->title, "Second title");
  assert_string_equal(post->slug, "first-title");
  assert_string_equal(post->status, "ready");
  assert_string_equal(post->notion_id, "N");
  assert_int_equal(post->word_count, 1500);
  assert_int_equal(post->created_at_ms, created_ms);
  assert_int_equal(post->updated_at_ms, f->now_ms);
  galley_free(post);
  check_topic(f, topic, "drafted");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM blog_posts"), 2);
}

static void saving_by_id_updates_that_post(void **state) {
  struct fixture *f = *state;
  int64_t id = fixture_post(f, 0, "One", "en"), same;
  struct galley_post change = {.id = id, .title = "Two", .content = "C"};
  fixture_ok(f->q, galley_post_save(f->q, &change, &same));
  assert_int_equal(same, id);
  struct galley_post *post = get(f, id);
  assert_string_equal(post->title, "Two");
  assert_string_equal(post->language, "en");
  assert_string_equal(post->slug, "one");
  galley_free(post);
  change.id = 99;
  fixture_fails(f->q, galley_post_save(f->q, &change, &same), GALLEY_NONE, "no post 99");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM blog_posts"), 1);
}

static void what_is_published_stays_published(void **state) {
  struct fixture *f = *state;
  int64_t topic = fixture_topic(f, "T"), again;
  int64_t id = fixture_post(f, topic, "One", "en");
  publish(f, &(struct galley_publication){.blog_post_id = id, .target = "t", .remote_id = "r"});
  int64_t published_ms = f->now_ms;
  f->now_ms += 100;
  const struct galley_post rewrite = {.research_topic_id = topic,
                                      .title = "One",
                                      .content = "New",
                                      .language = "en",
                                      .status = "ready",
                                      .published_at_ms = 7};
  fixture_ok(f->q, galley_post_save(f->q, &rewrite, &again));
  assert_int_equal(again, id);
  struct galley_post *post = get(f, id);
  assert_string_equal(post->status, "published");
  assert_int_equal(post->published_at_ms, published_ms);
  galley_free(post);
  check_topic(f, topic, "published");
}

static void save_refuses_what_cannot_be_kept(void **state) {
  struct fixture *f = *state;
  const struct {
    struct galley_post post;
    const char *words;
  } cases[] = {
      {{.content = "c"}, "post: title is missing"},
      {{.title = "t"}, "post: content is missing"},
      {{.title = "t", .content = "\xe2\x82"}, "post: content is not UTF-8"},
      {{.title = "t", .content = "c", .status = "live"}, "\"live\" is not one of draft, ready"},
      {{.title = "t", .content = "c", .cluster_role = "x"}, "cluster_role"},
      {{.title = "t", .content = "c", .word_count = -1}, "word_count"},
      {{.title = "t", .content = "c", .keywords = "{\"a\":1}"}, "keywords_is_a_json_array"},
      {{.title = "t", .content = "c", .internal_links = "[}"}, "internal_links is not valid JSON"},
      {{.title = "t", .content = "c", .research_topic_id = 8}, "research_topic_id: there is no 8"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t id;
    fixture_fails(f->q, galley_post_save(f->q, &cases[i].post, &id), GALLEY_INVALID,
                  cases[i].words);
  }
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM blog_posts"), 0);
}

static void lists_are_by_status_and_topic_newest_first(void **state) {
  struct fixture *f = *state;
  struct fixture_ids ids = {.n = 0};
  int64_t topic = fixture_topic(f, "T"), post[3];
  const char *languages[] = {"en", "de", "fr"};
  for (size_t i = 0; i < 3; i++) {
    post[i] = fixture_post(f, i < 2 ? topic : 0, "P", languages[i]);
    f->now_ms -= 10; /* later rows are older */
  }
  fixture_sql(f, "UPDATE blog_posts SET status='ready' WHERE id<>1");
  fixture_ok(f->q, galley_posts(f->q, NULL, 0, 0, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 3);
  assert_int_equal(ids.id[0], post[0]);
  ids.n = 0;
  fixture_ok(f->q, galley_posts(f->q, "ready", 0, 1, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 1);
  assert_int_equal(ids.id[0], post[1]);
  ids.n = 0;
  fixture_ok(f->q, galley_posts(f->q, NULL, topic, 0, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 2);
  ids.n = 0;
  fixture_ok(f->q, galley_posts(f->q, "ready", topic, 0, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 1);
  fixture_fails(f->q, galley_posts(f->q, "x", topic, 0, fixture_keep_id, &ids), GALLEY_INVALID,
                "status");
}

/* ---- social posts ---- */

static void a_social_post_has_one_row_for_its_place(void **state) {
  struct fixture *f = *state;
  int64_t post = fixture_post(f, 0, "P", "en");
  struct galley_social social = {.blog_post_id = post,
                                 .platform = "bluesky",
                                 .content = "First",
                                 .language = "en",
                                 .hashtags = "[\"a\"]",
                                 .character_count = 5,
                                 .notion_id = "N"};
  int64_t id = save_social(f, &social), created_ms = f->now_ms;
  f->now_ms += 10;
  social.content = "Second";
  social.notion_id = NULL;
  social.status = "ready";
  social.scheduled_at_ms = 99;
  assert_int_equal(save_social(f, &social), id);
  social.language = "de";
  assert_int_not_equal(save_social(f, &social), id);
  social.platform = "mastodon";
  save_social(f, &social);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM social_posts"), 3);
  char *text = fixture_text(
      f, "SELECT content||notion_id||status||scheduled_at_ms||character_count||"
         "(created_at_ms<updated_at_ms)||hashtags FROM social_posts ORDER BY id LIMIT 1");
  assert_string_equal(text, "SecondNready9951[\"a\"]");
  free(text);
  assert_int_equal(fixture_number(f, "SELECT min(created_at_ms) FROM social_posts"), created_ms);
}

static void a_published_social_post_stays_published(void **state) {
  struct fixture *f = *state;
  struct galley_social social = {.blog_post_id = fixture_post(f, 0, "P", "en"),
                                 .platform = "tiktok",
                                 .content = "x",
                                 .status = "published",
                                 .published_at_ms = 5};
  save_social(f, &social);
  social.status = "ready";
  social.published_at_ms = 9;
  save_social(f, &social);
  char *text = fixture_text(f, "SELECT status||published_at_ms FROM social_posts");
  assert_string_equal(text, "published5");
  free(text);
}

static void a_social_post_that_has_no_place_is_refused(void **state) {
  struct fixture *f = *state;
  int64_t post = fixture_post(f, 0, "P", "en");
  const struct {
    struct galley_social social;
    const char *words;
  } cases[] = {
      {{.blog_post_id = post, .platform = "myspace", .content = "c"},
       "platform: \"myspace\" is not one of linkedin, facebook, instagram, tiktok, mastodon, blu"},
      {{.blog_post_id = post, .content = "c"}, "platform is missing"},
      {{.blog_post_id = post, .platform = "tiktok"}, "content is missing"},
      {{.platform = "tiktok", .content = "c"}, "blog_post_id is missing"},
      {{.blog_post_id = 99, .platform = "tiktok", .content = "c"}, "there is no 99"},
      {{.blog_post_id = post, .platform = "tiktok", .content = "c", .status = "x"}, "status"},
      {{.blog_post_id = post, .platform = "tiktok", .content = "c", .hashtags = "1"}, "hashtags"},
      {{.blog_post_id = post, .platform = "tiktok", .content = "\xff"}, "UTF-8"},
      {{.blog_post_id = post, .platform = "tiktok", .content = "c", .character_count = -1},
       "character_count"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int64_t id;
    fixture_fails(f->q, galley_social_save(f->q, &cases[i].social, &id), GALLEY_INVALID,
                  cases[i].words);
  }
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM social_posts"), 0);
}

static void social_posts_are_listed_by_platform(void **state) {
  struct fixture *f = *state;
  struct fixture_ids ids = {.n = 0};
  int64_t post = fixture_post(f, 0, "P", "en"), other = fixture_post(f, 0, "Q", "en");
  const struct galley_social socials[] = {
      {.blog_post_id = post, .platform = "mastodon", .content = "m"},
      {.blog_post_id = post, .platform = "bluesky", .content = "b"},
      {.blog_post_id = other, .platform = "bluesky", .content = "b"}};
  for (size_t i = 0; i < 3; i++)
    save_social(f, &socials[i]);
  fixture_ok(f->q, galley_socials(f->q, post, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 2);
  assert_int_equal(ids.id[0], 2);
}

static void deleting_follows_the_references(void **state) {
  struct fixture *f = *state;
  int64_t topic = fixture_topic(f, "T"), post = fixture_post(f, topic, "P", "en");
  save_social(f,
              &(struct galley_social){.blog_post_id = post, .platform = "tiktok", .content = "c"});
  publish(f, &(struct galley_publication){.blog_post_id = post, .target = "t", .remote_id = "r"});
  fixture_sql(f, "DELETE FROM topics");
  assert_int_equal(fixture_number(f, "SELECT research_topic_id IS NULL FROM blog_posts"), 1);
  fixture_sql(f, "DELETE FROM blog_posts");
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM social_posts"), 0);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM publications"), 0);
}

/* ---- publications ---- */

/* Rule 1. */
static void a_publish_is_done_only_with_a_remote_id(void **state) {
  struct fixture *f = *state;
  int64_t post = fixture_post(f, 0, "P", "en"), id;
  const struct {
    struct galley_publication publication;
    const char *words;
  } cases[] = {{{.blog_post_id = post, .target = "t"}, "remote_id is missing"},
               {{.blog_post_id = post, .target = "t", .remote_id = ""}, "remote_id is missing"},
               {{.blog_post_id = post, .remote_id = "r"}, "target is missing"},
               {{.blog_post_id = 9, .target = "t", .remote_id = "r"}, "there is no 9"},
               {{.blog_post_id = post, .target = "t", .remote_id = "\x80"}, "UTF-8"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    fixture_fails(f->q, galley_publication_save(f->q, &cases[i].publication, &id), GALLEY_INVALID,
                  cases[i].words);
  struct galley_post *got = get(f, post);
  assert_string_equal(got->status, "draft");
  galley_free(got);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM publications"), 0);
  fixture_refused(f, "INSERT INTO publications(blog_post_id,target) VALUES(1,'t')", "remote_id");
}

static void publishing_twice_updates_and_never_duplicates(void **state) {
  struct fixture *f = *state;
  int64_t topic = fixture_topic(f, "T"), post = fixture_post(f, topic, "P", "en");
  int64_t written_ms = f->now_ms;
  struct galley_publication publication = {.blog_post_id = post,
                                           .target = "folder",
                                           .remote_id = "a.md",
                                           .content_hash = "h1",
                                           .job_id = 3};
  f->now_ms += 10;
  int64_t first_ms = f->now_ms, id = publish(f, &publication);
  f->now_ms += 10;
  publication.content_hash = "h2";
  publication.remote_url = "https://example.org/a";
  publication.job_id = 4;
  assert_int_equal(publish(f, &publication), id);
  struct galley_publication *got;
  fixture_ok(f->q, galley_publication_get(f->q, post, "folder", &got));
  assert_int_equal(got->id, id);
  assert_string_equal(got->content_hash, "h2");
  assert_string_equal(got->remote_url, "https://example.org/a");
  assert_int_equal(got->job_id, 4);
  assert_int_equal(got->created_at_ms, first_ms);
  assert_int_equal(got->updated_at_ms, f->now_ms);
  galley_free(got);
  struct galley_post *after = get(f, post);
  assert_string_equal(after->status, "published");
  assert_int_equal(after->published_at_ms, first_ms);
  assert_int_equal(after->updated_at_ms, written_ms); /* its text did not change */
  galley_free(after);
  check_topic(f, topic, "published");
  assert_int_equal(fixture_number(f, "SELECT published_at_ms FROM topics"), first_ms);
  assert_int_equal(fixture_number(f, "SELECT count(*) FROM publications"), 1);
}

static void publications_are_found_by_place_and_listed(void **state) {
  struct fixture *f = *state;
  struct fixture_ids ids = {.n = 0};
  struct galley_publication *got;
  int64_t one = fixture_post(f, 0, "P", "en"), two = fixture_post(f, 0, "Q", "en");
  publish(f, &(struct galley_publication){.blog_post_id = one, .target = "b", .remote_id = "r"});
  publish(f, &(struct galley_publication){.blog_post_id = one, .target = "a", .remote_id = "r"});
  publish(f, &(struct galley_publication){.blog_post_id = two, .target = "a", .remote_id = "r"});
  fixture_ok(f->q, galley_publications(f->q, one, 0, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 2);
  assert_int_equal(ids.id[0], 2);
  ids.n = 0;
  fixture_ok(f->q, galley_publications(f->q, 0, 0, fixture_keep_id, &ids));
  assert_int_equal(ids.n, 3);
  assert_int_equal(ids.id[0], 3);
  fixture_fails(f->q, galley_publication_get(f->q, two, "b", &got), GALLEY_NONE, "not published");
  assert_null(got);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(save_keeps_every_member),
      TEST(slugs_that_collide_are_numbered_per_language),
      TEST(a_numbered_slug_stays_within_the_limit),
      TEST(slugs_are_numbered_up_to_a_limit),
      TEST(save_takes_the_wished_slug_or_makes_one_of_the_title),
      TEST(writing_a_topic_again_updates_its_post),
      TEST(saving_by_id_updates_that_post),
      TEST(what_is_published_stays_published),
      TEST(save_refuses_what_cannot_be_kept),
      TEST(lists_are_by_status_and_topic_newest_first),
      TEST(a_social_post_has_one_row_for_its_place),
      TEST(a_published_social_post_stays_published),
      TEST(a_social_post_that_has_no_place_is_refused),
      TEST(social_posts_are_listed_by_platform),
      TEST(deleting_follows_the_references),
      TEST(a_publish_is_done_only_with_a_remote_id),
      TEST(publishing_twice_updates_and_never_duplicates),
      TEST(publications_are_found_by_place_and_listed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
