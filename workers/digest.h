/*
 * digest.h - SHA-256 in hexadecimal, for telling contents apart.
 */
#ifndef DIGEST_H
#define DIGEST_H

#include <stdbool.h>

#define DIGEST_SIZE 65 /* 64 digits and the NUL */

/* Over the strings one after the other, each followed by a NUL byte, so that ("ab","c") and
 * ("a","bc") differ; a NULL string counts as "". False without memory. */
bool digest_strings(const char *const *strings, int n, char out[DIGEST_SIZE]);

#endif
