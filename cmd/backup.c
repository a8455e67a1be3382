#include "command.h"
#include "output.h"

#include <inttypes.h>

static int run(struct session *session, const void *values, size_t n, char **operands) {
  struct galley_backup_report report = {0};
  (void)values;
  (void)n;
  int status = session_open(session, GALLEY_OPEN_READONLY);
  if (status != 0)
    return status;
  enum galley_rc rc = galley_backup(session->q, operands[0], &report);
  if (rc != GALLEY_OK)
    return session_fail_open(session, rc);
  if (session->json) {
    struct output_json json = {.file = stdout};
    output_json_open(&json, NULL, '{');
    output_json_text(&json, "path", operands[0]);
    output_json_int(&json, "bytes", report.bytes);
    output_json_int(&json, "jobs", report.jobs);
    output_json_int(&json, "ms", report.ms);
    output_json_end(&json);
    return 0;
  }
  output_text(stdout, operands[0]);
  printf(": %" PRId64 " bytes, %" PRId64 " jobs, checked, %" PRId64 " ms\n", report.bytes,
         report.jobs, report.ms);
  return 0;
}

const struct command backup_command = {
    .name = "backup",
    .usage = "FILE",
    .about = "copy the database while it is in use, and check the copy",
    .details =
        "FILE must not exist; it appears only once the copy was opened, passed SQLite's\n"
        "integrity check and has as many rows as the original. Copying the file of a running\n"
        "database by other means is not a backup.\n"
        "\n"
        "Example:\n"
        "  galley backup /var/backups/galley-$(date +%F).db\n",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
