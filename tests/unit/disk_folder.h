/*
 * disk_folder.h - the names and files of the disk in memory. Each file has a real one of the same
 * name, its marker: it has the file's size and no contents. Which file a name means is told by the
 * marker's inode, so that links, renames and deletions by others than SQLite hold here too.
 */
#ifndef DISK_FOLDER_H
#define DISK_FOLDER_H

#include "disk_share.h"
#include "disk_store.h"

#include <sys/types.h>

#define DISK_FOLDER_NAME_MAX 512

struct disk_file {
  struct disk_file *next;
  struct disk_store store;
  struct disk_share share;
  int marker; /* held open, so that its inode is nobody else's */
  dev_t dev;
  ino_t ino;
  size_t marker_size;
  int n_open;                      /* handles, those of dead processes too */
  char name[DISK_FOLDER_NAME_MAX]; /* it was made or found under */
};

/* A name that was given to a file or taken away, and may come back after a power cut. */
struct disk_naming {
  struct disk_file *before, *after; /* NULL: no file */
  char name[DISK_FOLDER_NAME_MAX];
};

struct disk_folder {
  struct disk_file *files;
  struct disk_naming *namings; /* not synced, oldest first */
  size_t n_namings, namings_room;
};

/* Forgets every file and removes its marker; none may be open. */
void disk_folder_clear(struct disk_folder *folder);
/* NULL when there is none. A real file that is not known yet is an empty file. */
struct disk_file *disk_folder_find(struct disk_folder *folder, const char *name);
/* NULL when the marker cannot be made. */
struct disk_file *disk_folder_create(struct disk_folder *folder, const char *name);
void disk_folder_delete(struct disk_folder *folder, struct disk_file *file, const char *name);
/* As fsync of the folder. */
void disk_folder_sync(struct disk_folder *folder);
/* Syncs a file; the first time its name too. */
void disk_folder_sync_file(struct disk_folder *folder, struct disk_file *file);
/* Gives the markers the sizes of their files. */
void disk_folder_show(struct disk_folder *folder);
/* A power cut. */
void disk_folder_lose(struct disk_folder *folder, enum disk_loss loss, uint64_t *random);

#endif
