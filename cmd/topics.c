#include "command.h"
#include "row.h"
#include "table.h"

#include <string.h>

struct topics_args {
  const char *status;
  int64_t min_priority, limit;
};

#define AT(member) offsetof(struct topics_args, member)
static const struct option_row options[] = {
    {.letter = 's',
     .name = "status",
     .type = OPTION_TEXT,
     .argument = "STATUS",
     .about = "discovered, validated, researched, drafted, published or archived",
     .offset = AT(status)},
    {.name = "min-priority",
     .type = OPTION_NUMBER,
     .argument = "N",
     .min = 1,
     .max = 10,
     .fallback = "1",
     .about = "only topics of at least this priority (10 is the highest)",
     .offset = AT(min_priority)},
    TABLE_LIMIT("at most this many", AT(limit)),
};

static const struct table_column columns[] = {
    {.field = "id", .title = "ID"},
    {.field = "priority", .title = "PRIO"},
    {.field = "status", .title = "STATUS"},
    {.field = "language", .title = "LANG"},
    {.field = "word_count", .title = "WORDS"},
    {.field = "researched_at_ms", .title = "RESEARCHED"},
    {.field = "title", .title = "TITLE", .flexible = true},
};

/* The list by status, held to the priority as well. */
struct filter {
  struct table *table;
  int64_t min_priority;
  size_t limit;
};

static bool filter_row(void *arg, const void *row) {
  struct filter *filter = arg;
  const struct galley_topic *topic = row;
  if (topic->priority < filter->min_priority)
    return true;
  return table_row(filter->table, row) && table_count(filter->table) < filter->limit;
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  const struct topics_args *args = values;
  int64_t id = 0;
  if (n > 0 && !session_id(session, operands[0], &id))
    return galley_rc_exit(GALLEY_USAGE);
  int status = session_open(session, GALLEY_OPEN_READONLY);
  if (status != 0)
    return status;
  if (n > 0) {
    struct galley_topic *topic = NULL;
    enum galley_rc rc = galley_topic_get(session->q, id, &topic);
    return row_show(session, &galley_topic_record, rc, topic, NULL);
  }
  struct table *table =
      table_new(session, &galley_topic_record, columns, sizeof columns / sizeof *columns);
  if (table == NULL)
    return session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  struct filter filter = {table, args->min_priority, (size_t)args->limit};
  int64_t rows = args->min_priority > 1 ? TABLE_ROWS_MAX : args->limit;
  enum galley_rc rc =
      args->status != NULL
          ? galley_topics_by_status(session->q, args->status, rows, filter_row, &filter)
          : galley_topics_by_priority(session->q, args->min_priority, args->limit, table_row,
                                      table);
  return table_finish(table, session, rc, "topics");
}

const struct command topics_command = {
    .name = "topics",
    .usage = "[OPTION...] [ID]",
    .about = "show topics and their research reports",
    .details =
        "With an ID the whole topic with its report; otherwise a list, highest priority first.\n"
        "\n"
        "Examples:\n"
        "  galley topics --status researched\n"
        "  galley topics 3 --json | jq -r .research_report\n",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .args_size = sizeof(struct topics_args),
    .max_operands = 1,
    .run = run,
};
