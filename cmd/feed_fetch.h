/*
 * feed_fetch.h - `galley feed fetch`: collect jobs for feeds, in one transaction.
 */
#ifndef FEED_FETCH_H
#define FEED_FETCH_H

#include "session.h"

/* n > 0: for the feeds of these ids, which are known to be ids. Otherwise for every active feed, or
 * only for those that are due. Prints the ids of the jobs; returns the exit status. */
int feed_fetch(struct session *session, bool all, size_t n, char **ids);

#endif
