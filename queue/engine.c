#include "engine.h"

const struct engine *engine_find(const char *path) {
  (void)path; /* one engine so far; a URL's scheme will choose */
  return &sqlite_engine;
}
