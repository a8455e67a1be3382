#include "command.h"
#include "fold.h"
#include "output.h"

#include <inttypes.h>
#include <unistd.h>

struct view {
  const struct session *session;
  bool terminal; /* progress is one line on standard error that is written again and again */
};

static void show_progress(void *arg, const char *rule, int64_t done, int64_t n) {
  const struct view *view = arg;
  if (!view->terminal)
    return;
  fprintf(stderr, "\r\033[Kchecking: rule %" PRId64 " of %" PRId64 " (%s)\r", done + 1, n, rule);
  fflush(stderr);
}

static void clear_progress(const struct view *view) {
  if (view->terminal)
    fputs("\r\033[K", stderr);
}

static void print_json(const struct galley_violation *violation) {
  struct output_json json = {.file = stdout};
  output_json_open(&json, NULL, '{');
  output_json_text(&json, "rule", violation->rule);
  output_json_text(&json, "table", violation->table[0] != '\0' ? violation->table : NULL);
  if (violation->id != 0)
    output_json_int(&json, "id", violation->id);
  else
    output_json_raw(&json, "id", NULL);
  output_json_text(&json, "sentence", violation->sentence);
  output_json_end(&json);
}

static void print_line(const struct galley_violation *violation) {
  struct fold fold = {.width = output_columns(), .indent = 2};
  fold.start = printf("%s: ", violation->rule);
  if (violation->id != 0)
    fold.start += printf("%s %" PRId64 ": ", violation->table, violation->id);
  else if (violation->table[0] != '\0')
    fold.start += printf("%s: ", violation->table);
  fold_text(stdout, &fold, violation->sentence);
}

static bool show_violation(void *arg, const void *row) {
  const struct view *view = arg;
  clear_progress(view);
  if (view->session->json)
    print_json(row);
  else
    print_line(row);
  fflush(stdout);
  return true;
}

struct size {
  const char *name;
  int64_t n;
};

static void print_report(const struct session *session, const struct galley_check_report *report) {
  const struct size sizes[] = {
      {"jobs", report->jobs},           {"attempts", report->attempts},
      {"documents", report->documents}, {"topics", report->topics},
      {"posts", report->posts},         {"publications", report->publications}};
  struct output_json json = {.file = stdout};
  if (!session->json) {
    if (report->violations > 0)
      return;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
      printf("%s%" PRId64 " %s", i == 0 ? "ok: " : ", ", sizes[i].n, sizes[i].name);
    printf(" checked by %" PRId64 " rules\n", report->rules);
    return;
  }
  output_json_open(&json, NULL, '{');
  output_json_int(&json, "violations", report->violations);
  output_json_int(&json, "rules", report->rules);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    output_json_int(&json, sizes[i].name, sizes[i].n);
  output_json_end(&json);
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  struct galley_check_report report = {0};
  struct view view = {.session = session, .terminal = !session->quiet && isatty(STDERR_FILENO)};
  (void)values;
  (void)n;
  (void)operands;
  int status = session_open(session, GALLEY_OPEN_READONLY);
  if (status != 0)
    return status;
  enum galley_rc rc = galley_check(session->q, show_violation, show_progress, &view, &report);
  clear_progress(&view);
  if (rc != GALLEY_OK && rc != GALLEY_INVALID)
    return session_fail_open(session, rc);
  print_report(session, &report);
  return rc == GALLEY_OK ? 0 : session_fail_open(session, rc);
}

const struct command check_command = {
    .name = "check",
    .usage = "",
    .about = "verify every rule of the queue and its content; status 65 when one is broken",
    .details =
        "Reads the whole database in one read transaction, beside which workers go on: the file,\n"
        "the schema, states, fences, attempts and their sums, references, unique keys, JSON, and\n"
        "the full-text index. Changes nothing. Prints a line for each violation, with the rule,\n"
        "the table, the id and what to do, or one line that begins with \"ok:\".\n"
        "\n"
        "Examples:\n"
        "  galley check\n"
        "  galley --database /var/backups/galley-2026-07-30.db check\n"
        "  galley check --json | jq -r 'select(.table == \"jobs\") | .id'\n",
    .run = run,
};
