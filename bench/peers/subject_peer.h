/*
 * subject_peer.h - the queues that are servers, as subjects of bench/load.c. Their `path` is a
 * socket below a folder of the bench, for PostgreSQL that folder. What is synced before an
 * acknowledgement is the server's setting: `full` is not looked at.
 *
 * Each is used at its best: a batch is one write and one round trip.
 */
#ifndef SUBJECT_PEER_H
#define SUBJECT_PEER_H

#include "subject.h"

extern const struct subject subject_beanstalkd;
/* A job that is claimed moves to a list of its worker, so that it outlives that worker; and taken
 * off the list at once, which loses the jobs of a worker that dies. */
extern const struct subject subject_redis, subject_redis_pop;
/* Rows claimed with SKIP LOCKED: polled for; and with a NOTIFY in each enqueue. */
extern const struct subject subject_postgres, subject_postgres_notify;

#endif
