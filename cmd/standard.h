/*
 * standard.h - standard input, output and error of a program that was started without them.
 */
#ifndef STANDARD_H
#define STANDARD_H

/* Call it first. Takes the numbers 0, 1 and 2 where nothing is open, so that no file of ours gets
 * them and is written to as if it were the output. Reading or writing there still fails, as it
 * would have. */
void standard_open(void);

#endif
