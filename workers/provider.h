/*
 * provider.h - the seam for who does a stage's work. A provider is two pure functions: no I/O, no
 * clock, no SQL. Concurrency, deadlines, retries, limits and logging are written once around them.
 */
#ifndef PROVIDER_H
#define PROVIDER_H

#include "stage.h"
#include "verdict.h"

/* A request under construction; strings and body owned by the draft. */
struct request_draft {
  struct http_request request;
  struct http_header headers[8];
  char *owned[8]; /* released by request_draft_fini */
};
void request_draft_fini(struct request_draft *draft);

struct provider {
  const char *name; /* the word in the configuration: "embedded" */
  enum stage stage;
  const char *about;   /* one line for help and the manual */
  const char *version; /* changes when the same input gives a better output: part of the key under
                        * which research is kept; NULL: none */
  /* Makes the request that the stage needs. NULL: it needs none, and judge gets no reply. False:
   * *verdict tells why not. Must not block. */
  bool (*build)(const struct stage_input *input, struct request_draft *draft,
                struct verdict *verdict);
  /* Turns input and reply into the stage's output, or into a verdict that is not DONE (then the
   * output may still hold what must be saved, as the next state of a feed). The output is zeroed
   * before and released by the caller in every case. Must not block on I/O. */
  void (*judge)(const struct stage_input *input, const struct http_reply *reply,
                struct stage_output *output, struct verdict *verdict);
};

/* All providers; the first of a stage is its default. */
extern const struct provider *const provider_registry[];
extern const size_t provider_count;

/* NULL when there is none of that name. */
const struct provider *provider_find(enum stage stage, const char *name);

#endif
