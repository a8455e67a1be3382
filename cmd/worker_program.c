#include "worker_program.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "galley-worker"

#ifndef GALLEY_LIBEXECDIR
#define GALLEY_LIBEXECDIR       "/usr/local/libexec/galley"
#define GALLEY_LIBEXEC_FROM_BIN "../libexec/galley"
#endif

/* Where the worker may be, seen from the folder of this program: the build tree has both in one
 * folder, an installation may have been moved as a whole. */
static bool find_from_here(char *path, size_t size) {
  static const char *const places[] = {PROGRAM, GALLEY_LIBEXEC_FROM_BIN "/" PROGRAM};
  char here[WORKER_PROGRAM_PATH_MAX];
  ssize_t len = readlink("/proc/self/exe", here, sizeof here - 1);
  if (len <= 0)
    return false;
  here[len] = '\0';
  char *slash = strrchr(here, '/');
  if (slash == NULL)
    return false;
  slash[1] = '\0';
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    int n = snprintf(path, size, "%s%s", here, places[i]);
    if (n > 0 && (size_t)n < size && access(path, X_OK) == 0)
      return true;
  }
  return false;
}

static void find(char *path, size_t size) {
  const char *named = getenv("GALLEY_WORKER");
  if (named != NULL && named[0] != '\0')
    snprintf(path, size, "%s", named);
  else if (!find_from_here(path, size))
    snprintf(path, size, "%s", GALLEY_LIBEXECDIR "/" PROGRAM);
}

static void add(struct worker_program *program, size_t *n, const char *name, const char *value) {
  if (value == NULL)
    return;
  assert(*n + 2 < WORKER_PROGRAM_ARGS_MAX);
  program->argv[(*n)++] = (char *)name;
  program->argv[(*n)++] = (char *)value;
}

void worker_program_make(struct worker_program *program, const struct session *session,
                         const struct work_options *options) {
  const struct {
    const char *name;
    int64_t value, absent;
    const char *unit;
  } numbers[] = {{"--processes", options->processes, 0, ""},
                 {"--slots", options->slots, 0, ""},
                 {"--lease", options->lease_ms, 0, "ms"},
                 {"--grace", options->grace_ms, -1, "ms"}};
  size_t n = 0;
  *program = (struct worker_program){0};
  find(program->path, sizeof program->path);
  program->argv[n++] = program->path;
  add(program, &n, "--database", session->database);
  add(program, &n, "--config", session->config_file);
  add(program, &n, "--kinds", options->kinds);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    snprintf(program->numbers[i], sizeof program->numbers[i], "%" PRId64 "%s", numbers[i].value,
             numbers[i].unit);
    if (numbers[i].value != numbers[i].absent)
      add(program, &n, numbers[i].name, program->numbers[i]);
  }
  if (options->drain)
    program->argv[n++] = (char *)"--drain";
}
