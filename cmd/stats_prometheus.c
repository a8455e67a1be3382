#include "stats_prometheus.h"
#include "output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct counts {
  struct galley_count *rows; /* strings owned */
  size_t n;
  bool failed; /* too many, or out of memory */
};

/* One metric over the counts; rows for which `value` has nothing to say are left out. */
struct metric {
  const char *name;
  const char *type;
  const char *help;
  bool (*value)(const struct galley_count *row, char out[OUTPUT_AMOUNT_MAX]);
};

static bool is_ended(const struct galley_count *row) {
  return strcmp(row->state, "done") == 0 || strcmp(row->state, "dead") == 0 ||
         strcmp(row->state, "cancelled") == 0;
}

static bool live_jobs(const struct galley_count *row, char out[OUTPUT_AMOUNT_MAX]) {
  snprintf(out, OUTPUT_AMOUNT_MAX, "%" PRId64, row->n);
  return !is_ended(row);
}

static bool ended_jobs(const struct galley_count *row, char out[OUTPUT_AMOUNT_MAX]) {
  snprintf(out, OUTPUT_AMOUNT_MAX, "%" PRId64, row->n);
  return is_ended(row);
}

static void seconds(int64_t ms, char out[OUTPUT_AMOUNT_MAX]) {
  snprintf(out, OUTPUT_AMOUNT_MAX, "%" PRId64 ".%03" PRId64, ms / 1000, ms % 1000);
}

static bool oldest_ready(const struct galley_count *row, char out[OUTPUT_AMOUNT_MAX]) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int64_t age_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - row->oldest_ms;
  seconds(age_ms > 0 ? age_ms : 0, out);
  return strcmp(row->state, "ready") == 0 && row->oldest_ms > 0;
}

static bool attempt_time(const struct galley_count *row, char out[OUTPUT_AMOUNT_MAX]) {
  seconds(row->busy_ms, out);
  return is_ended(row);
}

static bool cost(const struct galley_count *row, char out[OUTPUT_AMOUNT_MAX]) {
  output_money(row->cost_usd_micros, out);
  return is_ended(row);
}

static const struct metric metrics[] = {
    {"galley_jobs", "gauge", "Jobs that have not ended.", live_jobs},
    {"galley_jobs_total", "counter", "Jobs that have ended.", ended_jobs},
    {"galley_oldest_ready_seconds", "gauge", "How long the oldest ready job has been waiting.",
     oldest_ready},
    {"galley_attempt_seconds_total", "counter", "Time spent in attempts of jobs that have ended.",
     attempt_time},
    {"galley_cost_usd_total", "counter", "Money spent by jobs that have ended.", cost},
};

static bool take_row(void *arg, const void *row) {
  struct counts *counts = arg;
  const struct galley_count *count = row;
  if (counts->n == STATS_ROWS_MAX) {
    counts->failed = true;
    return false;
  }
  struct galley_count *copy = &counts->rows[counts->n++];
  *copy = *count;
  copy->kind = strdup(count->kind);
  copy->state = strdup(count->state);
  counts->failed = copy->kind == NULL || copy->state == NULL;
  return !counts->failed;
}

static bool count_worker(void *arg, const void *row) {
  (void)row;
  (*(int64_t *)arg)++;
  return true;
}

static void print_label(const char *name, const char *value) {
  printf("%s=\"", name);
  for (; *value != '\0'; value++) {
    if (*value == '\n')
      fputs("\\n", stdout);
    else if (*value == '"' || *value == '\\')
      printf("\\%c", *value);
    else
      putchar(*value);
  }
  putchar('"');
}

static void print_head(const char *name, const char *type, const char *help) {
  printf("# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_metric(const struct metric *metric, const struct counts *counts) {
  char value[OUTPUT_AMOUNT_MAX];
  print_head(metric->name, metric->type, metric->help);
  for (size_t i = 0; i < counts->n; i++) {
    if (!metric->value(&counts->rows[i], value))
      continue;
    printf("%s{", metric->name);
    print_label("kind", counts->rows[i].kind);
    putchar(',');
    print_label("state", counts->rows[i].state);
    printf("} %s\n", value);
  }
}

static void print_single(const char *name, const char *type, const char *help, int64_t value) {
  print_head(name, type, help);
  printf("%s %" PRId64 "\n", name, value);
}

/* Asks for everything first, so that a failure prints no half of it. */
static enum galley_rc ask(struct session *session, struct counts *counts, int64_t *workers,
                          struct galley_wal *wal) {
  enum galley_rc rc = galley_stats(session->q, take_row, counts);
  if (rc == GALLEY_OK || rc == GALLEY_NONE)
    rc = galley_workers(session->q, count_worker, workers);
  if (rc == GALLEY_OK || rc == GALLEY_NONE)
    rc = galley_wal_status(session->q, wal);
  return rc;
}

int stats_prometheus(struct session *session) {
  struct counts counts = {.rows = calloc(STATS_ROWS_MAX, sizeof *counts.rows)};
  struct galley_wal wal = {0};
  int64_t workers = 0;
  int status = 0;
  if (counts.rows == NULL)
    return session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  enum galley_rc rc = ask(session, &counts, &workers, &wal);
  if (rc != GALLEY_OK) {
    status = session_fail_open(session, rc);
  } else if (counts.failed) {
    status = session_fail(session, GALLEY_NO_MEMORY, "more than %d kinds and states, or no memory",
                          STATS_ROWS_MAX);
  } else {
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
      print_metric(&metrics[i], &counts);
    print_single("galley_workers", "gauge", "Worker processes that are alive.", workers);
    print_single("galley_wal_bytes", "gauge", "Size of the write-ahead log.", wal.bytes);
    print_single("galley_wal_frames", "gauge", "Frames in the write-ahead log.", wal.frames);
    print_single("galley_wal_checkpointed_frames", "gauge",
                 "Frames of the write-ahead log that the database has already.", wal.checkpointed);
  }
  for (size_t i = 0; i < counts.n; i++) {
    free((void *)counts.rows[i].kind);
    free((void *)counts.rows[i].state);
  }
  free(counts.rows);
  return status;
}
