-- The trained nets of the examples: small files, right on pictures drawn afresh, broken by what they have never
-- seen. What needs ONNX Runtime skips without one. SPDX-License-Identifier: MIT
local t = require "check"
package.path = "examples/?.lua;" .. package.path
local brink = require "brink"
local draw = require "draw"
local runtime = require "brink.model.runtime"
local core = brink.core

local INPUT = { fit = "squash", scale = 1 / 255 }
local SEED = "not trained on, not held out"

local function need_runtime()
  local rt, why = runtime.open()
  if not rt then t.skip(why) end
end

local function net(name, output, more)
  need_runtime()
  local given = { onnx = "examples/models/" .. name .. ".onnx", input = INPUT, output = output }
  for key, v in next, more or {} do given[key] = v end
  return t.ok(brink.model(given))
end

local function classifier(more) return net("shapes", { "classify", labels = "examples/models/classes.json" }, more) end
local function detector() return net("shapes_detector", { "detect", format = "ssd", boxes = "boxes", scores = "scores", labels = "examples/models/classes.json", score = 0.4 }) end
local function counter() return net("dots", "regress") end

--- make(n, SEED) for n in 1 .. count, through fn(image, label): the mean of what it gives.
local function mean(make, count, fn)
  local numbers, sum = {}, 0
  for n = 1, count do numbers[n] = n end
  for _, v in ipairs((brink.map(numbers, function(n) return fn(make(n, SEED)) end))) do sum = sum + v end
  return sum / count
end

local function under(row, i)
  local aug = brink.augmenter { augmentations = { row } }
  return function(image) return (aug:apply(image, { [row] = i })) end
end

t.test("files: under 300 KB, opset 13, batches of any size, names as documented", function()
  local names = core.json.decode(core.file.read "examples/models/classes.json")
  t.eq(#names, #draw.shapes)
  for k, name in ipairs(draw.shapes) do t.eq(names[k], name) end
  for file, outputs in next, { shapes = { "scores" }, shapes_detector = { "boxes", "scores" }, dots = { "count" } } do
    local bytes = t.ok(core.file.read("examples/models/" .. file .. ".onnx"))
    t.ok(#bytes < 300 * 1000, ("%s: %d bytes"):format(file, #bytes))
    local info = t.ok(core.onnx.inspect(bytes))
    t.eq(#info.outputs, #outputs, file)
    for k, name in ipairs(outputs) do t.eq(info.outputs[k].name, name, file) end
    t.eq({ info.opset, #info.external, #info.inputs, info.inputs[1].name, info.inputs[1].dtype, info.inputs[1].shape[1] }, { 13, 0, 1, "image", "f32", -1 }, file)
  end
end)

t.test("classifier: right on new pictures, wrong on blurred ones", function()
  local model = classifier()
  local function right(change)
    return mean(draw.shape, 100, function(image, label)
      local answer = model:predict(change and change(image) or image)
      return answer == label and 1 or 0
    end)
  end
  local clean = right()
  t.ok(clean > 0.9, "clean: " .. clean)
  local blurred = right(under("GaussianBlur", 1))
  t.ok(blurred < clean - 0.3, ("blurred: %g of %g"):format(blurred, clean))
end)

t.test("classifier: a batch answers as its pictures do", function()
  local alone, together = classifier(), classifier { batch = 4 }
  local images, n = {}, 9
  for k = 1, n do images[k] = draw.shape(k, SEED) end
  local one = brink.map(images, function(image) return { alone:predict(image) } end)
  local many = brink.map(images, function(image) return { together:predict(image) } end)
  for k = 1, n do
    t.eq(many[k][1], one[k][1])
    t.near(many[k][2], one[k][2], 1e-4)
  end
end)

t.test("detector: finds the shapes, where and what they are", function()
  local model = detector()
  local wrong = mean(draw.scatter, 60, function(image, label) return brink.diff.iou(label, (t.ok(model:predict(image)))) end)
  t.ok(wrong < 0.3, "1 - mean IoU: " .. wrong)
  local layout = mean(draw.scene, 30, function(image, label) return brink.diff.f1(label, (t.ok(model:predict(image)))) end)
  t.ok(layout < 0.25, "1 - F1 on the scenes of examples/draw.lua: " .. layout)
end)

t.test("detector: nothing to find on plain ground", function()
  local model = detector()
  for _, v in ipairs { 60, 128, 220 } do
    t.eq(#model:predict(core.image.new(200, 180, 3, "u8", v)).shapes, 0, "grey " .. v)
  end
end)

t.test("counter: off by less than half a dot, by more when it blurs", function()
  local model = counter()
  local function off(change)
    return mean(draw.dots, 120, function(image, label) return math.abs((t.ok(model:predict(change and change(image) or image))) - label) end)
  end
  local clean = off()
  t.ok(clean < 0.5, "clean: " .. clean)
  t.ok(off(under("GaussianBlur", 1)) > clean + 1, "blurred")
end)

t.test("a search finds the blur that breaks the classifier", function()
  local model, samples = classifier(), {}
  for n = 1, 40 do
    local image, label = draw.shape(n, SEED)
    samples[n] = { image = image, name = ("shape %d"):format(n), label = label }
  end
  local aug = brink.augmenter { predict = model, augmentations = { "GaussianBlur" } }
  local study = t.ok(aug:search(samples, { step = 0.1, progress = false }))
  local bound = study:bounds("GaussianBlur")[1]
  t.ok(bound.break_ and bound.break_ > 0 and bound.break_ < 1, "break: " .. tostring(bound.break_))
  t.ok(bound.onset <= bound.break_)
end)

t.done()
