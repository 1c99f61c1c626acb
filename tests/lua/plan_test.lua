-- Plans: checking, running fused and step by step, and the promises every primitive keeps.
-- SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local prim = require "brink.prim"

local image, plan = core.image, core.plan
local rows = plan.prims()

-- Awkward shapes: one pixel, one row, one column, odd, wider than a strip of the colour kernels.
local SIZES = { { 1, 1 }, { 1, 7 }, { 9, 1 }, { 13, 11 }, { 601, 3 } }
-- channels, type, alpha
local KINDS = { { 1, "u8" }, { 2, "u8" }, { 3, "u8" }, { 4, "u8" }, { 1, "f32" }, { 3, "f32" }, { 4, "f32" } }

-- A picture with every value, drawn from a key.
local function picture(w, h, c, type, seed)
  local key = core.rng(seed or 1, "picture", w * 1000 + h, c):key()
  local im = image.new(w, h, c, type, type == "u8" and 128 or 0.5)
  return (assert(im:run { { op = "uniform_noise", amplitude = 0.5, key = key } }))
end

local function each_picture(fn)
  for _, size in ipairs(SIZES) do
    for _, kind in ipairs(KINDS) do
      local name = ("%dx%dx%d %s"):format(size[1], size[2], kind[1], kind[2])
      fn(picture(size[1], size[2], kind[1], kind[2]), name)
    end
  end
end

-- A legal value of a parameter, drawn: mostly moderate, sometimes at an end.
local function draw(r, p)
  if p.type == "boolean" then return r:uniform() < 0.5 end
  if p.type == "enum" then return (r:choice(p.choices)) end
  if p.type == "key" then return r:key() end
  if p.type == "list" then return nil end
  local lo, hi = p.lo, p.hi
  if p.default ~= nil then
    lo, hi = math.max(lo, p.default - 1 - math.abs(p.default)), math.min(hi, p.default + 1 + math.abs(p.default))
  else
    hi = math.min(hi, lo + 8)
  end
  if p.type == "integer" then return r:integer(math.ceil(lo), math.floor(hi)) end
  return r:uniform(lo, hi)
end

-- Lists are what single ranges cannot say: legal ones by primitive.
local function list_for(row, r)
  local lengths = { lut = 256, matrix = 12, gain_offset = 3 }
  local n = lengths[row.name]
  if not n then return nil end
  local p = row.name == "lut" and { 0, 255 } or { -1, 1 }
  local list = {}
  for i = 1, n do list[i] = r:uniform(p[1], p[2]) end
  return list
end

-- A legal step of the row, or nil when it needs a list this file cannot draw or refuses what was drawn.
local function step_of(row, r)
  local step = { op = row.name }
  for _, p in ipairs(row.params) do
    if p.type == "list" then
      step[p.name] = list_for(row, r)
    else
      step[p.name] = draw(r, p)
    end
  end
  return pcall(plan.new, { step }) and step or nil
end

local function steps_of(kind, seed, tries)
  local list = {}
  for _, row in ipairs(rows) do
    for k = 1, tries do
      if kind == nil or row.kind == kind then
        list[#list + 1] = step_of(row, core.rng(seed, row.name, k, 0))
      end
    end
  end
  return list
end

local function show(step)
  local keys, out = {}, {}
  for k in pairs(step) do keys[#keys + 1] = k end
  table.sort(keys)
  for _, k in ipairs(keys) do out[#out + 1] = k .. "=" .. tostring(step[k]) end
  return "{" .. table.concat(out, " ") .. "}"
end

t.test("an empty plan is the image itself", function()
  local im = picture(5, 4, 3, "u8")
  t.ok(im:run({}):equal(im))
  t.eq(#plan.new {}, 0)
  t.eq({ plan.new({}):size(5, 4) }, { 5, 4 })
end)

t.test("misuse is named", function()
  local function bad(list, text) t.raises(function() plan.new(list) end, text) end
  bad({ { op = "gama" } }, 'no primitive "gama" (nearest: "gamma")')
  bad({ { op = "gamma", gama = 2 } }, 'gamma: no parameter "gama" (nearest: "gamma")')
  bad({ { op = "gamma", gamma = 101 } }, "gamma.gamma: 101 is outside 0.01..100")
  bad({ { op = "shift_rgb", r = 2 } }, "shift_rgb.r: 2 is outside -1..1 of full scale")
  bad({ { op = "gamma", gamma = "2" } }, "gamma.gamma: number expected, got string")
  bad({ { op = "gamma", gamma = 0 / 0 } }, "gamma.gamma: not a number")
  bad({ { op = "posterize", bits = 2.5 } }, "posterize.bits: 2.5 is not a whole number")
  bad({ { op = "contrast", about = "meen" } }, 'contrast.about: "meen" is none of mean')
  bad({ { op = "equalize", together = 1 } }, "equalize.together: boolean expected, got number")
  bad({ { op = "lut" } }, "lut.values: missing")
  bad({ { op = "lut", values = {} } }, "lut.values: missing")
  bad({ { op = "lut", values = { 1, 2 } } }, "2 numbers, 256 (all channels) or 768")
  bad({ { op = "matrix", values = { 1, 2, "x" } } }, "matrix.values[3]: number expected, got string")
  bad({ { op = "matrix", values = { 1, 2, 0 / 0 } } }, "matrix.values[3]")
  bad({ { op = "gamma", 2 } }, "parameters are given by name")
  bad({ op = "gamma" }, "a list of steps expected, got a field 'op'")
  bad({ 3 }, "step 1: table expected, got number")
  bad({ {} }, "op is its primitive's name, got nil")
  bad(3, "brink.Plan")
  t.raises(function() picture(2, 2, 3, "u8"):run({}, { fuze = true }) end, "fuze")
  t.raises(function() plan.new({}):run("x") end, "brink.Image")
  t.raises(function() plan.new({}):size(0, 4) end, "outside 1..")
end)

t.test("constructors take names, positions and lists", function()
  t.eq(prim.gamma(2), { op = "gamma", gamma = 2 })
  t.eq(prim.gamma { gamma = 2 }, { op = "gamma", gamma = 2 })
  t.eq(prim.invert(), { op = "invert" })
  t.eq(prim.equalize { together = false }, { op = "equalize", together = false })
  t.eq(prim.matrix { 1, 2 }, { op = "matrix", values = { 1, 2 } })
  t.raises(function() return prim.gama end, "did you mean gamma?")
  t.raises(function() prim.gamma { gama = 2 } end, "did you mean gamma?")
  t.raises(function() prim.gamma(1, 2) end, "2 arguments, at most 1")
end)

t.test("every primitive: rows are complete, defaults are legal or required", function()
  for _, row in ipairs(rows) do
    t.ok(row.name:find "^[a-z][a-z0-9_]*$", row.name)
    t.ok(#row.doc > 0, row.name .. " has no doc")
    for _, p in ipairs(row.params) do
      local name = row.name .. "." .. p.name
      t.ok(#p.doc > 0, name .. " has no doc")
      if p.type == "number" or p.type == "integer" then
        t.ok(p.lo <= p.hi, name)
        t.ok(p.required or (p.default >= p.lo and p.default <= p.hi), name .. ": default outside its range")
      end
    end
    local ok, err = pcall(plan.new, { { op = row.name } })
    if not ok then
      local required
      for _, p in ipairs(row.params) do required = required or (p.required and tostring(err):find(row.name .. "." .. p.name, 1, true)) end
      t.ok(required, row.name .. " without parameters: " .. tostring(err))
    end
  end
end)

t.test("every primitive refuses what is out of range, by name", function()
  for _, row in ipairs(rows) do
    local good = step_of(row, core.rng(3, row.name, 0, 0)) or { op = row.name }
    for _, p in ipairs(row.params) do
      if p.type == "number" or p.type == "integer" then
        for _, v in ipairs { p.lo - 1, p.hi + 1, 0 / 0, 1 / 0, -1 / 0 } do
          local keep = good[p.name]
          good[p.name] = v
          local ok, err = pcall(plan.new, { good })
          t.ok(not ok, ("%s.%s accepts %s"):format(row.name, p.name, v))
          t.ok(tostring(err):find(row.name .. ".", 1, true), tostring(err))
          good[p.name] = keep
        end
      end
    end
  end
end)

t.test("every primitive: same bytes twice, finite, alpha and the input untouched", function()
  each_picture(function(im, name)
    local before = im:hash()
    for _, step in ipairs(steps_of(nil, 5, 1)) do
      local p = plan.new { step }
      local a, why = p:run(im)
      local what = name .. " " .. show(step) .. " " .. tostring(why)
      t.ok(a, what)
      t.ok(p:run(im):equal(a), what)
      t.eq(im:hash(), before, what)
      t.eq({ a.channels, a.type, a.alpha }, { im.channels, im.type, im.alpha }, what)
      local s = a:stats()
      for k = 1, #s.mean do t.ok(s.mean[k] - s.mean[k] == 0, what .. ": not finite") end
      if im.type == "f32" then
        for k = 1, #s.min do t.ok(s.min[k] > -1e6 and s.max[k] < 1e6, what .. ": out of hand") end
      end
    end
  end)
end)

t.test("point and area effects leave alpha alone", function()
  local opaque = picture(13, 11, 4, "u8")
  for _, row in ipairs(rows) do
    if row.kind ~= "warp" then
      local step = step_of(row, core.rng(7, row.name, 0, 0))
      local out = step and assert(opaque:run { step })
      for y = 0, out and 10 or -1 do
        for x = 0, 12 do
          local _, _, _, a = opaque:pixel(x, y)
          local _, _, _, b = out:pixel(x, y)
          t.ok(a == b, ("%s changes alpha at %d,%d: %s -> %s"):format(show(step), x, y, a, b))
        end
      end
    end
  end
end)

t.test("200 random point chains: fused and step by step agree to the bit", function()
  local steps = steps_of("point", 11, 6)
  for k = 1, 200 do
    local r = core.rng(13, "chains", k, 0)
    local kind, size = r:choice(KINDS), r:choice(SIZES)
    local im = picture(size[1], size[2], kind[1], kind[2], k)
    local list = {}
    for i = 1, r:integer(1, 7) do list[i] = r:choice(steps) end
    local p = plan.new(list)
    local a, b = assert(p:run(im)), assert(p:run(im, { fuse = false }))
    if not a:equal(b) then
      local names = {}
      for i, s in ipairs(list) do names[i] = show(s) end
      t.ok(false, ("chain %d, %d channels %s: %s"):format(k, kind[1], kind[2], table.concat(names, " ")))
    end
  end
end)

t.test("images larger than a band agree too", function()
  local im = picture(700, 333, 3, "u8")
  local list = { prim.gamma(1.3), prim.hue(40), prim.gain_offset(1.2, -0.1), prim.contrast(1.5), prim.saturation(2), prim.equalize() }
  t.ok(im:run(list):equal((im:run(list, { fuse = false }))))
end)

t.test("steps() has every parameter and compiles to the same plan", function()
  for _, step in ipairs(steps_of(nil, 17, 2)) do
    local p = plan.new { step }
    local steps = p:steps()
    t.eq(#steps, 1)
    for _, row in ipairs(rows) do
      if row.name == step.op then
        for _, param in ipairs(row.params) do
          if param.type ~= "key" and param.type ~= "list" then t.ok(steps[1][param.name] ~= nil, row.name .. "." .. param.name) end
        end
      end
    end
    t.eq(plan.new(steps):steps(), steps)
    if core.json.decode then
      t.eq(plan.new(assert(core.json.decode(core.json.encode(steps)))):steps(), steps)
    end
  end
end)

t.test("keys: integers and hex are the same, other text is refused", function()
  local function key(k) return plan.new({ { op = "uniform_noise", amplitude = 0.1, key = k } }):steps()[1].key end
  t.eq(key(255), "00000000000000ff")
  t.eq(key(-1), "ffffffffffffffff")
  t.eq(key "00000000000000FF", "00000000000000ff")
  t.raises(function() key "ff" end, "16 hex digits")
  t.raises(function() key "00000000000000fg" end, "16 hex digits")
  t.raises(function() key(0) end, "missing")
end)

t.test("an allocation that fails leaves the input whole", function()
  if not core.test then t.skip "no core.test in this build" end
  local im = picture(40, 30, 3, "u8")
  local before = im:hash()
  local list = { prim.gamma(2), prim.contrast(2), prim.equalize(), prim.hue(30) }
  for _, row in ipairs(rows) do
    if row.kind ~= "point" then list[#list + 1] = step_of(row, core.rng(19, row.name, 0, 0)) end
  end
  local p, failed = plan.new(list), 0
  local whole = assert(p:run(im)):hash()
  for k = 1, 10000 do
    core.test.fail_alloc(k)
    local ok, out, why, code = pcall(p.run, p, im)
    core.test.fail_alloc(0)
    t.eq(im:hash(), before)
    if ok and out then
      t.eq(out:hash(), whole)
      if k > failed + 1 then break end
    else
      if ok then t.eq(code, "memory", tostring(why)) end
      failed = k
    end
    t.ok(k < 10000, "never succeeded")
  end
  t.ok(failed >= 3, "too few allocations failed: " .. failed)
end)

t.done()
