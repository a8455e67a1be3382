#include "sqlite_futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

void sqlite_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t ns) {
  /* as this call has it, whatever time_t is */
  const struct { long s, ns; } limit = {(long)(ns / 1000000000), (long)(ns % 1000000000)};
  int kept = errno;
  if (ns > 0)
    syscall(SYS_futex, word, FUTEX_WAIT, value, &limit, NULL, 0);
  errno = kept;
}

int sqlite_futex_wake(_Atomic uint32_t *word, int n) {
  int kept = errno;
  long woken = syscall(SYS_futex, word, FUTEX_WAKE, n, NULL, NULL, 0);
  errno = kept;
  return woken > 0 ? (int)woken : 0;
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
