/*
 * config_impl.h - what the files of the configuration share with each other and with nobody else.
 */
#ifndef CONFIG_IMPL_H
#define CONFIG_IMPL_H

#include "config.h"

#include <stdio.h>

/* Where a value comes from, and where the sentence about it goes. */
struct config_source {
  const char *where;  /* "galley.ini" or "GALLEY_WORKER_SLOTS" */
  int line;           /* 0: not a file */
  const char *folder; /* relative paths start here; NULL: they are left as they are */
  char *error;
  size_t error_len;
};

/* Writes "where:line: " and the sentence into the source's error; returns GALLEY_INVALID. */
enum galley_rc config_refuse(const struct config_source *source, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Checks `text` against the setting and stores it at base + setting->offset; a string that was
 * there before is freed. */
GALLEY_MUST_USE enum galley_rc config_assign(void *base, const struct config_setting *setting,
                                             const char *text, const struct config_source *source);
/* The string at base + setting->offset. */
char *config_string(const void *base, const struct config_setting *setting);
/* `path` seen from `folder` when it is relative. NULL without memory. Owned by the caller. */
char *config_path_join(const char *folder, const char *path);

/* Reads an open INI file over what is there. source->line is used up. */
GALLEY_MUST_USE enum galley_rc config_ini_read(struct config *config, FILE *file,
                                               struct config_source *source);

#endif
