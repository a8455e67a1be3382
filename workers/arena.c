#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 65536

struct arena_block {
  struct arena_block *next;
  size_t used, size;
  alignas(max_align_t) unsigned char bytes[];
};

static void *fail(struct arena *arena) {
  arena->failed = true;
  return NULL;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size) {
  if (size != 0 && count > SIZE_MAX / 4 / size)
    return fail(arena);
  size_t need = (count * size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
  struct arena_block *block = arena->blocks;
  if (block == NULL || block->size - block->used < need) {
    size_t room = need > BLOCK_BYTES ? need : BLOCK_BYTES;
    block = calloc(1, sizeof *block + room);
    if (block == NULL)
      return fail(arena);
    block->size = room;
    block->next = arena->blocks;
    arena->blocks = block;
  }
  void *at = block->bytes + block->used;
  block->used += need;
  return at;
}

char *arena_copy(struct arena *arena, const char *bytes, size_t len) {
  char *copy = arena_alloc(arena, len + 1, 1);
  if (copy != NULL)
    memcpy(copy, bytes, len);
  return copy;
}

void arena_fini(struct arena *arena) {
  while (arena->blocks != NULL) {
    struct arena_block *block = arena->blocks;
    arena->blocks = block->next;
    free(block);
  }
  arena->failed = false;
}
