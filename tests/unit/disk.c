#include "disk.h"

#include "disk_folder.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES_MAX 65536
#define SECTOR_SIZE   4096 /* what the VFS for Unix says */

struct fault {
  unsigned ops;
  uint64_t left; /* operations until it strikes; 0: never */
  enum disk_verdict verdict;
  bool for_ever;
  uint64_t struck;
};

struct handle {
  sqlite3_file base; /* first: SQLite's pointer is ours */
  struct disk *disk;
  struct disk_file *file;
  struct disk_client client;
  struct handle *next;
  int process;
  bool syncs_folder; /* its next sync is one of the folder too: a log or journal that it made */
};

struct disk {
  struct disk_folder folder;
  struct handle *handles;
  bool *alive; /* by process; [0] is not used */
  int n_processes, entered;
  uint64_t random;
  disk_hook_fn *hook;
  void *hook_arg;
  disk_clock_fn *clock;
  void *clock_arg;
  struct fault fault;
  uint64_t counts[DISK_N_OPS];
  sqlite3_vfs *system; /* SQLite's own for Unix */
};

/* galley's VFS keeps a pointer to it, for ever. */
static sqlite3_vfs disk_vfs;

/* ---- processes ---- */

int disk_process(struct disk *disk) {
  assert(disk->n_processes < PROCESSES_MAX);
  size_t n = (size_t)++disk->n_processes;
  disk->alive = realloc(disk->alive, (n + 1) * sizeof *disk->alive);
  assert(disk->alive);
  disk->alive[n] = true;
  return (int)n;
}

void disk_enter(struct disk *disk, int process) {
  assert(process > 0 && process <= disk->n_processes);
  disk->entered = process;
}

bool disk_alive(const struct disk *disk, int process) {
  return process > 0 && process <= disk->n_processes && disk->alive[process];
}

void disk_kill(struct disk *disk, int process) {
  if (!disk_alive(disk, process))
    return;
  disk->alive[process] = false;
  for (struct handle *handle = disk->handles; handle; handle = handle->next)
    if (handle->process == process)
      disk_share_die(&handle->file->share, &handle->client);
  disk_folder_show(&disk->folder);
}

void disk_power_cut(struct disk *disk, enum disk_loss loss) {
  for (int process = 1; process <= disk->n_processes; process++)
    disk_kill(disk, process);
  disk_folder_lose(&disk->folder, loss, &disk->random);
}

/* ---- what happens to an operation ---- */

struct request {
  enum disk_op op;
  int process;
  const char *name;
  int us;
  bool cannot_fail;
  bool needs_room;
};

static bool can_befall(const struct request *request, enum disk_verdict verdict) {
  if (verdict == DISK_FAIL)
    return !request->cannot_fail;
  return verdict != DISK_FULL || request->needs_room;
}

static enum disk_verdict count_down(struct fault *fault, const struct request *request) {
  if (fault->left == 0 || !(fault->ops & 1u << request->op) || !can_befall(request, fault->verdict))
    return DISK_GO;
  if (fault->left > 1) {
    fault->left--;
    return DISK_GO;
  }
  if (!fault->for_ever)
    fault->left = 0;
  fault->struck++;
  return fault->verdict;
}

/* DISK_GO: do it. Any other: do not, and errno is set as by the kernel. */
static enum disk_verdict ask(struct disk *disk, const struct request *request) {
  enum disk_verdict verdict = DISK_GO;
  if (!disk_alive(disk, request->process)) {
    errno = EIO;
    return DISK_DIE;
  }
  disk->counts[request->op]++;
  if (disk->hook)
    verdict = disk->hook(disk->hook_arg, request->process, request->op, request->name, request->us);
  if (verdict == DISK_GO || !can_befall(request, verdict))
    verdict = count_down(&disk->fault, request);
  if (verdict == DISK_DIE)
    disk_kill(disk, request->process);
  if (!disk_alive(disk, request->process)) /* a power cut from within the hook kills it too */
    verdict = DISK_DIE;
  if (verdict != DISK_GO)
    errno = verdict == DISK_FULL ? ENOSPC : EIO;
  return verdict;
}

static bool refused(sqlite3_file *base, enum disk_op op) {
  struct handle *handle = (struct handle *)base;
  return ask(handle->disk,
             &(struct request){.op = op, .process = handle->process, .name = handle->file->name}) !=
         DISK_GO;
}

static enum disk_verdict ask_room(struct handle *handle, enum disk_op op, bool needs_room) {
  return ask(handle->disk, &(struct request){.op = op,
                                             .process = handle->process,
                                             .name = handle->file->name,
                                             .needs_room = needs_room});
}

static bool refused_lock(struct handle *handle, enum disk_op op, bool release) {
  return ask(handle->disk, &(struct request){.op = op,
                                             .process = handle->process,
                                             .name = handle->file->name,
                                             .cannot_fail = release}) != DISK_GO;
}

static bool refused_name(struct disk *disk, enum disk_op op, const char *name) {
  return ask(disk, &(struct request){.op = op, .process = disk->entered, .name = name}) != DISK_GO;
}

/* ---- a file's bytes ---- */

static struct disk_store *store_of(sqlite3_file *base) {
  return &((struct handle *)base)->file->store;
}

static int file_close(sqlite3_file *base) {
  struct handle *handle = (struct handle *)base;
  struct handle **at = &handle->disk->handles;
  while (*at != handle)
    at = &(*at)->next;
  *at = handle->next;
  disk_share_leave(&handle->file->share, &handle->client);
  handle->file->n_open--;
  disk_folder_show(&handle->disk->folder);
  return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *out, int n, sqlite3_int64 at) {
  if (refused(base, DISK_READ))
    return SQLITE_IOERR_READ;
  size_t there = disk_store_read(store_of(base), out, (size_t)n, (size_t)at);
  if (there == (size_t)n)
    return SQLITE_OK;
  memset((char *)out + there, 0, (size_t)n - there);
  return SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *data, int n, sqlite3_int64 at) {
  struct handle *handle = (struct handle *)base;
  size_t part;
  switch (ask_room(handle, DISK_WRITE, true)) {
  case DISK_GO:
    disk_store_write(&handle->file->store, data, (size_t)n, (size_t)at);
    return SQLITE_OK;
  case DISK_FULL:
    part = disk_store_random(&handle->disk->random) % ((size_t)n + 1);
    disk_store_write(&handle->file->store, data, part, (size_t)at);
    return SQLITE_FULL;
  default:
    return SQLITE_IOERR_WRITE;
  }
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
  struct handle *handle = (struct handle *)base;
  bool grows = (size_t)size > handle->file->store.size;
  if (ask_room(handle, DISK_TRUNCATE, grows) != DISK_GO)
    return SQLITE_IOERR_TRUNCATE;
  disk_store_truncate(&handle->file->store, (size_t)size);
  return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags) {
  struct handle *handle = (struct handle *)base;
  (void)flags;
  if (refused(base, DISK_SYNC))
    return SQLITE_IOERR_FSYNC;
  disk_folder_sync_file(&handle->disk->folder, handle->file);
  if (handle->syncs_folder)
    disk_folder_sync(&handle->disk->folder);
  handle->syncs_folder = false;
  return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
  if (refused(base, DISK_SIZE))
    return SQLITE_IOERR_FSTAT;
  *size = (sqlite3_int64)store_of(base)->size;
  return SQLITE_OK;
}

/* ---- its locks and shared memory ---- */

static int file_lock(sqlite3_file *base, int level) {
  struct handle *handle = (struct handle *)base;
  if (refused_lock(handle, DISK_LOCK, false))
    return SQLITE_IOERR_LOCK;
  return disk_share_lock(&handle->file->share, &handle->client, level) ? SQLITE_OK : SQLITE_BUSY;
}

/* The end of a transaction, or of reading: a moment to show the sizes of files. */
static int file_unlock(sqlite3_file *base, int level) {
  struct handle *handle = (struct handle *)base;
  if (refused_lock(handle, DISK_LOCK, true))
    return SQLITE_IOERR_UNLOCK;
  disk_share_unlock(&handle->client, level);
  disk_folder_show(&handle->disk->folder);
  return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *base, int *reserved) {
  struct handle *handle = (struct handle *)base;
  *reserved = 0;
  if (refused_lock(handle, DISK_LOCK, false))
    return SQLITE_IOERR_CHECKRESERVEDLOCK;
  *reserved = disk_share_reserved(&handle->file->share);
  return SQLITE_OK;
}

static int file_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **out) {
  struct handle *handle = (struct handle *)base;
  bool grows = extend && disk_share_map_grows(&handle->file->share, region, size);
  *out = NULL;
  switch (ask_room(handle, DISK_SHM_MAP, grows)) {
  case DISK_GO:
    disk_share_map(&handle->file->share, &handle->client, region, size, extend, out);
    return SQLITE_OK;
  case DISK_FULL:
    return SQLITE_IOERR_SHMSIZE;
  default:
    return SQLITE_IOERR_SHMMAP;
  }
}

static int file_shm_lock(sqlite3_file *base, int first, int n, int flags) {
  struct handle *handle = (struct handle *)base;
  unsigned mask = ((1u << n) - 1) << first;
  bool release = flags & SQLITE_SHM_UNLOCK;
  if (refused_lock(handle, DISK_SHM_LOCK, release))
    return SQLITE_IOERR_SHMLOCK;
  if (release)
    disk_folder_show(&handle->disk->folder);
  return disk_share_shm_lock(&handle->file->share, &handle->client, mask, flags) ? SQLITE_OK
                                                                                 : SQLITE_BUSY;
}

static void file_shm_barrier(sqlite3_file *base) {
  (void)base;
}

static int file_shm_unmap(sqlite3_file *base, int remove) {
  struct handle *handle = (struct handle *)base;
  (void)remove; /* there is no file of it */
  disk_share_unmap(&handle->file->share, &handle->client);
  return SQLITE_OK;
}

/* ---- the rest of a file ---- */

static int file_control(sqlite3_file *base, int op, void *arg) {
  (void)base;
  switch (op) {
  case SQLITE_FCNTL_VFSNAME:
    *(char **)arg = sqlite3_mprintf("disk");
    return SQLITE_OK;
  case SQLITE_FCNTL_HAS_MOVED:
    *(int *)arg = 0;
    return SQLITE_OK;
  case SQLITE_FCNTL_MMAP_SIZE:
    *(sqlite3_int64 *)arg = 0;
    return SQLITE_OK;
  case SQLITE_FCNTL_SIZE_HINT:
  case SQLITE_FCNTL_CHUNK_SIZE:
    return SQLITE_OK;
  default:
    return SQLITE_NOTFOUND;
  }
}

static int file_sector_size(sqlite3_file *base) {
  (void)base;
  return SECTOR_SIZE;
}

static int file_characteristics(sqlite3_file *base) {
  (void)base;
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* a torn write spoils no bytes beside its own */
}

static int file_fetch(sqlite3_file *base, sqlite3_int64 at, int n, void **page) {
  (void)base;
  (void)at;
  (void)n;
  *page = NULL; /* nothing is mapped */
  return SQLITE_OK;
}

static int file_unfetch(sqlite3_file *base, sqlite3_int64 at, void *page) {
  (void)refused_lock((struct handle *)base, DISK_UNFETCH, true);
  (void)at;
  (void)page;
  return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 3,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector_size,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
    .xFetch = file_fetch,
    .xUnfetch = file_unfetch,
};

/* ---- names ---- */

static struct disk *disk_of(sqlite3_vfs *vfs) {
  return vfs->pAppData;
}

static struct disk_file *find_or_create(struct disk *disk, const char *name, int flags) {
  struct disk_file *file = disk_folder_find(&disk->folder, name);
  if (file || !(flags & SQLITE_OPEN_CREATE))
    return file;
  return disk_folder_create(&disk->folder, name);
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *out_flags) {
  struct disk *disk = disk_of(vfs);
  struct handle *handle = (struct handle *)base;
  if (!name) /* nobody else ever sees it, and it is never read again */
    return disk->system->xOpen(disk->system, name, base, flags, out_flags);
  base->pMethods = NULL;
  struct request request = {.op = DISK_OPEN, .process = disk->entered, .name = name};
  request.needs_room = (flags & SQLITE_OPEN_CREATE) && !disk_folder_find(&disk->folder, name);
  enum disk_verdict verdict = ask(disk, &request);
  if (verdict != DISK_GO) {
    if (verdict == DISK_FULL)
      errno = ENOENT; /* SQLite's VFS tries again for reading only, and finds no file */
    return SQLITE_CANTOPEN;
  }
  struct disk_file *file = find_or_create(disk, name, flags);
  if (!file)
    return SQLITE_CANTOPEN; /* errno tells why */
  *handle = (struct handle){
      .base.pMethods = &methods, .disk = disk, .file = file, .process = request.process};
  handle->syncs_folder =
      (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)) &&
      (flags & SQLITE_OPEN_CREATE);
  handle->next = disk->handles;
  disk->handles = handle;
  disk_share_join(&file->share, &handle->client);
  file->n_open++;
  if (out_flags)
    *out_flags = flags;
  return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
  struct disk *disk = disk_of(vfs);
  if (refused_name(disk, DISK_DELETE, name))
    return SQLITE_IOERR_DELETE;
  struct disk_file *file = disk_folder_find(&disk->folder, name);
  if (!file)
    return SQLITE_IOERR_DELETE_NOENT;
  disk_folder_delete(&disk->folder, file, name);
  if (sync_folder)
    disk_folder_sync(&disk->folder);
  return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
  struct disk *disk = disk_of(vfs);
  *out = 0;
  if (refused_name(disk, DISK_ACCESS, name))
    return SQLITE_IOERR_ACCESS;
  struct disk_file *file = disk_folder_find(&disk->folder, name);
  *out = file && (flags != SQLITE_ACCESS_EXISTS || file->store.size > 0);
  return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out) {
  sqlite3_vfs *system = disk_of(vfs)->system;
  return system->xFullPathname(system, name, n, out);
}

/* ---- chance and time ---- */

static int vfs_randomness(sqlite3_vfs *vfs, int n, char *out) {
  for (int i = 0; i < n; i++)
    out[i] = (char)(disk_store_random(&disk_of(vfs)->random) & 0xff);
  return n;
}

static int vfs_sleep(sqlite3_vfs *vfs, int us) {
  struct disk *disk = disk_of(vfs);
  (void)ask(
      disk,
      &(struct request){
          .op = DISK_SLEEP, .process = disk->entered, .name = "", .us = us, .cannot_fail = true});
  return us;
}

static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *ms) {
  const struct disk *disk = disk_of(vfs);
  if (!disk->clock)
    return disk->system->xCurrentTimeInt64(disk->system, ms);
  *ms = disk->clock(disk->clock_arg) + 210866760000000; /* Julian day 2440587.5 is 1970 */
  return SQLITE_OK;
}

static int vfs_time(sqlite3_vfs *vfs, double *days) {
  sqlite3_int64 ms;
  int rc = vfs_time_ms(vfs, &ms);
  *days = (double)ms / 86400000.0;
  return rc;
}

/* ---- the disk ---- */

static void plug_in(struct disk *disk) {
  int size = (int)sizeof(struct handle);
  disk_vfs = (sqlite3_vfs){
      .iVersion = 2,
      .szOsFile = disk->system->szOsFile > size ? disk->system->szOsFile : size,
      .mxPathname = DISK_FOLDER_NAME_MAX,
      .zName = "disk",
      .pAppData = disk,
      .xOpen = vfs_open,
      .xDelete = vfs_delete,
      .xAccess = vfs_access,
      .xFullPathname = vfs_full_path,
      .xRandomness = vfs_randomness,
      .xSleep = vfs_sleep,
      .xCurrentTime = vfs_time,
      .xCurrentTimeInt64 = vfs_time_ms,
  };
  int rc = sqlite3_vfs_register(&disk_vfs, 1);
  assert(rc == SQLITE_OK);
}

struct disk *disk_new(uint64_t seed) {
  struct disk *disk = calloc(1, sizeof *disk);
  assert(disk);
  disk->system = sqlite3_vfs_find("unix");
  assert(disk->system);
  plug_in(disk);
  disk_reset(disk, seed);
  return disk;
}

void disk_reset(struct disk *disk, uint64_t seed) {
  assert(!disk->handles);
  disk_folder_clear(&disk->folder);
  free(disk->alive);
  *disk = (struct disk){.random = seed, .system = disk->system};
  sqlite3_randomness(0, NULL); /* asks for a new seed when it is next needed */
}

void disk_free(struct disk *disk) {
  disk_reset(disk, 0);
  sqlite3_vfs_unregister(&disk_vfs);
  free(disk);
}

void disk_watch(struct disk *disk, disk_hook_fn *hook, void *arg) {
  disk->hook = hook;
  disk->hook_arg = arg;
}

void disk_fault(struct disk *disk, unsigned ops, uint64_t n, enum disk_verdict verdict,
                bool for_ever) {
  disk->fault = (struct fault){.ops = ops, .left = n, .verdict = verdict, .for_ever = for_ever};
}

uint64_t disk_count(const struct disk *disk, unsigned ops) {
  uint64_t n = 0;
  for (unsigned op = 0; op < DISK_N_OPS; op++)
    if (ops & 1u << op)
      n += disk->counts[op];
  return n;
}

uint64_t disk_struck(const struct disk *disk) {
  return disk->fault.struck;
}

void disk_clock(struct disk *disk, disk_clock_fn *now_ms, void *arg) {
  disk->clock = now_ms;
  disk->clock_arg = arg;
}

void disk_put(struct disk *disk, const char *path, const void *bytes, size_t n) {
  struct disk_file *file = find_or_create(disk, path, SQLITE_OPEN_CREATE);
  assert(file && file->n_open == 0);
  disk_store_fini(&file->store);
  disk_store_write(&file->store, bytes, n, 0);
  disk_folder_sync_file(&disk->folder, file);
  disk_folder_show(&disk->folder);
}

const void *disk_bytes(struct disk *disk, const char *path, size_t *n) {
  struct disk_file *file = disk_folder_find(&disk->folder, path);
  *n = file ? file->store.size : 0;
  return file ? file->store.data : NULL;
}
