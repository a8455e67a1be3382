# What a user, a disk, another program or a publisher may do wrong: a clear error that names the place,
# the exit status of sysexits, nothing half-written, nothing lost, and all other jobs go on.

# SC2154: status, output, stderr and lines are set by run. SC2016: other shells expand those.
# SC2030, SC2031: a test changes DB for itself. SC2012: names here are plain.
# shellcheck disable=SC2154,SC2016,SC2030,SC2031,SC2012
load support/common

setup() {
  common_setup
  DISK=
}

teardown() {
  exec 9>&-
  [ -z "$DISK" ] || umount -l "$DISK" || true
  common_teardown
}

# refused STATUS PART COMMAND...: the command ends with the status, says PART on standard error and
# prints nothing.
refused() {
  local expected=$1 part=$2
  shift 2
  run --separate-stderr "$@"
  assert_status "$expected"
  assert_equal "$output" ""
  assert_contains "$stderr" "$part"
}

# program KIND SCRIPT: a kind of job that runs a shell script in the test's folder.
program() {
  printf '#!/bin/bash\n%s\n' "$2" >"$1.sh"
  chmod +x "$1.sh"
  printf '[kind.%s]\nprogram = %s/%s.sh\ndirectory = %s\n' "$1" "$DIR" "$1" "$DIR" >>galley.ini
}

# hold SQL: another program that holds a lock of the database until let_go.
hold() {
  mkfifo lock
  sqlite3 "$DB" <lock >held 2>&1 3>&- &
  HOLDER=$!
  exec 9>lock
  echo "$1; SELECT 'it is held';" >&9
  wait_until grep -q 'it is held' held
}

let_go() {
  exec 9>&-
  wait "$HOLDER"
  rm -f lock
}

# A small disk of its own at $DISK, which `fill` leaves without room: full_disk BYTES
full_disk() {
  [ "$(id -u)" = 0 ] || skip "only root can mount a small disk"
  mkdir disk
  mount -t tmpfs -o "size=$1" none disk 2>/dev/null || skip "no disk can be mounted here"
  DISK=$DIR/disk
}

fill() {
  dd if=/dev/zero of="$DISK/filler" bs=4k 2>/dev/null || true
}

# as_other COMMAND...: as a user who owns nothing here.
as_other() {
  setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"
}

need_other() {
  [ "$(id -u)" = 0 ] || skip "only root can become another user"
  chmod 755 "$DIR"
  as_other test -x "$GALLEY" || skip "another user cannot reach $GALLEY"
}

running_here() {
  pgrep -f "$DIR/$1"
}

# ---- payloads ----

@test "a payload that is no JSON is refused with line and column" {
  galley init >/dev/null
  refused 65 'line 1, column 15' galley enqueue research '{"topic": "x",}'
  refused 65 'end of file expected' galley enqueue research '{"topic":"x"} more'
  refused 65 'duplicate object key' galley enqueue research '{"topic":"x","topic":"y"}'
  refused 65 'u0000' galley enqueue research '{"topic":"a\u0000b"}'
  refused 65 'number overflow' galley enqueue x --any-kind 1e999
  refused 65 'too big integer' galley enqueue x --any-kind 123456789012345678901234567890
  refused 65 'depth' galley enqueue x --any-kind "$(head -c 3000 /dev/zero | tr '\0' '[')"
  printf '{"topic":"a"\n,\n "depth": oops}' >payload.json
  refused 65 'line 3' galley enqueue research --payload-file payload.json
  printf '{"topic":"a"}\0' >payload.json
  refused 65 'line 1' galley enqueue research --payload-file payload.json
  assert_sql 'SELECT count(*) FROM jobs' 0
}

@test "a payload that cannot be read is 66" {
  galley init >/dev/null
  refused 66 "$DIR: the payload cannot be read: Is a directory" galley enqueue research --payload-file "$DIR"
  refused 66 'nowhere.json' galley enqueue research --payload-file nowhere.json
  refused 65 'more than 1048576 bytes' galley enqueue research --payload-file /dev/zero
  refused 66 'standard input' bash -c '"$GALLEY" -d "$1" enqueue research - <&-' _ "$DB"
  refused 74 'standard input cannot be read' bash -c '"$GALLEY" -d "$1" enqueue --stdin <&-' _ "$DB"
  assert_sql 'SELECT count(*) FROM jobs' 0
}

@test "payloads at the limit are taken by every way in, one byte more by none" {
  galley init >/dev/null
  printf '"%*s"' 1048574 '' >at.json
  printf '"%*s"' 1048575 '' >over.json
  run -0 galley enqueue x --any-kind --payload-file at.json
  run -0 galley enqueue x --any-kind - <at.json
  { printf '{"kind":"x","payload":' && cat at.json && echo '}'; } >at.jsonl
  run -0 galley enqueue --any-kind --stdin <at.jsonl
  refused 65 1048576 galley enqueue x --any-kind --payload-file over.json
  refused 65 1048576 galley enqueue x --any-kind - <over.json
  { printf '{"kind":"x","payload":' && cat over.json && echo '}'; } >over.jsonl
  refused 65 1048576 galley enqueue --any-kind --stdin <over.jsonl
  assert_sql 'SELECT count(*), min(length(payload)), max(length(payload)) FROM jobs' '3|1048576|1048576'
}

@test "lines that are no jobs are refused with their number" {
  galley init >/dev/null
  refused 65 'line 2' galley enqueue --stdin < <(printf '\n{"kind":"research",\n')
  refused 65 'unable to decode byte 0xff' galley enqueue --stdin < <(printf '{"kind":"research","payload":{"topic":"\xff"}}\n')
  refused 65 'line 1' galley enqueue --stdin < <(head -c 100000 /dev/urandom)
  refused 65 '"run_at_ms"' galley enqueue --stdin <<<'{"kind":"research","payload":{"topic":"x"},"run_at_ms":1e15}'
  refused 65 'blog post 9' galley enqueue --stdin <<<'{"kind":"publish","payload":{"post_id":9,"target":"site"}}'
  assert_sql 'SELECT count(*) FROM jobs' 0
}

@test "kinds, options, topics and posts that are not there are named" {
  galley init >/dev/null
  refused 65 '"reserch"' galley enqueue reserch
  refused 65 'kind must be' galley enqueue 'Bad Kind' --any-kind
  refused 65 'kind must be' galley enqueue "$(printf 'a%.0s' {1..65})" --any-kind
  refused 64 'unknown option --frob' galley enqueue --frob research
  refused 64 'unknown option -Z' galley enqueue -Z research
  refused 65 'there is no topic 7' galley enqueue write --topic-id 7
  refused 65 'payload.topic_id' galley enqueue write '{"topic_id":"7"}'
  refused 65 'there is no blog post 7' galley enqueue publish --post-id 7 --target site
  refused 65 'payload.target' galley enqueue publish --post-id 7
  assert_sql 'SELECT count(*) FROM jobs' 0
}

# ---- words of the command line ----

@test "numbers and durations out of range are 64 with the range" {
  galley init >/dev/null
  refused 64 '--priority' galley enqueue x --any-kind --priority 99999999999999999999
  refused 64 'between 0 and 4294967295' galley enqueue x --any-kind --priority 4294967296
  refused 64 '--priority' galley enqueue x --any-kind --priority 1.5
  refused 64 'a duration' galley enqueue x --any-kind --delay -5s
  refused 64 'a duration' galley enqueue x --any-kind --delay=-5s
  refused 64 'a duration' galley run x --timeout 99999999999999999d
  refused 64 '--timeout' galley enqueue x --any-kind --timeout 0
  refused 64 '--timeout' galley enqueue x --any-kind --timeout 8d
  refused 64 'a time' galley enqueue x --any-kind --at 99999-01-01
  refused 64 '--limit' galley list --limit -1
  refused 64 'an id' galley show 99999999999999999999
  refused 64 '--lease' galley work --lease 4s
  refused 64 '--grace' galley work --grace -1s
  refused 64 '--slots' galley work --slots 99999
  assert_sql 'SELECT count(*) FROM jobs' 0
}

@test "arguments that are not UTF-8 are refused, and shown harmless" {
  galley init >/dev/null
  refused 64 'no command' galley $'\xff\xfe\e[31m'
  assert_not_contains "$stderr" $'\e'
  refused 65 'UTF-8' galley run $'\xff'
  refused 65 'UTF-8' galley enqueue research --topic $'\xff'
  refused 65 'UTF-8' galley enqueue x --any-kind --key $'\xff'
  refused 65 'UTF-8' galley feed add $'http://example.org/\xff'
  refused 66 'configuration file' galley --config $'\xff' list
  assert_sql 'SELECT count(*) FROM jobs' 0
}

@test "topics that cannot be a title are refused before anything is enqueued" {
  galley init >/dev/null
  refused 65 'empty' galley run ''
  refused 65 'payload.topic' galley run $'\u200b'
  refused 65 'payload.topic' galley enqueue research --topic $' \n\t'
  refused 65 'control character' galley run $'\e[31mred\e[0m'
  refused 65 'control character' galley run $'a\x07b'
  refused 65 'control character' galley enqueue research --topic $'a\xc2\x9bb'
  refused 65 'payload.topic has 10000 bytes' galley run "$(head -c 10000 /dev/zero | tr '\0' x)"
  refused 65 'payload.market' galley run x --market $'\e'
  refused 65 'payload.language' galley run x --language ../..
  refused 65 'payload.language' galley enqueue write '{"topic_id":1,"language":"e"}'
  assert_sql 'SELECT count(*) FROM jobs' 0
}

@test "topics in any writing are taken" {
  galley init >/dev/null
  for topic in '🚲 cargo' $'two\nlines' 'מכונית' "$(head -c 8192 /dev/zero | tr '\0' x)"; do
    run -0 galley enqueue research --topic "$topic" --language zh-Hant-TW
    assert_equal "$(galley show "$output" --json | jq -r .payload.topic)" "$topic"
  done
}

# ---- the database ----

@test "a newer database is refused by everything and stays as it is" {
  galley init >/dev/null
  sql 'PRAGMA user_version=99; PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
  sum=$(sha256sum galley.db)
  for words in list init "enqueue research --topic x" "work --drain" "run x" stats "backup b.db" wal check "feed list"; do
    # shellcheck disable=SC2086 # words
    refused 65 'schema version 99' galley $words
  done
  assert_equal "$(sha256sum galley.db)" "$sum"
  [ ! -e b.db ]
}

@test "what is no database of galley is refused and stays as it is" {
  echo 'this is no database, however long it goes on and on and on and on' >text.db
  sqlite3 other.db 'CREATE TABLE t(a); INSERT INTO t VALUES(1)'
  sha256sum text.db other.db >sums
  for words in list init "enqueue research --topic x" "work --drain" "backup b.db" check; do
    # shellcheck disable=SC2086 # words
    refused 65 'not an SQLite database' "$GALLEY" -d text.db $words
    # shellcheck disable=SC2086 # words
    refused 65 'of another program' "$GALLEY" -d other.db $words
  done
  sha256sum --check --quiet sums
  mkdir folder.db
  mkfifo pipe.db
  for words in list "init --no-config" "work --drain"; do
    # shellcheck disable=SC2086 # words
    refused 65 'is no database but a folder' "$GALLEY" -d folder.db $words
    # shellcheck disable=SC2086 # words
    refused 65 'is no database but a device or pipe' "$GALLEY" -d pipe.db $words
  done
  [ -z "$(ls folder.db)" ] && [ ! -e galley.ini ] && [ ! -e b.db ]
}

@test "an empty file is told from a broken one, and init makes it a database" {
  : >galley.db
  refused 65 'galley init' galley list
  run -0 galley init
  run -0 galley list
}

@test "a missing database is 66 for readers, writers and workers, and is not made" {
  for words in list "enqueue research --topic x" "work --drain" "run x" "backup b.db" check; do
    # shellcheck disable=SC2086 # words
    refused 66 'galley init' galley $words
  done
  refused 66 'there is no database' "$GALLEY" -d nowhere/x.db list
  refused 73 'nowhere/x.db' "$GALLEY" -d nowhere/x.db init
  ln -s gone.db link.db
  refused 73 'symbolic link' "$GALLEY" -d link.db init --no-config
  assert_equal "$(ls)" link.db
}

@test "a database that may not be read is 77, one that may not be written 77 for writers only" {
  need_other
  galley init >/dev/null
  galley enqueue research --topic x >/dev/null
  chmod 777 .
  refused 77 'not readable' as_other "$GALLEY" -d "$DB" list
  chmod 644 galley.db*
  run -0 as_other "$GALLEY" -d "$DB" list --json
  assert_equal "$(jq .id <<<"$output")" 1
  for words in "enqueue research --topic y" "work --drain" "run y" init; do
    # shellcheck disable=SC2086 # words
    refused 77 'not writable' as_other "$GALLEY" -d "$DB" $words
  done
  mkdir closed
  chmod 700 closed
  refused 77 'Permission denied' as_other "$GALLEY" -d closed/x.db list
  mkdir fixed
  chmod 555 fixed
  cd fixed
  refused 73 'galley.ini' as_other "$GALLEY" init
  [ -z "$(ls)" ]
  assert_sql 'SELECT count(*) FROM jobs' 1
}

@test "a writer's lock makes writers wait and then say 75; readers go on" {
  galley init >/dev/null
  galley enqueue research --topic x >/dev/null
  hold 'BEGIN IMMEDIATE'
  run -0 galley list --json
  assert_equal "$(jq .id <<<"$output")" 1
  run -0 galley backup copy.db
  "$GALLEY" -d "$DB" work --drain 2>work.err 3>&- 9>&- &
  worker=$!
  refused 75 "holds the database's lock" galley enqueue research --topic y
  status=0
  wait "$worker" || status=$?
  assert_status 75
  assert_contains "$(cat work.err)" "holds the database's lock"
  let_go
  run -0 galley enqueue research --topic y
  assert_equal "$output" 2
}

@test "an exclusive lock makes everybody wait and then say 75" {
  galley init >/dev/null
  hold 'PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE'
  "$GALLEY" -d "$DB" list 2>list.err 3>&- 9>&- &
  lister=$!
  refused 75 "holds the database's lock" galley enqueue research --topic y
  status=0
  wait "$lister" || status=$?
  assert_status 75
  assert_contains "$(cat list.err)" "holds the database's lock"
  let_go
  assert_sql 'SELECT count(*) FROM jobs' 0
}

@test "a worker is stopped by a signal although its database refuses, and the job runs again" {
  galley init >/dev/null
  program slow 'touch started; until [ -e go ]; do sleep 0.05; done; echo 1'
  galley enqueue slow >/dev/null
  "$GALLEY" -d "$DB" work --grace 0 2>work.log 3>&- &
  worker=$!
  wait_until test -e started
  hold 'BEGIN IMMEDIATE'
  touch go
  wait_until grep -q storage.refused work.log
  kill -TERM "$worker"
  status=0
  wait "$worker" || status=$?
  assert_status 75
  let_go
  run -0 galley work --drain
  assert_sql 'SELECT state, attempt, result FROM jobs' 'done|1|1'
}

@test "two inits at once make one database" {
  for i in 1 2 3 4 5 6; do
    "$GALLEY" init >"out.$i" 2>&1 3>&- &
    pids[i]=$!
  done
  for i in 1 2 3 4 5 6; do wait "${pids[i]}"; done
  assert_equal "$(cat out.* | grep -c 'settings: galley.ini (created)')" 1
  assert_sql 'PRAGMA integrity_check' ok
  run -0 "$GALLEY" list
}

# ---- disks without room ----

@test "init on a full disk is 74 and starts anew when there is room" {
  full_disk 1m
  cd disk
  for room in 0 8192 16384 40960 81920; do
    fill
    truncate -s "-$room" filler
    run -74 --separate-stderr "$GALLEY" init
    [[ $stderr == *"No space left"* || $stderr == *"is full"* ]]
    [ ! -e galley.ini ]
    rm filler
    run -0 "$GALLEY" init
    run -0 "$GALLEY" enqueue research --topic x
    assert_equal "$output" 1
    rm galley.*
  done
}

@test "enqueue, backup and work on a full disk are 74, and go on when there is room" {
  full_disk 2m
  DB=$DISK/galley.db
  program echo cat
  galley init >/dev/null
  for _ in 1 2 3; do galley enqueue echo "$(printf '"%*s"' 20000 '')" >/dev/null; done
  fill
  for words in "enqueue echo" "backup $DISK/b.db" "work --drain" "work --drain --processes 2"; do
    # shellcheck disable=SC2086 # words
    run --separate-stderr galley $words
    assert_status 74
    assert_contains "$stderr" full
  done
  run -74 --separate-stderr galley enqueue --stdin < <(for n in 1 2 3; do echo "{\"kind\":\"echo\",\"payload\":$n}"; done)
  assert_equal "$output" ""
  run -0 galley list --json
  assert_equal "$(jq -s length <<<"$output")" 3
  assert_equal "$(ls "$DISK" | tr '\n' ' ')" "filler galley.db galley.db-galley galley.db-shm galley.db-wal "
  rm "$DISK/filler"
  run -0 galley work --drain
  assert_sql 'SELECT state, count(*) FROM jobs GROUP BY state' 'done|3'
  assert_sql 'PRAGMA integrity_check' ok
}

@test "a worker whose disk fills while it works settles its jobs once there is room" {
  full_disk 2m
  DB=$DISK/galley.db
  program late 'touch "started.$GALLEY_JOB_ID"; until [ -e go ]; do sleep 0.05; done; cat'
  galley init >/dev/null
  for _ in 1 2; do galley enqueue late "$(printf '"%*s"' 30000 '')" >/dev/null; done
  "$GALLEY" -d "$DB" work --drain 2>work.log 3>&- &
  worker=$!
  wait_until test -e started.1 -a -e started.2
  fill
  touch go
  wait_until grep -q 'storage.refused code=FULL' work.log
  rm "$DISK/filler"
  wait "$worker"
  assert_sql 'SELECT state, attempt, crashes, length(result) FROM jobs' $'done|1|0|30002\ndone|1|0|30002'
}

# ---- feeds and targets ----

@test "addresses that no feed can have are refused when they are added" {
  galley init --no-config >/dev/null
  for url in ftp://example.org/x file:///etc/passwd 'not a url' ''; do
    refused 65 'begins with http:// or https://' galley feed add -- "$url"
  done
  for url in http:// http:///x http://?x http://:80/ http://a@/; do
    refused 65 'names no host' galley feed add "$url"
  done
  for url in http://x:99999/ http://x:0/ http://x:8a/ 'http://[::1]:x/'; do
    refused 65 'port' galley feed add "$url"
  done
  refused 65 'white space' galley feed add 'http://a b/'
  refused 65 'control character' galley feed add $'http://a/\n'
  refused 65 'in ASCII' galley feed add http://münchen.de/f
  refused 65 '8192 bytes' galley feed add "http://x/$(head -c 8192 /dev/zero | tr '\0' a)"
  assert_sql 'SELECT count(*) FROM feeds' 0
  for url in HTTP://EXAMPLE.org/A http://x:/ 'http://[::1]:80/x' http://u:p@h:8/é http://h/a:99999; do
    run -0 galley feed add "$url"
  done
}

# collect FEED...: adds each feed of the server and collects it, once.
collect() {
  local feed id
  for feed in "$@"; do
    id=$(galley feed add "$URL/$feed")
    galley enqueue collect --feed-id "$id" --max-attempts 1 >/dev/null
  done
  galley work --drain 2>worker.log
}

# error_of FEED: what its collect job says
error_of() {
  sql "SELECT j.state || ': ' || coalesce(j.error, '') FROM jobs j
       JOIN feeds f ON f.id = j.payload ->> 'feed_id' WHERE f.url = '$URL/$1'"
}

@test "feeds that misbehave say what was wrong, and the others are collected" {
  galley init --no-config >/dev/null
  server_start
  printf '[collect]\nbody_max = 2M\n' >>galley.ini
  collect html empty cut-off huge gzip-bomb entities status/404 en.xml bad-encoding ten-thousand
  while IFS='|' read -r feed part; do
    assert_contains "$(error_of "$feed")" "$part"
  done <<'END'
html|dead: this is a web page, not a feed
empty|dead: the answer was empty
cut-off|the connection ended before
huge|larger than allowed
gzip-bomb|larger than allowed
entities|defines entities
status/404|404
en.xml|done:
bad-encoding|done:
ten-thousand|done:
END
  assert_sql "SELECT count(*) > 0 FROM documents d JOIN feeds f ON f.id = d.feed_id WHERE f.url = '$URL/en.xml'" 1
  assert_sql "SELECT count(*) FROM documents WHERE title LIKE '%root:%' OR content LIKE '%root:%'" 0
}

@test "feeds on private addresses are refused however they are written" {
  galley init --no-config >/dev/null
  server_start
  rm galley.ini
  for host in 127.0.0.1 127.1 0x7f.1 2130706433 localhost '[::1]' '[::ffff:127.0.0.1]' 0.0.0.0 10.0.0.1 169.254.169.254; do
    id=$(galley feed add "http://$host:$PORT/en.xml")
    galley enqueue collect --feed-id "$id" --max-attempts 1 >/dev/null
  done
  galley work --drain 2>worker.log
  assert_sql "SELECT state, error_class, count(*) FROM jobs GROUP BY 1, 2" 'dead|refused|10'
  assert_contains "$(sql 'SELECT error FROM jobs WHERE id = 1')" http.allow_addresses
  assert_equal "$(server_count /en.xml)" 0
}

@test "targets that cannot be written say so, and the others are published" {
  galley init --no-config >/dev/null
  server_start
  collect en.xml
  mkdir good linked outside
  echo mine >file
  ln -s "$DIR/outside" linked/en
  for target in missing file linked good; do
    printf '[target.%s]\npath = %s/%s\n' "$target" "$DIR" "$target" >>galley.ini
  done
  run --separate-stderr galley run "cargo bikes"
  assert_status 65
  assert_equal "$output" "published: $DIR/good/en/cargo-bikes.md"
  assert_contains "$stderr" "target folder $DIR/missing does not exist"
  assert_contains "$stderr" "$DIR/file is not a folder"
  assert_contains "$stderr" "symbolic link"
  assert_equal "$(cat file)" mine
  [ -z "$(ls outside)" ] && [ ! -e missing ]
  assert_sql "SELECT state, count(*) FROM jobs WHERE kind = 'publish' GROUP BY state" $'dead|3\ndone|1'
}

@test "a target that may not be written is named, and works once it may" {
  need_other
  galley init --no-config >/dev/null
  server_start
  collect en.xml
  mkdir posts
  printf '[target.posts]\npath = %s/posts\n' "$DIR" >>galley.ini
  chmod 644 galley.ini
  chown 65534 . galley.db*
  refused 65 "$DIR/posts" as_other "$GALLEY" -d "$DB" run "cargo bikes"
  assert_contains "$stderr" "Permission denied"
  [ -z "$(ls posts)" ]
  chown 65534 posts
  as_other "$GALLEY" -d "$DB" retry "$(sql "SELECT id FROM jobs WHERE kind = 'publish'")"
  as_other "$GALLEY" -d "$DB" work --drain 2>/dev/null
  assert_equal "$(ls posts/en)" cargo-bikes.md
}

@test "a full target is tried again, leaves nothing half-written, and works once there is room" {
  full_disk 64k
  galley init --no-config >/dev/null
  server_start
  collect en.xml
  printf '[target.posts]\npath = %s\n' "$DISK" >>galley.ini
  mkdir "$DISK/en"
  fill
  run --separate-stderr galley run "cargo bikes" --timeout 2s
  assert_status 75
  assert_contains "$(sql "SELECT error FROM jobs WHERE kind = 'publish'")" "No space left on device"
  [ -z "$(ls -A "$DISK/en")" ]
  rm "$DISK/filler"
  galley retry "$(sql "SELECT id FROM jobs WHERE kind = 'publish'")" >/dev/null
  galley work --drain 2>/dev/null
  assert_equal "$(ls -A "$DISK/en")" cargo-bikes.md
}

# ---- the configuration ----

@test "a configuration that is wrong is 65 with file and line" {
  galley init --no-config >/dev/null
  while IFS='|' read -r text part; do
    # shellcheck disable=SC2059 # the text holds the line ends
    printf "$text" >galley.ini
    refused 65 "galley.ini:$part" galley list
  done <<'END'
nonsense\n|1: expected
slots = 3\n|1: a setting stands before
[worker\n|1: expected
[wroker]\nslots = 3\n|1: unknown section [wroker]; did you mean [worker]?
[worker]\nslotz = 3\n|2: unknown
[worker]\nslots =\n|2: worker.slots must be a whole number
[worker]\nslots\n|2: expected
[worker]\nslots = 0\n|2: worker.slots is 0; it must be between 1 and 1024
[worker]\nslots = 99999999999999999999\n|2: worker.slots
[worker]\nslots = 3\nslots = 4\n|3: worker.slots is set twice
[worker]\nlease = -5s\n|2: worker.lease must be a duration
[galley]\ndurability = maybe\n|2: galley.durability cannot be
[galley]\ndatabase =\n|2: galley.database must not be empty
[target.x]\ntype = ftp\npath = a\n|2: target.type cannot be
[target.x y]\npath = a\n|1: a target's name
[target.x]\n| [target.x] needs a line: path
[kind.x]\n| [kind.x] needs a line: program
[kind.research]\nprogram = a\n|1: the kind research is built in
[kind.x]\nprogram =\n|2: kind.program must not be empty
[research]\nprovider = nobody\n|2: research.provider cannot be
[worker]\nslots = \377\376\n|2: worker.slots
\000\001\n|1: the line holds a zero byte
END
  head -c 5000 /dev/urandom >galley.ini
  refused 65 'galley.ini:1: ' galley list
  { echo '[galley]' && printf 'database = ' && head -c 20000 /dev/zero | tr '\0' x; } >galley.ini
  refused 65 'galley.ini:2: the line is longer than' galley list
  head -c 20000000 /dev/zero >galley.ini
  refused 65 'galley.ini:1: ' galley list
}

@test "a configuration that cannot be read is 66" {
  galley init --no-config >/dev/null
  refused 66 'missing.ini' galley --config missing.ini list
  mkdir galley.ini
  refused 66 'galley.ini: the configuration file cannot be read: Is a directory' galley list
  rmdir galley.ini
  need_other
  : >galley.ini
  chmod 600 galley.ini
  refused 66 'galley.ini: the configuration file cannot be read: Permission denied' as_other "$GALLEY" list
}

@test "address ranges that are none are named by the worker" {
  galley init --no-config >/dev/null
  for processes in 1 3; do
    printf '[http]\nallow_addresses = 10.0.0.0/33\n[worker]\nprocesses = %d\n' "$processes" >galley.ini
    refused 65 'galley.ini: http.allow_addresses: ' galley work --drain
  done
}

# ---- workers that die or hang ----

@test "two workers with --drain share the jobs, each once" {
  galley init --no-config >/dev/null
  program count 'echo "$GALLEY_JOB_ID" >>ledger; echo 1'
  for _ in $(seq 40); do echo '{"kind":"count"}'; done | galley enqueue --stdin >/dev/null
  "$GALLEY" -d "$DB" work --drain 2>one.log 3>&- &
  first=$!
  galley work --drain --processes 2 2>two.log
  wait "$first"
  assert_equal "$(sort -n ledger)" "$(seq 40)"
  assert_sql 'SELECT state, count(*) FROM jobs GROUP BY state' 'done|40'
}

@test "a killed worker takes its programs along, and its jobs run again" {
  galley init --no-config >/dev/null
  program slow 'echo "$GALLEY_JOB_ATTEMPT" >>started; [ "$GALLEY_JOB_ATTEMPT" = 2 ] || [ -e again ] || sleep 300; echo "$GALLEY_JOB_ATTEMPT"'
  galley enqueue slow >/dev/null
  "$GALLEY" -d "$DB" work 2>one.log 3>&- &
  worker=$!
  wait_until test -s started
  kill -KILL "$worker"
  wait "$worker" || true
  gone() { ! running_here slow.sh; }
  wait_until gone
  touch again
  galley work --drain 2>two.log
  assert_sql 'SELECT state, crashes FROM jobs' 'done|1'
  assert_sql 'SELECT outcome FROM job_attempts ORDER BY attempt' $'crashed\ndone'
}

@test "when the supervisor is killed its workers end, and nothing is lost" {
  galley init --no-config >/dev/null
  program slow 'touch "started.$GALLEY_JOB_ID"; until [ -e go ]; do sleep 0.05; done; echo 1'
  for _ in 1 2 3 4; do echo '{"kind":"slow"}'; done | galley enqueue --stdin >/dev/null
  "$GALLEY" -d "$DB" work --processes 2 --slots 1 2>one.log 3>&- &
  supervisor=$!
  two() { [ "$(find . -name 'started.*' | wc -l)" = 2 ]; }
  wait_until two
  workers=$(pgrep -P "$supervisor")
  kill -KILL "$supervisor"
  wait "$supervisor" || true
  touch go
  for pid in $workers; do
    ended() { ! kill -0 "$pid" 2>/dev/null; }
    wait_until ended
  done
  galley work --drain 2>two.log
  assert_sql 'SELECT state, max(crashes), count(*) FROM jobs GROUP BY state' 'done|0|4'
}

@test "a worker that hangs past its lease loses the job, and its late result is not saved" {
  galley init --no-config >/dev/null
  program slow 'touch "started.$GALLEY_JOB_FENCE"; until [ -e "go.$GALLEY_JOB_FENCE" ]; do sleep 0.05; done; echo "$GALLEY_JOB_FENCE"'
  galley enqueue slow >/dev/null
  "$GALLEY" -d "$DB" work --lease 5s 2>one.log 3>&- &
  first=$!
  wait_until test -e started.1
  kill -STOP "$first"
  touch go.1 go.2
  galley work --lease 5s --drain 2>two.log
  assert_sql 'SELECT state, result FROM jobs' 'done|2'
  kill -CONT "$first"
  wait_until grep -q 'event=job.lost job=1' one.log
  kill -TERM "$first"
  wait "$first"
  assert_sql 'SELECT state, result FROM jobs' 'done|2'
  assert_sql 'SELECT outcome FROM job_attempts ORDER BY fence' $'expired\ndone'
}

# ---- the surroundings ----

@test "an output that is closed or full is 74, a reader that goes away is no error of its own" {
  galley init >/dev/null
  for _ in $(seq 2000); do echo '{"kind":"x"}'; done | galley enqueue --any-kind --stdin >/dev/null
  for words in list "list --json" "show 1" stats "stats --prometheus" help --version wal; do
    run -74 bash -c '"$GALLEY" -d "$1" '"$words"' >&-' _ "$DB"
    assert_contains "$output" 'cannot be written'
    run -74 bash -c '"$GALLEY" -d "$1" '"$words"' >/dev/full' _ "$DB"
  done
  run -0 bash -c '"$GALLEY" -d "$1" list --json -n 2000 2>err | head -n 1' _ "$DB"
  assert_equal "$(jq .id <<<"$output")" 2000
  assert_equal "$(cat err)" ""
}

@test "programs started without standard streams write into no file of theirs" {
  run bash -c '"$GALLEY" -d "$1" init --no-config <&- >&- 2>&-' _ "$DB"
  assert_status 74
  program echo cat
  galley enqueue echo '"x"' >/dev/null
  run bash -c '"$GALLEY" -d "$1" work --drain <&- >&- 2>&-' _ "$DB"
  assert_status 0
  assert_sql 'SELECT state, result FROM jobs' 'done|"x"'
  assert_sql 'PRAGMA integrity_check' ok
  run ! grep -q event= galley.db-galley
}

@test "a working folder that is gone is told, and does no harm to what is elsewhere" {
  galley init --no-config >/dev/null
  mkdir gone
  cd gone
  rmdir "$DIR/gone"
  refused 66 'galley.db' "$GALLEY" list
  refused 73 'galley.ini' "$GALLEY" init
  run -0 galley enqueue research --topic x
  run -0 galley work --drain
}

@test "no HOME and no other variable is needed" {
  galley init --no-config >/dev/null
  run -0 env -i "$GALLEY" -d "$DB" enqueue research --topic x
  run -0 env -i "$GALLEY" -d "$DB" work --drain
  run -0 env -i HOME= "$GALLEY" -d "$DB" list
  run -0 env -i HOME=/nonexistent "$GALLEY" -d "$DB" list
}

@test "the files of a database are for their owner under any umask" {
  program echo cat
  for mask in 000 022 077; do
    mkdir "u$mask"
    (
      umask "$mask"
      DB=$DIR/u$mask/galley.db
      galley init --no-config >/dev/null
      galley enqueue echo >/dev/null
      galley work --drain 2>/dev/null
      galley enqueue echo >/dev/null
      galley backup "$DIR/u$mask/backup.db" >/dev/null
    )
    assert_equal "$(find "u$mask" -type f ! -perm 600)" ""
    [ -e "u$mask/backup.db" ]
  done
}

# ---- programs of a user's own ----

@test "programs that misbehave end as dead jobs that say why, and keep nobody waiting" {
  galley init --no-config >/dev/null
  program noread 'exec 0<&-; echo 1'
  program endless 'yes'
  program chatty 'yes no >&2 & sleep 0.3; kill $!; exit 65'
  program stubborn 'trap "" TERM INT HUP; sleep 300'
  program forks 'sleep 300 & sleep 300 & echo 2'
  program segfault 'kill -SEGV $$'
  program latin 'printf "\"\\xff\""'
  program noise 'printf "\\xff\\e[31m" >&2; exit 70'
  program large 'printf \"; head -c 2097152 /dev/zero | tr "\\0" x; printf \"'
  program brim 'printf \"; head -c 1048574 /dev/zero | tr "\\0" x; printf \"'
  program twice 'echo 1; echo 2'
  program closes 'exec >&- 2>&-; sleep 0.1'
  printf '[kind.gone]\nprogram = %s/gone.sh\n[kind.folder]\nprogram = /tmp\n' "$DIR" >>galley.ini
  printf '"%*s"' 1048574 '' >big.json
  galley enqueue noread --payload-file big.json >/dev/null
  for kind in endless chatty forks segfault latin noise large brim twice closes gone folder; do
    galley enqueue "$kind" --max-attempts 1 >/dev/null
  done
  galley enqueue stubborn --max-attempts 1 --timeout 300ms >/dev/null
  galley work --drain 2>worker.log
  while IFS='|' read -r kind state part; do
    assert_sql "SELECT state FROM jobs WHERE kind = '$kind'" "$state"
    assert_contains "$(sql "SELECT error FROM jobs WHERE kind = '$kind'")" "$part"
  done <<'END'
noread|done|
endless|dead|wrote more than allowed (1048576 bytes)
chatty|dead|status 65
stubborn|dead|time-out of 300 ms
forks|done|
segfault|dead|signal 11
latin|dead|unable to decode byte 0xff
noise|dead|status 70
large|dead|wrote more than allowed
brim|done|
twice|dead|line 2, column 1
closes|done|
gone|dead|cannot be started: No such file
folder|dead|cannot be started
END
  assert_sql "SELECT length(result) FROM jobs WHERE kind = 'brim'" 1048576
  galley list >shown
  run ! grep -q $'\e' shown worker.log
  run ! running_here stubborn.sh
  run ! running_here forks.sh
}

@test "galley-worker quotes a wrong setting without letting it command the terminal" {
  GALLEY_WORKER_SLOTS=$'\e[31mred' run --separate-stderr -65 "$GALLEY_BIN/galley-worker"
  assert_contains "$stderr" 'GALLEY_WORKER_SLOTS'
  [[ $stderr != *$'\e'* ]] || fail "an escape sequence got through"
}
