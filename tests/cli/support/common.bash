# What the tests of the command line share. In a .bats file:
#
#   load support/common
#   setup() { common_setup; }
#   teardown() { common_teardown; }
#
# Each test gets an own empty folder ($DIR, also the working directory), `galley` as a command, and a
# web server when it asks for one (server_start). Under ctest the programs come from the environment;
# by hand, `bats tests/cli/x.bats` takes those of build/dev.
# shellcheck shell=bash disable=SC2034

bats_require_minimum_version 1.5.0

SOURCE_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
TESTS_DIR=$SOURCE_DIR/tests
GALLEY_BUILD=${GALLEY_BUILD:-$SOURCE_DIR/build/dev}
GALLEY_BIN=${GALLEY_BIN:-$GALLEY_BUILD/bin}
GALLEY=${GALLEY:-$GALLEY_BIN/galley}
export GALLEY

common_setup() {
  DIR=$(mktemp -d "${TMPDIR:-/tmp}/galley-test.XXXXXX")
  cd "$DIR" || return 1
  # Nothing of the person who runs the tests leaks in.
  local name
  for name in $(compgen -e GALLEY_); do
    case $name in
      GALLEY_BIN | GALLEY_BUILD) ;;
      *) unset "$name" ;;
    esac
  done
  export HOME=$DIR NO_COLOR=1 LC_ALL=C.UTF-8 TZ=UTC
  unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NOTIFY_SOCKET
  DB=$DIR/galley.db
  SERVER_PID=
}

common_teardown() {
  server_stop
  # A program that a test left in the background would live on and keep bats waiting.
  local pids
  pids=$(jobs -p)
  [ -z "$pids" ] || kill -KILL $pids 2>/dev/null || true
  cd / && rm -rf "$DIR"
}

# For tests after which every rule must hold, whatever state they leave the queue in.
checked_teardown() {
  local status=0
  [ ! -s "$DB" ] || assert_check || status=1
  common_teardown
  return $status
}

# The program on the test's database: galley list --json
galley() {
  "$GALLEY" --database "$DB" "$@"
}

# Asks the database itself, past galley: sql "SELECT count(*) FROM jobs"
sql() {
  sqlite3 -cmd '.timeout 5000' "$DB" "$1"
}

# server_start [FOLDER]: serves FOLDER (tests/feeds/e2e unless told) at $URL; requests are logged to
# $SERVER_LOG. The address guard is opened for it by galley.ini in the working directory, which is
# made, or added to, here.
server_start() {
  local port_file=$DIR/.port tries=0
  SERVER_LOG=$DIR/.requests
  : >"$SERVER_LOG"
  # Descriptor 3 is how bats waits for a test: a server that held it would keep it waiting.
  python3 "$TESTS_DIR/cli/support/server.py" --directory "${1:-$TESTS_DIR/feeds/e2e}" \
    --port-file "$port_file" --log "$SERVER_LOG" </dev/null >"$DIR/.server.out" 2>&1 3>&- &
  SERVER_PID=$!
  until [ -s "$port_file" ]; do
    if ! kill -0 "$SERVER_PID" 2>/dev/null || [ $((tries += 1)) -gt 600 ]; then
      cat "$DIR/.server.out" >&2
      return 1
    fi
    sleep 0.05
  done
  PORT=$(cat "$port_file")
  URL=http://127.0.0.1:$PORT
  grep -qs '^allow_addresses' galley.ini || printf '[http]\nallow_addresses = 127.0.0.1/32\n' >>galley.ini
}

server_stop() {
  [ -n "${SERVER_PID:-}" ] || return 0
  kill "$SERVER_PID" 2>/dev/null || true
  wait "$SERVER_PID" 2>/dev/null || true
  SERVER_PID=
  rm -f "$DIR/.port"
}

# How many requests for a path (without its query) the server has seen: server_count /a.xml [STATUS]
server_count() {
  jq -s --arg path "$1" --arg status "${2:-}" \
    '[.[] | select((.path | split("?")[0]) == $path and ($status == "" or "\(.status)" == $status))]
     | length' "$SERVER_LOG"
}

fail() {
  printf '%s\n' "$*" >&2
  return 1
}

# After `run`: assert_status 0
assert_status() {
  # shellcheck disable=SC2154 # status and output are set by run
  [ "$status" -eq "$1" ] || fail "exit status $status, not $1; it printed: $output"
}

# assert_equal GOT EXPECTED
assert_equal() {
  [ "$1" = "$2" ] || fail "got: $1
expected: $2"
}

# assert_contains TEXT PART
assert_contains() {
  [[ $1 == *"$2"* ]] || fail "'$2' is not in: $1"
}

# assert_not_contains TEXT PART
assert_not_contains() {
  [[ $1 != *"$2"* ]] || fail "'$2' is in: $1"
}

# assert_sql QUERY EXPECTED
assert_sql() {
  local got
  got=$(sql "$1") || return 1
  [ "$got" = "$2" ] || fail "$1
gave: $got
expected: $2"
}

# Runs a command again until it succeeds, for what another process does: wait_until COMMAND ARGS...
# Gives up after a minute, which a working program never needs.
wait_until() {
  local tries=0
  until "$@"; do
    [ $((tries += 1)) -le 1200 ] || fail "still not so after a minute: $*" || return 1
    sleep 0.05
  done
}

# No rule of the queue or its content is broken: for the end of a test, whatever state it leaves.
assert_check() {
  local told
  told=$("${GALLEY:-$GALLEY_BIN/galley}" --database "$DB" check 2>&1) || fail "galley check: $told"
}
