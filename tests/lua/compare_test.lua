-- Two studies compared: figures by hand, refusals, the command and its page. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local core = brink.core
local compare = require "brink.compare"
local curve = require "brink.curve"
local mcnemar = require "brink.metrics.mcnemar"
local program = require "program"

t.test("McNemar's exact test by hand", function()
  t.eq(mcnemar.p(0, 0), 1.0)
  t.eq(mcnemar.p(3, 3), 1.0)
  t.near(mcnemar.p(1, 6), 0.125, 1e-12, "2 (1 + 7) / 128")
  t.near(mcnemar.p(6, 1), 0.125, 1e-12)
  t.near(mcnemar.p(0, 10), 2 / 1024, 1e-12)
  t.near(mcnemar.p(2, 8), 2 * (1 + 10 + 45) / 1024, 1e-12)
end)

t.test("areas and crossings by hand", function()
  local a = { { i = 0, y = 0 }, { i = 1, y = 1 } }
  local b = { { i = 0, y = 0.5 }, { i = 0.5, y = 0.5 }, { i = 1, y = 0.5 } }
  t.near(curve.area(a, 1), 0.5, 1e-15)
  t.near(curve.area(a, 0.5), 0.125, 1e-15)
  t.near(curve.area({ { i = 0, y = 0.2 }, { i = 0.5, y = 0.4 } }, 1), 0.15 + 0.2, 1e-15, "the last value stays")
  local signed, all = curve.between(a, b, 1)
  t.near(signed, 0, 1e-15)
  t.near(all, 0.25, 1e-15)
  t.eq(curve.crossovers(a, b, 1, 0.02), { { i = 0.5, before = "a", after = "b" } })
  -- without a tick at the crossing: d = .5 - i, found on the line
  b = { { i = 0, y = 0.5 }, { i = 1, y = 0.5 } }
  all = select(2, curve.between(a, b, 1))
  t.near(all, 0.25, 1e-15)
  t.eq(curve.crossovers(a, b, 1, 0.02)[1].i, 0.5)
  t.eq(curve.crossovers(a, { { i = 0, y = 0.01 }, { i = 1, y = 0.9 } }, 1, 0.02), {}, "a lead of .01 is none")
  t.eq(curve.crossovers(a, a, 1, 0.02), {})
  t.near(curve.at(a, 0.25), 0.25, 1e-15)
end)

t.test("drawing again: keyed, paired, gaps left out", function()
  local columns = { { 1, 2, 3, 4 }, { 2, 4, 6, 8 }, { 5, false, false, false }, { false, false, false, false } }
  local r = core.resample(columns, 4, 200, 9)
  t.eq(#r, 200)
  local sum, without = 0, 0
  for _, m in ipairs(r) do
    t.near(m[2], 2 * m[1], 1e-12)
    t.ok(m[3] == 5 or m[3] == false)
    t.eq(m[4], false)
    sum = sum + m[1]
    if not m[3] then without = without + 1 end
  end
  t.near(sum / 200, 2.5, 0.15, "its deviation is .04")
  t.near(without / 200, (3 / 4) ^ 4, 0.12)
  t.eq(core.resample(columns, 4, 200, 9), r)
  t.ok(core.json.encode(core.resample(columns, 4, 200, 10)) ~= core.json.encode(r))
  t.eq(core.resample({ { 3 } }, 1, 2, 1), { { 3.0 }, { 3.0 } })
  t.raises(function() core.resample({ { 1, 2 } }, 3, 1, 1) end, "a list of 3")
  t.raises(function() core.resample({ { "x" } }, 1, 1, 1) end, "a number or false")
  t.raises(function() core.resample({}, 1, 1, 1) end, "columns")
end)

brink.augmentation { name = "CompareLevel", family = "own", params = { level = { off = 0, full = 100, lo = 0, hi = 255 } },
  plan = function(p)
    local values = {}
    for v = 1, 256 do values[v] = math.min(255, math.max(0, v - 1 + p.level)) end
    return { { op = "lut", values = values } }
  end }

local function greys(n, from)
  local list = {}
  for k = 1, n do list[k] = { image = core.image.new(12, 12, 3, "u8", 60), name = ("p%02d"):format(k), id = ("%032x"):format(k + (from or 0)), label = "ok" } end
  return list
end

-- Sample k goes wrong above the level its number says: limit(k) in 0..100.
local function fails_above(limit)
  return function(im, s)
    local k = tonumber(s.name:sub(2))
    return (im:pixel(3, 3)) - 60 > limit(k) and "bad" or "ok"
  end
end

local count = 0
local function searched(limit, opts, spec)
  opts, spec = opts or {}, spec or {}
  count = count + 1
  local path = ("%s/c%d.db"):format(t.tmp(), count)
  local s = assert(brink.augmenter { predict = fails_above(limit), augmentations = spec.rows or { "CompareLevel" }, diff_error = spec.diff, seed = spec.seed }
    :search(spec.data or greys(spec.n or 20), { store = path, progress = false, strategy = opts.strategy or "grid", step = opts.step, onset = opts.onset }))
  return s, path
end

t.test("a shift of the limits is found, to the number", function()
  -- all of a break between .40 and .45, all of b between .60 and .65
  local a, b = searched(function() return 42 end), searched(function() return 62 end)
  local c = assert(compare.run(a, b))
  local s = c.sides[1]
  t.near(s.break_.difference, 0.2, 1e-9)
  t.near(s.break_.lo, 0.2, 1e-9, "all samples alike: no doubt")
  t.near(s.break_.hi, 0.2, 1e-9)
  t.near(s.area.signed, -0.2, 1e-9, "b errs less over a fifth of the axis")
  t.near(s.area.absolute, 0.2, 1e-9)
  t.eq({ s.better, #s.crossovers, c.n }, { "b", 0, 20 })
  for _, r in ipairs(s.mcnemar) do
    local between = r.i > 0.42 and r.i < 0.62
    t.eq({ r.a_only, r.b_only, r.n }, { between and 20 or 0, 0, 20 })
    t.near(r.p, between and 2 / 2 ^ 20 or 1, 1e-12)
    t.near(r.p_adjusted, between and 20 * 2 / 2 ^ 20 or 1, 1e-5)
  end
  t.eq(c.clean.difference, 0.0)
  t.eq(c.clean.mcnemar.p, 1.0)
end)

t.test("a study compared with itself differs in nothing", function()
  local a = searched(function(k) return 5 * k end)
  local c = assert(compare.run(a, a))
  local s = c.sides[1]
  t.eq({ s.break_.difference, s.break_.lo, s.break_.hi, s.onset.difference, s.area.signed, s.area.absolute }, { 0.0, 0.0, 0.0, 0.0, 0.0, 0.0 })
  t.eq(s.better, nil)
  for _, r in ipairs(s.mcnemar) do t.eq(r.p, 1.0) end
end)

t.test("the difference is that of the studies, its interval holds the truth, and the same call gives the same bytes", function()
  -- limits spread over the axis, those of b ten levels higher
  local function limit(k) return (k * 37) % 97 end
  for _, strategy in ipairs { "grid", "adaptive" } do
    local a = searched(limit, { strategy = strategy }, { n = 60 })
    local b = searched(function(k) return limit(k) + 10 end, { strategy = strategy }, { n = 60 })
    local c = assert(compare.run(a, b))
    local s = c.sides[1]
    local x, y = a:bounds("CompareLevel")[1], b:bounds("CompareLevel")[1]
    t.near(s.break_.difference, y.break_ - x.break_, 1e-12)
    t.near(s.onset.difference, y.onset - x.onset, 1e-12)
    t.ok(s.break_.lo <= 0.1 and 0.1 <= s.break_.hi, strategy)
    t.ok(s.break_.hi - s.break_.lo < 0.3, strategy .. ": the interval says something")
    t.eq(assert(compare.run(a, b)):json(), c:json())
  end
end)

t.test("curves that change places are seen to, and never is never", function()
  -- a: half fail at once, half never; b: nobody fails up to 50, all beyond
  local a = searched(function(k) return k % 2 == 0 and 12 or 1000 end)
  local b = searched(function() return 52 end)
  local s = assert(compare.run(a, b)).sides[1]
  t.eq(#s.crossovers, 1)
  t.eq({ s.crossovers[1].before, s.crossovers[1].after }, { "b", "a" })
  t.near(s.crossovers[1].i, 0.525, 0.0251)
  local none = searched(function() return 1000 end)
  s = assert(compare.run(b, none)).sides[1]
  t.eq({ s.break_.never, s.better }, { "b", "b" })
  s = assert(compare.run(none, none)).sides[1]
  t.eq({ s.break_.never, s.better }, { "both", nil })
end)

t.test("errors between 0 and 1 have no McNemar", function()
  local function half(label, prediction) return label == prediction and 0 or 0.5 end
  local a = searched(function() return 40 end, nil, { diff = half })
  t.eq(assert(compare.run(a, a)).sides[1].mcnemar, nil)
end)

t.test("studies that do not belong together are refused with what differs", function()
  local a = searched(function() return 40 end)
  local function refused(text, b, opts)
    local c, message, code = compare.run(a, b, opts)
    t.fails(text, c, message)
    t.eq(code, "mismatch")
  end
  refused("20 samples", (searched(function() return 40 end, nil, { n = 19 })))
  refused("sample 1 is p01", (searched(function() return 40 end, nil, { data = greys(20, 5) })))
  refused("seed 1", (searched(function() return 40 end, nil, { seed = 2 })))
  refused("onset at a rise of 0.02", (searched(function() return 40 end, { onset = 0.05 })))
  local other = searched(function() return 40 end, nil, { diff = function(x, y) return x == y and 0 or 1 end })
  refused("other functions", other)
  t.ok(compare.run(a, other, { trust_errors = true }))
  refused("no augmentation in common", (searched(function() return 40 end, nil, { rows = { "Brighten" } })))
  local labelled = greys(20)
  labelled[3].label = "other"
  refused("other labels", (searched(function() return 40 end, nil, { data = labelled })))
  t.raises(function() compare.run(a, "b.db") end, "argument 2: a study")
  t.raises(function() compare.run(a, a, { replicate = 3 }) end, "did you mean replicates")
end)

t.test("other pixels under the same name are refused", function()
  local a = searched(function() return 40 end)
  local b = searched(function() return 40 end)
  local plain = b.results
  b.results = function(self, name, side)
    local rows, k = {}, 0
    for r in plain(self, name, side) do
      if name and r.sample == 3 and math.abs(r.i - 0.5) < 1e-9 then r.hash = ("0"):rep(32) end
      rows[#rows + 1] = r
    end
    return function()
      k = k + 1
      return rows[k]
    end
  end
  t.fails("CompareLevel at 0.5 of p03", compare.run(a, b))
end)

local function run(...) return program.run("compare", ...) end

t.test("brink compare: table, JSON, page, exit codes", function()
  local _, a = searched(function() return 42 end, nil, { rows = { "Brighten", "Hue" } })
  local _, b = searched(function() return 62 end, nil, { rows = { "Hue", "Brighten", "Darken" } })
  local code, out, err = run(a, b, "-o", t.tmp() .. "/page")
  t.eq(code, 0, err)
  t.ok(out:find("Brighten", 1, true) and out:find("Hue", 1, true) and out:find("only in", 1, true), out)
  local page = core.file.read(t.tmp() .. "/page/index.html")
  t.ok(page:find("second-line", 1, true) and page:find("McNemar", 1, true))
  t.ok(not page:find("https?:") and not page:find("<script", 1, true), "offline, no script")
  t.ok(not page:find(t.tmp(), 1, true), "no path of this run")
  code, out = run(a, b, "--json")
  t.eq(code, 0)
  local data = assert(core.json.decode(out))
  t.eq({ data.version, data.command, data.n, #data.sides }, { 1, "compare", 20, 2 })
  t.eq(data.only_b, { "Darken" })
  t.ok(data.sides[1]["break"].difference ~= nil)
  local _, c = searched(function() return 42 end, nil, { seed = 4, rows = { "Brighten" } })
  code, _, err = run(a, c)
  t.eq(code, 3)
  t.ok(err:find("has seed 1", 1, true), err)
  t.eq((run(a)), 2)
  t.eq((run(a, t.tmp() .. "/missing.db")), 3)
end)

t.done()
