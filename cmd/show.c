#include "command.h"
#include "output.h"
#include "sheet.h"
#include "table.h"

#include <inttypes.h>

static const struct table_column columns[] = {
    {.field = "attempt", .title = "TRY"},
    {.field = "outcome", .title = "OUTCOME"},
    {.field = "worker_id", .title = "WORKER"},
    {.field = "ended_at_ms", .title = "WHEN", .otherwise = "started_at_ms"},
    {.field = "http_status", .title = "HTTP"},
    {.field = "error_class", .title = "CLASS"},
    {.field = "error", .title = "ERROR", .flexible = true},
};

/* A step that is begun shows what it is about, one that is done what came of it. */
static const struct table_column step_columns[] = {
    {.field = "name", .title = "STEP"},
    {.field = "state", .title = "STATE"},
    {.field = "ended_at_ms", .title = "WHEN", .otherwise = "began_at_ms"},
    {.field = "result", .title = "RESULT OR INTENT", .flexible = true, .otherwise = "intent"},
};

static const struct galley_field progress_fields[] = {
    {"progress", GALLEY_JSON, offsetof(struct galley_progress, progress)},
    {"progress_at_ms", GALLEY_TIME, offsetof(struct galley_progress, at_ms)}};
static const struct galley_record progress_record = {"progress", "job_progress", progress_fields, 2,
                                                     sizeof(struct galley_progress)};

static void json_row(struct output_json *json, const struct galley_record *record,
                     const void *row) {
  output_json_open(json, NULL, '{');
  output_json_fields(json, record, row);
  output_json_close(json, '}');
}

static bool json_attempt(void *arg, const void *row) {
  json_row(arg, &galley_attempt_record, row);
  return true;
}

static bool json_step(void *arg, const void *row) {
  json_row(arg, &galley_step_record, row);
  return true;
}

static bool failed(enum galley_rc rc) {
  return rc != GALLEY_OK && rc != GALLEY_NONE;
}

static enum galley_rc json_progress(struct session *session, struct output_json *json,
                                    int64_t job_id) {
  struct galley_progress *progress;
  enum galley_rc rc = galley_progress_get(session->q, job_id, &progress);
  if (progress == NULL) {
    output_json_raw(json, "progress", "null");
    return rc;
  }
  output_json_open(json, "progress", '{');
  output_json_fields(json, &galley_progress_record, progress);
  output_json_close(json, '}');
  galley_free(progress);
  return rc;
}

static int show_json(struct session *session, const struct galley_job *job) {
  struct output_json json = {.file = stdout};
  output_json_open(&json, NULL, '{');
  output_json_fields(&json, &galley_job_record, job);
  output_json_open(&json, "attempts", '[');
  enum galley_rc rc = galley_attempts(session->q, job->id, json_attempt, &json);
  output_json_close(&json, ']');
  output_json_open(&json, "steps", '[');
  if (!failed(rc))
    rc = galley_steps(session->q, job->id, json_step, &json);
  output_json_close(&json, ']');
  if (!failed(rc))
    rc = json_progress(session, &json, job->id);
  output_json_end(&json);
  return failed(rc) ? session_fail_open(session, rc) : 0;
}

static int show_progress(struct session *session, int64_t job_id) {
  struct galley_progress *progress;
  enum galley_rc rc = galley_progress_get(session->q, job_id, &progress);
  if (progress != NULL) {
    putchar('\n');
    sheet_print(stdout, output_columns(), &progress_record, progress);
    galley_free(progress);
  }
  return failed(rc) ? session_fail_open(session, rc) : 0;
}

static int show_steps(struct session *session, int64_t job_id) {
  struct table *table = table_new(session, &galley_step_record, step_columns,
                                  sizeof step_columns / sizeof *step_columns);
  if (table == NULL)
    return session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  enum galley_rc rc = galley_steps(session->q, job_id, table_row, table);
  if (table_count(table) > 0)
    putchar('\n');
  return table_finish(table, session, rc, NULL);
}

static int show_text(struct session *session, const struct galley_job *job) {
  sheet_print(stdout, output_columns(), &galley_job_record, job);
  struct table *table =
      table_new(session, &galley_attempt_record, columns, sizeof columns / sizeof *columns);
  if (table == NULL)
    return session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  enum galley_rc rc = galley_attempts(session->q, job->id, table_row, table);
  if (table_count(table) > 0)
    putchar('\n');
  int status = table_finish(table, session, rc, NULL);
  if (status == 0)
    status = show_steps(session, job->id);
  return status == 0 ? show_progress(session, job->id) : status;
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  int64_t id;
  struct galley_job *job = NULL;
  (void)values;
  (void)n;
  int status = session_open_id(session, GALLEY_OPEN_READONLY, operands[0], &id);
  if (status != 0)
    return status;
  enum galley_rc rc = galley_job_get(session->q, id, &job);
  if (rc == GALLEY_NONE)
    return session_fail(session, rc, "there is no job %" PRId64, id);
  if (rc != GALLEY_OK)
    return session_fail_open(session, rc);
  status = session->json ? show_json(session, job) : show_text(session, job);
  galley_free(job);
  return status;
}

const struct command show_command = {
    .name = "show",
    .usage = "ID",
    .about = "show one job with its payload, result, attempts, steps and progress",
    .details = "Examples:\n"
               "  galley show 42\n"
               "  galley show 42 --json | jq '.attempts[].error'\n",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
