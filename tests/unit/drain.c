#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config.h"
#include "drain.h"
#include "worker.h"

#include <stdio.h>

void drain_publish(struct fixture *f, const char *ini) {
  char path[128], error[512] = "";
  struct config config;
  snprintf(path, sizeof path, "%s/galley.ini", f->dir);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_true(fputs(ini, file) >= 0);
  assert_int_equal(fclose(file), 0);
  const struct config_options options = {.file = path, .database = f->path};
  const struct worker_options work = {.drain = true, .slots = 1, .kinds = "publish"};
  enum galley_rc rc = config_load(&config, &options, error, sizeof error);
  if (rc == GALLEY_OK)
    rc = worker_run(&config, &work, error, sizeof error);
  if (rc != GALLEY_OK)
    fail_msg("%s: %s", galley_rc_name(rc), error);
  config_fini(&config);
}
