-- A row is checked when it loads and when it is used; the message names the
-- place, the field, the legal range and the nearest name.
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local augment, core = brink.augment, brink.core

local serial = 0
--- A correct row with some fields replaced; REMOVE takes one out.
local REMOVE = {}
local function row_with(changes)
  serial = serial + 1
  local row = {
    name = "Trial" .. serial, params = { amount = { unit = "px", off = 0, full = 1, lo = 0, hi = 2 } },
    plan = function(p) return { { op = "gain_offset", offset = p.amount / 2 } } end,
  }
  for k, v in pairs(changes or {}) do
    if v == REMOVE then row[k] = nil else row[k] = v end
  end
  return row
end
local function refuses(changes, text)
  t.raises(function() brink.augmentation(row_with(changes)) end, text)
end

t.test("a plain row is accepted and found", function()
  local row = brink.augmentation(row_with { aliases = { "TrialAlias" } })
  t.eq(augment.get "TrialAlias", row)
  t.eq(row:at(0.5), { amount = 0.5 })
  local listed = augment.list()
  t.eq(listed[#listed], row, "own rows come last")
  augment.remove(row.name)
  t.eq(augment.find "TrialAlias", nil)
end)

t.test("the message names the file and line of the row", function()
  local line = debug.getinfo(1, "l").currentline + 1
  local ok, err = pcall(function() brink.augmentation { name = "X" } end)
  t.ok(not ok)
  t.ok(err:find("row_test.lua:" .. line .. ":", 1, true), err)
end)

t.test("missing fields", function()
  refuses({ name = REMOVE }, "name: missing")
  refuses({ params = REMOVE }, "params: missing")
  refuses({ plan = REMOVE }, "plan: missing")
  refuses({ params = {} }, "none moves")
  refuses({ params = { a = { off = 0 } } }, "params.a.full: missing")
  refuses({ params = { a = { full = 1 } } }, "params.a.off: missing")
  t.raises(function() brink.augmentation "Hue" end, "expected a table")
  t.raises(function() brink.augmentation() end, "expected a table")
end)

t.test("misspelt fields name the nearest", function()
  refuses({ wieght = 1 }, "wieght: no such field; did you mean weight?")
  refuses({ params = { a = { off = 0, ful = 1 } } }, "params.a.ful: no such field; did you mean full?")
  refuses({ [1] = "x" }, "1: no such field")
end)

t.test("wrong types", function()
  refuses({ name = 7 }, "name: expected a string")
  refuses({ name = "two words" }, "is not a name")
  refuses({ name = "" }, "is not a name")
  refuses({ aliases = "x" }, "aliases: expected a list")
  refuses({ aliases = { 7 } }, "aliases: expected a list")
  refuses({ aliases = { a = "x" } }, "aliases: expected a list")
  refuses({ weight = "heavy" }, "weight: expected a finite number")
  refuses({ weight = 0 / 0 }, "weight: expected a finite number")
  refuses({ weight = -1 }, "weight: -1 is below 0")
  refuses({ plan = {} }, "plan: expected a function")
  refuses({ signed = 1 }, "signed: expected a boolean")
  refuses({ params = { a = 1 } }, "params.a: expected a table")
  refuses({ params = { { off = 0, full = 1 } } }, "expected names as keys")
  refuses({ params = { a = { off = 0, full = 1 / 0 } } }, "params.a.full: expected a finite number")
end)

t.test("ranges that do not hold the axis", function()
  refuses({ params = { a = { off = 0, full = 3, lo = 0, hi = 2, unit = "px" } } }, "params.a.full: 3 is outside 0..2 px")
  refuses({ params = { a = { off = -1, full = 1, lo = 0, hi = 2 } } }, "params.a.off: -1 is outside 0..2")
  refuses({ params = { a = { off = 0, full = 1, lo = 2, hi = 1 } } }, "params.a.lo: 2 is above hi, 1")
  refuses({ params = { a = { off = 1, full = 1 } } }, "params.a.full: equals off")
  refuses({ params = { a = { value = 3, lo = 0, hi = 1 } } }, "params.a.value: 3 is outside")
  refuses({ params = { a = { value = 3, off = 0 } } }, "has no off")
  refuses({ params = { a = { off = 0, full = 1, minus = -1 } } }, "the row is not signed")
  refuses({ signed = true, params = { a = { off = 0, full = 1, lo = 0 } } }, "params.a.minus: -1 is outside")
end)

t.test("laws", function()
  refuses({ params = { a = { off = 0, full = 1, law = "geometric" } } }, "of one sign and not 0")
  refuses({ params = { a = { off = 0, full = 1, law = "cubic" } } }, "params.a.law: expected")
  refuses({ params = { a = { off = 0, full = 1, law = -2 } } }, "exponent -2 is outside")
  refuses({ params = { a = { off = 0, full = 1, law = function() return 5 end } } }, "gives 5 at intensity 0.5")
  local row = brink.augmentation(row_with { signed = true, params = {
    linear = { off = 1, full = 3 }, square = { off = 0, full = 8, law = 2 }, times = { off = 1, full = 16, law = "geometric" },
    other = { off = 1, full = 2, minus = 0.5 }, count = { off = 0, full = 10, whole = true }, still = { value = 7 },
  } })
  t.eq(row:at(0.5), { linear = 2, square = 2, times = 4, other = 1.5, count = 5, still = 7 })
  t.eq(row:at(-0.5), { linear = 0, square = -2, times = 0.25, other = 0.75, count = -5, still = 7 })
  t.eq(row:at(1).square, 8)
  t.eq(row:at(-1), { linear = -1, square = -8, times = 1 / 16, other = 0.5, count = -10, still = 7 })
end)

t.test("names and aliases are taken once", function()
  local first = brink.augmentation(row_with { aliases = { "TrialTaken" } })
  refuses({ name = first.name }, "is already taken by " .. first.name)
  refuses({ name = "TrialTaken" }, "is already taken by")
  refuses({ aliases = { first.name } }, "aliases: " .. first.name .. " is already taken")
  refuses({ name = "TrialSame", aliases = { "TrialSame" } }, "aliases: TrialSame stands twice")
  t.eq(augment.find "TrialSame", nil, "a refused row leaves nothing behind")
end)

t.test("conflicts name rows and hold both ways", function()
  refuses({ name = "TrialLost", conflicts = { "Hueue" } }, "no augmentation \"Hueue\"; did you mean Hue?")
  t.eq(augment.find "TrialLost", nil)
  local a = brink.augmentation(row_with())
  local b = brink.augmentation(row_with { conflicts = { a.name } })
  t.ok(augment.conflict(a, b) and augment.conflict(b, a))
  t.ok(not augment.conflict(a, "Hue"))
  augment.remove(b.name)
  t.eq(a.conflicts, {}, "a removed row leaves no conflict")
end)

t.test("misuse names the caller, the range and the nearest name", function()
  local function misuse(text, fn, ...)
    local ok, err = pcall(fn, ...)
    t.ok(not ok, "no error")
    t.ok(err:find(text, 1, true), err)
  end
  local ctx = augment.context({ width = 8, height = 8, channels = 3 })
  misuse("GaussianBlur.sigma: 0.4 is outside 0..0.25 of short side", augment.plan, "GaussianBlur", 1, ctx, { sigma = 0.4 })
  misuse("GaussianBlur.sigmas: no such parameter; did you mean sigma?", augment.plan, "GaussianBlur", 1, ctx, { sigmas = 0.1 })
  misuse("GaussianBlur.sigma: expected a number, got x", augment.plan, "GaussianBlur", 1, ctx, { sigma = "x" })
  misuse("GaussianBlur.sigma: expected a number", augment.plan, "GaussianBlur", 1, ctx, { sigma = 0 / 0 })
  misuse("GaussianBlur: intensity 1.5 is outside 0..1", augment.plan, "GaussianBlur", 1.5, ctx)
  misuse("GaussianBlur: intensity -0.5 is outside 0..1", augment.plan, "GaussianBlur", -0.5, ctx)
  misuse("Rotate: intensity -1.5 is outside -1..1", augment.plan, "Rotate", -1.5, ctx)
  misuse("GaussianBlur: intensity: expected a number, got nan", augment.plan, "GaussianBlur", math.abs(0 / 0), ctx)
  misuse("no augmentation GausianBlur; did you mean GaussianBlur?", augment.plan, "GausianBlur", 1, ctx)
  misuse("no augmentation nil", augment.plan, nil, 1, ctx)
  t.raises(function() augment.plan("GaussianBlur", 2, ctx) end, "row_test.lua:")
end)

t.test("a plan that does not hold names its row", function()
  local bad = brink.augmentation(row_with { plan = function() return { { op = "gausian", sigma = 1 } } end })
  local none = brink.augmentation(row_with { plan = function() return nil end })
  local odd = brink.augmentation(row_with { plan = function() return { "gaussian" } end })
  local ctx = augment.context({ width = 8, height = 8, channels = 3 })
  t.raises(function() augment.plan(bad, 1, ctx) end, bad.name .. ": plan: no primitive \"gausian\"")
  t.raises(function() augment.plan(none, 1, ctx) end, "expected a list of primitives, got a nil")
  t.raises(function() augment.plan(odd, 1, ctx) end, "entry 1 is not a primitive")
end)

t.test("overrides replace single parameters, alone or beside an intensity", function()
  local ctx = augment.context({ width = 100, height = 50, channels = 3 })
  local list, params = augment.plan("GaussianBlur", nil, ctx, { sigma = 0.1 })
  t.eq(params, { sigma = 0.1 })
  t.eq(list, { { op = "gaussian", sigma = 5 } })
  list = augment.plan("GaussianBlur", 1, ctx, { sigma = 0 })
  t.eq(list, {}, "all parameters at off is the identity")
  t.raises(function() augment.plan("GaussianBlur", nil, ctx) end, "expected an intensity or parameters")
end)

t.test("compose keeps the order of a list and sorts a map by the catalogue", function()
  local image = { width = 64, height = 48, channels = 3 }
  local function names(given)
    local _, applied = augment.compose(given, image)
    local list = {}
    for k, a in ipairs(applied) do list[k] = a.name end
    return list
  end
  t.eq(names { { "GaussianBlur", 0.1 }, { "Hue", 0.1 } }, { "GaussianBlur", "Hue" })
  t.eq(names { GaussianBlur = 0.1, Hue = 0.1, Brighten = { amount = 0.5 } }, { "Brighten", "Hue", "GaussianBlur" })
  t.eq(names {}, {})
  t.raises(function() names { { "Hue" } } end, "expected an intensity")
  t.raises(function() names { "Hue" } end, "augmentation 1: expected { name, intensity }, got a string")
  t.raises(function() names "Hue" end, "expected a table of augmentations")
  t.raises(function() names { MultiplicativeNoise = 0.1, MultiplicitiveNoise = 0.2 } end, "stands twice")
end)

t.test("an effect that comes again draws anew; another sample or draw too", function()
  local image = { width = 64, height = 48, channels = 3 }
  local function keys(sample, draw)
    local list = augment.compose({ { "PixelDropout", 0.5 }, { "PixelDropout", 0.5 } }, image, 1, sample, draw)
    return list[1].key, list[2].key
  end
  local a, b = keys("one", 0)
  t.ok(a ~= b)
  t.eq({ keys("one", 0) }, { a, b })
  t.ok(keys("two", 0) ~= a and keys("one", 1) ~= a)
end)

t.test("a row may look at the picture as it is when its turn comes", function()
  local seen = {}
  local looks = brink.augmentation(row_with { plan = function(p, ctx)
    seen[#seen + 1] = ctx.stats().mean[1]
    return { { op = "gain_offset", offset = p.amount / 2 } }
  end })
  local image = core.image.new(6, 4, 3, "u8", 100)
  image:apply { { looks.name, 0.2 }, { looks.name, 0.2 } }
  t.eq(seen, { 100, 126 })
end)

t.test("a row may be written with the constructors of primitives", function()
  local prim = require "brink.prim"
  local row = brink.augmentation(row_with { plan = function(p) return { prim.gamma(1 + p.amount), prim.invert() } end })
  local image = core.image.new(6, 4, 3, "u8", 255)
  t.eq({ image:apply({ { row.name, 1 } }):pixel(0, 0) }, { 0, 0, 0 })
end)

t.test("the placement does not depend on the intensity", function()
  local image = { width = 64, height = 48, channels = 3 }
  local one = augment.compose({ { "PixelDropout", 0.2 } }, image, 1, "x")
  local two = augment.compose({ { "PixelDropout", 0.9 } }, image, 1, "x")
  t.eq(one[1].key, two[1].key)
end)

t.test("what is done as a whole is drawn from 0 to 1, or stops short of the step where it breaks the model", function()
  local bounds, row = require "brink.synth.bounds", augment.get "HorizontalFlip"
  t.ok(row.discrete and #augment.compose({ { "HorizontalFlip", 0.49 } }, core.image.new(4, 4, 3)) == 0)
  t.eq(#augment.compose({ { "HorizontalFlip", 0.5 } }, core.image.new(4, 4, 3)), 1)
  local function range(known)
    local study = known and { names = function() return { "HorizontalFlip" } end, bounds = function() return { known } end }
    local r = bounds.of { rows = { row }, study = study, realism = 0.7, realisms = {}, ranges = {}, limit = function() return 1 end }.HorizontalFlip[1]
    return { r.lo, r.hi }
  end
  t.eq(range(nil), { 0.0, 1.0 })
  t.eq(range { side = "", onset_found = false, break_found = false }, { 0.0, 1.0 })
  t.eq(range { side = "", onset_found = true, onset = 0.46, break_found = true, break_ = 0.475 }, { 0.0, 0.475 })
end)

t.done()
