/*
 * subject.h - what is measured: galley, or SQLite alone doing the same transactions on the same
 * tables, so that the difference is what galley costs. Each process opens its own.
 *
 * All members stop the program with a sentence when they fail: a measurement with failures is none.
 */
#ifndef SUBJECT_H
#define SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SUBJECT_KIND      "bench"
#define SUBJECT_BATCH_MAX 1024

enum subject_role { SUBJECT_WRITER, SUBJECT_WORKER, SUBJECT_READER };

struct subject {
  const char *name;
  void *(*open)(const char *path, enum subject_role role, bool full);
  void (*close)(void *h);
  /* `n` jobs in one transaction. */
  void (*enqueue)(void *h, const char *payload, size_t n);
  /* Settles what the turn before claimed and claims up to `max` jobs, in one transaction; how many
   * were claimed. *settled (may be NULL) is how many were settled. */
  size_t (*turn)(void *h, size_t max, size_t *settled);
  /* Text of the payload of the i-th job of the last turn; borrowed until the next turn. */
  const char *(*payload)(void *h, size_t i);
  /* One job by its id, all columns; false when there is none. */
  bool (*job_get)(void *h, int64_t id);
  /* One topic with a report, in a transaction of its own; and one by its id. */
  int64_t (*topic_save)(void *h, const char *title, const char *report);
  bool (*topic_get)(void *h, int64_t id);
  /* Sleeps until another process may have enqueued, `ms` at most; NULL: it cannot. */
  void (*wait)(void *h, int ms);
};

/* Those that a program can be asked to measure, NULL last: subject_list.c of bench/ for galley and
 * SQLite, of bench/peers/ for other queues, which have neither job_get nor topics. */
extern const struct subject *const subject_list[];

extern const struct subject subject_galley, subject_raw;
/* SQLite alone with a new connection for each call: how the system before galley worked. */
extern const struct subject subject_connect;
/* SQLite alone, and after each commit a byte in a pipe, at which a worker waits: a plain way for
 * two processes with a transaction each. */
extern const struct subject subject_told;

#endif
