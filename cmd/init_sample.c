#include "init_sample.h"
#include "config.h"
#include "point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP_TRIES  8  /* another init took the file away while we waited for its lock */
#define WRITE_CALLS 64 /* of write(2): each moves at least a byte, usually all */

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

/* The text of the file, to be freed; NULL without memory. */
static char *compose(const char *path, const char *database, size_t *len) {
  char *written = NULL, *text = NULL;
  if (database != NULL && (written = database_for(path, database)) == NULL)
    return NULL;
  FILE *file = open_memstream(&text, len);
  if (file != NULL) {
    write_all(file, written);
    bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed) {
      free(text);
      text = NULL;
    }
  }
  free(written);
  return text;
}

/* Whether the locked file still has the name: the init before may have just ended. */
static bool is_ours(int fd, const char *temp) {
  struct stat locked, named;
  return fstat(fd, &locked) == 0 && lstat(temp, &named) == 0 && locked.st_ino == named.st_ino &&
         locked.st_dev == named.st_dev;
}

/* The temporary file, empty and locked; -1 with errno. What a killed init has left is taken over.
 */
static int open_temp(const char *temp) {
  for (int i = 0; i < TEMP_TRIES; i++) {
    int fd = open(temp, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
      return -1;
    if (flock(fd, LOCK_EX) == 0 && is_ours(fd, temp) && ftruncate(fd, 0) == 0)
      return fd;
    close(fd);
  }
  errno = EBUSY;
  return -1;
}

static bool write_whole(int fd, const char *text, size_t len) {
  for (int calls = 0; len > 0; calls++) {
    ssize_t n = write(fd, text, len);
    if (n < 0 && errno == EINTR && calls < WRITE_CALLS)
      continue;
    if (n <= 0 || calls >= WRITE_CALLS) {
      errno = n < 0 ? errno : EIO;
      return false;
    }
    text += n;
    len -= (size_t)n;
  }
  return true;
}

/* Never replaces a file, except where the file system does not know how to refuse that. */
static bool rename_to_new(const char *from, const char *to) {
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
    return true;
  return (errno == EINVAL || errno == ENOSYS) && access(to, F_OK) != 0 && rename(from, to) == 0;
}

/* Nothing is at `path` before the whole text is on the disk. */
static int appear(const char *path, const char *temp, const char *text, size_t len) {
  int fd = open_temp(temp);
  if (fd < 0)
    return errno;
  int problem = write_whole(fd, text, len) && fsync(fd) == 0 ? 0 : errno;
  POINT(init, made);
  if (problem == 0 && !rename_to_new(temp, path))
    problem = errno;
  POINT(init, named);
  if (problem != 0)
    unlink(temp);
  close(fd);
  return problem;
}

int init_sample(const char *path, const char *database) {
  size_t len = 0;
  char *temp = NULL, *text = compose(path, database, &len);
  int problem = ENOMEM;
  if (text != NULL && asprintf(&temp, "%s.galley-tmp", path) >= 0) {
    problem = appear(path, temp, text, len);
    free(temp);
  }
  free(text);
  return problem;
}
