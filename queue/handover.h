/*
 * handover.h - enqueues that find another process writing are done by that one, in its own
 * transaction: many share a commit. (The way there and back is the engine's.)
 */
#ifndef SLOT_H
#define SLOT_H

#include "handle.h"

/* Outside of transactions: whether another process is writing. When not, handover_enter must
 * follow. */
bool handover_wanted(struct galley *q);
/* When it is: hands a job over that was found valid. GALLEY_NONE: it is for the caller to enqueue,
 * and handover_enter must follow. GALLEY_BUSY: time is over. GALLEY_IO: it is not known whether it
 * was enqueued. */
enum galley_rc handover_send(struct galley *q, const struct galley_spec *spec, int64_t *id,
                             bool *existing);
/* tx_enter, and then does what others have handed over. For transactions that are short and end by
 * themselves: those others wait for them. */
GALLEY_MUST_USE enum galley_rc handover_enter(struct galley *q);

#endif
