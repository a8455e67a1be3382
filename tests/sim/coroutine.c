#include "coroutine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STACK_SIZE (512 * 1024)
#define GUARD_SIZE 4096 /* below the stack: running out of it is a crash, not a mystery */

struct coroutine {
  coroutine_fn *fn;
  void *arg;
  char *stack;
  int error; /* its errno, while others run */
  bool began, ended;
  ucontext_t own, back;
};

static struct coroutine *running; /* NULL: the thread's own stack */

static void trampoline(void) {
  running->fn(running->arg);
  running->ended = true;
  coroutine_yield();
}

static bool make_stack(struct coroutine *c) {
  c->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (c->stack == MAP_FAILED)
    return false;
  if (mprotect(c->stack, GUARD_SIZE, PROT_NONE) == 0)
    return true;
  munmap(c->stack, STACK_SIZE);
  return false;
}

/* Apart, since getcontext returns like setjmp to the compiler's eyes. */
static void make_context(struct coroutine *c) {
  getcontext(&c->own);
  c->own.uc_stack.ss_sp = c->stack;
  c->own.uc_stack.ss_size = STACK_SIZE;
  makecontext(&c->own, trampoline, 0);
}

struct coroutine *coroutine_new(coroutine_fn *fn, void *arg) {
  struct coroutine *c = calloc(1, sizeof *c);
  if (!c)
    return NULL;
  c->fn = fn;
  c->arg = arg;
  if (!make_stack(c)) {
    free(c);
    return NULL;
  }
  make_context(c);
  return c;
}

void coroutine_free(struct coroutine *coroutine) {
  if (!coroutine)
    return;
  assert(coroutine->ended || !coroutine->began);
  munmap(coroutine->stack, STACK_SIZE);
  free(coroutine);
}

bool coroutine_resume(struct coroutine *coroutine) {
  int error = errno;
  assert(!running && !coroutine->ended);
  running = coroutine;
  coroutine->began = true;
  errno = coroutine->error;
  swapcontext(&coroutine->back, &coroutine->own);
  coroutine->error = errno;
  errno = error;
  running = NULL;
  return !coroutine->ended;
}

void coroutine_yield(void) {
  struct coroutine *c = running;
  assert(c);
  swapcontext(&c->own, &c->back);
}
