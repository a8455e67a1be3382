/*
 * http_transfer.h - curl's options and callbacks for one hop of a call.
 */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include "http_call.h"

/* Makes call->easy ready for call->hop, with nothing left of the hop before. False without memory.
 */
bool http_transfer_prepare(struct http_call *call);
/* Releases what prepare made; the transfer must not be running. */
void http_transfer_fini(struct http_call *call);

#endif
