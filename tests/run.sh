#!/bin/sh
# Run every test (or those whose file name contains $2) of the build in $1, as many at a time as there are cores.
# Each test file is a process printing TAP. What failed is told again, in full, before the last line: the true totals.
# TESTS: other files than all of them, run in their order. CAP: seconds a file may take. SPDX-License-Identifier: MIT
build=$1 only=$2
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
export LUA_PATH="tests/lib/?.lua;;" BRINK="$build/brink" BRINK_SO="$build/brink.so" build out
export BRINK_LUA=${BRINK_LUA-}
export TSAN_OPTIONS="${TSAN_OPTIONS:+$TSAN_OPTIONS:}suppressions=$PWD/tests/tsan.supp"

# one FILE: run it; its lines go to $tap.tap, what a reader of a failure needs to $tap.why
one() {
  name=$(basename "$1")
  tap=$out/$(printf '%s' "$1" | tr / +)
  began=$(date +%s)
  # a caller in the background, or one that ignores signals, must not change what the tests see
  limit="timeout -k 10 ${CAP:-540}"
  env --default-signal=INT,PIPE true 2>/dev/null && limit="env --default-signal=INT,PIPE $limit"
  case $1 in
    *.lua) $limit "$build/brink" "$1" >"$tap.tap" 2>"$tap.err" </dev/null ;;
    *.sh) $limit bash "$1" "$build" >"$tap.tap" 2>"$tap.err" </dev/null ;;
    *) CMOCKA_MESSAGE_OUTPUT=tap $limit "$1" >"$tap.tap" 2>"$tap.err" </dev/null ;;
  esac
  rc=$?
  took=$(($(date +%s) - began))
  planned=$(sed -n 's/^1\.\.\([0-9]*\).*/\1/p' "$tap.tap" | head -n 1)
  seen=$(grep -cE '^(not )?ok ' "$tap.tap")
  bad=$(grep -c '^not ok ' "$tap.tap")
  if [ "$seen" != "${planned:-none}" ] || { [ $rc -ne 0 ] && [ "$bad" -eq 0 ]; }; then
    case $rc in 124 | 137) why=", stopped after $took s" ;; *) why= ;; esac
    echo "not ok - $name ended with status $rc after $seen of ${planned:-?} tests$why" >>"$tap.tap"
    bad=$((bad + 1))
  fi
  if [ "$bad" -gt 0 ]; then
    {
      echo "FAIL $1 ($bad of ${planned:-?}, $took s)"
      grep -A 12 '^not ok' "$tap.tap" | grep -v '^ok ' | cut -c 1-600 | head -n 60 | sed 's/^/  /'
      tail -n 15 "$tap.err" | cut -c 1-300 | sed 's/^/  ! /'
    } >"$tap.why"
    echo "FAIL $1 ($took s)"
  else
    echo "ok   $1 ($seen, $took s)"
  fi
}

if [ -n "$ONE" ]; then
  trap - EXIT
  out=$ONE_OUT
  one "$ONE"
  exit 0
fi

if [ -n "$TESTS" ]; then list=$(printf '%s\n' $TESTS); else list=$({ ls "$build"/tests/*_test; ls tests/lua/*_test.lua tests/shell/*_test.sh; } 2>/dev/null); fi
list=$(printf '%s\n' "$list" | grep -F -- "$only")
printf '%s\n' "$list" | ONE_OUT=$out xargs -P "${JOBS:-$(nproc)}" -I{} env ONE={} sh tests/run.sh "$build" "$only"

cat "$out"/*.tap 2>/dev/null >"$out/all"
failed=$(grep -c '^not ok' "$out/all")
skipped=$(grep -cE '^ok .*# SKIP' "$out/all")
passed=$(($(grep -c '^ok ' "$out/all") - skipped))
grep -hE '^ok .*# SKIP' "$out/all" | sed 's/.*# SKIP/skipped:/' | sort | uniq -c
if [ "$failed" -gt 0 ]; then echo "what failed:"; cat "$out"/*.why; fi
if [ "$skipped" -gt 0 ]; then echo "$passed passed, $failed failed, $skipped skipped"; else echo "$passed passed, $failed failed"; fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
