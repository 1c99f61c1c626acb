-- Conditions on studies: the language, its figures by hand, exit codes, JUnit. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local core = brink.core
local gate = require "brink.gate"
local memory = require "brink.search.memory"
local program = require "program"
local study = require "brink.study"

local function bounds(onset, break_)
  return { onset = onset, onset_lo = onset - 0.05, onset_hi = onset + 0.05, onset_found = true, break_ = break_, break_lo = break_ - 0.1, break_hi = break_ + 0.1,
    break_found = break_ < 1, islands = {}, cliff = false }
end

local function points(...)
  local out = {}
  for k, p in ipairs { ... } do out[k] = { i = p[1], error = p[2], rise = p[2] - 0.1, lo = p[2] - 0.15, hi = p[2] - 0.05, n = 10, complete = true } end
  out[1].lo, out[1].hi = 0.0, 0.0
  return out
end

-- A study by hand: clean error 1 of 10.
local function made(change)
  local store = memory.new()
  for n = 1, 10 do store:put { row = "(clean)", side = "", i = 0, sample = n, error = n == 1 and 1 or 0 } end
  local a = { settings = { onset = 0.02, break_at = 0.49, seed = 1, label_free = false }, baseline = 0.1, failures = {}, identity = { data = "d" }, version = 1, curves = {
    { name = "GaussianBlur", side = "", family = "blur", bounds = bounds(0.2, 0.4), points = points({ 0, 0.1 }, { 0.5, 0.6 }, { 1, 1 }) },
    { name = "MotionBlur", side = "", family = "blur", bounds = bounds(0.3, 0.35), points = points({ 0, 0.1 }, { 1, 0.3 }) },
    { name = "Hue", side = "+", family = "colour", bounds = bounds(0.5, 1.0), points = points({ 0, 0.1 }, { 0.5, 0.2 }) },
    { name = "Hue", side = "-", family = "colour", bounds = bounds(0.6, 0.7), points = points({ 0, 0.1 }, { 1, 0.9 }) },
  } }
  if change then change(a) end
  return study.new(store, a)
end

local function holds(text, opts)
  local v, message = gate.check(made(), text, opts)
  if not v then error(message, 2) end
  t.eq(#v.checks, 1)
  t.eq(v.passed, not v.checks[1].failed)
  return v.checks[1].failed
end

t.test("rows, sides, families and any, by hand", function()
  for text, want in pairs {
    ["GaussianBlur.break < 0.4"] = false, ["GaussianBlur.break <= 0.4"] = true, ["GaussianBlur.break < .41"] = true,
    ["gaussianblur.break<.41"] = true, ['"GaussianBlur".break < 0.41'] = true,
    ["blur.break < 0.36"] = true, ["blur.break < 0.35"] = false, ["blur.onset > 0.19"] = true, ["blur.onset > 0.2"] = false,
    ["Hue.onset < 0.55"] = true, ["Hue.+.onset < 0.55"] = true, ["Hue.-.onset < 0.55"] = false, ["Hue.-.break < 0.71"] = true,
    ["any.onset < 0.21"] = true, ["any.onset < 0.2"] = false, ["all.onset >= 0.2"] = true, ["all.onset > 0.2"] = false, ["any.-.onset < 0.55"] = false,
    ["GaussianBlur.error@0.5 > 0.59"] = true, ["GaussianBlur.error@0.25 > 0.36"] = false, ["GaussianBlur.error@0.25 >= 0.34"] = true,
    ["GaussianBlur.rise@0.5 > 0.49"] = true, ["GaussianBlur.rise@0.5 > 0.51"] = false, ["blur.error@1 > 0.99"] = true,
    ["Hue.+.error@0.9 > 0.19"] = true, ["Hue.+.error@0.9 > 0.21"] = false,
    -- .5 (.1 + .6) / 2 + .5 (.6 + 1) / 2
    ["GaussianBlur.auc > 0.574"] = true, ["GaussianBlur.auc > 0.576"] = false, ["MotionBlur.auc > 0.199"] = true, ["MotionBlur.auc > 0.201"] = false,
    ["clean > 0.09"] = true, ["clean > 0.1"] = false, ["Hue.baseline >= 0.1"] = true,
    ["GaussianBlur.break - GaussianBlur.onset < 0.21"] = true, ["any.break - any.onset < 0.06"] = true, ["any.break - any.onset < 0.04"] = false,
    ["GaussianBlur.break * 2 > 0.79 and Hue.-.onset > 1"] = false, ["GaussianBlur.break < 0.1 or Hue.-.onset > 0.5 and clean > 0"] = true,
    ["(GaussianBlur.break + 0.2) / 2 <= 0.31"] = true, ["-GaussianBlur.break > -0.41"] = true, ["2 - 1 - 1 >= 0 and clean<1"] = true, ["1e-1 < clean+.01"] = true,
  } do t.eq(holds(text), want, text) end
end)

t.test("against a baseline", function()
  local base = made(function(a)
    a.curves[1].bounds = bounds(0.3, 0.4)
    a.curves[4] = nil
    a.baseline = 0.05
  end)
  for text, want in pairs {
    ["GaussianBlur.onset < baseline"] = true, ["GaussianBlur.onset < baseline - 0.09"] = true, ["GaussianBlur.onset < baseline -.11"] = false,
    ["any.onset < baseline - 0.05"] = true, ["any.break < baseline - 0.05"] = false, ["any.onset < baseline.break - 0.19"] = true,
    ["blur.break < 0.9 * baseline"] = false, ["GaussianBlur.onset < baseline.MotionBlur.onset"] = true, ["clean > baseline + 0.04"] = true,
    ["clean > baseline.clean + 0.06"] = false, ["Hue.+.onset < baseline"] = false, ["GaussianBlur.error@0.5 > baseline"] = false,
  } do t.eq(holds(text, { baseline = base }), want, text) end
  local v = gate.check(made(), "any.onset < baseline - 0.05", { baseline = base })
  t.eq(v.checks[1].reasons, { "GaussianBlur: 0.2 (0.15..0.25) < 0.25 (0.2..0.3)" })
  t.eq(v.checks[1].seen[4], { name = "Hue.-", missing = true })
end)

t.test("confident: only what the whole interval says", function()
  for text, want in pairs {
    ["GaussianBlur.break < 0.45"] = false, ["GaussianBlur.break < 0.51"] = true, ["GaussianBlur.break > 0.35"] = false, ["GaussianBlur.break > 0.29"] = true,
    ["GaussianBlur.break < 0.5 and clean < 1"] = false, ["GaussianBlur.error@0.5 > 0.54"] = true, ["GaussianBlur.error@0.5 > 0.56"] = false,
    ["0.51 > GaussianBlur.break"] = true, ["GaussianBlur.break - GaussianBlur.onset < 0.3"] = false, ["GaussianBlur.break - GaussianBlur.onset < 0.36"] = true,
    ["2 * GaussianBlur.break < 1.01"] = true, ["1 / GaussianBlur.break > 1.99"] = true, ["1 / GaussianBlur.break > 2.01"] = false, ["clean > 0.05"] = false,
  } do t.eq(holds(text, { confident = true }), want, text) end
  local base = made(function(a) a.curves[1].bounds = bounds(0.28, 0.4) end)
  t.eq(holds("GaussianBlur.onset < baseline", { baseline = base, confident = true }), false)
  t.eq(holds("GaussianBlur.onset < baseline", { baseline = base }), true)
end)

t.test("what cannot be read points at its column", function()
  for text, want in pairs {
    [""] = { 1, "the end" }, ["GaussianBlur.brk < 0.3"] = { 14, "did you mean break" }, ["GaussianBlur.break"] = { 19, "one of < <= > >= expected" },
    ["GaussianBlur.break < "] = { 22, "the end" }, ["GaussianBlur < 0.3"] = { 14, ".MEASURE expected" }, ["GaussianBlur.break < 0.3 0.4"] = { 26, "0.4" },
    ["GaussianBlur.break == 0.3"] = { 20, "one of" }, ["GaussianBlur.break < $"] = { 22, "unexpected $" }, ["(GaussianBlur.break < 0.3"] = { 21, ") expected" },
    ["Rotate.error > 0.3"] = { 14, "error@0.5" }, ["Rotate.error@2 > 0.3"] = { 14, "0..1" }, ["Hue.*.break < 1"] = { 5, "a measure expected" },
    ["Hue.-break < 1"] = { 6, ".MEASURE" }, ["baseline < 0.3"] = { 1, "of what" }, ["any.onset < all.break"] = { 13, "any and all" }, ["a.onset < 1e999"] = { 11, "too large" },
    ["a.onset < 1 and"] = { 16, "the end" }, ["a.onset < 1 < 2"] = { 13, "the end" }, ["'a.onset < 1"] = { 1, "unexpected '" },
  } do
    local tree, message, word, column = gate.parse(text)
    t.fails(want[2], tree, message)
    t.eq({ word, column }, { "usage", want[1] }, text)
    t.ok(message:find(("column %d"):format(want[1]), 1, true))
  end
end)

t.test("what is not there points at its column too", function()
  for text, want in pairs {
    ["1 > GausianBlur.break"] = { 5, "did you mean GaussianBlur" }, ["noise.break < 1"] = { 1, "no augmentation or family noise" },
    ["GaussianBlur.-.break < 1"] = { 1, "no side -" }, ["clean < baseline"] = { 9, "no baseline study" }, ["clean / (1 - 1) < 1"] = { 7, "division by 0" },
  } do
    local v, message, word, column = gate.check(made(), text)
    t.fails(want[2], v, message)
    t.eq({ word, column }, { "usage", want[1] }, text)
  end
  local base = made(function(a) a.curves = { a.curves[1] } end)
  t.fails("no augmentation or family Hue in the baseline", gate.check(made(), "Hue.break < baseline", { baseline = base }))
  t.fails("none of the augmentations", gate.check(made(), "any.break < baseline", { baseline = made(function(a) a.curves = {} end) }))
  t.fails("break of what", gate.check(made(), "clean < baseline.break", { baseline = base }))
end)

t.test("baselines that mean something else", function()
  t.fails("onset 0.02, the baseline has 0.05", gate.check(made(), "clean > 1", { baseline = made(function(a) a.settings.onset = 0.05 end) }))
  local v = gate.check(made(), "clean > 1", { baseline = made(function(a) a.identity.data = "other" end) })
  t.eq(v.passed, true)
  t.ok(v.notes[1]:find("differ in data", 1, true))
end)

t.test("hostile expressions end in a message", function()
  local rng = core.rng(7, "expressions")
  local parts = { "any", "all", ".", "Hue", "break", "onset", "@", "0.3", "<", ">=", "+", "-", "*", "/", "(", ")", "and", "or", "baseline", "clean", "error", "\"", " ", "\255", "\0" }
  local s = made()
  for _ = 1, 3000 do
    local text = {}
    for k = 1, rng:integer(1, 12) do text[k] = rng:choice(parts) end
    local v, message, word, column = gate.check(s, table.concat(text), { baseline = s })
    t.ok(v or type(message) == "string" and word == "usage" and column >= 1)
  end
  t.fails("expected", gate.parse(("("):rep(5000)))
end)

t.test("JUnit XML is valid whatever the names contain", function()
  local s = made(function(a) a.curves[1].name = "A & <b> \"c\" \1\239\191\191 \255" end)
  local v = gate.check(s, { "any.break < 0.41", "clean > 0.5" }, { name = "x<&\"'>.db" })
  local path = t.tmp() .. "/junit.xml"
  assert(core.file.write(path, v:junit()))
  local text = v:junit()
  t.ok(text:find('tests="2" failures="1" errors="0"', 1, true))
  t.ok(text:find('name="any.break &lt; 0.41"', 1, true))
  for _, name in ipairs { "amp", "lt", "gt", "quot" } do text = text:gsub("&" .. name .. ";", "") end
  text = text:gsub("&#%d+;", "")
  t.ok(not text:find "&", "an entity left open")
  local _, _, code = os.execute("python3 -c 'import sys, xml.dom.minidom as m; d = m.parse(sys.argv[1]); assert len(d.getElementsByTagName(\"testcase\")) == 2' '" .. path .. "' 2>/dev/null")
  if os.execute "command -v python3 >/dev/null 2>&1" then t.eq(code, 0) end
  if os.execute "command -v xmllint >/dev/null 2>&1" then t.ok(os.execute("xmllint --noout '" .. path .. "'")) end
end)

-- A real study in a file.
local function searched(path, limit)
  local list = {}
  for k = 1, 12 do list[k] = { image = core.image.new(12, 12, 3, "u8", 60), name = "p" .. k, id = ("%032x"):format(k), label = "ok" } end
  local s = assert(brink.augmenter { predict = function(im) return (im:pixel(3, 3)) > limit and "bad" or "ok" end, augmentations = { "Brighten" } }
    :search(list, { store = path, progress = false }))
  local b = s:bounds("Brighten")[1]
  s:close()
  return b
end

local function run(...) return program.run("check", ...) end

t.test("brink check: exit codes 0, 9, 2 and 3, JSON, JUnit", function()
  local new, old = t.tmp() .. "/new.db", t.tmp() .. "/old.db"
  local worse, better = searched(new, 90), searched(old, 120)
  t.ok(worse.break_ < better.break_)
  local code, out, err = run(new, "--fail-if", "Brighten.break < 0.01")
  t.eq(code, 0, err)
  t.ok(out:find("ok   Brighten.break < 0.01", 1, true))
  local xml = t.tmp() .. "/out.xml"
  code, out = run(new, "--baseline", old, "--fail-if", "Brighten.break < 0.01", "--fail-if", "any.break < baseline - 0.01", "--json", "--junit", xml)
  t.eq(code, 9)
  local data = assert(core.json.decode(out))
  t.eq({ data.command, data.passed, data.checks[1].failed, data.checks[2].failed }, { "check", false, false, true })
  t.near(data.checks[2].seen[1].left.value, worse.break_, 1e-12)
  t.ok(core.file.read(xml):find("<failure", 1, true))
  code, out, err = run(new, "--fail-if", "Brighten.brake < 0.3")
  t.eq(code, 2)
  t.ok(err:find("column 10", 1, true) and err:find("did you mean break", 1, true), err)
  t.eq((run(new)), 2)
  t.eq((run("--fail-if", "clean > 1")), 2)
  t.eq((run(t.tmp() .. "/missing.db", "--fail-if", "clean > 1")), 3)
end)

t.done()
