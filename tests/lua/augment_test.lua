-- Every row of the catalogue, and one of a recipe's own, obeys what a row
-- promises. Nothing here names an augmentation; exceptions stand in the rows.
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local picture = require "picture"
local augment, core = brink.augment, brink.core

local function number(v) return ("%g"):format(v) end

-- what a recipe would write
brink.augmentation {
  name = "GoldenHourOfATest", family = "own", weight = 0.1,
  doc = "Warm light from somewhere, and dust.",
  params = {
    warmth = { unit = "of full scale", off = 0, full = 0.4, lo = 0, hi = 1 },
    dust = { unit = "of the pixels", off = 0, full = 0.2, lo = 0, hi = 1, law = 2 },
  },
  plan = function(p, ctx)
    return {
      { op = "shift_rgb", r = p.warmth, b = -p.warmth / 2 },
      { op = "pixel_dropout", p = p.dust, value = 255, key = ctx.rng:key() },
    }
  end,
}

local only = os.getenv "BRINK_TEST_ROW"
local rows = {}
for _, row in ipairs(augment.list()) do
  if not only or row.name == only then rows[#rows + 1] = row end
end

local kinds = {}
for _, prim in ipairs(core.plan.prims()) do kinds[prim.name] = prim.kind end

local function sides(row) return row.signed and { 1, -1 } or { 1 } end
local function apply(image, row, i, draw) return (augment.apply(image, { { row.name, i } }, { seed = 1, sample = "test", draw = draw })) end
local function plan_of(image, row, i, draw) return (augment.compose({ { row.name, i } }, image, 1, "test", draw)) end

local function moves_pixels(list)
  for _, step in ipairs(list) do if kinds[step.op] == "warp" then return true end end
  return false
end

--- Every sample finite and inside what the type can show.
local function check_range(image, what)
  local stats = image:stats()
  local top = image.type == "u8" and 255 or 1
  for c = 1, #stats.min do
    t.ok(stats.min[c] >= 0 and stats.max[c] <= top and stats.mean[c] == stats.mean[c],
      ("%s: channel %d spans %s..%s, mean %s"):format(what, c, stats.min[c], stats.max[c], stats.mean[c]))
  end
end

for _, row in ipairs(rows) do
  t.test(row.name .. ": intensity 0 is the identity to the bit", function()
    local image = picture.draw(33, 17)
    t.eq(plan_of(image, row, 0), {}, "plan at 0")
    t.ok(apply(image, row, 0):equal(image))
    t.ok(apply(image, row, -0.0):equal(image), "minus zero")
  end)

  t.test(row.name .. ": the same key gives the same bytes, another key others", function()
    local image = picture.draw(61, 47)
    for _, side in ipairs(sides(row)) do
      local first = apply(image, row, 0.5 * side, 0)
      t.eq(apply(image, row, 0.5 * side, 0):hash(), first:hash(), "same key")
      local plan = core.json.encode(plan_of(image, row, 0.5 * side, 0))
      for draw = 1, 3 do
        local other = core.json.encode(plan_of(image, row, 0.5 * side, draw))
        if other == plan then
          t.eq(apply(image, row, 0.5 * side, draw):hash(), first:hash(), "no draw in the plan")
        else
          t.ok(apply(image, row, 0.5 * side, draw):hash() ~= first:hash(), "draw " .. draw .. " changes nothing")
        end
      end
    end
  end)

  t.test(row.name .. ": replaying the plan as text gives the same bytes", function()
    local image = picture.draw(61, 47)
    for _, side in ipairs(sides(row)) do
      local list = plan_of(image, row, 0.7 * side)
      local text = core.json.encode(list)
      t.eq(image:run(core.json.decode(text)):hash(), image:run(list):hash())
    end
  end)

  t.test(row.name .. ": any size and pixel type, same shape out, finite and in range", function()
    for _, size in ipairs { { 1, 1 }, { 1, 7 }, { 7, 1 }, { 2, 3 }, { 33, 17 } } do
      for _, kind in ipairs { "u8", "f32" } do
        for channels = 1, 4 do
          local image = picture.draw(size[1], size[2], { channels = channels, type = kind })
          for _, side in ipairs(sides(row)) do
            for _, i in ipairs { 0.05, 0.5, 1 } do
              local what = ("%dx%dx%d %s at %s"):format(size[1], size[2], channels, kind, number(i * side))
              local ok, out = pcall(apply, image, row, i * side)
              t.ok(ok, what .. ": " .. tostring(out))
              local w, h = size[1], size[2]
              if row.changes_size then w, h = core.plan.new(plan_of(image, row, i * side)):size(w, h) end
              t.eq({ out.width, out.height, out.channels, out.type }, { w, h, channels, kind }, what)
              check_range(out, what)
            end
          end
        end
      end
    end
  end)

  t.test(row.name .. ": alpha stays unless pixels move", function()
    for _, channels in ipairs { 2, 4 } do
      local image = picture.draw(33, 17, { channels = channels })
      for _, side in ipairs(sides(row)) do
        local list = plan_of(image, row, 0.6 * side)
        if not moves_pixels(list) then
          local before, after = image:bytes(), image:run(list):bytes()
          for k = channels, #before, channels do
            t.eq(after:byte(k), before:byte(k), ("alpha of pixel %d, %d channels"):format(k // channels, channels))
          end
        end
      end
    end
  end)

  t.test(row.name .. ": parameters run from off to full inside their range", function()
    for _, side in ipairs(sides(row)) do
      for _, name in ipairs(row.param_names) do
        local p = row.params[name]
        t.eq(row:at(0)[name], p.off, name .. " at 0")
        t.eq(row:at(side)[name], p.value or (side > 0 and p.full or p.minus), name .. " at the end")
        local last
        for k = 0, 100 do
          local v = row:at(side * k / 100)[name]
          t.ok(v >= p.lo and v <= p.hi, ("%s: %s is outside %s..%s"):format(name, v, p.lo, p.hi))
          local target = side > 0 and p.full or p.minus or p.off
          t.ok(not last or (target >= p.off and v >= last) or (target < p.off and v <= last), name .. " turns back")
          last = v
        end
      end
    end
  end)

  t.test(row.name .. ": both sides turn at the same intensity", function()
    for _, name in ipairs(row.signed and row.param_names or {}) do
      local p = row.params[name]
      if p.minus and p.minus + p.full == 2 * p.off then
        for k = 1, 100 do t.near(row:at(-k / 100)[name] + row:at(k / 100)[name], 2 * p.off, 1e-9, name .. " at " .. k / 100) end
      end
    end
  end)

  t.test(row.name .. ": a picture twice as large is changed alike, unless the row says why not", function()
    local large = picture.draw(288, 216):run { { op = "gaussian", sigma = 3 } }
    local small, far = large:resize(144, 108), 0
    for _, side in ipairs(sides(row)) do
      local a, b = apply(small, row, 0.75 * side), apply(large, row, 0.75 * side):resize(144, 108)
      a = row.changes_size and a:resize(144, 108) or a
      far = math.max(far, math.abs(b:distance(small) / a:distance(small) - 1))
    end
    t.ok(row.per_pixel or far < 0.25, ("the effect differs by %.2f of itself"):format(far))
  end)

  t.test(row.name .. ": the catalogue entry is complete", function()
    t.ok(#row.doc > 10, "doc")
    for _, name in ipairs(row.param_names) do t.ok(row.params[name].lo <= row.params[name].hi) end
    for _, alias in ipairs(row.aliases) do t.eq(augment.get(alias).name, row.name, "alias " .. alias) end
    for _, name in ipairs(row.conflicts) do
      t.eq(augment.get(name).name, name, "conflict by its proper name")
      t.ok(augment.conflict(row.name, name) and augment.conflict(name, row.name), "conflict both ways with " .. name)
    end
  end)
end

-- ranks of intensity and mean pixel distance agree; four photographs, small, for speed
local photos
local PHOTOS = { "n01443537_goldfish", "n01644373_tree_frog", "n02056570_king_penguin", "n02100735_English_setter" }
local function photographs()
  if photos then return photos end
  local list = {}
  for k, name in ipairs(PHOTOS) do
    local image = assert(core.image.load(t.shared("images/" .. name .. ".jpg")))
    local shrink = 120 / math.min(image.width, image.height)
    list[k] = image:resize(math.floor(image.width * shrink), math.floor(image.height * shrink))
  end
  photos = list
  return list
end

for _, row in ipairs(rows) do
  t.test(row.name .. ": grows with the intensity on photographs", function()
    for _, side in ipairs(sides(row)) do
      local intensities, distances = {}, {}
      for k = 0, 20 do
        local sum = 0
        for n, image in ipairs(photographs()) do
          local out = augment.apply(image, { { row.name, side * k / 20 } }, { sample = PHOTOS[n] })
          if row.changes_size then out = out:resize(image.width, image.height) end
          sum = sum + out:distance(image)
        end
        intensities[k + 1], distances[k + 1] = k / 20, sum / #PHOTOS
      end
      local rho = picture.spearman(intensities, distances)
      if row.not_monotone then
        t.ok(rho < 0.95, ("rank correlation is %.3f: it is monotone after all"):format(rho))
      else
        t.ok(rho >= 0.95, ("side %+d: rank correlation %.3f; distances %s"):format(side, rho,
          core.json.encode(core.json.array(distances))))
      end
    end
  end)
end

t.test("goldens", function()
  local f = assert(io.open("tests/golden/augment.json"))
  local golden = assert(core.json.decode(f:read "a"))
  f:close()
  local built_in = {}
  for _, row in ipairs(rows) do if row.family ~= "own" then built_in[#built_in + 1] = row end end
  local now, wrong = dofile "tests/golden/augment.lua"(built_in), {}
  for _, row in ipairs(built_in) do
    for _, i in ipairs { "0.25", "0.5", "1", "-0.25", "-0.5", "-1" } do
      local want, got = (golden[row.name] or {})[i], now[row.name][i]
      if want ~= got then wrong[#wrong + 1] = ("%s at %s: golden %s, now %s"):format(row.name, i, tostring(want), tostring(got)) end
    end
  end
  if not only then
    for name in pairs(golden) do if not now[name] then wrong[#wrong + 1] = name .. ": golden of a row that is gone" end end
  end
  table.sort(wrong)
  t.ok(#wrong == 0, table.concat(wrong, "\n"))
end)

t.done()
