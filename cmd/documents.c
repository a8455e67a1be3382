#include "command.h"
#include "row.h"
#include "table.h"

struct documents_args {
  const char *status, *language, *hash, *search;
  bool all_words;
  int64_t limit;
};

#define AT(member) offsetof(struct documents_args, member)
static const struct option_row options[] = {
    {.letter = 's',
     .name = "status",
     .type = OPTION_TEXT,
     .argument = "STATUS",
     .about = "new, processed or rejected",
     .offset = AT(status)},
    {.letter = 'l',
     .name = "language",
     .type = OPTION_TEXT,
     .argument = "TAG",
     .about = "in this language, as en; with --search too",
     .offset = AT(language)},
    {.name = "hash",
     .type = OPTION_TEXT,
     .argument = "SHA256",
     .about = "the one document of this content",
     .offset = AT(hash)},
    {.name = "search",
     .type = OPTION_TEXT,
     .argument = "WORDS",
     .about = "that hold any of these words, best first",
     .offset = AT(search)},
    {.name = "all-words",
     .type = OPTION_FLAG,
     .about = "with --search: that hold all of the words",
     .offset = AT(all_words)},
    TABLE_LIMIT("at most this many", AT(limit)),
};

static const struct table_column columns[] = {
    {.field = "id", .title = "ID"},
    {.field = "status", .title = "STATUS"},
    {.field = "language", .title = "LANG"},
    {.field = "published_at_ms", .title = "PUBLISHED"},
    {.field = "title", .title = "TITLE", .flexible = true},
    {.field = "source_url", .title = "URL", .flexible = true},
};

/* Without any filter: status by status, new ones first. */
static enum galley_rc list_any(struct session *session, int64_t limit, struct table *table) {
  static const char *const statuses[] = {"new", "processed", "rejected"};
  enum galley_rc rc = GALLEY_OK;
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
    int64_t left = limit - (int64_t)table_count(table);
    if (rc == GALLEY_OK && left > 0)
      rc = galley_documents_by_status(session->q, statuses[i], left, table_row, table);
    if (rc == GALLEY_NONE)
      rc = GALLEY_OK;
  }
  return rc;
}

static bool print_hit(void *table, const void *row) {
  const struct galley_hit *hit = row;
  return table_row(table, &hit->document);
}

static int list(struct session *session, const struct documents_args *args) {
  struct table *table =
      table_new(session, &galley_document_record, columns, sizeof columns / sizeof *columns);
  enum galley_rc rc;
  if (table == NULL)
    return session_fail(session, GALLEY_NO_MEMORY, "out of memory");
  if (args->search != NULL) {
    struct galley_search search = {args->search, args->language, args->all_words, args->limit};
    rc = galley_documents_search(session->q, &search, print_hit, table);
  } else if (args->status != NULL) {
    rc = galley_documents_by_status(session->q, args->status, args->limit, table_row, table);
  } else if (args->language != NULL) {
    rc = galley_documents_by_language(session->q, args->language, args->limit, table_row, table);
  } else {
    rc = list_any(session, args->limit, table);
  }
  return table_finish(table, session, rc, "documents");
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  const struct documents_args *args = values;
  struct galley_document *document = NULL;
  int64_t id = 0;
  if (n > 0 && !session_id(session, operands[0], &id))
    return galley_rc_exit(GALLEY_USAGE);
  if ((n > 0) + (args->hash != NULL) + (args->search != NULL) + (args->status != NULL) > 1 ||
      (args->language != NULL && (n > 0 || args->hash != NULL || args->status != NULL)))
    return session_misuse(session, "choose one of ID, --hash, --search, --status and --language "
                                   "(--language goes with --search)");
  if (args->all_words && args->search == NULL)
    return session_misuse(session, "--all-words goes with --search");
  int status = session_open(session, GALLEY_OPEN_READONLY);
  if (status != 0)
    return status;
  if (n == 0 && args->hash == NULL)
    return list(session, args);
  enum galley_rc rc = n > 0 ? galley_document_get(session->q, id, &document)
                            : galley_document_by_hash(session->q, args->hash, &document);
  return row_show(session, &galley_document_record, rc, document, NULL);
}

const struct command documents_command = {
    .name = "documents",
    .usage = "[OPTION...] [ID]",
    .about = "show and search collected documents",
    .details = "Examples:\n"
               "  galley documents --search \"heat pump\" --language en\n"
               "  galley documents --status new --limit 10\n"
               "  galley documents 7\n",
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .args_size = sizeof(struct documents_args),
    .max_operands = 1,
    .run = run,
};
