/*
 * worker_program.h - where the program galley-worker is, and the command line that starts it.
 */
#ifndef WORKER_PROGRAM_H
#define WORKER_PROGRAM_H

#include "session.h"
#include "work_options.h"

#define WORKER_PROGRAM_ARGS_MAX 24
#define WORKER_PROGRAM_PATH_MAX 4096

struct worker_program {
  char path[WORKER_PROGRAM_PATH_MAX];
  char numbers[4][24];
  char
      *argv[WORKER_PROGRAM_ARGS_MAX]; /* NULL-terminated; points into this struct and its sources */
};

/* $GALLEY_WORKER, else galley-worker beside this program, else where an installation has it, seen
 * from this program, else in the folder of the prefix that the build was told.
 * The file may turn out not to be there: execv tells. */
void worker_program_make(struct worker_program *program, const struct session *session,
                         const struct work_options *options);

#endif
