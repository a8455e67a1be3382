/*
 * enqueue.h - one job of an enqueue, inside a transaction.
 */
#ifndef ENQUEUE_H
#define ENQUEUE_H

#include "handle.h"

enum galley_rc enqueue_one(struct galley *q, const struct galley_spec *spec, int64_t *id,
                           bool *existing);

#endif
