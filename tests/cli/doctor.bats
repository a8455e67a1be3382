# What `galley doctor` finds, and that each finding names its cure.

# shellcheck disable=SC2154 # status, output, stderr and lines are set by run
load support/common

setup() {
  common_setup
}

teardown() {
  exec 8>&-
  common_teardown
}

# The findings of one check as "status|detail|cure", a line each: found permissions
found() {
  galley doctor --json | jq -r --arg check "$1" \
    'select(.check == $check) | "\(.status)|\(.detail)|\(.cure)"'
}

# A foreign shell that stays in a read transaction until descriptor 8 is closed; its process is $reader.
reader_start() {
  exec 8> >(exec sqlite3 "$DB" >reader.out 2>&1 3>&-)
  reader=$!
  echo "${1:-BEGIN; SELECT count(*) FROM jobs;}" >&8
  wait_until test -s reader.out
}

# Marks one frame more as checkpointed than there are, as the bug of older SQLite does.
damage_log() {
  python3 - "$DB-shm" <<'PY'
import mmap, struct, sys
with open(sys.argv[1], "r+b") as file, mmap.mmap(file.fileno(), 32768) as index:
    frames = struct.unpack_from("=I", index, 16)[0]
    struct.pack_into("=I", index, 96, frames + 1)
PY
}

@test "a sound queue has nothing but ok, and the status is 0" {
  galley init
  run -0 galley doctor --json
  assert_equal "$(jq -r .check <<<"$output" | sort -u | paste -sd' ')" \
    "clock database disk filesystem guards kinds leases log permissions processes settings sqlite workers"
  # The disk and the file system are those of the machine.
  assert_equal "$(jq -r 'select(.check | IN("disk", "filesystem") | not) | .status' <<<"$output" | sort -u)" ok
  assert_equal "$(jq -c 'keys_unsorted' <<<"$output" | sort -u)" '["check","status","detail","cure"]'
  assert_equal "$(jq -r 'select((.status == "ok") != (.cure == null)) | .check' <<<"$output")" ""
}

@test "people get aligned lines, with the cure below what is not ok" {
  galley init
  chmod 640 "$DB"
  run -0 galley doctor
  assert_equal "$(grep -cvE '^(ok   |warn |fail )  ?[a-z]+ +[^ ]|^ {19}[^ ]' <<<"$output" || true)" 0
  assert_contains "$output" "warn  permissions  $DB can be read by its group (mode 640)
                   chmod 600 '$DB'"
}

@test "the SQLite library is tried out, and galley's guards hold" {
  galley init
  run -0 found sqlite
  assert_contains "$output" "$(sqlite3 :memory: 'SELECT sqlite_version()')"
  assert_contains "$output" "tried out"
  run -0 found guards
  [[ $output == ok\|* ]]
}

@test "the settings are shown" {
  galley init
  run -0 found settings
  local setting
  for setting in journal_mode=wal busy_timeout=5000 synchronous=1 cache_size=-20000 foreign_keys=1 \
    temp_store=2; do
    assert_contains "$output" "$setting"
  done
}

@test "a library that cannot be tried out fails" {
  galley init
  TMPDIR=$DIR/none run -1 galley doctor --json
  assert_contains "$(jq -r 'select(.check == "sqlite") | [.status, .cure] | @csv' <<<"$output")" TMPDIR
}

@test "without a database it says how to make one, and still tries the library" {
  run -1 galley doctor --json
  assert_equal "$(jq -r .check <<<"$output" | paste -sd' ')" "database sqlite guards"
  assert_contains "$output" "galley init"
  [ ! -e "$DB" ]
}

@test "a file of another program fails" {
  echo 'no database at all, but a text that is long enough to be looked at as one' >"$DB"
  run -1 galley doctor --json
  assert_contains "$(jq -r 'select(.check == "database") | "\(.status)|\(.cure)"' <<<"$output")" \
    "fail|name the right file"
}

@test "files that others may read are warned of; those that everybody may change fail" {
  galley init
  reader_start # so that all four files are there
  local file
  for file in "$DB" "$DB-wal" "$DB-shm" "$DB-galley"; do
    chmod 644 "$file"
    run -0 found permissions
    assert_equal "$output" "warn|$file can be read by everybody (mode 644)|chmod 600 '$file'"
    chmod 666 "$file"
    run -1 galley doctor
    run found permissions
    assert_equal "$output" "fail|$file can be changed by everybody (mode 666)|chmod 600 '$file'"
    bash -c "${output##*|}"
    run -0 found permissions
    [[ $output == ok\|* ]] || fail "$output"
  done
}

@test "a folder in which everybody may make files fails, with the sticky bit it is warned of" {
  galley init
  chmod 777 .
  run -1 galley doctor
  assert_contains "$output" "everybody can make files beside the database in $DIR (mode 0777)"
  chmod 1777 .
  run -0 found permissions
  assert_contains "$output" "warn|"
  chmod 700 .
}

@test "a file of another owner is warned of" {
  [ "$(id -u)" = 0 ] || skip "only root can give files away"
  galley init
  chown 65534 "$DB-galley"
  run -0 found permissions
  assert_contains "$output" "warn|$DB-galley belongs to user 65534"
  assert_contains "$output" "chown --reference="
}

@test "a foreign program that has the database open is named, with what it does" {
  galley init
  reader_start
  run -0 found processes
  assert_contains "$output" "process $reader (sqlite3 $DB)"
  assert_contains "$output" "is reading"
  # It endangers rows where the library does, and not elsewhere.
  local expected=ok
  [[ $(found sqlite) != *"loses rows"* ]] || expected=warn
  [[ $output == "$expected"\|* ]] || fail "$output"
  exec 8>&-
  wait_until test ! -e "/proc/$reader"
  run -0 found processes
  assert_contains "$output" "ok|no other program"
}

@test "workers of galley are counted, and are no foreign program" {
  galley init
  "$GALLEY" --database "$DB" work >work.log 2>&1 3>&- &
  local worker=$!
  wait_until grep -q event=worker.started work.log
  run -0 found processes
  assert_contains "$output" "ok|no other program has the database open; of galley's processes 1 have"
  run -0 found workers
  [[ $output =~ ^ok\|1\ alive ]] || fail "$output"
  kill -TERM $worker
  wait $worker
}

@test "jobs that nobody works on are warned of" {
  galley init
  run -0 found workers
  assert_contains "$output" "ok|none is alive"
  galley enqueue --any-kind a >/dev/null
  run -0 found workers
  assert_equal "$output" "warn|none is alive; jobs that are ready: 1|galley work"
}

@test "jobs of a dead worker are warned of" {
  galley init
  printf '#!/bin/sh\ntouch "%s/started"\nexec sleep 1000\n' "$DIR" >slow
  chmod +x slow
  printf '[kind.slow]\nprogram = %s/slow\n' "$DIR" >>galley.ini
  galley enqueue slow >/dev/null
  "$GALLEY" --database "$DB" work >work.log 2>&1 3>&- &
  wait_until test -e started
  local pid
  pid=$(sql 'SELECT pid FROM workers')
  kill -KILL "$pid"
  wait_until test ! -e "/proc/$pid/fd/0"
  run -0 found workers
  assert_contains "$output" "jobs that dead workers hold: 1|start a worker"
}

@test "a kind with ready jobs that no living worker serves is warned of" {
  galley init
  printf '[kind.true]\nprogram = /bin/true\n' >>galley.ini
  galley enqueue true >/dev/null
  run -0 found kinds
  assert_equal "$output" "ok|no worker is there to serve any|null"
  "$GALLEY" --database "$DB" work --kinds true >work.log 2>&1 3>&- &
  local worker=$!
  wait_until grep -q event=worker.started work.log
  run -0 found kinds
  assert_equal "$output" "ok|each kind that has ready jobs is served|null"
  galley enqueue --any-kind thumbnail >/dev/null
  galley enqueue --any-kind thumbnail >/dev/null
  galley enqueue --any-kind later --delay 1d >/dev/null
  run -0 found kinds
  [[ $output =~ ^"warn|no worker that lives serves thumbnail; its jobs that are ready: 2, the first for "[0-9].*"|galley work --kinds thumbnail"[^$'\n']*$ ]] ||
    fail "$output"
  kill -TERM $worker
  wait $worker
}

@test "a lease that ran out and that no living worker takes back is warned of" {
  galley init
  run -0 found leases
  assert_contains "$output" "ok|"
  "$GALLEY" --database "$DB" work >work.log 2>&1 3>&- &
  local worker=$!
  wait_until grep -q event=worker.started work.log
  kill -STOP $worker
  sql "INSERT INTO jobs(kind, state, attempt, fence, worker_id, lease_mono_ns, started_at_ms)
    SELECT 'a', 'running', 1, 1, id, 1, 1 FROM workers"
  run -0 found leases
  assert_contains "$output" "warn|the lease of a running job ran out "
  assert_contains "$output" "SIGKILL"
  kill -KILL $worker
  wait $worker || true
}

@test "a clock that was set back is warned of" {
  galley init
  sql "INSERT INTO jobs(kind, created_at_ms, run_at_ms) VALUES('a', 4102444800000, 0)"
  run -0 found clock
  assert_contains "$output" "warn|the clock says "
  assert_contains "$output" "the newest job was touched at 2100-01-01T00:00:00+00:00"
  assert_contains "$output" "time service"
}

@test "a terminal gets lines that end between words" {
  galley init
  galley enqueue --any-kind a >/dev/null
  chmod 666 "$DB"
  run -1 "$TESTS_DIR/cli/support/terminal.py" 80 "$GALLEY" --database "$DB" doctor
  local line
  for line in "${lines[@]}"; do
    [ "${#line}" -le 80 ] || [[ ! ${line:19} =~ " " ]] || fail "wider than 80 columns: $line"
  done
}

@test "a log that was removed under a program that uses it fails" {
  galley init
  reader_start
  rm "$DB-wal"
  run -1 galley doctor --json
  assert_contains "$(jq -r 'select(.check == "processes") | .detail' <<<"$output")" \
    "process $reader (sqlite3 $DB) uses a file of the database that was removed or replaced"
}

@test "a log that a reader keeps from shrinking is warned of, with the reader" {
  galley init
  reader_start
  local payload
  payload=$(printf '%01000000d' 0 | tr 0 a)
  for _ in 1 2 3 4 5 6 7 8 9 10 11; do
    printf '{"kind":"a","payload":"%s"}\n' "$payload"
  done | galley enqueue --any-kind --stdin >/dev/null
  run -0 found log
  assert_contains "$output" "warn|the write-ahead log has"
  assert_contains "$output" "process $reader (sqlite3 $DB) is reading"
  assert_contains "$output" "galley checkpoint"
}

@test "a log that another program has damaged fails, stops every writer, and heals" {
  galley init
  galley enqueue --any-kind before >/dev/null
  galley checkpoint >/dev/null
  reader_start 'SELECT count(*) FROM jobs;'
  galley enqueue --any-kind after >/dev/null
  damage_log
  run -1 galley doctor --json
  output=$(jq -r 'select(.check == "log") | "\(.status)|\(.detail)|\(.cure)"' <<<"$output")
  assert_contains "$output" "fail|another program's checkpoint has damaged it"
  assert_contains "$output" SIGKILL
  run -74 galley enqueue --any-kind late
  assert_contains "$output" "damaged the log"
  run -74 galley checkpoint
  run -74 galley work --drain
  kill -KILL "$reader"
  wait_until test ! -e "/proc/$reader/fd/0"
  run -0 galley doctor
  assert_sql "SELECT group_concat(kind) FROM jobs" before,after
}

@test "it changes nothing" {
  galley init
  galley enqueue --any-kind a >/dev/null
  galley checkpoint >/dev/null
  local before
  before=$(sha256sum "$DB" "$DB-galley")
  run -0 galley doctor
  assert_equal "$(sha256sum "$DB" "$DB-galley")" "$before"
}

@test "it takes no operand" {
  galley init
  run -64 galley doctor now
}
