/*
 * file_write.h - a whole file or none: written beside its place, synced, renamed over it, and the
 * folder synced. After a crash at any instant the file holds the old bytes or the new ones; what
 * may be left is one temporary file per target, ".<name>.galley-tmp", which the next write of the
 * same target takes over.
 */
#ifndef FILE_WRITE_H
#define FILE_WRITE_H

#include "galley.h"

#define FILE_WRITE_DEPTH_MAX 32 /* folders between the root and the file */

struct file_write {
  const char *root; /* an existing folder, absolute; it may be a symbolic link */
  const char *path; /* absolute, below root: "<root>/a/b/name" */
  const void *bytes;
  size_t len;
};

/* Writes the file with mode 0644 and makes missing folders between root and file with 0755, both
 * less the umask. A file that holds the same bytes already keeps its time stamp. Blocks on the
 * disk.
 *
 * Whatever fails, the file is as it was, and `error` (size error_len) has a sentence that names the
 * path and what to do:
 *   CANNOT_CREATE  the root is missing or is no folder, or a folder stands where the file belongs
 *   INVALID        the path leaves the root: "..", ".", empty parts, symbolic links below the root,
 *                  parts that are too long or too many
 *   DENIED         no permission, read-only file system
 *   FULL           no room, quota, file size limit
 *   BUSY           another process is writing this file just now
 *   UNAVAILABLE    anything else that the file system says; it may heal (a network file system) */
GALLEY_MUST_USE enum galley_rc file_write(const struct file_write *file, char *error,
                                          size_t error_len);

#endif
