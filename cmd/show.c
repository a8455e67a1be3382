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

static bool json_attempt(void *arg, const void *row) {
  struct output_json *json = arg;
  output_json_open(json, NULL, '{');
  output_json_fields(json, &galley_attempt_record, row);
  output_json_close(json, '}');
  return true;
}

static int show_json(struct session *session, const struct galley_job *job) {
  struct output_json json = {.file = stdout};
  output_json_open(&json, NULL, '{');
  output_json_fields(&json, &galley_job_record, job);
  output_json_open(&json, "attempts", '[');
  enum galley_rc rc = galley_attempts(session->q, job->id, json_attempt, &json);
  output_json_close(&json, ']');
  output_json_end(&json);
  return rc == GALLEY_OK || rc == GALLEY_NONE ? 0 : session_fail_open(session, rc);
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
  return table_finish(table, session, rc, NULL);
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  int64_t id;
  struct galley_job *job = NULL;
  (void)values;
  (void)n;
  if (!session_id(session, operands[0], &id))
    return galley_rc_exit(GALLEY_USAGE);
  int status = session_open(session, GALLEY_OPEN_READONLY);
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
    .about = "show one job with its payload, result and every attempt",
    .details = "Examples:\n"
               "  galley show 42\n"
               "  galley show 42 --json | jq '.attempts[].error'\n",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
