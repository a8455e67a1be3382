#include "help.h"
#include "fold.h"
#include "nearest.h"
#include "output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAME_COLUMN    12
#define SETTING_INDENT 4
#define USAGE_MAX      512

static const char introduction[] =
    "galley keeps jobs in one SQLite file, runs them, and turns feeds and topics into posts.\n"
    "\n"
    "  galley init                            make galley.db and a sample galley.ini\n"
    "  galley feed add https://example.org/feed.xml\n"
    "  galley feed fetch && galley work --drain\n"
    "  galley run \"heat pumps in old houses\"  research, write and publish one post\n"
    "  galley list --state dead               what failed; galley show ID tells why\n"
    "\n"
    "Commands:\n";

static const char closing[] =
    "\n"
    "Results go to standard output, everything else to standard error. Exit status: 0 done, 1 not "
    "found, 64 wrong command line, 65 bad data, 66 a file is missing, 69 a service is not "
    "available, 70 a bug in galley, 73 cannot create, 74 input or output failed, 75 try again, 77 "
    "not permitted.\n"
    "\n"
    "galley help COMMAND tells more of a command, galley help settings what can be configured, and "
    "galley(1) everything.\n";

static const char settings_head[] =
    "Settings stand in galley.ini as\n"
    "\n"
    "  [worker]\n"
    "  slots = 8\n"
    "\n"
    "Durations: 250ms, 30s, 5m, 12h, 7d. Sizes: 4096, 512K, 10M. A ; after white space begins a "
    "comment. Environment variables go over the file, options over both.\n"
    "\n";

int help_version(void) {
  printf("galley %s\n", galley_version());
  return 0;
}

static void show_options(const char *title, const struct option_row *rows, size_t n) {
  const struct option_set set = {rows, n, NULL};
  printf("\n%s:\n", title);
  option_print(&set, fold_width(), stdout);
}

static void show_overview(void) {
  const struct fold fold = {
      .width = fold_width(), .start = NAME_COLUMN + 2, .indent = NAME_COLUMN + 2};
  fold_page(stdout, fold.width, "Usage: galley [OPTION...] COMMAND [ARGUMENT...]\n\n");
  fold_page(stdout, fold.width, introduction);
  for (size_t i = 0; i < command_count; i++) {
    printf("  %-*s", NAME_COLUMN, command_table[i]->name);
    fold_text(stdout, &fold, command_table[i]->about);
  }
  show_options("Options of every command", session_options, session_option_count);
  fold_page(stdout, fold.width, closing);
}

/* "Usage: galley feed add URL | ...", and in further lines below the name of the command. */
static void show_usage(const struct command *command) {
  char text[USAGE_MAX];
  struct fold fold = {.width = fold_width(), .indent = (int)strlen("Usage: galley ")};
  snprintf(text, sizeof text, "Usage: galley %s %s", command->name, command->usage);
  fold_text(stdout, &fold, text);
  snprintf(text, sizeof text, "\n%s: %s\n", command->name, command->about);
  fold_page(stdout, fold.width, text);
}

int help_show(const struct session *session, const struct command *command) {
  (void)session;
  if (command == NULL) {
    show_overview();
    return 0;
  }
  show_usage(command);
  if (command->details != NULL) {
    putchar('\n');
    fold_page(stdout, fold_width(), command->details);
  }
  if (command->n_options > 0)
    show_options("Options", command->options, command->n_options);
  show_options("Options of every command", session_options, session_option_count);
  return 0;
}

static int show_commands(const struct session *session) {
  for (size_t i = 0; i < command_count; i++) {
    struct output_json json = {.file = stdout};
    if (!session->json) {
      printf("%s\n", command_table[i]->name);
      continue;
    }
    output_json_open(&json, NULL, '{');
    output_json_text(&json, "name", command_table[i]->name);
    output_json_text(&json, "usage", command_table[i]->usage);
    output_json_text(&json, "about", command_table[i]->about);
    output_json_end(&json);
  }
  return 0;
}

static bool has_range(const struct config_setting *setting) {
  return setting->type == CONFIG_NUMBER || setting->type == CONFIG_DURATION ||
         setting->type == CONFIG_BYTES;
}

static bool has_short_form(const struct config_setting *setting) {
  return strcmp(setting->section, "galley") == 0;
}

/* Settings of [target.NAME] and [kind.NAME] have no environment variable. */
static void setting_json(const struct config_setting *setting, bool named) {
  struct output_json json = {.file = stdout};
  char environment[CONFIG_ENV_NAME_MAX];
  config_env_name(setting, has_short_form(setting), environment);
  output_json_open(&json, NULL, '{');
  output_json_text(&json, "section", setting->section);
  output_json_text(&json, "name", setting->name);
  output_json_bool(&json, "named", named);
  output_json_text(&json, "type", config_type_name(setting->type));
  output_json_text(&json, "default", setting->fallback);
  if (has_range(setting)) {
    output_json_int(&json, "min", setting->min);
    output_json_int(&json, "max", setting->max);
  } else {
    output_json_raw(&json, "min", NULL);
    output_json_raw(&json, "max", NULL);
  }
  output_json_text(&json, "choices", setting->choices);
  output_json_text(&json, "environment", named ? NULL : environment);
  output_json_text(&json, "about", setting->about);
  output_json_end(&json);
}

/* An amount as it is written in the file, in the largest unit that holds it whole. */
static void write_amount(const struct config_setting *setting, int64_t amount,
                         char out[OUTPUT_AMOUNT_MAX]) {
  static const struct {
    enum config_type type;
    int64_t size;
    const char *unit;
  } units[] = {{CONFIG_DURATION, 86400000, "d"}, {CONFIG_DURATION, 3600000, "h"},
               {CONFIG_DURATION, 60000, "m"},    {CONFIG_DURATION, 1000, "s"},
               {CONFIG_DURATION, 1, "ms"},       {CONFIG_BYTES, 1 << 30, "G"},
               {CONFIG_BYTES, 1 << 20, "M"},     {CONFIG_BYTES, 1 << 10, "K"}};
  for (size_t i = 0; amount > 0 && i < sizeof units / sizeof *units; i++)
    if (units[i].type == setting->type && amount % units[i].size == 0) {
      snprintf(out, OUTPUT_AMOUNT_MAX, "%" PRId64 "%s", amount / units[i].size, units[i].unit);
      return;
    }
  snprintf(out, OUTPUT_AMOUNT_MAX, "%" PRId64, amount);
}

/* "5s to 1h. Default: 60s. Environment: GALLEY_WORKER_LEASE"; "" when there is nothing to
 * tell. */
static void describe(FILE *out, const struct config_setting *setting, bool named) {
  char low[OUTPUT_AMOUNT_MAX], high[OUTPUT_AMOUNT_MAX], environment[CONFIG_ENV_NAME_MAX];
  write_amount(setting, setting->min, low);
  write_amount(setting, setting->max, high);
  config_env_name(setting, has_short_form(setting), environment);
  if (setting->choices != NULL)
    fprintf(out, "One of: %s. ", setting->choices);
  else if (has_range(setting))
    fprintf(out, "%s to %s. ", low, high);
  if (setting->fallback != NULL && setting->fallback[0] != '\0')
    fprintf(out, "Default: %s. ", setting->fallback);
  if (!named)
    fprintf(out, "Environment: %s", environment);
}

static void setting_text(const struct config_setting *setting, bool named) {
  struct fold fold = {.width = fold_width(), .start = SETTING_INDENT, .indent = SETTING_INDENT};
  char *text = NULL;
  size_t len = 0;
  FILE *memory = open_memstream(&text, &len);
  if (memory != NULL) {
    describe(memory, setting, named);
    fclose(memory);
  }
  printf("%s%s.%s\n%*s", setting->section, named ? ".NAME" : "", setting->name, SETTING_INDENT, "");
  fold_text(stdout, &fold, setting->about);
  if (len > 0) {
    printf("%*s", SETTING_INDENT, "");
    fold_text(stdout, &fold, text);
  }
  free(text);
}

static int show_settings(const struct session *session) {
  void (*show)(const struct config_setting *, bool) = session->json ? setting_json : setting_text;
  if (!session->json)
    fold_page(stdout, fold_width(), settings_head);
  for (size_t i = 0; i < config_setting_count; i++)
    show(&config_settings[i], false);
  for (size_t i = 0; i < config_named_setting_count; i++)
    show(&config_named_settings[i], true);
  return 0;
}

static int run(struct session *session, const void *values, size_t n, char **operands) {
  (void)values;
  if (n == 0)
    return help_show(session, NULL);
  if (strcmp(operands[0], "commands") == 0)
    return show_commands(session);
  if (strcmp(operands[0], "settings") == 0)
    return show_settings(session);
  const struct command *command = command_find(operands[0]);
  return command != NULL ? help_show(session, command) : command_unknown(session, operands[0]);
}

const struct command help_command = {
    .name = "help",
    .usage = "[COMMAND | commands | settings]",
    .about = "explain a command, or what can be configured",
    .details = "galley help commands prints one name a line; galley help settings --json is for\n"
               "programs.\n",
    .max_operands = 1,
    .run = run,
};
