/*
 * verdict.h - errors as data: what a reply, an exit status or a failed call means for the attempt.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include "galley.h"
#include "http.h"
#include "process.h"

#define VERDICT_TEXT_MAX 1024

struct verdict {
  enum galley_outcome outcome;  /* DONE RETRY SNOOZE DEAD */
  int64_t delay_ms;             /* RETRY: -1 for the back-off; SNOOZE: the wait */
  const char *error_class;      /* static: "http", "timeout", "data", ...; NULL when DONE */
  char error[VERDICT_TEXT_MAX]; /* the sentence */
  int64_t http_status;
};

#define VERDICT_DONE ((struct verdict){.outcome = GALLEY_DONE})

/* printf-like; cuts at a character, and is UTF-8 whatever it quotes. */
void verdict_set(struct verdict *verdict, enum galley_outcome outcome, int64_t delay_ms,
                 const char *error_class, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The common rules for a reply, by failure and status: 2xx and 304 DONE; 408, 425, 429, 5xx and
 * failed connections RETRY, or SNOOZE for what Retry-After says; other 4xx and refused addresses
 * DEAD. Providers judge what they know better before or after it. */
void verdict_of_reply(struct verdict *verdict, const struct http_reply *reply);

/* 0 DONE; 75 (EX_TEMPFAIL) and signals and time-outs RETRY; 64 to 78 otherwise DEAD; any other
 * status RETRY; a program that cannot be started DEAD. */
void verdict_of_process(struct verdict *verdict, const struct process_reply *reply,
                        const char *program);

/* An earlier attempt began to do this ("publish post 7 to blog"), its end was not heard, and there
 * is nobody to ask: DEAD with GALLEY_ERROR_UNKNOWN, for a person to decide. */
void verdict_of_unknown(struct verdict *verdict, const char *deed, int64_t job_id);

#endif
