/*
 * state.h - the states of a job and the moves that are allowed between them. The names stand in the
 * CHECK of the table jobs; a test compares the two, and tries every pair.
 */
#ifndef STATE_H
#define STATE_H

#include <stdbool.h>

/* name, text in the database, whether a job in it has ended */
#define STATE_TABLE(X)                                                                             \
  X(BLOCKED, "blocked", false)                                                                     \
  X(SCHEDULED, "scheduled", false)                                                                 \
  X(READY, "ready", false)                                                                         \
  X(RUNNING, "running", false)                                                                     \
  X(DONE, "done", true)                                                                            \
  X(DEAD, "dead", true)                                                                            \
  X(CANCELLED, "cancelled", true)

enum state {
#define X(name, text, ended) STATE_##name,
  STATE_TABLE(X)
#undef X
      STATE_COUNT
};

const char *state_name(enum state state);
bool state_ended(enum state state);
bool state_may_move(enum state from, enum state to);
/* STATE_COUNT when there is none of that name. */
enum state state_find(const char *name);

#endif
