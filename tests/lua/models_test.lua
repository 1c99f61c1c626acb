-- The trained nets of the examples: small files, right on pictures drawn afresh, broken by what they have never seen; their
-- recipes run as they stand. What needs ONNX Runtime skips without one. SPDX-License-Identifier: MIT
local t = require "check"
package.path = "examples/?.lua;" .. package.path
local brink = require "brink"
local draw = require "draw"
local runtime = require "brink.model.runtime"
local core = brink.core

local program = os.getenv "BRINK" or "build/brink"
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
  for file, outputs in next, { shapes = { "scores" } } do
    local bytes = t.ok(core.file.read("examples/models/" .. file .. ".onnx"))
    t.ok(#bytes < 300 * 1000, ("%s: %d bytes"):format(file, #bytes))
    local info = t.ok(core.onnx.inspect(bytes))
    t.eq(#info.outputs, #outputs, file)
    for k, name in ipairs(outputs) do t.eq(info.outputs[k].name, name, file) end
    t.eq(#info.external, 0, file)
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

local function quoted(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

local recipes = {
  shapes_classifier = { "average error", "GaussianBlur", makes = { "report/index.html" } },
}
for _, name in ipairs { "shapes_classifier" } do
  t.test("recipes/" .. name .. ".lua", function()
    need_runtime()
    local out = t.tmp() .. "/" .. name
    local p = assert(io.popen(("%s recipes/%s.lua %s 2>&1 </dev/null"):format(quoted(program), name, quoted(out))))
    local text = p:read "a"
    t.ok(p:close(), text)
    for _, words in ipairs(recipes[name]) do t.ok(text:find(words, 1, true), ("%q in:\n%s"):format(words, text)) end
    for _, file in ipairs(recipes[name].makes) do t.eq(core.file.info(out .. "/" .. file).type, "file", file) end
  end)
end

t.done()
