# A folder full of traps, as another user: the run ends soon, the good pictures are used, every other entry is named.
# SPDX-License-Identifier: MIT
. tests/lib/tap.sh
maker=$data/corpora/tools/mkfstree.sh
if [ ! -r "$maker" ] || ! have python3; then
  skip "hostile folder" "no maker of it here"
  done_testing
  exit
fi
chmod 755 "$tmp"
photos "$tmp/good" 1
good=$(ls "$tmp"/good/odd/*.png)
as=
if [ "$(id -u)" -eq 0 ] && have setpriv; then as="setpriv --reuid=65534 --regid=65534 --clear-groups"; fi
if ! bash "$maker" "$tmp/tree" "$good" >"$tmp/made" 2>&1; then
  skip "hostile folder" "its maker failed: $(tail -n 1 "$tmp/made")"
  done_testing
  exit
fi
[ -n "$as" ] && chown -R -h 65534:65534 "$tmp/tree" 2>/dev/null
mkdir "$tmp/out" && chmod 777 "$tmp/out"
cat >"$tmp/r.lua" <<'L'
return { predict = function() return "x" end, labels = false, augmentations = { "Brighten" }, search = { step = 0.5 } }
L
chmod 644 "$tmp/r.lua"
cd "$tmp/out" || exit 1
timeout 60 $as "$tmp/brink" search ../tree --recipe ../r.lua --store a.db --json -q >out.json 2>err </dev/null
rc=$?
case $rc in 0 | 4) pass "it ends (status $rc)" ;; *) fail "it ends" "status $rc" "$(tail -n 3 err)" ;; esac
for name in empty.png dir.jpg fifo.jpg self.png dangling.jpg dev_zero.png sparse10G.png sock.jpg noperm.png link_to_etc.jpg; do
  case $name in dir.jpg) continue ;; esac # a folder, whatever its name
  [ $name = noperm.png ] && [ -z "$as" ] && continue
  ok "named: $name" grep -qF "$name" out.json
done
ok "no control byte reaches the terminal" bash -c '! grep -q "$(printf "\033")" err'
ok "the good picture takes part" grep -qE '"images": *[1-9]' out.json
cd "$root" || exit 1
done_testing
