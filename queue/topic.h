/*
 * topic.h - topics as the other parts of the content store see them.
 */
#ifndef TOPIC_H
#define TOPIC_H

#include "content.h"

/* Inserts a topic, its missing members defaulted. */
GALLEY_MUST_USE enum galley_rc topic_insert(struct galley *q, const struct galley_topic *topic,
                                            int64_t *id);

#endif
