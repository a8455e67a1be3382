/* The same transactions on the same tables by SQLite alone, as a programmer writes them who looks
 * at its speed and at nothing else: prepared statements, one for all claimed jobs of a batch,
 * the six PRAGMAs, SQLite's own checkpoints. No limits, no fences shown, no errors told apart, no
 * bell, no gate: what galley does beyond it is the difference. */
#include "subject.h"

#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIST_SIZE (SUBJECT_BATCH_MAX * 20 + 2)

enum query {
  BEGIN,
  COMMIT,
  INSERT,
  FRONT,
  CLAIM,
  CLAIM_ONE,
  CLAIMED,
  ATTEMPT,
  DONE,
  DONE_ONE,
  TOTAL,
  GET,
  TOPIC_INSERT,
  TOPIC_GET,
  N_QUERIES
};

#define CLAIM_TEXT                                                                                 \
  "UPDATE jobs SET state='running',attempt=attempt+1,fence=fence+1,worker_id=1,"                   \
  "lease_mono_ns=?2,started_at_ms=?3 WHERE "
#define DONE_TEXT                                                                                  \
  "UPDATE jobs SET state='done',worker_id=NULL,lease_mono_ns=NULL,finished_at_ms=?2 WHERE "

static const char *const texts[N_QUERIES] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [INSERT] = "INSERT INTO jobs(kind,payload,run_at_ms,created_at_ms) VALUES('" SUBJECT_KIND
               "',?1,?2,?2)",
    [FRONT] = "SELECT id FROM jobs WHERE state='ready' AND kind='" SUBJECT_KIND
              "' ORDER BY priority,id LIMIT ?1",
    [CLAIM] = CLAIM_TEXT "id IN (SELECT value FROM json_each(?1))",
    [CLAIM_ONE] = CLAIM_TEXT "id=?1",
    [CLAIMED] = "SELECT jobs.* FROM (SELECT value AS listed FROM json_each(?1)) "
                "CROSS JOIN jobs ON jobs.id=listed",
    [ATTEMPT] = "INSERT INTO job_attempts(job_id,fence,attempt,worker_id,outcome,tokens_in,"
                "tokens_out,cost_usd_micros,started_at_ms,ended_at_ms) "
                "VALUES(?1,1,1,1,'done',0,0,0,?2,?2)",
    [DONE] = DONE_TEXT "id IN (SELECT value FROM json_each(?1)) AND state='running'",
    [DONE_ONE] = DONE_TEXT "id=?1 AND state='running'",
    [TOTAL] = "INSERT INTO totals(kind,outcome,n,busy_ms,cost_usd_micros) VALUES('" SUBJECT_KIND
              "','done',?1,0,0) ON CONFLICT(kind,outcome) DO UPDATE SET n=n+excluded.n",
    [GET] = "SELECT * FROM jobs WHERE id=?1",
    [TOPIC_INSERT] = "INSERT INTO topics(title,language,research_report,discovered_at_ms,"
                     "created_at_ms,updated_at_ms) VALUES(?1,'en',?2,?3,?3,?3)",
    [TOPIC_GET] = "SELECT * FROM topics WHERE id=?1",
};

struct handle {
  sqlite3 *db;
  sqlite3_stmt *stmts[N_QUERIES];
  const char *path;
  bool full;
  int pipe;         /* of subject_told */
  uint64_t numbers; /* of the rows that were read */
  size_t n;
  sqlite3_int64 ids[SUBJECT_BATCH_MAX];
  char *payloads[SUBJECT_BATCH_MAX];
  char list[LIST_SIZE];
};

static void fail(struct handle *h, const char *what) {
  fprintf(stderr, "bench: SQLite alone: %s: %s\n", what, sqlite3_errmsg(h->db));
  exit(1);
}

static void connect(struct handle *h) {
  if (sqlite3_open_v2(h->path, &h->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
      SQLITE_OK)
    fail(h, "opening");
  sqlite3_busy_timeout(h->db, 60000); /* its longest wait is a figure, not a failure */
  if (sqlite3_exec(h->db,
                   "PRAGMA journal_mode=WAL;PRAGMA cache_size=-20000;PRAGMA foreign_keys=ON;"
                   "PRAGMA temp_store=MEMORY;PRAGMA secure_delete=OFF",
                   NULL, NULL, NULL) != SQLITE_OK ||
      sqlite3_exec(h->db, h->full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", NULL,
                   NULL, NULL) != SQLITE_OK)
    fail(h, "settings");
}

static void disconnect(struct handle *h) {
  for (int i = 0; i < N_QUERIES; i++) {
    sqlite3_finalize(h->stmts[i]);
    h->stmts[i] = NULL;
  }
  sqlite3_close(h->db);
  h->db = NULL;
}

static void *subject_open(const char *path, enum subject_role role, bool full) {
  struct handle *h = calloc(1, sizeof *h);
  (void)role;
  if (!h)
    exit(1);
  h->path = path;
  h->full = full;
  connect(h);
  return h;
}

static void drop(struct handle *h) {
  for (size_t i = 0; i < h->n; i++)
    free(h->payloads[i]);
  h->n = 0;
}

static void subject_close(void *handle) {
  struct handle *h = handle;
  drop(h);
  disconnect(h);
  free(h);
}

static sqlite3_stmt *query(struct handle *h, enum query id) {
  if (!h->stmts[id] && sqlite3_prepare_v3(h->db, texts[id], -1, SQLITE_PREPARE_PERSISTENT,
                                          &h->stmts[id], NULL) != SQLITE_OK)
    fail(h, texts[id]);
  return h->stmts[id];
}

static bool step(struct handle *h, sqlite3_stmt *s) {
  int code = sqlite3_step(s);
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    fail(h, sqlite3_sql(s));
  return code == SQLITE_ROW;
}

static void run_to_end(struct handle *h, sqlite3_stmt *s) {
  while (step(h, s))
    continue;
  sqlite3_reset(s);
}

static void run(struct handle *h, enum query id) {
  run_to_end(h, query(h, id));
}

static sqlite3_int64 now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * (sqlite3_int64)1000 + t.tv_nsec / 1000000;
}

static void enqueue(void *handle, const char *payload, size_t n) {
  struct handle *h = handle;
  run(h, BEGIN);
  sqlite3_stmt *s = query(h, INSERT);
  for (size_t i = 0; i < n; i++) {
    sqlite3_bind_text(s, 1, payload, -1, SQLITE_STATIC);
    sqlite3_bind_int64(s, 2, now_ms());
    run(h, INSERT);
  }
  run(h, COMMIT);
}

static void make_list(struct handle *h) {
  int len = 0;
  for (size_t i = 0; i < h->n; i++)
    len += snprintf(h->list + len, sizeof h->list - (size_t)len, "%c%lld", i ? ',' : '[',
                    (long long)h->ids[i]);
  snprintf(h->list + len, sizeof h->list - (size_t)len, "]");
}

/* A statement about the jobs in hand, which are its first parameter: as one id, or as a list. */
static sqlite3_stmt *of_jobs(struct handle *h, enum query one, enum query many) {
  sqlite3_stmt *s = query(h, h->n == 1 ? one : many);
  if (h->n == 1)
    sqlite3_bind_int64(s, 1, h->ids[0]);
  else
    sqlite3_bind_text(s, 1, h->list, -1, SQLITE_STATIC);
  return s;
}

static void settle(struct handle *h, sqlite3_int64 at_ms) {
  if (h->n == 0)
    return;
  for (size_t i = 0; i < h->n; i++) {
    sqlite3_stmt *s = query(h, ATTEMPT);
    sqlite3_bind_int64(s, 1, h->ids[i]);
    sqlite3_bind_int64(s, 2, at_ms);
    run(h, ATTEMPT);
  }
  sqlite3_stmt *s = of_jobs(h, DONE_ONE, DONE);
  sqlite3_bind_int64(s, 2, at_ms);
  run_to_end(h, s);
  s = query(h, TOTAL);
  sqlite3_bind_int64(s, 1, (sqlite3_int64)h->n);
  run(h, TOTAL);
}

static void claim(struct handle *h, size_t max, sqlite3_int64 at_ms) {
  sqlite3_stmt *s = query(h, FRONT);
  sqlite3_bind_int64(s, 1, (sqlite3_int64)max);
  drop(h);
  while (step(h, s))
    h->ids[h->n++] = sqlite3_column_int64(s, 0);
  sqlite3_reset(s);
  if (h->n == 0)
    return;
  make_list(h);
  s = of_jobs(h, CLAIM_ONE, CLAIM);
  sqlite3_bind_int64(s, 2, at_ms * 1000000);
  sqlite3_bind_int64(s, 3, at_ms);
  run_to_end(h, s);
  s = of_jobs(h, GET, CLAIMED);
  int payload_at = -1;
  for (int i = 0; i < sqlite3_column_count(s); i++)
    if (strcmp(sqlite3_column_name(s, i), "payload") == 0)
      payload_at = i;
  for (size_t i = 0; step(h, s) && i < h->n; i++)
    h->payloads[i] = strdup((const char *)sqlite3_column_text(s, payload_at));
  sqlite3_reset(s);
}

static size_t turn(void *handle, size_t max, size_t *settled) {
  struct handle *h = handle;
  sqlite3_int64 at_ms = now_ms();
  if (settled)
    *settled = h->n;
  if (h->n == 0) { /* nothing to settle: look before taking the lock */
    sqlite3_stmt *s = query(h, FRONT);
    sqlite3_bind_int64(s, 1, 1);
    bool any = step(h, s);
    sqlite3_reset(s);
    if (!any)
      return 0;
  }
  run(h, BEGIN);
  settle(h, at_ms);
  claim(h, max, at_ms);
  run(h, COMMIT);
  return h->n;
}

static const char *payload(void *handle, size_t i) {
  return ((struct handle *)handle)->payloads[i];
}

/* All columns are read, each as what it is, and the texts copied, as a caller needs them. */
static bool get(struct handle *h, enum query id, int64_t row) {
  sqlite3_stmt *s = query(h, id);
  sqlite3_bind_int64(s, 1, row);
  bool found = step(h, s);
  for (int i = 0; found && i < sqlite3_column_count(s); i++) {
    if (sqlite3_column_type(s, i) == SQLITE_TEXT)
      free(strdup((const char *)sqlite3_column_text(s, i)));
    else
      h->numbers += (uint64_t)sqlite3_column_int64(s, i);
  }
  sqlite3_reset(s);
  return found;
}

static bool job_get(void *handle, int64_t id) {
  return get(handle, GET, id);
}

static int64_t topic_save(void *handle, const char *title, const char *report) {
  struct handle *h = handle;
  run(h, BEGIN);
  sqlite3_stmt *s = query(h, TOPIC_INSERT);
  sqlite3_bind_text(s, 1, title, -1, SQLITE_STATIC);
  sqlite3_bind_text(s, 2, report, -1, SQLITE_STATIC);
  sqlite3_bind_int64(s, 3, now_ms());
  run(h, TOPIC_INSERT);
  int64_t id = sqlite3_last_insert_rowid(h->db);
  run(h, COMMIT);
  return id;
}

static bool topic_get(void *handle, int64_t id) {
  return get(handle, TOPIC_GET, id);
}

const struct subject subject_raw = {
    .name = "raw",
    .open = subject_open,
    .close = subject_close,
    .enqueue = enqueue,
    .turn = turn,
    .payload = payload,
    .job_get = job_get,
    .topic_save = topic_save,
    .topic_get = topic_get,
};

/* ---- a worker that is told by a byte in a pipe ---- */

static void *told_open(const char *path, enum subject_role role, bool full) {
  char name[4096];
  struct handle *h = subject_open(path, role, full);
  snprintf(name, sizeof name, "%s.pipe", path);
  (void)mkfifo(name, 0600); /* the other process may have made it */
  h->pipe = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (h->pipe < 0)
    fail(h, name);
  return h;
}

static void told_close(void *handle) {
  close(((struct handle *)handle)->pipe);
  subject_close(handle);
}

static void told_enqueue(void *handle, const char *payload, size_t n) {
  struct handle *h = handle;
  enqueue(h, payload, n);
  if (write(h->pipe, "", 1) != 1)
    fail(h, "the pipe is full");
}

static void told_wait(void *handle, int ms) {
  char bytes[64];
  struct handle *h = handle;
  struct pollfd fd = {.fd = h->pipe, .events = POLLIN};
  if (poll(&fd, 1, ms) > 0 && read(h->pipe, bytes, sizeof bytes) < 0)
    fail(h, "the pipe cannot be read");
}

const struct subject subject_told = {
    .name = "told",
    .open = told_open,
    .close = told_close,
    .enqueue = told_enqueue,
    .turn = turn,
    .payload = payload,
    .wait = told_wait,
};

/* ---- a connection for each call ---- */

static void *connect_open(const char *path, enum subject_role role, bool full) {
  struct handle *h = subject_open(path, role, full);
  disconnect(h);
  return h;
}

static int64_t connect_topic_save(void *handle, const char *title, const char *report) {
  struct handle *h = handle;
  connect(h);
  int64_t id = topic_save(h, title, report);
  disconnect(h);
  return id;
}

static bool connect_topic_get(void *handle, int64_t id) {
  struct handle *h = handle;
  connect(h);
  bool found = topic_get(h, id);
  disconnect(h);
  return found;
}

const struct subject subject_connect = {
    .name = "connect",
    .open = connect_open,
    .close = subject_close,
    .topic_save = connect_topic_save,
    .topic_get = connect_topic_get,
};
