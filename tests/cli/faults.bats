#!/usr/bin/env bats
# What a machine does to the programs while they work: processes that stop, die and die at once, disks
# that are full, read-only or slow, clocks that are set, other programs in the same database. The work
# is done all the same, once, or a clear error tells why not.

# SC2154: status, output and stderr are set by run. SC2016: other shells expand those. SC2030, SC2031: a
# test changes DB for itself.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031
load support/common
load support/faults

setup() {
  common_setup
  DISK=
  unset WORKER
}

teardown() {
  exec 8>&-
  [ -z "${WORKER:-}" ] || kill -KILL "$WORKER" 2>/dev/null || true
  [ -z "$DISK" ] || umount -l "$DISK" || true
  common_teardown
}

make_queue() {
  galley init --no-config 2>/dev/null
}

# enqueue_many KIND N
enqueue_many() {
  seq "$2" | sed "s/.*/{\"kind\":\"$1\"}/" | galley enqueue --stdin >/dev/null
}

# ---- processes that stop and die ----

@test "a worker stopped past its lease: nothing that it does late is seen, its programs end, it goes on" {
  mkdir www
  server_start "$DIR/www"
  make_queue
  exec_kind slow 'echo "$GALLEY_JOB_FENCE $$" >>started; until [ -e "go.$GALLEY_JOB_FENCE" ]; do sleep 0.05; done; echo "$GALLEY_JOB_FENCE"'
  galley feed add "$URL/until/open" >/dev/null
  galley feed fetch --all >/dev/null
  galley enqueue slow --timeout 1h >/dev/null
  work_start --lease 5s
  wait_until grep -qs '^1 ' started
  wait_until test -e www/open.1.asked
  program=$(sed -n 's/^1 //p' started)
  kill -STOP "$WORKER"
  assert_contains "$(galley doctor)" "process $WORKER ("
  touch go.2 www/open.2
  galley work --lease 5s --drain 2>two.log
  assert_sql "SELECT kind,state,result->>'added' FROM jobs ORDER BY kind" $'collect|done|1\nslow|done|'
  # The answer for which it waited comes while it is stopped.
  touch www/open.1
  answered() { [ "$(server_count /until/open 200)" = 2 ]; }
  wait_until answered
  kill -0 "$program"
  kill -CONT "$WORKER"
  lost() { [ "$(grep -c 'event=job.lost' worker.log)" = 2 ]; }
  wait_until lost
  wait_until gone "$program"
  touch go.1
  galley enqueue slow >/dev/null
  wait_until sql_is "SELECT state FROM jobs WHERE id=3" done
  work_stop
  assert_sql "SELECT title FROM documents" "Item 2"
  assert_sql "SELECT result FROM jobs WHERE kind='slow' ORDER BY id" $'2\n1'
  assert_sql "SELECT job_id, group_concat(outcome) FROM job_attempts GROUP BY job_id" $'1|expired,done\n2|expired,done\n3|done'
  assert_sound
}

@test "a killed worker's job runs again without any lease running out" {
  make_queue
  printf '[worker]\ncrashes_max = 1000\n' >>galley.ini
  exec_kind long 'echo "$GALLEY_JOB_ID $GALLEY_JOB_FENCE $PPID" >>starts; [ "$GALLEY_JOB_FENCE" -gt 5 ] || exec sleep 600'
  galley enqueue long --timeout 1h >/dev/null
  work_start --lease 1h --processes 3 --drain
  for fence in 1 2 3 4 5; do
    wait_until grep -qs "^1 $fence " starts
    kill -KILL "$(sed -n "s/^1 $fence //p" starts)"
  done
  wait "$WORKER"
  assert_sql "SELECT state,attempt,crashes,fence FROM jobs" "done|1|5|6"
  assert_sql "SELECT count(*) FROM job_attempts WHERE outcome='expired'" 0
  cut -d' ' -f1,2 starts >ledger
  assert_ledger ledger
}

@test "what a program has started itself ends with the worker under a supervisor" {
  make_queue
  exec_kind nest 'sleep 600 & echo "$! $PPID" >"started.$GALLEY_JOB_FENCE"; [ "$GALLEY_JOB_FENCE" -gt 1 ] || wait; kill $!; echo 1'
  galley enqueue nest --timeout 1h >/dev/null
  work_start --processes 2 --lease 1h
  wait_until test -s started.1
  read -r grandchild worker <started.1
  kill -KILL "$worker"
  wait_until sql_is "SELECT state FROM jobs" done
  wait_until gone "$grandchild"
  work_stop
}

@test "a job that kills its worker is dead after three crashes, and all other jobs are done" {
  make_queue
  exec_kind poison 'echo "$GALLEY_JOB_FENCE" >>poisoned; kill -KILL "$PPID"; exec sleep 600'
  exec_kind good 'echo 1'
  galley enqueue poison --timeout 1h >/dev/null
  enqueue_many good 50
  galley work --drain --processes 2 --slots 1 --lease 1h 2>worker.log
  assert_sql "SELECT state,crashes,attempt,error_class FROM jobs WHERE kind='poison'" "dead|3|0|crashed"
  assert_contains "$(sql "SELECT error FROM jobs WHERE kind='poison'")" poison
  assert_equal "$(cat poisoned)" $'1\n2\n3'
  assert_sql "SELECT state,count(*),max(crashes) FROM jobs WHERE kind='good' GROUP BY state" "done|50|0"
  assert_sql "SELECT group_concat(outcome) FROM job_attempts WHERE job_id=1" crashed,crashed,crashed
  assert_sound
}

@test "the limit of crashes is a setting" {
  make_queue
  printf '[worker]\ncrashes_max = 1\n' >>galley.ini
  exec_kind poison 'kill -KILL "$PPID"; exec sleep 600'
  galley enqueue poison >/dev/null
  galley work --drain --processes 2 --slots 1 2>worker.log
  assert_sql "SELECT state,crashes FROM jobs" "dead|1"
}

@test "workers that die as they start are started after waits that grow, and work once they can" {
  make_queue
  exec_kind good 'echo 1'
  faults_load
  touch "$FAULTS/die"
  enqueue_many good 3
  with_faults "$GALLEY" --database "$DB" work --processes 2 --drain 2>worker.log 3>&- &
  WORKER=$!
  waits() { [ "$(grep -c 'event=worker.died .*signal=9' worker.log)" -ge 6 ]; }
  wait_until waits
  rm "$FAULTS/die"
  wait "$WORKER"
  assert_equal "$(grep -o 'restart_ms=[0-9]*' worker.log | head -n 6)" \
    $'restart_ms=250\nrestart_ms=250\nrestart_ms=500\nrestart_ms=500\nrestart_ms=1000\nrestart_ms=1000'
  assert_sql "SELECT state,count(*),max(crashes) FROM jobs GROUP BY state" "done|3|0"
}

@test "workers that refuse to start end their supervisor, with their status and sentence" {
  make_queue
  sql "PRAGMA user_version=999" >/dev/null
  run -65 --separate-stderr galley work --processes 3
  assert_contains "$stderr" "newer"
  assert_contains "$stderr" "refuse to start"
  [ "$(grep -c 'event=worker.failed' <<<"$stderr")" -le 9 ]
}

@test "a worker that dies while storage refuses is not forgotten by the others" {
  make_queue
  exec_kind long 'echo "$GALLEY_JOB_FENCE" >>starts; [ "$GALLEY_JOB_FENCE" -gt 1 ] || exec sleep 600; echo 1'
  galley enqueue long --timeout 1h >/dev/null
  "$GALLEY" --database "$DB" work --lease 1h 2>first.log 3>&- &
  first=$!
  wait_until test -s starts
  work_start --lease 1h
  wait_until grep -q worker.started worker.log
  foreign 'BEGIN IMMEDIATE'
  kill -KILL "$first"
  wait_until grep -q 'storage.refused code=BUSY' worker.log
  foreign_end
  wait_until sql_is "SELECT state,crashes FROM jobs" "done|1"
  work_stop
}

# ---- disks ----

@test "a disk that fills under a supervisor: nothing is lost, dead workers are replaced once there is room" {
  small_disk 2m
  make_queue
  exec_kind late 'echo "$GALLEY_JOB_FENCE $PPID" >>started; until [ -e go ]; do sleep 0.05; done; cat'
  for _ in 1 2 3 4; do galley enqueue late "$(printf '"%*s"' 30000 '')" --timeout 1h >/dev/null; done
  work_start --processes 2 --slots 2 --lease 1h
  two() { [ "$(cut -d' ' -f2 started 2>/dev/null | sort -u | wc -l)" = 2 ] && [ "$(wc -l <started)" = 4 ]; }
  wait_until two
  fill
  kill -KILL "$(tail -n 1 started | cut -d' ' -f2)"
  touch go
  # The living one cannot settle and the dead one's successor cannot join; both are told, and neither
  # ends the other.
  wait_until grep -q 'storage.refused code=FULL' worker.log
  refused() { [ "$(grep -c 'worker.failed.*full' worker.log)" -ge 4 ]; }
  wait_until refused
  run --separate-stderr galley enqueue late
  assert_status 74
  assert_contains "$stderr" "full"
  kill -0 "$WORKER"
  rm "$DISK/filler"
  wait_until sql_is "SELECT count(*) FROM jobs WHERE state='done' AND length(result)=30002" 4
  work_stop
  assert_sql "SELECT max(crashes),count(*) FROM jobs" "1|4"
  assert_sound
}

@test "publishing to a full disk fails with its sentence, leaves nothing half-written, and goes on" {
  server_start
  make_queue
  db=$DB
  small_disk 1m
  DB=$db
  printf '[target.site]\ntype = folder\npath = %s/site\n' "$DISK" >>galley.ini
  mkdir "$DISK/site"
  galley feed add "$URL/en.xml" >/dev/null
  galley feed fetch --all >/dev/null
  galley work --drain 2>worker.log
  fill
  work_start
  galley enqueue research --topic "cargo bikes" >/dev/null
  wait_until sql_is "SELECT outcome FROM job_attempts a JOIN jobs j ON j.id=job_id WHERE kind='publish' LIMIT 1" retry
  assert_contains "$(sql "SELECT error FROM job_attempts WHERE outcome='retry'")" "No space left"
  assert_equal "$(find "$DISK/site" -type f)" ""
  rm "$DISK/filler"
  galley retry "$(sql "SELECT id FROM jobs WHERE kind='publish'")"
  wait_until sql_is "SELECT state FROM jobs WHERE kind='publish'" done
  work_stop
  assert_equal "$(find "$DISK/site" -type f | wc -l)" 1
  assert_sound
}

@test "a limit on the size of files is a full disk, not a death" {
  make_queue
  exec_kind echo cat
  limited() { (ulimit -f "$1" && shift && "$GALLEY" --database "$DB" "$@"); }
  enqueued=0 status=0
  while [ "$status" -eq 0 ]; do
    limited 800 enqueue echo "$(printf '"%*s"' 30000 '')" >/dev/null 2>err || status=$?
    [ "$status" -ne 0 ] || enqueued=$((enqueued + 1))
  done
  assert_status 74
  assert_contains "$(cat err)" full
  [ "$enqueued" -gt 2 ]
  run --separate-stderr limited 100 backup b.db
  assert_status 74
  assert_contains "$stderr" full
  # The worker asks again and again; there is room for it whenever the log begins anew.
  (ulimit -f 800 && exec "$GALLEY" --database "$DB" work --grace 0) 2>worker.log 3>&- &
  WORKER=$!
  wait_until grep -q 'code=FULL' worker.log
  kill -TERM "$WORKER"
  status=0
  wait "$WORKER" || status=$?
  [ "$status" -eq 74 ] || assert_status 0
  [ ! -e b.db ]
  run -74 --separate-stderr bash -c 'ulimit -f 10; exec "$GALLEY" -d other.db init --no-config'
  assert_contains "$stderr" full
  run -0 galley work --drain
  assert_sql "SELECT state,count(*) FROM jobs GROUP BY state" "done|$enqueued"
  assert_sound
}

@test "a disk that becomes read-only stops the workers with its sentence, and nothing is lost" {
  make_queue
  exec_kind late 'touch "started.$GALLEY_JOB_ID"; until [ -e go ]; do sleep 0.05; done; echo 1'
  faults_load
  enqueue_many late 2
  for processes in 1 2; do
    rm -f go started.*
    LD_PRELOAD=$DIR/faults.so work_start --processes "$processes" --slots 4
    wait_until test -e "started.$((2 * processes - 1))" -a -e "started.$((2 * processes))"
    touch "$FAULTS/readonly" go
    status=0
    wait "$WORKER" || status=$?
    assert_contains "$(cat worker.log)" "the disk failed"
    [ "$status" -eq 74 ] || [ "$status" -eq 77 ]
    for words in "enqueue late" "work --drain"; do
      # shellcheck disable=SC2086 # words
      run --separate-stderr with_faults "$GALLEY" --database "$DB" $words
      assert_status 77
      assert_contains "$stderr" "$DB is not writable: its file system is mounted read-only"
    done
    rm "$FAULTS/readonly"
    galley work --drain 2>>worker.log
    assert_sql "SELECT count(*) FROM jobs WHERE state<>'done'" 0
    enqueue_many late 2
  done
  assert_sound
}

@test "a file system that is mounted read-only is named, by the doctor too, and works when it is back" {
  small_disk 2m
  make_queue
  exec_kind quick 'echo 1'
  galley enqueue quick >/dev/null
  mount -o remount,ro "$DISK"
  for words in "enqueue quick" "work --drain" "work --drain --processes 2" init; do
    # shellcheck disable=SC2086 # words
    run -77 --separate-stderr galley $words
    assert_contains "$stderr" "$DB is not writable: its file system is mounted read-only"
  done
  run -1 galley doctor
  assert_contains "$output" "the file system is mounted read-only"
  mount -o remount,rw "$DISK"
  run -0 galley work --drain
  assert_sql "SELECT state FROM jobs" done
}

@test "a slow disk makes nothing fail: no lock is reported, no lease is lost" {
  make_queue
  exec_kind append 'echo "$GALLEY_JOB_ID $GALLEY_JOB_FENCE" >>ledger; echo 1'
  printf '[galley]\ndurability = full\n[worker]\nlease = 5s\n' >>galley.ini
  faults_load
  touch "$FAULTS/slow"
  LD_PRELOAD=$DIR/faults.so work_start --processes 4 --slots 4
  for n in 1 2 3; do
    seq 20 | sed 's/.*/{"kind":"append"}/' |
      with_faults "$GALLEY" --database "$DB" enqueue --stdin >"ids.$n" 2>"err.$n" 3>&- &
    producers[n]=$!
  done
  for n in 1 2 3; do wait "${producers[n]}"; done
  wait_until sql_is "SELECT count(*) FROM jobs WHERE state='done'" 60
  work_stop
  assert_equal "$(cat ids.* | sort -nu | wc -l)" 60
  assert_equal "$(cat err.*)" ""
  run ! grep -E 'storage|job.lost|jobs.recovered|outcome=failed' worker.log
  assert_sql "SELECT outcome,count(*) FROM job_attempts GROUP BY outcome" "done|60"
  assert_ledger ledger
  assert_sound
}

# ---- clocks ----

@test "the wall clock set a day forward and back: leases hold, and what is scheduled follows the clock" {
  make_queue
  exec_kind long 'echo "$GALLEY_JOB_FENCE" >>long; until [ -e go ]; do sleep 0.05; done; echo 1'
  exec_kind quick 'echo 1'
  faults_load
  galley enqueue long --timeout 1h >/dev/null
  galley enqueue quick --delay 12h >/dev/null
  LD_PRELOAD=$DIR/faults.so work_start --lease 5s
  wait_until test -s long
  for step in 86400 0 -86400; do
    echo "$step" >"$FAULTS/clock"
    # Two renewals and more later, each a commit of the worker, it has still the same claim.
    lease=$(sql "SELECT lease_mono_ns FROM jobs WHERE id=1")
    renewed() { [ "$(sql "SELECT lease_mono_ns FROM jobs WHERE id=1")" -gt "$((lease + 3000000000))" ]; }
    wait_until renewed
    assert_sql "SELECT state,fence FROM jobs WHERE id=1" "running|1"
    # A day ahead the delayed job is due.
    [ "$step" -ne 86400 ] || wait_until sql_is "SELECT state FROM jobs WHERE id=2" done
    # What is enqueued under the clock of this hour runs at once.
    id=$(with_faults "$GALLEY" --database "$DB" enqueue quick)
    wait_until sql_is "SELECT state FROM jobs WHERE id=$id" done
  done
  # Back where it was: a job scheduled for this hour's clock is not held up by the day that was.
  rm "$FAULTS/clock"
  id=$(galley enqueue quick --delay 1s)
  wait_until sql_is "SELECT state FROM jobs WHERE id=$id" done
  touch go
  wait_until sql_is "SELECT state FROM jobs WHERE id=1" done
  # No busy loop: all of it together is little work.
  ticks=$(awk '{print $14 + $15}' "/proc/$WORKER/stat")
  work_stop
  [ "$ticks" -lt $((5 * $(getconf CLK_TCK))) ]
  assert_equal "$(cat long)" 1
  assert_sql "SELECT outcome,count(*) FROM job_attempts GROUP BY outcome" "done|6"
}

# ---- other programs in the database ----

@test "a foreign lock of three seconds is waited for" {
  make_queue
  exec_kind quick 'echo 1'
  work_start
  wait_until grep -q worker.started worker.log
  foreign 'BEGIN IMMEDIATE'
  galley enqueue quick >id 2>err 3>&- 8>&- &
  producer=$!
  sleep 3
  foreign_end
  wait "$producer"
  assert_equal "$(cat err)" ""
  wait_until sql_is "SELECT state FROM jobs WHERE id=$(cat id)" done
  work_stop
}

@test "a foreign lock longer than the wait: enqueue says what to do, the worker goes on afterwards" {
  make_queue
  exec_kind slow 'touch started; until [ -e go ]; do sleep 0.05; done; echo 1'
  galley enqueue slow >/dev/null
  work_start
  wait_until test -e started
  foreign 'BEGIN IMMEDIATE'
  touch go
  run -75 --separate-stderr galley enqueue slow
  assert_contains "$stderr" "try again, or look for it with fuser"
  wait_until grep -q 'storage.refused code=BUSY' worker.log
  foreign_end
  wait_until sql_is "SELECT state,attempt FROM jobs" "done|1"
  work_stop
  assert_sql "SELECT outcome FROM job_attempts" done
}

@test "a process that is stopped while it writes is named by the doctor" {
  make_queue
  foreign 'BEGIN IMMEDIATE'
  kill -STOP "$FOREIGN"
  run -1 galley doctor
  assert_contains "$output" "process $FOREIGN (sqlite3 $DB) is stopped and holds the write lock"
  kill -CONT "$FOREIGN"
  foreign_end
  run -0 galley doctor
  assert_not_contains "$output" stopped
}

@test "a foreign reader makes the log grow, and it shrinks when the reader has gone" {
  make_queue
  exec_kind quick 'echo 1'
  foreign 'BEGIN; SELECT count(*) FROM jobs'
  payload=$(printf '%0250000d' 0 | tr 0 a)
  for _ in $(seq 50); do printf '{"kind":"quick","payload":"%s"}\n' "$payload"; done | galley enqueue --stdin >/dev/null
  run -1 galley wal --max 10M
  assert_contains "$(galley doctor --json | jq -r 'select(.check == "log") | .detail')" "process $FOREIGN (sqlite3"
  foreign_end
  galley work --drain 2>worker.log
  run -0 galley wal --max 10M
  assert_sql "SELECT state,count(*) FROM jobs GROUP BY state" "done|50"
  assert_sound
}

# foreign_loop SQL: another program that does this over and over, beside workers and producers.
foreign_loop() {
  make_queue
  exec_kind append 'echo "$GALLEY_JOB_ID $GALLEY_JOB_FENCE" >>ledger; echo 1'
  while [ ! -e stop ]; do
    sqlite3 -cmd '.timeout 2000' "$DB" "$1" >>foreign.log 2>&1 || true
    echo >>rounds
  done 3>&- &
  loop=$!
  work_start --processes 2 --slots 4
  for n in 1 2; do
    for _ in $(seq 40); do galley enqueue append; done >"ids.$n" 2>"err.$n" 3>&- &
    producers[n]=$!
  done
  for n in 1 2; do wait "${producers[n]}"; done
  wait_until sql_is "SELECT count(*) FROM jobs WHERE state='done'" 80
  touch stop
  wait "$loop"
  work_stop
  [ "$(wc -l <rounds)" -gt 3 ]
  assert_equal "$(cat err.*)" ""
  assert_equal "$(cat ids.* | sort -nu | wc -l)" 80
  assert_sql "SELECT outcome,count(*) FROM job_attempts GROUP BY outcome" "done|80"
  assert_ledger ledger
  assert_sound
}

@test "a foreign program that makes VACUUM over and over disturbs nobody" {
  foreign_loop VACUUM
}

@test "a foreign program that truncates the log over and over disturbs nobody" {
  foreign_loop 'PRAGMA wal_checkpoint(TRUNCATE)'
}

@test "a foreign program that would leave WAL mode is refused while galley works, and undone after" {
  foreign_loop 'PRAGMA journal_mode=DELETE'
  grep -q 'locked' foreign.log
  sql 'PRAGMA journal_mode=DELETE' >/dev/null
  run -0 galley enqueue append
  run -0 galley work --drain
  assert_sql 'PRAGMA journal_mode' wal
  assert_sql "SELECT state,count(*) FROM jobs GROUP BY state" "done|81"
}

@test "a foreign program deletes jobs that run: their work is dropped, others go on" {
  make_queue
  exec_kind slow 'touch "started.$GALLEY_JOB_ID"; until [ -e go ]; do sleep 0.05; done; echo 1'
  enqueue_many slow 2
  work_start
  wait_until test -e started.1 -a -e started.2
  sql "DELETE FROM jobs WHERE id=1"
  touch go
  wait_until grep -q 'event=job.lost job=1' worker.log
  wait_until sql_is "SELECT state FROM jobs WHERE id=2" done
  id=$(galley enqueue slow)
  wait_until sql_is "SELECT state FROM jobs WHERE id=$id" done
  work_stop
  assert_sql "SELECT count(*) FROM job_attempts WHERE job_id=1" 0
  assert_sound
}

@test "a foreign program drops a table: every program says so with 74, and none dies of it" {
  make_queue
  exec_kind slow 'touch "started.$GALLEY_JOB_ID"; until [ -e go ]; do sleep 0.05; done; echo 1'
  galley enqueue slow >/dev/null
  work_start
  wait_until test -e started.1
  sql "DROP TABLE job_attempts"
  touch go
  status=0
  wait "$WORKER" || status=$?
  assert_status 74
  assert_contains "$(cat worker.log)" "no such table: job_attempts"
  sql "DROP TABLE jobs"
  for words in "enqueue slow" list "show 1" stats "work --drain" "work --drain --processes 2" "backup b.db"; do
    # shellcheck disable=SC2086 # words
    run --separate-stderr galley $words
    assert_status 74
    assert_contains "$stderr" "no such table"
    assert_contains "$stderr" "restore a backup"
  done
  [ ! -e b.db ]
}
