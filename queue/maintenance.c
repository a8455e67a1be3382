/* What the engine does for operations, behind the public names. */
#include "engine.h"
#include "handle.h"

enum galley_rc galley_watch(struct galley *q, int *fd) {
  return q->db->engine->watch(q->db, fd);
}

int64_t galley_watch_clear(struct galley *q) {
  return q->db->engine->watch_clear(q->db, handle_mono_ns(q));
}

enum galley_rc galley_backup(struct galley *q, const char *path,
                             struct galley_backup_report *report) {
  struct galley_backup_report ignored;
  if (q->tx_depth > 0)
    return error_set(&q->error, GALLEY_USAGE, "a backup cannot run inside a transaction");
  return q->db->engine->backup(q->db, path, report ? report : &ignored);
}

enum galley_rc galley_wal_status(struct galley *q, struct galley_wal *wal) {
  return q->db->engine->wal_status(q->db, wal);
}

enum galley_rc galley_checkpoint(struct galley *q, struct galley_wal *wal) {
  struct galley_wal ignored;
  if (q->tx_depth > 0)
    return error_set(&q->error, GALLEY_USAGE, "a checkpoint cannot run inside a transaction");
  return q->db->engine->checkpoint(q->db, wal ? wal : &ignored);
}

enum galley_rc galley_pragmas(struct galley *q, galley_row_fn *fn, void *arg) {
  return q->db->engine->pragmas(q->db, fn, arg);
}

enum galley_rc galley_selftest(struct galley *q, struct galley_selftest *result) {
  return q->db->engine->selftest(q->db, result);
}
