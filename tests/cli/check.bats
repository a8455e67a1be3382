#!/usr/bin/env bats
# galley check: what a person and a program see of it. Each rule by itself is in test_check.c.

# shellcheck disable=SC2154 # status, output, stderr and lines are set by run
load support/common

setup() {
  common_setup
  "$GALLEY" init --no-config 2>/dev/null
}

teardown() {
  common_teardown
}

# Breaks what no program of galley would: bad SQL
bad() {
  sqlite3 "$DB" "PRAGMA ignore_check_constraints=1; $1"
}

@test "a queue that is in order gets one line" {
  galley enqueue --any-kind a >/dev/null
  run -0 --separate-stderr galley check
  [[ $output =~ ^"ok: 1 jobs, 0 attempts, 0 documents, 0 topics, 0 posts, 0 publications checked by "[0-9]+" rules"$ ]] ||
    fail "$output"
  assert_equal "$stderr" ""
  run -0 galley check --json
  assert_equal "$(jq -c '[.violations, .jobs, .rules > 40]' <<<"$output")" '[0,1,true]'
}

@test "each violation is a line with its rule, table and id, and the status is 65" {
  galley enqueue --any-kind a >/dev/null
  bad "UPDATE jobs SET state='done'; INSERT INTO feeds(url) VALUES('ftp://a')"
  run -65 --separate-stderr galley check
  assert_equal "${#lines[@]}" 3
  assert_contains "${lines[0]}" "constraint: feeds 1: url_is_http does not hold; "
  assert_contains "${lines[1]}" "constraint: jobs 1: ended_has_a_time does not hold; "
  assert_contains "${lines[2]}" "job_done: jobs 1: the job is done, and no attempt of fence 0 did it; "
  assert_equal "$stderr" "galley: $DB breaks rules of galley: 3 times"
  run -65 --separate-stderr galley check --json
  assert_equal "$(jq -s -c 'map([.rule, .table, .id])' <<<"$output")" \
    '[["constraint","feeds",1],["constraint","jobs",1],["job_done","jobs",1],[null,null,null]]'
  assert_equal "$(jq -s -c 'last | [.violations, .jobs]' <<<"$output")" '[3,1]'
  assert_equal "$(jq -s -r '.[0] | keys_unsorted | join(" ")' <<<"$output")" "rule table id sentence"
}

@test "of many violations of one rule 20 are listed and the rest is counted" {
  sql "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<25)
    INSERT INTO jobs(kind, result) SELECT 'a', '1' FROM n"
  run -65 --separate-stderr galley check
  assert_equal "${#lines[@]}" 21
  assert_contains "${lines[20]}" "job_result: jobs: and 5 more of these"
  assert_contains "$stderr" ": 25 times"
}

@test "a backup is checked where it lies, without a right to write it" {
  galley enqueue --any-kind a >/dev/null
  galley backup copy.db >/dev/null
  chmod 400 copy.db
  local before
  before=$(sha256sum copy.db)
  run -0 "$GALLEY" --database copy.db check
  assert_contains "$output" "ok: 1 jobs"
  assert_equal "$(sha256sum copy.db)" "$before"
  assert_equal "$(ls copy.db*)" copy.db
}

@test "workers go on beside it" {
  printf '[kind.true]\nprogram = /bin/true\n' >galley.ini
  for _ in 1 2 3; do
    seq 200 | sed 's/.*/{"kind":"true"}/' | galley enqueue --stdin >/dev/null
    "$GALLEY" --database "$DB" work --drain --processes 2 >work.log 2>&1 3>&- &
    while kill -0 $! 2>/dev/null; do
      run -0 galley check
    done
    wait $!
  done
  assert_sql "SELECT count(*) FROM jobs WHERE state='done'" 600
  run -0 galley check
}

@test "it changes nothing" {
  galley enqueue --any-kind a >/dev/null
  galley checkpoint >/dev/null
  local before
  before=$(sha256sum "$DB")
  run -0 galley check
  assert_equal "$(sha256sum "$DB")" "$before"
}

# damage TABLE: overwrites the first page of a table
damage() {
  local page
  page=$(sql "SELECT rootpage FROM sqlite_schema WHERE name='$1'")
  sql 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
  head -c 4096 /dev/zero | tr '\0' Z | dd of="$DB" bs=4096 seek=$((page - 1)) conv=notrunc status=none
}

@test "a damaged page is told, and what can be read is checked all the same" {
  sql "INSERT INTO jobs(kind, result) VALUES('a', '1'); INSERT INTO feeds(url) VALUES('http://a')"
  damage feeds
  run -65 --separate-stderr galley check
  assert_contains "${lines[0]}" "file: "
  assert_contains "${lines[0]}" "; stop all workers and restore a backup"
  assert_contains "$output" "job_result: jobs 1: "
  assert_contains "$output" "rules could not be looked at to the end"
}

@test "a damaged schema cannot be opened: 74, and what to do" {
  sql 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
  head -c 900 /dev/zero | tr '\0' Z | dd of="$DB" bs=1 seek=100 conv=notrunc status=none
  run -74 --separate-stderr galley check
  assert_equal "$output" ""
  assert_contains "$stderr" "the file is damaged; stop all workers and restore a backup"
}

@test "a terminal shows how far it is, and lines end between words" {
  sql "INSERT INTO jobs(kind, result) VALUES('a', '1')"
  run -65 "$TESTS_DIR/cli/support/terminal.py" 80 "$GALLEY" --database "$DB" check
  assert_contains "$output" $'\r\e[Kchecking: rule 1 of '
  local line
  while IFS= read -r line; do
    line=${line##*$'\e[K'}
    [ "${#line}" -le 80 ] || fail "wider than 80 columns: $line"
  done <<<"$output"
  run -65 "$TESTS_DIR/cli/support/terminal.py" 80 "$GALLEY" --quiet --database "$DB" check
  assert_not_contains "$output" $'\e'
}

@test "it takes no operand" {
  run -64 galley check galley.db
}
