/*
 * step.h - one use of a provider: its request, if it makes one, on the loop, and its judgement.
 */
#ifndef STEP_H
#define STEP_H

#include "handler.h"
#include "provider.h"

struct step {
  struct stage_input input; /* filled by the handler; what it borrows must outlive the step */
  struct stage_output output;
  struct task *task;
  const struct provider *provider;
  struct http_call *call; /* NULL unless a request is under way */
  bool sent;              /* the request may have reached the service; told with `done` */
  /* The judgement stands in task->verdict and the output; called once, maybe before step_start
   * returns when the provider needs no request. */
  void (*done)(struct step *step);
};

/* Needs task, provider, input and done; the output is zeroed. */
void step_start(struct step *step);
void step_stop(struct step *step); /* cancels the request; done is not called */
void step_fini(struct step *step); /* releases the output */

#endif
