/*
 * stage.h - what goes into and comes out of each stage of the pipeline, whoever provides it. Inputs
 * borrow; outputs own what they point to (malloc) and are released by stage_output_fini.
 */
#ifndef STAGE_H
#define STAGE_H

#include "feed_parse.h"
#include "galley.h"

enum stage { STAGE_COLLECT, STAGE_RESEARCH, STAGE_WRITE, STAGE_PUBLISH };

struct collect_input {
  const struct galley_feed *feed;
  int64_t now_ms;
  uint64_t random; /* for the jitter of the next fetch */
  size_t body_max;
  int64_t timeout_ms;
};
struct collect_output {
  bool unchanged;              /* 304 */
  struct feed_content content; /* empty when unchanged */
  /* The feed's next state: all strings owned by the output. */
  struct galley_feed feed;
};

struct research_input {
  const char *topic;
  const char *language; /* primary tag, "en" */
  const char *depth;    /* short standard deep */
  int64_t target_words;
  int64_t now_ms;
  const struct galley_hit *const *hits; /* collected documents that match, best first */
  size_t n_hits;
};
struct research_output {
  char *markdown;
  char *citations; /* JSON array of {n, title, url, published_at_ms, document_id} */
  int64_t word_count;
  int64_t n_sources; /* sources cited */
};

#define WRITE_SOCIALS_MAX 8
struct write_input {
  const struct galley_topic *topic; /* with its whole report */
  const char *language;
  int64_t now_ms;
};
struct write_output {
  struct galley_post post; /* strings owned; status "ready"; slug is a wish */
  struct galley_social socials[WRITE_SOCIALS_MAX]; /* strings owned; blog_post_id 0 */
  size_t n_socials;
};

/* Where posts go, from the configuration. */
struct publish_target {
  const char *name;
  const char *type;     /* folder */
  const char *path;     /* of the folder, absolute */
  const char *format;   /* hugo jekyll */
  const char *base_url; /* of the site, for links; NULL */
  bool make;            /* make the folder when it is missing: nobody named it, it is the default */
};
struct publish_input {
  const struct galley_post *post;
  const struct publish_target *target;
  int64_t now_ms;
};
struct publish_output {
  char *file_path; /* absolute path to be written; NULL when the provider sent the post itself */
  char *file_body;
  size_t file_len;
  char *remote_id;
  char *remote_url; /* NULL: none */
};

struct stage_input {
  enum stage stage;
  union {
    struct collect_input collect;
    struct research_input research;
    struct write_input write;
    struct publish_input publish;
  } u;
};
struct stage_output {
  enum stage stage;
  union {
    struct collect_output collect;
    struct research_output research;
    struct write_output write;
    struct publish_output publish;
  } u;
};
void stage_output_fini(struct stage_output *output); /* idempotent */

#endif
