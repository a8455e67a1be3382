/*
 * disk_share.h - what the connections to one file of the disk in memory share: the locks of the
 * database file, and the wal-index with its locks. Connections of one process and of several are
 * alike in this, as they are to SQLite's VFS for Unix.
 */
#ifndef DISK_SHARE_H
#define DISK_SHARE_H

#include <stdbool.h>
#include <stddef.h>

#define DISK_SHARE_REGIONS_MAX 64 /* of one wal-index: 256 K frames */

struct disk_shm;

/* One connection. */
struct disk_client {
  struct disk_client *next;
  int level;                  /* SQLITE_LOCK_NONE ... SQLITE_LOCK_EXCLUSIVE */
  unsigned shared, exclusive; /* locks of the wal-index, a bit each */
  struct disk_shm *shm;       /* NULL until it is mapped */
  void *regions[DISK_SHARE_REGIONS_MAX];
  size_t region_size;
  bool dead;
};

/* One file. */
struct disk_share {
  struct disk_client *clients; /* living ones */
  struct disk_shm *shm;        /* the present one; gone with the last that has it mapped */
};

void disk_share_join(struct disk_share *share, struct disk_client *client);
/* Its process is killed. Its locks go; its memory stays readable and writable, but is no more
 * shared with anybody, so that nothing that its code still does can be seen. */
void disk_share_die(struct disk_share *share, struct disk_client *client);
/* Also of a dead one. */
void disk_share_leave(struct disk_share *share, struct disk_client *client);

/* False: busy. */
bool disk_share_lock(struct disk_share *share, struct disk_client *client, int level);
void disk_share_unlock(struct disk_client *client, int level);
bool disk_share_reserved(const struct disk_share *share);

/* Whether mapping this region makes the wal-index longer. */
bool disk_share_map_grows(const struct disk_share *share, int region, int size);
/* *out is NULL when there is no such region and `extend` is not set. */
void disk_share_map(struct disk_share *share, struct disk_client *client, int region, int size,
                    bool extend, void volatile **out);
/* flags as for xShmLock. False: busy. */
bool disk_share_shm_lock(struct disk_share *share, struct disk_client *client, unsigned mask,
                         int flags);
void disk_share_unmap(struct disk_share *share, struct disk_client *client);

#endif
