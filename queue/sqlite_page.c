#include "sqlite_page.h"

#include "env.h"
#include "point.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE_MAGIC 0x67617465 /* "gate" */
/* Grows with each change of the layout, or of the messages of handover.c; the sizes tell 32-bit
 * programs from 64-bit ones. */
#define PAGE_VERSION  (3u << 16 | (uint32_t)sizeof(struct sqlite_page))
#define PAGE_END      (SQLITE_PAGE_OFFSET + SQLITE_PAGE_SIZE)
#define MAP_TRIES     100
#define MAP_PAUSE_NS  500000 /* between two of them, while another process makes the page */
#define MADE_BY_US    1
#define USED_BY_OTHER 2

static_assert(sizeof(struct sqlite_page) <= SQLITE_PAGE_SIZE, "it fits");

static bool lock(int fd, short type) {
  struct flock lock = {
      .l_type = type, .l_whence = SEEK_SET, .l_start = SQLITE_PAGE_LOCK, .l_len = 1};
  return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/* 0: neither, within the time. */
static int lock_for_use(int fd) {
  const struct timespec pause = {.tv_nsec = MAP_PAUSE_NS};
  for (int i = 0; i < MAP_TRIES; i++) {
    if (lock(fd, F_WRLCK))
      return MADE_BY_US;
    if (lock(fd, F_RDLCK))
      return USED_BY_OTHER;
    if (errno != EAGAIN && errno != EACCES)
      return 0; /* no file, or one that has no such locks */
    nanosleep(&pause, NULL);
  }
  return 0;
}

/* Written and not only reserved: a hole of a mapped file that finds no room is a SIGBUS. */
static bool has_room(int fd, bool make) {
  static const char zeros[SQLITE_PAGE_SIZE];
  struct stat st;
  if (fstat(fd, &st) != 0)
    return false;
  if (st.st_size >= PAGE_END)
    return true;
  return make && pwrite(fd, zeros, sizeof zeros, SQLITE_PAGE_OFFSET) == (ssize_t)SQLITE_PAGE_SIZE;
}

static bool page_valid(const struct sqlite_page *page) {
  return page->magic == PAGE_MAGIC && page->version == PAGE_VERSION;
}

/* What the last users knew of a failed sync stays true without them. */
static bool make(struct sqlite_page *page) {
  struct sqlite_sync_failure failure = {0};
  if (page_valid(page))
    failure = page->sync.failure;
  memset(page, 0, sizeof *page);
  if (!sqlite_gate_init(&page->gate) || !sqlite_futex_mutex_init(&page->checkpoint) ||
      !sqlite_sync_init(&page->sync, &failure) ||
      !sqlite_slots_init(&page->slots, env_system.random(NULL)))
    return false;
  page->magic = PAGE_MAGIC;
  page->version = PAGE_VERSION;
  return true;
}

/* From the file's first byte: where machine pages are larger, ours does not begin on one. */
static struct sqlite_page *map_page(int fd) {
  char *whole = mmap(NULL, PAGE_END, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return whole == MAP_FAILED ? NULL : (struct sqlite_page *)(void *)(whole + SQLITE_PAGE_OFFSET);
}

struct sqlite_page *sqlite_page_map(int fd) {
  int use = lock_for_use(fd);
  if (use == 0)
    return NULL;
  struct sqlite_page *page = has_room(fd, use == MADE_BY_US) ? map_page(fd) : NULL;
  bool ok = page && (use == MADE_BY_US ? make(page) : page_valid(page));
  POINT(page, made);
  if (ok && use == MADE_BY_US)
    ok = lock(fd, F_RDLCK); /* without a moment in which nobody holds it */
  if (ok)
    return page;
  if (page)
    munmap((char *)page - SQLITE_PAGE_OFFSET, PAGE_END);
  lock(fd, F_UNLCK);
  return NULL;
}

void sqlite_page_unmap(struct sqlite_page *page, int fd) {
  if (!page)
    return;
  munmap((char *)page - SQLITE_PAGE_OFFSET, PAGE_END);
  lock(fd, F_UNLCK);
}
