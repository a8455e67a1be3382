#include "sqlite_db.h"

#include <errno.h>
#include <string.h>

/* What the named constraints of the schema mean to a person. */
struct constraint_row {
  const char *name;
  const char *sentence;
};

static const struct constraint_row constraints[] = {
    {"kind_is_a_name", "kind must be 1 to 64 of a-z 0-9 . _ -"},
    {"payload_is_json", "payload is not valid JSON"},
    {"payload_is_bounded", "payload is larger than 1048576 bytes"},
    {"result_is_json", "result is not valid JSON"},
    {"state_is_known", "state is not one of the job states"},
    {"priority_is_in_range", "priority must be 0 to 4294967295"},
    {"run_at_is_a_time", "run_at_ms must be milliseconds since 1970, before the year 10000"},
    {"attempt_is_in_range", "attempt must be 0 to max_attempts"},
    {"max_attempts_is_in_range", "max_attempts must be 1 to 1000"},
    {"waiting_has_attempts_left", "attempt must be below max_attempts for a job that waits"},
    {"timeout_is_in_range", "timeout_ms must be 1 to 604800000 (7 days)"},
    {"unique_key_is_bounded", "unique_key must be 1 to 512 bytes"},
};

static enum galley_rc constraint_error(struct sqlite_db *db, const char *message) {
  for (size_t i = 0; i < sizeof constraints / sizeof constraints[0]; i++)
    if (strstr(message, constraints[i].name))
      return error_set(db->base.error, GALLEY_INVALID, "%s", constraints[i].sentence);
  return error_set(db->base.error, GALLEY_INVALID, "refused by the database: %s", message);
}

struct code_row {
  int code; /* primary */
  enum galley_rc rc;
  const char *advice;
};

static const struct code_row codes[] = {
    {SQLITE_BUSY, GALLEY_BUSY,
     "another program holds the database's lock; try again, or look for it with fuser"},
    {SQLITE_LOCKED, GALLEY_BUSY, "the database is locked within this process"},
    {SQLITE_PROTOCOL, GALLEY_BUSY, "too many programs read and write at once; try again"},
    {SQLITE_SCHEMA, GALLEY_BUSY, "another program changes its tables; try again"},
    {SQLITE_FULL, GALLEY_FULL, "the disk or its quota is full; make room and try again"},
    {SQLITE_IOERR, GALLEY_IO, "the disk failed; look at the system's log"},
    {SQLITE_CORRUPT, GALLEY_CORRUPT, "the file is damaged; stop all workers and restore a backup"},
    {SQLITE_NOTADB, GALLEY_NOT_DATABASE, "the file is not an SQLite database"},
    {SQLITE_READONLY, GALLEY_DENIED, "the file or its folder is not writable for this user"},
    {SQLITE_PERM, GALLEY_DENIED, "the file's permissions do not allow it"},
    {SQLITE_AUTH, GALLEY_DENIED, "the database does not allow it"},
    {SQLITE_CANTOPEN, GALLEY_CANNOT_CREATE,
     "the file, or one beside it, cannot be opened or made: look at the rights of the folder, and "
     "whether the disk has room"},
    {SQLITE_NOMEM, GALLEY_NO_MEMORY, "out of memory"},
    {SQLITE_TOOBIG, GALLEY_INVALID, "a value is too large"},
    {SQLITE_INTERRUPT, GALLEY_BUSY, "interrupted"},
};

/* SQLite calls a quota or a limit that is reached, and a -shm file without room, a failed disk. It
 * leaves errno as the failed call did; those who run statements set it to 0 before. */
static int primary_code(int code) {
  if ((code & 0xff) == SQLITE_IOERR && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
    return SQLITE_FULL;
  if (code == SQLITE_IOERR_SHMSIZE)
    return SQLITE_FULL;
  return code == SQLITE_IOERR_NOMEM ? SQLITE_NOMEM : code & 0xff;
}

enum galley_rc sqlite_error_set(struct sqlite_db *db, sqlite3 *h, int code, const char *doing) {
  const char *path = db->path ? db->path : ":memory:";
  const char *message = h ? sqlite3_errmsg(h) : sqlite3_errstr(code);
  int primary = primary_code(code);
  if (primary == SQLITE_IOERR || primary == SQLITE_FULL || primary == SQLITE_NOMEM)
    db->stopped_midway = true;
  if (primary == SQLITE_CONSTRAINT)
    return constraint_error(db, message);
  if (primary == SQLITE_ERROR && (strstr(message, "no such ") || strstr(message, "has no column")))
    return error_set(db->base.error, GALLEY_CORRUPT,
                     "%s: %s failed: another program has changed the tables; stop all workers and "
                     "restore a backup (%s)",
                     path, doing, message);
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
    if (codes[i].code == primary)
      return error_set(db->base.error, codes[i].rc, "%s: %s failed: %s (%s)", path, doing,
                       codes[i].advice, message);
  return error_set(db->base.error, GALLEY_INTERNAL, "%s: %s failed: %s (SQLite code %d)", path,
                   doing, message, code);
}
