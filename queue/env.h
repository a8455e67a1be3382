/*
 * env.h - the system's clocks and random numbers, in the form that tests replace.
 */
#ifndef ENV_H
#define ENV_H

#include "galley.h"

/* CLOCK_REALTIME, CLOCK_MONOTONIC, getrandom(2). CLOCK_MONOTONIC and not CLOCK_BOOTTIME: it stands
 * still while the machine sleeps, for holder and observer alike, so that a lease does not run out
 * in a suspend. */
extern const struct galley_env env_system;

/* The kernel's name for this boot of the machine, "unknown" where it has none. */
void env_boot_id(char *out, size_t size);

#endif
