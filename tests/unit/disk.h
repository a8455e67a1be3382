/*
 * disk.h - a disk in memory, as an SQLite VFS that becomes the default one, with processes that can
 * be killed, a power supply that can be cut, and operations that can be made to fail. galley's own
 * VFS then stands above it, so that everything of queue/ runs on it unchanged.
 *
 * All of it runs in one thread. Every open file belongs to a simulated process, the one that was
 * entered when it was opened; locks and shared memory are kept between simulated processes as the
 * kernel keeps them between real ones. Contents are in memory; beside each stands a real, empty
 * file of the same name, since galley looks at names with stat(2).
 */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum disk_op {
  DISK_OPEN,
  DISK_READ,
  DISK_WRITE,
  DISK_TRUNCATE,
  DISK_SYNC,
  DISK_SIZE,
  DISK_DELETE,
  DISK_ACCESS,
  DISK_LOCK,     /* locks of the database file, taken and released */
  DISK_SHM_LOCK, /* locks of the wal-index, taken and released */
  DISK_SHM_MAP,
  DISK_UNFETCH, /* nothing is mapped, but SQLite says so in the gap of a checkpoint in which older
                   ones lose commits (queue/sqlite_race.h); it cannot fail */
  DISK_SLEEP,   /* SQLite waits for a lock */
  DISK_N_OPS
};

/* What the hook says about an operation that is about to happen. */
enum disk_verdict {
  DISK_GO,
  DISK_FAIL, /* it fails with the I/O error of its kind, and does nothing; releasing a lock cannot
              */
  DISK_FULL, /* a write, or what makes a file longer, finds no room (a write may be cut short) */
  DISK_DIE   /* its process is killed at this point: see disk_kill */
};

#define DISK_ALL_OPS ((1u << DISK_N_OPS) - 1)

/* Called before each operation of a living process. `us` is the length of a DISK_SLEEP, else 0. It
 * may run other simulated processes before it returns (by switching stacks), but not call galley on
 * this process's handles. */
typedef enum disk_verdict disk_hook_fn(void *arg, int process, enum disk_op op, const char *name,
                                       int us);

/* What a power cut does to the writes (and truncations, creations, deletions) of each file that
 * were not synced. */
enum disk_loss {
  DISK_KEEP_ALL,    /* as if all had reached the disk */
  DISK_LOSE_ALL,    /* as if none had */
  DISK_LOSE_SUFFIX, /* a random number of the last ones of each file are lost */
  DISK_LOSE_ANY,    /* each may be lost, whatever came after it (reordered) */
  DISK_TEAR         /* as DISK_LOSE_ANY, and a write may be there in part: any of its 512-byte
                       sectors */
};

struct disk;

/* Makes the disk and registers its VFS as SQLite's default one: before the first galley_open of the
 * program, once. `seed` decides all that is random here. */
struct disk *disk_new(uint64_t seed);
/* After all handles were closed. */
void disk_free(struct disk *disk);
/* Forgets all files and processes and begins again with another seed, so that one program can make
 * many runs. All handles must be closed. */
void disk_reset(struct disk *disk, uint64_t seed);

/* A new process; it is numbered from 1. */
int disk_process(struct disk *disk);
/* Files that are opened from now on belong to it; so do the operations that are about names and
 * sleeps, which SQLite does without a file. Call it before each call on a handle of the process. */
void disk_enter(struct disk *disk, int process);
/* As kill -9: its locks are released and none of its operations does anything any more, all fail.
 * Its handles are still to be closed by the caller, for their memory; that touches nothing. */
void disk_kill(struct disk *disk, int process);
bool disk_alive(const struct disk *disk, int process);
/* Kills all processes, then loses what was not synced. What is left counts as synced. */
void disk_power_cut(struct disk *disk, enum disk_loss loss);

/* The hook; NULL takes it away. */
void disk_watch(struct disk *disk, disk_hook_fn *hook, void *arg);
/* Countdown: the n-th operation (from 1) among those whose bit (1u << op) is in `ops` and which the
 * verdict can befall gets it, and every later one too when `for_ever`. n = 0 takes it away. The
 * hook is asked first. */
void disk_fault(struct disk *disk, unsigned ops, uint64_t n, enum disk_verdict verdict,
                bool for_ever);
/* Operations so far in `ops`; how often the countdown struck since it was set. */
uint64_t disk_count(const struct disk *disk, unsigned ops);
uint64_t disk_struck(const struct disk *disk);

/* What SQLite's 'now' is, in milliseconds since 1970 UTC; NULL: the system's clock. */
typedef int64_t disk_clock_fn(void *arg);
void disk_clock(struct disk *disk, disk_clock_fn *now_ms, void *arg);
/* A file with these bytes, as if it had always been there; nobody may have it open. The bytes of a
 * file as processes see them, until the next operation on it; NULL when there is none. */
void disk_put(struct disk *disk, const char *path, const void *bytes, size_t n);
const void *disk_bytes(struct disk *disk, const char *path, size_t *n);

#endif
