# The k-th allocation fails, alone or with all that follow: the run ends with one of its exit codes, never by a signal.
# Build with a sanitizer to see leaks. SPDX-License-Identifier: MIT
. tests/lib/tap.sh
photos "$tmp/photos" 3
one=$(ls "$tmp"/photos/odd/*.png | head -n 1)
cat >"$tmp/recipe.lua" <<'L'
return {
  predict = function(image) return image:stats().luma_mean < 110 and "odd" or "even" end,
  labels = "folder", augmentations = { "Brighten", "GaussianBlur" }, search = { step = 0.5, strategy = "grid" },
}
L
cat >"$tmp/all.lua" <<'L'
local brink = require "brink"
local core = brink.core
local function try(fn, ...)
  local ok, value, message = pcall(fn, ...)
  if not ok and not tostring(value):find("memory", 1, true) then error(value, 0) end
  if ok and value == nil and not tostring(message):find("memory", 1, true) then error(tostring(message), 0) end
  return ok and value or nil
end
local im = try(core.image.load, arg[1])
if im then
  for _, row in ipairs(brink.augment.list()) do
    local plan = try(brink.augment.plan, row, 0.6, brink.augment.context(im, 1, "s", 0))
    if plan then try(im.run, im, plan) end
  end
  for _, format in ipairs { "png", "jpeg" } do try(im.encode, im, format) end
  try(im.save, im, arg[2])
  try(im.resize, im, 17, 9)
end
try(core.json.decode, [==[{"a":[1,2.5,"x",{"b":null}]}]==])
L

everything() { "$B" all.lua "$one" out.png; }
apply() { "$B" apply GaussianBlur=0.5 Hue=.3 "$one" out2.png; }
search() { rm -f a.db* a.json; "$B" search photos --recipe recipe.lua --store a.db -o a.json --threads 1 -q; }
synth() { rm -rf gen; "$B" synth photos --recipe recipe.lua -n 3 -o gen --threads 1 -q --no-preview; }
report() { "$B" report whole.db -o page; }
documented() { case $1 in 0 | 1 | 2 | 3 | 4 | 5 | 7 | 8) ;; *) return 1 ;; esac; }

cd "$tmp" || exit 1
"$B" search photos --recipe recipe.lua --store whole.db -o whole.json -q >/dev/null 2>err || fail "undisturbed search"
dense=${DENSE:-30}
points=0
# sweep NAME VARIABLE SCENARIO LAST
sweep() {
  local name=$1 variable=$2 scenario=$3 last=$4 k plus rc bad=
  for plus in "" +; do
    k=1
    while [ "$k" -le "$last" ]; do
      (export "$variable=$k$plus"; $scenario >out 2>err)
      rc=$?
      points=$((points + 1))
      if ! documented $rc || grep -q 'Sanitizer\|runtime error' err; then bad="$bad [$k$plus: rc $rc $(grep -m 3 'Sanitizer\|runtime error\|brink' err | head -c 400 | tr '\n' '|')]"; fi
      [ "$k" -lt "$dense" ] && k=$((k + 1)) || k=$((k + k / 5 + 1))
    done
  done
  same "$name" "$(head -c 3000 <<<"$bad")" ""
}
sweep "engine: every row, codecs, JSON" BRINK_FAIL_ALLOC everything 1500
sweep "engine: apply" BRINK_FAIL_ALLOC apply 100
sweep "engine: search" BRINK_FAIL_ALLOC search 3000
sweep "engine: synth" BRINK_FAIL_ALLOC synth 1000
sweep "engine: report" BRINK_FAIL_ALLOC report 600
sweep "Lua: apply" BRINK_FAIL_LUA apply 60000
sweep "Lua: search" BRINK_FAIL_LUA search 120000
sweep "Lua: synth" BRINK_FAIL_LUA synth 120000
sweep "Lua: report" BRINK_FAIL_LUA report 90000

# what a starved search left is gone on with as if nothing had been: it stored no answer that memory gave
for k in 150+ 400+ 700+ 1000 1000+ 1500+ 2200+; do
  rm -f a.db* a.json
  BRINK_FAIL_ALLOC=$k "$B" search photos --recipe recipe.lua --store a.db -o a.json -q >out 2>err
  "$B" search photos --recipe recipe.lua --store a.db -o a.json -q >out 2>err
  same "a search starved at allocation $k goes on to the same result" "$(cksum <a.json)" "$(cksum <whole.json)"
done

note "$points points"
cd "$root" || exit 1
done_testing
