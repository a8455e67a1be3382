/* libFuzzer target: jobs as JSON Lines, read by `galley enqueue --stdin` into a database in memory.
 * The first byte is the size of a chunk. */
#include "enqueue_lines.h"
#include "fuzz.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX 200 /* of one database, so that it stays small */
#define EXIT_BAD 65

static struct session session;

static void open_session(void) {
  static int runs;
  const struct galley_options options = {.flags = GALLEY_OPEN_CREATE};
  if (session.q && ++runs % RUNS_MAX != 0)
    return;
  galley_close(session.q);
  session.json = true;
  enum galley_rc rc = galley_open(&session.q, ":memory:", &options);
  assert(rc == GALLEY_OK);
}

struct streams {
  FILE *in, *out, *err;
  char *out_text, *err_text;
  size_t out_len, err_len;
};

/* Runs the command on `text` with streams of our own. */
static int run(struct streams *mine, char *text, size_t len, size_t chunk) {
  const struct streams system = {.in = stdin, .out = stdout, .err = stderr};
  stdin = mine->in = fmemopen(text, len, "r");
  stdout = mine->out = open_memstream(&mine->out_text, &mine->out_len);
  stderr = mine->err = open_memstream(&mine->err_text, &mine->err_len);
  assert(stdin && stdout && stderr);
  int status = enqueue_lines(&session, chunk, true);
  stdin = system.in;
  stdout = system.out;
  stderr = system.err;
  fclose(mine->in);
  fclose(mine->out);
  fclose(mine->err);
  return status;
}

/* The line of that number, from 1, as JSON. */
static json_t *line_of(const char *text, size_t len, int64_t number) {
  const char *end = text + len;
  for (; number > 1; number--)
    text = (const char *)memchr(text, '\n', (size_t)(end - text)) + 1;
  const char *stop = memchr(text, '\n', (size_t)(end - text));
  return json_loadb(text, (size_t)((stop ? stop : end) - text), JSON_DECODE_ANY, NULL);
}

/* The job is what its line says. */
static void check_job(int64_t id, const json_t *line) {
  struct galley_job *job;
  enum galley_rc rc = galley_job_get(session.q, id, &job);
  assert(rc == GALLEY_OK);
  json_t *payload = json_loads(job->payload, JSON_DECODE_ANY, NULL);
  const json_t *wanted = json_object_get(line, "payload");
  assert(payload && (wanted ? json_equal(payload, wanted) : json_object_size(payload) == 0));
  const char *key = json_string_value(json_object_get(line, "unique_key"));
  fuzz_check_same(job->unique_key, key);
  if (!key) { /* with one, it may be the job of an earlier line */
    fuzz_check_same(job->kind, json_string_value(json_object_get(line, "kind")));
    const json_t *priority = json_object_get(line, "priority");
    assert(!json_is_integer(priority) || job->priority == json_integer_value(priority));
  }
  json_decref(payload);
  galley_free(job);
}

/* Each line of the output names a job and the line that it was made from. Returns how many. */
static size_t check_output(const struct streams *mine, const char *text, size_t len) {
  size_t n = 0;
  const char *at = mine->out_text;
  for (const char *end; (end = strchr(at, '\n')); at = end + 1, n++) {
    json_t *row = json_loadb(at, (size_t)(end - at), 0, NULL);
    json_t *line = line_of(text, len, json_integer_value(json_object_get(row, "line")));
    assert(row && line);
    if (!json_object_get(line, "unique_key"))
      check_job(json_integer_value(json_object_get(row, "id")), line);
    json_decref(line);
    json_decref(row);
  }
  assert(*at == '\0');
  return n;
}

static void check_error(const struct streams *mine, size_t n) {
  char count[64];
  fuzz_check_harmless(mine->err_text, mine->err_len, "\n");
  assert(strncmp(mine->err_text, "galley: line ", 13) == 0);
  snprintf(count, sizeof count, " %zu jobs of the lines before this chunk were enqueued", n);
  assert(strstr(mine->err_text, count));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct fuzz_input input = fuzz_begin(data, size);
  struct streams mine = {0};
  size_t len, chunk = 1 + fuzz_byte(&input) % 8;
  char *text = fuzz_rest(&input, &len);
  if (len > 0) {
    open_session();
    int status = run(&mine, text, len, chunk);
    size_t n = check_output(&mine, text, len);
    assert(status == 0 || status == EXIT_BAD);
    if (status != 0)
      check_error(&mine, n);
    else
      assert(mine.err_len == 0);
    free(mine.out_text);
    free(mine.err_text);
  }
  free(text);
  return 0;
}
