#include "doctor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LOG_WARN_BYTES 10485760 /* the budget of a queue under load */
#define WORKERS_MAX    4096
#define RUNNING_MAX    10000
#define READINGS_MAX   3

static void report_failed(struct doctor *doctor, const char *check) {
  doctor_report_finding(doctor, check, DOCTOR_FAIL, "see what the other checks tell", "%s",
                        galley_errmsg(doctor->q));
}

/* ---- settings ---- */

struct settings {
  char good[DOCTOR_TEXT_MAX], bad[DOCTOR_TEXT_MAX];
};

static bool take_setting(void *arg, const void *row) {
  struct settings *settings = arg;
  const struct galley_pragma *pragma = row;
  char *list = pragma->ok ? settings->good : settings->bad;
  size_t len = strlen(list);
  snprintf(list + len, DOCTOR_TEXT_MAX - len, "%s%s=%s", len > 0 ? " " : "", pragma->name,
           pragma->value);
  return true;
}

void doctor_queue_settings(struct doctor *doctor) {
  struct settings settings = {.good = ""};
  if (galley_pragmas(doctor->q, take_setting, &settings) != GALLEY_OK)
    report_failed(doctor, "settings");
  else if (settings.bad[0] != '\0')
    doctor_report_finding(doctor, "settings", DOCTOR_FAIL,
                          "this SQLite was built without them: use the one of the distribution",
                          "SQLite does not keep settings that galley needs: %s", settings.bad);
  else
    doctor_report_finding(doctor, "settings", DOCTOR_OK, NULL, "%s", settings.good);
}

/* ---- workers ---- */

struct workers {
  int64_t ids[WORKERS_MAX];
  size_t n;
  int64_t n_ready, n_lost; /* jobs: that wait for a worker; that a dead one still holds */
  char pids[512];
};

static bool take_worker(void *arg, const void *row) {
  struct workers *workers = arg;
  const struct galley_worker *worker = row;
  size_t len = strlen(workers->pids);
  snprintf(workers->pids + len, sizeof workers->pids - len, "%s%" PRId64,
           workers->n > 0 ? ", " : "", worker->pid);
  workers->ids[workers->n++] = worker->id;
  return workers->n < WORKERS_MAX;
}

static bool take_running(void *arg, const void *row) {
  struct workers *workers = arg;
  const struct galley_job *job = row;
  for (size_t i = 0; i < workers->n; i++)
    if (workers->ids[i] == job->worker_id)
      return true;
  workers->n_lost++;
  return true;
}

static bool take_count(void *arg, const void *row) {
  struct workers *workers = arg;
  const struct galley_count *count = row;
  if (strcmp(count->state, "ready") == 0)
    workers->n_ready += count->n;
  return true;
}

static void report_workers(struct doctor *doctor, const struct workers *workers) {
  if (workers->n > 0)
    doctor_report_finding(doctor, "workers", DOCTOR_OK, NULL, "%zu alive (process %s)", workers->n,
                          workers->pids);
  else if (workers->n_ready > 0)
    doctor_report_finding(doctor, "workers", DOCTOR_WARN, "galley work",
                          "none is alive; jobs that are ready: %" PRId64, workers->n_ready);
  else
    doctor_report_finding(doctor, "workers", DOCTOR_OK, NULL, "none is alive, and no job is ready");
  if (workers->n_lost > 0)
    doctor_report_finding(doctor, "workers", DOCTOR_WARN,
                          workers->n > 0
                              ? "a worker that lives takes them back once it has seen the "
                                "death; when they stay, kill -KILL the one that hangs"
                              : "start a worker (galley work): it takes them back at once",
                          "jobs that dead workers hold: %" PRId64, workers->n_lost);
}

static enum galley_rc ask_workers(struct doctor *doctor, struct workers *workers) {
  *workers = (struct workers){.n = 0};
  enum galley_rc rc = galley_workers(doctor->q, take_worker, workers);
  if (rc == GALLEY_OK)
    rc = galley_jobs(doctor->q, NULL, "running", 0, RUNNING_MAX, take_running, workers);
  if (rc == GALLEY_OK)
    rc = galley_stats(doctor->q, take_count, workers);
  return rc;
}

/* A worker that begins between two of the questions looks dead; asked again, it does not. */
void doctor_queue_workers(struct doctor *doctor) {
  struct workers *workers = calloc(1, sizeof *workers);
  if (workers == NULL) {
    doctor_report_finding(doctor, "workers", DOCTOR_FAIL, "free some memory", "out of memory");
    return;
  }
  enum galley_rc rc = ask_workers(doctor, workers);
  for (int i = 1; i < READINGS_MAX && rc == GALLEY_OK && workers->n_lost > 0; i++)
    rc = ask_workers(doctor, workers);
  if (rc == GALLEY_OK)
    report_workers(doctor, workers);
  else
    report_failed(doctor, "workers");
  free(workers);
}

/* ---- the write-ahead log ---- */

/* A log that begins anew while it is looked at may seem damaged; one that is stays so. */
static enum galley_rc read_log(struct doctor *doctor, struct galley_wal *wal) {
  enum galley_rc rc = GALLEY_OK;
  for (int i = 0; i < READINGS_MAX && rc == GALLEY_OK; i++) {
    rc = galley_wal_status(doctor->q, wal);
    if (wal->checkpointed <= wal->frames)
      break;
  }
  return rc;
}

/* Who is in a read transaction keeps the log from being emptied past what it reads. */
static void list_readers(const struct doctor *doctor, char *out, size_t size) {
  size_t len = 0;
  out[0] = '\0';
  for (size_t i = 0; doctor->processes != NULL && i < doctor->processes->n && len < size; i++) {
    const struct doctor_process *process = &doctor->processes->rows[i];
    if (process->reading)
      len += (size_t)snprintf(out + len, size - len, "; process %d (%s) is reading", process->pid,
                              process->command);
  }
}

void doctor_queue_log(struct doctor *doctor) {
  struct galley_wal wal = {0};
  char readers[1024];
  list_readers(doctor, readers, sizeof readers);
  if (read_log(doctor, &wal) != GALLEY_OK)
    report_failed(doctor, "log");
  else if (wal.checkpointed > wal.frames)
    doctor_report_finding(doctor, "log", DOCTOR_FAIL,
                          "kill every process that has the database open with SIGKILL, so that "
                          "none closes it, and start again: the log is then recovered",
                          "another program's checkpoint has damaged it: %" PRId64
                          " frames are marked as checkpointed of %" PRId64,
                          wal.checkpointed, wal.frames);
  else if (wal.bytes > LOG_WARN_BYTES)
    doctor_report_finding(
        doctor, "log", DOCTOR_WARN,
        readers[0] != '\0' ? "let the reader end its transaction, then: galley checkpoint"
                           : "galley checkpoint; workers do so by themselves",
        "the write-ahead log has %" PRId64 " MiB, %" PRId64 " of %" PRId64 " frames checkpointed%s",
        wal.bytes / 1048576, wal.checkpointed, wal.frames, readers);
  else
    doctor_report_finding(doctor, "log", DOCTOR_OK, NULL,
                          "the write-ahead log has %" PRId64 " KiB, %" PRId64 " of %" PRId64
                          " frames checkpointed%s",
                          wal.bytes / 1024, wal.checkpointed, wal.frames, readers);
}
