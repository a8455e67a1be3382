#include "handler.h"

#include "handler_list.h"

#include <string.h>

const struct handler *const handler_registry[] = {&handler_collect, &handler_research,
                                                  &handler_write, &handler_publish};
const size_t handler_count = sizeof handler_registry / sizeof handler_registry[0];

const struct handler *handler_find(const struct config *config, const char *kind) {
  for (size_t i = 0; i < handler_count; i++)
    if (strcmp(handler_registry[i]->kind, kind) == 0)
      return handler_registry[i];
  return config_program(config, kind) ? &handler_exec : NULL;
}
