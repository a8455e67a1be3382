#include "doctor.h"

#define CURE_STOP                                                                                  \
  "stop all workers and write nothing until SQLite 3.51.3 or newer is installed, then look again"

/* In memory, so that a database that cannot be opened keeps nobody from knowing. */
static enum galley_rc try_library(struct galley **q, struct galley_selftest *result) {
  enum galley_rc rc = galley_open(q, ":memory:", NULL);
  return rc == GALLEY_OK ? galley_selftest(*q, result) : rc;
}

static const char *losses(const struct galley_selftest *told) {
  if (told->reset_loses && told->recovery_loses)
    return "loses rows when a log begins anew beside a checkpoint, and when a log is recovered "
           "after a large statement failed";
  if (told->reset_loses)
    return "loses rows when a log begins anew beside a checkpoint";
  return told->recovery_loses ? "loses rows when a log is recovered after a large statement failed"
                              : "has neither of the bugs that lose rows";
}

static void report(struct doctor *doctor, const struct galley_selftest *told) {
  doctor->exposed = told->reset_loses || told->recovery_loses;
  doctor_report_finding(doctor, "sqlite", DOCTOR_OK, NULL, "SQLite %s %s (%s)%s", told->version,
                        losses(told), told->reset_tried ? "tried out" : "by its version",
                        doctor->exposed ? "; galley's own connections are guarded" : "");
  if (told->reset_guarded && told->recovery_guarded)
    doctor_report_finding(doctor, "guards", DOCTOR_OK, NULL,
                          "galley's guards against both bugs hold (tried out)");
  if (!told->reset_guarded)
    doctor_report_finding(doctor, "guards", DOCTOR_FAIL, CURE_STOP,
                          "galley's guard does not keep the log from beginning anew beside a "
                          "checkpoint: rows are lost");
  if (!told->recovery_guarded)
    doctor_report_finding(doctor, "guards", DOCTOR_FAIL, CURE_STOP,
                          "pages are written to the log before the commit: a crash loses rows");
}

void doctor_library_bugs(struct doctor *doctor) {
  struct galley *q;
  struct galley_selftest told;
  enum galley_rc rc = try_library(&q, &told);
  if (rc == GALLEY_OK)
    report(doctor, &told);
  else
    doctor_report_finding(doctor, "sqlite", DOCTOR_FAIL,
                          "let TMPDIR name a folder on which this user can write", "%s",
                          galley_errmsg(q));
  galley_close(q);
}
