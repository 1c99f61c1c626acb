-- Faults of the program whose work this one does, each as a test of its own: those that no other file has under "defect NN".
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local picture = require "picture"
local core = brink.core
local image, augment = core.image, brink.augment

local count = 0
local function fresh(name)
  count = count + 1
  return ("%s/%d_%s"):format(t.tmp(), count, name)
end

local function at(name, im, i, key)
  local row = augment.get(name)
  return im:run((augment.plan(row, i, augment.context(im, 1, key or "sample"))))
end

local function means(im) return im:stats().mean end

t.test("defect 01: red is red to the model, in the store's picture and in the file made", function()
  local dir, out = fresh "red", fresh "out"
  assert(core.file.mkdirs(dir))
  local red = image.new(24, 20, 3, "u8", 0):run { { op = "shift_rgb", r = 1 } }
  t.eq({ red:pixel(0, 0) }, { 255, 0, 0 })
  for _, kind in ipairs { "png", "jpg" } do assert(red:save(("%s/red.%s"):format(dir, kind), { quality = 100 })) end
  local seen = 0
  local function predict(im)
    local r, g, b = im:pixel(3, 3)
    seen = seen + 1
    return r > 200 and g < 20 and b < 20 and "red" or ("%d %d %d"):format(r, g, b)
  end
  local data = brink.dataset(dir)
  local aug = brink.augmenter { predict = predict, labels = function() return "red" end, augmentations = { "GaussianBlur", "LessBlue", "MoreRed" } }
  local study = assert(aug:search(data, { step = 0.5, store = false, strategy = "grid", progress = false }))
  t.ok(seen > 2)
  for _, name in ipairs { "GaussianBlur", "LessBlue", "MoreRed" } do
    for _, tick in ipairs(study:curve(name)) do t.eq(tick.error, 0, name) end
  end
  assert(aug:synthesize(data, { output = out, count = 4, min_augmentations = 1, max_augmentations = 1, preview = false, progress = false }))
  local made = brink.dataset(out)
  t.eq(#made, 4)
  for sample in made:samples() do t.eq(predict(assert(sample:image())), "red") end
end)

t.test("defect 02: one effect moves one thing, the same for every key", function()
  local photo = picture.draw(64, 48)
  -- low contrast in the middle of the scale, so that nothing clips
  local soft = photo:run { { op = "gain_offset", gain = 0.25, offset = 0.35 } }
  local m = means(soft)
  for _, i in ipairs { 0.05, 0.2 } do
    for _, case in ipairs { { "LessRed", 1 }, { "MoreRed", 1 }, { "LessGreen", 2 }, { "MoreGreen", 2 }, { "LessBlue", 3 }, { "MoreBlue", 3 } } do
      local got = means(at(case[1], soft, i))
      for c = 1, 3 do
        if c == case[2] then t.ok((got[c] - m[c]) * (case[1]:find "More" and 1 or -1) > 1, case[1] .. " moves its own channel")
        else t.eq(got[c], m[c], case[1] .. " leaves channel " .. c) end
      end
    end
    local before, lit = soft:stats(), at("Brighten", soft, i):stats()
    for c = 1, 3 do
      t.near(lit.dev[c], before.dev[c], 0.5, "Brighten keeps the contrast")
      t.near(lit.mean[c] - m[c], lit.mean[1] - m[1], 0.5, "Brighten tints nothing")
    end
    for _, name in ipairs { "Contrast", "Decontrast" } do
      t.near(at(name, soft, i):stats().luma_mean, before.luma_mean, 1.5, name .. " keeps the brightness")
    end
    for _, name in ipairs { "Brighten", "Darken", "Contrast", "Decontrast", "Hue", "Dehue", "Saturate", "Desaturate", "LessRed", "MoreBlue" } do
      t.eq(at(name, photo, i, "a"):hash(), at(name, photo, i, "b"):hash(), name .. " has nothing left to chance")
    end
  end
end)

-- mean distance to the untouched picture at every twentieth of the axis
local function distances(name, im, sign)
  local list = {}
  for k = 1, 20 do list[k] = at(name, im, sign * k / 20):distance(im) end
  return list
end

t.test("defect 03: no axis turns back, lies flat or jumps at its first tick", function()
  local photo = picture.draw(120, 90)
  for _, case in ipairs { { "Dehue", 0.2 }, { "Hue", 0.2 }, { "Downscale", 0.45 }, { "Superpixels", 0.35 }, { "MultiplicativeNoise", 0.2 } } do
    local d, ticks = distances(case[1], photo, 1), {}
    for k = 1, #d do ticks[k] = k end
    t.ok(picture.spearman(ticks, d) > 0.95, case[1] .. " grows")
    t.ok(d[1] < case[2] * d[20], ("%s: %.3f at .05, %.3f at 1"):format(case[1], d[1], d[20]))
    t.ok(d[20] > 0.9 * math.max(table.unpack(d)), case[1] .. " does not return")
  end
  for _, name in ipairs { "Rotate", "SafeRotate" } do
    for _, sign in ipairs { 1, -1 } do
      local d = distances(name, photo, sign)
      t.ok(d[20] > d[1], name .. ": the far end is not the identity")
    end
  end
  local crop = augment.get "RandomSizedCrop"
  t.ok(crop:at(0.05).loss < 0.1 * crop:at(1).loss, "the crop begins small")
  t.eq(at("RandomSizedCrop", photo, 0.05).width, photo.width)
  -- noise, not a gain: neighbours of one flat picture differ, the mean stays
  local flat = image.new(64, 64, 3, "u8", 60)
  local s = at("MultiplicativeNoise", flat, 0.3):stats()
  t.ok(s.dev[1] > 2, "noise differs from pixel to pixel")
  t.near(s.mean[1], 60, 4, "noise is no gain")
end)

t.test("defect 04: search and synthesis are one: parameters and pixels at an intensity are the same", function()
  local dir = fresh "photos"
  assert(core.file.mkdirs(dir))
  for k = 1, 3 do assert(picture.draw(60 + k, 50, { key = k }):save(("%s/%d.png"):format(dir, k))) end
  local names = {}
  for _, row in ipairs(augment.list()) do if not row.discrete then names[#names + 1] = row.name end end
  local data = brink.dataset(dir)
  local aug = brink.augmenter { predict = function() return "a" end, labels = function() return "a" end, augmentations = names }
  local study = assert(aug:search(data, { step = 0.5, samples = 1, store = false, strategy = "grid", progress = false }))
  for _, name in ipairs(names) do
    local row = augment.get(name)
    for _, tick in ipairs(study:curve(name, row.signed and "+" or nil)) do
      if tick.i > 0 then
        for key, value in pairs(row:at(tick.i)) do
          if math.type(tick.params[key]) then t.near(tick.params[key], value, 1e-9, ("%s.%s at %g"):format(name, key, tick.i)) end
        end
      end
    end
  end
  local out = fresh "made"
  assert(aug:synthesize(data, { output = out, count = 30, preview = false, progress = false, min_augmentations = 2, max_augmentations = 4 }))
  local lines = 0
  for line in io.lines(out .. "/manifest.jsonl") do
    lines = lines + 1
    for _, one in ipairs(assert(core.json.decode(line)).augmentations) do
      for key, value in pairs(augment.get(one.name):at(one.i)) do
        t.near(one.params[key], value, 1e-9, ("%s.%s made at %g"):format(one.name, key, one.i))
      end
    end
  end
  t.eq(lines, 30)
end)

t.test("defect 09: the first example runs as it stands", function()
  local program = os.getenv "BRINK" or "build/brink"
  local p = assert(io.popen(("'%s' examples/02_search.lua '%s' 2>&1 </dev/null"):format(program, fresh "example")))
  local text = p:read "a"
  t.ok(p:close(), text)
  t.ok(text:find "onset", text)
end)

t.test("defect 16: comparisons grow with the samples, and pictures without features end nothing", function()
  local function reads(n)
    local loads, list = 0, {}
    for k = 1, n do
      list[k] = {
        name = "p" .. k, id = ("%032x"):format(k), path = "p" .. k,
        load = function()
          loads = loads + 1
          return picture.draw(72, 64, { key = k })
        end,
      }
    end
    local data = brink.dataset(list)
    assert(brink.augmenter { augmentations = { "GaussianBlur" }, labels = false }:search(data, { step = 0.5, store = false, progress = false, strategy = "grid" }))
    return loads
  end
  local few, many = reads(12), reads(24)
  t.ok(many < 3 * few, ("%d reads for 12 samples, %d for 24"):format(few, many))
  local flat = {}
  for k = 1, 3 do flat[k] = { name = "flat" .. k, id = ("%032x"):format(k), image = image.new(8, 8, 3, "u8", 40 * k) } end
  flat[4] = { name = "twin", id = ("%032x"):format(9), image = image.new(8, 8, 3, "u8", 40) }
  flat[5] = { name = "dot", id = ("%032x"):format(10), image = image.new(1, 1, 3, "u8", 40) }
  local study = assert(brink.augmenter { augmentations = { "Brighten" } }:search(brink.dataset(flat), { step = 0.5, store = false, progress = false }))
  t.eq(#study:curve "Brighten" > 0, true)
end)

t.test("defect 18: next to nothing is next to nothing: a shift has one unit at every size", function()
  local grey = image.new(8, 8, 3, "u8", 128):convert { type = "f32" }
  for _, case in ipairs { { "LessRed", 1 }, { "MoreRed", 1 }, { "LessGreen", 2 }, { "MoreGreen", 2 }, { "LessBlue", 3 }, { "MoreBlue", 3 } } do
    local before = means(grey)[case[2]]
    for _, i in ipairs { 1 / 2550, 1 / 1000, 0.0039, 0.005, 0.01, 0.05 } do
      local amount = augment.get(case[1]):at(i).amount
      local moved = math.abs(means(at(case[1], grey, i))[case[2]] - before)
      t.near(moved, amount, 1e-4, ("%s at %g"):format(case[1], i))
      t.ok(amount <= i, case[1] .. ": no more than its intensity of full scale")
    end
  end
end)

t.done()
