#include "command.h"
#include "row.h"
#include "table.h"

struct posts_args {
  const char *status;
  int64_t topic, limit;
  bool social;
};

#define AT(member) offsetof(struct posts_args, member)
static const struct option_row options[] = {
    {.letter = 's',
     .name = "status",
     .type = OPTION_TEXT,
     .argument = "STATUS",
     .about = "draft, ready, scheduled or published",
     .offset = AT(status)},
    {.letter = 't',
     .name = "topic",
     .type = OPTION_NUMBER,
     .argument = "ID",
     .min = 1,
     .max = INT64_MAX,
     .about = "only posts on this topic",
     .offset = AT(topic)},
    {.name = "social",
     .type = OPTION_FLAG,
     .about = "the social posts of each post instead of the post",
     .offset = AT(social)},
    TABLE_LIMIT("at most this many posts", AT(limit)),
};

static const struct table_column post_columns[] = {
    {.field = "id", .title = "ID"},
    {.field = "status", .title = "STATUS"},
    {.field = "language", .title = "LANG"},
    {.field = "word_count", .title = "WORDS"},
    {.field = "created_at_ms", .title = "CREATED"},
    {.field = "slug", .title = "SLUG", .flexible = true},
    {.field = "title", .title = "TITLE", .flexible = true},
};

static const struct table_column social_columns[] = {
    {.field = "id", .title = "ID"},
    {.field = "blog_post_id", .title = "POST"},
    {.field = "platform", .title = "PLATFORM"},
    {.field = "language", .title = "LANG"},
    {.field = "character_count", .title = "CHARS"},
    {.field = "status", .title = "STATUS"},
    {.field = "content", .title = "CONTENT", .flexible = true},
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

struct social_list {
  struct session *session;
  struct table *table;
  enum galley_rc rc;
};

static bool print_socials(void *arg, const void *row) {
  struct social_list *list = arg;
  const struct galley_post *post = row;
  list->rc = galley_socials(list->session->q, post->id, table_row, list->table);
  return list->rc == GALLEY_OK || list->rc == GALLEY_NONE;
}

static int show_socials(struct session *session, int64_t post_id) {
  struct galley_post *post = NULL;
  enum galley_rc rc = galley_post_get(session->q, post_id, &post);
  galley_free(post);
  if (rc != GALLEY_OK)
    return row_show(session, &galley_post_record, rc, NULL, NULL);
  struct table *table =
      table_new(session, &galley_social_record, social_columns, LENGTH(social_columns));
  if (table == NULL)
    return session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  rc = galley_socials(session->q, post_id, table_row, table);
  return table_finish(table, session, rc, "social posts");
}

static bool json_publication(void *arg, const void *row) {
  struct output_json *json = arg;
  output_json_open(json, NULL, '{');
  output_json_fields(json, &galley_publication_record, row);
  output_json_close(json, '}');
  return true;
}

static bool text_publication(void *arg, const void *row) {
  const struct galley_publication *publication = row;
  (void)arg;
  fputs("\npublished: ", stdout);
  output_text(stdout, publication->target);
  fputs(" ", stdout);
  output_text(stdout, publication->remote_id);
  fputs("\n", stdout);
  return true;
}

/* Where the post was published. */
static enum galley_rc print_publications(struct session *session, const void *row,
                                         struct output_json *json) {
  const struct galley_post *post = row;
  if (json == NULL)
    return galley_publications(session->q, post->id, TABLE_ROWS_MAX, text_publication, NULL);
  output_json_open(json, "publications", '[');
  enum galley_rc rc =
      galley_publications(session->q, post->id, TABLE_ROWS_MAX, json_publication, json);
  output_json_close(json, ']');
  return rc;
}

static int show(struct session *session, int64_t id) {
  static const struct row_more more = {print_publications};
  struct galley_post *post = NULL;
  enum galley_rc rc = galley_post_get(session->q, id, &post);
  return row_show(session, &galley_post_record, rc, post, &more);
}

static int list(struct session *session, const struct posts_args *args) {
  struct table *table =
      args->social
          ? table_new(session, &galley_social_record, social_columns, LENGTH(social_columns))
          : table_new(session, &galley_post_record, post_columns, LENGTH(post_columns));
  if (table == NULL)
    return session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  struct social_list socials = {session, table, GALLEY_OK};
  enum galley_rc rc = args->social ? galley_posts(session->q, args->status, args->topic,
                                                  args->limit, print_socials, &socials)
                                   : galley_posts(session->q, args->status, args->topic,
                                                  args->limit, table_row, table);
  if (rc == GALLEY_OK && socials.rc != GALLEY_OK)
    rc = socials.rc;
  return table_finish(table, session, rc, args->social ? "social posts" : "posts");
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  const struct posts_args *args = values;
  int64_t id = 0;
  if (n > 0 && !session_id(session, operands[0], &id))
    return galley_rc_exit(GALLEY_USAGE);
  if (n > 0 && (args->status != NULL || args->topic != 0))
    return session_misuse(session, "an ID needs no --status and no --topic");
  int status = session_open(session, GALLEY_OPEN_READONLY);
  if (status != 0)
    return status;
  if (n == 0)
    return list(session, args);
  return args->social ? show_socials(session, id) : show(session, id);
}

const struct command posts_command = {
    .name = "posts",
    .usage = "[OPTION...] [ID]",
    .about = "show posts, their social posts, and where they were published",
    .details = "Examples:\n"
               "  galley posts --status ready\n"
               "  galley posts 5 --json | jq -r .content\n"
               "  galley posts 5 --social\n",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .args_size = sizeof(struct posts_args),
    .max_operands = 1,
    .run = run,
};
