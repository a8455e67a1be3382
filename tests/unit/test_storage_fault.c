/* Storage that fails: of a run through galley's whole life, from the making of the database to its
 * last closing, operation number 1, 2, 3, ... of the disk fails, once or from then on, until the
 * run is over before it would. A call that meets it says so, in a sentence and with a code that
 * fits; what it was to change is not there, or, when it was the commit that failed, all there; the
 * same call works once the disk does; whatever was acknowledged stays. One operation in many is
 * taken; GALLEY_STRIDE=1 takes each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crew.h"
#include "disk_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <valgrind/valgrind.h>

#define STRIDE          41
#define STRIDE_SLOW     191 /* under the sanitizers */
#define STRIDE_VALGRIND 499

/* Seeds choose what a step is about: these hit a job that can be cancelled, and so on. */
static const struct crew_step script[] = {
    {.action = CREW_OPEN, .member = 0},
    {.action = CREW_ENQUEUE, .member = 0, .seed = 1},
    {.action = CREW_ENQUEUE_MANY, .member = 0, .seed = 2},
    {.action = CREW_OPEN, .member = 1},
    {.action = CREW_JOIN, .member = 1},
    {.action = CREW_TURN, .member = 1, .seed = 5, .at_ms = 30000},
    {.action = CREW_TURN, .member = 1, .seed = 6, .at_ms = 31000},
    {.action = CREW_OPEN, .member = 2},
    {.action = CREW_ENQUEUE, .member = 2, .seed = 8},
    {.action = CREW_CONTENT, .member = 0, .seed = 90},
    {.action = CREW_CANCEL, .member = 0, .seed = 36},
    {.action = CREW_RETRY, .member = 0, .seed = 36},
    {.action = CREW_CHECKPOINT, .member = 0},
    {.action = CREW_CLAIM, .member = 1, .at_ms = 32000},
    {.action = CREW_KILL, .member = 1},
    {.action = CREW_RECOVER, .member = 0, .at_ms = 33000},
    {.action = CREW_JOIN, .member = 0, .at_ms = 33000},
    {.action = CREW_CLAIM, .member = 0, .at_ms = 34000},
    {.action = CREW_TURN, .member = 0, .seed = 6, .at_ms = 35000},
    {.action = CREW_LEAVE, .member = 0, .at_ms = 36000},
    {.action = CREW_LIST, .member = 0},
    {.action = CREW_BACKUP, .member = 0},
    {.action = CREW_CHECKPOINT, .member = 2},
    {.action = CREW_ENQUEUE_MANY, .member = 0, .seed = 23},
    {.action = CREW_CLOSE_ALL, .member = 0},
    {.action = CREW_OPEN, .member = 0},
    {.action = CREW_LIST, .member = 0},
    {.action = CREW_OPEN, .member = 2},
    {.action = CREW_ENQUEUE_MANY, .member = 2, .seed = 27},
    {.action = CREW_CLOSE_ALL, .member = 0},
};
#define N_STEPS     ((int)(sizeof script / sizeof script[0]))
#define FULL_MEMBER (1u << 2)

struct fault {
  enum disk_verdict verdict;
  bool for_ever;
  uint64_t at;
  uint64_t seen; /* operations so far */
  bool healed;
  int bystander;
};

static struct disk *disk;
static struct crew crew;
static char folder[64], path[CREW_PATH_MAX];
/* After so many steps of a run without faults. */
static uint64_t contents[N_STEPS + 1], operations[N_STEPS + 1];
static struct fault fault;

static enum disk_verdict strike(void *arg, int process, enum disk_op op, const char *name, int us) {
  (void)arg;
  (void)op;
  (void)name;
  (void)us;
  if (process == fault.bystander || fault.healed)
    return DISK_GO;
  fault.seen++;
  bool now = fault.seen == fault.at || (fault.for_ever && fault.seen > fault.at);
  return now ? fault.verdict : DISK_GO;
}

static void begin(const struct fault *of) {
  char side[CREW_PATH_MAX + 16];
  if (crew.disk)
    crew_fini(&crew); /* what a test that failed has left */
  disk_reset(disk, 1);
  snprintf(side, sizeof side, "%s-galley", path);
  (void)unlink(side);
  crew_init(&crew, disk, path, FULL_MEMBER);
  fault = *of;
  disk_watch(disk, strike, NULL);
}

static const char *verdict_name(void) {
  return fault.verdict == DISK_FULL ? "full at" : "failed at";
}

static const char *rest_name(void) {
  return fault.for_ever ? "and after" : "only";
}

static uint64_t look(void) {
  int process;
  fault.bystander = disk_process(disk) + 1; /* which it will be */
  uint64_t number = crew_contents(&crew, &process);
  assert_int_equal(process, fault.bystander);
  fault.bystander = 0;
  if (crew.problem[0] != '\0')
    fail_msg("%s %s operation %llu: %s", verdict_name(), rest_name(), (unsigned long long)fault.at,
             crew.problem);
  return number;
}

#define broken(i, format, ...)                                                                     \
  fail_msg("%s %s operation %llu, step %d (%s): " format, verdict_name(), rest_name(),             \
           (unsigned long long)fault.at, (i), crew_action_name(script[i].action), __VA_ARGS__)

/* A call that failed says how, in words. */
static void judge_code(int i, enum galley_rc rc) {
  const char *sentence = crew_sentence(&crew, &script[i]);
  bool fits = rc == GALLEY_CANNOT_CREATE /* a file beside the database */ ||
              rc == (fault.verdict == DISK_FULL ? GALLEY_FULL : GALLEY_IO);
  if (script[i].action == CREW_BACKUP && rc == GALLEY_CORRUPT) /* SQLite has one word for both */
    fits = strstr(sentence, "disk failed") != NULL;
  if (!fits || strlen(sentence) < 20 || !strstr(sentence, folder))
    broken(i, "%s: %s", galley_rc_name(rc), sentence);
}

/* The first step that failed; N_STEPS when none did. */
static int run_to_failure(void) {
  for (int i = 0; i < N_STEPS; i++) {
    enum galley_rc rc = crew_do(&crew, &script[i]);
    if (rc == GALLEY_OK)
      continue;
    if (fault.seen < fault.at)
      broken(i, "before the fault: %s: %s", galley_rc_name(rc), crew_sentence(&crew, &script[i]));
    judge_code(i, rc);
    return i;
  }
  return N_STEPS;
}

/* Whether the step that failed is there all the same. */
static bool is_there(int i) {
  if (i == 0)
    return false;
  uint64_t found = look();
  if (found != contents[i] && found != contents[i + 1])
    broken(i, "%s", "what it was to change is there in part");
  return found != contents[i];
}

static void go_on(int from) {
  for (int i = from; i < N_STEPS; i++) {
    enum galley_rc rc = crew_do(&crew, &script[i]);
    if (rc != GALLEY_OK)
      broken(i, "after the fault: %s: %s", galley_rc_name(rc), crew_sentence(&crew, &script[i]));
    if (i == from && look() != contents[i + 1])
      broken(i, "%s", "done again it leads to something else");
  }
}

/* The disk works again for those who begin anew. */
static void end(int done, bool either) {
  fault.healed = true;
  crew_fini(&crew);
  crew_init(&crew, disk, path, 0);
  const struct crew_step open = {.action = CREW_OPEN};
  if (crew_do(&crew, &open) != GALLEY_OK)
    broken(done, "opening when the disk works: %s", crew_sentence(&crew, &open));
  crew_fini(&crew);
  uint64_t found = look();
  if (done == 0)
    either = true; /* making it anew is step 0 */
  if (found != contents[done] && !(either && found == contents[done + 1]))
    broken(done < N_STEPS ? done : N_STEPS - 1, "%s", "what was acknowledged is not there");
  if (!crew_check(&crew))
    broken(done < N_STEPS ? done : N_STEPS - 1, "%s", crew.problem);
}

static void fail_once(void) {
  int i = run_to_failure();
  if (i < N_STEPS && !is_there(i)) {
    go_on(i);
    i = N_STEPS;
  }
  end(i, true);
}

static void fail_for_ever(void) {
  int first = run_to_failure();
  for (int i = first + 1; i < N_STEPS; i++) {
    enum galley_rc rc = crew_do(&crew, &script[i]);
    if (rc != GALLEY_OK)
      judge_code(i, rc);
  }
  end(first, true);
}

static void run_without(void) {
  const struct fault none = {0};
  begin(&none);
  for (int i = 0; i < N_STEPS; i++) {
    enum galley_rc rc = crew_do(&crew, &script[i]);
    if (rc != GALLEY_OK)
      fail_msg("step %d (%s): %s: %s", i, crew_action_name(script[i].action), galley_rc_name(rc),
               crew_sentence(&crew, &script[i]));
    contents[i + 1] = look();
    operations[i + 1] = fault.seen;
  }
  contents[0] = contents[1];
  crew_fini(&crew);
}

/* The script does what it is there for. */
static void each_step_of_the_script_matters(void **state) {
  (void)state;
  for (int i = 1; i < N_STEPS; i++) {
    enum crew_action action = script[i].action;
    bool reads = action == CREW_OPEN || action == CREW_CHECKPOINT || action == CREW_KILL ||
                 action == CREW_LIST || action == CREW_BACKUP || action == CREW_CLOSE_ALL;
    if ((contents[i + 1] == contents[i]) != reads)
      fail_msg("step %d (%s)", i, crew_action_name(action));
  }
}

static void fail_at(enum disk_verdict verdict, bool for_ever, uint64_t at) {
  const struct fault of = {.verdict = verdict, .for_ever = for_ever, .at = at};
  begin(&of);
  if (for_ever)
    fail_for_ever();
  else
    fail_once();
}

static uint64_t stride_of_run(void) {
  const char *wish = getenv("GALLEY_STRIDE");
  if (wish && strtoull(wish, NULL, 10) > 0)
    return strtoull(wish, NULL, 10);
  if (RUNNING_ON_VALGRIND)
    return STRIDE_VALGRIND;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return STRIDE_SLOW;
#else
  return STRIDE;
#endif
}

static void fail_each(enum disk_verdict verdict, bool for_ever) {
  const char *only = getenv("GALLEY_OPERATION");
  uint64_t stride = stride_of_run(), n = 0;
  if (only) {
    fail_at(verdict, for_ever, strtoull(only, NULL, 10));
    return;
  }
  for (uint64_t at = 1 + (unsigned)verdict % stride, met = 1; met; at += stride) {
    fail_at(verdict, for_ever, at);
    met = fault.seen >= at;
    n += met;
  }
  print_message("# %llu of %llu operations\n", (unsigned long long)n,
                (unsigned long long)fault.seen);
  assert_true(n > operations[N_STEPS] / stride / 2);
}

static void any_operation_may_fail_once(void **state) {
  (void)state;
  fail_each(DISK_FAIL, false);
}

static void the_disk_may_fail_for_good_at_any_operation(void **state) {
  (void)state;
  fail_each(DISK_FAIL, true);
}

static void any_operation_may_find_no_room_once(void **state) {
  (void)state;
  fail_each(DISK_FULL, false);
}

static void the_disk_may_be_full_from_any_operation_on(void **state) {
  (void)state;
  fail_each(DISK_FULL, true);
}

/* Each of them: with a read that failed midway, SQLite's full-text index would count wrong. */
static void any_operation_of_saving_content_may_fail(void **state) {
  int step = 0;
  (void)state;
  while (script[step].action != CREW_CONTENT)
    step++;
  uint64_t stride = (stride_of_run() + STRIDE - 1) / STRIDE; /* all, where nothing slows it down */
  for (uint64_t at = operations[step] + 1; at <= operations[step + 1]; at += stride)
    fail_at(DISK_FAIL, false, at);
}

static int set_up(void **state) {
  const char *tmp = getenv("TMPDIR");
  (void)state;
  snprintf(folder, sizeof folder, "%s/galley-XXXXXX", tmp && strlen(tmp) < 32 ? tmp : "/tmp");
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/test.db", folder);
  disk = disk_new(1);
  run_without();
  return 0;
}

static int tear_down(void **state) {
  char side[CREW_PATH_MAX + 16];
  (void)state;
  disk_free(disk);
  snprintf(side, sizeof side, "%s-galley", path);
  (void)unlink(side);
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_step_of_the_script_matters),
      cmocka_unit_test(any_operation_of_saving_content_may_fail),
      cmocka_unit_test(any_operation_may_fail_once),
      cmocka_unit_test(the_disk_may_fail_for_good_at_any_operation),
      cmocka_unit_test(any_operation_may_find_no_room_once),
      cmocka_unit_test(the_disk_may_be_full_from_any_operation_on),
  };
  return cmocka_run_group_tests_name("storage_fault", tests, set_up, tear_down);
}
