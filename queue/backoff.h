/*
 * backoff.h - how long a failed job waits.
 */
#ifndef BACKOFF_H
#define BACKOFF_H

#include <stdint.h>

#define BACKOFF_BASE_MS 4000
#define BACKOFF_CAP_MS  3600000
#define BACKOFF_MIN_MS  500

/* Exponential with full jitter: evenly spread from BACKOFF_MIN_MS to BACKOFF_BASE_MS *
 * 2^(attempt-1), which stops growing at BACKOFF_CAP_MS. Spread over the whole range, clients that
 * failed together come back apart (Brooker, "Exponential Backoff And Jitter", 2015). attempt counts
 * from 1. */
int64_t backoff_ms(int64_t attempt, uint64_t random);

#endif
