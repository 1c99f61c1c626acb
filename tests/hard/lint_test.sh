# Rules that a reader cannot keep in mind: order, time and chance in results, warnings of the Lua checker.
# SPDX-License-Identifier: MIT
. tests/lib/tap.sh
# none NAME PATTERN FOLDERS...: no line matches, comments aside
none() {
  local name=$1 pattern=$2 found
  shift 2
  found=$(grep -rnE "$pattern" "$@" | grep -vE '^[^:]+:[0-9]+: *(--|\*|/\*|//)' | head -n 8)
  if [ -z "$found" ]; then pass "$name"; else fail "$name" "$found"; fi
}
none "no chance but brink's own in lua/brink" 'math\.random' --include=*.lua lua/brink
none "no clock in results" 'os\.(time|date|clock)' --include=*.lua lua/brink
none "no libm on result paths in lua/brink" '(^|[^.a-z])math\.(sin|cos|tan|exp|log|pow|atan|asin|acos)\b' --include=*.lua lua/brink
none "no rand, no time of day in the engine" '\b(rand|srand|random|drand48|time|gettimeofday|localtime)\(' --include=*.c engine/base engine/prim engine/plan engine/image engine/codec engine/store engine/labels
none "no libm doubles in the engine" '[^_a-z](sin|cos|tan|exp|log|pow|atan2?|tanh|erf|cbrt|hypot|exp2|log2|log10)\(' --include=*.c engine/prim engine/plan engine/image
none "no text written in pairs order" 'in pairs\(.*(print|write)\(' --include=*.lua lua/brink
none "no paths of one machine" '(^|["'"'"'(= ])/(home|root|work)/[a-z]' --include=*.lua --include=*.c --include=*.h --include=*.sh --include=*.md engine lua examples recipes
missing=$(git ls-files 2>/dev/null | grep -E '\.(c|h|lua|sh)$' | xargs -r grep -L 'SPDX-License-Identifier: MIT')
same "a licence line in every source file" "$missing" ""
if have luacheck; then
  out=$(luacheck lua examples recipes -q --no-color --no-cache --only 0.. 1.. 2>&1)
  if [ $? -le 0 ]; then pass "luacheck"; else fail "luacheck" "$(tail -n 25 <<<"$out" | tr '\n' '|')"; fi
else
  skip "luacheck" "not installed"
fi
done_testing
