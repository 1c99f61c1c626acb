-- The main job from the shell: search, report, resume, exit codes, JSON, odd names, installation. SPDX-License-Identifier: MIT
local t = require "check"
local cli = require "brink.cli"
local core = require "brink.core"
local options = require "brink.cli.options"
local program = require "program"

local function absolute(path)
  local f = io.popen("realpath '" .. path .. "'")
  local text = f:read "l"
  f:close()
  return text
end
program.path = absolute(program.path)
local BRINK = program.path

local quoted, has = program.quoted, t.has
local _

--- A fresh folder.
local folders = 0
local function folder()
  folders = folders + 1
  local path = t.tmp() .. "/" .. folders
  assert(core.file.mkdirs(path))
  return path
end

--- Run a shell line in a folder, brink as $B: exit code, stdout, stderr.
local function sh(dir, line)
  return program.shell(("cd %s && B=%s; (%s)"):format(quoted(dir), quoted(BRINK), line))
end

local function brink_in(dir, ...) return sh(dir, program.line(...)) end

local function write(path, text) assert(core.file.write(path, text)) end

--- Twelve flat pictures in dir/data, and recipes beside them.
local function scene()
  local dir = folder()
  assert(core.file.mkdirs(dir .. "/data"))
  for k = 1, 12 do assert(core.image.new(20, 16, 3, "u8", 30 + 6 * k):save(("%s/data/%02d.png"):format(dir, k))) end
  write(dir .. "/r.lua", [[
return { predict = function(image) return image:stats().luma_mean < 140 and "dark" or "bright" end, labels = false,
  augmentations = { "Brighten", "Hue" }, search = { step = 0.1 } }]])
  -- interrupts itself at the prediction INT_AT, or waits for the file named by HOLD
  write(dir .. "/slow.lua", [[
local core = require "brink.core"
local n = 0
return { labels = false, augmentations = { "Brighten", "Hue" }, search = { step = 0.1 }, predict = function(image)
  n = n + 1
  local hold = os.getenv "HOLD"
  if n == tonumber(os.getenv "INT_AT") then io.popen("kill -INT $PPID"):close() end
  if hold then
    core.file.write("held", "")
    while core.file.info(hold).type == "missing" do core.async.sleep(0.01) end
  end
  return image:stats().luma_mean < 140 and "dark" or "bright"
end }]])
  return dir
end

t.test("search, then report: files are made and named", function()
  local dir = scene()
  local code, out, err = brink_in(dir, "search", "data", "--recipe", "r.lua")
  t.eq(code, 0, err)
  has(err, "12 images, 2 augmentations, 2 sides: at most")
  has(out, "12 images, baseline error 0.000")
  t.ok(out:find("Brighten", 1, true) < out:find("Hue", 1, true), "most fragile first")
  has(out, "store     analysis.db\nanalysis  analysis.json\n")
  t.ok(core.json.decode(core.file.read(dir .. "/analysis.json")))
  code, out, err = brink_in(dir, "report", "analysis.db")
  t.eq({ code, out, err }, { 0, "analytics/index.html\n", "" })
  t.ok(core.file.info(dir .. "/analytics/index.html").size > 1000)
  local page = core.file.read(dir .. "/analytics/index.html")
  code, out = brink_in(dir, "report", "analysis.json", "-o", "other page")
  t.eq({ code, out }, { 0, "other page/index.html\n" })
  t.ok(core.file.read(dir .. "/other page/index.html") == page, "the same study, the same page")
end)

t.test("a finished search only prints; other data or options are refused with what differs", function()
  local dir = scene()
  local _, first = brink_in(dir, "search", "data", "--recipe", "r.lua")
  local json = core.file.read(dir .. "/analysis.json")
  write(dir .. "/never.lua", core.file.read(dir .. "/r.lua"))
  local code, again = brink_in(dir, "search", "data", "--recipe", "r.lua")
  t.eq({ code, again, core.file.read(dir .. "/analysis.json") == json }, { 0, first, true })
  local function refuses(part, ...)
    local c, _, err = brink_in(dir, "search", "data", "--recipe", "r.lua", ...)
    t.eq(c, 3)
    has(err, part)
  end
  refuses("other data", "--samples", "5")
  refuses("step 0.1", "--step", "0.2")
  refuses("seed", "--seed", "other")
  assert(core.image.new(20, 16, 3):save(dir .. "/data/13.png"))
  refuses("12 samples")
end)

t.test("Ctrl-C keeps what is done, says how to go on, and the end is the same", function()
  local dir = scene()
  local code, _, err = sh(dir, "INT_AT=30 $B search data --recipe slow.lua")
  t.eq(code, 130, err)
  has(err, "analysis.db holds what is done; run the same command again to go on")
  code, _, err = brink_in(dir, "report", "analysis.db")
  t.eq(code, 3)
  has(err, "has not finished")
  t.eq((brink_in(dir, "search", "data", "--recipe", "slow.lua", "-q")), 0)
  local json = core.file.read(dir .. "/analysis.json")
  t.eq((brink_in(dir, "search", "data", "--recipe", "slow.lua", "--store", "whole.db", "--threads", "1")), 0)
  t.ok(core.file.read(dir .. "/whole.json") == json)
  code, _, err = sh(dir, "INT_AT=30 $B search data --recipe slow.lua --store none")
  t.eq(code, 130)
  has(err, "nothing is kept without --store")
end)

t.test("options of the command line come before the recipe's", function()
  local dir = scene()
  local code, out = brink_in(dir, "search", "data", "--recipe", "r.lua", "--augment", "Hue", "--step", "0.25", "--strategy", "grid", "--samples", "4",
    "--onset", "0.1", "--break", "0.4", "--store", "x.db", "--out", "y.json", "--report", "page", "--seed", "s", "--threads", "2", "-q", "--max-failures", "0")
  t.eq(code, 0)
  has(out, "4 images")
  has(out, "store     x.db\nanalysis  y.json\nreport    page/index.html\n")
  local a = core.json.decode(core.file.read(dir .. "/y.json"))
  t.eq({ a.settings.step, a.settings.strategy, a.settings.onset, a.settings.break_at, a.set_size, #a.curves }, { 0.25, "grid", 0.1, 0.4, 4, 1 })
  t.eq(a.settings.seed, "s")
  t.eq(core.file.info(dir .. "/analysis.db").type, "missing")
end)

t.test("the analysis on standard output, and nowhere", function()
  local dir = scene()
  local code, out, err = brink_in(dir, "search", "data", "--recipe", "r.lua", "-o", "-", "--store", "none")
  t.eq(code, 0)
  t.eq(core.json.decode(out).set_size, 12)
  has(err, "baseline error")
  t.eq((brink_in(dir, "search", "data", "--recipe", "r.lua", "-o", "none", "--store", "none")), 0)
  t.eq(core.file.list(dir), { "data", "r.lua", "slow.lua" })
  t.eq((brink_in(dir, "search", "data", "--json", "-o", "-")), 2)
end)

t.test("estimate says how many and does nothing", function()
  local dir = scene()
  local code, out = brink_in(dir, "search", "data", "--recipe", "r.lua", "--estimate")
  t.eq(code, 0)
  has(out, "at most ")
  local e = core.json.decode(select(2, brink_in(dir, "search", "data", "--recipe", "r.lua", "--estimate", "--json"))).estimate
  t.eq({ e.samples, e.axes, e.ticks }, { 12, 2, 10 })
  t.eq(core.file.list(dir), { "data", "r.lua", "slow.lua" })
end)

t.test("a model in Lua, a strategy in Lua, data from the recipe, an augmenter from the recipe", function()
  local dir = scene()
  write(dir .. "/m.lua", "return function(image) return image:stats().luma_mean < 140 and 'dark' or 'bright' end")
  write(dir .. "/s.lua", "return function(axis) if axis.state.done then return end axis.state.done = true return { axis:ask(1) } end")
  local code, _, err = brink_in(dir, "search", "data", "--model", "m.lua", "--labels", "none", "--augment", "Brighten,Hue", "--augment", "Darken", "--strategy", "s.lua",
    "--store", "a.db")
  t.eq(code, 0, err)
  has(err, "3 augmentations")
  write(dir .. "/d.lua", "local r = dofile 'r.lua' r.data = 'data' return r")
  t.eq((brink_in(dir, "search", "--recipe", "d.lua", "--store", "b.db")), 0)
  write(dir .. "/a.lua", "return require 'brink'.augmenter { predict = function() return 'x' end, labels = false, augmentations = { 'Hue' } }")
  code, _, err = brink_in(dir, "search", "data", "--recipe", "a.lua", "--store", "c.db")
  t.eq(code, 0, err)
  write(dir .. "/f.lua", "return function() return 'x' end")
  t.eq((brink_in(dir, "search", "data", "--recipe", "f.lua", "--labels", "none", "--augment", "Hue", "--store", "d.db")), 0)
end)

t.test("a study with a recipe's own row, without the recipe: said in a line, the rest goes on", function()
  local dir = scene()
  write(dir .. "/own.lua", [[local brink = require "brink"
    brink.augmentation { name = "Veil", family = "tone", doc = "d", params = { amount = { off = 0, full = 0.9, unit = "of full scale" } },
      plan = function(p) return { brink.prim.gain_offset { gain = 1 - p.amount, offset = p.amount } } end }
    return { predict = function(image) return image:stats().luma_mean < 128 and "dark" or "bright" end, labels = false, augmentations = { "Veil", "Brighten" } }]])
  t.eq((brink_in(dir, "search", "data", "--recipe", "own.lua", "--step", "0.25", "--store", "own.db")), 0)
  for _, line in ipairs { { "report", "own.db", "-o", "page" }, { "synth", "data", "--study", "own.db", "--count", "1", "-o", "made" } } do
    local code, _, err = brink_in(dir, table.unpack(line))
    t.eq(code, 0, err)
    has(err, "own.db: Veil: no augmentation of this name here; --recipe FILE names the recipe that defines it\n")
    t.ok(not err:find("traceback", 1, true), err)
    line[#line + 1], line[#line + 2] = "--recipe", "own.lua"
    code, _, err = brink_in(dir, table.unpack(line))
    t.eq(code, 0, err)
    t.ok(not err:find("Veil", 1, true), err)
  end
end)

t.test("folders as labels", function()
  local dir = folder()
  for _, class in ipairs { "dark", "bright" } do
    assert(core.file.mkdirs(dir .. "/set/" .. class))
    for k = 1, 4 do assert(core.image.new(8, 8, 3, "u8", class == "dark" and 20 + k or 200 + k):save(("%s/set/%s/%d.png"):format(dir, class, k))) end
  end
  write(dir .. "/m.lua", "return function(image) return image:stats().luma_mean < 140 and 'dark' or 'bright' end")
  local code, _, err = brink_in(dir, "search", "set", "--model", "m.lua", "--labels", "folder", "--augment", "Brighten")
  t.eq(code, 0, err)
  t.eq((brink_in(dir, "search", "set", "--model", "m.lua", "--labels", "folder", "--augment", "Brighten", "--diff", "confidence", "--store", "d.db")), 0)
  code, _, err = brink_in(dir, "search", "set", "--model", "m.lua", "--diff", "equla")
  t.eq(code, 2)
  has(err, "did you mean equal?")
  local a = core.json.decode(core.file.read(dir .. "/analysis.json"))
  t.eq({ a.baseline, a.settings.label_free, #a.classes }, { 0.0, false, 2 })
end)

t.test("the built-in recogniser needs nothing but pictures", function()
  local dir = folder()
  assert(core.file.mkdirs(dir .. "/data"))
  local picture = require "picture"
  for k = 1, 3 do assert(picture.draw(60 + k, 50):save(("%s/data/%d.png"):format(dir, k))) end
  local code, out, err = brink_in(dir, "search", "data", "--augment", "GaussianBlur", "--step", "0.25")
  t.eq(code, 0, err)
  has(out, "3 images")
end)

t.test("every option of the Lua call has one on the command line", function()
  local as = { json = "out", rows = "augment", break_at = "break", progress = "quiet", predict = "model", diff_error = "diff", augmentations = "augment" }
  local have = {}
  for _, row in ipairs(options.rows(cli.command "search")) do have[row.name] = true end
  for _, list in ipairs { require "brink.search".options, require "brink.augmenter".fields } do
    for _, name in ipairs(list) do
      local option = as[name] or name:gsub("_", "-")
      t.ok(have[option], ("search lacks --%s for %s"):format(option, name))
    end
  end
end)

t.test("exit codes say what went wrong", function()
  local dir = scene()
  local function leaves(want, part, ...)
    local code, out, err = brink_in(dir, ...)
    t.eq(code, want, table.concat({ ... }, " ") .. ": " .. err)
    has(err, part)
    t.eq(out, "")
    t.ok(not err:find("stack traceback", 1, true), err)
  end
  leaves(2, "no option --stpe; did you mean --step?", "search", "data", "--stpe", ".1")
  leaves(2, "which data?", "search")
  leaves(2, "one DATA expected, got 2", "search", "data", "r.lua")
  leaves(2, "--step: 3 is outside 0.001..0.5", "search", "data", "--step", "3")
  leaves(2, "no strategy \"gird\"; did you mean grid?", "search", "data", "--strategy", "gird")
  leaves(2, "no augmentation Hua; did you mean Hue?", "search", "data", "--augment", "Hue,Hua")
  leaves(2, "onset: 0.5 is above break_at", "search", "data", "--onset", ".5", "--break", ".3")
  leaves(2, "--model: json:1:", "search", "data", "--model", "{")
  leaves(2, "nosuch", "search", "data", "--format", "nosuch")
  leaves(3, "none: no such file or folder", "search", "none")
  leaves(3, "none.lua", "search", "data", "--recipe", "none.lua")
  leaves(3, "none.db", "report", "none.db")
  leaves(3, "r.lua", "report", "r.lua")
  leaves(2, "one STUDY expected, got 0", "report")
  leaves(5, "r.lua", "search", "data", "--recipe", "r.lua", "-q", "--store", "r.lua/x.db")
  assert(core.file.mkdirs(dir .. "/empty"))
  leaves(3, "empty: no picture in it", "search", "empty")
  write(dir .. "/bad.lua", "return { predcit = print }")
  leaves(2, "bad.lua: returns a field predcit that nothing reads; did you mean predict?", "search", "data", "--recipe", "bad.lua")
  write(dir .. "/syntax.lua", "return {")
  leaves(1, "syntax.lua:1:", "search", "data", "--recipe", "syntax.lua")
end)

t.test("too many bad files, and a model that fails, have exit codes of their own", function()
  local dir = scene()
  for k = 1, 3 do write(("%s/data/bad%d.png"):format(dir, k), "not a picture") end
  local code, out, err = brink_in(dir, "search", "data", "--recipe", "r.lua", "--store", "a.db")
  t.eq(code, 0)
  has(out, "12 images")
  has(err, "3 failures:")
  has(err, "bad1.png")
  code, _, err = brink_in(dir, "search", "data", "--recipe", "r.lua", "--store", "b.db", "--max-failures", "2")
  t.eq(code, 4)
  has(err, "3 failures, at most 2 allowed")
  t.eq((brink_in(dir, "search", "data", "--recipe", "r.lua", "--store", "c.db", "--max-failures", "3")), 0)
  write(dir .. "/fails.lua", "return { predict = function() error 'out of order' end, labels = false, augmentations = { 'Hue' } }")
  code, _, err = brink_in(dir, "search", "data", "--recipe", "fails.lua", "--store", "d.db")
  t.eq(code, 7)
  has(err, "out of order")
  assert(core.file.mkdirs(dir .. "/junk"))
  write(dir .. "/junk/a.png", "junk")
  code, _, err = brink_in(dir, "search", "junk", "--recipe", "r.lua", "--store", "e.db")
  t.eq(code, 4)
  has(err, "no sample could be measured")
end)

t.test("a store in use is locked", function()
  local dir = scene()
  local code, out, err = sh(dir, [[
    HOLD=go $B search data --recipe slow.lua -q >/dev/null & pid=$!
    while [ ! -e held ]; do sleep 0.02; done
    $B search data --recipe slow.lua -q; echo "rc $?"
    touch go
    wait $pid]])
  t.eq({ code, out }, { 0, "rc 6\n" }, err)
  has(err, "analysis.db")
end)

t.test("a diff_error that gives no number names sample and value", function()
  local dir = scene()
  write(dir .. "/diff.lua", "return { predict = function() return 'x' end, labels = false, diff_error = function() return 2 end, augmentations = { 'Hue' } }")
  local code, _, err = brink_in(dir, "search", "data", "--recipe", "diff.lua", "-q")
  t.eq(code, 1)
  has(err, "01.png: diff_error gave 2, a number in 0..1 expected")
end)

t.test("--json prints one object with a version and the documented fields", function()
  local dir = scene()
  local runs = {
    { "search", "data", "--recipe", "r.lua" }, { "report", "analysis.db" }, { "list" }, { "list", "Hue" },
    { "apply", "Hue=.2", "data", "out/" }, { "show", "Hue=.2", "data/01.png" },
  }
  for _, words in ipairs(runs) do
    local code, out, err = brink_in(dir, table.unpack(table.move({ "--json" }, 1, 1, #words + 1, words)))
    t.eq(code, 0, err)
    local object = assert(core.json.decode(out))
    t.eq({ object.version, object.command }, { 1, words[1] })
    local documented = { version = true, command = true }
    for _, field in ipairs(cli.command(words[1]).json) do documented[field[1]] = true end
    for key in pairs(object) do t.ok(documented[key], words[1] .. ": " .. key .. " is not documented") end
  end
  local code, out = brink_in(dir, "--version", "--json")
  t.eq({ code, core.json.decode(out).version }, { 0, 1 })
end)

t.test("every command with --json describes it, and brink help json shows all", function()
  local _, text = brink_in(".", "help", "json")
  for _, name in ipairs(cli.commands()) do
    local command = cli.command(name)
    for _, row in ipairs(command.options or {}) do
      if row.name == "json" then
        t.ok(command.json and #command.json > 0, name .. ": no description of its JSON")
        has(text, "\n" .. name .. "\n")
      end
    end
  end
  for line in text:gmatch "[^\n]+" do t.ok(#line <= 80, "line too long: " .. line) end
end)

t.test("odd file names", function()
  local dir = folder()
  local names = { "-lead.png", "new\nline.png", "sp ace.png", "'quote\".png", "b\255d.png", "ünï.png", "$(x).png", "a=b.png" }
  assert(core.file.mkdirs(dir .. "/-odd dir"))
  for k, name in ipairs(names) do assert(core.image.new(16, 12, 3, "u8", 20 * k):save(dir .. "/-odd dir/" .. name)) end
  write(dir .. "/-odd dir/-bad\255.png", "bad")
  write(dir .. "/r.lua", "return { predict = function(im) return im:stats().luma_mean < 100 and 'd' or 'b' end, labels = false, augmentations = { 'Brighten' } }")
  local code, out, err = brink_in(dir, "search", "--recipe", "r.lua", "--json", "--", "-odd dir")
  t.eq(code, 0, err)
  local object = assert(core.json.decode(out))
  t.eq({ object.images, #object.failures }, { #names, 1 })
  t.ok(core.json.decode(core.file.read(dir .. "/analysis.json")))
  t.eq((brink_in(dir, "report", "analysis.db")), 0)
  code, out, err = brink_in(dir, "apply", "Brighten=.2", "--json", "--", "-odd dir", "-out/")
  t.eq(code, 3, "one of them is no picture")
  t.eq(#core.json.decode(out).files, #names + 1)
  t.eq(#core.file.list(dir .. "/-out"), #names, err)
  t.eq((brink_in(dir .. "/-odd dir", "apply", "Brighten=.2", "--", "-lead.png", "-made.png")), 0)
  t.eq((brink_in(dir .. "/-odd dir", "apply", "Brighten=.2", "./a=b.png", "made2.png")), 0)
end)

t.test("a closed standard output is quiet", function()
  local dir = scene()
  local code, out, err = sh(dir, "$B list | head -1; $B help | head -1; $B search data --recipe r.lua -q | true; $B help --man | head -1")
  t.eq(code, 0)
  t.eq(err, "")
  has(out, "tone\n")
  code, _, err = sh(dir, "$B search data --recipe r.lua -q >/dev/full")
  t.eq(code, 5)
  has(err, "standard output")
end)

t.test("text from -e and from standard input", function()
  local dir = folder()
  write(dir .. "/helper.lua", "return 'helped'")
  local code, out, err = brink_in(dir, "-e", "print(require 'helper', arg[1], ...)", "one", "--two")
  t.eq({ code, out, err }, { 0, "helped\tone\tone\t--two\n", "" })
  code, out = sh(dir, "echo 'print(#arg, ...) os.exit(7)' | $B - a b")
  t.eq({ code, out }, { 7, "2\ta\tb\n" })
  t.eq(select(2, sh(dir, "printf '#!/usr/bin/env brink\\nprint(debug.getinfo(1).currentline)' | $B -")), "2\n")
  code, _, err = brink_in(dir, "-e", "x =")
  t.eq(code, 1)
  has(err, "(command line):1:")
  t.eq((brink_in(dir, "-e")), 2)
  code, _, err = brink_in(dir, "-e", "error 'mine'")
  t.eq(code, 1)
  has(err, "mine")
end)

t.test("quiet, verbose and colour", function()
  local dir = scene()
  local code, out, err = brink_in(dir, "search", "data", "--recipe", "r.lua", "-q")
  t.eq({ code, err }, { 0, "" })
  t.ok(not out:find("\27", 1, true))
  has(select(2, brink_in(dir, "search", "data", "--recipe", "r.lua", "-q", "--color", "always")), "\27[1m")
  has(select(2, brink_in(dir, "search", "data", "--recipe", "r.lua", "-q", "--color=never")), "augmentation ")
  _, _, err = brink_in(dir, "list", "-v")
  has(err, "of processor time")
  _, _, err = brink_in(dir, "search", "none", "-v")
  has(err, "stack traceback")
  code, _, err = brink_in(dir, "list", "--color", "mauve")
  t.eq(code, 2)
  has(err, "auto, always, never")
end)

t.test("the manual page and the completion come from the option rows", function()
  local dir = folder()
  local code, man, err = brink_in(dir, "help", "--man")
  t.eq({ code, err }, { 0, "" })
  local _, bash = brink_in(dir, "completion", "bash")
  for _, name in ipairs(cli.commands()) do
    for _, row in ipairs(options.rows(cli.command(name))) do
      has(man, (("--" .. row.name):gsub("%-", "\\-")))
      has(bash, "--" .. row.name)
    end
  end
  write(dir .. "/brink.1", man)
  write(dir .. "/brink.bash", bash)
  local warned
  code, _, warned = sh(dir, "command -v groff >/dev/null || exit 99; groff -man -Tutf8 -ww brink.1 >/dev/null")
  if code ~= 99 then t.eq({ code, warned }, { 0, "" }) end
  local function completes(want, ...)
    local words = { "brink", ... }
    for k, w in ipairs(words) do words[k] = quoted(w) end
    local c, out, e = sh(dir, ("bash --norc -c %s"):format(quoted(("source ./brink.bash; COMP_WORDS=(%s); COMP_CWORD=%d; _brink; printf '%%s\\n' \"${COMPREPLY[@]}\"")
      :format(table.concat(words, " "), #words - 1))))
    t.eq({ c, out, e }, { 0, want .. "\n", "" })
  end
  completes("search", "sea")
  completes("--step\n--strategy\n--store", "search", "--st")
  completes("GaussianBlur\nGaussianNoise", "search", "--augment", "Gauss")
  completes("always", "list", "--color", "al")
  completes("brink.1\nbrink.bash", "report", "bri")
  t.eq((brink_in(dir, "completion")), 2)
  code, _, err = brink_in(dir, "completion", "fish")
  t.eq(code, 2)
  has(err, "fish")
end)

t.test("installs into a folder, works from there, and leaves nothing behind", function()
  local dir = folder()
  local build = os.getenv "build" or "build"
  local function make(target)
    local log = t.tmp() .. "/make.log"
    local ok = os.execute(("make -s %s DEPS=skip BUILD=%s DESTDIR=%s PREFIX=/usr >%s 2>&1"):format(target, quoted(build), quoted(dir .. "/root"), log))
    t.ok(ok, core.file.read(log))
  end
  make "install"
  for _, path in ipairs { "bin/brink", "lib/lua/5.4/brink.so", "share/man/man1/brink.1", "share/bash-completion/completions/brink", "share/brink/LICENSE",
    "share/brink/meta/brink.lua" } do
    t.ok((core.file.info(dir .. "/root/usr/" .. path).size or 0) > 500, path)
  end
  local code, out = sh(dir, "root/usr/bin/brink list Hue")
  t.eq(code, 0)
  has(out, "Hue (colour)")
  local module
  code, module, out = sh(dir, "LUA_CPATH=root/usr/lib/lua/5.4/?.so lua5.4 -e 'local b = require \"brink\" io.write(tostring(b.image.new(2, 3, 1)))'")
  if not out:find "[Ss]anitizer" and not out:find "lib[at]san" and not out:find "ASan" then
    t.eq({ code, module }, { 0, "image 2 x 3 x 1 u8" }, out)
  end
  make "uninstall"
  code, out = sh(dir, "find root -type f")
  t.eq({ code, out }, { 0, "" })
end)

t.done()
