/*
 * chance.h - numbers that look random and follow from a seed (splitmix64, public domain).
 */
#ifndef CHANCE_H
#define CHANCE_H

#include <stdbool.h>
#include <stdint.h>

struct chance {
  uint64_t state;
};

uint64_t chance_next(struct chance *chance);
/* From low to high, both included. */
int64_t chance_between(struct chance *chance, int64_t low, int64_t high);
/* True once in n times; never for 0. */
bool chance_one_in(struct chance *chance, unsigned n);

#endif
