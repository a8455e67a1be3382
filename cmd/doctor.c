#include "doctor.h"
#include "command.h"

#include <stdlib.h>

/* In the order in which they are made and shown. */
struct check {
  void (*run)(struct doctor *doctor);
  bool needs_file;  /* that the database's file is there */
  bool needs_queue; /* that it could be opened */
};

static const struct check checks[] = {
    {.run = doctor_library_bugs},
    {.run = doctor_queue_settings, .needs_queue = true},
    {.run = doctor_files_system, .needs_file = true},
    {.run = doctor_files_permissions, .needs_file = true},
    {.run = doctor_files_disk, .needs_file = true},
    {.run = doctor_process_foreign, .needs_file = true},
    {.run = doctor_queue_workers, .needs_queue = true},
    {.run = doctor_jobs_kinds, .needs_queue = true},
    {.run = doctor_jobs_leases, .needs_queue = true},
    {.run = doctor_queue_log, .needs_queue = true},
    {.run = doctor_jobs_clock, .needs_queue = true},
};

static const char *cure_of(enum galley_rc rc) {
  switch (rc) {
  case GALLEY_NONE:
    return "galley init makes it; --database names another";
  case GALLEY_INVALID:
    return "galley init brings an older database up to date";
  case GALLEY_NOT_DATABASE:
    return "name the right file with --database, or restore a backup";
  case GALLEY_CORRUPT:
    return "stop all workers and restore a backup";
  default:
    return "see the sentence, and what the other checks tell";
  }
}

static void open_database(struct doctor *doctor, const char *path) {
  const struct galley_options options = {.flags = GALLEY_OPEN_READONLY};
  enum galley_rc rc = galley_open(&doctor->q, path, &options);
  if (rc == GALLEY_OK) {
    doctor_report_finding(doctor, "database", DOCTOR_OK, NULL, "%s can be opened", path);
    return;
  }
  doctor_report_finding(doctor, "database", DOCTOR_FAIL, cure_of(rc), "%s",
                        doctor->q != NULL ? galley_errmsg(doctor->q) : galley_rc_text(rc));
  galley_close(doctor->q);
  doctor->q = NULL;
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  struct doctor doctor = {.session = session};
  (void)values;
  (void)n;
  (void)operands;
  int status = session_configure(session);
  if (status != 0)
    return status;
  const char *path = session->config.database;
  if (realpath(path, doctor.path) == NULL)
    doctor.path[0] = '\0';
  else
    doctor.processes = doctor_process_find(doctor.path);
  open_database(&doctor, path);
  for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
    if ((!checks[i].needs_file || doctor.path[0] != '\0') &&
        (!checks[i].needs_queue || doctor.q != NULL))
      checks[i].run(&doctor);
  galley_close(doctor.q);
  free(doctor.processes);
  return doctor.n[DOCTOR_FAIL] > 0 ? 1 : 0;
}

const struct command doctor_command = {
    .name = "doctor",
    .usage = "",
    .about = "look for what endangers the queue; status 1 when something fails",
    .details =
        "Looks at the database and its settings, the SQLite library (whose known bugs it tries\n"
        "out on files of its own), the file system, permissions, the disk, other programs that\n"
        "have the database open, workers, kinds that none of them serves, leases, the write-ahead\n"
        "log and the clock. Changes nothing. Below each finding that is not ok stands its cure.\n"
        "What is in the database is looked at by galley check.\n"
        "\n"
        "Examples:\n"
        "  galley doctor\n"
        "  galley doctor --json | jq -r 'select(.status != \"ok\") | .detail'\n",
    .run = run,
};
