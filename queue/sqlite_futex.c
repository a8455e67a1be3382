#include "sqlite_futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* This call takes the time at which it ends. */
void sqlite_futex_wait_bits(_Atomic uint32_t *word, uint32_t value, uint32_t bits, int64_t ns) {
  struct timespec now;
  int kept = errno;
  if (ns <= 0)
    return;
  clock_gettime(CLOCK_MONOTONIC, &now);
  int64_t end = (int64_t)now.tv_nsec + ns;
  /* as this call has it, whatever time_t is */
  const struct {
    long s, ns;
  } limit = {(long)(now.tv_sec + end / 1000000000), (long)(end % 1000000000)};
  syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, &limit, NULL, bits);
  errno = kept;
}

int sqlite_futex_wake_bits(_Atomic uint32_t *word, int n, uint32_t bits) {
  int kept = errno;
  long woken = syscall(SYS_futex, word, FUTEX_WAKE_BITSET, n, NULL, NULL, bits);
  errno = kept;
  return woken > 0 ? (int)woken : 0;
}

void sqlite_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t ns) {
  sqlite_futex_wait_bits(word, value, FUTEX_BITSET_MATCH_ANY, ns);
}

int sqlite_futex_wake(_Atomic uint32_t *word, int n) {
  return sqlite_futex_wake_bits(word, n, FUTEX_BITSET_MATCH_ANY);
}

bool sqlite_futex_mutex_init(pthread_mutex_t *mutex) {
  pthread_mutexattr_t attr;
  if (pthread_mutexattr_init(&attr) != 0)
    return false;
  bool ok = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED) == 0 &&
            pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) == 0 &&
            pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK) == 0 &&
            pthread_mutex_init(mutex, &attr) == 0;
  pthread_mutexattr_destroy(&attr);
  return ok;
}

bool sqlite_futex_mutex_held(pthread_mutex_t *mutex, int code, bool *died) {
  if (died)
    *died = code == EOWNERDEAD;
  if (code == EOWNERDEAD)
    code = pthread_mutex_consistent(mutex);
  return code == 0;
}
