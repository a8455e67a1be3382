#include "id_list.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

void id_list_clear(struct id_list *list) {
  list->n = 0;
  list->len = 0;
}

void id_list_add(struct id_list *list, int64_t id) {
  assert(list->n < GALLEY_BATCH_MAX);
  if (list->n == 0)
    list->first = id;
  size_t left = sizeof list->text - list->len;
  list->len +=
      (size_t)snprintf(list->text + list->len, left, "%c%" PRId64, list->n == 0 ? '[' : ',', id);
  list->n++;
}

const char *id_list_text(struct id_list *list) {
  if (list->n == 0)
    return "[]";
  list->text[list->len] = ']';
  list->text[list->len + 1] = '\0';
  return list->text;
}
