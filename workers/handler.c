#include "handler.h"

#include "handler_list.h"

#include <stdlib.h>
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

void task_fail(struct task *task, enum galley_rc rc, const struct galley *q) {
  bool hopeless = rc == GALLEY_NONE || galley_rc_class(rc) == GALLEY_CLASS_CALLER;
  verdict_set(&task->verdict, hopeless ? GALLEY_DEAD : GALLEY_RETRY, -1, "data", "%s",
              galley_errmsg(q));
  task_finish(task);
}

void *task_new_state(struct task *task, size_t size) {
  task->state = calloc(1, size);
  if (!task->state) {
    verdict_set(&task->verdict, GALLEY_RETRY, -1, "memory", "no memory for a %s job",
                task->job->kind);
    task_finish(task);
  }
  return task->state;
}

enum galley_rc task_set_result(struct task *task, json_t *json) {
  free(task->result);
  task->result = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
  json_decref(json);
  return task->result ? GALLEY_OK : GALLEY_NO_MEMORY;
}
