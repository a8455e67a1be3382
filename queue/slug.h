/*
 * slug.h - slugs beyond galley_slug.
 */
#ifndef SLUG_H
#define SLUG_H

#include <stddef.h>

/* Shortens a slug to at most max bytes: at a '-' when it has one before that, else at a character.
 */
void slug_cut(char *slug, size_t max);

#endif
