#include "env.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static int64_t read_clock(clockid_t id, int64_t per_second) {
  struct timespec t;
  int rc = clock_gettime(id, &t);
  assert(rc == 0);
  (void)rc;
  return (int64_t)t.tv_sec * per_second + (int64_t)t.tv_nsec / (1000000000 / per_second);
}

static int64_t now_ms(void *arg) {
  (void)arg;
  return read_clock(CLOCK_REALTIME, 1000);
}

static int64_t mono_ns(void *arg) {
  (void)arg;
  return read_clock(CLOCK_MONOTONIC, 1000000000);
}

/* Chance is for jitter only; a kernel without any gives the clock's low bits. */
static uint64_t chance(void *arg) {
  uint64_t value = 0;
  if (getrandom(&value, sizeof value, GRND_NONBLOCK) != (ssize_t)sizeof value)
    value = (uint64_t)mono_ns(arg) * 0x9E3779B97F4A7C15u;
  return value;
}

const struct galley_env env_system = {.now_ms = now_ms, .mono_ns = mono_ns, .random = chance};

void env_boot_id(char *out, size_t size) {
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
  if (!file || !fgets(out, (int)size, file))
    snprintf(out, size, "unknown");
  out[strcspn(out, "\n")] = '\0';
  if (file)
    fclose(file);
}
