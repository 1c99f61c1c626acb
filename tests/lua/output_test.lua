-- From a network's outputs to labels, on numbers made by hand. SPDX-License-Identifier: MIT
local t = require "check"
local core = require "brink.core"
local output = require "brink.model.output"
local tensor = core.tensor

local function meta(name, dtype, ...) return { name = name, dtype = dtype, shape = { ... }, producer = "" } end
-- A 200 x 100 picture letterboxed into 100 x 100: half the size, 25 down.
local MAP = { sx = 0.5, sy = 0.5, ox = 0.0, oy = 25.0, width = 100, height = 100, image_width = 200, image_height = 100 }

-- The boxes found, rounded: { class, x, y, w, h, score in hundredths }.
local function found(label)
  local list = {}
  for k, o in ipairs(label.shapes) do
    list[k] = { o.class }
    for _, v in ipairs { o.box[1], o.box[2], o.box[3], o.box[4], o.score * 100 } do table.insert(list[k], math.floor(v + 0.5)) end
  end
  return list
end

t.test("yolov8: a column each, back to the picture, the weaker twin goes", function()
  -- cx, cy, w, h, class 0, class 1 for four candidates
  local rows = {
    { 50, 50, 52, 50 }, { 50, 50, 50, 30 }, { 20, 20, 20, 20 }, { 10, 10, 10, 10 }, { 0.9, 0.1, 0.85, 0.1 }, { 0.05, 0.6, 0.1, 0.2 },
  }
  local flat = {}
  for _, r in ipairs(rows) do table.move(r, 1, 4, #flat + 1, flat) end
  local read = output.new({ "detect", labels = { "cat", "dog" } }, { meta("y", "f32", 1, 6, 4) })
  local label, best = read({ tensor.new({ 1, 6, 4 }, "f32", flat) }, MAP)
  t.eq({ label.kind, label.width, label.height }, { "shapes", 200, 100 })
  t.eq(found(label), { { "cat", 80, 40, 40, 20, 90 }, { "dog", 80, 40, 40, 20, 60 } })
  t.near(best, 0.9, 1e-6)
  local all = output.new({ "detect", format = "yolov8", overlap = 1, score = 0.15 }, { meta("y", "f32", 1, 6, 4) })({ tensor.new({ 1, 6, 4 }, "f32", flat) }, MAP)
  t.eq(#all.shapes, 4)
  t.eq(all.shapes[1].class, 0)
  local one = output.new({ "detect", format = "yolov8", max = 1 }, { meta("y", "f32", 1, 6, 4) })({ tensor.new({ 1, 6, 4 }, "f32", flat) }, MAP)
  t.eq(#one.shapes, 1)
end)

t.test("yolov5: a row each, objectness times class", function()
  local read = output.new({ "detect", format = "yolov5", score = 0.3 }, { meta("y", "f32", 1, 3, 7) })
  local label = read({ tensor.new({ 1, 3, 7 }, "f32", {
    50, 50, 20, 20, 0.9, 0.1, 0.5, -- .45 of class 1
    50, 50, 20, 20, 0.5, 0.5, 0.5, -- .25: too little
    10, 50, 20, 20, 1.0, 0.7, 0.2,
  }) }, MAP)
  t.eq(found(label), { { 0, 0, 30, 40, 40, 70 }, { 1, 80, 30, 40, 40, 45 } })
end)

t.test("scores of other classes do not silence each other, unless asked", function()
  local rows = { 50, 50, 20, 20, 1, 0.9, 0.0, 50, 50, 20, 20, 1, 0.0, 0.8 }
  local outputs = { meta("y", "f32", 1, 2, 7) }
  local function n(spec) return #output.new(spec, outputs)({ tensor.new({ 1, 2, 7 }, "f32", rows) }, MAP).shapes end
  t.eq({ n { "detect", format = "yolov5" }, n { "detect", format = "yolov5", agnostic = true } }, { 2, 1 })
end)

t.test("rows that were suppressed already, and garbage among them", function()
  local read = output.new({ "detect", labels = { "a", "b", "c" } }, { meta("y", "f32", 1, 5, 6) })
  local label = read({ tensor.new({ 1, 5, 6 }, "f32", {
    10, 30, 20, 40, 0.9, 2, 10, 30, 20, 40, 0.8, 2, -- the same twice: both stay
    20, 40, 10, 30, 0.9, 1,                         -- inside out
    0 / 0, 0, 1, 1, 0.9, 1, 10, 30, 20, 40, 0.9, -1,
  }) }, MAP)
  t.eq(found(label), { { "c", 20, 10, 20, 20, 90 }, { "c", 20, 10, 20, 20, 80 } })
end)

t.test("boxes and scores, relative, with a background; which is which by the shape", function()
  local boxes, scores = tensor.new({ 1, 2, 4 }, "f32", { 0.1, 0.3, 0.3, 0.5, 0, 0, 1, 1 }), tensor.new({ 1, 2, 3 }, "f32", { 0.1, 0.2, 0.7, 0.9, 0.05, 0.05 })
  local read = output.new({ "detect", background = 0 }, { meta("s", "f32", 1, 2, 3), meta("b", "f32", 1, 2, 4) })
  t.eq(found(read({ scores, boxes }, MAP)), { { 2, 20, 10, 40, 40, 70 } })
  read = output.new({ "detect", background = 0, form = "yxyx" }, { meta("s", "f32", 1, 2, 3), meta("b", "f32", 1, 2, 4) })
  t.eq(found(read({ scores, boxes }, MAP)), { { 2, 60, 0, 40, 10, 70 } }) -- clipped to the frame
  local soft = output.new({ "detect", background = 0, activation = "softmax" }, { meta("s", "f32", 1, 2, 3), meta("b", "f32", 1, 2, 4) })
  t.near(soft({ tensor.new({ 1, 2, 3 }, "f32", { 0, 0, core.math.log(8), 9, 0, 0 }), boxes }, MAP).shapes[1].score, 0.8, 1e-6)
  local message = select(2, read({ tensor.new({ 1, 3, 3 }), boxes }, MAP))
  t.ok(message:find("output s: got 1x3x3, expected 2 rows", 1, true), message)
end)

t.test("torchvision's boxes, labels and scores", function()
  local read = output.new("detect", { meta("boxes", "f32", -1, 4), meta("labels", "i64", -1), meta("scores", "f32", -1) })
  local label = read({ tensor.new({ 2, 4 }, "f32", { 10, 30, 20, 40, 0, 30, 50, 60 }), tensor.new({ 2 }, "i64", { 7, 3 }), tensor.new({ 2 }, "f32", { 0.5, 0.9 }) }, MAP)
  t.eq(found(label), { { 3, 0, 10, 100, 60, 90 }, { 7, 20, 10, 20, 20, 50 } })
  t.eq(#read({ tensor.new { 0, 4 }, tensor.new({ 0 }, "i64"), tensor.new { 0 } }, MAP).shapes, 0)
end)

t.test("yolov8-pose: keypoints come with their box", function()
  local columns = { 50, 50, 20, 20, 0.9, 45, 55, 0.8, 55, 45, 0.1 }
  local label = output.new({ "detect", format = "yolov8", keypoints = 2 }, { meta("y", "f32", 1, 11, 1) })({ tensor.new({ 1, 11, 1 }, "f32", columns) }, MAP)
  t.eq(label.shapes[1].keypoints, { 90.0, 60.0, 2, 110.0, 40.0, 0 })
end)

t.test("names in Ultralytics' metadata", function()
  local read = output.new(nil, { meta("y", "f32", 1, 6, 2) }, { task = "detect", names = "{0: 'cat', 1: \"dog\"}" })
  local label = read({ tensor.new({ 1, 6, 2 }, "f32", { 50, 20, 50, 50, 20, 20, 20, 20, 0, 0.8, 0.9, 0 }) }, MAP)
  t.eq(found(label), { { "dog", 80, 30, 40, 40, 90 }, { "cat", 20, 30, 40, 40, 80 } })
end)

t.test("segmentation: the class of each pixel, in the picture's size", function()
  -- two channels on 4 x 4 cells: class 1 on the right half
  local scores = {}
  for c = 0, 1 do for _ = 1, 4 do for x = 1, 4 do scores[#scores + 1] = (x > 2) == (c == 1) and 1 or 0 end end end
  local read = output.new("segment", { meta("y", "f32", 1, 2, 4, 4) })
  local label = read({ tensor.new({ 1, 2, 4, 4 }, "f32", scores) }, MAP)
  local mask = label.segmentation
  t.eq({ mask.width, mask.height, mask:pixel(99, 50), mask:pixel(100, 50), mask:pixel(0, 0), mask:pixel(199, 99) }, { 200, 100, 0, 1, 0, 1 })
  local ids = output.new("segment", { meta("y", "i64", 1, 1, 2, 2) })({ tensor.new({ 1, 1, 2, 2 }, "i64", { 3, 4, 5, 6 }) }, MAP).segmentation
  t.eq({ ids:pixel(0, 0), ids:pixel(150, 0), ids:pixel(0, 99), ids:pixel(199, 99) }, { 3, 4, 5, 6 })
  local crop = { sx = 1.0, sy = 1.0, ox = -50.0, oy = 0.0, width = 100, height = 100, image_width = 200, image_height = 100 }
  ids = output.new("segment", { meta("y", "u8", 2, 2) })({ tensor.new({ 2, 2 }, "u8", { 3, 4, 5, 6 }) }, crop).segmentation
  t.eq({ ids:pixel(49, 0), ids:pixel(50, 0), ids:pixel(149, 0), ids:pixel(150, 0) }, { 255, 3, 4, 255 })
  local one = output.new({ "segment", threshold = 0 }, { meta("y", "f32", 1, 1, 1, 2) })({ tensor.new({ 1, 1, 1, 2 }, "f32", { -1, 1 }) }, MAP).segmentation
  t.eq({ one:pixel(10, 10), one:pixel(190, 10) }, { 0, 1 })
end)

t.test("keypoints from heat maps and from coordinates", function()
  local heat = tensor.new({ 1, 2, 10, 10 })
  local values = heat:totable()
  values[1 + 5 * 10 + 2], values[101 + 9] = 0.9, 0.1
  local read = output.new({ "keypoints", names = { "nose", "tail" } }, { meta("y", "f32", 1, 2, 10, 10) })
  local label, sure = read({ tensor.new({ 1, 2, 10, 10 }, "f32", values) }, MAP)
  t.eq(label.shapes[1].keypoints, { 50.0, 60.0, 2, 190.0, -40.0, 0 })
  t.near(sure, 0.9, 1e-6)
  local points = output.new({ "keypoints", relative = true }, { meta("y", "f32", 1, 4) })({ tensor.new({ 1, 4 }, "f32", { 0.5, 0.5, 0.25, 0.75 }) }, MAP)
  t.eq(points.shapes[1].keypoints, { 100.0, 50.0, 2, 50.0, 100.0, 2 })
end)

t.test("classes: the best, the best few, several at once, ties", function()
  local outputs = { meta("y", "f32", 1, 4) }
  local x = tensor.new({ 1, 4 }, "f32", { 0, 2, 2, 1 })
  local function read(spec) return output.new(spec, outputs)({ x }, MAP) end
  t.eq(read { "classify", labels = { "a", "b", "c", "d" } }, "b")
  local list = read { "classify", labels = { "a", "b", "c", "d" }, top = 3 }
  t.eq({ list[1].class, list[2].class, list[3].class, #list }, { "b", "c", "d", 3 })
  t.eq(#read { "classify", top = 9 }, 4)
  local many = read { "classify", activation = "sigmoid", threshold = 0.7 }
  t.eq({ many.classes[1].class, many.classes[2].class, many.classes[3].class, #many.classes }, { 1, 2, 3, 3 })
  local nothing = tensor.new({ 1, 4 }, "f32", { 0 / 0, 0 / 0, 0 / 0, 0 / 0 })
  local label, message = output.new({ "classify", activation = "none" }, outputs)({ nothing }, MAP)
  t.fails("output y: got 1x4, expected numbers", label, message)
  t.fails("expected the scores of one picture", output.new("classify", { meta("y", "f32", -1, 4) })({ tensor.new { 2, 4 } }, MAP))
end)

t.test("labels from files", function()
  local dir = t.tmp()
  local function labels(name, text)
    core.file.write(dir .. "/" .. name, text)
    return output.labels(dir .. "/" .. name)
  end
  t.eq(labels("a.txt", "one\r\ntwo words\nthree\n"), { "one", "two words", "three" })
  t.eq({ table.unpack(labels("b.json", '["x", "y"]')) }, { "x", "y" })
  t.eq(labels("c.json", '{"0": ["n01", "tench"], "1": ["n02", "goldfish"]}'), { "tench", "goldfish" })
  t.raises(function() labels("d.json", "[1,") end, "labels: " .. dir .. "/d.json")
  t.raises(function() output.labels(dir .. "/none.txt") end, "labels: ")
end)

t.test("regression; what is unclear is asked for; functions see names", function()
  t.eq(output.new({ "regress", scale = 10, offset = 1 }, { meta("y", "f32", 1, 1) })({ tensor.new({ 1, 1 }, "f32", { 0.5 }) }), 6.0)
  t.eq(output.new("regress", { meta("y", "f32", 1, 2) })({ tensor.new({ 1, 2 }, "f32", { 1, 2 }) }), { 1.0, 2.0 })
  t.eq(output.new(nil, { meta("y", "f32", 1, 1) })({ tensor.new({ 1, 1 }, "f32", { 3 }) }), 3.0)
  local label, message, code = output.new(nil, { meta("a", "f32", 1, 5, 4), meta("b", "f32", 1, 5) })()
  t.fails("outputs a 1x5x4, b 1x5: say what they are", label, message)
  t.eq(code, "usage")
  t.eq(output.new(function(out) return out.a[1] + out[2][1] end, { meta("a", "f32", 1), meta("b", "f32", 1) })({ tensor.new({ 1 }, "f32", { 1 }), tensor.new({ 1 }, "f32", { 2 }) }), 3.0)
  t.raises(function() output.new({ "detect", format = "yolo8" }, { meta("y", "f32", 1, 6, 4) }) end, "format: yolo8; did you mean yolov8?")
  t.raises(function() output.new({ "detect", boxes = "bxs" }, { meta("boxes", "f32", 1, 6, 4), meta("scores", "f32", 1, 6, 2) }) end, "no output bxs")
end)

t.done()
