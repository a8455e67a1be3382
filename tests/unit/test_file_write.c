/* file_write: a whole file or none, inside its root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "file_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATH_LEN 512

static char root[PATH_LEN];
static char sentence[1024];

static int make_root(void **state) {
  (void)state;
  const char *base = getenv("TMPDIR");
  (void)snprintf(root, sizeof root, "%s/galley-file-XXXXXX", base != NULL ? base : "/tmp");
  return mkdtemp(root) != NULL ? 0 : -1;
}

static void remove_tree(const char *path) {
  DIR *dir = opendir(path);
  if (dir != NULL) {
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
      if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
        continue;
      char child[PATH_LEN * 2];
      (void)snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
      if (unlink(child) != 0)
        remove_tree(child);
    }
    (void)closedir(dir);
  }
  (void)rmdir(path);
}

static int drop_root(void **state) {
  (void)state;
  (void)chmod(root, 0755);
  remove_tree(root);
  return 0;
}

static const char *below(const char *rest) {
  static char path[PATH_LEN * 2];
  (void)snprintf(path, sizeof path, "%s/%s", root, rest);
  return path;
}

static enum galley_rc put(const char *rest, const char *text) {
  char path[PATH_LEN * 2];
  (void)snprintf(path, sizeof path, "%s/%s", root, rest);
  const struct file_write file = {.root = root, .path = path, .bytes = text, .len = strlen(text)};
  return file_write(&file, sentence, sizeof sentence);
}

static void assert_holds(const char *rest, const char *text) {
  char bytes[256] = "";
  FILE *in = fopen(below(rest), "rb");
  assert_non_null(in);
  size_t n = fread(bytes, 1, sizeof bytes - 1, in);
  (void)fclose(in);
  assert_int_equal(n, strlen(text));
  assert_string_equal(bytes, text);
}

/* Entries of the root, so that nothing half-written is left beside the file. */
static int entries(void) {
  int n = 0;
  DIR *dir = opendir(root);
  assert_non_null(dir);
  while (readdir(dir) != NULL)
    n++;
  (void)closedir(dir);
  return n - 2;
}

static void a_file_arrives_whole_with_its_folders(void **state) {
  (void)state;
  mode_t before = umask(022);
  assert_int_equal(put("de/a/post.md", "hello\n"), GALLEY_OK);
  (void)umask(before);
  assert_holds("de/a/post.md", "hello\n");
  assert_string_equal(sentence, "");
  struct stat st;
  assert_int_equal(stat(below("de/a/post.md"), &st), 0);
  assert_int_equal(st.st_mode & 0777, 0644);
  assert_int_equal(stat(below("de/a"), &st), 0);
  assert_int_equal(st.st_mode & 0777, 0755);
}

static void a_second_write_replaces_the_first(void **state) {
  (void)state;
  assert_int_equal(put("post.md", "first, and longer"), GALLEY_OK);
  assert_int_equal(put("post.md", "second"), GALLEY_OK);
  assert_holds("post.md", "second");
  assert_int_equal(put("post.md", ""), GALLEY_OK);
  assert_holds("post.md", "");
  assert_int_equal(entries(), 1);
}

static void a_root_with_a_slash_at_its_end_is_the_same_root(void **state) {
  (void)state;
  char with_slash[PATH_LEN + 2];
  (void)snprintf(with_slash, sizeof with_slash, "%s/", root);
  const struct file_write file = {
      .root = with_slash, .path = below("post.md"), .bytes = "x", .len = 1};
  assert_int_equal(file_write(&file, sentence, sizeof sentence), GALLEY_OK);
  assert_holds("post.md", "x");
}

static void the_same_bytes_leave_the_file_alone(void **state) {
  (void)state;
  assert_int_equal(put("post.md", "same"), GALLEY_OK);
  const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
  assert_int_equal(utimensat(AT_FDCWD, below("post.md"), old, 0), 0);
  struct stat before, after;
  assert_int_equal(stat(below("post.md"), &before), 0);
  assert_int_equal(put("post.md", "same"), GALLEY_OK);
  assert_int_equal(stat(below("post.md"), &after), 0);
  assert_int_equal(before.st_ino, after.st_ino);
  assert_int_equal(after.st_mtim.tv_sec, 1000);
  assert_int_equal(put("post.md", "sane"), GALLEY_OK); /* the same length is not the same bytes */
  assert_holds("post.md", "sane");
}

static void a_missing_root_is_named_and_not_made(void **state) {
  (void)state;
  char missing[PATH_LEN + 16];
  char path[PATH_LEN + 32];
  (void)snprintf(missing, sizeof missing, "%s/nowhere", root);
  (void)snprintf(path, sizeof path, "%s/post.md", missing);
  const struct file_write file = {.root = missing, .path = path, .bytes = "x", .len = 1};
  assert_int_equal(file_write(&file, sentence, sizeof sentence), GALLEY_CANNOT_CREATE);
  assert_non_null(strstr(sentence, missing));
  assert_non_null(strstr(sentence, "create it"));
  assert_int_equal(access(missing, F_OK), -1);
}

static void a_root_that_is_a_file_is_refused(void **state) {
  (void)state;
  assert_int_equal(put("plain", "x"), GALLEY_OK);
  char path[PATH_LEN + 32];
  char plain[PATH_LEN + 16];
  (void)snprintf(plain, sizeof plain, "%s/plain", root);
  (void)snprintf(path, sizeof path, "%s/post.md", plain);
  const struct file_write file = {.root = plain, .path = path, .bytes = "x", .len = 1};
  assert_int_equal(file_write(&file, sentence, sizeof sentence), GALLEY_CANNOT_CREATE);
  assert_non_null(strstr(sentence, "not a folder"));
}

static void paths_out_of_the_root_are_refused(void **state) {
  (void)state;
  assert_int_equal(put("../out.md", "x"), GALLEY_INVALID);
  assert_int_equal(put("a/../../out.md", "x"), GALLEY_INVALID);
  assert_int_equal(put("a/./b.md", "x"), GALLEY_INVALID);
  assert_int_equal(put("a//b.md", "x"), GALLEY_INVALID);
  assert_int_equal(put("a/", "x"), GALLEY_INVALID);
  assert_int_equal(put("", "x"), GALLEY_INVALID);
  assert_int_equal(put("..", "x"), GALLEY_INVALID);
  const struct file_write beside = {
      .root = "/srv/site", .path = "/srv/site-other/post.md", .bytes = "x", .len = 1};
  assert_int_equal(file_write(&beside, sentence, sizeof sentence), GALLEY_INVALID);
  const struct file_write not_absolute = {
      .root = "site", .path = "site/post.md", .bytes = "x", .len = 1};
  assert_int_equal(file_write(&not_absolute, sentence, sizeof sentence), GALLEY_INVALID);
  assert_int_equal(entries(), 0);
  assert_int_equal(put("..post.md", "x"), GALLEY_OK); /* a name may begin with dots */
}

static void symbolic_links_below_the_root_are_not_followed(void **state) {
  (void)state;
  assert_int_equal(mkdir(below("inside"), 0755), 0);
  assert_int_equal(symlink("/tmp", below("link")), 0);
  assert_int_equal(put("link/galley-never.md", "x"), GALLEY_INVALID);
  assert_non_null(strstr(sentence, "symbolic link"));
  assert_int_equal(access("/tmp/galley-never.md", F_OK), -1);
  /* the file's own place: the link is replaced, what it points to is not touched */
  assert_int_equal(put("inside/victim", "old"), GALLEY_OK);
  assert_int_equal(symlink("inside/victim", below("post.md")), 0);
  assert_int_equal(put("post.md", "new"), GALLEY_OK);
  assert_holds("inside/victim", "old");
  assert_holds("post.md", "new");
  /* the temporary name as a trap */
  assert_int_equal(symlink("inside/victim", below(".trap.md.galley-tmp")), 0);
  assert_int_equal(put("trap.md", "new"), GALLEY_INVALID);
  assert_holds("inside/victim", "old");
}

static void a_hard_link_in_the_temporary_place_is_not_emptied(void **state) {
  (void)state;
  assert_int_equal(put("victim", "old"), GALLEY_OK);
  char victim[PATH_LEN + 16];
  (void)snprintf(victim, sizeof victim, "%s/victim", root);
  assert_int_equal(link(victim, below(".post.md.galley-tmp")), 0);
  assert_int_not_equal(put("post.md", "new"), GALLEY_OK);
  assert_holds("victim", "old");
}

static void folders_are_limited_in_depth(void **state) {
  (void)state;
  char deep[PATH_LEN] = "";
  for (int i = 0; i < FILE_WRITE_DEPTH_MAX; i++)
    memcpy(deep + 2 * i, "d/", 3);
  size_t len = strlen(deep);
  memcpy(deep + len, "f", 2);
  assert_int_equal(put(deep, "x"), GALLEY_OK);
  memcpy(deep + len, "d/f", 4);
  assert_int_equal(put(deep, "x"), GALLEY_INVALID);
}

static void a_folder_in_the_files_place_is_an_error(void **state) {
  (void)state;
  assert_int_equal(mkdir(below("post.md"), 0755), 0);
  assert_int_equal(put("post.md", "x"), GALLEY_CANNOT_CREATE);
  assert_int_equal(entries(), 1);
}

/* Runs `work` without the rights of root. */
static int as_nobody(int (*work)(void)) {
  pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    if (geteuid() == 0 && setuid(65534) != 0)
      _exit(99);
    _exit(work());
  }
  int status = 0;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static int write_denied(void) {
  bool ok = put("post.md", "x") == GALLEY_DENIED && strstr(sentence, root) != NULL;
  return ok ? 0 : 1;
}

static void a_folder_without_permission_is_denied_and_named(void **state) {
  (void)state;
  assert_int_equal(chmod(root, 0555), 0);
  assert_int_equal(as_nobody(write_denied), 0);
  assert_int_equal(entries(), 0);
}

static void no_room_leaves_the_old_file_and_no_temporary_one(void **state) {
  (void)state;
  assert_int_equal(put("post.md", "old"), GALLEY_OK);
  struct rlimit before;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = {.rlim_cur = 10, .rlim_max = before.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  enum galley_rc rc = put("post.md", "more than ten bytes");
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  (void)signal(SIGXFSZ, handler);
  assert_int_equal(rc, GALLEY_FULL);
  assert_non_null(strstr(sentence, "post.md"));
  assert_holds("post.md", "old");
  assert_int_equal(entries(), 1);
}

static void what_a_killed_writer_left_is_taken_over(void **state) {
  (void)state;
  assert_int_equal(put(".post.md.galley-tmp", "half a pos"), GALLEY_OK);
  assert_int_equal(put("post.md", "whole"), GALLEY_OK);
  assert_holds("post.md", "whole");
  assert_int_equal(entries(), 1);
}

static void a_live_writer_of_the_same_file_is_not_disturbed(void **state) {
  (void)state;
  int fd = open(below(".post.md.galley-tmp"), O_WRONLY | O_CREAT, 0644);
  assert_true(fd >= 0);
  assert_int_equal(flock(fd, LOCK_EX), 0);
  assert_int_equal(write(fd, "half", 4), 4);
  assert_int_equal(put("post.md", "other"), GALLEY_BUSY);
  assert_holds(".post.md.galley-tmp", "half");
  (void)close(fd);
  assert_int_equal(put("post.md", "other"), GALLEY_OK);
}

static void a_sentence_is_cut_to_its_buffer(void **state) {
  (void)state;
  char small[8];
  const struct file_write file = {.root = "/a", .path = "/b/post.md", .bytes = "x", .len = 1};
  assert_int_equal(file_write(&file, small, sizeof small), GALLEY_INVALID);
  assert_int_equal(strlen(small), sizeof small - 1);
  assert_int_equal(file_write(&file, NULL, 0), GALLEY_INVALID);
}

#define RULE(name) cmocka_unit_test_setup_teardown(name, make_root, drop_root)

int main(void) {
  const struct CMUnitTest tests[] = {
      RULE(a_file_arrives_whole_with_its_folders),
      RULE(a_second_write_replaces_the_first),
      RULE(a_root_with_a_slash_at_its_end_is_the_same_root),
      RULE(the_same_bytes_leave_the_file_alone),
      RULE(a_missing_root_is_named_and_not_made),
      RULE(a_root_that_is_a_file_is_refused),
      RULE(paths_out_of_the_root_are_refused),
      RULE(symbolic_links_below_the_root_are_not_followed),
      RULE(a_hard_link_in_the_temporary_place_is_not_emptied),
      RULE(folders_are_limited_in_depth),
      RULE(a_folder_in_the_files_place_is_an_error),
      RULE(a_folder_without_permission_is_denied_and_named),
      RULE(no_room_leaves_the_old_file_and_no_temporary_one),
      RULE(what_a_killed_writer_left_is_taken_over),
      RULE(a_live_writer_of_the_same_file_is_not_disturbed),
      RULE(a_sentence_is_cut_to_its_buffer),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
