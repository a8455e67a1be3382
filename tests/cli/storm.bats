#!/usr/bin/env bats
# Worker processes that are killed again and again, under a supervisor that starts them again.
#
#   GALLEY_STORM_JOBS=10000 GALLEY_STORM_EVERY_MS=200 bats tests/cli/storm.bats

load support/common
load support/faults

setup() {
  STORM_JOBS=${GALLEY_STORM_JOBS:-500}
  STORM_EVERY_MS=${GALLEY_STORM_EVERY_MS:-100}
  common_setup
  "$GALLEY" init --no-config 2>/dev/null
}

teardown() {
  checked_teardown
}

# storm DURABILITY: jobs that write down each start, and nothing that is asserted depends on who was
# killed when. Jobs that did nothing wrong may be hit more than three times: the limit of crashes,
# which is for jobs that kill their workers, is raised as the manual says.
storm() {
  exec_kind append 'echo "$GALLEY_JOB_ID $GALLEY_JOB_FENCE" >>ledger
echo "{\"id\":$GALLEY_JOB_ID}"'
  printf '[galley]\ndurability = %s\n[worker]\ncrashes_max = 1000\n' "$1" >>galley.ini
  seq "$STORM_JOBS" | sed 's/.*/{"kind":"append"}/' | galley enqueue --stdin >/dev/null
  local began=$SECONDS
  python3 "$TESTS_DIR/cli/support/storm.py" --every "$STORM_EVERY_MS" --seed "$STORM_JOBS" \
    "$GALLEY" --database "$DB" work --drain --processes 8 --slots 4 >kills 2>worker.log 3>&-
  echo "# $1: $STORM_JOBS jobs, $(cat kills) kills, $((SECONDS - began)) s;" \
    "crashed attempts: $(sql "SELECT count(*) FROM job_attempts WHERE outcome='crashed'")," \
    "most of one job: $(sql "SELECT max(crashes) FROM jobs")" >&3
  [ "$(cat kills)" -gt 0 ]
  assert_sql "SELECT count(*) FROM jobs WHERE state='done'" "$STORM_JOBS"
  assert_sql "SELECT count(*) FROM jobs WHERE state<>'done' OR result->>'id'<>id OR attempt<>1" 0
  assert_sql "SELECT outcome FROM job_attempts GROUP BY outcome HAVING outcome NOT IN ('done','crashed')" ""
  assert_ledger ledger
  assert_sound
}

@test "workers killed again and again: each job is done once, and each start is an attempt" {
  storm normal
}

@test "workers killed again and again with durability full: the same" {
  storm full
}
