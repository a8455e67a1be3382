#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crew.h"

#include "disk_store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BEGAN_MS    1700000000000
#define LEASE_MS    60000
#define MANY_MAX    60
#define PAYLOAD_MAX 6000
#define N_KINDS     3
#define LISTED      20

static const char *const kinds[N_KINDS] = {"fold", "stamp", "write"};

static int64_t now_ms(void *arg) {
  return ((struct crew *)arg)->now_ms;
}

static int64_t mono_ns(void *arg) {
  return ((struct crew *)arg)->mono_ns;
}

static uint64_t chance(void *arg) {
  return disk_store_random(&((struct crew *)arg)->random);
}

static uint64_t below(uint64_t *random, uint64_t n) {
  return disk_store_random(random) % n;
}

/* ---- members ---- */

static void drop_jobs(struct crew_member *member) {
  for (size_t i = 0; i < member->n_jobs; i++)
    galley_free(member->jobs[i]);
  member->n_jobs = 0;
}

static enum galley_rc shut(struct crew_member *member) {
  drop_jobs(member);
  galley_close(member->q);
  member->q = NULL;
  member->worker_id = 0;
  return GALLEY_OK;
}

void crew_init(struct crew *crew, struct disk *disk, const char *path, unsigned full) {
  memset(crew, 0, sizeof *crew);
  crew->disk = disk;
  crew->env = (struct galley_env){now_ms, mono_ns, chance, crew, true};
  snprintf(crew->path, sizeof crew->path, "%s", path);
  for (int i = 0; i < CREW_SIZE; i++)
    crew->members[i] =
        (struct crew_member){.process = disk_process(disk), .full = (full & 1u << i) != 0};
  disk_clock(disk, now_ms, crew);
  crew_at(crew, 0);
}

void crew_fini(struct crew *crew) {
  for (int i = 0; i < CREW_SIZE; i++)
    if (crew->members[i].q) {
      disk_enter(crew->disk, crew->members[i].process);
      shut(&crew->members[i]);
    }
  disk_clock(crew->disk, NULL, NULL);
}

/* ---- steps ---- */

typedef enum galley_rc action_fn(struct crew *crew, struct crew_member *member, uint64_t *random);

static enum galley_rc open_it(struct crew *crew, struct crew_member *member, uint64_t *random) {
  const struct galley_options options = {.flags = GALLEY_OPEN_CREATE |
                                                  (member->full ? (unsigned)GALLEY_OPEN_FULL : 0),
                                         .env = &crew->env};
  (void)random;
  shut(member);
  enum galley_rc rc = galley_open(&member->q, crew->path, &options);
  if (rc != GALLEY_OK) {
    snprintf(member->sentence, sizeof member->sentence, "%s", galley_errmsg(member->q));
    shut(member);
  }
  return rc;
}

/* A payload that is as long as the seed wants it. */
static void make_payload(char *out, uint64_t *random) {
  static const char hex[] = "0123456789abcdef";
  size_t n = below(random, 8) == 0 ? below(random, PAYLOAD_MAX - 32) : below(random, 100);
  size_t at = (size_t)snprintf(out, PAYLOAD_MAX, "{\"text\":\"");
  for (size_t i = 0; i < n; i++)
    out[at++] = hex[below(random, 16)];
  snprintf(out + at, PAYLOAD_MAX - at, "\"}");
}

static struct galley_spec make_spec(char *payload, char *key, uint64_t *random) {
  make_payload(payload, random);
  snprintf(key, 32, "key-%d", (int)below(random, 20));
  return (struct galley_spec){.kind = kinds[below(random, 2)],
                              .payload = payload,
                              .priority = (int64_t)below(random, 3),
                              .delay_ms = below(random, 4) ? 0 : (int64_t)below(random, 20000),
                              .unique_key = below(random, 4) ? NULL : key};
}

static enum galley_rc enqueue(struct crew *crew, struct crew_member *member, uint64_t *random) {
  char payload[PAYLOAD_MAX], key[32];
  int64_t id;
  const struct galley_spec spec = make_spec(payload, key, random);
  (void)crew;
  return galley_enqueue(member->q, &spec, &id, NULL);
}

static enum galley_rc enqueue_many(struct crew *crew, struct crew_member *member,
                                   uint64_t *random) {
  struct galley_spec specs[MANY_MAX];
  char keys[MANY_MAX][32];
  size_t n = 1 + below(random, MANY_MAX);
  char *payloads = malloc(n * PAYLOAD_MAX);
  (void)crew;
  assert_non_null(payloads);
  for (size_t i = 0; i < n; i++)
    specs[i] = make_spec(payloads + i * PAYLOAD_MAX, keys[i], random);
  enum galley_rc rc = galley_enqueue_many(member->q, specs, n, NULL, NULL);
  free(payloads);
  return rc;
}

static enum galley_rc join(struct crew *crew, struct crew_member *member, uint64_t *random) {
  (void)crew;
  (void)random;
  if (member->worker_id != 0)
    return GALLEY_OK;
  return galley_worker_join(member->q, "[]", CREW_JOBS_MAX, &member->worker_id);
}

/* A document with a hash of its own. */
static enum galley_rc save_document(struct galley *q, uint64_t *random) {
  char hash[65], title[64], content[PAYLOAD_MAX];
  int64_t id;
  for (int i = 0; i < 4; i++)
    snprintf(hash + 16 * i, 17, "%016llx", (unsigned long long)disk_store_random(random));
  snprintf(title, sizeof title, "What %.8s says about heat pumps", hash);
  make_payload(content, random);
  const struct galley_document doc = {.title = title,
                                      .content = content,
                                      .language = "en",
                                      .content_hash = hash,
                                      .source = "crew",
                                      .status = "new"};
  return galley_document_save(q, &doc, &id, NULL);
}

static enum galley_rc save_topic(struct galley *q, uint64_t *random, int64_t *id) {
  char title[64];
  snprintf(title, sizeof title, "Topic %d", (int)below(random, 1000000));
  const struct galley_topic topic = {.title = title, .language = "en"};
  return galley_topic_save(q, &topic, id);
}

/* What a job leaves behind: a document, a topic, and a job that refers to it. */
static enum galley_rc save(struct galley *q, void *arg, const char **result) {
  uint64_t random = *(const uint64_t *)arg; /* the same when it is run again */
  char payload[64];
  int64_t topic_id, id;
  enum galley_rc rc = save_document(q, &random);
  if (rc == GALLEY_OK)
    rc = save_topic(q, &random, &topic_id);
  if (rc != GALLEY_OK)
    return rc;
  snprintf(payload, sizeof payload, "{\"topic_id\":%lld}", (long long)topic_id);
  const struct galley_spec next = {.kind = "write", .payload = payload, .priority = -1};
  *result = "{\"ok\":true}";
  return galley_enqueue(q, &next, &id, NULL);
}

static enum galley_rc turn(struct crew *crew, struct crew_member *member, uint64_t *random) {
  static const enum galley_outcome outcomes[] = {GALLEY_DONE,    GALLEY_DONE,   GALLEY_DONE,
                                                 GALLEY_RETRY,   GALLEY_SNOOZE, GALLEY_DEAD,
                                                 GALLEY_RETURNED};
  struct galley_settlement settlements[CREW_JOBS_MAX];
  struct galley_job *claimed[CREW_JOBS_MAX];
  uint64_t seeds[CREW_JOBS_MAX];
  (void)crew;
  for (size_t i = 0; i < member->n_jobs; i++) {
    seeds[i] = disk_store_random(random);
    settlements[i] = (struct galley_settlement){
        .job_id = member->jobs[i]->id,
        .fence = member->jobs[i]->fence,
        .outcome = outcomes[below(random, sizeof outcomes / sizeof outcomes[0])],
        .delay_ms = (int64_t)below(random, 10000),
        .error_class = "test"};
    if (settlements[i].outcome == GALLEY_DONE) {
      settlements[i].save = save;
      settlements[i].save_arg = &seeds[i];
    }
  }
  struct galley_turn turn = {.worker_id = member->worker_id,
                             .settlements = settlements,
                             .n_settlements = member->n_jobs,
                             .kinds = kinds,
                             .n_kinds = N_KINDS,
                             .max_jobs = below(random, CREW_JOBS_MAX + 1),
                             .lease_ms = LEASE_MS,
                             .jobs = claimed};
  enum galley_rc rc = galley_turn(member->q, &turn);
  if (rc != GALLEY_OK)
    return rc;
  for (size_t i = 0; i < member->n_jobs; i++)
    if (settlements[i].rc != GALLEY_OK && settlements[i].rc != GALLEY_LOST)
      fail_msg("settlement %zu: %s", i, galley_rc_name(settlements[i].rc));
  drop_jobs(member);
  memcpy(member->jobs, claimed, turn.n_jobs * sizeof *claimed);
  member->n_jobs = turn.n_jobs;
  return GALLEY_OK;
}

static enum galley_rc claim(struct crew *crew, struct crew_member *member, uint64_t *random) {
  struct galley_hold holds[CREW_JOBS_MAX];
  struct galley_job *claimed[CREW_JOBS_MAX];
  (void)crew;
  (void)random;
  for (size_t i = 0; i < member->n_jobs; i++)
    holds[i] = (struct galley_hold){.job_id = member->jobs[i]->id, .fence = member->jobs[i]->fence};
  struct galley_turn turn = {.worker_id = member->worker_id,
                             .holds = holds,
                             .n_holds = member->n_jobs,
                             .kinds = kinds,
                             .n_kinds = N_KINDS,
                             .max_jobs = CREW_JOBS_MAX - member->n_jobs,
                             .lease_ms = LEASE_MS,
                             .jobs = claimed};
  enum galley_rc rc = galley_turn(member->q, &turn);
  if (rc != GALLEY_OK)
    return rc;
  memcpy(member->jobs + member->n_jobs, claimed, turn.n_jobs * sizeof *claimed);
  member->n_jobs += turn.n_jobs;
  return GALLEY_OK;
}

static enum galley_rc cancel(struct crew *crew, struct crew_member *member, uint64_t *random) {
  (void)crew;
  return galley_cancel(member->q, 1 + (int64_t)below(random, 60), NULL);
}

static enum galley_rc retry(struct crew *crew, struct crew_member *member, uint64_t *random) {
  (void)crew;
  return galley_retry(member->q, 1 + (int64_t)below(random, 60));
}

static enum galley_rc save_content(struct galley *q, uint64_t *random) {
  int64_t topic_id, post_id, id;
  enum galley_rc rc = save_topic(q, random, &topic_id);
  if (rc != GALLEY_OK)
    return rc;
  const struct galley_post post = {.research_topic_id = topic_id,
                                   .title = "A post",
                                   .language = "en",
                                   .content = "Some text.",
                                   .word_count = 2};
  rc = galley_post_save(q, &post, &post_id);
  if (rc != GALLEY_OK)
    return rc;
  const struct galley_social social = {.blog_post_id = post_id,
                                       .platform = "mastodon",
                                       .content = "Read this.",
                                       .language = "en",
                                       .character_count = 10};
  rc = galley_social_save(q, &social, &id);
  return rc == GALLEY_OK ? save_document(q, random) : rc;
}

static enum galley_rc content(struct crew *crew, struct crew_member *member, uint64_t *random) {
  (void)crew;
  enum galley_rc rc = galley_begin(member->q);
  if (rc != GALLEY_OK)
    return rc;
  rc = save_content(member->q, random);
  if (rc == GALLEY_OK && below(random, 5) > 0)
    return galley_commit(member->q);
  galley_rollback(member->q);
  return rc;
}

static enum galley_rc recover(struct crew *crew, struct crew_member *member, uint64_t *random) {
  (void)crew;
  (void)random;
  return galley_recover(member->q, NULL);
}

static enum galley_rc leave(struct crew *crew, struct crew_member *member, uint64_t *random) {
  (void)crew;
  (void)random;
  if (member->worker_id == 0)
    return GALLEY_OK;
  enum galley_rc rc = galley_worker_leave(member->q, member->worker_id);
  if (rc != GALLEY_OK)
    return rc;
  member->worker_id = 0;
  drop_jobs(member);
  return GALLEY_OK;
}

static enum galley_rc checkpoint(struct crew *crew, struct crew_member *member, uint64_t *random) {
  struct galley_wal wal;
  (void)crew;
  (void)random;
  return galley_checkpoint(member->q, &wal);
}

static bool ignore(void *arg, const void *row) {
  (void)arg;
  (void)row;
  return true;
}

static enum galley_rc list(struct crew *crew, struct crew_member *member, uint64_t *random) {
  struct galley_outlook outlook;
  const struct galley_search search = {.query = "heat", .limit = LISTED};
  (void)crew;
  (void)random;
  enum galley_rc rc = galley_jobs(member->q, NULL, NULL, 0, LISTED, ignore, NULL);
  if (rc == GALLEY_OK)
    rc = galley_stats(member->q, ignore, NULL);
  if (rc == GALLEY_OK)
    rc = galley_documents_search(member->q, &search, ignore, NULL);
  if (rc == GALLEY_OK)
    rc = galley_workers(member->q, ignore, NULL);
  return rc == GALLEY_OK ? galley_look(member->q, 0, kinds, N_KINDS, &outlook) : rc;
}

static enum galley_rc backup(struct crew *crew, struct crew_member *member, uint64_t *random) {
  char copy[CREW_PATH_MAX + 8];
  struct galley_backup_report report;
  (void)random;
  snprintf(copy, sizeof copy, "%s.copy", crew->path);
  enum galley_rc rc = galley_backup(member->q, copy, &report);
  unlink(copy);
  return rc;
}

static enum galley_rc close_it(struct crew *crew, struct crew_member *member, uint64_t *random) {
  (void)crew;
  (void)random;
  return shut(member);
}

static enum galley_rc close_all(struct crew *crew, struct crew_member *member, uint64_t *random) {
  (void)member;
  (void)random;
  for (int i = 0; i < CREW_SIZE; i++) {
    disk_enter(crew->disk, crew->members[i].process);
    shut(&crew->members[i]);
  }
  return GALLEY_OK;
}

static enum galley_rc kill_it(struct crew *crew, struct crew_member *member, uint64_t *random) {
  (void)random;
  disk_kill(crew->disk, member->process);
  shut(member);
  member->process = disk_process(crew->disk);
  return GALLEY_OK;
}

static const struct {
  const char *name;
  action_fn *fn;
  unsigned weight; /* among steps at random */
  bool worker, no_handle;
} actions[CREW_N_ACTIONS] = {
    [CREW_OPEN] = {"open", open_it, 3, false, true},
    [CREW_ENQUEUE] = {"enqueue", enqueue, 10, false, false},
    [CREW_ENQUEUE_MANY] = {"enqueue many", enqueue_many, 6, false, false},
    [CREW_JOIN] = {"join", join, 2, false, false},
    [CREW_TURN] = {"turn", turn, 16, true, false},
    [CREW_CLAIM] = {"claim", claim, 4, true, false},
    [CREW_CANCEL] = {"cancel", cancel, 2, false, false},
    [CREW_RETRY] = {"retry", retry, 2, false, false},
    [CREW_CONTENT] = {"content", content, 4, false, false},
    [CREW_RECOVER] = {"recover", recover, 3, false, false},
    [CREW_LEAVE] = {"leave", leave, 1, false, false},
    [CREW_CHECKPOINT] = {"checkpoint", checkpoint, 4, false, false},
    [CREW_LIST] = {"list", list, 1, false, false},
    [CREW_BACKUP] = {"backup", backup, 0, false, false},
    [CREW_CLOSE] = {"close", close_it, 1, false, true},
    [CREW_CLOSE_ALL] = {"close all", close_all, 2, false, true},
    [CREW_KILL] = {"kill", kill_it, 2, false, true},
};

const char *crew_action_name(enum crew_action action) {
  return actions[action].name;
}

struct crew_step crew_step(uint64_t *random, int64_t at_ms) {
  unsigned all = 0;
  enum crew_action action = 0;
  for (int i = 0; i < CREW_N_ACTIONS; i++)
    all += actions[i].weight;
  for (uint64_t at = below(random, all); at >= actions[action].weight; action++)
    at -= actions[action].weight;
  return (struct crew_step){.action = action,
                            .member = (int)below(random, CREW_SIZE),
                            .seed = disk_store_random(random),
                            .at_ms = at_ms};
}

void crew_at(struct crew *crew, int64_t at_ms) {
  crew->now_ms = BEGAN_MS + at_ms;
  crew->mono_ns = (1000 + at_ms) * 1000000;
}

enum galley_rc crew_do(struct crew *crew, const struct crew_step *step) {
  struct crew_member *member = &crew->members[step->member];
  uint64_t random = step->seed;
  action_fn *fn = actions[step->action].fn;
  crew->random = step->seed;
  crew_at(crew, step->at_ms);
  disk_enter(crew->disk, member->process);
  if (!actions[step->action].no_handle && !member->q)
    fn = open_it;
  else if (actions[step->action].worker && member->worker_id == 0)
    fn = join;
  enum galley_rc rc = fn(crew, member, &random);
  if (rc != GALLEY_OK && member->q)
    snprintf(member->sentence, sizeof member->sentence, "%s", galley_errmsg(member->q));
  return rc == GALLEY_NONE || rc == GALLEY_STATE ? GALLEY_OK : rc;
}

const char *crew_sentence(const struct crew *crew, const struct crew_step *step) {
  return crew->members[step->member].sentence;
}

/* ---- what is there ---- */

static uint64_t mix(uint64_t number, const void *bytes, size_t n) { /* FNV-1a */
  const unsigned char *p = bytes;
  for (size_t i = 0; i < n; i++)
    number = (number ^ p[i]) * 0x100000001b3;
  return number;
}

static void note(struct crew *crew, const char *what, const char *found) {
  if (crew->problem[0] == '\0')
    snprintf(crew->problem, sizeof crew->problem, "%s: %s", what, found);
}

static uint64_t mix_rows(struct crew *crew, sqlite3 *h, const char *sql, uint64_t number) {
  sqlite3_stmt *s = NULL;
  int code = sqlite3_prepare_v2(h, sql, -1, &s, NULL);
  while (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
    code = SQLITE_OK;
    for (int i = 0; i < sqlite3_column_count(s); i++) {
      int type = sqlite3_column_type(s, i);
      const void *bytes = sqlite3_column_blob(s, i);
      number = mix(number, &type, sizeof type);
      number = mix(number, bytes, bytes ? (size_t)sqlite3_column_bytes(s, i) : 0);
    }
  }
  if (code != SQLITE_DONE)
    note(crew, sql, sqlite3_errmsg(h));
  sqlite3_finalize(s);
  return number;
}

static void expect_text(struct crew *crew, sqlite3 *h, const char *sql, const char *expected) {
  sqlite3_stmt *s = NULL;
  int code = sqlite3_prepare_v2(h, sql, -1, &s, NULL);
  if (code == SQLITE_OK)
    code = sqlite3_step(s);
  const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : "";
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    note(crew, sql, sqlite3_errmsg(h));
  else if (!text || strcmp(text, expected) != 0)
    note(crew, sql, text ? text : "NULL");
  sqlite3_finalize(s);
}

static uint64_t mix_tables(struct crew *crew, sqlite3 *h, uint64_t number) {
  static const char tables[] = "SELECT 'SELECT * FROM \"' || name || '\"' FROM sqlite_schema WHERE "
                               "type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name";
  sqlite3_stmt *s;
  if (sqlite3_prepare_v2(h, tables, -1, &s, NULL) != SQLITE_OK) {
    note(crew, tables, sqlite3_errmsg(h));
    return number;
  }
  while (sqlite3_step(s) == SQLITE_ROW)
    number = mix_rows(crew, h, (const char *)sqlite3_column_text(s, 0), number);
  sqlite3_finalize(s);
  return number;
}

uint64_t crew_contents(struct crew *crew, int *process) {
  sqlite3 *h;
  uint64_t number = 0xcbf29ce484222325;
  crew->problem[0] = '\0';
  *process = disk_process(crew->disk);
  disk_enter(crew->disk, *process);
  if (sqlite3_open_v2(crew->path, &h, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
    sqlite3_db_config(h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    expect_text(crew, h, "PRAGMA integrity_check", "ok");
    expect_text(crew, h, "PRAGMA foreign_key_check", "");
    number = mix_rows(crew, h, "SELECT * FROM sqlite_schema ORDER BY name", number);
    number = mix_rows(crew, h, "PRAGMA user_version", number);
    number = mix_tables(crew, h, number);
  } else {
    note(crew, crew->path, sqlite3_errmsg(h));
  }
  sqlite3_close(h);
  return number;
}

static bool tell(void *arg, const void *row) {
  const struct galley_violation *violation = row;
  note(arg, violation->rule, violation->sentence);
  return true;
}

bool crew_check(struct crew *crew) {
  struct galley *q;
  const struct galley_options options = {.flags = GALLEY_OPEN_READONLY, .env = &crew->env};
  crew->problem[0] = '\0';
  disk_enter(crew->disk, disk_process(crew->disk));
  enum galley_rc rc = galley_open(&q, crew->path, &options);
  if (rc == GALLEY_OK)
    rc = galley_check(q, tell, NULL, crew, NULL);
  if (rc != GALLEY_OK)
    note(crew, galley_rc_name(rc), galley_errmsg(q));
  galley_close(q);
  return crew->problem[0] == '\0';
}
