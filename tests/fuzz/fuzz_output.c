/* libFuzzer target: what is printed for people, for programs and into the log: whatever stands in
 * the database, it cannot command a terminal, and JSON means what it meant. */
#include "fold.h"
#include "fuzz.h"
#include "log.h"
#include "output.h"
#include "sheet.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 120

struct sink {
  FILE *file;
  char *text;
  size_t len;
};

static void sink_open(struct sink *sink) {
  *sink = (struct sink){0};
  sink->file = open_memstream(&sink->text, &sink->len);
  assert(sink->file);
}

static void sink_close(struct sink *sink, const char *allowed) {
  fclose(sink->file);
  fuzz_check_harmless(sink->text, sink->len, allowed);
}

static void check_people(const char *text, int columns) {
  struct sink sink;
  sink_open(&sink);
  output_text(sink.file, text);
  sink_close(&sink, "");
  int width = output_text_width(text);
  assert(width >= 0 && width == output_text_width(sink.text));
  free(sink.text);
  char *cut = output_text_cut(text, columns);
  assert(cut && output_text_width(cut) <= columns);
  fuzz_check_harmless(cut, strlen(cut), "");
  free(cut);
  sink_open(&sink);
  output_block(sink.file, text);
  sink_close(&sink, "\n\t");
  assert(*text == '\0' || sink.text[sink.len - 1] == '\n');
  free(sink.text);
}

static void check_fold(const char *text, int columns) {
  const struct fold fold = {.width = columns, .start = 2, .indent = 2};
  struct sink sink;
  sink_open(&sink);
  fold_text(sink.file, &fold, text);
  sink_close(&sink, "\n");
  assert(!strstr(sink.text, " \n") || sink.text[0] == '\n');
  free(sink.text);
  sink_open(&sink);
  fold_lines(sink.file, columns, text);
  sink_close(&sink, "\n");
  free(sink.text);
}

static struct galley_job job_of(const char *text) {
  return (struct galley_job){.id = 1,
                             .kind = text,
                             .payload = "{}",
                             .state = "ready",
                             .unique_key = text,
                             .error_class = text,
                             .error = text};
}

static void check_sheet(const char *text, int columns) {
  struct galley_job job = job_of(text);
  struct sink sink;
  sink_open(&sink);
  sheet_print(sink.file, columns, &galley_job_record, &job);
  sink_close(&sink, "\n\t");
  free(sink.text);
}

/* One line that reads back as what was put in. */
static void check_json(const char *text) {
  struct galley_job job = job_of(text);
  struct sink sink;
  sink_open(&sink);
  struct output_json json = {.file = sink.file};
  output_json_open(&json, NULL, '{');
  output_json_fields(&json, &galley_job_record, &job);
  output_json_end(&json);
  sink_close(&sink, "\n");
  assert(strchr(sink.text, '\n') == sink.text + sink.len - 1);
  json_t *read = json_loadb(sink.text, sink.len, JSON_REJECT_DUPLICATES, NULL);
  assert(read);
  if (fuzz_is_utf8(text))
    fuzz_check_same(json_string_value(json_object_get(read, "error")), text);
  json_decref(read);
  free(sink.text);
}

/* JSON within JSON: the same value, on one line. */
static void check_raw(const char *text) {
  json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
  struct sink sink;
  if (!value)
    return;
  sink_open(&sink);
  struct output_json json = {.file = sink.file};
  output_json_open(&json, NULL, '{');
  output_json_raw(&json, "payload", text);
  output_json_end(&json);
  sink_close(&sink, "\n");
  json_t *read = json_loadb(sink.text, sink.len, 0, NULL);
  assert(read && json_equal(json_object_get(read, "payload"), value));
  json_decref(read);
  json_decref(value);
  free(sink.text);
}

/* One value of a line of the log. */
static void check_quote(const char *text, size_t size) {
  char *out = malloc(size);
  assert(out && log_quote(out, size, text) == out);
  size_t len = strlen(out);
  assert(len < size);
  fuzz_check_harmless(out, len, "");
  if (out[0] != '"')
    assert(!strpbrk(out, " \"\\="));
  else
    assert(len >= 2 && out[len - 1] == '"');
  free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  int columns = 1 + (int)fuzz_byte(&input) % COLUMNS_MAX;
  char *text = fuzz_rest(&input, NULL);
  check_people(text, columns);
  check_fold(text, columns + FOLD_WIDTH_MIN);
  check_sheet(text, columns + FOLD_WIDTH_MIN);
  check_json(text);
  check_raw(text);
  check_quote(text, 3 + (size_t)columns);
  free(text);
  return 0;
}
