/*
 * handler_list.h - every handler of a kind that galley brings. A new one is declared here and
 * listed in handler.c.
 */
#ifndef HANDLER_LIST_H
#define HANDLER_LIST_H

#include "handler.h"

extern const struct handler handler_collect;
extern const struct handler handler_research;
extern const struct handler handler_write;
extern const struct handler handler_publish;

#endif
