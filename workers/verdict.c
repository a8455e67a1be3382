#include "verdict.h"

#include "refusal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RETRY_AFTER_MAX_MS INT64_C(2592000000) /* 30 days: past it we ask again all the same */
#define EXIT_TEMPORARY     75                  /* EX_TEMPFAIL of sysexits.h */
#define EXIT_FIRST         64
#define EXIT_LAST          78

/* What a reply that is not complete means. */
static const struct {
  enum galley_outcome outcome;
  const char *error_class;
  const char *text; /* where the reply brings no sentence of its own */
} failures[] = {
    [HTTP_OK] = {GALLEY_DONE, NULL, ""},
    [HTTP_BAD_URL] = {GALLEY_DEAD, "url", "the address cannot be read"},
    [HTTP_REFUSED] = {GALLEY_DEAD, "refused", "the address is not allowed"},
    [HTTP_RESOLVE] = {GALLEY_RETRY, "resolve", "the name has no address"},
    [HTTP_CONNECT] = {GALLEY_RETRY, "connect", "the connection failed"},
    [HTTP_TLS] = {GALLEY_RETRY, "tls", "the secure connection failed"},
    [HTTP_TIMEOUT] = {GALLEY_RETRY, "timeout", "the answer took too long"},
    [HTTP_TOO_LARGE] = {GALLEY_DEAD, "too-large", "the answer is larger than allowed"},
    [HTTP_TOO_MANY_REDIRECTS] = {GALLEY_DEAD, "redirects", "too many redirects"},
    [HTTP_CUT_OFF] = {GALLEY_RETRY, "cut-off", "the connection ended before the answer did"},
    [HTTP_NO_MEMORY] = {GALLEY_RETRY, "memory", "there was not enough memory"},
    [HTTP_OTHER] = {GALLEY_RETRY, "http", "the request failed"},
};

/* What a status means; the first row that holds it counts. */
static const struct {
  int first, last;
  enum galley_outcome outcome;
} statuses[] = {
    {200, 299, GALLEY_DONE},  {304, 304, GALLEY_DONE},  {408, 408, GALLEY_RETRY},
    {425, 425, GALLEY_RETRY}, {429, 429, GALLEY_RETRY}, {300, 499, GALLEY_DEAD},
    {500, 599, GALLEY_RETRY},
};

/* Drops the beginning of a character that was cut. */
static void trim_character(char *text) {
  size_t len = strlen(text);
  size_t at = len;
  while (at > 0 && len - at < 3 && ((unsigned char)text[at - 1] & 0xC0) == 0x80)
    at--;
  if (at == 0)
    return;
  unsigned char lead = (unsigned char)text[at - 1];
  size_t whole = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (whole > 1 && len - at + 1 < whole)
    text[at - 1] = '\0';
}

void verdict_set(struct verdict *verdict, enum galley_outcome outcome, int64_t delay_ms,
                 const char *error_class, const char *format, ...) {
  verdict->outcome = outcome;
  verdict->delay_ms = delay_ms;
  verdict->error_class = error_class;
  va_list args;
  va_start(args, format);
  int n = vsnprintf(verdict->error, sizeof verdict->error, format, args);
  va_end(args);
  if (n < 0)
    verdict->error[0] = '\0';
  else if ((size_t)n >= sizeof verdict->error)
    trim_character(verdict->error);
  refusal_mend(verdict->error); /* it may quote what a foreign program put into the database */
}

static void of_failure(struct verdict *verdict, const struct http_reply *reply) {
  size_t row = (size_t)reply->failure;
  if (row >= sizeof failures / sizeof failures[0])
    row = HTTP_OTHER;
  const char *text = reply->error && *reply->error ? reply->error : failures[row].text;
  verdict_set(verdict, failures[row].outcome, -1, failures[row].error_class, "%s", text);
}

static enum galley_outcome outcome_of_status(int status) {
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
    if (status >= statuses[i].first && status <= statuses[i].last)
      return statuses[i].outcome;
  return GALLEY_RETRY; /* no status that HTTP knows: something odd in between */
}

void verdict_of_reply(struct verdict *verdict, const struct http_reply *reply) {
  *verdict = VERDICT_DONE;
  verdict->http_status = reply->status;
  if (reply->failure != HTTP_OK) {
    of_failure(verdict, reply);
    return;
  }
  enum galley_outcome outcome = outcome_of_status(reply->status);
  if (outcome == GALLEY_DONE)
    return;
  int64_t wait = reply->retry_after_ms;
  if (outcome == GALLEY_RETRY && wait > 0)
    verdict_set(verdict, GALLEY_SNOOZE, wait < RETRY_AFTER_MAX_MS ? wait : RETRY_AFTER_MAX_MS,
                "http", "status %d, and the service asks to wait for %lld s", reply->status,
                (long long)((wait + 999) / 1000));
  else
    verdict_set(verdict, outcome, -1, "http", "status %d", reply->status);
}

/* The sentence, with the end of what the program wrote to standard error. */
static void of_exit(struct verdict *verdict, const struct process_reply *reply,
                    const char *program) {
  int status = reply->exit_status;
  const char *tail = reply->error ? reply->error : "";
  bool permanent = status >= EXIT_FIRST && status <= EXIT_LAST && status != EXIT_TEMPORARY;
  if (status == 0)
    return;
  verdict_set(verdict, permanent ? GALLEY_DEAD : GALLEY_RETRY, -1, "exit",
              "%s ended with status %d%s%s", program, status, *tail ? ": " : "", tail);
}

void verdict_of_process(struct verdict *verdict, const struct process_reply *reply,
                        const char *program) {
  *verdict = VERDICT_DONE;
  switch (reply->end) {
  case PROCESS_EXITED:
    of_exit(verdict, reply, program);
    break;
  case PROCESS_SIGNALED:
    verdict_set(verdict, GALLEY_RETRY, -1, "signal", "%s was ended by signal %d (%s)", program,
                reply->signum, strsignal(reply->signum));
    break;
  case PROCESS_TIMEOUT:
    verdict_set(verdict, GALLEY_RETRY, -1, "timeout", "%s took too long and was ended", program);
    break;
  case PROCESS_TOO_LARGE:
    verdict_set(verdict, GALLEY_DEAD, -1, "too-large",
                "%s wrote more than allowed (%zu bytes) and was ended", program, reply->output_max);
    break;
  case PROCESS_NOT_STARTED:
    verdict_set(verdict, GALLEY_DEAD, -1, "start", "%s cannot be started: %s", program,
                strerror(reply->start_errno));
    break;
  }
}

void verdict_of_unknown(struct verdict *verdict, const char *deed, int64_t job_id) {
  verdict_set(verdict, GALLEY_DEAD, 0, GALLEY_ERROR_UNKNOWN,
              "outcome unknown: an earlier attempt began to %s, its end was not heard, and the "
              "service cannot be asked; look there, and when nothing came of it, galley retry %lld",
              deed, (long long)job_id);
}
