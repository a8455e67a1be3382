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
