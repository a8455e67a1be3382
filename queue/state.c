#include "state.h"

#include <string.h>

struct state_row {
  const char *name;
  bool ended;
};

static const struct state_row rows[STATE_COUNT] = {
#define X(name, text, ended) {text, ended},
    STATE_TABLE(X)
#undef X
};

#define TO(state) (1u << STATE_##state)

/* A move that is not here does not happen: each statement that moves a job names the state it comes
 * from. */
static const unsigned moves[STATE_COUNT] = {
    [STATE_BLOCKED] = TO(SCHEDULED) | TO(READY) | TO(CANCELLED),
    [STATE_SCHEDULED] = TO(READY) | TO(CANCELLED),
    [STATE_READY] = TO(SCHEDULED) | TO(RUNNING) | TO(CANCELLED),
    [STATE_RUNNING] = TO(SCHEDULED) | TO(READY) | TO(DONE) | TO(DEAD) | TO(CANCELLED),
    [STATE_DONE] = 0,
    [STATE_DEAD] = TO(READY),
    [STATE_CANCELLED] = TO(READY),
};

const char *state_name(enum state state) {
  return rows[state].name;
}

bool state_ended(enum state state) {
  return rows[state].ended;
}

bool state_may_move(enum state from, enum state to) {
  return (moves[from] & (1u << to)) != 0;
}

enum state state_find(const char *name) {
  for (int i = 0; i < STATE_COUNT; i++)
    if (strcmp(rows[i].name, name) == 0)
      return (enum state)i;
  return STATE_COUNT;
}
