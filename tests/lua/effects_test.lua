-- One effect moves one thing, the same way at every size: what single rows of
-- the catalogue mean. (What all rows promise is in augment_test.lua.)
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local picture = require "picture"
local augment, core = brink.augment, brink.core

local function apply(image, name, i) return (image:apply({ { name, i } }, { sample = "effects" })) end

--- A flat picture of one colour, 0..255.
local function flat(r, g, b, w, h)
  w, h = w or 8, h or 8
  return core.image.from_bytes(w, h, 3, "u8", string.char(r, g, b):rep(w * h))
end

--- Hue in degrees and saturation of a colour; hue nil for grey.
local function hue_of(r, g, b)
  local top, low = math.max(r, g, b), math.min(r, g, b)
  local c = top - low
  if c == 0 then return nil, 0 end
  local h
  if top == r then h = (g - b) / c % 6 elseif top == g then h = (b - r) / c + 2 else h = (r - g) / c + 4 end
  return h * 60, c / top
end

t.test("Less and More touch the channel they name and no other", function()
  local image = picture.draw(40, 30)
  for k, channel in ipairs { "Red", "Green", "Blue" } do
    for _, word in ipairs { "More", "Less" } do
      local before, after = image:stats(), apply(image, word .. channel, 0.3):stats()
      for c = 1, 3 do
        if c ~= k then
          t.eq({ after.mean[c], after.dev[c] }, { before.mean[c], before.dev[c] }, word .. channel .. " moves channel " .. c)
        elseif word == "More" then
          t.ok(after.mean[c] > before.mean[c] + 20, word .. channel)
        else
          t.ok(after.mean[c] < before.mean[c] - 20, word .. channel)
        end
      end
    end
  end
end)

t.test("red stays red through a file", function()
  local path = t.tmp() .. "/red.png"
  assert(flat(250, 10, 20):save(path))
  local r, g, b = apply(assert(core.image.load(path)), "LessRed", 0.1):pixel(3, 3)
  t.ok(r < 250 and g == 10 and b == 20)
end)

t.test("Brighten and Darken keep the hue where nothing clips", function()
  for _, name in ipairs { "Brighten", "Darken" } do
    for _, colour in ipairs { { 120, 60, 30 }, { 20, 90, 50 }, { 60, 60, 140 } } do
      local want = hue_of(table.unpack(colour))
      local got = hue_of(apply(flat(table.unpack(colour)), name, 0.25):pixel(0, 0))
      t.near(got, want, 1.5, name)
    end
  end
end)

t.test("contrast keeps the mean where nothing clips", function()
  local image = picture.draw(60, 40):run { { op = "contrast", gain = 0.3 } }
  for _, name in ipairs { "Contrast", "Decontrast" } do
    local a, b = image:stats(), apply(image, name, 0.2):stats()
    t.near((b.mean[1] + b.mean[2] + b.mean[3]) / 3, (a.mean[1] + a.mean[2] + a.mean[3]) / 3, 0.6, name)
    t.ok((b.dev[1] > a.dev[1]) == (name == "Contrast"), name)
  end
end)

t.test("Hue turns forward, Dehue back, and neither moves value and saturation", function()
  for _, case in ipairs { { "Hue", 60 }, { "Dehue", 300 } } do
    local r, g, b = apply(flat(200, 40, 40), case[1], 1 / 3):pixel(0, 0)
    local hue, saturation = hue_of(r, g, b)
    t.near(hue, case[2], 1, case[1])
    t.near(saturation, 0.8, 0.01)
    t.eq(math.max(r, g, b), 200)
  end
  local image = picture.draw(40, 30)
  local there_and_back = image:apply { { "Hue", 0.4 }, { "Dehue", 0.4 } }
  t.ok(there_and_back:distance(image) < 1.5, "the one undoes the other")
  t.ok(augment.conflict("Hue", "Dehue") and augment.conflict("Saturate", "Desaturate"))
end)

t.test("half a turn of the hue is the end of both axes", function()
  local image = picture.draw(40, 30)
  t.ok(apply(image, "Hue", 1):distance(apply(image, "Dehue", 1)) < 1)
  t.ok(apply(image, "Hue", 1):distance(image) > 5)
end)

t.test("saturation leaves grey alone; fully desaturated is grey with the same luma", function()
  local grey = flat(90, 90, 90)
  t.ok(apply(grey, "Saturate", 1):equal(grey) and apply(grey, "Desaturate", 1):equal(grey))
  local image = picture.draw(40, 30)
  local out = apply(image, "Desaturate", 1)
  for x = 0, 39, 7 do
    local r, g, b = out:pixel(x, 11)
    t.ok(r == g and g == b)
  end
  t.near(out:stats().luma_mean, image:stats().luma_mean, 0.6)
end)

t.test("Brightness is a factor with two sides", function()
  t.eq({ apply(flat(40, 20, 10), "Brightness", 0.5):pixel(0, 0) }, { 80, 40, 20 })
  t.near(augment.get "Brightness":at(-1).factor, 0.05, 1e-12)
  t.ok((apply(flat(100, 100, 100), "Brightness", -0.5):pixel(0, 0)) < 50)
end)

t.test("multiplicative noise is noise without gain", function()
  local stats = apply(flat(100, 100, 100, 64, 64), "MultiplicativeNoise", 0.3):stats()
  t.near(stats.mean[1], 100, 3)
  t.ok(stats.dev[1] > 10)
  t.eq(augment.get "MultiplicitiveNoise", augment.get "MultiplicativeNoise")
end)

t.test("dropped pixels are black as a whole", function()
  local out = apply(flat(200, 150, 100, 32, 32), "PixelDropout", 0.6)
  local black = 0
  for y = 0, 31 do
    for x = 0, 31 do
      local r, g, b = out:pixel(x, y)
      t.ok((r == 0 and g == 0 and b == 0) or (r == 200 and g == 150 and b == 100))
      if r == 0 then black = black + 1 end
    end
  end
  t.near(black / 1024, augment.get "PixelDropout":at(0.6).share, 0.06)
end)

t.test("a stronger noise holds the weaker one", function()
  local image = flat(200, 200, 200, 32, 32)
  local weak, strong = apply(image, "PixelDropout", 0.4):bytes(), apply(image, "PixelDropout", 0.8):bytes()
  for k = 1, #weak do t.ok(weak:byte(k) ~= 0 or strong:byte(k) == 0) end
end)

t.test("rotation has two sides, and neither comes back to the identity", function()
  local image = picture.draw(41, 41)
  for _, name in ipairs { "Rotate", "SafeRotate" } do
    t.ok(apply(image, name, 1):distance(image) > 10, name)
    t.ok(apply(image, name, 0.5):distance(apply(image, name, -0.5)) > 5, name)
    t.ok(apply(image, name, 0.05):distance(image) < 6, name .. ": a small first tick")
  end
end)

t.test("nothing leaves the frame in SafeRotate", function()
  local white = core.image.new(60, 40, 3, "u8", 0):run {
    { op = "erase", x = 0, y = 0, w = 4, h = 4, value = 255 }, { op = "erase", x = 56, y = 36, w = 4, h = 4, value = 255 } }
  for _, i in ipairs { -0.8, -0.5, 0.3, 0.7, 1 } do
    local list = augment.compose({ { "SafeRotate", i } }, white)
    local warp = core.plan.new(list):warp(60, 40)
    for _, corner in ipairs { { 0, 0 }, { 60, 0 }, { 60, 40 }, { 0, 40 } } do
      local x, y = warp:point(corner[1], corner[2])
      t.ok(x > -1e-6 and x < 60 + 1e-6 and y > -1e-6 and y < 40 + 1e-6, ("corner at %g, %g"):format(x, y))
    end
  end
end)

t.test("crops keep the picture's own size and proportions", function()
  for _, size in ipairs { { 60, 40 }, { 37, 61 } } do
    for _, name in ipairs { "CenterCrop", "RandomSizedCrop" } do
      local list = augment.compose({ { name, 0.4 } }, { width = size[1], height = size[2], channels = 3 }, 1, "x")
      local plan = core.plan.new(list)
      t.eq({ plan:size(size[1], size[2]) }, size)
      local warp = plan:warp(size[1], size[2])
      local x0, y0 = warp:source(0, 0)
      local x1, y1 = warp:source(size[1], size[2])
      local kept = 1 - augment.get(name):at(0.4).loss
      t.near(x1 - x0, kept * size[1], 1e-4, name)
      t.near(y1 - y0, kept * size[2], 1e-4, name)
      t.ok(x0 >= -1e-4 and y0 >= -1e-4 and x1 <= size[1] + 1e-4 and y1 <= size[2] + 1e-4, name .. " stays inside")
      if name == "CenterCrop" then t.near(x0 + x1, size[1], 1e-6) end
    end
  end
end)

t.test("the place of a crop is the same at every intensity and another in another sample", function()
  local function place(i, sample)
    local list = augment.compose({ { "RandomSizedCrop", i } }, { width = 60, height = 40, channels = 3 }, 1, sample)
    local m, loss = list[1].matrix, augment.get "RandomSizedCrop":at(i).loss
    return -m[3] / m[1] / (loss * 60)
  end
  t.near(place(0.2, "a"), place(0.9, "a"), 1e-9)
  t.ok(math.abs(place(0.2, "a") - place(0.2, "b")) > 1e-6)
end)

t.test("sizes are relative: a picture twice as large loses the same", function()
  local small, large = { width = 80, height = 60, channels = 3 }, { width = 160, height = 120, channels = 3 }
  local function step(name, image) return augment.compose({ { name, 0.6 } }, image, 1, "x")[1] end
  t.near(step("GaussianBlur", large).sigma, 2 * step("GaussianBlur", small).sigma, 1e-9)
  t.near(step("MotionBlur", large).length - 1, 2 * (step("MotionBlur", small).length - 1), 1e-9)
  t.near(step("Defocus", large).radius, 2 * step("Defocus", small).radius, 1e-9)
  t.near(step("Downscale", large).factor - 1, 2 * (step("Downscale", small).factor - 1), 1e-9)
  t.near(step("ElasticTransform", large).amplitude, 2 * step("ElasticTransform", small).amplitude, 1e-9)
  t.near(step("EraseBox", large).w, 2 * step("EraseBox", small).w, 1e-9)
end)

t.test("an erased box lies inside and has the area it says", function()
  for k = 1, 20 do
    local box = augment.compose({ { "EraseBox", k / 20 } }, { width = 61, height = 37, channels = 3 }, 1, "s" .. k)[1]
    t.ok(box.x >= 0 and box.y >= 0 and box.x + box.w <= 61 + 1e-9 and box.y + box.h <= 37 + 1e-9)
    t.near(box.w * box.h / (61 * 37), augment.get "EraseBox":at(k / 20).area, 1e-9)
  end
end)

t.test("the first tick of every row is small beside its end", function()
  local image = picture.draw(96, 72):run { { op = "gaussian", sigma = 0.8 } } -- about as sharp as a photograph
  for _, row in ipairs(augment.list()) do
    local function far(i)
      local out = apply(image, row.name, i)
      return (row.changes_size and out:resize(96, 72) or out):distance(image)
    end
    local first, last = far(0.05), far(1)
    t.ok(first < 0.35 * last, ("%s: %.2f at .05, %.2f at 1"):format(row.name, first, last))
  end
end)

t.test("pixels hardly larger than before change hardly anything", function()
  local image = picture.draw(256, 192):run { { op = "gaussian", sigma = 0.8 } }
  for _, name in ipairs { "Downscale", "Pixelate" } do
    local last, end_ = 0, apply(image, name, 1):distance(image)
    for k = 1, 10 do
      local far = apply(image, name, k / 50):distance(image)
      t.ok(far >= last - 0.05 * end_, name .. " falls at " .. k / 50) -- cells lie otherwise to the pixels at each size
      last = far
    end
    t.ok(apply(image, name, 0.05):distance(image) < 0.02 * end_, name .. " begins with a step")
  end
end)

t.test("the untouched picture is an object of its own: closing one leaves the other", function()
  local image = flat(10, 20, 30)
  local same <close> = augment.apply(image, { Brighten = 0 })
  t.ok(same:equal(image))
  same:close()
  t.eq({ image:pixel(0, 0) }, { 10, 20, 30 })
end)

t.test("Perspective never folds, whatever is drawn, up to its legal limit", function()
  local image = brink.core.image.new(16, 12, 3, "u8", 90)
  for k = 1, 300 do
    local plan = augment.plan("Perspective", 1, augment.context(image, k, "sample " .. k, 0), { shift = 0.49 })
    t.ok(image:run(plan), "draw " .. k)
  end
end)

t.done()
