/*
 * sqlite_vfs.h - the VFS "galley", through which every connection of ours is opened: SQLite's
 * default one, with three additions. Two keep the checkpoints of older SQLite (3.7.0 to 3.51.2;
 * ARCHITECTURE.md, "SQLite") from losing commits.
 *
 * A connection that begins the log anew holds the lock of checkpoints meanwhile, so that no reset
 * of ours lies inside a checkpoint by whatever program. Where the lock is taken already, SQLite
 * appends to the log instead.
 *
 * A checkpoint of ours that has read the header of one log copies nothing of another that was begun
 * since, by whatever program: that is what newer SQLite looks for too.
 *
 * And the frames of one transaction reach the log in one write (sqlite_frames.h).
 *
 * Only the main database's file and its log's are wrapped; journals and temporary files are the
 * default VFS's own.
 */
#ifndef SQLITE_VFS_H
#define SQLITE_VFS_H

#include <sqlite3.h>

#define SQLITE_VFS_NAME "galley"

/* Opens a connection for one thread at a time, with extended codes, through this VFS. `flags` as
 * for sqlite3_open_v2, which also says what *h is after a failure. The first call of a process
 * registers the VFS over the one that is then the default; calls from several threads may meet. */
int sqlite_vfs_open(const char *path, int flags, sqlite3 **h);

#endif
