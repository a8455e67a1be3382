#include "help.h"
#include "nearest.h"
#include "output.h"

#include <inttypes.h>
#include <string.h>

#define NAME_COLUMN 12

static const char introduction[] =
    "galley keeps jobs in one SQLite file, runs them, and turns feeds and topics into posts.\n"
    "\n"
    "  galley init                            make the database and a commented galley.ini\n"
    "  galley feed add https://example.org/feed.xml\n"
    "  galley feed fetch && galley work --drain\n"
    "  galley run \"heat pumps in old houses\"  research, write and publish one post\n"
    "  galley list --state dead               what failed; galley show ID tells why\n";

static const char closing[] =
    "Results go to standard output, everything else to standard error. Exit status: 0 done, 1 not\n"
    "found, 64 wrong command line, 65 bad data, 66 a file is missing, 69 a service is not "
    "available,\n"
    "70 a bug in galley, 73 cannot create, 74 input or output failed, 75 try again, 77 not "
    "permitted.\n"
    "galley help COMMAND tells more of a command, galley help settings what can be configured, "
    "and\n"
    "galley(1) everything.\n";

int help_version(void) {
  printf("galley %s\n", galley_version());
  return 0;
}

static void show_overview(void) {
  const struct option_set global = {session_options, session_option_count, NULL};
  printf("Usage: galley [OPTION...] COMMAND [ARGUMENT...]\n\n%s\nCommands:\n", introduction);
  for (size_t i = 0; i < command_count; i++)
    printf("  %-*s%s\n", NAME_COLUMN, command_table[i]->name, command_table[i]->about);
  printf("\nOptions of every command:\n");
  option_print(&global, stdout);
  printf("\n%s", closing);
}

int help_show(const struct session *session, const struct command *command) {
  (void)session;
  if (command == NULL) {
    show_overview();
    return 0;
  }
  const struct option_set own = {command->options, command->n_options, NULL};
  const struct option_set global = {session_options, session_option_count, NULL};
  printf("Usage: galley %s %s\n\n%s: %s\n", command->name, command->usage, command->name,
         command->about);
  if (command->details != NULL)
    printf("\n%s", command->details);
  if (command->n_options > 0) {
    printf("\nOptions:\n");
    option_print(&own, stdout);
  }
  printf("\nOptions of every command:\n");
  option_print(&global, stdout);
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

static void setting_text(const struct config_setting *setting, bool named) {
  char environment[CONFIG_ENV_NAME_MAX];
  config_env_name(setting, has_short_form(setting), environment);
  printf("%s%s.%s\n    %s\n    ", setting->section, named ? ".NAME" : "", setting->name,
         setting->about);
  if (setting->choices != NULL)
    printf("One of: %s. ", setting->choices);
  else if (has_range(setting))
    printf("%s, %" PRId64 " to %" PRId64 "%s. ", config_type_name(setting->type), setting->min,
           setting->max, setting->type == CONFIG_DURATION ? " ms" : "");
  if (setting->fallback != NULL && setting->fallback[0] != '\0')
    printf("Default: %s. ", setting->fallback);
  printf("%s%s\n", named ? "" : "Environment: ", named ? "" : environment);
}

static int show_settings(const struct session *session) {
  void (*show)(const struct config_setting *, bool) = session->json ? setting_json : setting_text;
  if (!session->json)
    printf("Settings stand in galley.ini as\n\n  [worker]\n  slots = 8\n\n"
           "Durations: 250ms, 30s, 5m, 12h, 7d. Sizes: 4096, 512K, 10M. A ; after white space\n"
           "begins a comment. Environment variables go over the file, options over both.\n\n");
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
