#include "xml_memory.h"

#include <libxml/xmlmemory.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static _Atomic unsigned long failures;

static void *counted(void *memory, size_t size) {
  if (!memory && size > 0)
    failures++;
  return memory;
}

static void *watched_malloc(size_t size) {
  return counted(malloc(size), size);
}

static void *watched_realloc(void *old, size_t size) {
  return counted(realloc(old, size), size);
}

static char *watched_strdup(const char *text) {
  return counted(strdup(text), 1);
}

unsigned long xml_memory_failures(void) {
  static atomic_bool watching;
  if (!atomic_exchange(&watching, true))
    (void)xmlMemSetup(free, watched_malloc, watched_realloc, watched_strdup);
  return failures;
}
