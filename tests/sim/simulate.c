/* simulate - runs the simulation from many seeds, each in a process of its own, and says which
 * seeds break a promise. See tests/simulate. */
#include "invariant.h"

#include <errno.h>
#include <ftw.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX       64
#define REPORT_MAX     1024
#define TEMPLATE_MAX   (4 * 1024 * 1024)
#define SEED_SECONDS   120 /* of processor time: more is an endless loop */
#define TWICE_ONE_IN   200 /* seeds are run twice, to see that both runs are the same */
#define FAILURES_SHOWN 20

/* What a run tells its parent. */
struct report {
  bool ended;
  char violation[REPORT_MAX];
  uint64_t hash;
  int64_t operations, jobs, ends, faults, deaths, lost, events[PLAN_N_EVENTS];
};

/* The file of a database without jobs, so that not every run begins with the schema. */
struct template {
  size_t size;
  unsigned char bytes[TEMPLATE_MAX];
};

struct options {
  uint64_t first, n;
  int jobs;
  bool verbose;
};

struct child {
  pid_t pid; /* 0: free */
  uint64_t seed;
  bool again; /* the second run of its seed */
  uint64_t expected;
  struct report *report;
};

struct campaign {
  struct options options;
  char dir[64];
  struct template *template;
  struct child children[JOBS_MAX];
  uint64_t next;
  int64_t held, failed, repeated;
  struct report sum;
};

static struct simulation simulation;
static struct report *report_here;

/* ---- what the library asks the system for, in simulation ---- */

pid_t __wrap_getpid(void);
int __wrap_nanosleep(const struct timespec *wish, struct timespec *left);

pid_t __wrap_getpid(void) {
  return simulation.running ? simulation.running->process : 1;
}

int __wrap_nanosleep(const struct timespec *wish, struct timespec *left) {
  (void)left;
  if (simulation.running)
    simulation_sleep(&simulation, (int64_t)wish->tv_sec * 1000000000 + wish->tv_nsec);
  return 0;
}

/* ---- one run ---- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st;
  (void)type;
  (void)ftw;
  return remove(path);
}

static void remove_tree(const char *path) {
  nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void fill_report(struct report *report, const struct simulation *sim) {
  report->hash = sim->trace.hash;
  report->operations = sim->operations;
  report->jobs = (int64_t)sim->ledger.n_jobs;
  report->ends = (int64_t)sim->ledger.n_ends;
  report->faults = sim->faults;
  report->deaths = sim->deaths;
  report->lost = sim->ledger.lost;
  memcpy(report->events, sim->events, sizeof report->events);
}

static void violated(struct simulation *sim, const char *what) {
  snprintf(report_here->violation, sizeof report_here->violation, "%s", what);
  fill_report(report_here, sim);
  report_here->ended = true;
  fflush(stdout);
  _exit(1);
}

static void prepare(struct simulation *sim, const char *dir, uint64_t seed) {
  char folder[96];
  sim->seed = seed;
  sim->violated = violated;
  snprintf(folder, sizeof folder, "%s/%020" PRIu64, dir, seed);
  if (mkdir(folder, 0700) != 0) {
    remove_tree(folder);
    mkdir(folder, 0700);
  }
  snprintf(sim->path, sizeof sim->path, "%s/simulated.db", folder);
}

static void run_seed(struct campaign *campaign, struct child *child) {
  struct simulation *sim = &simulation;
  report_here = child->report;
  signal(SIGINT, SIG_DFL);
  alarm(SEED_SECONDS * 10);
  sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
  galley_process_init();
  prepare(sim, campaign->dir, child->seed);
  trace_init(&sim->trace, campaign->options.verbose);
  sim->disk = disk_new(child->seed);
  disk_put(sim->disk, sim->path, campaign->template->bytes, campaign->template->size);
  simulation_run(sim);
  fill_report(child->report, sim);
  child->report->ended = true;
  disk_free(sim->disk);
  fflush(stdout);
  _exit(0);
}

/* ---- the template ---- */

static void make_template(struct campaign *campaign) {
  struct simulation *sim = &simulation;
  struct galley *q;
  size_t n = 0;
  prepare(sim, campaign->dir, 0);
  sim->disk = disk_new(0);
  sim->auditor = disk_process(sim->disk);
  disk_enter(sim->disk, sim->auditor);
  const struct galley_options options = {.flags = GALLEY_OPEN_CREATE};
  enum galley_rc rc = galley_open(&q, sim->path, &options);
  if (rc != GALLEY_OK) {
    fprintf(stderr, "simulate: %s\n", galley_errmsg(q));
    _exit(70);
  }
  sqlite3 *h;
  if (sqlite3_open_v2(sim->path, &h, SQLITE_OPEN_READWRITE, "disk") != SQLITE_OK)
    _exit(70);
  invariant_watch_moves(h);
  galley_close(q);
  sqlite3_close(h); /* the last one: the log goes into the file */
  const void *bytes = disk_bytes(sim->disk, sim->path, &n);
  if (!bytes || n > TEMPLATE_MAX)
    _exit(70);
  memcpy(campaign->template->bytes, bytes, n);
  campaign->template->size = n;
  disk_free(sim->disk);
  _exit(0);
}

static void *share(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    perror("simulate: mmap");
    exit(71);
  }
  return memory;
}

static void set_up(struct campaign *campaign) {
  int status;
  const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  snprintf(campaign->dir, sizeof campaign->dir, "%s/galley-sim-XXXXXX", tmp);
  if (!mkdtemp(campaign->dir)) {
    perror("simulate: mkdtemp");
    exit(73);
  }
  campaign->template = share(sizeof *campaign->template);
  for (int i = 0; i < campaign->options.jobs; i++)
    campaign->children[i].report = share(sizeof(struct report));
  pid_t pid = fork();
  if (pid == 0)
    make_template(campaign);
  if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
    fprintf(stderr, "simulate: the database to begin with cannot be made\n");
    remove_tree(campaign->dir);
    exit(70);
  }
}

/* ---- many runs ---- */

static void launch(struct campaign *campaign, struct child *child, uint64_t seed) {
  fflush(stdout);
  child->seed = seed;
  memset(child->report, 0, sizeof *child->report);
  child->pid = fork();
  if (child->pid == 0)
    run_seed(campaign, child);
  if (child->pid < 0) {
    perror("simulate: fork");
    exit(71);
  }
}

static void add_up(struct report *sum, const struct report *one) {
  sum->operations += one->operations;
  sum->jobs += one->jobs;
  sum->ends += one->ends;
  sum->faults += one->faults;
  sum->deaths += one->deaths;
  sum->lost += one->lost;
  for (int i = 0; i < PLAN_N_EVENTS; i++)
    sum->events[i] += one->events[i];
}

static void fail(struct campaign *campaign, const struct child *child, const char *what) {
  if (campaign->failed++ < FAILURES_SHOWN)
    printf("seed %" PRIu64 ": %s\n  replay: tests/simulate --seed %" PRIu64 "\n", child->seed, what,
           child->seed);
}

static void judge(struct campaign *campaign, struct child *child, int status) {
  char text[REPORT_MAX];
  struct report *report = child->report;
  if (report->ended && report->violation[0]) {
    fail(campaign, child, report->violation);
  } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !report->ended) {
    snprintf(text, sizeof text, "the run died: %s",
             WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "it exited early");
    fail(campaign, child, text);
  } else if (child->again && report->hash != child->expected) {
    fail(campaign, child, "a second run of this seed went otherwise");
  } else if (child->again) {
    campaign->repeated++;
  } else {
    campaign->held++;
    add_up(&campaign->sum, report);
  }
}

static void clean_up_after(const struct campaign *campaign, uint64_t seed) {
  char folder[96];
  snprintf(folder, sizeof folder, "%s/%020" PRIu64, campaign->dir, seed);
  remove_tree(folder);
}

static void await_one(struct campaign *campaign) {
  int status;
  pid_t pid;
  do
    pid = waitpid(-1, &status, 0);
  while (pid < 0 && errno == EINTR);
  for (int i = 0; i < campaign->options.jobs; i++) {
    struct child *child = &campaign->children[i];
    if (child->pid != pid || pid <= 0)
      continue;
    uint64_t hash = child->report->hash;
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    judge(campaign, child, status);
    clean_up_after(campaign, child->seed);
    bool twice = good && !child->again && !campaign->options.verbose &&
                 (child->seed - campaign->options.first) % TWICE_ONE_IN == 0;
    child->pid = 0;
    child->again = twice;
    child->expected = hash;
    if (twice)
      launch(campaign, child, child->seed);
  }
}

static bool any_runs(const struct campaign *campaign) {
  for (int i = 0; i < campaign->options.jobs; i++)
    if (campaign->children[i].pid != 0)
      return true;
  return false;
}

static void run_all(struct campaign *campaign) {
  uint64_t end = campaign->options.first + campaign->options.n;
  campaign->next = campaign->options.first;
  while (campaign->next < end || any_runs(campaign)) {
    for (int i = 0; i < campaign->options.jobs && campaign->next < end; i++)
      if (campaign->children[i].pid == 0) {
        campaign->children[i].again = false;
        launch(campaign, &campaign->children[i], campaign->next++);
      }
    await_one(campaign);
  }
}

static void print_sum(const struct campaign *campaign) {
  const struct report *sum = &campaign->sum;
  printf("%" PRId64 " of %" PRIu64 " seeds hold; %" PRId64 " were run twice, with the same trace\n",
         campaign->held, campaign->options.n, campaign->repeated);
  printf("%" PRId64 " jobs, %" PRId64 " ends of attempts, %" PRId64 " storage operations; %" PRId64
         " faults, %" PRId64 " deaths in the middle of an operation, %" PRId64 " kills, %" PRId64
         " kills of all, %" PRId64 " stops, %" PRId64 " clock steps, %" PRId64
         " power cuts, which took back %" PRId64 " acknowledgements\n",
         sum->jobs, sum->ends, sum->operations, sum->faults, sum->deaths, sum->events[PLAN_KILL],
         sum->events[PLAN_KILL_ALL], sum->events[PLAN_PAUSE], sum->events[PLAN_CLOCK],
         sum->events[PLAN_POWER], sum->lost);
}

/* ---- the command ---- */

static void usage(void) {
  fputs("usage: simulate --seeds N [--from S] [-j PROCESSES]\n"
        "       simulate --seed N\n",
        stderr);
  exit(64);
}

static uint64_t number(const char *text) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || *text == '-')
    usage();
  return value;
}

static struct options read_options(int argc, char **argv) {
  static const struct option names[] = {{"seeds", required_argument, NULL, 'n'},
                                        {"from", required_argument, NULL, 'f'},
                                        {"seed", required_argument, NULL, 's'},
                                        {"jobs", required_argument, NULL, 'j'},
                                        {0}};
  struct options options = {.first = 1, .n = 0, .jobs = 1};
  int c;
  while ((c = getopt_long(argc, argv, "j:", names, NULL)) != -1) {
    if (c == '?')
      usage();
    uint64_t value = number(optarg);
    if (c == 'n')
      options.n = value;
    else if (c == 'f')
      options.first = value;
    else if (c == 'j')
      options.jobs = value >= 1 && value <= JOBS_MAX ? (int)value : 1;
    else
      options.verbose = true, options.first = value, options.n = 1;
  }
  if (optind != argc || options.n == 0)
    usage();
  return options;
}

int main(int argc, char **argv) {
  static struct campaign campaign;
  campaign.options = read_options(argc, argv);
  set_up(&campaign);
  run_all(&campaign);
  print_sum(&campaign);
  remove_tree(campaign.dir);
  return campaign.failed == 0 ? 0 : 1;
}
