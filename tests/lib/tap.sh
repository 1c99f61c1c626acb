# TAP for tests in bash: . tests/lib/tap.sh; then ok NAME CONDITION..., skip NAME REASON, done_testing.
# $B: the program, absolute; $tmp: a folder, removed at the end; $data: shared test data. SPDX-License-Identifier: MIT
build=${1:-build}
data=$(realpath -m "${BRINK_TEST_DATA:-../shared/data}")
root=$PWD
tmp=$(mktemp -d) || exit 1
cp "$build/brink" "$tmp/brink" || exit 1 # stays the same if someone builds meanwhile
B=$tmp/brink
trap 'chmod -R u+rwX "$tmp" 2>/dev/null; rm -rf "$tmp"' EXIT
# the helpers of the Lua tests are for the tests; a program run here uses what is built in
export LUA_PATH="$root/tests/lib/?.lua;;" BRINK=$B
count=0 failures=0

have() { command -v "$1" >/dev/null 2>&1; }
note() { printf '# %s\n' "$@"; }
pass() { count=$((count + 1)); echo "ok $count - $1"; }
fail() { count=$((count + 1)) failures=$((failures + 1)); echo "not ok $count - $1"; shift; [ $# -eq 0 ] || printf '# %s\n' "$@"; }
skip() { count=$((count + 1)); echo "ok $count - $1 # SKIP $2"; }
# ok NAME COMMAND...: passes when the command does
ok() { local name=$1; shift; if "$@" >"$tmp/.ok" 2>&1; then pass "$name"; else fail "$name" "$*" "$(head -c 2000 "$tmp/.ok" | tr '\n' '|')"; fi; }
# same NAME A B: equal texts
same() { if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "got      $(head -c 800 <<<"$2" | tr '\n' '|')" "expected $(head -c 800 <<<"$3" | tr '\n' '|')"; fi; }
done_testing() { echo "1..$count"; [ "$failures" -eq 0 ]; }

# can this machine trace its own children?
can_trace() { have strace && timeout 20 strace -f -o /dev/null -e trace=write true >/dev/null 2>&1; }
# a folder of N small pictures drawn by the engine, in two classes
photos() {
  cat >"$tmp/.photos.lua" <<'L'
local core, picture = require "brink.core", require "picture"
for k = 1, tonumber(arg[2]) do
  local dir = arg[1] .. (k % 2 == 0 and "/even" or "/odd")
  assert(core.file.mkdirs(dir))
  assert(picture.draw(40 + k, 32, { key = k }):save(("%s/%02d.png"):format(dir, k)))
end
L
  "$B" "$tmp/.photos.lua" "$1" "$2"
}
# digest of every file below a folder, without the machinery of a run that has ended
tree() { (cd "$1" && find . -type f ! -path '*/.brink/*' ! -name '*-wal' ! -name '*-shm' ! -name '*.db' -print0 | LC_ALL=C sort -z | xargs -0r sha256sum); }
