#include "disk_store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR     512 /* what reaches a disk whole or not at all */
#define ROOM_FIRST 65536
#define STORE_MAX  ((size_t)1 << 30) /* of a file: tests are small, and a runaway is an error */

uint64_t disk_store_random(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static void reserve(struct disk_store *store, size_t size) {
  size_t room = store->room ? store->room : ROOM_FIRST;
  assert(size <= STORE_MAX);
  while (room < size)
    room *= 2;
  if (room == store->room)
    return;
  store->data = realloc(store->data, room);
  assert(store->data);
  memset(store->data + store->room, 0, room - store->room);
  store->room = room;
}

static struct disk_change *change_add(struct disk_store *store) {
  if (store->n_changes == store->changes_room) {
    store->changes_room = store->changes_room ? 2 * store->changes_room : 64;
    store->changes = realloc(store->changes, store->changes_room * sizeof *store->changes);
    assert(store->changes);
  }
  return &store->changes[store->n_changes++];
}

static void forget_changes(struct disk_store *store) {
  for (size_t i = 0; i < store->n_changes; i++)
    free(store->changes[i].bytes);
  store->n_changes = 0;
}

void disk_store_fini(struct disk_store *store) {
  forget_changes(store);
  free(store->changes);
  free(store->data);
  *store = (struct disk_store){0};
}

size_t disk_store_read(const struct disk_store *store, void *out, size_t n, size_t at) {
  size_t there = at < store->size ? store->size - at : 0;
  if (there > n)
    there = n;
  if (there > 0)
    memcpy(out, store->data + at, there);
  return there;
}

static void set_bytes(struct disk_change *change, const struct disk_store *store) {
  change->bytes = NULL;
  if (change->at >= change->before)
    return;
  change->bytes = malloc(change->len);
  assert(change->bytes);
  memcpy(change->bytes, store->data + change->at, change->len);
}

void disk_store_write(struct disk_store *store, const void *data, size_t n, size_t at) {
  if (n == 0)
    return;
  reserve(store, at + n);
  struct disk_change *change = change_add(store);
  *change = (struct disk_change){.at = at, .len = n, .before = store->size, .after = store->size};
  if (change->after < at + n)
    change->after = at + n;
  set_bytes(change, store);
  memcpy(store->data + at, data, n);
  store->size = change->after;
}

void disk_store_truncate(struct disk_store *store, size_t size) {
  if (size == store->size)
    return;
  reserve(store, size);
  struct disk_change *change = change_add(store);
  *change = (struct disk_change){.at = size, .before = store->size, .after = size, .cut = true};
  if (size < store->size) {
    change->len = store->size - size;
    set_bytes(change, store);
    memset(store->data + size, 0, change->len);
  }
  store->size = size;
}

void disk_store_sync(struct disk_store *store) {
  forget_changes(store);
}

/* ---- the power cut ---- */

/* Takes the newest change back; its bytes are then those that it had written. */
static void undo(struct disk_store *store, struct disk_change *change) {
  unsigned char *old = change->bytes ? change->bytes : calloc(1, change->len ? change->len : 1);
  assert(old);
  for (size_t i = 0; i < change->len; i++) {
    unsigned char byte = old[i];
    old[i] = store->data[change->at + i];
    store->data[change->at + i] = byte;
  }
  change->bytes = old;
  store->size = change->before;
}

static void redo_cut(struct disk_store *store, const struct disk_change *change) {
  if (change->after < store->size)
    memset(store->data + change->after, 0, store->size - change->after);
  store->size = change->after;
}

/* With `random`, each sector of it or not. */
static void redo_write(struct disk_store *store, const struct disk_change *change,
                       uint64_t *random) {
  size_t end = change->at + change->len;
  for (size_t at = change->at, next; at < end; at = next) {
    next = (at / SECTOR + 1) * SECTOR;
    if (next > end)
      next = end;
    if (random && (disk_store_random(random) & 1) == 0)
      continue;
    memcpy(store->data + at, change->bytes + (at - change->at), next - at);
    if (store->size < next)
      store->size = next;
  }
}

static void redo(struct disk_store *store, const struct disk_change *change, uint64_t *torn) {
  if (change->cut)
    redo_cut(store, change);
  else
    redo_write(store, change, torn);
}

/* Each change is kept, lost or torn by itself. How many are lost differs from cut to cut, so that
 * some cuts take much, some a single write out of the middle. */
static void lose_any(struct disk_store *store, bool tear, uint64_t *random) {
  uint64_t lost_of_64 = 1 + disk_store_random(random) % 63;
  for (size_t i = 0; i < store->n_changes; i++) {
    bool lost = disk_store_random(random) % 64 < lost_of_64;
    if (!lost)
      redo(store, &store->changes[i], NULL);
    else if (tear && (disk_store_random(random) & 1))
      redo(store, &store->changes[i], random);
  }
}

void disk_store_lose(struct disk_store *store, enum disk_loss loss, uint64_t *random) {
  size_t keep = 0;
  if (loss == DISK_KEEP_ALL)
    keep = store->n_changes;
  else if (loss == DISK_LOSE_SUFFIX && store->n_changes > 0)
    keep = disk_store_random(random) % (store->n_changes + 1);
  for (size_t i = store->n_changes; i > keep; i--)
    undo(store, &store->changes[i - 1]);
  if (loss == DISK_LOSE_ANY || loss == DISK_TEAR)
    lose_any(store, loss == DISK_TEAR, random);
  forget_changes(store);
}
