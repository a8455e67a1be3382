/* galley-worker: the program that runs jobs. Apart from galley, so that only workers load libcurl.
 */
#include "config.h"
#include "fold.h"
#include "option.h"
#include "output.h"
#include "standard.h"
#include "supervisor.h"
#include "work_options.h"

#include <stdio.h>
#include <string.h>

struct program_options {
  const char *database, *config_file;
  bool help, version;
};

#define AT(member) offsetof(struct program_options, member)
static const struct option_row rows[] = {
    {.letter = 'd',
     .name = "database",
     .type = OPTION_TEXT,
     .argument = "FILE",
     .about = "the database, instead of the configured one",
     .offset = AT(database)},
    {.letter = 'c',
     .name = "config",
     .type = OPTION_TEXT,
     .argument = "FILE",
     .about = "the configuration, instead of the first that is found",
     .offset = AT(config_file)},
    {.letter = 'h',
     .name = "help",
     .type = OPTION_FLAG,
     .about = "show help and stop",
     .offset = AT(help)},
    {.name = "version",
     .type = OPTION_FLAG,
     .about = "show the version and stop",
     .offset = AT(version)},
};

static int fail(enum galley_rc rc, const char *sentence) {
  fputs("galley-worker: ", stderr);
  output_text(stderr, sentence);
  fputc('\n', stderr);
  return galley_rc_exit(rc);
}

/* Options go over the settings. */
static void apply(struct config *config, const struct work_options *work) {
  if (work->lease_ms > 0)
    config->lease_ms = work->lease_ms;
  if (work->grace_ms >= 0)
    config->grace_ms = work->grace_ms;
}

static int work(const struct program_options *program, const struct work_options *work) {
  static struct config config; /* too large for a stack that somebody made small */
  char error[1024] = "";
  struct config_options options = {.file = program->config_file, .database = program->database};
  enum galley_rc rc = config_load(&config, &options, error, sizeof error);
  if (rc == GALLEY_OK) {
    apply(&config, work);
    struct worker_options worker = {.processes =
                                        work->processes > 0 ? work->processes : config.processes,
                                    .slots = work->slots > 0 ? work->slots : config.slots,
                                    .drain = work->drain,
                                    .kinds = work->kinds};
    rc = supervisor_main(&config, &worker, error, sizeof error);
  }
  int status = rc == GALLEY_OK ? 0 : fail(rc, error[0] != '\0' ? error : galley_rc_text(rc));
  config_fini(&config);
  return status;
}

int main(int argc, char **argv) {
  struct work_options worker = {0};
  struct program_options program = {0};
  const struct option_set sets[] = {{work_option_rows, WORK_OPTION_COUNT, &worker},
                                    {rows, sizeof rows / sizeof *rows, &program}};
  struct option_line line = {.words = argv + 1, .n_words = argc > 0 ? (size_t)argc - 1 : 0};
  standard_open();
  option_defaults(&sets[0]);
  if (!option_parse(sets, 2, &line))
    return fail(GALLEY_USAGE, line.error);
  if (program.version) {
    printf("galley-worker %s\n", galley_version());
    return 0;
  }
  if (program.help) {
    fold_page(stdout, fold_width(),
              "Usage: galley-worker [OPTION...]\n\nRuns jobs until told to stop; `galley work` "
              "starts it.\n\nOptions:\n");
    option_print(&sets[0], fold_width(), stdout);
    option_print(&sets[1], fold_width(), stdout);
    return 0;
  }
  if (line.n_operands > 0)
    return fail(GALLEY_USAGE, "there is a word too many; see galley-worker --help");
  galley_process_init();
  return work(&program, &worker);
}
