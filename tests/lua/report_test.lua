-- From a search to its page: the pictures are the pixels that were tested. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local core = require "brink.core"

-- Twelve flat pictures with a dot; the model fails above a known brightness.
local function samples(dir)
  core.file.mkdirs(dir)
  for k = 1, 12 do
    local im = core.image.new(24, 16 + k, 3, "u8", 40 + k):draw { { "disc", x = 12, y = 8, radius = 4, colour = { 200, 30, k } } }
    assert(im:save(("%s/%02d <b>&'\".png"):format(dir, k)))
  end
  return brink.dataset(dir)
end

local function predict(image) return image:stats().luma_mean < 140 and "dark" or "bright" end

local function searched(name)
  local data = samples(t.tmp() .. "/data")
  local aug = brink.augmenter { predict = predict, labels = false, augmentations = { "Brighten", "Rotate", "PixelDropout" }, seed = 5 }
  return aug:search(data, { store = t.tmp() .. "/" .. name .. ".db", progress = false }), data
end

t.test("first failure and last success are shown with exactly the tested pixels", function()
  local study = searched("a")
  local path = t.ok(study:report(t.tmp() .. "/a"))
  local text = core.file.read(path)
  local seen = {}
  for bytes in text:gmatch("data:image/png;base64,([%w+/=]+)") do
    seen[core.image.decode(core.base64.decode(bytes)):hash()] = true
  end
  local n = 0
  for _, c in ipairs(study.analysis.curves) do
    for _, which in ipairs { "first_failure", "last_success" } do
      if c[which] then
        n = n + 1
        t.ok(seen[c[which].hash], ("%s %s: the stored hash is shown"):format(c.name, which))
        t.ok(text:find(c[which].hash:sub(1, 12), 1, true), "and printed")
      end
    end
  end
  t.ok(n >= 3, "pictures seen: " .. n)
  t.ok(not text:find("no picture", 1, true), "every picture could be made again")
end)

t.test("the same study gives the same bytes, opened again too", function()
  local study = searched("b")
  local one = core.file.read(t.ok(study:report(t.tmp() .. "/b1")))
  study:close()
  local again = t.ok(brink.study.open(t.tmp() .. "/b.db"))
  t.eq(core.file.read(t.ok(again:report(t.tmp() .. "/b2"))) == one, true)
end)

t.test("a file that changed since is named and not shown", function()
  local study = searched("c")
  study:close()
  for _, name in ipairs(core.file.list(t.tmp() .. "/data")) do
    assert(core.image.new(8, 8, 3):save(t.tmp() .. "/data/" .. name))
  end
  local again = t.ok(brink.study.open(t.tmp() .. "/c.db"))
  local text = core.file.read(t.ok(again:report(t.tmp() .. "/c")))
  t.ok(text:find("the file has changed since it was tested", 1, true))
  t.ok(not text:find("data:image/png", 1, true))
end)

t.test("a folder that cannot be written is an error, not a crash", function()
  local study = searched("d")
  t.fails("cannot make", study:report("/dev/null/x"))
  t.raises(function() study:report(nil) end, "folder expected")
end)

-- Four pictures with one object each: a box, and a semantic mask as an image.
local function scenes()
  local list = {}
  for k = 1, 4 do
    local where = { "box", x = 5 + k, y = 5, w = 12, h = 10 }
    list[k] = { name = "scene" .. k, image = core.image.new(40, 30, 3, "u8", 60):draw { where },
      label = { kind = "shapes", width = 40, height = 30, shapes = { { class = "<a>", box = { 5 + k, 5, 12, 10 } } },
        segmentation = core.image.new(40, 30, 1):draw { { "box", x = where.x, y = 5, w = 12, h = 10, colour = { 1 } } } } }
  end
  return brink.dataset(list)
end

local function detector() return { kind = "shapes", width = 40, height = 30, shapes = { { class = "<a>", box = { 7, 5, 12, 10 }, score = 0.9 } } } end

t.test("labels of shapes are drawn over the picture, truth and prediction, as text that cannot be markup", function()
  local aug = brink.augmenter { predict = detector, diff_error = brink.diff.iou, augmentations = { "Rotate" } }
  local study = aug:search(scenes(), { progress = false })
  local text = core.file.read(t.ok(study:report(t.tmp() .. "/e")))
  t.ok(text:find('<g class="truth">', 1, true) and text:find('<g class="guess">', 1, true))
  t.ok(text:find("&lt;a&gt; 0.90", 1, true) and not text:find("<a>", 1, true))
  -- the true box of a turned object is not where it was
  local failure = study:side("Rotate", "+").first_failure
  local moved = t.ok(study:truth(failure)).shapes[1].box
  t.ok(math.abs(moved[1] - failure.label.shapes[1].box[1]) > 0.5, "moved with the pixels")
end)

t.test("a search against its own answers keeps masks that are images, also when it goes on", function()
  local function segment(image)
    local mask = image:convert { channels = 1 }:lut(function(v) return v > 128 and 1 or 0 end)
    return { kind = "shapes", width = image.width, height = image.height, shapes = {}, segmentation = mask }
  end
  local function run()
    local aug = brink.augmenter { predict = segment, labels = false, diff_error = brink.diff.miou, augmentations = { "Darken" } }
    return t.ok(aug:search(scenes(), { progress = false, store = t.tmp() .. "/masks.db" }))
  end
  local first = run()
  t.eq(first.baseline, 0.0)
  t.ok(first:bounds("Darken")[1].break_found, "darkness breaks it")
  local json = first:json()
  first:close()
  t.eq(run():json(), json)
end)

t.done()
