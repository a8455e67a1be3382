#include "init_sample.h"
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char head[] = "; Settings of galley. A line that begins with ; is a comment; the "
                           "values shown are the defaults.\n"
                           "; An environment variable goes over a line here: GALLEY_WORKER_SLOTS=8 "
                           "over slots of [worker].\n"
                           "; Relative paths start at the folder of this file. Durations: 250ms "
                           "30s 5m 12h 7d. Sizes: 10M.\n";

static const char sections[] =
    "\n"
    "; Where posts go. Without any target: site/content/posts beside the database.\n"
    ";[target.site]\n"
    ";type = folder\n"
    ";path = site/content/posts\n"
    "; hugo or jekyll\n"
    ";format = hugo\n"
    ";base_url = https://www.example.org\n"
    "\n"
    "; A kind of job of your own: the program gets the payload as JSON on standard input and "
    "writes\n"
    "; the result as JSON to standard output.\n"
    ";[kind.thumbnail]\n"
    ";program = bin/make-thumbnail\n"
    ";argument = --width\n"
    ";argument = 640\n"
    ";directory = work\n"
    ";timeout = 30s\n"
    ";max_attempts = 3\n";

static void write_setting(FILE *file, const struct config_setting *setting, const char *active) {
  fprintf(file, "; %s", setting->about);
  if (setting->choices != NULL)
    fprintf(file, " (%s)", setting->choices);
  const char *value = active != NULL ? active : setting->fallback;
  fprintf(file, "\n%s%s =%s%s\n", active != NULL ? "" : ";", setting->name,
          value[0] != '\0' ? " " : "", value);
}

/* The database as it is to stand in the file: a path of the command line starts here, one in the
 * file starts at the file. NULL without memory. */
static char *database_for(const char *path, const char *database) {
  char *here, *absolute = NULL;
  if (database[0] == '/' || strchr(path, '/') == NULL || strcmp(database, ":memory:") == 0)
    return strdup(database);
  here = getcwd(NULL, 0);
  if (here != NULL && asprintf(&absolute, "%s/%s", here, database) < 0)
    absolute = NULL;
  free(here);
  return absolute;
}

static void write_all(FILE *file, const char *database) {
  fputs(head, file);
  for (size_t i = 0; i < config_setting_count; i++) {
    const struct config_setting *setting = &config_settings[i];
    bool is_database =
        strcmp(setting->section, "galley") == 0 && strcmp(setting->name, "database") == 0;
    if (i == 0 || strcmp(setting->section, config_settings[i - 1].section) != 0)
      fprintf(file, "\n[%s]\n", setting->section);
    write_setting(file, setting, is_database ? database : NULL);
  }
  fputs(sections, file);
}

int init_sample(const char *path, const char *database) {
  char *written = NULL;
  if (database != NULL && (written = database_for(path, database)) == NULL)
    return ENOMEM;
  errno = 0;
  FILE *file = fopen(path, "wxe");
  int problem = file == NULL ? errno : 0;
  if (file != NULL) {
    write_all(file, written);
    bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed) {
      problem = errno != 0 ? errno : EIO;
      unlink(path);
    }
  }
  free(written);
  return problem;
}
