--- A face detector in an ONNX file: pictures with the faces it finds, then how much of each effect makes it lose them.
--
--   brink recipes/face_detector.lua ULTRAFACE.onnx PHOTOS [OUT]      OUT: "faces-out"
--
-- Written for UltraFace (RFB-320 or slim): RGB (v - 127) / 128, outputs `scores` (background, face) and `boxes` (corners in
-- 0..1). For another detector change `input` and `output`: YOLO is input = "yolo", output = "detect".
-- SPDX-License-Identifier: MIT
local brink = require "brink"

local net, photos, out = arg[1], arg[2], arg[3] or "faces-out"
if not net or not photos then error("which net and photos? (brink recipes/face_detector.lua ULTRAFACE.onnx PHOTOS [OUT])", 0) end

local faces = assert(brink.model {
  onnx = net,
  input = { mean = 127, std = 128 },
  output = { "detect", labels = { "background", "face" }, background = 0, score = 0.7, overlap = 0.3 },
})

-- Draw what is found; go on with the pictures that have a face.
local data = assert(brink.dataset(photos))
assert(brink.core.file.mkdirs(out))
local found = {}
brink.each(data, function(sample)
  local image = sample:image()
  local label = image and faces:predict(image)
  if not label or #label.shapes == 0 then return nil end
  local list = {}
  for _, o in ipairs(label.shapes) do
    local b = o.box
    list[#list + 1] = { "box", x = b[1], y = b[2], w = b[3], h = b[4], width = 2, colour = { 255, 220, 0 } }
    list[#list + 1] = { "text", text = ("%.2f"):format(o.score), x = b[1] + 3, y = b[2] + 3, size = 9, colour = { 255, 220, 0 } }
  end
  assert(image:convert({ channels = 3, alpha = false }):draw(list):save(("%s/%s.png"):format(out, sample.name)))
  return { sample = sample, n = #label.shapes }
end, { each = function(hit)
  if not hit then return end
  print(("%s: %d"):format(hit.sample.name, hit.n))
  found[#found + 1] = { path = hit.sample.path }
end })
if #found == 0 then error("no faces in " .. photos, 0) end

-- The error is 1 - IoU with what the detector sees in the untouched picture.
local aug = brink.augmenter { predict = faces, diff_error = brink.diff.iou, labels = false, augmentations = { "Darken", "GaussianBlur", "PixelDropout", "EraseBox" }, seed = 1 }
local study = assert(aug:search(found, { step = 0.1, store = out .. "/analysis.db" }))
print(study:summary())
print(assert(study:report(out .. "/report")))
