#include "command.h"
#include "output.h"
#include "stats_prometheus.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

struct stats_args {
  bool prometheus;
};

static const struct option_row options[] = {
    {.name = "prometheus",
     .type = OPTION_FLAG,
     .about = "in Prometheus' text format, for a textfile collector",
     .offset = offsetof(struct stats_args, prometheus)},
};

static const struct table_column columns[] = {
    {"kind", "KIND", true},     {"state", "STATE", false},
    {"n", "JOBS", false},       {"oldest_ms", "OLDEST SINCE", false},
    {"busy_ms", "BUSY", false}, {"cost_usd_micros", "COST USD", false},
};

static int run(struct session *session, const void *values, size_t n, char **operands) {
  const struct stats_args *args = values;
  (void)n;
  (void)operands;
  if (args->prometheus && session->json)
    return session_misuse(session, "--json and --prometheus exclude each other");
  int status = session_open(session, GALLEY_OPEN_READONLY);
  if (status != 0)
    return status;
  if (args->prometheus)
    return stats_prometheus(session);
  struct table *table =
      table_new(session, &galley_count_record, columns, sizeof columns / sizeof *columns);
  if (table == NULL)
    return session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  enum galley_rc rc = galley_stats(session->q, table_row, table);
  return table_finish(table, session, rc, "jobs");
}

const struct command stats_command = {
    .name = "stats",
    .usage = "[--prometheus]",
    .about = "count jobs by kind and state",
    .details = "Live states (blocked, scheduled, ready, running) are counted now; done, dead and\n"
               "cancelled since the database was made.\n"
               "\n"
               "Examples:\n"
               "  galley stats\n"
               "  galley stats --prometheus > /var/lib/node_exporter/galley.prom\n",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .args_size = sizeof(struct stats_args),
    .run = run,
};
