-- Evaluation: average error, interval, what differs, classes, failures.
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local picture = require "picture"
local core = brink.core

local QUIET = { progress = false }

local function folder(names)
  local dir = t.tmp() .. "/" .. tostring(#names) .. "_" .. names[1]:gsub("/", "_")
  for k, name in ipairs(names) do
    assert(core.file.mkdirs(dir .. "/" .. (name:match "^(.*)/" or "")))
    assert(picture.draw(40, 30, { key = k }):save(dir .. "/" .. name))
  end
  return dir
end

t.test("mean, interval, count and list of what differs", function()
  local dir = folder { "a/1.png", "a/2.png", "a/3.png", "b/1.png", "b/2.png" }
  local aug = brink.augmenter { predict = function(_, sample) return sample.name:find "2" and "c" or "a" end }
  local e = aug:evaluate(brink.dataset(dir, { labels = "folder" }), QUIET)
  t.eq(e.n, 5)
  t.near(e.mean, 0.6, 1e-12)
  t.near(e.lo, 0.1466, 1e-3, "Clopper-Pearson of 3 in 5")
  t.near(e.hi, 0.9473, 1e-3)
  t.eq(#e.differing, 3)
  t.eq(e.differing[1], { path = dir .. "/a/2.png", label = "a", prediction = "c", error = 1.0 })
  t.eq(#e.per_class, 2)
  t.eq({ e.per_class[1].class, e.per_class[1].n, e.per_class[1].differing }, { "a", 3, 1 })
  t.eq({ e.per_class[2].class, e.per_class[2].n, e.per_class[2].mean }, { "b", 2, 1.0 })
  local json = assert(core.json.decode(e:json()))
  t.eq(json.count, 3)
  t.eq(json.differing[3].path, dir .. "/b/2.png")
  t.ok(e:text():find("average error 0.6000", 1, true))
  t.ok(tostring(e):find("expected b, got a", 1, true))
end)

t.test("defect 15: files of one base name in different folders count apart, and small errors do not differ", function()
  local dir = folder { "x/same.png", "y/same.png", "z/same.png" }
  local aug = brink.augmenter { predict = function(_, sample) return sample.path end,
    diff_error = function(_, path) return path:find "/x/" and 0.01 or path:find "/y/" and 0.5 or 0 end }
  local e = aug:evaluate(brink.dataset(dir, { labels = "folder" }), QUIET)
  t.eq(e.n, 3)
  t.near(e.mean, 0.17, 1e-12)
  t.eq(#e.differing, 1)
  t.eq(e.differing[1].path, dir .. "/y/same.png")
  e = aug:evaluate(brink.dataset(dir, { labels = "folder" }), { progress = false, differs = 0 })
  t.eq(#e.differing, 2)
end)

t.test("files, labels and models that fail are listed and are no part of the mean", function()
  local dir = folder { "a/1.png", "a/2.png", "a/3.png", "4.png" }
  assert(core.file.write(dir .. "/a/cut.png", "\137PNG"))
  local aug = brink.augmenter { predict = function(_, sample)
    if sample.name == "2.png" then error "no answer" end
    if sample.name == "3.png" then return nil, "too odd" end
    return "a"
  end }
  local data = brink.dataset(dir, { labels = "folder" })
  local e = aug:evaluate(data, QUIET)
  t.eq({ e.n, e.mean, #e.failures }, { 1, 0.0, 4 })
  t.ok(e.failures[1].path:find("4.png", 1, true) and e.failures[1].reason == "no label")
  t.ok(e.failures[2].reason:find("no answer", 1, true))
  t.ok(e.failures[3].reason:find("too odd", 1, true))
  t.ok(e.failures[4].path:find("cut.png", 1, true))
  t.ok(e:text():find("4 failures", 1, true))
  t.raises(function() aug:evaluate(data, { progress = false, max_failures = 2 }) end, "at most 2 allowed")
  local none = brink.augmenter { predict = function() error "dead" end }:evaluate(data, QUIET)
  t.eq(none.n, 0)
  t.ok(none:text():find("no picture could be judged", 1, true))
  t.eq(core.json.decode(none:json()).mean, core.json.null)
end)

t.test("the built-in recogniser holds synthetic pictures against their sources", function()
  local dir, out = t.tmp() .. "/photos", t.tmp() .. "/made"
  assert(core.file.mkdirs(dir))
  for k = 1, 6 do assert(picture.draw(200, 160, { key = k }):save(("%s/%d.png"):format(dir, k))) end
  local aug = brink.augmenter {}
  local s = assert(aug:synthesize(dir, { output = out, count = 12, realism = 0.3, predict = true, progress = false, preview = false }))
  local e = aug:evaluate(out, QUIET)
  t.eq(e.n, 12)
  t.near(e.mean, s.error, 1e-12)
  t.ok(e.mean < 1)
  assert(picture.draw(200, 160, { key = 99 }):save(dir .. "/1.png"))
  e = aug:evaluate(out, QUIET)
  t.eq(#e.failures, 2)
  t.ok(e.failures[1].reason:find("has changed", 1, true))
end)

t.test("a synthetic set is read with the labels of its manifest", function()
  local dir, out = folder { "a/1.png", "b/2.png" }, t.tmp() .. "/labelled"
  local aug = brink.augmenter { predict = function() return "a" end }
  assert(aug:synthesize(brink.dataset(dir, { labels = "folder" }), { output = out, count = 6, progress = false, preview = false }))
  local data = brink.dataset(out)
  t.eq(#data, 6)
  t.eq(data.classes, { "a", "b" })
  t.near(aug:evaluate(data, QUIET).mean, 0.5, 1e-12)
  os.remove(data[1].path)
  t.eq(#brink.dataset(out .. "/manifest.jsonl"), 5)
  t.eq(#brink.dataset(out).failures, 1)
  assert(core.file.write(out .. "/manifest.jsonl", "{}\n"))
  t.fails("line 1", brink.dataset(out))
end)

t.test("a synthetic set without labels is held against the model's own answers on the sources", function()
  local dir, out = folder { "1.png", "2.png", "3.png" }, t.tmp() .. "/unlabelled"
  local asked = {}
  local function left(im, s) -- brighter on the left: a mirror turns the answer
    asked[s.name] = (asked[s.name] or 0) + 1
    local w, h = im.width // 2, im.height
    return im:crop(0, 0, w, h):stats().luma_mean > im:crop(im.width - w, 0, w, h):stats().luma_mean and "left" or "right"
  end
  local aug = brink.augmenter { predict = left, labels = false, augmentations = { "HorizontalFlip", "Brighten" } }
  local s = assert(aug:synthesize(dir, { output = out, count = 8, realism = 0, predict = true, progress = false, preview = false }))
  asked = {}
  local e = aug:evaluate(out, QUIET)
  t.eq({ e.n, e.by_source, #e.failures }, { 8, 8, 0 })
  t.near(e.mean, s.error, 1e-12)
  t.ok(e.mean > 0 and e.mean < 1, tostring(e.mean))
  t.has(e:text(), "8 pictures without a label, held against the model's own answer")
  t.eq(core.json.decode(e:json()).by_source, 8)
  assert(picture.draw(200, 160, { key = 99 }):save(dir .. "/1.png"))
  local after = aug:evaluate(out, QUIET)
  t.ok(#after.failures > 0 and after.n + #after.failures == 8 and after.failures[1].reason:find("has changed", 1, true))
end)

t.test("boxes found on the source are moved to the synthetic picture they are held against", function()
  local dir, out = t.tmp() .. "/boxes", t.tmp() .. "/boxes_made"
  assert(core.file.mkdirs(dir))
  assert(core.image.new(40, 30, 3, "u8", 10):paste(core.image.new(9, 6, 3, "u8", 250), 4, 3):save(dir .. "/1.png"))
  local function find(im)
    local x0, y0, x1, y1 = im.width, im.height, 0, 0
    for y = 0, im.height - 1 do
      for x = 0, im.width - 1 do
        if im:pixel(x, y) > 128 then x0, y0, x1, y1 = math.min(x0, x), math.min(y0, y), math.max(x1, x + 1), math.max(y1, y + 1) end
      end
    end
    return { kind = "shapes", width = im.width, height = im.height, shapes = { { class = "bright", box = { x0, y0, x1 - x0, y1 - y0 } } } }
  end
  local aug = brink.augmenter { predict = find, labels = false, augmentations = { "HorizontalFlip" }, diff_error = brink.diff.iou }
  aug:set_range("HorizontalFlip", { min = 0.9, max = 1 })
  assert(aug:synthesize(dir, { output = out, count = 3, realism = 0, progress = false, preview = false }))
  t.eq(brink.dataset(out)[1]:image():pixel(6, 5), 10, "the box is on the other side")
  local e = aug:evaluate(out, QUIET)
  t.eq({ e.n, e.by_source, e.mean }, { 3, 3, 0.0 })
end)

t.test("misuse", function()
  local aug = brink.augmenter { predict = function() return 1 end }
  local data = { { image = picture.draw(8, 8), label = "a" } }
  t.raises(function() aug:evaluate(data, { difers = 1 }) end, "differs")
  t.raises(function() aug:evaluate(data, { differs = 1 }) end, "differs")
  t.raises(function() aug:evaluate(data, 7) end, "options")
  t.raises(function() brink.augmenter { predict = function() return 1 end, diff_error = function() return "x" end }:evaluate(data, QUIET) end, "diff_error gave")
end)

t.test("metrics over the set stand beside the average", function()
  local list = {}
  for k = 1, 4 do
    list[k] = { image = core.image.new(8, 8, 3, "u8", k), name = "p" .. k, id = ("%032x"):format(k), label = k % 2 == 0 and "a" or "b" }
  end
  local aug = brink.augmenter { predict = function() return "a", 0.75 end }
  local e = aug:evaluate(list, { progress = false, metrics = "classification" })
  t.eq({ e.metrics[1].name, e.metrics[1].figures.top1 }, { "classification", 0.5 })
  t.near(e.metrics[1].figures.ece, 0.25, 1e-12)
  t.ok(e:text():find("top1", 1, true))
  t.near(core.json.decode(e:json()).metrics[1].figures.ece, 0.25, 1e-12)
  t.raises(function() aug:evaluate(list, { progress = false, metrics = "clasification" }) end, "did you mean classification")
  t.raises(function() aug:evaluate(list, { progress = false, metrics = { { name = "keypoints", apha = 1 } } }) end, "no option apha")
  t.raises(function() aug:evaluate(list, { progress = false, metrics = { "detection" } }) end, "detection: label: \"b\"")
end)

t.done()
