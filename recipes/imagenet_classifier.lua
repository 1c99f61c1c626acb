--- An ImageNet classifier in an ONNX file: what it sees in each photograph, then at which intensity of each effect it no
--- longer sees the same.
--
--   brink recipes/imagenet_classifier.lua NET.onnx PHOTOS [LABELS [PREPROCESSING [OUT]]]
--
-- LABELS: a line (or JSON list) of 1000 names. PREPROCESSING: torchvision (default), caffe or raw: the one the net was trained
-- with. A wrong one gives wrong answers and no error, so look at the first lines. OUT: "imagenet-out".
-- SPDX-License-Identifier: MIT
local brink = require "brink"

local net, photos, labels, preprocessing, out = arg[1], arg[2], arg[3], arg[4] or "torchvision", arg[5] or "imagenet-out"
if not net or not photos then error("which net and photos? (brink recipes/imagenet_classifier.lua NET.onnx PHOTOS [LABELS [PREPROCESSING [OUT]]])", 0) end

local inputs = {
  torchvision = "imagenet", -- short side 256, middle 224, RGB in 0..1, mean and deviation of ImageNet
  caffe = { fit = "crop", size = 224, side = 256, channels = "BGR", mean = { 104, 117, 123 } }, -- 0..255, as SqueezeNet 1.x
  raw = { fit = "crop", size = 224, side = 256 },
}
local input = inputs[preprocessing] or error("PREPROCESSING: torchvision, caffe or raw expected, got " .. preprocessing, 0)

local data = assert(brink.dataset(photos))
local five = assert(brink.model { onnx = net, input = input, output = { "classify", labels = labels, top = 5 } })
brink.each(data, function(sample)
  local image, why = sample:image()
  if not image then return ("%s: %s"):format(sample.name, why) end
  local line = {}
  for k, v in ipairs(assert(five:predict(image))) do line[k] = ("%s %.1f %%"):format(v.class, 100 * v.score) end
  return ("%s: %s"):format(sample.name, table.concat(line, ", "))
end, { each = function(line) print(line) end })

-- Without labels of the photographs: does the net still say what it says about the untouched one? (Folders named after
-- classes: brink.dataset(photos, { labels = "folder" }) and no labels = false.)
local aug = brink.augmenter {
  predict = brink.model { onnx = net, input = input, output = { "classify", labels = labels } },
  labels = false, augmentations = { "Brighten", "Contrast", "Desaturate", "GaussianBlur", "Rotate", "PixelDropout" }, seed = 1,
}
local study = assert(aug:search(data, { step = 0.1, samples = 60, store = out .. "/analysis.db" }))
print(study:summary())
print(assert(study:report(out .. "/report")))
