/*
 * id_list.h - the ids of a batch as a JSON array, which one statement takes as one parameter.
 */
#ifndef ID_LIST_H
#define ID_LIST_H

#include "galley.h"

#define ID_LIST_DIGITS 20 /* of the longest 64-bit number, or 19 and its comma */

struct id_list {
  size_t n, len;
  int64_t first; /* when n > 0 */
  char text[GALLEY_BATCH_MAX * (ID_LIST_DIGITS + 1) + 2];
};

void id_list_clear(struct id_list *list);
/* At most GALLEY_BATCH_MAX ids; an assertion holds the caller to it. */
void id_list_add(struct id_list *list, int64_t id);
/* The array, closed: "[1,2]". Borrowed from the list until it changes. */
const char *id_list_text(struct id_list *list);

#endif
