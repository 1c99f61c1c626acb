-- The prompt: what is printed, completion, thumbnails, interruption. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local complete = require "brink.complete"
local core = require "brink.core"
local inspect = require "brink.inspect"
local picture = require "picture"
local program = require "program"
local repl = require "brink.repl"
local thumbnail = require "brink.thumbnail"

local BRINK, has = program.path, t.has

--- Lines through `brink repl` without a terminal: exit code, stdout, stderr.
local function session(text, ...)
  local base = t.tmp() .. "/session"
  assert(core.file.write(base .. ".in", text))
  local words = { BRINK, "repl", ... }
  local _, _, code = os.execute(("%s <%s.in >%s.out 2>%s.err"):format(table.concat(words, " "), base, base, base))
  return code, core.file.read(base .. ".out"), core.file.read(base .. ".err")
end

t.test("expressions print, statements do not, chunks go over lines", function()
  local code, out, err = session "1 + 1\n=2,nil\nx = 5\nx\nfor k = 1, 2 do\n  io.write(k, ';')\nend\nf = function()\nreturn 'a' end\nf()\nnil\n\n  \nprint 'p'\n_ , 1"
  t.eq({ code, out, err }, { 0, "2\n2\tnil\n5\n1;2;a\nnil\np\nnil\t1\n", "" })
end)

t.test("the public modules are globals, the stock ones stay", function()
  local _, out = session "image.new(2, 3, 1)\nprim.gaussian(2).op\n#augment.list() > 20\nmath.floor(2.5)\nbrink.math.pi > 3\nhelp"
  has(out, "image 2 x 3 x 1 u8\ngaussian\ntrue\n2\ntrue\n")
  has(out, "TAB")
end)

t.test("errors are short, name what was meant, and give exit code 1 without a terminal", function()
  local code, out, err = session "imge.new()\nfunction f() error 'deep' end\nfunction g() f() end\ng()\nx = = 1\nerror{}\nimage.load(nil)\n2"
  t.eq({ code, out }, { 1, "2\n" })
  has(err, "did you mean image?")
  has(err, "repl:1: deep\n")
  has(err, "in function 'f'")
  t.ok(not err:find("brink/repl.lua", 1, true), err)
  t.ok(not err:find("xpcall", 1, true), err)
  has(err, "unexpected symbol near '='")
  t.eq(select(2, session("function r() return 1 + r() end\nr()\n3")), "3\n", "a stack overflow is an error like others")
end)

t.test("an expression after = may go over lines, help takes a bare name", function()
  local code, out, err = session "=1 +\n2\nhelp Hue\n= )"
  t.eq(code, 1)
  has(out, "3\nHue (colour)\n")
  t.eq(err, "repl:1: unexpected symbol near ')'\n")
  local _
  _, _, err = session "=1 +"
  t.eq(err, "repl:1: unexpected symbol near <eof>\n")
end)

t.test("an unfinished chunk at the end is an error", function()
  local code, _, err = session "for k = 1, 2 do"
  t.eq(code, 1)
  has(err, "'end' expected")
end)

t.test("a local is commented on once", function()
  local _, out, err = session "local a = 1\nlocal b = 2\na"
  t.eq(out, "nil\n")
  t.eq(select(2, err:gsub("leave out `local`", "")), 1)
end)

t.test("a recipe before the prompt, LUA_INIT too", function()
  assert(core.file.write(t.tmp() .. "/r.lua", "word = 'w' return { 7 }"))
  local code, out = session("word, recipe[1]", "--recipe", t.tmp() .. "/r.lua")
  t.eq({ code, out }, { 0, "w\t7\n" })
  local file = io.popen("echo v | LUA_INIT='v = 8' " .. BRINK .. " repl")
  t.eq(file:read "a", "8\n")
  file:close()
end)

-- A line that never ends is run at the prompt, a signal ends it, and the prompt goes on; @BODY@ keeps the thread sanitizer awake.
local function interrupted(line)
  -- the prompt says its process id, the shell sends the signal while the loop turns
  local script = t.tmp() .. "/int.sh"
  os.execute("rm -f " .. t.tmp() .. "/pipe " .. t.tmp() .. "/int.*")
  -- the thread sanitizer holds signals back until the next library call
  local body = BRINK:find("tsan", 1, true) and "io.stdout:flush()" or ""
  assert(core.file.write(script, ([[
set -m # else a background process ignores SIGINT
mkfifo %s/pipe
%s repl <%s/pipe >%s/int.out 2>%s/int.err &
pid=$!
trap 'kill -9 $pid 2>/dev/null' EXIT
trap 'exit 1' TERM
exec 3>%s/pipe
printf 'io.write("go\\n") io.stdout:flush() @LINE@\n' >&3
while ! grep -q go %s/int.out; do sleep 0.05; done
kill -INT $pid
while ! grep -q interrupted %s/int.err; do sleep 0.05; done
printf '6 * 7\n' >&3
exec 3>&-
wait $pid
echo "$?" >%s/int.rc
]]):gsub("@LINE@", line):gsub("@BODY@", body):format((function() local d = t.tmp() return d, BRINK, d, d, d, d, d, d, d end)())))
  os.execute("timeout 60 bash " .. script)
  has(core.file.read(t.tmp() .. "/int.out"), "42\n")
  t.eq(core.file.read(t.tmp() .. "/int.rc"), "1\n", "the interrupted line counts as failed")
end

t.test("Ctrl-C ends what runs and not the prompt", function() interrupted "while true do @BODY@ end" end)

t.test("one Ctrl-C ends a loop that catches every error, too", function()
  interrupted "while true do pcall(function() while true do @BODY@ end end) end"
  interrupted "while true do pcall(brink.map, { 1 }, function() while true do pcall(function() while true do @BODY@ end end) end end) end"
  interrupted "while true do pcall(function() brink.core.async.sleep(0.01) end) end"
end)

t.test("on a terminal: prompts, completion, history and thumbnails", function()
  local edits = false
  for _, f in ipairs(core.version.features) do edits = edits or f.name == "libedit" and f.present end
  if not edits then t.skip "built without libedit" end
  if not os.execute "script -qec true /dev/null </dev/null >/dev/null 2>&1" then t.skip "no script(1), or no pseudo terminals" end
  local dir = t.tmp()
  local function typed(keys)
    assert(core.file.write(dir .. "/keys", keys))
    os.execute(("cd %s && LC_ALL=C.UTF-8 TERM=xterm-256color COLORTERM=truecolor NO_COLOR= XDG_STATE_HOME=%s/state timeout 60 script -qec \"$(realpath %s)\" /dev/null <keys >screen 2>&1")
      :format(dir, dir, BRINK:match "^/" and BRINK or "$OLDPWD/" .. BRINK))
    return core.file.read(dir .. "/screen")
  end
  local screen = typed "x = imag\t.ne\t(4, 2, 3)\nx:resi\t(8, 4)\nfor k = 1, 2 do\nprint(k * 21)\nend\n\4"
  has(screen, "TAB completes")
  has(screen, "image 8 x 4 x 3 u8")
  has(screen, "\27[38;2;0;0;0;48;2;0;0;0m▀")
  has(screen, ">> ")
  has(screen, "42")
  has(core.file.read(dir .. "/state/brink/history"), "x:resize(8,")
  screen = typed "\16\16\16\16\16\n\4" -- five lines up: what the last session began with
  has(core.file.read(dir .. "/state/brink/history"):match "[^\n]*\n$", "image.new(4,")
end)

t.test("values are readable and bounded", function()
  t.eq(inspect.text { 1, 2.0, "a\n", { b = true, ["c d"] = 1, [10] = 3 } }, '{ 1, 2.0, "a\\n", { [10] = 3, b = true, ["c d"] = 1 } }')
  t.eq(inspect.text "plain\27[31m\0", "plain\\27[31m\\0", "no control characters reach the terminal")
  t.eq(inspect.text "\255ab", "\\255ab")
  t.eq(inspect.text {}, "{}")
  local self = {}
  self.self = self
  t.eq(inspect.text(self), "{ self = (itself) }")
  local long = {}
  for k = 1, 1e5 do long[k] = { k } end
  local text = inspect.text(long)
  t.ok(#text < 4000, #text)
  has(text, "and 99960 more")
  has(inspect.text(("x"):rep(1e6)), "and 996000 bytes")
  t.eq(inspect.text(setmetatable({}, { __tostring = function() return "me" end })), "me")
  has(inspect.text(setmetatable({}, { __tostring = function() error "no" end })), "{}")
  has(inspect.text(setmetatable({}, { __index = function() error "touched" end, __pairs = function() error "touched" end, __len = function() error "touched" end })), "{}")
  local deep = {}
  for _ = 1, 1000 do deep = { deep } end
  has(inspect.text(deep), "{ ... 1 }")
  t.eq(inspect.text(-0.0), "-0.0")
  t.eq(inspect.text(0 / 0):gsub("-", ""), "nan")
  t.eq(inspect.text(1 / 0), "inf")
end)

local function names(code, env)
  local list, length = complete.candidates(code, env or repl.environment())
  return table.concat(list, " "), length
end

t.test("names, methods, fields and keywords are completed", function()
  local env = { image = brink.image, prim = brink.prim, x = picture.draw(4, 4), brink = brink, study = { a = {} } }
  t.eq({ names("im", env) }, { "image", 2 })
  t.eq((names("print(ima", env)), "image")
  t.eq((names("func", env)), "function")
  t.eq({ names("x:res", env) }, { "resize", 3 })
  t.eq((names("x.wi", env)), "width")
  t.eq((names("x:wi", env)), "", "a field is no method")
  t.eq((names("brink.image.lo", env)), "load")
  t.eq((names("image.load 'a.png':conv", env)), "convert convolve", "what a call gives is most often an image")
  t.eq((names("('a'):up", env)), "", "unless it is plainly not")
  t.eq((names("nosuch.thing.", env)), "")
  t.eq((names("a..b", env)), "")
  t.eq((names("1.", env)), "")
  t.eq((names("-- im", env)), "")
  t.eq((names("", env)), "")
end)

t.test("augmentations and parameters are completed where they belong", function()
  local env = { image = brink.image, prim = brink.prim, brink = brink }
  t.eq((names("x:apply{ GaussianB", env)), "GaussianBlur = ")
  t.eq((names("x:apply { Hue = .1, GaussianB", env)), "GaussianBlur = ")
  t.eq((names("x:apply({ Hue = .1,\n PixelDr", env)), "PixelDropout = ")
  t.eq((names("x:apply{ Hue = GaussianB", env)), "", "a value is no key")
  t.eq((names("augment.get 'GaussianB", env)), "GaussianBlur")
  t.eq((names("x:apply{ GaussianBlur = { si", env)), "sigma = ", "a row's parameters in its table")
  t.eq((names("x:apply{ Hue = .1, MultiplicitiveNoise={ spread = 1, sp", env)), "spread = ")
  t.eq((names("x:apply{ Nosuch = { si", env)), "")
  t.eq((names("y{ GaussianBlur = { si", env)), "", "nor where no row is expected")
  t.eq((names("prim.gaussian{ si", env)), "sigma = ")
  t.eq((names("brink.augmenter{ pre", env)), "predict = ")
  t.eq((names("aug:search(data, { strat", env)), "strategy = ")
end)

t.test("file names are completed inside quotes", function()
  local dir = t.tmp() .. "/files"
  assert(core.file.mkdirs(dir .. "/folder"))
  for _, name in ipairs { "one.png", "one two.png", ".hidden", "bad\"quote", "new\nline" } do assert(core.file.write(dir .. "/" .. name, "")) end
  t.eq((names(('image.load "%s/fo'):format(dir))), dir .. "/folder/")
  t.eq((names(('image.load "%s/on'):format(dir))), dir .. "/one two.png " .. dir .. "/one.png")
  t.eq((names(('image.load "%s/'):format(dir))), dir .. "/folder/ " .. dir .. "/one two.png " .. dir .. "/one.png")
  t.eq((names('image.load "/no/such/folder/x')), "")
end)

t.test("completion calls nothing", function()
  local touched = false
  local trap = setmetatable({}, { __index = function() touched = true return {} end, __pairs = function() touched = true end, __len = function() touched = true return 0 end,
    __name = 7 })
  local env = setmetatable({ trap = trap }, { __index = function() touched = true end })
  for _, code in ipairs { "trap.", "trap.a.b", "trap:", "tr", "nothing.x", "trap.x:y" } do complete.candidates(code, env) end
  t.ok(not touched, "a metamethod ran")
  local loop = setmetatable({}, {})
  getmetatable(loop).__index = loop
  t.eq((names("loop.x", { loop = loop })), "", "a circle ends")
end)

t.test("the completer replaces what the editor asks for", function()
  local fn = complete.completer({ image = brink.image, x = picture.draw(2, 2) })
  t.eq(fn("x:res", "y = x:res", 5, 9), { "x:resize" }, "the editor's word is longer than ours")
  t.eq(fn("two.png", 'f "a two.png', 6, 12), {})
  local before = complete.completer({}, function() return "x:apply{\n" end)
  t.eq(before("PixelDr", "PixelDr", 1, 7), { "PixelDropout = " })
end)

t.test("thumbnails: two pixels in a character, in 24 bits or 256 colours", function()
  local im = core.image.new(2, 3, 3, "u8", 255)
  t.eq(thumbnail.text(im, "24"), "\27[38;2;255;255;255;48;2;255;255;255m▀▀\27[0m\n\27[38;2;255;255;255;49m▀▀\27[0m")
  has(thumbnail.text(im, "256"), "38;5;231;48;5;231m")
  t.eq(thumbnail.colour256(0, 0, 0), 16)
  t.eq(thumbnail.colour256(255, 0, 0), 196)
  t.eq(thumbnail.colour256(128, 128, 128), 244)
  for _, shape in ipairs { { 1, 1, 1, "u8" }, { 1, 900, 2, "u8" }, { 900, 1, 4, "u8" }, { 500, 400, 3, "f32" }, { 40, 40, 6, "f32" } } do
    local text = thumbnail.text(core.image.new(table.unpack(shape)), "24", 30, 10)
    local _, lines = text:gsub("\n", "")
    t.ok(lines < 10, "rows")
    for line in text:gmatch "[^\n]+" do t.ok(utf8.len((line:gsub("\27%[[%d;]*m", ""))) <= 30, "columns") end
  end
end)

t.test("what a terminal can show", function()
  local function ability(env) return thumbnail.ability(function(name) return env[name] end) end
  t.eq(ability { LANG = "en_US.UTF-8", TERM = "xterm-256color", COLORTERM = "truecolor" }, "24")
  t.eq(ability { LANG = "de_DE.utf8", TERM = "xterm-256color" }, "256")
  t.eq(ability { LANG = "C.UTF-8", TERM = "xterm" }, nil)
  t.eq(ability { LANG = "C.UTF-8", LC_ALL = "C", TERM = "xterm-256color" }, nil)
  t.eq(ability {}, nil)
end)

t.test("--thumbnails shows pictures without a terminal", function()
  local _, out = session("image.new(4, 4, 3)", "--thumbnails", "256")
  has(out, "image 4 x 4 x 3 u8\n\27[38;5;16")
  t.ok(not select(2, session "image.new(4, 4, 3)"):find("\27", 1, true))
end)

t.done()
