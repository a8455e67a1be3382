#include "row.h"
#include "sheet.h"

#include <inttypes.h>

int row_show(struct session *session, const struct galley_record *record, enum galley_rc rc,
             void *row, const struct row_more *more) {
  struct output_json json = {.file = stdout};
  if (rc != GALLEY_OK)
    return session_fail_open(session, rc);
  if (session->json) {
    output_json_open(&json, NULL, '{');
    output_json_fields(&json, record, row);
  } else {
    sheet_print(stdout, output_columns(), record, row);
  }
  if (more != NULL)
    rc = more->print(session, row, session->json ? &json : NULL);
  if (session->json)
    output_json_end(&json);
  galley_free(row);
  return rc == GALLEY_OK || rc == GALLEY_NONE ? 0 : session_fail_open(session, rc);
}

void row_added(const struct session *session, int64_t id, bool existing) {
  struct output_json json = {.file = stdout};
  if (!session->json) {
    printf("%" PRId64 "\n", id);
    return;
  }
  output_json_open(&json, NULL, '{');
  output_json_int(&json, "id", id);
  output_json_bool(&json, "existing", existing);
  output_json_end(&json);
}
