/*
 * crew.h - simulated processes that use galley's public interface on the disk in memory. A step is
 * one call, or one transaction, of one of them. It is decided by its seed and by what is in the
 * database, and by nothing else: the same steps from the same beginning lead to the same contents,
 * whatever the disk did in between. So what a power cut or a fault has left can be compared with
 * what was there after each step of a run without any.
 */
#ifndef CREW_H
#define CREW_H

#include "disk.h"
#include "galley.h"

#define CREW_SIZE     3
#define CREW_JOBS_MAX 4 /* that one claim takes */
#define CREW_PATH_MAX 128

enum crew_action {
  CREW_OPEN,    /* anew, when it is open already */
  CREW_ENQUEUE, /* one */
  CREW_ENQUEUE_MANY,
  CREW_JOIN,  /* as a worker */
  CREW_TURN,  /* settle what it holds, with what it saves, and claim */
  CREW_CLAIM, /* claim only, renewing what it holds */
  CREW_CANCEL,
  CREW_RETRY,
  CREW_CONTENT, /* a transaction around several calls */
  CREW_RECOVER,
  CREW_LEAVE,
  CREW_CHECKPOINT,
  CREW_LIST, /* reads only */
  CREW_BACKUP,
  CREW_CLOSE,
  CREW_CLOSE_ALL,
  CREW_KILL,
  CREW_N_ACTIONS
};

struct crew_step {
  enum crew_action action;
  int member;
  uint64_t seed;
  int64_t at_ms; /* since the beginning */
};

struct crew_member {
  int process;
  bool full; /* opens with GALLEY_OPEN_FULL */
  struct galley *q;
  int64_t worker_id;
  struct galley_job *jobs[CREW_JOBS_MAX];
  size_t n_jobs;
  char sentence[1024]; /* about the last step that failed */
};

struct crew {
  struct disk *disk;
  char path[CREW_PATH_MAX];
  struct galley_env env;
  int64_t now_ms, mono_ns;
  uint64_t random;
  struct crew_member members[CREW_SIZE];
  char problem[1024]; /* what was found wrong; empty: nothing */
};

/* Nobody has the database open yet. `full` has a bit for each member. */
void crew_init(struct crew *crew, struct disk *disk, const char *path, unsigned full);
/* Closes all, as they are. */
void crew_fini(struct crew *crew);
/* Sets the clock, for who uses crew->env on his own. */
void crew_at(struct crew *crew, int64_t at_ms);
/* Makes a step at random. */
struct crew_step crew_step(uint64_t *random, int64_t at_ms);
/* Does a step. Whoever has no handle opens one instead, and whoever is no worker yet and must be
 * joins instead, so that a step is one commit at most. What is no error (nothing found, a state
 * that does not allow it) is GALLEY_OK. A step that failed may be done again. */
enum galley_rc crew_do(struct crew *crew, const struct crew_step *step);
const char *crew_action_name(enum crew_action action);
/* Galley's sentence about the step, which failed. */
const char *crew_sentence(const struct crew *crew, const struct crew_step *step);

/* A number for all that is in the database, its schema included, as a new process of plain SQLite
 * finds it. *process is the new process. crew->problem tells when SQLite finds the file damaged, or
 * a reference to nothing. */
uint64_t crew_contents(struct crew *crew, int *process);
/* Whether galley's own check finds every rule kept; else crew->problem tells the first that is not.
 */
bool crew_check(struct crew *crew);

#endif
