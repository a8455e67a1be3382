#include "backoff.h"

int64_t backoff_ms(int64_t attempt, uint64_t random) {
  int64_t cap = BACKOFF_BASE_MS;
  for (int64_t i = 1; i < attempt && cap < BACKOFF_CAP_MS; i++)
    cap *= 2;
  if (cap > BACKOFF_CAP_MS)
    cap = BACKOFF_CAP_MS;
  return BACKOFF_MIN_MS + (int64_t)(random % (uint64_t)(cap - BACKOFF_MIN_MS + 1));
}
