-- The search on pictures: bounds that must come out, stores, resuming, failures. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local core = brink.core
local image = core.image

local brink_path = os.getenv("BRINK")
local count = 0
local function fresh(ext)
  count = count + 1
  return ("%s/s%d.%s"):format(t.tmp(), count, ext or "db")
end

-- Flat grey pictures, all alike unless told otherwise.
local function greys(n, level)
  local list = {}
  for k = 1, n do
    list[k] = { image = image.new(16, 16, 3, "u8", level or 60), label = k % 2 == 0 and "even" or "odd", name = "grey" .. k, id = ("%032x"):format(k) }
  end
  return list
end

-- A row whose only effect is a level, so that intensity can be read off the pixels exactly.
brink.augmentation {
  name = "TestLevel", family = "own", signed = true, params = { level = { off = 60, full = 160, minus = 0, lo = 0, hi = 255 } },
  plan = function(p)
    local values = {}
    for v = 1, 256 do values[v] = math.min(255, math.max(0, v - 1 + p.level - 60)) end
    return { { op = "lut", values = values } }
  end,
}

local function level_of(im) return (im:pixel(3, 3)) end

-- Right unless the picture is brighter than `limit`.
local function above(limit, calls)
  return function(im, sample)
    if calls then calls.n = calls.n + 1 end
    return level_of(im) > limit and "broken" or sample.label
  end
end

local function search(data, predict, opts, spec)
  opts = opts or {}
  if opts.progress == nil then opts.progress = false end
  spec = spec or {}
  spec.predict = predict
  spec.augmentations = spec.augmentations or { "TestLevel" }
  return brink.augmenter(spec):search(data, opts)
end

t.test("failing above a known brightness is found to fail there, on that side only", function()
  for _, strategy in ipairs { "adaptive", "grid" } do
    local s = search(greys(50), above(60 + 33), { strategy = strategy })
    local plus, minus = table.unpack(s:bounds("TestLevel"))
    t.eq({ plus.side, minus.side }, { "+", "-" })
    t.near(plus.onset, 0.33, 0.02)
    t.near(plus.break_, 0.33, 0.02)
    t.ok(plus.break_lo <= plus.break_ and plus.break_ <= plus.break_hi)
    t.eq({ minus.onset_found, minus.break_found }, { false, false })
  end
end)

t.test("Brighten breaks a brightness test where its own parameters say", function()
  local row = brink.augment.get("Brighten")
  local s = search(greys(50), function(im, sample) return level_of(im) > 130 and "broken" or sample.label end, nil, { augmentations = { "Brighten" } })
  local b = s:bounds("Brighten")[1]
  local truth
  for k = 0, 1000 do
    local plan = brink.augment.plan(row, k / 1000, brink.augment.context({ width = 16, height = 16, channels = 3 }, 1, "x"))
    if level_of(image.new(16, 16, 3, "u8", 60):run(plan)) > 130 then truth = k / 1000 break end
  end
  t.near(b.onset, truth, 0.02)
  t.near(b.break_, truth, 0.02)
end)

t.test("failing for negative hue only gives asymmetric bounds", function()
  local s = search(greys(40), function(im, sample) return level_of(im) < 40 and "broken" or sample.label end)
  local plus, minus = table.unpack(s:bounds("TestLevel"))
  t.eq(plus.break_found, false)
  t.ok(minus.break_found)
  t.near(minus.break_, 20 / 60, 0.03)
end)

t.test("an island", function()
  local s = search(greys(50), function(im, sample)
    local v = level_of(im)
    return v > 70 and v < 150 and "broken" or sample.label
  end)
  local b = s:bounds("TestLevel")[1]
  t.ok(b.onset <= 0.1 + 1e-9 and b.break_ <= 0.1 + 1e-9)
  t.eq(#b.islands, 1)
  t.near(b.islands[1].from, 0.9, 1e-9)
end)

t.test("defect 07: the clean pixels come first, and only the rise counts", function()
  local first
  local s = search(greys(30), function(im, sample)
    first = first or level_of(im)
    return sample.label == "odd" and "wrong" or sample.label
  end)
  t.eq(first, 60)
  t.near(s.baseline, 0.5, 1e-9)
  for _, b in ipairs(s:bounds("TestLevel")) do t.eq({ b.onset_found, b.break_found }, { false, false }) end
  t.eq(s:curve("TestLevel")[1].i, 0)
end)

t.test("label-free: agreement with the clean prediction", function()
  local s = search(greys(30), function(im) return level_of(im) > 93 and "other" or "this" end, { labels = false })
  t.eq(s.settings.label_free, true)
  t.eq(s.baseline, 0.0)
  t.near(s:bounds("TestLevel")[1].break_, 0.33, 0.02)
  -- and without labels it is the only way
  local bare = greys(5)
  for _, x in ipairs(bare) do x.label = nil end
  t.eq(search(bare, function() return { box = 1 } end).settings.label_free, true)
end)

t.test("per-class curves tell the classes apart", function()
  local s = search(greys(40), function(im, sample)
    return sample.label == "odd" and level_of(im) > 80 and "broken" or sample.label
  end, { strategy = "grid" })
  local classes = s:per_class("TestLevel", "+")
  t.eq({ classes[1].name, classes[2].name }, { "even", "odd" })
  t.eq({ classes[1].break_, classes[1].n }, { nil, 20 })
  t.near(classes[2].break_, 0.2, 0.05)
end)

t.test("a value of diff_error outside 0..1 names sample and value", function()
  for _, bad in ipairs { 1.5, -0.1, 0 / 0, "half", false } do
    local ok, err = pcall(search, greys(3), function() return "x" end, nil, { diff_error = function() return bad end })
    t.ok(not ok and tostring(err):find("grey1", 1, true), tostring(err))
    t.ok(tostring(err):find("0..1", 1, true))
    t.ok(tostring(err):find(type(bad) == "string" and "half" or bad ~= bad and "gave nan" or tostring(bad), 1, true), tostring(err))
  end
end)

t.test("a store in a folder that is not there makes the folder", function()
  local path = t.tmp() .. "/new/folder/a.db"
  local s = search(greys(3), above(93), { store = path }, { augmentations = { "TestLevel" } })
  s:close()
  t.eq({ core.file.info(path).type, core.file.info(t.tmp() .. "/new/folder/a.json").type }, { "file", "file" })
end)

t.test("defect 13: pictures of different sizes keep their own", function()
  local sizes, list = {}, {}
  for k = 1, 6 do list[k] = { image = image.new(8 + k, 20 - k, 3, "u8", 60), label = "x", id = ("%032x"):format(k), name = "n" .. k } end
  search(list, function(im, sample)
    local key = sample.name .. " " .. im.width .. "x" .. im.height
    sizes[key] = true
    return "x"
  end, { strategy = "grid" })
  for k = 1, 6 do t.ok(sizes[("n%d %dx%d"):format(k, 8 + k, 20 - k)]) end
end)

t.test("a sample that does not load and a model that fails are listed; the rest goes on", function()
  local list = greys(20)
  list[3] = { path = t.tmp() .. "/missing.png", label = "odd" }
  list[4] = { load = function() return nil, "broken pipe", "io" end, id = "x4", label = "even", name = "four" }
  local s = search(list, function(im, sample)
    if sample.name == "grey7" and level_of(im) > 60 then error("no memory on the card") end
    return above(93)(im, sample)
  end)
  t.eq(s.analysis.set_size, 18)
  t.near(s:bounds("TestLevel")[1].break_, 0.33, 0.02)
  local text = {}
  for _, f in ipairs(s.failures) do text[#text + 1] = f.path .. " " .. tostring(f.at) .. " " .. f.reason end
  text = table.concat(text, "\n")
  t.ok(text:find("missing.png", 1, true) and text:find("four nil broken pipe", 1, true) and text:find("grey7 TestLevel+ at", 1, true)
    and text:find("no memory on the card", 1, true), text)
end)

t.test("max_failures stops the run; all failing is an error with the first reason", function()
  local function fails(im) if level_of(im) > 60 then error("out of order") end return "x" end
  t.raises(function() search(greys(10), fails, { max_failures = 3, labels = false }) end, "at most 3 allowed")
  t.raises(function() search(greys(3), function() error("never works") end) end, "never works")
  t.raises(function() search({}, function() return 1 end) end, "no sample")
end)

t.test("a row whose plan fails costs its own measurements, not the run", function()
  brink.augmentation { name = "TestFaulty", family = "own", params = { x = { off = 0, full = 1 } }, plan = function(p) error("x is " .. p.x) end }
  local s = search(greys(8), above(93), nil, { augmentations = { "TestFaulty", "TestLevel" } })
  brink.augment.remove("TestFaulty")
  t.near(s:bounds("TestLevel")[1].break_, 0.33, 0.02)
  t.ok(#s.failures > 0 and s.failures[1].reason:find("x is", 1, true))
  for _, c in ipairs(s.analysis.curves) do
    if c.name == "TestFaulty" then t.eq({ c.bounds.break_, c.bounds.break_found, #c.points }, { 1.0, false, 1 }) end
  end
end)

t.test("the model is asked once for every point, however many there are of a picture", function()
  for _, strategy in ipairs { "grid", "adaptive" } do
    local calls = { n = 0 }
    local s = search(greys(3), above(93, calls), { strategy = strategy, step = 0.02 })
    t.eq(calls.n, s.analysis.predictions, strategy)
    if strategy == "grid" then t.ok(calls.n >= 3 + 2 * 50 * 3) end
  end
end)

t.test("a strategy is told when a point has no samples left", function()
  local seen = {}
  local s = search(greys(5), above(93), { step = 0.5, strategy = function(axis)
    seen[#seen + 1] = { axis:more(axis.fine) }
    return seen[#seen]
  end })
  t.eq(#seen, 4, "two sides, each asked twice")
  t.eq({ #seen[1][1].samples, #seen[#seen] }, { 5, 0 })
  t.eq(s.analysis.predictions, 5 + 2 * 5)
end)

t.test("a custom strategy by function; and one by name", function()
  local function ends(axis)
    if axis.state.done then return nil end
    axis.state.done = true
    return { axis:ask(0.5), axis:ask(1) }
  end
  local s = search(greys(10), above(93), { strategy = ends })
  t.eq(#s:curve("TestLevel", "+"), 3)
  t.eq(s.analysis.predictions, 10 + 2 * 2 * 10)
  brink.strategy.register("ends", ends)
  t.eq(search(greys(10), above(93), { strategy = "ends" }).settings.strategy, "ends")
  t.raises(function() search(greys(3), above(93), { strategy = "adaptve" }) end, "adaptive")
end)

t.test("options are checked", function()
  t.raises(function() search(greys(3), above(93), { stap = 1 }) end, "step")
  t.raises(function() search(greys(3), above(93), { step = 0 }) end, "step: 0")
  t.raises(function() search(greys(3), above(93), { onset = 0.6 }) end, "above break_at")
  t.raises(function() search(greys(3), above(93), { samples = 0 }) end, "samples")
end)

t.test("the estimate is an upper bound and asks nothing", function()
  local calls = { n = 0 }
  local data = greys(20)
  local e = search(data, above(93, calls), { estimate = true })
  t.eq({ e.samples, e.axes, e.ticks, calls.n }, { 20, 2, 20, 0 })
  search(data, above(93, calls), { strategy = "grid" })
  t.ok(calls.n <= e.at_most and calls.n > 800)
end)

t.test("samples takes so many, the same each time", function()
  local function seen()
    local names = {}
    search(greys(30), function(_, s) names[s.name] = true return s.label end, { samples = 7, strategy = "grid" })
    local list = {}
    for name in pairs(names) do list[#list + 1] = name end
    table.sort(list)
    return list
  end
  local a = seen()
  t.eq(#a, 7)
  t.eq(seen(), a)
end)

-- A run in a store with noise in the pixels, so that keys matter.
local OPTS = { augmentations = { "TestLevel", "MultiplicativeNoise" } }
local function noisy(calls, stop)
  return function(im, sample)
    calls.n = calls.n + 1
    if calls.n == stop then error(setmetatable({ exit = 130 }, { __tostring = function() return "pulled the plug" end })) end
    return im:stats().mean[1] > 95 + sample.name:byte(-1) % 7 and "broken" or sample.label
  end
end
local function slurp(path)
  local f = assert(io.open(path, "rb"))
  local s = f:read("a")
  f:close()
  return s
end

local function stored(seed, stop, path)
  local calls = { n = 0 }
  path = path or fresh()
  local ok, s = pcall(search, greys(24), { identity = "noisy", predict = (function(f) return function(_, ...) return f(...) end end)(noisy(calls, stop)) },
    { store = path, seed = seed }, { augmentations = OPTS.augmentations })
  if ok then s:close() end
  return path, calls.n, ok, s
end

t.test("defect 14: cut short at many places and resumed, the study equals the uninterrupted one", function()
  local path, total, ok, why = stored(5)
  t.ok(ok, tostring(why))
  local want = slurp((path:gsub("%.db$", ".json")))
  for _, stop in ipairs { 1, 2, 23, 25, 40, 77, 120, total - 1, total } do
    local again = fresh()
    local _, asked, done = stored(5, stop, again)
    t.eq({ asked >= stop, done }, { true, false })
    local _, more = stored(5, nil, again)
    t.ok(more <= total)
    t.eq(slurp((again:gsub("%.db$", ".json"))), want, "stopped at " .. stop)
  end
  -- nothing is asked again of a finished study
  local _, none = stored(5, nil, path)
  t.eq(none, 0)
end)

t.test("defect 14: a store of other labels, model, seed, rows, options or data is refused by name", function()
  local path = fresh()
  local function run(opts, data, spec, predict)
    opts = opts or {}
    opts.store = path
    local s, message, code = search(data or greys(6), predict or above(93), opts, spec)
    if s then s:close() end
    return s, message, code
  end
  t.ok(run())
  local function refused(word, ...)
    local s, message, code = run(...)
    t.fails(word, s, message)
    t.eq(code, "mismatch")
  end
  refused("another seed", { seed = 9 })
  refused("other options", { step = 0.1 })
  refused("other options", { strategy = "grid" })
  refused("other data", nil, greys(7))
  local relabelled = greys(6)
  relabelled[2].label = "odd"
  refused("other labels", nil, relabelled)
  refused("other augmentations: stored TestLevel ", nil, nil, { augmentations = { "TestLevel", "Hue" } })
  refused("given Hue ", nil, nil, { augmentations = { "Hue" } })
  refused("another model", nil, nil, nil, above(94))
  refused("another error function", nil, nil, { diff_error = function(a, b) return a == b and 0 or 0.5 end })
  t.ok(run())
end)

t.test("defect 20: the same seed gives the same analysis with 1, 2 and 8 threads, another seed another", function()
  local script = fresh("lua")
  local f = assert(io.open(script, "w"))
  f:write([[
local brink = require "brink"
local threads, seed, out = tonumber(arg[1]), tonumber(arg[2]), arg[3]
local list = {}
for k = 1, 16 do list[k] = { image = brink.core.image.new(16, 16, 3, "u8", 50 + k), label = "x", name = "g" .. k, id = ("%032x"):format(k) } end
local aug = brink.augmenter { threads = threads, seed = seed, augmentations = { "MultiplicativeNoise", "Brighten", "Hue" },
  predict = { identity = "m", predict = function(_, im) local s = im:stats() return s.dev[1] + s.mean[1] > 90 and "y" or "x" end } }
aug:search(list, { json = out, progress = false })
]])
  f:close()
  local function run(threads, seed)
    local out = fresh("json")
    t.ok(os.execute(("%s %s %d %d %s"):format(brink_path, script, threads, seed, out)))
    return slurp(out)
  end
  local one = run(1, 3)
  t.eq(run(2, 3), one)
  t.eq(run(8, 3), one)
  t.ok(run(1, 4) ~= one)
end)

t.test("killed at any moment and run again, the study equals the uninterrupted one", function()
  local script = fresh("lua")
  local f = assert(io.open(script, "w"))
  f:write([[
local brink = require "brink"
local list = {}
for k = 1, 16 do list[k] = { image = brink.core.image.new(16, 16, 3, "u8", 50 + k), label = "x", name = "g" .. k, id = ("%032x"):format(k) } end
local aug = brink.augmenter { threads = tonumber(arg[2]), augmentations = { "Brighten", "Hue" }, predict = { identity = "m", predict = function(_, im)
  brink.core.async.sleep(0.002)
  return im:stats().mean[1] > 90 and "y" or "x"
end } }
assert(aug:search(list, { store = arg[1], progress = false }))
]])
  f:close()
  local function run(store, threads, before)
    return os.execute(("%s %s %s %s %d 2>/dev/null"):format(before or "", brink_path, script, store, threads))
  end
  local whole = fresh()
  t.ok(run(whole, 2))
  local want = slurp((whole:gsub("db$", "json")))
  local store = fresh()
  for k = 1, 12 do run(store, k % 3 + 1, ("timeout --foreground -s KILL 0.%02d"):format(3 + 2 * k)) end
  t.ok(run(store, 8))
  t.eq(slurp((store:gsub("db$", "json"))), want)
end)

t.test("the built-in recogniser is the model when none is given", function()
  local list = {}
  for k = 1, 6 do
    local im = image.new(64, 64, 3, "u8", 128):run { { op = "gaussian_noise", std = 0.25, key = k } }
    list[k] = { image = im:resize(160, 160), name = "n" .. k, id = ("%032x"):format(k) }
  end
  local s = search(list, nil, { strategy = "grid", step = 0.25 }, { augmentations = { "GaussianBlur" } })
  t.ok(s.baseline < 0.5)
  t.ok(s:bounds("GaussianBlur")[1].onset_found)
end)

t.test("an answer that is not finite is a recorded failure of its sample, not the end of the run", function()
  local list = {}
  for k = 1, 6 do list[k] = { name = "p" .. k, image = brink.core.image.new(8, 8, 3, "u8", 20 * k), label = 20.0 * k } end
  local aug = brink.augmenter { augmentations = { "Brighten" }, diff_error = brink.diff.absolute(255),
    predict = function(image)
      local mean = image:stats().luma_mean
      return mean > 180 and { value = 0 / 0 } or mean > 118 and mean < 122 and 0 / 0 or mean
    end }
  local study = t.ok(aug:search(brink.dataset(list), { progress = false }))
  t.eq(study.analysis.set_size, 5, "the clean picture of mean 120 gives no number")
  t.ok(#study.failures > 1)
  for _, f in ipairs(study.failures) do t.ok(f.reason:find("not finite", 1, true), f.reason) end
end)

t.done()
