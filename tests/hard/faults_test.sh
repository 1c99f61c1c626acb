# Disks that are full, fail or interrupt: the run ends with one of its exit codes, never by a signal, and the same command
# afterwards gives the bytes of the undisturbed run. SPDX-License-Identifier: MIT
. tests/lib/tap.sh
exec 2>/dev/null # the shell's own words about children
photos "$tmp/photos" 6
cat >"$tmp/recipe.lua" <<'L'
return {
  predict = function(image) return image:stats().luma_mean < 110 and "odd" or "even" end,
  labels = "folder", augmentations = { "Brighten", "Hue" }, search = { step = 0.2 },
}
L
search() { mkdir -p "$tmp/$1" && (cd "$tmp/$1" && shift && exec "$@" "$B" search ../photos --recipe ../recipe.lua --store a.db -o a.json --report page --threads 2 -q >/dev/null 2>>err); }
synth() { mkdir -p "$tmp/$1" && (cd "$tmp/$1" && shift && exec "$@" "$B" synth ../photos --recipe ../recipe.lua -n 12 --total -o gen --threads 2 -q >/dev/null 2>>err); }
result() { tree "$tmp/$1" | grep -v ' ./err$'; }
search whole-search && synth whole-synth || fail "undisturbed runs"
documented() { case $1 in 0 | 1 | 3 | 4 | 5 | 6 | 7 | 8) ;; *) return 1 ;; esac; }

points=0
# disturbed WHAT WORDS...: one run with these words before the program, one without
disturbed() {
  local what=$1 rc
  shift
  points=$((points + 1))
  rm -rf "$tmp/d"
  $what d "$@"
  rc=$?
  documented $rc || bad="$bad [$* rc $rc: $(tail -c 300 "$tmp/d/err" | tr '\n' '|')]"
  $what d || bad="$bad [$* then rc $?: $(tail -c 300 "$tmp/d/err" | tr '\n' '|')]"
  [ "$(result d)" = "$(result whole-$what)" ] || bad="$bad [$* differs]"
}

if can_trace; then
  for what in search synth; do
    for fault in ENOSPC EIO EINTR EDQUOT; do
      bad=
      for call in write pwrite64 fsync fdatasync rename openat close; do
        case $fault:$call in EINTR:fsync | EINTR:fdatasync | EINTR:rename | EINTR:close | EDQUOT:close | ENOSPC:close | ENOSPC:fsync | ENOSPC:fdatasync | EDQUOT:f*) continue ;; esac
        # write also wakes threads, which never fails in the world; full disks are below
        [ $call = write ] && [ $fault != EINTR ] && continue
        # the first calls of openat, close and write belong to the loader
        case $call in openat | close) list="57 70 95" ;; *) list="1 4 11" ;; esac
        for n in $list; do disturbed $what strace -f -qq -o /dev/null -e trace=$call -e inject=$call:error=$fault:when=$n; done
      done
      same "$what: $fault" "$bad" ""
    done
  done
else
  skip "failing system calls" "no strace here"
fi

for what in search synth; do
  bad=
  for kib in 1 2 4 8 16 24 32 48 64; do disturbed $what bash -c "ulimit -f $kib; exec \"\$@\"" limited; done
  same "$what: a limit on the size of files" "$bad" ""
done
if [ "$(id -u)" -eq 0 ] && mkdir -p "$tmp/small" && mount -t tmpfs -o size=64k none "$tmp/small" 2>/dev/null; then
  umount "$tmp/small"
  for what in search synth; do
    bad=
    for kib in 4 32 64 128 256; do
      mkdir -p "$tmp/d" && mount -t tmpfs -o size=${kib}k none "$tmp/d"
      $what d
      rc=$?
      documented $rc || bad="$bad [$kib KiB: rc $rc]"
      mount -o remount,size=64m "$tmp/d" && $what d || bad="$bad [$kib KiB then rc $?]"
      [ "$(result d)" = "$(result whole-$what)" ] || bad="$bad [$kib KiB differs]"
      umount "$tmp/d"
    done
    same "$what: a full disk, then a larger one" "$bad" ""
  done
else
  skip "a full disk" "no file system may be mounted here"
fi

cd "$tmp" || exit 1
"$B" list >/dev/full 2>err
same "standard output is full" $? 5
"$B" search photos --recipe recipe.lua --store full.db -o /dev/full -q >/dev/null 2>err
same "the analysis goes to a full device" $? 5
ok "which stays one" test -c /dev/full
"$B" list 2>err | head -n 1 >/dev/null
same "a closed standard output is a quiet end" "$(cat err)" ""
cd "$root" || exit 1
note "$points points"
done_testing
