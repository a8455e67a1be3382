/*
 * invariant.h - what must be true of the database, whatever has happened: each promise as a query
 * whose rows are its violations, and the history of every job against the table of moves.
 */
#ifndef INVARIANT_H
#define INVARIANT_H

#include "simulation.h"

/* Makes the table `simulated_moves` and the triggers that fill it: every change of a job's state,
 * by whatever program, in the transaction that made it. Once for each new database. */
void invariant_watch_moves(sqlite3 *h);
/* When all is over and the queue is empty. Does not return when something is violated. */
void invariant_check_all(struct simulation *sim);
/* After a power cut: the database is whole, and what is lost may be. */
void invariant_check_power_cut(struct simulation *sim);

#endif
