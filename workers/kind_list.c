#include "kind_list.h"

#include "handler.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool add(struct kind_list *list, const char *name, size_t len) {
  if (list->n == GALLEY_KINDS_MAX)
    return false;
  char *copy = strndup(name, len);
  if (!copy)
    return false;
  list->names[list->n++] = copy;
  return true;
}

static bool add_all(struct kind_list *list, const struct config *config) {
  bool ok = true;
  for (size_t i = 0; ok && i < handler_count; i++)
    ok = add(list, handler_registry[i]->kind, strlen(handler_registry[i]->kind));
  for (size_t i = 0; ok && i < config->n_programs; i++)
    ok = add(list, config->programs[i].kind, strlen(config->programs[i].kind));
  return ok;
}

static bool add_wanted(struct kind_list *list, const struct config *config, const char *wanted,
                       char *error, size_t error_len) {
  for (const char *at = wanted; *at; at += *at == ',') {
    size_t len = strcspn(at, ",");
    if (len > 0 && !add(list, at, len)) {
      snprintf(error, error_len, "at most %d kinds", GALLEY_KINDS_MAX);
      return false;
    }
    if (len > 0 && !handler_find(config, list->names[list->n - 1])) {
      snprintf(error, error_len,
               "nothing serves the kind \"%s\": name one of collect, research, write, publish, or "
               "add [kind.%s] to the configuration",
               list->names[list->n - 1], list->names[list->n - 1]);
      return false;
    }
    at += len;
  }
  if (list->n > 0)
    return true;
  snprintf(error, error_len, "no kind was named");
  return false;
}

static char *to_json(const struct kind_list *list) {
  json_t *array = json_array();
  for (size_t i = 0; array && i < list->n; i++)
    json_array_append_new(array, json_string(list->names[i]));
  char *text = array ? json_dumps(array, JSON_COMPACT) : NULL;
  json_decref(array);
  return text;
}

bool kind_list_init(struct kind_list *list, const struct config *config, const char *wanted,
                    char *error, size_t error_len) {
  memset(list, 0, sizeof *list);
  if (wanted) {
    if (!add_wanted(list, config, wanted, error, error_len))
      return false;
  } else if (!add_all(list, config)) {
    snprintf(error, error_len, "no memory for the list of kinds, or more than %d of them",
             GALLEY_KINDS_MAX);
    return false;
  }
  list->json = to_json(list);
  if (list->json)
    return true;
  snprintf(error, error_len, "no memory for the list of kinds");
  return false;
}

void kind_list_fini(struct kind_list *list) {
  for (size_t i = 0; i < list->n; i++)
    free(list->names[i]);
  free(list->json);
  memset(list, 0, sizeof *list);
}
