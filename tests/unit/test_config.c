#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config.h"
#include "nearest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VALUE_BYTES 6000

static char folder[] = "/tmp/galley-config-XXXXXX";
static char file[64];
static char error[512];
static struct config config;

static void write_file(const char *text) {
  FILE *out = fopen(file, "w");
  assert_non_null(out);
  assert_true(fputs(text, out) >= 0);
  assert_int_equal(fclose(out), 0);
}

static enum galley_rc load(void) {
  config_fini(&config);
  error[0] = '\0';
  return config_load(&config, &(struct config_options){.file = file}, error, sizeof error);
}

static enum galley_rc load_text(const char *text) {
  write_file(text);
  return load();
}

static void assert_refused(const char *text, const char *part) {
  assert_int_equal(load_text(text), GALLEY_INVALID);
  if (strstr(error, part) == NULL)
    fail_msg("\"%s\" does not hold \"%s\"", error, part);
}

/* ---- every row of the table ---- */

static void make_value(const struct config_setting *setting, int64_t amount, char *out) {
  switch (setting->type) {
  case CONFIG_TEXT:
  case CONFIG_PATH:
    assert_in_range(amount, 0, VALUE_BYTES - 1);
    memset(out, 'a', (size_t)amount);
    if (amount > 0)
      out[0] = '/';
    out[amount] = '\0';
    break;
  case CONFIG_DURATION:
    snprintf(out, VALUE_BYTES, "%" PRId64 "ms", amount);
    break;
  default:
    snprintf(out, VALUE_BYTES, "%" PRId64, amount);
  }
}

static enum galley_rc load_value(const struct config_setting *setting, const char *value) {
  static char text[VALUE_BYTES + 200];
  snprintf(text, sizeof text, "[%s]\n%s = %s\n", setting->section, setting->name, value);
  return load_text(text);
}

static bool is_string(const struct config_setting *setting) {
  return setting->type == CONFIG_TEXT || setting->type == CONFIG_PATH ||
         setting->type == CONFIG_CHOICE;
}

/* The stored value as the number that `make_value` was given. */
static int64_t stored(const struct config_setting *setting) {
  const char *at = (const char *)&config + setting->offset;
  if (is_string(setting)) {
    const char *text;
    memcpy(&text, at, sizeof text);
    return (int64_t)strlen(text);
  }
  int64_t amount;
  memcpy(&amount, at, sizeof amount);
  return amount;
}

static void every_default_is_accepted_when_written_in_a_file(void **state) {
  (void)state;
  for (size_t i = 0; i < config_setting_count; i++) {
    assert_int_equal(load_text(""), GALLEY_OK);
    int64_t without = stored(&config_settings[i]);
    if (config_settings[i].type == CONFIG_PATH) /* becomes absolute in a file */
      continue;
    assert_int_equal(load_value(&config_settings[i], config_settings[i].fallback), GALLEY_OK);
    assert_int_equal(stored(&config_settings[i]), without);
  }
}

static void every_setting_is_accepted_at_its_bounds(void **state) {
  static char value[VALUE_BYTES];
  (void)state;
  for (size_t i = 0; i < config_setting_count; i++) {
    const struct config_setting *setting = &config_settings[i];
    if (setting->type == CONFIG_CHOICE)
      continue;
    const int64_t bounds[] = {setting->min, setting->max};
    for (size_t b = 0; b < 2; b++) {
      make_value(setting, bounds[b], value);
      if (load_value(setting, value) != GALLEY_OK)
        fail_msg("%s.%s: %s", setting->section, setting->name, error);
      assert_int_equal(stored(setting), bounds[b]);
    }
  }
}

static void every_setting_is_refused_one_past_its_bounds(void **state) {
  static char value[VALUE_BYTES];
  (void)state;
  for (size_t i = 0; i < config_setting_count; i++) {
    const struct config_setting *setting = &config_settings[i];
    char name[128];
    snprintf(name, sizeof name, "%s:2: %s.%s", file, setting->section, setting->name);
    if (setting->type == CONFIG_CHOICE)
      continue;
    const int64_t past[] = {setting->min - 1, setting->max + 1};
    for (size_t b = 0; b < 2; b++) {
      if (past[b] < 0)
        continue;
      make_value(setting, past[b], value);
      if (load_value(setting, value) != GALLEY_INVALID)
        fail_msg("%s.%s takes %" PRId64, setting->section, setting->name, past[b]);
      assert_memory_equal(error, name, strlen(name));
    }
  }
}

static void every_choice_is_accepted_and_no_other(void **state) {
  (void)state;
  for (size_t i = 0; i < config_setting_count; i++) {
    const struct config_setting *setting = &config_settings[i];
    if (setting->type != CONFIG_CHOICE)
      continue;
    for (const char *at = setting->choices; *at != '\0';) {
      char choice[64];
      size_t len = strcspn(at, " ");
      snprintf(choice, sizeof choice, "%.*s", (int)len, at);
      assert_int_equal(load_value(setting, choice), GALLEY_OK);
      choice[len - 1] = '\0';
      assert_int_equal(load_value(setting, choice), GALLEY_INVALID);
      assert_non_null(strstr(error, setting->choices));
      at += len;
      at += strspn(at, " ");
    }
  }
}

static void every_setting_is_taken_from_the_environment(void **state) {
  (void)state;
  for (size_t i = 0; i < config_setting_count; i++) {
    const struct config_setting *setting = &config_settings[i];
    char name[CONFIG_ENV_NAME_MAX], value[VALUE_BYTES];
    config_env_name(setting, false, name);
    if (setting->type == CONFIG_CHOICE)
      snprintf(value, sizeof value, "%.*s", (int)strcspn(setting->choices, " "), setting->choices);
    else
      make_value(setting, setting->min > 0 ? setting->min : 1, value);
    assert_int_equal(load_value(setting, setting->fallback), GALLEY_OK);
    setenv(name, value, 1);
    assert_int_equal(load(), GALLEY_OK);
    int64_t taken = stored(setting);
    setenv(name, "\x01", 1);
    assert_int_equal(load(), GALLEY_INVALID);
    assert_memory_equal(error, name, strlen(name));
    unsetenv(name);
    if (is_string(setting))
      assert_int_equal(taken, strlen(value));
    else
      assert_int_equal(taken, setting->min > 0 ? setting->min : 1);
  }
}

static void every_setting_has_its_text_and_its_own_name(void **state) {
  (void)state;
  for (size_t i = 0; i < config_setting_count; i++) {
    assert_non_null(config_settings[i].about);
    for (size_t j = 0; j < i; j++)
      assert_false(strcmp(config_settings[i].section, config_settings[j].section) == 0 &&
                   strcmp(config_settings[i].name, config_settings[j].name) == 0);
  }
}

/* ---- layers ---- */

static void environment_is_over_the_file_and_options_over_both(void **state) {
  (void)state;
  write_file("[worker]\nslots = 3\n[galley]\ndatabase = /in/file.db\n");
  assert_int_equal(load(), GALLEY_OK);
  assert_int_equal(config.slots, 3);
  assert_string_equal(config.database, "/in/file.db");
  setenv("GALLEY_WORKER_SLOTS", "4", 1);
  setenv("GALLEY_DATABASE", "from-environment.db", 1);
  assert_int_equal(load(), GALLEY_OK);
  assert_int_equal(config.slots, 4);
  assert_string_equal(config.database, "from-environment.db");
  config_fini(&config);
  struct config_options options = {.file = file, .database = "from-option.db"};
  assert_int_equal(config_load(&config, &options, error, sizeof error), GALLEY_OK);
  assert_string_equal(config.database, "from-option.db");
  unsetenv("GALLEY_WORKER_SLOTS");
  unsetenv("GALLEY_DATABASE");
}

static void an_empty_variable_counts_as_not_set(void **state) {
  (void)state;
  setenv("GALLEY_WORKER_SLOTS", "", 1);
  assert_int_equal(load_text("[worker]\nslots = 3\n"), GALLEY_OK);
  unsetenv("GALLEY_WORKER_SLOTS");
  assert_int_equal(config.slots, 3);
}

static void an_error_in_the_environment_names_the_variable(void **state) {
  (void)state;
  setenv("GALLEY_WORKER_SLOTS", "many", 1);
  assert_int_equal(load_text(""), GALLEY_INVALID);
  unsetenv("GALLEY_WORKER_SLOTS");
  assert_string_equal(error,
                      "GALLEY_WORKER_SLOTS: worker.slots must be a whole number, not \"many\"");
}

static void galley_config_names_the_file(void **state) {
  (void)state;
  write_file("[worker]\nslots = 7\n");
  setenv("GALLEY_CONFIG", file, 1);
  config_fini(&config);
  assert_int_equal(config_load(&config, &(struct config_options){0}, error, sizeof error),
                   GALLEY_OK);
  unsetenv("GALLEY_CONFIG");
  assert_int_equal(config.slots, 7);
  assert_string_equal(config.file, file);
}

static void a_named_file_must_exist(void **state) {
  (void)state;
  struct config_options options = {.file = "/nonexistent/galley.ini"};
  config_fini(&config);
  assert_int_equal(config_load(&config, &options, error, sizeof error), GALLEY_NO_INPUT);
  assert_non_null(strstr(error, "/nonexistent/galley.ini"));
  config_fini(&config);
  options.file = folder;
  assert_int_equal(config_load(&config, &options, error, sizeof error), GALLEY_NO_INPUT);
}

/* ---- the file ---- */

static void errors_name_file_and_line(void **state) {
  (void)state;
  char expected[128];
  snprintf(expected, sizeof expected, "%s:4: ", file);
  assert_int_equal(load_text("# one\n\n[worker]\nslots = 0\n"), GALLEY_INVALID);
  assert_memory_equal(error, expected, strlen(expected));
  assert_int_equal(load_text("\n\n\nno setting\n[worker]\n"), GALLEY_INVALID);
  assert_memory_equal(error, expected, strlen(expected));
}

static void unknown_names_are_refused_with_the_nearest(void **state) {
  (void)state;
  assert_refused("[worker]\nslot = 3\n", "unknown setting worker.slot; did you mean slots?");
  assert_refused("[workers]\nslots = 3\n", "unknown section [workers]; did you mean [worker]?");
  assert_refused("[xyzzy]\na = b\n", "unknown section [xyzzy]");
  assert_refused("[target.a]\npth = b\n", "did you mean path?");
  assert_refused("[kind.a]\nprogam = b\n", "did you mean program?");
  assert_refused("slots = 3\n", "before the first [section]");
}

static void an_empty_unknown_section_is_refused(void **state) {
  (void)state;
  assert_refused("[worker]\n[nonsense]\n", ":2: unknown section [nonsense]");
}

static void a_setting_given_twice_is_refused(void **state) {
  (void)state;
  assert_refused("[worker]\nslots = 3\nslots = 4\n",
                 ":3: worker.slots is set twice, first on line 2");
  assert_refused("[target.a]\npath = x\npath = y\n", ":3: path is set twice in [target.a]");
}

static void lines_that_the_parser_would_cut_are_refused(void **state) {
  static char text[20000];
  (void)state;
  int used = snprintf(text, sizeof text, "[http]\nuser_agent = x\n");
  memset(text + used, ' ', 9000);
  snprintf(text + used + 9000, 100, "; end\n");
  assert_refused(text, ":3: the line is longer than");
  snprintf(text, sizeof text, "[kind.%050d]\nprogram = x\n", 1);
  assert_refused(text, ":1: a section's name has at most 49 bytes");
  snprintf(text, sizeof text, "[kind.%044d]\nprogram = /x\n", 1);
  assert_int_equal(load_text(text), GALLEY_OK);
  assert_int_equal(strlen(config.programs[0].kind), 44);
}

static void a_long_last_line_without_an_end_is_read_whole(void **state) {
  static char text[5000];
  (void)state;
  memset(text, 'u', sizeof text);
  memcpy(text, "[http]\nuser_agent = ", 20);
  text[20 + 1024] = '\0';
  assert_int_equal(load_text(text), GALLEY_OK);
  assert_int_equal(strlen(config.user_agent), 1024);
}

static void a_zero_byte_is_refused(void **state) {
  (void)state;
  FILE *out = fopen(file, "w");
  assert_non_null(out);
  assert_int_equal(fwrite("[worker]\nslots = 3\0\nx", 1, 21, out), 21);
  assert_int_equal(fclose(out), 0);
  assert_int_equal(load(), GALLEY_INVALID);
  assert_non_null(strstr(error, ":2: the line holds a zero byte"));
}

static void comments_and_a_byte_order_mark_are_allowed(void **state) {
  (void)state;
  assert_int_equal(load_text("\xEF\xBB\xBF[worker]\n; one\n# two\n  slots = 5 ; three\r\n"),
                   GALLEY_OK);
  assert_int_equal(config.slots, 5);
}

/* ---- targets and kinds ---- */

static void relative_paths_start_at_the_folder_of_the_file(void **state) {
  char expected[200];
  (void)state;
  assert_int_equal(
      load_text("[galley]\ndatabase = data/q.db\n[target.blog]\npath = ./posts\n"
                "format = jekyll\n[kind.mail]\nprogram = bin/mail\ndirectory = work\n"),
      GALLEY_OK);
  snprintf(expected, sizeof expected, "%s/data/q.db", folder);
  assert_string_equal(config.database, expected);
  snprintf(expected, sizeof expected, "%s/posts", folder);
  assert_string_equal(config_target(&config, "blog")->path, expected);
  assert_string_equal(config_target(&config, "blog")->type, "folder");
  assert_string_equal(config_target(&config, "blog")->format, "jekyll");
  assert_null(config_target(&config, "blog")->base_url);
  snprintf(expected, sizeof expected, "%s/bin/mail", folder);
  assert_string_equal(config_program(&config, "mail")->argv[0], expected);
  snprintf(expected, sizeof expected, "%s/work", folder);
  assert_string_equal(config_program(&config, "mail")->directory, expected);
}

static void a_bare_program_is_looked_for_beside_the_file_then_in_path(void **state) {
  char expected[200];
  (void)state;
  assert_int_equal(load_text("[kind.a]\nprogram = sh\n"), GALLEY_OK);
  assert_non_null(strstr(config.programs[0].argv[0], "bin/sh"));
  assert_int_equal(load_text("[kind.a]\nprogram = no-such-program\n"), GALLEY_OK);
  snprintf(expected, sizeof expected, "%s/no-such-program", folder);
  assert_string_equal(config.programs[0].argv[0], expected);
  snprintf(expected, sizeof expected, "%s/sh", folder);
  FILE *out = fopen(expected, "w");
  assert_non_null(out);
  fclose(out);
  assert_int_equal(chmod(expected, 0700), 0);
  assert_int_equal(load_text("[kind.a]\nprogram = sh\n"), GALLEY_OK);
  assert_string_equal(config.programs[0].argv[0], expected);
  unlink(expected);
}

static void arguments_keep_their_order_and_end_with_null(void **state) {
  (void)state;
  assert_int_equal(load_text("[kind.a]\nargument = -x\nprogram = /bin/echo\nargument =\n"
                             "argument = two words\ntimeout = 5m\nmax_attempts = 3\n"),
                   GALLEY_OK);
  const struct config_program *program = config_program(&config, "a");
  assert_int_equal(program->argc, 4);
  assert_string_equal(program->argv[0], "/bin/echo");
  assert_string_equal(program->argv[1], "-x");
  assert_string_equal(program->argv[2], "");
  assert_string_equal(program->argv[3], "two words");
  assert_null(program->argv[4]);
  assert_int_equal(program->timeout_ms, 300000);
  assert_int_equal(program->max_attempts, 3);
}

static void named_sections_have_their_limits(void **state) {
  static char text[16384];
  (void)state;
  for (int n = CONFIG_ARGUMENTS_MAX; n <= CONFIG_ARGUMENTS_MAX + 1; n++) {
    int used = snprintf(text, sizeof text, "[kind.a]\nprogram = /x\n");
    for (int i = 0; i < n; i++)
      used += snprintf(text + used, sizeof text - (size_t)used, "argument = %d\n", i);
    assert_int_equal(load_text(text), n == CONFIG_ARGUMENTS_MAX ? GALLEY_OK : GALLEY_INVALID);
  }
  for (int n = CONFIG_TARGETS_MAX; n <= CONFIG_TARGETS_MAX + 1; n++) {
    int used = 0;
    for (int i = 0; i < n; i++)
      used += snprintf(text + used, sizeof text - (size_t)used, "[target.%d]\npath = x\n", i);
    assert_int_equal(load_text(text), n == CONFIG_TARGETS_MAX ? GALLEY_OK : GALLEY_INVALID);
  }
  for (int n = CONFIG_PROGRAMS_MAX; n <= CONFIG_PROGRAMS_MAX + 1; n++) {
    int used = 0;
    for (int i = 0; i < n; i++)
      used += snprintf(text + used, sizeof text - (size_t)used, "[kind.%d]\nprogram = /x\n", i);
    assert_int_equal(load_text(text), n == CONFIG_PROGRAMS_MAX ? GALLEY_OK : GALLEY_INVALID);
  }
}

static void incomplete_and_impossible_sections_are_refused(void **state) {
  (void)state;
  assert_refused("[target.a]\nformat = hugo\n", "[target.a] needs a line: path");
  assert_refused("[kind.a]\n", "[kind.a] needs a line: program");
  assert_refused("[kind.research]\nprogram = x\n", "built in");
  assert_refused("[kind.Mail]\nprogram = x\n", "a kind's name");
  assert_refused("[target.]\npath = x\n", "a target's name");
  assert_refused("[target.a]\npath = x\nbase_url = example.org\n", "http");
  assert_refused("[target.a]\npath = x\nformat = html\n", "hugo jekyll");
  assert_refused("[kind.a]\nprogram =\n", "must not be empty");
}

static void without_targets_posts_go_beside_the_database(void **state) {
  char database[100], expected[200];
  (void)state;
  write_file("");
  config_fini(&config);
  snprintf(database, sizeof database, "%s/x/q.db", folder);
  struct config_options options = {.file = file, .database = database};
  assert_int_equal(config_load(&config, &options, error, sizeof error), GALLEY_OK);
  assert_int_equal(config.n_targets, 1);
  snprintf(expected, sizeof expected, "%s/x/site/content/posts", folder);
  assert_string_equal(config_target(&config, "site")->path, expected);
}

/* ---- durations, sizes, near names ---- */

static void durations_have_units(void **state) {
  static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
  } rows[] = {{"0", 0},
              {"1500", 1500},
              {"250ms", 250},
              {"30s", 30000},
              {"5m", 300000},
              {"12h", 43200000},
              {"7d", 604800000},
              {"", -1},
              {"s", -1},
              {"-1s", -1},
              {"1.5s", -1},
              {"1 s", -1},
              {" 1s", -1},
              {"1w", -1},
              {"1S", -1},
              {"9223372036854775807", INT64_MAX},
              {"9223372036854775808", -1},
              {"106751991168d", -1}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int64_t ms = -1;
    assert_int_equal(config_parse_duration(rows[i].text, &ms), rows[i].ms >= 0);
    assert_int_equal(ms, rows[i].ms);
  }
}

static void sizes_have_units(void **state) {
  static const struct {
    const char *text;
    int64_t bytes;
  } rows[] = {
      {"0", 0},    {"4096", 4096}, {"512K", 524288}, {"10M", 10485760}, {"1G", 1073741824},
      {"10m", -1}, {"M", -1},      {"-1", -1},       {"1T", -1},        {"9007199254740992G", -1}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int64_t bytes = -1;
    assert_int_equal(config_parse_bytes(rows[i].text, &bytes), rows[i].bytes >= 0);
    assert_int_equal(bytes, rows[i].bytes);
  }
}

static const char *nearest_of(const char *word) {
  static const char *const names[] = {"enqueue", "list", "show", "stats", "retry"};
  struct nearest near = nearest_start(word);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    nearest_offer(&near, names[i]);
  return near.best;
}

static void near_names_are_found_and_far_ones_are_not(void **state) {
  (void)state;
  assert_string_equal(nearest_of("enqeue"), "enqueue");
  assert_string_equal(nearest_of("enq"), "enqueue");
  assert_string_equal(nearest_of("sohw"), "show");
  assert_string_equal(nearest_of("LIST"), "list");
  assert_null(nearest_of("publish"));
  assert_null(nearest_of(""));
  assert_null(nearest_of("xx"));
}

static int set_up(void **state) {
  (void)state;
  if (mkdtemp(folder) == NULL)
    return -1;
  snprintf(file, sizeof file, "%s/galley.ini", folder);
  unsetenv("GALLEY_CONFIG");
  for (size_t i = 0; i < config_setting_count; i++)
    for (int brief = 0; brief < 2; brief++) {
      char name[CONFIG_ENV_NAME_MAX];
      config_env_name(&config_settings[i], brief != 0, name);
      unsetenv(name); /* of whoever runs the tests */
    }
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  config_fini(&config);
  unlink(file);
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_default_is_accepted_when_written_in_a_file),
      cmocka_unit_test(every_setting_is_accepted_at_its_bounds),
      cmocka_unit_test(every_setting_is_refused_one_past_its_bounds),
      cmocka_unit_test(every_choice_is_accepted_and_no_other),
      cmocka_unit_test(every_setting_is_taken_from_the_environment),
      cmocka_unit_test(every_setting_has_its_text_and_its_own_name),
      cmocka_unit_test(environment_is_over_the_file_and_options_over_both),
      cmocka_unit_test(an_empty_variable_counts_as_not_set),
      cmocka_unit_test(an_error_in_the_environment_names_the_variable),
      cmocka_unit_test(galley_config_names_the_file),
      cmocka_unit_test(a_named_file_must_exist),
      cmocka_unit_test(errors_name_file_and_line),
      cmocka_unit_test(unknown_names_are_refused_with_the_nearest),
      cmocka_unit_test(an_empty_unknown_section_is_refused),
      cmocka_unit_test(a_setting_given_twice_is_refused),
      cmocka_unit_test(lines_that_the_parser_would_cut_are_refused),
      cmocka_unit_test(a_long_last_line_without_an_end_is_read_whole),
      cmocka_unit_test(a_zero_byte_is_refused),
      cmocka_unit_test(comments_and_a_byte_order_mark_are_allowed),
      cmocka_unit_test(relative_paths_start_at_the_folder_of_the_file),
      cmocka_unit_test(a_bare_program_is_looked_for_beside_the_file_then_in_path),
      cmocka_unit_test(arguments_keep_their_order_and_end_with_null),
      cmocka_unit_test(named_sections_have_their_limits),
      cmocka_unit_test(incomplete_and_impossible_sections_are_refused),
      cmocka_unit_test(without_targets_posts_go_beside_the_database),
      cmocka_unit_test(durations_have_units),
      cmocka_unit_test(sizes_have_units),
      cmocka_unit_test(near_names_are_found_and_far_ones_are_not),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
