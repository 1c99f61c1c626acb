# A search and a synthesis killed at many points and gone on with give the bytes of the undisturbed run, whatever the number
# of threads. The points are calls that change the disk, spread over the whole run, where strace is there, else moments.
# SPDX-License-Identifier: MIT
. tests/lib/tap.sh
exec 2>/dev/null # the shell's own words about killed children
photos "$tmp/photos" 10
cat >"$tmp/recipe.lua" <<'L'
return {
  predict = function(image)
    local s = image:stats()
    return s.luma_mean + s.dev[1] < 150 and "odd" or "even"
  end,
  labels = "folder", augmentations = { "Brighten", "Hue", "GaussianNoise", "Rotate" }, search = { step = 0.1 },
}
L
search() { # folder, threads, words before the program
  mkdir -p "$tmp/$1" && (cd "$tmp/$1" && shift && t=$1 && shift && exec "$@" "$B" search ../photos --recipe ../recipe.lua --store a.db -o a.json --report page --threads "$t" -q >/dev/null 2>>err)
}
synth() { mkdir -p "$tmp/$1" && (cd "$tmp/$1" && shift && t=$1 && shift && exec "$@" "$B" synth ../photos --recipe ../recipe.lua --study ../search1/a.db -n 60 --total -o gen --threads "$t" -q >/dev/null 2>>err); }
result() { tree "$tmp/$1" | grep -v ' ./err$'; }

ok "a search runs" search search1 1
ok "a synthesis runs" synth synth1 1
for what in search synth; do
  want=$(result ${what}1)
  for t in 2 8; do
    $what $what$t $t
    same "$what: $t threads give the same bytes" "$(result $what$t)" "$want"
  done
done

seed=20240607
random() { seed=$(((seed * 1103515245 + 12345) % 2147483648)) r=$((1 + seed / 65536 % $1)); } # 1..N, in $r: a subshell would draw the same each time
calls=write,pwrite64,fsync,fdatasync,rename,linkat,unlink,mkdir
# calls_of WHAT: "call n" a line, in the order in which the first thread of an undisturbed run does them
calls_of() {
  $1 count "2" strace -f -qq -o "$tmp/trace" -e trace=$calls
  rm -rf "$tmp/count"
  awk 'NR == 1 { first = $1 } $1 == first && match($2, /^[a-z0-9]+\(/) { call = substr($2, 1, RLENGTH - 1); print call, ++n[call] }' "$tmp/trace"
}
if can_trace; then how=strace; else how=moments; note "no strace: killed at moments"; fi
for what in search synth; do
  want=$(result ${what}1) killed=0 bad= total=0
  if [ $how = strace ]; then
    calls_of $what >"$tmp/points"
    total=$(wc -l <"$tmp/points")
    if [ "$total" -ge 20 ]; then pass "$what: has points to be killed at"; else fail "$what: has points to be killed at" "$total"; fi
  fi
  for k in $(seq 20); do
    dir=cut$what$k threads=$((k % 3 == 0 ? 8 : k % 3))
    # one kill in the k-th twentieth of the run, another early in the run that goes on, then the end
    for round in 1 2; do
      if [ $how = strace ]; then
        if [ $round = 1 ]; then random $((total / 20)); at=$(((k - 1) * total / 20 + r)); else random $((total / 3)); at=$r; fi
        read -r call n < <(sed -n "${at}p" "$tmp/points")
        $what $dir $threads strace -f -qq -o /dev/null -e trace="$call" -e inject="$call":signal=KILL:when="$n"
      else
        random 40
        $what $dir $threads timeout --foreground -s KILL "0.$(printf %02d "$r")"
      fi
      rc=$?
      case $rc in 137) killed=$((killed + 1)) ;; 0) ;; *) bad="$bad $k:$rc" ;; esac
    done
    $what $dir $((k % 2 + 1)) || bad="$bad $k:end:$?"
    [ "$(result $dir)" = "$want" ] || bad="$bad $k:differs"
    rm -rf "${tmp:?}/$dir"
  done
  note "$what: killed $killed times in 40 starts, of $total points"
  same "$what: killed at 20 random points and resumed, byte-equal" "$bad" ""
  if [ $how = strace ]; then ok "$what: starts were killed indeed ($killed of 40)" test $killed -ge 10; fi
done

# SIGINT: 130, and the same command goes on
cat >"$tmp/int.lua" <<'L'
local n = 0
local r = dofile "../recipe.lua"
local predict = r.predict
r.predict = function(image)
  n = n + 1
  if n == tonumber(os.getenv "INT_AT") then io.popen(("kill -%s $PPID"):format(os.getenv "SIGNAL")):close() end
  return predict(image)
end
return r
L
for pair in INT:130 TERM:143; do
  mkdir -p "$tmp/sig${pair%:*}"
  (cd "$tmp/sig${pair%:*}" && INT_AT=60 SIGNAL=${pair%:*} "$B" search ../photos --recipe ../int.lua --store a.db -o a.json --report page -q >/dev/null 2>err)
  same "search: SIG${pair%:*} ends it with ${pair#*:}" $? "${pair#*:}"
  (cd "$tmp/sig${pair%:*}" && INT_AT=0 SIGNAL=INT "$B" search ../photos --recipe ../int.lua --store a.db -o a.json --report page -q >/dev/null 2>err)
  same "search: resumed after SIG${pair%:*}" $? 0
done
same "search: the two resumed ones agree" "$(result sigINT)" "$(result sigTERM)"
done_testing
