/*
 * disk_store.h - the bytes of one file of the disk in memory: as processes see them, and what of
 * them a power cut may take away.
 */
#ifndef DISK_STORE_H
#define DISK_STORE_H

#include "disk.h"

#include <stddef.h>

/* One write or truncation that was not synced. */
struct disk_change {
  size_t at, len;       /* the range whose bytes it changed */
  size_t before, after; /* size of the file */
  bool cut;             /* a truncation */
  unsigned char *bytes; /* what stood there; NULL: zeros, as beyond the end */
};

/* Bytes from size to room are zero. */
struct disk_store {
  unsigned char *data;
  size_t size, room;
  struct disk_change *changes; /* oldest first */
  size_t n_changes, changes_room;
};

void disk_store_fini(struct disk_store *store);
/* Up to n bytes from `at`; how many there are. */
size_t disk_store_read(const struct disk_store *store, void *out, size_t n, size_t at);
void disk_store_write(struct disk_store *store, const void *data, size_t n, size_t at);
void disk_store_truncate(struct disk_store *store, size_t size);
/* Everything so far has reached the disk. */
void disk_store_sync(struct disk_store *store);
/* A power cut; what is left counts as synced. */
void disk_store_lose(struct disk_store *store, enum disk_loss loss, uint64_t *random);

/* The next random number of a state that is any number (splitmix64, public domain). */
uint64_t disk_store_random(uint64_t *state);

#endif
