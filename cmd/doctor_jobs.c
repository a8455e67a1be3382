#include "doctor.h"
#include "output.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#define UNSERVED_MAX   20            /* kinds that are told one by one */
#define CLOCK_FIRST_MS 1704067200000 /* 2024: galley is younger */
#define CLOCK_SLACK_MS 60000         /* between two programs that read one clock */
#define LEASE_SLACK_MS 60000         /* in which a living worker takes a hung one's jobs back */

static void report_failed(struct doctor *doctor, const char *check) {
  doctor_report_finding(doctor, check, DOCTOR_FAIL, "see what the other checks tell", "%s",
                        galley_errmsg(doctor->q));
}

static int64_t now_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- kinds that nobody serves ---- */

struct served {
  struct doctor *doctor;
  json_t *kinds; /* an object whose keys are what the workers that live serve */
  bool all;      /* one of them did not say, which is taken for everything */
  size_t n_workers;
  size_t n_unserved;
};

static bool take_worker(void *arg, const void *row) {
  struct served *served = arg;
  const struct galley_worker *worker = row;
  json_t *kinds = json_loads(worker->kinds, 0, NULL);
  json_t *kind;
  size_t i;
  served->n_workers++;
  served->all |= json_array_size(kinds) == 0;
  json_array_foreach(kinds, i, kind) {
    if (json_is_string(kind))
      served->all |= json_object_set_new(served->kinds, json_string_value(kind), json_true()) != 0;
  }
  json_decref(kinds);
  return true;
}

static bool take_count(void *arg, const void *row) {
  struct served *served = arg;
  const struct galley_count *count = row;
  char age[OUTPUT_AMOUNT_MAX], cure[DOCTOR_TEXT_MAX];
  int64_t waited_ms = now_ms(CLOCK_REALTIME) - count->oldest_ms;
  if (strcmp(count->state, "ready") != 0 || json_object_get(served->kinds, count->kind) != NULL)
    return true;
  output_duration(waited_ms > 0 ? waited_ms : 0, age);
  snprintf(cure, sizeof cure,
           "galley work --kinds %s, with [kind.%s] in its configuration when the kind is your own; "
           "or galley cancel",
           count->kind, count->kind);
  doctor_report_finding(served->doctor, "kinds", DOCTOR_WARN, cure,
                        "no worker that lives serves %s; its jobs that are ready: %" PRId64
                        ", the first for %s",
                        count->kind, count->n, age);
  return ++served->n_unserved < UNSERVED_MAX;
}

/* Without any worker, what is ready is told by the check of the workers. */
void doctor_jobs_kinds(struct doctor *doctor) {
  struct served served = {.doctor = doctor, .kinds = json_object()};
  enum galley_rc rc = GALLEY_NO_MEMORY;
  if (served.kinds != NULL)
    rc = galley_workers(doctor->q, take_worker, &served);
  if (rc == GALLEY_OK && served.n_workers > 0 && !served.all)
    rc = galley_stats(doctor->q, take_count, &served);
  json_decref(served.kinds);
  if (rc != GALLEY_OK)
    report_failed(doctor, "kinds");
  else if (served.n_unserved == 0 && served.n_workers > 0)
    doctor_report_finding(doctor, "kinds", DOCTOR_OK, NULL,
                          "each kind that has ready jobs is served");
  else if (served.n_unserved == 0)
    doctor_report_finding(doctor, "kinds", DOCTOR_OK, NULL, "no worker is there to serve any");
}

/* ---- leases that ran out ---- */

static bool count_worker(void *arg, const void *row) {
  (void)row;
  ++*(size_t *)arg;
  return true;
}

/* A job of a dead worker is told elsewhere; here some worker lives, and leaves an old lease be. */
void doctor_jobs_leases(struct doctor *doctor) {
  struct galley_outlook outlook = {.next_lease_mono_ns = 0};
  char age[OUTPUT_AMOUNT_MAX];
  size_t n_workers = 0;
  enum galley_rc rc = galley_workers(doctor->q, count_worker, &n_workers);
  if (rc == GALLEY_OK)
    rc = galley_look(doctor->q, 0, NULL, 0, &outlook);
  if (rc != GALLEY_OK) {
    report_failed(doctor, "leases");
    return;
  }
  int64_t late_ms = now_ms(CLOCK_MONOTONIC) - outlook.next_lease_mono_ns / 1000000;
  if (n_workers == 0 || outlook.next_lease_mono_ns == 0 || late_ms < LEASE_SLACK_MS) {
    doctor_report_finding(doctor, "leases", DOCTOR_OK, NULL, "none that somebody should take back");
    return;
  }
  output_duration(late_ms, age);
  doctor_report_finding(
      doctor, "leases", DOCTOR_WARN,
      "a worker hangs: galley list --state running shows which job it is at; kill "
      "its process with SIGKILL, and another one takes the job back",
      "the lease of a running job ran out %s ago, and no worker takes it back", age);
}

/* ---- the clock ---- */

enum doctor_status doctor_jobs_judge_clock(int64_t wall_ms, int64_t newest_ms) {
  if (wall_ms < CLOCK_FIRST_MS)
    return DOCTOR_FAIL;
  return newest_ms > wall_ms + CLOCK_SLACK_MS ? DOCTOR_WARN : DOCTOR_OK;
}

/* The latest moment at which the newest job was touched. */
static bool take_newest(void *arg, const void *row) {
  int64_t *newest_ms = arg;
  const struct galley_job *job = row;
  const int64_t times[] = {job->created_at_ms, job->started_at_ms, job->finished_at_ms};
  for (size_t i = 0; i < sizeof times / sizeof *times; i++)
    if (times[i] > *newest_ms)
      *newest_ms = times[i];
  return false;
}

void doctor_jobs_clock(struct doctor *doctor) {
  char now[OUTPUT_TIME_MAX], newest[OUTPUT_TIME_MAX];
  int64_t wall_ms = now_ms(CLOCK_REALTIME), newest_ms = 0;
  if (galley_jobs(doctor->q, NULL, NULL, 0, 1, take_newest, &newest_ms) != GALLEY_OK) {
    report_failed(doctor, "clock");
    return;
  }
  output_time(wall_ms, now);
  output_time(newest_ms, newest);
  switch (doctor_jobs_judge_clock(wall_ms, newest_ms)) {
  case DOCTOR_FAIL:
    doctor_report_finding(doctor, "clock", DOCTOR_FAIL,
                          "set it, and keep it right with a time service (chrony, "
                          "systemd-timesyncd): feeds, reports and delayed jobs go by it",
                          "the clock says %s, which cannot be", now);
    break;
  case DOCTOR_WARN:
    doctor_report_finding(
        doctor, "clock", DOCTOR_WARN,
        "keep it right with a time service (chrony, systemd-timesyncd); until it "
        "has caught up, jobs with a later run_at wait, which galley retry ends",
        "the clock says %s, and the newest job was touched at %s: it was set back", now, newest);
    break;
  default:
    doctor_report_finding(doctor, "clock", DOCTOR_OK, NULL, "it says %s", now);
  }
}
