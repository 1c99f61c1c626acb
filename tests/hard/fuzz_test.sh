# Each harness of tests/fuzz for a while under the address and undefined behaviour sanitizers. FUZZ_RUNS: inputs to each (20000); FUZZ_SECONDS: at most (60).
# SPDX-License-Identifier: MIT
. tests/lib/tap.sh
seconds=${FUZZ_SECONDS:-60}
flags="-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all"
echo '#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n) { return d && n > 1000000; }' >"$tmp/probe.c"
if ! have clang || ! clang $flags -o "$tmp/probe" "$tmp/probe.c" 2>/dev/null || ! timeout 30 "$tmp/probe" -runs=10 >/dev/null 2>&1; then
  skip "fuzzing" "no clang with libFuzzer here"
  done_testing
  exit
fi
# sanitizers, no libFuzzer main in the engine's objects
if ! make -j2 DEPS=skip CC=clang BUILD="$tmp/build" OPT="-O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" CLONES= "$tmp/build/libbrink.a" >"$tmp/log" 2>&1; then
  fail "the engine builds for fuzzing" "$(tail -n 4 "$tmp/log")"
  done_testing
  exit
fi
libs="$(pkg-config --libs lua5.4 libpng libjpeg libuv sqlite3 libxxhash zlib) $(pkg-config --libs libedit libcurl expat yaml-0.1 2>/dev/null) -lm -ldl -lpthread"
# seeds of HARNESS: a few files of the shared corpora, each behind the option byte of the decoder
seeds() {
  mkdir -p "$tmp/seeds/$1"
  case $1 in
    decode) find "$data/corpora" -type f \( -name '*.png' -o -name '*.jpg' -o -name '*.jpeg' \) -size -9k 2>/dev/null | LC_ALL=C sort | awk 'NR % 4 == 1' | head -n 250 |
      while read -r f; do { printf '\0'; cat "$f"; } >"$tmp/seeds/decode/$(basename "$f")"; done ;;
    json) find "$data/corpora/json" -type f -size -9k -exec cp {} "$tmp/seeds/json/" \; 2>/dev/null ;;
    model) find "$data/models" -name '*.onnx' -size -100k -exec cp {} "$tmp/seeds/model/" \; 2>/dev/null ;;
    exif) printf 'II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0' >"$tmp/seeds/exif/one" ;;
    rle) printf '\10\10888' >"$tmp/seeds/rle/one" ;;
  esac
}
harness() {
  local name=$1
  if ! clang -D_GNU_SOURCE -Iengine $flags -g -O1 -o "$tmp/fuzz-$name" "tests/fuzz/$name.c" "$tmp/build/libbrink.a" $libs >"$tmp/$name.log" 2>&1; then
    echo "does not build: $(tail -n 4 "$tmp/$name.log")" >"$tmp/$name.result"
    return
  fi
  seeds "$name"
  # one seed and a number of inputs, so that the run is the same each time; the time is only a cap
  if (cd "$tmp" && timeout -k 5 $((seconds * 3 + 60)) "./fuzz-$name" -seed=1 -runs="${FUZZ_RUNS:-20000}" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -max_len=9000 -print_final_stats=1 "seeds/$name" >"$name.log" 2>&1 </dev/null); then
    : >"$tmp/$name.result"
  else
    { grep -m 3 -E 'ERROR|SUMMARY|runtime error|libFuzzer' "$tmp/$name.log"; grep -m 8 '^    #' "$tmp/$name.log"; tail -n 2 "$tmp/$name.log"; } >"$tmp/$name.result"
  fi
}
for pair in "decode json" "exif model" "rle"; do
  for name in $pair; do harness "$name" & done
  wait
  for name in $pair; do
    note "$name: $(grep -m 1 number_of_executed_units "$tmp/$name.log" | grep -o '[0-9]*$') inputs"
    if [ -s "$tmp/$name.result" ]; then fail "fuzz $name" "$(cat "$tmp/$name.result")"; else pass "fuzz $name"; fi
  done
done
done_testing
