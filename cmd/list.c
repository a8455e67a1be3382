#include "command.h"
#include "nearest.h"
#include "table.h"

#include <string.h>

struct list_args {
  const char *kind, *state;
  int64_t limit, before;
};

#define AT(member) offsetof(struct list_args, member)
static const struct option_row options[] = {
    {.letter = 'k',
     .name = "kind",
     .type = OPTION_TEXT,
     .argument = "KIND",
     .about = "only jobs of this kind",
     .offset = AT(kind)},
    {.letter = 's',
     .name = "state",
     .type = OPTION_TEXT,
     .argument = "STATE",
     .about = "only jobs in this state: blocked, scheduled, ready, running, done, dead, cancelled",
     .offset = AT(state)},
    TABLE_LIMIT("at most this many", AT(limit)),
    {.name = "before",
     .type = OPTION_NUMBER,
     .argument = "ID",
     .min = 1,
     .max = INT64_MAX,
     .about = "only jobs older than this one: the next page",
     .offset = AT(before)},
};

static const struct table_column columns[] = {
    {.field = "id", .title = "ID"},
    {.field = "kind", .title = "KIND", .flexible = true},
    {.field = "state", .title = "STATE"},
    {.field = "priority", .title = "PRIO"},
    {.field = "attempt", .title = "TRY"},
    {.field = "finished_at_ms", .title = "WHEN", .otherwise = "run_at_ms"},
    {.field = "error", .title = "ERROR", .flexible = true},
};

static int check_state(const struct session *session, const char *state) {
  static const char *const states[] = {"blocked", "scheduled", "ready",    "running",
                                       "done",    "dead",      "cancelled"};
  struct nearest near = nearest_start(state);
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
    if (strcmp(states[i], state) == 0)
      return 0;
    nearest_offer(&near, states[i]);
  }
  if (near.best != NULL)
    return session_misuse(session, "there is no state %.40s; did you mean %s?", state, near.best);
  return session_misuse(session, "there is no state %.40s", state);
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  const struct list_args *args = values;
  (void)n;
  (void)operands;
  int status = args->state != NULL ? check_state(session, args->state) : 0;
  if (status == 0)
    status = session_open(session, GALLEY_OPEN_READONLY);
  if (status != 0)
    return status;
  struct table *table =
      table_new(session, &galley_job_record, columns, sizeof columns / sizeof *columns);
  if (table == NULL)
    return session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  enum galley_rc rc =
      galley_jobs(session->q, args->kind, args->state, args->before, args->limit, table_row, table);
  return table_finish(table, session, rc, "jobs");
}

const struct command list_command = {
    .name = "list",
    .usage = "[OPTION...]",
    .about = "show jobs, newest first",
    .details = "WHEN is when the job ended or, until then, when it was or is to run, in local "
               "time.\n"
               "\n"
               "Examples:\n"
               "  galley list --state dead\n"
               "  galley list --kind research --limit 200 --json | jq .error\n",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .args_size = sizeof(struct list_args),
    .run = run,
};
