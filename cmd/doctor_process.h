/*
 * doctor_process.h - the processes that have a database open, as /proc tells. It opens none of the
 * database's files: closing one would drop the locks of this process.
 */
#ifndef DOCTOR_PROCESS_H
#define DOCTOR_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define DOCTOR_PROCESSES_MAX 512 /* of those that have it open; more are counted only */

struct doctor_process {
  int pid;
  char command[64]; /* its command line, cut; else its name */
  bool ours;        /* a program of galley, or one that uses its library */
  bool removed;     /* it holds a file of the database that is no longer there by name */
  bool reading;     /* in a read transaction just now */
  bool writing;     /* in a write transaction just now */
  bool stopped;     /* by a signal or a debugger: what it holds it keeps */
};

struct doctor_process_list {
  struct doctor_process rows[DOCTOR_PROCESSES_MAX];
  size_t n;
  size_t more;   /* that found no room */
  size_t hidden; /* processes, whatever they have open, that this user may not look into */
};

/* Everyone but this process. To be freed; NULL without memory. */
struct doctor_process_list *doctor_process_find(const char *path);

#endif
