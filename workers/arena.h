/*
 * arena.h - memory for one computation that is released as a whole. A failed allocation is
 * remembered, so that a caller may check once at the end of a group of small ones.
 */
#ifndef ARENA_H
#define ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;
struct arena {
  struct arena_block *blocks; /* newest first */
  bool failed;                /* an allocation found no memory */
};

/* Zeroed room for `count` things of `size` bytes, aligned for any type; it lives until arena_fini.
 * NULL without memory, and then `failed` stays set. */
void *arena_alloc(struct arena *arena, size_t count, size_t size);
/* A copy of len bytes with a NUL behind it. */
char *arena_copy(struct arena *arena, const char *bytes, size_t len);
/* Releases everything; the arena is empty and usable again. */
void arena_fini(struct arena *arena);

#endif
