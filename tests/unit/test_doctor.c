/* What the doctor concludes from what the machine says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "doctor.h"

#include <stdio.h>
#include <string.h>

static const char mounts[] =
    "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
    "23 22 0:21 / /proc rw - proc proc rw\n"
    "a line that says nothing\n"
    "30 22 0:40 / /srv rw,relatime shared:1 master:2 - nfs4 host:/srv rw,vers=4.2\n"
    "31 30 8:1 / /srv/local rw - xfs /dev/sda1 rw\n"
    "32 22 0:50 / /mnt/two\\040words rw - fuse.sshfs host: rw\n"
    "33 22 0:51 / /over rw - xfs /dev/sdb1 rw\n"
    "34 33 0:52 / /over rw - cifs //host/over rw\n";

static void assert_type(const char *path, const char *expected) {
  char type[32] = "";
  FILE *table = fmemopen((char *)mounts, sizeof mounts - 1, "r");
  assert_non_null(table);
  assert_true(doctor_files_mount(table, path, type, sizeof type));
  fclose(table);
  assert_string_equal(type, expected);
}

static void file_lies_on_the_nearest_mount_above_it(void **state) {
  (void)state;
  assert_type("/home/galley.db", "ext4");
  assert_type("/srv/galley.db", "nfs4");
  assert_type("/srv/local/queue/galley.db", "xfs");
  assert_type("/srv/locally/galley.db", "nfs4");
  assert_type("/srvs/galley.db", "ext4");
}

static void later_mount_hides_the_earlier_at_its_place(void **state) {
  (void)state;
  assert_type("/over/galley.db", "cifs");
}

static void spaces_in_a_mount_are_read(void **state) {
  (void)state;
  assert_type("/mnt/two words/galley.db", "fuse.sshfs");
  assert_type("/mnt/two/galley.db", "ext4");
}

static void empty_table_tells_nothing(void **state) {
  char type[32];
  (void)state;
  FILE *table = fopen("/dev/null", "re");
  assert_non_null(table);
  assert_false(doctor_files_mount(table, "/galley.db", type, sizeof type));
  fclose(table);
}

static void network_and_memory_are_warned_of(void **state) {
  static const char *const types[] = {"nfs",        "nfs4",        "cifs",        "smb3",
                                      "9p",         "afs",         "ceph",        "glusterfs",
                                      "fuse.sshfs", "fuse.rclone", "fuse.s3fs",   "fuse",
                                      "virtiofs",   "vboxsf",      "fuse.cephfs", "tmpfs"};
  const char *cure;
  (void)state;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    assert_int_equal(doctor_files_judge_type(types[i], &cure), DOCTOR_WARN);
    assert_non_null(cure);
  }
}

static void disks_of_the_machine_are_good(void **state) {
  static const char *const types[] = {"ext4", "xfs",     "btrfs", "zfs",
                                      "f2fs", "overlay", "ext2",  "fuseblk"};
  const char *cure;
  (void)state;
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    assert_int_equal(doctor_files_judge_type(types[i], &cure), DOCTOR_OK);
    assert_null(cure);
  }
}

static void little_room_is_warned_of_and_hardly_any_fails(void **state) {
  const uint64_t mebibyte = 1048576;
  (void)state;
  assert_int_equal(doctor_files_judge_room(1024 * mebibyte), DOCTOR_OK);
  assert_int_equal(doctor_files_judge_room(1024 * mebibyte - 1), DOCTOR_WARN);
  assert_int_equal(doctor_files_judge_room(64 * mebibyte), DOCTOR_WARN);
  assert_int_equal(doctor_files_judge_room(64 * mebibyte - 1), DOCTOR_FAIL);
  assert_int_equal(doctor_files_judge_room(0), DOCTOR_FAIL);
}

static void clock_that_was_set_back_is_warned_of_and_one_before_galley_fails(void **state) {
  const int64_t now_ms = 1785412800000;
  (void)state;
  assert_int_equal(doctor_jobs_judge_clock(now_ms, 0), DOCTOR_OK);
  assert_int_equal(doctor_jobs_judge_clock(now_ms, now_ms + 60000), DOCTOR_OK);
  assert_int_equal(doctor_jobs_judge_clock(now_ms, now_ms + 60001), DOCTOR_WARN);
  assert_int_equal(doctor_jobs_judge_clock(86400000, 0), DOCTOR_FAIL);
  assert_int_equal(doctor_jobs_judge_clock(1704067199999, 0), DOCTOR_FAIL);
  assert_int_equal(doctor_jobs_judge_clock(1704067200000, 0), DOCTOR_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(file_lies_on_the_nearest_mount_above_it),
      cmocka_unit_test(later_mount_hides_the_earlier_at_its_place),
      cmocka_unit_test(spaces_in_a_mount_are_read),
      cmocka_unit_test(empty_table_tells_nothing),
      cmocka_unit_test(network_and_memory_are_warned_of),
      cmocka_unit_test(disks_of_the_machine_are_good),
      cmocka_unit_test(little_room_is_warned_of_and_hardly_any_fails),
      cmocka_unit_test(clock_that_was_set_back_is_warned_of_and_one_before_galley_fails),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
