/*
 * coroutine.h - functions that stop in the middle and go on later, each on a stack of its own. All
 * of one thread. The sanitizers do not follow them: programs with coroutines are built without.
 */
#ifndef COROUTINE_H
#define COROUTINE_H

#include <stdbool.h>

struct coroutine;

typedef void coroutine_fn(void *arg);

/* NULL without memory. It begins with the first coroutine_resume. */
struct coroutine *coroutine_new(coroutine_fn *fn, void *arg);
/* After it has ended, or before it began. NULL is allowed. */
void coroutine_free(struct coroutine *coroutine);
/* Runs it until it yields or ends; false when it has ended. Not from within a coroutine. errno is
 * its own. */
bool coroutine_resume(struct coroutine *coroutine);
/* Goes back to whoever resumed the coroutine that runs. */
void coroutine_yield(void);

#endif
