#include "file_match.h"

#include "digest.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_all(int fd, char *bytes, size_t len) {
  size_t done = 0;
  while (done < len) {
    ssize_t n = read(fd, bytes + done, len - done);
    if (n <= 0)
      return false;
    done += (size_t)n;
  }
  return true;
}

static bool has_digest(int fd, size_t len, const char *digest) {
  char found[DIGEST_SIZE];
  char *text = calloc(1, len + 1);
  if (!text)
    return false;
  const char *texts[] = {text};
  bool same = read_all(fd, text, len) && strlen(text) == len && digest_strings(texts, 1, found) &&
              strcmp(found, digest) == 0;
  free(text);
  return same;
}

/* The writer may have died before it had synced the folder. */
static bool sync_name(const char *path) {
  char *copy = strdup(path);
  int dir = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
  bool synced = dir >= 0 && fsync(dir) == 0;
  if (dir >= 0)
    (void)close(dir);
  free(copy);
  return synced;
}

bool file_match(const char *path, const char *digest) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0)
    return false;
  bool same = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MATCH_MAX &&
              has_digest(fd, (size_t)st.st_size, digest) && fsync(fd) == 0 && sync_name(path);
  (void)close(fd);
  return same;
}
