#include "content.h"

#include <string.h>

static const char *const platforms[] = {"linkedin", "facebook", "instagram", "tiktok",
                                        "mastodon", "bluesky",  NULL};
static const char *const statuses[] = {"draft", "ready", "scheduled", "published", NULL};

static enum galley_rc check(struct galley *q, const struct galley_social *social) {
  enum galley_rc rc = content_check(q, &galley_social_record, social);
  if (rc == GALLEY_OK)
    rc = content_required(q, "social post: platform", social->platform);
  if (rc == GALLEY_OK)
    rc = content_word(q, "social post: platform", social->platform, platforms);
  if (rc == GALLEY_OK)
    rc = content_required(q, "social post: content", social->content);
  if (rc == GALLEY_OK)
    rc = content_word(q, "social post: status", social->status, statuses);
  if (rc == GALLEY_OK && social->character_count < 0)
    rc = error_set(&q->error, GALLEY_INVALID, "social post: character_count is negative");
  if (rc == GALLEY_OK && social->blog_post_id == 0)
    rc = error_set(&q->error, GALLEY_INVALID, "social post: blog_post_id is missing");
  if (rc == GALLEY_OK)
    rc = content_reference(q, "social post: blog_post_id", SQL_POST_EXISTS, social->blog_post_id);
  return rc;
}

static enum galley_rc save(struct galley *q, const struct galley_social *social, int64_t *id) {
  enum galley_rc rc = check(q, social);
  if (rc != GALLEY_OK)
    return rc;
  int64_t now_ms = handle_now_ms(q);
  struct galley_social row = *social;
  row.id = 0; /* the place decides which row it is */
  row.language = content_or(social->language, "und");
  row.status = content_or(social->status, "draft");
  row.created_at_ms = social->created_at_ms ? social->created_at_ms : now_ms;
  row.updated_at_ms = now_ms;
  return content_insert(q, SQL_SOCIAL_SAVE, &galley_social_record, &row, id);
}

enum galley_rc galley_social_save(struct galley *q, const struct galley_social *social,
                                  int64_t *id) {
  enum galley_rc rc = tx_enter(q);
  return rc == GALLEY_OK ? tx_leave(q, save(q, social, id)) : rc;
}

enum galley_rc galley_socials(struct galley *q, int64_t blog_post_id, galley_row_fn *fn,
                              void *arg) {
  const struct content_list list = {.sql = SQL_SOCIALS_OF_POST,
                                    .record = &galley_social_record,
                                    .by = CONTENT_BY_INT,
                                    .n = blog_post_id,
                                    .limit = CONTENT_LIMIT_MAX};
  return content_each(q, &list, fn, arg);
}
