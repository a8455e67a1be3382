# The contracts of the command line: exit statuses, what goes to which stream, the shape of --json,
# and errors that name the field and the line.

# shellcheck disable=SC2154 # status, output, stderr and lines are set by run
load support/common

setup() {
  common_setup
}

teardown() {
  common_teardown
}

# One job of every column's sort that does not need a worker.
enqueue_one() {
  galley enqueue research '{"topic":"one"}' "$@"
}

# ---- init ----

@test "init makes a database and a configuration that changes nothing" {
  run -0 "$GALLEY" init --json
  assert_equal "$(jq -c . <<<"$output")" \
    '{"database":"galley.db","database_created":true,"config":"galley.ini","config_created":true}'
  assert_equal "$(stat -c %a galley.db)" 600
  run -0 "$GALLEY" list
  # Every line that sets something is a comment, so that all defaults still hold.
  assert_equal "$(grep -cvE '^(;|\[|$)' galley.ini || true)" 0
}

@test "init twice changes nothing" {
  run -0 "$GALLEY" init
  run -0 "$GALLEY" enqueue research --topic x
  echo '; mine' >>galley.ini
  run -0 "$GALLEY" init --json
  assert_equal "$(jq -c '[.database_created, .config_created]' <<<"$output")" '[false,false]'
  assert_equal "$(tail -n 1 galley.ini)" '; mine'
  assert_sql 'SELECT count(*) FROM jobs' 1
}

@test "the sample with every comment removed is a valid configuration" {
  run -0 "$GALLEY" init
  sed -i -E 's/^;([a-z_]+ = |\[)/\1/; s/^allow_addresses = .*//' galley.ini
  run -0 "$GALLEY" list
}

@test "init writes another database into the configuration" {
  run -0 "$GALLEY" --database other.db init
  assert_equal "$(grep -c '^database = other.db$' galley.ini)" 1
  run -0 "$GALLEY" enqueue research --topic x
  [ -s other.db ] && [ ! -e galley.db ]
}

@test "init --no-config makes no configuration" {
  run -0 "$GALLEY" init --no-config
  [ -e galley.db ] && [ ! -e galley.ini ]
}

@test "init that cannot make the database leaves nothing" {
  run -73 --separate-stderr "$GALLEY" --database nowhere/x.db init
  [ ! -e galley.ini ]
  assert_contains "$stderr" "nowhere/x.db"
}

# ---- the command line itself ----

@test "a wrong command line is 64, says what was meant and where help is" {
  run -64 --separate-stderr "$GALLEY" lst
  assert_equal "$output" ""
  assert_contains "$stderr" "did you mean list?"
  run -64 --separate-stderr "$GALLEY" list --stat ready
  assert_contains "$stderr" "did you mean --state?"
  assert_contains "$stderr" "galley help list"
  run -64 "$GALLEY"
  run -64 "$GALLEY" --frobnicate list
  run -64 "$GALLEY" list --limit
  assert_contains "$output" "--limit needs N"
  run -64 "$GALLEY" list --limit 0
  assert_contains "$output" "between 1 and 100000"
  run -64 "$GALLEY" list --limit ten
  run -64 "$GALLEY" list extra
  run -64 "$GALLEY" show
  run -64 "$GALLEY" show 1 2
  run -64 "$GALLEY" show abc
  run -64 "$GALLEY" show 0
  run -64 "$GALLEY" list --json=yes
  run -64 "$GALLEY" list --state finished
}

@test "options stand before or after the command and its words" {
  galley init >/dev/null
  id=$(enqueue_one)
  run -0 "$GALLEY" --json -d "$DB" show "$id"
  assert_equal "$(jq .id <<<"$output")" "$id"
  run -0 "$GALLEY" show "$id" "-d$DB" --json
  assert_equal "$(jq .id <<<"$output")" "$id"
  run -0 "$GALLEY" show --json "--database=$DB" -- "$id"
  assert_equal "$(jq .id <<<"$output")" "$id"
}

@test "show tells the steps of a job and how far it is" {
  galley init >/dev/null
  sqlite3 "$DB" "INSERT INTO blog_posts(slug,title,content,language) VALUES('s','Title','Text.','en')"
  id=$(galley enqueue publish --post-id 1 --target site)
  run -0 "$GALLEY" show "$id" --json
  assert_equal "$(jq -c '[.attempts, .steps, .progress]' <<<"$output")" '[[],[],null]'
  galley work --drain 2>/dev/null
  sqlite3 "$DB" "INSERT INTO job_progress VALUES($id,1,1700000000000,'{\"percent\":40}')"
  run -0 "$GALLEY" show "$id"
  assert_contains "$output" "publish:site  done"
  assert_contains "$output" 'progress           {"percent":40}'
  run -0 "$GALLEY" show "$id" --json
  assert_equal "$(jq -r '.steps[] | [.name, .state, .fence] | @csv' <<<"$output")" '"publish:site","done",1'
  assert_equal "$(jq -r '.steps[0].result.remote_id' <<<"$output")" "$(jq -r .result.path <<<"$output")"
  assert_equal "$(jq -c '.progress | [.fence, .at_ms, .progress.percent]' <<<"$output")" \
    '[1,1700000000000,40]'
}

@test "every command has help" {
  for name in $("$GALLEY" help commands); do
    run -0 "$GALLEY" help "$name"
    assert_contains "${lines[0]}" "Usage: galley $name"
    run -0 "$GALLEY" "$name" --help
    assert_contains "${lines[0]}" "Usage: galley $name"
  done
  run -0 "$GALLEY" help
  run -0 "$GALLEY" --help
  run -0 "$GALLEY" --version
  run -64 "$GALLEY" help nonsense
}

@test "help settings --json tells name, type, range and variable of each" {
  "$GALLEY" help settings --json >settings.jsonl
  assert_equal "$(jq -r 'select(.section == "worker" and .name == "lease")
    | [.type, .default, .min, .max, .environment] | @tsv' settings.jsonl)" \
    $'duration\t60s\t5000\t3600000\tGALLEY_WORKER_LEASE'
  assert_equal "$(jq -s 'map(select(.about == null or .about == "")) | length' settings.jsonl)" 0
}

@test "an output that cannot be written is 74" {
  [ -e /dev/full ] || skip "this system has no /dev/full"
  galley init >/dev/null
  enqueue_one >/dev/null
  # shellcheck disable=SC2016 # the inner shell expands them
  run -74 bash -c '"$GALLEY" --database "$1" list >/dev/full' _ "$DB"
  assert_contains "$output" "galley:"
}

# ---- configuration ----

@test "an error in the configuration names file and line, and is 65" {
  printf '[worker]\nslots = 3\nslotz = 4\n' >galley.ini
  run -65 --separate-stderr "$GALLEY" list
  assert_equal "$output" ""
  assert_contains "$stderr" "galley.ini:3:"
  assert_contains "$stderr" "did you mean slots?"
  run -66 --separate-stderr "$GALLEY" --config missing.ini list
  assert_contains "$stderr" "missing.ini"
}

@test "the environment goes over the file, the option over both" {
  printf '[galley]\ndatabase = file.db\n' >galley.ini
  run -0 "$GALLEY" init
  [ -e file.db ]
  GALLEY_DATABASE=env.db run -0 "$GALLEY" init
  [ -e env.db ]
  GALLEY_DATABASE=env2.db run -0 "$GALLEY" -d option.db init
  [ -e option.db ] && [ ! -e env2.db ]
  GALLEY_WORKER_SLOTS=0 run -65 "$GALLEY" list
  assert_contains "$output" "GALLEY_WORKER_SLOTS"
}

@test "a missing database is 66 and says how to make one" {
  for words in "list" "show 1" "stats" "topics" "enqueue research --topic x" "wal"; do
    # shellcheck disable=SC2086 # words
    run -66 --separate-stderr "$GALLEY" $words
    assert_equal "$output" ""
    assert_contains "$stderr" "galley init"
  done
  [ ! -e galley.db ]
}

@test "a file that is no database is 65" {
  printf 'this is no database, however long it goes on and on and on' >galley.db
  run -65 "$GALLEY" list
  assert_contains "$output" "galley:"
}

# ---- enqueue ----

@test "enqueue prints the id alone, and JSON on request" {
  galley init >/dev/null
  run -0 --separate-stderr galley enqueue research --topic "heat pumps" --language en --depth deep
  assert_equal "$output" 1
  assert_equal "$stderr" ""
  assert_sql 'SELECT payload FROM jobs' '{"topic":"heat pumps","language":"en","depth":"deep"}'
  run -0 galley enqueue research '{"topic":"x"}' --json
  assert_equal "$output" '{"id":2,"existing":false}'
}

@test "enqueue sets what its options say" {
  galley init >/dev/null
  id=$(enqueue_one --priority 7 --at 2037-01-02T03:04:05Z --max-attempts 9 --timeout 90s --key k1)
  assert_sql "SELECT priority, run_at_ms, max_attempts, timeout_ms, unique_key, state FROM jobs
              WHERE id = $id" '7|2114478245000|9|90000|k1|scheduled'
  id=$(enqueue_one --delay 1h)
  assert_sql "SELECT state, run_at_ms - created_at_ms FROM jobs WHERE id = $id" 'scheduled|3600000'
  id=$(enqueue_one --at 2114478245000)
  assert_sql "SELECT run_at_ms FROM jobs WHERE id = $id" 2114478245000
  run -64 galley enqueue research '{}' --at 2026-13-01
  run -64 galley enqueue research '{}' --at 2026-02-30T00:00Z
  run -64 galley enqueue research '{}' --delay 1h --at 2037-01-01
  run -64 galley enqueue research '{"topic":"x"}' --priority -1
  run -64 galley enqueue research '{"topic":"x"}' --max-attempts 1001
}

@test "a key that is live gives the id of its job and a note" {
  galley init >/dev/null
  first=$(enqueue_one --key k)
  run -0 --separate-stderr galley enqueue research '{"topic":"two"}' --key k
  assert_equal "$output" "$first"
  assert_contains "$stderr" "job $first"
  run -0 --separate-stderr galley --quiet enqueue research '{"topic":"two"}' --key k
  assert_equal "$stderr" ""
  assert_sql 'SELECT count(*) FROM jobs' 1
}

@test "an unknown kind is 65, named with the known ones" {
  galley init >/dev/null
  run -65 --separate-stderr galley enqueue reserch '{}'
  assert_contains "$stderr" '"reserch"'
  assert_contains "$stderr" "collect, research, write, publish"
  assert_contains "$stderr" "--any-kind"
  run -0 galley enqueue reserch '{}' --any-kind
  printf '[kind.mail]\nprogram = /bin/cat\ntimeout = 7s\nmax_attempts = 2\n' >galley.ini
  id=$(galley enqueue mail '[1]')
  assert_sql "SELECT timeout_ms, max_attempts FROM jobs WHERE id = $id" '7000|2'
  id=$(galley enqueue mail '[1]' --timeout 9s --max-attempts 3)
  assert_sql "SELECT timeout_ms, max_attempts FROM jobs WHERE id = $id" '9000|3'
}

@test "a bad payload is 65 with line and column, and enqueues nothing" {
  galley init >/dev/null
  run -65 galley enqueue research $'{"topic":\n  x}'
  assert_contains "$output" "line 2, column 3"
  run -65 galley enqueue research ''
  run -65 galley enqueue research '[]'
  run -65 galley enqueue research '{}'
  assert_contains "$output" "payload.topic"
  run -65 galley enqueue research '{"topic":7}'
  assert_contains "$output" "payload.topic"
  run -65 galley enqueue research '{"topic":"x","depth":"abyss"}'
  assert_contains "$output" "payload.depth"
  run -65 galley enqueue research $'{"topic":"\xff"}'
  run -65 galley enqueue research --topic $'\xff'
  run -65 galley enqueue research '{"topic":"x","market":null}'
  assert_contains "$output" "payload.market"
  run -65 galley enqueue research --topic-id 99
  assert_contains "$output" "99"
  run -65 galley enqueue write --topic-id 99
  assert_contains "$output" "99"
  run -65 galley enqueue publish --post-id 99 --target site
  assert_contains "$output" "99"
  run -65 galley enqueue publish --post-id 1 --target sitee
  assert_contains "$output" "did you mean site?"
  run -65 galley enqueue collect --feed-id 99
  assert_contains "$output" "99"
  run -64 galley enqueue write --topic x
  run -64 galley enqueue research '{"topic":"x"}' --topic y
  assert_sql 'SELECT count(*) FROM jobs' 0
}

@test "a payload comes from a file or standard input" {
  galley init >/dev/null
  printf '{"topic":"from a file"}\n' >payload.json
  galley enqueue research --payload-file payload.json
  galley enqueue research - <payload.json
  assert_sql "SELECT count(*) FROM jobs WHERE payload ->> 'topic' = 'from a file'" 2
  run -66 galley enqueue research --payload-file missing.json
  assert_contains "$output" "missing.json"
  run -65 galley enqueue research - </dev/null
}

@test "a payload at the limit is taken, one past it is 65" {
  galley init >/dev/null
  printf '[kind.big]\nprogram = /bin/cat\n' >galley.ini
  printf '"%*s"' 1048574 '' >payload.json
  run -0 galley enqueue big --payload-file payload.json
  printf '"%*s"' 1048575 '' >payload.json
  run -65 galley enqueue big --payload-file payload.json
  assert_contains "$output" "1048576"
  assert_sql 'SELECT count(*) FROM jobs' 1
}

# ---- enqueue --stdin ----

@test "JSON Lines are enqueued with all their fields" {
  galley init >/dev/null
  printf '[kind.mail]\nprogram = /bin/cat\n' >galley.ini
  cat >jobs.jsonl <<'END'
{"kind":"mail","payload":{"n":0.1,"big":1234567890123456789,"text":"a\"}b"},"priority":3,"max_attempts":4,"timeout_ms":5000,"unique_key":"k"}

{"kind":"research","payload":{"topic":"x"},"run_at_ms":2114478245000}
{"kind":"mail","delay_ms":60000,"priority":null}
END
  run -0 --separate-stderr galley enqueue --stdin <jobs.jsonl
  assert_equal "$output" $'1\n2\n3'
  assert_equal "$stderr" ""
  assert_sql 'SELECT payload, priority, max_attempts, timeout_ms, unique_key FROM jobs WHERE id = 1' \
    '{"n":0.1,"big":1234567890123456789,"text":"a\"}b"}|3|4|5000|k'
  assert_sql 'SELECT run_at_ms FROM jobs WHERE id = 2' 2114478245000
  assert_sql 'SELECT payload, run_at_ms - created_at_ms FROM jobs WHERE id = 3' '{}|60000'
}

@test "a bad line names itself and its field, and keeps its chunk out" {
  galley init >/dev/null
  {
    for n in 1 2 3 4 5; do echo "{\"kind\":\"research\",\"payload\":{\"topic\":\"$n\"}}"; done
    echo '{"kind":"research","payload":{"topic":"6"},"priority":"high"}'
    echo '{"kind":"research","payload":{"topic":"7"}}'
  } >jobs.jsonl
  run -65 --separate-stderr galley enqueue --stdin --chunk 2 <jobs.jsonl
  assert_equal "$output" $'1\n2\n3\n4'
  assert_contains "$stderr" "line 6"
  assert_contains "$stderr" '"priority"'
  assert_contains "$stderr" "4 jobs"
  assert_sql 'SELECT count(*) FROM jobs' 4
}

@test "every sort of bad line is 65 and enqueues nothing" {
  galley init >/dev/null
  while IFS='|' read -r line part; do
    run -65 --separate-stderr galley enqueue --stdin <<<"$line"
    assert_equal "$output" ""
    assert_contains "$stderr" "line 1"
    assert_contains "$stderr" "$part"
  done <<'END'
nonsense|not valid JSON
[]|JSON object
{}|"kind" is missing
{"kind":7}|"kind"
{"kind":"nope"}|"nope"
{"kind":"research"}|payload.topic
{"kind":"research","payload":{"topic":"x"},"prioritty":1}|did you mean "priority"?
{"kind":"research","payload":{"topic":"x"},"priority":-1}|"priority"
{"kind":"research","payload":{"topic":"x"},"priority":4294967296}|"priority"
{"kind":"research","payload":{"topic":"x"},"max_attempts":0}|"max_attempts"
{"kind":"research","payload":{"topic":"x"},"timeout_ms":1.5}|"timeout_ms"
{"kind":"research","payload":{"topic":"x"},"unique_key":""}|"unique_key"
{"kind":"research","payload":{"topic":"x"},"delay_ms":1,"run_at_ms":5}|exclude
{"kind":"research","kind":"write"}|duplicate
{"kind":"write","payload":{"topic_id":99}}|99
END
  assert_sql 'SELECT count(*) FROM jobs' 0
}

@test "a line over the limit is 65" {
  galley init >/dev/null
  { printf '{"kind":"research","payload":{"topic":"'; head -c 1200000 /dev/zero | tr '\0' x; echo '"}}'; } >jobs.jsonl
  run -65 galley enqueue --stdin <jobs.jsonl
  assert_contains "$output" "line 1"
  { printf '{"kind":"research","payload":{"topic":"'; head -c 1048570 /dev/zero | tr '\0' x; echo '"}}'; } >jobs.jsonl
  run -65 galley enqueue --stdin <jobs.jsonl
  assert_contains "$output" '"payload"'
}

@test "standard input takes no kind and no payload" {
  galley init >/dev/null
  run -64 galley enqueue --stdin research </dev/null
  run -64 galley enqueue --stdin --topic x </dev/null
  run -0 galley enqueue --stdin </dev/null
  assert_equal "$output" ""
}

# ---- jobs ----

@test "list and show print every column as JSON" {
  galley init >/dev/null
  enqueue_one --key k >/dev/null
  columns='["attempt","cost_usd_micros","crashes","created_at_ms","error","error_class","fence","finished_at_ms","id","kind","lease_mono_ns","max_attempts","parent_id","payload","priority","result","run_at_ms","started_at_ms","state","timeout_ms","unique_key","worker_id","workflow_id"]'
  run -0 galley list --json
  assert_equal "$(jq -c keys <<<"$output")" "$columns"
  assert_equal "$(jq -c '[.payload.topic, .worker_id, .started_at_ms, .result, .attempt]' <<<"$output")" \
    '["one",null,null,null,0]'
  run -0 galley show 1 --json
  assert_equal "$(jq -c .attempts <<<"$output")" '[]'
}

@test "an empty list is 0, empty, and remarked upon" {
  galley init >/dev/null
  for words in "list" "topics" "documents" "posts" "feed list" "posts --social"; do
    # shellcheck disable=SC2086 # words
    run -0 --separate-stderr galley $words
    assert_equal "$output" ""
    assert_contains "$stderr" "galley: no "
    # shellcheck disable=SC2086 # words
    run -0 --separate-stderr galley --quiet $words --json
    assert_equal "$output$stderr" ""
  done
}

@test "list filters, limits and pages" {
  galley init >/dev/null
  for n in 1 2 3 4 5; do enqueue_one >/dev/null; done
  galley enqueue other --any-kind >/dev/null
  galley cancel 2 >/dev/null
  assert_equal "$(galley list --json | jq -s -c 'map(.id)')" '[6,5,4,3,2,1]'
  assert_equal "$(galley list --kind research --json | jq -s -c 'map(.id)')" '[5,4,3,2,1]'
  assert_equal "$(galley list --state cancelled --json | jq -s -c 'map(.id)')" '[2]'
  assert_equal "$(galley list --limit 2 --json | jq -s -c 'map(.id)')" '[6,5]'
  assert_equal "$(galley list --limit 2 --before 5 --json | jq -s -c 'map(.id)')" '[4,3]'
}

@test "cancel and retry tell the new state, and 1 for what cannot be" {
  galley init >/dev/null
  enqueue_one >/dev/null
  run -0 galley cancel 1
  assert_equal "$output" "1 cancelled"
  run -1 --separate-stderr galley cancel 1
  assert_equal "$output" ""
  run -0 galley retry 1 --json
  assert_equal "$output" '{"id":1,"state":"ready"}'
  run -1 --separate-stderr galley cancel 99 1
  assert_equal "$output" "1 cancelled"
  assert_contains "$stderr" "99"
  run -1 galley retry 99
  run -1 galley show 99
  assert_sql "SELECT state FROM jobs" cancelled
}

@test "data cannot send escape sequences" {
  galley init >/dev/null
  sql "INSERT INTO topics(title) VALUES(char(27) || '[31mred' || char(155) || '2J' || char(10) || 'x')"
  sql "INSERT INTO jobs(kind, payload) VALUES('a', '\"' || char(127) || char(155) || '\"')"
  for words in "topics" "topics 1" "topics --json" "list" "show 1" "list --json" "show 1 --json"; do
    # shellcheck disable=SC2086 # words
    galley $words >out
    run ! grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' out
  done
  assert_equal "$(galley topics --json | jq '.title | explode | .[0]')" 27
  assert_equal "$(galley list --json | jq -c '.payload | explode')" '[127,155]'
}

@test "stats count, also for Prometheus" {
  galley init >/dev/null
  enqueue_one >/dev/null
  enqueue_one >/dev/null
  galley cancel 1 >/dev/null
  assert_equal "$(galley stats --json | jq -s -c 'map([.kind, .state, .n]) | sort')" \
    '[["research","cancelled",1],["research","ready",1]]'
  galley stats --prometheus >metrics
  grep -qx 'galley_jobs{kind="research",state="ready"} 1' metrics
  grep -qx 'galley_jobs_total{kind="research",state="cancelled"} 1' metrics
  grep -qE '^galley_oldest_ready_seconds\{kind="research",state="ready"\} [0-9]+\.[0-9]+$' metrics
  grep -qx 'galley_workers 0' metrics
  grep -qE '^galley_wal_bytes [0-9]+$' metrics
  # Each metric is introduced once, and each line is of the format.
  assert_equal "$(grep -c '^# TYPE ' metrics)" "$(grep '^# TYPE ' metrics | sort -u | wc -l)"
  run ! grep -qvE '^(# (HELP|TYPE) .*|[a-z_]+(\{[^}]*\})? [0-9.]+)$' metrics
}

# ---- content ----

@test "topics, documents and posts are shown and filtered" {
  galley init >/dev/null
  sql "INSERT INTO topics(title, priority, status) VALUES('low', 2, 'discovered'), ('high', 9, 'researched')"
  assert_equal "$(galley topics --json | jq -s -c 'map(.title)')" '["high","low"]'
  assert_equal "$(galley topics --min-priority 5 --json | jq -r .title)" high
  assert_equal "$(galley topics --status discovered --json | jq -r .title)" low
  assert_equal "$(galley topics --status discovered --min-priority 5 --json)" ""
  assert_equal "$(galley topics 1 --json | jq -r .title)" low
  sql "INSERT INTO documents(title, content, language, content_hash)
       VALUES('Heat pumps', 'They warm a house.', 'en', '$(printf %064d 1)'), ('Wärmepumpen', 'Sie wärmen.', 'de', '$(printf %064d 2)')"
  assert_equal "$(galley documents --search 'warm house' --json | jq -r .title)" "Heat pumps"
  assert_equal "$(galley documents --language de --json | jq -r .title)" "Wärmepumpen"
  assert_equal "$(galley documents --hash "$(printf %064d 2)" --json | jq .id)" 2
  assert_equal "$(galley documents --json | jq -s length)" 2
  run -1 galley documents --hash "$(printf %064d 3)"
  run -1 galley documents 99
  run -1 galley topics 99
  run -1 galley posts 99
  run -1 galley posts 99 --social
  run -64 galley documents 1 --search x
  run -64 galley topics x
}

# ---- feeds ----

@test "feeds are added, listed, fetched and removed" {
  galley init >/dev/null
  run -0 galley feed add https://www.example.org/feed.xml --language en --title News
  assert_equal "$output" 1
  run -0 --separate-stderr galley feed add https://www.example.org/feed.xml --json
  assert_equal "$output" '{"id":1,"existing":true}'
  assert_contains "$stderr" "feed 1"
  assert_equal "$(galley feed list --json | jq -r .url)" https://www.example.org/feed.xml
  assert_equal "$(galley feed show 1 --json | jq -r .status)" active
  run -0 galley feed fetch --json
  assert_equal "$output" '{"id":1,"feed_id":1,"existing":false}'
  run -0 galley feed fetch
  assert_equal "$output" 1
  assert_sql 'SELECT kind, payload, unique_key FROM jobs' 'collect|{"feed_id":1}|collect:1'
  run -0 galley feed remove 1
  run -1 galley feed show 1
  run -1 galley feed remove 1
}

@test "feed fetch takes feeds that are due, --all every active one, and IDs those" {
  galley init >/dev/null
  sql "INSERT INTO feeds(url, status, next_fetch_at_ms) VALUES
    ('https://a.example/', 'active', 1), ('https://b.example/', 'active', 4102444800000),
    ('https://c.example/', 'gone', 1), ('https://d.example/', 'paused', NULL)"
  assert_equal "$(galley feed fetch --json | jq .feed_id)" 1
  assert_equal "$(galley feed fetch --all --json | jq -s -c 'map([.feed_id, .existing])')" \
    '[[1,true],[2,false]]'
  assert_equal "$(galley feed fetch 4 --json | jq .feed_id)" 4
  run -65 galley feed fetch 2 99
  assert_sql "SELECT count(*) FROM jobs" 3
  run -64 galley feed fetch --all 1
}

@test "an address that is none is 65" {
  galley init >/dev/null
  for url in feed.xml ftp://a.example/ http:// "https://a.example/a b" https:///x; do
    run -65 galley feed add "$url"
  done
  run -64 galley feed add
  run -64 galley feed ad https://a.example/
  assert_contains "$output" "did you mean add?"
  run -64 galley feed list --language en
  assert_sql 'SELECT count(*) FROM feeds' 0
}

# ---- operations ----

@test "backup makes a checked copy once" {
  galley init >/dev/null
  enqueue_one >/dev/null
  run -0 galley backup copy.db --json
  assert_equal "$(jq -c '[.path, .jobs]' <<<"$output")" '["copy.db",1]'
  assert_equal "$(jq .bytes <<<"$output")" "$(stat -c %s copy.db)"
  assert_equal "$(sqlite3 copy.db 'SELECT count(*) FROM jobs')" 1
  run -73 galley backup copy.db
}

@test "wal tells the size and fails above the limit" {
  galley init >/dev/null
  enqueue_one >/dev/null
  run -0 galley wal --json
  assert_equal "$(jq -c keys <<<"$output")" \
    '["bytes","checkpointed","frames","last_at_ms","last_busy","last_checkpointed","last_log","page_size"]'
  run -1 --separate-stderr galley wal --max 1
  assert_contains "$stderr" "more than 1 bytes"
  run -0 galley checkpoint --json
  assert_equal "$(jq '.last_log == .last_checkpointed' <<<"$output")" true
}

# ---- run and work, without a worker ----

@test "run checks its words before it enqueues" {
  galley init >/dev/null
  run -65 galley run ''
  run -65 galley run x --depth abyss
  assert_contains "$output" "depth"
  run -65 galley run x --target nowhere
  assert_contains "$output" "nowhere"
  run -64 galley run
  run -64 galley run heat pumps
  assert_sql 'SELECT count(*) FROM jobs' 0
}

@test "run without a worker leaves the job, and the next run follows it" {
  galley init >/dev/null
  run -75 --separate-stderr galley run "Heat  Pumps" --no-work --timeout 10ms
  assert_equal "$output" ""
  assert_contains "$stderr" "stay in the queue"
  run -75 --separate-stderr galley run "heat pumps" --no-work --timeout 10ms
  assert_contains "$stderr" "job 1 is at it already"
  assert_sql 'SELECT count(*) FROM jobs' 1
  run -75 galley run "heat pumps" --language de --no-work --timeout 10ms
  assert_sql 'SELECT count(*) FROM jobs' 2
}

job_is_there() {
  [ "$(sql 'SELECT count(*) FROM jobs')" = 1 ]
}

@test "run that is interrupted leaves the job and says so" {
  galley init >/dev/null
  "$GALLEY" --database "$DB" run x --no-work 2>err 3>&- &
  pid=$!
  wait_until job_is_there
  kill -TERM $pid
  status=0
  wait $pid || status=$?
  assert_status 143
  assert_contains "$(cat err)" "stay in the queue"
  assert_sql "SELECT state FROM jobs" ready
}

@test "a worker program that is not there is told" {
  galley init >/dev/null
  GALLEY_WORKER=/nonexistent run -66 galley work
  assert_contains "$output" "/nonexistent"
  GALLEY_WORKER=/nonexistent run -69 galley run x
  assert_contains "$output" "/nonexistent"
  assert_sql "SELECT state FROM jobs" ready
}

@test "work starts the worker program with the same options" {
  galley init >/dev/null
  printf '#!/bin/sh\nprintf "%%s " "$@"\n' >worker
  chmod +x worker
  GALLEY_WORKER=$DIR/worker run -0 galley work --processes 2 --slots=3 --kinds a,b --drain --lease 30s --grace 0
  assert_equal "$output" "--database $DB --kinds a,b --processes 2 --slots 3 --lease 30000ms --grace 0ms --drain "
  GALLEY_WORKER=$DIR/worker run -0 "$GALLEY" work
  assert_equal "$output" " "
  GALLEY_WORKER=$DIR/worker run -64 galley work --processes 65
}

# ---- publications of a workflow, settled by hand ----

@test "run prints what its publish jobs say, and the error of a dead one" {
  galley init >/dev/null
  cat >worker <<'END'
#!/bin/sh
sqlite3 -cmd '.timeout 5000' "$2" "
  BEGIN IMMEDIATE;
  UPDATE jobs SET state = 'done', finished_at_ms = 1 WHERE id = 1;
  INSERT INTO jobs(kind, payload, state, finished_at_ms, result, workflow_id, parent_id)
    VALUES('publish', '{}', 'done', 1, '{\"post_id\":5,\"target\":\"site\",\"path\":\"/a/b.md\",\"url\":null}', 1, 1);
  INSERT INTO jobs(kind, payload, state, finished_at_ms, error, error_class, workflow_id, parent_id)
    SELECT 'publish', '{}', 'dead', 1, 'the site is away', 'http', 1, 1 WHERE '$DEAD' = 'yes';
  COMMIT;"
END
  chmod +x worker
  GALLEY_WORKER=$DIR/worker run -0 --separate-stderr galley run x
  assert_equal "$output" "published: /a/b.md"
  assert_equal "$stderr" ""
  rm galley.db*
  galley init >/dev/null
  DEAD=yes GALLEY_WORKER=$DIR/worker run -69 --separate-stderr galley run x --json
  assert_equal "$output" '{"workflow_id":1,"post_id":5,"target":"site","path":"/a/b.md","url":null}'
  assert_contains "$stderr" "the site is away"
}

@test "run tells when the worker fails" {
  galley init >/dev/null
  printf '#!/bin/sh\nexit 65\n' >worker
  chmod +x worker
  GALLEY_WORKER=$DIR/worker run -65 --separate-stderr galley run x
  assert_equal "$output" ""
  assert_contains "$stderr" "status 65"
  printf '#!/bin/sh\nexit 0\n' >worker
  GALLEY_WORKER=$DIR/worker run -75 --separate-stderr galley run x
  assert_contains "$stderr" "the worker stops"
}
