/*
 * sqlite_futex.h - waiting in memory that processes share: a word to sleep on, and mutexes that
 * the kernel releases when their holder dies.
 */
#ifndef SQLITE_FUTEX_H
#define SQLITE_FUTEX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Sleeps while *word is `value`, for at most `ns`, or until it is woken; it may also return early.
 */
void sqlite_futex_wait(_Atomic uint32_t *word, uint32_t value, int64_t ns);
/* Wakes up to n that sleep on it, and answers how many those were. */
int sqlite_futex_wake(_Atomic uint32_t *word, int n);
/* The same for those only whose `bits` have one in common. */
void sqlite_futex_wait_bits(_Atomic uint32_t *word, uint32_t value, uint32_t bits, int64_t ns);
int sqlite_futex_wake_bits(_Atomic uint32_t *word, int n, uint32_t bits);

/* A mutex between processes, robust, which answers an error to the thread that holds it already. */
bool sqlite_futex_mutex_init(pthread_mutex_t *mutex);
/* Whether the code of pthread_mutex_trylock or _timedlock means that it is held now. *died
 * (may be NULL) says whether the one who held it before died with it. */
bool sqlite_futex_mutex_held(pthread_mutex_t *mutex, int code, bool *died);

#endif
