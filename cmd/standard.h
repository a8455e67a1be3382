/*
 * standard.h - what every program of ours begins with: standard input, output and error where it
 * was started without them, and errors where the kernel would send a signal.
 */
#ifndef STANDARD_H
#define STANDARD_H

/* Call it first. Takes the numbers 0, 1 and 2 where nothing is open, so that no file of ours gets
 * them and is written to as if it were the output. Reading or writing there still fails, as it
 * would have. A limit on the size of files (ulimit -f) fails a write, as a full disk does, and does
 * not kill. */
void standard_open(void);

#endif
