/*
 * kind_list.h - the kinds that a worker serves: those that galley brings and those that the
 * configuration names, or the ones of them that were asked for.
 */
#ifndef KIND_LIST_H
#define KIND_LIST_H

#include "config.h"

struct kind_list {
  char *names[GALLEY_KINDS_MAX]; /* owned */
  size_t n;
  char *json; /* the same as a JSON array */
};

/* `wanted` is comma-separated or NULL. False: `error` tells of the unknown kind or of memory. */
bool kind_list_init(struct kind_list *list, const struct config *config, const char *wanted,
                    char *error, size_t error_len);
void kind_list_fini(struct kind_list *list);

#endif
