#include "chance.h"

uint64_t chance_next(struct chance *chance) {
  uint64_t x = chance->state += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

int64_t chance_between(struct chance *chance, int64_t low, int64_t high) {
  return low + (int64_t)(chance_next(chance) % (uint64_t)(high - low + 1));
}

bool chance_one_in(struct chance *chance, unsigned n) {
  return n > 0 && chance_next(chance) % n == 0;
}
