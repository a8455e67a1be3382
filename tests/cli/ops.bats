# The scripts for cron and the unit for systemd.

load support/common

setup() {
  common_setup
  OPS=$SOURCE_DIR/ops
}

teardown() {
  checked_teardown
}

# A galley that answers as told: stub 'shell code', run with the arguments of galley.
stub() {
  printf '#!/bin/sh\n%s\n' "$1" >stub
  chmod +x stub
  export GALLEY=$DIR/stub
}

@test "backup makes a dated, checked copy and prints nothing" {
  galley init
  galley enqueue --any-kind greet >/dev/null
  mkdir copies
  run -0 "$OPS/backup" "$DB" copies
  assert_equal "$output" ""
  run -0 ls copies
  [[ $output =~ ^galley-20[0-9]{6}T[0-9]{6}Z\.db$ ]] || fail "$output"
  DB=copies/$output
  assert_sql "SELECT count(*) FROM jobs" 1
}

@test "a backup that is put in place of the database goes on from where it was made" {
  printf '[kind.greet]\nprogram = /bin/cat\n' >galley.ini
  galley init
  galley enqueue greet '"before"' >/dev/null
  galley backup copy.db >/dev/null
  galley work --drain 2>/dev/null
  galley enqueue greet '"after"' >/dev/null
  assert_equal "$("$GALLEY" --database copy.db list --json | jq -r '[.payload, .state] | @tsv')" \
    $'before\tready'
  mkdir damaged
  mv galley.db galley.db-wal galley.db-shm damaged/
  install -m 600 copy.db galley.db
  galley work --drain 2>/dev/null
  assert_sql "SELECT payload, state FROM jobs" '"before"|done'
  assert_equal "$(stat -c %a galley.db)" 600
}

@test "backup keeps the newest N and leaves other files alone" {
  galley init
  mkdir copies
  touch copies/galley-20200101T000000Z.db copies/galley-20210101T000000Z.db \
    copies/galley-20220101T000000Z.db copies/galley-notes.db copies/other-20200101T000000Z.db
  run -0 "$OPS/backup" "$DB" copies 2
  run -0 ls copies
  assert_not_contains "$output" galley-2020
  assert_not_contains "$output" galley-2021
  assert_contains "$output" galley-20220101T000000Z.db
  assert_contains "$output" galley-notes.db
  assert_contains "$output" other-20200101T000000Z.db
  assert_equal "$(find copies -type f | wc -l)" 4
}

@test "backup removes what a killed one has left, and not what another one is at" {
  galley init
  mkdir copies
  touch copies/galley-20200101T000000Z.db.galley-tmp{,-journal} \
    copies/galley-20200102T000000Z.db.galley-tmp copies/galley-notes.db.galley-tmp \
    copies/other-20200101T000000Z.db.galley-tmp
  exec 7<copies/galley-20200102T000000Z.db.galley-tmp
  flock -n 7
  run -0 "$OPS/backup" "$DB" copies 7>&-
  assert_equal "$output" ""
  [ ! -e copies/galley-20200101T000000Z.db.galley-tmp ]
  [ ! -e copies/galley-20200101T000000Z.db.galley-tmp-journal ]
  [ -e copies/galley-20200102T000000Z.db.galley-tmp ] # it is locked
  [ -e copies/galley-notes.db.galley-tmp ]
  [ -e copies/other-20200101T000000Z.db.galley-tmp ]
  assert_equal "$(find copies -name 'galley-20*.db' | wc -l)" 1
  exec 7<&-
  rm copies/galley-20*.db # it may be of this very second
  run -0 "$OPS/backup" "$DB" copies
  [ ! -e copies/galley-20200102T000000Z.db.galley-tmp ]
}

@test "the scripts take galley from PATH where none was installed with them" {
  galley init
  mkdir copies path
  ln -s "$GALLEY" path/galley
  unset GALLEY
  PATH=$DIR/path:$PATH run -0 "$OPS/backup" "$DB" copies
  assert_equal "$(find copies -name 'galley-20*.db' | wc -l)" 1
  PATH=$DIR/path:$PATH run -0 "$OPS/wal-monitor" "$DB"
}

@test "backup passes a failure through, tells it, and removes nothing" {
  mkdir copies
  touch copies/galley-20200101T000000Z.db copies/galley-20210101T000000Z.db
  stub 'echo "disk is full" >&2; exit 74'
  run -74 "$OPS/backup" "$DB" copies 1
  assert_contains "$output" "disk is full"
  assert_equal "$(find copies -type f | wc -l)" 2
}

@test "backup of a database that is not there fails" {
  mkdir copies
  run ! "$OPS/backup" "$DIR/none.db" copies
  [ -n "$output" ]
  assert_equal "$(find copies -type f | wc -l)" 0
  [ ! -e none.db ]
}

@test "backup refuses a wrong call with 64 and a missing folder with 73" {
  run -64 "$OPS/backup" "$DB"
  run -64 "$OPS/backup" "$DB" . 0
  run -64 "$OPS/backup" "$DB" . many
  run -73 "$OPS/backup" "$DB" "$DIR/nowhere"
}

@test "wal-monitor is silent while the log is small" {
  galley init
  galley enqueue --any-kind greet >/dev/null
  run -0 "$OPS/wal-monitor" "$DB"
  assert_equal "$output" ""
}

@test "wal-monitor reads the true size of the log" {
  galley init
  # A reader that stays keeps the file from being removed at the last close.
  exec 8> >(sqlite3 "$DB" >reader.out)
  echo 'BEGIN; SELECT count(*) FROM jobs;' >&8
  wait_until test -s reader.out
  galley enqueue --any-kind greet >/dev/null
  local size
  size=$(stat -c %s "$DB-wal")
  [ "$size" -gt 0 ]
  run -1 "$OPS/wal-monitor" "$DB" $((size - 1))
  assert_contains "$output" "has $size bytes"
  run -0 "$OPS/wal-monitor" "$DB" "$size"
  exec 8>&-
}

@test "wal-monitor alerts above ten mebibytes, and not at them" {
  stub 'echo "{\"bytes\": 10485761, \"frames\": 9}"'
  run -1 "$OPS/wal-monitor" "$DB"
  assert_contains "$output" "has 10485761 bytes"
  assert_contains "$output" "$DB"
  stub 'echo "{\"bytes\": 10485760, \"frames\": 9}"'
  run -0 "$OPS/wal-monitor" "$DB"
}

@test "wal-monitor does not take a failure or an unknown answer for good health" {
  stub 'echo "no such file" >&2; exit 1'
  run -1 "$OPS/wal-monitor" "$DB"
  assert_contains "$output" "no such file"
  stub 'echo "{}"'
  run -70 "$OPS/wal-monitor" "$DB"
  run -64 "$OPS/wal-monitor"
}

@test "the systemd unit is well-formed" {
  command -v systemd-analyze >/dev/null || skip "systemd-analyze is not installed"
  sed "s|/usr/bin/galley|$GALLEY|; /^Documentation/d" "$OPS/galley-worker@.service" \
    >galley-worker@.service
  # The two keys of systemd 254 are noted by an older one; anything else it says is a fault.
  run systemd-analyze verify ./galley-worker@.service
  assert_equal "$(grep -vE 'Restart(Steps|MaxDelaySec)' <<<"$output")" ""
}

@test "the unit waits longer for its workers than they wait for their jobs" {
  local stop
  stop=$(sed -n 's/^TimeoutStopSec=//p' "$OPS/galley-worker@.service")
  run -0 galley help settings --json
  local grace
  grace=$(jq -r 'select(.section == "worker" and .name == "grace") | .default' <<<"$output")
  [[ $grace =~ ^[0-9]+s$ ]] || fail "grace is '$grace'"
  [ "$stop" -gt "$((${grace%s} + 10))" ]
}

@test "the sample configuration loads, with every line of it switched on too" {
  galley --config "$OPS/galley.ini" init
  sed 's/^;\([][a-z_.]* *=\|\[\)/\1/' "$OPS/galley.ini" >all.ini
  run -0 grep -c '^slots = 16' all.ini
  run -0 grep -c '^\[kind.thumbnail\]' all.ini
  run -0 galley --config all.ini stats
}

@test "install-packages does nothing and needs no root when all is there" {
  mkdir path
  printf '#!/bin/sh\necho installed\n' >path/dpkg-query
  printf '#!/bin/sh\necho 1000\n' >path/id
  printf '#!/bin/sh\ntouch "%s/called"\n' "$DIR" >path/apt-get
  chmod +x path/*
  PATH=$DIR/path:$PATH run -0 "$OPS/install-packages" --tests
  assert_equal "$output" ""
  [ ! -e called ]
}

@test "install-packages prints the one command that needs root, with what is missing alone" {
  mkdir path
  cat >path/dpkg-query <<'SH'
#!/bin/sh
for name; do :; done
case $name in
  libev-dev | pkg-config | libcurl4* | bats) exit 1 ;;
esac
echo installed
SH
  printf '#!/bin/sh\necho 1000\n' >path/id
  printf '#!/bin/sh\ntouch "%s/called"\n' "$DIR" >path/apt-get
  chmod +x path/*
  PATH=$DIR/path:$PATH run -77 "$OPS/install-packages"
  assert_contains "$output" "sudo apt-get install -y --no-install-recommends libcurl4-openssl-dev libev-dev"
  assert_not_contains "$output" pkg-config # pkgconf is there
  assert_not_contains "$output" bats
  PATH=$DIR/path:$PATH run -77 "$OPS/install-packages" --tests
  assert_contains "$output" bats
  [ ! -e called ]
}
