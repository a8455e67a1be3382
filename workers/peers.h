/*
 * peers.h - the other worker processes of this database, watched through the kernel: a pidfd
 * becomes readable the moment its process ends, however it ends.
 */
#ifndef PEERS_H
#define PEERS_H

#include "galley.h"
#include "loop.h"

#define PEERS_MAX 256 /* watched at once; the leases of the rest run out by themselves */

struct peers;

/* `died` is called on the loop when a watched worker has ended, or had ended before it could be
 * watched. NULL without memory. */
struct peers *peers_new(struct loop *loop, void (*died)(void *owner), void *owner);
void peers_free(struct peers *peers);
/* Watches the workers that are alive now and not yet watched; those of other machines or process
 * name spaces, and this process, are left out. */
GALLEY_MUST_USE enum galley_rc peers_update(struct peers *peers, struct galley *q);

#endif
