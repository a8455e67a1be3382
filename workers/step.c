#include "step.h"

#include <string.h>

static void judge(struct step *step, const struct http_reply *reply) {
  step->task->verdict = VERDICT_DONE;
  step->sent = reply && reply->sent;
  step->provider->judge(&step->input, reply, &step->output, &step->task->verdict);
  if (reply)
    step->task->verdict.http_status = reply->status;
  step->done(step);
}

static void on_reply(void *owner, const struct http_reply *reply) {
  struct step *step = owner;
  step->call = NULL;
  judge(step, reply);
}

void step_start(struct step *step) {
  struct request_draft draft;
  struct verdict *verdict = &step->task->verdict;
  memset(&step->output, 0, sizeof step->output);
  step->output.stage = step->input.stage;
  step->sent = false;
  if (!step->provider->build) {
    judge(step, NULL);
    return;
  }
  memset(&draft, 0, sizeof draft);
  if (!step->provider->build(&step->input, &draft, verdict)) {
    request_draft_fini(&draft);
    step->done(step);
    return;
  }
  step->call = http_start(step->task->env->http, &draft.request, on_reply, step);
  request_draft_fini(&draft);
  if (!step->call) {
    verdict_set(verdict, GALLEY_RETRY, -1, "memory", "no memory for a request");
    step->done(step);
  }
}

void step_stop(struct step *step) {
  if (step->call)
    http_cancel(step->call);
  step->call = NULL;
}

void step_fini(struct step *step) {
  step_stop(step);
  stage_output_fini(&step->output);
}
