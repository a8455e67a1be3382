# What a person sees in a terminal: rows that fit it, lines that end between words, a progress line
# that no other line is glued to.

# shellcheck disable=SC2154 # status, output, stderr and lines are set by run
load support/common

setup() {
  common_setup
  galley init >/dev/null
}

teardown() {
  common_teardown
}

# terminal COLUMNS ARGUMENT...: galley in a terminal of that width
terminal() {
  local columns=$1
  shift
  "$TESTS_DIR/cli/support/terminal.py" "$columns" "$GALLEY" --database "$DB" "$@"
}

# assert_fits COLUMNS TEXT: no line is wider, or ends with a space
assert_fits() {
  local line
  while IFS= read -r line; do
    [ "${#line}" -le "$1" ] && [[ $line != *" " ]] ||
      fail "wider than $1 columns, or with a space at the end: $line" || return 1
  done <<<"$2"
}

# Jobs of every look, feeds, and content with long titles.
fill() {
  local long='a long sentence that tells in many words what went wrong with this job at last'
  sql "INSERT INTO jobs(kind, payload, state, finished_at_ms, error, error_class) VALUES
    ('research', json_object('topic', '$long $long'), 'dead', 1785412800000, '$long $long', 'sources'),
    ('publish', '{}', 'cancelled', 1785412800000, NULL, NULL);
  INSERT INTO jobs(kind, payload, state, run_at_ms) VALUES
    ('thumbnail', '{}', 'scheduled', 1785416400000), ('thumbnail', '{}', 'ready', 1);
  INSERT INTO feeds(url, title, error, next_fetch_at_ms) VALUES
    ('https://www.example.org/a/rather/long/path/to/feed.xml', '$long', '$long', 1785412800000),
    ('https://www.example.org/b.xml', NULL, NULL, NULL);
  INSERT INTO topics(title, status, researched_at_ms) VALUES('$long', 'researched', 1785412800000);
  INSERT INTO documents(title, content, content_hash, source_url, published_at_ms) VALUES
    ('$long', '$long' || char(10) || char(10) || '$long', '$(printf %064d 1)',
     'https://www.example.org/a/rather/long/path', 1785412800000);
  INSERT INTO blog_posts(slug, title, content, status, research_topic_id) VALUES
    ('a-rather-long-slug-for-a-post', '$long', '$long', 'published', 1);"
}

@test "every list fits 80 columns" {
  fill
  for words in "list" "feed list" "topics" "documents" "posts" "stats"; do
    # shellcheck disable=SC2086 # words
    run -0 terminal 80 $words
    assert_fits 80 "$output"
    [ "${#lines[@]}" -ge 2 ]
  done
}

@test "list shows when a job ended, else when it runs, in local time" {
  fill
  TZ=LOC-02:00 run -0 terminal 80 list
  assert_contains "${lines[0]}" "WHEN"
  assert_contains "$output" "dead       1000    0  2026-07-30 14:00:00  a long"
  assert_contains "$output" "scheduled  1000    0  2026-07-30 15:00:00"
  assert_contains "$output" "…"
  run -0 galley list
  assert_not_contains "$output" "…"
  assert_equal "$(galley list --state dead --json | jq -c '[.run_at_ms > 0, .finished_at_ms]')" \
    '[true,1785412800000]'
}

@test "records end their lines between words, and only in a terminal" {
  fill
  for words in "show 1" "documents 1" "topics 1" "feed show 1" "posts 1"; do
    # shellcheck disable=SC2086 # words
    run -0 terminal 60 $words
    # An identifier or an address that is wider than a line stays whole.
    assert_fits 60 "$(grep -vE '(https://|[0-9a-f]{64})' <<<"$output")"
    # shellcheck disable=SC2086 # words
    assert_equal "$(tr -s ' \n' ' ' <<<"$output")" "$(galley $words | tr -s ' \n' ' ')"
  done
  run -0 galley show 1
  assert_contains "$output" "what went wrong with this job at last a long sentence"
}

@test "show names things as people do, and JSON as the database does" {
  fill
  run -0 galley show 1
  assert_contains "$output" "cost               0.000000 USD"
  [[ $output =~ "run at  "+" "20[0-9][0-9]- ]] || fail "$output"
  assert_not_contains "$output" "_ms"
  assert_not_contains "$output" "usd_micros"
  assert_equal "$(galley show 1 --json | jq 'has("cost_usd_micros") and has("run_at_ms")')" true
}

@test "help fits terminals of 40, 60 and 80 columns, and 80 in a pipe" {
  for name in "" settings $("$GALLEY" help commands); do
    for columns in 40 60 80; do
      # shellcheck disable=SC2086 # one word, or none
      run -0 terminal $columns help $name
      # Nothing but a single word is wider than the terminal.
      assert_fits "$columns" "$(grep -E '[^ ] +[^ ]' <<<"$output")"
    done
    # shellcheck disable=SC2086 # one word, or none
    run -0 galley help $name
    assert_fits 80 "$output"
  done
  run -0 terminal 20 help
  assert_fits 40 "$(grep -E '[^ ] +[^ ]' <<<"$output")"
}

@test "help settings writes durations and sizes as the file does" {
  run -0 galley help settings
  assert_contains "$output" "5s to 1h. Default: 60s."
  assert_contains "$output" "0 to 3650d. Default: 7d."
  assert_contains "$output" "100ms to 2m."
  assert_contains "$output" "1K to 100M. Default: 10M."
  assert_contains "$output" "1 to 1024. Default: 16."
}

@test "the line of progress is there in a terminal, and never with a log" {
  run terminal 80 run x --no-work --timeout 10ms
  assert_status 75
  assert_contains "$output" $'\r\e[Kresearch (job 1) ready'
  run terminal 80 run x --no-work --timeout 10ms --verbose
  assert_not_contains "$output" $'\e'
  assert_contains "$output" "galley: research (job 1) ready, 0 done"
  # A worker's error begins in the first column: the cursor was sent back to it.
  printf '#!/bin/sh\necho "error event=x" >&2\nexit 70\n' >worker
  chmod +x worker
  GALLEY_WORKER=$DIR/worker run terminal 80 run y
  [[ $output =~ $'\r'"error event=x"(.*)$ ]] || fail "$output"
}

@test "stats marks live jobs of a kind that nobody here serves" {
  galley enqueue research --topic x
  galley enqueue thumbnail --any-kind
  galley enqueue once --any-kind
  galley cancel 3
  run -0 galley stats
  assert_contains "$output" "thumbnail (unserved)"
  assert_not_contains "$output" "research (unserved)"
  assert_not_contains "$output" "once (unserved)"
  assert_equal "$(galley stats --json | jq -s -c 'map(.kind) | unique')" \
    '["once","research","thumbnail"]'
  printf '[kind.thumbnail]\nprogram = /bin/cat\n' >galley.ini
  run -0 galley stats
  assert_not_contains "$output" "unserved"
}

@test "work tells at its start which ready jobs it will not serve" {
  fill
  printf '#!/bin/sh\necho started\n' >worker
  chmod +x worker
  GALLEY_WORKER=$DIR/worker run -0 --separate-stderr galley work --drain
  assert_equal "$output" started
  assert_contains "$stderr" "thumbnail (1)"
  assert_not_contains "$stderr" research
  GALLEY_WORKER=$DIR/worker run -0 --separate-stderr galley --quiet work --drain
  assert_equal "$stderr" ""
  printf '[kind.thumbnail]\nprogram = /bin/cat\n' >galley.ini
  GALLEY_WORKER=$DIR/worker run -0 --separate-stderr galley work --drain
  assert_equal "$stderr" ""
}

@test "the state of the log does not contradict itself" {
  galley enqueue research --topic x >/dev/null
  # A reader that stays keeps the log from being folded in at the last close.
  exec 8> >(sqlite3 "$DB" >reader.out)
  echo 'BEGIN; SELECT count(*) FROM jobs;' >&8
  wait_until test -s reader.out
  run -0 galley checkpoint
  assert_contains "$output" " known to be in the database"
  [[ $output =~ "last checkpoint  "20[^\ ]+": "([0-9]+)" of "([0-9]+)" frames" ]] || fail "$output"
  assert_equal "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}"
  assert_not_contains "$output" complete
  exec 8>&-
}

@test "the sample configuration has no white space at the end of a line" {
  rm -f galley.ini
  "$GALLEY" init >/dev/null
  run ! grep -n ' $' galley.ini
  assert_contains "$(cat galley.ini)" ";allow_addresses ="
}
