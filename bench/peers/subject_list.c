#include "subject_peer.h"

#include <stddef.h>

const struct subject *const subject_list[] = {
    &subject_beanstalkd,
#ifdef BENCH_HIREDIS
    &subject_redis,
    &subject_redis_pop,
#endif
#ifdef BENCH_LIBPQ
    &subject_postgres,
    &subject_postgres_notify,
#endif
    NULL,
};
