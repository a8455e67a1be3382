#include "sqlite_db.h"
#include "sqlite_vfs.h"

#include "point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BUSY_TIMEOUT_MS 5000
/* A log this long is put into the database by the last connection as it closes (SQLite then holds
 * the file exclusively, so no bug can meet it). A shorter one stays: the next process reads it
 * again, and a shell loop of enqueues pays for two syncs once in some thirty times and not each
 * time. */
#define CLOSE_FRAMES 128
#define URI_MAX      16384
/* Of a new database, in bytes. A commit writes whole pages, of which most touch a few hundred
 * bytes: at 2048 one enqueue a transaction is a quarter faster than at 4096, batches and reads are
 * the same (bench/RESULTS.md). */
#define PAGE_SIZE     "2048"
#define LAST_TRY_MS   100 /* for the write lock, after the busy time-out was spent at the gate */
#define WAL_SWITCH_MS 20  /* between tries, for as long as the busy time-out */

/* The settings of every connection: the statement that sets, the one that asks, the answer that
 * must come. The first six are the product's; the rest guard against bugs of older SQLite
 * (ARCHITECTURE.md, "SQLite"). Verified, since SQLite ignores what it does not know. */
struct setting {
  const char *name;
  const char *set;      /* NULL: asked only */
  const char *expected; /* NULL: chosen at run time */
  bool writers_only;
};

static const struct setting settings[] = {
    {"busy_timeout", NULL, NULL, false},
    {"journal_mode", NULL, NULL, false},
    {"synchronous", "PRAGMA synchronous=NORMAL", "1", false}, /* for full, see sqlite_share.c */
    {"cache_size", "PRAGMA cache_size=-20000", "-20000", false},
    {"foreign_keys", "PRAGMA foreign_keys=ON", "1", false},
    {"temp_store", "PRAGMA temp_store=MEMORY", "2", false},
    {"cache_spill", "PRAGMA cache_spill=OFF", "0", true},
    {"secure_delete", "PRAGMA secure_delete=OFF", "0", true},
    {"mmap_size", "PRAGMA mmap_size=0", "0", false},
    {"wal_autocheckpoint", NULL, "0", true},
    {"journal_size_limit", "PRAGMA journal_size_limit=8388608", "8388608", true},
};
#define N_SETTINGS (sizeof settings / sizeof settings[0])

enum galley_rc sqlite_engine_pragma_text(sqlite3 *h, const char *sql, char *out, size_t size) {
  sqlite3_stmt *s = NULL;
  enum galley_rc rc = GALLEY_INTERNAL;
  out[0] = '\0';
  if (sqlite3_prepare_v2(h, sql, -1, &s, NULL) == SQLITE_OK) {
    int code = sqlite3_step(s);
    bool null = code != SQLITE_ROW || sqlite3_column_type(s, 0) == SQLITE_NULL;
    const char *text = null ? "" : (const char *)sqlite3_column_text(s, 0);
    if ((code == SQLITE_ROW || code == SQLITE_DONE) && text) { /* a number needs memory as text */
      snprintf(out, size, "%s", text);
      rc = GALLEY_OK;
    }
  }
  sqlite3_finalize(s); /* leaves the code of what failed in the connection */
  return rc;
}

static enum galley_rc setting_read(struct sqlite_db *db, sqlite3 *h, const struct setting *setting,
                                   char *out, size_t size) {
  char sql[64];
  snprintf(sql, sizeof sql, "PRAGMA %s", setting->name);
  if (sqlite_engine_pragma_text(h, sql, out, size) == GALLEY_OK)
    return GALLEY_OK;
  return sqlite_error_set(db, h, sqlite3_extended_errcode(h), "reading a setting");
}

static const char *setting_expected(struct sqlite_db *db, const struct setting *setting, char *buf,
                                    size_t size) {
  if (!db->path && strcmp(setting->name, "mmap_size") == 0)
    return ""; /* nothing to map */
  if (setting->expected)
    return setting->expected;
  if (strcmp(setting->name, "journal_mode") == 0)
    return db->path ? "wal" : "memory";
  snprintf(buf, size, "%d", db->busy_timeout_ms);
  return buf;
}

static bool setting_holds(struct sqlite_db *db, const struct setting *setting, const char *value) {
  char buf[32];
  if (db->base.readonly && strcmp(setting->name, "journal_mode") == 0)
    return true; /* a backup, which is one file without a log until somebody writes to it */
  return strcmp(value, setting_expected(db, setting, buf, sizeof buf)) == 0;
}

static enum galley_rc setting_verify(struct sqlite_db *db, sqlite3 *h,
                                     const struct setting *setting) {
  char value[64], buf[32];
  enum galley_rc rc = setting_read(db, h, setting, value, sizeof value);
  if (rc != GALLEY_OK || setting_holds(db, setting, value))
    return rc;
  return error_set(db->base.error, GALLEY_INTERNAL,
                   "%s: SQLite %s answers %s=%s where galley needs %s",
                   db->path ? db->path : ":memory:", sqlite3_libversion(), setting->name, value,
                   setting_expected(db, setting, buf, sizeof buf));
}

enum galley_rc sqlite_engine_settings(struct sqlite_db *db, sqlite3 *h, bool readonly) {
  sqlite3_busy_timeout(h, db->busy_timeout_ms);
  sqlite3_wal_autocheckpoint(h, 0);
  sqlite3_db_config(h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  sqlite3_db_config(h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
  int code = SQLITE_OK;
  for (size_t i = 0; code == SQLITE_OK && i < N_SETTINGS; i++)
    if (settings[i].set && !(readonly && settings[i].writers_only))
      code = sqlite3_exec(h, settings[i].set, NULL, NULL, NULL);
  if (code != SQLITE_OK)
    return sqlite_error_set(db, h, code, "changing a setting");
  enum galley_rc rc = GALLEY_OK;
  for (size_t i = 0; rc == GALLEY_OK && i < N_SETTINGS; i++)
    if (!(readonly && settings[i].writers_only))
      rc = setting_verify(db, h, &settings[i]);
  return rc;
}

enum galley_rc sqlite_engine_pragmas(struct db *base, galley_row_fn *fn, void *arg) {
  struct sqlite_db *db = sqlite_db_of(base);
  for (size_t i = 0; i < N_SETTINGS; i++) {
    char value[64];
    if (base->readonly && settings[i].writers_only)
      continue; /* as SQLite has it, and of no effect here */
    enum galley_rc rc = setting_read(db, db->h, &settings[i], value, sizeof value);
    if (rc != GALLEY_OK)
      return rc;
    struct galley_pragma row = {settings[i].name, value, setting_holds(db, &settings[i], value)};
    if (!fn(arg, &row))
      break;
  }
  return GALLEY_OK;
}

/* A statement that has no rows. */
static int run(sqlite3_stmt *stmt) {
  int code = sqlite3_step(stmt);
  sqlite3_reset(stmt);
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

bool sqlite_engine_moved(struct sqlite_db *db) {
  int moved = 0;
  return sqlite3_file_control(db->h, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

void sqlite_engine_rollback(struct sqlite_db *db) {
  if (sqlite3_get_autocommit(db->h))
    return;
  if (db->rollback)
    run(db->rollback);
  else /* still opening */
    sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
}

/* After the settings, some of which make SQLite compile its statements anew. */
static enum galley_rc prepare_transactions(struct sqlite_db *db) {
  const struct {
    const char *sql;
    sqlite3_stmt **stmt;
  } all[] = {{"BEGIN IMMEDIATE", &db->begin}, {"COMMIT", &db->commit}, {"ROLLBACK", &db->rollback}};
  int code = SQLITE_OK;
  for (size_t i = 0; code == SQLITE_OK && i < sizeof all / sizeof all[0]; i++) {
    sqlite3_finalize(*all[i].stmt);
    *all[i].stmt = NULL;
    code = sqlite3_prepare_v3(db->h, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT, all[i].stmt, NULL);
  }
  return code == SQLITE_OK ? GALLEY_OK : sqlite_error_set(db, db->h, code, "opening");
}

struct header {
  char id[32], version[32], tables[32];
};

static enum galley_rc read_header(struct sqlite_db *db, struct header *header) {
  if (sqlite_engine_pragma_text(db->h, "PRAGMA application_id", header->id, sizeof header->id) !=
          GALLEY_OK ||
      sqlite_engine_pragma_text(db->h, "PRAGMA user_version", header->version,
                                sizeof header->version) != GALLEY_OK ||
      sqlite_engine_pragma_text(db->h, "SELECT count(*) FROM sqlite_schema", header->tables,
                                sizeof header->tables) != GALLEY_OK)
    return sqlite_error_set(db, db->h, sqlite3_extended_errcode(db->h), "reading the header");
  return GALLEY_OK;
}

/* In one transaction: between two reads another process may make the tables. */
static enum galley_rc version(struct db *base, int *out) {
  struct sqlite_db *db = sqlite_db_of(base);
  struct header header;
  bool own = sqlite3_get_autocommit(db->h) != 0;
  if (own && sqlite3_exec(db->h, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
    return sqlite_error_set(db, db->h, sqlite3_extended_errcode(db->h), "reading the header");
  enum galley_rc rc = read_header(db, &header);
  if (own)
    sqlite_engine_rollback(db);
  if (rc == GALLEY_OK && own && !sqlite3_get_autocommit(db->h))
    return sqlite_error_set(db, db->h, sqlite3_extended_errcode(db->h), "reading the header");
  if (rc != GALLEY_OK)
    return rc;
  *out = (int)strtol(header.version, NULL, 10);
  if (strtol(header.id, NULL, 10) == SQLITE_DB_APPLICATION_ID)
    return GALLEY_OK;
  if (strcmp(header.id, "0") == 0 && strcmp(header.tables, "0") == 0 && *out == 0)
    return GALLEY_OK; /* empty: ours to fill */
  return error_set(base->error, GALLEY_NOT_DATABASE, "%s is an SQLite database of another program",
                   db->path);
}

static enum galley_rc script(struct db *base, const char *sql) {
  struct sqlite_db *db = sqlite_db_of(base);
  int code = sqlite3_exec(db->h, sql, NULL, NULL, NULL);
  return code == SQLITE_OK ? GALLEY_OK : sqlite_error_set(db, db->h, code, "changing the schema");
}

static enum galley_rc set_version(struct db *base, int number) {
  char sql[96];
  snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d",
           SQLITE_DB_APPLICATION_ID, number);
  return script(base, sql);
}

/* Otherwise a DROP TABLE deletes the rows first, with all that foreign keys say of that, and a
 * RENAME asks every view and trigger whether its tables are there. */
static enum galley_rc rebuilding(struct db *base, bool on) {
  enum galley_rc rc = script(base, on ? "PRAGMA foreign_keys=OFF; PRAGMA legacy_alter_table=ON"
                                      : "PRAGMA legacy_alter_table=OFF; PRAGMA foreign_keys=ON");
  return rc == GALLEY_OK ? prepare_transactions(sqlite_db_of(base)) : rc;
}

/* Switching a new file to WAL needs it alone for a moment, and SQLite does not wait for that. */
static enum galley_rc switch_to_wal(struct sqlite_db *db) {
  char mode[32] = "";
  const struct timespec pause = {.tv_nsec = WAL_SWITCH_MS * 1000000};
  for (int left_ms = db->busy_timeout_ms; left_ms >= 0; left_ms -= WAL_SWITCH_MS) {
    if (sqlite_engine_pragma_text(db->h, "PRAGMA journal_mode=WAL", mode, sizeof mode) == GALLEY_OK)
      break;
    if ((sqlite3_errcode(db->h) & 0xff) != SQLITE_BUSY)
      break;
    nanosleep(&pause, NULL);
  }
  if (strcmp(mode, "wal") == 0)
    return GALLEY_OK;
  int code = sqlite3_extended_errcode(db->h);
  if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW)
    return sqlite_error_set(db, db->h, code, "switching to WAL");
  return error_set(db->base.error, GALLEY_DENIED,
                   "%s cannot use a write-ahead log (journal_mode stays %s): is it on a network "
                   "file system, or open by a program in another mode?",
                   db->path, mode);
}

/* Percent-encodes a path into a URI; `modeof` makes SQLite give a new file the mode of ours. */
static bool build_uri(char *uri, const char *path, const char *side) {
  static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-~";
  const char *parts[] = {path, side};
  size_t n = (size_t)snprintf(uri, URI_MAX, "file:");
  for (int part = 0; part < 2; part++) {
    if (part == 1)
      n += (size_t)snprintf(uri + n, URI_MAX - n, "?modeof=");
    for (const char *p = parts[part]; *p; p++) {
      if (n + 16 > URI_MAX)
        return false;
      if (strchr(plain, *p))
        uri[n++] = *p;
      else
        n += (size_t)snprintf(uri + n, URI_MAX - n, "%%%02X", (unsigned)(unsigned char)*p);
    }
  }
  uri[n] = '\0';
  return true;
}

static enum galley_rc missing(struct sqlite_db *db) {
  return error_set(db->base.error, GALLEY_NONE, "there is no database %s: make it with galley init",
                   db->path);
}

/* What stands at the path, before SQLite meets it: that would wait for a pipe's other end, leave a
 * journal beside a device, and call a folder a failed disk. */
static enum galley_rc check_file(struct sqlite_db *db, bool create) {
  struct stat st;
  if (stat(db->path, &st) != 0) {
    if (errno != ENOENT)
      return error_set(db->base.error, GALLEY_DENIED, "%s cannot be reached: %s", db->path,
                       strerror(errno));
    return create ? sqlite_side_make(db) : missing(db);
  }
  if (!S_ISREG(st.st_mode))
    return error_set(db->base.error, GALLEY_NOT_DATABASE, "%s is no database but a %s", db->path,
                     S_ISDIR(st.st_mode) ? "folder" : "device or pipe");
  if (access(db->path, R_OK) != 0)
    return error_set(db->base.error, GALLEY_DENIED,
                     "%s is not readable for this user: change its owner or mode", db->path);
  if (db->base.readonly && st.st_size == 0)
    return error_set(db->base.error, GALLEY_NOT_DATABASE,
                     "%s is empty: galley init makes it a database", db->path);
  return GALLEY_OK;
}

/* Asked of the file beside it: to open and close the database itself would drop its locks. */
static bool on_readonly_disk(const struct sqlite_db *db) {
  int fd = open(db->side_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd >= 0)
    close(fd);
  return (fd < 0 && errno == EROFS) || (access(db->path, W_OK) != 0 && errno == EROFS);
}

static enum galley_rc not_writable(struct sqlite_db *db) {
  return error_set(db->base.error, GALLEY_DENIED, "%s is not writable%s", db->path,
                   on_readonly_disk(db)
                       ? ": its file system is mounted read-only; look at the system's log"
                       : " for this user: change its owner or mode");
}

static enum galley_rc connect_file(struct sqlite_db *db, unsigned flags) {
  char uri[URI_MAX];
  bool create = (flags & GALLEY_OPEN_CREATE) && !db->base.readonly;
  int mode = db->base.readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  enum galley_rc rc = check_file(db, create);
  if (rc != GALLEY_OK)
    return rc;
  if (create)
    mode |= SQLITE_OPEN_CREATE;
  if (!build_uri(uri, db->path, db->side_path))
    return error_set(db->base.error, GALLEY_USAGE, "the database's path is too long");
  bool with_side = create && access(db->side_path, F_OK) == 0;
  if (!with_side)
    *strstr(uri, "?modeof=") = '\0';
  int code = sqlite_vfs_open(uri, mode | SQLITE_OPEN_URI, &db->h);
  if (code != SQLITE_OK)
    return sqlite_error_set(db, db->h, code, "opening");
  sqlite3_busy_timeout(db->h, db->busy_timeout_ms);
  /* Before anything is read: a file that is not ours shall not be changed as we close it. */
  sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
  if (!db->base.readonly && sqlite3_db_readonly(db->h, "main") == 1)
    return not_writable(db);
  return GALLEY_OK;
}

/* Before anything is written to it. */
static enum galley_rc size_pages(struct sqlite_db *db) {
  int code = sqlite3_exec(db->h, "PRAGMA page_size=" PAGE_SIZE, NULL, NULL, NULL);
  return code == SQLITE_OK ? GALLEY_OK : sqlite_error_set(db, db->h, code, "opening");
}

static enum galley_rc connect(struct sqlite_db *db, unsigned flags) {
  if (!db->path) {
    int code = sqlite_vfs_open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db->h);
    if (code != SQLITE_OK)
      return sqlite_error_set(db, db->h, code, "opening");
    enum galley_rc rc = sqlite_engine_settings(db, db->h, false);
    return rc == GALLEY_OK ? prepare_transactions(db) : rc;
  }
  int schema;
  enum galley_rc rc = connect_file(db, flags);
  if (rc == GALLEY_OK)
    rc = version(&db->base, &schema); /* before anything is changed in a file that is not ours */
  if (rc == GALLEY_OK && !db->base.readonly && schema == 0)
    rc = size_pages(db);
  if (rc == GALLEY_OK && !db->base.readonly)
    rc = switch_to_wal(db);
  POINT(database, made);
  if (rc == GALLEY_OK)
    rc = sqlite_engine_settings(db, db->h, db->base.readonly);
  if (rc == GALLEY_OK)
    rc = prepare_transactions(db);
  if (rc == GALLEY_OK && !db->base.readonly)
    sqlite_checkpoint_hook(db);
  return rc;
}

static char *join(const char *path, const char *suffix) {
  size_t size = strlen(path) + strlen(suffix) + 1;
  char *out = malloc(size);
  if (out)
    snprintf(out, size, "%s%s", path, suffix);
  return out;
}

static enum galley_rc unreachable(int problem, bool create) {
  switch (problem) {
  case ENOMEM:
    return GALLEY_NO_MEMORY;
  case EACCES:
    return GALLEY_DENIED;
  case ENOENT:
  case ENOTDIR:
    return create ? GALLEY_CANNOT_CREATE : GALLEY_NONE;
  default:
    return create ? GALLEY_CANNOT_CREATE : GALLEY_NO_INPUT;
  }
}

/* Whatever name a process uses for the database, all must agree on the files beside it: links are
 * resolved, in the folder's name when the file itself is still to be made. */
static enum galley_rc resolve(struct sqlite_db *db, const char *path, bool create) {
  struct stat st;
  db->path = realpath(path, NULL);
  if (!db->path && errno == ENOENT && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
    return error_set(db->base.error, create ? GALLEY_CANNOT_CREATE : GALLEY_NONE,
                     "%s is a symbolic link to a file that is not there", path);
  if (!db->path && errno == ENOENT) {
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    char *real = folder ? realpath(folder, NULL) : NULL;
    char *full = real ? join(real, "/") : NULL;
    db->path = full ? join(full, slash ? slash + 1 : path) : NULL;
    free(full);
    free(real);
    free(folder);
  }
  if (!db->path)
    return error_set(db->base.error, unreachable(errno, create), "%s cannot be reached: %s", path,
                     strerror(errno));
  db->side_path = join(db->path, "-galley");
  db->wal_path = join(db->path, "-wal");
  if (!db->side_path || !db->wal_path)
    return error_set(db->base.error, GALLEY_NO_MEMORY, "no memory for a connection");
  return GALLEY_OK;
}

static enum galley_rc engine_open(struct db **out, const char *path,
                                  const struct galley_options *options, struct error *error) {
  struct sqlite_db *db = calloc(1, sizeof *db);
  *out = db ? &db->base : NULL;
  if (!db)
    return error_set(error, GALLEY_NO_MEMORY, "no memory for a connection");
  db->base.engine = &sqlite_engine;
  db->base.error = error;
  db->base.readonly = (options->flags & GALLEY_OPEN_READONLY) != 0;
  db->full = (options->flags & GALLEY_OPEN_FULL) != 0;
  db->one_thread = options->env && options->env->one_thread;
  db->busy_timeout_ms = options->busy_timeout_ms > 0 ? options->busy_timeout_ms : BUSY_TIMEOUT_MS;
  db->side_fd = -1;
  db->watch_fd = -1;
  if (strcmp(path, ":memory:") != 0) {
    enum galley_rc rc = resolve(db, path, (options->flags & GALLEY_OPEN_CREATE) != 0);
    if (rc != GALLEY_OK)
      return rc;
  }
  return connect(db, options->flags);
}

static void engine_close(struct db *base) {
  struct sqlite_db *db = sqlite_db_of(base);
  sqlite_watch_close(db);
  /* A checkpoint makes the loss of a damaged log final. Without one the close leaves what a killed
   * process leaves, and the first that opens it after all are gone recovers the whole log. */
  if (db->wal_frames >= CLOSE_FRAMES && !sqlite_checkpoint_damaged(db))
    sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
  sqlite3_finalize(db->begin);
  sqlite3_finalize(db->commit);
  sqlite3_finalize(db->rollback);
  sqlite_handover_close(db);
  sqlite3_close(db->checkpointer);
  sqlite3_close(db->h);
  sqlite_share_close(db);
  sqlite_side_close(db);
  free(db->path);
  free(db->side_path);
  free(db->wal_path);
  free(db);
}

static void rollback(struct db *base) {
  sqlite_engine_rollback(sqlite_db_of(base));
  sqlite_handover_end(sqlite_db_of(base), false);
  sqlite_share_leave(sqlite_db_of(base));
}

/* When a read fails inside an insertion, SQLite rolls back at once, before the full-text index
 * takes the count of its rows for known, which it has not read: its next insertion would write a
 * wrong one. Reading the schema anew makes it forget. */
static int forget_tables(struct sqlite_db *db) {
  if (!db->stopped_midway)
    return SQLITE_OK;
  int code = sqlite3_exec(db->h, "PRAGMA writable_schema=RESET", NULL, NULL, NULL);
  db->stopped_midway = code != SQLITE_OK;
  return code;
}

/* What was waited at the gate is not waited for again, but for a last try. */
int sqlite_engine_begin(struct sqlite_db *db) {
  int wait_ms = db->busy_timeout_ms - db->waited_ms;
  int left_ms = sqlite_share_enter(db, wait_ms, false);
  if (left_ms == 0 && db->page && !db->gate_held)
    sqlite_share_pass_by(db);
  db->waited_ms = 0;
  errno = 0; /* see sqlite_error_set */
  int code = forget_tables(db);
  if (code != SQLITE_OK)
    return code;
  if (left_ms == db->busy_timeout_ms)
    return run(db->begin);
  sqlite3_busy_timeout(db->h, left_ms > LAST_TRY_MS ? left_ms : LAST_TRY_MS);
  code = run(db->begin);
  sqlite3_busy_timeout(db->h, db->busy_timeout_ms);
  return code;
}

static enum galley_rc begin(struct db *base) {
  struct sqlite_db *db = sqlite_db_of(base);
  int code = sqlite_engine_begin(db);
  if (code != SQLITE_OK) {
    sqlite_share_leave(db);
    return sqlite_error_set(db, db->h, code, "locking for a write");
  }
  enum galley_rc rc = sqlite_checkpoint_inspect(db);
  if (rc == GALLEY_OK && db->full)
    rc = sqlite_share_inspect(db);
  if (rc != GALLEY_OK)
    rollback(base);
  return rc;
}

/* The gate is open for others before the bell, the checkpoint and the disk are waited for. */
static enum galley_rc committed(struct sqlite_db *db) {
  if (db->full || sqlite_checkpoint_wanted(db))
    sqlite_gate_pause(&db->gate_visits);
  sqlite_handover_end(db, true);
  sqlite_share_leave(db);
  sqlite_side_ring(db);
  POINT(bell, rung);
  enum galley_rc rc = db->full ? sqlite_share_durable(db) : GALLEY_OK;
  if (db->full)
    sqlite_handover_synced(db, rc == GALLEY_OK);
  enum galley_rc checked = sqlite_checkpoint_after_commit(db); /* it says only of damage */
  return checked == GALLEY_OK ? rc : checked;
}

static enum galley_rc commit(struct db *base) {
  struct sqlite_db *db = sqlite_db_of(base);
  enum galley_rc rc = sqlite_handover_seal(db);
  if (rc != GALLEY_OK) {
    rollback(base);
    return rc;
  }
  errno = 0; /* see sqlite_error_set */
  POINT(commit, ready);
  int code = run(db->commit);
  if (code == SQLITE_OK) {
    POINT(commit, done);
    return committed(db);
  }
  rc = sqlite_error_set(db, db->h, code, "committing");
  rollback(base);
  return rc;
}

void galley_process_init(void) {
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

const struct engine sqlite_engine = {
    .name = "sqlite",
    .open = engine_open,
    .close = engine_close,
    .begin = begin,
    .commit = commit,
    .rollback = rollback,
    .handover_wanted = sqlite_handover_wanted,
    .handover_send = sqlite_handover_send,
    .handover_next = sqlite_handover_next,
    .handover_answer = sqlite_handover_answer,
    .script = script,
    .version = version,
    .set_version = set_version,
    .rebuilding = rebuilding,
    .prepare = sqlite_stmt_prepare,
    .finalize = sqlite_stmt_finalize,
    .bind_int = sqlite_stmt_bind_int,
    .bind_real = sqlite_stmt_bind_real,
    .bind_text = sqlite_stmt_bind_text,
    .bind_null = sqlite_stmt_bind_null,
    .step = sqlite_stmt_step,
    .reset = sqlite_stmt_reset,
    .changes = sqlite_stmt_changes,
    .last_id = sqlite_stmt_last_id,
    .columns = sqlite_stmt_columns,
    .column_name = sqlite_stmt_column_name,
    .column_int = sqlite_stmt_column_int,
    .column_real = sqlite_stmt_column_real,
    .column_text = sqlite_stmt_column_text,
    .worker_hold = sqlite_side_hold,
    .worker_release = sqlite_side_release,
    .worker_alive = sqlite_side_alive,
    .watch = sqlite_watch_open,
    .watch_clear = sqlite_watch_clear,
    .backup = sqlite_backup_run,
    .wal_status = sqlite_checkpoint_status,
    .checkpoint = sqlite_checkpoint_now,
    .pragmas = sqlite_engine_pragmas,
    .selftest = sqlite_selftest_run,
    .check_words = sqlite_words_check,
};
