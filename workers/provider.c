#include "provider.h"
#include "provider_list.h"

#include <stdlib.h>
#include <string.h>

const struct provider *const provider_registry[] = {
    &provider_feed,
    &provider_research_embedded,
    &provider_write_embedded,
    &provider_folder,
};
const size_t provider_count = sizeof provider_registry / sizeof provider_registry[0];

const struct provider *provider_find(enum stage stage, const char *name) {
  if (name == NULL)
    return NULL;
  for (size_t i = 0; i < provider_count; i++)
    if (provider_registry[i]->stage == stage && strcmp(provider_registry[i]->name, name) == 0)
      return provider_registry[i];
  return NULL;
}

void request_draft_fini(struct request_draft *draft) {
  for (size_t i = 0; i < sizeof draft->owned / sizeof draft->owned[0]; i++)
    free(draft->owned[i]);
  *draft = (struct request_draft){0};
}
