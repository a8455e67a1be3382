/*
 * file_match.h - whether a file holds what somebody says it held.
 */
#ifndef FILE_MATCH_H
#define FILE_MATCH_H

#include <stdbool.h>

#define FILE_MATCH_MAX 33554432 /* bytes of the largest file that is looked into */

/* Whether a regular file stands at `path` whose text has this digest (digest_strings over it
 * alone), and it and its name are on the disk. False also when it cannot be read, when it holds a
 * NUL byte, or when it is larger than FILE_MATCH_MAX. Blocks on the disk. */
bool file_match(const char *path, const char *digest);

#endif
