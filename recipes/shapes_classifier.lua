--- A small classifier in an ONNX file, on pictures the engine draws: how good it is, where it breaks, a report.
--
--   brink recipes/shapes_classifier.lua [OUT]                                 OUT: "build/shapes"
--   brink search build/examples/shapes --recipe recipes/shapes_classifier.lua
--
-- examples/models/shapes.onnx takes RGB in 0..1, squashed to 64 x 64, and gives a score per class. It was trained on clean
-- pictures only (examples/train): what it cannot stand is what it has never seen.
-- SPDX-License-Identifier: MIT
local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
package.path = here .. "../examples/?.lua;" .. package.path
local brink = require "brink"
local draw = require "draw"

local models = here .. "../examples/models/"
local net = assert(brink.model {
  onnx = models .. "shapes.onnx",
  input = { fit = "squash", scale = 1 / 255 },
  output = { "classify", labels = models .. "classes.json" },
})

if arg and arg[0]:match "shapes_classifier%.lua$" then -- run by itself, not named by --recipe
  local out = arg[1] or "build/shapes"
  local data = assert(brink.dataset(draw.write("shapes", out, 1, 60), { labels = "folder" }))
  local aug = brink.augmenter { predict = net, augmentations = { "GaussianBlur", "GaussianNoise", "PixelDropout", "Hue", "Darken", "Rotate", "EraseBox" }, seed = 1 }
  print(aug:evaluate(data):text()) -- on the untouched pictures first
  local study = assert(aug:search(data, { step = 0.1, store = out .. "/analysis.db" }))
  print(study:summary())
  print(assert(study:report(out .. "/report")))
end

return { model = net, labels = "folder" }
