# What a packager and a C program get.

load support/common

# Installs the build tree under $DIR/root as a packager does.
setup() {
  common_setup
  DESTDIR=$DIR/root cmake --install "$GALLEY_BUILD" >/dev/null
  PREFIX=$DIR/root$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$GALLEY_BUILD/CMakeCache.txt")
}

teardown() {
  common_teardown
}

@test "install puts programs, library, header, manual, unit and sample configuration in place" {
  local file
  for file in bin/galley libexec/galley/galley-worker libexec/galley/backup \
    libexec/galley/wal-monitor include/galley.h share/man/man1/galley.1 \
    lib/systemd/system/galley-worker@.service share/doc/galley/galley.ini; do
    [ -s "$PREFIX/$file" ] || fail "$file was not installed"
  done
  [ -n "$(find "$PREFIX" -name libgalley.so)" ] || fail "libgalley.so was not installed"
  [ -n "$(find "$PREFIX" -name libgalley.a)" ] || fail "libgalley.a was not installed"
}

@test "install writes only below DESTDIR, and everything there is readable by all" {
  [ -z "$(find "$DIR/root" ! -perm -444)" ]
  assert_equal "$(ls "$DIR/root")" "$(cut -d/ -f2 <<<"${PREFIX#"$DIR/root"}")"
}

@test "the installed unit names the installed program" {
  local prefix=${PREFIX#"$DIR/root"}
  run -0 grep '^ExecStart' "$PREFIX/lib/systemd/system/galley-worker@.service"
  assert_equal "$(grep -c -F "=$prefix/bin/galley " <<<"$output")" 2
}

@test "an installation below another prefix works from there" {
  local moved="$DIR/moved here" unit
  cmake --install "$GALLEY_BUILD" --prefix "$moved" >/dev/null
  unset GALLEY
  printf '[kind.greet]\nprogram = /bin/cat\n' >galley.ini
  "$moved/bin/galley" --database "$DB" init
  "$moved/bin/galley" --database "$DB" enqueue greet '{"name": "world"}'
  "$moved/bin/galley" --database "$DB" work --drain >log 2>&1 3>&-
  assert_sql "SELECT state FROM jobs" done
  mkdir copies
  run -0 "$moved/libexec/galley/backup" "$DB" copies
  assert_equal "$output" ""
  assert_equal "$(find copies -name 'galley-20*.db' | wc -l)" 1
  ln -s "$moved/libexec/galley/wal-monitor" monitor
  run -0 ./monitor "$DB"
  unit="$moved/lib/systemd/system/galley-worker@.service"
  assert_equal "$(grep -c -F "=$moved/bin/galley " "$unit")" 2
  run ! grep -rlF "$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$GALLEY_BUILD/CMakeCache.txt")/bin" \
    "$moved/libexec/galley/backup" "$moved/libexec/galley/wal-monitor" "$unit"
}

@test "galley.pc holds no prefix but finds it" {
  local moved=$DIR/moved pc
  cmake --install "$GALLEY_BUILD" --prefix "$moved" >/dev/null
  pc=$(find "$moved" -name galley.pc)
  export PKG_CONFIG_PATH=${pc%/*}
  assert_equal "$(realpath "$(pkg-config --variable=prefix galley)")" "$moved"
  [ -e "$(pkg-config --variable=includedir galley)/galley.h" ]
  [ -e "$(pkg-config --variable=libdir galley)/libgalley.so" ]
  run ! grep -E '=/' "$pc"
}

@test "the library's soname has the number of its interface" {
  run -0 readelf -d "$(find "$PREFIX" -name 'libgalley.so')"
  assert_contains "$output" "[libgalley.so.0]"
}

# Compiles the first argument as C with what pkg-config says and the further arguments.
compile() {
  local pkg
  pkg=$(dirname "$(find "$PREFIX" -name galley.pc)")
  printf '%s\n' "$1" >program.c
  local flags
  flags=$(PKG_CONFIG_PATH=$pkg pkg-config --cflags --libs galley)
  # shellcheck disable=SC2086 # flags are words
  cc -std=c11 -Wall -Wextra -Werror program.c -o program "${@:2}" $flags
}

@test "a C program builds with pkg-config, opens :memory: and enqueues" {
  compile '
    #include <galley.h>
    #include <stdio.h>

    int main(void) {
      struct galley *q = NULL;
      struct galley_options options = {.flags = GALLEY_OPEN_CREATE};
      struct galley_spec spec = GALLEY_SPEC_INIT;
      int64_t id = 0;
      enum galley_rc rc = galley_open(&q, ":memory:", &options);
      spec.kind = "greet";
      spec.payload = "{\"name\": \"world\"}";
      if (rc == GALLEY_OK)
        rc = galley_enqueue(q, &spec, &id, NULL);
      if (rc != GALLEY_OK)
        fprintf(stderr, "%s\n", q == NULL ? galley_rc_text(rc) : galley_errmsg(q));
      else
        printf("job %lld of galley %s\n", (long long)id, galley_version());
      galley_close(q);
      return galley_rc_exit(rc);
    }'
  LD_LIBRARY_PATH=$(dirname "$(find "$PREFIX" -name libgalley.so)") run -0 ./program
  assert_contains "$output" "job 1 of galley "
}

@test "the header serves C++ too" {
  command -v c++ >/dev/null || skip "there is no C++ compiler"
  printf '#include <galley.h>\nint main() { return galley_version() == nullptr; }\n' >program.cc
  c++ -std=c++11 -Wall -Werror -I"$PREFIX/include" -fsyntax-only program.cc
}

@test "the README's C example builds and runs" {
  sed -n '/^```c$/,/^```$/p' "$SOURCE_DIR/README.md" | sed '1d;$d' >example.c
  [ -s example.c ]
  compile "$(cat example.c)"
  LD_LIBRARY_PATH=$(dirname "$(find "$PREFIX" -name libgalley.so)") run -0 ./program
  "$GALLEY" --database galley.db list --json | grep -q '"kind"'
}

@test "the installed galley looks for its worker program below its prefix too" {
  local worker=${PREFIX#"$DIR/root"}/libexec/galley/galley-worker
  [ ! -e "$worker" ] || skip "$worker is there, and would be started"
  cp "$PREFIX/bin/galley" alone
  ./alone --database "$DB" init
  run -66 ./alone --database "$DB" work --drain
  assert_contains "$output" "$worker"
}

@test "the installed programs work" {
  printf '[kind.greet]\nprogram = /bin/cat\n' >galley.ini
  "$PREFIX/bin/galley" --database "$DB" init
  "$PREFIX/bin/galley" --database "$DB" enqueue greet '{"name": "world"}'
  run -0 "$PREFIX/bin/galley" --database "$DB" work --drain
  assert_sql "SELECT state FROM jobs" done
}

@test "galley starts without the libraries that only the worker needs" {
  run -0 readelf -d "$PREFIX/bin/galley"
  assert_not_contains "$output" libcurl
  assert_not_contains "$output" libev
  run -0 readelf -d "$PREFIX/libexec/galley/galley-worker"
  assert_contains "$output" libcurl
}
