#include "subject_peer.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNINFO_SIZE 512
#define NUMBER_SIZE   24
#define LIST_SIZE     (SUBJECT_BATCH_MAX * 256)

/* One statement and so one transaction each. Those with NOTIFY cost a lock that all commits of such
 * transactions share, so the ones without stand for the highest throughput. */
static const char *const statements[][2] = {
    {"one", "INSERT INTO jobs(payload) VALUES($1)"},
    {"many", "INSERT INTO jobs(payload) SELECT unnest($1::text[])"},
    {"one_notify", "WITH j AS (INSERT INTO jobs(payload) VALUES($1) RETURNING id) "
                   "SELECT pg_notify('jobs','') FROM j"},
    {"turn", "WITH gone AS (DELETE FROM jobs WHERE id=ANY($1::bigint[])),"
             "next AS (SELECT id FROM jobs WHERE state='ready' AND run_at<=now() "
             "ORDER BY priority,id LIMIT $2::integer FOR UPDATE SKIP LOCKED) "
             "UPDATE jobs SET state='running',attempt=attempt+1,leased_until=now()+'60 s' "
             "FROM next WHERE jobs.id=next.id RETURNING jobs.id,payload"},
};

struct handle {
  PGconn *db;
  PGresult *claimed;
  size_t n;
  bool notify;
  char list[LIST_SIZE];
};

static _Noreturn void fail(const struct handle *h, const char *what) {
  fprintf(stderr, "bench: postgres: %s: %s\n", what, PQerrorMessage(h->db));
  exit(1);
}

static PGresult *must(const struct handle *h, PGresult *result, const char *what) {
  ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
    fail(h, what);
  return result;
}

static void *open_with(const char *path, bool notify) {
  struct handle *h = calloc(1, sizeof *h);
  char conninfo[CONNINFO_SIZE];
  if (!h)
    exit(1);
  h->notify = notify;
  snprintf(conninfo, sizeof conninfo, "host=%s user=bench dbname=postgres", path);
  h->db = PQconnectdb(conninfo);
  if (PQstatus(h->db) != CONNECTION_OK)
    fail(h, "connecting");
  for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
    PQclear(must(h, PQprepare(h->db, statements[i][0], statements[i][1], 0, NULL), "preparing"));
  return h;
}

static void *subject_open(const char *path, enum subject_role role, bool full) {
  (void)role;
  (void)full;
  return open_with(path, false);
}

static void *subject_open_notify(const char *path, enum subject_role role, bool full) {
  struct handle *h = open_with(path, true);
  (void)full;
  if (role == SUBJECT_WORKER)
    PQclear(must(h, PQexec(h->db, "LISTEN jobs"), "LISTEN"));
  return h;
}

static void subject_close(void *handle) {
  struct handle *h = handle;
  PQclear(h->claimed);
  PQfinish(h->db);
  free(h);
}

/* ---- arrays as PostgreSQL reads them ---- */

static void list_payloads(struct handle *h, const char *payload, size_t n) {
  size_t at = 0;
  if (n * (2 * strlen(payload) + 3) + 2 > sizeof h->list)
    fail(h, "a batch is too long");
  for (size_t i = 0; i < n; i++) {
    h->list[at++] = i == 0 ? '{' : ',';
    h->list[at++] = '"';
    for (const char *from = payload; *from; from++) {
      if (*from == '"' || *from == '\\')
        h->list[at++] = '\\';
      h->list[at++] = *from;
    }
    h->list[at++] = '"';
  }
  memcpy(h->list + at, "}", 2);
}

static void list_claimed(struct handle *h) {
  size_t at = 0;
  h->list[at++] = '{';
  for (size_t i = 0; i < h->n; i++)
    at += (size_t)snprintf(h->list + at, sizeof h->list - at, "%s%s", i == 0 ? "" : ",",
                           PQgetvalue(h->claimed, (int)i, 0));
  memcpy(h->list + at, "}", 2);
}

/* ---- the subject ---- */

static void enqueue(void *handle, const char *payload, size_t n) {
  struct handle *h = handle;
  const char *const values[] = {n == 1 ? payload : h->list};
  const char *name = n > 1 ? "many" : h->notify ? "one_notify" : "one";
  if (n > 1)
    list_payloads(h, payload, n);
  PQclear(must(h, PQexecPrepared(h->db, name, 1, values, NULL, NULL, 0), "INSERT"));
}

/* SKIP LOCKED waits all the same where a row was claimed by another since this statement began, and
 * two may then wait for each other: one of them is told to try again. */
static bool is_deadlock(PGresult *result) {
  const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  bool yes = code && strcmp(code, "40P01") == 0;
  if (yes)
    PQclear(result);
  return yes;
}

static size_t turn(void *handle, size_t max, size_t *settled) {
  struct handle *h = handle;
  char limit[NUMBER_SIZE];
  const char *const values[] = {h->list, limit};
  snprintf(limit, sizeof limit, "%zu", max);
  list_claimed(h);
  *settled = h->n;
  PQclear(h->claimed);
  do
    h->claimed = PQexecPrepared(h->db, "turn", 2, values, NULL, NULL, 0);
  while (is_deadlock(h->claimed));
  must(h, h->claimed, "claiming");
  h->n = (size_t)PQntuples(h->claimed);
  return h->n;
}

static const char *payload(void *handle, size_t i) {
  return PQgetvalue(((struct handle *)handle)->claimed, (int)i, 1);
}

static void wait_for_notify(void *handle, int ms) {
  struct handle *h = handle;
  struct pollfd fd = {.fd = PQsocket(h->db), .events = POLLIN};
  PGnotify *got = PQnotifies(h->db);
  /* One that came with the answer to the last turn may be about a job which that did not see. */
  if (!got && poll(&fd, 1, ms) > 0 && !PQconsumeInput(h->db))
    fail(h, "waiting");
  for (got = got ? got : PQnotifies(h->db); got; got = PQnotifies(h->db))
    PQfreemem(got);
}

const struct subject subject_postgres = {
    .name = "postgres",
    .open = subject_open,
    .close = subject_close,
    .enqueue = enqueue,
    .turn = turn,
    .payload = payload,
};

const struct subject subject_postgres_notify = {
    .name = "postgres-notify",
    .open = subject_open_notify,
    .close = subject_close,
    .enqueue = enqueue,
    .turn = turn,
    .payload = payload,
    .wait = wait_for_notify,
};
