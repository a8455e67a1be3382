/*
 * sqlite_page.h - a page of memory that all writing handles of one database share, in
 * `<database>-galley`: what the gate (sqlite_gate.h) and the sharing of syncs (sqlite_sync.h) keep
 * there. Everything in it is a help: without it each handle writes alone, slower and not less safe.
 *
 * Every handle holds a read lock (of its open file description) on one byte of the file while it
 * uses the page. Whoever can lock that byte for writing is alone, and makes the page anew, whatever
 * it finds: so a page that was left by a crash, by another boot of the machine, or in a copy of the
 * file, is never used.
 *
 * As with SQLite's own -shm file, a program that cuts the file short under its users kills them
 * (SIGBUS); its blocks are written before it is mapped, so that a full disk does not.
 */
#ifndef SQLITE_PAGE_H
#define SQLITE_PAGE_H

#include "sqlite_gate.h"
#include "sqlite_slots.h"
#include "sqlite_sync.h"

/* Bytes of the file, as sqlite_side.c lays it out: the page, the byte that is locked. */
#define SQLITE_PAGE_OFFSET 4096
#define SQLITE_PAGE_SIZE   45056
#define SQLITE_PAGE_LOCK   4000

struct sqlite_page {
  uint32_t magic;
  uint32_t version; /* of the layout: programs with another one use no page beside ours */
  /* Somebody has looked, or is about to, and will sleep if there is nothing: the next commit rings
   * the bell. Those after it need not, until somebody looks again. */
  _Atomic uint32_t asleep;
  struct sqlite_gate gate;
  pthread_mutex_t checkpoint; /* of the one who makes a checkpoint that all profit from */
  struct sqlite_sync sync;
  struct sqlite_slots slots;
};

/* The page of an open file (for reading and writing); NULL when there is none to be had: somebody
 * uses one of another layout, or the file system has no locks, no shared memory or no room. Takes
 * 50 ms at most. The descriptor is borrowed and must stay open as long as the page is used.
 */
struct sqlite_page *sqlite_page_map(int fd);
/* NULL is allowed. Nothing of the page may be locked by the caller any more. */
void sqlite_page_unmap(struct sqlite_page *page, int fd);

#endif
