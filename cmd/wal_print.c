#include "wal_print.h"
#include "output.h"

#include <inttypes.h>

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
  printf("frames           %" PRId64 " in the log; %" PRId64 " known to be in the database\n",
         wal->frames, wal->checkpointed);
  if (wal->last_at_ms == 0)
    puts("last checkpoint  none yet");
  else
    printf("last checkpoint  %s: %" PRId64 " of %" PRId64 " frames%s\n", when,
           wal->last_checkpointed, wal->last_log,
           wal->last_busy != 0 ? "; a reader or writer kept it from the rest" : "");
}
