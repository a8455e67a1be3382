/* libFuzzer target: what a feed's server answered, judged. Bytes: failure, status, what the feed's
 * row holds, what the headers say; then the validator, the place it moved to, and the body. */
#include "fuzz.h"
#include "provider.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NOW_MS        INT64_C(1772000000000)
#define SNOOZE_MAX_MS INT64_C(2592000000)

static const int statuses[] = {200, 200, 200, 304, 301, 404, 410, 429, 500, 503, 0, 999};

static void check_verdict(const struct verdict *verdict) {
  if (verdict->outcome == GALLEY_DONE)
    return;
  assert(verdict->outcome == GALLEY_RETRY || verdict->outcome == GALLEY_SNOOZE ||
         verdict->outcome == GALLEY_DEAD);
  assert(verdict->error_class && *verdict->error_class);
  fuzz_check_sentence(verdict->error, VERDICT_TEXT_MAX);
  if (verdict->outcome == GALLEY_SNOOZE)
    assert(verdict->delay_ms > 0 && verdict->delay_ms <= SNOOZE_MAX_MS);
  else
    assert(verdict->delay_ms == -1);
}

/* The feed's next state can be saved, and it is asked again, later, unless it is gone. */
static void check_state(const struct galley_feed *feed, const struct verdict *verdict) {
  bool gone = feed->status && strcmp(feed->status, "gone") == 0;
  assert(feed->url && *feed->url);
  assert(gone ? feed->next_fetch_at_ms == 0 : feed->next_fetch_at_ms > NOW_MS);
  assert((verdict->outcome == GALLEY_DONE) == (feed->failures == 0));
  assert((verdict->outcome == GALLEY_DONE) == !feed->error);
  fuzz_check_text(feed->title, FEED_TITLE_MAX);
}

static void check_judgement(const struct galley_feed *feed, const struct http_reply *reply) {
  const struct provider *provider = provider_find(STAGE_COLLECT, "feed");
  struct stage_input input = {.stage = STAGE_COLLECT,
                              .u.collect = {.feed = feed, .now_ms = NOW_MS, .random = 5}};
  struct stage_output output = {.stage = STAGE_COLLECT};
  struct verdict verdict = {.outcome = GALLEY_DEAD};
  struct request_draft draft;
  if (provider->build(&input, &draft, &verdict)) {
    for (size_t i = 0; i < draft.request.n_headers; i++)
      assert(!strpbrk(draft.request.headers[i].value, "\r\n"));
    request_draft_fini(&draft);
  } else {
    check_verdict(&verdict);
  }
  provider->judge(&input, reply, &output, &verdict);
  check_verdict(&verdict);
  check_state(&output.u.collect.feed, &verdict);
  stage_output_fini(&output);
}

static void check_process(const char *tail, unsigned choice) {
  struct process_reply reply = {.end = (enum process_end)(choice % 5),
                                .exit_status = (int)choice % 256,
                                .signum = (int)choice % 32,
                                .start_errno = (int)choice % 40,
                                .output = "",
                                .error = tail};
  struct verdict verdict;
  verdict_of_process(&verdict, &reply, "/usr/bin/program");
  if (verdict.outcome != GALLEY_DONE)
    fuzz_check_sentence(verdict.error, VERDICT_TEXT_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  unsigned failure = fuzz_byte(&input), status = fuzz_byte(&input);
  unsigned row = fuzz_byte(&input), wait = fuzz_byte(&input);
  char *validator = fuzz_until(&input, '\n', NULL);
  char *place = fuzz_until(&input, '\n', NULL);
  size_t len;
  char *body = fuzz_rest(&input, &len);
  const struct galley_feed feed = {.id = 1,
                                   .url = "https://host.example/feed.xml",
                                   .title = row & 1 ? "Title" : NULL,
                                   .etag = row & 2 ? validator : NULL,
                                   .moved_to = row & 4 ? place : NULL,
                                   .moved_count = row & 4 ? 1 + row % 3 : 0,
                                   .failures = row >> 4,
                                   .status = "active"};
  const struct http_reply reply = {
      .failure = failure > HTTP_OTHER ? HTTP_OK : (enum http_failure)failure,
      .error = row & 8 ? "the wire broke" : NULL,
      .status = statuses[status % (sizeof statuses / sizeof *statuses)],
      .body = body,
      .body_len = len,
      .content_type = "",
      .etag = wait & 1 ? validator : NULL,
      .retry_after_ms = wait & 2 ? (int64_t)1 << (wait >> 2) % 40 : 0,
      .max_age_ms = wait & 4 ? (int64_t)1 << (wait >> 3) : -1,
      .final_url = "https://host.example/feed.xml",
      .permanent_url = row & 1 ? place : NULL};
  fuzz_make_utf8(validator);
  check_judgement(&feed, &reply);
  check_process(validator, failure << 8 | status);
  free(validator);
  free(place);
  free(body);
  return 0;
}
