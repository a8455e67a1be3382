# The quick start as a newcomer runs it, without its package and build steps.

load support/common

setup() {
  common_setup
  QUICK="$SOURCE_DIR/ops/quickstart --directory $DIR/quick --bin $GALLEY_BIN"
  DB=$DIR/quick/galley.db
}

teardown() {
  checked_teardown
}

# All files of the site, with their sums.
site_files() {
  find "$DIR/quick" -name '*.md' -exec sha256sum {} + | sort
}

@test "quickstart publishes a long, cited article from the sample feeds" {
  # shellcheck disable=SC2086 # words
  run -0 $QUICK
  local last file
  last=${lines[-1]}
  [[ $last == "published: "* ]] || fail "the last line is: $last"
  file=${last#published: }
  [[ $file == /* ]] || file=$DIR/quick/$file
  [ -s "$file" ]
  [ "$(wc -w <"$file")" -gt 500 ]
  assert_sql "SELECT count(*) FROM documents" 18
  assert_sql "SELECT count(DISTINCT language) FROM documents" 2
  assert_sql "SELECT word_count >= 1500 FROM topics" 1
  assert_sql "SELECT json_array_length(citations) >= 5 FROM topics" 1
  assert_sql "SELECT count(*) FROM publications" 1
}

@test "quickstart run again adds nothing" {
  # shellcheck disable=SC2086 # words
  run -0 $QUICK
  local rows="SELECT (SELECT count(*) FROM feeds), (SELECT count(*) FROM documents),
    (SELECT count(*) FROM topics), (SELECT count(*) FROM blog_posts),
    (SELECT count(*) FROM social_posts), (SELECT count(*) FROM publications)"
  local before files
  before=$(sql "$rows")
  files=$(site_files)
  # shellcheck disable=SC2086 # words
  run -0 $QUICK
  assert_contains "${lines[-1]}" "published: "
  assert_equal "$(sql "$rows")" "$before"
  assert_equal "$(site_files)" "$files"
}

@test "quickstart leaves no web server behind" {
  # shellcheck disable=SC2086 # words
  run -0 $QUICK
  run ! curl -s --max-time 5 "http://127.0.0.1:$(cat "$DIR/quick/port")/"
}

@test "two quickstarts in one folder do not mix" {
  mkdir quick
  exec 7>quick/lock
  flock -n 7
  # shellcheck disable=SC2086 # words
  run -75 $QUICK 7>&-
  assert_contains "$output" "another one is running"
}

@test "quickstart says which options it has" {
  run -64 "$SOURCE_DIR/ops/quickstart" --frobnicate
  assert_contains "$output" "--directory DIR"
}
