/*
 * stats_prometheus.h - the counts in Prometheus' text format, version 0.0.4.
 */
#ifndef STATS_PROMETHEUS_H
#define STATS_PROMETHEUS_H

#include "session.h"

#define STATS_ROWS_MAX 4096 /* kinds times states that one answer holds */

/* Prints all metrics of the open database. Returns the exit status. */
int stats_prometheus(struct session *session);

#endif
