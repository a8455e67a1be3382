#include "sqlite_vfs.h"

#include "sqlite_frames.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Locks of the wal-index, by their number ("WAL-Index Format" in SQLite's documents). All marks of
 * readers but the first are locked together for two ends: by a writer that begins the log anew, and
 * by a checkpoint that does so (RESTART, TRUNCATE), which holds the lock of checkpoints already. */
#define SHM_WRITE      0
#define SHM_CHECKPOINT 1
#define SHM_BACKFILL   3 /* the first mark of readers: held alone while a checkpoint copies */
#define SHM_READERS    4
#define SHM_N_READERS  (SQLITE_SHM_NLOCK - SHM_READERS)

#define SHM_TAKE    (SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE)
#define SHM_RELEASE (SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE)

#define SHM_REGION 32768 /* bytes of one, the first of which begins with the header */
#define SHM_SALT   8     /* its word from which two salts stand: others in each log begun anew */

/* A main database's file or its log's; the default VFS's own structure follows it. */
struct guarded_file {
  sqlite3_file base;
  sqlite3_io_methods methods; /* as many as the real file has */
  /* of a database */
  bool checkpointing; /* the lock of checkpoints is held as SQLite asked for it */
  bool resetting;     /* it is held as we added it */
  bool salted;        /* `salts` are those of the log as that lock was taken */
  uint32_t salts[2];
  struct guarded_file *log; /* NULL: not open */
  /* of a log */
  struct guarded_file *database;
  struct sqlite_frames frames;
};
static_assert(sizeof(struct guarded_file) % 8 == 0, "what follows it holds 64-bit numbers");

static struct guarded_file *guarded(sqlite3_file *file) {
  return (struct guarded_file *)file;
}

static sqlite3_file *real(sqlite3_file *file) {
  return (sqlite3_file *)(guarded(file) + 1);
}

/* ---- the additions ---- */

static bool read_salts(sqlite3_file *f, uint32_t salts[2]) {
  void volatile *map = NULL;
  if (f->pMethods->xShmMap(f, 0, SHM_REGION, 0, &map) != SQLITE_OK || !map)
    return false;
  const volatile uint32_t *words = map;
  salts[0] = words[SHM_SALT];
  salts[1] = words[SHM_SALT + 1];
  return true;
}

/* A checkpoint of ours is about to copy, by what it has read of the log's header before. Where the
 * log was begun anew since, "busy" makes SQLite copy nothing. */
static int copy_begin(struct guarded_file *file, sqlite3_file *f) {
  uint32_t salts[2];
  int rc = f->pMethods->xShmLock(f, SHM_BACKFILL, 1, SHM_TAKE);
  if (rc != SQLITE_OK)
    return rc;
  if (file->salted && read_salts(f, salts) && salts[0] == file->salts[0] &&
      salts[1] == file->salts[1])
    return SQLITE_OK;
  f->pMethods->xShmLock(f, SHM_BACKFILL, 1, SHM_RELEASE);
  return SQLITE_BUSY;
}

/* Never waits: SQLITE_BUSY makes SQLite append. */
static int reset_begin(struct guarded_file *file, sqlite3_file *f) {
  int rc = f->pMethods->xShmLock(f, SHM_CHECKPOINT, 1, SHM_TAKE);
  if (rc != SQLITE_OK)
    return rc;
  rc = f->pMethods->xShmLock(f, SHM_READERS, SHM_N_READERS, SHM_TAKE);
  file->resetting = rc == SQLITE_OK;
  if (rc != SQLITE_OK)
    f->pMethods->xShmLock(f, SHM_CHECKPOINT, 1, SHM_RELEASE);
  return rc;
}

static int file_shm_lock(sqlite3_file *base, int first, int n, int flags) {
  struct guarded_file *file = guarded(base);
  sqlite3_file *f = real(base);
  bool readers = first == SHM_READERS && n == SHM_N_READERS;
  if (readers && flags == SHM_TAKE && !file->checkpointing)
    return reset_begin(file, f);
  if (first == SHM_BACKFILL && n == 1 && flags == SHM_TAKE && file->checkpointing)
    return copy_begin(file, f);
  if (first == SHM_WRITE && flags == SHM_RELEASE && file->log)
    sqlite_frames_drop(&file->log->frames);
  int rc = f->pMethods->xShmLock(f, first, n, flags);
  if (readers && flags == SHM_RELEASE && file->resetting) {
    file->resetting = false;
    f->pMethods->xShmLock(f, SHM_CHECKPOINT, 1, SHM_RELEASE);
  }
  /* Recovery takes it among its neighbours. */
  if (first <= SHM_CHECKPOINT && first + n > SHM_CHECKPOINT && (flags & SQLITE_SHM_EXCLUSIVE) &&
      rc == SQLITE_OK) {
    file->checkpointing = (flags & SQLITE_SHM_LOCK) != 0;
    file->salted = file->checkpointing && read_salts(f, file->salts);
  }
  return rc;
}

/* ---- a log ---- */

static int log_close(sqlite3_file *file) {
  guarded(file)->database->log = NULL;
  sqlite_frames_free(&guarded(file)->frames);
  return real(file)->pMethods->xClose(real(file));
}

static int log_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at) {
  return sqlite_frames_write(&guarded(file)->frames, real(file), data, n, at);
}

static int log_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at) {
  int rc = sqlite_frames_flush(&guarded(file)->frames, real(file));
  return rc == SQLITE_OK ? real(file)->pMethods->xRead(real(file), out, n, at) : rc;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size) {
  int rc = sqlite_frames_flush(&guarded(file)->frames, real(file));
  return rc == SQLITE_OK ? real(file)->pMethods->xTruncate(real(file), size) : rc;
}

static int log_sync(sqlite3_file *file, int flags) {
  int rc = sqlite_frames_settle(&guarded(file)->frames, real(file));
  return rc == SQLITE_OK ? real(file)->pMethods->xSync(real(file), flags) : rc;
}

static int log_size(sqlite3_file *file, sqlite3_int64 *size) {
  int rc = sqlite_frames_flush(&guarded(file)->frames, real(file));
  return rc == SQLITE_OK ? real(file)->pMethods->xFileSize(real(file), size) : rc;
}

/* ---- the rest of a file, as it is ---- */

static int file_close(sqlite3_file *file) {
  return real(file)->pMethods->xClose(real(file));
}

static int file_read(sqlite3_file *file, void *out, int n, sqlite3_int64 at) {
  return real(file)->pMethods->xRead(real(file), out, n, at);
}

static int file_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at) {
  return real(file)->pMethods->xWrite(real(file), data, n, at);
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size) {
  return real(file)->pMethods->xTruncate(real(file), size);
}

static int file_sync(sqlite3_file *file, int flags) {
  return real(file)->pMethods->xSync(real(file), flags);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}

static int file_lock(sqlite3_file *file, int level) {
  return real(file)->pMethods->xLock(real(file), level);
}

static int file_unlock(sqlite3_file *file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}

static int file_check_reserved(sqlite3_file *file, int *reserved) {
  return real(file)->pMethods->xCheckReservedLock(real(file), reserved);
}

static int file_control(sqlite3_file *file, int op, void *arg) {
  int rc = real(file)->pMethods->xFileControl(real(file), op, arg);
  if (op == SQLITE_FCNTL_VFSNAME && rc == SQLITE_OK) { /* each layer adds its name */
    char **name = arg;
    *name = sqlite3_mprintf(SQLITE_VFS_NAME "/%z", *name);
    rc = *name ? SQLITE_OK : SQLITE_NOMEM;
  }
  return rc;
}

static int file_sector_size(sqlite3_file *file) {
  return real(file)->pMethods->xSectorSize(real(file));
}

static int file_characteristics(sqlite3_file *file) {
  return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int file_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out) {
  return real(file)->pMethods->xShmMap(real(file), region, size, extend, out);
}

static void file_shm_barrier(sqlite3_file *file) {
  real(file)->pMethods->xShmBarrier(real(file));
}

static int file_shm_unmap(sqlite3_file *file, int remove) {
  return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static int file_fetch(sqlite3_file *file, sqlite3_int64 at, int n, void **page) {
  return real(file)->pMethods->xFetch(real(file), at, n, page);
}

static int file_unfetch(sqlite3_file *file, sqlite3_int64 at, void *page) {
  return real(file)->pMethods->xUnfetch(real(file), at, page);
}

static const sqlite3_io_methods all_methods = {
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

/* SQLite asks by version and by member what a file can do: a file without shared memory (nolock)
 * must not seem to have it. */
static void copy_methods(sqlite3_io_methods *out, const sqlite3_io_methods *of) {
  *out = all_methods;
  if (of->iVersion < out->iVersion)
    out->iVersion = of->iVersion;
  if (!of->xSectorSize)
    out->xSectorSize = NULL;
  if (of->iVersion < 2 || !of->xShmMap) {
    out->xShmMap = NULL;
    out->xShmLock = NULL;
    out->xShmBarrier = NULL;
    out->xShmUnmap = NULL;
  }
  if (of->iVersion < 3 || !of->xFetch) {
    out->xFetch = NULL;
    out->xUnfetch = NULL;
  }
}

static void make_log(struct guarded_file *log, struct guarded_file *database) {
  log->database = database;
  database->log = log;
  log->methods.xClose = log_close;
  log->methods.xRead = log_read;
  log->methods.xWrite = log_write;
  log->methods.xTruncate = log_truncate;
  log->methods.xSync = log_sync;
  log->methods.xFileSize = log_size;
}

/* ---- the VFS ---- */

static sqlite3_vfs *below(sqlite3_vfs *vfs) {
  return vfs->pAppData;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                    int *out_flags) {
  if (!(flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)))
    return below(vfs)->xOpen(below(vfs), name, file, flags, out_flags);
  memset(file, 0, sizeof(struct guarded_file));
  sqlite3_file *f = real(file);
  f->pMethods = NULL;
  int rc = below(vfs)->xOpen(below(vfs), name, f, flags, out_flags);
  if (f->pMethods) { /* then it wants to be closed, also after a failure */
    copy_methods(&guarded(file)->methods, f->pMethods);
    file->pMethods = &guarded(file)->methods;
    if (flags & SQLITE_OPEN_WAL)
      make_log(guarded(file), guarded(sqlite3_database_file_object(name)));
  }
  return rc;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
  return below(vfs)->xDelete(below(vfs), name, sync_folder);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
  return below(vfs)->xAccess(below(vfs), name, flags, out);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out) {
  return below(vfs)->xFullPathname(below(vfs), name, n, out);
}

static void *vfs_dl_open(sqlite3_vfs *vfs, const char *name) {
  return below(vfs)->xDlOpen(below(vfs), name);
}

static void vfs_dl_error(sqlite3_vfs *vfs, int n, char *message) {
  below(vfs)->xDlError(below(vfs), n, message);
}

static void (*vfs_dl_sym(sqlite3_vfs *vfs, void *library, const char *symbol))(void) {
  return below(vfs)->xDlSym(below(vfs), library, symbol);
}

static void vfs_dl_close(sqlite3_vfs *vfs, void *library) {
  below(vfs)->xDlClose(below(vfs), library);
}

static int vfs_randomness(sqlite3_vfs *vfs, int n, char *out) {
  return below(vfs)->xRandomness(below(vfs), n, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int us) {
  return below(vfs)->xSleep(below(vfs), us);
}

static int vfs_time(sqlite3_vfs *vfs, double *days) {
  return below(vfs)->xCurrentTime(below(vfs), days);
}

static int vfs_last_error(sqlite3_vfs *vfs, int n, char *out) {
  return below(vfs)->xGetLastError(below(vfs), n, out);
}

static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *ms) {
  return below(vfs)->xCurrentTimeInt64(below(vfs), ms);
}

static int vfs_call_set(sqlite3_vfs *vfs, const char *name, sqlite3_syscall_ptr call) {
  return below(vfs)->xSetSystemCall(below(vfs), name, call);
}

static sqlite3_syscall_ptr vfs_call_get(sqlite3_vfs *vfs, const char *name) {
  return below(vfs)->xGetSystemCall(below(vfs), name);
}

static const char *vfs_call_next(sqlite3_vfs *vfs, const char *name) {
  return below(vfs)->xNextSystemCall(below(vfs), name);
}

/* Members that a VFS may leave out are left out here too. */
static sqlite3_vfs make_vfs(sqlite3_vfs *of) {
  bool v2 = of->iVersion >= 2, v3 = of->iVersion >= 3;
  return (sqlite3_vfs){
      .iVersion = v3 ? 3 : of->iVersion,
      .szOsFile = (int)sizeof(struct guarded_file) + of->szOsFile,
      .mxPathname = of->mxPathname,
      .zName = SQLITE_VFS_NAME,
      .pAppData = of,
      .xOpen = vfs_open,
      .xDelete = vfs_delete,
      .xAccess = vfs_access,
      .xFullPathname = vfs_full_path,
      .xDlOpen = of->xDlOpen ? vfs_dl_open : NULL,
      .xDlError = of->xDlError ? vfs_dl_error : NULL,
      .xDlSym = of->xDlSym ? vfs_dl_sym : NULL,
      .xDlClose = of->xDlClose ? vfs_dl_close : NULL,
      .xRandomness = vfs_randomness,
      .xSleep = vfs_sleep,
      .xCurrentTime = vfs_time,
      .xGetLastError = of->xGetLastError ? vfs_last_error : NULL,
      .xCurrentTimeInt64 = v2 && of->xCurrentTimeInt64 ? vfs_time_ms : NULL,
      .xSetSystemCall = v3 && of->xSetSystemCall ? vfs_call_set : NULL,
      .xGetSystemCall = v3 && of->xGetSystemCall ? vfs_call_get : NULL,
      .xNextSystemCall = v3 && of->xNextSystemCall ? vfs_call_next : NULL,
  };
}

static int register_once(void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static sqlite3_vfs vfs;
  static bool registered;
  int rc = SQLITE_OK;
  pthread_mutex_lock(&lock);
  if (!registered) {
    sqlite3_vfs *standard = sqlite3_vfs_find(NULL); /* NULL also when SQLite cannot be set up */
    rc = standard ? SQLITE_OK : SQLITE_ERROR;
    if (rc == SQLITE_OK) {
      vfs = make_vfs(standard);
      rc = sqlite3_vfs_register(&vfs, 0);
    }
    registered = rc == SQLITE_OK;
  }
  pthread_mutex_unlock(&lock);
  return rc;
}

int sqlite_vfs_open(const char *path, int flags, sqlite3 **h) {
  *h = NULL;
  int rc = register_once();
  if (rc != SQLITE_OK)
    return rc;
  return sqlite3_open_v2(path, h, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                         SQLITE_VFS_NAME);
}
