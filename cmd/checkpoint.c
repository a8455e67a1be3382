#include "command.h"
#include "wal_print.h"

static int run(struct session *session, const void *values, size_t n, char **operands) {
  struct galley_wal wal = {0};
  (void)values;
  (void)n;
  (void)operands;
  int status = session_open(session, 0);
  if (status != 0)
    return status;
  enum galley_rc rc = galley_checkpoint(session->q, &wal);
  if (rc != GALLEY_OK)
    return session_fail_open(session, rc);
  wal_print(session, &wal);
  return 0;
}

const struct command checkpoint_command = {
    .name = "checkpoint",
    .usage = "",
    .about = "move what is in the write-ahead log into the database, now",
    .details =
        "Workers do this by themselves; nobody has to wait for it. It moves what readers allow:\n"
        "the result is shown as by galley wal.\n",
    .run = run,
};
