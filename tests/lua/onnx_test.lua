-- Models in ONNX Runtime: trained ones against their references, tiny ones for everything else. SPDX-License-Identifier: MIT
local t = require "check"
local brink = require "brink"
local net = require "onnx_net"
local core = brink.core

local BRINK = os.getenv "BRINK" or "build/brink"

local saved = net.saved

local function flat(w, h, r, g, b) return core.image.from_bytes(1, 1, 3, "u8", string.char(r, g, b)):resize(w, h) end

t.test("SqueezeNet's five best on the reference photographs", function()
  local path, labels = t.shared "models/squeezenet_fp32.onnx", t.shared "explain/imagenet_labels_from_filenames.json"
  net.runtime()
  local ref = core.json.decode(core.file.read(t.shared "explain/squeezenet_ref.json"))
  local input = { fit = "crop", size = 224, side = 256, channels = "BGR", mean = { 104, 117, 123 } }
  local squeeze = t.ok(brink.model { onnx = path, input = input, output = { "classify", labels = labels, top = 5 } })
  for _, case in ipairs(ref.images) do
    local list, sure = squeeze:predict(brink.image.load(t.shared("explain/" .. case.file)))
    t.eq(#list, 5)
    t.eq(sure, list[1].score)
    for k, want in ipairs(case.top5) do
      t.eq(list[k].class, want.label, case.file)
      t.near(list[k].score, want.prob, 1e-4, case.file)
    end
  end
  -- the stored input of the reference, through run
  local numbers = core.file.read(t.shared("explain/" .. ref.images[1].file:gsub("%.jpg$", ".input.npy")))
  local x = core.tensor.from_bytes(numbers:sub(-4 * 3 * 224 * 224), { 1, 3, 224, 224 })
  local made = squeeze.prep:apply(brink.image.load(t.shared("explain/" .. ref.images[1].file)))
  t.eq(made:bytes(), x:bytes(), "the very input of the reference")
  local first, best = squeeze:run(x):argmax()
  t.eq(first, ref.images[1].top5[1].index + 1)
  t.near(best, ref.images[1].top5[1].prob, 1e-4)
end)

t.test("files that are no model are named for what they are", function()
  local function refused(part, ...) t.fails(part, ...) end
  refused("a zip archive, as PyTorch saves them", brink.model(saved "PK\3\4 archive/data.pkl"))
  refused("a pointer of Git LFS", brink.model(saved "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"))
  t.raises(function() brink.model "net.pt" end, "net.pt: no model by its name but PyTorch's: export it to ONNX")
  t.raises(function() brink.model "photos" end, "photos: no model by its name")
  t.raises(function() brink.model { onx = "net.onnx" } end, "did you mean onnx")
  net.runtime()
  local _, why = brink.model(saved(net.model { opset = 99, inputs = { { "x", "f32", { 1, 3, 4, 4 } } }, outputs = { { "y", "f32", { 1, 3, 4, 4 } } },
    nodes = { { "Relu", { "x" }, { "y" } } } }))
  t.has(why, "the model has opset 99: take a newer runtime")
  t.ok(not why:find("onnxruntime_src", 1, true), why)
end)

t.test("a Python package without a library is named", function()
  local home = t.tmp() .. "/venv"
  t.ok(core.file.mkdirs(home .. "/lib/python3.10/site-packages/onnxruntime/capi"))
  t.ok(core.file.write(home .. "/lib/python3.10/site-packages/onnxruntime/capi/_pybind_state.py", ""))
  local p = io.popen(("HOME=%s XDG_CACHE_HOME=%s VIRTUAL_ENV=%s ONNXRUNTIME_LIB= %s -e 'print(select(2, require \"brink.model.runtime\".open()))' 2>&1"):format(home, home, home, BRINK))
  local said = p:read "a"
  p:close()
  if not said:find("is not there", 1, true) then t.skip "a runtime is installed for the whole system" end
  t.has(said, "onnxruntime/capi holds no libonnxruntime.so: packages before 1.19 have none")
end)

t.test("UltraFace finds the face, where it is, and next to nothing in things", function()
  local path = t.shared "models/ultraface_rfb_320.onnx"
  net.runtime()
  local faces = t.ok(brink.model { onnx = path, input = { mean = 127, std = 128 }, output = { "detect", labels = { "background", "face" }, background = 0, score = 0.7, overlap = 0.3 } })
  local label, sure = faces:predict(brink.image.load(t.shared "images/face_satya.jpg"))
  t.eq({ label.kind, #label.shapes, label.shapes[1].class }, { "shapes", 1, "face" })
  t.ok(sure > 0.9 and sure == label.shapes[1].score)
  local b = label.shapes[1].box
  t.near(b[1] + b[3] / 2, 168, 6)
  t.near(b[2] + b[4] / 2, 56, 6)
  for _, name in ipairs { "n01443537_goldfish", "n01770393_scorpion", "n02687172_aircraft_carrier", "n03532672_hook", "n07734744_mushroom", "n04476259_tray", "n03481172_hammer" } do
    local im = brink.image.load(t.data .. "/images/" .. name .. ".jpg")
    if im then t.eq(#faces:predict(im).shapes, 0, name) end
  end
end)

-- Digits as strokes on a 28 x 28 grid.
local DIGITS = {
  { { 14, 5, 14, 23 } }, { { 9, 9, 12, 5, 17, 6, 18, 10, 9, 23, 19, 23 } }, { { 9, 6, 15, 5, 18, 8, 13, 13, 18, 17, 16, 22, 9, 22 } },
  { { 11, 5, 8, 15, 20, 15 }, { 17, 8, 17, 24 } }, { { 19, 5, 11, 5, 10, 13, 17, 13, 18, 19, 14, 23, 8, 22 } },
  { { 16, 5, 10, 13, 9, 19, 13, 23, 18, 20, 17, 15, 10, 17 } }, { { 8, 6, 19, 6, 13, 24 } },
  { { 14, 13, 9, 9, 13, 5, 18, 8, 14, 13, 9, 18, 13, 23, 18, 19, 14, 13 } }, { { 18, 10, 13, 13, 10, 9, 13, 5, 18, 8, 17, 15, 15, 24 } },
  [0] = { { 14, 5, 19, 8, 20, 14, 19, 20, 14, 23, 9, 20, 8, 14, 9, 8, 14, 5 } },
}

local function digit(d)
  local list = {}
  for k, stroke in ipairs(DIGITS[d]) do
    local points = {}
    for i, v in ipairs(stroke) do points[i] = v * 4 end
    list[k] = { "line", points = points, width = 10, colour = { 255 } }
  end
  return core.image.new(112, 112, 1, "u8", 0):draw(list)
end

t.test("MNIST reads drawn digits", function()
  local path = t.shared "models/mnist.onnx"
  net.runtime()
  local mnist = t.ok(brink.model { onnx = path, input = "raw" })
  for d = 0, 9 do t.eq((mnist:predict(digit(d))), d) end
end)

t.test("a model with a fixed batch inside answers batches one by one", function()
  local path = t.shared "models/mnist.onnx"
  net.runtime()
  local mnist = t.ok(brink.model { onnx = path, input = "raw", batch = 4 })
  t.eq(brink.map({ 3, 1, 4, 1, 5 }, function(d) return (mnist:predict(digit(d))) end, { gang = 4 }), { 3, 1, 4, 1, 5 })
end)

t.test("outputs by name and position, labels, confidence, identity", function()
  net.runtime()
  local path = saved(net.means({ 1, 3, 8, 8 }, { softmax = true }))
  local model = t.ok(brink.model { onnx = path, input = { scale = 1 / 255 }, output = { "classify", labels = { "red", "green", "blue" } } })
  t.eq(model.inputs, { { name = "picture", dtype = "f32", shape = { 1, 3, 8, 8 } } })
  t.eq(model.outputs, { { name = "score", dtype = "f32", shape = { 1, 3 }, producer = "Softmax" } })
  local class, sure = model:predict(flat(20, 10, 0, 255, 0))
  local e = core.math.exp(1)
  t.eq(class, "green")
  t.near(sure, e / (e + 2), 1e-6)
  local score = model:run(flat(9, 9, 255, 0, 0))
  t.eq({ score.shape, score.dtype, (score:argmax()) }, { { 1, 3 }, "f32", 1 })
  local x = core.tensor.new({ 1, 3, 8, 8 })
  t.near(model:run(x)[2], 1 / 3, 1e-6)
  t.near(model:run({ picture = x })[2], 1 / 3, 1e-6)
  local own = t.ok(brink.model { onnx = path, input = "raw", output = function(out, image, map) return { out.score[1] > 0.9, out[1][3] < 0.1, image.width, map.sx } end })
  t.eq(own:predict(flat(16, 8, 255, 0, 0)), { true, true, 16, 0.5 })
  local same = t.ok(brink.model { onnx = path, input = { scale = 1 / 255 }, output = { "classify", labels = { "red", "green", "blue" } } })
  t.eq(model.identity, same.identity)
  t.ok(model.identity ~= own.identity)
  for _, name in ipairs { "a", "b" } do
    core.file.write(("%s/%s.txt"):format(t.tmp(), name), "red\ngreen\nblue\n")
    local by_file = t.ok(brink.model { onnx = path, input = { scale = 1 / 255 }, output = { "classify", labels = ("%s/%s.txt"):format(t.tmp(), name) } })
    t.eq(by_file.identity, model.identity)
  end
  t.ok(model.identity ~= brink.model { onnx = saved(net.means({ 1, 3, 8, 8 })), input = { scale = 1 / 255 }, output = { "classify", labels = { "red", "green", "blue" } } }.identity)
end)

t.test("logits get a softmax, probabilities do not get another", function()
  net.runtime()
  local input = { scale = 1 / 255 }
  local _, sure = t.ok(brink.model { onnx = saved(net.means { 1, 3, 4, 4 }), input = input }):predict(flat(4, 4, 0, 0, 255))
  local e = core.math.exp(1)
  t.near(sure, e / (e + 2), 1e-6)
  local class, raw = t.ok(brink.model { onnx = saved(net.means { 1, 3, 4, 4 }), input = input, output = { "classify", activation = "none" } }):predict(flat(4, 4, 0, 0, 255))
  t.eq({ class, raw }, { 2, 1.0 }) -- classes without names count from 0
end)

t.test("what the model contradicts is named", function()
  net.runtime()
  local path = saved(net.means { 1, 3, 8, 8 })
  local function refused(text, more)
    more.onnx = path
    local model, message, code = brink.model(more)
    t.fails(text, model, message)
    t.eq(code, "mismatch")
  end
  refused("input picture: got 224x224 pixels, the model expects 8x8 (shape 1x3x8x8)", { input = { preset = "imagenet", size = 224 } })
  refused("input picture: got gray (1 channels, NCHW)", { input = { channels = "gray" } })
  refused("input pictur: the model has picture; did you mean picture?", { input = { name = "pictur" } })
  refused("feeds: the model has no such input: other", { input = "raw", feeds = { other = core.tensor.new { 1 } } })
  local function raises(text, more)
    more.onnx = path
    t.raises(function() brink.model(more) end, text)
  end
  raises("labels: 2, output score has 3 classes (1x3)", { input = "raw", output = { "classify", labels = { "a", "b" } } })
  raises("no kind clasify; did you mean classify?", { input = "raw", output = "clasify" })
  raises("classify: no field lables; did you mean labels?", { input = "raw", output = { "classify", lables = {} } })
  raises("onnx: no field inputs; did you mean input?", { inputs = "raw" })
  raises("onnx: batch: 0, 1..1024 expected", { batch = 0 })
  local model = t.ok(brink.model { onnx = path, input = "raw" })
  t.raises(function() model:run(core.tensor.new { 1, 3, 8, 9 }) end, "input picture: got 1x3x8x9, the model expects 1x3x8x8")
  t.raises(function() model:run(core.tensor.new({ 1, 3, 8, 8 }, "u8")) end, "input picture: got u8, the model expects f32")
  t.raises(function() model:run({ x = core.tensor.new { 1 } }) end, "input picture (f32 1x3x8x8): no value")
  t.raises(function() model:run(3) end, "an image, a tensor or a table of them expected, got number")
end)

t.test("a second input takes its value from feeds", function()
  net.runtime()
  local path = saved(net.model {
    inputs = { { "gain", "f32", { 1 } }, { "picture", "f32", { 1, 1, 2, 2 } } }, outputs = { { "y", "f32", { 1, 1, 1, 1 } } },
    nodes = { { "GlobalAveragePool", { "picture" }, { "mean" } }, { "Mul", { "mean", "gain" }, { "y" } } },
  })
  local model, message = brink.model { onnx = path, input = "raw", output = "regress" }
  t.fails("input gain (f32 1): needs a value in feeds", model, message)
  model = t.ok(brink.model { onnx = path, input = "raw", output = { "regress", offset = 1 }, feeds = { gain = core.tensor.new({ 1 }, "f32", { 2 }) } })
  t.eq(model:predict(core.image.new(2, 2, 1, "u8", 7)), 15.0)
  t.eq(model:run({ gain = core.tensor.new({ 1 }, "f32", { 3 }), picture = core.image.new(2, 2, 1, "u8", 7) })[1], 21.0)
end)

t.test("numbers that are none are a failure that says where", function()
  net.runtime()
  local path = saved(net.model {
    inputs = { { "picture", "f32", { 1, 3, 2, 2 } } }, outputs = { { "y", "f32", { 1, 3, 1, 1 } } },
    nodes = { { "GlobalAveragePool", { "picture" }, { "mean" } }, { "Log", { "mean" }, { "y" } } },
  })
  local model = t.ok(brink.model { onnx = path, input = { mean = 10 } })
  local label, message, code = model:predict(flat(2, 2, 11, 9, 10))
  t.fails("output y: 2 of 3 values are not finite, the first nan at 2", label, message)
  t.eq(code, "model")
  t.fails("output y: 1 of 3 values are not finite, the first -inf at 3", model:predict(flat(2, 2, 11, 12, 10)))
  local loose = t.ok(brink.model { onnx = path, input = { mean = 10 }, finite = false, output = function(out) return out.y[2] ~= out.y[2] end })
  t.eq(loose:predict(flat(2, 2, 11, 9, 10)), true)
  -- and in a search it costs the sample, nothing else
  local aug = brink.augmenter { predict = model, labels = false, augmentations = { "Brighten" } }
  local data = {}
  for k = 1, 4 do data[k] = { image = flat(6, 6, 20 + k, k == 3 and 1 or 30, 40), label = "x", name = "s" .. k } end
  local study = aug:search(data, { store = t.tmp() .. "/nan.db", progress = false, max_failures = 100 })
  t.ok(study)
end)

t.test("outputs of another shape than declared are a failure", function()
  net.runtime()
  local path = saved(net.means { 1, 3, 8, 8 })
  for _, case in ipairs {
    { { "detect", format = "yolov8" }, "output score: got 1x3, expected columns of at least 5" },
    { { "detect", format = "rows" }, "output score: got 1x3, expected rows of 6 or 7" },
    { { "keypoints" }, "output score: got 1x3, expected heat maps" },
  } do
    local model = t.ok(brink.model { onnx = path, input = "raw", output = case[1] })
    local label, message = model:predict(flat(8, 8, 1, 2, 3))
    if label == nil then t.fails(case[2], label, message) else t.eq(case[1][1], "keypoints") end
  end
end)

t.test("a fixed batch dimension is freed, and batches answer as single runs do", function()
  net.runtime()
  for _, shape in ipairs { { 1, 3, 8, 8 }, { "N", 3, 8, 8 } } do
    local path = saved(net.means(shape, { softmax = true }))
    local one = t.ok(brink.model { onnx = path, input = "raw" })
    local many = t.ok(brink.model { onnx = path, input = "raw", batch = 4 })
    local images, want = {}, {}
    for k = 1, 11 do
      images[k] = flat(5 + k, 9, k % 3 == 0 and 9 or 1, k % 3 == 1 and 8 or 2, 3)
      want[k] = table.pack(one:predict(images[k]))
    end
    for _, gang in ipairs { 4, 1, 3 } do
      local got = brink.map(images, function(im) return table.pack(many:predict(im)) end, { gang = gang })
      t.eq(got, want)
    end
    t.ok(one.identity ~= many.identity)
  end
end)

t.test("a model that mixes the pictures of a batch is not batched", function()
  net.runtime()
  -- subtracts the mean over the batch: runs with any number, but the answers depend on the neighbours
  local path = saved(net.model {
    inputs = { { "picture", "f32", { "N", 3, 4, 4 } } }, outputs = { { "y", "f32", { "N", 3, 1, 1 } } },
    nodes = { { "GlobalAveragePool", { "picture" }, { "m" } }, { "ReduceMean", { "m" }, { "b" }, { axes = { 0 }, keepdims = 1 } }, { "Sub", { "m", "b" }, { "y" } } },
  })
  local many = t.ok(brink.model { onnx = path, input = "raw", batch = 2, output = { "classify", activation = "none", top = 3 } })
  local got = brink.map({ flat(4, 4, 1, 2, 3), flat(4, 4, 9, 1, 1) }, function(im) return many:predict(im) end, { gang = 2 })
  for k = 1, 2 do for i = 1, 3 do t.eq(got[k][i].score, 0.0) end end
end)

t.test("one bad picture costs its neighbours in the batch nothing", function()
  net.runtime()
  local path = saved(net.model {
    inputs = { { "picture", "f32", { 1, 3, 2, 2 } } }, outputs = { { "y", "f32", { 1, 3, 1, 1 } } },
    nodes = { { "GlobalAveragePool", { "picture" }, { "mean" } }, { "Log", { "mean" }, { "y" } } },
  })
  local many = t.ok(brink.model { onnx = path, input = "raw", batch = 3, output = { "classify", activation = "none" } })
  local images = { flat(2, 2, 9, 2, 3), flat(2, 2, 0, 2, 3), flat(2, 2, 3, 2, 9) }
  local got = brink.map(images, function(im) return table.pack(many:predict(im)) end, { gang = 3 })
  t.eq({ got[1][1], got[2][1], got[3][1] }, { 0, nil, 2 })
  t.ok(got[2][2]:find("the first -inf at 1", 1, true), got[2][2])
end)

t.test("many at once give what one after the other gives", function()
  net.runtime()
  local model = t.ok(brink.model { onnx = saved(net.means({ 1, 3, 64, 64 }, { softmax = true })), input = "raw" })
  local images, want = {}, {}
  for k = 1, 40 do
    images[k] = core.image.new(30, 40, 3, "u8", 99):run { { op = "gaussian_noise", std = 0.3, key = k } }
    want[k] = model:run(images[k]):bytes()
  end
  t.eq(brink.map(images, function(im)
    local a, b = model:run(im), model:run(im)
    t.eq(a:bytes(), b:bytes())
    return a:bytes()
  end), want)
end)

t.test("halves and bytes, channels last, no batch dimension", function()
  net.runtime()
  local function mean_of(dtype, shape, axes, cast)
    return saved(net.model {
      inputs = { { "picture", dtype, shape } }, outputs = { { "y", "f32", { 3 } } },
      nodes = { { "Cast", { "picture" }, { "x" }, { to = cast } }, { "ReduceMean", { "x" }, { "y" }, { axes = axes, keepdims = 0 } } },
    })
  end
  local im = flat(6, 6, 10, 20, 30)
  for _, case in ipairs { { "u8", { 1, 4, 4, 3 }, { 0, 1, 2 } }, { "f16", { 1, 3, 4, 4 }, { 0, 2, 3 } }, { "u8", { 3, 4, 4 }, { 1, 2 } } } do
    local model = t.ok(brink.model { onnx = mean_of(case[1], case[2], case[3], 1), input = "raw", output = "regress" })
    t.eq(model:predict(im), { 10.0, 20.0, 30.0 })
  end
end)

t.test("damaged, foreign and hostile files are refused", function()
  net.runtime()
  local function refused(text, bytes, code)
    local path = saved(bytes)
    local model, message, word = brink.model(path)
    t.fails(text, model, message)
    t.ok(message:find(path, 1, true), message)
    if code then t.eq(word, code) end
  end
  local good = net.means({ 1, 3, 8, 8 })
  refused("not an ONNX model", "", "refused")
  refused("not an ONNX model", "\137PNG\r\n\26\n", "refused")
  refused("not an ONNX model: it has no graph", "\8\8", "refused")
  refused("damaged", good:sub(1, -6))
  refused("", good:gsub("ReduceMean", "RedactMean"), "model")
  t.fails("cannot", brink.model(t.tmp() .. "/missing.onnx"))
  for _, where in ipairs { "/etc/passwd", "../weights.bin", "a/../../b", ".." } do
    local bytes = net.model {
      inputs = { { "picture", "f32", { 1, 1, 2, 2 } } }, outputs = { { "y", "f32", { 1, 1, 2, 2 } } }, nodes = { { "Add", { "picture", "w" }, { "y" } } },
      initializers = { { "w", "f32", { 1, 1, 2, 2 }, external = where } },
    }
    refused("external data in \"" .. where .. "\", a file beside the model expected", bytes, "refused")
  end
end)

t.test("external data beside the model is read, and part of its identity", function()
  net.runtime()
  local function model(v)
    t.ok(core.file.write(t.tmp() .. "/w.bin", string.pack("<ffff", v, v, v, v)))
    return brink.model { onnx = saved(net.model {
      inputs = { { "picture", "f32", { 1, 1, 2, 2 } } }, outputs = { { "y", "f32", { 1, 1, 1, 1 } } },
      nodes = { { "Add", { "picture", "w" }, { "s" } }, { "GlobalAveragePool", { "s" }, { "y" } } },
      initializers = { { "w", "f32", { 1, 1, 2, 2 }, external = "w.bin" } },
    }), input = "raw", output = "regress" }
  end
  local a = t.ok(model(5))
  t.eq(a:predict(core.image.new(2, 2, 1, "u8", 1)), 6.0)
  local b = t.ok(model(7))
  t.eq(b:predict(core.image.new(2, 2, 1, "u8", 1)), 8.0)
  t.ok(a.identity ~= b.identity)
end)

-- A changed, cut or shortened copy, by key.
local function mutated(s, r)
  local at, kind = r:integer(1, #s), r:integer(1, 4)
  if kind == 1 then return s:sub(1, at - 1) end
  if kind == 2 then return s:sub(1, at - 1) .. string.char(r:integer(0, 255)) .. s:sub(at + 1) end
  if kind == 3 then return s:sub(1, at - 1) .. s:sub(math.min(at + r:integer(1, 40), #s)) end
  for _ = 1, 3 do
    at = r:integer(1, #s)
    s = s:sub(1, at - 1) .. string.char(r:integer(0, 255)) .. s:sub(at + 1)
  end
  return s
end

t.test("a thousand mutated models end in an answer or an error", function()
  local rt = net.runtime()
  local weights = {}
  for k = 1, 8 * 3 * 9 do weights[k] = (k % 11 - 5) / 11 end
  local conv = net.model {
    inputs = { { "picture", "f32", { 1, 3, 8, 8 } } }, outputs = { { "y", "f32", { 1, 8, 6, 6 } } },
    nodes = { { "Conv", { "picture", "w" }, { "c" }, { kernel_shape = { 3, 3 } } }, { "Relu", { "c" }, { "y" } } }, initializers = { { "w", "f32", { 8, 3, 3, 3 }, weights } },
  }
  local seeds = { conv, net.means({ 1, 3, 8, 8 }, { softmax = true }), net.means({ "N", 3, 4, 4 }, { metadata = { { "task", "classify" } } }) }
  local refused, ran = 0, 0
  for k = 1, 1000 do
    local bytes = mutated(seeds[k % 3 + 1], core.rng(7, "mutate", k, 0))
    local info = core.onnx.inspect(bytes)
    local session = info and rt:session { bytes = bytes, label = "mutant" }
    if session then
      core.onnx.free_batch(bytes)
      local feeds, small = {}, true
      for i, value in ipairs(session.inputs) do
        local shape, count = {}, 1
        for j, d in ipairs(value.shape) do shape[j] = d < 0 and 1 or d count = count * shape[j] end
        small = small and value.dtype ~= "other" and count < 1e6
        feeds[i] = small and core.tensor.new(shape, value.dtype)
      end
      if small then session:run(feeds) end
      ran = ran + 1
    else
      refused = refused + 1
    end
  end
  t.ok(refused > 100 and ran > 100, refused .. " refused, " .. ran .. " ran")
end)

local function shell(env, code)
  local path = t.tmp() .. "/run.lua"
  core.file.write(path, code)
  local f = io.popen(("%s %s %s 2>&1"):format(env, BRINK, path))
  local text = f:read "a"
  f:close()
  return text
end

t.test("no runtime: a message that says what to do", function()
  local path = saved(net.means { 1, 3, 8, 8 })
  local text = shell("ONNXRUNTIME_LIB=/nowhere/libonnxruntime.so", ("print(require('brink').model %q)"):format(path))
  t.ok(text:find("/nowhere/libonnxruntime.so: cannot open shared object file", 1, true), text)
  text = shell("ONNXRUNTIME_LIB=libuv.so.1", ("print(require('brink').model %q)"):format(path))
  t.ok(text:find("libuv.so.1: not ONNX Runtime", 1, true), text)
end)

t.test("what is assumed and what falls back is said aloud", function()
  net.runtime()
  local path = saved(net.means { 1, 3, 8, 8 })
  local text = shell("", ("local m = require('brink').model { onnx = %q, providers = { 'cuda', 'cpu' } } print(m.providers[1])"):format(path))
  t.ok(text:find("no input declared: assuming \"imagenet\"", 1, true), text)
  t.ok(text:find("\nCPUExecutionProvider", 1, true) or text:find("\nCUDAExecutionProvider", 1, true), text)
  if text:find("\nCPU", 1, true) then t.ok(text:find("execution provider cuda", 1, true) and text:find("running on CPUExecutionProvider", 1, true), text) end
end)

t.test("the recipes run", function()
  local squeeze, ultra, photo = t.shared "models/squeezenet_fp32.onnx", t.shared "models/ultraface_rfb_320.onnx", t.shared "images/face_satya.jpg"
  net.runtime()
  local dir = t.tmp() .. "/photos"
  core.file.mkdirs(dir)
  core.file.write(dir .. "/face.jpg", core.file.read(photo))
  local function run(line)
    local f = io.popen(BRINK .. " " .. line .. " 2>&1")
    local text = f:read "a"
    t.ok(f:close(), text)
    return text
  end
  local text = run(("recipes/face_detector.lua %s %s %s/faces"):format(ultra, dir, t.tmp()))
  t.ok(text:find("face.jpg: 1\n", 1, true) and text:find("report/index.html", 1, true), text)
  t.ok(core.image.load(t.tmp() .. "/faces/face.jpg.png"))
  text = run(("recipes/imagenet_classifier.lua %s %s %s caffe %s/net"):format(squeeze, dir, t.shared "explain/imagenet_labels_from_filenames.json", t.tmp()))
  t.ok(text:find("face.jpg: suit", 1, true) and text:find("report/index.html", 1, true), text)
end)

t.test("a search through a model is the same in batches, and resumes", function()
  net.runtime()
  local path = saved(net.means({ 1, 3, 8, 8 }, { softmax = true }))
  local function searched(batch)
    local model = t.ok(brink.model { onnx = path, input = "raw", batch = batch, output = { "classify", labels = { "red", "green", "blue" } } })
    local data = {}
    for k = 1, 10 do data[k] = { image = flat(12, 12, 90 + k, 90 - 3 * k, 80), label = "red", name = "s" .. k } end
    local aug = brink.augmenter { predict = model, augmentations = { "LessRed", "Brighten" }, seed = 3 }
    local study = aug:search(data, { store = ("%s/batch%d.db"):format(t.tmp(), batch), progress = false })
    return study.analysis.curves
  end
  t.eq(searched(4), searched(1))
end)

t.done()
