/*
 * clock.h - the two clocks of the worker.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

int64_t clock_wall_ms(void); /* milliseconds since 1970 UTC */
int64_t clock_mono_ns(void); /* of this boot; stands still while the machine sleeps */

#endif
