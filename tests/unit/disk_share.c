#include "disk_share.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* A file without a name, which each connection maps for itself. */
struct disk_shm {
  int fd;
  size_t size;
  int n_living, n_mapped; /* connections */
};

/* ---- who is there ---- */

void disk_share_join(struct disk_share *share, struct disk_client *client) {
  client->next = share->clients;
  share->clients = client;
}

static void take_out(struct disk_share *share, struct disk_client *client) {
  struct disk_client **at = &share->clients;
  while (*at != client)
    at = &(*at)->next;
  *at = client->next;
}

static void lose_shm(struct disk_share *share, struct disk_client *client) {
  if (client->shm && --client->shm->n_living == 0)
    share->shm = NULL;
}

void disk_share_die(struct disk_share *share, struct disk_client *client) {
  take_out(share, client);
  lose_shm(share, client);
  client->dead = true;
  for (size_t i = 0; i < DISK_SHARE_REGIONS_MAX; i++) {
    if (!client->regions[i])
      continue;
    void *own = mmap(client->regions[i], client->region_size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_FIXED, client->shm->fd, (off_t)(i * client->region_size));
    assert(own == client->regions[i]);
  }
}

void disk_share_leave(struct disk_share *share, struct disk_client *client) {
  disk_share_unmap(share, client);
  if (!client->dead)
    take_out(share, client);
}

/* ---- the database file ---- */

static int highest_of_others(const struct disk_share *share, const struct disk_client *client) {
  int level = SQLITE_LOCK_NONE;
  for (const struct disk_client *other = share->clients; other; other = other->next)
    if (other != client && other->level > level)
      level = other->level;
  return level;
}

/* "File Locking And Concurrency In SQLite Version 3", section 3. */
bool disk_share_lock(struct disk_share *share, struct disk_client *client, int level) {
  int others = highest_of_others(share, client);
  if (client->level >= level)
    return true;
  if (others >= SQLITE_LOCK_PENDING ||
      (level >= SQLITE_LOCK_RESERVED && others >= SQLITE_LOCK_RESERVED))
    return false;
  bool free = level < SQLITE_LOCK_EXCLUSIVE || others == SQLITE_LOCK_NONE;
  client->level = free ? level : SQLITE_LOCK_PENDING; /* which keeps new readers out */
  return free;
}

void disk_share_unlock(struct disk_client *client, int level) {
  if (client->level > level)
    client->level = level;
}

bool disk_share_reserved(const struct disk_share *share) {
  return highest_of_others(share, NULL) >= SQLITE_LOCK_RESERVED;
}

/* ---- the wal-index ---- */

static struct disk_shm *shm_new(void) {
  struct disk_shm *shm = calloc(1, sizeof *shm);
  assert(shm);
  shm->fd = memfd_create("wal-index", MFD_CLOEXEC);
  assert(shm->fd >= 0);
  return shm;
}

bool disk_share_map_grows(const struct disk_share *share, int region, int size) {
  return !share->shm || share->shm->size < ((size_t)region + 1) * (size_t)size;
}

static void attach(struct disk_share *share, struct disk_client *client, size_t region_size) {
  if (client->shm)
    return;
  if (!share->shm)
    share->shm = shm_new();
  client->shm = share->shm;
  client->region_size = region_size;
  client->shm->n_living++;
  client->shm->n_mapped++;
}

void disk_share_map(struct disk_share *share, struct disk_client *client, int region, int size,
                    bool extend, void volatile **out) {
  size_t i = (size_t)region, end = (i + 1) * (size_t)size;
  assert(i < DISK_SHARE_REGIONS_MAX);
  attach(share, client, (size_t)size);
  struct disk_shm *shm = client->shm;
  if (shm->size < end && extend) {
    int failed = ftruncate(shm->fd, (off_t)end);
    assert(!failed);
    shm->size = end;
  }
  if (!client->regions[i] && shm->size >= end) {
    client->regions[i] = mmap(NULL, client->region_size, PROT_READ | PROT_WRITE, MAP_SHARED,
                              shm->fd, (off_t)(i * client->region_size));
    assert(client->regions[i] != MAP_FAILED);
  }
  *out = client->regions[i];
}

bool disk_share_shm_lock(struct disk_share *share, struct disk_client *client, unsigned mask,
                         int flags) {
  if (flags & SQLITE_SHM_UNLOCK) {
    client->shared &= ~mask;
    client->exclusive &= ~mask;
    return true;
  }
  for (const struct disk_client *other = share->clients; other; other = other->next) {
    unsigned against = other->exclusive | ((flags & SQLITE_SHM_EXCLUSIVE) ? other->shared : 0);
    if (other != client && (against & mask))
      return false;
  }
  if (flags & SQLITE_SHM_EXCLUSIVE)
    client->exclusive |= mask;
  else
    client->shared |= mask;
  return true;
}

void disk_share_unmap(struct disk_share *share, struct disk_client *client) {
  struct disk_shm *shm = client->shm;
  if (!shm)
    return;
  for (size_t i = 0; i < DISK_SHARE_REGIONS_MAX; i++)
    if (client->regions[i]) {
      munmap(client->regions[i], client->region_size);
      client->regions[i] = NULL;
    }
  if (!client->dead)
    lose_shm(share, client);
  client->shm = NULL;
  client->shared = client->exclusive = 0;
  if (--shm->n_mapped == 0) {
    close(shm->fd);
    free(shm);
  }
}
