#include "disk_folder.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- markers ---- */

static bool is_at(const struct disk_file *file, const char *name) {
  struct stat st;
  return stat(name, &st) == 0 && st.st_dev == file->dev && st.st_ino == file->ino;
}

static bool has_name(const struct disk_file *file) {
  struct stat st;
  return fstat(file->marker, &st) == 0 && st.st_nlink > 0;
}

static void marker_show(struct disk_file *file) {
  if (file->marker_size == file->store.size)
    return;
  file->marker_size = file->store.size;
  int failed = ftruncate(file->marker, (off_t)file->marker_size);
  assert(!failed);
}

static bool marker_open(struct disk_file *file, const char *name, int flags) {
  struct stat st;
  file->marker = open(name, flags | O_RDWR | O_CLOEXEC, 0600);
  if (file->marker < 0 || fstat(file->marker, &st) != 0)
    return false;
  file->dev = st.st_dev;
  file->ino = st.st_ino;
  file->marker_size = (size_t)st.st_size;
  snprintf(file->name, sizeof file->name, "%s", name);
  return true;
}

/* ---- files ---- */

static void file_free(struct disk_file *file) {
  if (file->marker >= 0)
    close(file->marker);
  disk_store_fini(&file->store);
  free(file);
}

static struct disk_file *file_new(struct disk_folder *folder, const char *name, int flags) {
  struct disk_file *file = calloc(1, sizeof *file);
  assert(file);
  if (!marker_open(file, name, flags)) {
    file_free(file);
    return NULL;
  }
  file->next = folder->files;
  folder->files = file;
  return file;
}

static bool is_named_again(const struct disk_folder *folder, const struct disk_file *file) {
  for (size_t i = 0; i < folder->n_namings; i++)
    if (folder->namings[i].before == file || folder->namings[i].after == file)
      return true;
  return false;
}

/* Frees files that have no name any more, nobody has open, and no power cut can bring back. */
static void sweep(struct disk_folder *folder) {
  struct disk_file **at = &folder->files;
  while (*at) {
    struct disk_file *file = *at;
    if (file->n_open > 0 || has_name(file) || is_named_again(folder, file)) {
      at = &file->next;
      continue;
    }
    *at = file->next;
    file_free(file);
  }
}

void disk_folder_clear(struct disk_folder *folder) {
  for (struct disk_file *file = folder->files; file; file = file->next) {
    assert(file->n_open == 0);
    if (is_at(file, file->name))
      unlink(file->name);
  }
  while (folder->files) {
    struct disk_file *file = folder->files;
    folder->files = file->next;
    file_free(file);
  }
  free(folder->namings);
  *folder = (struct disk_folder){0};
}

struct disk_file *disk_folder_find(struct disk_folder *folder, const char *name) {
  struct stat st;
  if (stat(name, &st) != 0)
    return NULL;
  for (struct disk_file *file = folder->files; file; file = file->next)
    if (file->dev == st.st_dev && file->ino == st.st_ino) {
      if (file->n_open == 0 && file->marker_size > 0 && st.st_size == 0) {
        disk_store_fini(&file->store); /* somebody else made it empty */
        file->marker_size = 0;
      }
      return file;
    }
  return file_new(folder, name, 0);
}

/* ---- names ---- */

static void naming_add(struct disk_folder *folder, const char *name, struct disk_file *before,
                       struct disk_file *after) {
  if (folder->n_namings == folder->namings_room) {
    folder->namings_room = folder->namings_room ? 2 * folder->namings_room : 16;
    folder->namings = realloc(folder->namings, folder->namings_room * sizeof *folder->namings);
    assert(folder->namings);
  }
  struct disk_naming *naming = &folder->namings[folder->n_namings++];
  *naming = (struct disk_naming){.before = before, .after = after};
  snprintf(naming->name, sizeof naming->name, "%s", name);
}

struct disk_file *disk_folder_create(struct disk_folder *folder, const char *name) {
  sweep(folder);
  struct disk_file *file = file_new(folder, name, O_CREAT | O_EXCL);
  if (file)
    naming_add(folder, name, NULL, file);
  return file;
}

void disk_folder_delete(struct disk_folder *folder, struct disk_file *file, const char *name) {
  unlink(name);
  naming_add(folder, name, file, NULL);
}

void disk_folder_sync(struct disk_folder *folder) {
  folder->n_namings = 0;
  sweep(folder);
}

void disk_folder_sync_file(struct disk_folder *folder, struct disk_file *file) {
  disk_store_sync(&file->store);
  for (size_t i = 0; i < folder->n_namings; i++)
    if (folder->namings[i].after == file) {
      disk_folder_sync(folder);
      return;
    }
}

void disk_folder_show(struct disk_folder *folder) {
  for (struct disk_file *file = folder->files; file; file = file->next)
    marker_show(file);
}

/* ---- the power cut ---- */

static void naming_undo(struct disk_naming *naming) {
  struct disk_file *before = naming->before;
  if (naming->after && is_at(naming->after, naming->name))
    unlink(naming->name);
  if (!before || is_at(before, naming->name))
    return;
  close(before->marker);
  bool made = marker_open(before, naming->name, O_CREAT | O_EXCL);
  assert(made);
}

/* A file system with a journal loses names from the end only. */
static void lose_names(struct disk_folder *folder, enum disk_loss loss, uint64_t *random) {
  size_t keep = 0;
  if (loss == DISK_KEEP_ALL)
    keep = folder->n_namings;
  else if (loss != DISK_LOSE_ALL)
    keep = disk_store_random(random) % (folder->n_namings + 1);
  while (folder->n_namings > keep)
    naming_undo(&folder->namings[--folder->n_namings]);
  folder->n_namings = 0;
}

void disk_folder_lose(struct disk_folder *folder, enum disk_loss loss, uint64_t *random) {
  lose_names(folder, loss, random);
  for (struct disk_file *file = folder->files; file; file = file->next)
    disk_store_lose(&file->store, loss, random);
  sweep(folder);
  disk_folder_show(folder);
}
