-- Metrics: numbers worked out by hand first, then COCO's figures against those of the reference.
-- SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local core, diff, metrics = brink.core, brink.diff, brink.metrics
local overlap = require "brink.metrics.overlap"

local NAN = 0 / 0
local function shapes(...) return { kind = "shapes", width = 40, height = 30, shapes = { ... } } end
local function box(x, y, w, h, more)
  local o = { class = "cat", box = { x, y, w, h } }
  for k, v in pairs(more or {}) do o[k] = v end
  return o
end

-- A one-channel image of class numbers, row by row.
local function classes(rows, kind)
  local im = core.image.new(#rows[1], #rows, 1, kind or "u8")
  for y, row in ipairs(rows) do
    for x, v in ipairs(row) do im = im:paste(core.image.new(1, 1, 1, kind or "u8", v), x - 1, y - 1) end
  end
  return im
end

t.test("nothing there and nothing found is no error", function()
  for _, name in ipairs { "iou", "giou", "f1", "mask_iou", "obb_iou", "oks", "pck", "count" } do
    t.eq(diff[name](shapes(), shapes()), 0.0, name)
    t.eq(diff[name](nil, {}), 0.0, name)
    t.eq(diff[name]({}, nil), 0.0, name)
  end
  local blank = classes { { 0, 0 } }
  t.eq(diff.dice(blank, blank), 0.0)
  t.eq(diff.miou(blank, blank), 0.0)
  t.eq(diff.with("miou", { void = 0 })(blank, blank), 0.0, "no pixel counts")
  t.eq(diff.absolute(1)({}, {}), 0.0)
end)

t.test("something for nothing, and nothing for something, is all wrong", function()
  local one = shapes(box(1, 1, 5, 5, { keypoints = { 2, 2, 2 } }))
  for _, name in ipairs { "iou", "giou", "f1", "mask_iou", "obb_iou", "oks", "pck", "count" } do
    t.eq(diff[name](one, shapes()), 1.0, name .. ", missed")
    t.eq(diff[name](shapes(), one), 1.0, name .. ", made up")
  end
end)

t.test("the very same is no error, also without area", function()
  for _, b in ipairs { { 1, 1, 5, 5 }, { 3, 3, 0, 0 }, { 0, 0, 0, 4 }, { 0, 0, 40, 30 }, { -5.5, 2, 7, 1e-9 } } do
    local one = shapes(box(b[1], b[2], b[3], b[4], { keypoints = { 2, 2, 2, 4, 4, 1 } }))
    for _, name in ipairs { "iou", "giou", "f1", "mask_iou", "obb_iou", "oks", "pck", "count" } do t.eq(diff[name](one, one), 0.0, name) end
  end
end)

t.test("IoU and GIoU by hand", function()
  t.near(overlap.iou({ 0, 0, 2, 2 }, { 1, 1, 2, 2 }), 1 / 7, 1e-15)
  t.near(overlap.giou({ 0, 0, 2, 2 }, { 1, 1, 2, 2 }), 1 / 7 - 2 / 9, 1e-15)
  t.eq(overlap.iou({ 0, 0, 2, 2 }, { 2, 0, 2, 2 }), 0.0, "touching shares nothing")
  t.near(overlap.giou({ 0, 0, 1, 1 }, { 3, 0, 1, 1 }), -0.5, 1e-15, "2 of 4 is gap")
  t.near(overlap.iou({ 0, 0, 2, 2 }, { 1, 0, 10, 10 }, true), 0.5, 1e-15, "of a crowd: the share of the first that lies in it")
  t.near(diff.iou(shapes(box(0, 0, 2, 2)), shapes(box(1, 1, 2, 2))), 6 / 7, 1e-15)
  t.near(diff.giou(shapes(box(0, 0, 2, 2)), shapes(box(1, 1, 2, 2))), 1 - (1 + 1 / 7 - 2 / 9) / 2, 1e-15)
end)

t.test("missed and made up boxes count as zero", function()
  local a, b, c = box(0, 0, 4, 4), box(10, 10, 4, 4), box(20, 20, 4, 4)
  t.near(diff.iou(shapes(a, b), shapes(a)), 1 / 2, 1e-15)
  t.near(diff.iou(shapes(a, b), shapes(a, c)), 2 / 3, 1e-15)
  t.near(diff.f1(shapes(a, b), shapes(a, c)), 1 / 2, 1e-15, "2 / (2 + 1 + 1)")
  t.near(diff.count(shapes(a, b), shapes(a, b, c)), 1 / 3, 1e-15)
  t.eq(diff.f1(shapes(a), shapes(box(0, 2, 4, 4))), 1.0, "an IoU of 1/3 is no hit")
  t.eq(diff.with("f1", { match = 1 / 3 })(shapes(a), shapes(box(0, 2, 4, 4))), 0.0)
end)

t.test("the better score takes the object, the other is false", function()
  local truth = shapes(box(0, 0, 4, 4))
  local near, far = box(0, 0, 4, 4, { score = 0.3 }), box(0, 2, 4, 4, { score = 0.9 })
  t.near(diff.iou(truth, shapes(near, far)), 1 - (1 / 3) / 2, 1e-15)
  t.eq(diff.with("iou", { score = 0.5 })(shapes(box(0, 2, 4, 4)), shapes(near, far)), 0.0)
end)

t.test("classes are kept apart unless told otherwise", function()
  local dog = { class = "dog", box = { 0, 0, 4, 4 } }
  t.eq(diff.iou(shapes(box(0, 0, 4, 4)), shapes(dog)), 1.0)
  t.eq(diff.with("iou", { classes = false })(shapes(box(0, 0, 4, 4)), shapes(dog)), 0.0)
  t.eq(diff.iou(shapes { class = 1, box = { 0, 0, 4, 4 } }, shapes { class = "1", box = { 0, 0, 4, 4 } }), 1.0, "1 is not \"1\"")
  t.eq(diff.iou(shapes { class = 1, box = { 0, 0, 4, 4 } }, shapes { class = 1.0, box = { 0, 0, 4, 4 } }), 0.0)
end)

t.test("a crowd is neither missed nor found, nor is what lies on it false", function()
  local truth = shapes(box(0, 0, 4, 4), box(10, 10, 20, 20, { crowd = true }))
  t.eq(diff.iou(truth, shapes(box(0, 0, 4, 4))), 0.0)
  t.eq(diff.iou(truth, shapes(box(0, 0, 4, 4), box(12, 12, 3, 3), box(20, 20, 3, 3))), 0.0)
  t.near(diff.iou(truth, shapes(box(0, 0, 4, 4), box(7, 10, 4, 4))), 1 / 2, 1e-15, "a quarter of it on the crowd")
  t.eq(diff.count(truth, shapes(box(0, 0, 4, 4))), 0.0)
end)

t.test("errors stay in 0..1 and fall as the box comes nearer", function()
  local rng = core.rng(3, "boxes")
  for _ = 1, 300 do
    local truth, found = {}, {}
    for k = 1, rng:integer(0, 4) do
      local x, y, w, h = rng:uniform(0, 30), rng:uniform(0, 20), rng:uniform(0, 9), rng:uniform(0, 9)
      truth[k] = box(x, y, w, h, { keypoints = { x + w / 2, y + h / 3, rng:integer(0, 2) } })
    end
    for k = 1, rng:integer(0, 4) do found[k] = box(rng:uniform(0, 30), rng:uniform(0, 20), rng:uniform(0, 9), rng:uniform(0, 9), { score = rng:uniform(), keypoints = { 3, 3, 2 } }) end
    for _, name in ipairs { "iou", "giou", "f1", "mask_iou", "obb_iou", "oks", "pck", "count" } do
      local e = diff[name](shapes(table.unpack(truth)), shapes(table.unpack(found)))
      t.ok(e >= 0 and e <= 1, name .. " gave " .. e)
      t.eq(diff[name](shapes(table.unpack(truth)), shapes(table.unpack(truth))), 0.0, name)
    end
  end
  local before = { iou = 2, giou = 2, mask_iou = 2, obb_iou = 2 }
  for d = 12, 0, -1 do
    for _, name in ipairs { "iou", "giou", "mask_iou", "obb_iou" } do
      local e = diff[name](shapes(box(5, 5, 8, 8)), shapes(box(5 + d, 5, 8, 8)))
      t.ok(e <= before[name], name)
      before[name] = e
    end
  end
end)

t.test("what is no number is refused by name", function()
  local sample = { path = "cat.jpg" }
  t.raises(function() diff.iou(shapes(box(0, 0, 1, 1)), shapes(box(0, NAN, 1, 1)), sample) end, "cat.jpg: prediction: object 1: box: y: ")
  t.raises(function() diff.iou(shapes(box(0, 0, 1, 1)), shapes(box(0, 0, 1, 1, { score = NAN })), sample) end, "prediction: object 1: score")
  t.raises(function() diff.iou(shapes(box(0, 0, 1 / 0, 1)), shapes(), sample) end, "label: object 1: box: width: inf")
  t.raises(function() diff.iou(shapes(box(0, 0, -3, 1)), shapes()) end, "-3 x 1, sides from 0 expected")
  t.raises(function() diff.iou("cat", shapes(), sample) end, 'cat.jpg: label: "cat", objects')
  t.raises(function() diff.absolute(2)(1, NAN, sample) end, "cat.jpg: prediction: ")
  t.raises(function() diff.relative(1, "2", sample) end, 'prediction: "2", a number expected')
  t.raises(function() diff.probability("a", { a = NAN }, sample) end, 'score of "a"')
  t.raises(function() diff.oks(shapes(box(0, 0, 1, 1, { keypoints = { 1, 1, 2 } })), shapes(box(0, 0, 1, 1, { keypoints = { 1, NAN, 2 } }))) end, "keypoint 1")
  t.raises(function() diff.oks(shapes(box(0, 0, 1, 1, { keypoints = { 1, 1, 2 } })), shapes(box(0, 0, 1, 1, { keypoints = { 1, 1, 2, 1, 1, 2 } }))) end, "2 keypoints for 1")
  local mask = classes({ { 0, 1 } }, "f32")
  t.raises(function() diff.miou(mask, mask:convert { type = "f32" } * 0.3, sample) end, "cat.jpg: the prediction's pixel (1, 0) is no class number")
  t.raises(function() diff.miou(classes { { 0 } }, classes { { 0, 0 } }) end, "a mask of 2 x 1 for a picture of 1 x 1")
  t.raises(function() diff.mask_iou(shapes { class = 1, mask = { size = { 2, 2 }, counts = { 1, 2 } } }, shapes()) end, "counts cover 3 of the 4 pixels")
end)

t.test("options are checked", function()
  t.raises(function() diff.with("iuo", {}) end, "did you mean")
  t.raises(function() diff.with("iou", { scor = 1 }) end, "no option scor")
  t.raises(function() diff.with("iou", { match = 2 }) end, "0..1")
  t.raises(function() diff.topk(0) end, "an integer from 1")
  t.raises(function() diff.absolute(0) end, "above 0")
  t.raises(function() diff.absolute(NAN) end, "above 0")
  t.raises(function() metrics.new "detectoin" end, "did you mean")
  t.raises(function() metrics.new("regression", { k = 1 }) end, "no option k")
end)

t.test("errors by their names", function()
  t.eq(diff.named "iou", diff.iou)
  t.eq(diff.named "topk(2)"("b", { "a", "b" }), 0.0)
  t.near(diff.named "absolute( 10 )"(3, 5), 0.2, 1e-15)
  t.fails("did you mean", diff.named "iuo")
  t.fails("an integer from 1", diff.named "topk(1.5)")
  t.fails("topk(5)", diff.named "topk")
  t.fails("no error function", diff.named "with")
end)

t.test("masks: COCO's text, lists, images and polygons agree", function()
  local O = core.overlap
  for text, counts in pairs { ["61X13mN000`0"] = { 6, 1, 40, 4, 5, 4, 5, 4, 21 }, ["061"] = { 0, 6, 1 }, ["231N"] = { 2, 3, 1, 1 },
    ["`h95kc02N2"] = { 10000, 5, 635, 7, 633, 9 } } do
    local sum, area = 0, 0
    for k, n in ipairs(counts) do
      sum = sum + n
      if k % 2 == 0 then area = area + n end
    end
    local a, b = assert(O.runs(1, sum, text)), assert(O.runs(1, sum, counts))
    t.eq(a:area(), area)
    t.eq(a:shared(b), area)
  end
  -- columns of two: (0,1), (1,0) and (1,1) are set
  local m = assert(O.runs(3, 2, { 1, 3, 2 }))
  t.eq({ m:box() }, { 0, 0, 2, 2 })
  local im = O.from_image(classes { { 0, 1, 0 }, { 1, 1, 0 } })
  t.eq({ im:area(), im:shared(m) }, { 3, 3 })
  t.eq({ O.from_image(classes { { 0, 0 } }):box() }, {})
  t.fails("reaches beyond", O.runs(2, 2, { 1, 9 }))
  t.fails("character 1 is outside", O.runs(2, 2, "\1"))
  t.fails("inside a number", O.runs(2, 2, "o"))
  t.fails("count 1 is -2", O.runs(2, 2, "N"))
  t.fails("counts cover 0 of the 4", O.runs(2, 2, ""))
  t.fails("no whole number", O.runs(2, 2, { 1.5 }))
  local ring = O.from_rings(10, 8, { { 1, 1, 7, 1, 7, 6, 1, 6 } }, { { 3, 2, 5, 2, 5, 4, 3, 4 } })
  t.eq(ring:area(), 30 - 4)
  t.eq({ ring:box() }, { 1, 1, 6, 5 })
  t.eq(O.from_rings(10, 8, { { 0, 0, 4, 0, 4, 4, 0, 4 }, { 2, 2, 6, 2, 6, 6, 2, 6 } }):area(), 28, "parts are united")
  t.eq(O.from_rings(4, 4, { { -9, -9, 99, -9, 99, 99, -9, 99 } }):area(), 16, "cut at the frame")
  t.eq(O.from_rings(4, 4, { {}, { 1, 1 } }):area(), 0)
  t.raises(function() m:shared(ring) end, "3 x 2 and 10 x 8")
end)

t.test("an allocation that fails is an error, never a crash or a wrong count", function()
  local O = core.overlap
  local a = classes { { 0, 1, 0, 1 }, { 1, 0, 1, 0 } }
  local counts = {}
  for k = 1, 200 do counts[k] = 1 end
  local text = ("1"):rep(3) .. ("0"):rep(197)
  for _, make in ipairs {
    function() return O.from_image(a) end, function() return O.runs(20, 10, counts) end, function() return O.runs(20, 10, text) end,
    function() return O.from_rings(10, 8, { { 1, 1, 7, 1, 7, 6 } }) end, function() return O.confusion(a, a) end,
  } do
    local failures = 0
    for k = 1, 40 do
      core.test.fail_alloc(k)
      local value, message, code = make()
      core.test.fail_alloc(0)
      if value then break end
      failures = failures + 1
      t.eq(code, "memory", message)
    end
    t.ok(failures >= 1 and failures < 40)
  end
end)

t.test("IoU of oriented boxes: by hand, and as shapely 2.2 has it", function()
  local function obb(v) return shapes { class = 1, obb = v, score = 1 } end
  -- { cx, cy, w, h, degrees }, the other, IoU
  for _, case in ipairs {
    { { 10, 10, 4, 4, 0 }, { 12, 10, 4, 4, 0 }, 1 / 3 },
    { { 10, 10, 2, 2, 0 }, { 10, 10, 2, 2, 45 }, (8 * (math.sqrt(2) - 1)) / (8 - 8 * (math.sqrt(2) - 1)) }, -- a regular octagon
    { { 10, 10, 20, 2, 45 }, { 10, 10, 20, 2, -45 }, 4 / 76 },
    { { 0, 0, 8, 1, 45 }, { 4, -4, 1, 1, 0 }, 0 }, -- the boxes around them meet, they do not
    { { 69.643060, 49.913563, 46.109222, 23.491454, -28.028699 }, { 45.276657, 66.244694, 35.215439, 30.520624, 151.468666 }, 0.142452136035 },
    { { 39.507473, 67.554954, 44.662137, 51.097695, 171.169146 }, { 42.630337, 48.393984, 41.555248, 19.583453, -48.555840 }, 0.240675271610 },
    { { 69.754241, 31.322380, 10.177762, 56.156487, -173.814553 }, { 57.332706, 39.954000, 21.464420, 28.862874, -55.626042 }, 0.148085886415 },
    { { 53.939702, 48.282520, 19.899545, 58.831443, -177.753281 }, { 37.128562, 58.172082, 16.076610, 34.487910, -22.176198 }, 0.051662077750 },
    { { 52.298104, 68.984183, 26.459696, 55.042965, -61.661348 }, { 59.153609, 57.624672, 59.292521, 32.227672, -137.630904 }, 0.362261500828 },
    { { 64.044092, 67.965548, 9.925728, 51.097964, -113.752535 }, { 60.941709, 55.110001, 5.635693, 42.046478, 130.170701 }, 0.091107484808 },
    { { 53.311759, 47.431346, 32.831354, 19.324136, -43.403197 }, { 53.725302, 42.521407, 16.639174, 18.679582, -164.617247 }, 0.411835712094 },
    { { 36.416946, 37.986500, 31.059027, 50.861052, -17.200838 }, { 57.064986, 52.003501, 58.425414, 55.573600, -4.680046 }, 0.261489348649 },
  } do
    t.near(diff.obb_iou(obb(case[1]), obb(case[2])), 1 - case[3], 1e-6)
    t.near(diff.obb_iou(obb(case[2]), obb(case[1])), 1 - case[3], 1e-6)
  end
  local quad = { 8, 9, 12, 9, 12, 11, 8, 11 }
  t.eq(diff.obb_iou(shapes { class = 1, quad = quad }, obb { 10, 10, 4, 2, 0 }), 0.0)
  t.raises(function() diff.obb_iou(obb { 1, 1, -1, 1, 0 }, obb { 1, 1, 1, 1, 0 }) end, "sides from 0")
  local m, plain = metrics.new "oriented", metrics.new "detection"
  for _, metric in ipairs { m, plain } do metric:add(obb { 10, 10, 20, 2, 45 }, obb { 10, 10, 20, 2, -45 }) end
  t.eq(m:result().ap50, 0.0)
  t.near(plain:result().ap50, 1, 1e-12)
end)

t.test("mask IoU by hand", function()
  local a = { class = 1, mask = { size = { 2, 3 }, counts = { 1, 3, 2 } } }
  local b = { class = 1, mask = { size = { 2, 3 }, counts = { 2, 3, 1 } } }
  t.near(diff.mask_iou(shapes(a), shapes(b)), 1 - 2 / 4, 1e-15)
  local p = { class = 1, polygon = { parts = { { 0, 0, 4, 0, 4, 4, 0, 4 } } } }
  t.near(diff.mask_iou(shapes(p), shapes { class = 1, box = { 2, 0, 4, 4 } }), 1 - 8 / 24, 1e-15)
  t.near(diff.iou(shapes(p), shapes { class = 1, quad = { 2, 0, 6, 0, 6, 4, 2, 4 } }), 1 - 8 / 24, 1e-15)
  t.near(diff.iou(shapes { class = 1, obb = { 5, 5, 4, 2, 90 } }, shapes { class = 1, box = { 4, 3, 2, 4 } }), 0, 1e-12)
end)

t.test("semantic masks by hand", function()
  local a, b = classes { { 0, 0 }, { 1, 1 } }, classes { { 0, 1 }, { 1, 1 } }
  t.near(diff.miou(a, b), 1 - (1 / 2 + 2 / 3) / 2, 1e-15)
  t.near(diff.dice(a, b), 1 - 4 / 5, 1e-15)
  t.near(diff.with("miou", { background = false })(a, b), 1 / 3, 1e-15)
  local void = { segmentation = classes { { 0, 255 }, { 1, 1 } }, meta = { void = 255 } }
  t.eq(diff.miou(void, b), 0.0)
  t.near(diff.with("miou", { void = false })(void, b), 1 - (1 + 0 + 2 / 3) / 3, 1e-15)
  t.eq(diff.miou(classes({ { 300, 7 } }, "f32"), classes({ { 300, 7 } }, "f32")), 0.0)
  local m = metrics.new "segmentation"
  m:add(a, b)
  m:add(b, b)
  local r = m:result()
  t.near(r.per_class[1].iou, 2 / 3, 1e-15, "0: 1 + 1 of 2 + 1")
  t.near(r.per_class[2].iou, 5 / 6, 1e-15, "1: 2 + 3 of 3 + 3")
  t.near(r.miou, 3 / 4, 1e-15)
  t.near(r.pixel_accuracy, 7 / 8, 1e-15)
end)

t.test("OKS and PCK by hand", function()
  local function person(keypoints, w, h) return { class = "p", box = { 0, 0, w or 10, h or 10 }, keypoints = keypoints } end
  -- one other point: sigma .05, so (2 sigma)^2 = .01; d^2 = 4, area 100: exp(-4 / .01 / 100 / 2)
  t.near(diff.oks(shapes(person { 5, 5, 2 }), shapes(person { 7, 5, 2 })), 1 - 0.1353352832366127, 1e-12)
  t.near(diff.oks(shapes(person { 5, 5, 2, 0, 0, 0 }), shapes(person { 7, 5, 2, 9, 9, 2 })), 1 - 0.1353352832366127, 1e-12, "only labelled points count")
  t.near(diff.with("oks", { sigmas = { 0.1 } })(shapes(person { 5, 5, 2 }), shapes(person { 7, 5, 2 })), 1 - 0.6065306597126334, 1e-12)
  t.eq(diff.oks(shapes(person { 5, 5, 0 }), shapes()), 0.0, "nothing labelled, nothing missed")
  local tall = person({ 5, 5, 2, 5, 5, 1, 1, 1, 0 }, 10, 20)
  t.near(diff.pck(shapes(tall), shapes(person { 5, 7, 2, 5, 7.01, 2, 9, 9, 2 })), 1 / 2, 1e-15)
  t.eq(diff.with("pck", { alpha = 0.2 })(shapes(tall), shapes(person { 5, 7, 2, 5, 7.01, 2, 9, 9, 2 })), 0.0)
  t.raises(function() diff.with("oks", { sigmas = { 1, 2 } })(shapes(person { 5, 5, 2 }), shapes(person { 5, 5, 2 })) end, "2 for 1 keypoints")
end)

t.test("classes among the first k, probabilities", function()
  local two = diff.topk(2)
  t.eq({ two("b", "b"), two("b", "a") }, { 0.0, 1.0 })
  t.eq({ two("b", { "a", "b", "c" }), two("c", { "a", "b", "c" }) }, { 0.0, 1.0 })
  t.eq({ two("b", { a = 0.5, b = 0.2, c = 0.3 }), two("c", { a = 0.5, b = 0.2, c = 0.3 }) }, { 1.0, 0.0 })
  t.eq(two({ class = 3 }, { { class = 1, score = 0.1 }, { 2, 0.5 }, { class = 3, confidence = 0.2 } }), 0.0)
  t.eq(two("x", {}), 1.0)
  t.eq(two("x", nil), 1.0)
  t.near(diff.probability("b", { a = 0.75, b = 0.25 }), 0.75, 1e-15)
  t.near(diff.probability("b", "b", nil, 0.9), 0.1, 1e-15)
  t.eq(diff.probability("b", "a", nil, 0.9), 1.0)
  t.raises(function() diff.probability("b", "b", nil, 1.5) end, "outside 0..1")
end)

t.test("calibration by hand", function()
  local m = metrics.new "classification"
  for _, v in ipairs { { "a", "a", 0.95 }, { "b", "a", 0.95 }, { "a", "a", 0.55 }, { "b", "b", 0.55 } } do m:add(v[1], v[2], nil, v[3]) end
  local r = m:result()
  t.eq(r.top1, 0.75)
  t.near(r.ece, 0.45, 1e-12, "half of .95 right, all of .55")
  t.near(r.mce, 0.45, 1e-12)
  t.eq({ r.per_class[2].class, r.per_class[2].n, r.per_class[2].accuracy }, { "b", 2, 0.5 })
  local sure = metrics.new "classification"
  sure:add("a", { a = 1.0, b = 0.0 })
  sure:add("a", { a = 0.0, b = 1.0 })
  t.near(sure:result().ece, 0.5, 1e-15)
  t.eq(sure:result().top5, 1.0)
  local bare = metrics.new "classification"
  bare:add("a", "a")
  t.eq({ bare:result().ece, bare:result().top1 }, { nil, 1.0 })
  t.eq(metrics.new("classification"):result().top1, nil)
end)

t.test("numbers by hand", function()
  t.near(diff.absolute(10)(3, 5), 0.2, 1e-15)
  t.eq(diff.absolute(1)(3, 5), 1.0)
  t.near(diff.squared(10)(3, 5), 0.04, 1e-15)
  t.near(diff.relative(4, 5), 0.25, 1e-15)
  t.eq({ diff.relative(0, 0), diff.relative(0, 1e-300), diff.relative(1, 9) }, { 0.0, 1.0, 1.0 })
  t.near(diff.relative({ value = { 4, 2 } }, { 5, 2 }), 0.125, 1e-15)
  t.raises(function() diff.relative({ 1, 2 }, { 1 }) end, "1 numbers for 2")
  local m = metrics.new "regression"
  for _, v in ipairs { { 1, 2 }, { 2, 2 }, { 3, 0 }, { 0, 0 } } do m:add(v[1], v[2]) end
  local r = m:result()
  t.near(r.mae, 1, 1e-15)
  t.near(r.rmse, math.sqrt(10 / 4), 1e-15)
  t.near(r.bias, -0.5, 1e-15)
  t.near(r.relative, (1 + 0 + 1) / 3, 1e-15)
  t.near(r.r2, 1 - 10 / 5, 1e-12, "spread of 1 2 3 0 around 1.5 is 5")
end)

t.test("average precision by hand", function()
  -- one object; a false answer surer than the right one: precision 1/2 at every recall
  local m = metrics.new "detection"
  m:add(shapes(box(0, 0, 10, 10)), shapes(box(0, 0, 10, 10, { score = 0.4 }), box(20, 20, 10, 10, { score = 0.6 })))
  local r = m:result()
  t.near(r.ap, 0.5, 1e-12)
  t.near(r.ap_small, 0.5, 1e-12)
  t.eq({ r.ap_medium, r.ar_1, r.ar_10 }, { nil, 0.0, 1.0 })
  -- IoU 9/11: a hit at .50 .. .80, seven thresholds of ten
  m = metrics.new "detection"
  m:add(shapes(box(0, 0, 10, 10)), shapes(box(1, 0, 10, 10)))
  t.near(m:result().ap, 0.7, 1e-12)
  t.near(m:result().ap75, 1, 1e-12)
  -- two objects, one found: precision 1 up to recall .5, 51 of 101
  m = metrics.new "detection"
  m:add(shapes(box(0, 0, 10, 10), box(20, 0, 10, 10)), shapes(box(0, 0, 10, 10)))
  t.near(m:result().ap, 51 / 101, 1e-12)
  t.eq(metrics.new("detection"):result().ap, nil)
  m = metrics.new "detection"
  m:add(shapes(), shapes(box(0, 0, 10, 10)))
  t.eq(m:result().ap, nil, "no object, nothing defined")
end)

local function fixture()
  local f = assert(io.open "tests/fixtures/coco_map.json")
  local text = f:read "a"
  f:close()
  return assert(core.json.decode(text))
end

t.test("COCO's figures equal the reference's within 1e-4", function()
  local data = fixture()
  for _, case in ipairs { { "detection", "bbox" }, { "masks", "segm" }, { "keypoints", "keypoints" } } do
    local m, want = metrics.new(case[1]), data.expected[case[2]]
    for _, p in ipairs(data.pictures) do
      local label, prediction = { kind = "shapes", width = data.width, height = data.height, shapes = {} }, { kind = "shapes", shapes = {} }
      for _, o in ipairs(p.truth) do
        table.insert(label.shapes, { class = o.category, box = o.box, area = o.area, crowd = o.crowd == 1, keypoints = o.keypoints,
          mask = { size = { data.height, data.width }, counts = o.counts } })
      end
      for _, o in ipairs(p.predicted) do
        table.insert(prediction.shapes, { class = o.category, score = o.score, box = o.box, keypoints = o.keypoints,
          mask = { size = { data.height, data.width }, counts = o.counts } })
      end
      m:add(label, prediction)
    end
    local got, checked = m:result(), 0
    for name, value in pairs(want) do
      if type(value) == "number" then
        t.near(got[name], value, 1e-4, case[2] .. " " .. name)
        checked = checked + 1
      end
    end
    t.ok(checked >= 8)
    for _, c in ipairs(got.per_class) do
      local value = want.per_class[tostring(c.class)]
      if value then t.near(c.ap, value, 1e-4, ("%s class %s"):format(case[2], c.class)) else t.eq(c.ap, nil) end
    end
    t.ok(metrics.text(m):find("ap50", 1, true))
  end
end)

t.test("a search by boxes finds where they shift too far", function()
  local list = {}
  for k = 1, 12 do
    list[k] = { image = core.image.new(40, 30, 3, "u8", 60), name = "p" .. k, id = ("%032x"):format(k), label = shapes(box(5, 5, 20, 20)) }
  end
  local function predict(im) return shapes(box(5 + math.max(0, (im:pixel(3, 3)) - 60) / 10, 5, 20, 20, { score = 0.9 })) end
  brink.augmentation { name = "MetricsLevel", family = "own", params = { level = { off = 60, full = 160, lo = 0, hi = 255 } },
    plan = function(p)
      local values = {}
      for v = 1, 256 do values[v] = math.min(255, math.max(0, v - 1 + p.level - 60)) end
      return { { op = "lut", values = values } }
    end }
  local study = brink.augmenter { predict = predict, diff_error = diff.iou, augmentations = { "MetricsLevel" } }:search(list, { progress = false, strategy = "grid" })
  for _, p in ipairs(study:curve "MetricsLevel") do
    local d = 10 * p.i -- pixels it is moved; IoU (20 - d) / (20 + d), to the rounding of the level
    t.near(p.error, 1 - (20 - d) / (20 + d), 0.011)
  end
end)

t.test("in a search the true boxes move with the pixels, with labels and without", function()
  local list = {}
  for k = 1, 4 do
    local im = core.image.new(80, 60, 3, "u8", 0):paste(core.image.new(20, 10, 3, "u8", 200), 10 + k, 12)
    list[k] = { image = im, name = "p" .. k, id = ("%032x"):format(k), label = { kind = "shapes", width = 80, height = 60, shapes = { box(10 + k, 12, 20, 10) } } }
  end
  local bright = {}
  for v = 1, 256 do bright[v] = v > 100 and 255 or 0 end
  local function predict(im)
    local x, y, w, h = core.overlap.from_image(im:run { { op = "lut", values = bright } }):box()
    return { kind = "shapes", width = 80, height = 60, shapes = { x and box(x, y, w, h) } }
  end
  for _, labels in ipairs { "given", false } do
    local spec = { predict = predict, diff_error = diff.iou, augmentations = { "Rotate" } }
    if not labels then spec.labels = false end
    local study = brink.augmenter(spec):search(list, { progress = false, strategy = "grid", step = 0.25 })
    for _, p in ipairs(study:curve "Rotate") do
      t.ok(p.error < 0.25, ("error %.3f at %.2f: the box stayed where it was"):format(p.error, p.i))
    end
  end
end)

t.done()
