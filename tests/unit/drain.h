/*
 * drain.h - a worker of the test's own process, in which a test can put parts of its own in the
 * place of galley's.
 */
#ifndef DRAIN_H
#define DRAIN_H

#include "fixture.h"

/* Runs the publish jobs, one at a time, until none is left to wait for, under this configuration.
 * Fails the test when the worker does. */
void drain_publish(struct fixture *f, const char *ini);

#endif
