#include "worker_program.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "galley-worker"

#ifndef GALLEY_LIBEXECDIR
#define GALLEY_LIBEXECDIR "/usr/local/libexec/galley"
#endif

static bool beside_this(char *path, size_t size) {
  ssize_t len = readlink("/proc/self/exe", path, size - sizeof PROGRAM - 1);
  if (len <= 0)
    return false;
  path[len] = '\0';
  char *slash = strrchr(path, '/');
  if (slash == NULL)
    return false;
  memcpy(slash + 1, PROGRAM, sizeof PROGRAM);
  return access(path, X_OK) == 0;
}

static void find(char *path, size_t size) {
  const char *named = getenv("GALLEY_WORKER");
  if (named != NULL && named[0] != '\0')
    snprintf(path, size, "%s", named);
  else if (!beside_this(path, size))
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
