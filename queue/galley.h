/*
 * galley.h - the public interface of libgalley: a durable job queue and a content store in one
 * SQLite file.
 *
 * A `struct galley` is one handle on one database. It is not safe for two threads at once, and it
 * must not be carried across fork(); open one handle per thread and per process. Functions that can
 * fail return `enum galley_rc`; the sentence that explains the failure stands in the handle until
 * its next call (galley_errmsg). Library code never prints and never exits.
 *
 * Strings handed in are UTF-8, borrowed for the call, and NULL stands for "none" unless a function
 * says otherwise. A record handed out (struct galley_job, galley_topic, ...) is one allocation,
 * owned by the caller, released with galley_free(). Records shown to a callback are borrowed until
 * the callback returns. Integers that stand for an absent id or time are 0.
 *
 * Units: `_ms` wall time in milliseconds since 1970 UTC, or a length of time in milliseconds;
 * `_mono_ns` nanoseconds of CLOCK_MONOTONIC of this boot; `_usd_micros` millionths of a US dollar.
 */
#ifndef GALLEY_H
#define GALLEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define GALLEY_MUST_USE __attribute__((warn_unused_result))
#define GALLEY_API      __attribute__((visibility("default")))
#else
#define GALLEY_MUST_USE
#define GALLEY_API
#endif

/* ---- limits: each has its name here and a test at the limit and one past it ---- */

#define GALLEY_PAYLOAD_MAX          1048576    /* bytes of one payload or result (1 MiB) */
#define GALLEY_KIND_MAX             64         /* bytes of a kind's name */
#define GALLEY_KEY_MAX              512        /* bytes of a unique key */
#define GALLEY_BATCH_MAX            1024       /* jobs in one claim, settlements in one turn */
#define GALLEY_KINDS_MAX            64         /* kinds that one claim may name */
#define GALLEY_ERROR_MAX            2048       /* bytes kept of an error message of an attempt */
#define GALLEY_ATTEMPTS_MAX         1000       /* largest max_attempts */
#define GALLEY_PRIORITY_MAX         4294967295 /* priorities run from 0 (first) to this (last) */
#define GALLEY_PRIORITY_DEFAULT     1000
#define GALLEY_MAX_ATTEMPTS_DEFAULT 5
#define GALLEY_TIMEOUT_DEFAULT_MS   300000
#define GALLEY_LEASE_MAX_MS         86400000 /* of one heartbeat: a day */
#define GALLEY_PROGRESS_MAX         4096     /* bytes of the JSON that tells progress */
#define GALLEY_STEPS_MAX            100      /* steps of one job */
#define GALLEY_STEP_NAME_MAX        256      /* bytes of a step's name */
#define GALLEY_STEP_JSON_MAX        65536    /* bytes of a step's intent, and of its result */
/* A job whose worker died this often is dead ("poison"), unless galley_options says otherwise. */
#define GALLEY_CRASHES_MAX 3

/* ---- results ---- */

/* What a caller may do about a code. */
enum galley_class {
  GALLEY_CLASS_DONE,   /* it worked */
  GALLEY_CLASS_RESULT, /* not an error: nothing there, or the lease is lost */
  GALLEY_CLASS_RETRY,  /* the same call may work later */
  GALLEY_CLASS_CALLER, /* the caller's input or rights must change */
  GALLEY_CLASS_STOP    /* storage cannot be trusted, or our bug: stop the process */
};

/* One row a code: name, class, exit status of the command line (sysexits), text. */
#define GALLEY_RC_TABLE(X)                                                                         \
  X(OK, DONE, 0, "done")                                                                           \
  X(NONE, RESULT, 1, "nothing found")                                                              \
  X(LOST, RESULT, 1, "lease lost: the job belongs to another attempt now")                         \
  X(STATE, CALLER, 1, "the job's state does not allow this")                                       \
  X(USAGE, CALLER, 64, "the call is wrong")                                                        \
  X(INVALID, CALLER, 65, "the data is not valid")                                                  \
  X(NOT_DATABASE, CALLER, 65, "not a galley database")                                             \
  X(NEWER, CALLER, 65, "the database was made by a newer galley")                                  \
  X(NO_INPUT, CALLER, 66, "the file cannot be read")                                               \
  X(UNAVAILABLE, RETRY, 69, "a service is not available")                                          \
  X(NO_MEMORY, RETRY, 71, "out of memory")                                                         \
  X(CANNOT_CREATE, CALLER, 73, "the file cannot be created")                                       \
  X(FULL, RETRY, 74, "the disk is full")                                                           \
  X(IO, STOP, 74, "input or output failed")                                                        \
  X(CORRUPT, STOP, 74, "the database is damaged")                                                  \
  X(BUSY, RETRY, 75, "another program holds the database")                                         \
  X(DENIED, CALLER, 77, "not permitted")                                                           \
  X(INTERNAL, STOP, 70, "a bug in galley")

enum galley_rc {
#define X(name, class, status, text) GALLEY_##name,
  GALLEY_RC_TABLE(X)
#undef X
};

GALLEY_API const char *galley_rc_name(enum galley_rc rc); /* "NONE" */
GALLEY_API const char *galley_rc_text(enum galley_rc rc);
GALLEY_API enum galley_class galley_rc_class(enum galley_rc rc);
GALLEY_API int galley_rc_exit(enum galley_rc rc); /* exit status of the command line */

/* ---- the handle ---- */

struct galley;

/* Time and chance, so that a test holds both. All members are called on the caller's thread and
 * may not block. */
struct galley_env {
  int64_t (*now_ms)(void *arg);
  int64_t (*mono_ns)(void *arg);
  uint64_t (*random)(void *arg);
  void *arg;
  /* All handles of the database are driven by one thread in turns: nothing may block in the
   * library's own locks, since their holder would not run until the wait is over. The gate and the
   * sharing of syncs are off then; promises stay the same. */
  bool one_thread;
};

enum galley_open_flag {
  GALLEY_OPEN_CREATE =
      1, /* make the file (mode 0600) when it is missing, and bring its schema up */
  GALLEY_OPEN_READONLY = 2, /* read calls only; never waits for a writer */
  /* A write returns once the disk has what it wrote and all that it has seen; others may see it a
   * moment before. GALLEY_IO when the disk does not confirm: it may be seen, and may be lost in a
   * power cut. From then on every write of such a handle is GALLEY_IO, until the log is begun anew
   * (galley_checkpoint, then a write). */
  GALLEY_OPEN_FULL = 4
};

struct galley_options {
  unsigned flags;               /* enum galley_open_flag, or-ed */
  int busy_timeout_ms;          /* how long to wait for a foreign writer; 0 means 5000 */
  const struct galley_env *env; /* NULL: the system's clocks and random numbers */
  int64_t crashes_max; /* deaths of its worker that make a job dead; 0: GALLEY_CRASHES_MAX */
};

/* Opens the database at `path` (or ":memory:", which one handle keeps to itself). Without
 * GALLEY_OPEN_CREATE a missing file is GALLEY_NONE, and an older schema is brought up to date all
 * the same (never by a read-only handle, which answers GALLEY_INVALID then). *out is set even on
 * failure, so that galley_errmsg can tell why; close it in every case. *out is NULL only when
 * there was no memory for the handle. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_open(struct galley **out, const char *path,
                                                      const struct galley_options *options);
/* Rolls back what is open and releases the handle. NULL is allowed. */
GALLEY_API void galley_close(struct galley *q);
/* The sentence about the last failed call: what, where, what to do. Never NULL. */
GALLEY_API const char *galley_errmsg(const struct galley *q);
/* Releases a record or a list that this library handed out. NULL is allowed. */
GALLEY_API void galley_free(void *record);
GALLEY_API const char *galley_version(void);
/* Settings of SQLite that hold for a whole process (no memory statistics). For programs of which
 * galley is the only user of SQLite; call it before anything else opens a database. */
GALLEY_API void galley_process_init(void);

/* One write transaction around several calls (BEGIN IMMEDIATE), which ends in the thread in which
 * it began. Every writing function below joins it when it is open and makes its own when it is not.
 * After any failed call inside it the transaction can only be rolled back: writing calls return the
 * first error and do nothing, and galley_commit rolls back and returns it. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_begin(struct galley *q);
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_commit(struct galley *q);
GALLEY_API void galley_rollback(struct galley *q);

/* ---- records: one description of each struct, for binding, reading and printing ---- */

enum galley_type {
  GALLEY_INT,  /* int64_t */
  GALLEY_ID,   /* int64_t; 0 is NULL in the database and in JSON */
  GALLEY_TIME, /* int64_t, _ms of wall time; 0 is NULL */
  GALLEY_BOOL, /* int64_t, 0 or 1 */
  GALLEY_REAL, /* double */
  GALLEY_TEXT, /* const char *; NULL allowed */
  GALLEY_JSON  /* const char *, valid JSON; NULL allowed */
};

struct galley_field {
  const char *name; /* column of the table, member of the struct, key in JSON */
  enum galley_type type;
  size_t offset; /* of the member in its struct */
};

struct galley_record {
  const char *name;  /* "job" */
  const char *table; /* "jobs" */
  const struct galley_field *fields;
  size_t n_fields;
  size_t size; /* of the struct */
};

struct galley_job {
  int64_t id;
  const char *kind;
  const char *payload; /* JSON */
  const char *state;
  int64_t priority;
  int64_t run_at_ms;
  int64_t attempt; /* attempts begun, the present one included */
  int64_t max_attempts;
  int64_t crashes; /* attempts ended by the death of the worker; not counted in `attempt` */
  int64_t timeout_ms;
  const char *unique_key;
  int64_t fence; /* grows with every claim */
  int64_t worker_id;
  int64_t lease_mono_ns;
  const char *result; /* JSON */
  int64_t cost_usd_micros;
  const char *error_class;
  const char *error;
  int64_t parent_id;   /* the job that enqueued this one */
  int64_t workflow_id; /* the first job of the chain */
  int64_t created_at_ms;
  int64_t started_at_ms;
  int64_t finished_at_ms;
};

struct galley_attempt {
  int64_t job_id;
  int64_t fence;
  int64_t attempt;
  int64_t worker_id;
  const char *outcome; /* done retry snooze dead cancelled returned crashed expired */
  const char *error_class;
  const char *error;
  int64_t http_status;
  int64_t tokens_in;
  int64_t tokens_out;
  int64_t cost_usd_micros;
  int64_t started_at_ms;
  int64_t ended_at_ms;
};

/* One thing that a job does outside the database. */
struct galley_step {
  int64_t job_id;
  const char *name;            /* one of its name in a job: "publish:blog" */
  const char *idempotency_key; /* by which the service knows that it has seen this before */
  const char *intent;          /* JSON: what is to be done */
  const char *state;           /* begun done */
  int64_t fence;               /* of the attempt that wrote the row last */
  const char *result;          /* JSON, of a step that is done: the remote id */
  int64_t began_at_ms;
  int64_t ended_at_ms;
};

/* How far a job is, by its own account. */
struct galley_progress {
  int64_t job_id;
  int64_t fence; /* of the attempt that said so */
  int64_t at_ms;
  const char *progress; /* JSON */
};

struct galley_worker {
  int64_t id;
  int64_t pid;
  const char *host;
  const char *boot_id;
  const char *kinds; /* JSON array */
  int64_t slots;
  int64_t started_at_ms;
  int64_t stopped_at_ms;
};

struct galley_document {
  int64_t id;
  const char *source; /* feed, or what the producer says */
  const char *source_url;
  const char *title;
  const char *content; /* plain text */
  const char *summary;
  const char *language; /* BCP 47 primary tag, lower case; "und" when unknown */
  const char *domain;
  const char *market;
  const char *vertical;
  const char *content_hash;  /* hex SHA-256 over title and content; unique */
  const char *canonical_url; /* unique when not NULL */
  int64_t published_at_ms;   /* 0: unknown, never "now" */
  int64_t fetched_at_ms;
  const char *author;
  const char *entities; /* JSON */
  const char *keywords; /* JSON */
  double reliability_score;
  int64_t paywall;
  const char *status; /* new processed rejected */
  int64_t feed_id;
  const char *guid; /* the item's own id within its feed */
};

struct galley_topic {
  int64_t id;
  const char *title;
  const char *description;
  const char *cluster_label;
  const char *source; /* rss reddit trends autocomplete competitor manual */
  const char *source_url;
  int64_t discovered_at_ms;
  const char *domain;
  const char *market;
  const char *language;
  const char *intent;
  double engagement_score;
  double trending_score;
  int64_t priority; /* 1..10 */
  double content_score;
  const char *research_report; /* Markdown */
  const char *citations;       /* JSON array of {n, title, url, published_at_ms, document_id} */
  int64_t word_count;
  const char *minhash_signature;
  const char *status; /* discovered validated researched drafted published archived */
  const char *notion_id;
  const char *cache_key; /* unique when not NULL; see galley_topic_reserve */
  int64_t researched_at_ms;
  int64_t cost_usd_micros;
  int64_t created_at_ms;
  int64_t updated_at_ms;
  int64_t published_at_ms;
};

struct galley_post {
  int64_t id;
  const char *slug;
  const char *title;
  const char *content; /* Markdown, without the title */
  const char *excerpt;
  const char *meta_description;
  const char *keywords; /* JSON array of strings */
  const char *primary_keyword;
  int64_t word_count;
  const char *language;
  const char *brand_voice;
  const char *target_audience;
  const char *hero_image_url;
  const char *hero_image_alt;
  const char *supporting_images; /* JSON */
  int64_t research_topic_id;
  const char *cluster_id;
  const char *cluster_role;   /* standalone hub spoke */
  const char *internal_links; /* JSON */
  const char *notion_id;
  int64_t notion_synced_at_ms;
  const char *status; /* draft ready scheduled published */
  int64_t created_at_ms;
  int64_t updated_at_ms;
  int64_t published_at_ms;
};

struct galley_social {
  int64_t id;
  int64_t blog_post_id;
  const char *platform; /* linkedin facebook instagram tiktok mastodon bluesky */
  const char *content;
  const char *image_url;
  const char *image_provider;
  const char *hashtags;    /* JSON array of strings without '#' */
  int64_t character_count; /* as the platform counts */
  const char *language;
  const char *notion_id;
  int64_t notion_synced_at_ms;
  const char *status;
  int64_t scheduled_at_ms;
  int64_t created_at_ms;
  int64_t updated_at_ms;
  int64_t published_at_ms;
};

struct galley_publication {
  int64_t id;
  int64_t blog_post_id;
  const char *target;
  const char *remote_id; /* the file's path, or the service's id; a publish is done only with it */
  const char *remote_url;
  const char *content_hash; /* of what was sent, so that an unchanged post is not sent again */
  int64_t job_id;
  int64_t created_at_ms;
  int64_t updated_at_ms;
};

struct galley_feed {
  int64_t id;
  const char *url; /* unique */
  const char *title;
  const char *language; /* of documents that do not say; NULL: the feed's own */
  const char *market;
  const char *etag;          /* byte for byte */
  const char *last_modified; /* byte for byte */
  const char *status;        /* active gone paused */
  const char *error;         /* of the last fetch; NULL after a good one */
  int64_t failures;          /* in a row */
  int64_t moved_count;       /* sightings in a row of the same permanent redirect */
  const char *moved_to;
  int64_t interval_ms; /* between fetches: what the feed asks for, within our bounds */
  int64_t next_fetch_at_ms;
  int64_t fetched_at_ms; /* last answer of 200 or 304 */
  int64_t created_at_ms;
};

GALLEY_API extern const struct galley_record galley_job_record, galley_attempt_record,
    galley_step_record, galley_progress_record, galley_worker_record, galley_document_record,
    galley_topic_record, galley_post_record, galley_social_record, galley_publication_record,
    galley_feed_record;

/* Called for each row of a list; false stops the list without an error. The row is the struct that
 * the list names, borrowed until the callback returns. The handle may be read, not written. */
typedef bool galley_row_fn(void *arg, const void *row);

/* ---- enqueue ---- */

struct galley_spec {
  const char *kind;       /* [a-z0-9._-]+, at most GALLEY_KIND_MAX bytes */
  const char *payload;    /* a JSON value; NULL means {} */
  int64_t priority;       /* 0 runs first; -1: GALLEY_PRIORITY_DEFAULT */
  int64_t run_at_ms;      /* 0: now */
  int64_t delay_ms;       /* used when run_at_ms is 0 */
  int64_t max_attempts;   /* 0: default */
  int64_t timeout_ms;     /* 0: default */
  const char *unique_key; /* at most one live job (not yet done, dead or cancelled) has it */
  int64_t parent_id;      /* the job that asks for this one; its workflow is inherited */
};
#define GALLEY_SPEC_INIT                                                                           \
  { .priority = -1 }

/* Adds one job; *id is its id, or that of the live job that has the same unique key, and *existing
 * (may be NULL) tells which. References are checked: a write job for a topic that is not there, a
 * publish job for a post and a collect job for a feed likewise, is GALLEY_INVALID and names the id.
 * While another process writes, that one may add the job in its own transaction; GALLEY_IO then
 * also tells that it was stopped in the middle of the commit, so that nobody can say whether the
 * job was added. */
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_enqueue(struct galley *q, const struct galley_spec *spec, int64_t *id, bool *existing);
/* Adds `n` jobs in one transaction: all or none. ids[n] may be NULL. On failure *bad (may be NULL)
 * is the index of the spec that was refused, or n when the failure was not about one. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_enqueue_many(struct galley *q,
                                                              const struct galley_spec *specs,
                                                              size_t n, int64_t *ids, size_t *bad);

/* ---- the worker's side ---- */

/* Writes what a finished attempt produced. Called inside the transaction that settles the job,
 * after the fence was shown and before the job moves; the functions of the content store and
 * galley_enqueue join that transaction. It may run more than once (a batch that failed is tried
 * again one by one) and must then write the same. *result (initially the settlement's own) may be
 * set to a JSON text owned by `arg`. */
typedef enum galley_rc galley_save_fn(struct galley *q, void *arg, const char **result);

enum galley_outcome {
  GALLEY_DONE,
  GALLEY_RETRY,     /* failed; again after a wait, or dead when the attempts are spent */
  GALLEY_SNOOZE,    /* not now: again after delay_ms; the attempt is not charged */
  GALLEY_DEAD,      /* failed for good */
  GALLEY_CANCELLED, /* stopped on request */
  GALLEY_RETURNED   /* handed back by a worker that stops; ready at once, the attempt not charged */
};

struct galley_settlement {
  int64_t job_id;
  int64_t fence; /* as the claim gave it */
  enum galley_outcome outcome;
  int64_t delay_ms;        /* RETRY: -1 chooses the back-off; SNOOZE: the wait */
  const char *result;      /* JSON, for DONE */
  const char *error_class; /* a word: timeout, http, exit, data, ... */
  const char *error;
  int64_t http_status, tokens_in, tokens_out, cost_usd_micros;
  galley_save_fn *save; /* whatever the outcome; NULL: nothing to write */
  void *save_arg;
  /* out: OK settled as asked · LOST the fence was stale and nothing was written · any other: save
   * failed with it, and the attempt was settled as RETRY (or DEAD when it is GALLEY_INVALID) with
   * the sentence of the failure as its error. */
  enum galley_rc rc;
};

struct galley_hold { /* a claim that is still worked on */
  int64_t job_id;
  int64_t fence;
  bool lost;      /* out: the lease is gone; drop the work, nothing of it can be saved */
  bool cancelled; /* out: somebody asked to cancel; stop and settle as GALLEY_CANCELLED */
};

enum galley_begun {
  GALLEY_STEP_NEW,      /* it was written now: do it, once this transaction is committed */
  GALLEY_STEP_BEGUN,    /* it was begun before, and its end was not heard: ask the service */
  GALLEY_STEP_DONE,     /* it was done before: step->result */
  GALLEY_STEP_CANCELLED /* nothing was written, since somebody asked to cancel the job: settle so */
};

/* The beginning of a step. */
struct galley_begin {
  int64_t job_id;
  int64_t fence;
  const char *name;
  const char *idempotency_key;
  const char *intent; /* JSON */
  bool anew;          /* nothing came of what was begun before, that is known: begin it again */
  enum galley_begun begun;  /* out */
  struct galley_step *step; /* out: as it stands now, so of BEGUN with the key and the intent that
                             * it was begun with; to be released with galley_free; may be NULL */
  enum galley_rc rc;        /* out: what galley_step_begin returned, or would have */
};

/* One turn of a worker: settles, begins steps, renews and claims in one transaction. */
struct galley_turn {
  int64_t worker_id; /* from galley_worker_join */
  struct galley_settlement *settlements;
  size_t n_settlements;
  struct galley_begin *begins; /* steps to begin; of one that answers LOST or is refused as the
                                * caller's mistake nothing is written, and the turn goes on */
  size_t n_begins;
  struct galley_hold *holds; /* leases to renew */
  size_t n_holds;
  const char *const
      *kinds; /* kinds that may be claimed, best first has no meaning: priority rules */
  size_t n_kinds;
  size_t max_jobs; /* 0: claim nothing */
  int64_t lease_ms;
  struct galley_job **jobs; /* out: room for max_jobs; each to be released with galley_free */
  size_t n_jobs;            /* out */
};

/* Runs the turn. A turn with nothing to settle, begin or renew and nothing ready makes no write
 * transaction. GALLEY_OK when it committed; the single settlements tell their own rc. On any other
 * code nothing was claimed, n_jobs is 0, and the same turn may be tried again. Nothing was settled
 * either, unless one save was refused and the others, settled one by one, met a storage failure:
 * those that got through then answer LOST. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_turn(struct galley *q, struct galley_turn *turn);

/* What follows is for attempts that work outside of turns. Each shows job_id and fence in its
 * transaction: GALLEY_LOST, and nothing is written, when they are not a running attempt. */

/* Renews one lease to lease_ms from now, and answers in `hold` as a turn does; with hold->lost it
 * returns GALLEY_LOST. */
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_heartbeat(struct galley *q, struct galley_hold *hold, int64_t lease_ms);
/* Replaces what the job told before about how far it is: any JSON value, for people. The last word
 * stays when the attempt ends. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_progress(struct galley *q, int64_t job_id,
                                                          int64_t fence, const char *json);
/* Begins a step: written before a call that changes something outside, and committed before the
 * call is made. A step belongs to its job: the attempt that follows a crash finds it begun, and
 * must ask the service, by the key, whether it has happened. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_step_begin(struct galley *q,
                                                            struct galley_begin *begin);
/* The step has happened, with this result (JSON, or NULL): best told in the save that settles. Done
 * twice with the same result is done once; with another it is GALLEY_STATE. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_step_done(struct galley *q, int64_t job_id,
                                                           int64_t fence, const char *name,
                                                           const char *result);
/* Nothing came of the step that was begun, and that is known (the service refused it): its row
 * goes. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_step_forget(struct galley *q, int64_t job_id,
                                                             int64_t fence, const char *name);

/* What a worker has to wait for, read without a write transaction. */
struct galley_outlook {
  bool ready;  /* a job of these kinds is ready now, or scheduled and due */
  bool cancel; /* a running job of `worker_id` is asked to stop: renew its hold to learn which */
  int64_t next_run_at_ms;     /* earliest scheduled job, 0: none */
  int64_t next_lease_mono_ns; /* earliest lease of a running job, 0: none */
  bool live;                  /* some job of these kinds is ready or running, whoever runs it */
  int64_t newest_worker;      /* id of the worker that joined last; 0: none yet */
};
/* worker_id 0: nobody's. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_look(struct galley *q, int64_t worker_id,
                                                      const char *const *kinds, size_t n_kinds,
                                                      struct galley_outlook *outlook);

/* Registers this handle as one worker, outside of transactions. Until galley_close,
 * galley_worker_leave or the death of its process the kernel holds a lock that shows it is alive.
 * kinds is a JSON array, for display. Leaving hands back what it still runs, as GALLEY_RETURNED. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_worker_join(struct galley *q, const char *kinds,
                                                             int64_t slots, int64_t *worker_id);
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_worker_leave(struct galley *q, int64_t worker_id);
/* Hands back the jobs of workers that died (their crash is counted) and of leases that ran out.
 * *n (may be NULL) is how many. Makes no write transaction when there is nothing to do. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_recover(struct galley *q, int64_t *n);
/* Lists workers that are alive now. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_workers(struct galley *q, galley_row_fn *fn,
                                                         void *arg);

/* A descriptor that becomes readable when any process may have changed the database, by whatever
 * program; -1 for ":memory:". Owned by the handle. A commit by galley is seen when it rings; one by
 * another program may ring a moment before it can be seen: see galley_watch_clear. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_watch(struct galley *q, int *fd);
/* Forgets the changes seen so far; call it before each look that is followed by a sleep. Clear and
 * look again after as many milliseconds as it returns, if nothing rings before; 0: no need to. */
GALLEY_API int64_t galley_watch_clear(struct galley *q);

/* ---- people's side ---- */

GALLEY_API GALLEY_MUST_USE enum galley_rc galley_job_get(struct galley *q, int64_t id,
                                                         struct galley_job **job);
/* Newest first; kind and state may be NULL for any; before_id 0 or the last id of the page before.
 */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_jobs(struct galley *q, const char *kind,
                                                      const char *state, int64_t before_id,
                                                      int64_t limit, galley_row_fn *fn, void *arg);
/* All jobs of a chain, oldest first. */
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_jobs_of_workflow(struct galley *q, int64_t workflow_id, galley_row_fn *fn, void *arg);
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_attempts(struct galley *q, int64_t job_id,
                                                          galley_row_fn *fn, void *arg);
/* The steps of a job, in the order in which they were begun. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_steps(struct galley *q, int64_t job_id,
                                                       galley_row_fn *fn, void *arg);
/* The last word of a job about how far it is. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_progress_get(struct galley *q, int64_t job_id,
                                                              struct galley_progress **progress);
/* blocked, scheduled, ready become cancelled at once. A running job keeps running until its worker
 * sees the request at its next renewal; *running (may be NULL) tells. GALLEY_STATE for a job that
 * has ended. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_cancel(struct galley *q, int64_t id,
                                                        bool *running);
/* Error class of a job that is dead because a step of it was begun, its end was not heard, and the
 * service cannot be asked. */
#define GALLEY_ERROR_UNKNOWN "unknown"
/* A dead or cancelled job becomes ready with fresh attempts; a scheduled job becomes ready now.
 * When it is dead with GALLEY_ERROR_UNKNOWN, this is the person's word that nothing had come of the
 * steps that are begun: they are forgotten. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_retry(struct galley *q, int64_t id);

struct galley_count {
  const char *kind;
  const char *state;
  int64_t n;         /* live states: now; done, dead, cancelled: since the database was made */
  int64_t oldest_ms; /* ready: since when the oldest could have run; 0 otherwise */
  int64_t busy_ms;   /* ended states: time spent in attempts */
  int64_t cost_usd_micros;
};
/* One row per kind and state that has jobs. Cost grows with live jobs, not with finished ones. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_stats(struct galley *q, galley_row_fn *fn,
                                                       void *arg);
GALLEY_API extern const struct galley_record galley_count_record;

/* ---- the content store ---- */

/* Saves a document unless one with the same canonical URL, the same guid of the same feed, or the
 * same content hash is there. One of the same URL or guid whose hash differs is updated. *id is the
 * document's; *added (may be NULL) tells whether it is new. */
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_document_save(struct galley *q, const struct galley_document *doc, int64_t *id, bool *added);
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_document_get(struct galley *q, int64_t id,
                                                              struct galley_document **doc);
/* GALLEY_NONE when there is none. */
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_document_by_hash(struct galley *q, const char *content_hash, struct galley_document **doc);
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_documents_by_status(struct galley *q,
                                                                     const char *status,
                                                                     int64_t limit,
                                                                     galley_row_fn *fn, void *arg);
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_documents_by_language(struct galley *q, const char *language, int64_t limit,
                             galley_row_fn *fn, void *arg);

struct galley_hit {
  struct galley_document document; /* first, so that a hit prints as a document */
  double rank;                     /* BM25: lower is better */
};
/* Full text over title and content. `query` is plain words, any of which may match (all must when
 * `all` is set); never query syntax. language NULL: any. Best first. */
struct galley_search {
  const char *query;
  const char *language;
  bool all;
  int64_t limit;
};
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_documents_search(struct galley *q, const struct galley_search *search, galley_row_fn *fn,
                        void *arg);

/* Inserts (topic->id 0) or updates by id. */
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_topic_save(struct galley *q, const struct galley_topic *topic, int64_t *id);
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_topic_get(struct galley *q, int64_t id,
                                                           struct galley_topic **topic);
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_topics_by_status(struct galley *q,
                                                                  const char *status, int64_t limit,
                                                                  galley_row_fn *fn, void *arg);
/* Highest priority first, then newest; at least `min_priority`. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_topics_by_priority(struct galley *q,
                                                                    int64_t min_priority,
                                                                    int64_t limit,
                                                                    galley_row_fn *fn, void *arg);

/* What research of a topic depends on; together the key of the report cache. */
struct galley_research_key {
  const char *topic; /* compared after Unicode case folding, NFKC and white space folding */
  const char *language;
  const char *market;
  const char *depth;
  const char *provider;
  const char *model;
  const char *prompt_version;
};
enum galley_reserved {
  GALLEY_RESERVED_MINE, /* research it: no other job does while this attempt lives */
  GALLEY_RESERVED_HIT,  /* a report younger than max_age_ms is there */
  GALLEY_RESERVED_BUSY  /* another live attempt is at it: come back later */
};
/* Asks for the right to research a topic, so that two workers never pay twice. The topic row is
 * made when it is missing; *topic_id is its id in every case. GALLEY_LOST when job_id and fence are
 * not a running attempt. */
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_topic_reserve(struct galley *q, const struct galley_research_key *key, int64_t max_age_ms,
                     int64_t job_id, int64_t fence, int64_t *topic_id,
                     enum galley_reserved *reserved);
/* What a finished research writes into the reserved topic. */
struct galley_report {
  const char *markdown;
  const char *citations; /* JSON array */
  int64_t word_count;
  int64_t cost_usd_micros;
};
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_topic_report(struct galley *q, int64_t topic_id,
                                                              const struct galley_report *report);

/* Upsert by (research_topic_id, language): writing the same topic again updates its post and keeps
 * its id, slug and created_at. post->slug is a wish; a taken one is numbered -2, -3, ... */
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_post_save(struct galley *q, const struct galley_post *post, int64_t *id);
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_post_get(struct galley *q, int64_t id,
                                                          struct galley_post **post);
/* Newest first; status and topic_id 0/NULL for any. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_posts(struct galley *q, const char *status,
                                                       int64_t topic_id, int64_t limit,
                                                       galley_row_fn *fn, void *arg);
/* Upsert by (blog_post_id, platform, language). */
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_social_save(struct galley *q, const struct galley_social *social, int64_t *id);
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_socials(struct galley *q, int64_t blog_post_id,
                                                         galley_row_fn *fn, void *arg);
/* Upsert by (blog_post_id, target); the post becomes published, its topic too. remote_id must not
 * be NULL. */
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_publication_save(struct galley *q, const struct galley_publication *publication,
                        int64_t *id);
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_publication_get(struct galley *q, int64_t blog_post_id, const char *target,
                       struct galley_publication **publication);
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_publications(struct galley *q,
                                                              int64_t blog_post_id, /* 0: all */
                                                              int64_t limit, galley_row_fn *fn,
                                                              void *arg);

/* Adds a feed by URL, or changes the one that has it (title, language, market; a feed that was gone
 * becomes active). *existing may be NULL. */
GALLEY_API GALLEY_MUST_USE enum galley_rc
galley_feed_add(struct galley *q, const struct galley_feed *feed, int64_t *id, bool *existing);
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_feed_get(struct galley *q, int64_t id,
                                                          struct galley_feed **feed);
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_feed_remove(struct galley *q, int64_t id);
/* Writes the state of a fetch: every member of `feed` but id, created_at_ms. A new `url` that
 * another feed has already is GALLEY_INVALID. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_feed_update(struct galley *q,
                                                             const struct galley_feed *feed);
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_feeds(struct galley *q, galley_row_fn *fn,
                                                       void *arg);

/* ---- text rules, shared by all who make content ---- */

#define GALLEY_SLUG_MAX 80 /* bytes */
/* The one slug function: Latin letters lose their marks (é e, ß ss, ø o, ł l), Cyrillic and Greek
 * are transliterated by a fixed table, other scripts keep their letters; runs of everything else
 * become one '-'; cut at a word. Never empty: "post" when nothing is left. `out` has room for
 * GALLEY_SLUG_MAX + 1 bytes. */
GALLEY_API void galley_slug(const char *text, char *out);
/* Case-folded, NFKC, white space folded: what two spellings of one topic have in common. To be
 * released with galley_free; NULL without memory or when `text` is not UTF-8. */
GALLEY_API char *galley_text_fold(const char *text);
/* Extended grapheme clusters of a text; -1 when it is not UTF-8. */
GALLEY_API int64_t galley_text_graphemes(const char *text);

/* ---- operations ---- */

/* Copies the database online with SQLite's backup API into a new file, then opens the copy, runs
 * integrity_check on it, and compares row counts. `path` must not exist (GALLEY_CANNOT_CREATE); it
 * appears only when the copy was checked. */
struct galley_backup_report {
  int64_t bytes;
  int64_t jobs; /* rows in the copy */
  int64_t ms;
};
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_backup(struct galley *q, const char *path,
                                                        struct galley_backup_report *report);

struct galley_wal {
  int64_t bytes;        /* size of the -wal file */
  int64_t frames;       /* in the log now */
  int64_t checkpointed; /* of these, already in the database */
  int64_t page_size;
  int64_t last_at_ms; /* of the last checkpoint by galley; 0: none yet */
  int64_t last_log, last_checkpointed;
  int64_t last_busy; /* 1: a reader or writer kept it from finishing */
};
/* Reads the state of the write-ahead log; read-only. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_wal_status(struct galley *q,
                                                            struct galley_wal *wal);
/* Runs the guarded checkpoint now: PASSIVE, while this handle holds the write lock. GALLEY_CORRUPT
 * when it reports more frames checkpointed than logged (damage by a foreign process). */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_checkpoint(struct galley *q,
                                                            struct galley_wal *wal);

/* A rule of the queue or of its content that does not hold. */
struct galley_violation {
  const char *rule;     /* its short name: "job_done" */
  const char *table;    /* "jobs"; "" when it is about none */
  int64_t id;           /* of the row (job_attempts: of the job); 0 when it is about none */
  const char *sentence; /* what is wrong, and what to do */
};
#define GALLEY_CHECK_SHOWN 20 /* violations of one rule that are told one by one */
struct galley_check_report {
  int64_t rules;      /* that were looked at */
  int64_t violations; /* with those that were only counted */
  int64_t jobs, attempts, documents, topics, posts, publications;
};
/* Told before each rule: its name, and how many are done of how many. */
typedef void galley_check_progress_fn(void *arg, const char *rule, int64_t done, int64_t n);

/* Verifies everything that should hold of the file, the queue and the content, in one read
 * transaction beside which workers go on; a handle that was opened for reading will do. Calls fn
 * for each violation (a struct galley_violation), for the first GALLEY_CHECK_SHOWN of a rule and
 * then once with the count of the rest; false stops the check. GALLEY_INVALID when there are any;
 * another code when the check could not be made. fn, progress and report may be NULL. Reads the
 * whole database some times over; until it ends, the write-ahead log cannot shrink. Not to be
 * called from a row function. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_check(struct galley *q, galley_row_fn *fn,
                                                       galley_check_progress_fn *progress,
                                                       void *arg,
                                                       struct galley_check_report *report);

/* Two bugs of SQLite lose committed rows: before 3.51.3 a checkpoint beside which another process
 * begins the log anew; before 3.50.2 the recovery of a log into which a large statement that failed
 * had written early. galley guards its own connections against both. */
struct galley_selftest {
  const char *version; /* of the SQLite that is linked; static */
  bool reset_tried;    /* false: the first bug cannot be tried out here, and goes by the version */
  bool reset_loses;    /* plain connections lose rows by the first bug */
  bool reset_guarded;  /* connections as galley opens them do not */
  bool recovery_loses; /* the same for the second bug */
  bool recovery_guarded;
};
/* Tries both bugs out on files of its own in a private folder below $TMPDIR or /tmp, in some ten
 * milliseconds: a version number does not show what a distribution has mended. Touches neither the
 * handle's database nor its transaction. */
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_selftest(struct galley *q,
                                                          struct galley_selftest *result);

/* A setting of the connection, for display: "journal_mode", "synchronous", ... */
struct galley_pragma {
  const char *name;
  const char *value;
  bool ok; /* as galley needs it */
};
GALLEY_API GALLEY_MUST_USE enum galley_rc galley_pragmas(struct galley *q, galley_row_fn *fn,
                                                         void *arg);

#ifdef __cplusplus
}
#endif
#endif
