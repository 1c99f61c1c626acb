# The pages in a real browser, from file://, with names and labels made to break out: nothing is asked of a network, nothing is
# said on the console, no dialog, no script, every picture shows. SPDX-License-Identifier: MIT
. tests/lib/tap.sh
browser=
for name in chromium chromium-browser google-chrome; do have $name && browser=$name && break; done
if [ -z "$browser" ]; then
  skip "pages in a browser" "no chromium here"
  done_testing
  exit
fi
cd "$tmp" || exit 1

# the browser's own protocol over two pipes, a message ends with a zero byte; all that arrives is kept in $said, a line each
mkfifo to from
exec 8<>to 9<>from
HOME=$tmp XDG_CONFIG_HOME=$tmp XDG_CACHE_HOME=$tmp timeout 240 $browser --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-extensions --no-first-run \
  --disable-background-networking --disable-component-update --disable-sync --disable-quic --user-data-dir="$tmp/profile" \
  --remote-debugging-pipe about:blank 3<&8 4>&9 8<&- 9<&- >browser.out 2>&1 &
browser_pid=$!
stop() { kill "$browser_pid"; wait "$browser_pid"; } 2>/dev/null
id=0 said=$tmp/said session=
: >"$said"
# call METHOD PARAMS: leaves the answer in $answer
call() {
  id=$((id + 1))
  printf '{"id":%d,%s"method":"%s","params":%s}\0' $id "${session:+\"sessionId\":\"$session\",}" "$1" "${2:-{\}}" >&8
  while IFS= read -r -t 60 -d '' answer <&9; do
    printf '%s\n' "$answer" >>"$said"
    case $answer in *'"method":"Page.javascriptDialogOpening"'*) printf '{"id":9999,"sessionId":"%s","method":"Page.handleJavaScriptDialog","params":{"accept":false}}\0' "$session" >&8 ;; esac
    case $answer in '{"id":'$id,*) return 0 ;; esac
  done
  answer=
  return 1
}
# wait_for TEXT: until such an event has come since the last visit
wait_for() {
  grep -q "$1" "$said" && return
  while IFS= read -r -t 60 -d '' answer <&9; do
    printf '%s\n' "$answer" >>"$said"
    case $answer in *'"method":"Page.javascriptDialogOpening"'*) printf '{"id":9999,"sessionId":"%s","method":"Page.handleJavaScriptDialog","params":{"accept":false}}\0' "$session" >&8 ;; esac
    case $answer in *"$1"*) return 0 ;; esac
  done
  return 1
}
field() { grep -o "\"$1\":\"[^\"]*\"" <<<"$answer" | head -n 1 | cut -d '"' -f 4; }
call Target.createTarget '{"url":"about:blank"}' && call Target.attachToTarget "{\"targetId\":\"$(field targetId)\",\"flatten\":true}"
session=$(field sessionId)
for domain in Page Network Runtime Log; do call $domain.enable; done
if [ -z "$session" ] || [ -z "$answer" ]; then
  skip "pages in a browser" "$browser does not run here: $(tail -n 1 browser.out | cut -c 1-100)"
  stop
  done_testing
  exit
fi

# visit FILE: what happens when the page is opened, pointed at and scrolled, one line an offence
look='(function () {
  var bad = [], all = Array.from(document.querySelectorAll("*"));
  all.forEach(function (e) {
    if (/^(script|iframe|object|embed|base|form|link)$/i.test(e.tagName)) bad.push("element " + e.tagName);
    Array.from(e.attributes).forEach(function (a) {
      if (/^on/i.test(a.name)) bad.push("handler " + a.name + " of " + e.tagName);
      if (/^(href|xlink:href|src|action|formaction|data)$/i.test(a.name) && /^\s*(javascript|vbscript):/i.test(a.value)) bad.push(a.name + " runs code");
      if (/^(src|srcset|data|poster)$/i.test(a.name) && !/^data:image\//.test(a.value) && !/^[^:]+\.(png|jpg)$/.test(decodeURI(a.value))) bad.push(a.name + " " + a.value.slice(0, 60));
    });
    ["mouseover", "focus", "click"].forEach(function (kind) { if (e.tagName !== "A") e.dispatchEvent(new Event(kind)); });
  });
  Array.from(document.images).forEach(function (p) { p.loading = "eager"; });
  scrollTo(0, 1e9);
  return Promise.all(Array.from(document.images).map(function (p) {
    return p.decode().catch(function () { bad.push("picture does not show: " + String(p.getAttribute("src")).slice(0, 60)); });
  })).then(function () {
    if (/pwned/.test(document.title) || window.pwned) bad.push("script has run");
    performance.getEntriesByType("resource").forEach(function (r) { if (!/^(data|file):/.test(r.name)) bad.push("asked for " + r.name); });
    return [document.images.length + " pictures, " + document.body.innerText.length + " characters"].concat(bad).join("\n");
  });
})()'
quote() { "$B" -e 'io.write(require("brink.core").json.encode(io.read("a")))'; }
expression=$(quote <<<"$look")
visit() {
  : >"$said"
  call Page.navigate "{\"url\":\"file://$1\"}" && wait_for '"method":"Page.loadEventFired"'
  call Runtime.evaluate "{\"expression\":$expression,\"awaitPromise\":true,\"returnByValue\":true}" || echo "no answer"
  "$B" -e 'local core = require "brink.core"
    for line in io.lines(arg[1]) do
      local m = core.json.decode(line)
      local p = m and m.params or {}
      if m == nil then print "not JSON"
      elseif m.method == "Network.requestWillBeSent" then
        local url = p.request.url
        if url:sub(1, 5) ~= "data:" and url:sub(1, 7) ~= "file://" then print("request " .. url:sub(1, 80)) end
      elseif m.method == "Page.javascriptDialogOpening" then print("dialog " .. p.message)
      elseif m.method == "Runtime.consoleAPICalled" then print("console " .. p.type)
      elseif m.method == "Runtime.exceptionThrown" then print("exception " .. p.exceptionDetails.text)
      elseif m.method == "Log.entryAdded" then print("log " .. p.entry.text:sub(1, 200))
      elseif m.result and m.result.result and m.result.result.value then print(m.result.result.value)
      elseif m.result and m.result.exceptionDetails then print("the look fails: " .. core.json.encode(m.result.exceptionDetails))
      end
    end' "$said"
}

# the test can see what it is for
cat >bad.html <<'H'
<title>x</title><img src="http://127.0.0.1:9/x.png" onerror="document.title='pwned'"><img src="gone.png"><script>console.error("e"); alert("hello")</script>
H
seen=$(visit "$tmp/bad.html")
for word in "request http://127.0.0.1:9/x.png" "dialog hello" "console error" "script has run" "element SCRIPT" "handler onerror" "picture does not show: gone.png"; do
  case $seen in *"$word"*) pass "a page that misbehaves is seen: $word" ;; *) fail "a page that misbehaves is seen: $word" "$seen" ;; esac
done

# pictures and classes with such names; a folder and a file in it together spell a closing tag
cat >make.lua <<'L'
local core, picture = require "brink.core", require "picture"
local classes = { "<script>window.pwned=1<", "\"><img src=x onerror=\"document.title='pwned'\">", "' onmouseover='window.pwned=1", "--><svg onload=alert(1)>" }
local files = {
  "script>.png", "</style><style>@import url(http:".. "a).png", "a\nb\rc\tnew.png", "\27[31m\27]0;pwned\7.png", "\u{202E}gnp.exe.png", "\xff\xfe\x80.png", "{{title}} %s %d ${x}.png",
  "javascript:alert(1).png", "&lt;b&gt;&amp;#39;.png", "x\" style=\"background:url(data:,).png", "--.png", ".. .png",
}
local n = 0
for c, class in ipairs(classes) do
  for k = 1, #files do
    local file = files[k]:gsub("/", "")
    assert(core.file.mkdirs("photos/" .. class))
    if (k + c) % 2 == 0 then
      n = n + 1
      assert(picture.draw(48, 40, { key = n }):save("photos/" .. class .. "/" .. file, { format = "png" }))
    end
  end
end
assert(core.file.write("photos/" .. classes[1] .. "/broken<b onclick=alert(1)>.png", "no picture"))
L
"$B" make.lua || fail "pictures with such names"
strings=$data/corpora/names/blns.json
[ -r "$strings" ] || { strings=; note "no list of awkward strings here: the test's own only"; }
cat >recipe.lua <<'L'
local core = require "brink.core"
words = { "<script>window.pwned=1</script>", "</td></table><iframe src=http://127.0.0.1:9/>", "\" onfocus=\"alert(1)\" autofocus=\"", "]]><!--", "\0\1\27[0m", "<base href=http://127.0.0.1:9/>" }
local path = os.getenv "STRINGS"
if path ~= "" then for _, s in ipairs((assert(core.json.decode((assert(core.file.read(path))))))) do words[#words + 1] = s end end
local step = tonumber(os.getenv "STEP")
return {
  predict = function(image, sample)
    local s = image:stats()
    if s.luma_mean < 140 then return sample.label end
    return words[1 + math.floor(s.luma_mean * 1000 * step) % #words]
  end,
  labels = "folder", augmentations = { "Brighten", "Hue" }, search = { step = 0.1 },
}
L
run() { STRINGS=$strings STEP=$1 "$B" search photos --recipe recipe.lua --store "$2.db" -o "$2.json" --report "$2" -q >"$2.out" 2>&1; }
run 1 one
rc=$?
case $rc in 0 | 4) pass "a search over them" ;; *) fail "a search over them" "status $rc" "$(tail -n 4 one.out)" ;; esac
run 7 two
STRINGS=$strings STEP=1 "$B" synth photos --recipe recipe.lua --study one.db -n 24 --predict -o gen -q >synth.out 2>&1
case $? in 0 | 4) pass "a synthesis from them" ;; *) fail "a synthesis from them" "$(tail -n 4 synth.out)" ;; esac
"$B" compare one.db two.db -o compare --trust-errors -q >compare.out 2>&1
same "a comparison" "$?" 0

# every awkward string once, as (part of) a class
cat >classes.lua <<'L'
local core, picture = require "brink.core", require "picture"
dofile "recipe.lua" -- sets words
assert(core.file.mkdirs "small")
for k = 0, 39 do
  local path = ("small/%02d.png"):format(k)
  if core.file.info(path).type == "missing" then assert(picture.draw(16, 16, { key = k + 1 }):save(path)) end
end
return {
  predict = function(image, sample) return image:stats().luma_mean < 150 and sample.label or words[1] end,
  labels = function(path)
    local label = {}
    for k = 1 + tonumber(path:match "%d+"), #words, 40 do label[#label + 1] = words[k] end
    return table.concat(label, " ")
  end,
  augmentations = { "Brighten" }, search = { step = 0.2 },
}
L
STRINGS=$strings STEP=1 "$B" classes.lua && STRINGS=$strings STEP=1 "$B" search small --recipe classes.lua --store all.db -o all.json --report all -q >all.out 2>&1
same "a search with every awkward string in a class" "$?" 0

for page in one/index.html all/index.html gen/preview.html compare/index.html; do
  seen=$(visit "$tmp/$page")
  note "$page: $(head -n 1 <<<"$seen")"
  same "$page: no request, console, dialog, script; every picture shows" "$(tail -n +2 <<<"$seen")" ""
  case $(head -n 1 <<<"$seen") in [0-9]*" pictures, "[1-9]??*" characters") pass "$page: has pictures and text" ;; *) fail "$page: has pictures and text" "$seen" ;; esac
done
stop
cd "$root" || exit 1
done_testing
