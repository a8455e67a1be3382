#include "command.h"
#include "wal_print.h"

#include <inttypes.h>

struct wal_args {
  int64_t max_bytes;
};

static const struct option_row options[] = {
    {.letter = 'm',
     .name = "max",
     .type = OPTION_BYTES,
     .argument = "SIZE",
     .fallback = "10M",
     .about = "the size above which the exit status is 1",
     .offset = offsetof(struct wal_args, max_bytes)},
};

static int run(struct session *session, const void *values, size_t n, char **operands) {
  const struct wal_args *args = values;
  struct galley_wal wal = {0};
  (void)n;
  (void)operands;
  int status = session_open(session, GALLEY_OPEN_READONLY);
  if (status != 0)
    return status;
  enum galley_rc rc = galley_wal_status(session->q, &wal);
  if (rc != GALLEY_OK)
    return session_fail_open(session, rc);
  wal_print(session, &wal);
  if (wal.bytes <= args->max_bytes)
    return 0;
  session_note(session,
               "the write-ahead log has more than %" PRId64
               " bytes; a reader that stays in one transaction keeps it from shrinking, or no "
               "worker is running",
               args->max_bytes);
  return 1;
}

const struct command wal_command = {
    .name = "wal",
    .usage = "[--max SIZE]",
    .about = "show the size of the write-ahead log; status 1 when it is too large",
    .details = "Example, for cron:\n"
               "  galley -q wal --max 20M > /dev/null || echo \"the WAL is too large\"\n",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .args_size = sizeof(struct wal_args),
    .run = run,
};
