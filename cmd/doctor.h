/*
 * doctor.h - what the checks of `galley doctor` share. Each check looks at one thing, changes
 * nothing, and reports one finding or more.
 */
#ifndef DOCTOR_H
#define DOCTOR_H

#include "doctor_process.h"
#include "session.h"

#include <limits.h>

#define DOCTOR_TEXT_MAX 4096 /* bytes of one detail or cure */

enum doctor_status { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL, DOCTOR_N_STATUSES };

struct doctor {
  const struct session *session;
  struct galley *q;    /* the database, opened for reading; NULL when it cannot be opened */
  char path[PATH_MAX]; /* as the kernel names it; "" when there is no such file */
  struct doctor_process_list *processes; /* that have it open */
  bool exposed; /* connections that galley does not guard lose rows with the SQLite of this machine
                 */
  size_t n[DOCTOR_N_STATUSES];
};

/* Prints a finding: a line for people with the cure below it, or an object for programs. `cure` is
 * NULL for none. */
void doctor_report_finding(struct doctor *doctor, const char *check, enum doctor_status status,
                           const char *cure, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* doctor_library.c: the SQLite that is linked. */
void doctor_library_bugs(struct doctor *doctor);
/* doctor_queue.c: what the open database tells. */
void doctor_queue_settings(struct doctor *doctor);
void doctor_queue_workers(struct doctor *doctor);
void doctor_queue_log(struct doctor *doctor);
/* doctor_jobs.c: what the jobs tell of the workers and of the clock. */
void doctor_jobs_kinds(struct doctor *doctor);
void doctor_jobs_leases(struct doctor *doctor);
void doctor_jobs_clock(struct doctor *doctor);
/* doctor_files.c: the files, their folder and what they lie on. */
void doctor_files_system(struct doctor *doctor);
void doctor_files_permissions(struct doctor *doctor);
void doctor_files_disk(struct doctor *doctor);
/* doctor_process.c: who has it open. */
void doctor_process_foreign(struct doctor *doctor);

/* For tests. The type of the file system that holds `path`, by a table in the form of
 * /proc/self/mountinfo; false when it tells none. */
bool doctor_files_mount(FILE *table, const char *path, char *type, size_t size);
/* What a type means for a database, and the cure; `cure` may be set to NULL. */
enum doctor_status doctor_files_judge_type(const char *type, const char **cure);
/* What the clock means beside the newest time in the database. */
enum doctor_status doctor_jobs_judge_clock(int64_t wall_ms, int64_t newest_ms);
/* What this much free space means. */
enum doctor_status doctor_files_judge_room(uint64_t free_bytes);

#endif
