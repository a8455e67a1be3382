/* libFuzzer target: command lines, a word a line. They are read by the tables of the subcommands;
 * nothing is run. */
#include "command.h"
#include "fuzz.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64

struct words {
  char *text[WORDS_MAX * 2];
  size_t n;
};

/* One reading of a line. */
struct reading {
  void *args; /* of the command */
  struct session session;
  struct option_line line;
  bool good;
};

static struct reading read_line(const struct command *command, struct words *words) {
  struct reading reading = {.args = calloc(1, command->args_size + 1),
                            .line = {.words = words->text, .n_words = words->n}};
  assert(reading.args);
  const struct option_set sets[] = {
      {command->options, command->n_options, reading.args},
      {session_options, session_option_count, &reading.session},
  };
  option_defaults(&sets[0]);
  reading.good = option_parse(sets, 2, &reading.line);
  return reading;
}

static const void *value_at(const struct option_row *row, const void *values) {
  return (const char *)values + row->offset;
}

static const char *text_at(const struct option_row *row, const void *values) {
  const char *text;
  memcpy(&text, value_at(row, values), sizeof text);
  return text;
}

static int64_t amount_at(const struct option_row *row, const void *values) {
  int64_t amount;
  memcpy(&amount, value_at(row, values), sizeof amount);
  return amount;
}

static void add_word(struct words *words, const char *name, const char *value) {
  char **word = &words->text[words->n++];
  assert(words->n < WORDS_MAX * 2);
  if (asprintf(word, "--%s%s%s", name, value ? "=" : "", value ? value : "") < 0)
    abort();
}

static bool is_amount(const struct option_row *row) {
  return row->type != OPTION_FLAG && row->type != OPTION_TEXT && row->type != OPTION_LIST;
}

/* The values of a table in their long form. */
static void write_row(struct words *words, const struct option_row *row, const void *values) {
  const struct option_list *list = value_at(row, values);
  char number[32];
  if (row->type == OPTION_FLAG) {
    if (*(const bool *)value_at(row, values))
      add_word(words, row->name, NULL);
  } else if (row->type == OPTION_TEXT) {
    if (text_at(row, values))
      add_word(words, row->name, text_at(row, values));
  } else if (row->type == OPTION_LIST) {
    for (size_t i = 0; i < list->n; i++)
      add_word(words, row->name, list->items[i]);
  } else if (amount_at(row, values) != row->absent || row->fallback) {
    snprintf(number, sizeof number, "%" PRId64, amount_at(row, values));
    add_word(words, row->name, number);
  }
}

static void check_row(const struct option_row *row, const void *a, const void *b) {
  const struct option_list *list = value_at(row, a), *other = value_at(row, b);
  int64_t max = row->min == 0 && row->max == 0 ? INT64_MAX : row->max;
  if (row->type == OPTION_FLAG) {
    assert(*(const bool *)value_at(row, a) == *(const bool *)value_at(row, b));
  } else if (row->type == OPTION_TEXT) {
    fuzz_check_same(text_at(row, a), text_at(row, b));
  } else if (row->type == OPTION_LIST) {
    assert(list->n <= OPTION_LIST_MAX && list->n == other->n);
    for (size_t i = 0; i < list->n; i++)
      fuzz_check_same(list->items[i], other->items[i]);
  } else {
    int64_t amount = amount_at(row, a);
    assert(is_amount(row) && amount == amount_at(row, b));
    assert(amount == row->absent || (amount >= row->min && amount <= max));
  }
}

/* A line that was read, written out in its long form, reads the same. */
static void check_accepted(const struct command *command, const struct reading *reading) {
  struct words words = {.n = 0};
  for (size_t i = 0; i < command->n_options; i++)
    write_row(&words, &command->options[i], reading->args);
  for (size_t i = 0; i < session_option_count; i++)
    write_row(&words, &session_options[i], &reading->session);
  struct words copy = words; /* reading moves the words */
  struct reading again = read_line(command, &copy);
  assert(again.good && again.line.n_operands == 0);
  for (size_t i = 0; i < command->n_options; i++)
    check_row(&command->options[i], reading->args, again.args);
  for (size_t i = 0; i < session_option_count; i++)
    check_row(&session_options[i], &reading->session, &again.session);
  free(again.args);
  for (size_t i = 0; i < words.n; i++)
    free(words.text[i]);
}

static void check_words(const struct command *command, struct words *words, bool is_utf8) {
  struct words copy = *words;
  struct reading reading = read_line(command, &copy);
  assert(reading.line.n_operands <= words->n);
  if (reading.good)
    check_accepted(command, &reading);
  else if (is_utf8)
    fuzz_check_sentence(reading.line.error, sizeof reading.line.error);
  else
    assert(*reading.line.error);
  free(reading.args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  struct words words = {.n = 0};
  bool is_utf8 = true;
  const struct command *command = command_table[fuzz_byte(&input) % command_count];
  while (input.left > 0 && words.n < WORDS_MAX / 2) {
    words.text[words.n] = fuzz_until(&input, '\n', NULL);
    is_utf8 = is_utf8 && fuzz_is_utf8(words.text[words.n]);
    words.n++;
  }
  assert(command_find(command->name) == command);
  check_words(command, &words, is_utf8);
  for (size_t i = 0; i < words.n; i++)
    free(words.text[i]);
  return 0;
}
