/* The power goes at a random operation of random work by several processes, in the middle of
 * commits, checkpoints, resets of the log and openings. Each piece of work is first done without a
 * cut, and what the database holds is noted after each step; what is found after a cut must be what
 * it held after one of these steps: not before the last one that a durable handle acknowledged, nor
 * after the one that was under way. GALLEY_CUTS=N makes N cuts in each durability, GALLEY_SEED=N
 * begins with another piece of work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crew.h"
#include "disk_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <valgrind/valgrind.h>

#define CUTS          100
#define CUTS_SLOW     20 /* under the sanitizers */
#define CUTS_VALGRIND 4
#define STEPS_MAX     40
#define CUTS_OF_PLAN  10      /* cuts of one piece of work, each in its own run */
#define GO_ON_EVERY   4       /* cuts: work goes on after so many'th */
#define SIDE_SIZE_MAX 1048576 /* of the file of galley's own beside the database */

enum durability { NORMAL, FULL, MIXED };

/* A piece of work. */
struct plan {
  uint64_t seed;
  unsigned full; /* members whose commits wait for the disk */
  bool made;     /* the database is there when it begins */
  struct crew_step steps[STEPS_MAX];
  int n_steps;
  uint64_t contents[STEPS_MAX + 1]; /* after so many steps */
  uint64_t operations;
};

struct cut {
  struct plan *plan;
  uint64_t at; /* number of the operation */
  enum disk_loss loss;
  uint64_t random;
};

/* The file beside the database as it was when the power went: code of dead processes still runs. */
struct side {
  char name[CREW_PATH_MAX + 16];
  char *bytes;
  size_t size;
  bool there;
};

struct totals {
  int cuts, losing, lost, creating, again;
};

static struct disk *disk;
static struct crew crew;
static char folder[64], path[CREW_PATH_MAX];
static char *template_bytes;
static size_t template_size;
static struct side side;

/* ---- the file beside ---- */

static void side_remove(void) {
  (void)unlink(side.name);
}

static void side_keep(void) {
  int fd = open(side.name, O_RDONLY | O_CLOEXEC);
  side.there = fd >= 0;
  ssize_t n = side.there ? read(fd, side.bytes, SIDE_SIZE_MAX) : 0;
  assert_true(n >= 0 && n < SIDE_SIZE_MAX);
  side.size = (size_t)n;
  if (side.there)
    close(fd);
}

/* It was never synced: whole, gone, empty, or full of zeros. */
static void side_restore(uint64_t *random) {
  side_remove();
  uint64_t fate = disk_store_random(random) % 6;
  if (!side.there || fate == 0)
    return;
  int fd = open(side.name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  if (fate == 1)
    side.size = 0;
  if (fate == 2)
    memset(side.bytes, 0, side.size);
  assert_int_equal(write(fd, side.bytes, side.size), (ssize_t)side.size);
  close(fd);
}

/* ---- the power ---- */

struct power {
  uint64_t operations; /* so far */
  uint64_t left;       /* until the cut; 0: none */
  enum disk_loss loss;
  bool is_cut;
  int bystander; /* a process that only looks */
};
static struct power power;
static const struct cut *present; /* what a failure names, to be replayed */

static const char *where(void) {
  static char text[160];
  if (!present)
    return "without a cut";
  snprintf(text, sizeof text, "GALLEY_SEED=%llu, cut at operation %llu, loss %d",
           (unsigned long long)present->plan->seed, (unsigned long long)present->at,
           (int)present->loss);
  return text;
}

static void cut_now(void) {
  power.is_cut = true;
  side_keep();
  disk_power_cut(disk, power.loss);
}

static enum disk_verdict count(void *arg, int process, enum disk_op op, const char *name, int us) {
  (void)arg;
  (void)op;
  (void)name;
  (void)us;
  if (process == power.bystander)
    return DISK_GO;
  power.operations++;
  if (power.left > 0 && --power.left == 0)
    cut_now();
  return DISK_GO;
}

/* ---- a piece of work ---- */

static void begin(const struct plan *plan) {
  if (crew.disk)
    crew_fini(&crew); /* what a test that failed has left */
  disk_watch(disk, NULL, NULL);
  disk_reset(disk, plan->seed);
  side_remove();
  if (plan->made)
    disk_put(disk, path, template_bytes, template_size);
  crew_init(&crew, disk, path, plan->full);
  crew.env.one_thread = plan->seed % 2 == 0;
  power = (struct power){0};
  disk_watch(disk, count, NULL);
}

static uint64_t look(void) {
  int process;
  power.bystander = disk_process(disk) + 1; /* which it will be */
  uint64_t contents = crew_contents(&crew, &process);
  assert_int_equal(process, power.bystander);
  power.bystander = 0;
  if (crew.problem[0] != '\0')
    fail_msg("%s: %s", where(), crew.problem);
  return contents;
}

static void check(void) {
  if (!crew_check(&crew))
    fail_msg("%s: %s", where(), crew.problem);
}

static void do_step(const struct plan *plan, int i) {
  enum galley_rc rc = crew_do(&crew, &plan->steps[i]);
  if (rc != GALLEY_OK)
    fail_msg("seed %llu, step %d (%s): %s: %s", (unsigned long long)plan->seed, i,
             crew_action_name(plan->steps[i].action), galley_rc_name(rc),
             crew_sentence(&crew, &plan->steps[i]));
}

static void make_plan(struct plan *plan, uint64_t seed, enum durability durability) {
  uint64_t random = seed;
  int64_t at_ms = 0;
  *plan = (struct plan){.seed = seed, .made = seed % 8 != 0};
  if (durability != NORMAL)
    plan->full = durability == FULL ? ~0u : (unsigned)disk_store_random(&random);
  plan->n_steps = 5 + (int)(disk_store_random(&random) % (STEPS_MAX - 4));
  for (int i = 0; i < plan->n_steps; i++) {
    plan->steps[i] = crew_step(&random, at_ms);
    if (i == 0) /* at the beginning, as those who make it anew after a cut */
      plan->steps[i].action = CREW_OPEN;
    at_ms += (int64_t)(disk_store_random(&random) % 4000);
  }
  begin(plan);
  if (plan->made)
    plan->contents[0] = look();
  for (int i = 0; i < plan->n_steps; i++) {
    do_step(plan, i);
    plan->contents[i + 1] = look();
  }
  if (!plan->made)
    plan->contents[0] = plan->contents[1]; /* whoever opens it after the cut makes it anew */
  check();
  plan->operations = power.operations;
  crew_fini(&crew);
}

/* ---- the cut ---- */

struct span {
  int kept;  /* steps that must be there */
  int begun; /* steps that may be there */
  int answered;
};

static void promise(struct span *span, const struct plan *plan, int i, enum disk_loss loss) {
  bool changed = plan->contents[i + 1] != plan->contents[i];
  bool full = plan->full & 1u << plan->steps[i].member;
  span->answered = i + 1;
  if (loss == DISK_KEEP_ALL || (changed && full))
    span->kept = i + 1;
}

/* Works until the power goes. */
static struct span work(const struct cut *cut) {
  const struct plan *plan = cut->plan;
  struct span span = {0};
  begin(plan);
  power.left = cut->at;
  power.loss = cut->loss;
  for (int i = 0; i < plan->n_steps && !power.is_cut; i++) {
    span.begun = i + 1;
    if (crew_do(&crew, &plan->steps[i]) == GALLEY_OK && !power.is_cut)
      promise(&span, plan, i, cut->loss);
    else if (!power.is_cut)
      do_step(plan, i); /* which says what is wrong */
  }
  if (!power.is_cut)
    cut_now();
  power.left = 0;
  crew_fini(&crew);
  return span;
}

static struct galley *reopen(void) {
  struct galley *q;
  const struct galley_options options = {.flags = GALLEY_OPEN_CREATE, .env = &crew.env};
  disk_enter(disk, disk_process(disk));
  enum galley_rc rc = galley_open(&q, path, &options);
  if (rc != GALLEY_OK && !power.is_cut)
    fail_msg("%s: opening after it: %s: %s", where(), galley_rc_name(rc), galley_errmsg(q));
  return q;
}

/* The power goes again while the first process recovers the log. */
static bool cut_again(struct cut *cut) {
  power = (struct power){.left = 1 + disk_store_random(&cut->random) % 60, .loss = cut->loss};
  struct galley *q = reopen();
  power.left = 0;
  galley_close(q);
  if (power.is_cut)
    side_restore(&cut->random);
  bool again = power.is_cut;
  power.is_cut = false;
  return again;
}

/* Whoever comes after the cut can work. */
static void go_on(struct cut *cut) {
  static const enum crew_action actions[] = {CREW_OPEN,  CREW_RECOVER, CREW_ENQUEUE,   CREW_JOIN,
                                             CREW_CLAIM, CREW_TURN,    CREW_CHECKPOINT};
  int64_t at_ms = cut->plan->steps[cut->plan->n_steps - 1].at_ms;
  crew_init(&crew, disk, path, cut->plan->full);
  for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
    const struct crew_step step = {
        .action = actions[i], .seed = disk_store_random(&cut->random), .at_ms = at_ms};
    enum galley_rc rc = crew_do(&crew, &step);
    if (rc != GALLEY_OK)
      fail_msg("%s: %s after it: %s: %s", where(), crew_action_name(step.action),
               galley_rc_name(rc), crew_sentence(&crew, &step));
  }
  crew_fini(&crew);
}

/* Of the steps that may be the last that is there, the one that is; -1: none. */
static int find(const struct plan *plan, const struct span *span, uint64_t contents) {
  for (int i = span->begun; i >= 0; i--)
    if (plan->contents[i] == contents)
      return i;
  return -1;
}

static void judge(const struct cut *cut, const struct span *span, struct totals *totals) {
  const struct plan *plan = cut->plan;
  int last = find(plan, span, look());
  if (last < span->kept || last > span->begun)
    fail_msg("%s: found the database as after step %d; %d are durable, %d acknowledged, %d begun",
             where(), last, span->kept, span->answered, span->begun);
  totals->cuts++;
  totals->creating += !plan->made && span->begun == 1;
  for (int i = last; i < span->answered; i++)
    if (plan->contents[i + 1] != plan->contents[i]) {
      totals->losing++;
      totals->lost += span->answered - i;
      break;
    }
}

static void cut_once(struct cut *cut, struct totals *totals) {
  present = cut;
  struct span span = work(cut);
  side_restore(&cut->random);
  power.is_cut = false;
  crew_init(&crew, disk, path, cut->plan->full); /* for its clock, which says: the beginning */
  while (disk_store_random(&cut->random) % 3 == 0 && cut_again(cut))
    totals->again++;
  galley_close(reopen());
  judge(cut, &span, totals);
  crew_fini(&crew);
  if (totals->cuts % GO_ON_EVERY == 0)
    go_on(cut);
  check();
  present = NULL;
}

static int cuts_of_run(void) {
  const char *wish = getenv("GALLEY_CUTS");
  if (wish)
    return (int)strtol(wish, NULL, 10);
  if (RUNNING_ON_VALGRIND)
    return CUTS_VALGRIND;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return CUTS_SLOW;
#else
  return CUTS;
#endif
}

static struct totals cut_often(enum durability durability) {
  present = NULL;
  const char *first = getenv("GALLEY_SEED");
  int cuts = cuts_of_run();
  uint64_t seed = first ? strtoull(first, NULL, 10) : 1;
  struct totals totals = {0};
  while (totals.cuts < cuts) {
    struct plan plan;
    make_plan(&plan, seed++, durability);
    uint64_t random = plan.seed;
    for (int i = 0; i < CUTS_OF_PLAN && totals.cuts < cuts; i++) {
      struct cut cut = {.plan = &plan,
                        .at = 1 + disk_store_random(&random) % plan.operations,
                        .loss = (enum disk_loss)(disk_store_random(&random) % (DISK_TEAR + 1)),
                        .random = disk_store_random(&random)};
      cut_once(&cut, &totals);
    }
  }
  print_message("# %d cuts, %d while the database was made, %d again while it was opened; %d took "
                "acknowledged steps back, %d in all\n",
                totals.cuts, totals.creating, totals.again, totals.losing, totals.lost);
  return totals;
}

/* ---- the tests ---- */

static void full_loses_nothing_that_was_acknowledged(void **state) {
  (void)state;
  assert_int_equal(cut_often(FULL).losing, 0);
}

static void normal_loses_a_suffix_of_the_commits_and_nothing_else(void **state) {
  (void)state;
  struct totals totals = cut_often(NORMAL);
  assert_true(totals.cuts < 20 || totals.losing > totals.cuts / 10); /* or they show nothing */
}

static void a_durable_commit_beside_others_keeps_all_before_it(void **state) {
  (void)state;
  (void)cut_often(MIXED);
}

/* A database that is there already, as one file. */
static void make_template(void) {
  const struct plan plan = {.seed = 1};
  const struct crew_step steps[] = {{.action = CREW_OPEN}, {.action = CREW_CHECKPOINT}};
  begin(&plan);
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    assert_int_equal(crew_do(&crew, &steps[i]), GALLEY_OK);
  crew_fini(&crew);
  const void *bytes = disk_bytes(disk, path, &template_size);
  template_bytes = malloc(template_size);
  assert_non_null(template_bytes);
  memcpy(template_bytes, bytes, template_size);
}

static int set_up(void **state) {
  const char *tmp = getenv("TMPDIR");
  (void)state;
  snprintf(folder, sizeof folder, "%s/galley-XXXXXX", tmp && strlen(tmp) < 32 ? tmp : "/tmp");
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/test.db", folder);
  snprintf(side.name, sizeof side.name, "%s-galley", path);
  side.bytes = malloc(SIDE_SIZE_MAX);
  assert_non_null(side.bytes);
  disk = disk_new(1);
  make_template();
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  disk_free(disk);
  free(template_bytes);
  free(side.bytes);
  side_remove();
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(full_loses_nothing_that_was_acknowledged),
      cmocka_unit_test(normal_loses_a_suffix_of_the_commits_and_nothing_else),
      cmocka_unit_test(a_durable_commit_beside_others_keeps_all_before_it),
  };
  return cmocka_run_group_tests_name("power_cut", tests, set_up, tear_down);
}
