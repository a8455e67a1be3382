/* bench-load: one load on one database by processes of several roles, and what it came to as one
 * line of JSON. bench/run calls it; see there.
 *
 *   bench-load SUBJECT LOAD DATABASE [name=value ...]
 *
 * SUBJECT: one of subject_list.c. LOAD: enqueue, drain, mixed, read, wake, idle, seed-read,
 * seed-write, seed-mixed, fill. */
#include "galley.h"
#include "histogram.h"
#include "subject.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ACTORS_MAX  64
#define PAYLOAD_LEN 120
#define REPORT_LEN  15000
#define WAKE_PAUSE                                                                                 \
  5000000                /* ns between two enqueues of `wake`, so that the worker is idle again    \
                          */
#define LOOK_MS     1000 /* at the latest, when nothing rings */
#define FILL_BATCH  1000
#define SEEDERS_MAX 16

/* What a person may set. */
static struct {
  const char *name;
  int64_t value;
} settings[] = {
    {"producers", 1}, {"workers", 0}, {"readers", 0}, {"batch", 1},     {"claim", 32},
    {"jobs", 100000}, {"ms", 5000},   {"full", 0},    {"topics", 1000}, {"threads", 1},
};
enum { PRODUCERS, WORKERS, READERS, BATCH, CLAIM, JOBS, MS, FULL, TOPICS, THREADS, N_SETTINGS };
#define SET(name) (settings[name].value)

enum { ENQUEUED, DONE, READ, N_COUNTS };
static const char *const counts[N_COUNTS] = {"enqueued", "done", "read"};

/* One process of the load, in memory that all share. */
struct actor {
  enum subject_role role;
  int64_t n;             /* jobs enqueued or done, rows read */
  int64_t last_ns;       /* when it ended, a worker's waiting at its end apart */
  struct histogram took; /* one call, as its caller waits for it */
};

struct shared {
  _Atomic int ready;
  _Atomic int go;
  _Atomic int64_t began_ns;
  _Atomic int64_t left;   /* jobs that nobody has enqueued (enqueue) or done (drain) yet */
  _Atomic int64_t newest; /* highest id that is surely there */
  struct actor actors[ACTORS_MAX];
};

static struct shared *shared;
static const struct subject *subject;
static const char *load, *path;
static char text[PAYLOAD_LEN + 1];

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void pause_ns(long ns) {
  const struct timespec pause = {.tv_nsec = ns};
  nanosleep(&pause, NULL);
}

static bool is(const char *name) {
  return strcmp(load, name) == 0;
}

/* A JSON text of PAYLOAD_LEN bytes that begins with a time. */
static const char *payload_at(int64_t ns) {
  int n = snprintf(text, sizeof text, "{\"t\":%20" PRId64 ",\"x\":\"", ns);
  memset(text + n, 'x', PAYLOAD_LEN - (size_t)n - 2);
  memcpy(text + PAYLOAD_LEN - 2, "\"}", 3);
  return text;
}

/* ---- roles ---- */

static bool time_left(void) {
  return now_ns() - atomic_load(&shared->began_ns) < SET(MS) * 1000000;
}

/* Takes up to n of the jobs that are left. */
static int64_t take(int64_t n) {
  int64_t left = atomic_fetch_sub(&shared->left, n);
  return left >= n ? n : left > 0 ? left : 0;
}

static void produce(struct actor *actor, void *h) {
  bool counted = is("enqueue");
  for (;;) {
    int64_t n = counted ? take(SET(BATCH)) : time_left() ? SET(BATCH) : 0;
    if (n <= 0)
      return;
    int64_t began = now_ns();
    subject->enqueue(h, payload_at(began), (size_t)n);
    histogram_add(&actor->took, now_ns() - began);
    actor->n += n;
    if (is("wake"))
      pause_ns(WAKE_PAUSE);
  }
}

static void work(struct actor *actor, void *h) {
  size_t settled;
  int64_t idle = 0;
  for (;;) {
    int64_t began = now_ns();
    size_t n = subject->turn(h, (size_t)SET(CLAIM), &settled);
    int64_t ended = now_ns();
    if (is("wake"))
      for (size_t i = 0; i < n; i++)
        histogram_add(&actor->took,
                      ended - strtoll(strchr(subject->payload(h, i), ':') + 1, NULL, 10));
    else if (n + settled > 0)
      histogram_add(&actor->took, ended - began);
    actor->n += (int64_t)settled;
    if (n + settled > 0)
      actor->last_ns = ended;
    idle = n + settled > 0 ? 0 : idle + 1;
    if (is("drain") ? idle > 0 : idle > 0 && !time_left())
      return;
    if (idle > 0 && subject->wait)
      subject->wait(h, is("idle") ? (int)SET(MS) : LOOK_MS);
    else if (idle > 0)
      pause_ns(1000000);
  }
}

static void read_jobs(struct actor *actor, void *h) {
  uint64_t chance = (uint64_t)getpid() * 2654435761u;
  while (time_left()) {
    for (int i = 0; i < 100; i++) {
      chance = chance * 6364136223846793005u + 1442695040888963407u;
      int64_t began = i == 0 ? now_ns() : 0;
      if (!subject->job_get(h, 1 + (int64_t)((chance >> 33) % (uint64_t)SET(JOBS)))) {
        fprintf(stderr, "bench: a job that was filled in is not there\n");
        exit(1);
      }
      if (began)
        histogram_add(&actor->took, now_ns() - began);
    }
    actor->n += 100;
  }
}

static void act(struct actor *actor) {
  static void (*const roles[])(struct actor *, void *) = {produce, work, read_jobs};
  void *h = subject->open(path, actor->role, SET(FULL));
  atomic_fetch_add(&shared->ready, 1);
  while (!atomic_load(&shared->go))
    pause_ns(100000);
  roles[actor->role](actor, h);
  if (actor->last_ns == 0)
    actor->last_ns = now_ns();
  subject->close(h);
}

/* ---- the load as processes ---- */

static int64_t start(int n) {
  for (int i = 0; i < n; i++) {
    pid_t pid = fork();
    if (pid < 0)
      exit(1);
    if (pid == 0) {
      (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody else would stop it */
      act(&shared->actors[i]);
      exit(0);
    }
  }
  while (atomic_load(&shared->ready) < n) {
    if (waitpid(-1, NULL, WNOHANG) > 0)
      exit(1); /* it has said why */
    pause_ns(100000);
  }
  int64_t began = now_ns();
  atomic_store(&shared->began_ns, began);
  atomic_store(&shared->go, 1);
  return began;
}

static void print_role(enum subject_role role, int n, int64_t began) {
  static struct histogram all;
  int64_t sum = 0, last = began;
  memset(&all, 0, sizeof all);
  for (int i = 0; i < n; i++) {
    const struct actor *actor = &shared->actors[i];
    if (actor->role != role)
      continue;
    histogram_merge(&all, &actor->took);
    sum += actor->n;
    if (actor->last_ns > last)
      last = actor->last_ns;
  }
  double seconds = (double)(last - began) / 1e9;
  printf(",\"%s\":{\"n\":%" PRId64 ",\"calls\":%" PRIu64
         ",\"per_s\":%.1f,\"p50_ms\":%.4f,\"p99_ms\":%.4f,"
         "\"p999_ms\":%.4f,\"max_ms\":%.4f}",
         counts[role], sum, all.n, seconds > 0 ? (double)sum / seconds : 0, histogram_ms(&all, 0.5),
         histogram_ms(&all, 0.99), histogram_ms(&all, 0.999), (double)all.max_ns / 1e6);
}

static int run_processes(void) {
  int n = 0, status, failed = 0;
  const int64_t wanted[] = {SET(PRODUCERS), SET(WORKERS), SET(READERS)};
  for (int role = 0; role < N_COUNTS; role++)
    for (int64_t i = 0; i < wanted[role] && n < ACTORS_MAX; i++)
      shared->actors[n++].role = (enum subject_role)role;
  atomic_store(&shared->left, SET(JOBS));
  int64_t began = start(n);
  while (wait(&status) > 0)
    failed |= status;
  if (failed)
    return 1;
  printf("{\"subject\":\"%s\",\"load\":\"%s\"", subject->name, load);
  for (int role = 0; role < N_COUNTS; role++)
    if (wanted[role] > 0)
      print_role((enum subject_role)role, n, began);
  printf("}\n");
  return 0;
}

/* ---- the earlier system's four measurements: topics with reports, in threads ---- */

struct seeder {
  pthread_t thread;
  int64_t reads, writes;
  struct histogram took;
};

static char report[REPORT_LEN + 1];

static void *seed(void *arg) {
  struct seeder *one = arg;
  void *h = subject->open(path, SUBJECT_WRITER, SET(FULL));
  while (!atomic_load(&shared->go))
    pause_ns(10000);
  for (int64_t i = 0; i < one->reads + one->writes; i++) {
    int64_t began = now_ns();
    bool reading = one->writes == 0 || (one->reads > 0 && i % 2 == 0);
    if (reading && !subject->topic_get(h, 1 + i % SET(TOPICS)))
      exit(1);
    if (!reading)
      subject->topic_save(h, "A topic of the bench", report);
    histogram_add(&one->took, now_ns() - began);
  }
  atomic_store(&shared->began_ns, now_ns()); /* the last one's stays */
  subject->close(h);
  return NULL;
}

static int run_seed(int threads, int64_t reads, int64_t writes) {
  static struct seeder seeders[SEEDERS_MAX];
  static struct histogram all;
  memset(report, 'r', REPORT_LEN);
  for (int i = 0; i < threads; i++) {
    seeders[i].reads = reads / threads;
    seeders[i].writes = writes / threads;
    if (pthread_create(&seeders[i].thread, NULL, seed, &seeders[i]) != 0)
      return 1;
  }
  pause_ns(200000000);
  int64_t began = now_ns();
  atomic_store(&shared->go, 1);
  for (int i = 0; i < threads; i++) {
    pthread_join(seeders[i].thread, NULL);
    histogram_merge(&all, &seeders[i].took);
  }
  double seconds = (double)(atomic_load(&shared->began_ns) - began) / 1e9;
  printf("{\"subject\":\"%s\",\"load\":\"%s\",\"calls\":{\"n\":%" PRIu64
         ",\"per_s\":%.1f,\"p50_ms\":%.4f,\"p99_ms\":%.4f,\"p999_ms\":%.4f,\"max_ms\":%.4f}}\n",
         subject->name, load, all.n, (double)all.n / seconds, histogram_ms(&all, 0.5),
         histogram_ms(&all, 0.99), histogram_ms(&all, 0.999), (double)all.max_ns / 1e6);
  return 0;
}

/* ---- what must be there before ---- */

static int fill(void) {
  void *h = subject->open(path, SUBJECT_WRITER, false);
  memset(report, 'r', REPORT_LEN);
  for (int64_t i = 0; i < SET(JOBS); i += FILL_BATCH)
    subject->enqueue(h, payload_at(i),
                     (size_t)(SET(JOBS) - i < FILL_BATCH ? SET(JOBS) - i : FILL_BATCH));
  for (int64_t i = 0; i < SET(TOPICS); i++)
    subject->topic_save(h, "A topic of the bench", report);
  subject->close(h);
  return 0;
}

static bool set(const char *word) {
  for (int i = 0; i < N_SETTINGS; i++) {
    size_t len = strlen(settings[i].name);
    if (strncmp(word, settings[i].name, len) == 0 && word[len] == '=') {
      settings[i].value = strtoll(word + len + 1, NULL, 10);
      return true;
    }
  }
  return false;
}

int main(int argc, char **argv) {
  for (size_t i = 0; argc > 3 && subject_list[i]; i++)
    if (strcmp(argv[1], subject_list[i]->name) == 0)
      subject = subject_list[i];
  for (int i = 4; i < argc; i++)
    if (!set(argv[i]))
      subject = NULL;
  if (!subject || SET(BATCH) > SUBJECT_BATCH_MAX || SET(CLAIM) > SUBJECT_BATCH_MAX ||
      SET(THREADS) < 1 || SET(THREADS) > SEEDERS_MAX) {
    fprintf(stderr, "usage: bench-load SUBJECT LOAD DATABASE [name=value ...]\n");
    return 64;
  }
  load = argv[2];
  path = argv[3];
  galley_process_init();
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    return 74;
  if (is("fill"))
    return fill();
  if (is("seed-read"))
    return run_seed((int)SET(THREADS), SET(JOBS), 0);
  if (is("seed-write"))
    return run_seed((int)SET(THREADS), 0, SET(JOBS));
  if (is("seed-mixed"))
    return run_seed((int)SET(THREADS), SET(JOBS) / 2, SET(JOBS) / 2);
  return run_processes();
}
