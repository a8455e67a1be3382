#include "command.h"
#include "job_payload.h"
#include "output.h"
#include "stats_prometheus.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

#define UNSERVED " (unserved)"

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
    {.field = "kind", .title = "KIND", .flexible = true},
    {.field = "state", .title = "STATE"},
    {.field = "n", .title = "JOBS"},
    {.field = "oldest_ms", .title = "OLDEST SINCE"},
    {.field = "busy_ms", .title = "BUSY"},
    {.field = "cost_usd_micros", .title = "COST USD"},
};

struct counts {
  struct session *session;
  struct table *table;
};

static bool is_live(const char *state) {
  return strcmp(state, "done") != 0 && strcmp(state, "dead") != 0 &&
         strcmp(state, "cancelled") != 0;
}

/* A kind whose jobs wait for somebody to serve it is marked, for people. */
static bool count_row(void *arg, const void *row) {
  struct counts *counts = arg;
  struct galley_count count = *(const struct galley_count *)row;
  char marked[GALLEY_KIND_MAX + sizeof UNSERVED];
  if (!counts->session->json && is_live(count.state) &&
      !job_payload_kind_known(&counts->session->config, count.kind)) {
    snprintf(marked, sizeof marked, "%s%s", count.kind, UNSERVED);
    count.kind = marked;
  }
  return table_row(counts->table, &count);
}

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
  struct counts counts = {session, table};
  enum galley_rc rc = galley_stats(session->q, count_row, &counts);
  return table_finish(table, session, rc, "jobs");
}

const struct command stats_command = {
    .name = "stats",
    .usage = "[--prometheus]",
    .about = "count jobs by kind and state",
    .details = "Live states (blocked, scheduled, ready, running) are counted now; done, dead and\n"
               "cancelled since the database was made. A kind with live jobs that is neither "
               "built in\n"
               "nor in the configuration is marked as unserved.\n"
               "\n"
               "Examples:\n"
               "  galley stats\n"
               "  galley stats --prometheus > /var/lib/node_exporter/galley.prom\n",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .args_size = sizeof(struct stats_args),
    .run = run,
};
