/*
 * init_sample.h - a galley.ini that explains every setting, made from the table of settings.
 */
#ifndef INIT_SAMPLE_H
#define INIT_SAMPLE_H

/* Writes the file, which must not exist; `database` (NULL: the default) becomes its one active
 * setting. Returns 0 or an errno; nothing is left behind on failure. */
int init_sample(const char *path, const char *database);

#endif
