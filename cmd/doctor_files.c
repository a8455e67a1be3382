#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MOUNT_LINES_MAX 100000
#define MEBIBYTE        1048576
#define ROOM_FAIL       (UINT64_C(64) * MEBIBYTE)
#define LOG_BUDGET      (UINT64_C(10) * MEBIBYTE)
#define ROOM_WARN       (UINT64_C(1024) * MEBIBYTE)

static void folder_of(const struct doctor *doctor, char folder[PATH_MAX]) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s", doctor->path);
  snprintf(folder, PATH_MAX, "%s", dirname(path));
}

/* ---- the file system ---- */

#define CURE_NETWORK                                                                               \
  "move the database to a disk of this machine; over a network neither the locks nor the shared "  \
  "memory of SQLite's log can be relied on"

struct system {
  const char *type; /* that ends with '.' stands for all that begin so */
  enum doctor_status status;
  const char *cure;
};

static const struct system systems[] = {
    {"nfs", DOCTOR_WARN, CURE_NETWORK},
    {"nfs4", DOCTOR_WARN, CURE_NETWORK},
    {"cifs", DOCTOR_WARN, CURE_NETWORK},
    {"smb3", DOCTOR_WARN, CURE_NETWORK},
    {"smbfs", DOCTOR_WARN, CURE_NETWORK},
    {"9p", DOCTOR_WARN, CURE_NETWORK},
    {"afs", DOCTOR_WARN, CURE_NETWORK},
    {"ceph", DOCTOR_WARN, CURE_NETWORK},
    {"lustre", DOCTOR_WARN, CURE_NETWORK},
    {"beegfs", DOCTOR_WARN, CURE_NETWORK},
    {"glusterfs", DOCTOR_WARN, CURE_NETWORK},
    {"gfs2", DOCTOR_WARN, CURE_NETWORK},
    {"ocfs2", DOCTOR_WARN, CURE_NETWORK},
    {"vboxsf", DOCTOR_WARN, CURE_NETWORK},
    {"virtiofs", DOCTOR_WARN, CURE_NETWORK},
    {"fuse", DOCTOR_WARN, CURE_NETWORK},
    {"fuse.", DOCTOR_WARN, CURE_NETWORK},
    {"tmpfs", DOCTOR_WARN, "move the database to a disk: memory is empty after a restart"},
    {"ramfs", DOCTOR_WARN, "move the database to a disk: memory is empty after a restart"},
};

enum doctor_status doctor_files_judge_type(const char *type, const char **cure) {
  *cure = NULL;
  for (size_t i = 0; i < sizeof systems / sizeof *systems; i++) {
    size_t len = strlen(systems[i].type);
    bool family = systems[i].type[len - 1] == '.';
    if (family ? strncmp(type, systems[i].type, len) != 0 : strcmp(type, systems[i].type) != 0)
      continue;
    *cure = systems[i].cure;
    return systems[i].status;
  }
  return DOCTOR_OK;
}

/* Spaces and the like stand as \ and three octal digits. */
static void unescape(char *text) {
  char *out = text;
  for (const char *at = text; *at != '\0'; at++) {
    if (at[0] == '\\' && strspn(at + 1, "01234567") >= 3) {
      *out++ = (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
      at += 3;
    } else {
      *out++ = *at;
    }
  }
  *out = '\0';
}

static bool lies_below(const char *path, const char *folder) {
  size_t len = strlen(folder);
  if (strcmp(folder, "/") == 0)
    return true;
  return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* "36 35 98:0 /root /mount rw,noatime master:1 - ext3 /dev/root rw": the fifth word, and the first
 * behind the dash. */
static bool split(char *line, char **mount, const char **type) {
  char *dash = strstr(line, " - ");
  if (dash == NULL)
    return false;
  *dash = '\0';
  *type = dash + 3;
  dash[3 + strcspn(dash + 3, " \n")] = '\0';
  for (int i = 0; i < 4; i++) {
    line = strchr(line, ' ');
    if (line == NULL)
      return false;
    line++;
  }
  line[strcspn(line, " ")] = '\0';
  unescape(line);
  *mount = line;
  return true;
}

bool doctor_files_mount(FILE *table, const char *path, char *type, size_t size) {
  char *line = NULL, *mount;
  const char *found;
  size_t space = 0, best = 0;
  for (int i = 0; i < MOUNT_LINES_MAX && getline(&line, &space, table) > 0; i++) {
    /* Of two at one place the later hides the earlier. */
    if (!split(line, &mount, &found) || !lies_below(path, mount) || strlen(mount) < best)
      continue;
    best = strlen(mount);
    snprintf(type, size, "%s", found);
  }
  free(line);
  return best > 0;
}

void doctor_files_system(struct doctor *doctor) {
  char type[64];
  const char *cure;
  FILE *table = fopen("/proc/self/mountinfo", "re");
  bool known = table != NULL && doctor_files_mount(table, doctor->path, type, sizeof type);
  if (table != NULL)
    fclose(table);
  if (!known) {
    doctor_report_finding(doctor, "filesystem", DOCTOR_WARN,
                          "mount /proc; until then see to it that this is no network file system",
                          "the type of its file system is not known");
    return;
  }
  enum doctor_status status = doctor_files_judge_type(type, &cure);
  doctor_report_finding(doctor, "filesystem", status, cure, "it lies on %s", type);
}

/* ---- permissions ---- */

static void check_mode(struct doctor *doctor, const char *path, mode_t mode, bool *good) {
  char cure[PATH_MAX + 80];
  if ((mode & 077) == 0)
    return;
  *good = false;
  snprintf(cure, sizeof cure, "chmod 600 '%s'", path);
  doctor_report_finding(doctor, "permissions", (mode & 02) != 0 ? DOCTOR_FAIL : DOCTOR_WARN, cure,
                        "%s can be %s by %s (mode %03o)", path,
                        (mode & 022) != 0 ? "changed" : "read",
                        (mode & 07) != 0 ? "everybody" : "its group", (unsigned)(mode & 0777));
}

/* A run as root leaves files that the workers of another user cannot open. */
static void check_owner(struct doctor *doctor, const char *path, uid_t owner, bool *good) {
  char cure[PATH_MAX * 2 + 64];
  struct stat database;
  if (stat(doctor->path, &database) != 0 || database.st_uid == owner)
    return;
  *good = false;
  snprintf(cure, sizeof cure, "chown --reference='%s' '%s'", doctor->path, path);
  doctor_report_finding(doctor, "permissions", DOCTOR_WARN, cure,
                        "%s belongs to user %u, the database to user %u", path, (unsigned)owner,
                        (unsigned)database.st_uid);
}

static void check_folder(struct doctor *doctor, bool *good) {
  char folder[PATH_MAX], cure[PATH_MAX + 80];
  struct stat st;
  folder_of(doctor, folder);
  if (stat(folder, &st) != 0 || (st.st_mode & 022) == 0)
    return;
  bool everybody = (st.st_mode & 02) != 0, sticky = (st.st_mode & S_ISVTX) != 0;
  *good = false;
  snprintf(cure, sizeof cure, "chmod go-w '%s', or move the database to a folder of its own",
           folder);
  doctor_report_finding(doctor, "permissions", everybody && !sticky ? DOCTOR_FAIL : DOCTOR_WARN,
                        cure, "%s can make files beside the database in %s (mode %04o)",
                        everybody ? "everybody" : "its group", folder,
                        (unsigned)(st.st_mode & 07777));
}

void doctor_files_permissions(struct doctor *doctor) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-galley"};
  bool good = true;
  for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
    char path[PATH_MAX + 16];
    struct stat st;
    snprintf(path, sizeof path, "%s%s", doctor->path, suffixes[i]);
    if (lstat(path, &st) != 0)
      continue; /* made when it is needed */
    check_mode(doctor, path, st.st_mode, &good);
    check_owner(doctor, path, st.st_uid, &good);
  }
  check_folder(doctor, &good);
  if (good)
    doctor_report_finding(doctor, "permissions", DOCTOR_OK, NULL,
                          "only their owner can read or change the files");
}

/* ---- the disk ---- */

enum doctor_status doctor_files_judge_room(uint64_t free_bytes) {
  if (free_bytes < ROOM_FAIL)
    return DOCTOR_FAIL;
  return free_bytes < ROOM_WARN ? DOCTOR_WARN : DOCTOR_OK;
}

/* After an error the kernel may refuse to write while the mount still looks writable. The file that
 * is opened for it is galley's own: to open and close the database would drop its locks. */
static bool is_readonly(const char *database) {
  char path[PATH_MAX];
  if ((size_t)snprintf(path, sizeof path, "%s-galley", database) >= sizeof path)
    return false;
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd >= 0)
    close(fd);
  return fd < 0 && errno == EROFS;
}

/* A backup beside the database, and the log at its budget. */
static uint64_t room_needed(const struct doctor *doctor) {
  struct stat st;
  uint64_t size = stat(doctor->path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
  return size + LOG_BUDGET;
}

void doctor_files_disk(struct doctor *doctor) {
  char folder[PATH_MAX];
  struct statvfs fs;
  folder_of(doctor, folder);
  if (statvfs(folder, &fs) != 0) {
    doctor_report_finding(doctor, "disk", DOCTOR_WARN, "look with df",
                          "its free space is not known: %s", strerror(errno));
    return;
  }
  if (is_readonly(doctor->path))
    doctor_report_finding(doctor, "disk", DOCTOR_FAIL,
                          "look at the system's log (dmesg), repair the disk and mount it again",
                          "the file system is mounted read-only");
  uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
  enum doctor_status status = doctor_files_judge_room(room);
  doctor_report_finding(doctor, "disk", status,
                        status != DOCTOR_OK ? "make room: a full disk stops every write" : NULL,
                        "%" PRIu64 " MiB are free", room / MEBIBYTE);
  if (status == DOCTOR_OK && room < room_needed(doctor))
    doctor_report_finding(doctor, "disk", DOCTOR_WARN,
                          "make room, or have backups made on another disk",
                          "a backup beside the database needs %" PRIu64 " MiB, and its log room to "
                          "grow",
                          room_needed(doctor) / MEBIBYTE);
  if (fs.f_files > 0 && fs.f_favail == 0)
    doctor_report_finding(doctor, "disk", DOCTOR_FAIL, "remove files that nobody needs",
                          "the file system has no room for a new file (df -i)");
}
