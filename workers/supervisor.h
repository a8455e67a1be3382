/*
 * supervisor.h - keeps several worker processes alive. It opens nothing itself: each worker is a
 * plain fork of it, and the kernel tells it of every death.
 *
 * A worker that dies is started again at once; one that ends young, or is killed as it starts,
 * waits twice as long each time, up to SUPERVISOR_WAIT_MAX_MS. A worker that was killed later has
 * worked: it would be missed. What a dead one held is taken back by its successor as it starts, or
 * by a short-lived child when the successor has to wait. SIGTERM and SIGINT are handed on, once to
 * drain and again to end the grace period. What programs of a dead worker had started themselves is
 * killed.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "worker.h"

#define SUPERVISOR_YOUNG_MS     2000 /* ending with an error before this is ending young */
#define SUPERVISOR_STARTING_MS  500  /* being killed before this is being killed as it starts */
#define SUPERVISOR_WAIT_MIN_MS  250
#define SUPERVISOR_WAIT_MAX_MS  30000
#define SUPERVISOR_REFUSALS_MAX 3 /* young exits in a row with an error after which it gives up */

/* Runs workers until they are told to stop (or drained): as many as asked for or configured, one in
 * this process, several under its supervision. Then it gives up, stopping the others, with the code
 * of workers that refuse to start; but for storage that may take them later (a full disk) only when
 * no other lives. On failure `error` holds the sentence. */
GALLEY_MUST_USE enum galley_rc supervisor_main(const struct config *config,
                                               const struct worker_options *options, char *error,
                                               size_t error_len);

#endif
