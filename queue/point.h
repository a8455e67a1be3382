/*
 * point.h - the instants at which a crash is tried, by name ("turn.claimed"). Only in a build with
 * GALLEY_POINTS, which tests use and users never get: there GALLEY_POINT=NAME[:N] in the
 * environment makes a process kill itself (SIGKILL) as it passes the point for the Nth time, the
 * first unless told. With GALLEY_POINT_MARK=FILE too, only the process dies that makes this file,
 * so that those after it live, and the test sees that somebody died. Otherwise POINT compiles to
 * nothing.
 *
 * ARCHITECTURE.md tells what is on disk at each; tests/crash goes through all of them.
 */
#ifndef POINT_H
#define POINT_H

#define POINT_TABLE(X)                                                                             \
  X(enqueue, inserted)                                                                             \
  X(enqueue, committed)                                                                            \
  X(turn, begun)                                                                                   \
  X(settle, saved)                                                                                 \
  X(settle, moved)                                                                                 \
  X(turn, settled)                                                                                 \
  X(turn, claimed)                                                                                 \
  X(turn, committed)                                                                               \
  X(commit, ready)                                                                                 \
  X(commit, done)                                                                                  \
  X(bell, rung)                                                                                    \
  X(recover, begun)                                                                                \
  X(recover, taken)                                                                                \
  X(recover, committed)                                                                            \
  X(worker, held)                                                                                  \
  X(worker, joined)                                                                                \
  X(worker, leaving)                                                                               \
  X(worker, left)                                                                                  \
  X(checkpoint, ahead)                                                                             \
  X(checkpoint, locked)                                                                            \
  X(checkpoint, copied)                                                                            \
  X(checkpoint, released)                                                                          \
  X(checkpoint, noted)                                                                             \
  X(gate, entered)                                                                                 \
  X(handover, posted)                                                                              \
  X(handover, taken)                                                                               \
  X(handover, sealed)                                                                              \
  X(handover, answered)                                                                            \
  X(sync, locked)                                                                                  \
  X(sync, reached)                                                                                 \
  X(side, made)                                                                                    \
  X(page, made)                                                                                    \
  X(database, made)                                                                                \
  X(schema, begun)                                                                                 \
  X(schema, stepped)                                                                               \
  X(schema, committed)                                                                             \
  X(backup, made)                                                                                  \
  X(backup, copying)                                                                               \
  X(backup, checked)                                                                               \
  X(backup, synced)                                                                                \
  X(backup, named)                                                                                 \
  X(backup, cleaned)                                                                               \
  X(exec, forking)                                                                                 \
  X(exec, forked)                                                                                  \
  X(exec, ended)                                                                                   \
  X(collect, fetched)                                                                              \
  X(research, reserved)                                                                            \
  X(folder, made)                                                                                  \
  X(file, made)                                                                                    \
  X(file, written)                                                                                 \
  X(file, synced)                                                                                  \
  X(file, renamed)                                                                                 \
  X(publish, begun)                                                                                \
  X(publish, written)                                                                              \
  X(supervisor, forked)                                                                            \
  X(supervisor, reaped)                                                                            \
  X(init, made)                                                                                    \
  X(init, named)                                                                                   \
  X(run, enqueued)                                                                                 \
  X(run, started)                                                                                  \
  X(run, ended)

enum point {
#define POINT_ID(noun, instant) POINT_##noun##_##instant,
  POINT_TABLE(POINT_ID)
#undef POINT_ID
      POINT_COUNT
};

#ifdef GALLEY_POINTS
void point_pass(enum point point);
#define POINT(noun, instant) point_pass(POINT_##noun##_##instant)
#else
#define POINT(noun, instant) ((void)0)
#endif

#endif
