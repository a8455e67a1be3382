#include "doctor.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ENTRIES_MAX 1000000 /* of one folder below /proc, and lines of /proc/locks */

/* Bytes of the wal-index that SQLite locks ("WAL-Index Format" in its documents). */
#define WAL_LOCK_WRITE        120
#define WAL_LOCK_READERS      123
#define WAL_LOCK_READERS_LAST 127

enum { FILE_MAIN, FILE_LOG, FILE_INDEX, FILE_SIDE, N_FILES };
static const char *const suffixes[N_FILES] = {"", "-wal", "-shm", "-galley"};

struct search {
  struct doctor_process_list *list;
  char paths[N_FILES][PATH_MAX + 16];
  struct stat stats[N_FILES];
  bool there[N_FILES];
};

/* What one process has open of the database. */
struct holding {
  bool files[N_FILES];
  bool removed;
};

/* ---- one process ---- */

static bool read_file(int pid, const char *name, char *out, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd >= 0 ? read(fd, out, size - 1) : -1;
  if (fd >= 0)
    close(fd);
  if (n <= 0)
    return false;
  for (ssize_t i = 0; i < n; i++) /* the words of a command line end with zero bytes */
    if (out[i] == '\0' || out[i] == '\n')
      out[i] = ' ';
  while (n > 0 && out[n - 1] == ' ')
    n--;
  out[n] = '\0';
  return n > 0;
}

static bool is_galley(int pid) {
  char name[32];
  return read_file(pid, "comm", name, sizeof name) &&
         (strcmp(name, "galley") == 0 || strcmp(name, "galley-worker") == 0);
}

/* "PID (name, which may hold anything) STATE ..." */
static bool is_stopped(int pid) {
  char text[256];
  const char *end = read_file(pid, "stat", text, sizeof text) ? strrchr(text, ')') : NULL;
  return end != NULL && (strncmp(end, ") T", 3) == 0 || strncmp(end, ") t", 3) == 0);
}

static struct doctor_process *add(struct doctor_process_list *list, int pid) {
  for (size_t i = 0; i < list->n; i++)
    if (list->rows[i].pid == pid)
      return &list->rows[i];
  if (list->n == DOCTOR_PROCESSES_MAX) {
    list->more++;
    return NULL;
  }
  struct doctor_process *process = &list->rows[list->n++];
  *process =
      (struct doctor_process){.pid = pid, .ours = is_galley(pid), .stopped = is_stopped(pid)};
  if (!read_file(pid, "cmdline", process->command, sizeof process->command) &&
      !read_file(pid, "comm", process->command, sizeof process->command))
    snprintf(process->command, sizeof process->command, "?");
  return process;
}

/* "/a/galley.db-wal (deleted)": a name that was removed or replaced while the file is in use. */
static bool is_removed(const struct search *search, int file, const char *target) {
  size_t len = strlen(search->paths[file]);
  return strncmp(target, search->paths[file], len) == 0 && strcmp(target + len, " (deleted)") == 0;
}

static void look_at_fd(const struct search *search, int folder, const char *name,
                       struct holding *holding) {
  char target[PATH_MAX + 64];
  struct stat st;
  ssize_t n = readlinkat(folder, name, target, sizeof target - 1);
  if (n <= 0 || target[0] != '/') /* a socket or a pipe */
    return;
  target[n] = '\0';
  bool known = fstatat(folder, name, &st, 0) == 0;
  for (int file = 0; file < N_FILES; file++) {
    holding->removed |= file != FILE_SIDE && is_removed(search, file, target);
    holding->files[file] |= known && search->there[file] &&
                            st.st_dev == search->stats[file].st_dev &&
                            st.st_ino == search->stats[file].st_ino;
  }
}

static void look_at_process(struct search *search, int pid) {
  char path[64];
  struct holding holding = {.removed = false};
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  DIR *folder = opendir(path);
  if (folder == NULL) {
    search->list->hidden += errno == EACCES || errno == EPERM;
    return;
  }
  const struct dirent *entry;
  for (int i = 0; i < ENTRIES_MAX && (entry = readdir(folder)) != NULL; i++)
    look_at_fd(search, dirfd(folder), entry->d_name, &holding);
  closedir(folder);
  bool open = holding.files[FILE_MAIN] || holding.files[FILE_LOG] || holding.files[FILE_INDEX];
  struct doctor_process *process = open || holding.removed ? add(search->list, pid) : NULL;
  if (process == NULL)
    return;
  process->removed = holding.removed;
  process->ours |= holding.files[FILE_SIDE]; /* nobody else opens it */
}

/* ---- all of them ---- */

static void look_at_all(struct search *search) {
  const struct dirent *entry;
  DIR *folder = opendir("/proc");
  if (folder == NULL)
    return;
  for (int i = 0; i < ENTRIES_MAX && (entry = readdir(folder)) != NULL; i++) {
    long pid = isdigit((unsigned char)entry->d_name[0]) ? strtol(entry->d_name, NULL, 10) : 0;
    if (pid > 0 && pid <= INT_MAX && pid != getpid())
      look_at_process(search, (int)pid);
  }
  closedir(folder);
}

/* A lock shows its holder also where the holder's files may not be looked at. */
static void look_at_lock(struct search *search, const char *line) {
  unsigned dev_major, dev_minor;
  unsigned long inode;
  int64_t first;
  char kind[16];
  int pid, file = 0;
  if (sscanf(line, "%*s POSIX %*s %15s %d %x:%x:%lu %" SCNd64, kind, &pid, &dev_major, &dev_minor,
             &inode, &first) != 6 ||
      pid <= 0 || pid == getpid())
    return;
  while (file < N_FILES && !(search->there[file] && search->stats[file].st_ino == inode &&
                             major(search->stats[file].st_dev) == dev_major &&
                             minor(search->stats[file].st_dev) == dev_minor))
    file++;
  struct doctor_process *process = file < N_FILES ? add(search->list, pid) : NULL;
  if (process == NULL || file != FILE_INDEX)
    return;
  process->writing |= first == WAL_LOCK_WRITE && strcmp(kind, "WRITE") == 0;
  process->reading |=
      first >= WAL_LOCK_READERS && first <= WAL_LOCK_READERS_LAST && strcmp(kind, "READ") == 0;
}

static void look_at_locks(struct search *search) {
  char *line = NULL;
  size_t space = 0;
  FILE *table = fopen("/proc/locks", "re");
  if (table == NULL)
    return;
  for (int i = 0; i < ENTRIES_MAX && getline(&line, &space, table) > 0; i++)
    look_at_lock(search, line);
  free(line);
  fclose(table);
}

struct doctor_process_list *doctor_process_find(const char *path) {
  struct search *search = calloc(1, sizeof *search);
  struct doctor_process_list *list = calloc(1, sizeof *list);
  if (search == NULL || list == NULL) {
    free(search);
    free(list);
    return NULL;
  }
  search->list = list;
  for (int i = 0; i < N_FILES; i++) {
    snprintf(search->paths[i], sizeof search->paths[i], "%s%s", path, suffixes[i]);
    search->there[i] = stat(search->paths[i], &search->stats[i]) == 0;
  }
  look_at_all(search);
  look_at_locks(search);
  free(search);
  return list;
}

/* ---- the finding ---- */

static void report_foreign(struct doctor *doctor, const struct doctor_process *process) {
  const char *doing = process->writing   ? ", and is writing"
                      : process->reading ? ", and is reading"
                                         : "";
  doctor_report_finding(
      doctor, "processes", doctor->exposed ? DOCTOR_WARN : DOCTOR_OK,
      doctor->exposed ? "let it only read (mode=ro), and never run a checkpoint; if it must write, "
                        "let it set wal_autocheckpoint=0 and cache_spill=OFF"
                      : NULL,
      "process %d (%s), which is not galley's, has the database open%s%s", process->pid,
      process->command, doing,
      doctor->exposed ? "; with this SQLite two such programs can lose rows" : "");
}

static void report_removed(struct doctor *doctor, const struct doctor_process *process) {
  doctor_report_finding(doctor, "processes", DOCTOR_FAIL,
                        "end it, and start it again: what it writes is lost",
                        "process %d (%s) uses a file of the database that was removed or replaced",
                        process->pid, process->command);
}

static void report_stopped(struct doctor *doctor, const struct doctor_process *process) {
  doctor_report_finding(doctor, "processes", process->writing ? DOCTOR_FAIL : DOCTOR_WARN,
                        "let it go on (kill -CONT) or end it (kill -KILL)",
                        "process %d (%s) is stopped%s", process->pid, process->command,
                        process->writing ? " and holds the write lock: nobody else can write" : "");
}

void doctor_process_foreign(struct doctor *doctor) {
  const struct doctor_process_list *list = doctor->processes;
  size_t n_foreign = 0;
  if (list == NULL) {
    doctor_report_finding(doctor, "processes", DOCTOR_FAIL, "free some memory", "out of memory");
    return;
  }
  for (size_t i = 0; i < list->n; i++) {
    if (list->rows[i].stopped)
      report_stopped(doctor, &list->rows[i]);
    if (list->rows[i].removed)
      report_removed(doctor, &list->rows[i]);
    else if (!list->rows[i].ours)
      report_foreign(doctor, &list->rows[i]);
    n_foreign += list->rows[i].removed || !list->rows[i].ours;
  }
  if (n_foreign > 0)
    return;
  char unseen[80] = "", ours[80] = "";
  if (list->hidden + list->more > 0)
    snprintf(unseen, sizeof unseen, "; %zu processes could not be looked into",
             list->hidden + list->more);
  if (list->n > 0)
    snprintf(ours, sizeof ours, "; of galley's processes %zu have", list->n);
  doctor_report_finding(doctor, "processes", DOCTOR_OK, NULL,
                        "no other program has the database open%s%s", ours, unseen);
}
