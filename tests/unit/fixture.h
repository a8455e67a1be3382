/*
 * fixture.h - a new database in a directory of its own, under a clock that the test holds, for the
 * tests of the content store. fixture_set_up and fixture_tear_down are cmocka's; *state is the
 * fixture.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "galley.h"

#define FIXTURE_ROWS_MAX 512

struct fixture {
  char dir[64];
  char path[96];
  struct galley *q;
  struct galley_env env;
  int64_t now_ms; /* what the clock says; tests move it */
  int64_t mono_ns;
  uint64_t chance; /* the next random number, and every one after it */
  int64_t worker_id;
};

int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* Another handle on the same database; NULL options: as the first. To be closed by the test. */
struct galley *fixture_open(struct fixture *f, unsigned flags);

/* A handle on another database. */
struct galley *fixture_open_at(struct fixture *f, const char *path, unsigned flags);

/* A call that must work, and one that must fail with rc and a sentence that holds `words`. */
#define fixture_ok(q, rc)                 fixture_expect((q), (rc), GALLEY_OK, "", __LINE__)
#define fixture_fails(q, rc, want, words) fixture_expect((q), (rc), (want), (words), __LINE__)
void fixture_expect(struct galley *q, enum galley_rc rc, enum galley_rc want, const char *words,
                    int line);

/* By a connection of their own, as a foreign program would: runs SQL that must work; its one
 * integer; its one text, to be freed; SQL that must be refused, naming `words`. */
void fixture_sql(struct fixture *f, const char *sql);
int64_t fixture_number(struct fixture *f, const char *sql);
char *fixture_text(struct fixture *f, const char *sql);
void fixture_refused(struct fixture *f, const char *sql, const char *words);

/* No rule of galley_check is broken. */
void fixture_check(struct galley *q);

/* A job of kind "work" that runs. */
struct fixture_job {
  int64_t id, fence;
};
struct fixture_job fixture_job(struct fixture *f);
/* Ends it. */
void fixture_settle(struct fixture *f, struct fixture_job job, enum galley_outcome outcome);

/* A galley_row_fn that keeps the id of each row (every record of the content store begins with it);
 * arg is a struct fixture_ids. It stops when `stop_after` rows were seen, unless that is 0. */
struct fixture_ids {
  int64_t id[FIXTURE_ROWS_MAX];
  size_t n, stop_after;
};
bool fixture_keep_id(void *ids, const void *row);

/* Two rows of the content store are the same in all but the id. */
void fixture_same(const struct galley_record *record, const void *row, const void *other);

/* Rows to begin with. */
int64_t fixture_topic(struct fixture *f, const char *title);
int64_t fixture_post(struct fixture *f, int64_t topic_id, const char *title, const char *language);
/* 64 digits of hex made of one letter. */
const char *fixture_hash(char letter, char out[65]);

#endif
