# The same bytes whatever the processor's level, the compiler, the locale, the time zone, the umask and the C library's choice
# of routines. SPDX-License-Identifier: MIT
. tests/lib/tap.sh
want=$("$B" tests/lib/hashes.lua 2>&1)
if [ "$(wc -l <<<"$want")" -gt 500 ]; then pass "hashes of every row"; else fail "hashes of every row" "$want"; fi
here=$want

# differing NAME: compare with what the build here says
compare() { if [ "$2" = "$here" ]; then pass "$1"; else fail "$1" "$(diff <(echo "$here") <(echo "$2") | head -n 12)"; fi; }
compare "locale" "$(LC_ALL=de_DE.UTF-8 LANG=tr_TR.UTF-8 LC_NUMERIC=de_DE.UTF-8 "$B" tests/lib/hashes.lua 2>&1)"
compare "POSIX locale, another time zone" "$(LC_ALL=C TZ=Pacific/Kiritimati "$B" tests/lib/hashes.lua 2>&1)"
compare "umask" "$(umask 077; "$B" tests/lib/hashes.lua 2>&1)"
compare "no FMA in the C library" "$(GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4,-AVX512F "$B" tests/lib/hashes.lua 2>&1)"
compare "another folder" "$(cd / && LUA_PATH="$root/tests/lib/?.lua" "$B" "$root/tests/lib/hashes.lua" 2>&1)"
compare "aggressive collector" "$(BRINK_GC=hostile "$B" tests/lib/hashes.lua 2>&1)"

# has FLAG: of this processor
has() { grep -m 1 '^flags' /proc/cpuinfo | grep -qw "$1"; }
# variant NAME MAKE-ARGUMENTS...
variant() {
  local name=$1 dir="$tmp/build"
  shift
  rm -rf "$dir"
  if nice make -j2 DEPS=skip BUILD="$dir" "$@" "$dir/brink" >"$tmp/log" 2>&1; then
    compare "$name" "$("$dir/brink" tests/lib/hashes.lua 2>&1)"
  else
    fail "$name" "does not build: $(tail -n 3 "$tmp/log" | tr '\n' '|')"
  fi
}
if [ "$(uname -m)" = x86_64 ]; then
  variant "level x86-64" LEVEL=x86-64
  if has avx2 && has fma && has bmi2; then variant "level x86-64-v3" LEVEL=x86-64-v3; else skip "level x86-64-v3" "not on this processor"; fi
  if has avx512bw && has avx512vl && has avx512dq && has avx512cd; then variant "level x86-64-v4" LEVEL=x86-64-v4; else skip "level x86-64-v4" "not on this processor"; fi
else
  skip "levels of x86" "another processor"
fi
if have clang && [ "$(echo 'int main(void){return 0;}' | clang -x c - -o "$tmp/probe" 2>&1)$?" = 0 ]; then variant "clang" CC=clang; else skip "clang" "no clang here"; fi
done_testing
