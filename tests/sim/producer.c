/* A program that asks for jobs, one at a time, many in one call, or several in a transaction of its
 * own, which it may take back. */
#include "simulation.h"

#include <inttypes.h>
#include <stdio.h>

#define BATCH_MAX   6
#define PAYLOAD_MAX 64
#define KEYS        6
#define FAR_MS      7200000

struct request {
  struct galley_spec spec;
  char payload[PAYLOAD_MAX], key[16];
  int64_t token, id;
  bool has_key, existing;
};

static bool make(struct actor *actor, struct request *request) {
  struct chance *c = &actor->chance;
  struct simulation *sim = actor->sim;
  int64_t token = sim->jobs_left > 0 ? ledger_ask(&sim->ledger) : 0;
  if (token == 0)
    return false;
  sim->jobs_left--;
  *request = (struct request){.token = token};
  snprintf(request->payload, sizeof request->payload, "{\"token\":%" PRId64 "%s}", token,
           chance_one_in(c, 4) ? ",\"follow\":1" : "");
  request->spec = (struct galley_spec){.kind = chance_one_in(c, 3) ? "rest" : "work",
                                       .payload = request->payload,
                                       .priority = chance_between(c, 0, 3),
                                       .max_attempts = chance_between(c, 1, 4)};
  if (chance_one_in(c, 4))
    request->spec.delay_ms = chance_between(c, 1, chance_one_in(c, 8) ? FAR_MS : 1000);
  if (chance_one_in(c, 5)) {
    int key = (int)chance_between(c, 1, KEYS);
    snprintf(request->key, sizeof request->key, "key %d", key);
    ledger_key(&sim->ledger, token, key);
    request->has_key = true;
  }
  return true;
}

static enum galley_rc ask_one(struct actor *actor, struct request *request) {
  request->spec.unique_key = request->has_key ? request->key : NULL;
  return galley_enqueue(actor->q, &request->spec, &request->id, &request->existing);
}

static enum galley_rc ask_many(struct actor *actor, struct request *requests, size_t n) {
  struct galley_spec specs[BATCH_MAX];
  int64_t ids[BATCH_MAX];
  for (size_t i = 0; i < n; i++) {
    ledger_key(&actor->sim->ledger, requests[i].token, 0); /* it does not tell which are new */
    specs[i] = requests[i].spec;
  }
  enum galley_rc rc = galley_enqueue_many(actor->q, specs, n, ids, NULL);
  for (size_t i = 0; rc == GALLEY_OK && i < n; i++)
    requests[i].id = ids[i];
  return rc;
}

static enum galley_rc ask_in_transaction(struct actor *actor, struct request *requests, size_t n) {
  enum galley_rc rc = galley_begin(actor->q);
  if (rc != GALLEY_OK)
    return rc;
  for (size_t i = 0; rc == GALLEY_OK && i < n; i++)
    rc = ask_one(actor, &requests[i]);
  if (rc == GALLEY_OK && !chance_one_in(&actor->chance, 4))
    return galley_commit(actor->q);
  galley_rollback(actor->q);
  for (size_t i = 0; i < n; i++)
    requests[i].id = 0;
  return rc;
}

static enum galley_rc ask(struct actor *actor, struct request *requests, size_t n) {
  if (n == 1 && chance_one_in(&actor->chance, 2))
    return ask_one(actor, requests);
  return chance_one_in(&actor->chance, 2) ? ask_many(actor, requests, n)
                                          : ask_in_transaction(actor, requests, n);
}

static bool produce(struct actor *actor) {
  struct request requests[BATCH_MAX];
  size_t n = 0, wanted = (size_t)chance_between(&actor->chance, 1, BATCH_MAX);
  while (n < wanted && make(actor, &requests[n]))
    n++;
  if (n == 0)
    return false;
  int64_t begun = actor_begin(actor, "enqueue");
  enum galley_rc rc = ask(actor, requests, n);
  bool good = actor_end(actor, "enqueue", rc);
  for (size_t i = 0; good && i < n; i++)
    if (requests[i].id != 0 && !requests[i].existing)
      ledger_acknowledge(&actor->sim->ledger, requests[i].token, requests[i].id, begun,
                         actor->durable);
  return good || galley_rc_class(rc) == GALLEY_CLASS_RETRY;
}

static void run(struct actor *actor) {
  if (!actor_open(actor, 0))
    return;
  while (produce(actor) &&
         actor_sleep(actor, chance_between(&actor->chance, 0, actor->sim->plan.rest_ms)))
    if (chance_one_in(&actor->chance, 30)) /* as a command line does */
      return;
}

const struct actor_role actor_producer = {"producer", run};
