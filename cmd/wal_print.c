#include "wal_print.h"
#include "output.h"

#include <inttypes.h>

static const char *result_of(const struct galley_wal *wal) {
  if (wal->last_at_ms == 0)
    return "none yet";
  if (wal->last_busy != 0)
    return "a reader or writer kept it from finishing";
  return wal->last_checkpointed == wal->last_log ? "complete" : "partial";
}

static void print_json(const struct galley_wal *wal) {
  struct output_json json = {.file = stdout};
  output_json_open(&json, NULL, '{');
  output_json_int(&json, "bytes", wal->bytes);
  output_json_int(&json, "frames", wal->frames);
  output_json_int(&json, "checkpointed", wal->checkpointed);
  output_json_int(&json, "page_size", wal->page_size);
  if (wal->last_at_ms != 0)
    output_json_int(&json, "last_at_ms", wal->last_at_ms);
  else
    output_json_raw(&json, "last_at_ms", NULL);
  output_json_int(&json, "last_log", wal->last_log);
  output_json_int(&json, "last_checkpointed", wal->last_checkpointed);
  output_json_bool(&json, "last_busy", wal->last_busy != 0);
  output_json_end(&json);
}

void wal_print(const struct session *session, const struct galley_wal *wal) {
  char when[OUTPUT_TIME_MAX];
  if (session->json) {
    print_json(wal);
    return;
  }
  output_time(wal->last_at_ms, when);
  printf("size             %" PRId64 " bytes\n", wal->bytes);
  printf("frames           %" PRId64 ", %" PRId64 " of them in the database already\n", wal->frames,
         wal->checkpointed);
  printf("last checkpoint  %s\n", when);
  printf("result           %s\n", result_of(wal));
}
