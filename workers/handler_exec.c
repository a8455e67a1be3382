/* exec: runs a program of the user's own for a kind that the configuration names. The payload is
 * its standard input, its standard output is the result, its exit status the outcome. */
#include "handler.h"
#include "point.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXEC_ERROR_MAX 1000 /* bytes of standard error that an error keeps */
#define EXEC_ENV_MAX   4
#define EXEC_ENV_TEXT  128

struct exec {
  struct process *process;
  char env_text[EXEC_ENV_MAX][EXEC_ENV_TEXT];
};

/* The result is what the program printed, to the letter, less the white space around it. Output
 * that is not JSON, from a program that says it went well: a person must look. */
static void take_output(struct task *task, const struct process_reply *reply) {
  static const char blank[] = " \t\r\n";
  json_error_t error;
  size_t start = strspn(reply->output, blank), end = reply->output_len;
  if (start == reply->output_len)
    return;
  json_t *json = json_loadb(reply->output, reply->output_len, JSON_DECODE_ANY, &error);
  while (end > start && strchr(blank, reply->output[end - 1]))
    end--;
  if (!json)
    verdict_set(&task->verdict, GALLEY_DEAD, 0, "result",
                "%s printed a result that is not JSON: line %d, column %d: %s",
                config_program(task->env->config, task->job->kind)->argv[0], error.line,
                error.column, error.text);
  else if ((task->result = strndup(reply->output + start, end - start)) == NULL)
    verdict_set(&task->verdict, GALLEY_RETRY, -1, "memory", "no memory for a result");
  json_decref(json);
}

static void ended(void *owner, const struct process_reply *reply) {
  struct task *task = owner;
  struct exec *exec = task->state;
  exec->process = NULL;
  POINT(exec, ended);
  verdict_of_process(&task->verdict, reply,
                     config_program(task->env->config, task->job->kind)->argv[0]);
  if (task->verdict.outcome == GALLEY_DONE)
    take_output(task, reply);
  task_finish(task);
}

static void set_env(struct task *task, struct exec *exec, const char *env[EXEC_ENV_MAX + 1]) {
  const struct galley_job *job = task->job;
  snprintf(exec->env_text[0], EXEC_ENV_TEXT, "GALLEY_JOB_ID=%lld", (long long)job->id);
  snprintf(exec->env_text[1], EXEC_ENV_TEXT, "GALLEY_JOB_KIND=%s", job->kind);
  snprintf(exec->env_text[2], EXEC_ENV_TEXT, "GALLEY_JOB_ATTEMPT=%lld", (long long)job->attempt);
  snprintf(exec->env_text[3], EXEC_ENV_TEXT, "GALLEY_JOB_FENCE=%lld", (long long)job->fence);
  for (size_t i = 0; i < EXEC_ENV_MAX; i++)
    env[i] = exec->env_text[i];
  env[EXEC_ENV_MAX] = NULL;
}

static void start(struct task *task) {
  const struct config_program *program = config_program(task->env->config, task->job->kind);
  const char *env[EXEC_ENV_MAX + 1];
  struct exec *exec = calloc(1, sizeof *exec);
  task->state = exec;
  if (exec) {
    set_env(task, exec, env);
    const struct process_request request = {
        .argv = (const char *const *)program->argv,
        .directory = program->directory,
        .env = env,
        .input = task->job->payload,
        .input_len = strlen(task->job->payload),
        .output_max = GALLEY_PAYLOAD_MAX,
        .error_max = EXEC_ERROR_MAX,
        .timeout_ms = program->timeout_ms ? program->timeout_ms : task->job->timeout_ms};
    exec->process = process_start(task->env->loop, &request, ended, task);
  }
  if (!exec || !exec->process) {
    verdict_set(&task->verdict, GALLEY_RETRY, -1, "memory", "no memory or descriptors to start %s",
                program->argv[0]);
    task_finish(task);
  }
}

static void stop(struct task *task) {
  struct exec *exec = task->state;
  if (exec && exec->process)
    process_cancel(exec->process);
  if (exec)
    exec->process = NULL;
}

static void release(struct task *task) {
  struct exec *exec = task->state;
  stop(task);
  if (exec)
    free(exec);
}

const struct handler handler_exec = {.kind = NULL,
                                     .about = "run a program of your own",
                                     .start = start,
                                     .stop = stop,
                                     .free = release};
