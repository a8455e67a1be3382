# What the tests of faults share, beside common.bash: programs as kinds, workers in the background,
# and the ledger of what was started.
# shellcheck shell=bash disable=SC2034

# exec_kind NAME SCRIPT: a kind whose program is this text of sh, in the folder of the test.
exec_kind() {
  printf '#!/bin/sh\n%s\n' "$2" >"$1.sh"
  chmod +x "$1.sh"
  printf '[kind.%s]\nprogram = %s/%s.sh\ndirectory = %s\n' "$1" "$DIR" "$1" "$DIR" >>galley.ini
}

# Starts `galley work WORDS` in the background; its process is $WORKER, its log worker.log. Descriptor
# 3 is how bats waits for a test.
work_start() {
  "$GALLEY" --database "$DB" work "$@" 2>>worker.log 3>&- &
  WORKER=$!
}

work_stop() {
  kill -TERM "$WORKER"
  wait "$WORKER"
}

# sql_is QUERY EXPECTED: for wait_until
sql_is() {
  [ "$(sql "$1")" = "$2" ]
}

# foreign SQL: another program, that does this and keeps its connection open until foreign_end.
foreign() {
  mkfifo foreign.in
  sqlite3 "$DB" <foreign.in >foreign.out 2>&1 3>&- 8>&- &
  FOREIGN=$!
  exec 8>foreign.in
  echo "$1; SELECT 'so far';" >&8
  wait_until grep -q 'so far' foreign.out
}

foreign_end() {
  exec 8>&-
  wait "$FOREIGN"
  rm -f foreign.in foreign.out
}

# A small disk of its own at $DISK with the database on it, which `fill` leaves without room:
# small_disk SIZE
small_disk() {
  [ "$(id -u)" = 0 ] || skip "only root can mount a small disk"
  mkdir disk
  mount -t tmpfs -o "size=$1" none disk 2>/dev/null || skip "no disk can be mounted here"
  DISK=$DIR/disk
  DB=$DISK/galley.db
}

fill() {
  dd if=/dev/zero of="$DISK/filler" bs=4k 2>/dev/null || true
}

gone() {
  ! kill -0 "$1" 2>/dev/null
}

# Every start that a program wrote down ("job fence", a line each) is an attempt of its own; every
# attempt that is done was started; every job has as many attempts as it was claimed.
assert_ledger() {
  assert_equal "$(sort "$1" | uniq -d)" ""
  sqlite3 "$DB" >violations <<END
.timeout 5000
.separator ' '
CREATE TEMP TABLE started(job_id INTEGER, fence INTEGER);
.import '$1' started
SELECT 'start without an attempt', * FROM started s WHERE NOT EXISTS
  (SELECT 1 FROM job_attempts a WHERE a.job_id=s.job_id AND a.fence=s.fence);
SELECT 'done without a start', job_id, fence FROM job_attempts a WHERE outcome='done' AND NOT EXISTS
  (SELECT 1 FROM started s WHERE a.job_id=s.job_id AND a.fence=s.fence);
SELECT 'claims and attempts differ', id, fence FROM jobs j
  WHERE fence<>(SELECT count(*) FROM job_attempts WHERE job_id=j.id);
SELECT 'done more or less than once', id FROM jobs j
  WHERE (SELECT count(*) FROM job_attempts WHERE job_id=j.id AND outcome='done')<>1;
END
  assert_equal "$(cat violations)" ""
}

# The file is whole, and every invariant holds.
assert_sound() {
  assert_sql "PRAGMA integrity_check" ok
  if "$GALLEY" help check >/dev/null 2>&1; then
    run galley check
    assert_status 0
  fi
}

# Programs that are started from now on meet the disk, the clock and the fork of faults.c, which the
# files in $FAULTS turn on: touch "$FAULTS/full"
faults_load() {
  cc -std=gnu11 -O1 -shared -fPIC -o faults.so "$TESTS_DIR/cli/support/faults.c"
  FAULTS=$DIR/faults
  mkdir "$FAULTS"
  export FAULTS FAULTS_DISK=$DB
}

# with_faults COMMAND...
with_faults() {
  LD_PRELOAD=$DIR/faults.so "$@"
}
