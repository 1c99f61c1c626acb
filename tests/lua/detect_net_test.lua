-- Detectors whose outputs need more than reading: masks out of prototypes, boxes out of priors. The nets are made here.
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local net = require "onnx_net"
local output = require "brink.model.output"
local priors = require "brink.model.priors"
local core = brink.core
local tensor = core.tensor

local function meta(name, ...) return { name = name, dtype = "f32", shape = { ... }, producer = "" } end

local saved = net.saved

-- Rows of a mask as texts of 0 and 1.
local function rows(rle)
  local image, out = t.ok(core.shapes.rle_mask(rle)), {}
  for y = 0, image.height - 1 do
    local line = {}
    for x = 0, image.width - 1 do line[x + 1] = ("%d"):format((image:pixel(x, y))) end
    out[y + 1] = table.concat(line)
  end
  return out
end

-- A net for 8 x 8 pictures in 0..1 whose prototypes are the channels less a half, and whose boxes are these columns: cx, cy, w,
-- h, score of either class, three coefficients.
local function segmenter(columns, metadata)
  local flat = {}
  for j = 1, 9 do for _, c in ipairs(columns) do flat[#flat + 1] = c[j] end end
  return saved(net.model {
    inputs = { { "images", "f32", { 1, 3, 8, 8 } } }, outputs = { { "output0", "f32", { 1, 9, #columns } }, { "output1", "f32", { 1, 3, 8, 8 } } },
    initializers = { { "found", "f32", { 1, 9, #columns }, flat }, { "half", "f32", {}, { 0.5 } } },
    nodes = { { "Identity", { "found" }, { "output0" } }, { "Sub", { "images", "half" }, { "output1" } } }, metadata = metadata,
  })
end

t.test("YOLO's segmentation nets give every box its mask", function()
  net.runtime()
  local path = segmenter({ { 4, 4, 8, 8, 0.9, 0.1, 1, 0, 0 }, { 6, 6, 4, 4, 0.2, 0.8, 0, 1, 0 }, { 4, 4, 8, 8, 0.1, 0.1, 1, 1, 1 } })
  local model = t.ok(brink.model { onnx = path, input = { scale = 1 / 255 }, output = { "detect", labels = { "cat", "dog" } } })
  local picture = brink.image.new(8, 8, 3, "u8", 0):paste(core.image.from_bytes(1, 1, 3, "u8", "\255\0\0"):resize(3, 4), 1, 2)
  local label = t.ok(model:predict(picture))
  t.eq({ #label.shapes, label.shapes[1].class, label.shapes[2].class }, { 2, "cat", "dog" })
  t.eq(label.shapes[1].mask.size, { 8, 8 })
  t.eq(type(label.shapes[1].mask.counts), "string")
  -- the red box; and no green anywhere
  local seen = 0
  for _, row in ipairs(rows(label.shapes[1].mask)) do for one in row:gmatch "1" do seen = seen + tonumber(one) end end
  t.eq(seen, 12)
  for _, row in ipairs(rows(label.shapes[2].mask)) do t.eq(row, "00000000") end
  -- the label can be drawn, measured, and written like any other
  t.eq({ brink.diff.iou(label, label), brink.diff.mask_iou(label, label) }, { 0.0, 0.0 })
end)

t.test("masks end at their box and go back to the picture through a letterbox", function()
  -- a 16 x 8 picture, half the size, 2 down, in an input of 8 x 8 with prototypes of 4 x 4 that are 1 everywhere
  local map = { sx = 0.5, sy = 0.5, ox = 0.0, oy = 2.0, width = 8, height = 8, image_width = 16, image_height = 8 }
  local read = output.new({ "detect", format = "yolov5" }, { meta("proto", 1, 1, 4, 4), meta("boxes", 1, 1, 7) })
  local label = t.ok(read({ tensor.new({ 1, 1, 4, 4 }, "f32", 1), tensor.new({ 1, 1, 7 }, "f32", { 3, 4, 2, 2, 1, 1, 5 }) }, map))
  local box = label.shapes[1].box
  t.eq(box, { 4.0, 2.0, 4.0, 4.0 })
  local empty, full = ("0"):rep(16), "0000111100000000"
  t.eq(rows(label.shapes[1].mask), { empty, empty, full, full, full, full, empty, empty })
  -- a negative coefficient: nothing; with a threshold below, everything
  local less = { tensor.new({ 1, 1, 4, 4 }, "f32", 1), tensor.new({ 1, 1, 7 }, "f32", { 3, 4, 2, 2, 1, 1, -1 }) }
  t.eq(rows(read(less, map).shapes[1].mask)[3], empty)
  local low = output.new({ "detect", format = "yolov5", threshold = 0.25 }, { meta("proto", 1, 1, 4, 4), meta("boxes", 1, 1, 7) })
  t.eq(rows(low(less, map).shapes[1].mask)[3], full)
end)

t.test("what is said of prototypes is checked", function()
  local outputs = { meta("a", 1, 9, 5), meta("b", 1, 3, 8, 8) }
  t.raises(function() output.new({ "detect", prototypes = "c" }, outputs) end, "no output c")
  t.raises(function() output.new({ "detect", threshold = 1 }, outputs) end, "threshold: 1, between 0 and 1")
  local read = output.new({ "detect", format = "yolov8", prototypes = "b" }, outputs)
  local map = { sx = 1, sy = 1, ox = 0, oy = 0, width = 8, height = 8, image_width = 8, image_height = 8 }
  t.fails("output b: got 2x3x8x8", read({ tensor.new({ 1, 9, 5 }), tensor.new { 2, 3, 8, 8 } }, map))
  t.fails("columns of at least 8", read({ tensor.new({ 1, 7, 5 }), tensor.new { 1, 3, 8, 8 } }, map))
end)

t.test("the models' own metadata tell segmentation and poses", function()
  net.runtime()
  local names = { { "task", "segment" }, { "names", [[{0: "cat's", 1: 'dog'}]] }, { "stride", "8" }, { "imgsz", "[8, 8]" } }
  local model = t.ok(brink.model(segmenter({ { 4, 4, 8, 8, 0.9, 0.1, 1, 0, 0 } }, names)))
  local label = t.ok(model:predict(brink.image.new(8, 8, 3, "u8", 255)))
  t.eq(label.shapes[1].class, "cat's")
  t.eq(rows(label.shapes[1].mask)[1], "11111111")
  local read = output.new(nil, { meta("y", 1, 11, 2) }, { task = "pose", kpt_shape = "[2, 3]", names = "{0: 'person'}" })
  local flat = {}
  for _, v in ipairs { 4, 4, 8, 8, 0.9, 1, 2, 0.9, 3, 4, 0.1 } do flat[#flat + 1], flat[#flat + 2] = v, 0 end
  local map = { sx = 1, sy = 1, ox = 0, oy = 0, width = 8, height = 8, image_width = 8, image_height = 8 }
  t.eq(read({ tensor.new({ 1, 11, 2 }, "f32", flat) }, map).shapes[1].keypoints, { 1.0, 2.0, 2, 3.0, 4.0, 0 })
end)

t.test("points are as sure as the surest of them", function()
  local read = output.new("keypoints", { meta("y", 1, 2, 3) }, {})
  local map = { sx = 2, sy = 1, ox = 0, oy = 1, width = 8, height = 8, image_width = 8, image_height = 8 }
  local label, sure = read({ tensor.new({ 1, 2, 3 }, "f32", { 4, 2, 0.25, 6, 3, 0.125 }) }, map)
  t.eq(label.shapes[1].keypoints, { 2.0, 1.0, 2, 3.0, 2.0, 0 })
  t.eq({ sure, label.shapes[1].score }, { 0.25, 0.25 })
end)

t.test("priors from feature maps: cells row by row, boxes in each", function()
  local at = priors.new { { map = { 2, 1 }, boxes = { 10, { 20, 5 } } }, { step = 50, boxes = { 40 } } }
  t.eq(at(100, 50):totable(), tensor.new({ 6, 4 }, "f32", {
    0.25, 0.5, 0.1, 0.2, 0.25, 0.5, 0.2, 0.1, 0.75, 0.5, 0.1, 0.2, 0.75, 0.5, 0.2, 0.1, 0.25, 0.5, 0.4, 0.8, 0.75, 0.5, 0.4, 0.8,
  }):totable())
  t.eq(#at(100, 51) // 4, 8, "another input, another number of cells: two rows of 50")
  t.eq(priors.new { { 0.5, 0.5, 1, 1 } }(1, 1):totable(), { 0.5, 0.5, 1.0, 1.0 })
  t.eq(priors.new { 0.5, 0.5, 1, 1, 0, 0, 1, 1 }(1, 1).shape, { 2, 4 })
  for _, case in ipairs {
    { {}, "a tensor, numbers or feature maps" }, { { 1, 2, 3 }, "3 numbers, four" }, { { 1, 2, 3, "x" }, "number 4 is x" }, { "photo", "a tensor, numbers" },
    { { { boxes = { 1 } } }, "step or map expected", true }, { { { step = 8, boxes = {} } }, "boxes expected", true },
    { { { step = 8, boxes = { -1 } } }, "box 1: pixels", true }, { { { map = { 0, 1 }, boxes = { 1 } } }, "columns: 0", true },
    { { { step = 0.001, boxes = { 1 } } }, "too many", true },
  } do t.raises(function() priors.new(case[1])(64, 64) end, case[2]) end
end)

-- Locations for boxes (centre, size in shares) against priors, as SSD's training does it.
local function coded(boxes, of, variance, order)
  local out = {}
  for k, b in ipairs(boxes) do
    local p = of[k]
    local v = { (b[1] - p[1]) / p[3] / variance[1], (b[2] - p[2]) / p[4] / variance[2], core.math.log(b[3] / p[3]) / variance[3], core.math.log(b[4] / p[4]) / variance[4] }
    for _, j in ipairs(order or { 1, 2, 3, 4 }) do out[#out + 1] = v[j] end
  end
  return out
end

t.test("raw SSD: boxes out of differences from priors, classes out of raw scores", function()
  net.runtime()
  local of = { { 0.25, 0.25, 0.5, 0.5 }, { 0.75, 0.25, 0.5, 0.5 }, { 0.25, 0.75, 0.5, 0.5 }, { 0.75, 0.75, 0.5, 0.5 } }
  local boxes = { { 0.3, 0.2, 0.4, 0.3 }, { 0.5, 0.5, 0.5, 0.5 }, { 0.25, 0.75, 0.5, 0.5 }, { 0.8, 0.8, 0.1, 0.2 } }
  local path = saved(net.model {
    inputs = { { "image", "f32", { 1, 3, 100, 200 } } }, outputs = { { "locations", "f32", { 1, 4, 4 } }, { "confidences", "f32", { 1, 4, 3 } } },
    initializers = {
      { "l", "f32", { 1, 4, 4 }, coded(boxes, of, { 0.1, 0.1, 0.2, 0.2 }) }, { "c", "f32", { 1, 4, 3 }, { 0, 5, 0, 9, 0, 0, 9, 0, 0, 0, 0, 3 } },
      { "none", "f32", {}, { 0 } },
    },
    nodes = { { "ReduceMean", { "image" }, { "m" }, { keepdims = 0 } }, { "Mul", { "m", "none" }, { "zero" } },
      { "Add", { "l", "zero" }, { "locations" } }, { "Add", { "c", "zero" }, { "confidences" } } },
  })
  local spec = { "detect", labels = { "background", "car", "dog" }, background = 0, activation = "softmax", priors = { { map = { 2, 2 }, boxes = { { 100, 50 } } } } }
  local label = t.ok(t.ok(brink.model { onnx = path, input = "raw", output = spec }):predict(brink.image.new(200, 100, 3, "u8", 5)))
  t.eq({ #label.shapes, label.shapes[1].class, label.shapes[2].class }, { 2, "car", "dog" })
  for k, want in ipairs { { 20, 5, 80, 30 }, { 150, 70, 20, 20 } } do
    for j = 1, 4 do t.near(label.shapes[k].box[j], want[j], 1e-3) end
  end
end)

t.test("priors in TensorFlow's order and with other variances", function()
  local of = { { 0.5, 0.5, 0.2, 0.4 } }
  local map = { sx = 1, sy = 1, ox = 0, oy = 0, width = 100, height = 100, image_width = 100, image_height = 100 }
  local spec = { "detect", format = "ssd", form = "yxyx", priors = of, variances = { 0.1, 0.2 }, activation = "sigmoid", boxes = "b", scores = "s" }
  local read = output.new(spec, { meta("b", 1, 1, 4), meta("s", 1, 1, 2) })
  local codes = coded({ { 0.4, 0.6, 0.3, 0.1 } }, of, { 0.1, 0.1, 0.2, 0.2 }, { 2, 1, 4, 3 })
  local label = t.ok(read({ tensor.new({ 1, 1, 4 }, "f32", codes), tensor.new({ 1, 1, 2 }, "f32", { -9, 4 }) }, map))
  for j, want in ipairs { 25, 55, 30, 10 } do t.near(label.shapes[1].box[j], want, 1e-3) end
  t.fails("priors: 1, the model has 2 boxes", read({ tensor.new({ 1, 2, 4 }), tensor.new { 1, 2, 2 } }, map))
  t.raises(function() output.new({ "detect", format = "yolov8", priors = of }, { meta("b", 1, 6, 4) }) end, "priors: the format is yolov8")
  t.raises(function() output.new({ "detect", format = "ssd", priors = of, form = "xywh", boxes = "b" }, { meta("b", 1, 1, 4), meta("s", 1, 1, 2) }) end, "form: xywh")
  t.raises(function() output.new({ "detect", format = "ssd", variances = { 1, 1 }, boxes = "b" }, { meta("b", 1, 1, 4), meta("s", 1, 1, 2) }) end, "only with priors")
  -- an overflowing size is no box
  local far = read({ tensor.new({ 1, 1, 4 }, "f32", { 0, 0, 1e30, 0 }), tensor.new({ 1, 1, 2 }, "f32", { 9, 9 }) }, map)
  t.eq(#far.shapes, 0)
end)

t.done()
