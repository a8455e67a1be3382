/*
 * wal_print.h - the state of the write-ahead log, as `galley wal` and `galley checkpoint` show it.
 */
#ifndef WAL_PRINT_H
#define WAL_PRINT_H

#include "session.h"

void wal_print(const struct session *session, const struct galley_wal *wal);

#endif
