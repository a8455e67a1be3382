#!/usr/bin/env bats
# The pipeline end to end: feeds over HTTP, workers, files.

load support/common

setup() {
  common_setup
  "$GALLEY" init --no-config 2>/dev/null
}

teardown() {
  checked_teardown
}

collect_feeds() {
  local feed
  for feed in "$@"; do
    galley feed add "$URL/$feed" >/dev/null
  done
  galley feed fetch --all >/dev/null
  galley work --drain --processes 2 2>worker.log
}

@test "from feeds to published files, by several processes, and a second run adds nothing" {
  server_start
  collect_feeds en.xml de.xml fr.json el.xml ja.xml
  assert_sql "SELECT count(*) FROM jobs WHERE state<>'done'" 0
  assert_sql "SELECT count(DISTINCT language) FROM documents" 5
  run --separate-stderr galley run --processes 3 "cargo bikes"
  assert_status 0
  [[ $output == "published: "* ]]
  file=${output#published: }
  [ -f "$file" ]
  grep -q '^title: "' "$file"
  first=$output
  files=$(find site -type f | wc -l)
  counts="SELECT (SELECT count(*) FROM topics),(SELECT count(*) FROM blog_posts),(SELECT count(*) FROM social_posts),(SELECT count(*) FROM publications)"
  before=$(sql "$counts")
  [ "$before" = "1|1|6|1" ]
  sum=$(sha256sum "$file")
  run --separate-stderr galley run --processes 3 "  Cargo   BIKES "
  assert_status 0
  assert_equal "$output" "$first"
  assert_equal "$(sql "$counts")" "$before"
  assert_equal "$(find site -type f | wc -l)" "$files"
  assert_equal "$(sha256sum "$file")" "$sum"
}

@test "research in one language uses documents of that language" {
  server_start
  collect_feeds en.xml de.xml
  run --separate-stderr galley run --language de "Lastenrad"
  assert_status 0
  assert_sql "SELECT count(*) FROM topics, json_each(citations) c JOIN documents d ON d.id=c.value->>'document_id' WHERE d.language<>'de'" 0
  assert_sql "SELECT count(*)>0 FROM topics, json_each(citations)" 1
  assert_sql "SELECT language FROM blog_posts" de
}

@test "a second fetch is conditional and adds nothing" {
  server_start
  collect_feeds en.xml
  docs=$(sql "SELECT count(*) FROM documents")
  galley feed fetch --all >/dev/null
  galley work --drain 2>/dev/null
  assert_sql "SELECT count(*) FROM documents" "$docs"
  assert_equal "$(server_count /en.xml 304)" 1
  assert_sql "SELECT count(*) FROM feeds WHERE error IS NULL AND failures=0" 1
}

@test "a feed that misbehaves gets its error, and the others go on" {
  server_start
  printf '[collect]\nbody_max = 2M\ntimeout = 20s\n' >>galley.ini
  collect_feeds en.xml html empty cut-off huge gzip-bomb entities status/404 status/410 \
    redirect-loop bad-encoding ten-thousand
  assert_sql "SELECT count(*)>0 FROM documents WHERE feed_id=1" 1
  assert_sql "SELECT count(*) FROM feeds WHERE error IS NULL" 3
  for path in html empty huge gzip-bomb entities status/404 status/410 redirect-loop; do
    [ -n "$(sql "SELECT error FROM feeds WHERE url='$URL/$path'")" ] || fail "no error for $path"
  done
  assert_sql "SELECT status FROM feeds WHERE url='$URL/status/410'" gone
  assert_sql "SELECT count(*)<=2000 AND count(*)>1000 FROM documents d JOIN feeds f ON f.id=feed_id WHERE f.url='$URL/ten-thousand'" 1
  assert_sql "SELECT count(*) FROM jobs WHERE state='running'" 0
}

@test "a feed on a private address is refused unless the configuration allows it" {
  server_start
  rm galley.ini
  galley feed add "$URL/en.xml" >/dev/null
  galley feed fetch --all >/dev/null
  galley work --drain 2>/dev/null
  assert_sql "SELECT state FROM jobs" dead
  assert_contains "$(sql "SELECT error FROM jobs")" "127.0.0.1"
  assert_equal "$(server_count /en.xml)" 0
}

@test "Retry-After puts a job off without charging the attempt" {
  server_start
  galley feed add "$URL/status/503?retry_after=3600" >/dev/null
  galley feed fetch --all >/dev/null
  galley work --drain 2>/dev/null
  assert_sql "SELECT state, attempt FROM jobs" "scheduled|0"
  assert_sql "SELECT run_at_ms - created_at_ms BETWEEN 3500000 AND 4000000 FROM jobs" 1
}

exec_kind() { # NAME SCRIPT
  printf '#!/bin/sh\n%s\n' "$2" >"$1.sh"
  chmod +x "$1.sh"
  printf '[kind.%s]\nprogram = %s/%s.sh\n' "$1" "$DIR" "$1" >>galley.ini
}

@test "programs of a user's own: input, result, outcomes, no shell in between" {
  exec_kind good 'cat; exit 0'
  exec_kind quiet 'exit 0'
  exec_kind exact 'printf " {\"price\": 0.1, \"n\": 1e2}\n\n"'
  exec_kind bad 'echo "no such customer" >&2; exit 65'
  exec_kind later 'echo busy >&2; exit 75'
  exec_kind garbage 'echo not json'
  exec_kind slow 'sleep 300 & sleep 300'
  printf 'argument = $(touch pwned)\n[kind.gone]\nprogram = /nonexistent/program\n' >>galley.ini
  galley enqueue good '{"a":[1,"\u00e9"]}' >/dev/null
  galley enqueue quiet >/dev/null
  galley enqueue exact >/dev/null
  galley enqueue bad >/dev/null
  galley enqueue later --max-attempts 1 >/dev/null
  galley enqueue garbage >/dev/null
  galley enqueue slow --timeout 200ms --max-attempts 1 >/dev/null
  galley enqueue gone >/dev/null
  galley work --drain 2>worker.log
  assert_sql "SELECT state,result FROM jobs WHERE kind='good'" 'done|{"a":[1,"\u00e9"]}'
  assert_sql "SELECT state FROM jobs WHERE kind='quiet'" done
  assert_sql "SELECT result FROM jobs WHERE kind='exact'" '{"price": 0.1, "n": 1e2}'
  assert_sql "SELECT state FROM jobs WHERE kind='bad'" dead
  assert_contains "$(sql "SELECT error FROM jobs WHERE kind='bad'")" "no such customer"
  assert_sql "SELECT state FROM jobs WHERE kind='later'" dead
  assert_sql "SELECT state,error_class FROM jobs WHERE kind='garbage'" "dead|result"
  assert_sql "SELECT state,error_class FROM jobs WHERE kind='slow'" "dead|timeout"
  assert_sql "SELECT state FROM jobs WHERE kind='gone'" dead
  [ ! -e pwned ]
  ! pgrep -f "$DIR/slow.sh"
}

@test "a plain SQL INSERT wakes an idle worker" {
  exec_kind touch 'touch touched'
  printf 'directory = %s\n' "$DIR" >>galley.ini
  "$GALLEY" --database "$DB" work 2>worker.log 3>&- &
  worker=$!
  wait_until grep -q worker.started worker.log
  sql "INSERT INTO jobs(kind) VALUES('touch')"
  wait_until test -e touched
  kill "$worker"
  wait "$worker"
  assert_sql "SELECT state FROM jobs" done
}

@test "SIGTERM lets running jobs finish, and hands back what outlasts the grace period" {
  exec_kind quick 'touch started-quick; sleep 1; echo 1'
  exec_kind long 'touch started-long; sleep 600'
  sed -i "s|^program|directory = $DIR\nprogram|" galley.ini
  galley enqueue long --timeout 1h >/dev/null
  galley enqueue quick >/dev/null
  galley enqueue quick --delay 1h >/dev/null
  GALLEY_WORKER_GRACE=3s "$GALLEY" --database "$DB" work 2>worker.log 3>&- &
  worker=$!
  wait_until test -e started-quick
  wait_until test -e started-long
  kill "$worker"
  status=0
  wait "$worker" || status=$?
  assert_status 0
  assert_sql "SELECT state FROM jobs WHERE kind='quick' ORDER BY id LIMIT 1" done
  assert_sql "SELECT state,attempt FROM jobs WHERE kind='long'" "ready|0"
  assert_sql "SELECT outcome FROM job_attempts WHERE job_id=1" returned
  ! pgrep -f "$DIR/long.sh"
}

@test "cancelling reaches a running job" {
  exec_kind long 'touch started-long; sleep 600'
  sed -i "s|^program|directory = $DIR\nprogram|" galley.ini
  id=$(galley enqueue long --timeout 1h)
  "$GALLEY" --database "$DB" work 2>worker.log 3>&- &
  worker=$!
  wait_until test -e started-long
  galley cancel "$id"
  is_cancelled() { [ "$(sql "SELECT state FROM jobs")" = cancelled ]; }
  wait_until is_cancelled
  kill "$worker"
  wait "$worker"
  ! pgrep -f "$DIR/long.sh"
}

@test "workers killed at any moment: the same end state as without" {
  server_start
  collect_feeds en.xml de.xml
  exec_kind append 'echo "$GALLEY_JOB_ID" >>"'"$DIR"'/ledger"; echo "{\"id\":$GALLEY_JOB_ID}"'
  for i in $(seq 60); do
    printf '{"kind":"append","payload":{"n":%d}}\n{"kind":"research","payload":{"topic":"cargo bikes %d"}}\n' "$i" "$i"
  done | galley enqueue --stdin >/dev/null
  "$GALLEY" --database "$DB" work --drain --processes 4 2>worker.log 3>&- &
  supervisor=$!
  for _ in $(seq 8); do
    sleep 0.2
    victim=$(pgrep -P "$supervisor" | shuf -n 1) || true
    [ -z "$victim" ] || kill -KILL "$victim" 2>/dev/null || true
  done
  wait "$supervisor"
  galley work --drain --processes 2 2>>worker.log
  assert_sql "SELECT count(*) FROM jobs WHERE state<>'done' AND error_class IS NOT 'crashed'" 0
  for id in $(sql "SELECT id FROM jobs WHERE state='dead'"); do galley retry "$id"; done
  galley work --drain --processes 2 2>>worker.log
  assert_sql "SELECT count(*) FROM jobs WHERE state<>'done'" 0
  assert_sql "SELECT count(*) FROM jobs WHERE kind='append' AND result IS NOT NULL" 60
  assert_equal "$(sort -n ledger | uniq | wc -l)" 60
  assert_sql "SELECT count(*),count(DISTINCT research_topic_id) FROM blog_posts" "60|60"
  assert_sql "SELECT count(*) FROM publications" 60
  assert_sql "SELECT count(*) FROM social_posts" 360
  assert_equal "$(find site -name '*.md' | wc -l)" 60
  assert_equal "$(find site -name '*galley-tmp' | wc -l)" 0
  assert_sql "PRAGMA integrity_check" ok
}

@test "many topics, four processes: each exactly once, and again nothing is added" {
  server_start
  collect_feeds en.xml de.xml
  n=${TEST_TOPICS:-100}
  for i in $(seq "$n"); do printf '{"kind":"research","payload":{"topic":"cargo bikes number %d"}}\n' "$i"; done >lines
  for round in 1 2; do
    galley enqueue --stdin <lines >/dev/null
    galley work --drain --processes 4 2>worker.log
    assert_sql "SELECT count(*) FROM jobs WHERE state<>'done'" 0
    assert_sql "SELECT count(*) FROM topics WHERE research_report IS NOT NULL" "$n"
    assert_sql "SELECT count(*),count(DISTINCT slug) FROM blog_posts" "$n|$n"
    assert_sql "SELECT count(*) FROM social_posts" "$((6 * n))"
    assert_sql "SELECT count(*) FROM publications" "$n"
    assert_equal "$(find site -name '*.md' | wc -l)" "$n"
  done
}

@test "a target folder that is missing or not writable: its clear error, nothing half-written" {
  server_start
  collect_feeds en.xml
  printf '[target.away]\ntype = folder\npath = %s/nowhere\n[target.here]\ntype = folder\npath = %s/here\n' "$DIR" "$DIR" >>galley.ini
  mkdir here
  run --separate-stderr galley run "cargo bikes"
  [ "$status" -ne 0 ]
  assert_contains "$stderr" "$DIR/nowhere"
  assert_sql "SELECT state,count(*) FROM jobs WHERE kind='publish' GROUP BY state ORDER BY 1" "dead|1
done|1"
  assert_equal "$(find here -name '*.md' | wc -l)" 1
  mkdir nowhere
  galley retry "$(sql "SELECT id FROM jobs WHERE state='dead'")"
  galley work --drain 2>/dev/null
  assert_equal "$(find nowhere -name '*.md' | wc -l)" 1
}

@test "a topic that no document knows: dead with what to do" {
  run --separate-stderr galley run "quantum gastronomy"
  [ "$status" -ne 0 ]
  assert_contains "$stderr" "feed add"
  assert_sql "SELECT state,error_class FROM jobs" "dead|sources"
}

@test "two runs of the same topic at once pay once and both end well" {
  server_start
  collect_feeds en.xml
  galley run "cargo bikes" >one 2>one.err 3>&- &
  first=$!
  galley run "Cargo Bikes" >two 2>two.err
  wait "$first"
  cmp one two
  assert_sql "SELECT count(*) FROM topics" 1
  assert_sql "SELECT count(*) FROM blog_posts" 1
}

@test "a run whose next job another run has asked for waits for that one" {
  server_start
  collect_feeds en.xml
  galley run "cargo bikes" >first 2>/dev/null
  # Another workflow is to write the same post, and takes its time.
  payload=$(sql "SELECT payload FROM jobs WHERE kind='write'")
  key=$(sql "SELECT unique_key FROM jobs WHERE kind='write'")
  sql "INSERT INTO jobs(kind,payload,unique_key,run_at_ms) VALUES('write','$payload','$key',(unixepoch()+2)*1000)"
  galley run "cargo bikes" >second 2>/dev/null
  cmp first second
  assert_sql "SELECT count(*) FROM jobs WHERE state<>'done'" 0
}

@test "the death of a worker is noticed at once by another, without a supervisor" {
  exec_kind long 'echo "$GALLEY_JOB_FENCE" >>'"$DIR"'/fences; [ "$GALLEY_JOB_FENCE" -gt 1 ] || sleep 600'
  galley enqueue long --timeout 1h >/dev/null
  "$GALLEY" --database "$DB" work --lease 1h 2>one.log 3>&- &
  first=$!
  wait_until test -s fences
  "$GALLEY" --database "$DB" work --lease 1h 2>two.log 3>&- &
  second=$!
  wait_until grep -q worker.started two.log
  kill -KILL "$first"
  is_done() { [ "$(sql "SELECT state FROM jobs")" = done ]; }
  wait_until is_done
  kill "$second"
  wait "$second"
  assert_sql "SELECT crashes,attempt FROM jobs" "1|1"
  assert_sql "SELECT outcome FROM job_attempts ORDER BY fence" "crashed
done"
}
